"""The rows for people: plain text in columns, 132 characters wide at most.

Flow: rows (measure), facts (machine) -> table -> the terminal. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]

LEGEND = (
    "round trip: from when a block was due to be sent; never: its answer did not come.",
    "late: answers with something concealed; seen late: came after the deadline; lost: blocks or answers.",
    "over: seconds in which windows were left out. CPU: % of one core, of the server and of the clients' own",
    "load. MB: memory of the server. Inference: hearing a block, the server's last 5000, warm-up and all; a",
    "batch of several sessions' windows counts whole for each.",
)
SENT_LATE_MS = 1.0  # from which it is told that the clients themselves were late


def ms(value: float | None) -> str:
    """One place, none from 1000 on; `never` for None."""
    if value is None:
        return "never"
    return f"{value:.1f}" if value < 999.95 else f"{value:.0f}"


def share(value: float) -> str:
    """In per cent, rounded down: 100.00 is all."""
    return f"{math.floor(round(10_000 * value, 6)) / 100:.2f}"


def whole(value: float | None) -> str:
    """- for what this system does not tell."""
    return "-" if value is None else f"{value:.0f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f}"


# Group, head, width, what of a row.
COLUMNS: tuple[tuple[str, str, int, Callable[[Row], str]], ...] = (
    ("ses-", "sions", 5, lambda row: str(row["sessions"])),
    ("", "block", 5, lambda row: str(row["block_size"])),
    ("", "kHz", 5, lambda row: f"{row['sample_rate'] / 1000:g}"),
    ("round trip, ms", "p50", 5, lambda row: ms(row["round_trip_ms"]["p50"])),
    ("", "p95", 5, lambda row: ms(row["round_trip_ms"]["p95"])),
    ("", "p99", 5, lambda row: ms(row["round_trip_ms"]["p99"])),
    ("", "p99.99", 6, lambda row: ms(row["round_trip_ms"]["p99.99"])),
    ("", "max", 5, lambda row: ms(row["round_trip_ms"]["max"])),
    ("inference, ms", "p50", 5, lambda row: ms(row["inference_ms"]["p50"])),
    ("", "p95", 5, lambda row: ms(row["inference_ms"]["p95"])),
    ("", "p99", 5, lambda row: ms(row["inference_ms"]["p99"])),
    ("", "p99.99", 6, lambda row: ms(row["inference_ms"]["p99.99"])),
    ("", "max", 5, lambda row: ms(row["inference_ms"]["max"])),
    ("on", "time %", 6, lambda row: share(row["on_time"])),
    ("", "late", 5, lambda row: str(row["late"])),
    ("seen", "late", 5, lambda row: str(row["late_seen"])),
    ("", "lost", 4, lambda row: str(row["lost"] + row["unanswered"])),
    ("con-", "cealed", 6, lambda row: str(row["concealed"])),
    ("", "over", 4, lambda row: str(row["overloaded_s"])),
    ("CPU, %", "server", 6, lambda row: _percent(row["cpu_server"])),
    ("", "load", 4, lambda row: _percent(row["cpu_load"])),
    ("", "MB", 4, lambda row: whole(row["memory_mb"])),
)


def in_words(found: dict[str, Any]) -> str:
    """The table of `found["rows"]`, at least one, with where it was measured above it."""
    rows = found["rows"]
    lines = [_where(found), _groups(), _line([head for _, head, _, _ in COLUMNS])]
    lines += [_line([tell(row) for _, _, _, tell in COLUMNS]) for row in rows]
    lines += ["", *LEGEND]
    if (sent_late_ms := max(row["sent_late_ms"]["p99"] for row in rows)) >= SENT_LATE_MS:
        lines += [
            f"The clients themselves sent late, p99 up to {ms(sent_late_ms)} ms, which the round trips hold: "
            "close what else uses the cores."
        ]
    if found["sessions_on_time"] is not None:
        lines += ["", f"sessions on time: {found['sessions_on_time']}"]
    if not found["complete"]:
        lines += ["", "not complete: it was ended before all was measured"]
    return "\n".join(lines)


def _where(found: dict[str, Any]) -> str:
    row, machine = found["rows"][0], found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{row['model']} on {row['provider']}, {row['seconds']:g} s a row, "
        f"on time: within {row['deadline_ms']:g} ms\n"
        f"{row['provider_line']}\n"
        f"{machine['cpu']}, {machine['cores']} cores; {versions}\n"
    )


def _groups() -> str:
    """Each group's name over its first columns, as far as it reaches."""
    line, at = "", 0
    for group, _, width, _ in COLUMNS:
        if group:
            is_long = len(group) > width
            line = line.ljust(at) + (group if is_long else group.rjust(width))
        at += width + 1
    return line


def _line(cells: list[str]) -> str:
    return " ".join(cell.rjust(width) for cell, (_, _, width, _) in zip(cells, COLUMNS, strict=True))
