"""A training run: it learns, stops at any moment and resumes to the same bits, and says what is wrong."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from songs import tiny, write_data
from torch import Tensor

from bassnet_osc.spec import PRESETS, BassNetError, live
from training import train as training
from training.checkpoint import load_checkpoint
from training.config import TrainConfig
from training.dataset import compressed, cut_windows, load_songs, random_pairs
from training.train import Run, train

SPEC = tiny(live())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def small_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "VALIDATION_PAIRS", 8)


def config(data: Path, out: Path, **changes: Any) -> TrainConfig:
    """A run of seconds."""
    base = TrainConfig(str(data), str(out), steps=24, batch_pairs=4, kl_warmup=10, validate_every=10)
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
    """Bit for bit, but for the seconds that it took and the folder it went to."""
    left, right = flat(load_checkpoint(a)), flat(load_checkpoint(b))
    assert left.keys() == right.keys()
    for name, value in left.items():
        if isinstance(value, Tensor):
            assert torch.equal(value, right[name]), name
        elif name not in ("/seconds", "/config/out"):
            assert value == right[name], name


def log_rows(out: Path) -> list[list[str]]:
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


def test_it_learns(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty steps on one batch: the loss falls below a third, f0 too. Measured: to 0.17, f0 5.7 to 3.1."""
    run = Run(config(data, tmp_path, steps=40, learning_rate=1e-2, kl_warmup=1000), SPEC)
    fixed = run.train_batch(0)
    monkeypatch.setattr(run, "train_batch", lambda step: fixed)
    first, *_, last = [run.train_step() for _ in range(40)]
    assert last["loss"] < first["loss"] / 3
    assert last["f0"] < 0.8 * first["f0"]


