"""Four new a second for each source, and nothing remembered for longer."""

from __future__ import annotations

import pytest

from bassnet_osc.pace import PER_SECOND, Pace
from bassnet_osc.spec import BassNetError

HERE, THERE = ("127.0.0.1", 5000), ("127.0.0.1", 5001)


def is_allowed(pace: Pace, now: float) -> bool:
    """Whether a new voice may be built now."""
    try:
        pace.count(HERE, now)
    except BassNetError:
        return False
    return True


def test_the_second_is_any_second() -> None:
    pace = Pace("a stream may start anew", "send blocks no faster than real time")
    allowed = [k / 100 for k in range(300) if is_allowed(pace, k / 100)]
    assert len(allowed) == 3 * PER_SECOND
    assert all(b - a >= 1.0 for a, b in zip(allowed, allowed[PER_SECOND:], strict=False))


def test_sources_do_not_count_for_each_other_and_forgetting_changes_nothing() -> None:
    pace = Pace("a stream may start anew", "send blocks no faster than real time")
    for _ in range(PER_SECOND):
        pace.count(HERE, 0.0)
    pace.count(THERE, 0.5)
    pace.forget(0.9)
    with pytest.raises(BassNetError, match="no faster than real time"):
        pace.count(HERE, 0.9)
    pace.forget(1.2)
    assert list(pace._had) == [THERE]
    pace.count(HERE, 1.2)
