"""One model, many sessions: the thread in which everything is heard, windows of several sessions at a time.

Flow: playing -> engine -> voice. Each turn takes the oldest block of every session, so that none waits for
another's queue; the windows that they make due are decoded in batches, the most urgent first. When there is
too much to do, less is done, by steps: first every second window is left out and the one before it stands in,
then windows are left out whose time is over before their turn. Queues never grow.
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
    from bassnet_osc.hearing import Heard, Hearing, Outputs, Window
    from bassnet_osc.voice import Voice

Done = Callable[["Heard | Exception"], None]
Post = Callable[..., object]  # runs (function, *args) in the caller's own thread: loop.call_soon_threadsafe

N_MEASURED = 1000  # inferences that the percentiles look back on
LOAD_SPAN = 1.0  # seconds that the load looks back on
STOP_TIMEOUT = 5.0  # seconds
OVERLOAD = 0.9  # share of the time spent hearing from which every second window is left out
RELIEF = 0.4  # ... and below which none is: twice of it is less than OVERLOAD
MAX_ROWS = 16  # of a batch: ONNX Runtime keeps the memory of the largest
COST_MEMORY = 0.9  # of what a window's decoding is expected to take, how much is remembered at each batch


@dataclass(frozen=True)
class Measured:
    """Milliseconds of the hearings that finished frames, the share of time spent hearing, blocks that wait.

    `saving`: 0 every window is decoded, 1 every second one is left out, 2 some came too late to be decoded.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    load: float
    queue: int = 0
    saving: int = 0


@dataclass(eq=False)
class _Job:
    """A block on its way: `until` is the time from which its windows are of no use."""

    voice: Voice
    block: Block
    until: float
    done: Done
    hearing: Hearing | None = None
    window: Window | None = None  # that is due
    busy_s: float = 0.0  # spent on it, batches that it shared counted whole
    is_inference: bool = False  # whether any window of it was decoded


