"""Trains the VGAE on a folder of songs; can be stopped at any moment and resumed to the same result.

    python -m training.train --data data/a1 --out runs/a1-live --preset live --steps 3500

Writes into OUT: last.pt (to resume), best.pt (lowest validation loss of Eq. 10), log.csv (every loss term),
each whole or not at all. The batch and the noise of step s depend on (seed, s) alone.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from bassnet_osc.spec import PRESETS, BassNetError, Spec
from training.checkpoint import load_checkpoint, save_checkpoint
from training.config import TrainConfig, learning_rate
from training.dataset import Song, change_gain, compressed, cut_windows, load_songs, random_pairs, silence
from training.model import VGAE
from training.objective import Targets, evaluation_terms, total, train_terms

VALIDATION_PAIRS = 200  # fixed windows of the validation songs, for early stopping
LOG_EVERY = 20  # steps between two rows of training losses
MAX_GRADIENT_NORM = 5.0  # a larger gradient is scaled down to it
LOG_COLUMNS = ["step", "kind", "term", "value"]


class Run:
    """A training run: model, optimiser, data and where it stands."""

    def __init__(self, config: TrainConfig, spec: Spec) -> None:
        self.config, self.spec = config, spec
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        # Channels last: the convolutions run nearly twice as fast on CPUs.
        self.model = VGAE(spec).to(config.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(self.model.parameters(), weight_decay=config.weight_decay)
        self.songs = load_songs(Path(config.data) / "train", spec)
        validation = load_songs(Path(config.data) / "validation", spec)
        places = random_pairs(validation, VALIDATION_PAIRS, spec, np.random.default_rng(config.seed))
        self.validation = self._batches(validation, places)
        self.step, self.seconds, self.stale, self.best = 0, 0.0, 0, math.inf
        if (self.out / "last.pt").exists():
            self._resume(load_checkpoint(self.out / "last.pt"))
        self._drop_lost_log_rows()

    def _batches(self, songs: list[Song], places: list[tuple[int, int]]) -> list[tuple[Tensor, Targets]]:
        size = 2 * self.config.batch_pairs
        groups = [places[i : i + size] for i in range(0, len(places), size)]
        return [self._to_device(*compressed(cut_windows(songs, g, self.spec), self.spec)) for g in groups]

    def _to_device(self, x: Tensor, targets: Targets) -> tuple[Tensor, Targets]:
        device = self.config.device
        moved = Targets(**{name: t.to(device) for name, t in vars(targets).items()})
        moved.y = moved.y.contiguous(memory_format=torch.channels_last)
        return x.to(device, memory_format=torch.channels_last), moved

    def _autocast(self) -> torch.autocast:
        return torch.autocast(torch.device(self.config.device).type, dtype=torch.bfloat16)

    def state(self) -> dict[str, Any]:
        """Everything that a checkpoint holds."""
        return {
            "spec": self.spec.to_dict(),
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "stale": self.stale,
            "best": self.best,
        }

    def _resume(self, values: dict[str, Any]) -> None:
        differences = self.spec.differences(Spec.from_dict(values["spec"]))
        differences += self.config.differences(values["config"])
        if differences:
            raise BassNetError(
                f"{self.out}/last.pt was trained with other settings ({'; '.join(differences)}): "
                "choose another --out or the same settings"
            )
        self.model.load_state_dict(values["model"])
        self.optimizer.load_state_dict(values["optimizer"])
        self.step, self.seconds = values["step"], values["seconds"]
        self.stale, self.best = values["stale"], values["best"]

    def _drop_lost_log_rows(self) -> None:
        """Steps after the last checkpoint are lost when a run stops; they are done and logged again."""
        path = self.out / "log.csv"
        if not path.exists():
            return
        with path.open(newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == len(LOG_COLUMNS) and row != LOG_COLUMNS]
        unfinished = path.with_suffix(".unfinished")
        with unfinished.open("w", newline="") as file:
            csv.writer(file).writerows([LOG_COLUMNS, *(row for row in rows if int(row[0]) <= self.step)])
        os.replace(unfinished, path)

    def train_batch(self, step: int) -> tuple[Tensor, Targets]:
        """Pairs of step `step`, the mix at a random gain, a few pairs silent."""
        config = self.config
        rng = np.random.default_rng([config.seed, 1, step])
        places = random_pairs(self.songs, config.batch_pairs, self.spec, rng)
        windows = cut_windows(self.songs, places, self.spec)
        gain = 10 ** (rng.uniform(*config.gain_db, size=len(places)) / 20)
        windows.mix = change_gain(windows.mix, torch.from_numpy(gain).float(), self.spec)
        silence(windows, np.tile(rng.random(config.batch_pairs) < config.silent, 2))
        return self._to_device(*compressed(windows, self.spec))

    def train_step(self) -> dict[str, float]:
        """One step of Eq. 9; returns the loss terms."""
        config = self.config
        x, targets = self.train_batch(self.step)
        torch.manual_seed(config.seed * 1_000_003 + self.step)
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, config)
        with self._autocast():
            terms = train_terms(self.model, x, targets, config.cross)
        loss = total(terms, config.weights, min(1.0, self.step / config.kl_warmup))
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        return {"loss": loss.item()} | {name: value.item() for name, value in terms.items()}

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
        """Appends one long-format row per term: step, kind, term, value."""
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(LOG_COLUMNS)
            writer.writerows([self.step, kind, name, f"{value:.6g}"] for name, value in terms.items())

    def checkpoint(self) -> dict[str, float]:
        """Validates, keeps the best model and the last state."""
        terms = self.validate()
        self.log("validation", terms)
        if terms["loss"] < self.best:
            self.best, self.stale = terms["loss"], 0
            save_checkpoint(self.out / "best.pt", self.state())
        else:
            self.stale += 1
        save_checkpoint(self.out / "last.pt", self.state())
        return terms

    @property
    def finished(self) -> bool:
        """All steps done, time used up, or no improvement for `patience` validations."""
        config = self.config
        return (
            self.step >= config.steps or self.seconds >= 60 * config.minutes or self.stale >= config.patience
        )


def train(config: TrainConfig, spec: Spec) -> Path:
    """Trains until the run is finished; returns the best checkpoint's path."""
    run = Run(config, spec)
    bar = tqdm(total=config.steps, initial=run.step, unit="step", disable=None)
    while not run.finished:
        started = time.monotonic()
        terms = run.train_step()
        if run.step % LOG_EVERY == 0:
            run.log("train", terms)
        run.seconds += time.monotonic() - started
        if run.step % config.validate_every == 0 or run.finished:
            validated = run.checkpoint()
            bar.set_postfix_str(
                f"f0 {validated['f0_finest']:.3f} level {validated['level_finest']:.3f} "
                f"onset {validated['onset_finest']:.3f} kl {validated['kl']:.2f}"
            )
        bar.update()
    bar.close()
    return run.out / "best.pt"


