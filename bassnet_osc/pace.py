"""How often a source may have what takes the time of everybody: a new voice, a report.

Flow: switchboard -> pace. Pure: time comes in as an argument.
"""

from __future__ import annotations

from collections import deque

from bassnet_osc.session import Source
from bassnet_osc.spec import BassNetError

PER_SECOND = 4  # for one source: of voices, a hello, a changed hello and a restart take one each


class Pace:
    """Remembers the last second's of each source, whether or not it said bye meanwhile.

    `rule` says what may be had so many times a second, `mend` what to do about it.
    """

    def __init__(self, rule: str, mend: str, per_second: int = PER_SECOND) -> None:
        self._rule, self._mend, self._most = rule, mend, per_second
        self._had: dict[Source, deque[float]] = {}

    def count(self, source: Source, now: float) -> None:
        """Counts one more; raises BassNetError for one too many."""
        had = self._had.setdefault(source, deque(maxlen=self._most))
        if len(had) == self._most and now - had[0] < 1.0:
            raise BassNetError(f"{self._rule} {self._most} times a second; got one more: {self._mend}")
        had.append(now)

    def forget(self, now: float) -> None:
        """Forgets what is over; to be called from time to time."""
        self._had = {source: had for source, had in self._had.items() if now - had[-1] < 1.0}
