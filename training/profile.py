"""Where the time goes from rendered audio to a bundle, in ms and projected onto the shipped recipe.

    python -m training.profile --data data/a1 --steps 20 --songs 4

Copies a few songs of each split into a temporary folder, computes their features, trains, validates and
exports there with the classes that do so anyway, and times what they call. A stage's time is its own: while
another one runs inside it, its clock stands. `OMP_NUM_THREADS=1` in front gives it one thread.

Flow: features, run, export.to_onnx -> profile.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from bassnet_osc.presets import live, with_maps
from bassnet_osc.spec import BassNetError, Spec
from export import card, latents, to_onnx
from training import features, objective
from training import run as run_module
from training.config import TrainConfig, fast
from training.places import evaluation_places
from training.run import Run

SONGS = {"train": 220, "validation": 20, "test": 40}  # of the shipped a1-live
STEPS = 4000  # of its run
WARM_UP = 3  # steps before the first that counts: the first ones allocate

# What is called in each phase: its owner, its name there, the stage or, call by call, the stages.
FEATURES = [
    (features, "read_audio", "read"),
    (features, "Cqt", "kernels"),
    (features, "cqt_frames", ("CQT of the mix", "CQT of the bass")),
    (features, "_descriptors", "descriptors"),
    (features, "_write_features", "write"),
]
STEP = [
    (run_module, "cut_windows", "cut"),
    (run_module, "compressed", "compress"),
    (run_module, "change_gain", "gain"),
    (run_module, "transpose", "transposition"),
    (run_module, "silence", "silence"),
    (Run, "_to_device", "memory format"),
    (objective.Objective, "forward", "forward"),
    (objective, "reconstruction", "loss"),
    (run_module, "total", "loss"),
    (torch.Tensor, "backward", "backward"),
    (torch.nn.utils, "clip_grad_norm_", "optimiser"),
    (torch.optim.AdamW, "step", "optimiser"),
]
EXPORT = [
    (card, "training_latents", "latents"),
    (card, "z_places", "places of z"),
    (card, "evaluate", "metrics"),
    (to_onnx, "write_graph", "graphs"),
    (to_onnx, "parity", "parity"),
]


class Watch:
    """Seconds by (phase, stage), each without those of the stages inside it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)
        self._clock, self._open, self._since = clock, list[tuple[str, str]](), 0.0

    @contextmanager
    def stage(self, phase: str, name: str) -> Iterator[None]:
        """Within, time is this stage's."""
        self._charge()
        self._open.append((phase, name))
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def _charge(self) -> None:
        now = self._clock()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now

    @contextmanager
    def phase(self, name: str, calls: Sequence[tuple[Any, str, Any]] = ()) -> Iterator[None]:
        """Within, these calls are stages of the phase, and all else is its stage `rest`."""
        with ExitStack() as stack:
            for owner, attribute, stages in calls:
                labels = cycle((stages,) if isinstance(stages, str) else stages)
                timed = self._timed(getattr(owner, attribute), name, labels)
                stack.enter_context(patch.object(owner, attribute, timed))
            stack.enter_context(self.stage(name, "rest"))
            yield

    def _timed(self, call: Callable[..., Any], phase: str, labels: Iterator[str]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(phase, next(labels)):
                return call(*args, **kwargs)

        return timed


@dataclass(frozen=True)
class Row:
    """A stage: milliseconds each time, and how many times the recipe has it."""

    phase: str
    stage: str
    ms: float
    times: float

    @property
    def minutes(self) -> float:
        """What the recipe spends in it."""
        return self.ms * self.times / 60_000


def profile(config: TrainConfig, spec: Spec, n_songs: int, n_steps: int) -> list[Row]:
    """Runs all phases on `n_songs` of each split of config.data; the data folder stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        data, watch = Path(folder) / "data", Watch()
        folders = [
            song for split in SONGS for song in copy_songs(Path(config.data) / split, data / split, n_songs)
        ]
        with watch.phase("features", FEATURES):
            for song in folders:
                features.compute_features(song, spec)
        run = Run(replace(config, data=str(data), out=f"{folder}/run"), spec)
        for _ in range(WARM_UP):
            run.train_step()
        with watch.phase("step", STEP):
            for _ in range(n_steps):
                run.train_step()
        with watch.phase("validation"):
            run.checkpoint()
        with watch.phase("export", EXPORT):
            to_onnx.export_checkpoint(run.out / "best.pt", data, Path(folder) / "bundle")
        n_windows = min(len(evaluation_places(run.songs, spec)), latents.WINDOWS)
    done = {"features": len(folders), "step": n_steps}
    times = {
        "features": sum(SONGS.values()),
        "step": STEPS,
        "validation": STEPS / config.validate_every,
        "latents": latents.WINDOWS / n_windows,
        "places of z": SONGS["validation"] / n_songs,
        "metrics": SONGS["test"] / n_songs,
    }
    return [
        Row(phase, stage, 1000 * seconds / done.get(phase, 1), times.get(phase, times.get(stage, 1)))
        for (phase, stage), seconds in watch.seconds.items()
    ]


def copy_songs(split: Path, out: Path, n_songs: int) -> list[Path]:
    """Audio and notes of the first songs of a split, without their features; BassNetError for fewer."""
    songs = sorted(path.parent for path in split.glob("*/truth.json"))[:n_songs]
    if len(songs) < n_songs:
        raise BassNetError(f"{split} must hold --songs {n_songs} songs; it has {len(songs)}: name fewer")
    copies = [out / song.name for song in songs]
    for song, copy in zip(songs, copies, strict=True):
        shutil.copytree(song, copy, ignore=shutil.ignore_patterns("features-*", "unfinished-*"))
    return copies


def slowest(rows: Sequence[Row]) -> Row:
    """The stage that the recipe spends most time in."""
    return max(rows, key=lambda row: row.minutes)


def table(rows: Sequence[Row]) -> str:
    """The rows, the sum of each phase and the slowest stage, for reading."""
    whole = sum(row.minutes for row in rows)
    n_songs = sum(SONGS.values())
    lines = [
        f"threads: {torch.get_num_threads()}; the recipe: {n_songs} songs, their features one after another, "
        f"{STEPS} steps; without rendering",
        f"{'phase':10s}  {'stage':15s}  {'ms':>9s}  {'times':>6s}  {'minutes':>7s}  {'share':>6s}",
    ]
    for phase in dict.fromkeys(row.phase for row in rows):
        own = sorted((row for row in rows if row.phase == phase), key=lambda row: -row.minutes)
        together = Row(phase, "", sum(row.ms for row in own), 0.0), sum(row.minutes for row in own)
        lines += [_line(row, row.minutes, whole, f"{row.times:6.0f}") for row in own]
        lines += [_line(*together, whole, " " * 6), ""]
    worst = slowest(rows)
    share = worst.minutes / whole
    lines.append(f"slowest: {worst.phase}, {worst.stage}: {share:.0%} of {whole:.1f} minutes")
    return "\n".join(lines)


def _line(row: Row, minutes: float, whole: float, times: str) -> str:
    share = minutes / whole
    return f"{row.phase:10s}  {row.stage or 'all':15s}  {row.ms:9.1f}  {times}  {minutes:7.2f}  {share:6.1%}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.profile", description="Where the time goes.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train/, validation/ and test/")
    parser.add_argument("--steps", type=int, default=20, help="that are timed, default %(default)s")
    parser.add_argument("--songs", type=int, default=4, help="of each split, default %(default)s")
    parser.add_argument("--maps", type=int, default=16, help="feature maps, default those of a1-live: 16")
    args = parser.parse_args(arguments)
    if args.steps < 1 or args.songs < 2:
        parser.error("--steps must be 1 or more, and --songs 2 or more: half of them fit the classifier")
    try:
        config, spec = fast(TrainConfig(str(args.data), "", steps=STEPS), with_maps(live(), args.maps))
        rows = profile(config, spec, args.songs, args.steps)
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"--data must be readable, and the temporary folder have space; {error}: mend it\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    sys.stdout.write(table(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
