"""A server's report as lines for people: what it is at, and a table of its sessions.

Flow: report (one plain dict) -> head, table -> status (as text), live_table (in colour). Lines of printable
ASCII alone, each at most as wide as asked: names come from the network and reach a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Report = dict[str, Any]
Column = tuple[str, ...]  # the cells that stand in it below one another

WIDE: tuple[Column, ...] = (
    ("#",),
    ("client",),
    ("model",),
    ("rate/block",),
    ("offset ms",),
    ("its parts",),
    ("z",),
    ("queue ms",),
    ("lost",),
    ("late",),
    ("concealed",),
)
NARROW: tuple[Column, ...] = (
    ("#",),
    ("client", "model"),
    ("rate/block", "z"),
    ("offset ms", "its parts"),
    ("queue ms", "concealed"),
    ("blocks", "answered"),
    ("lost", "late"),
)
NAMES = ("client", "model")  # what may be cut where the table is too wide; figures never are
LEAST_NAME = 10  # characters of a name that are left at least, before the next layout is taken
TO_THE_LEFT = {*NAMES, "rate/block", "z"}  # the others are numbers, and end below one another
GAP = "  "  # between columns
NO_SESSIONS = "no sessions: a client opens one with /bassnet/hello"
SAVING = ("", "every second window is computed at times", "windows are left out and concealed")


def plain(text: object) -> str:
    """The text as printable ASCII; everything else, controls of a terminal above all, as an escape."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in str(text))


def cut(line: str, width: int) -> str:
    """The line, or its beginning and `...` where it is wider."""
    return line if len(line) <= width else line[: width - 3] + "..."


def head(report: Report) -> list[str]:
    """The server's own lines: model, state, inference and load, what is saved; which parts an offset has."""
    times = " / ".join(f"{report['inference_ms'][name]:.1f}" for name in ("p50", "p95", "p99"))
    lines = [
        f"BassNet {plain(report['version'])}, {plain(report['model'])} on {plain(report['provider'])}, "
        f"up {_duration(report['uptime_s'])}",
        plain(report["state"]) + (f": {plain(report['reason'])}" if report["reason"] else ""),
        f"inference p50 / p95 / p99 {times} ms, load {report['load']:.0%}, queue {report['queue']}, "
        f"refused {report['refused']}",
    ]
    if report["saving"]:
        lines.append(f"saving: {SAVING[report['saving']]}")
    if device := report.get("device"):
        lines += _of_device(device)
    if report["sessions"]:
        return [*lines, f"parts of an offset: {' + '.join(_parts(report['sessions']))}", ""]
    return [*lines, ""] if report.get("more_sessions") else [*lines, "", NO_SESSIONS]


def _of_device(device: Report) -> list[str]:
    """The sound card: what plays into what, its ring on top of the session's offset, what it has lost."""
    ring_ms = 1e3 * device["ring_samples"] / device["sample_rate"]
    return [
        f"sound card {plain(device['input'])} -> {plain(device['output'])}: ring {ring_ms:.1f} ms, "
        f"its own {device['input_ms']:.1f} + {device['output_ms']:.1f} ms",
        f"sound card: {losses(device)}",
    ]


def losses(device: Report) -> str:
    """What a sound card has lost, for people."""
    return (
        f"of {device['callbacks']} callbacks {device['input_overflows']} lost input, "
        f"{device['output_underflows']} came after a gap, {device['missed']} had no bass in time; "
        f"{device['skipped']} blocks skipped"
    )


def table(report: Report, width: int, height: int, layouts: Sequence[tuple[Column, ...]]) -> list[str]:
    """The sessions below a heading, in at most `height` lines; the last one says how many more there are.

    The first of the layouts that fits into `width` is taken, the last one where none does.
    """
    sessions, parts = report["sessions"], _parts(report["sessions"])
    if not sessions:
        return _more(report, 0)
    cells = [_cells(session, parts) for session in sessions[: max(0, height)]]
    for layout in layouts:
        n_shown = _n_that_fit(report, height, max(map(len, layout)))
        heading = {name: name for column in layout for name in column}
        lines, is_whole = _in_width(layout, [heading, *cells[:n_shown]], width)
        if is_whole:
            break
    return [cut(line, width) for line in lines] + _more(report, n_shown)


def _n_that_fit(report: Report, height: int, lines_each: int) -> int:
    """The number of sessions that leave room for the heading and, where there are more, for saying so."""
    n = len(report["sessions"])
    needed = (n + 1) * lines_each + bool(report.get("more_sessions"))
    return n if needed <= height else max(0, (height - 1) // lines_each - 1)


def _in_width(
    layout: tuple[Column, ...], rows: Sequence[dict[str, str]], width: int
) -> tuple[list[str], bool]:
    """The rows as lines, names cut to make them fit, and whether that was enough."""
    lines = _aligned(layout, rows)
    excess = max(map(len, lines)) - width
    if excess > 0:
        longest = max(len(row[name]) for row in rows for name in NAMES)
        left = max(LEAST_NAME, longest - excess)
        lines = _aligned(layout, [row | {name: cut(row[name], left) for name in NAMES} for row in rows])
    return lines, max(map(len, lines)) <= width


def _more(report: Report, n_shown: int) -> list[str]:
    n_more = len(report["sessions"]) - n_shown + report.get("more_sessions", 0)
    return [f"and {n_more} more session{'s' if n_more > 1 else ''}"] if n_more else []


def _cells(session: Report, parts: Sequence[str]) -> dict[str, str]:
    """What the table can tell of a session, by the name of the cell."""
    latency_ms = session["latency_ms"]
    x, y = session["z"]
    return {
        "#": f"{session['session']}",
        "client": plain(session["client"]),
        "model": plain(session["model"]),
        "rate/block": f"{session['sample_rate']}/{session['block_size']} {plain(session['format'])}",
        "offset ms": f"{1e3 * session['latency_samples'] / session['sample_rate']:.1f}",
        "its parts": "+".join(_short(latency_ms.get(part, 0.0)) for part in parts),
        "z": f"{x:.2f} {y:.2f}",
        "queue ms": f"{session['queue_ms']:.1f}",
        "blocks": f"{session['blocks_in']}",
    } | {name: f"{session[name]}" for name in ("answered", "lost", "late", "concealed")}


def _parts(sessions: Iterable[Report]) -> list[str]:
    """The names of the parts of the offset, in order, less those that no session has any of."""
    named = {plain(name): None for s in sessions for name, ms in s["latency_ms"].items() if ms}
    return list(named)


def _aligned(layout: Sequence[Column], rows: Sequence[dict[str, str]]) -> list[str]:
    """All rows as lines, as many for each row as the layout's highest column has cells."""
    height = max(map(len, layout))
    lines = [""] * (len(rows) * height)
    for names in layout:
        width = max(len(row[name]) for row in rows for name in names)
        to_the_left = TO_THE_LEFT.issuperset(names)
        for r, row in enumerate(rows):
            for i in range(height):
                cell = row[names[i]] if i < len(names) else ""
                lines[r * height + i] += (cell.ljust(width) if to_the_left else cell.rjust(width)) + GAP
    return [line.rstrip() for line in lines]


def _short(ms: float) -> str:
    return f"{ms:.1f}".removesuffix(".0")


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"
