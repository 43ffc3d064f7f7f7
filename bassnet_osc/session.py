"""One client of the server: what it asked for in hello, where it is in its stream, what it has been through.

Flow: server -> session -> take. Pure: neither sockets nor clocks; time comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from bassnet_osc import hearing
from bassnet_osc.frames import Block
from bassnet_osc.hello import Hello
from bassnet_osc.latent import LiveZ, check_planned
from bassnet_osc.live_notes import LiveNotes
from bassnet_osc.order import WINDOW, unwrap
from bassnet_osc.spec import BassNetError
from bassnet_osc.take import Answer, Counters, Take

if TYPE_CHECKING:
    from bassnet_osc.sound import Sound
    from bassnet_osc.voice import Blocks, Voice

Source = tuple[str, int]  # IP address and port
MakeVoice = Callable[["Session"], "Voice"]  # for its hello, its model and its z

MAX_VARIATIONS = 8  # further basses of a session
MAX_BACKLOG = 1.0  # seconds of input waiting to be heard: with more the take is given up


class Model(hearing.Model, Protocol):
    """What sessions and the switchboard use of a bundle."""

    @property
    def name(self) -> str:
        """For welcome."""

    @property
    def provider(self) -> str:
        """Where it runs."""

    @property
    def z_home(self) -> tuple[float, float]:
        """Where the z of a session starts."""


class Session:
    """One client's stream: takes that follow each other, its z, one set of counters."""

    def __init__(
        self,
        number: int,
        token: int,
        source: Source,
        hello: Hello,
        model: Model,
        z: LiveZ,
        make_voice: MakeVoice,
    ) -> None:
        self.number = number
        self.token = token
        self.source = source
        self.hello = hello
        self.model = model
        self.wanted_model = model.name  # while another one is being loaded: that one's
        self.z = z
        self.variations: dict[int, LiveZ] = {}  # z of the further basses
        self.counters = Counters()
        self.last_seen = 0.0  # time of the newest datagram
        self.last_block = 0.0  # time of the newest block
        self.is_proven = False  # whether the client has shown by the token that it gets what is sent to it
        self.credit = 0  # bytes that came from an unproven one and were not answered yet
        self.owes_welcome = False  # whether the welcome was cut to the length of an unproven hello
        self.wants: set[str] = set()  # what it has subscribed to, of handlers.SUBSCRIPTIONS
        self.notes = LiveNotes(z.spec)
        self._make_voice = make_voice
        self.voice = make_voice(self)
        z.start_anew()
        self.sound = self.voice.sound
        self.take: Take | None = None  # from the first block on
        self._planned: list[tuple[int, int, float, float]] = []  # timed z from before the first block
        self._tails: Blocks = {}

    def changed(self, hello: Hello) -> Session:
        """The session that takes this one's place when the hello changes; client and z are the same.

        Another reply_port has to be proven anew.
        """
        other = Session(self.number, self.token, self.source, hello, self.model, self.z, self._make_voice)
        other.wanted_model = self.wanted_model
        other.is_proven = self.is_proven and hello.reply_port == self.hello.reply_port
        other.credit = self.credit
        other.wants = self.wants
        other.play_as(self.sound)
        for n, z in self.variations.items():
            other.vary(n, z)
        return other

    def may_get(self, n_bytes: int) -> bool:
        """Whether so much may be sent to it, which counts as sent then: in all, no more than came from it.

        Its path is unproven until it says the token: until then its source may be somebody else's.
        """
        if not self.is_proven:
            if n_bytes > self.credit:
                return False
            self.credit -= n_bytes
        return True

    def play_as(self, sound: Sound) -> None:
        """Changes the sound, of this take and of those to come."""
        if sound == self.sound == self.voice.sound:
            return
        self.sound = sound
        self.voice.play_as(sound)

    def vary(self, n: int, z: LiveZ) -> None:
        """Adds a further bass with a z of its own, to this take and to those to come."""
        self.variations[n] = z
        self.voice.vary(n, z.from_next())
        z.start_anew()

    def unvary(self, n: int) -> None:
        """Ends a further bass, if there is one."""
        if self.variations.pop(n, None) is not None:
            self.voice.unvary(n)

    def plan_z(self, seq: int, offset: int, x: float, y: float) -> None:
        """z at a sample of the mix: so far into the block with this seq. BassNetError where too many wait."""
        if self.take is None:
            check_planned(len(self._planned))
            self._planned.append((seq, offset, x, y))
        else:
            self.z.plan(self._frame_at(self.take, seq, offset), x, y)

    def _frame_at(self, take: Take, seq: int, offset: int) -> float:
        near = take.newest if take.newest >= take.first else take.first
        position = (unwrap(seq, near) - take.first) * self.hello.block_size + offset
        return position * self.z.spec.cqt.frame_rate / self.hello.sample_rate

    def switch(self, model: Model) -> list[Answer]:
        """Plays by another model: at once where it is as late as this one, or else in a new take.

        Returns the answers that the old take owes. BassNetError where the new one's voice is refused.
        """
        before, self.model = self.model, model
        if self.voice.can_go_on_with(model):
            self.voice.go_on_with(model)
            return []
        try:
            return self._anew()
        except BassNetError:
            self.model = before
            raise

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
        return [] if self.take is None else self._anew()  # without a take the voice is as new

    def _anew(self) -> list[Answer]:
        voice = self._make_voice(self)
        owed: list[Answer] = []
        if self.take is not None:
            owed, self._tails = self.take.finish()
        self.take, self.voice = None, voice
        self.z.start_anew()
        voice.play_as(self.sound)
        for n, z in self.variations.items():
            self.vary(n, z)
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
        take.tails, self._tails = self._tails, {}
        for planned, offset, x, y in self._planned:
            self.z.plan(self._frame_at(take, planned, offset), x, y)
        self._planned.clear()
        return take
