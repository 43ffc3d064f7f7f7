"""The command: one model as JSON, all rows as RESULTS.md, which goes on where it was stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from songs import tiny, write_data

from bassnet_osc.presets import live
from training import evaluate as command
from training import results
from training.checkpoint import load_checkpoint, save_checkpoint
from training.config import TrainConfig
from training.features import cache_name
from training.gallery import CAPTIONS
from training.results import read_results
from training.train import train

N_TEST = 10  # of the test songs on disk, which are one more


def only_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are tested on N_TEST songs, which are there."""
    monkeypatch.setattr(results, "TEST_SONGS", N_TEST)
    monkeypatch.setattr(results, "missing_songs", lambda *_: {})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a1."""
    folder = tmp_path_factory.mktemp("evaluate") / "data"
    write_data(folder / "a1", n_test=N_TEST + 1)
    return folder


@pytest.fixture(scope="module")
def best(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few steps."""
    out = tmp_path_factory.mktemp("run")
    return train(TrainConfig(str(data / "a1"), str(out), steps=20, batch_pairs=4), tiny(live()))


@pytest.fixture
def rows(best: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rows that differ in their seed, in a folder of their own; the songs are there."""
    folder = tmp_path / "results"
    folder.mkdir()
    values = load_checkpoint(best)
    for seed in (0, 1):
        config = values["config"] | {"seed": seed}
        save_checkpoint(folder / f"row-{seed}.pt", values | {"config": config})
    monkeypatch.setattr(command, "RESULTS", folder)
    monkeypatch.setattr(command, "REPORT", tmp_path / "RESULTS.md")
    only_the_first(monkeypatch)
    return folder


def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the rows that will be evaluated from now on."""
    names: list[str] = []
    whole = command.evaluate_one

    def counted(row: results.Row, *rest: object) -> results.Row:
        names.append(row.name)
        return whole(row, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(command, "evaluate_one", counted)
    return names


def test_a_checkpoint_prints_json(best: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--checkpoint", str(best), "--data", str(data / "a1")]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["test_songs"] == N_TEST + 1 and 0 <= metrics["classifier_accuracy"] <= 1
    assert (data / "a1" / "test" / "0000" / cache_name(tiny(live()))).exists()


def test_all_rows_become_tables_and_figures(
    rows: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run evaluates nothing and says the same; lost latents or --again evaluate once more."""
    run = ["--all", "--data", str(data)]
    assert command.main(run) == 0
    assert capsys.readouterr().out == f"{command.REPORT}\n"
    text, stored = command.REPORT.read_text(), (rows / "results.json").read_text()
    assert {metrics["test_songs"] for metrics in read_results(rows / "results.json").values()} == {N_TEST}
    assert "(2) | not run | not run | not run |" in text  # two seeds of live 4/8 on A1
    for number in range(5, 9):
        assert f"figure-{number}.png" in text
        assert (rows / f"figure-{number}.png").read_bytes().startswith(b"\x89PNG")
    names = evaluated(monkeypatch)
    monkeypatch.setattr(command, "draw_all", lambda *_: CAPTIONS)  # they are drawn, that will do
    assert command.main(run) == 0
    assert names == []
    assert (command.REPORT.read_text(), (rows / "results.json").read_text()) == (text, stored)
    lost, _ = results.open_row(rows / "row-1.pt")
    results.latents_path(data, lost).unlink()
    assert command.main(run) == 0
    assert names == ["row-1"]
    assert command.main([*run, "--again"]) == 0
    assert names == ["row-1", "row-0", "row-1"]
    assert not list(rows.glob("*.unfinished"))


def test_a_stopped_run_goes_on(
    rows: Path, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second row: the first one is kept."""
    shutil.rmtree(data / "latents", ignore_errors=True)
    whole = command.evaluate_one

    def stopped(row: results.Row, *rest: object) -> results.Row:
        if row.name == "row-1":
            raise KeyboardInterrupt
        return whole(row, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(command, "evaluate_one", stopped)
        assert command.main(["--all", "--data", str(data)]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    first, _ = results.open_row(rows / "row-0.pt")
    assert list(read_results(rows / "results.json")) == [first.sha256]
    names = evaluated(monkeypatch)
    assert [row.name for row in command.evaluate_rows(data, rows, again=False)] == ["row-0", "row-1"]
    assert names == ["row-1"]


def test_a_row_says_what_made_it(rows: Path, best: Path) -> None:
    row, subject = results.open_row(rows / "row-1.pt")
    assert subject.spec == tiny(live())
    assert (row.name, row.data_set, row.songs, row.preset) == ("row-1", "A1", 2, "live")
    assert (row.window, row.cross, row.recipe, row.maps, row.seed) == ((4, 8), True, "fast", 4, 1)
    values = load_checkpoint(best)
    assert (row.steps, row.seconds) == (values["step"], values["seconds"])
    assert (row.data, row.settings["steps"]) == (values["config"]["data"], 20)


def test_a_row_says_what_its_features_took(rows: Path) -> None:
    """Older rows do not know."""
    values = load_checkpoint(rows / "row-0.pt")
    told = {"feature_seconds": 90.0, "feature_songs": 3}
    save_checkpoint(rows / "new.pt", values | told)
    save_checkpoint(rows / "old.pt", {name: value for name, value in values.items() if name not in told})
    for name, expected in (("new", (90.0, 3)), ("old", (None, None))):
        row, _ = results.open_row(rows / f"{name}.pt")
        assert (row.feature_seconds, row.feature_songs) == expected


def test_numbers_of_another_version_are_evaluated_again(
    rows: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the list that results.json once was too; latents of another version are no better."""
    command.evaluate_rows(data, rows, again=False)
    names = evaluated(monkeypatch)
    command.evaluate_rows(data, rows, again=False)
    assert names == []
    stored = json.loads((rows / "results.json").read_text())
    assert [row["name"] for row in stored["rows"]] == ["row-0", "row-1"]
    (rows / "results.json").write_text(json.dumps(stored["rows"]))
    command.evaluate_rows(data, rows, again=False)
    assert names == ["row-0", "row-1"]
    monkeypatch.setattr(results, "METRICS_VERSION", results.METRICS_VERSION + 1)
    command.evaluate_rows(data, rows, again=False)
    assert names == ["row-0", "row-1"] * 2
    row, _ = results.open_row(rows / "row-0.pt")
    new = results.latents_path(data, row)
    monkeypatch.undo()
    assert new.exists() and new != results.latents_path(data, row)


def test_a_model_kept_twice_is_one_clear_line(
    rows: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its mean would count it twice; nothing is evaluated before."""
    shutil.copy(rows / "row-1.pt", rows / "twin.pt")
    assert command.main(["--all", "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert "row-1 and twin have not: move one away" in error and error.count("\n") == 1
    assert not (rows / "results.json").exists()


def test_missing_songs_are_rendered(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them with the seed of the tables, and only where some are missing; what is more is left out."""
    monkeypatch.setattr(results, "TEST_SONGS", N_TEST)
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(results, "generate", lambda *arguments: asked.append(arguments))
    for missing in ({}, {data: None}):
        monkeypatch.setattr(results, "missing_songs", lambda *_, missing=missing: missing)
        assert len(results.songs_of(data, "A1", tiny(live()))) == N_TEST
    assert asked == [("A1", "test", results.TEST_SONGS, 0, data / "a1", os.cpu_count())]


@pytest.mark.parametrize("lacking", ["cross", "data"])
def test_a_row_without_its_config_is_one_clear_line(
    lacking: str, rows: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = load_checkpoint(rows / "row-0.pt")
    config = {name: value for name, value in values["config"].items() if name != lacking}
    save_checkpoint(rows / "row-0.pt", values | {"config": config})
    assert command.main(["--all", "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert re.search(rf"row-0\.pt must .*; it lacks .*{lacking}.*: ", error) and error.count("\n") == 1


def test_results_that_cannot_be_written_are_one_clear_line(
    rows: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rows / "results.unfinished").mkdir()
    assert command.main(["--all", "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert "results writable; [Errno 21]" in error and error.count("\n") == 1


@pytest.mark.parametrize("content", [b"no checkpoint", b""])
def test_a_damaged_row_is_one_clear_line(
    content: bytes, rows: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rows / "row-2.pt").write_bytes(content)
    assert command.main(["--all", "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert "row-2.pt must be a checkpoint" in error and error.count("\n") == 1
    assert not command.REPORT.exists()


def test_a_row_of_other_songs_is_one_clear_line(
    rows: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = load_checkpoint(rows / "row-0.pt")
    save_checkpoint(rows / "row-0.pt", values | {"trained_on": {"data_set": None, "songs": 3}})
    assert command.main(["--all", "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert "must be trained on one of A1, A2, A3, A4; got None" in error and error.count("\n") == 1


@pytest.mark.parametrize("content", ["", "{}", "3", '{"metrics_version": 2, "rows": [{}]}'])
def test_damaged_results_are_one_clear_line(
    content: str, rows: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (rows / "results.json").write_text(content)
    assert command.main(["--all", "--data", str(data)]) == 2
    error = capsys.readouterr().err
    assert "results.json must hold the rows' metrics" in error and error.count("\n") == 1


def test_no_rows_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    assert command.main(["--all", "--data", str(tmp_path)]) == 2
    assert "must hold models as *.pt; it has none" in capsys.readouterr().err


def test_bad_paths_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("no checkpoint")
    for name in ("none.pt", "notes.txt"):
        assert command.main(["--checkpoint", str(tmp_path / name), "--data", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert f"{name} must be a checkpoint" in error
        assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--checkpoint", "a.pt"], ["--checkpoint", "a.pt", "--all"]])
def test_it_says_what_it_needs(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2
