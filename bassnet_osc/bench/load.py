"""A load process: several sessions in one thread, each block at its moment, answers taken as they come.

    python -m bassnet_osc.bench.load     # a plan as a line of JSON comes in, then an empty line: go

Flow: processes -> stdin -> load -> Player -> the server; tallies and the CPU time of this process -> stdout.

The loop is the standard library's scheduler, whose waiting is the listening: a block is sent when it is due,
whatever was answered until then, and the next one's moment does not depend on it. `select`, and not epoll,
which rounds its waiting up to whole milliseconds.
"""

from __future__ import annotations

import json
import math
import sched
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from bassnet_osc.audio_files import Mix
from bassnet_osc.bench.player import Packed, Player
from bassnet_osc.line import opened
from bassnet_osc.spec import BassNetError
from bassnet_osc.wire import MAX_DATAGRAM

CONNECT_S = 10.0  # for a welcome
ASK_AGAIN = 0.25  # seconds
TAIL_S = 2.0  # for the last answers and the server's counts
CLEAR_S = 0.01  # from the go to the first block
READY = "ready"

Listen = Callable[[float], None]  # takes what arrives first within so many seconds


class Load:
    """The schedule of some players. `listen` waits for datagrams, `now` and `used` are clocks in seconds."""

    def __init__(
        self,
        players: list[Player],
        listen: Listen,
        now: Callable[[], float] = time.perf_counter,
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self.players = players
        self._listen, self._now, self._used = listen, now, used
        self._schedule = sched.scheduler(now, listen)
        self._marks: list[tuple[float, float]] = []  # time, and CPU time by then

    def connect(self) -> None:
        """Opens all sessions; raises BassNetError where one is not welcomed in CONNECT_S."""
        until = self._now() + CONNECT_S
        while waiting := self._those(lambda player: player.token is None):
            if self._now() > until:
                said = waiting[0].refusal or "nothing"
                raise BassNetError(f"{len(waiting)} sessions got no welcome; the server said {said}")
            for player in waiting:
                player.hello(self._now())
            self._listen_while(lambda player: player.token is None, ASK_AGAIN)

    def play(self, phases: list[float]) -> None:
        """Plays all blocks, each session's first one `phases` of a block after the beginning."""
        began = self._now() + CLEAR_S
        for player, phase in zip(self.players, phases, strict=True):
            player.started = began + phase * player.block_s
            self._schedule.enterabs(player.due(0), 0, self._send, (player,))
        self._schedule.enterabs(began + _warm_s(self.players), 1, self._mark)
        self._schedule.run()
        self._mark()
        self._finish()

    @property
    def cpu(self) -> float:
        """CPU time of this process as a share of one core, while blocks counted."""
        (began, used_before), (ended, used) = self._marks
        return (used - used_before) / (ended - began)

    def _send(self, player: Player) -> None:
        player.send(self._now())
        if player.n_sent < player.n_blocks:
            self._schedule.enterabs(player.due(player.n_sent), 0, self._send, (player,))
        if player.n_sent == player.n_warm:
            player.forget_stats()
            self._ask_before(player)

    def _ask_before(self, player: Player) -> None:
        """Until it is told: a server with too much to do may have lost the question."""
        if not player.knows_before and player.n_sent < player.n_blocks:
            player.ask_stats()
            self._schedule.enter(ASK_AGAIN, 1, self._ask_before, (player,))

    def _mark(self) -> None:
        self._marks.append((self._now(), self._used()))

    def _finish(self) -> None:
        """Takes the last answers, and then the server's counts of all."""
        self._listen_while(lambda player: not player.is_answered, TAIL_S)
        for player in self.players:
            player.forget_stats()
        until = self._now() + TAIL_S
        while (left := self._those(lambda player: not player.has_stats)) and self._now() < until:
            for player in left:
                player.ask_stats()
            self._listen_while(lambda player: not player.has_stats, ASK_AGAIN)
        for player in self.players:
            player.bye()

    def _those(self, which: Callable[[Player], bool]) -> list[Player]:
        return [player for player in self.players if which(player)]

    def _listen_while(self, lacks: Callable[[Player], bool], seconds: float) -> None:
        """Takes what arrives while it is true of a player, so long at most."""
        until = self._now() + seconds
        while (left := until - self._now()) > 0 and self._those(lacks):
            self._listen(left)


def _warm_s(players: list[Player]) -> float:
    return max((player.n_warm * player.block_s for player in players), default=0.0)


def listener(players: list[Player]) -> Listen:
    """Waits for the players' sockets and empties those that have something."""
    by_socket: dict[Any, Player] = {player.socket: player for player in players}

    def listen(seconds: float) -> None:
        readable, _, _ = select.select(list(by_socket), [], [], max(0.0, seconds))
        for socket in readable:
            with suppress(BlockingIOError, ConnectionError):  # ConnectionError: the server is gone
                while True:
                    datagram = socket.recv(MAX_DATAGRAM)
                    by_socket[socket].take(datagram, time.perf_counter())

    return listen


def packed_mix(path: Path, sample_rate: int, block_size: int) -> Packed:
    """A sound file at that rate, in whole blocks."""
    import soxr

    mix = Mix([path])
    audio = np.concatenate(list(mix.blocks()))
    if mix.sample_rate != sample_rate:
        audio = soxr.resample(audio, mix.sample_rate, sample_rate)
    return Packed(list(audio[: len(audio) // block_size * block_size].reshape(-1, block_size)))


@contextmanager
def players_of(plan: dict[str, Any]) -> Iterator[list[Player]]:
    """The plan's sessions, each with a socket of its own."""
    rate, size = plan["sample_rate"], plan["block_size"]
    packed = packed_mix(Path(plan["mix"]), rate, size)
    n_warm, n_blocks = (math.ceil(plan[span] * rate / size) for span in ("warm_up_s", "seconds"))
    with ExitStack() as ends:
        players = []
        for one in plan["sessions"]:
            socket = ends.enter_context(opened(plan["host"], plan["port"]))
            socket.setblocking(False)
            offset = int(one["place"] * len(packed))
            stream = (rate, plan["deadline_ms"], n_warm, n_blocks, offset)
            players.append(Player(socket, packed, one["name"], *stream))
        yield players


def main() -> int:
    """The process: 0 done, 2 with a line on stderr, 130 interrupted."""
    try:
        plan = json.loads(sys.stdin.readline())
        with players_of(plan) as players:
            load = Load(players, listener(players))
            load.connect()
            sys.stdout.write(f"{READY}\n")
            sys.stdout.flush()
            if not sys.stdin.readline():
                return 130  # nobody is there any more
            load.play([one["phase"] for one in plan["sessions"]])
            json.dump({"cpu": load.cpu, "tallies": [player.tally() for player in players]}, sys.stdout)
    except (BassNetError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
