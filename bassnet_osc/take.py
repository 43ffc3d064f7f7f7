"""One unbroken run of blocks through one voice: what to hear, what to answer, and until when.

Flow: session -> take -> voice. Pure: time comes in as an argument; hearing is somebody else's (the engine's).
Input and output share one count: the answer to block k is the k-th stretch of the voice's output, whatever
arrived late, twice or never.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from bassnet_osc.audio_wire import MAX_BLOCK
from bassnet_osc.frames import Block
from bassnet_osc.order import BlockOrder
from bassnet_osc.spec import SEQ_MODULO

if TYPE_CHECKING:
    from bassnet_osc.frames import Frames
    from bassnet_osc.hearing import Heard
    from bassnet_osc.voice import Blocks, Voice

CONCEAL_SECONDS = 0.05  # a lost input's stand-in fades out within
RESTART_FADE = 0.01  # seconds: the end of a take under the beginning of the next one


@dataclass
class Counters:
    """What a session has been through, in blocks."""

    blocks_in: int = 0  # received, the dropped ones included
    dropped: int = 0  # duplicates, and stragglers whose gap was closed
    lost: int = 0  # inputs that did not come in time
    answered: int = 0
    late: int = 0  # answers with any concealed output
    concealed: int = 0  # stretches of output with any concealment, asked for or not


@dataclass(frozen=True)
class Answer:
    """A block of each bass for the block of the mix with the same seq."""

    seq: int
    blocks: Blocks

    @property
    def samples(self) -> Block:
        """Of the plain bass."""
        return self.blocks[0]


@dataclass
class Take:
    """Blocks in, answers out. `first` is the unwrapped seq of the first block.

    `tails` are the end of the take before this one, mixed under the first answers.
    """

    voice: Voice
    first: int
    block_size: int
    sample_rate: int
    deadline: float  # seconds from the arrival of a block to its answer
    counters: Counters
    tails: Blocks = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._order = BlockOrder(self.first, self.block_size / self.sample_rate)
        self._released = self.first  # blocks before this one went to be heard
        self._spans: deque[int] = deque()  # blocks in each input that waits to be heard
        self._most = max(1, MAX_BLOCK // self.block_size)  # blocks of a gap that go as one
        self._heard = self.first  # blocks before this one have been heard
        self._played = self.first  # blocks before this one have been played
        # Received and unanswered, with the time when that must end: in the order of their arrival, which is
        # that of these times.
        self._pending: dict[int, float] = {}
        self._last = np.zeros(self.block_size, np.float32)  # the newest input, repeated where one is missing
        self._n_missing = 0  # samples since the newest input
        self.accepted: Frames | None = None  # the newest frames that were played
        self._fade: Block | None = None  # gains of the next samples, after which there is silence

    @property
    def newest(self) -> int:
        """The greatest index received."""
        return self._order.newest

    def position(self, frame: int, frame_rate: float) -> tuple[int, int]:
        """Where a frame lies in the mix: seq of its block, and the sample within it."""
        n_blocks, offset = divmod(math.ceil(frame * self.sample_rate / frame_rate), self.block_size)
        return (self.first + n_blocks) % SEQ_MODULO, offset

    @property
    def backlog_seconds(self) -> float:
        """Length of the input that waits to be heard."""
        return (self._released - self._heard) * self.block_size / self.sample_rate

    def jumps(self, index: int) -> bool:
        """Whether the block belongs to a new take."""
        return self._order.jumps(index)

    def receive(self, index: int, block: Block, now: float) -> tuple[list[Block], list[Answer]]:
        """Takes a block from the wire; returns the inputs to be heard, in order, and the answers due.

        A duplicate is dropped, and one that was given up; one whose answer went out without it is heard.
        """
        self.counters.blocks_in += 1
        if self._order.is_known(index):
            self.counters.dropped += 1
            return [], []
        if index >= self._played:
            self._pending[index] = now + self.deadline
        return self._inputs(self._order.push(index, block, now)), self.answers(now)

    def expire(self, now: float) -> tuple[list[Block], list[Answer]]:
        """As `receive`, for the passing of time."""
        return self._inputs(self._order.expire(now)), self.answers(now)

    def heard(self, heard: Heard, now: float) -> list[Answer]:
        """Takes what the oldest input that was not heard yet has brought."""
        self.accepted = self.voice.accept(heard)
        self._heard += self._spans.popleft()
        return self.answers(now)

    def answers(self, now: float) -> list[Answer]:
        """The answers that are ready or can wait no longer, in order."""
        end = self._heard
        for index, until in self._pending.items():
            if until > now:
                break
            end = max(end, index + 1)
        return self._play_to(end)

    def finish(self) -> tuple[list[Answer], Blocks]:
        """Ends the take: all answers still owed, and 10 ms of fading tails."""
        answers = self._play_to(max([self._played, *(index + 1 for index in self._pending)]))
        tails = self.voice.play(round(RESTART_FADE * self.sample_rate), is_fade=True)[0]
        # What is left of the tails before these, where one restart follows another.
        return answers, {n: under(tail, self.tails.get(n)) for n, tail in tails.items()}

    def fade_out(self, seconds: float) -> None:
        """Becomes silent within that time, for good."""
        if self._fade is None:
            self._fade = np.linspace(1.0, 0.0, max(1, round(seconds * self.sample_rate)), dtype=np.float32)

    @property
    def due(self) -> float | None:
        """When `expire` has something to do, or None while everything is answered."""
        first = next(iter(self._pending.values()), None)
        return min((time for time in (self._order.due, first) if time is not None), default=None)

    def _inputs(self, released: list[tuple[int, Block | None]]) -> list[Block]:
        self._released += len(released)
        inputs = []
        for is_missing, run in groupby(released, lambda item: item[1] is None):
            if is_missing:
                inputs += self._gap(len(list(run)))
            else:
                inputs += [self._keep(block) for _, block in run if block is not None]
        return inputs

    def _gap(self, n_blocks: int) -> list[Block]:
        """Stand-ins for lost blocks, few and large: a second may be 12 000 blocks."""
        spans = [min(self._most, n_blocks - at) for at in range(0, n_blocks, self._most)]
        self._spans += spans
        return [self._conceal(span) for span in spans]

    def _keep(self, block: Block) -> Block:
        self._spans.append(1)
        self._last, self._n_missing = block, 0
        return block

    def _conceal(self, n_blocks: int) -> Block:
        """The last input there and back again, which has no seams, fading: better for a CQT than zeros."""
        self.counters.lost += n_blocks
        there_and_back = np.concatenate([self._last[::-1], self._last])
        at = np.arange(self._n_missing, self._n_missing + n_blocks * self.block_size)
        self._n_missing += len(at)
        gain = np.maximum(0.0, 1.0 - at / (CONCEAL_SECONDS * self.sample_rate))
        if n_blocks % 2:
            self._last = self._last[::-1]
        return np.asarray(np.resize(there_and_back, len(at)) * gain, np.float32)

    def _play_to(self, end: int) -> list[Answer]:
        """Plays all blocks before `end`; answers those that never came, too, but for most of a long gap."""
        answers: list[Answer] = []
        if self._played >= end:
            return answers
        if self._played not in self._pending:
            self._skip_to(min([end, *self._pending]) - self._order.n_stragglers)
        while self._played < end:
            index = self._played
            blocks, concealed = self._play(1)
            self._pending.pop(index, None)
            answers.append(self._answer(index, blocks, concealed))
        return answers

    def _skip_to(self, end: int) -> None:
        """Plays what nobody waits for any more, in large pieces: a second may be 12 000 blocks."""
        while self._played < end:
            self._play(min(self._most, end - self._played))

    def _play(self, n_blocks: int) -> tuple[Blocks, bool]:
        blocks, concealed = self.voice.play(n_blocks * self.block_size)
        self._played += n_blocks
        self.counters.concealed += n_blocks * concealed
        return self._faded(self._with_tails(blocks)), concealed

    def _faded(self, blocks: Blocks) -> Blocks:
        if self._fade is None:
            return blocks
        n_samples = len(blocks[0])
        gains = np.pad(self._fade[:n_samples], (0, max(0, n_samples - len(self._fade))))
        self._fade = self._fade[n_samples:]
        return {n: block * gains for n, block in blocks.items()}

    def _answer(self, index: int, blocks: Blocks, concealed: bool) -> Answer:
        self.counters.answered += 1
        self.counters.late += concealed
        return Answer(index % SEQ_MODULO, blocks)

    def _with_tails(self, blocks: Blocks) -> Blocks:
        if not self.tails:
            return blocks
        mixed = {n: under(block, self.tails.get(n)) for n, block in blocks.items()}
        n_samples = len(blocks[0])
        self.tails = {n: tail[n_samples:] for n, tail in self.tails.items() if len(tail) > n_samples}
        return mixed


def under(block: Block, tail: Block | None) -> Block:
    """A block with the end of what was before under its beginning."""
    if tail is None:
        return block
    n = min(len(tail), len(block))
    mixed = np.array(block, np.float32)
    mixed[:n] += tail[:n]
    return mixed
