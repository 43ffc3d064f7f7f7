"""Training runs of a test's size, and how two of them are compared."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from songs import tiny
from torch import Tensor

from bassnet_osc.presets import live
from training import run
from training.checkpoint import load_checkpoint
from training.config import TrainConfig
from training.run import Run

SPEC = tiny(live())


@pytest.fixture(autouse=True)
def small_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight pairs."""
    monkeypatch.setattr(run, "VALIDATION_PAIRS", 8)


def config(data: Path, out: Path, **changes: Any) -> TrainConfig:
    """A run of seconds."""
    base = TrainConfig(str(data), str(out), steps=24, batch_pairs=4, kl_warmup=0.5, validate_every=10)
    return replace(base, **changes)


def flat(values: Any, name: str = "") -> dict[str, Any]:
    """The tensors and numbers of a checkpoint by their path."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    out: dict[str, Any] = {}
    for key, value in items:
        path = f"{name}/{key}"
        out |= flat(value, path) if isinstance(value, dict | list | tuple) else {path: value}
    return out


def assert_same_state(a: Path, b: Path) -> None:
    """Bit for bit, but for the seconds that it took, its command and the folder it went to."""
    left, right = flat(load_checkpoint(a)), flat(load_checkpoint(b))
    assert left.keys() == right.keys()
    for name, value in left.items():
        if isinstance(value, Tensor):
            assert torch.equal(value, right[name]), name
        elif name not in ("/seconds", "/feature_seconds", "/feature_songs", "/config/out", "/config/command"):
            assert value == right[name], name


def log_rows(out: Path) -> list[list[str]]:
    """The rows of a run's log."""
    with (out / "log.csv").open(newline="") as file:
        return list(csv.reader(file))


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a step."""
    whole_step = Run.train_step

    def interrupted(run: Run) -> dict[str, float]:
        if run.step == step:
            raise KeyboardInterrupt
        return whole_step(run)

    monkeypatch.setattr(Run, "train_step", interrupted)
