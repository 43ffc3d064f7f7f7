"""RESULTS.md: what is absent is said, only seeds become mean and deviation, the paper's numbers are there."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, replace
from typing import Any

import pytest

from bassnet_osc.presets import PAPER_WINDOWS, live, paper
from bassnet_osc.spec import BassNetError
from training.config import RECIPES, TrainConfig
from training.paper import ACCURACIES, ACCURACIES_WITHOUT_CROSS, DATA_SET_NAMES, LOSSES
from training.results import FREE_IN_POOL, Row, check_seeds, pools, settings
from training.tables import (
    ablation_table,
    accuracy_table,
    agreement_text,
    commands_of,
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
    "r2_bass_f0": 0.625,
    "r2_chord_root": 0.375,
    "accuracy_chord_note": 0.875,
}
AGREEMENT = {
    "songs": 10,
    "frames": 60969,
    "notes": 1644,
    "f0": {
        "voiced_in_both": 0.92,
        "voiced_by_notes_alone": 0.065,
        "of_these_near_onset": 0.98,
        "voiced_by_crepe_alone": 0.0,
        "same_bin": 0.984,
        "within_50_cents": 0.9998,
    },
    "onset": {"precision": 0.96875, "recall": 1.0, "f1": 0.984, "median_late_ms": 9.3},
    "level": {"mean_db": 3.5e-7, "percentile_95_db": 8.5e-7},
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
        "settings": {},
        "steps": 3500,
        "seconds": 738.0,
        "feature_seconds": None,
        "feature_songs": None,
        "machine": "a machine",
        "data": "data/a1",
        "command": "python -m training.train --data data/a1",
    }
    name = f"row-{seed}"
    known |= {"name": name, "sha256": name, "seed": seed, "metrics": METRICS | (metrics or {})}
    return Row(**(known | values))


def trained(
    seed: int = 0, songs: int = 60, data_set: str = "A1", accuracy: float = 0.9, **config: Any
) -> Row:
    """A row whose settings are those of such a run."""
    of_run = asdict(replace(TrainConfig("data/a1", "runs/a1"), seed=seed, **config))
    return row(
        seed,
        {"classifier_accuracy": accuracy},
        songs=songs,
        data_set=data_set,
        settings=settings(of_run, paper(), songs),
    )


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
    assert ablation_table([]).count("not run") == 2 * len(DATA_SET_NAMES) + 1  # the pitch in z
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


def test_the_ablation_tells_the_pitch_in_z() -> None:
    """Of regular and of cross models, as mean and deviation; what has no pitch is not a number."""
    found = [{"r2_bass_f0": 0.5, "r2_chord_root": None}, {"r2_bass_f0": 0.7, "r2_chord_root": None}]
    rows = [row(cross=False), row(1, found[0], data_set="A2"), row(2, found[1], data_set="A2")]
    below = ablation_table(rows).split("### What z tells")[1]
    regular, cross = "ours, regular: fast, 32 maps", "ours, cross: fast, 32 maps"
    f0, root, note = "R² of the bass's f0", "R² of the chord's root", "chord note"
    assert [line[1:] for line in lines(below, "| 10/40 |")] == [
        [regular, f0, "0.625", *["not run"] * 3],
        [regular, root, "0.375", *["not run"] * 3],
        [regular, note, "0.875", *["not run"] * 3],
        [cross, f0, "not run", "0.600 ± 0.141 (2)", *["not run"] * 2],
        [cross, root, "not run", "–", *["not run"] * 2],
        [cross, note, "not run", "0.875 ± 0.000 (2)", *["not run"] * 2],
    ]


def test_every_row_tells_what_made_it() -> None:
    text = results_text([row()], {"figure-5.png": "What it shows."})
    (line,) = lines(text, "| row-0 |")
    assert line[:-1] == ["row-0", "32", "A1, 100", "3500", "12.3", "before", "a machine"]
    assert line[-1].split("<br>") == [f"`{command}`" for command in commands_of(row())]
    assert "## Figure 5\n\n![figure-5.png](results/figure-5.png)\n\nWhat it shows.\n" in text


def test_minutes_leave_the_features_out_and_they_are_told() -> None:
    for songs, seconds, expected in [
        (80, 126.0, ["10.2", "80 songs in 2.1 min"]),
        (0, 6.0, ["12.2", "before"]),
    ]:
        text = results_text([row(feature_songs=songs, feature_seconds=seconds)], {})
        assert lines(text, "| row-0 |")[0][4:6] == expected


def test_the_commands_begin_with_the_songs() -> None:
    """As the run found them: its data set, its folder, its threads."""
    command = "python -m training.train --data data/small/a2 --preset paper"
    made = row(data_set="A2", data="data/small/a2", songs=60, command=command, machine="AMD EPYC, threads: 2")
    render = "python -m training.artificial --data-set A2 --split"
    assert commands_of(made) == [
        f"{render} train --songs 60 --out data/small/a2",
        f"{render} validation --songs 10 --out data/small/a2",
        f"OMP_NUM_THREADS=2 {command}",
    ]
    assert "validation --songs 20 --out 'my data'" in commands_of(row(data="my data"))[1]


def test_only_seeds_are_pooled() -> None:
    """And what does not change a model; whatever else differs is a line of its own, named by it."""
    rows = [trained(0, accuracy=0.8), trained(1, accuracy=0.9, data="elsewhere", out="b", minutes=3.0)]
    assert [name for name, _ in pools(rows)] == ["fast, 32 maps"]
    for other, name in [
        (trained(2, steps=2000), "2000 steps"),
        (trained(2, songs=180), "180 songs"),
        (trained(2, batch_pairs=5), "batch_pairs 5"),
        (trained(2, weights=replace(TrainConfig("", "").weights, kl=0.25)), "weights.kl 0.25"),
    ]:
        found = dict(pools([*rows, other]))
        assert [len(pool) for pool in found.values()].count(2) == 1 and len(found) == 2
        assert found[f"fast, 32 maps, {name}"] == [other]
        table = accuracy_table([*rows, other])
        assert "| 0.850 ± 0.071 (2) |" in table and f"| ours: fast, 32 maps, {name} | 0.900 |" in table


def test_every_setting_keeps_rows_apart() -> None:
    """Of the run and of its spec, but for those that leave the model as it is."""
    known = trained().settings
    assert {"songs", "steps", "batch_pairs", "weights.kl", "window.skip", "cqt.gamma"} <= known.keys()
    assert not known.keys() & FREE_IN_POOL
    for name in known:
        changed = row(1, settings=known | {name: -1})
        assert len(pools([trained(songs=100), changed])) == 2, name


def test_data_sets_may_differ_among_each_other() -> None:
    """A line is named by what differs within a data set: A4's longer run alone names none."""
    rows = [trained(), trained(data_set="A4", steps=6000)]
    assert [name for name, _ in pools(rows)] == ["fast, 32 maps"]
    found = pools([*rows, trained(1, steps=500)])
    assert [name for name, _ in found] == [f"fast, 32 maps, {steps} steps" for steps in (500, 1000, 6000)]


