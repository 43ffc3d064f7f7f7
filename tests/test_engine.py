"""The engine hears in order, in one thread or more, decodes in batches, does less if it must, measures."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
import pytest
from fakes import WholeWindows

from bassnet_osc.bundle import Bundle
from bassnet_osc.engine import Engine
from bassnet_osc.hearing import Window
from bassnet_osc.meter import LOAD_SPAN
from bassnet_osc.spec import MAX_ROWS
from bassnet_osc.voice import Voice

BLOCK = np.zeros(16, np.float32)
PATIENCE = 10.0  # seconds until a test that waits has failed
NEVER = np.inf


class Rig:
    """An engine whose posts are collected, with a clock that is moved by hand."""

    def __init__(self, n_threads: int = 1) -> None:
        self.posted: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self.now = 0.0
        self.engine = Engine(lambda *call: self.posted.put(call), lambda: self.now, n_threads)

    def start(self, warm_up: Any = lambda: None) -> Any:
        """Starts and returns what `ready` was posted with."""
        self.engine.start(warm_up, lambda failure: None)
        return self.posted.get(timeout=PATIENCE)[1]

    def submit(self, voice: Any, until: float = NEVER, block: Any = BLOCK) -> None:
        self.engine.submit(voice, block, until, print)

    def submit_all(self, *hearers: Any) -> None:
        """All are there before the engine looks; what decoding takes is known from one window before them."""
        if not self.engine._threads:
            self.start()
        model = hearers[0]._windows[0].model
        self.submit(Hearer(print, window(model)))
        self.next()
        model.batches.clear()
        with self.engine._changed:
            for hearer in hearers:
                self.submit(hearer)

    def next(self) -> Any:
        function, result = self.posted.get(timeout=PATIENCE)
        assert function is print
        return result


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.engine.stop()


class Model(WholeWindows):
    """Its f0 is z's x, its level z's y; takes `cost` seconds a row of the rig's clock; fails for x = 13."""

    def __init__(self, rig: Rig, cost: float = 0.0) -> None:
        self._rig, self._cost = rig, cost
        self.batches: list[int] = []

    def decode(self, mix: Any, z: Any) -> Any:
        self.batches.append(len(z))
        assert len(mix) == len(z)
        self._rig.now += self._cost * len(z)
        if 13 in z[:, 0]:
            raise ValueError("thirteen")
        return z[:, :1], z[:, 1:], z[:, 1:]


class Hearer:
    """A voice that calls a function, or has windows decoded: gives what it was sent for them."""

    def __init__(self, hear: Callable[[Any], Any] = lambda block: None, *windows: Window) -> None:
        self._hear, self._windows = hear, windows

    def hearing(self, block: Any) -> Generator[Any, Any, Any]:
        sent = []
        for window in self._windows:
            sent.append((yield window))
        return sent or self._hear(block)


def window(model: Any, x: float = 0.0, n: int = 1, may_be_left_out: bool = False) -> Window:
    z = np.array([[x, row] for row in range(n)], np.float32)
    return Window(model, np.zeros((4, 3), np.float32), z, range(4), may_be_left_out)


def test_blocks_are_heard_in_order_in_one_thread(rig: Rig) -> None:
    rig.start()
    threads = set()

    def hear(block: Any) -> float:
        threads.add(threading.current_thread())
        return float(block[0])

    voice = Hearer(hear)
    for k in range(100):
        rig.submit(voice, block=np.full(16, k, np.float32))
    assert [rig.next() for _ in range(100)] == list(range(100))
    assert len(threads) == 1 and threading.current_thread() not in threads


def test_the_warm_up_comes_first_and_its_failure_is_told(rig: Rig) -> None:
    order = []
    rig.submit(Hearer(lambda block: order.append("hear")))
    failure = rig.start(lambda: order.append("warm") or 1 / 0)
    assert isinstance(failure, ZeroDivisionError)
    rig.next()
    assert order == ["warm", "hear"]


def test_what_hearing_raises_goes_to_its_session_alone(rig: Rig) -> None:
    rig.submit(Hearer(lambda block: 1 / 0))
    rig.submit(Hearer(lambda block: 7))
    rig.start()
    assert isinstance(rig.next(), ZeroDivisionError)
    assert rig.next() == 7


def test_forgotten_blocks_are_not_heard(rig: Rig) -> None:
    heard = []
    kept, forgotten = Hearer(lambda block: heard.append("kept")), Hearer(lambda block: heard.append("no"))
    for voice in (forgotten, kept, forgotten):
        rig.submit(voice)
    rig.engine.forget(forgotten)
    rig.start()
    rig.next()
    rig.engine.stop()
    assert heard == ["kept"]


