# ruff: noqa: T201  commands speak on the terminal
"""How long it takes to begin: the import, a server that is ready, the first bass of a client.

    python tests/startup.py

Flow: a fresh interpreter -> import; exec -> `bassnet serve` -> "listening on"; Client -> the first answer
that can be heard. Each is the median of RUNS; CPU time hardly depends on what else the machine does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from server_process import ServerProcess

from bassnet_osc.audio_files import Audio, Mix
from bassnet_osc.bundle import DEFAULT
from bassnet_osc.client import Client
from bassnet_osc.demo_run import MIX

RUNS = 5
IMPORT_S, READY_S, FIRST_BASS_S = 0.2, 1.5, 1.2  # the goals; the last one is 0.2 s after a second of audio
BLOCK_SIZE = 256
SILENCE_S, MIX_S = 1.0, 1.5  # of what a client plays: the session is under way when the mix begins
AUDIBLE = 1e-3  # -60 dBFS
PATIENCE = 10.0  # seconds until an answer is given up


def import_s() -> float:
    """Seconds that `import bassnet_osc` takes, by Python's own account."""
    command = [sys.executable, "-X", "importtime", "-c", "import bassnet_osc"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    [micros] = re.findall(r"\|\s*(\d+) \| bassnet_osc$", told, re.MULTILINE)
    return int(micros) / 1e6


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used, user's and system's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def beginning() -> tuple[int, list[Audio]]:
    """Silence, then the demo's mix: its rate, and blocks (BLOCK_SIZE,)."""
    mix = Mix([MIX])
    audio = np.concatenate(list(mix.blocks()))[: int(MIX_S * mix.sample_rate)]
    audio = np.concatenate([np.zeros(int(SILENCE_S * mix.sample_rate)), audio]).astype(np.float32)
    return mix.sample_rate, list(audio[: len(audio) // BLOCK_SIZE * BLOCK_SIZE].reshape(-1, BLOCK_SIZE))


def first_bass(port: int, is_paced: bool = True) -> tuple[float, float]:
    """Seconds from the mix's first sample to the first audible one of the bass: in samples, and by the clock.

    `is_paced`: in real time, or else as fast as the answers come.
    """
    sample_rate, blocks = beginning()
    first = int(SILENCE_S * sample_rate) // BLOCK_SIZE  # the block that the mix begins in
    begun_at = 0.0
    with Client(
        port=port, sample_rate=sample_rate, block_size=BLOCK_SIZE, deadline_ms=1e3 * PATIENCE
    ) as client:
        started = time.perf_counter()
        for k, block in enumerate(blocks):
            if is_paced:
                time.sleep(max(0.0, started + k * BLOCK_SIZE / sample_rate - time.perf_counter()))
            if k == first:
                begun_at = time.perf_counter()
            client.send(block)
            answer = client.receive(PATIENCE)
            if answer is None:
                raise TimeoutError(f"block {k} has no answer after {PATIENCE:g} s")
            if len(audible := np.flatnonzero(np.abs(answer[1]) > AUDIBLE)):
                position = answer[0] * BLOCK_SIZE + int(audible[0])
                return position / sample_rate - SILENCE_S, time.perf_counter() - begun_at
    raise ValueError(f"no bass in {MIX_S:g} s of the mix")


def begin() -> tuple[float, float, float, float]:
    """Of one server: seconds until it is ready, by the clock and of CPU, and those of `first_bass`."""
    started = time.perf_counter()
    with ServerProcess(DEFAULT, "--oscquery", "0") as server:
        ready = time.perf_counter() - started
        return ready, cpu_s(server.process.pid), *first_bass(server.port)


def row(what: str, goal_s: float, medians: dict[str, float]) -> str:
    """A line of the table."""
    told = ", ".join(f"{1e3 * seconds:.0f} ms {how}".strip() for how, seconds in medians.items())
    return f"{what:<44}{told:<36}{1e3 * goal_s:6.0f} ms"


def medians(measure: Callable[[], tuple[float, ...]]) -> list[float]:
    """Of each number that it returns."""
    return [median(column) for column in zip(*(measure() for _ in range(RUNS)), strict=True)]


def main() -> None:
    """The command."""
    [imported] = medians(lambda: (import_s(),))
    ready, cpu, position, clock = medians(begin)
    print(f"{'medians of ' + str(RUNS) + ' runs':<44}{'measured':<36}{'goal':>9}")
    print(row("import bassnet_osc", IMPORT_S, {"": imported}))
    print(row('bassnet serve, until "listening on"', READY_S, {"by the clock": ready, "of CPU": cpu}))
    print(row("first bass after a mix begins", FIRST_BASS_S, {"in samples": position, "by the clock": clock}))


if __name__ == "__main__":
    main()
