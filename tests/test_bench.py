"""The bench's command: what it measures, what it tells and writes, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bench_rows import made_facts, made_row

from bassnet_osc.arguments import parse
from bassnet_osc.bench import command, table
from bassnet_osc.bench.measure import Case
from bassnet_osc.spec import BassNetError


def test_the_table_is_narrow_and_tells_all() -> None:
    lines = table.in_words(made_facts([made_row(), made_row(cpu_server=None, memory_mb=None)])).splitlines()
    assert all(len(line) <= 132 for line in lines), max(map(len, lines))
    heads, first, second = lines[5:8]
    assert len(heads) == len(first) == len(second)
    expected = "64 1024 176.4 2.0 never never never never 4.2 1234 1234 1234 1234"
    assert first.split()[:13] == expected.split()
    assert first.split()[13:] == ["0.00", "12345", "0", "2", "0", "0", "126", "2", "1234"]
    assert second.split()[-3:] == ["-", "2", "-"]


def test_clients_that_sent_late_are_told_of() -> None:
    sent_late = {"p50": 0.1, "p99": 1.5, "max": 9.0}
    assert "p99 up to 1.5 ms" in table.in_words(made_facts([made_row(), made_row(sent_late_ms=sent_late)]))
    assert "sent late" not in table.in_words(made_facts([made_row()]))


@pytest.mark.parametrize(
    ("share", "told"), [(1.0, "100.00"), (0.99999, "99.99"), (0.9999, "99.99"), (0, "0.00")]
)
def test_all_is_said_of_all_alone(share: float, told: str) -> None:
    assert table.share(share) == told


def run(monkeypatch: pytest.MonkeyPatch, words: str, rows: list[Any]) -> list[Case]:
    """The command, its measurements replaced: a row each, or what is to be raised. Returns what was asked."""
    asked: list[Case] = []

    def measure(case: Case) -> dict[str, Any]:
        asked.append(case)
        row = rows[len(asked) - 1]
        if isinstance(row, dict):
            return row
        raise row

    monkeypatch.setattr(command, "measure", measure)
    command.bench(parse(["bench", *words.split()]))
    return asked


def test_the_usual_table_has_four_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    asked = run(monkeypatch, f"--json {file}", [made_row()] * 4)
    assert [(case.n_sessions, case.block_size, case.sample_rate, case.seconds) for case in asked] == [
        (1, 256, 48_000, 10.0),
        (4, 256, 48_000, 10.0),
        (1, 480, 48_000, 10.0),
        (4, 480, 48_000, 10.0),
    ]
    assert {case.model for case in asked} == {"groove-live"}
    told = json.loads(file.read_text())
    assert told["rows"] == [made_row()] * 4 and told["complete"] and told["sessions_on_time"] is None
    assert {"cpu", "cores", "system"} == set(told["machine"])
    assert {"bassnet", "python"} < set(told["versions"])


def test_the_search_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = made_row(on_time=1.0), made_row(on_time=0.9)
    file = tmp_path / "bench.json"
    asked = run(monkeypatch, f"--find-sessions --blocks 480 --json {file}", [good, bad, good, bad, bad, good])
    assert [(case.n_sessions, case.block_size, case.seconds) for case in asked] == [
        (1, 480, 60.0),
        (2, 480, 60.0),  # which fails, and is tried again
        (2, 480, 60.0),
        (4, 480, 60.0),
        (4, 480, 60.0),
        (3, 480, 60.0),
    ]
    assert json.loads(file.read_text())["sessions_on_time"] == 3
    assert "sessions on time: 3" in capsys.readouterr().out


@pytest.mark.parametrize("end", [KeyboardInterrupt(), BassNetError("the server failed: it said nothing")])
def test_what_was_done_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], end: BaseException
) -> None:
    file = tmp_path / "bench.json"
    with pytest.raises(type(end)):
        run(monkeypatch, f"--json {file}", [made_row(), end])
    told = json.loads(file.read_text())
    assert told["rows"] == [made_row()] and not told["complete"]
    assert "not complete" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_what_cannot_be_written_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that is full when minutes of measuring are over."""

    def full(path: Path) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "whole", full)
    with pytest.raises(OSError, match="No space"):
        run(monkeypatch, f"--json {tmp_path / 'bench.json'}", [made_row()] * 4)
    assert "made on CPUExecutionProvider" in capsys.readouterr().out


def test_without_a_row_the_old_file_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, f"--json {file}", [KeyboardInterrupt()])
    assert file.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_stages_and_neighbours_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def profile(*options: Any) -> dict[str, Any]:
        asked.append(options)
        return {"hop": 1}

    stages = SimpleNamespace(profile=profile, stages_in_words=lambda found: f"stages {found['hop']}")
    others = SimpleNamespace(
        neighbours=lambda: {"cqt": 2}, neighbours_in_words=lambda found: f"by {found['cqt']}"
    )
    monkeypatch.setitem(sys.modules, "bassnet_osc.bench.stages", stages)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "bassnet_osc.bench.neighbours", others)  # type: ignore[arg-type]
    file = tmp_path / "bench.json"
    assert run(monkeypatch, f"--profile --neighbours --provider cpu --json {file}", []) == []
    assert asked == [("groove-live", "cpu", 10.0)]
    told = json.loads(file.read_text())
    assert (told["stages"], told["neighbours"], told["rows"]) == ({"hop": 1}, {"cqt": 2}, [])
    assert capsys.readouterr().out == "stages 1\n\nby 2\n"


@pytest.mark.parametrize(
    "words",
    [
        "--sessions 0",
        "--sessions 65",
        "--sessions 1,,2",
        "--sessions 1.5",
        "--sessions 99999999999999999999",
        "--blocks 8",
        "--blocks 2048",
        "--rates 7999",
        "--rates fast",
        "--seconds 0",
        "--seconds nan",
        "--seconds inf",
        "--model nobody",
        "--json no/such/folder.json",
        "--find-sessions --sessions 4",
        "--find-sessions --blocks 256,480",
    ],
)
def test_bad_options_get_one_line_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    with pytest.raises(BassNetError) as refused:
        run(monkeypatch, words, [])
    assert len(str(refused.value).splitlines()) == 1 and ": " in str(refused.value)
