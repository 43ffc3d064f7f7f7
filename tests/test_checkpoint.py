"""A checkpoint is written whole or not at all, rebuilds its model alone, and cannot run code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from songs import tiny, write_data

from bassnet_osc.spec import BassNetError, live
from training.checkpoint import CHECKPOINT_KEYS, load_checkpoint, load_model, save_checkpoint
from training.config import TrainConfig
from training.train import Run

SPEC = tiny(live())


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    rest = dict.fromkeys(CHECKPOINT_KEYS, 0)
    save_checkpoint(path, {**rest, "step": 1})

    def full_disk(values: object, file: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {**rest, "step": 2})
    assert load_checkpoint(path)["step"] == 1


def test_a_checkpoint_rebuilds_the_model(tmp_path: Path) -> None:
    """Alone: its spec is inside, and its outputs are those of the run."""
    data = write_data(tmp_path / "data")
    run = Run(TrainConfig(str(data), str(tmp_path), batch_pairs=4), SPEC)
    run.train_step()
    run.checkpoint()
    model, values = load_model(tmp_path / "best.pt")
    assert model.spec == SPEC and values["step"] == 1 and not model.training
    x, targets = run.validation[0]
    run.model.eval()
    with torch.no_grad():
        mu, _ = model.encode(x, targets.y)
        assert torch.equal(mu, run.model.encode(x, targets.y)[0])
        assert torch.equal(model.decode(x, mu).f0, run.model.decode(x, mu).f0)


def change_weights(values: dict[str, Any]) -> None:
    values.pop("optimizer")


def another_object(values: dict[str, Any]) -> None:
    values.clear()


@pytest.mark.parametrize("damage", [change_weights, another_object])
def test_a_checkpoint_of_something_else_is_refused(
    damage: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    values: dict[str, Any] = dict.fromkeys(CHECKPOINT_KEYS, 0)
    damage(values)
    torch.save(values, tmp_path / "x.pt")
    with pytest.raises(BassNetError, match=r"x\.pt must be a checkpoint"):
        load_checkpoint(tmp_path / "x.pt")


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "attacked"),)

    torch.save({"spec": Attack()}, tmp_path / "x.pt")
    with pytest.raises(BassNetError, match="UnpicklingError"):
        load_checkpoint(tmp_path / "x.pt")
    assert not (tmp_path / "attacked").exists()
