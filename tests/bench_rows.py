"""Sessions and rows of the bench as if they had been measured.

Flow: tally, made_row, made_facts -> test_bench, test_bench_figures, test_bench_pace.
"""

from __future__ import annotations

from typing import Any

from bassnet_osc.bench.figures import of_sessions

DEADLINE_MS = 20.0  # within which an answer is on time


def tally(trips: list[float | None], **others: int) -> dict[str, Any]:
    """Of a session whose answers took so many ms."""
    names = ("late", "lost", "concealed", "astray", "reopened", "overloaded_s", "slow")
    sent_late = [0.1] * len(trips)
    return {"round_trip_ms": trips, "sent_late_ms": sent_late} | dict.fromkeys(names, 0) | others


def made_row(**others: Any) -> dict[str, Any]:
    """A row as `measure` gives it."""
    figures = of_sessions([tally([1.0, 2.0, 3.0, None], late=12345, lost=1)], DEADLINE_MS)
    row = {
        "model": "made",
        "provider": "CPUExecutionProvider",
        "provider_line": "provider cpu: as asked",
        "sessions": 64,
        "block_size": 1024,
        "sample_rate": 176_400,
        "seconds": 10.0,
        "deadline_ms": DEADLINE_MS,
        **figures,
        "inference_ms": {"p50": 4.25, "p95": 1234.5, "p99": 1234.5, "p99.99": 1234.5, "max": 1234.5},
        "cpu_server": 1.256,
        "cpu_load": 0.02,
        "load_processes": 4,
        "memory_mb": 1234.4,
    }
    return row | others


def made_facts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All that the table is made of."""
    machine = {"cpu": "a processor", "cores": 2, "system": "made"}
    versions = {"bassnet": "0", "python": "3"}
    shared = {"machine": machine, "versions": versions, "complete": True, "sessions_on_time": None}
    return shared | {"rows": rows}
