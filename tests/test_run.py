"""A training run: it learns, its batches, its shares of them, its log, and how it goes on."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from songs import write_data
from tiny_runs import SPEC, assert_same_state, config, log_rows, small_validation, stop_at
from torch import Tensor

from bassnet_osc.spec import BassNetError
from training.checkpoint import load_checkpoint
from training.objective import Objective, Targets, total
from training.run import RANK_SEED, Run
from training.train import train

__all__ = ["small_validation"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def test_it_learns(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty steps on one batch: the loss falls below a third, f0 too. Measured: 30 to 1.3, f0 5.5 to 0.1."""
    run = Run(config(data, tmp_path, steps=40, learning_rate=2e-2, kl_warmup=25.0), SPEC)
    fixed = run.train_batch(0)
    monkeypatch.setattr(run, "train_batch", lambda step: fixed)
    first, *_, last = [run.train_step() for _ in range(40)]
    assert last["loss"] < first["loss"] / 3
    assert last["f0"] < first["f0"] / 3


def test_the_loss_is_the_weighted_sum_of_its_terms(data: Path, tmp_path: Path) -> None:
    """With the warm-up over half of 24 steps: at step 6 the divergences count half."""
    run = Run(config(data, tmp_path), SPEC)
    run.step = 6
    terms = run.train_step()
    weights = vars(run.config.weights)
    expected = sum(w * terms[n] * (0.5 if n.endswith("kl") else 1.0) for n, w in weights.items())
    assert terms["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_optimiser_in_one_pass_is_adamw(data: Path, tmp_path: Path) -> None:
    """Twenty steps of the fused optimiser and of the plain one: losses within rounding. Measured: 3e-6."""
    fused, plain = (Run(config(data, tmp_path / n, autocast=False), SPEC) for n in ("fused", "plain"))
    plain.optimizer = torch.optim.AdamW(plain.model.parameters(), weight_decay=plain.config.weight_decay)
    for _ in range(20):
        assert fused.train_step()["loss"] == pytest.approx(plain.train_step()["loss"], rel=1e-4)


def test_a_run_of_the_plain_optimiser_goes_on(data: Path, tmp_path: Path) -> None:
    """Checkpoints from before the fused one: the same step after it."""
    run = Run(config(data, tmp_path), SPEC)
    run.optimizer = torch.optim.AdamW(run.model.parameters(), weight_decay=run.config.weight_decay)
    run.train_step()
    run.checkpoint()
    resumed = Run(config(data, tmp_path), SPEC)
    assert resumed.train_step() == run.train_step()


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
    with resumed.launched():
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


def test_pairs_are_transposed(data: Path, tmp_path: Path) -> None:
    """Both windows of a pair by the same number of bins, within transpose_bins; pairs differ."""
    moved, still = (
        Run(config(data, tmp_path / name, silent=0.0, transpose_bins=bins), SPEC).train_batch(0)[1].f0
        for name, bins in (("moved", 15), ("still", 0))
    )
    both = (moved >= 0) & (still >= 0)
    shifts = [set((m - s)[b].tolist()) for m, s, b in zip(moved, still, both, strict=True)]
    half = len(shifts) // 2
    pairs = [one | other for one, other in zip(shifts[:half], shifts[half:], strict=True)]
    assert all(len(pair) <= 1 for pair in pairs)
    heard = set().union(*pairs)
    assert len(heard) > 1 and max(map(abs, heard)) <= 15


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


def share(run: Run, rank: int, n: int) -> tuple[Tensor, Targets]:
    """What process `rank` of n would train on at step 0."""
    run.fabric = SimpleNamespace(global_rank=rank, world_size=n)  # type: ignore[assignment]
    return run.train_batch(0)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_processes_share_the_pairs_of_a_batch(n: int, data: Path, tmp_path: Path) -> None:
    """Together the shares are the batch, and each of them holds whole pairs."""
    run = Run(config(data, tmp_path), SPEC)
    whole, _ = run.train_batch(0)
    halves = [share(run, rank, n)[0].chunk(2) for rank in range(n)]
    for half, together in enumerate(whole.chunk(2)):
        assert torch.equal(torch.stack([h[half] for h in halves], dim=1).flatten(0, 1), together)


def test_shares_have_the_gradient_of_the_batch(data: Path, tmp_path: Path) -> None:
    """Without what belongs to a share: batch normalisation, noise, and the number of voiced steps of f0.

    Measured: 3e-7 of the largest entry.
    """
    run = Run(config(data, tmp_path, silent=0.0), SPEC)
    run.model.enc_z[-1].bias.data[SPEC.model.latent_dim :] = -30.0  # no noise
    objective = Objective(run.model).eval()

    def gradient(x: Tensor, targets: Targets) -> Tensor:
        objective.zero_grad()
        voiced = replace(targets, f0=targets.f0.clamp(min=0))
        total(objective(x, voiced), run.config.weights, kl_scale=0.0).backward()
        return torch.cat([p.grad.flatten() for p in run.model.parameters() if p.grad is not None])

    whole = gradient(*run.train_batch(0))
    mean = torch.stack([gradient(*share(run, rank, 2)) for rank in (0, 1)]).mean(dim=0)
    torch.testing.assert_close(mean, whole, rtol=0, atol=1e-5 * whole.abs().max().item())


def test_noise_seeds_of_processes_never_meet() -> None:
    """Not within a run, of whatever length."""
    assert config(Path(), Path()).steps < RANK_SEED


def test_processes_that_cannot_share_a_batch_are_refused(data: Path, tmp_path: Path) -> None:
    for devices, nodes in ((3, 1), (0, 1), (2, 4)):
        with pytest.raises(BassNetError, match=f"got {devices * nodes}: choose 1, 2, 4$"):
            Run(config(data, tmp_path / "run", devices=devices, nodes=nodes), SPEC)
    assert not (tmp_path / "run").exists()


def test_another_spec_is_refused_by_field(data: Path, tmp_path: Path) -> None:
    Run(config(data, tmp_path), SPEC).checkpoint()
    other = replace(SPEC, model=replace(SPEC.model, n_maps=8, latent_dim=3))
    with pytest.raises(BassNetError, match=r"model\.n_maps: 8 != 4") as error:
        Run(config(data, tmp_path), other)
    assert "model.latent_dim: 3 != 2" in str(error.value)
    assert load_checkpoint(tmp_path / "last.pt")["spec"] == SPEC.to_dict()


def test_a_checkpoint_says_what_it_was_trained_on_and_how(data: Path, tmp_path: Path) -> None:
    run = Run(config(data, tmp_path, command="the command"), SPEC)
    run.checkpoint()
    values = load_checkpoint(tmp_path / "last.pt")
    assert values["trained_on"] == {"data_set": "A1", "songs": 2}
    assert f"threads: {torch.get_num_threads()}" in values["machine"]
    assert values["config"]["command"] == "the command"
    assert values["seconds"] == run.seconds > 0


def test_latents_of_any_size_train(data: Path, tmp_path: Path) -> None:
    """Sizes are the spec's: three latents, centred windows, the ablation without cross-reconstruction."""
    spec = replace(
        SPEC, model=replace(SPEC.model, latent_dim=3), window=replace(SPEC.window, anchor="centre")
    )
    run = Run(config(data, tmp_path, cross=False), spec)
    terms = run.train_step()
    assert math.isfinite(terms["loss"]) and "cross_kl" not in terms
    assert run.model.encode(*torch.rand(2, 5, 2, 4, 264))[0].shape == (5, 3)
