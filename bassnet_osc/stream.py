"""Audio blocks -> descriptor frames: the model run over sliding windows with Hann overlap-add.

The work is cut by the signal, never by the blocks: window w is computed when its newest frame is there,
with the same calls whatever the block size, so that any chopping gives the same frames bit for bit.

    block -> Resampler -> analysis buffer -> frontend -> last b frames -> decoder(z) -> overlap-add -> Frames

Window w covers the frames hop w .. hop w + taper - 1 with its taper and hears `skip` frames more. The first
is w = -1, which starts outside the signal so that the tapers sum to one from frame 0 on.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bassnet_osc.frames import Block, Frames
from bassnet_osc.latent import Z
from bassnet_osc.onsets import LevelGate
from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE, Resampler
from bassnet_osc.spec import BassNetError, CqtSpec, Spec


class Model(Protocol):
    """What the stream needs of a bundle."""

    @property
    def spec(self) -> Spec:
        """The numbers it was made with."""

    def frontend(self, audio: Block) -> Block:
        """(n_samples,) -> (n_frames, n_bins)"""

    def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
        """(batch, b, n_bins), (batch, 2) -> f0 (batch, b, n_bins), level and onset (batch, b)"""


def hann(n: int) -> npt.NDArray[np.float64]:
    """Even, non-symmetric Hann: copies n / 2 apart sum to one (section 4.3)."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n))


def bin_to_hz(f0_bin: float, spec: CqtSpec) -> float:
    """Frequency of a (fractional) CQT bin."""
    return float(spec.fmin * 2.0 ** (f0_bin / spec.bins_per_octave))


def f0_of(probabilities: npt.NDArray[np.float64], spec: CqtSpec) -> float:
    """Hz of the likeliest bin, refined by the centroid of that bin and its neighbours.

    A mean over all bins would be a wrong note wherever two are likely.
    """
    k = int(probabilities.argmax())
    near = np.arange(max(0, k - 1), min(len(probabilities), k + 2))
    weights = probabilities[near]
    return bin_to_hz(float((near * weights).sum() / weights.sum()), spec)


