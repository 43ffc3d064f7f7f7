"""A take answers each block once, under its seq, in time, with the stretch of output that belongs to it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fakes import EchoVoice

from bassnet_osc.frames import Block
from bassnet_osc.take import Answer, Counters, Take

RATE, N, LATENCY = 48_000, 64, 100
DURATION = N / RATE
DEADLINE = DURATION


def ramp(index: int, n: int = N) -> Block:
    """Block of a signal whose value tells its position."""
    return (np.arange(index * n, (index + 1) * n) + 1).astype(np.float32)


def expected(index: int, first: int = 0) -> Block:
    """The answer to it: the ramp, LATENCY later; zeros before its beginning."""
    at = np.arange(index * N, (index + 1) * N) + 1 - LATENCY
    return np.where(at > first * N, at, 0).astype(np.float32)


class Rig:
    """A take with its voice, heard when `work` is called."""

    def __init__(self, first: int = 0, deadline: float = DEADLINE) -> None:
        self.voice = EchoVoice(RATE, None, latency_samples=LATENCY)
        self.counters = Counters()
        self.take = Take(self.voice, first, N, RATE, deadline, self.counters)
        self.queue: list[Block] = []
        self.answers: list[Answer] = []

    def receive(self, index: int, now: float = 0.0, block: Block | None = None) -> None:
        inputs, answers = self.take.receive(index, ramp(index) if block is None else block, now)
        self.queue += inputs
        self.answers += answers

    def expire(self, now: float) -> None:
        inputs, answers = self.take.expire(now)
        self.queue += inputs
        self.answers += answers

    def work(self, now: float = 0.0) -> None:
        while self.queue:
            self.answers += self.take.heard(self.voice.hear(self.queue.pop(0)), now)


def test_blocks_are_answered_when_they_are_heard() -> None:
    rig = Rig()
    for index in range(10):
        rig.receive(index)
        assert len(rig.answers) == index
        rig.work()
        assert rig.answers[index].seq == index
        np.testing.assert_array_equal(rig.answers[index].samples, expected(index))
    assert rig.counters == Counters(blocks_in=10, answered=10)
    assert rig.take.due is None


def test_seq_wraps_and_positions_go_on() -> None:
    first = 2**24 - 2
    rig = Rig(first)
    for index in range(first, first + 5):
        rig.receive(index, block=ramp(index - first))
        rig.work()
    assert [answer.seq for answer in rig.answers] == [first, first + 1, 0, 1, 2]
    for place, answer in enumerate(rig.answers):
        np.testing.assert_array_equal(answer.samples, expected(place))


def test_a_late_hearing_conceals_the_answer_and_nothing_shifts() -> None:
    rig = Rig()
    for index in range(3):
        rig.receive(index)
        rig.work()
    rig.receive(3, now=1.0)
    assert rig.take.due == pytest.approx(1.0 + DEADLINE)
    rig.expire(1.0 + DEADLINE - 1e-6)
    assert len(rig.answers) == 3
    rig.expire(1.0 + DEADLINE)
    assert rig.answers[3].seq == 3
    # 3 blocks of 64 were heard: the output is known up to 192 + 100, 36 samples beyond the fourth block
    np.testing.assert_array_equal(rig.answers[3].samples, expected(3))
    rig.receive(4, now=2.0)
    rig.expire(2.0 + DEADLINE)
    assert (rig.answers[4].samples[36:] == -1).all()  # concealed: neither block 3 nor 4 was heard
    np.testing.assert_array_equal(rig.answers[4].samples[:36], expected(4)[:36])
    rig.work(now=3.0)  # too late by 28 samples: these are discarded
    rig.receive(5, now=4.0)
    rig.work(now=4.0)
    np.testing.assert_array_equal(rig.answers[5].samples, expected(5))
    assert rig.counters == Counters(blocks_in=6, answered=6, late=1, concealed=1)


def test_reordered_blocks_are_heard_and_answered_in_order() -> None:
    rig = Rig(deadline=1.0)
    for index in (0, 2, 3, 1, 4):
        rig.receive(index)
        rig.work()
    assert [answer.seq for answer in rig.answers] == [0, 1, 2, 3, 4]
    for answer in rig.answers:
        np.testing.assert_array_equal(answer.samples, expected(answer.seq))
    assert rig.counters == Counters(blocks_in=5, answered=5)


def test_a_lost_block_is_concealed_in_the_input_and_keeps_its_place() -> None:
    rig = Rig(deadline=1.0)
    for index in (0, 1, 3, 4, 5, 6, 7):  # four newer ones than 2
        rig.receive(index)
        rig.work()
    assert [answer.seq for answer in rig.answers] == list(range(8))  # the lost one's bass, too
    for answer in rig.answers[6:]:  # the latency reaches back into the lost one
        np.testing.assert_array_equal(answer.samples, expected(answer.seq))
    assert rig.counters == Counters(blocks_in=7, lost=1, answered=8)
    lost = rig.voice.inputs[2]
    assert lost[0] == ramp(1)[-1]  # it goes on where the last block ended, and back
    assert (np.diff(lost) < 0).all()


def test_the_stand_in_for_a_long_gap_fades_to_silence() -> None:
    rig = Rig(deadline=1.0)
    rig.receive(0, block=np.ones(N, np.float32))
    for index in range(101, 105):
        rig.receive(index)
    rig.work()
    gap = np.concatenate(rig.voice.inputs)[N : 101 * N]
    steps = np.diff(np.concatenate([np.ones(1, np.float32), gap]))
    assert (steps <= 0).all() and steps.min() >= -1.0 / (0.05 * RATE) - 1e-6  # straight down, without a seam
    assert (gap[round(0.05 * RATE) :] == 0).all()
    assert rig.counters.lost == 100


def test_the_deadline_goes_before_the_gap_and_a_straggler_is_heard_though_answered() -> None:
    rig = Rig(deadline=0.5 * DURATION)
    rig.receive(0)
    rig.work()
    rig.receive(2, now=1.0)
    rig.expire(1.0 + 0.5 * DURATION)  # block 2 can wait no longer; 1 may still come
    assert [answer.seq for answer in rig.answers] == [0, 1, 2]
    np.testing.assert_array_equal(rig.answers[1].samples, expected(1))
    rig.receive(1, now=1.0 + 0.6 * DURATION)
    assert len(rig.answers) == 3
    rig.work(now=1.0 + 0.7 * DURATION)  # its input was not too late to be heard
    np.testing.assert_array_equal(rig.voice.inputs[1], ramp(1))
    rig.receive(3, now=2.0)
    rig.work(now=2.0)
    np.testing.assert_array_equal(rig.answers[3].samples, expected(3))
    assert rig.counters == Counters(blocks_in=4, answered=4, late=1, concealed=1)


def test_a_straggler_behind_a_closed_gap_is_dropped() -> None:
    rig = Rig(deadline=1.0)
    rig.receive(0)
    rig.receive(2)
    rig.expire(2 * DURATION)
    rig.work()
    heard = len(rig.voice.inputs)
    rig.receive(1, now=0.01)
    rig.work()
    assert [answer.seq for answer in rig.answers] == [0, 1, 2]
    assert len(rig.voice.inputs) == heard == 3
    assert rig.counters == Counters(blocks_in=3, dropped=1, lost=1, answered=3)


def test_duplicates_are_dropped() -> None:
    rig = Rig()
    for index in (0, 0, 1, 0, 1, 2):
        rig.receive(index)
        rig.work()
    assert [answer.seq for answer in rig.answers] == [0, 1, 2]
    assert rig.counters == Counters(blocks_in=6, dropped=3, answered=3)


def test_the_end_of_a_take_answers_what_is_owed_and_leaves_a_tail() -> None:
    rig = Rig()
    rig.receive(0, block=np.ones(N, np.float32))
    rig.work()
    rig.receive(1)
    rig.receive(3)
    answers, tails = rig.take.finish()
    tail = tails[0]
    assert [answer.seq for answer in answers] == [1, 2, 3]
    assert len(tail) == RATE // 100 and abs(tail[0]) == 1 and tail[-1] == 0

    after = Take(EchoVoice(RATE, None, latency_samples=1000), 0, N, RATE, 1.0, Counters(), {0: tail})
    played = []
    for index in range(10):
        inputs, _ = after.receive(index, np.zeros(N, np.float32), 0.0)
        played += [a.samples for block in inputs for a in after.heard(after.voice.hear(block), 0.0)]
    np.testing.assert_array_equal(np.concatenate(played), np.pad(tail, (0, 10 * N - len(tail))))


def test_a_second_restart_lets_the_first_ones_fade_end() -> None:
    """It came after one block: what was left of the fade goes under the new one."""
    tail = np.linspace(1.0, 0.0, RATE // 100, dtype=np.float32)
    take = Take(EchoVoice(RATE, None, latency_samples=1000), 0, N, RATE, 1.0, Counters(), {0: tail})
    take.receive(0, np.zeros(N, np.float32), 0.0)
    answers, tails = take.finish()
    whole = np.concatenate([answers[0].samples, tails[0]])
    np.testing.assert_array_equal(whole[: len(tail)], tail)


@pytest.mark.parametrize("seed", range(10))
def test_alignment_holds_through_any_disorder(seed: int) -> None:
    """Random delays, losses, duplicates and slow hearing: what is played is right or concealed."""
    rng = random.Random(seed)
    arrivals = sorted(
        (index * DURATION + rng.uniform(0, 3 * DURATION), index)
        for index in range(1, 400)
        if rng.random() > 0.05
        for _ in range(rng.choice([1, 1, 1, 2]))
    )
    rig = Rig()
    rig.receive(0)
    for now, index in arrivals:
        rig.expire(now)
        rig.receive(index, now)
        if rng.random() > 0.3:
            rig.work(now)
        assert rig.take.due is None or rig.take.due > now
    rig.expire(10.0)
    rig.work(10.0)
    arrived = {index for _, index in arrivals} | {0}
    answered = [answer.seq for answer in rig.answers]
    assert answered == list(range(max(arrived) + 1)) and len(answered) == rig.counters.answered
    inputs = np.concatenate(rig.voice.inputs).reshape(-1, N)  # stand-ins come several at once
    lost = {i for i, block in enumerate(inputs) if not np.array_equal(block, ramp(i))}
    n_right = 0
    for answer in rig.answers:
        target = expected(answer.seq)
        sources = (np.arange(answer.seq * N, (answer.seq + 1) * N) - LATENCY) // N
        is_sound = answer.samples != -1
        is_sound &= ~np.isin(sources, sorted(lost))
        np.testing.assert_array_equal(answer.samples[is_sound], target[is_sound])
        n_right += is_sound.sum()
    assert n_right > 0.4 * 400 * N
    assert rig.counters.lost == len(lost)


def test_a_long_gap_is_few_inputs_and_keeps_its_place() -> None:
    """A second of the smallest blocks at the highest rate: 12 000 of them from one datagram."""
    rate, n, far = 192_000, 16, 11_990
    voice = EchoVoice(rate, None, latency_samples=LATENCY)
    take = Take(voice, 0, n, rate, 0.0, Counters())
    answers, n_inputs = [], 0
    for index in (0, far, far + 1, far + 2, far + 3):
        inputs, some = take.receive(index, ramp(index, n), 0.0)
        n_inputs += len(inputs)
        answers += some + [a for block in inputs for a in take.heard(voice.hear(block), 0.0)]
    for index in range(far + 4, far + 20):  # by now all that was heard too late is over
        inputs, some = take.receive(index, ramp(index, n), 0.0)
        for block in inputs:
            take.heard(voice.hear(block), 0.0)
        answers += some
    assert n_inputs < 200 and take.counters.lost == far - 1
    assert sum(len(block) for block in voice.inputs) == (far + 20) * n
    n_late = rate // n // 4  # a quarter of a second before a block may still be waited for
    assert [answer.seq for answer in answers] == [0, *range(far - n_late, far + 20)]
    np.testing.assert_array_equal(np.concatenate(voice.inputs)[-20 * n :], ramp(0, (far + 20) * n)[-20 * n :])
    at = np.arange((far + 15) * n, (far + 20) * n) + 1 - LATENCY
    np.testing.assert_array_equal(np.concatenate([a.samples for a in answers[-5:]]), at.astype(np.float32))


def test_a_straggler_whose_place_was_played_leaves_nothing_due() -> None:
    rig = Rig(deadline=0.1 * DURATION)
    rig.receive(0)
    rig.receive(20, now=1.0)
    rig.expire(1.0 + 0.1 * DURATION)
    rig.receive(10, now=1.0 + 0.2 * DURATION)  # its output is gone, its input may still be heard
    rig.expire(2.0)
    assert [answer.seq for answer in rig.answers] == list(range(21))
    assert rig.take.due is None