def test_nobody_waits_for_anothers_queue(rig: Rig) -> None:
    long = Hearer(lambda block: "long")
    for _ in range(100):
        rig.submit(long)
    rig.submit(Hearer(lambda block: "short"))
    rig.start()
    assert "short" in [rig.next() for _ in range(2)]


def test_windows_of_several_sessions_are_decoded_in_one_batch(rig: Rig) -> None:
    """Each gets its own rows, of one z or of several; another model's windows are no part of it."""
    model, other = Model(rig), Model(rig)
    hearers = [Hearer(print, window(model, x, n)) for x, n in ((1, 1), (2, 3), (3, 1))]
    rig.submit_all(*hearers, Hearer(print, window(other, 4)))
    results = [rig.next() for _ in range(4)]
    assert (model.batches, other.batches) == ([5], [1])
    assert [[f0.tolist() for f0, _, _ in sent] for sent in results] == [
        [[[1.0]]],
        [[[2.0]] * 3],
        [[[3.0]]],
        [[[4.0]]],
    ]


def test_a_batch_takes_no_longer_than_others_may_have_to_wait(rig: Rig) -> None:
    """2 ms a row are known and 5 ms allowed: two rows at a time, those of one window too."""
    model = Model(rig, cost=0.002)
    rig.start()
    for _ in range(100):
        rig.submit(Hearer(print, window(model)))
        rig.next()
    model.batches.clear()
    rig.submit(Hearer(print, window(model, 7, n=5)))
    [(f0, level, onset)] = rig.next()
    assert model.batches == [2, 2, 1]
    assert f0.tolist() == [[7.0]] * 5 and level.tolist() == onset.tolist() == [[0], [1], [2], [3], [4]]


def test_what_comes_between_the_rows_of_a_large_window_need_not_wait_for_all(rig: Rig) -> None:
    """Eight variations and a plain bass, which is more urgent and arrives while they are decoded."""
    model, order = Model(rig, cost=0.01), []
    rig.start()
    for _ in range(100):
        rig.submit(Hearer(print, window(model)))
        rig.next()
    decode, plain = model.decode, Hearer(print, window(model, 1))

    def watched(mix: Any, z: Any) -> Any:
        if not order:
            rig.submit(plain, until=rig.now + 1.0)
        order.append(z[0, 0])
        return decode(mix, z)

    model.decode = watched
    rig.submit(Hearer(print, window(model, 9, n=9)))
    assert len(rig.next()[0][0]) == 1 and len(rig.next()[0][0]) == 9
    assert order == [9, 1, *[9] * 8]


def test_who_asks_for_too_much_comes_last_when_there_is_not_enough(rig: Rig) -> None:
    """Ten rows to one of another, both late for sure otherwise: the modest one loses nothing."""
    model = Model(rig, cost=0.01)
    greedy, modest = Hearer(print, window(model, 1, n=10)), Hearer(print, window(model, 2))
    rig.start()
    lost = {1.0: 0, 2.0: 0}
    for _ in range(100):
        rig.engine._changed.acquire()
        until = rig.now + 0.04
        rig.submit(greedy, until=until)
        rig.submit(modest, until=until + 0.001)
        rig.engine._changed.release()
        got = [rig.next()[0] for _ in range(2)]
        heard = {outputs[0][0, 0] for outputs in got if outputs is not None}
        for x in lost:
            lost[x] += x not in heard
        rig.now += 0.001
    assert lost[2.0] <= 20 and lost[1.0] == 0


def test_one_failing_window_spoils_no_batch(rig: Rig) -> None:
    model = Model(rig)
    rig.submit_all(*(Hearer(print, window(model, x)) for x in (1, 13, 2)))
    results = [rig.next() for _ in range(3)]
    assert [isinstance(result, ValueError) for result in results] == [False, True, False]
    assert model.batches == [3, 1, 1, 1]


def test_what_comes_too_late_anyway_is_not_decoded(rig: Rig) -> None:
    """So that the queue cannot grow, and the next one is in time."""
    model = Model(rig)
    rig.start()
    rig.now = 10.0
    rig.submit(Hearer(print, window(model, 1)), until=9.99)
    assert rig.next() == [None]
    assert rig.engine.measured().saving == 2
    rig.submit(Hearer(print, window(model, 2)), until=10.01)
    assert rig.next()[0] is not None
    assert model.batches == [1]
    rig.now += LOAD_SPAN
    assert rig.engine.measured().saving == 0


