"""A server process, what the system knows of it, and a client that plays to it meanwhile.

Flow: test_hostile, fuzz, soak -> ServerProcess, Player -> `bassnet serve` in a process of its own.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from bassnet_osc.audio_files import Audio, Mix
from bassnet_osc.client import Client
from bassnet_osc.demo_run import MIX
from bassnet_osc.spec import HOST, BassNetError

STOP_S = 5.0  # seconds: killed when it has not ended by then
LISTENING = f"listening on {HOST}:"


class ServerProcess:
    """`bassnet serve` on a free port, from `with` on; its log is kept."""

    def __init__(self, model: str) -> None:
        self._command = [sys.executable, "-m", "bassnet_osc", "serve", "--port", "0", "--model", model]
        self._last_words = ""
        self.port = 0

    def __enter__(self) -> ServerProcess:
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self._process.stdout is not None
        said = next((line for line in self._process.stdout if line.startswith(LISTENING)), None)
        if said is None:
            self.__exit__(None, None, None)
            raise BassNetError(f"the server must start; it said {self.log()[-300:]!r}: try its command")
        self.port = int(said.removeprefix(LISTENING).split(",")[0])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._last_words = self.log()
        self._log.close()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def ended_well(self) -> bool:
        """Whether it stopped by itself, when told to."""
        return self._process.poll() == 0

    def log(self) -> str:
        """All that it wrote to stderr, also when it has ended."""
        if self._log.closed:
            return self._last_words
        return Path(f"/proc/self/fd/{self._log.fileno()}").read_text()

    def memory(self, what: str = "VmRSS") -> float:
        """A line of the system's status of the process, in MB; RSS is what it has in memory now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith(f"{what}:")]
        return int(line.split()[1]) / 1024

    def dropped(self) -> int:
        """Datagrams that the system threw away because the server's socket was full."""
        rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
        return sum(int(row[-1]) for row in rows if int(row[1].split(":")[1], 16) == self.port)


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
