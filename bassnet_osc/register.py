"""Who plays here: the sessions by their source, and who may have one.

Flow: switchboard -> register -> session.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from bassnet_osc import wire
from bassnet_osc.hello import Hello
from bassnet_osc.latent import LiveZ
from bassnet_osc.pace import Pace
from bassnet_osc.request import Request
from bassnet_osc.resample import is_odd
from bassnet_osc.session import MakeVoice, Model, Session, Source
from bassnet_osc.spec import BassNetError

if TYPE_CHECKING:
    from bassnet_osc.voice import Voice

ODD_RATES = 8  # a second, of all clients: each takes some milliseconds of the loop's time
STILL_THERE = 1.5  # seconds since its last word, in which a client keeps its reply_port
EVERYBODY: Source = ("", 0)

log = logging.getLogger("bassnet_osc")


class Register:
    """Opens, renews, moves and ends sessions. `ended` is called with each that is over."""

    def __init__(
        self,
        make_voice: MakeVoice,
        now: Callable[[], float],
        ended: Callable[[Session], None],
        max_sessions: int,
    ) -> None:
        self.sessions: dict[Source, Session] = {}
        self.voices = Pace("a stream may start anew", "send blocks no faster than real time")
        self.odd_rates = Pace("odd sample rates may come", "take a usual one, or try again", ODD_RATES)
        self._make_voice = make_voice
        self._now = now
        self._ended = ended
        self._max_sessions = max_sessions
        self._n_opened = 0

    def admit(self, hello: Hello, request: Request, model: Model) -> Session:
        """The session that the hello opens, renews, changes, or moves to another port by its token.

        `model` is what a new one plays by. Raises BassNetError for one that cannot be had.
        """
        session = request.session or self._left_behind(hello, request.source)
        reply_to = request.source[0], hello.reply_port or request.source[1]
        rivals = self._rivals(reply_to, request, session)
        if session is None:
            session = self._open(hello, request, model)
        else:
            is_elsewhere = session.reply_to != reply_to
            del self.sessions[session.source]
            if session.hello != hello:
                session = self._change(session, hello)
            if is_elsewhere:  # what was proven, and the token that proves it, are of another path
                session.is_proven, session.credit = False, request.n_bytes
                session.token = secrets.randbelow(2**31)
        for rival in rivals:
            if self.sessions.get(rival.source) is rival:  # it may have made room already
                self.drop(rival)
        session.source, session.last_seen = request.source, request.now
        self.sessions[request.source] = session
        return session

    def _open(self, hello: Hello, request: Request, model: Model) -> Session:
        rival = self._least() if len(self.sessions) >= self._max_sessions else None
        token, z = secrets.randbelow(2**31), LiveZ(model.spec, *model.z_home)
        session = Session(self._n_opened + 1, token, request.source, hello, model, z, self._paced_voice)
        if rival is not None:  # not before the new one is there: its voice may be refused
            self.drop(rival)
        session.credit = request.n_bytes
        self._n_opened += 1
        where = f"{hello.client} at {request.source[0]}:{request.source[1]}"
        told = fields("opened", session)
        log.info("session %d: %s, %d Hz", session.number, where, hello.sample_rate, extra=told)
        return session

    def _least(self) -> Session:
        """Who makes room: the oldest who has not proven that it is there. BassNetError where all have."""
        unproven = [session for session in self.sessions.values() if not session.is_proven]
        if not unproven:
            raise BassNetError(f"there are {self._max_sessions} sessions already: end one of them")
        return min(unproven, key=lambda session: session.number)

    def _change(self, session: Session, hello: Hello) -> Session:
        """The session of the new hello; where that is refused, the old one stays."""
        try:
            changed = session.changed(hello)
        except BassNetError:
            self.sessions[session.source] = session
            raise
        self._ended(session)
        return changed

    def _rivals(self, reply_to: Source, request: Request, mine: Session | None) -> list[Session]:
        """Those whose answers would go where this one's are to go, and who have to give way.

        BassNetError where one of them does not: whose own port it is, or who was there first and still is.
        """
        rivals = [s for s in self.sessions.values() if s is not mine and reply_to in (s.source, s.reply_to)]
        for rival in rivals:
            is_owner = rival.source == reply_to != request.source
            is_there = rival.is_proven and request.now - rival.last_seen < STILL_THERE
            if is_owner or (is_there and request.source != reply_to):
                raise BassNetError(
                    f"reply_port must be free; {reply_to[1]} is {rival.hello.client}'s: take another one"
                )
        return rivals

    def _paced_voice(self, session: Session) -> Voice:
        self.voices.count(session.source, self._now())
        if is_odd(session.hello.sample_rate, session.model.spec.cqt.sample_rate):
            self.odd_rates.count(EVERYBODY, self._now())
        return self._make_voice(session)

    def _left_behind(self, hello: Hello, source: Source) -> Session | None:
        """The session of a client that shows its token from another port of the same machine."""
        mine = (s for s in self.sessions.values() if s.token == hello.token and s.source[0] == source[0])
        return next(mine, None)

    def addressed(self, request: Request) -> Iterable[Session]:
        """The sender's session; all of them where it has none: a controller; or those of a name."""
        if request.client is not None:
            named = [s for s in self.sessions.values() if s.hello.client == request.client]
            if not named:
                raise BassNetError(f"no client is named {wire.short(request.client)}: see its hello")
            return named
        return self.sessions.values() if request.session is None else [request.session]

    def drop(self, session: Session) -> None:
        """Ends the session and frees what it held."""
        del self.sessions[session.source]
        self._ended(session)

    def forget(self, now: float) -> None:
        """Forgets what is over of who had what; to be called from time to time."""
        self.voices.forget(now)
        self.odd_rates.forget(now)


def fields(event: str, session: Session) -> dict[str, Any]:
    """What happened to a session, for a structured log."""
    host, port = session.source
    who = {"session": session.number, "client": session.hello.client, "source": f"{host}:{port}"}
    return {"fields": {"event": event, **who, "sample_rate": session.hello.sample_rate}}