def test_under_load_every_window_that_may_is_left_out_until_there_is_room_again(rig: Rig) -> None:
    model = Model(rig, cost=0.05)
    needed, spared = window(model), window(model, may_be_left_out=True)
    rig.start()

    def left_out(n: int, pause: float, left: float = 0.005) -> int:
        n_left_out = 0
        for k in range(n):
            rig.now += pause
            rig.submit(Hearer(print, (needed, spared)[k % 2]), until=rig.now + left)
            n_left_out += rig.next() == [None]
        return n_left_out

    assert left_out(20, pause=0.05) == 0  # load 0.5
    assert left_out(40, pause=0.0, left=0.5) == 0  # load 1, but nobody is about to be late
    assert left_out(40, pause=0.0) > 5  # load 1
    assert rig.engine.measured().saving == 1
    left_out(60, pause=0.1)  # of each pair 0.05 in 0.25 s: there is room for both again
    assert rig.engine.measured().saving == 0
    assert left_out(20, pause=0.1) == 0


def test_inference_and_load_are_measured(rig: Rig) -> None:
    measured = rig.engine.measured()
    assert (measured.p50_ms, measured.p99_ms, measured.load, measured.queue) == (0.0, 0.0, 0.0, 0)
    rig.submit(Hearer())
    assert rig.engine.measured().queue == 1
    rig.start()
    rig.next()
    model = Model(rig, cost=0.01)
    for _ in range(4):  # only those that decode are inferences
        rig.submit(Hearer(print, window(model)))
        rig.next()
        rig.submit(Hearer())
        rig.next()
    measured = rig.engine.measured()
    assert measured.p50_ms == pytest.approx(10.0) == measured.p99_ms == measured.p9999_ms == measured.max_ms
    assert measured.load == pytest.approx(0.04 / LOAD_SPAN)
    rig.now += 2 * LOAD_SPAN
    assert rig.engine.measured().load == 0.0


@pytest.mark.parametrize("n_threads", [1, 3])
def test_together_they_play_what_each_plays_alone(n_threads: int, probe_folder: Any) -> None:
    """Bit for bit: a batch is no other arithmetic (CPU), whichever thread decodes it."""
    rig = Rig(n_threads)
    bundle = Bundle.load(str(probe_folder), provider="cpu")
    noise = np.random.default_rng(0).standard_normal((3, 20, 480)).astype(np.float32)
    z = [(0.1, 0.2), (-1.0, 2.0), (3.0, 0.0)]
    voices = [Voice(bundle, 48_000, lambda frame, place=place: place) for place in z]
    alone = [Voice(bundle, 48_000, lambda frame, place=place: place) for place in z]
    for k in range(20):
        for voice, mix in zip(voices, noise, strict=True):
            rig.submit(voice, block=mix[k])
    rig.start()
    heard = [rig.next() for _ in range(60)]
    for n, voice in enumerate(alone):
        expected = [voice.hear(block).frames for block in noise[n]]
        mine = {block.tobytes() for block in noise[n]}
        got = [one.frames for one in heard if one.block.tobytes() in mine]
        for a, b in zip(expected, got, strict=True):
            np.testing.assert_array_equal(a.level_db, b.level_db)
            np.testing.assert_array_equal(a.f0_hz, b.f0_hz)
            np.testing.assert_array_equal(a.onset, b.onset)
    rig.engine.stop()


def test_two_threads_decode_at_the_same_time() -> None:
    """Each waits in the model until the other is there as well: one alone would wait for ever."""
    rig, both = Rig(n_threads=2), threading.Barrier(2, timeout=PATIENCE)

    class Meeting(Model):
        def decode(self, mix: Any, z: Any) -> Any:
            both.wait()
            return super().decode(mix, z)

    rig.start()
    for x in (1, 2):
        rig.submit(Hearer(print, window(Meeting(rig), x)))
    results = [rig.next() for _ in range(2)]
    assert sorted(f0[0, 0] for [(f0, _, _)] in results) == [1.0, 2.0]
    rig.engine.stop()


def test_several_threads_tell_the_blocks_of_a_voice_in_order() -> None:
    """Each block is heard in three steps, with windows that other voices' blocks are decoded with."""
    rig = Rig(n_threads=4)
    model = Model(rig)

    class Counting(Hearer):
        def hearing(self, block: Any) -> Generator[Any, Any, Any]:
            yield window(model, block[0])
            yield window(model, block[0])
            return self, int(block[0])

    voices = [Counting() for _ in range(5)]
    for k in range(40):
        if k != 13:  # which the model cannot
            for voice in voices:
                rig.submit(voice, block=np.full(16, k, np.float32))
    rig.start()
    told: dict[Any, list[int]] = {voice: [] for voice in voices}
    for _ in range(5 * 39):
        voice, k = rig.next()
        told[voice].append(k)
    assert all(order == [k for k in range(40) if k != 13] for order in told.values())
    rig.engine.stop()


