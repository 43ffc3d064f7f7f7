"""Reports of a server, as `bassnet status` and the live table get them."""

from __future__ import annotations

from typing import Any


def session(number: int, **changes: Any) -> dict[str, Any]:
    """One session's part of a report."""
    return {
        "session": number,
        "client": "max",
        "model": "groove-live",
        "sample_rate": 48_000,
        "block_size": 240,
        "format": "f",
        "latency_samples": 2418,
        "latency_ms": {"resampler": 0.375, "analysis": 0.0, "window": 40.0, "frame": 10.0, "padding": 0.0},
        "variations": 0,
        "z": [0.1, -2.0],
        "queue_ms": 1.5,
        "blocks_in": 1000,
        "answered": 997,
        "lost": 3,
        "late": 12,
        "concealed": 14,
    } | changes


def report(n_sessions: int = 1, **changes: Any) -> dict[str, Any]:
    """A whole report."""
    return {
        "version": "0.1.0",
        "state": "ready",
        "reason": "",
        "model": "groove-live",
        "provider": "CPUExecutionProvider",
        "uptime_s": 3723.4,
        "inference_ms": {"p50": 3.1, "p95": 4.0, "p99": 5.2, "p99.99": 6.0, "max": 6.1},
        "load": 0.13,
        "queue": 8,
        "saving": 0,
        "refused": 17,
        "sessions": [session(n) for n in range(1, n_sessions + 1)],
    } | changes
