"""One model, many sessions: the thread in which everything is heard, windows of several sessions at a time.

Flow: playing -> engine -> voice. The oldest block of every session is under way, so that none waits for
another's queue; what they make due is decoded a few rows at a time, the most urgent first and the greedy
last. When there is too much to do, less is done, by steps: first every second window is left out and the one
before it stands in, then windows are left out whose time is over before their turn. Queues never grow.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bassnet_osc.frames import Block
from bassnet_osc.hearing import decoded
from bassnet_osc.meter import LOAD_SPAN, Measured, Meter
from bassnet_osc.spec import MAX_ROWS

if TYPE_CHECKING:
    from bassnet_osc.hearing import Heard, Hearing, Outputs, Window
    from bassnet_osc.voice import Voice

Done = Callable[["Heard | Exception"], None]
Post = Callable[..., object]  # runs (function, *args) in the caller's own thread: loop.call_soon_threadsafe

STOP_TIMEOUT = 5.0  # seconds
OVERLOAD = 0.9  # share of the time spent hearing from which, if it is tight, every second window is left out
TIGHT_S, PATIENT_S = 0.01, 0.1  # seconds left, with which somebody is about to be late; or can well wait
RELIEF = 0.4  # ... and below which none is: twice of it is less than OVERLOAD
LEAST_S = 1e-6  # seconds that decoding a row takes, at least
QUANTUM_S = 0.005  # seconds that a batch may take: so long may the most urgent have to wait for others


@dataclass(eq=False)
class _Job:
    """A block on its way: `until` is the time from which its windows are of no use."""

    voice: Voice
    block: Block
    until: float
    done: Done
    hearing: Hearing | None = None
    window: Window | None = None  # that is due
    parts: list[Outputs] = field(default_factory=list)  # of its window's rows, as far as they are decoded
    busy_s: float = 0.0  # spent on it, batches that it shared counted whole
    is_inference: bool = False  # whether any window of it was decoded

    @property
    def n_rows_left(self) -> int:
        """Of the window that is due."""
        return 0 if self.window is None else len(self.window.z) - self._n_decoded

    def rows(self, n: int) -> Block:
        """The next n rows of z (n, 2) of the window that is due."""
        assert self.window is not None
        return self.window.z[self._n_decoded : self._n_decoded + n]

    @property
    def _n_decoded(self) -> int:
        return sum(len(part[0]) for part in self.parts)


class Engine:
    """Hears blocks, those of a voice in order, in a thread of its own. Its methods may be called from any."""

    def __init__(self, post: Post, clock: Callable[[], float]) -> None:
        self._post = post
        self._clock = clock
        self._queues: dict[Voice, deque[_Job]] = {}
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._meter = Meter()
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
        """What hearing has taken of late, and whether less is done than asked for."""
        with self._changed:
            n_waiting = sum(map(len, self._queues.values()))
        now = self._clock()
        saving = 2 if now - self._too_late_at < LOAD_SPAN else int(self._saving_since is not None)
        return self._meter.measured(now, n_waiting, saving)

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
        active: dict[Voice, _Job] = {}
        while self._has_work(wait=not active):
            for job in self._next_jobs(active):
                active[job.voice] = job
                job.hearing = job.voice.hearing(job.block)
                self._step(job, None)
            active = {voice: job for voice, job in active.items() if job.window is not None}
            self._judge_load(active)
            if active:
                self._decode_some(list(active.values()))
                active = {voice: job for voice, job in active.items() if job.window is not None}

    def _has_work(self, wait: bool) -> bool:
        """Waits for a block, where told to; False when the engine stops."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._queues or self._is_stopping)
            return not self._is_stopping

    def _next_jobs(self, active: dict[Voice, _Job]) -> list[_Job]:
        """The oldest block of each voice that has none under way."""
        with self._changed:
            jobs = [queue.popleft() for voice, queue in self._queues.items() if voice not in active]
            self._queues = {voice: queue for voice, queue in self._queues.items() if queue}
            return jobs

    def _step(self, job: _Job, outputs: Outputs | None) -> None:
        """Goes on with a hearing up to its next window or its end; one's failure is not the others'."""
        assert job.hearing is not None
        started = self._clock()
        job.window, job.parts = None, []
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
            self._meter.heard(job.busy_s)
        self._report(job.done, result)

    def _decode_some(self, due: list[_Job]) -> None:
        """Leaves out what has to be; decodes a batch of the most urgent of the others."""
        row_s, voices = self._meter.row_s, [job.voice for job in due]
        room = 1 if row_s is None else min(MAX_ROWS, max(1, int(QUANTUM_S / max(row_s, LEAST_S))))

        def urgency(job: _Job) -> tuple[bool, float]:
            """By time; but who has clearly more than the others has to wait for them."""
            return self._meter.is_greedy(job.voice, voices), job.until

        batch: list[tuple[_Job, int]] = []  # with so many of its rows
        for job in sorted(due, key=urgency):
            if not job.parts and self._is_left_out(job):
                self._step(job, None)
            elif room and (not batch or self._is_alike(job, batch[0][0])):
                batch.append((job, min(room, job.n_rows_left)))
                room -= batch[-1][1]
        if batch:
            self._decode(batch)

    def _is_left_out(self, job: _Job) -> bool:
        assert job.window is not None
        now = self._clock()
        if now > job.until:
            self._too_late_at = now
            return True
        is_pressed = self._saving_since is not None and job.until - now < PATIENT_S
        return is_pressed and job.window.may_be_left_out

    @staticmethod
    def _is_alike(job: _Job, other: _Job) -> bool:
        assert job.window is not None and other.window is not None
        return job.window.model is other.window.model and job.window.used == other.window.used

    def _decode(self, batch: list[tuple[_Job, int]]) -> None:
        started = self._clock()
        rows = [job.rows(n) for job, n in batch]
        try:
            outputs = decoded([job.window for job, _ in batch if job.window], rows)
        except Exception as error:
            self._failed(batch, error)
            return
        took, n_rows = self._clock() - started, sum(n for _, n in batch)
        self._meter.decoded(n_rows, took)
        self._took(started, [job for job, _ in batch])
        first = 0
        for job, n in batch:
            f0, level, onset = (output[first : first + n] for output in outputs)
            first += n
            self._meter.use(job.voice, took * n / n_rows, started + took)
            self._finish(job, (f0, level, onset))

    def _finish(self, job: _Job, part: Outputs) -> None:
        """Keeps a part of the window's rows; goes on once they are all there."""
        job.parts.append(part)
        job.is_inference = True
        if not job.n_rows_left:
            f0, level, onset = (np.concatenate(outputs) for outputs in zip(*job.parts, strict=True))
            self._step(job, (f0, level, onset))

    def _failed(self, batch: list[tuple[_Job, int]], error: Exception) -> None:
        """One session's failure is not the others': each is tried by itself."""
        if len(batch) > 1:
            for one in batch:
                self._decode([one])
        else:
            job = batch[0][0]
            job.window = None
            self._report(job.done, error)

    def _took(self, started: float, jobs: list[_Job]) -> None:
        ended = self._clock()
        self._meter.busy(started, ended)
        for job in jobs:
            job.busy_s += ended - started

    def _judge_load(self, active: dict[Voice, _Job]) -> None:
        """Busy is not yet too busy: a file that is streamed as fast as may be waits, and nobody is late."""
        now = self._clock()
        load = self._meter.load(now)
        if self._saving_since is None:
            is_tight = any(job.until - now < TIGHT_S for job in active.values())
            self._saving_since = now if load >= OVERLOAD and is_tight else None
        elif now - self._saving_since > LOAD_SPAN and load < RELIEF:
            self._saving_since = None

    def _report(self, function: Callable[..., None], *args: object) -> None:
        if not self._is_stopping:  # nobody runs what is posted any more
            self._post(function, *args)
