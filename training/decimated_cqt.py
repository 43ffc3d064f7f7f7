"""The constant-Q transform as it is served: equal to training.cqt's, with a fraction of its weights.

In a stream the plain transform reads megabytes of kernels for two frames; the memory is what it waits for.
But within a short block of samples, the kernels of neighbouring bins differ little: all their pieces of that
length are sums of a few vectors, the leading singular vectors. So the audio is projected on these once, a
block at a time, and the kernels are applied to the decimated projections. Blocks divide the hop; each band of
bins takes the length that needs the fewest weights, or its plain kernels where nothing is saved.

How many vectors are kept follows from a bound, not from examples: sum |K - K'| over the samples bounds
|X - X'| for any audio within full scale, and c / log1p(c) times that bounds the difference of frames. No
frame hears a sample that the plain one cannot hear.

Flow: spec, cqt -> DecimatedCqt: audio (batch, n_samples) -> frames (batch, n_frames, n_bins) -> export.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bassnet_osc.spec import CqtSpec
from training.cqt import cqt_kernel, kernel_start

FRAME_ERROR = 7.5e-5  # of the bound; the rest up to 1e-4 is left to the rounding of 32-bit sums
BINS_PER_BAND = 44  # smaller bands read fewer weights, but each is three nodes more in the graph
BLOCKS_PER_HOP = (1, 2, 4)  # lengths of blocks that are tried

Samples = npt.NDArray[np.float32]
Kernels = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Band:
    """Kernels of neighbouring bins as sums of vectors: K'[bin, row] = weights[bin, :, :, row] . basis."""

    basis: Samples  # (n_vectors, block); (1, 1) holds 1: plain kernels
    weights: Samples  # (n_bins, 2 for real and imaginary, n_vectors, n_rows)
    start: int  # samples that a frame could hear before the first row ...
    end: int  # ... and after the last
    error: float  # largest sum |K - K'| of a bin

    @property
    def n_weights(self) -> int:
        """Numbers to be read for a frame."""
        return self.basis.size + self.weights.size


def heard_kernels(spec: CqtSpec, bins: range) -> Kernels:
    """Kernels (n_bins, left + right) over the samples that a frame hears; a full-scale sine gives 1."""
    kernels = np.zeros((len(bins), spec.left + spec.right), dtype=np.complex128)
    for row, k in enumerate(bins):
        kernel = cqt_kernel(spec, k)
        at = spec.left + kernel_start(spec, len(kernel))
        kernels[row, at : at + len(kernel)] = 2.0 * kernel  # 2: positive and negative frequency
    return kernels


def decimated(kernels: Kernels, block: int, tolerance: float) -> Band | None:
    """The kernels with as few vectors of `block` samples as keep the error; None if even all do not.

    Rows end at the newest sample. What is left over at the oldest end, less than a block, is not heard.
    """
    n_bins, n_samples = kernels.shape
    left_over = n_samples % block
    rows = kernels[:, left_over:].reshape(n_bins, -1, block)
    heard = np.flatnonzero(rows.any(axis=(0, 2)))
    first, last = int(heard[0]), int(heard[-1]) + 1
    pieces = np.stack([rows.real, rows.imag], axis=1)[:, :, first:last]
    flat = pieces.reshape(-1, block)
    vectors = np.linalg.eigh(flat.T @ flat)[1].T[::-1].astype(np.float32)  # right singular, leading first
    weights = (flat @ vectors.T.astype(np.float64)).astype(np.float32)
    lost = np.abs(kernels[:, :left_over]).sum(axis=1)

    def error(n: int) -> float:
        rest = flat - weights[:, :n].astype(np.float64) @ vectors[:n].astype(np.float64)
        re, im = rest.reshape(n_bins, 2, -1).swapaxes(0, 1)
        return float((lost + np.hypot(re, im).sum(axis=1)).max())

    n = 1 + bisect_left(range(1, block), True, key=lambda n: error(n) <= tolerance)
    if error(n) > tolerance:
        return None
    start, end = left_over + first * block, n_samples - left_over - last * block
    kept = weights[:, :n].reshape(*pieces.shape[:3], n).swapaxes(2, 3)
    return Band(vectors[:n], kept, start, end, error(n))