def test_the_loss_is_the_weighted_sum_of_its_terms(data: Path, tmp_path: Path) -> None:
    """With the warm-up: at step 5 of 10 the divergences count half."""
    run = Run(config(data, tmp_path), SPEC)
    run.step = 5
    terms = run.train_step()
    weights = vars(run.config.weights)
    expected = sum(w * terms[n] * (0.5 if n.endswith("kl") else 1.0) for n, w in weights.items())
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("step", [5, 23])
def test_resumed_equals_unbroken(
    step: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before its first checkpoint, and between its second and its last: same weights, same log."""
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    train(config(data, unbroken), SPEC)
    with monkeypatch.context() as patch:
        stop_at(step, patch)
        with pytest.raises(KeyboardInterrupt):
            train(config(data, broken), SPEC)
    assert (broken / "last.pt").exists() == (step > 10)
    train(config(data, broken), SPEC)
    assert load_checkpoint(broken / "last.pt")["step"] == 24
    for name in ("last.pt", "best.pt"):
        assert_same_state(unbroken / name, broken / name)
    assert log_rows(unbroken) == log_rows(broken)


def test_log_holds_no_step_twice(data: Path, tmp_path: Path) -> None:
    """Rows beyond the resumed step, and one cut in the middle, are dropped; the others stay."""
    run = Run(config(data, tmp_path), SPEC)
    run.step = 10
    run.log("train", {"loss": 3.0})
    run.checkpoint()
    kept = log_rows(tmp_path)
    run.step = 20
    run.log("train", {"loss": 2.0})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("2")
    resumed = Run(config(data, tmp_path), SPEC)
    assert resumed.step == 10
    assert log_rows(tmp_path) == kept
    assert kept[:2] == [["step", "kind", "term", "value"], ["10", "train", "loss", "3"]]


def test_log_has_every_term(data: Path, tmp_path: Path) -> None:
    """Every 20 steps those of Eq. 9, at every validation those of Eq. 10."""
    train(config(data, tmp_path), SPEC)
    logged: dict[tuple[str, str], set[str]] = {}
    for step, kind, term, value in log_rows(tmp_path)[1:]:
        assert math.isfinite(float(value))
        logged.setdefault((kind, step), set()).add(term)
    assert set(logged) == {("train", "20"), *(("validation", step) for step in ("10", "20", "24"))}
    reconstruction = {"mse", "f0", "level", "onset"}
    assert logged["train", "20"] == {"loss", "kl", "cross_kl"} | reconstruction
    assert logged["validation", "24"] == {"loss", "kl"} | reconstruction | {
        f"{n}_finest" for n in reconstruction
    }


def test_a_seed_is_a_run(data: Path, tmp_path: Path) -> None:
    """The same seed gives the same bits, another seed another model."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(config(data, tmp_path / name, steps=3, seed=seed), SPEC)
    assert_same_state(tmp_path / "a" / "last.pt", tmp_path / "b" / "last.pt")
    a, c = (load_checkpoint(tmp_path / name / "last.pt")["model"] for name in "ac")
    assert not torch.equal(a["enc_x.0.conv.weight"], c["enc_x.0.conv.weight"])


def test_each_step_has_its_own_batch(data: Path, tmp_path: Path) -> None:
    """It depends on the step alone, not on what was asked before."""
    run = Run(config(data, tmp_path), SPEC)
    x, targets = run.train_batch(3)
    assert not torch.equal(x, run.train_batch(4)[0])
    again, again_targets = run.train_batch(3)
    assert torch.equal(x, again) and torch.equal(targets.f0, again_targets.f0)


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


def test_the_mix_has_a_random_gain(data: Path, tmp_path: Path) -> None:
    """Each pair's windows have theirs, within gain_db; the bass has none.

    Only in the finest channel, which averages nothing, can the logarithm be undone.
    """
    quiet, still = (
        Run(config(data, tmp_path / name, silent=0.0, gain_db=gain_db), SPEC)
        for name, gain_db in (("quiet", (-24.0, 6.0)), ("still", (0.0, 0.0)))
    )
    (x, targets), (x_still, targets_still) = quiet.train_batch(0), still.train_batch(0)
    assert torch.equal(targets.y, targets_still.y) and torch.equal(targets.level, targets_still.level)
    c = math.log1p(SPEC.cqt.log_gain)
    loudness, loudness_still = (torch.expm1(c * t[:, 0]).sum(dim=(1, 2)) for t in (x, x_still))
    gain = (loudness / loudness_still)[loudness_still > 0]
    gain_db = 20 * gain.log10()
    assert len(gain) >= 6
    assert (gain_db > -24.01).all() and (gain_db < 6.01).all()
    assert gain_db.std() > 3  # of a uniform distribution over 30 dB: 8.7


def test_each_step_has_its_own_noise(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch and weights stay: the divergence does too, but not what is rebuilt from the samples of z."""
    run = Run(config(data, tmp_path, learning_rate=0.0), SPEC)
    fixed = run.train_batch(0)
    monkeypatch.setattr(run, "train_batch", lambda step: fixed)
    steps = [run.train_step() for _ in range(4)]
    assert len({terms["kl"] for terms in steps}) == 1
    assert len({terms["mse"] for terms in steps}) == 4


def test_silent_pairs(data: Path, tmp_path: Path) -> None:
    """Mix and bass of both halves of the pair are silent."""
    run = Run(config(data, tmp_path, silent=0.5, batch_pairs=20), SPEC)
    x, targets = run.train_batch(0)
    silent = ~x.flatten(1).any(dim=1)
    assert 10 <= silent.sum() <= 30
    assert torch.equal(silent[:20], silent[20:])
    assert not targets.level[silent].any() and (targets.f0[silent] == -1).all()


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


def clock(seconds_per_step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is a step later."""
    ticks = itertools.count(0.0, seconds_per_step)
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: next(ticks)))


