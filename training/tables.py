"""RESULTS.md: the paper's tables with our numbers beside theirs; every number comes from the rows.

Flow: paper, results ◀ tables ◀ evaluate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from bassnet_osc.presets import PAPER_WINDOWS
from training.paper import ABLATION_WINDOW, ACCURACIES, ACCURACIES_WITHOUT_CROSS, DATA_SET_NAMES, LOSSES
from training.prose import EXACT, HEAD, LIVE, NOT_RUN, ORIGIN, TABLE_1, TABLE_2, TABLE_3
from training.results import Row, mean_and_deviation

UNKNOWN = "–"  # a metric that a model does not have
LOSS_NAMES = ("f0", "level", "onset")


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
    mean, deviation = mean_and_deviation(known)
    if math.isnan(deviation):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {deviation:.{digits}f} ({len(known)})"


def cell(rows: Iterable[Row], metric: str, digits: int = 3) -> str:
    """One metric of rows that differ in their seed alone."""
    return number([row.metrics[metric] for row in rows], digits)


def kinds(rows: Iterable[Row]) -> list[str]:
    """The ways in which rows were trained, fewer maps first; one that is empty where there is no row."""
    found = {row.model: row.maps for row in rows}
    return sorted(found, key=lambda model: (found[model], model)) or [""]


def windows(rows: Iterable[Row]) -> list[tuple[int, int]]:
    """Windows of the rows, in the paper's order, then the others by length."""
    found = {row.window for row in rows}
    return [w for w in PAPER_WINDOWS if w in found] + sorted(
        found - set(PAPER_WINDOWS), key=lambda w: w[::-1]
    )


def of(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


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
            for model in kinds(here):
                body.append([size(window), *theirs, model or NOT_RUN, *_losses(of(here, model=model))])
        head = ["window", *(f"paper {name}" for name in LOSS_NAMES), "ours", *ours, *floors]
        text += [f"### {data_set}\n", markdown(head, body)]
    exact = [row for row in rows if row.preset != "paper"]
    body = [
        [
            row.data_set,
            row.preset,
            size(row.window),
            row.model,
            *_losses(of_kind(exact, row)),
            cell(of_kind(exact, row), "pitch_accuracy"),
        ]
        for row in first_of_each_kind(exact)
    ]
    if body:
        text += [
            EXACT,
            markdown(["data", "preset", "window", "model", *ours, *floors, "pitch"], body),
        ]
    return "\n".join(text)


def _losses(rows: Sequence[Row]) -> list[str]:
    names = [f"loss_{name}{which}" for which in ("_finest", "") for name in LOSS_NAMES]
    floors = [cell(rows[:1], name) for name in ("floor_level", "floor_onset")]  # the targets' own
    return [cell(rows, name) for name in names] + floors if rows else [""] * (len(names) + len(floors))


def of_kind(rows: Iterable[Row], row: Row) -> list[Row]:
    """The rows that differ from `row` in nothing but the seed."""
    same = ("data_set", "preset", "window", "cross", "model")
    return of(rows, **{name: getattr(row, name) for name in same})


def first_of_each_kind(rows: Sequence[Row]) -> list[Row]:
    """One row of each kind, in the order of the tables."""
    order = windows(rows)
    ordered = sorted(
        rows, key=lambda r: (r.data_set, r.preset, order.index(r.window), r.cross, r.maps, r.seed)
    )
    return [row for row in ordered if of_kind(ordered, row)[0] is row]


def _by_data_set(rows: Iterable[Row], metric: str, digits: int = 3) -> list[str]:
    return [cell(of(rows, data_set=data_set), metric, digits) for data_set in DATA_SET_NAMES]


def accuracy_table(rows: Sequence[Row]) -> str:
    """Table 2."""
    rows, body = of(rows, preset="paper", cross=True), []
    for window in PAPER_WINDOWS:
        here = of(rows, window=window)
        body.append([size(window), "paper", *(f"{value:.3f}" for value in ACCURACIES[window])])
        for model in kinds(here):
            these = of(here, model=model)
            body.append(
                ["", f"ours: {model}" if model else "ours", *_by_data_set(these, "classifier_accuracy")]
            )
            if these:
                body.append(["", "— settled", *_by_data_set(these, "classifier_settled")])
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
        for window in windows(of(rows, preset=preset)):
            here = of(rows, preset=preset, window=window, cross=True)
            for model in kinds(here):
                these = of(here, model=model)
                body.append([preset, size(window), model, *_by_data_set(these, "classifier_accuracy")])
                body.append(["", "", "— settled", *_by_data_set(these, "classifier_settled")])
                if preset == "live":
                    body.append(["", "", "— delayed", *_by_data_set(these, "classifier_delayed")])
                    body.append(["", "", "— delay in frames", *_by_data_set(these, "label_delay_frames", 0)])
            body.append(["", "", "ceiling", *_ceilings(here)])
    body = body or [["live", "", NOT_RUN, *[NOT_RUN] * len(DATA_SET_NAMES)]]
    return f"{LIVE}\n{markdown(['preset', 'window', 'model', *DATA_SET_NAMES], body)}"


def ablation_table(rows: Sequence[Row]) -> str:
    """Table 3, with the cross-reconstruction that it leaves out beside it; the paper has 40/40 alone."""
    paper, w = of(rows, preset="paper"), ABLATION_WINDOW
    body = [[size(w), "paper, regular", *(f"{value:.3f}" for value in ACCURACIES_WITHOUT_CROSS)]]
    body.append(["", "paper, cross", *(f"{value:.3f}" for value in ACCURACIES[w])])
    for window in ablation_windows(rows):
        for cross in (False, True):
            here = of(paper, window=window, cross=cross)
            for model in kinds(here):
                name = f"ours, {'cross' if cross else 'regular'}" + (f": {model}" if model else "")
                accuracies = _by_data_set(of(here, model=model), "classifier_accuracy")
                body.append([size(window), name, *accuracies])
    return f"{TABLE_3}\n{markdown(['window', 'model', *DATA_SET_NAMES], body)}"


def ablation_windows(rows: Iterable[Row]) -> list[tuple[int, int]]:
    """The paper's window, then the others with a model that was trained without cross-reconstruction."""
    return [ABLATION_WINDOW, *(w for w in windows(of(rows, cross=False)) if w != ABLATION_WINDOW)]


def origin_table(rows: Iterable[Row]) -> str:
    """What made each row."""
    body = []
    for row in rows:
        training = [f"{row.data_set}, {row.songs}", str(row.steps), f"{row.minutes:.1f}", row.machine]
        body.append([row.name, str(row.maps), *training, f"`{row.command}`"])
    head = ["row", "maps", "data, songs", "steps", "minutes", "machine", "command"]
    return f"{ORIGIN}\n{markdown(head, body)}"


def results_text(rows: Sequence[Row], captions: dict[str, str]) -> str:
    """RESULTS.md; `captions` tell of each figure, by its file's name in results, what it shows."""
    figures = [
        f"## Figure {name.split('-')[1].split('.')[0]}\n\n![{name}](results/{name})\n\n{caption}\n"
        for name, caption in captions.items()
    ]
    parts = [HEAD, loss_tables(rows), accuracy_table(rows), live_table(rows), ablation_table(rows)]
    return "\n".join([*parts, *figures, origin_table(rows)])
