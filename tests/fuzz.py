# ruff: noqa: T201  commands speak on the terminal
"""The long run of hostile datagrams against a server that plays meanwhile; exit 1 where a promise breaks.

    python tests/fuzz.py --datagrams 1000000 [--seed 0]

Flow: hostile -> sockets -> server process <- a player in real time; /proc -> a table.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from dataclasses import dataclass

from hostile import Hostile
from player import Player
from server_process import MODEL, ServerProcess
from tqdm import tqdm

from bassnet_osc.bundle import installed
from bassnet_osc.client import Client
from bassnet_osc.spec import HOST, RECEIVE_BUFFER, BassNetError

SOURCES = 96  # sockets of the attackers: more than there may be sessions
FLIGHT = (
    RECEIVE_BUFFER // 4
)  # bytes sent, the system's own included, before the server is asked how far it is
OVERHEAD = 1024  # bytes that the system keeps for a datagram beside its own
SETTLE_S = 3.0  # seconds of playing before memory is first read
FREED_S = 5.0  # ... and after the attack, in which silent sessions are dropped
MOST_GROWTH_MB = 10.0
PATIENCE_S = 10.0  # for the answer to a ping
EACH_S = 0.3  # between models: a stream may start anew four times a second, as those that predict make it


@dataclass
class Outcome:
    """What was sent, what it did to the server and to the session that played."""

    n_sent: int
    n_dropped: int  # by the system, before the server could see them
    took_s: float
    memory_mb: tuple[float, float]  # before and after
    meanwhile_mb: list[float]  # at each tenth of the attack
    was_alive: bool  # at the end of the attack
    server: ServerProcess
    player: Player

    @property
    def log(self) -> list[str]:
        """The server's lines, those of its end included once it has ended."""
        return self.server.log().splitlines()

    @property
    def n_exceptions(self) -> int:
        """In the server's log."""
        return sum("Traceback" in line for line in self.log)

    @property
    def growth_mb(self) -> float:
        """After the attack beside before it."""
        return self.memory_mb[1] - self.memory_mb[0]

    def broken(self) -> list[str]:
        """The promises that were not kept."""
        player = self.player
        promises = {
            "the server lives": self.was_alive,
            "it ends when told to": self.server.ended_well,
            "no exception": self.n_exceptions == 0,
            "the session is not lost": player.failure is None and player.number == player.first_number,
            "every block is answered once": not player.waiting and not player.n_strange,
            "it is heard": player.peak > 0,
            f"memory grows by less than {MOST_GROWTH_MB:g} MB": self.growth_mb < MOST_GROWTH_MB,
            "the datagrams reached the server": self.n_dropped < self.n_sent / 1000,
        }
        return [promise for promise, is_kept in promises.items() if not is_kept]

    def table(self) -> str:
        """For people."""
        before, after = self.memory_mb
        meanwhile = " ".join(f"{mb:.1f}" for mb in self.meanwhile_mb)
        player, stats = self.player, self.player.stats
        refused = [line for line in self.log if "messages refused so far" in line]
        opened = [line for line in self.log if " session " in line and line.endswith(" Hz")]
        return "\n".join(
            [
                f"datagrams sent          {self.n_sent}",
                f"of these dropped        {self.n_dropped} by the system, before the server",
                f"rate                    {self.n_sent / self.took_s:.0f} a second for {self.took_s:.1f} s",
                f"messages refused        {refused[-1].split()[1] if refused else 0}",
                f"sessions opened         {len(opened)}",
                f"exceptions in the log   {self.n_exceptions}",
                f"session                 {'kept' if player.number == player.first_number else 'LOST'}"
                f"{f' ({player.failure})' if player.failure else ''}",
                f"blocks answered         {player.n_answered}, unanswered {len(player.waiting)}, "
                f"twice {player.n_strange}",
                *(f"  {name:<22}{stats.get(name, -1):.0f}" for name in ("late", "lost", "concealed")),
                f"inference p99           {stats.get('p99_ms', -1):.1f} ms",
                f"load                    {stats.get('load', -1):.0%} at the end",
                f"memory before           {before:.1f} MB, after {after:.1f} MB",
                f"  at each tenth         {meanwhile} MB",
                f"memory growth           {self.growth_mb:.1f} MB",
            ]
        )


class Attackers:
    """The sockets of the hostile, and a client that asks how far the server has come."""

    def __init__(self, port: int) -> None:
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOURCES)]
        for s in self._sockets:
            s.connect((HOST, port))
        self._probe = Client(HOST, port, name="probe")
        self._probe.connect()
        self._in_flight = self._n_sent = 0

    def close(self) -> None:
        """The sessions that they opened fall silent."""
        self._probe.close()
        for s in self._sockets:
            s.close()

    def send(self, datagram: bytes) -> None:
        """Sends it from the next source, and waits where the server has too much to read already."""
        try:
            self._sockets[self._n_sent % SOURCES].send(datagram)
        except ConnectionError:  # the echo of an answer to a port that was nobody's
            self._sockets[self._n_sent % SOURCES].send(datagram)
        self._n_sent += 1
        self._in_flight += len(datagram) + OVERHEAD
        if self._in_flight >= FLIGHT:
            self.catch_up()

    def catch_up(self) -> None:
        """Returns when the server has read all that was sent: it answers in order."""
        if self._probe.ping(PATIENCE_S) is None:
            raise BassNetError(
                f"a server must answer a ping; this one did not in {PATIENCE_S:g} s: see its log"
            )
        self._in_flight = 0


def load_models(port: int) -> None:
    """Asks for every model: a server keeps those that were asked for, and flipped bits ask for others."""
    with Client(HOST, port, name="models") as client:
        for name in installed():
            client.switch(name)
            now = time.monotonic()
            while client.model != name and time.monotonic() < now + PATIENCE_S:
                client.receive(0.1)
            while time.monotonic() < now + EACH_S:
                client.receive(0.1)


def attack(server: ServerProcess, n_datagrams: int, seed: int) -> Outcome:
    """Lets a player play, sends the datagrams, and looks at what came of it."""
    load_models(server.port)
    player = Player(server.port)
    player.start()
    time.sleep(SETTLE_S)
    before, meanwhile = server.memory(), []
    attackers = Attackers(server.port)
    started = time.perf_counter()
    for k, datagram in enumerate(tqdm(Hostile(seed).datagrams(n_datagrams), total=n_datagrams, disable=None)):
        attackers.send(datagram)
        if (k + 1) % max(1, n_datagrams // 10) == 0:
            meanwhile.append(server.memory())
    attackers.catch_up()
    took_s = time.perf_counter() - started
    attackers.close()
    time.sleep(FREED_S)
    after = server.memory()
    player.stop()
    was_alive, memory = server.is_alive, (before, after)
    return Outcome(n_datagrams, server.dropped(), took_s, memory, meanwhile, was_alive, server, player)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Hostile datagrams against a server that plays meanwhile.")
    parser.add_argument("--datagrams", type=int, default=1_000_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of their choice (default: %(default)s)")
    arguments = parser.parse_args()
    sys.setswitchinterval(0.0005)  # seconds: the player shall not wait for the attackers
    with ServerProcess(MODEL) as server:
        outcome = attack(server, arguments.datagrams, arguments.seed)
    print(outcome.table())
    for promise in outcome.broken():
        print(f"BROKEN: {promise}")
    return 1 if outcome.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
