"""RESULTS.md: what is absent is said, seeds become mean and deviation, the paper's numbers are there."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bassnet_osc.presets import PAPER_WINDOWS
from training.paper import ACCURACIES, ACCURACIES_WITHOUT_CROSS, DATA_SET_NAMES, LOSSES
from training.results import Row
from training.tables import (
    ablation_table,
    accuracy_table,
    first_of_each_kind,
    live_table,
    loss_tables,
    number,
    results_text,
    windows,
)

LOSS = {f"loss_{name}{which}": 0.5 for name in ("f0", "level", "onset") for which in ("", "_finest")}
METRICS = LOSS | {
    "floor_level": 0.125,
    "floor_onset": 0.0,
    "classifier_accuracy": 0.9,
    "classifier_settled": 0.95,
    "classifier_delayed": 0.97,
    "label_delay_frames": 15,
    "ceiling": 0.987,
    "pitch_accuracy": 0.75,
}


def row(seed: int = 0, metrics: dict[str, Any] | None = None, **values: Any) -> Row:
    """A row of the paper's preset at 10/40 on A1, unless told otherwise."""
    known: dict[str, Any] = {
        "data_set": "A1",
        "songs": 100,
        "preset": "paper",
        "window": (10, 40),
        "cross": True,
        "recipe": "fast",
        "maps": 32,
        "steps": 3500,
        "minutes": 12.3,
        "machine": "a machine",
        "command": "python -m training.train --data data/a1",
    }
    name = f"row-{seed}"
    known |= {"name": name, "sha256": name, "seed": seed, "metrics": METRICS | (metrics or {})}
    return Row(**(known | values))


def lines(text: str, start: str) -> list[list[str]]:
    """The cells of the table lines that start so."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(start)
    ]


def test_three_seeds_are_a_mean_and_a_sample_deviation() -> None:
    """By hand: of 0.90, 0.93, 0.99 the mean is 0.94 and the deviation sqrt(0.0042 / 2) = 0.0458."""
    rows = [row(seed, {"classifier_accuracy": value}) for seed, value in enumerate((0.90, 0.93, 0.99))]
    assert "| ours: fast, 32 maps | 0.940 ± 0.046 (3) | not run |" in accuracy_table(rows)


def test_one_seed_is_its_number() -> None:
    assert "| ours: fast, 32 maps | 0.900 | not run | not run | not run |" in accuracy_table([row()])


@pytest.mark.parametrize(
    ("values", "text"), [([], "not run"), ([None, None], "–"), ([0.5], "0.500"), ([0.5, None], "0.500")]
)
def test_cells(values: list[float | None], text: str) -> None:
    assert number(values) == text


def test_recipes_and_sizes_are_lines_of_their_own() -> None:
    rows = [row(), row(1, recipe="paper", maps=128, metrics={"classifier_accuracy": 0.5})]
    found = [line for line in accuracy_table(rows).splitlines() if "ours: " in line]
    assert ["32 maps" in line for line in found] == [True, False]
    assert "| 0.500 |" in found[1] and "±" not in "".join(found)


def test_without_rows_all_is_not_run_and_the_paper_is_there() -> None:
    """Each of the paper's windows has a line in each table, with its numbers."""
    text = results_text([], {})
    assert "±" not in re.sub(r"mean ± .*", "", text)
    losses, accuracies = loss_tables([]), accuracy_table([])
    for window in PAPER_WINDOWS:
        size = f"| {window[0]}/{window[1]} |"
        assert len(lines(losses, size)) == len(DATA_SET_NAMES)
        for line, expected in zip(lines(losses, size), LOSSES[window], strict=True):
            assert line[1:4] == [f"{value:.3f}" for value in expected]
            assert line[4] == "not run"
        assert lines(accuracies, size)[0][2:] == [f"{value:.3f}" for value in ACCURACIES[window]]
    assert accuracies.count("not run") == len(PAPER_WINDOWS) * len(DATA_SET_NAMES)
    assert lines(ablation_table([]), "| 40/40 | paper, regular")[0][2:] == [
        f"{value:.3f}" for value in ACCURACIES_WITHOUT_CROSS
    ]
    assert ablation_table([]).count("not run") == 2 * len(DATA_SET_NAMES)
    assert live_table([]).count("not run") == 1 + len(DATA_SET_NAMES)


def test_losses_are_finest_then_all_then_floors() -> None:
    metrics = {f"loss_{name}_finest": value for name, value in (("f0", 0.1), ("level", 0.2), ("onset", 0.3))}
    line = lines(loss_tables([row(metrics=metrics)]), "| 10/40 |")[0]
    assert line[4:] == ["fast, 32 maps", "0.100", "0.200", "0.300", *["0.500"] * 3, "0.125", "0.000"]


def test_exact_targets_are_not_beside_the_paper() -> None:
    rows = [row(preset="live", window=(10, 80)), row(1, preset="studio")]
    text = loss_tables(rows)
    assert lines(text, "| 10/40 |")[0][4] == "not run"
    assert [line[:3] for line in lines(text, "| A1 |")] == [
        ["A1", "live", "10/80"],
        ["A1", "studio", "10/40"],
    ]
    assert lines(text, "| A1 |")[0][-1] == "0.750"


def test_live_rows_tell_delay_and_ceiling() -> None:
    text = live_table([row(preset="live", window=(10, 80), data_set="A4"), row(1, preset="studio")])
    cells = {line[2]: line[3:] for line in lines(text, "|  |")}
    assert lines(text, "| live")[0] == ["live", "10/80", "fast, 32 maps", *["not run"] * 3, "0.900"]
    assert cells["— delayed"][3] == "0.970" and cells["— delay in frames"][3] == "15"
    assert text.count("— delayed") == 1  # studio's windows have none
    assert "| ceiling | not run | not run | not run | 0.987 |" in text


@pytest.mark.parametrize("window", [(40, 40), (10, 40)])
def test_the_ablation_is_apart(window: tuple[int, int]) -> None:
    """At the paper's window or another one, which then has a line of its own."""
    rows = [row(window=window, cross=False, metrics={"classifier_accuracy": 0.4}), row(1, window=window)]
    text, size = ablation_table(rows), f"| {window[0]}/{window[1]} |"
    assert lines(text, f"{size} ours, regular: fast")[0][2] == "0.400"
    assert lines(text, f"{size} ours, cross: fast")[0][2] == "0.900"
    assert "0.400" not in accuracy_table(rows) + loss_tables(rows)


def test_every_row_tells_what_made_it() -> None:
    text = results_text([row()], {"figure-5.png": "What it shows."})
    assert (
        "| row-0 | 32 | A1, 100 | 3500 | 12.3 | a machine | `python -m training.train --data data/a1` |"
        in text
    )
    assert "## Figure 5\n\n![figure-5.png](results/figure-5.png)\n\nWhat it shows.\n" in text


def test_windows_are_in_the_papers_order_and_seeds_are_one_kind() -> None:
    rows = [row(window=(10, 80)), row(1, window=(10, 40)), row(2, window=(40, 40)), row(3, window=(10, 40))]
    assert windows(rows) == [(40, 40), (10, 40), (10, 80)]
    assert [r.seed for r in first_of_each_kind(rows)] == [2, 1, 0]
