"""Overlapping windows of the decoder's output -> descriptor frames (section 4.3).

Flow: stream -> overlap_add -> Frames. One of these for each z that plays to the mix.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bassnet_osc.frames import Array, Frames, stand_in
from bassnet_osc.onsets import LevelGate
from bassnet_osc.spec import CqtSpec, DescriptorSpec, Spec, WindowSpec


def hann(n: int) -> Array:
    """Even, non-symmetric Hann: copies n / 2 apart sum to one (section 4.3)."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n))


def bin_to_hz(f0_bin: float, spec: CqtSpec) -> float:
    """Frequency of a (fractional) CQT bin."""
    return float(spec.fmin * 2.0 ** (f0_bin / spec.bins_per_octave))


def f0_of(probabilities: Array, spec: CqtSpec) -> float:
    """Hz of the likeliest bin, refined by the centroid of that bin and its neighbours.

    A mean over all bins would be a wrong note wherever two are likely.
    """
    k = int(probabilities.argmax())
    lowest = max(0, k - 1)
    weights = probabilities[lowest : k + 2].tolist()
    moment = sum(f0_bin * weight for f0_bin, weight in enumerate(weights, lowest))
    return bin_to_hz(moment / sum(weights), spec)


def can_repeat(window: WindowSpec) -> bool:
    """Whether a window's newest frames reach as far as the next window's taper."""
    return len(window.used) >= window.taper + window.hop


class OverlapAdd:
    """Adds windows up and gives the frames that each finishes: hop w + 1 ... hop w + hop of window w.

    Frames are numbered by the moment that they tell of, `ahead` later. A window that was not decoded is
    replaced: by the newest frames of the one before it, which lie under its taper where `skip` allows, or
    else by a tone that dies away.
    """

    def __init__(self, spec: Spec, window: WindowSpec, is_first: bool = True) -> None:
        """`is_first`: the next window is the stream's first, before which there is nothing to be added."""
        self._spec, self._window = spec, window
        self._taper = hann(window.taper)[:, None]
        self._sums = np.zeros((window.taper, spec.cqt.n_bins + 2))  # f0 bins, level, onset
        self._gate = LevelGate(spec.descriptor)
        self._last: npt.NDArray[np.float32] | None = None  # the newest output, from the taper on
        self._n_missing = 0  # windows since then
        self._is_whole = is_first  # whether the windows before the next one have been added
        self._f0_hz, self._level_db = np.nan, spec.descriptor.level_floor_db  # of the newest frame

    def add(
        self, w: int, output: npt.NDArray[np.float32] | None, descriptor: DescriptorSpec
    ) -> tuple[Frames, bool]:
        """Takes the output (used, n_bins + 2) of window w, None where it was not decoded.

        Returns the frames that it finishes, and whether they only stand in for what was not heard.
        """
        self._gate.spec = descriptor
        self._n_missing = 0 if output is not None else self._n_missing + 1
        if output is not None:
            self._last = output
        part = self._under_taper(self._n_missing * self._window.hop)
        hop, first = self._window.hop, self._window.hop * w + 1
        if part is None:
            self._is_whole = False
            self._sums[:] = 0.0
            return self._remember(self._stand_in(first)), True
        if not self._is_whole:  # this window's frames are the best that is known of the one before it, too
            self._sums[:hop] = self._taper[hop:] * part[:hop]
            self._is_whole = True
        self._sums += self._taper * part
        # The next window's taper starts at `hop` with weight zero: up to there nothing will be added.
        finished = self._sums[1 : hop + 1].copy()
        self._sums[:-hop] = self._sums[hop:]
        self._sums[-hop:] = 0.0
        return self._remember(self._frames(first, finished)), False

    def _under_taper(self, shift: int) -> npt.NDArray[np.float32] | None:
        """What the newest output says of the frames under a taper `shift` frames after its own."""
        end = self._window.taper + shift
        if self._last is None or end > len(self._last):
            return None
        return self._last[end - self._window.taper : end]

    def _stand_in(self, first: int) -> Frames:
        at = first + self._window.ahead
        frames = stand_in(at, self._f0_hz, self._level_db, self._window.hop, self._spec.descriptor)
        return frames[max(0, -first) :]

    def _remember(self, frames: Frames) -> Frames:
        if len(frames):
            self._f0_hz, self._level_db = float(frames.f0_hz[-1]), float(frames.level_db[-1])
        return frames

    def _frames(self, first: int, sums: Array) -> Frames:
        cqt, outside = self._spec.cqt, max(0, -first)  # before the signal
        sums, first = sums[outside:], first + outside
        level, onset = np.minimum(np.maximum(sums[:, -2:].T, 0.0), 1.0)
        level_db = self._spec.descriptor.level_to_db(level)
        voiced = self._gate.process(level_db, onset).tolist()
        f0_hz = [
            f0_of(row[: cqt.n_bins], cqt) if is_voiced else np.nan
            for row, is_voiced in zip(sums, voiced, strict=True)
        ]
        return Frames(first + self._window.ahead, np.array(f0_hz), level_db, onset)
