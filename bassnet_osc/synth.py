"""Descriptor frames -> bass audio at any sample rate: a plucked string of band-limited harmonics.

A frame is a point in time. Interval i lies between frames i and i + 1 and holds the samples n with
ceil(i H) <= n < ceil((i + 1) H), where H = sample_rate / frame_rate need not be whole. All arithmetic
is done interval by interval, with time counted from the interval's own frame: neither the grouping of
the frames nor the age of the stream changes a bit of it.

Flow: frames -> onsets.OnsetGate -> synth.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bassnet_osc.frames import Array, Block, Frames, stand_in
from bassnet_osc.onsets import OnsetGate
from bassnet_osc.spec import BassNetError, Spec
from bassnet_osc.timbres import DEFAULT_TIMBRE, HARMONIC, MAX_HARMONICS, TIMBRES, Timbre

BAND_HZ, BAND_SHARE = 5000.0, 0.45  # Hz; share of the sample rate: no harmonic sounds above either
FADE_SHARE = 0.8  # harmonics fade from this share of the band's limit up to the limit

RISE_S = 0.003  # a pluck fades in, and the tone that it ends fades out, in this time
LEAST = 1e-150  # of a tone's amplitude: what is above the band may have died altogether
STEADY = (
    1e-5  # share of the fade that no harmonic of a steady tone passes in an interval: 100 dB below itself
)
STRETCH = 480  # samples that harmonics are added up for at a time: more would wake another thread of the BLAS
MAX_LEADS = 256  # tables of times that are kept; usual rates need one to eight


class _Tone(NamedTuple):
    """The string at a frame: f0, phase of its fundamental, amplitude of each of MAX_HARMONICS."""

    f0_hz: float
    phase: float
    amplitudes: Array


class _State(NamedTuple):
    """All that a frame leaves behind for the interval after it."""

    frame: int
    f0_hz: float
    level_db: float
    loudest_db: float  # highest level since the last attack
    age: int  # frames since the last attack
    tone: _Tone | None  # what sounds from this frame on, None for silence
    tail: _Tone | None  # what the attack at this frame ends


class Synth:
    """Plays frames: plucked at attacks, gliding elsewhere, silent where unvoiced.

    A steady tone has the frames' level: its power relative to a full-scale sine's. Its peaks are higher
    and may pass 1 at levels near 0 dBFS.
    """

    def __init__(self, sample_rate: int, spec: Spec, timbre: Timbre = TIMBRES[DEFAULT_TIMBRE]) -> None:
        self._sample_rate = sample_rate
        self._spec = spec
        self.timbre = timbre  # may be changed between frames
        self._limit_hz = min(BAND_HZ, BAND_SHARE * sample_rate)
        self.gate = OnsetGate(spec.descriptor)  # its thresholds may be changed between frames, too
        self.reset()

    def reset(self) -> None:
        """Back to the state after construction."""
        self.gate.reset()
        self._state: _State | None = None  # as of the newest frame

    def process(self, frames: Frames) -> npt.NDArray[np.float32]:
        """Audio from the last frame of the previous call to the last one given; the first only starts it.

        Shape:
            - returns (m,): after frames 0 to F, ceil(F * sample_rate / frame_rate) samples in all

        Raises:
            BassNetError: the frames do not follow those of the previous call.
        """
        if self._state and len(frames) and frames.first != self._state.frame + 1:
            raise BassNetError(
                f"frames must follow one another; expected frame {self._state.frame + 1}, got "
                f"{frames.first}: reset the synth to start anew"
            )
        attacks = self.gate.process(frames.onset, ~np.isnan(frames.f0_hz))
        curves = zip(frames.f0_hz.tolist(), frames.level_db.tolist(), attacks.tolist(), strict=True)
        audio = [self._advance(frame, *values) for frame, values in enumerate(curves, frames.first)]
        return np.concatenate([np.zeros(0), *audio]).astype(np.float32)

    def conceal(self, n_frames: int) -> Frames:
        """Frames to process in place of missing ones: the tone goes on, dying away. Changes no state."""
        descriptor = self._spec.descriptor
        last = self._state or _State(-1, math.nan, descriptor.level_floor_db, 0.0, 0, None, None)
        return stand_in(last.frame + 1, last.f0_hz, last.level_db, n_frames, descriptor)

    def _advance(self, frame: int, f0_hz: float, level_db: float, attack: bool) -> Array:
        """Moves on to the next frame; the audio of the interval up to it, none for the very first."""
        last, voiced = self._state, not math.isnan(f0_hz)
        start, age = (last.tone, last.age + 1) if last else (None, 0)
        loudest_db = max(last.loudest_db, level_db) if last else level_db
        if start is None and voiced and not attack:  # a voice that dropped out comes back within its note
            start = _Tone(f0_hz, 0.0, np.zeros(MAX_HARMONICS))
        if start is None:
            end = None
        elif last and attack:  # the tone before neither glides nor swells towards the one that ends it
            end = self._reach(start, start.f0_hz, min(level_db, last.level_db), last.loudest_db, age)
        elif voiced:
            end = self._reach(start, f0_hz, level_db, loudest_db, age)
        else:
            end = self._reach(start, start.f0_hz, -math.inf, loudest_db, age)
        audio = self._interval(last, start, end) if last else np.zeros(0)
        if attack:
            tone = _Tone(f0_hz, _pluck_phase(f0_hz), self._amplitudes(f0_hz, level_db, level_db, 0))
            self._state = _State(frame, f0_hz, level_db, level_db, 0, tone, tail=end)
        else:
            self._state = _State(frame, f0_hz, level_db, loudest_db, age, end if voiced else None, tail=None)
        return audio

    def _reach(self, start: _Tone, f0_hz: float, level_db: float, loudest_db: float, age: int) -> _Tone:
        """The tone a frame after `start`, its frequency having moved in a straight line."""
        cycles = 0.5 * (start.f0_hz + f0_hz) / self._spec.cqt.frame_rate
        phase = (start.phase + 2.0 * math.pi * cycles) % (2.0 * math.pi)
        return _Tone(f0_hz, phase, self._amplitudes(f0_hz, level_db, loudest_db, age))

    def _interval(self, last: _State, start: _Tone | None, end: _Tone | None) -> Array:
        """The samples between two frames. The first RISE_S after an attack pass from `last.tail`."""
        t = self._times(last.frame)
        if start is None or end is None:
            return np.zeros(len(t))
        audio = self._sound(start, end, t)
        if last.age == 0:
            t = t[t < RISE_S * self._spec.cqt.frame_rate]
            rise = _smooth_step(t / (RISE_S * self._spec.cqt.frame_rate))
            audio[: len(t)] *= rise
            if last.tail:
                audio[: len(t)] += (1.0 - rise) * self._sound(last.tail, last.tail, t)
        return audio

    def _times(self, frame: int) -> Array:
        """When the samples of the interval after `frame` come, as shares of the interval in [0, 1)."""
        unit, step = self._sample_rate * self._spec.cqt.hop_length, self._spec.cqt.sample_rate
        return _times(-frame * unit % step, step, unit)

    def _sound(self, start: _Tone, end: _Tone, t: Array) -> Array:
        """Samples (n,) at times t (n,) of a tone on its way from `start` to `end`."""
        slope = end.f0_hz - start.f0_hz
        turn = 2.0 * math.pi / self._spec.cqt.frame_rate
        phase = start.phase + turn * (start.f0_hz + 0.5 * slope * t) * t
        n_harmonics = min(MAX_HARMONICS, int(self._limit_hz / min(start.f0_hz, end.f0_hz)))
        if n_harmonics == 0:
            return np.zeros(len(t))
        before, after = start.amplitudes[:n_harmonics], end.amplitudes[:n_harmonics]
        if n_harmonics * abs(slope) < STEADY * (1.0 - FADE_SHARE) * self._limit_hz:
            gain = self._band(start.f0_hz * HARMONIC[:n_harmonics])
            return _added(phase, before * gain, after * gain, t)
        sines = np.ascontiguousarray(_powers(phase, n_harmonics).imag)
        n_full = int(FADE_SHARE * self._limit_hz / max(start.f0_hz, end.f0_hz))
        sines[n_full:] *= self._band(np.outer(HARMONIC[n_full:n_harmonics], start.f0_hz + slope * t))
        first, last = np.einsum("jk,kn->jn", np.stack([before, after]), sines)
        audio: Array = first + (last - first) * t
        return audio

    def _amplitudes(self, f0_hz: float, level_db: float, loudest_db: float, age: int) -> Array:
        """Amplitudes (MAX_HARMONICS,) of a tone `age` frames after its pluck, scaled to its level.

        The fundamental counts whole, so that a tone above the band fades out instead of being turned up.
        """
        weights = self.timbre.weights(f0_hz, age / self._spec.cqt.frame_rate, loudest_db)
        heard = weights * self._band(f0_hz * HARMONIC)
        heard[0] = weights[0]
        amplitude: float = 10.0 ** (level_db / 20.0)
        return weights * (amplitude / max(math.sqrt(heard @ heard), LEAST))

    def _band(self, frequency: Array) -> Array:
        """Gain of a harmonic at this frequency in Hz: 1 within the band, falling to 0 at its limit."""
        return _smooth_step((self._limit_hz - frequency) / ((1.0 - FADE_SHARE) * self._limit_hz))


def _pluck_phase(f0_hz: float) -> float:
    """Where a plucked tone starts: its first pulse comes when it has risen, not up to a period later."""
    return -2.0 * math.pi * f0_hz * RISE_S


@lru_cache(maxsize=MAX_LEADS)
def _times(lead: int, step: int, unit: int) -> Array:
    """The samples that come `lead`, `lead` + `step`, ... after a frame, as shares of `unit`, the interval."""
    times: Array = np.arange(lead, unit, step) / unit
    times.setflags(write=False)
    return times


def _added(phase: Array, before: Array, after: Array, t: Array) -> Array:
    """Harmonics k = 1, 2, ... added up: amplitude `before` at t = 0, on a straight line to `after` at t = 1.

    Shape: phase and t (n,), before and after (n_harmonics,); returns (n,).
    """
    n_low = math.isqrt(len(before) - 1) + 1
    rows = -(-len(before) // n_low)
    amplitudes = np.zeros((2, rows * n_low))
    amplitudes[:, : len(before)] = before, after - before
    # A row: so many harmonics that follow each other, as they are and as they change with t.
    both = np.concatenate(amplitudes.reshape(2, rows, n_low), axis=1).astype(np.float32)
    starts = range(0, len(t), STRETCH)
    parts = [_horner(both, phase[i : i + STRETCH], t[i : i + STRETCH]) for i in starts]
    return np.concatenate(parts, dtype=np.float64)


def _horner(amplitudes: Block, phase: Array, t: Array) -> Block:
    """Im of the polynomial in w = exp(i phase): the low powers of w once for all rows, which are then the
    coefficients of a polynomial in the highest of them (Paterson and Stockmeyer).
    """
    n_low = amplitudes.shape[1] // 2
    low = _powers(phase, n_low)
    both = np.concatenate([low, low * t], dtype=np.complex64, casting="same_kind")
    rows = (amplitudes @ both.view(np.float32)).view(np.complex64)
    total, highest = rows[-1], both[n_low - 1]
    for row in rows[-2::-1]:
        total *= highest
        total += row
    return np.asarray(total.imag)


def _powers(phase: Array, n: int) -> npt.NDArray[np.complex128]:
    """exp(i k phase) for k = 1 ... n, shape (n, len(phase)), by doubling."""
    powers = np.empty((n, len(phase)), np.complex128)
    powers[:1] = np.exp(1j * phase)
    done = 1
    while done < n:
        more = min(done, n - done)
        np.multiply(powers[:more], powers[done - 1], out=powers[done : done + more])
        done += more
    return powers


def _smooth_step(x: Array) -> Array:
    """0 below 0, 1 above 1, between them a cubic that is level at both ends."""
    x = np.minimum(np.maximum(x, 0.0), 1.0)
    return x * x * (3.0 - 2.0 * x)
