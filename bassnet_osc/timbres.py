"""What a bass sounds like: how much each harmonic weighs, as numbers in a table.

A timbre knows nothing of time but the age of its note, and nothing of level but how loud the note has
been: the synth scales the weights to the frames' level.

Flow: timbres ◀ synth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bassnet_osc.frames import Array
from bassnet_osc.params import TIMBRE_NAMES
from bassnet_osc.spec import BassNetError

MAX_HARMONICS = 250  # synth.BAND_HZ over 20 Hz, lower than any bass
HARMONIC = np.arange(1, MAX_HARMONICS + 1, dtype=np.float64)
CURVE_HZ = 40.0 * 2.0 ** np.arange(8)  # where a timbre's curves have their points: octaves, 40 Hz to 5.1 kHz
REFERENCE_HZ = 55.0  # A1
LONGEST_S = 10.0  # a note that is held longer dies no further in its harmonics
LOUD_DB, LOUD_STEP_DB = -20.0, 12.0  # level of a note as bright as its curves; brightness counts by this step

_OCTAVES, _POINTS = np.log2(HARMONIC / CURVE_HZ[0]), np.arange(len(CURVE_HZ))
_NEPERS = np.log(10.0) / 20.0  # in a dB


@dataclass(frozen=True)
class Timbre:
    """A tone that rings, and beside it a pluck that dies away, each a curve over the frequency.

    Shape:
        - `tone_db`, `pluck_db` (len(CURVE_HZ),): dB at CURVE_HZ, straight lines over octaves between them;
          they are those of a note at REFERENCE_HZ, others have them moved by their `tracking`
        - `harmonics_db` (any,): dB that the lowest harmonics have besides: string, pickup, sound box
    """

    tone_db: tuple[float, ...]  # at the attack
    ring_hz: float  # within a second the tone dies by e at this frequency, sooner above
    pluck_db: tuple[float, ...]  # at the attack
    decay_s: float  # the pluck dies by e in this time at 0 Hz ...
    decay_hz: float  # ... and in half of it at this frequency
    tracking: float  # 0: the curves stay where they are; 1: they move with f0
    harmonics_db: tuple[float, ...]
    brightness: float  # dB an octave by which a note's spectrum is lifted with each LOUD_STEP_DB of its level

    @cached_property
    def _tone(self) -> Array:
        return np.asarray(_NEPERS * np.array(self.tone_db))

    @cached_property
    def _pluck(self) -> Array:
        return np.asarray(_NEPERS * np.array(self.pluck_db))

    @cached_property
    def _own(self) -> Array:
        own = np.zeros(MAX_HARMONICS)
        own[: len(self.harmonics_db)] = self.harmonics_db
        return np.asarray(_NEPERS * own)

    def weights(self, f0_hz: float | Array, age_s: float | Array, loudest_db: float | Array) -> Array:
        """Weights (MAX_HARMONICS,) of the harmonics, `age_s` after the pluck of a note; `loudest_db` is the
        highest level that the note has had. Columns (n, 1) in place of numbers give (n, MAX_HARMONICS).
        """
        f, age_s = f0_hz * HARMONIC, np.minimum(age_s, LONGEST_S)
        octaves = _OCTAVES + np.log2(f0_hz) - self.tracking * np.log2(f0_hz / REFERENCE_HZ)
        lift = self.brightness * (loudest_db - LOUD_DB) / LOUD_STEP_DB
        both = self._own + _NEPERS * lift * octaves
        tone = np.interp(octaves, _POINTS, self._tone) - age_s * f / self.ring_hz
        pluck = np.interp(octaves, _POINTS, self._pluck) - age_s * (1.0 + f / self.decay_hz) / self.decay_s
        return np.asarray(np.exp(both + tone) + np.exp(both + pluck))


# Fitted to the bass programs of FluidR3 by training.timbre_fit, but for the brightness: FluidR3 is as bright
# at any velocity, a string is not.
TIMBRES = {
    "finger": Timbre(
        tone_db=(0, -19, -27, -38, -55, -68, -90, -113),
        ring_hz=3500.0,
        pluck_db=(10, -2, -11, -20, -30, -38, -55, -75),
        decay_s=0.077,
        decay_hz=220.0,
        tracking=0.18,
        harmonics_db=(-12, 2, 7, 5, -1, -2, 0, 0, 4, 2, 2, 1, 2, 1, 0, 0),
        brightness=1.0,
    ),
    "pick": Timbre(
        tone_db=(-3, 0, -1, -14, -22, -34, -52, -74),
        ring_hz=4100.0,
        pluck_db=(-13, -8, -8, -12, -12, -17, -29, -44),
        decay_s=0.03,
        decay_hz=12000.0,
        tracking=1.0,
        harmonics_db=(-3, 2, 3, 4, 0, -6, -4, -2, -1, 0, 2, 1, 0, -1, -1, 1),
        brightness=1.0,
    ),
    "slap": Timbre(
        tone_db=(0, -15, -14, -23, -30, -35, -42, -58),
        ring_hz=1100.0,
        pluck_db=(17, 8, -4, -16, -24, -25, -26, -32),
        decay_s=0.03,
        decay_hz=22000.0,
        tracking=0.18,
        harmonics_db=(-6, 1, 3, -1, -6, -1, 3, 4, 1, 0, 1, 2, 1, 1, -1, -1),
        brightness=1.0,
    ),
    "fretless": Timbre(
        tone_db=(0, 0, -1, -10, -25, -49, -70, -90),
        ring_hz=460.0,
        pluck_db=(9, 19, 26, 17, 6, -10, -25, -43),
        decay_s=0.038,
        decay_hz=190.0,
        tracking=0.67,
        harmonics_db=(3, -4, -4, 0, 0, 1, 2, 1, 2, 2, 1, 1, -1, 0, 0, -2),
        brightness=1.0,
    ),
    "upright": Timbre(
        tone_db=(0, -6, -19, -37, -48, -59, -67, -76),
        ring_hz=360.0,
        pluck_db=(17, 12, 1, -17, -22, -21, -18, -12),
        decay_s=0.25,
        decay_hz=55.0,
        tracking=0.0,
        harmonics_db=(-6, 0, 1, -1, 1, 3, 5, 2, 3, 2, 4, 2, -2, -1, -1, -1),
        brightness=1.0,
    ),
    "sub": Timbre(
        tone_db=(0, -6, -18, -35, -61, -82, -93, -101),
        ring_hz=22000.0,
        pluck_db=(-8, -14, -21, -27, -39, -47, -51, -52),
        decay_s=0.44,
        decay_hz=150.0,
        tracking=0.83,
        harmonics_db=(-3, -1, -1, 4, 0, 5, 0, 0, 3, 1, -3, -2, -1, -1, 0, 0),
        brightness=0.0,
    ),
}
DEFAULT_TIMBRE = TIMBRE_NAMES[0]


def timbre(name: str) -> Timbre:
    """The timbre of that name; raises BassNetError for a name that is not in TIMBRES."""
    if name not in TIMBRES:
        raise BassNetError(f"timbre must be one of {', '.join(TIMBRES)}; got {name!r}: choose one")
    return TIMBRES[name]
