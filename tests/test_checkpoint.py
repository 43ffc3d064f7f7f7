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
    CONFIG_KEYS,
    FEATURE_KEYS,
    MODEL_KEYS,
    RESUME_KEYS,
    TRAINED_ON_KEYS,
    keep,
    load_checkpoint,
    load_model,
    machine,
    save_checkpoint,
)
from training.model import VGAE
from training.run import Run

__all__ = ["small_validation"]

# What a checkpoint must have, whatever it is.
NOTHING: dict[str, Any] = dict.fromkeys(MODEL_KEYS | RESUME_KEYS, 0)
NOTHING |= {"config": dict.fromkeys(CONFIG_KEYS, 0), "trained_on": dict.fromkeys(TRAINED_ON_KEYS, 0)}


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
    save_checkpoint(path, {**NOTHING, "step": 1})

    def full_disk(values: object, file: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {**NOTHING, "step": 2})
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
    assert values.keys() == MODEL_KEYS | FEATURE_KEYS
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


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None, "spec": None}, "it lacks model, spec: train"),
        (dict.fromkeys(NOTHING), "it lacks config, machine, model, "),
        (
            {"config": {"recipe": "fast", "seed": 0}},
            r"it lacks config\.command, config\.cross, config\.weights:",
        ),
        ({"config": 3}, r"it lacks config\.command, config\.cross, "),
        ({"trained_on": {"data_set": "A1"}}, r"it lacks trained_on\.songs:"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    changes: dict[str, Any], message: str, resume: bool, tmp_path: Path
) -> None:
    """None stands for a name that is not there."""
    values = {name: value for name, value in (NOTHING | changes).items() if value is not None}
    torch.save(values, tmp_path / "x.pt")
    with pytest.raises(
        BassNetError, match=r"x\.pt must be a checkpoint of training\.train; " + message
    ) as error:
        load_checkpoint(tmp_path / "x.pt", resume)
    assert "\n" not in str(error.value)


def test_what_is_no_dictionary_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "x.pt")
    with pytest.raises(BassNetError, match=r"x\.pt must be a checkpoint .*it lacks config, "):
        load_model(tmp_path / "x.pt")


def of_another_size(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: torch.cat([t, t]) if t.dim() else t for name, t in weights.items()}


def without_one(weights: dict[str, Any]) -> dict[str, Any]:
    return dict(list(weights.items())[1:])


def no_weights(weights: dict[str, Any]) -> int:
    return len(weights)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (of_another_size, "size mismatch for "),
        (without_one, "Missing key"),
        (no_weights, "Expected state_dict to be dict-like"),
    ],
)
@pytest.mark.parametrize("use", [load_model, lambda path: keep(path, path.with_name("kept.pt"))])
def test_weights_of_another_model_are_refused(
    use: Callable[[Path], object], damage: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path
) -> None:
    """In one line, where torch has one for each of them; a model that cannot be loaded is not kept either."""
    weights = damage(VGAE(SPEC).state_dict())
    save_checkpoint(tmp_path / "x.pt", NOTHING | {"spec": SPEC.to_dict(), "model": weights})
    with pytest.raises(
        BassNetError, match=r"x\.pt must hold the weights of the model that its spec says; "
    ) as error:
        use(tmp_path / "x.pt")
    assert message in str(error.value) and "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["x.pt"]


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
