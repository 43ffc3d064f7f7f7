"""The live table of `bassnet serve`: state, inference and sessions, drawn anew each second in its place.

Flow: cli -> LiveTable <- server's loop, which calls `update`; report -> report_text -> rich -> terminal. For
terminals only. No thread of its own. Lines are aligned by report_text: rich's own tables take the loop
several times as long, and audio is waiting.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from bassnet_osc import report_text
from bassnet_osc.report_text import Report

STATE_STYLES = {"ready": "bold green", "overloaded": "bold red"}  # others are on their way: yellow
KEPT_LINES = 2  # of the terminal's height, for the newest lines of the log


class LiveTable:
    """The table, from `with` until its end; it stays on the screen as it last was.

    `report` is called with each `update`. Give `handler` to logging: its lines appear above the table.
    """

    def __init__(self, report: Callable[[], Report], console: Console | None = None) -> None:
        self._report = report
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self.handler: logging.Handler = _AboveTable(self._console)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def update(self) -> None:
        """Draws the report of now."""
        width, height = self._console.size
        self._live.update(_drawn(self._report(), width, height - KEPT_LINES), refresh=True)


class _AboveTable(logging.Handler):
    """Writes log lines through the table's console, which puts them above it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """As the standard handlers do: a failure to write is theirs to tell, not the caller's."""
        try:
            for line in self.format(record).splitlines():
                self._console.print(Text(report_text.plain(line)), soft_wrap=True)
        except Exception:
            self.handleError(record)


def _drawn(report: Report, width: int, height: int) -> Text:
    """The report in `height` lines of `width`. Text, not markup: names are shown as they are."""
    head = [report_text.cut(line, width) for line in report_text.head(report)]
    room = max(1, height - len(head))
    rows = report_text.table(report, width, room, [report_text.WIDE, report_text.NARROW])
    text = Text("\n".join([*head, *rows]), no_wrap=True, overflow="crop")
    text.stylize(STATE_STYLES.get(report["state"], "bold yellow"), *_span(head, 1))
    if report["sessions"]:
        text.stylize("bold", *_span([*head, *rows], len(head)))
    return text


def _span(lines: list[str], n: int) -> tuple[int, int]:
    """Where line n begins and ends in the lines as one text."""
    begin = sum(len(line) + 1 for line in lines[:n])
    return begin, begin + len(lines[n])
