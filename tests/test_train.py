"""The command line of training: what it refuses, how it stops, its budget, real songs."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from songs import write_data
from tiny_runs import SPEC, config, small_validation, stop_at

from bassnet_osc.presets import PRESETS, live, paper
from bassnet_osc.spec import BassNetError, ModelSpec
from training import checkpoint, run, train
from training.artificial import Origin, make_song
from training.checkpoint import keep, load_checkpoint

__all__ = ["small_validation"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def clock(seconds_per_step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is a step later."""
    ticks = itertools.count(0.0, seconds_per_step)
    monkeypatch.setattr(train, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: 0.0))  # features take none


def test_minutes_are_a_budget_over_all_resumed_runs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of 10 s: half a minute is three steps, and a whole one three more."""
    clock(10.0, monkeypatch)
    for minutes, steps in ((0.5, 3), (0.5, 3), (1.0, 6)):
        train.train(config(data, tmp_path, minutes=minutes), SPEC)
        assert load_checkpoint(tmp_path / "last.pt")["step"] == steps


def test_a_budget_that_the_features_use_up_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match="--minutes must leave time to train"):
        train.train(config(data, tmp_path, minutes=1e-9), SPEC)
    assert list(tmp_path.iterdir()) == []


def command(data: Path, out: Path, *more: str) -> int:
    return train.main(["--data", str(data), "--out", str(out), "--steps", "2", *more])


@pytest.fixture
def tiny_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line with models of a test's size."""
    monkeypatch.setitem(PRESETS, "live", lambda: SPEC)
    monkeypatch.setattr(train.signal, "signal", lambda *args: None)


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that was said."""
    text = [line for line in capsys.readouterr().err.splitlines() if "features of" not in line]
    assert len(text) == 1
    return text[0]


@pytest.mark.usefixtures("tiny_presets")
def test_the_command_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C says how to go on, and the same command does; the checkpoint holds the command."""
    with monkeypatch.context() as patch:
        stop_at(1, patch)
        assert command(data, tmp_path / "run") == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert command(data, tmp_path / "run") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'run' / 'best.pt'}\n"
    values = load_checkpoint(tmp_path / "run" / "last.pt")
    assert values["step"] == 2
    expected = f"python -m training.train --data {data} --out {tmp_path / 'run'} --steps 2"
    assert values["config"]["command"] == expected


@pytest.mark.usefixtures("tiny_presets")
def test_bad_input_is_one_line_and_status_2(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path / "nowhere", tmp_path / "run") == 2
    assert "must hold song folders" in error_line(capsys)
    occupied = tmp_path / "file"
    occupied.write_text("")
    assert command(data, occupied) == 2
    assert "--out must be writable" in error_line(capsys) and occupied.read_text() == ""
    corrupt = tmp_path / "corrupt"
    corrupt.mkdir()
    (corrupt / "last.pt").write_bytes(b"PK, cut in the middle")
    assert command(data, corrupt) == 2
    assert "last.pt must be a checkpoint" in error_line(capsys)
    assert command(data, tmp_path / "three", "--devices", "3") == 2
    assert "must divide a batch of 10 pairs; got 3: choose 1, 2, 5, 10" in error_line(capsys)


