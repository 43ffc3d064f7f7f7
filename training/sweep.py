"""Compares models on songs they were not trained on: windows, kernel widths, whatever they differ in.

    python -m training.sweep runs/groove-* --data data/groove --data data/low-piano --out training/SWEEP.md

Each is the best.pt of a run. A row: the window, gamma, steps, losses and pitch accuracy of Eq. 10 (z = mu) on
the finest channel, for each folder of songs, as `training.evaluate` measures them.

Flow: subject, metrics, told ◀ sweep.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.dataset import load_songs
from training.metrics import loss_metrics, observe
from training.places import evaluation_places
from training.subject import load_subject
from training.told import tell

SPLIT = "validation"  # test songs choose nothing
COLUMNS = {
    "f0": "loss_f0_finest",
    "level": "loss_level_finest",
    "onset": "loss_onset_finest",
    "pitch": "pitch_accuracy",
}
HEAD = """# What windows and kernels do

Models that differ in their window a/b or in gamma alone, trained by the commands below, on validation songs,
whose styles were not trained on: test songs choose nothing. f0, level and onset: cross-entropies of Eq. 10 (z
is the mean of its posterior), finest channel; pitch: share of voiced finest steps whose f0 is right within a
third of a semitone. Written by

```sh
python -m training.sweep ... --data ... --out training/SWEEP.md
```

"""


def row(checkpoint: Path, data: Sequence[Path]) -> tuple[list[str], str]:
    """The cells of a model's row, and the command that trained it."""
    subject, values = load_subject(checkpoint)
    spec = subject.spec
    cells = [
        f"{spec.window.n_steps}/{spec.window.window_frames}",
        f"{spec.cqt.gamma:g}",
        str(values["step"]),
    ]
    for folder in data:
        songs = load_songs(folder / SPLIT, spec)
        places = evaluation_places(songs, spec)
        found: dict[str, Any] = loss_metrics(songs, places, observe(subject, songs, places, str(checkpoint)))
        cells += [f"{found[metric]:.3f}" for metric in COLUMNS.values()]
    return cells, str(values["config"].get("command", ""))


def table(checkpoints: Sequence[Path], data: Sequence[Path]) -> str:
    """The whole text, in Markdown."""
    heads = ["window", "gamma (Hz)", "steps"] + [
        f"{folder.name}: {name}" for folder in data for name in COLUMNS
    ]
    lines = [heads, ["---"] * len(heads)]
    commands = []
    for checkpoint in checkpoints:
        cells, command = row(checkpoint, data)
        lines.append(cells)
        commands.append(command)
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return f"{HEAD}{text}\n\n```sh\n" + "\n".join(commands) + "\n```\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.sweep", description="Compare models.")
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs")
    parser.add_argument(
        "--data", action="append", type=Path, required=True, help="folder with validation/, or several"
    )
    parser.add_argument("--out", type=Path, help="Markdown file; default: printed")
    args = parser.parse_args(arguments)
    return tell(lambda: table([run / "best.pt" for run in args.runs], args.data), args.out)


if __name__ == "__main__":
    sys.exit(main())
