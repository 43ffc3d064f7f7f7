"""Stand-ins around the server: a voice that echoes, an engine and a clock that wait to be told."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bassnet_osc.meter import Measured
from bassnet_osc.sound import DEFAULT_SOUND, Sound
from bassnet_osc.spec import DescriptorSpec, Spec

Block = npt.NDArray[np.float32]


@dataclass
class Heard:
    """In place of frames: the audio itself and its position in the input."""

    first: int
    audio: Block

    def __len__(self) -> int:
        return len(self.audio)


class EchoVoice:
    """Plays what it heard `latency_samples` later; -1 where that has not been accepted in time.

    What is accepted too late is discarded, so that a wrong count anywhere shows as a shift.
    """

    latency_parts = {"resampler": 0.5, "window": 40.0, "frame": 10.0}  # noqa: RUF012  never changed
    slack_s = 0.02
    descriptor = DescriptorSpec()

    def __init__(
        self, sample_rate: int, z: Any, taper: int | None = None, latency_samples: int = 100
    ) -> None:
        self.sample_rate, self.z, self.taper, self.latency_samples = sample_rate, z, taper, latency_samples
        self._n_heard = 0
        self._n_accepted = 0
        self._n_played = 0
        self._ready = np.zeros(latency_samples, np.float32)  # from output position _n_played on
        self.inputs: list[Block] = []
        self.rests = 0
        self.sound = DEFAULT_SOUND
        self.varied: dict[int, Any] = {}

    def play_as(self, sound: Sound) -> None:
        self.sound = sound

    def rest(self) -> None:
        self.rests += 1

    def can_go_on_with(self, model: Any) -> bool:
        return True

    def go_on_with(self, model: Any) -> None:
        self.model = model

    def vary(self, n: int, z: Any) -> None:
        self.varied[n] = z

    def unvary(self, n: int) -> None:
        del self.varied[n]

    def hearing(self, block: Block) -> Generator[Any, Any, Heard]:
        yield from ()
        return self.hear(block)

    def hear(self, block: Block) -> Heard:
        heard = Heard(self._n_heard, block.copy())
        self._n_heard += len(block)
        self.inputs.append(heard.audio)
        return heard

    def accept(self, heard: Heard) -> None:
        assert heard.first == self._n_accepted  # in order, none missing
        self._n_accepted += len(heard)
        n_late = self._n_played + len(self._ready) - self.latency_samples - heard.first
        self._ready = np.concatenate([self._ready, heard.audio[n_late:]])

    def play(self, n_samples: int, is_fade: bool = False) -> tuple[dict[int, Block], bool]:
        n_missing = max(0, n_samples - len(self._ready))
        ready = np.concatenate([self._ready, np.full(n_missing, -1.0, np.float32)])
        self._n_played += n_samples
        self._ready = ready[n_samples:]
        ramp = np.linspace(1.0, 0.0, n_samples, dtype=np.float32) if is_fade else np.float32(1.0)
        basses = (0, *self.varied)  # a variation is the plain bass turned up
        return {n: (n + 1) * ramp * ready[:n_samples] for n in basses}, n_missing > 0


class WholeWindows:
    """A model that decodes whole windows, mix (n, b, n_bins), at once: as the stream asks for them."""

    def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
        raise NotImplementedError

    def factors(self, mix: Block, used: range) -> Block:
        return mix

    def decode_factors(self, factors: Block, z: Block, used: range) -> tuple[Block, Block, Block]:
        mix = np.repeat(factors, len(z) // len(factors), axis=0)
        f0, level, onset = (output[:, used.start : used.stop] for output in self.decode(mix, z))
        return f0, level, onset


class EchoModel:
    """In place of a bundle."""

    spec = Spec()
    z_home = (0.0, 0.0)
    provider = "echo"

    def __init__(self, name: str = "echo") -> None:
        self.name = name

    def warm_up(self) -> None:
        """Nothing to warm."""


class FakeShelf:
    """Models that are there when `arrive` is called, or at once."""

    names = ("echo", "other")

    def __init__(self, default: Any = None, at_once: bool = True) -> None:
        self.default = default or EchoModel()
        self.at_once = at_once
        self.loaded: dict[str, Any] = {"echo": self.default, "other": EchoModel("other")}
        self._waiting: list[tuple[str, Callable[[Any], None]]] = []

    def fetch(self, name: str, done: Callable[[Any], None]) -> None:
        self._waiting.append((name, done))
        if self.at_once:
            self.arrive()

    def arrive(self) -> None:
        while self._waiting:
            name, done = self._waiting.pop(0)
            done(self.loaded[name])


@dataclass(order=True)
class Call:
    """A timer of the FakeLoop."""

    at: float
    number: int
    function: Callable[..., object] = field(compare=False)
    args: tuple[Any, ...] = field(compare=False)
    is_cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        self.is_cancelled = True

    def when(self) -> float:
        return self.at


class FakeLoop:
    """asyncio's clock and timers, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._calls: list[Call] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> Call:
        call = Call(when, next(self._numbers), function, args)
        heapq.heappush(self._calls, call)
        return call

    def advance(self, seconds: float) -> None:
        """Lets time pass, calling what falls due on the way."""
        until = self.now + seconds
        while self._calls and self._calls[0].at <= until:
            call = heapq.heappop(self._calls)
            self.now = max(self.now, call.at)
            if not call.is_cancelled:
                call.function(*call.args)
        self.now = until


class FakeEngine:
    """Hears when told to: at once, or when `work` is called."""

    def __init__(self, at_once: bool = True) -> None:
        self.at_once = at_once
        self.saving = 0
        self.jobs: list[tuple[Any, Block, Callable[[Any], None]]] = []

    def submit(self, voice: Any, block: Block, until: float, done: Callable[[Any], None]) -> None:
        self.jobs.append((voice, block, done))
        if self.at_once:
            self.work()

    def work(self) -> None:
        """Hears all that is queued."""
        while self.jobs:
            voice, block, done = self.jobs.pop(0)
            done(voice.hear(block))

    def forget(self, voice: Any) -> None:
        self.jobs = [job for job in self.jobs if job[0] is not voice]

    def measured(self) -> Measured:
        return Measured(1.0, 2.0, 3.0, 0.5, len(self.jobs), self.saving)
