"""What a player chooses of the sound: what it does to frames, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bassnet_osc.frames import Frames
from bassnet_osc.presets import live
from bassnet_osc.sound import DEFAULT_SOUND, Sound
from bassnet_osc.spec import BassNetError

FRAMES = Frames(
    3, np.array([55.0, math.nan, 110.0]), np.array([-20.0, -60.0, -10.0]), np.array([1.0, 0.0, 0.2])
)


def test_the_default_plays_what_was_heard() -> None:
    np.testing.assert_array_equal(DEFAULT_SOUND.played(FRAMES).f0_hz, FRAMES.f0_hz)
    assert DEFAULT_SOUND.gate(live().descriptor) == live().descriptor
    assert Sound("finger", 0, 440.0, None, 0.0) == DEFAULT_SOUND


@pytest.mark.parametrize(
    ("sound", "factor"),
    [
        (Sound(octave=-1), 0.5),
        (Sound(octave=2), 4.0),
        (Sound(tuning_hz=442.0), 442 / 440),
        (Sound(octave=1, tuning_hz=415.0), 2 * 415 / 440),
    ],
)
def test_octave_and_tuning_multiply_f0_and_nothing_else(sound: Sound, factor: float) -> None:
    played = sound.played(FRAMES)
    np.testing.assert_allclose(played.f0_hz, FRAMES.f0_hz * factor, rtol=1e-15)
    assert played.first == FRAMES.first
    np.testing.assert_array_equal(played.level_db, FRAMES.level_db)
    np.testing.assert_array_equal(played.onset, FRAMES.onset)


@pytest.mark.parametrize(("gate_db", "on", "off"), [(-30.0, -30.0, -36.0), (-42.0, -42.0, -46.0)])
def test_a_gate_opens_where_it_says_and_closes_below(gate_db: float, on: float, off: float) -> None:
    """Never below the model's own; at that, or below, it is the model's."""
    spec = live().descriptor
    gated = Sound(gate_db=gate_db).gate(spec)
    assert (gated.gate_on_db, gated.gate_off_db) == (on, off)
    assert Sound(gate_db=spec.gate_off_db).gate(spec) == spec


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"timbre": "tuba"}, r"timbre must be one of finger, pick, .*; got 'tuba': choose one"),
        ({"octave": 5}, r"octave must lie in -4 \.\. 4; got 5: choose"),
        ({"tuning_hz": 399.0}, r"tuning must lie in 400 \.\. 480 Hz; got 399: choose"),
        ({"tuning_hz": 480.5}, r"got 480\.5"),
        ({"tuning_hz": math.nan}, "got nan"),
        ({"gate_db": -47.0}, r"gate must lie in -46 \.\. 0 dB; got -47: choose"),
        ({"gate_db": 1.0}, "got 1"),
        ({"gate_db": math.nan}, "got nan"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_line(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(BassNetError, match=message) as caught:
        Sound(**chosen)
    assert "\n" not in str(caught.value)
