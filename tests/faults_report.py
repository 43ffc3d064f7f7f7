"""Prints what a bad network does to a stream, as a table for people: `python tests/faults_report.py`.

Flow: the shipped mix -> Client <-> FaultProxy <-> a server process with a log -> one row for each network.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the runtime beside these tests

from fault_proxy import FaultProxy, Faults
from fault_rig import RATE, Stream, joined, mix_blocks, offline, steps_db
from server_process import MODEL, ServerProcess

from bassnet_osc.audio_files import Audio
from bassnet_osc.audio_wire import decode_audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.playthrough import lag_samples
from bassnet_osc.replay import replay

SECONDS = 10.0  # of the mix, for each row
PATIENT_MS = 3000.0  # a deadline that nothing misses: the network is the question here
DISORDER = Faults(duplicate=0.1, reorder=0.1, jitter=0.03)
ROUGH = Faults(loss=0.05, duplicate=0.1, reorder=0.1, jitter=0.03)
ROWS = (
    ("nothing wrong", Faults(), 256, PATIENT_MS),
    ("a deadline of 1 ms", Faults(), 256, 1.0),
    ("5 % loss", Faults(loss=0.05), 256, PATIENT_MS),
    ("disorder, 0 to 5 ms jitter", Faults(duplicate=0.1, reorder=0.1, jitter=0.005), 256, PATIENT_MS),
    ("disorder, 0 to 30 ms jitter", DISORDER, 1024, PATIENT_MS),
    ("5 % loss, disorder, 0 to 30 ms jitter", ROUGH, 1024, PATIENT_MS),
    ("5 % loss, disorder, 0 to 30 ms jitter", ROUGH, 512, PATIENT_MS),
    ("5 % loss, disorder, 0 to 30 ms jitter", ROUGH, 256, PATIENT_MS),
)
HEAD = (
    "network, both ways | block | sent | lost in | answers sent | server: lost, late, concealed "
    "| same as offline | same as the replay | off by, samples | largest step"
)


@dataclass
class Row:
    """One stream through one network: its cells, and what came back (n,), NaN where an answer was lost."""

    cells: list[str]
    heard: Audio


def row(
    server: ServerProcess, bundle: Bundle, name: str, faults: Faults, size: int, deadline_ms: float
) -> Row:
    """Plays the demo's mix through that network."""
    blocks = mix_blocks(size, SECONDS)
    spaced = replace(faults, spacing=0.9 * size / RATE)
    with (
        FaultProxy(server.port, spaced, faults, seed=7) as proxy,
        Client(port=proxy.port, block_size=size, deadline_ms=deadline_ms) as client,
    ):
        stream = Stream(client, blocks).play()
        stats = client.stats() or {}
    lost = [decode_audio(datagram, "f")[0] for datagram in proxy.inward.lost]
    heard = joined(stream.answers, len(blocks), size)
    counts = ", ".join(str(int(stats[key])) for key in ("lost", "late", "concealed"))
    n_answers = f"{proxy.outward.n_came} of {len(blocks)}"
    cells = [name, str(size), str(len(blocks)), str(len(lost)), n_answers, counts]
    return Row([*cells, same(heard, offline(bundle, blocks, lost))], heard)


def same(heard: Audio, expected: Audio) -> str:
    """The share of equal samples, where both are known."""
    n = min(len(heard), len(expected))
    both = ~(np.isnan(heard[:n]) | np.isnan(expected[:n]))
    return f"{np.mean(heard[:n][both] == expected[:n][both]):.1%}"


def lag(heard: Audio, expected: Audio) -> int:
    """By how many samples the one is late against the other."""
    n = min(len(heard), len(expected))
    both = ~(np.isnan(heard[:n]) | np.isnan(expected[:n]))
    return lag_samples(np.where(both, heard[:n], 0.0), np.where(both, expected[:n], 0.0))


def main() -> None:
    """Plays the mix through each network, and then once more from the server's log.

    Same as offline: as a rendering of the blocks that were not lost on the way.

    The replay hears what the server heard, losses as they were concealed: what came back must be just that,
    each sample in its place.
    """
    bundle = Bundle.load(MODEL)
    print(f"| {HEAD} |\n|{'---|' * (HEAD.count('|') + 1)}")  # noqa: T201
    with TemporaryDirectory() as name:
        folder = Path(name)
        with ServerProcess(MODEL, "--log", str(folder / "log")) as server:
            rows = [row(server, bundle, *network) for network in ROWS]
        replay(folder / "log", folder / "again")
        for number, one in enumerate(rows, start=1):
            again, _ = soundfile.read(folder / "again" / f"session-{number}.wav", dtype="float32")
            found = [*one.cells, same(one.heard, again), str(lag(one.heard, again))]
            print(f"| {' | '.join(found)} | {steps_db(one.heard):.1f} dB |")  # noqa: T201


if __name__ == "__main__":
    main()
