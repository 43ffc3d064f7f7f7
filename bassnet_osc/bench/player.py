"""One session at the pace of a sound card, over a socket: what is sent when, and when it is answered.

Flow: load -> Player -> datagrams. The clock's seconds come in as arguments, the socket is given. Blocks are
packed beforehand and of answers only the length, the address and the seq are read: a load has to be light.
"""

from __future__ import annotations

import struct
from typing import Any, Protocol

import numpy as np

from bassnet_osc import client_words, wire
from bassnet_osc.audio_wire import AUDIO_IN, AUDIO_OUT, encode_audio
from bassnet_osc.frames import Block
from bassnet_osc.spec import BassNetError

FORMAT = "f"  # as the Python client and Max send
HELLO_EVERY = 1.0  # seconds: the heartbeat
OVERLOADED = "overloaded"
STATS = ("lost", "late", "concealed")  # of what the server counts


class Socket(Protocol):
    """What is used of one that is connected and does not block."""

    def send(self, datagram: bytes, /) -> object:
        """Sends it."""

    def recv(self, n_bytes: int, /) -> bytes:
        """The next datagram; BlockingIOError where there is none."""


class Packed:
    """The blocks of a mix as they are sent, but for their seq."""

    def __init__(self, blocks: list[Block]) -> None:
        """Each (block_size,), full scale 1."""
        self.block_size = len(blocks[0])
        datagrams = [encode_audio(AUDIO_IN, 0, block, FORMAT) for block in blocks]
        at = len(datagrams[0]) - 4 * self.block_size
        self._head, self._bodies = datagrams[0][: at - 4], [datagram[at:] for datagram in datagrams]
        answer = encode_audio(AUDIO_OUT, 0, blocks[0], FORMAT)
        self.answer_head, self.answer_bytes = answer[: -4 * self.block_size - 4], len(answer)

    def __len__(self) -> int:
        return len(self._bodies)

    def datagram(self, seq: int, offset: int) -> bytes:
        """Block `seq` of a session that began `offset` blocks into the mix, which is played for ever."""
        body = self._bodies[(seq + offset) % len(self._bodies)]
        return self._head + struct.pack(">i", seq) + body


