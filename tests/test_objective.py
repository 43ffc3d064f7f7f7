"""Every term of Eq. 8 to 10 against numbers worked out by hand, and the swap of cross-reconstruction."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from songs import tiny
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from bassnet_osc.presets import live
from training import objective
from training.model import VGAE, Prediction
from training.objective import (
    UNVOICED_BIN,
    Objective,
    Targets,
    Weights,
    kl_between,
    kl_standard,
    reconstruction,
    train_terms,
)

CERTAIN = -100.0  # log variance: z is mu


def gaussians(seed: int) -> tuple[Tensor, Tensor]:
    """mu and log variance (5, 2)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5, 2, generator=generator), torch.randn(5, 2, generator=generator)


def test_kl_standard() -> None:
    mu, log_var = gaussians(0)
    expected = kl_divergence(Normal(mu, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.testing.assert_close(kl_standard(mu, log_var), expected)
    assert kl_standard(torch.zeros(3, 2), torch.zeros(3, 2)) == 0
    assert kl_standard(torch.full((3, 2), 2.0), torch.zeros(3, 2)) == 4  # two axes of mu^2 / 2


def test_kl_between() -> None:
    (mu, log_var), (other_mu, other_log_var) = gaussians(0), gaussians(1)
    mine, other = Normal(mu, (log_var / 2).exp()), Normal(other_mu, (other_log_var / 2).exp())
    expected = kl_divergence(mine, other).sum(dim=1).mean()
    torch.testing.assert_close(kl_between(mu, log_var, other_mu, other_log_var), expected)
    assert kl_between(mu, log_var, mu, log_var).abs() < 1e-6


def by_hand() -> tuple[Prediction, Targets]:
    """One window of two channels, two steps and three bins."""
    halves = torch.tensor([0.5, 0.25, 0.25]).log()
    prediction = Prediction(
        y_hat=torch.tensor([[[[1.0, 0, 0], [0, 0, 0]], [[0, 2, 0], [0, 0, 0]]]]),
        f0=halves.expand(1, 2, 2, 3),
        level=torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]]]),
        onset=torch.tensor([[[math.log(3), math.log(3)], [0.0, 0.0]]]),
    )
    targets = Targets(
        y=torch.zeros(1, 2, 2, 3),
        f0=torch.tensor([[[0, UNVOICED_BIN], [1, 2]]]),
        level=torch.tensor([[[0.3, 0.9], [1.0, 0.5]]]),
        onset=torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]),
    )
    return prediction, targets


def test_reconstruction_by_hand() -> None:
    """sigmoid(log 3) = 3/4; the cross-entropy of f0 is a mean over the three voiced steps alone."""
    ln2, ln4, ln43 = math.log(2), math.log(4), math.log(4 / 3)
    expected = {
        "mse": (1 + 4) / 12,
        "f0": (ln2 + ln4 + ln4) / 3,
        "level": (3 * ln2 + ln43) / 4,
        "onset": (ln43 + ln4 + 2 * ln2) / 4,
    }
    terms = reconstruction(*by_hand())
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)


def test_finest_is_the_first_channel_alone() -> None:
    ln2, ln4, ln43 = math.log(2), math.log(4), math.log(4 / 3)
    expected = {"mse": 1 / 6, "f0": ln2, "level": ln2, "onset": (ln43 + ln4) / 2}
    terms = reconstruction(*by_hand(), finest=True)
    assert {name: value.item() for name, value in terms.items()} == pytest.approx(expected, rel=1e-5)


def test_without_any_voice_f0_costs_nothing() -> None:
    """Zero and a zero gradient, not NaN."""
    prediction, targets = by_hand()
    targets.f0 = torch.full_like(targets.f0, UNVOICED_BIN)
    prediction.f0 = prediction.f0.clone().requires_grad_()
    loss = reconstruction(prediction, targets)["f0"]
    loss.backward()
    assert loss == 0
    assert prediction.f0.grad is not None and not prediction.f0.grad.any()


class Echo(torch.nn.Module):
    """A fake model that shows its z: mu is the mean of y, y_hat is z everywhere."""

    def __init__(self, log_var: float = CERTAIN) -> None:
        super().__init__()
        self.enc_x = self.enc_y = torch.nn.Identity()
        self.log_var = log_var

    def encode_factors(self, x_factors: Tensor, y_factors: Tensor) -> tuple[Tensor, Tensor]:
        mu = y_factors.mean(dim=(1, 2, 3))[:, None].expand(-1, 2)
        return mu, torch.full_like(mu, self.log_var)

    def decode_factors(self, x_factors: Tensor, z: Tensor) -> Prediction:
        y_hat = z[:, :1, None, None].expand_as(x_factors)
        flat = torch.zeros(x_factors.shape[:3])
        return Prediction(y_hat, torch.zeros_like(x_factors), flat, flat)


def echo_terms(
    y_values: list[float], log_var: float = CERTAIN, cross: bool = True, swapped: float = 1.0
) -> dict[str, float]:
    """Terms of Echo on windows whose y is constant."""
    y = torch.tensor(y_values)[:, None, None, None].expand(-1, 1, 2, 3)
    steps = torch.zeros(len(y), 1, 2)
    targets = Targets(y, steps.long(), steps, steps)
    model: Any = Echo(log_var)
    terms = train_terms(model, torch.zeros(y.shape), targets, cross, swapped)
    return {name: value.item() for name, value in terms.items()}


