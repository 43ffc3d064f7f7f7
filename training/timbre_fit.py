"""The numbers of a timbre, fitted to the harmonics of FluidR3's programs.

    python -m training.timbre_fit slap

prints the entry for bassnet_osc.timbres.TIMBRES. The phrases are a semitone higher and a semitone lower than
those of the benchmark, so that its notes are not the fitted ones. FluidR3 is as bright at any velocity:
`brightness` is not fitted but stays what it is.

Flow: bass_phrases, resynthesis ◀ timbre_fit.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields

import librosa
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from bassnet_osc.frames import Array
from bassnet_osc.spec import BassNetError
from bassnet_osc.timbres import CURVE_HZ, HARMONIC, TIMBRES, Timbre
from training.bass_phrases import PROGRAMS, SAMPLE_RATE, SPEC, Original, original
from training.resynthesis import FLOOR, distance, resynthesis

TRANSPOSED = (-1, 1)  # semitones
TOP_HZ = 5000.0  # the synth's band
LOW_HZ, LOW_N_FFT, N_FFT = 75.0, 4096, 2048  # Hz; samples below it and above: three periods or more
EVERY = 20  # frames: every twentieth one is fitted to ...
CLEAR = 4  # ... that comes so long before the next attack
LEVEL_SHARE = 0.5  # of a frame's level that is taken away: a soft note must sound right, too
LOG_SHARE = 0.3  # of log-magnitudes beside convergence: what is faint matters, but less than what is loud
# The harmonics that begin a band, counted from 0: an ear tells the lowest ones apart, and above them no more
# than a quarter of an octave.
BANDS = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 32, 38, 46, 55, 66, 79, 95, 114])
SMOOTH, SMALL = 1e-5, 3e-5  # per dB^2: costs of a bend in a curve, and of a harmonic's own dB
ROUNDS = 200  # steps of the search; it gains hardly anything from more
N_CURVE, N_HARMONICS = len(CURVE_HZ), 16
# Where the search starts, and how far it may go: tone_db, falling by so much an octave; pluck_db above it at
# the lowest point, and what that rises by to each next one; ln ring_hz, ln decay_s, ln decay_hz, tracking;
# harmonics_db. A pluck is nowhere darker than the tone, so that a note mellows; but a slap has a THUMP.
TRACKINGS = (0.0, 0.3, 0.6)  # the search ends elsewhere from each of them: the nearest sound is taken
START = np.concatenate(
    [
        *(-10.0 * np.arange(N_CURVE), [-10.0], np.full(N_CURVE - 1, 2.0)),
        *([np.log(5000.0), np.log(0.3), np.log(1500.0), 0.0], np.zeros(N_HARMONICS)),
    ]
)
RANGES = [
    *([(-120.0, 40.0)] * N_CURVE),
    *([(-40.0, 40.0)] + [(0.0, 30.0)] * (N_CURVE - 1)),
    *((5.5, 10.0), (-3.5, 0.7), (4.0, 10.0), (0.0, 1.0)),
    *([(-20.0, 20.0)] * N_HARMONICS),
]
THUMP = dict.fromkeys(range(N_CURVE + 1, N_CURVE + 4), (-30.0, 30.0))  # ranges: up to 320 Hz it may fall


@dataclass(frozen=True)
class Harmonics:
    """What the synth's harmonics must be at some frames: columns (n, 1), and amplitudes (n, n_harmonics)."""

    f0_hz: Array
    age_s: Array
    loudest_db: Array
    level_db: Array
    amplitudes: Array

    @staticmethod
    def of(found: Original) -> Harmonics:
        """The amplitudes of f0's multiples in a sound, 0 above TOP_HZ."""
        frames, rate = found.frames, SPEC.cqt.frame_rate
        attacks, index = np.flatnonzero(frames.onset), np.arange(len(frames))
        last = attacks[np.maximum(np.searchsorted(attacks, index, "right") - 1, 0)]
        following = np.append(attacks, len(frames))[np.searchsorted(attacks, index, "right")]
        clear = (index > last) & (following - index >= CLEAR) & ~np.isnan(frames.f0_hz)
        at = np.flatnonzero(clear)[::EVERY]
        loudest = [frames.level_db[last[i] : i + 1].max() for i in at]
        f0_hz, age_s, loudest_db, level_db = (
            np.asarray(column, np.float64)[:, None]
            for column in (frames.f0_hz[at], (at - last[at]) / rate, loudest, frames.level_db[at])
        )
        return Harmonics(f0_hz, age_s, loudest_db, level_db, _amplitudes(found, at))

    def distance(self, timbre: Timbre) -> float:
        """As the benchmark's distance of spectra, on harmonics and bands of them."""
        weights = timbre.weights(self.f0_hz, self.age_s, self.loudest_db) * self._inside
        ours = weights * 10.0 ** (self.level_db / 20.0) / np.sqrt((weights**2).sum(axis=1, keepdims=True))
        weigh = 10.0 ** (-LEVEL_SHARE * self.level_db / 20.0)
        missed, all_of_it = weigh * (ours - self.amplitudes), weigh * self.amplitudes
        convergence = np.linalg.norm(missed) / np.linalg.norm(all_of_it)
        logs = np.abs(_band_logs(ours) - _band_logs(self.amplitudes))
        return float(convergence + LOG_SHARE * logs[self._inside[:, BANDS]].mean())

    @property
    def _inside(self) -> npt.NDArray[np.bool_]:
        return self.f0_hz * HARMONIC < TOP_HZ