def test_a_thread_that_waits_is_woken_for_what_another_has_brought() -> None:
    """Two windows that go in no batch come due at once, of a batch of one thread's; the other waits."""
    rig, both = Rig(n_threads=2), threading.Barrier(2, timeout=PATIENCE)
    busy, free = threading.Event(), threading.Event()

    class Meeting(Model):
        def decode(self, mix: Any, z: Any) -> Any:
            both.wait()
            return super().decode(mix, z)

    class First(Model):
        def decode(self, mix: Any, z: Any) -> Any:
            if len(z) == 2:
                free.set()
                while not rig.engine._changed._waiters:  # type: ignore[attr-defined]  # the other sleeps
                    pass
            return super().decode(mix, z)

    first = First(rig)
    rig.start()
    rig.submit(Hearer(print, window(first)))
    rig.next()
    rig.submit(Hearer(lambda block: busy.set() or free.wait(PATIENCE)))
    assert busy.wait(PATIENCE)
    with rig.engine._changed:
        for x in (1, 2):
            rig.submit(Hearer(print, window(first, x), window(Meeting(rig), x)))
    results = [rig.next() for _ in range(3)]
    rig.engine.stop()
    assert not any(isinstance(result, Exception) for result in results)


def test_windows_of_which_other_frames_are_wanted_go_in_no_batch(rig: Rig) -> None:
    model = Model(rig)
    other = window(model, 2)
    other.used = range(1, 4)
    rig.submit_all(Hearer(print, window(model, 1)), Hearer(print, other))
    [rig.next() for _ in range(2)]
    assert model.batches == [1, 1]


def test_load_is_a_share_of_all_threads() -> None:
    engine = Engine(print, lambda: 0.5, n_threads=2)
    engine._meter.busy(0.0, 0.5)
    assert engine.measured().load == pytest.approx(0.25)


def test_after_stop_nothing_is_posted(rig: Rig) -> None:
    """Not even what is being heard when it comes: nobody would run it."""
    begun, held = threading.Event(), threading.Event()

    def hear(block: Any) -> str:
        begun.set()
        held.wait(PATIENCE)
        return "heard"

    rig.submit(Hearer(hear))
    rig.start()
    assert begun.wait(PATIENCE)
    stopping = threading.Thread(target=rig.engine.stop)
    stopping.start()
    while not rig.engine._is_stopping:
        pass
    held.set()
    stopping.join(PATIENCE)
    assert not stopping.is_alive() and rig.posted.empty()


def test_a_batch_has_so_many_rows_and_no_more(rig: Rig) -> None:
    """ONNX Runtime keeps the memory of the largest."""
    model = Model(rig)
    rig.submit_all(*(Hearer(print, window(model)) for _ in range(MAX_ROWS + 4)))
    for _ in range(MAX_ROWS + 4):
        rig.next()
    assert model.batches == [MAX_ROWS, 4]


def test_the_most_urgent_window_goes_first(rig: Rig) -> None:
    model = Model(rig, cost=0.01)
    rig.start()
    rig.submit(Hearer(print, window(model)))
    rig.next()
    rig.engine._changed.acquire()
    rig.submit(Hearer(print, window(model, 1)), until=rig.now + 10.0)
    rig.submit(Hearer(print, window(model, 2)), until=rig.now + 0.0001)
    rig.engine._changed.release()
    assert [rig.next()[0][0][0, 0] for _ in range(2)] == [2.0, 1.0]


def test_a_short_pause_does_not_end_the_saving(rig: Rig) -> None:
    """Or every second of an overload would begin with windows too many."""
    model = Model(rig, cost=0.05)
    rig.start()
    for k in range(40):
        rig.submit(Hearer(print, window(model, may_be_left_out=k % 2 == 1)), until=rig.now + 0.005)
        rig.next()
    since = rig.engine._schedule._saving_since
    assert since is not None
    rig.now = since + 0.9 * LOAD_SPAN
    rig.engine._meter._busy.clear()
    rig.engine._meter._busy_s = 0.0
    rig.submit(Hearer())
    rig.next()
    assert rig.engine.measured().saving == 1
    rig.now = since + 1.1 * LOAD_SPAN
    rig.submit(Hearer())
    rig.next()
    assert rig.engine.measured().saving == 0
