"""Descriptor frames -> bass audio at any sample rate: a plucked string of band-limited harmonics.

A frame is a point in time. Interval i lies between frames i and i + 1 and holds the samples n with
ceil(i H) <= n < ceil((i + 1) H), where H = sample_rate / frame_rate need not be whole. All arithmetic
is done interval by interval, with time counted from the interval's own frame: neither the grouping of
the frames nor the age of the stream changes a bit of it.

Flow: frames -> onsets.OnsetGate -> synth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .frames import Array, Frames
from .onsets import OnsetGate
from .spec import BassNetError, Spec

BAND_HZ, BAND_SHARE = 5000.0, 0.45  # Hz; share of the sample rate: no harmonic sounds above either
FADE_SHARE = 0.8  # harmonics fade from this share of the band's limit up to the limit
MAX_HARMONICS = 250  # BAND_HZ over 20 Hz, lower than any bass

RISE_S = 0.003  # a pluck fades in, and the tone that it ends fades out, in this time
CONCEAL_DB_PER_FRAME = 0.5  # how fast a tone dies away that goes on without its frames

# What the harmonics weigh before they are scaled to the frame's level; compared with a fingered bass.
PICKUP = 0.21  # share of the string between bridge and pickup: combs the spectrum
BODY_HZ, BODY_PER_F0 = 150.0, 1.5  # the tone that stays rolls off above BODY_HZ + BODY_PER_F0 f0
PLUCK_HZ = 1500.0  # the brightness of the pluck rolls off above this
PLUCK_SHARE = 0.5  # weight of the pluck beside the tone that stays
PLUCK_DECAY_S, PLUCK_DECAY_HZ = 0.3, 1500.0  # it decays in this time at 0 Hz, in half of it at this f

_HARMONIC = np.arange(1, MAX_HARMONICS + 1, dtype=np.float64)
_COMB = np.sin(np.pi * PICKUP * _HARMONIC) / np.sin(np.pi * PICKUP)


@dataclass(frozen=True)
class _Tone:
    """The string at a frame: f0, phase of its fundamental, amplitude of each of MAX_HARMONICS."""

    f0_hz: float
    phase: float
    amplitudes: Array


class Synth:
    """Plays frames: plucked at attacks, gliding elsewhere, silent where unvoiced.

    A steady tone has the frames' level: its power relative to a full-scale sine's. Its peaks are higher
    and may pass 1 at levels near 0 dBFS.
    """

    def __init__(self, sample_rate: int, spec: Spec) -> None:
        self._sample_rate = sample_rate  # Hz
        self._spec = spec
        self._limit_hz = min(BAND_HZ, BAND_SHARE * sample_rate)
        self._gate = OnsetGate(spec.descriptor)
        self.reset()

    def reset(self) -> None:
        """Back to the state after construction."""
        self._gate.reset()
        self._frame: int | None = None  # index of the newest frame, None before the first
        self._f0_hz, self._level_db = math.nan, self._spec.descriptor.level_floor_db  # of that frame
        self._age = 0  # frames since the last attack
        self._tone: _Tone | None = None  # what sounds from that frame on, None for silence
        self._tail: _Tone | None = None  # what an attack at that frame cuts off
        self._rises = False  # whether that frame is an attack

    def process(self, frames: Frames) -> npt.NDArray[np.float32]:
        """Audio from the last frame of the previous call to the last one given; the first only starts it.

        Shape:
            - returns (m,): after frames 0 to F, ceil(F * sample_rate / frame_rate) samples in all

        Raises:
            BassNetError: the frames do not follow those of the previous call.
        """
        if self._frame is not None and len(frames) and frames.first != self._frame + 1:
            raise BassNetError(
                f"frames must follow one another; expected frame {self._frame + 1}, got {frames.first}: "
                f"reset the synth to start anew"
            )
        attacks = self._gate.process(frames.onset, ~np.isnan(frames.f0_hz))
        audio = [np.zeros(0)]
        for i in range(len(frames)):
            audio.append(self._advance(frames[i : i + 1], bool(attacks[i])))
        return np.concatenate(audio).astype(np.float32)

    def conceal(self, n_frames: int) -> Frames:
        """Frames to process in place of missing ones: the tone goes on, dying away. Changes no state."""
        first = 0 if self._frame is None else self._frame + 1
        level_db = self._level_db - CONCEAL_DB_PER_FRAME * np.arange(1, n_frames + 1)
        sounds = level_db >= self._spec.descriptor.gate_off_db
        return Frames(first, np.where(sounds, self._f0_hz, math.nan), level_db, np.zeros(n_frames))

    def _advance(self, frame: Frames, attack: bool) -> Array:
        """Moves on by one frame; the audio of the interval before it, nothing before the first."""
        f0_hz, level_db = float(frame.f0_hz[0]), float(frame.level_db[0])
        self._age = 0 if attack else self._age + 1
        tone = self._tone
        if attack: 
        ...
