"""Puts a session's blocks back in order: the reorder window of the wire.

Flow: take -> order. Pure: time comes in as an argument.
"""

from __future__ import annotations

import math

from bassnet_osc.frames import Block
from bassnet_osc.spec import SEQ_MODULO

WINDOW = 4  # newer blocks that a missing one is waited for
LATEST = 0.25  # seconds that a straggler may be behind: one from further back begins a new run
HOLD = 2.0  # block durations that a missing one is waited for
LONGEST_GAP = 1.0  # seconds: a jump forward over more starts anew


def unwrap(seq: int, near: int) -> int:
    """The index nearest to `near` that is `seq` modulo 2^24."""
    half = SEQ_MODULO // 2
    return near + (seq - near + half) % SEQ_MODULO - half


class BlockOrder:
    """Releases blocks in order.

    A gap is held open until it is filled, 4 newer blocks came, or two block durations passed.
    """

    def __init__(self, first: int, block_seconds: float) -> None:
        self.next = first  # index of the block to be released next
        self.newest = first - 1
        self._block_seconds = block_seconds
        self._held: dict[int, tuple[float, Block]] = {}  # arrived before an older one, with the time

    def jumps(self, index: int) -> bool:
        """Whether the index lies too far back or ahead to belong to this run of blocks."""
        back = self.newest - index
        return back > self.n_stragglers or -back * self._block_seconds > LONGEST_GAP

    @property
    def n_stragglers(self) -> int:
        """Blocks behind the newest that may still be on their way."""
        return max(WINDOW, math.ceil(LATEST / self._block_seconds))

    def is_known(self, index: int) -> bool:
        """Whether the block has been released, given up as lost or is held already."""
        return index < self.next or index in self._held

    def push(self, index: int, block: Block, now: float) -> list[tuple[int, Block | None]]:
        """Takes a new block; returns what is now in order, None standing for a block given up as lost."""
        self.newest = max(self.newest, index)
        self._held[index] = now, block
        return self.expire(now)

    def expire(self, now: float) -> list[tuple[int, Block | None]]:
        """What the passing of time releases."""
        released = self._filled()
        while self._held and (len(self._held) >= WINDOW or now >= self._hold_until()):
            first_held = min(self._held)
            released += [(index, None) for index in range(self.next, first_held)]
            self.next = first_held
            released += self._filled()
        return released

    @property
    def due(self) -> float | None:
        """When `expire` has something to give up, or None while nothing is missing."""
        return self._hold_until() if self._held else None

    def _hold_until(self) -> float:
        return min(arrived for arrived, _ in self._held.values()) + HOLD * self._block_seconds

    def _filled(self) -> list[tuple[int, Block | None]]:
        released: list[tuple[int, Block | None]] = []
        while self.next in self._held:
            released.append((self.next, self._held.pop(self.next)[1]))
            self.next += 1
        return released
