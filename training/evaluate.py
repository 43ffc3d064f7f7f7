"""Tests trained models: one as JSON, or all committed ones as RESULTS.md with the paper's tables and figures.

    python -m training.evaluate --checkpoint runs/a1-live/best.pt --data data/a1
    python -m training.evaluate --all

--checkpoint also takes the folder of an exported bundle. --all tests every training/results/*.pt on the test
songs, which it renders where they are missing, and goes on where it was stopped; a minute or so a row on two
cores, several for windows of 40 steps. The features of the test songs come on top, once: CREPE and madmom on
the 40 of each data set, for rows of `--preset paper`, take five minutes of one core.

Flow: results, metrics, gallery, agreement, tables ◀ evaluate.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bassnet_osc.spec import BassNetError
from training.agreement import read_figures
from training.dataset import load_songs
from training.gallery import draw_all
from training.metrics import evaluate, metrics, observe
from training.places import evaluation_places, first_half, patterns
from training.prose import AGREEMENT
from training.results import (
    Evaluated,
    Row,
    check_seeds,
    latents_path,
    open_row,
    read_results,
    save_latents,
    songs_of,
    write_results,
    write_text,
)
from training.subject import Subject, load_subject
from training.tables import results_text

RESULTS = Path(__file__).parent / "results"  # the rows, their metrics and the figures
REPORT = Path(__file__).parent / "RESULTS.md"


def evaluate_one(row: Row, subject: Subject, data: Path) -> Row:
    """The row with its metrics; its latents are kept beside the songs."""
    songs = songs_of(data, row.data_set, subject.spec)
    places = evaluation_places(songs, subject.spec)
    seen = observe(subject, songs, places, row.name)
    found = Evaluated(seen.mu, patterns(songs, places, subject.spec), first_half(songs, places))
    save_latents(latents_path(data, row), found)
    return replace(row, metrics=metrics(subject, songs, places, seen))


def evaluate_rows(data: Path, results: Path, again: bool) -> list[Row]:
    """Every row with its metrics.

    Evaluates those whose file or METRICS_VERSION has changed, or all of them `again`.
    """
    files = sorted(results.glob("*.pt"))
    if not files:
        raise BassNetError(f"{results} must hold models as *.pt; it has none: train some and keep them there")
    known = read_results(results / "results.json")
    opened = [open_row(path) for path in files]
    check_seeds([row for row, _ in opened])
    rows = {row.name: replace(row, metrics=known[row.sha256]) for row, _ in opened if row.sha256 in known}
    for row, subject in opened:
        if again or row.name not in rows or not latents_path(data, row).exists():
            rows[row.name] = evaluate_one(row, subject, data)
            write_results(results / "results.json", rows.values())
    write_results(results / "results.json", rows.values())
    return [rows[path.stem] for path in files]


def evaluate_all(data: Path, again: bool = False) -> None:
    """Writes results.json, the figures and RESULTS.md."""
    agreement = read_figures(RESULTS / AGREEMENT)
    rows = evaluate_rows(data, RESULTS, again)
    captions = draw_all(rows, RESULTS, data)
    write_text(REPORT, results_text(rows, captions, agreement))


def evaluate_alone(path: Path, data: Path) -> str:
    """The metrics of one checkpoint or bundle on data/test, as JSON."""
    subject, _ = load_subject(path)
    songs = load_songs(data / "test", subject.spec)
    return json.dumps(evaluate(subject, songs), indent=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Test trained models.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--checkpoint", type=Path, help="best.pt of a run, or a bundle's folder")
    which.add_argument("--all", action="store_true", help="every row of training/results: writes RESULTS.md")
    parser.add_argument("--data", type=Path, help="folder with test/, of --all with a1 to a4 (default data)")
    parser.add_argument("--again", action="store_true", help="with --all: also what is evaluated already")
    args = parser.parse_args(arguments)
    if not args.all and args.data is None:
        parser.error("--checkpoint needs --data, a folder with test/")
    try:
        if args.all:
            evaluate_all(args.data or Path("data"), args.again)
            text = str(REPORT)
        else:
            text = evaluate_alone(args.checkpoint, args.data)
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"songs must be readable, and results writable; {error}: mend it and run again\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
