"""Prints which OSC programs were tried at a real server, as a table: `python tests/peers_report.py`.

Flow: pytest on each row's tests, and the programs' own words on their versions -> one row a peer.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ASK_S = 20.0  # for a program to tell its version
TESTS_S = 300.0  # for a row's tests: half a minute on an idle machine
NUMBER = re.compile(r"version:? v?(\d+(?:\.\d+)+)|(\d+\.\d+\.\d+)", re.IGNORECASE)
COUNT = re.compile(r"(\d+) (passed|failed|skipped|errors?)")
HEAD = "peer | version | what was tried | tests | by"


@dataclass(frozen=True)
class Peer:
    """A row: `ask` is the command that prints the version, or `package` a Python package."""

    name: str
    tried: str
    tests: str  # file, and of it what `-k` chooses
    chosen: str = ""
    ask: tuple[str, ...] = ()
    package: str = ""


PEERS = (
    Peer(
        "the Python client",
        "the page's program: every sample is the offline one; reordered and doubled datagrams; a server that "
        "is restarted",
        "test_controllers.py test_network_faults.py test_deaths.py",
        "file or disorder or restarted",
        package="bassnet-osc",
    ),
    Peer(
        "oscsend and oscdump",
        "z by every type of number, refusals, one client, params, models; hello answered to another port",
        "test_liblo.py",
        "not pyliblo and not library",
        ("oscsend",),
    ),
    Peer(
        "pyliblo3",
        "whole sessions in real time in f, b and s16: every sample is the offline one",
        "test_liblo.py",
        "pyliblo or library",
        package="pyliblo3",
    ),
    Peer(
        "SuperCollider",
        "`bassnet.scd`: 5 s of a file through scsynth: every sample is the offline one; live with its "
        "window; a server that is restarted",
        "test_supercollider.py",
        "",
        ("sclang", "-v"),
    ),
    Peer(
        "Pure Data",
        "`bassnet.pd`: the demo mix from Pd and back, z moved: every sample is the offline one; jitter and "
        "loss; a server that is restarted; two of them",
        "test_pd.py test_pd_text.py",
        "",
        ("pd", "-version"),
    ),
    Peer(
        "Node, in the place of Max",
        "the script of the Max patch and the Live device: every sample is the offline one; jitter, disorder",
        "test_bridge.py",
        "",
        ("node", "--version"),
    ),
    Peer("python-osc", "z and a param", "test_controllers.py", "python_osc", package="python-osc"),
    Peer("Csound", "z by OSCsend", "test_controllers.py", "csound", ("csound", "--version")),
    Peer("ChucK", "z by OscOut", "test_controllers.py", "chuck", ("chuck", "--version")),
)


def asked(peer: Peer) -> str:
    """Its version, in its own words."""
    if peer.package:
        try:
            return version(peer.package)
        except PackageNotFoundError:
            return "not installed"
    if shutil.which(peer.ask[0]) is None:
        return "not installed"
    run = subprocess.run(
        peer.ask, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=ASK_S
    )
    found = NUMBER.search(run.stdout + run.stderr)
    return (found[1] or found[2]) if found else "unknown"


def counts_of(peer: Peer) -> dict[str, int]:
    """How many of its tests passed, failed, were skipped."""
    files = [str(HERE / name) for name in peer.tests.split()]
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", *files]
    run = subprocess.run(
        [*command, *(["-k", peer.chosen] if peer.chosen else [])],
        cwd=HERE.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TESTS_S,
    )
    lines = run.stdout.strip().splitlines() or [f"{run.returncode} errors"]
    return {word: int(n) for n, word in COUNT.findall(lines[-1])}


def main() -> int:
    """Prints the table; 1 where something did not pass."""
    print(f"| {HEAD} |\n|{'---|' * (HEAD.count('|') + 1)}")  # noqa: T201
    is_well = True
    for peer in PEERS:
        counts = counts_of(peer)
        is_well = is_well and set(counts) == {"passed"}
        told = ", ".join(f"{n} {word}" for word, n in counts.items())
        chosen = f' -k "{peer.chosen}"' if peer.chosen else ""
        by = " ".join(f"tests/{name}" for name in peer.tests.split())
        cells = (peer.name, asked(peer), peer.tried, told, f"`pytest {by}{chosen}`")
        print(f"| {' | '.join(cells)} |", flush=True)  # noqa: T201
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
