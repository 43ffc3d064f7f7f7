"""One playing of a mix through a client: in real time or as fast as the answers come.

Flow: mix blocks, z path -> client <-OSC-> server -> answers. The clock is the caller's here: a host's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from bassnet_osc.audio_files import Audio
from bassnet_osc.client import Client
from bassnet_osc.spec import BassNetError

Points = npt.NDArray[np.float64]  # (n, 2)

PATIENCE_S = 1.0  # for an answer that may be lost
SILENCE_S = 3.0  # without any answer, after which the server is given up
DWELL = 0.6  # share of the time that z stays at a place; the rest glides to the next


@dataclass
class Playthrough:
    """What was sent and what came back."""

    block_size: int
    heard_s: float  # when the newest answer came; before it, when the playing began
    sent_s: list[float] = field(default_factory=list)  # by seq
    answers: dict[int, Audio] = field(default_factory=dict)  # by seq
    round_trip_ms: list[float] = field(default_factory=list)

    @property
    def in_flight(self) -> int:
        """Blocks sent and not answered yet."""
        return len(self.sent_s) - len(self.answers)

    def bass(self, latency_samples: int, n_samples: int) -> Audio:
        """The answers in order without their latency, silence where one is missing."""
        silence = np.zeros(self.block_size, np.float32)
        joined = np.concatenate([self.answers.get(seq, silence) for seq in range(len(self.sent_s))])
        return joined[latency_samples : latency_samples + n_samples]


def play(client: Client, blocks: Sequence[Audio], z: Points, fast: bool) -> Playthrough:
    """Sends every block, z (n_blocks, 2) before it where it has moved, and collects the answers.

    In real time block k leaves k block lengths after the first, whatever happened before. With `fast` it
    leaves when block k - 1 is answered: z then moves between the same blocks in every run. Raises
    BassNetError when the server falls silent.
    """
    started = time.perf_counter()
    playthrough = Playthrough(client.block_size, heard_s=started)
    with tqdm(blocks, desc="playing", unit="block", disable=None) as progress:
        for k, block in enumerate(progress):
            if fast:
                while k and k - 1 not in playthrough.answers and _receive(client, playthrough, PATIENCE_S):
                    pass
            else:
                due = started + k * client.block_size / client.sample_rate
                while (left := due - time.perf_counter()) > 0:
                    _receive(client, playthrough, left)
            if k == 0 or (z[k] != z[k - 1]).any():
                client.z(*z[k])
            playthrough.sent_s.append(time.perf_counter())
            client.send(block)
    while playthrough.in_flight and _receive(client, playthrough, PATIENCE_S):
        pass
    return playthrough


def in_blocks(audio: Audio, block_size: int, latency_samples: int) -> list[Audio]:
    """The mix (n,) in blocks, then as much silence as the latency holds back."""
    n_blocks = math.ceil((len(audio) + latency_samples) / block_size)
    return list(np.pad(audio, (0, n_blocks * block_size - len(audio))).reshape(n_blocks, block_size))


def z_path(places: Sequence[tuple[float, float]], n_blocks: int) -> Points:
    """z before each block (n_blocks, 2): a stay at each place, then a smooth glide to the next."""
    points = np.array(places)
    progress = np.arange(n_blocks) / n_blocks * len(points)
    here = progress.astype(int)
    there = np.minimum(here + 1, len(points) - 1)
    glide = np.clip((progress - here - DWELL) / (1.0 - DWELL), 0.0, 1.0)
    share = (0.5 - 0.5 * np.cos(np.pi * glide))[:, None]
    return np.asarray(points[here] + share * (points[there] - points[here]))


def lag_samples(heard: Audio, expected: Audio) -> int:
    """By how many samples `heard` is late against `expected`: the maximum of their cross-correlation."""
    size = len(heard) + len(expected)
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(expected, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)))
    return lag if lag < len(heard) else lag - size


def _receive(client: Client, playthrough: Playthrough, timeout: float) -> bool:
    """Waits for one answer, `timeout` seconds at most; whether it came."""
    answer = client.receive(timeout)
    now = time.perf_counter()
    if answer is None:
        if now - playthrough.heard_s >= SILENCE_S:
            raise BassNetError(
                f"the server has not answered for {SILENCE_S:g} s: it ended or hangs, try again"
            )
        return False
    seq, samples = answer
    playthrough.heard_s = now
    playthrough.answers[seq] = samples
    playthrough.round_trip_ms.append(1e3 * (now - playthrough.sent_s[seq]))
    return True
