"""One message that came, what an address takes, and the polite way to refuse.

Flow: switchboard, addresses -> Refusals -> send. Nobody gets more bytes of refusal than were sent in his
name, nor one more than once a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from bassnet_osc import wire
from bassnet_osc.session import Session, Source

ERROR = "/bassnet/error"
EVERY = 1.0  # seconds between two errors of one kind to one source, and between two lines in the log
MAX_WARNED = 1024  # sources remembered for that; where there are more, errors wait for the next second

log = logging.getLogger("bassnet_osc")


@dataclass(frozen=True)
class Request:
    """One message that came: from where, for which session, how many bytes, when, and where replies go."""

    source: Source
    session: Session | None
    n_bytes: int
    now: float
    reply_to: Source
    client: str | None = None  # whom it is for, by name; None: its own session, or all where it has none

    @property
    def own_session(self) -> Session:
        """The session; the switchboard lets only open addresses through without one."""
        assert self.session is not None
        return self.session

    @property
    def is_proven(self) -> bool:
        """Whether the receiver of replies has shown that it gets what is sent to it."""
        session = self.session
        return session is not None and session.is_proven and self.reply_to == session.reply_to


@dataclass(frozen=True)
class Address:
    """One address that the server understands.

    `kinds`: as wire.arguments reads them; None where the handler takes the bytes. `is_open`: also for sources
    without a session. `is_control`: for all sessions then, or for those of a name. `arguments` and `effect`
    are for people.
    """

    handle: Callable[..., None]
    kinds: str | None
    arguments: str
    effect: str
    is_open: bool = False
    is_control: bool = False


class Refusals:
    """Counts what is refused, tells the sender and the log."""

    def __init__(self, send: Callable[[bytes, Source], None]) -> None:
        self.n_refused = 0  # datagrams and messages
        self._send = send
        self._told: dict[tuple[Source, str], float] = {}  # when an error was last sent
        self._last = ""  # the newest refusal since the last line in the log

    def refuse(self, request: Request, code: str, text: str) -> None:
        """Counts a message that cannot be taken and tells its sender why."""
        self.n_refused += 1
        self._last = f"{request.source[0]}:{request.source[1]}: {code}: {text}"
        self.tell(request, code, text)

    def tell(self, request: Request, code: str, text: str) -> None:
        """Sends an error: once a second for each code; while the path is unproven whatever the code."""
        key = (request.source, code if request.is_proven else "")
        has_room = len(self._told) < MAX_WARNED or request.session is not None
        is_time = request.now - self._told.get(key, -EVERY) >= EVERY and has_room
        if is_time and self.send_short(request, ERROR, code, text):
            self._told[key] = request.now

    def send_short(self, request: Request, address: str, code: str, text: str) -> bool:
        """Sends code and text: while the path is unproven, no more bytes than came; False where none fit."""
        text = text.encode("ascii", "backslashreplace").decode()
        if not request.is_proven:
            session = request.session
            owned = request.n_bytes if session is None else min(request.n_bytes, session.credit)
            room = owned - len(wire.encode(address, code, ""))
            if room < 0:
                return False
            text = text[: room // 4 * 4 + 3]  # the empty text takes 4 bytes as well
        datagram = wire.encode(address, code, text)
        if request.session is not None:
            request.session.may_get(len(datagram))  # it counts
        self._send(datagram, request.reply_to)
        return True

    def every_second(self, now: float) -> None:
        """Forgets what is over, and writes one line for all that was refused."""
        self._told = {key: at for key, at in self._told.items() if now - at < EVERY}
        if self._last:
            told = {"event": "refused", "refused": self.n_refused, "last": self._last}
            log.warning(
                "%d messages refused so far; the last: %s",
                self.n_refused,
                self._last,
                extra={"fields": told},
            )
            self._last = ""
