"""A training run: model, optimiser, data and where it stands; its steps, its validation, its log.

The batch and the noise of step s depend on (seed, s) alone, so that a resumed run ends as an unbroken one.
Several processes share the pairs of a batch and average their gradients (Lightning Fabric); each normalises
its share by itself. Process 0 alone validates and writes.

Flow: dataset, model, objective, config, checkpoint, log -> run -> train.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from bassnet_osc.spec import BassNetError, Spec
from training.checkpoint import load_checkpoint, load_weights, machine, save_checkpoint
from training.config import TrainConfig, kl_scale, learning_rate, swapped_share
from training.dataset import (
    Song,
    change_gain,
    compressed,
    cut_windows,
    load_songs,
    random_pairs,
    silence,
    transpose,
)
from training.features import n_without_features
from training.log import append_rows, drop_rows_after
from training.model import VGAE
from training.objective import Objective, Targets, evaluation_terms, total

VALIDATION_PAIRS = 200  # fixed windows of the validation songs, for early stopping
LOG_EVERY = 20  # steps between two rows of training losses
RANK_SEED = 10**10  # between the noise seeds of two processes: more than the steps of a run


class Run:
    """A training run: model, optimiser, data and where it stands."""

    def __init__(self, config: TrainConfig, spec: Spec) -> None:
        started = time.monotonic()
        self.config, self.spec = config, spec
        self.feature_songs = sum(
            n_without_features(Path(config.data) / s, spec) for s in ("train", "validation")
        )
        self.fabric = _fabric(config)
        self.device = self.fabric.device
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        # Channels last: the convolutions run nearly twice as fast on CPUs.
        self.model = VGAE(spec).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective: nn.Module = Objective(self.model, config.cross)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), weight_decay=config.weight_decay, fused=True
        )
        # Before any other process is there: they will find the features.
        self.songs = load_songs(Path(config.data) / "train", spec)
        validation = load_songs(Path(config.data) / "validation", spec)
        places = random_pairs(validation, VALIDATION_PAIRS, spec, np.random.default_rng(config.seed))
        self.validation = self._batches(validation, places)
        self.trained_on = {"data_set": self.songs[0].truth.get("data_set"), "songs": len(self.songs)}
        self.step, self.stale, self.best = 0, 0, math.inf
        self.seconds = self.feature_seconds = time.monotonic() - started
        if (self.out / "last.pt").exists():
            self._resume(load_checkpoint(self.out / "last.pt"))

    @contextmanager
    def launched(self) -> Iterator[None]:
        """Within, all processes are there; whatever ends it here ends those that were started here."""
        others: list[subprocess.Popen[bytes]] = getattr(self.fabric.strategy.launcher, "procs", [])
        try:
            self.fabric.launch()
            if self.fabric.broadcast(self.step) != self.step:
                raise BassNetError(
                    f"all machines must see the same --out; {self.out} stands at step {self.step} here and "
                    "elsewhere at another one: share the folder"
                )
            self.objective = self.fabric.setup_module(self.objective, move_to_device=False)
            if self.writes:
                drop_rows_after(self.out / "log.csv", self.step)
            yield
        except BaseException:
            for process in others:
                process.kill()  # it waits for this one, deaf to anything milder
            raise
        finally:
            for process in others:
                process.wait()

    @property
    def writes(self) -> bool:
        """Process 0 alone does."""
        return self.fabric.is_global_zero

    def _batches(self, songs: list[Song], places: list[tuple[int, int]]) -> list[tuple[Tensor, Targets]]:
        size = 2 * self.config.batch_pairs
        groups = [places[i : i + size] for i in range(0, len(places), size)]
        tail = self.config.onset_tail
        cut = (cut_windows(songs, group, self.spec, onset_tail=tail) for group in groups)
        return [self._to_device(*compressed(windows, self.spec)) for windows in cut]

    def _to_device(self, x: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
        moved = Targets(**{name: t.to(self.device) for name, t in vars(targets).items()})
        moved.y = moved.y.contiguous(memory_format=torch.channels_last)
        return x.to(self.device, memory_format=torch.channels_last), moved

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.config.autocast)

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint holds."""
        return {
            "spec": self.spec.to_dict(),
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,  # those of the features among them
            "feature_seconds": self.feature_seconds,
            "feature_songs": self.feature_songs,
            "stale": self.stale,
            "best": self.best,
            "trained_on": self.trained_on,
            "machine": machine(self.device),
        }

    def _resume(self, values: dict[str, Any]) -> None:
        differences = self.spec.differences(Spec.from_dict(values["spec"]))
        differences += self.config.differences(values["config"])
        if differences:
            raise BassNetError(
                f"{self.out}/last.pt was trained with other settings ({'; '.join(differences)}): "
                "choose another --out or the same settings"
            )
        load_weights(self.model, values, self.out / "last.pt")
        self.optimizer.load_state_dict(values["optimizer"])
        self.step, self.seconds = values["step"], values["seconds"]
        self.feature_seconds = values.get("feature_seconds", 0.0)  # not in every checkpoint
        self.feature_songs = values.get("feature_songs", 0)
        self.stale, self.best = values["stale"], values["best"]

    def train_batch(self, step: int) -> tuple[Tensor, Targets]:
        """This process's share of step `step`: the mix at a random gain, a few pairs silent."""
        config, n = self.config, self.config.batch_pairs
        rng = np.random.default_rng([config.seed, 1, step])
        places = random_pairs(self.songs, n, self.spec, rng)
        gain = 10 ** (rng.uniform(*config.gain_db, size=2 * n) / 20)
        silent = np.tile(rng.random(n) < config.silent, 2)
        bins = np.tile(rng.integers(-config.transpose_bins, config.transpose_bins + 1, size=n), 2)
        mine = np.arange(2 * n).reshape(2, n)[:, self.fabric.global_rank :: self.fabric.world_size].flatten()
        takes = rng.integers(1 << 30, size=2 * n)[mine].tolist()
        windows = cut_windows(self.songs, [places[i] for i in mine], self.spec, takes, config.onset_tail)
        windows.mix = change_gain(windows.mix, torch.from_numpy(gain[mine]).float(), self.spec)
        transpose(windows, bins[mine])
        silence(windows, silent[mine])
        return self._to_device(*compressed(windows, self.spec))

    def train_step(self) -> dict[str, float]:
        """One step of Eq. 9; returns the loss terms, means over the processes."""
        config = self.config
        x, targets = self.train_batch(self.step)
        torch.manual_seed(config.seed * 1_000_003 + self.step + RANK_SEED * self.fabric.global_rank)
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, config)
        with self._autocast():
            terms = self.objective(x, targets, swapped_share(self.step, config))
        loss = total(terms, config.weights, kl_scale(self.step, config))
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.max_gradient_norm)
        self.optimizer.step()
        self.step += 1
        terms = {"loss": loss} | terms
        means = self.fabric.all_reduce(torch.stack(list(terms.values())).detach(), reduce_op="mean")
        assert isinstance(means, Tensor)
        return dict(zip(terms, means.tolist(), strict=True))

    def spend(self, seconds: float) -> None:
        """Counts towards --minutes; process 0's clock decides, so that all end at the same step."""
        self.seconds = self.fabric.broadcast(self.seconds + seconds)

    def validate(self) -> dict[str, float]:
        """Mean terms of Eq. 10 over the fixed validation windows."""
        self.model.eval()
        sums: dict[str, float] = {}
        for x, targets in self.validation:
            with self._autocast():
                terms = evaluation_terms(self.model, x, targets)
            terms["loss"] = total(terms, self.config.weights)
            for name, value in terms.items():
                sums[name] = sums.get(name, 0.0) + value.item() / len(self.validation)
        return sums

    def log(self, kind: str, terms: dict[str, float]) -> None:
        """Appends the terms of this step to log.csv."""
        append_rows(self.out / "log.csv", self.step, kind, terms)

    def checkpoint(self) -> dict[str, float]:
        """Validates, keeps the best model and the last state; the other processes wait for the figures."""
        terms: dict[str, float] = self.fabric.broadcast(self.validate() if self.writes else {})
        if not math.isfinite(terms["loss"]):
            raise BassNetError(
                f"the validation loss must be finite; at step {self.step} it is {terms['loss']}: the run in "
                f"{self.out} has diverged, start another one with another seed or recipe"
            )
        improved = terms["loss"] < self.best
        self.best, self.stale = (terms["loss"], 0) if improved else (self.best, self.stale + 1)
        if self.writes:
            self.log("validation", terms)
            if improved:
                save_checkpoint(self.out / "best.pt", self.state())
            save_checkpoint(self.out / "last.pt", self.state())
        return terms

    @property
    def finished(self) -> bool:
        """All steps done, time used up, or no improvement for `patience` validations."""
        config = self.config
        return (
            self.step >= config.steps or self.seconds >= 60 * config.minutes or self.stale >= config.patience
        )


def _fabric(config: TrainConfig) -> Fabric:
    """As many processes as the run has devices; refuses a number that cannot share a batch."""
    processes, n = config.devices * config.nodes, config.batch_pairs
    if processes < 1 or n % processes:
        possible = ", ".join(str(k) for k in range(1, n + 1) if n % k == 0)
        raise BassNetError(
            f"--devices times --nodes must divide a batch of {n} pairs; got {processes}: choose {possible}"
        )
    strategy = "ddp" if processes > 1 else "auto"
    return Fabric(
        accelerator=config.device, strategy=strategy, devices=config.devices, num_nodes=config.nodes
    )
