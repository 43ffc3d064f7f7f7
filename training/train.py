"""Trains the VGAE on a folder of songs; can be stopped at any moment and resumed to the same result.

    python -m training.train --data data/a1 --out runs/a1-live --preset live

Writes into OUT: last.pt (to resume), best.pt (lowest validation loss of Eq. 10), log.csv (every loss term),
each whole or not at all. With --devices the pairs of each batch are shared among processes. With --nodes the
same command is started on each machine, all of which see the same folders, with MASTER_ADDR and MASTER_PORT
(of the first one) and NODE_RANK (0, 1, ...) in its environment.

Flow: config, run -> train.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from bassnet_osc.presets import PRESETS, anticipating, resized, widened, with_maps
from bassnet_osc.spec import BassNetError, Spec
from training.config import RECIPES, TrainConfig
from training.run import LOG_EVERY, Run

OTHER = os.environ.get("LOCAL_RANK", "0") != "0"  # one of the processes that another one started here
MAX_SEED = 2**32 - 1  # so that the seeds of steps and processes fit 64 bits


def train(config: TrainConfig, spec: Spec) -> Path:
    """Trains until the run is finished; returns the best checkpoint's path."""
    run = Run(config, spec)
    if run.finished and not run.step:
        raise BassNetError(
            f"--minutes must leave time to train; the features took {run.seconds / 60:.1f} minutes: "
            "they are kept, start again"
        )
    with (
        run.launched(),
        tqdm(total=config.steps, initial=run.step, unit="step", disable=OTHER or None) as bar,
    ):
        while not run.finished:
            started = time.monotonic()
            terms = run.train_step()
            if run.writes and run.step % LOG_EVERY == 0:
                run.log("train", terms)
            run.spend(time.monotonic() - started)
            if run.step % config.validate_every == 0 or run.finished:
                validated = run.checkpoint()
                bar.set_postfix_str(
                    f"f0 {validated['f0_finest']:.3f} level {validated['level_finest']:.3f} "
                    f"onset {validated['onset_finest']:.3f} kl {validated['kl']:.2f}"
                )
            bar.update()
    return run.out / "best.pt"


def parse(arguments: Sequence[str] | None) -> tuple[TrainConfig, Spec]:
    """The command line's run; refuses what is impossible."""
    defaults = TrainConfig("", "")
    parser = argparse.ArgumentParser(prog="python -m training.train", description="Train BassNet on songs.")
    parser.add_argument("--data", required=True, help="folder with train/ and validation/")
    parser.add_argument("--out", required=True, help="folder of the run; an existing run goes on")
    parser.add_argument("--preset", choices=list(PRESETS), help="default live; of --recipe paper: paper")
    parser.add_argument("--window", type=window, help="a/b in frames, such as 10/40; default: the preset's")
    parser.add_argument(
        "--gamma", type=hertz, help="that each kernel's band is widened by; default: the preset's"
    )
    parser.add_argument("--maps", type=int, help="feature maps; default: the preset's")
    parser.add_argument(
        "--ahead", action="store_true", help="predict as far ahead as the windows are late: heard on time"
    )
    parser.add_argument("--recipe", choices=list(RECIPES), default="fast", help="default %(default)s")
    parser.add_argument("--no-cross", action="store_true", help="the ablation of section 6.3")
    parser.add_argument("--steps", type=int, help="default: the recipe's")
    parser.add_argument("--patience", type=int, help="validations without a gain until it ends; paper: 1000")
    parser.add_argument("--minutes", type=float, default=defaults.minutes, help="budget, default none")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="default %(default)s")
    parser.add_argument("--devices", type=int, default=1, help="processes, one for each GPU; default 1")
    parser.add_argument("--nodes", type=int, default=1, help="machines, default 1: see above")
    args = parser.parse_args(arguments)
    # `is not None`: 0 steps are wrong, and not the recipe's.
    given = [number for number in (args.steps, args.patience) if number is not None]
    if min(given, default=1) < 1 or args.minutes <= 0 or not 0 <= args.seed <= MAX_SEED:
        parser.error(f"--steps and --patience must be 1 or more, --minutes above 0, --seed 0 to {MAX_SEED}")
    if args.device == "cuda" and torch.cuda.device_count() < max(1, args.devices):
        parser.error(
            f"--device cuda needs {args.devices} CUDA GPU and a torch that was built for them; there are "
            f"{torch.cuda.device_count()}: use cpu or fewer --devices"
        )
    config = TrainConfig(
        data=args.data,
        out=args.out,
        recipe=args.recipe,
        command=shlex.join(["python", "-m", "training.train", *(arguments or sys.argv[1:])]),
        minutes=args.minutes,
        cross=not args.no_cross,
        seed=args.seed,
        device=args.device,
        devices=args.devices,
        nodes=args.nodes,
    )
    try:
        config, spec = chosen(args, config)
    except BassNetError as error:
        parser.error(str(error))
    steps, patience = args.steps or config.steps, args.patience or config.patience
    return replace(config, steps=steps, patience=patience), spec


def chosen(args: argparse.Namespace, config: TrainConfig) -> tuple[TrainConfig, Spec]:
    """Preset and recipe, with what the command line changes; raises BassNetError for impossible sizes."""
    spec = PRESETS[args.preset or ("paper" if args.recipe == "paper" else "live")]()
    spec = resized(spec, *args.window) if args.window else spec
    spec = widened(spec, args.gamma) if args.gamma is not None else spec
    spec = anticipating(spec) if args.ahead else spec
    config, spec = RECIPES[args.recipe](config, spec)
    return config, with_maps(spec, args.maps) if args.maps is not None else spec


def window(text: str) -> tuple[int, int]:
    """a/b of the command line; raises ArgumentTypeError for anything else."""
    if not re.fullmatch(r"\d+/\d+", text):
        raise argparse.ArgumentTypeError(f"a window is a/b, such as 10/40; got {text!r}")
    n_steps, window_frames = text.split("/")
    return int(n_steps), int(window_frames)


def hertz(text: str) -> float:
    """0 or more; raises ArgumentTypeError for anything else."""
    if not 0 <= (value := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"must be 0 Hz or more; got {text}")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    config, spec = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if OTHER:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's, which ends this one
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
    if not OTHER:
        sys.stdout.write(f"{best}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