def parse(arguments: Sequence[str] | None) -> tuple[TrainConfig, Spec]:
    """The command line's run; refuses what is impossible."""
    defaults = TrainConfig("", "")
    parser = argparse.ArgumentParser(prog="python -m training.train", description="Train BassNet on songs.")
    parser.add_argument("--data", required=True, help="folder with train/ and validation/")
    parser.add_argument("--out", required=True, help="folder of the run; an existing run goes on")
    parser.add_argument("--preset", choices=list(PRESETS), default="live", help="numbers of spec.py")
    parser.add_argument("--steps", type=int, default=defaults.steps, help="default %(default)s")
    parser.add_argument("--minutes", type=float, default=defaults.minutes, help="budget, default none")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="default %(default)s")
    args = parser.parse_args(arguments)
    if args.steps < 1 or args.minutes <= 0 or args.seed < 0:
        parser.error("--steps must be 1 or more, --minutes above 0 and --seed 0 or more")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda needs a CUDA GPU and a torch that was built for it: use cpu")
    config = TrainConfig(args.data, args.out, args.steps, args.minutes, seed=args.seed, device=args.device)
    return config, PRESETS[args.preset]()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, spec = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        best = train(config, spec)
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(
            f"--data and --out must be writable and have space; {error}: mend it and start again\n"
        )
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"stopped; the same command goes on from {config.out}/last.pt\n")
        return 130
    sys.stdout.write(f"{best}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
