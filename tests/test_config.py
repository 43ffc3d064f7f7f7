"""The recipes, the learning rate's and the divergences' curves, and what a resumed run may not change."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from songs import tiny, write_data
from torch.nn import functional as F

from bassnet_osc.presets import PRESETS, live, paper
from training.config import RECIPES, TrainConfig, kl_scale, learning_rate, swapped_share
from training.model import Prediction
from training.objective import Targets, Weights, kl_between, kl_standard, reconstruction, total
from training.run import Run

CONFIG = TrainConfig("data", "run")


def test_learning_rate_is_one_cycle() -> None:
    """Up in the first tenth, down to zero at the end, 4e-3 at most."""
    c = TrainConfig("", "", steps=1000)
    rates = [learning_rate(step, c) for step in range(1000)]
    assert rates[0] == pytest.approx(4e-5)
    assert max(rates) == rates[99] == rates[100] == pytest.approx(4e-3)
    assert rates[550] == pytest.approx(2e-3)
    assert rates[-1] < 2e-7 and learning_rate(1000, c) == 0.0
    assert all(b >= a for a, b in itertools.pairwise(rates[:100]))
    assert all(b <= a for a, b in itertools.pairwise(rates[100:]))


def test_without_a_cycle_the_learning_rate_is_constant() -> None:
    c = replace(CONFIG, cycle=False, learning_rate=1e-4)
    assert {learning_rate(step, c) for step in (0, 1, 500, 10**6)} == {1e-4}


def test_divergences_warm_up_over_a_share_of_the_steps() -> None:
    c = replace(CONFIG, steps=1000, kl_warmup=0.5)
    assert [kl_scale(step, c) for step in (0, 100, 499, 500, 999)] == [0.0, 0.2, 0.998, 1.0, 1.0]
    assert {kl_scale(step, replace(c, kl_warmup=0.0)) for step in (0, 1, 999)} == {1.0}
    assert kl_scale(999, replace(c, kl_warmup=1.0)) == pytest.approx(0.999)


def test_pairs_are_swapped_by_and_by() -> None:
    c = replace(CONFIG, steps=1000, cross_warmup=0.5, cross_cooldown=0.2)
    assert [swapped_share(step, c) for step in (0, 250, 500, 800, 900, 999)] == [0, 0.5, 1, 1, 0.5, 0.005]
    assert swapped_share(0, replace(c, cross_warmup=0.0)) == 1.0
    assert swapped_share(999, replace(c, cross_cooldown=0.0)) == 1.0


def test_the_groove_recipe_is_the_fast_one_in_all_keys() -> None:
    """Longer, moved by whole semitones, its onsets easier to learn."""
    config, spec = RECIPES["groove"](CONFIG, live())
    assert config.transpose_bins == 5 * 3 and config.steps > CONFIG.steps
    assert config.onset_tail == 2 and config.weights == replace(CONFIG.weights, onset=8.0)
    changed = replace(config, steps=CONFIG.steps, transpose_bins=0, onset_tail=0, weights=CONFIG.weights)
    assert changed == CONFIG
    assert spec == replace(live(), model=replace(live().model, heads="wide"))


def test_the_fast_recipe_is_the_default() -> None:
    """But a normalised mix has one level, and is never silent."""
    assert RECIPES["fast"](CONFIG, live()) == (CONFIG, live())
    config, spec = RECIPES["fast"](CONFIG, paper())
    assert (config.gain_db, config.silent) == ((0.0, 0.0), 0.0)
    assert replace(config, gain_db=CONFIG.gain_db, silent=CONFIG.silent) == CONFIG and spec == paper()


@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_paper_s_recipe(preset: str) -> None:
    """Section 5.3, number by number; of the spec it changes the maps alone."""
    before = PRESETS[preset]()
    config, spec = RECIPES["paper"](CONFIG, before)
    assert spec == replace(before, model=replace(before.model, n_maps=128))
    assert spec.model.n_blocks == 5
    assert 2 * config.batch_pairs == 20  # instances
    assert 2 * config.batch_pairs * config.validate_every == 1000  # a mini-epoch
    assert config.patience == 1000 and config.patience * config.validate_every < config.steps
    assert {learning_rate(step, config) for step in (0, 10, 10**6)} == {1e-4}
    assert {kl_scale(step, config) for step in (0, 10, 10**6)} == {1.0}
    assert {swapped_share(step, config) for step in (0, 10, 10**6)} == {1.0}
    assert (config.weights.kl, config.weights.cross_kl) == (1.0, 1.0)
    assert (config.gain_db, config.silent, config.autocast) == ((0.0, 0.0), 0.0, False)
    assert config.transpose_bins == 0
    kept = ("data", "out", "minutes", "cross", "seed", "device", "batch_pairs")
    assert all(getattr(config, name) == getattr(CONFIG, name) for name in kept)


def test_the_paper_s_weights_make_sums_of_means() -> None:
    """Eq. 9 as printed, its terms summed over a window and averaged over the batch, every step voiced."""
    config, spec = RECIPES["paper"](CONFIG, tiny(paper()))
    shape = (6, spec.window.n_channels, spec.window.n_steps)
    wide = (*shape, spec.cqt.n_bins)
    torch.manual_seed(0)
    f0 = torch.randint(spec.cqt.n_bins, shape)
    targets = Targets(torch.rand(wide), f0, torch.rand(shape), torch.rand(shape).round())
    guess = Prediction(torch.rand(wide), torch.randn(wide), torch.randn(shape), torch.randn(shape))
    mu, log_var, other_mu, other_log_var = torch.randn(4, 6, 2)
    divergences = {
        "kl": kl_standard(mu, log_var),
        "cross_kl": kl_between(mu, log_var, other_mu, other_log_var),
    }
    got = total(divergences | reconstruction(guess, targets), config.weights, kl_scale(0, config))
    level, onset = guess.level.sigmoid(), guess.onset.sigmoid()
    summed = (
        ((guess.y_hat - targets.y) ** 2).sum()
        - guess.f0.log_softmax(dim=-1).gather(-1, f0[..., None]).sum()
        + F.binary_cross_entropy(level, targets.level, reduction="sum")
        + F.binary_cross_entropy(onset, targets.onset, reduction="sum")
    )
    assert got.item() == pytest.approx((summed / 6 + sum(divergences.values())).item(), rel=1e-5)


def test_the_paper_s_optimiser_is_adam(tmp_path: Path) -> None:
    """Ten steps beside torch.optim.Adam on the gradients of the run. Measured: the same bits."""
    write_data(tmp_path / "data", n_train=1)
    config, spec = RECIPES["paper"](TrainConfig(str(tmp_path / "data"), str(tmp_path / "run")), tiny(live()))
    run = Run(config, replace(spec, model=tiny(live()).model))
    twins = [p.detach().clone().requires_grad_() for p in run.model.parameters()]
    adam = torch.optim.Adam(twins, lr=1e-4)
    for _ in range(10):
        run.train_step()
        for twin, parameter in zip(twins, run.model.parameters(), strict=True):
            twin.grad = parameter.grad
        adam.step()
    for twin, parameter in zip(twins, run.model.parameters(), strict=True):
        torch.testing.assert_close(twin, parameter, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"data": "other"}, "data: 'other' != 'data'"),
        ({"recipe": "paper"}, "recipe: 'paper' != 'fast'"),
        ({"seed": 1}, "seed: 1 != 0"),
        ({"steps": 5}, f"steps: 5 != {CONFIG.steps}"),
        ({"cross": False}, "cross: False != True"),
        ({"gain_db": (0.0, 0.0)}, "gain_db: (0.0, 0.0) != (-24.0, 6.0)"),
        ({"weights": Weights(kl=1.0)}, f"weights.kl: 1.0 != {Weights().kl}"),
    ],
)
def test_a_difference_names_its_field(change: dict[str, Any], difference: str) -> None:
    assert replace(CONFIG, **change).differences(asdict(CONFIG)) == [difference]


def test_budget_folder_and_machines_are_free() -> None:
    """They change no step."""
    free = {"minutes": 1.0, "out": "elsewhere", "device": "cuda", "devices": 2, "nodes": 3, "command": "x"}
    assert replace(CONFIG, **free).differences(asdict(CONFIG)) == []


def test_a_field_that_the_checkpoint_lacks_is_a_difference() -> None:
    stored = asdict(CONFIG)
    del stored["silent"]
    assert CONFIG.differences(stored) == ["silent: 0.02 != None"]


def test_no_budget_is_endless() -> None:
    assert CONFIG.minutes == math.inf
