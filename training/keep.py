"""Keeps a trained model as a row of RESULTS.md: its weights in half precision, without what resuming needs.

    python -m training.keep runs/a1-paper-10-40-0

writes training/results/a1-paper-10-40-0.pt, which `python -m training.evaluate --all` then tests.

Flow: checkpoint ◀ keep.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bassnet_osc.spec import BassNetError
from training.checkpoint import keep

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None, results: Path = RESULTS) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.keep", description="Keep models as rows.")
    parser.add_argument("runs", type=Path, nargs="+", help="folders that training.train wrote")
    args = parser.parse_args(arguments)
    try:
        results.mkdir(exist_ok=True)
        for run in args.runs:
            row = results / f"{run.resolve().name}.pt"
            keep(run / "best.pt", row)
            sys.stdout.write(f"{row}\n")
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{results} must be writable and have space; {error}: mend it and start again\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
