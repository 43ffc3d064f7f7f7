"""The knobs of a training run and its learning rate; the model's own numbers are in its Spec."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from training.objective import Weights

FREE = {"minutes", "out", "device"}  # a resumed run may have others: they change no step


@dataclass(frozen=True)
class TrainConfig:
    """All that a run depends on beside its Spec."""

    data: str  # folder with train/ and validation/
    out: str  # folder of the run
    steps: int = 3500  # length of the learning-rate schedule
    minutes: float = math.inf  # stops earlier than that, wherever the schedule is
    batch_pairs: int = 20  # pairs of neighbours in a step (section 5.3: batch size 20)
    learning_rate: float = 2e-3  # peak of a one-cycle schedule; the paper's Adam has 1e-4, constant
    weight_decay: float = 1e-4  # AdamW
    kl_warmup: int = 2000  # steps until the KL terms have their weight: at once, the posterior collapses
    gain_db: tuple[float, float] = (-24.0, 6.0)  # random gain of the mix: its level must not matter
    silent: float = 0.02  # share of pairs without any sound: silence in, silence out
    validate_every: int = 200  # steps
    patience: int = 10  # validations without improvement until it stops
    cross: bool = True  # False is the ablation of section 6.3
    seed: int = 0
    device: str = "cpu"
    weights: Weights = field(default_factory=Weights)

    def differences(self, stored: dict[str, Any]) -> list[str]:
        """The fields, but for minutes, out and device, that differ from a checkpoint's, as 'seed: 1 != 0'."""
        mine, theirs = _by_field(asdict(self)), _by_field(stored)
        return [
            f"{name}: {mine.get(name)!r} != {theirs.get(name)!r}"
            for name in sorted((mine.keys() | theirs.keys()) - FREE)
            if mine.get(name) != theirs.get(name)
        ]


def _by_field(config: dict[str, Any]) -> dict[str, Any]:
    """The weights as fields of their own."""
    weights = {f"weights.{name}": value for name, value in config["weights"].items()}
    return {name: value for name, value in config.items() if name != "weights"} | weights


def learning_rate(step: int, config: TrainConfig) -> float:
    """One cycle: linear rise over the first tenth, then half a cosine down to zero."""
    rise = config.steps / 10
    if step < rise:
        return config.learning_rate * (step + 1) / rise
    progress = min(1.0, (step - rise) / (config.steps - rise))
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
