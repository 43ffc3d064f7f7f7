"""Prints what a bad network does to a stream, as a table for people: `python tests/faults_report.py`.

Flow: the shipped mix -> Client <-> FaultProxy <-> a server process -> one row for each kind of network.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the runtime beside these tests

from fault_proxy import FaultProxy, Faults
from fault_rig import MODEL, RATE, ServerProcess, Stream, joined, mix_blocks, offline, steps_db

from bassnet_osc.audio_wire import decode_audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.playthrough import lag_samples

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
    "| same samples | off by, samples | largest step"
)


def row(
    server: ServerProcess, bundle: Bundle, name: str, faults: Faults, size: int, deadline_ms: float
) -> str:
    """One stream through one network."""
    blocks = mix_blocks(size, SECONDS)
    spaced = replace(faults, spacing=0.9 * size / RATE)
    with FaultProxy(server.port, spaced, faults, seed=7) as proxy:
        client = Client(port=proxy.port, block_size=size, deadline_ms=deadline_ms)
        try:
            with client:
                stream = Stream(client, blocks).play()
                stats = client.stats() or {}
        except Exception as error:  # a row of the table, not its end
            return f"| {name} | {size} | the client stopped: {error} |"
    lost = [decode_audio(datagram, "f")[0] for datagram in proxy.inward.lost]
    heard, expected = joined(stream.answers, len(blocks), size), offline(bundle, blocks, lost)
    both = ~(np.isnan(heard) | np.isnan(expected))
    lag = lag_samples(np.where(both, heard, 0.0), np.where(both, expected, 0.0))
    counts = ", ".join(str(int(stats[key])) for key in ("lost", "late", "concealed"))
    same = np.mean(heard[both] == expected[both])
    n_answers = f"{proxy.outward.n_came} of {len(blocks) - len(lost)}"
    cells = [name, size, len(blocks), len(lost), n_answers, counts, f"{same:.1%}", lag]
    return f"| {' | '.join(map(str, cells))} | {steps_db(heard):.1f} dB |"


def main() -> None:
    """The table. `same samples` and `off by`: beside an offline take of the blocks that were not lost."""
    bundle = Bundle.load(MODEL)
    print(f"| {HEAD} |\n|{'---|' * (HEAD.count('|') + 1)}")  # noqa: T201
    with ServerProcess() as server:
        for network in ROWS:
            print(row(server, bundle, *network), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
