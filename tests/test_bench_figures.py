"""The bench's figures, computed by hand: percentiles, counts of sessions, and the search for the most."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bench_rows import DEADLINE_MS, tally
from hypothesis import given
from hypothesis import strategies as st

from bassnet_osc.bench.figures import is_on_time, of_sessions, percentile
from bassnet_osc.bench.search import most_on_time
from bassnet_osc.spec import BassNetError


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 50, 7.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        ([4.0, 1.0, 3.0, 2.0], 51, 3.0),
        (list(range(1, 11)), 95, 10),
        (list(range(1, 10_001)), 99, 9900),
        (list(range(1, 10_001)), 99.99, 9999),
        (list(range(1, 10_001)), 100, 10_000),
        ([1.0, None, 2.0], 50, 2.0),
        ([1.0, None, 2.0], 100, None),
    ],
)
def test_percentiles_by_hand(values: list[float | None], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([50.0, 95.0, 99.0, 99.99, 100.0]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values and found is not None
    n_needed = share / 100 * len(values) - 1e-6
    assert sum(value <= found for value in values) >= n_needed
    assert sum(value < found for value in values) < n_needed


def test_the_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(BassNetError, match="got none"):
        percentile([], 50)


def test_sessions_are_counted_together() -> None:
    """Of 10 blocks: one seen late, which the server concealed; one concealed in time; one never answered."""
    one = tally([1.0, 2.0, 20.0, 20.1, 3.0], late=1, concealed=2, slow=1, overloaded_s=2)
    other = tally([1.0, 2.0, 4.0, 5.0, None], late=1, lost=3, overloaded_s=1)
    found = of_sessions([one, other], DEADLINE_MS)
    assert (found["blocks"], found["late"], found["late_seen"], found["unanswered"]) == (10, 2, 1, 1)
    assert (found["lost"], found["concealed"], found["overloaded_s"]) == (3, 2, 2)
    assert found["on_time"] == pytest.approx(0.7)
    assert found["round_trip_ms"] == {"p50": 3.0, "p95": None, "p99": None, "p99.99": None, "max": None}


def test_one_session_does_not_make_up_for_another() -> None:
    """Slow answers of the one hide none of the other's that were concealed in time."""
    slow = tally([30.0] * 5 + [1.0] * 5, slow=5)
    hurried = tally([1.0] * 10, late=5)
    assert of_sessions([slow, hurried], DEADLINE_MS)["on_time"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("n_late", "others", "expected"),
    [
        (0, {}, True),
        (1, {}, True),
        (2, {}, False),
        (0, {"reopened": 1}, False),
        (0, {"overloaded_s": 1}, False),  # windows were left out
    ],
)
def test_one_block_of_10_000_may_be_late(n_late: int, others: dict[str, int], expected: bool) -> None:
    trips: list[float | None] = [1.0] * (10_000 - n_late)
    found = of_sessions([tally(trips + [20.5] * n_late, **others)], DEADLINE_MS)
    assert is_on_time(found) is expected


@pytest.mark.parametrize("most", [1, 5, 8, 64])
def test_the_search_finds_every_number(most: int) -> None:
    for true_number in range(most + 1):
        asked: list[int] = []
        is_on_time: Callable[[int], bool] = lambda n, asked=asked, good=true_number: (  # noqa: E731
            asked.append(n) or n <= good  # type: ignore[func-returns-value]
        )
        assert most_on_time(is_on_time, most) == true_number
        assert len(set(asked)) == len(asked) <= 2 * most.bit_length()
        assert all(1 <= n <= most for n in asked)


def test_the_search_doubles_and_then_halves() -> None:
    asked: list[int] = []
    assert most_on_time(lambda n: asked.append(n) or n <= 5, 64) == 5  # type: ignore[func-returns-value]
    assert asked == [1, 2, 4, 8, 6, 5]
