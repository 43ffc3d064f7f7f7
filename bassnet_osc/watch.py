"""What a server does each second: drops the silent, judges its load, tells its state.

Flow: server -> watch -> switchboard.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bassnet_osc.playing import Loop
from bassnet_osc.register import fields
from bassnet_osc.switchboard import Switchboard

EVERY = 1.0  # seconds
LOOK_EVERY = 0.1  # seconds
SILENCE = 2.9  # seconds after which a silent client is dropped, so that it is gone after 3
OVERLOADED = {  # by engine.Measured.saving
    1: "every second window is left out: play fewer sessions",
    2: "windows are left out and concealed: play fewer sessions, or give deadline_ms more room",
}

log = logging.getLogger("bassnet_osc")


class Watch:
    """Looks after a switchboard from now on; `also` is called each second, too."""

    def __init__(self, board: Switchboard, loop: Loop, also: Callable[[], None] = lambda: None) -> None:
        self._board, self._loop, self._also = board, loop, also
        self._looked_at = loop.time()
        loop.call_at(loop.time() + LOOK_EVERY, self._look)
        loop.call_at(loop.time() + EVERY, self._every_second)

    def _look(self) -> None:
        """Drops the silent, unless it was the server that slept: what they sent may lie in the socket."""
        now = self._loop.time()
        self._loop.call_at(now + LOOK_EVERY, self._look)
        if now - self._looked_at < EVERY:
            for session in [s for s in self._board.sessions.values() if now - s.last_seen >= SILENCE]:
                log.info(
                    "session %d (%s) is silent: dropped",
                    session.number,
                    session.hello.client,
                    extra=fields("dropped", session),
                )
                self._board.drop(session)
        self._looked_at = now

    def _every_second(self) -> None:
        board, now = self._board, self._loop.time()
        self._loop.call_at(now + EVERY, self._every_second)
        for session in board.sessions.values():
            if now - session.last_block >= EVERY:
                board.playing.rest(session)  # its client lives, but sends no mix: no note may hang
        board.refusals.every_second(now)
        board.register.forget(now)
        board.reports.forget(now)
        self._judge_load()
        board.tell_state()
        for session in board.sessions.values():
            if "stats" in session.wants:
                board.tell_stats(session)
        self._also()

    def _judge_load(self) -> None:
        board = self._board
        if board.state in ("ready", "overloaded"):
            why = OVERLOADED.get(board.engine.measured().saving)
            board.state, board.reason = ("overloaded", why) if why else ("ready", "")
