"""RESULTS.md: the paper's tables with our numbers beside theirs; every number comes from the rows.

Flow: paper, results, agreement ◀ tables ◀ evaluate.
"""

from __future__ import annotations

import re
import shlex
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from bassnet_osc.presets import PAPER_WINDOWS
from training.agreement import report
from training.paper import ABLATION_WINDOW, ACCURACIES, ACCURACIES_WITHOUT_CROSS, DATA_SET_NAMES, LOSSES
from training.prose import (
    ESTIMATED,
    EXACT,
    FEW_SONGS,
    HEAD,
    LIVE,
    NOT_MEASURED,
    NOT_RUN,
    ORIGIN,
    PITCH,
    TABLE_1,
    TABLE_2,
    TABLE_3,
    VALIDATION_SONGS,
    VALIDATION_SONGS_SMALL,
)
from training.results import Row, of, pools

UNKNOWN = "–"  # a metric that a model does not have
LOSS_NAMES = ("f0", "level", "onset")
# What z tells of the pitch, and the metric that says how well.
PITCHES = {
    "R² of the bass's f0": "r2_bass_f0",
    "R² of the chord's root": "r2_chord_root",
    "chord note": "accuracy_chord_note",
}


def markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def number(values: Sequence[float | None], digits: int = 3) -> str:
    """One cell: 'not run', the number, or mean ± deviation (how many)."""
    if not values:
        return NOT_RUN
    known = [value for value in values if value is not None]
    if not known:
        return UNKNOWN
    mean = f"{statistics.fmean(known):.{digits}f}"
    return f"{mean} ± {statistics.stdev(known):.{digits}f} ({len(known)})" if len(known) > 1 else mean


def cell(rows: Iterable[Row], metric: str, digits: int = 3) -> str:
    """One metric of a pool of rows."""
    return number([row.metrics[metric] for row in rows], digits)