class Engine:
    """Hears blocks, those of a voice in order, in a thread of its own. Its methods may be called from any."""

    def __init__(self, post: Post, clock: Callable[[], float]) -> None:
        self._post = post
        self._clock = clock
        self._queues: dict[Voice, deque[_Job]] = {}
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._inference_ms: deque[float] = deque(maxlen=N_MEASURED)
        self._busy: deque[tuple[float, float]] = deque()  # (end, duration) in s, the last LOAD_SPAN of them
        self._busy_s = 0.0  # their sum
        self._window_s = 0.0  # what decoding takes, per row of a batch
        self._saving_since: float | None = None
        self._too_late_at = -np.inf  # when a window was last left out because it was too late

    def start(self, warm_up: Callable[[], object], ready: Callable[[Exception | None], None]) -> None:
        """Starts the thread; `ready` is posted after the warm-up, with its exception where it failed."""
        self._thread = threading.Thread(
            target=self._run, args=(warm_up, ready), name="inference", daemon=True
        )
        self._thread.start()

    def submit(self, voice: Voice, block: Block, until: float, done: Done) -> None:
        """Queues a block; `done` is posted with what was heard, or with the exception that hearing raised.

        Windows whose decoding has not begun by `until` (in the clock's seconds) are left out.
        """
        with self._changed:
            self._queues.setdefault(voice, deque()).append(_Job(voice, block, until, done))
            self._changed.notify()

    def forget(self, voice: Voice) -> None:
        """Drops the voice's queued blocks, whose `done` will not be called."""
        with self._changed:
            self._queues.pop(voice, None)

    def measured(self) -> Measured:
        """Over the last N_MEASURED inferences and LOAD_SPAN seconds; zeros before there were any."""
        with self._changed:
            now, inference_ms = self._clock(), list(self._inference_ms)
            load = self._load(now)
            n_waiting = sum(map(len, self._queues.values()))
        saving = 2 if now - self._too_late_at < LOAD_SPAN else int(self._saving_since is not None)
        p50, p95, p99 = np.percentile(inference_ms or [0.0], [50, 95, 99])
        return Measured(float(p50), float(p95), float(p99), load, n_waiting, saving)

    def stop(self) -> None:
        """Ends the thread after the batch that it is at; what is queued is dropped."""
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
        while jobs := self._next_turn():
            self._judge_load()
            for job in jobs:
                job.hearing = job.voice.hearing(job.block)
                self._step(job, None)
            while due := [job for job in jobs if job.window is not None]:
                self._decode_some(due)

    def _next_turn(self) -> list[_Job]:
        """The oldest block of each voice; none where the engine stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._queues or self._is_stopping)
            if self._is_stopping:
                return []
            jobs = [queue.popleft() for queue in self._queues.values()]
            self._queues = {voice: queue for voice, queue in self._queues.items() if queue}
            return jobs

    def _step(self, job: _Job, outputs: Outputs | None) -> None:
        """Goes on with a hearing up to its next window or its end; one's failure is not the others'."""
        assert job.hearing is not None
        started = self._clock()
        job.window = None
        try:
            job.window = job.hearing.send(outputs)
            return
        except StopIteration as end:
            result: Heard | Exception = end.value
        except Exception as error:
            result = error
        finally:
            self._took(started, [job])
        if job.is_inference:
            with self._changed:
                self._inference_ms.append(1000.0 * job.busy_s)
        self._report(job.done, result)

    def _decode_some(self, due: list[_Job]) -> None:
        """Leaves out what has to be; decodes a batch of the most urgent of the others."""
        batch: list[_Job] = []
        for job in sorted(due, key=lambda job: job.until):
            if self._is_left_out(job):
                self._step(job, None)
            elif not batch or (self._is_alike(job, batch[0]) and self._has_room(batch, job)):
                batch.append(job)
        if batch:
            self._decode(batch)

    def _is_left_out(self, job: _Job) -> bool:
        assert job.window is not None
        now = self._clock()
        if now > job.until:
            self._too_late_at = now
            return True
        return self._saving_since is not None and job.window.may_be_left_out

    @staticmethod
    def _is_alike(job: _Job, other: _Job) -> bool:
        assert job.window is not None and other.window is not None
        return job.window.model is other.window.model

    def _has_room(self, batch: list[_Job], job: _Job) -> bool:
        """Whether the batch's most urgent window is still in time when one more is decoded with it."""
        rows = sum(len(j.window.z) for j in [*batch, job] if j.window is not None)
        return rows <= MAX_ROWS and self._clock() + self._window_s * rows <= batch[0].until

    def _decode(self, batch: list[_Job]) -> None:
        windows = [job.window for job in batch if job.window is not None]
        started = self._clock()
        z = np.concatenate([window.z for window in windows])
        try:
            outputs = windows[0].model.decode(np.concatenate([window.rows for window in windows]), z)
        except Exception as error:
            self._failed(batch, error)
            return
        per_row = (self._clock() - started) / len(z)
        self._window_s = COST_MEMORY * self._window_s + (1.0 - COST_MEMORY) * per_row
        self._took(started, batch)
        first = 0
        for job, window in zip(batch, windows, strict=True):
            f0, level, onset = (output[first : first + len(window.z)] for output in outputs)
            first += len(window.z)
            job.is_inference = True
            self._step(job, (f0, level, onset))

    def _failed(self, batch: list[_Job], error: Exception) -> None:
        """One session's failure is not the others': each is tried by itself."""
        if len(batch) > 1:
            for job in batch:
                self._decode([job])
        else:
            batch[0].window = None
            self._report(batch[0].done, error)

    def _took(self, started: float, jobs: list[_Job]) -> None:
        ended = self._clock()
        with self._changed:
            self._busy.append((ended, ended - started))
            self._busy_s += ended - started
        for job in jobs:
            job.busy_s += ended - started

    def _load(self, now: float) -> float:
        while self._busy and self._busy[0][0] < now - LOAD_SPAN:
            self._busy_s -= self._busy.popleft()[1]
        return self._busy_s / LOAD_SPAN if self._busy else 0.0

    def _judge_load(self) -> None:
        now = self._clock()
        with self._changed:
            load = self._load(now)
        if self._saving_since is None:
            self._saving_since = now if load >= OVERLOAD else None
        elif now - self._saving_since > LOAD_SPAN and load < RELIEF:
            self._saving_since = None

    def _report(self, function: Callable[..., None], *args: object) -> None:
        if not self._is_stopping:  # nobody runs what is posted any more
            self._post(function, *args)