def test_minutes_are_a_budget_over_all_resumed_runs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of 10 s: half a minute is three steps, and a whole one three more."""
    clock(10.0, monkeypatch)
    train(config(data, tmp_path, minutes=0.5), SPEC)
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3
    train(config(data, tmp_path, minutes=0.5), SPEC)
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 3
    train(config(data, tmp_path, minutes=1.0), SPEC)
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 6


def command(data: Path, out: Path, *more: str) -> int:
    return training.main(["--data", str(data), "--out", str(out), "--steps", "2", *more])


@pytest.fixture
def tiny_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line with models of a test's size."""
    monkeypatch.setitem(PRESETS, "live", lambda: SPEC)
    monkeypatch.setattr(training.signal, "signal", lambda *args: None)


@pytest.mark.usefixtures("tiny_presets")
def test_the_command_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C says how to go on, and the same command does."""
    with monkeypatch.context() as patch:
        stop_at(1, patch)
        assert command(data, tmp_path / "run") == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert command(data, tmp_path / "run") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'run' / 'best.pt'}\n"
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 2


@pytest.mark.usefixtures("tiny_presets")
def test_bad_input_is_one_line_and_status_2(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def line() -> str:
        text = [line for line in capsys.readouterr().err.splitlines() if "features of" not in line]
        assert len(text) == 1
        return text[0]

    assert command(tmp_path / "nowhere", tmp_path / "run") == 2
    assert "must hold song folders" in line()
    occupied = tmp_path / "file"
    occupied.write_text("")
    assert command(data, occupied) == 2
    assert "--out must be writable" in line() and occupied.read_text() == ""
    run = tmp_path / "corrupt"
    run.mkdir()
    (run / "last.pt").write_bytes(b"PK, cut in the middle")
    assert command(data, run) == 2
    assert "last.pt must be a checkpoint" in line()


def test_another_spec_is_refused_by_field(data: Path, tmp_path: Path) -> None:
    Run(config(data, tmp_path), SPEC).checkpoint()
    other = dataclasses.replace(SPEC, model=replace(SPEC.model, n_maps=8, latent_dim=3))
    with pytest.raises(BassNetError, match=r"model\.n_maps: 4 != 8|n_maps: 8 != 4") as error:
        Run(config(data, tmp_path), other)
    assert "model.latent_dim: 3 != 2" in str(error.value)
    assert load_checkpoint(tmp_path / "last.pt")["spec"] == SPEC.to_dict()


@pytest.mark.usefixtures("tiny_presets")
def test_other_settings_are_refused_by_field(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line; another budget is none of them."""
    assert command(data, tmp_path / "run") == 0
    before = (tmp_path / "run" / "last.pt").read_bytes()
    for more, field in ((["--seed", "1"], "seed: 1 != 0"), (["--steps", "3"], "steps: 3 != 2")):
        capsys.readouterr()
        assert command(data, tmp_path / "run", *more) == 2
        said = capsys.readouterr().err
        assert field in said and said.count("\n") == 1
    assert command(data, tmp_path / "run", "--minutes", "1") == 0
    assert (tmp_path / "run" / "last.pt").read_bytes() == before


@pytest.mark.parametrize("bad", [["--steps", "0"], ["--minutes", "0"], ["--seed", "-1"], ["--device", "tpu"]])
def test_impossible_arguments_are_refused(
    bad: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        training.main(["--data", str(tmp_path), "--out", str(tmp_path / "run"), *bad])
    assert stopped.value.code == 2
    assert bad[0] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_latents_of_any_size_train(data: Path, tmp_path: Path) -> None:
    """Sizes are the spec's: three latents, centred windows, the ablation without cross-reconstruction."""
    spec = replace(
        SPEC, model=replace(SPEC.model, latent_dim=3), window=replace(SPEC.window, anchor="centre")
    )
    run = Run(config(data, tmp_path, cross=False), spec)
    terms = run.train_step()
    assert math.isfinite(terms["loss"]) and "cross_kl" not in terms
    assert run.model.encode(*torch.rand(2, 5, 2, 4, 264))[0].shape == (5, 3)
