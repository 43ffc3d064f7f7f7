"""One row: a fresh server, sessions that play to it in real time, and all that was found.

Flow: command -> measure -> ServerProcess, LoadProcess -> figures, report -> a row of plain values.

A fresh server for each row, so that neither its memory nor its times are those of the row before. Its times
of inference are of its last 5000, which may reach back into the warm-up.
"""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bassnet_osc.bench import figures
from bassnet_osc.bench.processes import LoadProcess, ServerProcess
from bassnet_osc.client import DEADLINE_MS
from bassnet_osc.demo_run import MIX
from bassnet_osc.spec import HOST, BassNetError
from bassnet_osc.status import ask

WARM_UP_S = 2.0  # that do not count: a stream's first chord, caches, clocks that rise
SEED = 0  # of the sessions' phases and places in the mix
SESSIONS_PER_PROCESS = 16  # six of them take 5 % of a core in one process, and 12 % in six


@dataclass(frozen=True)
class Case:
    """What is measured: so many sessions, blocks in samples, Hz, seconds that count."""

    model: str
    provider: str
    n_sessions: int
    block_size: int
    sample_rate: int
    seconds: float


def measure(case: Case) -> dict[str, Any]:
    """The row; raises BassNetError with the last words of a process that failed."""
    with ServerProcess(case.model, case.provider) as server, ExitStack() as ends:
        loads = [ends.enter_context(LoadProcess(plan)) for plan in plans(case, server.port)]
        try:
            for load in loads:
                load.wait_until_ready()
            for load in loads:
                load.go()
            cpu, memory_mb = _watched(server, case.seconds)
            provider_line = server.provider_line
            results = [load.result() for load in loads]
            report = ask(HOST, server.port)
        except BassNetError:
            if server.is_alive:
                raise
            raise server.failed() from None  # which is why the others failed
    return {
        "model": report["model"],
        "provider": report["provider"],
        "provider_line": provider_line,
        "sessions": case.n_sessions,
        "block_size": case.block_size,
        "sample_rate": case.sample_rate,
        "seconds": case.seconds,
        "deadline_ms": DEADLINE_MS,
        **figures.of_sessions([one for result in results for one in result["tallies"]], DEADLINE_MS),
        "inference_ms": report["inference_ms"],
        "cpu_server": cpu,
        "cpu_load": sum(result["cpu"] for result in results),
        "load_processes": len(loads),
        "memory_mb": memory_mb,
    }


def plans(case: Case, port: int) -> list[dict[str, Any]]:
    """What each load process is to do: sessions at places of their own, in their blocks and in the mix."""
    dice = random.Random(SEED)
    sessions = [
        {"name": f"bench-{n}", "phase": dice.random(), "place": dice.random()}
        for n in range(1, case.n_sessions + 1)
    ]
    shared = {
        "host": HOST,
        "port": port,
        "mix": str(MIX),
        "sample_rate": case.sample_rate,
        "block_size": case.block_size,
        "deadline_ms": DEADLINE_MS,
        "warm_up_s": WARM_UP_S,
        "seconds": case.seconds,
    }
    firsts = range(0, len(sessions), SESSIONS_PER_PROCESS)
    return [shared | {"sessions": sessions[first : first + SESSIONS_PER_PROCESS]} for first in firsts]


def _watched(server: ServerProcess, seconds: float) -> tuple[float | None, float | None]:
    """CPU of the server as a share of one core while blocks count, and its memory in MB at the end."""
    time.sleep(WARM_UP_S)
    used_before, began = server.cpu_s(), time.perf_counter()
    time.sleep(seconds)
    used, took = server.cpu_s(), time.perf_counter() - began
    cpu = None if used is None or used_before is None else (used - used_before) / took
    return cpu, server.memory_mb()
