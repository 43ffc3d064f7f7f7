# ruff: noqa: T201  commands speak on the terminal
"""An hour of streaming through a real server, faster than real time, beside the same bass made offline.

    python tests/soak.py --minutes 60 [--speed 4]

Every block must be answered with the very samples of the offline rendering, and memory must not grow; exit 1
where it is otherwise. The count of blocks passes its modulus halfway.

Flow: the demo's mix, again and again -> client <-OSC-> server process; the same blocks -> voice -> compared.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from player import mix_for_ever
from server_process import MODEL, ServerProcess
from tqdm import tqdm

from bassnet_osc.audio_files import Audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.hello import MAX_DEADLINE_MS
from bassnet_osc.latent import LiveZ
from bassnet_osc.playthrough import lag_samples
from bassnet_osc.spec import HOST, SEQ_MODULO
from bassnet_osc.voice import Voice

BLOCK_SIZE = 256  # samples
IN_FLIGHT = 8  # blocks: a hop of the model has four
PATIENCE_S = 5.0  # for an answer
LAG_BLOCKS = 1024  # of which the lag is measured, at the beginning and at the end: 5 s
MARKS = (0.1, 0.5, 1.0)  # shares of the run at which memory is read
MOST_GROWTH_MB = 5.0  # from the first mark on: what is kept grows no more by then


@dataclass
class Soak:
    """What was sent and what came back."""

    sample_rate: int
    n_blocks: int
    n_answered: int = 0
    n_astray: int = 0  # answers out of order: with a seq that was not the next
    n_different: int = 0  # samples that are not those of the offline rendering
    peak: float = 0.0  # of the bass
    took_s: float = 0.0
    late: float = -1.0  # as the server counted
    lost: float = -1.0
    memory_mb: list[float] = field(default_factory=list)  # at each of MARKS
    lags: tuple[int, int] = (0, 0)  # samples, at the beginning and at the end
    exceptions: int = 0

    @property
    def seconds(self) -> float:
        """Of the stream."""
        return self.n_blocks * BLOCK_SIZE / self.sample_rate

    def broken(self) -> list[str]:
        """The promises that were not kept."""
        promises = {
            "every block is answered": self.n_answered == self.n_blocks and not self.n_astray,
            "all samples are those of the offline rendering": self.n_different == 0,
            "no lag and no drift": self.lags == (0, 0),
            "none late, none lost": (self.late, self.lost) == (0, 0),
            "the bass is heard": self.peak > 0.01,
            f"memory grows by less than {MOST_GROWTH_MB:g} MB": len(self.memory_mb) == len(MARKS)
            and max(self.memory_mb) - self.memory_mb[0] < MOST_GROWTH_MB,
            "no exception": self.exceptions == 0,
        }
        return [promise for promise, is_kept in promises.items() if not is_kept]

    def table(self) -> str:
        """For people."""
        memory = ", ".join(f"{mb:.1f} at {mark:.0%}" for mark, mb in zip(MARKS, self.memory_mb, strict=False))
        return "\n".join(
            [
                f"streamed                {self.seconds:.0f} s in {self.took_s:.0f} s, "
                f"{self.seconds / self.took_s:.1f} times real time",
                f"blocks sent             {self.n_blocks} of {BLOCK_SIZE}, answered {self.n_answered}, "
                f"astray {self.n_astray}, late {self.late:.0f}, lost {self.lost:.0f}",
                f"other than offline      {self.n_different} samples, peak {self.peak:.2f}",
                f"lag                     {self.lags[0]} samples at first, {self.lags[1]} at the end",
                f"memory of the server    {memory} MB",
                f"exceptions in the log   {self.exceptions}",
            ]
        )


def soak(server: ServerProcess, seconds: float, speed: float) -> Soak:
    """Streams so many seconds at `speed` times real time, or as fast as the answers come."""
    sample_rate, blocks = mix_for_ever(BLOCK_SIZE)
    result = Soak(sample_rate, math.ceil(seconds * sample_rate / BLOCK_SIZE))
    marks = {math.ceil(mark * result.n_blocks) for mark in MARKS}
    first: deque[tuple[Audio, Audio]] = deque()
    last: deque[tuple[Audio, Audio]] = deque(maxlen=LAG_BLOCKS)
    client = Client(HOST, server.port, sample_rate, BLOCK_SIZE, name="soak", deadline_ms=MAX_DEADLINE_MS)
    started = time.perf_counter()
    with client, tqdm(total=result.n_blocks, unit="block", disable=None) as progress:
        client._next_seq = SEQ_MODULO - result.n_blocks // 2
        bundle = Bundle.load(client.model)
        voice = Voice(bundle, sample_rate, LiveZ(bundle.spec, *bundle.z_home))
        for bass, block in answered(client, islice(blocks, result.n_blocks), speed, result):
            expected = voice.process(block)
            compare(result, bass, expected)
            last.append((bass, expected))
            if len(first) < LAG_BLOCKS:
                first.append((bass, expected))
            if result.n_answered in marks:
                result.memory_mb.append(server.memory())
            progress.update()
        stats = client.stats() or {}
    result.took_s = time.perf_counter() - started
    result.late, result.lost = stats.get("late", -1.0), stats.get("lost", -1.0)
    result.lags = lag(first), lag(last)
    result.exceptions = server.log().count("Traceback")
    return result


def answered(
    client: Client, blocks: Iterator[Audio], speed: float, result: Soak
) -> Iterator[tuple[Audio, Audio]]:
    """Keeps a few blocks in flight; gives each answer with its block, until they end or none comes."""
    flying: deque[tuple[int, Audio]] = deque()
    started, n_sent = time.perf_counter(), 0
    while True:
        for block in islice(blocks, IN_FLIGHT - len(flying)):
            due = started + n_sent * BLOCK_SIZE / client.sample_rate / speed
            time.sleep(max(0.0, due - time.perf_counter()))
            flying.append((client.send(block), block))
            n_sent += 1
        answer = client.receive(PATIENCE_S) if flying else None
        if answer is None:
            return
        seq, block = flying.popleft()
        result.n_answered += 1
        result.n_astray += answer[0] != seq
        yield answer[1], block


def compare(result: Soak, bass: Audio, expected: Audio) -> None:
    """Counts what differs, bit for bit."""
    result.n_different += int((bass != expected).sum())
    result.peak = max(result.peak, float(np.abs(bass).max()))


def lag(pairs: deque[tuple[Audio, Audio]]) -> int:
    """By how many samples the answers are behind the offline rendering."""
    heard, expected = (np.concatenate(blocks) for blocks in zip(*pairs, strict=True))
    return lag_samples(heard, expected)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="A long stream beside the same bass made offline.")
    parser.add_argument("--minutes", type=float, default=60.0, help="of audio (default: %(default)g)")
    parser.add_argument(
        "--speed", type=float, default=math.inf, help="times real time (default: as the answers come)"
    )
    arguments = parser.parse_args()
    with ServerProcess(MODEL) as server:
        result = soak(server, 60.0 * arguments.minutes, arguments.speed)
    print(result.table())
    for promise in result.broken():
        print(f"BROKEN: {promise}")
    return 1 if result.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
