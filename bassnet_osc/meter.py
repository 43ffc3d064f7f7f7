"""What hearing takes: percentiles, load, what a row costs, and who has had how much of it.

Flow: engine -> meter. The engine's threads count, others read: hence the lock. Time comes in as an argument.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bassnet_osc.voice import Voice

N_MEASURED = 5000  # inferences that the percentiles look back on: 100 s of one session
LOAD_SPAN = 1.0  # seconds that the load looks back on
COST_MEMORY = 0.9  # of what decoding a row is expected to take, how much is remembered at each batch
GREEDY = 1.25  # times what voices have on average, from which one comes after the others
FORGOTTEN_S = 1e-4  # seconds of decoding that count as none


@dataclass(frozen=True)
class Measured:
    """Milliseconds of the hearings that decoded, the share of time spent hearing, blocks that wait.

    `saving`: 0 every window is decoded, 1 every second one is left out, 2 some came too late to be decoded.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    load: float
    queue: int = 0
    saving: int = 0
    p9999_ms: float = 0.0
    max_ms: float = 0.0


class Meter:
    """Counts seconds; zeros before there were any."""

    def __init__(self, n_threads: int = 1) -> None:
        self._n_threads = n_threads  # that may be busy at a time
        self.row_s: float | None = None  # what decoding a row takes, once it is known
        self._lock = threading.Lock()
        self._inference_ms: deque[float] = deque(maxlen=N_MEASURED)
        self._busy: deque[tuple[float, float]] = deque()  # (end, duration) in s, the last LOAD_SPAN of them
        self._busy_s = 0.0  # their sum
        self._used: weakref.WeakKeyDictionary[Voice, float] = weakref.WeakKeyDictionary()  # s of decoding
        self._used_at = 0.0  # when that was counted

    def busy(self, started: float, ended: float) -> None:
        """Something was done for somebody."""
        with self._lock:
            self._busy.append((ended, ended - started))
            self._busy_s += ended - started

    def heard(self, seconds: float) -> None:
        """A hearing that decoded took so long in all."""
        with self._lock:
            self._inference_ms.append(1000.0 * seconds)

    def decoded(self, n_rows: int, seconds: float) -> None:
        """A batch took so long."""
        took = seconds / n_rows
        known = took if self.row_s is None else self.row_s
        self.row_s = COST_MEMORY * known + (1.0 - COST_MEMORY) * took

    def use(self, voice: Voice, seconds: float, now: float) -> None:
        """A voice has had so much of it; what all have had is forgotten within LOAD_SPAN or so."""
        kept = float(np.exp(-max(0.0, now - self._used_at) / LOAD_SPAN))
        used = {other: had * kept for other, had in self._used.items() if had * kept > FORGOTTEN_S}
        self._used_at = now
        self._used = weakref.WeakKeyDictionary(used | {voice: used.get(voice, 0.0) + seconds})

    def is_greedy(self, voice: Voice, others: Iterable[Voice]) -> bool:
        """Whether it has had clearly more than those on average, itself included."""
        used = [self._used.get(other, 0.0) for other in others]
        return self._used.get(voice, 0.0) * len(used) > GREEDY * sum(used)

    def load(self, now: float) -> float:
        """Share of the last LOAD_SPAN seconds, of all threads."""
        with self._lock:
            while self._busy and self._busy[0][0] < now - LOAD_SPAN:
                self._busy_s -= self._busy.popleft()[1]
            return self._busy_s / (self._n_threads * LOAD_SPAN) if self._busy else 0.0

    def measured(self, now: float, queue: int, saving: int) -> Measured:
        """Over the last N_MEASURED inferences and LOAD_SPAN seconds."""
        load = self.load(now)
        with self._lock:
            times = np.array(self._inference_ms or [0.0])
        # Times that there were, not means of two.
        p50, p95, p99, p9999 = np.percentile(times, [50, 95, 99, 99.99], method="inverted_cdf")
        last = float(p9999), float(times.max())
        return Measured(float(p50), float(p95), float(p99), load, queue, saving, *last)