class Player:
    """A session: `n_warm` blocks that do not count, then `n_blocks` that do."""

    def __init__(
        self,
        socket: Socket,
        packed: Packed,
        name: str,
        sample_rate: int,
        deadline_ms: float,
        n_warm: int,
        n_blocks: int,
        offset: int = 0,
    ) -> None:
        self.socket = socket
        self.block_s = packed.block_size / sample_rate
        self.n_warm, self.n_blocks = n_warm, n_warm + n_blocks  # all of them
        self.n_sent = 0
        self.started = 0.0  # when the first block is due
        self.token: int | None = None  # of the session, once there is one
        self.refusal = ""  # what the server said of the hello
        self._packed, self._offset = packed, offset
        self._deadline_s = deadline_ms / 1000.0
        stream = (sample_rate, packed.block_size, FORMAT)
        self._hello = client_words.hello(name, *stream, deadline_ms=deadline_ms)
        self._hello_at = -HELLO_EVERY
        self._sent_late = np.full(self.n_blocks, np.nan)  # seconds after the block was due
        self._took = np.full(self.n_blocks, np.nan)  # seconds from when it was due to its answer
        self._before: dict[str, float] | None = None  # the server's counts when the warm-up was over
        self._stats: dict[str, float] | None = None  # ... and as last told
        self._n_astray = self._n_overloaded = self._n_reopened = 0

    def due(self, seq: int) -> float:
        """When a block is to be sent: on a grid that no lateness moves."""
        return self.started + seq * self.block_s

    def hello(self, now: float) -> None:
        """Opens the session, or keeps it."""
        self._hello_at = now
        self.socket.send(self._hello)

    def send(self, now: float) -> None:
        """Sends the next block, which is due."""
        if now >= self._hello_at + HELLO_EVERY:
            self.hello(now)
        seq = self.n_sent
        self.socket.send(self._packed.datagram(seq, self._offset))
        self._sent_late[seq] = now - self.due(seq)
        self.n_sent += 1

    def ask_stats(self) -> None:
        """Has the server tell its counts."""
        self.socket.send(wire.encode("/bassnet/subscribe", "stats", 0))

    def bye(self) -> None:
        """Ends the session."""
        self.socket.send(wire.encode("/bassnet/bye"))

    def take(self, datagram: bytes, now: float) -> None:
        """Takes what has arrived."""
        head = self._packed.answer_head
        if datagram.startswith(head):
            self._take_answer(struct.unpack_from(">i", datagram, len(head))[0], len(datagram), now)
            return
        if wire.address_of(datagram) == AUDIO_OUT:
            self._n_astray += 1  # of another size
            return
        for message in wire.decode(datagram):
            self._heed(message.address, message.args)

    def _take_answer(self, seq: int, n_bytes: int, now: float) -> None:
        is_awaited = 0 <= seq < self.n_sent and np.isnan(self._took[seq])
        if is_awaited and n_bytes == self._packed.answer_bytes:
            self._took[seq] = now - self.due(seq)
        else:
            self._n_astray += 1

    def _heed(self, address: str, args: tuple[Any, ...]) -> None:
        if address == "/bassnet/welcome":
            self._welcomed(client_words.welcome(args)["token"])
        elif address == "/bassnet/stats":
            self._stats = dict(zip(client_words.STATS, args, strict=True))
            self._before = self._before or self._stats
        elif address == "/bassnet/status":
            self._n_overloaded += args[0] == OVERLOADED and self.n_warm < self.n_sent < self.n_blocks
        elif address == "/bassnet/error" and args[0] == "no_session":
            self._hello_at = -HELLO_EVERY  # with the next block
        elif address == "/bassnet/error":
            self.refusal = f"{args[0]}: {args[1]}"

    def _welcomed(self, token: int) -> None:
        if token == self.token:
            return
        if self.token is not None:  # the server had dropped it: all counts begin at 0
            self._n_reopened += 1
            self._before = dict.fromkeys(STATS, 0.0)
        self.token = token
        self.socket.send(wire.encode("/bassnet/ping", token))

    @property
    def knows_before(self) -> bool:
        """Whether the server has told its counts since the warm-up."""
        return self._before is not None

    @property
    def is_answered(self) -> bool:
        """Whether no block waits for its answer."""
        return not np.isnan(self._took).any()

    def forget_stats(self) -> None:
        """What was told so far is old: `has_stats` is false until more comes."""
        self._stats = None

    @property
    def has_stats(self) -> bool:
        """Whether the server has told its counts, since `forget_stats`."""
        return self._stats is not None

    def tally(self) -> dict[str, Any]:
        """What came of it, the warm-up left out; times in ms, None for an answer that did not come.

        Raises BassNetError where the server did not tell its counts.
        """
        if self._stats is None or self._before is None:
            raise BassNetError("the server must tell its counts; got no answer: play fewer sessions")
        took, sent_late = self._took[self.n_warm :], self._sent_late[self.n_warm :]
        counted = {name: int(self._stats[name] - self._before[name]) for name in STATS}
        return {
            "round_trip_ms": _in_ms(took),
            "sent_late_ms": _in_ms(sent_late),
            "slow": int((took - sent_late >= self._deadline_s).sum()),  # from when they were sent
            **counted,
            "astray": self._n_astray,
            "reopened": self._n_reopened,
            "overloaded_s": self._n_overloaded,
        }


def _in_ms(seconds: Block) -> list[float | None]:
    """To a microsecond; None for NaN."""
    return [None if np.isnan(s) else round(1000.0 * s, 3) for s in seconds.tolist()]
