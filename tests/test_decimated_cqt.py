"""The decimated CQT against the plain one: a bound for any audio, a corpus of it, what a frame hears."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from torch import Tensor

import bassnet_osc
from bassnet_osc.presets import PRESETS, live
from bassnet_osc.spec import CqtSpec
from training.cqt import Cqt
from training.decimated_cqt import BINS_PER_BAND, DecimatedCqt, decimated, heard_kernels, plain

TOLERANCE = 1e-4  # of a frame; measured on the corpus: 2e-5
DEMO = sorted((Path(bassnet_osc.__file__).parent / "demo").glob("*.ogg"))
FEWER = {"live": 4.5, "studio": 8.0, "paper": 8.0}  # times fewer weights than the plain form


@cache
def pair(preset: str) -> tuple[Cqt, DecimatedCqt]:
    """The plain and the decimated transform of a preset."""
    spec = PRESETS[preset]().cqt
    return Cqt(spec).eval(), DecimatedCqt(spec).eval()


def n_heard(spec: CqtSpec, n_frames: int) -> int:
    return spec.left + spec.right + (n_frames - 1) * spec.hop_length


def sines(spec: CqtSpec, n: int) -> Tensor:
    """Full-scale sines at every 33rd bin, between two, and near the ends of the band."""
    steps = np.arange(0, spec.n_bins, 33)
    hz = [*(spec.fmin * 2 ** (np.array([steps, steps + 0.5]).ravel() / spec.bins_per_octave)), 1.0, 7990.0]
    t = torch.arange(n, dtype=torch.float64) / spec.sample_rate
    return torch.sin(2 * torch.pi * torch.tensor(hz)[:, None] * t).float()


def rough(spec: CqtSpec, n: int) -> Tensor:
    """Full scale: noise, square waves, clicks a sample apart from frame to frame, a constant, an edge."""
    rng = np.random.default_rng(0)
    t = np.arange(n) / spec.sample_rate
    clicks = (np.arange(n) % (spec.hop_length + 1) == 0).astype(float)
    squares = [np.sign(np.sin(2 * np.pi * f * t + 0.1)) for f in (31.0, 220.0, 1777.0)]
    edge = (t > t[n // 2]).astype(float)
    made = [rng.uniform(-1, 1, n), np.sign(rng.standard_normal(n)), *squares, clicks, np.ones(n), edge]
    return torch.tensor(np.array(made), dtype=torch.float32)


def demo(spec: CqtSpec, n: int) -> Tensor:
    """A stretch of every demo recording."""
    stretches = []
    for path in DEMO:
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        audio = soxr.resample(sound.mean(axis=1), rate, spec.sample_rate)
        stretches.append(torch.from_numpy(audio[len(audio) // 3 :][:n]))
    return torch.stack(stretches)


@pytest.mark.parametrize("corpus", [sines, rough, demo])
@pytest.mark.parametrize("preset", list(PRESETS))
@torch.no_grad()
def test_frames_are_the_plain_ones(preset: str, corpus) -> None:  # type: ignore[no-untyped-def]
    plain_cqt, cqt = pair(preset)
    audio = corpus(cqt.spec, n_heard(cqt.spec, 12))
    expected = plain_cqt(audio)
    assert expected.max() > 0.2
    assert (cqt(audio) - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize("preset", list(PRESETS))
def test_no_audio_within_full_scale_can_differ_by_more(preset: str) -> None:
    """The kernels that the network applies, its derivatives, against the true ones, bin by bin.

    sum |K - K'| bounds |X - X'|. Measured, as `error_bound` says: 6.7e-5 in `live`, 7.5e-5 in `studio`.
    """
    spec = PRESETS[preset]().cqt
    cqt, c = DecimatedCqt(spec).double(), spec.log_gain
    worst = 0.0
    for g, band in enumerate(cqt.bands):
        first = g * BINS_PER_BAND
        kernels = heard_kernels(spec, range(first, first + len(band.weights)))
        audio = torch.zeros(1, 1, kernels.shape[1], dtype=torch.float64, requires_grad=True)
        products = cqt.products(audio, g)[0, :, 0]
        rows = [torch.autograd.grad(x, audio, retain_graph=True)[0][0, 0].numpy() / c for x in products]
        applied = np.array(rows[::2]) + 1j * np.array(rows[1::2])
        worst = max(worst, np.abs(applied - kernels).sum(axis=1).max() * c / math.log1p(c))
    assert worst < TOLERANCE
    assert worst == pytest.approx(cqt.error_bound, rel=0.01)


@pytest.mark.parametrize("preset", list(PRESETS))
@torch.no_grad()
def test_a_frame_hears_what_the_plain_one_can_and_nothing_else(preset: str) -> None:
    """Bit-equal frames whatever lies before and after."""
    _, cqt = pair(preset)
    spec, i = cqt.spec, 5
    audio = torch.rand(1, n_heard(spec, 12), generator=torch.Generator().manual_seed(0)) - 0.5
    at = i * spec.hop_length
    frame = cqt(audio)[0, i]
    other = audio.clone()
    other[:, :at], other[:, at + spec.left + spec.right :] = 0.9, -0.9
    assert torch.equal(cqt(other)[0, i], frame)
    inside = audio.clone()
    inside[:, at + spec.left - spec.kernel_lengths[-1] // 4] += 0.5
    assert (cqt(inside)[0, i] - frame).abs().max() > 0.01


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("extra", [0, 1, 159, 160, 480, 1000])
@torch.no_grad()
def test_number_of_frames(preset: str, extra: int) -> None:
    """As many as the plain form gives; silence gives zeros."""
    _, cqt = pair(preset)
    spec = cqt.spec
    frames = cqt(torch.zeros(2, spec.left + spec.right + extra))
    assert frames.shape == (2, 1 + extra // spec.hop_length, spec.n_bins)
    assert not frames.any()


@pytest.mark.parametrize("preset", list(PRESETS))
def test_it_reads_far_fewer_weights(preset: str) -> None:
    """Measured: 4.8 times fewer in `live`, 8.4 times in `studio`."""
    plain_cqt, cqt = pair(preset)
    assert sum(kernel.numel() for kernel in plain_cqt.buffers()) > FEWER[preset] * cqt.n_weights
    assert cqt.n_weights >= sum(buffer.numel() for buffer in cqt.buffers()) - len(cqt.bands)


@torch.no_grad()
def test_any_hop_and_alignment_will_do() -> None:
    """Blocks that do not divide the hop are not tried; kernels that blocks cannot hold stay plain."""
    spec = replace(live().cqt, alignment="centred", hop_length=250, n_bins=100, gamma=7.0)
    audio = rough(spec, n_heard(spec, 3))
    assert (DecimatedCqt(spec)(audio) - Cqt(spec)(audio)).abs().max() < TOLERANCE


def test_too_strict_a_tolerance_is_not_met() -> None:
    """No block can: its vectors are rounded to 32 bits, and what is left over counts as an error."""
    kernels = heard_kernels(live().cqt, range(36))
    assert decimated(kernels, 160, tolerance=1e-9) is None
    band = decimated(kernels, 160, tolerance=1e-5)
    assert band is not None and plain(kernels).error < band.error <= 1e-5
