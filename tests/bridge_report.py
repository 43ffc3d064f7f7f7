"""Prints how many blocks the bridge for Max misses with its usual ring: python tests/bridge_report.py

Flow: demo mix -> tests/bridge/play.js <-UDP-> (FaultProxy) <-> ServerProcess. Measured by a machine that does
nothing else; what the bridge does with its blocks is tested, in test_bridge.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from fault_proxy import FaultProxy, Faults
from server_process import ServerProcess
from test_bridge import JITTER_S, RING_MS, play, the_mix

SECONDS, LONGEST = 20.0, 23.0  # of the mix


def main() -> None:
    """A row without faults, and one with jitter and disorder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each row, {LONGEST:g} at most")
    seconds = min(parser.parse_args().seconds, LONGEST)
    print("| network | ring | blocks | missed |\n|---|---|---|---|")  # noqa: T201
    jitter = f"0 to {1000 * JITTER_S:g} ms of jitter, a tenth out of order, both ways"
    with ServerProcess() as server, TemporaryDirectory() as folder:
        for name, faults in (("loopback", Faults()), (jitter, Faults(reorder=0.1, jitter=JITTER_S))):
            with FaultProxy(server.port, faults, faults) as proxy:
                mix = the_mix(seconds)
                stats = play(Path(folder), proxy.port, mix, ring=RING_MS, isAtSource=True).stats
            print(f"| {name} | {RING_MS} ms | {stats['heard']} | {stats['missed']} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