def test_an_older_setting_is_no_number() -> None:
    """Rows of an older recipe lack what it had not; no end is a sign."""
    new = trained()
    old = replace(trained(1), settings={k: v for k, v in new.settings.items() if k != "batch_pairs"})
    paper_recipe, spec = RECIPES["paper"](TrainConfig("", ""), live())
    endless = replace(trained(2), settings=settings(asdict(paper_recipe), spec, 60))
    names = [name for name, _ in pools([new, old])]
    assert sorted(names) == ["fast, 32 maps, batch_pairs 10", "fast, 32 maps, no batch_pairs"]
    assert paper_recipe.max_gradient_norm == math.inf
    assert any("max_gradient_norm ∞" in name for name, _ in pools([new, endless]))


def test_equal_seeds_are_refused() -> None:
    """One model trained twice: its mean would count it twice."""
    twice = replace(trained(0), name="again")
    check_seeds([trained(0), trained(1), trained(0, steps=2000), trained(0, data_set="A2")])
    with pytest.raises(BassNetError, match=r"different seeds; row-0 and again have not: move one away"):
        check_seeds([trained(0), trained(1), twice])


def test_estimated_targets_come_before_table_1() -> None:
    text = results_text([], {}, AGREEMENT)
    before = text[: text.index("## Table 1")]
    assert "10 songs, 60969 frames, 1644 notes" in before and "precision 0.969" in before
    missing = agreement_text(None)
    assert "not run" in missing and "python -m training.agreement --data data/a1 --json" in missing
    assert "not run" not in agreement_text(AGREEMENT)


def test_windows_are_in_the_papers_order() -> None:
    rows = [row(window=(10, 80)), row(1, window=(10, 40)), row(2, window=(40, 40)), row(3, window=(10, 40))]
    assert windows(rows) == [(40, 40), (10, 40), (10, 80)]
