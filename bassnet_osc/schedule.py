"""What is to be done next, for whom, and what is left out when there is too much: without threads.

Flow: engine -> schedule -> meter. The oldest block of every voice is under way, so that none waits for
another's queue; windows that are due are decoded a few rows at a time, the most urgent first and the greedy
last. When there is too much to do, less is done, by steps: first every second window is left out and the one
before it stands in, then windows are left out whose time is over before their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bassnet_osc.frames import Block
from bassnet_osc.meter import LOAD_SPAN, Meter
from bassnet_osc.spec import MAX_ROWS

if TYPE_CHECKING:
    from bassnet_osc.hearing import Heard, Hearing, Outputs, Window
    from bassnet_osc.voice import Voice

Done = Callable[["Heard | Exception"], None]

OVERLOAD = 0.9  # share of the time spent hearing from which, if it is tight, every second window is left out
TIGHT_S, PATIENT_S = 0.01, 0.1  # seconds left, with which somebody is about to be late; or can well wait
RELIEF = 0.4  # ... and below which none is: twice of it is less than OVERLOAD
LEAST_S = 1e-6  # seconds that decoding a row takes, at least
QUANTUM_S = 0.005  # seconds that a batch may take: so long may the most urgent have to wait for others


@dataclass(eq=False)
class Job:
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
    is_taken: bool = True  # somebody is at it

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


Batch = list[tuple[Job, int]]  # with so many of the rows of each


class Schedule:
    """Blocks of voices, in order for each of them; the time that is spent on them comes in as `meter`'s."""

    def __init__(self, clock: Callable[[], float], meter: Meter) -> None:
        self._clock, self._meter = clock, meter
        self._queues: dict[Voice, deque[Job]] = {}
        self._under_way: dict[Voice, Job] = {}  # the oldest block of each voice
        self._saving_since: float | None = None
        self._too_late_at = -np.inf  # when a window was last left out because it was too late

    def add(self, job: Job) -> None:
        """A block, after those of its voice that are here."""
        self._queues.setdefault(job.voice, deque()).append(job)

    def forget(self, voice: Voice) -> None:
        """Drops the voice's blocks that are not under way yet."""
        self._queues.pop(voice, None)

    def end(self, job: Job) -> None:
        """It is done: the voice's next block may begin."""
        del self._under_way[job.voice]

    @property
    def has_work(self) -> bool:
        """Whether there is anything that nobody is at."""
        return any(v not in self._under_way for v in self._queues) or bool(self._due())

    @property
    def n_waiting(self) -> int:
        """Blocks that are not under way yet."""
        return sum(map(len, self._queues.values()))

    @property
    def saving(self) -> int:
        """Whether less is done than asked for, as meter.Measured has it."""
        if self._clock() - self._too_late_at < LOAD_SPAN:
            return 2
        return int(self._saving_since is not None)

    def begin(self) -> Job | None:
        """The oldest block of a voice that has none under way; it is the caller's now."""
        for voice, queue in self._queues.items():
            if voice not in self._under_way:
                job = self._under_way[voice] = queue.popleft()
                del self._queues[voice]
                if queue:
                    self._queues[voice] = queue  # at the end: it is the others' turn
                return job
        return None

    def batch(self) -> Batch:
        """What is due and the caller's now: windows to be decoded together, or one to be left out (0 rows).

        Empty where nothing is.
        """
        self._judge_load()
        due = self._due()
        voices, room, chosen = [job.voice for job in due], self._room(), Batch()

        def urgency(job: Job) -> tuple[bool, float]:
            """By time; but who has clearly more than the others has to wait for them."""
            return self._meter.is_greedy(job.voice, voices), job.until

        for job in sorted(due, key=urgency):
            if not job.parts and self._is_left_out(job):
                chosen = [(job, 0)]
                break
            if room and (not chosen or self._is_alike(job, chosen[0][0])):
                chosen.append((job, min(room, job.n_rows_left)))
                room -= chosen[-1][1]
        for job, _ in chosen:
            job.is_taken = True
        return chosen

    def _due(self) -> list[Job]:
        return [job for job in self._under_way.values() if not job.is_taken]

    def _room(self) -> int:
        """Rows of a batch: as many as QUANTUM_S has time for, one at least."""
        row_s = self._meter.row_s
        return 1 if row_s is None else min(MAX_ROWS, max(1, int(QUANTUM_S / max(row_s, LEAST_S))))

    def _is_left_out(self, job: Job) -> bool:
        assert job.window is not None
        now = self._clock()
        if now > job.until:
            self._too_late_at = now
            return True
        is_pressed = self._saving_since is not None and job.until - now < PATIENT_S
        return is_pressed and job.window.may_be_left_out

    @staticmethod
    def _is_alike(job: Job, other: Job) -> bool:
        assert job.window is not None and other.window is not None
        return job.window.model is other.window.model and job.window.used == other.window.used

    def _judge_load(self) -> None:
        """Busy is not yet too busy: a file that is streamed as fast as may be waits, and nobody is late."""
        now = self._clock()
        load = self._meter.load(now)
        if self._saving_since is None:
            is_tight = any(job.until - now < TIGHT_S for job in self._under_way.values())
            self._saving_since = now if load >= OVERLOAD and is_tight else None
        elif now - self._saving_since > LOAD_SPAN and load < RELIEF:
            self._saving_since = None
