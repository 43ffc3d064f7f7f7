"""What a server is doing, as one plain dictionary: for `bassnet status` and the live table.

Flow: switchboard -> report -> status, live_table.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bassnet_osc import __version__
from bassnet_osc.spec import BassNetError

if TYPE_CHECKING:
    from bassnet_osc.session import Session
    from bassnet_osc.switchboard import Switchboard

REPORT = "/bassnet/report"  # the question, and the answer


def report(board: Switchboard) -> dict[str, Any]:
    """Ready for JSON; times in ms but for uptime_s."""
    time, model = board.engine.measured(), board.shelf.default
    return {
        "version": __version__,
        "state": board.state,
        "reason": board.reason,
        "model": model.name,
        "provider": model.provider,
        "uptime_s": round(board.uptime_s, 1),
        "inference_ms": {
            "p50": time.p50_ms,
            "p95": time.p95_ms,
            "p99": time.p99_ms,
            "p99.99": time.p9999_ms,
            "max": time.max_ms,
        },
        "load": time.load,
        "queue": time.queue,
        "saving": time.saving,
        "refused": board.refusals.n_refused,
        **({"device": board.device.report()} if board.device and board.device.of_card else {}),
        "sessions": [of_session(session) for session in sorted(board.sessions.values(), key=number)],
    }


def number(session: Session) -> int:
    """In the order in which they came."""
    return session.number


def of_session(session: Session) -> dict[str, Any]:
    """One session; its counters are in blocks."""
    hello, voice, take = session.hello, session.voice, session.take
    return {
        "session": session.number,
        "client": hello.client,
        "model": session.model.name,
        "sample_rate": hello.sample_rate,
        "block_size": hello.block_size,
        "format": hello.format,
        "latency_samples": voice.latency_samples,
        "latency_ms": voice.latency_parts,
        "variations": len(session.variations),
        "z": list(session.z.target),
        "queue_ms": 0.0 if take is None else 1000.0 * take.backlog_seconds,
        **asdict(session.counters),
    }


def fitted(report: dict[str, Any], room: int) -> str:
    """The report as JSON (ASCII) of at most `room` bytes, without the last sessions where it has to be.

    `more_sessions` says how many those are. Raises BassNetError where not even the rest fits.
    """
    rest = _json({key: value for key, value in report.items() if key != "sessions"})
    rows = [_json(session) for session in report["sessions"]]
    for n in range(len(rows), -1, -1):
        left_out = f',"more_sessions":{len(rows) - n}' if n < len(rows) else ""
        text = f'{rest[:-1]},"sessions":[{",".join(rows[:n])}]{left_out}}}'
        if len(text) <= room:
            return text
    raise BassNetError(f"a report takes {len(text)} bytes at least; got room for {room}: pad the question")


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
