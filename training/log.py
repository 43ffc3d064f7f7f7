"""log.csv of a run: one row for each term of the loss, as step, kind, term, value.

Flow: log ◀ run.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

COLUMNS = ["step", "kind", "term", "value"]


def append_rows(path: Path, step: int, kind: str, terms: dict[str, float]) -> None:
    """Adds a row for each term; a new file begins with the names of the columns."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerows([step, kind, name, f"{value:.6g}"] for name, value in terms.items())


def drop_rows_after(path: Path, step: int) -> None:
    """Steps after the last checkpoint are lost when a run stops; they are done and logged again."""
    if not path.exists():
        return
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS) and row != COLUMNS]
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *(row for row in rows if int(row[0]) <= step)])
    os.replace(unfinished, path)