@pytest.mark.usefixtures("tiny_presets")
def test_a_full_disk_is_one_line_and_leaves_what_was_there(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(data, tmp_path) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")}
    (tmp_path / "last.pt").unlink()  # begins anew
    capsys.readouterr()

    def full_disk(values: object, file: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full_disk)
    assert command(data, tmp_path) == 2
    assert "must be writable and have space; [Errno 28]" in error_line(capsys)
    assert (tmp_path / "best.pt").read_bytes() == before["best.pt"]
    assert not (tmp_path / "last.pt").exists()


@pytest.mark.usefixtures("tiny_presets")
def test_other_settings_are_refused_by_field(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line; another budget is none of them."""
    assert command(data, tmp_path / "run") == 0
    before = (tmp_path / "run" / "last.pt").read_bytes()
    refused = (
        (["--seed", "1"], "seed: 1 != 0"),
        (["--steps", "3"], "steps: 3 != 2"),
        (["--no-cross"], "cross: False != True"),
        (["--window", "4/16"], "window.window_frames: 16 != 8"),
        (["--recipe", "paper"], "recipe: 'paper' != 'fast'"),
    )
    for more, field in refused:
        capsys.readouterr()
        assert command(data, tmp_path / "run", *more) == 2
        assert field in error_line(capsys)
    assert command(data, tmp_path / "run", "--minutes", "1") == 0
    assert (tmp_path / "run" / "last.pt").read_bytes() == before


@pytest.mark.usefixtures("tiny_presets")
def test_a_kept_model_cannot_be_resumed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(data, tmp_path / "run") == 0
    keep(tmp_path / "run" / "last.pt", tmp_path / "run" / "last.pt")
    capsys.readouterr()
    assert command(data, tmp_path / "run") == 2
    assert "last.pt must be a whole checkpoint to go on from" in error_line(capsys)


@pytest.mark.parametrize(
    "bad",
    [
        ["--steps", "0"],
        ["--patience", "0"],
        ["--minutes", "0"],
        ["--seed", "-1"],
        ["--seed", str(2**32)],
        ["--device", "tpu"],
        ["--gamma", "-1"],
        ["--gamma", "nan"],
        ["--recipe", "slow"],
        *(["--window", text] for text in ("10", "10/", "10-40", "a/b", "-10/40", "10/40/80", "1e1/40")),
    ],
    ids=" ".join,
)
def test_impossible_arguments_are_refused(
    bad: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main(["--data", str(tmp_path), "--out", str(tmp_path / "run"), *bad])
    assert stopped.value.code == 2
    assert bad[0] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["10/30", "9/36", "40/20", "0/0"])
def test_impossible_windows_are_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the spec's own rule."""
    with pytest.raises(SystemExit) as stopped:
        command(tmp_path, tmp_path / "run", "--window", text)
    assert stopped.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "a window a/b needs" in said and f"got {text}: choose" in said


def test_a_gpu_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for there, devices in ((0, "1"), (1, "2")):
        monkeypatch.setattr(torch.cuda, "device_count", lambda there=there: there)
        with pytest.raises(SystemExit):
            command(tmp_path, tmp_path / "run", "--device", "cuda", "--devices", devices)
        assert f"needs {devices} CUDA GPU" in capsys.readouterr().err


def test_options_become_config_and_spec() -> None:
    options = ["--data", "d", "--out", "o", "--preset", "studio", "--window", "10/640", "--no-cross"]
    got, spec = train.parse([*options, "--minutes", "3", "--seed", "4", "--devices", "5", "--nodes", "2"])
    assert (spec.window.n_steps, spec.window.window_frames, spec.window.anchor) == (10, 640, "centre")
    assert (got.cross, got.minutes, got.seed, got.devices, got.nodes) == (False, 3.0, 4, 5, 2)
    assert train.parse(options[:4])[1] == live()
    got, spec = train.parse([*options[:4], "--recipe", "paper"])
    assert got.steps > 10**6 and spec.cqt == paper().cqt and spec.window == paper().window
    assert train.parse([*options[:4], "--recipe", "paper", "--steps", "7"])[0].steps == 7
    assert train.parse([*options[:4], "--recipe", "paper", "--patience", "3000"])[0].patience == 3000


@pytest.mark.usefixtures("needs_fluidsynth")
def test_songs_of_the_paper_train_a_model(tmp_path: Path) -> None:
    """Forty steps of a small model on four songs of A1: the loss falls to less than half.

    Measured, the last five steps beside the first five: loss 0.35, f0 0.78, MSE 0.04, onset 0.56.
    """
    for split, count in (("train", 4), ("validation", 1)):
        (tmp_path / split).mkdir()
        for i in range(count):
            make_song(Origin("A1", split, i, 0), tmp_path / split / f"{i:04d}")
    spec = replace(live(), model=ModelSpec(n_maps=8))
    small = run.Run(config(tmp_path, tmp_path / "run", steps=40, batch_pairs=10), spec)
    steps = [small.train_step() for _ in range(40)]
    ratios = {
        name: sum(terms[name] for terms in steps[-5:]) / sum(terms[name] for terms in steps[:5])
        for name in ("loss", "f0", "mse", "onset")
    }
    assert ratios["loss"] < 0.5 and ratios["mse"] < 0.2
    assert ratios["f0"] < 0.9 and ratios["onset"] < 0.8


def test_maps_and_anticipation_are_told_on_the_command_line(tmp_path: Path) -> None:
    """Recipes keep what was asked for."""
    for recipe in ("fast", "groove", "paper"):
        _, spec = train.parse(["--data", "d", "--out", "o", "--recipe", recipe, "--maps", "16", "--ahead"])
        assert spec.model.n_maps == 16
        assert spec.window.ahead == spec.window.latency_frames + 1 > 0


def test_no_maps_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.parse(["--data", "d", "--out", "o", "--maps", "0"])
    assert "a model needs positive sizes" in capsys.readouterr().err
