"""Validation during training: its windows, what it leaves alone, and when it ends the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from songs import write_data
from tiny_runs import SPEC, config, small_validation

from bassnet_osc.spec import BassNetError
from training.checkpoint import load_checkpoint
from training.dataset import compressed, cut_windows, load_songs, random_pairs
from training.run import Run
from training.train import train

__all__ = ["small_validation"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def test_validation_is_of_the_validation_songs(data: Path, tmp_path: Path) -> None:
    """Its windows are places of that split, drawn with the run's seed."""
    run = Run(config(data, tmp_path, seed=3), SPEC)
    songs = load_songs(data / "validation", SPEC)
    places = random_pairs(songs, 8, SPEC, np.random.default_rng(3))
    x, targets = compressed(cut_windows(songs, places, SPEC), SPEC)
    assert torch.equal(torch.cat([x for x, _ in run.validation]), x)
    assert torch.equal(torch.cat([t.y for _, t in run.validation]), targets.y)


def test_validation_leaves_the_model_as_it_is(data: Path, tmp_path: Path) -> None:
    """In evaluation mode: the running statistics of the batch normalisations stay."""
    run = Run(config(data, tmp_path), SPEC)
    run.train_step()
    before = {name: t.clone() for name, t in run.model.state_dict().items()}
    run.validate()
    for name, t in run.model.state_dict().items():
        assert torch.equal(t, before[name]), name


def validated_as(losses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the validation losses by these."""
    left = iter(losses)
    names = ("kl", "f0_finest", "level_finest", "onset_finest")
    monkeypatch.setattr(Run, "validate", lambda run: {"loss": next(left)} | dict.fromkeys(names, 0.0))


def test_early_stopping(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Best at step 4; two validations without improvement end it at step 8."""
    validated_as([3.0, 2.0, 2.5, 2.0, 1.0], monkeypatch)
    best = train(config(data, tmp_path, validate_every=2, patience=2), SPEC)
    assert load_checkpoint(best)["step"] == 4
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 8


def test_an_improvement_begins_the_patience_anew(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated_as([3.0, 3.5, 2.0, 2.5, 2.5], monkeypatch)
    train(config(data, tmp_path, validate_every=2, patience=2), SPEC)
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 10


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_run_that_diverges_ends_in_one_line(
    loss: float, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved before stays."""
    validated_as([3.0, loss], monkeypatch)
    with pytest.raises(BassNetError, match=f"at step 4 it is {loss}") as error:
        train(config(data, tmp_path, validate_every=2), SPEC)
    assert "\n" not in str(error.value)
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 2
