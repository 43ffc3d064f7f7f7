"""What a row of the table is made of: percentiles, and what sessions were answered.

Flow: load (a tally of each session) -> figures -> table, JSON. Pure.

A round trip counts from the moment at which a block was due to be sent, not from when it was sent, and
blocks are sent whether or not earlier ones were answered. So when a server or a load process stands still,
every block that was due meanwhile tells so, and not only the first (coordinated omission). A block without an
answer took for ever: `None`, which is more than any number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bassnet_osc.spec import BassNetError

PERCENTILES = (50.0, 95.0, 99.0, 99.99)
ON_TIME_SHARE = 0.9999  # of the blocks: as many have to be on time where sessions are said to be

Tally = dict[str, Any]  # of one session, as `player.Player.tally` has it


def percentile(values: Sequence[float | None], share: float) -> float | None:
    """The least of the values that `share` % of them do not exceed; always one of them. None is for ever.

    Raises BassNetError where there is no value.
    """
    if not values:
        raise BassNetError("a percentile needs values; got none: measure for longer")
    ordered = sorted(math.inf if value is None else value for value in values)
    rank = math.ceil(round(len(ordered) * share / 100.0, 6))  # rounded: 10 000 x 99.99 % is 9999 and not more
    found = ordered[max(1, rank) - 1]
    return None if math.isinf(found) else found


def spread(values: Sequence[float | None]) -> dict[str, float | None]:
    """PERCENTILES and the maximum by name: p50, ..., max."""
    named = {f"p{share:g}": percentile(values, share) for share in PERCENTILES}
    return named | {"max": percentile(values, 100.0)}


def of_sessions(tallies: Sequence[Tally], deadline_ms: float) -> dict[str, Any]:
    """Counts of blocks and times in ms, all sessions together, the warm-up left out.

    `late` and `concealed` are the server's counts, `late_seen` the answers that came to the client after the
    deadline; `lost` are blocks that did not reach the server, `unanswered` those whose answer did not reach
    the client, `astray` answers that nobody waited for; `overloaded_s` are seconds in which the server left
    windows out. `on_time` is a share: all blocks but those that came after the deadline, or never, or
    concealed. An answer does not say that it is concealed; but where the server gave up at the deadline, it
    came so long after it was sent (`slow`), so that what else is `late` was concealed and came in time. Where
    answers were slow for other reasons as well, the share is an upper bound.
    """
    trips = [ms for tally in tallies for ms in tally["round_trip_ms"]]
    late_seen = sum(ms is not None and ms > deadline_ms for ms in trips)
    unanswered = sum(ms is None for ms in trips)
    counts = {name: sum(tally[name] for tally in tallies) for name in COUNTS}
    concealed = sum(
        max(0, tally["late"] - tally["slow"]) for tally in tallies
    )  # in time, for all that is seen
    missed = late_seen + unanswered + concealed
    return {
        "blocks": len(trips),
        "round_trip_ms": spread(trips),
        "on_time": max(0.0, 1.0 - missed / len(trips)),
        "sent_late_ms": spread([ms for tally in tallies for ms in tally["sent_late_ms"]]),
        **counts,
        "late_seen": late_seen,
        "unanswered": unanswered,
        "overloaded_s": max(tally["overloaded_s"] for tally in tallies),
    }


COUNTS = ("late", "lost", "concealed", "astray", "reopened")


def is_on_time(row: dict[str, Any]) -> bool:
    """Whether so many blocks were, each window was decoded, and no session had to be opened anew.

    A server that is too busy leaves windows out and is on time: that gets it through, but is no capacity.
    """
    return bool(row["on_time"] >= ON_TIME_SHARE and not row["overloaded_s"] and not row["reopened"])
