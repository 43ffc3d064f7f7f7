"""Temporal multi-resolution and the taper of the overlap-add (section 4.3, Figure 2).

compress: a window of b frames -> C = log2(b / a) + 1 channels of a steps, channel j at 1 / 2^j of the time
resolution. expand: the inverse layout, each region at the finest resolution that holds it.

Flow: WindowSpec -> pure functions on tensors whose time axis is dimension 1, for dataset and export.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bassnet_osc.spec import WindowSpec

Pool = Callable[[Tensor], Tensor]  # (batch, n, 2, ...) -> (batch, n, ...): two frames become one step


def mean_pair(pairs: Tensor) -> Tensor:
    """For spectrograms and levels."""
    return pairs.mean(dim=2)


def max_pair(pairs: Tensor) -> Tensor:
    """For onsets: a step has an onset when one of its frames has."""
    return pairs.amax(dim=2)


def _crop_start(spec: WindowSpec, length: int) -> int:
    slack = length - spec.n_steps
    return slack if spec.anchor == "end" else slack // 2


def compress(window: Tensor, spec: WindowSpec, pool: Pool = mean_pair) -> Tensor:
    """Multi-resolution channels of a window.

    Shape:
        - Input: (batch, b, ...)
        - Output: (batch, C, a, ...), channel 0 the finest; its steps lie at the anchor
    """
    channels = []
    for level in range(spec.n_channels):
        start = _crop_start(spec, window.shape[1])
        channels.append(window[:, start : start + spec.n_steps])
        if level + 1 < spec.n_channels:
            window = pool(window.reshape(window.shape[0], window.shape[1] // 2, 2, *window.shape[2:]))
    return torch.stack(channels, dim=1)


def compress_f0(f0_bin: Tensor, spec: WindowSpec, unvoiced: int) -> Tensor:
    """Multi-resolution f0 classes: each step takes its middle voiced frame, else `unvoiced`.

    Shape:
        - Input: (batch, b) integer bins
        - Output: (batch, C, a)
    """
    channels = []
    for level in range(spec.n_channels):
        frames = f0_bin.reshape(f0_bin.shape[0], -1, 2**level)  # (batch, steps, frames of a step)
        voiced = frames != unvoiced
        # The middle voiced frame is the one with half of the voiced frames before it.
        middle = (voiced.cumsum(dim=2) == (voiced.sum(dim=2, keepdim=True) + 1) // 2) & voiced
        steps = torch.where(voiced.any(dim=2), torch.where(middle, frames, -1).amax(dim=2), unvoiced)
        start = _crop_start(spec, steps.shape[1])
        channels.append(steps[:, start : start + spec.n_steps])
    return torch.stack(channels, dim=1)


def expand(channels: Tensor, spec: WindowSpec) -> Tensor:
    """Full-length window from its channels: coarse ones repeated, finer ones put over their region.

    Shape:
        - Input: (batch, C, a, ...)
        - Output: (batch, b, ...)
    """
    window = channels[:, -1]
    for level in reversed(range(spec.n_channels - 1)):
        window = window.repeat_interleave(2, dim=1)
        start = _crop_start(spec, window.shape[1])
        window = torch.cat([window[:, :start], channels[:, level], window[:, start + spec.n_steps :]], dim=1)
    return window
