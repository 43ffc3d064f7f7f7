"""The network: what its blocks see, which weights are tied, its shapes, and that folding changes nothing."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bassnet_osc.presets import PAPER_WINDOWS, live, studio
from bassnet_osc.spec import ModelSpec, Spec, WindowSpec
from export.graphs import folded
from training.model import VGAE, Harmonics, ResidualBlock, TransposedBlock, dilations, encoder, sample

SMALL = ModelSpec(n_maps=4)
SPECS = {
    "live": replace(live(), model=SMALL),
    "studio": replace(studio(), model=SMALL),
    "other": replace(
        live(),
        window=WindowSpec(n_steps=6, window_frames=96, anchor="centre", taper=4),
        model=ModelSpec(n_maps=3, n_blocks=3, kernel_size=5, latent_dim=3),
    ),
    "wide heads": replace(live(), model=replace(SMALL, heads="wide")),
    "one resolution": replace(live(), window=WindowSpec(n_steps=10, window_frames=10), model=SMALL),
}


def inputs(spec: Spec, batch: int = 2) -> tuple[Tensor, Tensor]:
    """x and y (batch, C, T, F) in [0, 1]."""
    shape = (batch, spec.window.n_channels, spec.window.n_steps, spec.cqt.n_bins)
    generator = torch.Generator().manual_seed(1)
    return torch.rand(shape, generator=generator), torch.rand(shape, generator=generator)


def trained_like(spec: Spec) -> VGAE:
    """A model in evaluation whose batch normalisations have random statistics, scales and shifts."""
    torch.manual_seed(0)
    model = VGAE(spec)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    last = model.dec_y[-1]
    assert isinstance(last, TransposedBlock) and last.bias is not None
    nn.init.normal_(last.bias)
    return model.eval()


def test_dilations_of_the_paper_s_size() -> None:
    """Five blocks of kernel 3 see 265 of 264 bins and 11 of 10 steps."""
    assert dilations(264, 5, 3) == [1, 3, 9, 29, 90]
    assert dilations(10, 5, 3) == [1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("extent", "n_blocks", "kernel_size"),
    [
        (264, 5, 3),
        *((a, 5, 3) for a in sorted({a for a, _ in PAPER_WINDOWS})),
        (264, 2, 3),
        (264, 3, 5),
        (2, 1, 3),
    ],
)
def test_dilations_cover_the_extent_and_no_more_than_they_must(
    extent: int, n_blocks: int, kernel_size: int
) -> None:
    """Section 5.3 for every window of the paper, in time and in frequency: a geometric row from 1 upwards.

    Each slower one, down to all ones, sees less than the extent.
    """

    def seen(steps: list[int]) -> int:
        return 1 + (kernel_size - 1) * sum(steps)

    steps = dilations(extent, n_blocks, kernel_size)
    assert len(steps) == n_blocks and steps[0] == 1 and steps == sorted(steps)
    assert seen(steps) >= extent
    ratio = 1.0
    while (slower := [round(ratio**i) for i in range(n_blocks)]) != steps:
        assert seen(slower) < extent
        ratio += 0.001
        assert ratio <= extent, "not a geometric row"


@pytest.mark.parametrize("name", list(SPECS))
def test_receptive_field(name: str) -> None:
    """The gradient of one middle output reaches half the extent in both directions, and no further."""
    spec = SPECS[name]
    stack = encoder(spec).eval()
    for parameter in stack.parameters():
        parameter.data.abs_()  # nothing is rectified away
    n_steps, n_bins, k = spec.window.n_steps, spec.cqt.n_bins, spec.model.kernel_size
    x = torch.ones(1, spec.window.n_channels, 2 * n_steps + 9, 2 * n_bins + 9, requires_grad=True)
    middle = (x.shape[2] // 2, x.shape[3] // 2)
    stack(x)[0, :, middle[0], middle[1]].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].sum(dim=0)
    for axis, extent in enumerate((n_steps, n_bins)):
        reached = seen.sum(dim=1 - axis).nonzero()[:, 0] - middle[axis]
        reach = (k // 2) * sum(dilations(extent, spec.model.n_blocks, k))
        assert (reached.min().item(), reached.max().item()) == (-reach, reach)
        assert 2 * reach + 1 >= extent


@pytest.mark.parametrize("last", [False, True])
@torch.no_grad()
def test_transposed_block_is_a_transposed_convolution(last: bool) -> None:
    """With the same weights as its block. Measured: 5e-7."""
    torch.manual_seed(0)
    block = ResidualBlock(3, 5, 3, dilation=(2, 4))
    transposed = TransposedBlock(block, last).eval()
    h = torch.randn(2, 5, 10, 30)
    padding, dilation = block.conv.padding, block.conv.dilation
    assert isinstance(padding, tuple)
    wide = F.conv_transpose2d(h, block.conv.weight, None, 1, padding, dilation=dilation)
    narrow = F.conv_transpose2d(h, block.skip.weight)
    if last:
        assert transposed.bias is not None
        transposed.bias.data = torch.tensor([1.0, -2.0, 3.0])
        expected = wide + narrow + transposed.bias[:, None, None]
    else:
        scale = (1 + nn.BatchNorm2d(1).eps) ** -0.5  # a new normalisation in evaluation
        expected = F.relu(scale * (wide + narrow))
    torch.testing.assert_close(transposed(h), expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_convolutions_are_tied_and_normalisations_are_not() -> None:
    model = trained_like(SPECS["live"])
    h = torch.rand(1, 4, 10, 264)
    before = model.dec_y(h)
    first = model.enc_y[0]
    assert isinstance(first, ResidualBlock)
    first.conv_norm.weight.mul_(2)
    assert first.conv_norm.running_mean is not None
    first.conv_norm.running_mean.add_(1)
    assert torch.equal(model.dec_y(h), before)
    for weight in (first.conv.weight, first.skip.weight):
        weight.mul_(2)
        assert not torch.equal(model.dec_y(h), before)
        before = model.dec_y(h)
    own = {name.split(".", 1)[1] for name, _ in model.dec_y.named_parameters()}
    assert own == {"bias", "conv_norm.weight", "conv_norm.bias", "skip_norm.weight", "skip_norm.bias"}


@torch.no_grad()
def test_a_copy_is_tied_to_itself() -> None:
    """Exporting folds a copy: it must not share weights with the model."""
    model = trained_like(SPECS["live"])
    h = torch.rand(1, 4, 10, 264)
    before, twin = model.dec_y(h), copy.deepcopy(model)
    for parameter in twin.enc_y.parameters():
        parameter.mul_(2)
    assert torch.equal(model.dec_y(h), before)
    assert not torch.equal(twin.dec_y(h), before)


@pytest.mark.parametrize("name", list(SPECS))
@torch.no_grad()
def test_shapes(name: str) -> None:
    spec = SPECS[name]
    x, y = inputs(spec)
    model, latent_dim = VGAE(spec).eval(), spec.model.latent_dim
    mu, log_var = model.encode(x, y)
    assert mu.shape == log_var.shape == (2, latent_dim)
    p = model.decode(x, mu)
    assert p.y_hat.shape == p.f0.shape == x.shape
    assert p.level.shape == p.onset.shape == x.shape[:3]


@torch.no_grad()
def test_z_changes_every_output() -> None:
    spec = SPECS["live"]
    model, (x, _) = trained_like(spec), inputs(spec, batch=1)
    for axis in range(spec.model.latent_dim):
        z = torch.zeros(1, spec.model.latent_dim)
        before = vars(model.decode(x, z))
        z[0, axis] = 3.0
        after = vars(model.decode(x, z))
        assert all((after[name] - before[name]).abs().max() > 1e-3 for name in before)


@pytest.mark.parametrize("heads", ["narrow", "wide"])
def test_wide_heads_hear_the_gated_mix(heads: str) -> None:
    """Level and onset, of seven steps; f0 is read off the spectrogram alone, as narrow heads read all."""
    spec = replace(live(), model=replace(SMALL, heads=heads))
    model = trained_like(spec)
    y_hat, gated = torch.zeros(1, 4, 10, 264), torch.zeros(1, 4, 10, 264, requires_grad=True)
    f0, level, onset = model.heads(y_hat, gated)
    assert not f0.requires_grad or torch.autograd.grad(f0.sum(), gated, allow_unused=True)[0] is None
    for curve in (level, onset):
        (slope,) = torch.autograd.grad(curve[0, 0, 5], gated, retain_graph=True, allow_unused=True)
        if heads == "narrow":
            assert slope is None
        else:
            assert slope.abs().sum(dim=(0, 1, 3)).nonzero().flatten().tolist() == list(range(2, 9))


@torch.no_grad()
def test_the_latent_is_blind_to_where_the_product_lies() -> None:
    """Factors moved together along time and frequency give the same mu."""
    model = trained_like(SPECS["live"])
    torch.manual_seed(2)
    x = y = (torch.rand(1, 4, 10, 264) > 0.9).float()
    moved = (torch.roll(t, (3, 36), dims=(2, 3)) for t in (x, y))
    for a, b in zip(model.encode_factors(x, y), model.encode_factors(*moved), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    alone = model.encode_factors(x, torch.roll(y, 36, dims=3))
    assert (alone[0] - model.encode_factors(x, y)[0]).abs().max() > 1e-2


@pytest.mark.parametrize("name", list(SPECS))
@torch.no_grad()
def test_folding_changes_nothing(name: str) -> None:
    """Batch normalisations and both pathways in one convolution. Measured: 4e-7."""
    spec = SPECS[name]
    model, (x, y) = trained_like(spec), inputs(spec)
    short = folded(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in short.modules())
    mu, log_var = model.encode(x, y)
    torch.testing.assert_close(short.encode(x, y), (mu, log_var), rtol=0, atol=1e-5)
    expected, got = vars(model.decode(x, mu)), vars(short.decode(x, mu))
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("batch", "time", "semitones", "step", "n_taps"),
    [(1, 1, 1, 3, 61), (3, 7, 88, 3, 61), (2, 5, 13, 1, 5), (5, 1, 10, 2, 9), (1, 3, 88, 3, 1)],
)
def test_harmonics_are_a_convolution(batch: int, time: int, semitones: int, step: int, n_taps: int) -> None:
    """The outputs and the three gradients of nn.Conv2d. Measured: 6e-7 of the largest entry."""
    torch.manual_seed(0)
    harmonics = Harmonics(4, 2, n_taps, step)
    h = torch.randn(batch, 4, time, semitones * step)
    upstream = torch.randn(batch, 2, time, semitones * step)
    results = []
    for forward in (harmonics.forward, lambda h: nn.Conv2d.forward(harmonics, h)):
        leaf = h.clone().requires_grad_()
        harmonics.zero_grad()
        out = forward(leaf)
        out.backward(upstream)
        gradients = [leaf.grad, *(p.grad for p in harmonics.parameters())]
        results.append([out.detach(), *(g.clone() for g in gradients if g is not None)])
    assert len(results[0]) == 4
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_gradients_have_their_maps_last_as_the_convolutions_have() -> None:
    """Of the factors and of what the f0 head hears: others are copied, map by map, at every block."""
    model = trained_like(SPECS["live"])
    x, y, h = (torch.rand(2, n, 10, 264).to(memory_format=torch.channels_last) for n in (4, 4, 16))
    leaves = [t.requires_grad_() for t in (x, y, h)]
    heard = model.encode_factors(x, y)[0].sum() + model.heads.harmonics(h).square().sum()
    for gradient in torch.autograd.grad(heard, leaves):  # as they are: a leaf's own would be laid out as it
        assert gradient.is_contiguous(memory_format=torch.channels_last) and gradient.any()


def test_a_block_in_training_is_its_formula() -> None:
    """Added and rectified in place: output and gradients are those of the formula, bit for bit."""
    torch.manual_seed(0)
    block = ResidualBlock(3, 5, 3, dilation=(2, 4))
    x = torch.randn(2, 3, 10, 30)

    def formula(x: Tensor) -> Tensor:
        return F.relu(block.conv_norm(block.conv(x)) + block.skip_norm(block.skip(x)))

    results = []
    for forward in (block.forward, formula):
        leaf = x.clone().requires_grad_()
        block.zero_grad()
        out = forward(leaf)
        out.square().sum().backward()
        results.append([out, leaf.grad, *(p.grad for p in block.parameters())])
    assert all(a is not None and b is not None and torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_sample_has_the_mean_and_deviation_it_is_given() -> None:
    """10 000 samples: the mean within 0.05, the deviation within 2 %."""
    mu, sigma = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])
    generator = torch.Generator().manual_seed(0)
    z = sample(mu.expand(10_000, 2), (2 * sigma.log()).expand(10_000, 2), generator)
    torch.testing.assert_close(z.mean(dim=0), mu, rtol=0, atol=0.05)
    torch.testing.assert_close(z.std(dim=0), sigma, rtol=0.02, atol=0)
