"""The root follower finds the roots of a progression, at its onsets, and is silent with the mix."""

from __future__ import annotations

import numpy as np
import pytest
from listen_songs import CHORD_S, PROGRESSION, progression
from songs import SAMPLE_RATE

from bassnet_osc.spec import Spec
from training.baselines import LOWEST_PITCH, root_follower, strong_onsets

SPEC = Spec()
GAP_S = 1.0


@pytest.fixture(scope="module")
def mix() -> np.ndarray:
    """Half a second of silence, the progression, a second of silence."""
    parts = [np.zeros(SAMPLE_RATE // 2, np.float32), progression(), np.zeros(SAMPLE_RATE, np.float32)]
    return np.concatenate(parts)


def test_it_plays_the_root_of_every_chord(mix: np.ndarray) -> None:
    """In the middle of each chord; a bass guitar's lowest octave."""
    line = root_follower(mix, SPEC, tuning=0.0)
    frames = [round(100 * (0.5 + (i + 0.5) * CHORD_S)) for i in range(len(PROGRESSION))]
    assert line.pitch_class[frames].tolist() == [chord[0] for chord in PROGRESSION]
    assert np.nanmin(line.pitch) >= LOWEST_PITCH and np.nanmax(line.pitch) < LOWEST_PITCH + 12


def test_it_begins_a_note_with_every_chord(mix: np.ndarray) -> None:
    """Within 50 ms; measured: 20 ms late at most."""
    line = root_follower(mix, SPEC, tuning=0.0)
    starts = 0.5 + CHORD_S * np.arange(len(PROGRESSION))
    assert len(line.onsets) == len(starts)
    assert np.abs(line.onsets - starts).max() < 0.05


def test_it_is_silent_where_the_mix_is(mix: np.ndarray) -> None:
    line = root_follower(mix, SPEC, tuning=0.0)
    assert len(line.pitch) == -(-len(mix) // SPEC.cqt.hop_length)
    assert not line.sounding[:45].any() and not line.sounding[-90:].any()
    assert line.sounding[55:640].mean() > 0.95


def test_silence_gives_no_notes() -> None:
    silence = np.zeros(4 * SAMPLE_RATE, np.float32)
    line = root_follower(silence, SPEC, tuning=0.0)
    assert not line.sounding.any() and not len(line.onsets)
    assert not len(strong_onsets(silence, SAMPLE_RATE))


def test_it_follows_a_detuned_song() -> None:
    """A third of a semitone high: the roots are the same."""
    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    hz = [440.0 * 2 ** ((pitch + 1 / 3 - 69) / 12) for pitch in (62, 66, 69)]
    chord = sum(0.1 * np.sin(2 * np.pi * f * t) for f in hz).astype(np.float32)
    chord = np.concatenate([np.zeros(SAMPLE_RATE // 2, np.float32), chord])
    line = root_follower(chord, SPEC, tuning=1 / 3)
    assert set(line.pitch_class[100:300].tolist()) == {2}
