"""The benchmark of the synth: its measures measure, a bass is nearer to a bass than a sine or a saw is, and
the fit finds what made a sound.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import pytest

from bassnet_osc.frames import Frames
from bassnet_osc.spec import BassNetError
from bassnet_osc.timbres import TIMBRES
from training import bass_phrases, resynthesis, timbre_fit
from training.bass_phrases import PROGRAMS, Note, Original, original
from training.timbre_fit import Harmonics

N_SAMPLES = bass_phrases.SAMPLE_RATE


def note(f0_hz: float = 55.0, level_db: float = -12.0) -> Frames:
    """A second of one note."""
    onset = np.zeros(100)
    onset[0] = 1.0
    return Frames(0, np.full(100, f0_hz), np.full(100, level_db), onset)


NOTES = [Note(0.4 * i, 0.38, 28 + 3 * i, 70 + 10 * i) for i in range(5)]


@pytest.fixture(scope="module")
def finger(needs_fluidsynth: None) -> Original:
    """Five notes of the fingered bass, MIDI 28 to 40."""
    return original(33, NOTES, seconds=2.0)


# The measures


def test_equal_signals_have_no_distance(rng: np.random.Generator) -> None:
    audio = rng.standard_normal(N_SAMPLES).astype(np.float32)
    assert resynthesis.distance(audio, audio) == 0.0
    silence = np.zeros(N_SAMPLES, np.float32)
    assert resynthesis.distance(silence, silence) == 0.0


def test_the_logarithmic_part_is_symmetric_and_the_other_relative_to_the_original() -> None:
    one, other = resynthesis.plain(note(), saw=True), resynthesis.plain(note(level_db=-18.0), saw=True)
    pairs = ((one, other), (other, one))
    (near, there), (far, back) = (resynthesis.distances(*pair, 1024) for pair in pairs)
    assert there == pytest.approx(back)
    assert near == pytest.approx(1.0, abs=0.01) and far == pytest.approx(0.5, abs=0.01)  # 6 dB either way


def test_what_cannot_be_heard_does_not_count(rng: np.random.Generator) -> None:
    audio = resynthesis.plain(note(), saw=False)
    hiss = (1e-6 * rng.standard_normal(len(audio))).astype(np.float32)
    assert resynthesis.distance(audio + hiss, audio) < 1e-3


@pytest.mark.parametrize("saw", [False, True])
def test_the_baselines_have_the_level_and_f0_of_the_frames(saw: bool) -> None:
    audio = resynthesis.plain(note(), saw)
    # Measured 0.90: a window of 32 ms holds no whole periods of a saw.
    assert resynthesis.level_error_db(audio, note()) < 1.0
    assert resynthesis.f0_error_cents(audio, audio, note()) == 0.0
    sharp = resynthesis.plain(note(55.0 * 2 ** (50 / 1200)), saw)
    assert resynthesis.f0_error_cents(sharp, audio, note()) == pytest.approx(50.0, abs=1.0)  # measured 49.7
    quiet = resynthesis.plain(note(level_db=-15.0), saw)
    assert resynthesis.level_error_db(quiet, note()) == pytest.approx(3.0, abs=0.5)


def test_silence_has_a_baseline_too() -> None:
    none = Frames(0, np.full(5, np.nan), np.full(5, -60.0), np.zeros(5))
    assert not resynthesis.plain(none, saw=True).any()


def test_slides_are_in_f0() -> None:
    bent = bass_phrases.bent(np.array([9.0, 10.5, 10.8, 12.0]))
    assert bent == pytest.approx([0.0, 1.0, 2.0, -1.0])
    audio = np.full(round(11.5 * bass_phrases.SAMPLE_RATE), 0.1, np.float32)
    f0_hz = bass_phrases.frames_of(audio, [Note(10.0, 1.5, 38, 100)]).f0_hz
    assert 12 * np.log2(f0_hz[1080] / f0_hz[1020]) == pytest.approx(2.0)


# The synth


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_synth_is_nearer_to_a_bass_than_sine_and_saw(program: int, needs_fluidsynth: None) -> None:
    found = original(program, NOTES, seconds=2.0)
    expected, *others = resynthesis.sounds_of(program, found).values()
    ours, sine, saw = (resynthesis.distance(audio, expected) for audio in others)
    assert ours < MARGIN * min(sine, saw)


MARGIN = 0.95


def test_level_and_f0_are_the_originals(finger: Original) -> None:
    audio = resynthesis.resynthesis(finger.frames, TIMBRES["finger"])
    assert resynthesis.level_error_db(audio, finger.frames) < 2.0
    assert resynthesis.f0_error_cents(audio, finger.audio, finger.frames) < 5.0


# The table


def test_the_command_prints_a_row_for_each_sound(
    finger: Original,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(resynthesis, "PROGRAMS", {33: PROGRAMS[33]})
    monkeypatch.setattr(resynthesis, "original", lambda program: finger)
    assert resynthesis.main(["--out", str(tmp_path / "out")]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"the synth costs \d+\.\d\d% of a core at 48000 Hz, \d+\.\d\d% at most", last)
    assert head == resynthesis.HEAD
    names = [re.fullmatch(r" 33  fingered bass  (\w+) +\d\.\d{3} +\d+\.\d\d +\d+\.\d", row) for row in rows]
    assert [name and name[1] for name in names] == ["finger", "sine", "saw"]
    kinds = ["finger", "original", "saw", "sine"]
    assert sorted(os.listdir(tmp_path / "out")) == [*(f"33-{kind}.wav" for kind in kinds), "33.png"]


def test_bad_surroundings_are_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: object, **__: object) -> Original:
        raise BassNetError("rendering needs the soundfont")

    for module in (resynthesis, timbre_fit):
        monkeypatch.setattr(module, "original", none)
    assert resynthesis.main([]) == timbre_fit.main(["slap"]) == 2
    assert capsys.readouterr().err == "rendering needs the soundfont\n" * 2
    (tmp_path / "file").touch()
    assert resynthesis.main(["--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("--out must be a folder that can be written; ")


# The fit


def harmonics_of(name: str) -> Harmonics:
    """What the synth itself would play, at 40 frames."""
    rng = np.random.default_rng(0)
    f0_hz, age_s = 40.0 * 2.0 ** rng.uniform(0, 2, (40, 1)), rng.uniform(0.0, 1.0, (40, 1))
    level_db = np.full((40, 1), -20.0)
    weights = TIMBRES[name].weights(f0_hz, age_s, level_db)
    weights *= f0_hz * np.arange(1, 1 + weights.shape[1]) < timbre_fit.TOP_HZ
    amplitudes = 0.1 * weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return Harmonics(f0_hz, age_s, level_db, level_db, amplitudes)


def test_a_fit_finds_what_made_the_harmonics_and_repeats() -> None:
    harmonics = harmonics_of("pick")
    assert harmonics.distance(TIMBRES["pick"]) == pytest.approx(0.0, abs=1e-9)
    start = harmonics.distance(timbre_fit.fit([harmonics], 0.0, rounds=0))
    found = timbre_fit.fit([harmonics], 0.0, rounds=40)
    assert harmonics.distance(found) < 0.2 * start
    assert timbre_fit.fit([harmonics], 0.0, rounds=40) == found


def test_the_harmonics_of_a_sound_are_the_synths_but_for_what_windows_smear(finger: Original) -> None:
    audio = resynthesis.resynthesis(finger.frames, TIMBRES["finger"])
    harmonics = Harmonics.of(dataclasses.replace(finger, audio=audio))
    assert harmonics.distance(TIMBRES["finger"]) < 0.5 * harmonics.distance(TIMBRES["pick"])


def test_an_entry_is_the_timbre_rounded(finger: Original) -> None:
    found = timbre_fit.rounded(
        dataclasses.replace(TIMBRES["slap"], decay_s=0.123456, harmonics_db=(1.4, -0.3))
    )
    assert found.harmonics_db == (1.0, 0.0) and found.decay_s == 0.12
    from bassnet_osc.timbres import Timbre

    entry = timbre_fit.entry("slap", found)
    assert eval("{" + entry + "}", {"Timbre": Timbre}) == {"slap": found}
