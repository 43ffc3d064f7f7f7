"""How often a source may have a new voice: building one takes the time of everybody.

Flow: switchboard -> pace. Pure: time comes in as an argument.
"""

from __future__ import annotations

from collections import deque

from bassnet_osc.session import Source
from bassnet_osc.spec import BassNetError

VOICES = 4  # a second, for one source: a hello, a changed hello and a restart take one each


class Pace:
    """Remembers the last second's voices of each source, whether or not it said bye meanwhile."""

    def __init__(self) -> None:
        self._built: dict[Source, deque[float]] = {}

    def count(self, source: Source, now: float) -> None:
        """Counts a voice; raises BassNetError for one too many."""
        built = self._built.setdefault(source, deque(maxlen=VOICES))
        if len(built) == VOICES and now - built[0] < 1.0:
            raise BassNetError(
                f"a stream may start anew {VOICES} times a second; got one more: "
                "send blocks no faster than real time"
            )
        built.append(now)

    def forget(self, now: float) -> None:
        """Forgets what is over; to be called from time to time."""
        self._built = {source: built for source, built in self._built.items() if now - built[-1] < 1.0}
