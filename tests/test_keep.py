"""Rows: a kept model is small, plays as the trained one does, and a folder without a model gives one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from songs import tiny

from bassnet_osc.presets import live
from training.checkpoint import load_model, save_checkpoint
from training.keep import main
from training.model import VGAE


def write_run(folder: Path) -> VGAE:
    """A run's best.pt of an untrained model."""
    torch.manual_seed(0)
    model = VGAE(tiny(live()))
    folder.mkdir()
    config = {"recipe": "fast", "command": "", "cross": True, "seed": 0, "weights": {}}
    values = {"spec": model.spec.to_dict(), "config": config, "model": model.state_dict(), "step": 7}
    values |= {"seconds": 60.0, "trained_on": {"data_set": "A1", "songs": 3}, "machine": "a machine"}
    save_checkpoint(folder / "best.pt", values | {"optimizer": {}, "stale": 0, "best": 1.0})
    return model


def test_a_kept_model_is_the_trained_one_in_half_precision(tmp_path: Path) -> None:
    trained = write_run(tmp_path / "run")
    assert main([str(tmp_path / "run")], tmp_path / "results") == 0
    row = tmp_path / "results" / "run.pt"
    kept, values = load_model(row)
    assert values["step"] == 7 and "optimizer" not in values
    for name, weight in trained.state_dict().items():
        torch.testing.assert_close(kept.state_dict()[name], weight, rtol=2**-10, atol=1e-7)
    assert row.stat().st_size < 0.75 * (tmp_path / "run" / "best.pt").stat().st_size  # 0.55 measured


def test_a_folder_without_a_model_gives_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)], tmp_path / "results") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "best.pt must be a checkpoint" in error
    assert not list((tmp_path / "results").iterdir())


def test_a_full_disk_gives_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "run")

    def full_disk(values: object, file: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    assert main([str(tmp_path / "run")], tmp_path / "results") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "No space left on device: mend it" in error


def test_results_that_cannot_be_a_folder_give_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "results").write_text("a file")
    assert main([str(tmp_path / "run")], tmp_path / "results") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "results must be writable" in error
