"""The demo mix: no bass in the notes, chords that the artificial songs know, and the file that is shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.composition import ROOT_RANGE
from training.data_sets import QUALITIES
from training.demo_mix import CHORDS, LAST_BEAT, LAST_CHORD, PEAK_DBFS, SAMPLE_RATE, main, parts
from training.render_midi import DRUM_CHANNEL

SHIPPED = Path(__file__).parents[1] / "bassnet_osc" / "demo" / "mix.ogg"


def test_nothing_plays_below_the_chords_roots() -> None:
    pitched = [part for part in parts() if part.channel != DRUM_CHANNEL]
    assert min(note.pitch for part in pitched for note in part.notes) == ROOT_RANGE[0]
    assert not any(32 <= part.program < 40 for part in pitched)  # General MIDI's basses


def test_chords_are_triads_in_root_position_and_follow_without_a_gap() -> None:
    for chord in [LAST_CHORD, *(chord for _, _, chord in CHORDS)]:
        root, third, fifth = chord
        assert (third - root, fifth - root) in QUALITIES
        assert ROOT_RANGE[0] <= root <= ROOT_RANGE[1]
    ends = [first + length for first, length, _ in CHORDS]
    assert ends == [first for first, _, _ in CHORDS[1:]] + [LAST_BEAT]


def test_piano_strikes_the_whole_chord_on_every_beat() -> None:
    piano = next(part for part in parts() if part.name == "electric piano")
    for first, length, chord in CHORDS:
        for beat in np.arange(first, first + length):
            assert set(chord) <= {note.pitch for note in piano.notes if note.beat == beat}


def check_levels(path: Path) -> np.ndarray:
    audio, sample_rate = soundfile.read(path)
    assert sample_rate == SAMPLE_RATE and audio.ndim == 1
    assert 20 <= len(audio) / sample_rate <= 30
    # Vorbis moves the peak: measured -6.2 dBFS
    assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(PEAK_DBFS, abs=1.0)
    assert np.abs(audio[-480:]).max() < 0.001  # ends in silence
    assert 150_000 <= path.stat().st_size <= 350_000
    return np.asarray(audio)


def test_shipped_file() -> None:
    check_levels(SHIPPED)


def test_command_makes_the_shipped_file(needs_fluidsynth: None, tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path / "demo" / "mix.ogg")]) == 0
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["mix.ogg"]
    made, shipped = check_levels(tmp_path / "demo" / "mix.ogg"), check_levels(SHIPPED)
    assert len(made) == len(shipped)
    # Other versions of FluidSynth and Vorbis may differ a little; here the difference is 0.
    assert np.corrcoef(made, shipped)[0, 1] > 0.98
