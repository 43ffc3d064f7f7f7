"""How many threads compute: as many as there are cores to this process, up to a limit.

Flow: cores <- engine, render, demo_run, bench.machine.
"""

from __future__ import annotations

import os

from bassnet_osc.providers import CPU, PROVIDERS

MOST_THREADS = 4  # they share Python's lock: more would wait for each other


def n_cores() -> int:
    """Those that this process may use: a container may have less than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def n_threads_for(provider: str) -> int:
    """As many as may decode at a time with ONNX Runtime's provider of that name.

    A device has one queue, and its bound memory is one window's.
    """
    return min(MOST_THREADS, n_cores()) if provider == PROVIDERS[CPU] else 1


def n_live_threads_for(provider: str) -> int:
    """The same beside a socket's loop, which needs a core as well.

    Without one, answers were late that had long been computed (two threads on two cores: 39 and 68 % of 16
    sessions' blocks on time, one thread: 99.7 and 99.9 %).
    """
    return min(n_threads_for(provider), max(1, n_cores() - 1))
