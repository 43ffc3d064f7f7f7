"""A network that misbehaves on purpose: one client's UDP datagrams to a server and back, through faults.

Flow: client <-> FaultProxy (a thread, two sockets, a heap of what is under way) <-> server. Each datagram's
fate comes from its direction's own random numbers, so that a seed means the same fates in every run.
"""

from __future__ import annotations

import heapq
import random
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bassnet_osc.spec import HOST, RECEIVE_BUFFER
from bassnet_osc.wire import MAX_DATAGRAM

LONGEST_HOLD = 0.05  # seconds: a datagram that is to come after the next one, where no next one comes
LONGEST_SLEEP = 0.05  # seconds between looks at whether the proxy is to end
SO_TIMESTAMPNS = 35  # Linux: the kernel says when a datagram came; Python 3.11 has no name for it


@dataclass(frozen=True)
class Faults:
    """What one direction does to a datagram: shares of 1, and seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0  # leaves right behind the next one
    jitter: float = 0.0  # each is late by 0 to this many seconds, a duplicate by another draw
    spacing: float = 0.0  # seconds between two at least, or jitter shuffles a slow machine's bursts


@dataclass
class Way:
    """One direction: its faults, what it has done so far, and what is on its way."""

    faults: Faults
    rng: random.Random
    forward: Callable[[bytes], None]
    spares: Callable[[bytes], bool]  # datagrams that only a pause delays
    n_came: int = 0  # datagrams, the spared ones excluded, as in all the counts
    n_duplicated: int = 0
    n_reordered: int = 0
    lost: list[bytes] = field(default_factory=list)
    n_left: int = 0  # copies included
    n_bytes: int = 0  # of all that left, the spared ones included
    paused_until: float = 0.0
    _held: tuple[float, bytes] | None = None  # the latest time, and a datagram that waits for the next one
    _due: list[tuple[float, int, bytes, bool]] = field(default_factory=list)
    _n_due: int = 0
    _last: float = 0.0  # when the newest one came, or was let in by the spacing

    def take(self, datagram: bytes, now: float) -> None:
        """Decides what becomes of a datagram."""
        if self.spares(datagram):
            self._put(now, datagram, is_spared=True)
            return
        self.n_came += 1
        self._last = now = max(now, self._last + self.faults.spacing)
        is_lost, is_double, is_behind = (
            self.rng.random() < share
            for share in (self.faults.loss, self.faults.duplicate, self.faults.reorder)
        )
        delays = [self.rng.uniform(0.0, self.faults.jitter) for _ in range(2)]
        if is_lost:
            self.lost.append(datagram)
            return
        if is_behind and self._held is None:
            self.n_reordered += 1
            self._held = now + LONGEST_HOLD + self.faults.jitter, datagram
            return
        self._put(now + delays[0], datagram)
        if is_double:
            self.n_duplicated += 1
            self._put(now + delays[1], datagram)
        self._release(now + delays[0])

    def move(self, now: float) -> None:
        """Forwards what is due."""
        if self._held is not None and self._held[0] <= now:
            self._release(now)
        while self._due and max(self._due[0][0], self.paused_until) <= now:
            _, _, datagram, is_spared = heapq.heappop(self._due)
            self.n_left += not is_spared
            self.n_bytes += len(datagram)
            self.forward(datagram)

    @property
    def next_due(self) -> float:
        """When to look again."""
        times = [max(self._due[0][0], self.paused_until)] if self._due else []
        return min([*times, *([self._held[0]] if self._held else [])], default=float("inf"))

    def _release(self, when: float) -> None:
        if self._held is not None:
            self._put(when, self._held[1])
            self._held = None

    def _put(self, when: float, datagram: bytes, is_spared: bool = False) -> None:
        self._n_due += 1  # of two at one time the earlier one leaves first
        heapq.heappush(self._due, (when, self._n_due, datagram, is_spared))


def is_control(datagram: bytes) -> bool:
    """Whether it is anything but audio."""
    return not datagram.startswith((b"/bassnet/audio/in\0", b"/bassnet/audio/out\0"))


class FaultProxy:
    """Stands between one client and the server at `server_port`; the client is told `port`."""

    def __init__(
        self,
        server_port: int,
        inward: Faults = Faults(),
        outward: Faults = Faults(),
        seed: int = 0,
        spares_control: bool = True,
    ) -> None:
        spares = is_control if spares_control else lambda datagram: False
        self._front, self._back = _opened(), _opened()
        self._back.connect((HOST, server_port))
        self.port = int(self._front.getsockname()[1])
        self._client: tuple[str, int] | None = None
        self.inward = Way(inward, random.Random(f"{seed} in"), self._to_server, spares)
        self.outward = Way(outward, random.Random(f"{seed} out"), self._to_client, spares)
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()
        self._front.close()
        self._back.close()

    def pause(self, seconds: float) -> None:
        """Nothing passes for so long, either way; then all of it at once."""
        self.inward.paused_until = self.outward.paused_until = time.monotonic() + seconds

    def _run(self) -> None:
        while not self._is_over:
            until = min(self.inward.next_due, self.outward.next_due)
            wait = min(LONGEST_SLEEP, max(0.0, until - time.monotonic()))
            readable, _, _ = select.select([self._front, self._back], [], [], wait)
            for door, way in ((self._front, self.inward), (self._back, self.outward)):
                if door in readable:
                    for came, datagram in self._read(door):
                        way.take(datagram, came)
            now = time.monotonic()
            self.inward.move(now)
            self.outward.move(now)

    def _read(self, door: socket.socket) -> list[tuple[float, bytes]]:
        """What waits there, each with the time when it came: a proxy that slept must not shuffle a burst."""
        read: list[tuple[float, bytes]] = []
        while True:
            try:
                datagram, notes, _, source = door.recvmsg(MAX_DATAGRAM, 64)
            except OSError:  # nothing more, or an echo of one that found nobody
                return read
            if door is self._front:
                self._client = source
            read.append((_came(notes), datagram))

    def _to_server(self, datagram: bytes) -> None:
        _sent(lambda: self._back.send(datagram))

    def _to_client(self, datagram: bytes) -> None:
        client = self._client
        if client is not None:
            _sent(lambda: self._front.sendto(datagram, client))


def _came(notes: list[tuple[int, int, bytes]]) -> float:
    """The kernel's time of arrival on our clock; now, where it says nothing."""
    now = time.monotonic()
    for _, kind, data in notes:
        if kind == SO_TIMESTAMPNS:
            seconds, ns = struct.unpack("qq", data[:16])
            return now - max(0.0, float(time.time() - seconds - 1e-9 * ns))
    return now


def _sent(send: Callable[[], object]) -> None:
    """Sends, and once more where the first word was the echo of an earlier one that found nobody."""
    try:
        send()
    except ConnectionError:
        send()


def _opened() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    if sys.platform == "linux":
        opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    opened.bind((HOST, 0))
    opened.setblocking(False)
    return opened
