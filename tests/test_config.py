"""The learning rate's curve, and what a resumed run may not change."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from typing import Any

import pytest

from training.config import TrainConfig, learning_rate
from training.objective import Weights

CONFIG = TrainConfig("data", "run")


def test_learning_rate_is_one_cycle() -> None:
    """Up in the first tenth, down to zero at the end, 2e-3 at most."""
    c = TrainConfig("", "", steps=1000)
    rates = [learning_rate(step, c) for step in range(1000)]
    assert rates[0] == pytest.approx(2e-5)
    assert max(rates) == rates[99] == rates[100] == pytest.approx(2e-3)
    assert rates[550] == pytest.approx(1e-3)
    assert rates[-1] < 1e-7 and learning_rate(1000, c) == 0.0
    assert all(b >= a for a, b in itertools.pairwise(rates[:100]))
    assert all(b <= a for a, b in itertools.pairwise(rates[100:]))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"data": "other"}, "data: 'other' != 'data'"),
        ({"seed": 1}, "seed: 1 != 0"),
        ({"steps": 5}, "steps: 5 != 3500"),
        ({"gain_db": (0.0, 0.0)}, "gain_db: (0.0, 0.0) != (-24.0, 6.0)"),
        ({"weights": Weights(kl=1.0)}, f"weights.kl: 1.0 != {Weights().kl}"),
    ],
)
def test_a_difference_names_its_field(change: dict[str, Any], difference: str) -> None:
    assert replace(CONFIG, **change).differences(asdict(CONFIG)) == [difference]


def test_budget_folder_and_device_are_free() -> None:
    """They change no step."""
    other = replace(CONFIG, minutes=1.0, out="elsewhere", device="cuda")
    assert other.differences(asdict(CONFIG)) == []


def test_a_field_that_the_checkpoint_lacks_is_a_difference() -> None:
    stored = asdict(CONFIG)
    del stored["silent"]
    assert CONFIG.differences(stored) == ["silent: 0.02 != None"]