def plain(kernels: Kernels) -> Band:
    """The kernels as they are: blocks of one sample."""
    heard = np.flatnonzero(kernels.any(axis=0))
    first, last = int(heard[0]), int(heard[-1]) + 1
    inside = kernels[:, None, None, first:last]
    weights = np.concatenate([inside.real, inside.imag], axis=1).astype(np.float32)
    rest = kernels[:, first:last] - (weights[:, 0, 0] + 1j * weights[:, 1, 0].astype(np.float64))
    error = float(np.abs(rest).sum(axis=1).max())
    return Band(np.ones((1, 1), np.float32), weights, first, kernels.shape[1] - last, error)


@cache  # the same few specs again and again, each a second's work
def bands(spec: CqtSpec) -> tuple[Band, ...]:
    """Bands of neighbouring bins, each with the block that needs the fewest weights."""
    tolerance = FRAME_ERROR * math.log1p(spec.log_gain) / spec.log_gain
    blocks = [spec.hop_length // n for n in BLOCKS_PER_HOP if spec.hop_length % n == 0]
    found = []
    for first in range(0, spec.n_bins, BINS_PER_BAND):
        kernels = heard_kernels(spec, range(first, min(first + BINS_PER_BAND, spec.n_bins)))
        tried = [decimated(kernels, block, tolerance) for block in blocks]
        found.append(min((plain(kernels), *filter(None, tried)), key=lambda band: band.n_weights))
    return tuple(found)


class DecimatedCqt(nn.Module):
    """Scaled log-magnitude CQT frames, equal to those of training.cqt.Cqt within 1e-4 for any audio.

    Shape:
        - Input: (batch, n_samples), full scale is 1
        - Output: (batch, n_frames, n_bins), as Cqt
    """

    def __init__(self, spec: CqtSpec) -> None:
        super().__init__()
        self.spec = spec
        self.bands = bands(spec)
        for g, band in enumerate(self.bands):
            # The gain of the logarithm is in the weights: one pass less over the frames.
            kernel = spec.log_gain * band.weights.reshape(-1, *band.weights.shape[2:])
            self.register_buffer(f"basis_{g}", torch.from_numpy(band.basis[:, None].copy()), persistent=False)
            self.register_buffer(f"kernel_{g}", torch.from_numpy(kernel.copy()), persistent=False)

    @property
    def error_bound(self) -> float:
        """What a frame can differ by, for any audio within full scale, but for the rounding of sums."""
        c = self.spec.log_gain
        return c / math.log1p(c) * max(band.error for band in self.bands)

    @property
    def n_weights(self) -> int:
        """Numbers that are read for each call."""
        return sum(band.n_weights for band in self.bands)

    def products(self, audio: Tensor, g: int) -> Tensor:
        """c X of a band (batch, 2 n_bins, n_frames), real and imaginary parts in turn."""
        basis, kernel = self.get_buffer(f"basis_{g}"), self.get_buffer(f"kernel_{g}")
        band, block = self.bands[g], basis.shape[2]
        x = audio[..., band.start : -band.end if band.end else None]
        if block > 1:
            x = F.conv1d(x, basis, stride=block)  # (batch, n_vectors, n_blocks)
        return F.conv1d(x, kernel, stride=self.spec.hop_length // block)

    def forward(self, audio: Tensor) -> Tensor:
        """Frames (batch, n_frames, n_bins) of audio (batch, n_samples)."""
        x = torch.cat([self.products(audio[:, None], g) for g in range(len(self.bands))], dim=1)
        x = x.transpose(1, 2)
        re, im = x[..., ::2], x[..., 1::2]
        return torch.log1p(torch.sqrt(re * re + im * im)) * (1 / math.log1p(self.spec.log_gain))
