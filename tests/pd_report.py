"""Prints what a real Pd plays of what a real server sends: `python tests/pd_report.py --seconds 60`.

Flow: the shipped mix, again and again -> Pd (bassnet.pd) <-> FaultProxy <-> a server process -> a row.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the runtime beside these tests

from fault_proxy import FaultProxy, Faults
from fault_rig import RATE, mix_blocks
from pd_capture import BLOCK, Capture, begin, circle, stretch
from pd_process import PdProcess
from server_process import MODEL, ServerProcess

from bassnet_osc.bundle import Bundle

FINE = Faults()
MIX_S = 24.0  # of the shipped mix, which lasts 25 s
BURN = [sys.executable, "-c", "while True: pass"]
HEAD = (
    "network | ring, blocks | blocks | answers lost | bad | of it no answer in time | Pd had no processor "
    "| in a wrong place or wrong | bass off by, samples | largest error | latency stated, measured | Pd's CPU"
)


@dataclass(frozen=True)
class Row:
    """One run: its name, the ring, the network both ways, and programs that burn processor time beside it."""

    name: str
    ring: int
    inward: Faults = FINE
    outward: Faults = FINE
    n_burners: int = 0


ROWS = (
    Row("loopback", 4),
    Row("loopback", 8),
    Row("0 to 12 ms jitter on the way back", 4, outward=Faults(jitter=0.012)),
    Row("0 to 6 ms jitter each way", 4, Faults(jitter=0.006), Faults(jitter=0.006)),
    Row("5 % loss each way", 8, Faults(loss=0.05), Faults(loss=0.05)),
    Row("loopback, two other programs on all cores", 8, n_burners=2),
)


def row(
    server: ServerProcess, bundle: Bundle, mix: Path, folder: Path, one: Row, seconds: float
) -> list[str]:
    """Plays for so long and compares each block; with losses on the way there, with what the server sent."""
    with FaultProxy(server.port, one.inward, one.outward, seed=7) as proxy, burning(one.n_burners):
        capture = Capture(proxy)
        with PdProcess(folder, proxy.port, mix, seconds) as pd:
            begin(pd, one.ring)
            before = used_s(pd.process.pid)
            pd.play(seconds, circle(pd))
            used = used_s(pd.process.pid) - before
            part = stretch(pd, capture, one.ring)
            stated = pd.last("latency")
    lost = [d for d in proxy.outward.lost if d.startswith(b"/bassnet/audio/out\0")]
    bad, error, lag = part.against(capture.twin(bundle, RATE))
    if one.inward.loss:  # what was concealed is another bass than the twin's
        bad, error, lag = part.unlike, 0.0, 0
    cells = [one.name, one.ring, len(part.bass), len(lost), len(bad), len(part.absent), len(part.starved)]
    cells += [len(part.wrong), lag, f"{error:g}", f"{stated}, {part.lag_dry}", f"{used / seconds:.0%}"]
    return [str(cell) for cell in cells]


@contextlib.contextmanager
def burning(n: int) -> Iterator[None]:
    """So many programs that do nothing, all the time."""
    burners = [subprocess.Popen(BURN) for _ in range(n)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def used_s(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Prints a table for people."""
    parser = argparse.ArgumentParser(description="What Pd plays, as a table.")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each row (default 60)")
    seconds = parser.parse_args().seconds
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM)
    )  # leaves each `with`, so ends all
    bundle = Bundle.load(MODEL)
    print(f"{MODEL}, {RATE} Hz, blocks of {BLOCK}, {seconds:g} s a row\n")  # noqa: T201
    print(f"| {HEAD} |\n|{'---|' * (HEAD.count('|') + 1)}", flush=True)  # noqa: T201
    with TemporaryDirectory() as name, ServerProcess() as server:
        mix = Path(name) / "mix.wav"
        audio = np.concatenate(mix_blocks(BLOCK, MIX_S))
        soundfile.write(mix, np.resize(audio, round(seconds * RATE)), RATE, subtype="FLOAT")
        for number, one in enumerate(ROWS):
            cells = row(server, bundle, mix, Path(name) / str(number), one, seconds)
            print(f"| {' | '.join(cells)} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
