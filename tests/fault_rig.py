"""What the tests of faults and their report share: a paced stream, and two measures.

Flow: mix -> stream -> Client <-> (FaultProxy) <-> ServerProcess; what came back -> steps, offline twins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import soundfile

from bassnet_osc.audio_files import Audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.demo_run import MIX
from bassnet_osc.latent import LiveZ
from bassnet_osc.take import Counters, Take
from bassnet_osc.voice import Voice

RATE = 48_000
WIDE = 1024  # samples of a block: four of them and two durations wait longer than a test's jitter
PATIENT_MS = 3000.0  # a deadline that nothing misses here, on a busy machine either
QUIET_S = 0.7  # without an answer, after which none is expected any more
NEAR_S = 0.02  # on each side: the local peak of a step
SILENT = 1e-4  # -80 dBFS: around a peak below it nobody hears a step


def mix_blocks(block_size: int, seconds: float, start_s: float = 0.0) -> list[Audio]:
    """The shipped mix in whole blocks."""
    audio, rate = soundfile.read(MIX, dtype="float32", always_2d=True, start=round(start_s * RATE))
    assert rate == RATE
    n_blocks = int(seconds * RATE) // block_size
    return list(audio.mean(axis=1)[: n_blocks * block_size].reshape(n_blocks, block_size))


@dataclass
class Stream:
    """What was sent and all that came back, in the order in which it came."""

    client: Client
    blocks: Sequence[Audio]
    sent: dict[int, float] = field(default_factory=dict)  # by seq, when
    came: list[tuple[float, int, Audio]] = field(default_factory=list)

    def play(
        self, each: Callable[[int], None] = lambda k: None, is_enough: Callable[[], bool] = lambda: False
    ) -> Stream:
        """Sends block k at k block lengths after the first, as a sound card would; `each` before block k."""
        started, duration = time.monotonic(), self.client.block_size / self.client.sample_rate
        for k, block in enumerate(self.blocks):
            self._receive_until(started + k * duration)
            if is_enough():
                break
            each(k)
            self.sent[self.client.send(block)] = time.monotonic()
        while self._receive(QUIET_S):
            pass
        return self

    @property
    def answers(self) -> dict[int, Audio]:
        """The first answer to each block."""
        return {seq: samples for _, seq, samples in reversed(self.came)}

    def _receive_until(self, when: float) -> None:
        while (left := when - time.monotonic()) > 0:
            self._receive(left)

    def _receive(self, timeout: float) -> bool:
        answer = self.client.receive(timeout)
        if answer is not None:
            self.came.append((time.monotonic(), *answer))
        return answer is not None


def joined(answers: dict[int, Audio], n_blocks: int, block_size: int) -> Audio:
    """The answers in their places, NaN where one is missing."""
    nothing = np.full(block_size, np.nan, np.float32)
    return np.concatenate([answers.get(seq, nothing) for seq in range(n_blocks)])


def offline(bundle: Bundle, blocks: Sequence[Audio], without: Sequence[int] = ()) -> Audio:
    """A voice fed the blocks; in place of the lost ones a take's stand-ins, each gap as one."""
    voice = Voice(bundle, RATE, LiveZ(bundle.spec, *bundle.z_home))
    if not without:
        return np.concatenate([voice.process(block) for block in blocks])
    size, lost = len(blocks[0]), set(without)
    take = Take(voice, 0, size, RATE, 1e9, Counters())
    answers: dict[int, Audio] = {}
    for seq, block in enumerate(blocks):
        if seq not in lost:
            now = seq * size / RATE
            inputs, answered = take.receive(seq, block, now)
            for piece in inputs:
                answered += take.heard(voice.hear(piece), now)
            answers |= {answer.seq: answer.samples for answer in answered}
    for piece in take.expire(1e8)[0]:
        answers |= {answer.seq: answer.samples for answer in take.heard(voice.hear(piece), 0.0)}
    return joined(answers, len(blocks), size)


def steps_db(audio: Audio) -> float:
    """The largest step of a signal, against the peak within 20 ms of it, in dB; NaN where it is unknown.

    A step's fourth difference is 1, -3, 3, -1 times as high, and a third of that is what counts here. The
    bass ends at 5 kHz, where a sine of amplitude 1 at 48 kHz measures 0.06 (at 1 kHz 0.0001): its own
    movement is all but invisible, a jump is not.
    """
    steps = np.nan_to_num(np.abs(np.diff(audio.astype(np.float64), 4)) / 3.0)
    peaks = _running_max(np.nan_to_num(np.abs(audio)), round(NEAR_S * RATE))[2:-2]
    seen = np.where(peaks > SILENT, steps / np.maximum(peaks, SILENT), 0.0)
    return float(20.0 * np.log10(max(seen.max(initial=0.0), 1e-9)))


def _running_max(x: Audio, n: int) -> Audio:
    """The maximum within n samples of each."""
    padded = np.pad(x, n)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * n + 1).max(axis=1)
