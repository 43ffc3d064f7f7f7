"""One client of the server: what it asked for in hello, where it is in its stream, what it has been through.

Flow: server -> session -> take. Pure: neither sockets nor clocks; time comes in as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bassnet_osc.audio_wire import FORMATS, MAX_BLOCK
from bassnet_osc.frames import Block
from bassnet_osc.latent import LiveZ
from bassnet_osc.live_notes import LiveNotes
from bassnet_osc.order import WINDOW, unwrap
from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE
from bassnet_osc.spec import BassNetError
from bassnet_osc.take import Answer, Counters, Take
from bassnet_osc.wire import short

if TYPE_CHECKING:
    from bassnet_osc.sound import Sound
    from bassnet_osc.voice import Voice

Source = tuple[str, int]  # IP address and port
MakeVoice = Callable[[int, LiveZ, "int | None"], "Voice"]  # sample_rate, z, taper (None: the bundle's)

MIN_BLOCK = 16  # samples
MAX_DEADLINE_MS = 60_000.0  # ms
MAX_BACKLOG = 1.0  # seconds of input waiting to be heard: with more the take is given up
CLIENT_NAME = re.compile(r"[!-~]{1,64}")  # printable ASCII without a space ...
NOT_IN_A_NAME = frozenset("#*,/?[]{}")  # ... and without what OSC reserves: the name is a part of addresses


@dataclass(frozen=True)
class Hello:
    """The arguments of /bassnet/hello; equal hellos renew a session, unequal ones restart it."""

    client: str
    reply_port: int
    sample_rate: int
    block_size: int
    format: str
    deadline_ms: float | None = None
    taper: int | None = None
    token: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        name = self.client
        _require(
            CLIENT_NAME.fullmatch(name) is not None and not NOT_IN_A_NAME.intersection(name),
            "client must be a name of 1 to 64 characters without spaces and #*,/?[]{}",
            name,
        )
        _require(
            0 <= self.reply_port < 65536, "reply_port must be a port or 0 for the source", self.reply_port
        )
        _require(
            LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE,
            f"sample_rate must be {LOWEST_RATE} to {HIGHEST_RATE} Hz",
            self.sample_rate,
        )
        _require(
            MIN_BLOCK <= self.block_size <= MAX_BLOCK,
            f"block_size must be {MIN_BLOCK} to {MAX_BLOCK} samples",
            self.block_size,
        )
        _require(self.format in FORMATS, f"format must be one of {', '.join(FORMATS)}", self.format)
        _require(
            self.deadline_ms is None or 0 < self.deadline_ms <= MAX_DEADLINE_MS,
            f"deadline_ms must be above 0 and at most {MAX_DEADLINE_MS:g}",
            self.deadline_ms,
        )

    @staticmethod
    def parse(args: list[Any]) -> Hello:
        """From the message's arguments: five, then key, value pairs of which unknown ones are ignored."""
        fixed, pairs = args[:5], args[5:]
        _require(len(pairs) % 2 == 0, "after the format come key, value pairs", len(pairs))
        known: dict[str, Any] = {}
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if key in ("deadline_ms", "taper", "token"):
                number = isinstance(value, (int, float)) and abs(value) < float("inf")
                _require(
                    number and (key == "deadline_ms" or value == int(value)), f"{key} must be a number", value
                )
                known[key] = float(value) if key == "deadline_ms" else int(value)
        return Hello(*fixed, **known)

    @property
    def block_seconds(self) -> float:
        """Duration of a block."""
        return self.block_size / self.sample_rate

    @property
    def deadline_seconds(self) -> float:
        """From the arrival of a block to its answer, at most; a block's duration by default."""
        return self.block_seconds if self.deadline_ms is None else self.deadline_ms / 1000.0


class Session:
    """One client's stream: takes that follow each other, one z, one set of counters."""

    def __init__(
        self, number: int, token: int, source: Source, hello: Hello, z: LiveZ, make_voice: MakeVoice
    ) -> None:
        self.number = number
        self.token = token
        self.source = source
        self.hello = hello
        self.z = z
        self.counters = Counters()
        self.last_seen = 0.0  # time of the newest datagram
        self.last_block = 0.0  # time of the newest block
        self.is_proven = False  # whether the client has shown that it receives what is sent to it
        self.owes_welcome = False  # whether the welcome was cut to the length of an unproven hello
        self.wants: set[str] = set()  # what it has subscribed to, of addresses.SUBSCRIPTIONS
        self.notes = LiveNotes(z.spec)
        self._make_voice = make_voice
        self.voice = make_voice(hello.sample_rate, z, hello.taper)
        self.sound = self.voice.sound
        self.take: Take | None = None  # from the first block on
        self._tail: Block | None = None

    def changed(self, hello: Hello) -> Session:
        """The session that takes this one's place when the hello changes; client and z are the same.

        Another reply_port has to be proven anew.
        """
        other = Session(self.number, self.token, self.source, hello, self.z, self._make_voice)
        other.is_proven = self.is_proven and hello.reply_port == self.hello.reply_port
        other.wants = self.wants
        other.play_as(self.sound)
        return other

    def play_as(self, sound: Sound) -> None:
        """Changes the sound, of this take and of those to come."""
        self.sound = sound
        self.voice.play_as(sound)

    @property
    def reply_to(self) -> Source:
        """Where everything for this client is sent."""
        return self.source[0], self.hello.reply_port or self.source[1]

    def receive(self, seq: int, block: Block, now: float) -> tuple[list[Block], list[Answer]]:
        """Takes a block; returns the inputs that the (perhaps new) voice is to hear, and the answers due.

        A seq too far back or ahead restarts, and so does a second of input that nobody got to hear.
        """
        if len(block) != self.hello.block_size:
            raise BassNetError(
                f"a block must have the {self.hello.block_size} samples of hello; got {len(block)}: say "
                "hello again with the new size"
            )
        self.last_block = now
        owed: list[Answer] = []
        if self.take is not None and self._is_over(self.take, seq):
            owed = self.restart()
        if self.take is None:
            self.take = self._begin(seq)
        inputs, answers = self.take.receive(unwrap(seq, self.take.newest), block, now)
        return inputs, owed + answers

    def restart(self) -> list[Answer]:
        """Ends the take and readies a new voice; returns the answers that were owed. z stays.

        Where the new voice is refused, the take goes on.
        """
        if self.take is None:
            return []  # the voice is as new
        voice = self._make_voice(self.hello.sample_rate, self.z, self.hello.taper)
        voice.play_as(self.sound)
        owed, self._tail = self.take.finish()
        self.take, self.voice = None, voice
        return owed

    @staticmethod
    def _is_over(take: Take, seq: int) -> bool:
        return take.jumps(unwrap(seq, take.newest)) or take.backlog_seconds > MAX_BACKLOG

    def _begin(self, seq: int) -> Take:
        hello = self.hello
        # Counting starts at 0: a first block shortly after it may have overtaken that one.
        first = 0 if self.counters.blocks_in == 0 and seq < WINDOW else seq
        take = Take(
            self.voice, first, hello.block_size, hello.sample_rate, hello.deadline_seconds, self.counters
        )
        if self._tail is not None:
            take.tail, self._tail = self._tail, None
        return take


def _require(holds: bool, rule: str, value: Any) -> None:
    if not holds:
        raise BassNetError(f"{rule}; got {short(value)}: mend the hello")
