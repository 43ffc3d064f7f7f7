"""Many sessions: the threads in which everything is heard, windows of several sessions at a time.

Flow: playing -> engine -> schedule, voice. Each thread asks the schedule what is next, takes one step of a
job or decodes one batch, and asks again. What is shared is changed under the lock, and the work is done
outside it. ONNX Runtime and numpy leave Python's own lock to the others while they compute.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bassnet_osc.frames import Block
from bassnet_osc.hearing import decoded
from bassnet_osc.meter import Measured, Meter
from bassnet_osc.schedule import Batch, Done, Job, Schedule

if TYPE_CHECKING:
    from bassnet_osc.hearing import Heard, Outputs
    from bassnet_osc.voice import Voice

Post = Callable[..., object]  # runs (function, *args) in the caller's own thread: loop.call_soon_threadsafe
Task = Callable[[], None]

STOP_TIMEOUT = 5.0  # seconds


class Engine:
    """Hears blocks, those of a voice in order, in threads of its own. Its methods may be called from any."""

    def __init__(self, post: Post, clock: Callable[[], float], n_threads: int = 1) -> None:
        self._post, self._clock = post, clock
        self._n_threads = n_threads
        self._meter = Meter(n_threads)
        self._schedule = Schedule(clock, self._meter)
        self._changed = threading.Condition()  # its lock is the schedule's
        self._is_stopping = False
        self._threads: list[threading.Thread] = []

    def start(self, warm_up: Callable[[], object], ready: Callable[[Exception | None], None]) -> None:
        """Starts the threads; `ready` is posted after the warm-up, with its exception where it failed."""
        warm = threading.Event()
        first = [partial(self._warm_up, warm_up, ready, warm)] + (self._n_threads - 1) * [warm.wait]
        self._threads = [
            threading.Thread(target=self._run, args=(begin,), name=f"inference {i}", daemon=True)
            for i, begin in enumerate(first)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, voice: Voice, block: Block, until: float, done: Done) -> None:
        """Queues a block; `done` is posted with what was heard, or with the exception that hearing raised.

        Windows whose decoding has not begun by `until` (in the clock's seconds) are left out.
        """
        with self._changed:
            self._schedule.add(Job(voice, block, until, done))
            self._changed.notify()

    def forget(self, voice: Voice) -> None:
        """Drops the voice's queued blocks, whose `done` will not be called."""
        with self._changed:
            self._schedule.forget(voice)

    def measured(self) -> Measured:
        """What hearing has taken of late, and whether less is done than asked for."""
        with self._changed:
            n_waiting, saving = self._schedule.n_waiting, self._schedule.saving
        return self._meter.measured(self._clock(), n_waiting, saving)  # it sorts: not under the lock

    def stop(self) -> None:
        """Ends the threads after what they are at; what is queued is dropped."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(STOP_TIMEOUT)

    def _warm_up(
        self,
        warm_up: Callable[[], object],
        ready: Callable[[Exception | None], None],
        warm: threading.Event,
    ) -> None:
        failure = None
        try:
            warm_up()
        except Exception as error:
            failure = error  # the thread that waits for `ready` raises it
        self._report(ready, failure)
        warm.set()

    def _run(self, begin: Callable[[], object]) -> None:
        begin()
        while task := self._next_task():
            task()

    def _next_task(self) -> Task | None:
        """Waits for something to do; None when the engine stops."""
        with self._changed:
            while not self._is_stopping:
                task = self._chosen()
                if self._schedule.has_work:
                    self._changed.notify()  # one wakes the next: nobody is woken for nothing
                if task:
                    return task
                self._changed.wait()
        return None

    def _chosen(self) -> Task | None:
        if job := self._schedule.begin():
            return partial(self._begin, job)
        batch = self._schedule.batch()
        if batch and not batch[0][1]:
            return partial(self._step, batch[0][0], None)
        return partial(self._decode, batch) if batch else None

    def _begin(self, job: Job) -> None:
        job.hearing = job.voice.hearing(job.block)
        self._step(job, None)

    def _step(self, job: Job, outputs: Outputs | None) -> None:
        """Goes on with a hearing up to its next window or its end; one's failure is not the others'."""
        assert job.hearing is not None
        started = self._clock()
        job.window, job.parts = None, []
        result: Heard | Exception
        try:
            job.window = job.hearing.send(outputs)
        except StopIteration as end:
            result = end.value
        except Exception as error:
            result = error
        self._took(started, [job])
        if job.window is not None:
            self._give_back(job)
            return
        if job.is_inference:
            self._meter.heard(job.busy_s)
        self._end(job, result)

    def _decode(self, batch: Batch) -> None:
        started = self._clock()
        rows = [job.rows(n) for job, n in batch]
        try:
            outputs = decoded([job.window for job, _ in batch if job.window], rows)
        except Exception as error:
            self._failed(batch, error)
            return
        took, n_rows = self._clock() - started, sum(n for _, n in batch)
        self._took(started, [job for job, _ in batch])
        with self._changed:
            self._meter.decoded(n_rows, took)
            for job, n in batch:
                self._meter.use(job.voice, took * n / n_rows, started + took)
        first = 0
        for job, n in batch:
            f0, level, onset = (output[first : first + n] for output in outputs)
            first += n
            self._finish(job, (f0, level, onset))

    def _finish(self, job: Job, part: Outputs) -> None:
        """Keeps a part of the window's rows; goes on once they are all there."""
        job.parts.append(part)
        job.is_inference = True
        if job.n_rows_left:
            self._give_back(job)
            return
        f0, level, onset = (np.concatenate(outputs) for outputs in zip(*job.parts, strict=True))
        self._step(job, (f0, level, onset))

    def _failed(self, batch: Batch, error: Exception) -> None:
        """One session's failure is not the others': each is tried by itself."""
        if len(batch) > 1:
            for one in batch:
                self._decode([one])
        else:
            batch[0][0].window = None
            self._end(batch[0][0], error)

    def _give_back(self, job: Job) -> None:
        """Whoever is free may go on with it: this thread may have others of its batch to see to first."""
        with self._changed:
            job.is_taken = False
            if self._n_threads > 1:
                self._changed.notify()

    def _end(self, job: Job, result: Heard | Exception) -> None:
        """Posted before the voice's next block can begin: what is heard is told in order."""
        self._report(job.done, result)
        with self._changed:
            self._schedule.end(job)

    def _took(self, started: float, jobs: list[Job]) -> None:
        ended = self._clock()
        self._meter.busy(started, ended)
        for job in jobs:
            job.busy_s += ended - started

    def _report(self, function: Callable[..., None], *args: object) -> None:
        if not self._is_stopping:  # nobody runs what is posted any more
            self._post(function, *args)
