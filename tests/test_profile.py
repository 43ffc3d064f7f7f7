"""Where the time goes: stages are timed without those inside them, sum up, and the slowest is named."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from songs import write_data
from tiny_runs import SPEC, config, small_validation

from training import profile
from training.profile import Row, Watch, slowest, table

__all__ = ["small_validation"]


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_stage_is_timed_without_those_inside_it() -> None:
    """And what no stage takes is the phase's rest; a call that fails counts as well."""
    clock = Clock()
    watch = Watch(clock)

    def inner() -> None:
        clock.now += 1

    def outer(fails: bool) -> str:
        clock.now += 2
        owner.inner()
        clock.now += 4
        if fails:
            raise ValueError("fails")
        return "result"

    owner = SimpleNamespace(inner=inner, outer=outer)
    with watch.phase("p", [(owner, "outer", "outer"), (owner, "inner", ("first", "second"))]):
        clock.now += 8
        assert owner.outer(False) == "result"
        with pytest.raises(ValueError):
            owner.outer(True)
    clock.now += 16
    assert watch.seconds == {("p", "rest"): 8, ("p", "outer"): 12, ("p", "first"): 1, ("p", "second"): 1}
    assert owner.inner is inner and owner.outer is outer


def test_the_slowest_is_that_of_the_recipe_and_not_of_once() -> None:
    rows = [Row("step", "forward", 100.0, 4000), Row("export", "graphs", 2000.0, 1)]
    assert slowest(rows) == rows[0]
    lines = table(rows).splitlines()
    assert lines[0].startswith("threads: ")
    assert lines[-1] == "slowest: step, forward: 100% of 6.7 minutes"


def test_every_stage_of_a_tiny_pipeline(tmp_path: Path) -> None:
    """From audio to a bundle: every stage takes time, and the songs stay as they are."""
    data = write_data(tmp_path / "data", n_train=10, n_validation=10, n_test=10)
    before = sorted(data.rglob("*"))
    rows = profile.profile(config(data, tmp_path / "run"), SPEC, n_songs=10, n_steps=2)
    assert sorted(data.rglob("*")) == before and not (tmp_path / "run").exists()
    stages = {(row.phase, row.stage) for row in rows}
    for phase, calls in (("features", profile.FEATURES), ("step", profile.STEP), ("export", profile.EXPORT)):
        for _, _, names in calls:
            named = (names,) if isinstance(names, str) else names
            assert {(phase, name) for name in (*named, "rest")} <= stages
    assert ("validation", "rest") in stages
    assert all(row.ms > 0 and row.times > 0 for row in rows)
    times = {row.phase: row.times for row in rows if row.stage == "rest"}
    assert times == {"features": 280, "step": 4000, "validation": 400, "export": 1}


def test_too_few_songs_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_data(tmp_path / "data", n_test=1)
    assert profile.main(["--data", str(data), "--songs", "2"]) == 2
    assert capsys.readouterr().err == f"{data}/validation must hold --songs 2 songs; it has 1: name fewer\n"
