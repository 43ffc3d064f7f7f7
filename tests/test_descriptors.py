"""Level in dBFS, the gate's hysteresis, and exact f0 and onset frames from notes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from songs import SAMPLE_RATE, sine

from bassnet_osc.presets import live
from training.descriptors import NoteTruth, exact_descriptors, level_db
from training.objective import UNVOICED_BIN

CQT, DESCRIPTOR = live().cqt, live().descriptor


def note(onset: float, offset: float, pitch: int) -> NoteTruth:
    return NoteTruth(onset=onset, offset=offset, pitch=pitch, velocity=100)


@pytest.mark.parametrize("hz", [41.2, 55.0, 98.0, 220.0, 1000.0, 4000.0])
@pytest.mark.parametrize("gain_db", [0.0, -20.0])
def test_a_full_scale_sine_is_at_0_dbfs(hz: float, gain_db: float) -> None:
    """At every frame away from the ends, whatever the phase. Measured: 0.11 dB at 41.2 Hz, 0.02 at 55 Hz."""
    db = level_db(sine(hz, 1.0, 10 ** (gain_db / 20)), CQT, DESCRIPTOR)
    assert len(db) == 100
    assert np.abs(db[5:-5] - gain_db).max() < (0.12 if hz < 50 else 0.05)


def test_silence_is_at_the_floor() -> None:
    db = level_db(np.zeros(SAMPLE_RATE, dtype=np.float32), CQT, DESCRIPTOR)
    assert (db == DESCRIPTOR.level_floor_db).all()


def test_level_belongs_to_its_frame() -> None:
    """A sine from 0.5 s on: half of its power at the frame there, none a window earlier, all one later."""
    audio = sine(1000.0, 1.0)
    audio[: SAMPLE_RATE // 2] = 0
    db = level_db(audio, CQT, DESCRIPTOR)
    assert db[50] == pytest.approx(-3.0, abs=0.1)
    assert db[47] == DESCRIPTOR.level_floor_db
    assert db[53] == pytest.approx(0.0, abs=0.1)


def two_notes() -> npt.NDArray[np.float32]:
    """E1 from 0.1 to 0.5 s, A1 from 0.5 to 0.7 s, silence up to 1 s."""
    silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
    return np.concatenate([silence[:1600], sine(41.2, 0.4, 0.3), sine(55.0, 0.2, 0.3), silence[:4800]])


def test_exact_descriptors() -> None:
    """E1 is 7 semitones of three bins above A0, A1 is 12; the gate opens and closes with the sound."""
    d = exact_descriptors(two_notes(), [note(0.5, 0.7, 33), note(0.1, 0.5, 28)], CQT, DESCRIPTOR)
    assert [a.dtype.name for a in vars(d).values()] == ["int64", "float32", "float32"]
    assert d.onset.nonzero()[0].tolist() == [10, 50]
    assert (d.f0_bin[:10] == UNVOICED_BIN).all()
    assert (d.f0_bin[10:50] == 21).all()
    assert (d.f0_bin[50:71] == 36).all()
    assert (d.f0_bin[73:] == UNVOICED_BIN).all()
    np.testing.assert_allclose(d.level[15:45], DESCRIPTOR.db_to_level(20 * np.log10(0.3)), atol=0.01)
    assert d.level[80] == 0


def test_a_note_sounds_until_the_next_one() -> None:
    """Its written end does not matter while it is heard: strings decay."""
    d = exact_descriptors(two_notes(), [note(0.1, 0.11, 28)], CQT, DESCRIPTOR)
    assert (d.f0_bin[10:71] == 21).all()


def test_a_note_shorter_than_a_frame() -> None:
    """It has its onset, and its pitch on the one frame before the next note's."""
    notes = [note(0.2, 0.204, 28), note(0.21, 0.5, 33)]
    d = exact_descriptors(sine(41.2, 0.5, 0.3), notes, CQT, DESCRIPTOR)
    assert d.onset.nonzero()[0].tolist() == [20, 21]
    assert d.f0_bin[19:23].tolist() == [UNVOICED_BIN, 21, 36, 36]


def test_a_note_beyond_the_end_is_not_there() -> None:
    d = exact_descriptors(sine(41.2, 0.5, 0.3), [note(0.1, 0.2, 28), note(0.6, 0.7, 33)], CQT, DESCRIPTOR)
    assert d.onset.nonzero()[0].tolist() == [10]
    assert set(d.f0_bin.tolist()) == {UNVOICED_BIN, 21}


def test_every_pitch_of_the_analysis_has_its_bin() -> None:
    """Three bins per semitone from A0 (MIDI 21)."""
    audio = sine(220.0, 0.1, 0.5)
    for pitch in (21, 40, 69, 108):
        d = exact_descriptors(audio, [note(0.0, 0.1, pitch)], CQT, DESCRIPTOR)
        assert d.f0_bin[5] == 3 * (pitch - 21)


def test_a_note_below_the_lowest_bin_has_no_pitch_to_learn() -> None:
    """G0, two semitones below A0, sounds but has no class; its onset counts."""
    d = exact_descriptors(sine(41.2, 0.5, 0.3), [note(0.1, 0.4, 19)], CQT, DESCRIPTOR)
    assert (d.f0_bin == UNVOICED_BIN).all() and d.onset.sum() == 1