def lines(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """The pools of some rows; one without a name where there is no row."""
    return pools(rows) or [("", [])]


def windows(rows: Iterable[Row]) -> list[tuple[int, int]]:
    """Windows of the rows, in the paper's order, then the others by length."""
    found = {row.window for row in rows}
    return [w for w in PAPER_WINDOWS if w in found] + sorted(
        found - set(PAPER_WINDOWS), key=lambda w: w[::-1]
    )


def size(window: tuple[int, int]) -> str:
    """a/b"""
    return f"{window[0]}/{window[1]}"


def loss_tables(rows: Sequence[Row]) -> str:
    """Table 1, one for each data set, and the models with exact targets in one of their own."""
    text = [TABLE_1]
    ours = [f"{which} {name}" for which in ("finest", "all") for name in LOSS_NAMES]
    floors = ["floor level", "floor onset"]
    for at, data_set in enumerate(DATA_SET_NAMES):
        body = []
        for window in PAPER_WINDOWS:
            here = of(rows, preset="paper", cross=True, data_set=data_set, window=window)
            theirs = [f"{loss:.3f}" for loss in LOSSES[window][at]]
            for name, pool in lines(here):
                body.append([size(window), *theirs, name or NOT_RUN, *_losses(pool)])
        head = ["window", *(f"paper {name}" for name in LOSS_NAMES), "ours", *ours, *floors]
        text += [f"### {data_set}\n", markdown(head, body)]
    body = [
        [data_set, preset, size(window), name + regular, *_losses(pool), cell(pool, "pitch_accuracy")]
        for data_set in DATA_SET_NAMES
        for preset in ("live", "studio")
        for window in windows(of(rows, data_set=data_set, preset=preset))
        for cross, regular in ((True, ""), (False, ", regular"))
        for name, pool in pools(of(rows, data_set=data_set, preset=preset, window=window, cross=cross))
    ]
    if body:
        head = ["data", "preset", "window", "model", *ours, *floors, "pitch"]
        text += [EXACT, markdown(head, body)]
    return "\n".join(text)


def _losses(rows: Sequence[Row]) -> list[str]:
    names = [f"loss_{name}{which}" for which in ("_finest", "") for name in LOSS_NAMES]
    floors = [cell(rows[:1], name) for name in ("floor_level", "floor_onset")]  # the targets' own
    return [cell(rows, name) for name in names] + floors if rows else [""] * (len(names) + len(floors))


def _by_data_set(rows: Iterable[Row], metric: str, digits: int = 3) -> list[str]:
    return [cell(of(rows, data_set=data_set), metric, digits) for data_set in DATA_SET_NAMES]


def accuracy_table(rows: Sequence[Row]) -> str:
    """Table 2."""
    rows, body = of(rows, preset="paper", cross=True), []
    for window in PAPER_WINDOWS:
        here = of(rows, window=window)
        body.append([size(window), "paper", *(f"{value:.3f}" for value in ACCURACIES[window])])
        for name, pool in lines(here):
            title = f"ours: {name}" if name else "ours"
            body.append(["", title, *_by_data_set(pool, "classifier_accuracy")])
            if pool:
                body.append(["", "— settled", *_by_data_set(pool, "classifier_settled")])
        if here:
            body.append(["", "ceiling", *_ceilings(here)])
    return f"{TABLE_2}\n{markdown(['window', 'model', *DATA_SET_NAMES], body)}"


def _ceilings(rows: Iterable[Row]) -> list[str]:
    """The ceiling depends on the window alone: one row of each data set says it."""
    return [cell(of(rows, data_set=data_set)[:1], "ceiling") for data_set in DATA_SET_NAMES]


def live_table(rows: Sequence[Row]) -> str:
    """Table 2's live and studio models."""
    body = []
    for preset in ("live", "studio"):
        for window in windows(of(rows, preset=preset, cross=True)):
            here = of(rows, preset=preset, window=window, cross=True)
            for name, pool in pools(here):
                body.append([preset, size(window), name, *_by_data_set(pool, "classifier_accuracy")])
                body.append(["", "", "— settled", *_by_data_set(pool, "classifier_settled")])
                if preset == "live":
                    body.append(["", "", "— delayed", *_by_data_set(pool, "classifier_delayed")])
                    body.append(["", "", "— delay in frames", *_by_data_set(pool, "label_delay_frames", 0)])
            body.append(["", "", "ceiling", *_ceilings(here)])
    body = body or [["live", "", NOT_RUN, *[NOT_RUN] * len(DATA_SET_NAMES)]]
    return f"{LIVE}\n{markdown(['preset', 'window', 'model', *DATA_SET_NAMES], body)}"


def ablation_table(rows: Sequence[Row]) -> str:
    """Table 3, with the cross-reconstruction that it leaves out beside it; the paper has 40/40 alone."""
    w = ABLATION_WINDOW
    body = [[size(w), "paper, regular", *(f"{value:.3f}" for value in ACCURACIES_WITHOUT_CROSS)]]
    body.append(["", "paper, cross", *(f"{value:.3f}" for value in ACCURACIES[w])])
    pitches = []
    for window, name, pool in _ablation_lines(rows):
        body.append([size(window), name, *_by_data_set(pool, "classifier_accuracy")])
        for pitch, metric in PITCHES.items() if pool else ():
            pitches.append([size(window), name, pitch, *_by_data_set(pool, metric)])
    text = f"{TABLE_3}\n{markdown(['window', 'model', *DATA_SET_NAMES], body)}\n{PITCH}"
    head = ["window", "model", "z tells", *DATA_SET_NAMES]
    return f"{text}\n{markdown(head, pitches or [['', NOT_RUN, '', *[''] * len(DATA_SET_NAMES)]])}"


def _ablation_lines(rows: Sequence[Row]) -> Iterable[tuple[tuple[int, int], str, list[Row]]]:
    """Window, name and rows of our lines of Table 3."""
    for window in ablation_windows(rows):
        for cross, objective in ((False, "regular"), (True, "cross")):
            for name, pool in lines(of(rows, preset="paper", window=window, cross=cross)):
                yield window, f"ours, {objective}" + (f": {name}" if name else ""), pool


def ablation_windows(rows: Iterable[Row]) -> list[tuple[int, int]]:
    """The paper's window, then the others with a model that was trained without cross-reconstruction."""
    return [ABLATION_WINDOW, *(w for w in windows(of(rows, cross=False)) if w != ABLATION_WINDOW)]


def origin_table(rows: Iterable[Row]) -> str:
    """What made each row."""
    body = []
    for row in rows:
        training = [f"{row.data_set}, {row.songs}", str(row.steps), *_times(row), row.machine]
        commands = "<br>".join(f"`{command}`" for command in commands_of(row))
        body.append([row.name, str(row.maps), *training, commands])
    head = ["row", "maps", "data, songs", "steps", "minutes", "features", "machine", "commands"]
    return f"{ORIGIN}\n{markdown(head, body)}"


def _times(row: Row) -> tuple[str, str]:
    """Minutes of training, and what was spent on features before it."""
    features = row.feature_seconds or 0.0
    told = f"{row.feature_songs} songs in {features / 60:.1f} min" if row.feature_songs else "before"
    return f"{(row.seconds - features) / 60:.1f}", told


def commands_of(row: Row) -> list[str]:
    """The commands that render the songs of a row and train it."""
    validation = VALIDATION_SONGS_SMALL if row.songs < FEW_SONGS else VALIDATION_SONGS
    render = ["python", "-m", "training.artificial", "--data-set", row.data_set]
    songs = {"train": row.songs, "validation": validation}
    rendered = [
        shlex.join([*render, "--split", split, "--songs", str(n), "--out", row.data])
        for split, n in songs.items()
    ]
    threads = re.search(r"threads: (\d+)", row.machine)
    return [*rendered, f"OMP_NUM_THREADS={threads[1]} {row.command}" if threads else row.command]


def agreement_text(figures: dict[str, Any] | None) -> str:
    """How far the estimated targets agree with the exact ones; without `figures` nobody measured it."""
    if figures is None:
        return f"{ESTIMATED}\n{NOT_MEASURED}"
    return f"{ESTIMATED}\n```text\n{report(figures)}```\n"


def results_text(
    rows: Sequence[Row], captions: dict[str, str], agreement: dict[str, Any] | None = None
) -> str:
    """RESULTS.md.

    `captions` tell of each figure, by its file's name in results, what it shows; `agreement` are the figures
    of training.agreement.
    """
    figures = [
        f"## Figure {name.split('-')[1].split('.')[0]}\n\n![{name}](results/{name})\n\n{caption}\n"
        for name, caption in captions.items()
    ]
    tables = [loss_tables(rows), accuracy_table(rows), live_table(rows), ablation_table(rows)]
    return "\n".join([HEAD, agreement_text(agreement), *tables, *figures, origin_table(rows)])
