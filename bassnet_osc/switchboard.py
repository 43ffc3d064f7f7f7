"""Every message to its session, every answer to its client.

Flow: server (socket) -> switchboard -> addresses, session, engine -> send. Bytes in, bytes out: `send` and
the loop (time and timers) are handed in, so that all of it runs without a port or a clock.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from bassnet_osc import __version__, wire
from bassnet_osc.latent import LiveZ
from bassnet_osc.request import Address, Refusals, Request
from bassnet_osc.session import Hello, MakeVoice, Session, Source
from bassnet_osc.spec import BassNetError, Spec
from bassnet_osc.take import Answer, Take

if TYPE_CHECKING:
    from bassnet_osc.engine import Engine
    from bassnet_osc.frames import Frames

MAX_SESSIONS = 64
SILENCE = 3.0  # seconds after which a silent client is dropped
STATUS_EVERY = 1.0  # seconds
OVERLOAD = 0.9  # share of the time spent in inference from which the state says so

WELCOME, AUDIO_OUT, STATUS = "/bassnet/welcome", "/bassnet/audio/out", "/bassnet/status"
STATS, PONG = "/bassnet/stats", "/bassnet/pong"

log = logging.getLogger("bassnet_osc")


class Timer(Protocol):
    """What is used of asyncio.TimerHandle."""

    def cancel(self) -> None:
        """Forgets the call."""

    def when(self) -> float:
        """The time of the call."""


class Loop(Protocol):
    """What is used of asyncio's loop."""

    def time(self) -> float:
        """Seconds, rising."""

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Calls once, at that time."""


class Model(Protocol):
    """What is used of a bundle."""

    @property
    def name(self) -> str:
        """For welcome."""

    @property
    def spec(self) -> Spec:
        """For z."""


class Switchboard:
    """All sessions of one server. `receive` takes each datagram, `become` the server's state."""

    def __init__(
        self,
        addresses: Mapping[str, Address],
        model: Model,
        make_voice: MakeVoice,
        engine: Engine,
        send: Callable[[bytes, Source], None],
        loop: Loop,
        max_sessions: int = MAX_SESSIONS,
    ) -> None:
        self.sessions: dict[Source, Session] = {}
        self.state, self.reason = "loading", "the model warms up"
        self.refusals = Refusals(send)
        self.engine = engine
        self.send = send
        self._addresses = addresses
        self._model = model
        self._make_voice = make_voice
        self._loop = loop
        self._max_sessions = max_sessions
        self._n_opened = 0
        self._timers: dict[Session, Timer] = {}
        loop.call_at(loop.time() + STATUS_EVERY, self._every_second)

    def receive(self, datagram: bytes, source: Source) -> None:
        """Takes a datagram. Never raises for what it holds."""
        now = self._loop.time()
        session = self.sessions.get(source)
        if session is not None:
            session.last_seen = now
        try:
            messages = wire.unbundle(datagram)
        except BassNetError as error:
            self.refusals.refuse(self._request(source, len(datagram), now), "datagram", str(error))
            return
        for message in messages:
            self._dispatch(message, self._request(source, len(message), now))

    def become(self, state: str, reason: str = "") -> None:
        """Changes the state (loading, ready, overloaded, stopping) and tells every client."""
        self.state, self.reason = state, reason
        self._tell_state()

    def _request(self, source: Source, n_bytes: int, now: float) -> Request:
        session = self.sessions.get(source)
        return Request(source, session, n_bytes, now, source if session is None else session.reply_to)

    def _dispatch(self, message: bytes, request: Request) -> None:
        name = "address"
        try:
            name = wire.address_of(message)
            entry = self._addresses.get(name)
            if entry is None:
                self.refusals.refuse(
                    request, "address", f"no address {name[:64]!r}: see the table in the README"
                )
            elif request.session is None and not entry.is_open:
                self.refusals.refuse(request, "no_session", "say /bassnet/hello first")
            elif entry.kinds is None:
                entry.handle(self, request, message)
            else:
                entry.handle(self, request, *wire.arguments(wire.decode_message(message), entry.kinds))
        except BassNetError as error:
            self.refusals.refuse(request, name.removeprefix("/bassnet/"), str(error))

    # --- sessions ------------------------------------------------------------------------------------

    def admit(self, hello: Hello, request: Request) -> Session:
        """The session that the hello opens, renews, changes, or moves to another port by its token."""
        session = request.session or self._left_behind(hello, request.source)
        if session is None:
            if len(self.sessions) >= self._max_sessions:
                raise BassNetError(f"there are {self._max_sessions} sessions already: end one of them")
            token, z = secrets.randbelow(2**31), LiveZ(self._model.spec)
            session = Session(self._n_opened + 1, token, request.source, hello, z, self._make_voice)
            self._n_opened += 1
        elif session.hello != hello:
            changed = session.changed(hello)
            self.drop(session)
            session = changed
        else:
            del self.sessions[session.source]
        session.source, session.last_seen = request.source, request.now
        self.sessions[request.source] = session
        return session

    def _left_behind(self, hello: Hello, source: Source) -> Session | None:
        """The session of a client that shows its token from another port of the same machine."""
        mine = (s for s in self.sessions.values() if s.token == hello.token and s.source[0] == source[0])
        return next(mine, None)

    def addressed(self, request: Request) -> Iterable[Session]:
        """The sender's session; all of them where it has none: a controller."""
        return self.sessions.values() if request.session is None else [request.session]

    def prove(self, session: Session, request: Request) -> None:
        """Takes note that the client receives what is sent to it."""
        if not session.is_proven:
            session.is_proven = True
            if session.owes_welcome:
                self.welcome(session, request)

    def restart(self, session: Session) -> None:
        """Ends the session's take; the next block begins another."""
        self.engine.forget(session.voice)
        self.go_on(session, [], session.restart())

    def drop(self, session: Session) -> None:
        """Ends the session and frees what it held."""
        del self.sessions[session.source]
        session.take = None  # what is being heard for it comes to nothing
        self.engine.forget(session.voice)
        if session in self._timers:
            self._timers.pop(session).cancel()

    # --- the stream ----------------------------------------------------------------------------------

    def go_on(self, session: Session, inputs: list[wire.Block], answers: list[Answer]) -> None:
        """Has the inputs heard, sends the answers, and looks again when something is due."""
        for block in inputs:
            assert session.take is not None  # inputs come from a take
            self.engine.submit(session.voice, block, partial(self._heard, session, session.take))
        for answer in answers:
            datagram = wire.encode_audio(AUDIO_OUT, answer.seq, answer.samples, session.hello.format)
            self.send(datagram, session.reply_to)
        self._set_timer(session)

    def _heard(self, session: Session, take: Take, result: Frames | Exception) -> None:
        if session.take is not take:
            return  # restarted or gone meanwhile
        if isinstance(result, Exception):
            self._fail(session, result)
        else:
            self.go_on(session, [], take.heard(result, self._loop.time()))

    def _fail(self, session: Session, failure: Exception) -> None:
        """Hearing raised an exception: a fault of ours, or a model that cannot run here."""
        request = self._request(session.source, 0, self._loop.time())
        self.refusals.refuse(request, "failed", f"hearing failed, the stream restarts: {failure!r}")
        log.debug("session %d: hearing failed", session.number, exc_info=failure)
        self.restart(session)

    def _set_timer(self, session: Session) -> None:
        due = None if session.take is None else session.take.due
        timer = self._timers.get(session)
        if due is None or (timer is not None and timer.when() <= due):
            return  # a timer that comes early looks again: cheaper than one for each answer
        if timer is not None:
            timer.cancel()
        self._timers[session] = self._loop.call_at(due, self._look_after, session)

    def _look_after(self, session: Session) -> None:
        del self._timers[session]
        if session.take is not None:
            self.go_on(session, *session.take.expire(self._loop.time()))

    # --- what the server says ------------------------------------------------------------------------

    def welcome(self, session: Session, request: Request) -> None:
        """Sends as much of the welcome as the path's proof allows: no more bytes than came."""
        voice = session.voice
        pairs: list[tuple[str, float]] = [
            ("z_range", self._model.spec.model.z_limit),
            ("deadline_ms", 1000.0 * session.hello.deadline_seconds),
            *((f"{part}_ms", float(ms)) for part, ms in voice.latency_parts.items()),
        ]
        fixed = (session.number, session.token, voice.latency_samples, self._model.name, __version__)
        for n_pairs in range(len(pairs), -1, -1):
            datagram = wire.encode(WELCOME, *fixed, *chain(*pairs[:n_pairs]))
            if session.is_proven or len(datagram) <= request.n_bytes:
                session.owes_welcome = n_pairs < len(pairs)
                self.send(datagram, session.reply_to)
                return
        session.owes_welcome = True
        self.refusals.refuse(request, "short", "pad hello to 256 bytes")

    def tell_stats(self, session: Session) -> None:
        """Sends the session's counters and the engine's times."""
        if session.is_proven:
            count, time = session.counters, self.engine.measured()
            counts = (count.blocks_in, count.lost, count.late, count.concealed)
            times = (time.p50_ms, time.p95_ms, time.p99_ms, time.load)
            self.send(wire.encode(STATS, *counts, *times), session.reply_to)

    def _tell_state(self) -> None:
        for session in self.sessions.values():
            if session.is_proven:
                self.send(wire.encode(STATUS, self.state, self.reason), session.reply_to)

    def _every_second(self) -> None:
        now = self._loop.time()
        self._loop.call_at(now + STATUS_EVERY, self._every_second)
        for session in [s for s in self.sessions.values() if now - s.last_seen >= SILENCE]:
            log.info("session %d (%s) is silent: dropped", session.number, session.hello.client)
            self.drop(session)
        self.refusals.every_second(now)
        self._judge_load()
        self._tell_state()
        for session in self.sessions.values():
            if session.wants_stats:
                self.tell_stats(session)

    def _judge_load(self) -> None:
        load = self.engine.measured().load
        if self.state in ("ready", "overloaded"):
            is_over = load >= OVERLOAD
            self.state = "overloaded" if is_over else "ready"
            self.reason = f"inference takes {load:.0%} of the time: play fewer sessions" if is_over else ""
