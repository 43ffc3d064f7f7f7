"""The table of `bassnet serve`: every figure in it, names as letters, whole lines in every terminal."""

from __future__ import annotations

import io
import logging
import re
import threading
from typing import Any

import pytest
from reports import report, session
from rich.console import Console

from bassnet_osc.live_table import LiveTable

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and movements of the cursor


def console(width: int, height: int = 25) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height, legacy_windows=False)


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def drawn(told: dict[str, Any], width: int, height: int = 25) -> list[str]:
    """The lines of one update, without colours."""
    terminal = console(width, height)
    with LiveTable(lambda: told, terminal) as table:
        before = len(written(terminal))
        table.update()
        text = written(terminal)[before:]
    return [line.rstrip() for line in CODES.sub("", text).replace("\r", "").split("\n")]


WORST = {
    "client": "a" * 64,
    "model": "my-own-bass-of-a-very-long-name",
    "sample_rate": 192_000,
    "block_size": 1024,
    "format": "s16",
    "latency_samples": 192 * 2000,
    "latency_ms": {"resampler": 0.4, "window": 1840.0, "frame": 10.0},
    "z": [-5.99, -6.0],
    "queue_ms": 123.4,
    "blocks_in": 7_200_000,
    "answered": 7_199_999,
    "lost": 12_345,
    "late": 54_321,
    "concealed": 65_432,
}


@pytest.mark.parametrize("width", [80, 120])
def test_the_figures_of_the_report_stand_in_it(width: int) -> None:
    text = "\n".join(drawn(report(2, state="overloaded", reason="play fewer sessions", saving=1), width))
    for figure in (
        "BassNet 0.1.0, groove-live on CPUExecutionProvider, up 1:02:03",
        "overloaded: play fewer sessions",
        "p50 / p95 / p99 3.1 / 4.0 / 5.2 ms, load 13%, queue 8, refused 17",
        "saving: every second window is computed at times",
        "resampler + window + frame",
    ):
        assert figure in text
    cells = {"1", "2", "max", "groove-live", "48000/240", "f", "50.4", "0.4+40+10", "0.10", "-2.00", "1.5"}
    assert cells | {"3", "12", "14"} <= set(text.split())


def test_a_session_has_one_line_where_there_is_room_for_it() -> None:
    last = " ".join(drawn(report(1), 120)[-1].split())
    assert last == "1 max groove-live 48000/240 f 50.4 0.4+40+10 0.10 -2.00 1.5 3 12 14"
    assert drawn(report(1), 80)[-2].split()[:2] == ["1", "max"]


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("height", [10, 25, 60])
@pytest.mark.parametrize("worst", [False, True])
def test_nothing_wraps_and_all_sessions_are_counted(width: int, height: int, worst: bool) -> None:
    told = report(0, sessions=[session(n, **(WORST if worst else {})) for n in range(1, 65)])
    lines = drawn(told, width, height)
    assert max(map(len, lines)) <= width and len(lines) < height
    shown = [int(line.split()[0]) for line in lines if re.match(r" *\d+  [ma]", line)]
    assert shown == list(range(1, len(shown) + 1))
    assert lines[-1] == f"and {64 - len(shown)} more sessions"
    if worst and shown:  # names are cut, figures are not
        text = "\n".join(lines)
        assert ("a..." in text) == (width < 200)
        for figure in (
            "192000/1024 s16",
            "2000.0",
            "0.4+1840+10",
            "-5.99 -6.00",
            "123.4",
            "12345",
            "54321",
            "65432",
        ):
            assert figure in text, figure


def test_a_taller_terminal_shows_more_and_a_tall_one_all() -> None:
    shown = [sum("  max" in line for line in drawn(report(64), 120, height)) for height in (10, 25, 50, 80)]
    assert shown[0] > 0 and shown == sorted(shown) and shown[-1] == 64
    assert "more session" not in "\n".join(drawn(report(64), 120, 80))


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("[/red]", "[/red]"),
        (":smile:", ":smile:"),
        ("a\x1b[2J", "a\\x1b[2J"),
        ("a\r\nb\x07", "a\\r\\nb\\x07"),
        ("\x9b2J\u202e", "\\x9b2J\\u202e"),
    ],
)
def test_hostile_names_are_shown_as_they_are(name: str, shown: str, width: int) -> None:
    lines = drawn(report(0, sessions=[session(1, client=name)], model=name, reason=name), width)
    assert f"BassNet 0.1.0, {shown} on" in lines[0] and lines[1] == f"ready: {shown}"
    assert any(line.startswith(f"1  {shown}") for line in lines)
    assert len(lines) == len(drawn(report(1, reason="x"), width))
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_each_update_asks_anew_and_draws_in_the_same_place() -> None:
    loads, terminal = iter([0.25, 0.5]), console(80)
    with LiveTable(lambda: report(1, load=next(loads)), terminal) as table:
        table.update()
        assert "load 25%" in written(terminal)
        before, n_lines = len(written(terminal)), len(drawn(report(1), 80))
        table.update()
        second = written(terminal)[before:]
    assert "load 50%" in second and second.count("\x1b[1A") == n_lines - 1


def test_log_lines_stand_above_the_table_and_are_harmless() -> None:
    terminal, log = console(80), logging.getLogger("test_live_table")
    log.propagate = False
    with LiveTable(lambda: report(1), terminal) as table:
        table.update()
        log.addHandler(table.handler)
        before = len(written(terminal))
        log.warning("refused [red]%s", "\x1b[2J" + "x" * 100)
        log.removeHandler(table.handler)
        text = written(terminal)[before:]
    assert "\x1b[2J" not in text
    plain = CODES.sub("", text)
    # whole, however long, so that it can be copied
    assert f"refused [red]\\x1b[2J{'x' * 100}\n" in plain
    assert plain.index("refused [red]") < plain.index("BassNet 0.1.0")


def test_it_has_no_thread_and_gives_the_cursor_back() -> None:
    terminal, n_threads = console(80), threading.active_count()
    with LiveTable(lambda: report(1), terminal) as table:
        table.update()
        assert threading.active_count() == n_threads
        assert "\x1b[?25l" in written(terminal)
    assert written(terminal).endswith("\x1b[?25h")