class Stream:
    """Descriptor frames of a signal that arrives in blocks of any size.

    Frame i describes the mix at i hops after its first sample. It is given out at the latest when the mix has
    gone on for the window's latency; `latency_samples` adds the resampler and the frame's own length, because
    sound between frames i and i + 1 needs both.
    """

    def __init__(
        self, model: Model, sample_rate: int, z: Z, taper: int | None = None, skip: int | None = None
    ) -> None:
        if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
            raise BassNetError(
                f"sample_rate must lie in {LOWEST_RATE} .. {HIGHEST_RATE} Hz; got {sample_rate}: resample"
            )
        spec = model.spec
        self.spec = spec
        self.window = dataclasses.replace(
            spec.window,
            taper=spec.window.taper if taper is None else taper,
            skip=spec.window.skip if skip is None else skip,
        )
        self.sample_rate = sample_rate
        self._model, self._z = model, z
        self._resampler = Resampler(sample_rate, spec.cqt.sample_rate)
        self._taper = hann(self.window.taper)
        self.reset()

    @property
    def latency_parts(self) -> dict[str, float]:
        """The constant offset's parts in milliseconds."""
        cqt, frame_ms = self.spec.cqt, 1000.0 / self.spec.cqt.frame_rate
        return {
            "resampler": 1000.0 * self._resampler.reach / self.sample_rate,
            "analysis": 1000.0 * cqt.right / cqt.sample_rate,
            "window": self.window.latency_frames * frame_ms,
            "frame": frame_ms,
        }

    @property
    def latency_samples(self) -> int:
        """Output position minus mix position, in samples of the client's rate; whole samples, rounded up."""
        cqt = self.spec.cqt
        analysis = cqt.right + (self.window.latency_frames + 1) * cqt.hop_length
        return self._resampler.reach - (-analysis * self.sample_rate // cqt.sample_rate)

    def reset(self) -> None:
        """Back to the state after construction; z is the caller's."""
        cqt, window = self.spec.cqt, self.window
        self._resampler.reset()
        self._audio: Block = np.zeros(cqt.left, dtype=np.float32)  # ends at the newest sample
        self._audio_start = -cqt.left  # analysis position of the buffer's first sample
        self._n_samples = 0  # of the client, so far
        self._n_frames = 0  # frames analysed
        self._mix: Block = np.zeros((window.window_frames, cqt.n_bins), dtype=np.float32)
        self._w = -1  # the next window
        self._sums = np.zeros((window.taper, cqt.n_bins + 2))  # f0 bins, level, onset
        self._gate = LevelGate(self.spec.descriptor)

    def process(self, block: Block) -> Frames:
        """Takes a block (n,) of the mix and gives the frames that it finishes, possibly none."""
        self._n_samples += len(block)
        self._audio = np.concatenate([self._audio, self._resampler.process(block)])
        parts = [Frames.empty(max(0, self.window.hop * self._w + 1))]
        while self._is_due():
            mix, z = self._next_window()
            parts.append(self._merge(*self._model.decode(mix[None], z[None])))
        return Frames.join(parts)

    def flush(self) -> Frames:
        """The frames that remain of a signal that ends here; then as `reset`."""
        cqt = self.spec.cqt
        last = math.ceil(self._n_samples * cqt.frame_rate / self.sample_rate)
        frames = self.process(np.zeros(self.latency_samples, dtype=np.float32))
        self.reset()
        return frames[: max(0, last + 1 - frames.first)]

    @property
    def _newest(self) -> int:
        """The newest frame that the next window hears."""
        return self.window.hop * self._w + self.window.taper - 1 + self.window.skip

    def _is_due(self) -> bool:
        cqt = self.spec.cqt
        return self._audio_start + len(self._audio) >= self._newest * cqt.hop_length + cqt.right

    def _next_window(self) -> tuple[Block, Block]:
        """Analyses the frames that the next window adds; returns (b, n_bins) and z (2,)."""
        cqt, n_new = self.spec.cqt, self._newest + 1 - self._n_frames
        n_needed = cqt.left + (n_new - 1) * cqt.hop_length + cqt.right
        frames = self._model.frontend(self._audio[:n_needed])
        self._mix = np.concatenate([self._mix[n_new:], frames])
        self._audio = self._audio[n_new * cqt.hop_length :]
        self._audio_start += n_new * cqt.hop_length
        self._n_frames += n_new
        z = self._z(self.window.hop * (self._w + 1))
        return self._mix, np.array(z, dtype=np.float32)

    def _merge(self, f0: Block, level: Block, onset: Block) -> Frames:
        """Overlap-adds one window's output (1, b, ...) and gives the frames it finishes."""
        window, hop = self.window, self.window.hop
        end = window.window_frames - window.skip
        part = slice(end - window.taper, end)
        output = np.concatenate([f0[0, part], level[0, part, None], onset[0, part, None]], axis=1)
        self._sums += self._taper[:, None] * output
        # The next window's taper starts at `hop` with weight zero: up to there nothing will be added.
        finished = self._sums[1 : hop + 1].copy()
        self._sums = np.concatenate([self._sums[hop:], np.zeros((hop, output.shape[1]))])
        first = hop * self._w + 1
        self._w += 1
        outside = max(0, -first)
        return self._frames(first + outside, finished[outside:])

    def _frames(self, first: int, sums: npt.NDArray[np.float64]) -> Frames:
        cqt = self.spec.cqt
        level_db = self.spec.descriptor.level_to_db(np.clip(sums[:, -2], 0.0, 1.0))
        onset = np.clip(sums[:, -1], 0.0, 1.0)
        voiced = self._gate.process(level_db, onset)
        f0_hz = [
            f0_of(row[: cqt.n_bins], cqt) if is_voiced else np.nan
            for row, is_voiced in zip(sums, voiced, strict=True)
        ]
        return Frames(first, np.array(f0_hz), level_db, onset)
