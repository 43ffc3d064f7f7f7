"""A client that plays the demo's mix in real time, for as long as something else happens to the server.

Flow: test_hostile, fuzz, soak -> Player, mix_for_ever.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import numpy as np

from bassnet_osc.audio_files import Audio, Mix
from bassnet_osc.client import Client
from bassnet_osc.demo_run import MIX
from bassnet_osc.spec import HOST


def mix_for_ever(block_size: int) -> tuple[int, Iterator[Audio]]:
    """The demo's mix again and again: its rate, and blocks (block_size,)."""
    mix = Mix([MIX])
    audio = np.concatenate(list(mix.blocks())).astype(np.float32)
    blocks = audio[: len(audio) // block_size * block_size].reshape(-1, block_size)
    return mix.sample_rate, itertools.cycle(blocks)


class Player(threading.Thread):
    """A client that plays in real time until told to stop, and counts."""

    BLOCK_SIZE = 256  # samples

    def __init__(self, port: int) -> None:
        super().__init__(name="player", daemon=True)
        sample_rate, self._blocks = mix_for_ever(self.BLOCK_SIZE)
        self.client = Client(HOST, port, sample_rate, self.BLOCK_SIZE, name="player")
        self._is_over = threading.Event()
        self.waiting: set[int] = set()  # seqs without an answer
        self.n_answered = 0
        self.n_strange = 0  # answers that nobody waited for
        self.first_number = self.number = 0  # of the session: another one tells that the first was lost
        self.peak = 0.0  # of the bass
        self.stats: dict[str, float] = {}
        self.failure: Exception | None = None

    def run(self) -> None:
        """Plays; what goes wrong is kept for the one who asks."""
        try:
            with self.client:
                self.first_number = self.client.welcome["session"]
                self._play()
                self.stats = self.client.stats() or {}
                self.number = self.client.welcome["session"]
        except Exception as error:
            self.failure = error

    def stop(self) -> None:
        """Ends it, when all is answered or a second has passed without an answer."""
        self._is_over.set()
        self.join()

    def _play(self) -> None:
        started = time.perf_counter()
        for k, block in enumerate(self._blocks):
            due = started + k * self.BLOCK_SIZE / self.client.sample_rate
            while (left := due - time.perf_counter()) > 0:
                self._hear(left)
            if self._is_over.is_set():
                break
            self.waiting.add(self.client.send(block))
        while self.waiting and self._hear(1.0):
            pass

    def _hear(self, timeout: float) -> bool:
        answer = self.client.receive(timeout)
        if answer is None:
            return False
        seq, bass = answer
        self.n_strange += seq not in self.waiting
        self.waiting.discard(seq)
        self.n_answered += 1
        self.peak = max(self.peak, float(np.abs(bass).max()))
        return True
