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
        self._give_way(hello, request.source, session)
        if session is None:
            if len(self.sessions) >= self._max_sessions:
                raise BassNetError(f"there are {self._max_sessions} sessions already: end one of them")
            token = secrets.randbelow(2**31)
            z = LiveZ(model.spec, *model.z_home)
            session = Session(self._n_opened + 1, token, request.source, hello, model, z, self._paced_voice)
            self._n_opened += 1
            where = f"{hello.client} at {request.source[0]}:{request.source[1]}"
            log.info(
                "session %d: %s, %d Hz",
                session.number,
                where,
                hello.sample_rate,
                extra=fields("opened", session),
            )
        elif session.hello != hello:
            changed = session.changed(hello)
            self.drop(session)
            session = changed
        else:
            del self.sessions[session.source]
        if request.session is None:  # it is new, or says the token of one that was elsewhere
            session.is_proven, session.credit = False, request.n_bytes
        session.source, session.last_seen = request.source, request.now
        self.sessions[request.source] = session
        return session

    def _give_way(self, hello: Hello, source: Source, mine: Session | None) -> None:
        """Nobody may name another client's own port as reply_port; of two that name one, the newer has it."""
        reply_to = source[0], hello.reply_port or source[1]
        for other in [s for s in self.sessions.values() if s is not mine]:
            if other.source == reply_to != source:
                raise BassNetError(
                    f"reply_port must be your own; {hello.reply_port} is another client's: take a free one"
                )
            if other.reply_to == reply_to:
                self.drop(other)

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
