"""One model, many sessions: the thread in which everything is heard.

Flow: server -> engine -> voice. A thread and a queue of our own, rather than an executor, because a later
engine takes the jobs of several sessions off the queue at once and decodes their windows in one batch.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bassnet_osc.frames import Block

if TYPE_CHECKING:
    from bassnet_osc.frames import Frames
    from bassnet_osc.voice import Voice

Done = Callable[["Frames | Exception"], None]
Post = Callable[..., object]  # runs (function, *args) in the caller's own thread: loop.call_soon_threadsafe

N_MEASURED = 1000  # inferences that the percentiles look back on
LOAD_SPAN = 2.0  # seconds that the load looks back on
STOP_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True)
class Measured:
    """Milliseconds of the hearings that finished frames, and the share of time spent hearing."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    load: float


@dataclass(frozen=True)
class _Job:
    voice: Voice
    block: Block
    done: Done


class Engine:
    """Hears blocks one after another in a thread of its own. Its methods may be called from any other."""

    def __init__(self, post: Post, clock: Callable[[], float]) -> None:
        self._post = post
        self._clock = clock
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._inference_ms: deque[float] = deque(maxlen=N_MEASURED)
        self._busy: deque[tuple[float, float]] = (
            deque()
        )  # (end, duration) in seconds, the last LOAD_SPAN of them

    def start(self, warm_up: Callable[[], object], ready: Callable[[Exception | None], None]) -> None:
        """Starts the thread; `ready` is posted after the warm-up, with its exception where it failed."""
        self._thread = threading.Thread(
            target=self._run, args=(warm_up, ready), name="inference", daemon=True
        )
        self._thread.start()

    def submit(self, voice: Voice, block: Block, done: Done) -> None:
        """Queues a block; `done` is posted with its frames, or with the exception that hearing raised."""
        with self._changed:
            self._jobs.append(_Job(voice, block, done))
            self._changed.notify()

    def forget(self, voice: Voice) -> None:
        """Drops the voice's queued blocks, whose `done` will not be called."""
        with self._changed:
            self._jobs = deque(job for job in self._jobs if job.voice is not voice)

    def measured(self) -> Measured:
        """Over the last thousand inferences and the last two seconds; zeros before there were any."""
        with self._changed:
            inference_ms = list(self._inference_ms)
            busy = sum(duration for end, duration in self._busy if end > self._clock() - LOAD_SPAN)
        p50, p95, p99 = np.percentile(inference_ms or [0.0], [50, 95, 99])
        return Measured(float(p50), float(p95), float(p99), busy / LOAD_SPAN)

    def stop(self) -> None:
        """Ends the thread after the block that it is at; what is queued is dropped."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT)

    def _run(self, warm_up: Callable[[], object], ready: Callable[[Exception | None], None]) -> None:
        failure = None
        try:
            warm_up()
        except Exception as error:
            failure = error  # the thread that waits for `ready` raises it
        self._report(ready, failure)
        while (job := self._next()) is not None:
            self._hear(job)

    def _next(self) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._is_stopping)
            return None if self._is_stopping else self._jobs.popleft()

    def _hear(self, job: _Job) -> None:
        started = self._clock()
        result: Frames | Exception
        try:
            result = job.voice.hear(job.block)
        except Exception as error:
            result = error  # one voice's failure is not the others' end
        self._measure(started, is_inference=not isinstance(result, Exception) and len(result) > 0)
        self._report(job.done, result)

    def _measure(self, started: float, is_inference: bool) -> None:
        ended = self._clock()
        with self._changed:
            self._busy.append((ended, ended - started))
            while self._busy[0][0] < ended - LOAD_SPAN:
                self._busy.popleft()
            if is_inference:
                self._inference_ms.append(1000.0 * (ended - started))

    def _report(self, function: Callable[..., None], *args: object) -> None:
        if not self._is_stopping:  # nobody runs what is posted any more
            self._post(function, *args)