def _band_logs(amplitudes: Array) -> Array:
    """Magnitudes (n, len(BANDS)) of harmonics (n, MAX_HARMONICS), in nepers."""
    power = np.add.reduceat(amplitudes**2, BANDS, axis=1)
    return np.asarray(0.5 * np.log(np.maximum(power, FLOOR**2)))


def _amplitudes(found: Original, at: npt.NDArray[np.int64]) -> Array:
    """Peaks near f0's multiples (len(at), MAX_HARMONICS) at some frames."""
    f0_hz, amplitudes = found.frames.f0_hz[at, None], np.zeros((len(at), len(HARMONIC)))
    hop_length = round(SAMPLE_RATE / SPEC.cqt.frame_rate)
    for n_fft, rows in ((LOW_N_FFT, f0_hz[:, 0] < LOW_HZ), (N_FFT, f0_hz[:, 0] >= LOW_HZ)):
        spectrum = librosa.stft(found.audio, n_fft=n_fft, hop_length=hop_length)
        magnitudes = np.abs(spectrum).T * (4.0 / n_fft)
        k = np.rint(f0_hz[rows] * HARMONIC * n_fft / SAMPLE_RATE).astype(int)
        k = np.clip(k, 1, n_fft // 2 - 1)
        amplitudes[rows] = np.max([magnitudes[at[rows][:, None], k + d] for d in (-1, 0, 1)], axis=0)
    return amplitudes * (f0_hz * HARMONIC < TOP_HZ)


def fit(
    sounds: Sequence[Harmonics],
    brightness: float,
    tracking: float = TRACKINGS[0],
    thumps: bool = False,
    rounds: int = ROUNDS,
) -> Timbre:
    """The timbre that comes nearest to all of these, found from START and a tracking on: always the same."""
    start = START.copy()
    start[2 * N_CURVE + 3] = tracking
    ranges = [THUMP.get(i, each) if thumps else each for i, each in enumerate(RANGES)]

    def cost(numbers: Array) -> float:
        bends = np.diff(numbers[:N_CURVE], 2), np.diff(numbers[N_CURVE + 1 : 2 * N_CURVE])
        own = numbers[-N_HARMONICS:]
        kept = SMOOTH * sum(np.square(b).sum() for b in bends) + SMALL * np.square(own).sum()
        timbre = _timbre(numbers, brightness)
        return float(kept + np.mean([harmonics.distance(timbre) for harmonics in sounds]))

    found = minimize(cost, start, method="L-BFGS-B", bounds=ranges, options={"maxiter": rounds})
    return rounded(_timbre(found.x, brightness))


def _timbre(numbers: Array, brightness: float) -> Timbre:
    tone, rises, single, own = np.split(numbers, [N_CURVE, 2 * N_CURVE, 2 * N_CURVE + 4])
    tone_db, pluck_db, own_db = (tuple(map(float, x)) for x in (tone, tone + np.cumsum(rises), own))
    ring_hz, decay_s, decay_hz = map(math.exp, single[:3])
    return Timbre(tone_db, ring_hz, pluck_db, decay_s, decay_hz, float(single[3]), own_db, brightness)


def rounded(timbre: Timbre) -> Timbre:
    """In whole dB, the tone's highest point 0, and two digits of the decay."""
    top = max(timbre.tone_db)
    return dataclasses.replace(
        timbre,
        tone_db=tuple(round(x - top) + 0.0 for x in timbre.tone_db),
        pluck_db=tuple(round(x - top) + 0.0 for x in timbre.pluck_db),
        harmonics_db=tuple(round(x) + 0.0 for x in timbre.harmonics_db),
        ring_hz=float(f"{timbre.ring_hz:.2g}"),
        decay_s=float(f"{timbre.decay_s:.2g}"),
        decay_hz=float(f"{timbre.decay_hz:.2g}"),
        tracking=round(timbre.tracking, 2),
    )


def entry(name: str, timbre: Timbre) -> str:
    """The timbre as it stands in TIMBRES."""
    lines = [f'    "{name}": Timbre(']
    for field in fields(Timbre):
        value = getattr(timbre, field.name)
        text = f"({', '.join(f'{x:.0f}' for x in value)})" if isinstance(value, tuple) else f"{value!r}"
        lines.append(f"        {field.name}={text},")
    return "\n".join([*lines, "    ),"])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.timbre_fit", description="Fit a timbre.")
    parser.add_argument("name", choices=list(TIMBRES), help="which one")
    name = parser.parse_args(arguments).name
    programs = [program for program, (_, fitted) in PROGRAMS.items() if fitted == name]
    try:
        found = [original(program, transpose=by) for program in programs for by in TRANSPOSED]
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    harmonics, brightness = [Harmonics.of(each) for each in found], TIMBRES[name].brightness
    tried = [TIMBRES[name], *(fit(harmonics, brightness, tracking, name == "slap") for tracking in TRACKINGS)]
    reached = [[distance(resynthesis(each.frames, timbre), each.audio) for each in found] for timbre in tried]
    best = 1 + int(np.argmin(np.mean(reached[1:], axis=1)))
    for label, i in (("now", 0), ("fitted", best)):
        print(f"# distances {label}: {' '.join(f'{x:.3f}' for x in reached[i])}")
    print(entry(name, tried[best]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
