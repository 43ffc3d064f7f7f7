"""The table of models: a row for each, with the losses that evaluation measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from songs import write_data
from tiny_runs import SPEC, config

from training.dataset import load_songs
from training.metrics import loss_metrics, observe
from training.places import evaluation_places
from training.subject import load_subject
from training.sweep import main
from training.train import train


def test_a_row_for_each_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On each folder of songs; what it says is what the model scores."""
    data, other = (write_data(tmp_path / name) for name in ("a", "b"))
    runs = [tmp_path / f"run-{seed}" for seed in (0, 1)]
    for seed, run in enumerate(runs):
        train(config(data, run, steps=2, seed=seed, command=f"train --seed {seed}"), SPEC)
    arguments = [*map(str, runs), "--data", str(data), "--data", str(other)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    rows = [line for line in text.splitlines() if line.startswith("| 4/8")]
    assert len(rows) == 2 and rows[0] != rows[1]
    assert "a: f0 | a: level | a: onset | a: pitch | b: f0" in text
    assert "train --seed 0\ntrain --seed 1\n" in text
    subject, _ = load_subject(runs[1] / "best.pt")
    songs = load_songs(other / "validation", SPEC)
    places = evaluation_places(songs, SPEC)
    expected = loss_metrics(songs, places, observe(subject, songs, places))
    assert rows[1].split("|")[8].strip() == f"{expected['loss_f0_finest']:.3f}"
    assert main([*arguments, "--out", str(tmp_path / "SWEEP.md")]) == 0
    assert (tmp_path / "SWEEP.md").read_text() == text


def test_what_is_missing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none"), "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "best.pt must be a checkpoint" in said and said.count("\n") == 1
