"""The reorder window: in order, each block once, gaps held for 4 blocks or two durations and no longer."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bassnet_osc.order import BlockOrder, unwrap
from bassnet_osc.spec import SEQ_MODULO

DURATION = 0.005  # seconds of a block
BLOCK = np.zeros(16, np.float32)


def indices(released: list) -> list[tuple[int, bool]]:
    return [(index, block is None) for index, block in released]


@given(st.integers(0, 2**40), st.integers(-(2**23), 2**23 - 1))
def test_unwrapping_finds_the_nearest_index(near: int, step: int) -> None:
    assert unwrap((near + step) % SEQ_MODULO, near) == near + step


def test_blocks_in_order_pass_at_once() -> None:
    order = BlockOrder(10, DURATION)
    for index in range(10, 20):
        assert indices(order.push(index, BLOCK, 0.0)) == [(index, False)]
        assert order.due is None


def test_a_gap_is_held_until_the_block_comes() -> None:
    order = BlockOrder(0, DURATION)
    assert indices(order.push(1, BLOCK, 0.0)) == []
    assert indices(order.push(2, BLOCK, 0.001)) == []
    assert indices(order.push(0, BLOCK, 0.002)) == [(0, False), (1, False), (2, False)]
    assert order.due is None


def test_a_gap_is_given_up_after_four_newer_blocks() -> None:
    order = BlockOrder(0, DURATION)
    for index in (1, 2, 3):
        assert indices(order.push(index, BLOCK, 0.0)) == []
    assert indices(order.push(4, BLOCK, 0.0)) == [(0, True)] + [(index, False) for index in (1, 2, 3, 4)]


def test_a_gap_is_given_up_after_two_durations() -> None:
    order = BlockOrder(0, DURATION)
    order.push(2, BLOCK, 1.0)
    assert order.due == pytest.approx(1.0 + 2 * DURATION)
    assert indices(order.expire(1.0 + 1.99 * DURATION)) == []
    assert indices(order.expire(1.0 + 2.01 * DURATION)) == [(0, True), (1, True), (2, False)]
    assert order.due is None


def test_each_gap_has_its_own_time() -> None:
    order = BlockOrder(0, DURATION)
    order.push(1, BLOCK, 0.0)
    order.push(3, BLOCK, 0.009)
    assert indices(order.expire(0.011)) == [(0, True), (1, False)]
    assert order.due == pytest.approx(0.009 + 2 * DURATION)


@pytest.mark.parametrize(
    ("index", "jumps"),
    [
        (100, False),
        (50, False),
        (49, True),
        (0, True),
        (101, False),
        (300, False),
        (301, True),
        (2**23, True),
    ],
)
def test_jumps_are_more_than_a_quarter_of_a_second_back_or_a_second_ahead(index: int, jumps: bool) -> None:
    order = BlockOrder(100, DURATION)  # a second is 200 blocks
    order.push(100, BLOCK, 0.0)
    assert order.jumps(index) == jumps


def test_known_blocks_are_the_released_the_lost_and_the_held() -> None:
    order = BlockOrder(0, DURATION)
    for index in (0, 2, 3, 4, 5, 7):  # 1 is lost, 6 missing
        order.push(index, BLOCK, 0.0)
    assert [order.is_known(index) for index in range(9)] == [True] * 6 + [False, True, False]


@pytest.mark.parametrize("seed", range(20))
def test_any_disorder_comes_out_in_order_each_block_once(seed: int) -> None:
    """Random delays, losses and duplicates: the indices released are 0, 1, 2, ... and none stays behind."""
    rng = random.Random(seed)
    arrivals = sorted(
        (index * DURATION + rng.uniform(0, 4 * DURATION), index)
        for index in range(300)
        if rng.random() > 0.05
        for _ in range(rng.choice([1, 1, 1, 2]))
    )
    order = BlockOrder(arrivals[0][1], DURATION)
    released, held_since = [], {}
    for now, index in arrivals:
        released += order.expire(now)
        if not order.is_known(index):
            held_since[index] = now
            released += order.push(index, BLOCK, now)
        assert order.due is None or order.due > now
        assert len(held_since) - sum(block is not None for _, block in released) < 4  # held at most
    released += order.expire(10.0)
    first = arrivals[0][1]
    assert [index for index, _ in released] == list(range(first, released[-1][0] + 1))
    assert {index for index, block in released if block is not None} == set(held_since)