def test_each_is_rebuilt_with_the_z_of_its_partner() -> None:
    """The pairs are (1, 5) and (2, 8): differences 4 and 6, in both directions."""
    terms = echo_terms([1.0, 2.0, 5.0, 8.0])
    assert terms["mse"] == pytest.approx((16 + 36) / 2)
    assert echo_terms([1.0, 2.0, 1.0, 2.0])["mse"] == pytest.approx(0)
    assert echo_terms([1.0, 1.0, 2.0, 2.0])["mse"] == pytest.approx(1)  # not with the neighbour in the batch


def test_a_share_of_the_pairs_is_swapped() -> None:
    """Of 1000 pairs (0, 1) a quarter, each in both directions; the divergences are of all pairs."""
    torch.manual_seed(0)
    y = [0.0] * 1000 + [1.0] * 1000
    terms = echo_terms(y, log_var=0.0, swapped=0.25)
    all_swapped, none_swapped = (echo_terms(y, log_var=0.0, swapped=share) for share in (1.0, 0.0))
    assert terms["kl"] == all_swapped["kl"] and terms["cross_kl"] == all_swapped["cross_kl"]
    certain = [echo_terms(y, swapped=share)["mse"] for share in (0.0, 0.25, 1.0)]
    assert certain == pytest.approx([0.0, 0.25, 1.0], abs=0.05)
    assert none_swapped["mse"] < terms["mse"] < all_swapped["mse"]


def test_without_cross_each_has_its_own_z() -> None:
    """The ablation of section 6.3."""
    terms = echo_terms([1.0, 2.0, 5.0, 8.0], cross=False)
    assert terms["mse"] == pytest.approx(0)
    assert "cross_kl" not in terms


def test_divergences_of_a_pair() -> None:
    """Unit variances: cross-divergence (4^2 + 6^2) / 2 per axis and direction; KL (1 + 4 + 25 + 64) / 8."""
    terms = echo_terms([1.0, 2.0, 5.0, 8.0], log_var=0.0)
    assert terms["cross_kl"] == pytest.approx(2 * (16 + 36) / 2 / 2)
    assert terms["kl"] == pytest.approx(2 * (1 + 4 + 25 + 64) / 2 / 4)


def test_evaluation_terms_use_the_mean_and_the_own_z() -> None:
    """With a large variance too: z is mu (Eq. 10), so nothing is random."""
    y = torch.tensor([1.0, 2.0, 5.0, 8.0])[:, None, None, None].expand(-1, 1, 2, 3)
    steps = torch.zeros(4, 1, 2)
    model: Any = Echo(log_var=2.0)
    terms = objective.evaluation_terms(model, torch.zeros(y.shape), Targets(y, steps.long(), steps, steps))
    assert terms["mse"] == terms["mse_finest"] == 0
    assert set(terms) == {"kl"} | {
        f"{n}{s}" for n in ("mse", "f0", "level", "onset") for s in ("", "_finest")
    }


def test_total_weighs_and_warms_up() -> None:
    """30 * 2 + 3 + 5 + 7 + s * 0.02 * (10 + 20); the finest terms have no weight."""
    values = {"mse": 2.0, "f0": 3, "level": 5, "onset": 7, "kl": 10, "cross_kl": 20, "f0_finest": 1000}
    terms = {name: torch.tensor(float(value)) for name, value in values.items()}
    weights = Weights(mse=30.0, f0=1.0, level=1.0, onset=1.0, kl=0.02, cross_kl=0.02)
    for scale, expected in ((0.0, 75.0), (0.5, 75.3), (1.0, 75.6)):
        assert objective.total(terms, weights, scale).item() == pytest.approx(expected)
    assert objective.total(terms, replace(weights, f0=0.0)).item() == pytest.approx(72.6)


def test_every_part_of_the_model_learns() -> None:
    """The objective reaches every parameter of a real model."""
    torch.manual_seed(0)
    spec = tiny(live())
    model = VGAE(spec)
    shape = (4, spec.window.n_channels, spec.window.n_steps)
    x, y = torch.rand(2, *shape, spec.cqt.n_bins)
    targets = Targets(y, torch.randint(spec.cqt.n_bins, shape), torch.rand(shape), torch.rand(shape).round())
    objective.total(train_terms(model, x, targets), Weights()).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_as_a_module_it_has_the_same_terms() -> None:
    """And the model's parameters, each once."""
    spec = tiny(live())
    model = VGAE(spec)
    module = Objective(model, cross=False)
    assert [id(p) for p in module.parameters()] == [id(p) for p in model.parameters()]
    shape = (4, spec.window.n_channels, spec.window.n_steps)
    x, y = torch.rand(2, *shape, spec.cqt.n_bins)
    targets = Targets(y, torch.zeros(shape, dtype=torch.int64), torch.rand(shape), torch.rand(shape))
    both = []
    for call in (lambda: module(x, targets), lambda: train_terms(model, x, targets, cross=False)):
        torch.manual_seed(0)
        both.append({name: value.item() for name, value in call().items()})
    assert both[0] == both[1] and "cross_kl" not in both[0]
