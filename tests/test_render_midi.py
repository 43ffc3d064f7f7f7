"""A song is rendered to its end or refused: a FluidSynth of the test's own that stops, complains or hangs."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bassnet_osc.spec import BassNetError
from training import render_midi
from training.render_midi import BLOCK, SHORT_S, TICKS_PER_BEAT, Note, Part, midi_file, render

RATE = 8000  # Hz
SECONDS = 1.0
SONG = midi_file([Part("bass", 0, 33, [Note(0.0, 1.0, 40, 100)])], tempo_us=500_000, n_beats=2.0)

Fake = Callable[[str], None]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a program `fluidsynth` on the PATH: Python text that knows `sound`, the file it has to write."""
    (tmp_path / "font.sf2").touch()
    monkeypatch.setenv(render_midi.SOUNDFONT_VARIABLE, str(tmp_path / "font.sf2"))
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(text: str) -> None:
        program = tmp_path / "fluidsynth"
        head = "import sys, time, wave\nsound = sys.argv[sys.argv.index('-F') + 1]\n"
        program.write_text(f"#!{sys.executable}\n{head}{HELP}{textwrap.dedent(text)}")
        program.chmod(0o755)

    return write


HELP = f"""
def write(seconds):
    with wave.open(sound, "wb") as file:
        file.setparams((2, 2, {RATE}, 0, "NONE", ""))
        file.writeframes(b"\\x00\\x20\\x00\\x20" * round(seconds * {RATE}))
"""


def test_the_song_is_as_long_as_asked(fake: Fake) -> None:
    """The block that FluidSynth is late is dropped; a few samples at the end may be missing."""
    for written in (SECONDS + 2.0, SECONDS - 0.9 * SHORT_S):
        fake(f"write({written})")
        audio = render(SONG, RATE, 0.4, SECONDS)
        n_heard = min(round(written * RATE) - BLOCK, RATE)
        assert len(audio) == RATE and np.array_equal(audio.nonzero()[0], np.arange(n_heard))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("write(0.5)", r"must render all 1\.00 s of a song; got 0\.50 s: free some space .*TMPDIR"),
        ("write(0)", r"must render all 1\.00 s of a song; got 0\.00 s"),
        (
            """
            write(3)
            sys.stderr.write("fluidsynth: error: Audio file write error: System error\\n")
            """,
            "must be able to write a song; it said 'fluidsynth: error: Audio file write .*: free some space",
        ),
        ("open(sound, 'wb').write(b'RIFF')", "must write an audio file; .*: free some space"),
        ("sys.exit('no such font')", r"must render every song; it said 'no such font': check .*font\.sf2"),
        ("pass", "must render every song; it said ''"),
        ("time.sleep(60)", r"must render a song within 0\.5 s; it did not: start again"),
    ],
    ids=["half", "empty", "complaint", "damaged", "failed", "none", "hangs"],
)
def test_a_song_that_is_not_whole_is_refused(
    program: str, message: str, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though FluidSynth's exit status says that all is well."""
    if "sleep" in program:
        monkeypatch.setattr(render_midi, "TIMEOUT_S", 0.5)
    fake(program)
    with pytest.raises(BassNetError, match=message) as error:
        render(SONG, RATE, 0.4, SECONDS)
    assert "\n" not in str(error.value)


def test_a_rest_at_the_end_is_rendered(needs_fluidsynth: None) -> None:
    """FluidSynth stops at the last event, and the file has one where the song ends."""
    song = midi_file([Part("bass", 0, 33, [Note(0.0, 0.5, 40, 100)])], tempo_us=500_000, n_beats=16.0)
    assert sum(message.time for message in song.tracks[0]) == 16 * TICKS_PER_BEAT
    audio = render(song, RATE, 0.4, seconds=8.0)
    assert len(audio) == 8 * RATE and audio[: RATE // 2].any()
