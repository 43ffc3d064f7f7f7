"""Streaming conversion of the client's sample rate to the analysis rate.

A short polyphase FIR: it passes what the CQT hears and lets aliases fall where the CQT does not listen, so
it needs a fraction of a millisecond where a general resampler needs twenty to eighty.

Flow: block at the client's rate -> Resampler -> samples at the analysis rate.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

PASS_HZ = 4600.0  # the top bin lies at 4355 Hz
ATTENUATION_DB = 80.0
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # Hz
MAX_PHASES = 640  # as 11 025 Hz needs; with more, linear between: within 6e-5, and under 0.5 MB
SLAB = 64  # rows of the filter's table that are computed at a time
SHAPE_POINTS = 8192  # of the window's shape, linear between: within 1e-7


def band(rate_in: int, rate_out: int) -> tuple[float, float]:
    """Pass and stop edges in Hz: aliases (or images) of the stop band miss the pass band."""
    pass_hz = min(PASS_HZ, 0.425 * rate_in)
    return pass_hz, min(rate_in, rate_out) - pass_hz


def is_odd(rate_in: int, rate_out: int) -> bool:
    """Whether the rates have so little in common that the filter's table is as large as may be."""
    return rate_out // math.gcd(rate_in, rate_out) > MAX_PHASES


class Resampler:
    """Zero-phase windowed-sinc resampling; output sample j lies at input position j rate_in / rate_out.

    An output sample is given out as soon as the `reach` input samples after its position have come: after
    n samples there are at least (n - reach) rate_out / rate_in of them. `reach` is the whole latency.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        common = math.gcd(rate_in, rate_out)
        self.up, self.down = rate_out // common, rate_in // common
        self.reach, self._phases = _filter(rate_in, rate_out, min(self.up, MAX_PHASES))
        self.reset()

    def reset(self) -> None:
        """Back to the state after construction."""
        # Silence before the first sample: the filter's left half.
        self._history = np.zeros(self.reach - 1)
        self._start = 1 - self.reach  # input position of the history's first sample
        self._next = 0  # index of the next output sample

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The output samples that this block completes: (n,) -> (m,)."""
        x = np.concatenate([self._history, block])
        n_in = self._start + len(x)  # input samples so far
        stop = max(self._next, -((self.reach - n_in) * self.up // self.down))  # first j that must wait
        n_taps = 2 * self.reach
        # All runs of n_taps samples, none of them copied; the first is that of the next output sample.
        runs = np.ndarray((max(0, len(x) - n_taps + 1), n_taps), np.float64, x, strides=2 * x.strides)
        if self.up == 1:  # all output samples have the same phase
            y = np.einsum(
                "jk,k->j", runs[:: self.down][: stop - self._next], self._phases[0].astype(np.float64)
            )
        else:
            position, phase = np.divmod(np.arange(self._next, stop) * self.down, self.up)
            first = position - self.reach + 1 - self._start
            y = np.einsum("jk,jk->j", runs[first], self._weights(phase))
        keep = stop * self.down // self.up - self.reach + 1  # first input position still needed
        self._history = x[keep - self._start :]
        self._start, self._next = keep, stop
        return np.asarray(y, dtype=np.float32)

    def _weights(self, phase: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The filter at positions `phase` / up between two input samples: (n,) -> (n, 2 reach)."""
        n_phases = len(self._phases) - 1
        if n_phases == self.up:
            return self._phases[phase].astype(np.float64)
        below, rest = np.divmod(phase * n_phases, self.up)
        share = (rest / self.up)[:, None]
        between: npt.NDArray[np.float64] = (1 - share) * self._phases[below] + share * self._phases[below + 1]
        return between


@lru_cache(maxsize=4)  # as many usual rates
def _filter(rate_in: int, rate_out: int, n_phases: int) -> tuple[int, npt.NDArray[np.float32]]:
    """Reach, and a read-only table (n_phases + 1, 2 reach): from one input sample to the next."""
    pass_hz, stop_hz = band(rate_in, rate_out)
    # Kaiser's formulas (Oppenheim and Schafer, section 7.5): length and shape for the attenuation.
    transition = 2 * math.pi * (stop_hz - pass_hz) / rate_in
    half_width = (ATTENUATION_DB - 8) / (2.285 * transition) / 2
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    reach = math.ceil(half_width)
    n = np.arange(1 - reach, reach + 1)  # input samples around a position
    cutoff = (pass_hz + stop_hz) / rate_in  # of the input's Nyquist frequency
    grid = np.linspace(0, 1, SHAPE_POINTS)  # i0 is slow: a hello with a new rate may not stop the sound
    window = np.i0(beta * np.sqrt(1 - grid**2))
    table = np.empty((n_phases + 1, 2 * reach), np.float32)  # each client may have its own
    for first in range(0, n_phases + 1, SLAB):  # not all at once, which takes ten times the table's memory
        rows = np.arange(first, min(first + SLAB, n_phases + 1))
        distance = n - rows[:, None] / n_phases
        phases = np.sinc(cutoff * distance) * np.interp(np.abs(distance) / half_width, grid, window, right=0)
        table[rows] = phases / phases.sum(axis=1, keepdims=True)  # a constant stays that constant
    table.setflags(write=False)
    return reach, table
