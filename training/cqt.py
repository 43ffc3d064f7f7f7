"""The constant-Q transform: the one front end of training and serving (section 4.1).

An adaptation of nnAudio's `CQT1992v2` (K. W. Cheuk et al., "nnAudio", IEEE Access 8, 2020; MIT licence):
the same L1-normalised complex Hann kernels in the time domain, with three changes. Kernels may end at the
frame (causal) instead of lying around it; their bandwidth has a floor gamma (variable-Q); and they are
grouped by length instead of filling one dense matrix that is nearly all zeros.

Flow: spec -> Cqt: audio (batch, n_samples) -> frames (batch, n_frames, n_bins). Serving runs its ONNX export.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bassnet_osc.spec import CqtSpec

BINS_PER_GROUP = 12  # a third of an octave: short enough to skip zeros, long enough for matrix products


def cqt_kernel(spec: CqtSpec, k: int) -> npt.NDArray[np.complex128]:
    """Kernel of bin k: a complex tone under a periodic Hann, sum of magnitudes 1 (nnAudio's norm=1)."""
    length, f = spec.kernel_lengths[k], spec.frequencies[k]
    n = np.arange(length) - (length + 1) // 2
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return np.asarray(hann * np.exp(2j * np.pi * f / spec.sample_rate * n) / hann.sum())


def kernel_start(spec: CqtSpec, length: int) -> int:
    """First sample of a kernel relative to the frame's position."""
    return -length if spec.alignment == "causal" else -((length + 1) // 2)


class Cqt(nn.Module):
    """Scaled log-magnitude CQT frames.

    A valid convolution: frame i is centred on (or, causal, ends before) sample `left + hop_length i` of the
    buffer, so n_frames = 1 + (n_samples - left - right) // hop_length. Callers pad with zeros.

    Shape:
        - Input: (batch, n_samples), full scale is 1
        - Output: (batch, n_frames, n_bins), log1p(c |X|) / log1p(c); a full-scale sine at a bin's centre is 1
    """

    def __init__(self, spec: CqtSpec) -> None:
        super().__init__()
        self.spec = spec
        self._offsets: list[int] = []
        for g, first in enumerate(range(0, spec.n_bins, BINS_PER_GROUP)):
            bins = range(first, min(first + BINS_PER_GROUP, spec.n_bins))
            self.register_buffer(f"kernel_{g}", self._group(bins), persistent=False)

    def _group(self, bins: range) -> Tensor:
        """Real and imaginary kernels of some bins, folded to (2 n, hop_length, ceil(width / hop_length)).

        A convolution with stride hop_length equals one with stride 1 over audio folded into rows of
        hop_length samples; the folded one is a dense channel convolution, several times faster.
        """
        spec, hop = self.spec, self.spec.hop_length
        longest = max(spec.kernel_lengths[k] for k in bins)
        start = kernel_start(spec, longest)
        n_rows = math.ceil(longest / hop)
        dense = np.zeros((2, len(bins), n_rows * hop))
        for row, k in enumerate(bins):
            kernel = cqt_kernel(spec, k)
            at = kernel_start(spec, len(kernel)) - start
            dense[0, row, at : at + len(kernel)] = kernel.real
            dense[1, row, at : at + len(kernel)] = kernel.imag
        self._offsets.append(spec.left + start)
        folded = dense.reshape(2 * len(bins), n_rows, hop).transpose(0, 2, 1)
        return torch.tensor(2.0 * folded, dtype=torch.float32)  # 2: positive and negative frequency

    def magnitudes(self, audio: Tensor) -> Tensor:
        """|X| (batch, n_frames, n_bins), the amplitude of a sine at the bin's centre."""
        hop = self.spec.hop_length
        n_frames = 1 + (audio.shape[1] - self.spec.left - self.spec.right) // hop
        groups = []
        for g, offset in enumerate(self._offsets):
            kernel = self.get_buffer(f"kernel_{g}")
            n_rows = n_frames + kernel.shape[2] - 1
            # The last row may reach past the buffer, where the kernel is zero.
            rows = F.pad(audio[:, offset:], (0, hop))[:, : n_rows * hop]
            x = F.conv1d(rows.reshape(rows.shape[0], -1, hop).transpose(1, 2), kernel)
            re, im = x.chunk(2, dim=1)
            groups.append(torch.sqrt(re * re + im * im))
        return torch.cat(groups, dim=1).transpose(1, 2)

    def forward(self, audio: Tensor) -> Tensor:
        """Frames (batch, n_frames, n_bins) of audio (batch, n_samples)."""
        c = self.spec.log_gain
        return torch.log1p(c * self.magnitudes(audio)) / math.log1p(c)


def cqt_frames(cqt: Cqt, audio: Tensor) -> Tensor:
    """Frames of a whole signal (n_samples,), zeros outside it: one for each started hop."""
    spec = cqt.spec
    n_frames = -(-audio.shape[-1] // spec.hop_length)
    total = spec.left + spec.right + (n_frames - 1) * spec.hop_length
    padded = F.pad(audio, (spec.left, max(0, total - spec.left - audio.shape[-1])))[..., :total]
    frames: Tensor = cqt(padded[None])[0]
    return frames
