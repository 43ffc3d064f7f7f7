"""The largest number of sessions that are on time: doubling, then bisection.

Flow: command -> most_on_time -> measure. Pure.
"""

from __future__ import annotations

from collections.abc import Callable


def most_on_time(is_on_time: Callable[[int], bool], most: int) -> int:
    """The largest n of 1 .. `most` for which it is true, 0 where there is none.

    Asks each n once at most, and takes it that what holds for n holds for fewer.
    """
    good, bad = 0, most + 1
    while good + 1 < bad:
        n = min(max(1, 2 * good), most) if bad > most else (good + bad) // 2
        good, bad = (n, bad) if is_on_time(n) else (good, n)
    return good
