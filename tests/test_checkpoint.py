"""A checkpoint is written whole or not at all, rebuilds its model alone, and cannot run code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from songs import write_data
from tiny_runs import SPEC, config, small_validation

from bassnet_osc.spec import BassNetError
from training.checkpoint import (
    MODEL_KEYS,
    RESUME_KEYS,
    keep,
    load_checkpoint,
    load_model,
    machine,
    save_checkpoint,
)
from training.run import Run

__all__ = ["small_validation"]

KEYS = MODEL_KEYS | RESUME_KEYS


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """After a step, with its checkpoints."""
    run = Run(config(write_data(tmp_path / "data"), tmp_path), SPEC)
    run.train_step()
    run.checkpoint()
    return run


def outputs(model: Any, run: Run) -> dict[str, torch.Tensor]:
    """All that a model makes of the run's first validation windows."""
    x, targets = run.validation[0]
    with torch.no_grad():
        mu, log_var = model.encode(x, targets.y)
        return {"mu": mu, "log_var": log_var} | vars(model.decode(x, mu))


def test_a_failed_save_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    rest = dict.fromkeys(KEYS, 0)
    save_checkpoint(path, {**rest, "step": 1})

    def full_disk(values: object, file: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {**rest, "step": 2})
    assert load_checkpoint(path)["step"] == 1


def test_a_checkpoint_rebuilds_the_model(run: Run) -> None:
    """Alone: its spec is inside, and its outputs are those of the run."""
    model, values = load_model(run.out / "best.pt")
    assert model.spec == SPEC and values["step"] == 1 and not model.training
    expected = outputs(run.model.eval(), run)
    assert all(torch.equal(value, expected[name]) for name, value in outputs(model, run).items())


def test_a_kept_model_is_small_and_plays_the_same(run: Run) -> None:
    """A fifth of the checkpoint, its weights in half precision. Measured: outputs within 4e-4."""
    whole, kept = run.out / "best.pt", run.out / "kept.pt"
    keep(whole, kept)
    (model, values), (before, whole_values) = load_model(kept), load_model(whole)
    assert values.keys() == MODEL_KEYS
    for name in MODEL_KEYS - {"model"}:
        assert values[name] == whole_values[name]
    assert {t.dtype for t in values["model"].values()} == {torch.float16, torch.int64}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    floats = sum(p.numel() for p in model.parameters())
    assert (
        whole.stat().st_size - kept.stat().st_size > 9 * floats
    )  # of 12 bytes of weight and moments, 2 stay
    expected = outputs(before, run)
    for name, value in outputs(model, run).items():
        torch.testing.assert_close(value, expected[name], rtol=2e-3, atol=1e-3)
    keep(kept, run.out / "again.pt")
    assert outputs(load_model(run.out / "again.pt")[0], run)["mu"].equal(outputs(model, run)["mu"])


def test_a_kept_model_cannot_be_resumed(run: Run) -> None:
    keep(run.out / "last.pt", run.out / "last.pt")
    with pytest.raises(BassNetError, match=r"a kept model without best, optimizer, stale: choose") as error:
        Run(run.config, SPEC)
    assert "\n" not in str(error.value)


def test_weights_beyond_half_precision_are_not_kept(run: Run) -> None:
    values = load_checkpoint(run.out / "last.pt")
    values["model"]["enc_x.0.conv_norm.running_var"][0] = 1e6
    save_checkpoint(run.out / "last.pt", values)
    with pytest.raises(BassNetError, match=r"enc_x\.0\.conv_norm\.running_var does not"):
        keep(run.out / "last.pt", run.out / "kept.pt")
    assert not (run.out / "kept.pt").exists()


def without_weights(values: dict[str, Any]) -> None:
    values.pop("model")


def another_object(values: dict[str, Any]) -> None:
    values.clear()


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize("damage", [without_weights, another_object])
def test_a_checkpoint_of_something_else_is_refused(
    damage: Callable[[dict[str, Any]], None], resume: bool, tmp_path: Path
) -> None:
    values: dict[str, Any] = dict.fromkeys(KEYS, 0)
    damage(values)
    torch.save(values, tmp_path / "x.pt")
    with pytest.raises(BassNetError, match=r"x\.pt must be a checkpoint"):
        load_checkpoint(tmp_path / "x.pt", resume)


def test_a_checkpoint_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match=r"x\.pt must be a checkpoint .*FileNotFoundError"):
        load_model(tmp_path / "x.pt")


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "attacked"),)

    torch.save({"spec": Attack()}, tmp_path / "x.pt")
    with pytest.raises(BassNetError, match="UnpicklingError"):
        load_checkpoint(tmp_path / "x.pt")
    assert not (tmp_path / "attacked").exists()


def test_the_machine_is_the_one_that_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its GPU, or its processor also where a GPU lies idle."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    assert machine(torch.device("cuda", 0)) == "a GPU"
    assert machine(torch.device("cpu")).endswith(f", threads: {torch.get_num_threads()}")
