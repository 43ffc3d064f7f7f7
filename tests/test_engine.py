"""The engine hears in order, in one thread, survives what hearing raises, and measures."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from bassnet_osc.engine import LOAD_SPAN, Engine

BLOCK = np.zeros(16, np.float32)
PATIENCE = 10.0  # seconds until a test that waits has failed


class Rig:
    """An engine whose posts are collected, with a clock that ticks 1 ms at each look."""

    def __init__(self) -> None:
        self.posted: queue.Queue[tuple[Any, ...]] = queue.Queue()
        ticks = itertools.count()
        self.engine = Engine(lambda *call: self.posted.put(call), lambda: 0.001 * next(ticks))

    def start(self, warm_up: Any = lambda: None) -> Any:
        """Starts and returns what `ready` was posted with."""
        self.engine.start(warm_up, lambda failure: None)
        return self.posted.get(timeout=PATIENCE)[1]

    def next(self) -> tuple[Any, ...]:
        return self.posted.get(timeout=PATIENCE)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.engine.stop()


class Voice:
    """Hears by calling a function."""

    def __init__(self, hear: Any) -> None:
        self.hear = hear


def test_blocks_are_heard_in_order_in_one_thread(rig: Rig) -> None:
    rig.start()
    threads = set()

    def hear(block: Any) -> list[float]:
        threads.add(threading.current_thread())
        return [float(block[0])]

    voices = [Voice(hear), Voice(hear)]
    for k in range(100):
        rig.engine.submit(voices[k % 2], np.full(16, k, np.float32), print)
    assert [rig.next() for _ in range(100)] == [(print, [float(k)]) for k in range(100)]
    assert len(threads) == 1 and threading.current_thread() not in threads


def test_the_warm_up_comes_first_and_its_failure_is_told(rig: Rig) -> None:
    order = []
    rig.engine.submit(Voice(lambda block: order.append("hear") or []), BLOCK, print)
    failure = rig.start(lambda: order.append("warm") or 1 / 0)
    assert isinstance(failure, ZeroDivisionError)
    rig.next()
    assert order == ["warm", "hear"]


def test_what_hearing_raises_goes_to_its_session_alone(rig: Rig) -> None:
    rig.start()
    rig.engine.submit(Voice(lambda block: 1 / 0), BLOCK, print)
    rig.engine.submit(Voice(lambda block: [7]), BLOCK, print)
    assert isinstance(rig.next()[1], ZeroDivisionError)
    assert rig.next() == (print, [7])


def test_forgotten_blocks_are_not_heard(rig: Rig) -> None:
    heard = []
    kept, forgotten = Voice(lambda block: heard.append("kept") or []), Voice(lambda block: heard.append("no"))
    for voice in (forgotten, kept, forgotten):
        rig.engine.submit(voice, BLOCK, print)
    rig.engine.forget(forgotten)
    rig.start()
    rig.next()
    rig.engine.stop()
    assert heard == ["kept"]


def test_inference_and_load_are_measured(rig: Rig) -> None:
    measured = rig.engine.measured()
    assert (measured.p50_ms, measured.p99_ms, measured.load) == (0.0, 0.0, 0.0)
    rig.start()
    for n_frames in (0, 2, 0, 2):  # only those that finish frames are inferences
        rig.engine.submit(Voice(lambda block, n=n_frames: [0] * n), BLOCK, print)
        rig.next()
    measured = rig.engine.measured()
    assert measured.p50_ms == pytest.approx(1.0) and measured.p99_ms == pytest.approx(1.0)  # one tick each
    assert measured.load == pytest.approx(4 * 0.001 / LOAD_SPAN)


def test_after_stop_nothing_is_posted(rig: Rig) -> None:
    rig.start()
    rig.engine.stop()
    rig.engine.submit(Voice(lambda block: []), BLOCK, print)
    assert rig.posted.empty()
