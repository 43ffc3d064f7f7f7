"""Every message to its session, every answer to its client.

Flow: server (socket) -> switchboard -> addresses, session, playing -> answers -> send. Bytes in, bytes out:
`send` and the loop (time and timers) are handed in, so that all of it runs without a port or a clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from bassnet_osc import answers as say
from bassnet_osc import wire
from bassnet_osc.pace import Pace
from bassnet_osc.playing import Loop, Playing
from bassnet_osc.register import EVERYBODY, Register
from bassnet_osc.request import Address, Refusals, Request
from bassnet_osc.session import MakeVoice, Model, Session, Source
from bassnet_osc.spec import BassNetError

if TYPE_CHECKING:
    from bassnet_osc.device import Device
    from bassnet_osc.engine import Engine

TO = "/bassnet/to/"  # before a client's name
MAX_SESSIONS = 64
LATEST_S = 60.0  # seconds that a control may wait for its time tag
MAX_PUT_OFF, MAX_PUTTING_OFF = 4096, 64  # controls that may wait, of each source; sources that may have such
MAX_CONTROLS = 1000  # a second, for all sessions: each of them is as many
MAX_CONTROL = 256  # bytes of a control that may wait
MAX_CREDIT = 1 << 16  # bytes that an unproven session may have left to be answered
FADE_OUT = 0.05  # seconds, when the server ends

log = logging.getLogger("bassnet_osc")


class Shelf(Protocol):
    """The models that sessions may choose from."""

    @property
    def default(self) -> Model:
        """What a session plays by that chose none."""

    @property
    def names(self) -> Sequence[str]:
        """Of all of them."""

    def fetch(self, name: str, done: Callable[[Model | Exception], None]) -> None:
        """Loads one of them, perhaps in a while, and calls `done` in the loop's thread."""


class Switchboard:
    """All sessions of one server. `receive` takes each datagram, `become` the server's state."""

    def __init__(
        self,
        addresses: Mapping[str, Address],
        shelf: Shelf,
        make_voice: MakeVoice,
        engine: Engine,
        send: Callable[[bytes, Source], None],
        loop: Loop,
        max_sessions: int = MAX_SESSIONS,
        wall_time: Callable[[], float] = lambda: 0.0,
        device: Device | None = None,
    ) -> None:
        """`wall_time` is the clock of time tags, in Unix seconds; `device` is a client in this process."""
        self.state, self.reason = "loading", "the model warms up"
        self.refusals = Refusals(send)
        self.register = Register(make_voice, loop.time, self._ended, max_sessions)
        self.playing = Playing(engine, self.tell, loop, self._failed)
        self.engine = engine
        self.send = send
        self.shelf = shelf
        self.device = device
        self._addresses = addresses
        self._wall_time = wall_time
        controls = [name.encode() + b"\0" for name, address in addresses.items() if address.is_control]
        self._controls = (TO.encode(), *controls)
        self._n_put_off: dict[Source, int] = {}  # messages that wait for their time
        self._loop = loop
        self._started = loop.time()
        self.controls = Pace("controls without a session may come", "send them less often", MAX_CONTROLS)
        self.reports = Pace("a report may be asked for", "ask less often")

    @property
    def uptime_s(self) -> float:
        """Since the server began."""
        return self._loop.time() - self._started

    def receive(self, datagram: bytes, source: Source) -> None:
        """Takes a datagram. Never raises for what it holds."""
        now = self._loop.time()
        session = self.sessions.get(source)
        if session is not None:
            session.last_seen = now
            if not session.is_proven:
                session.credit = min(session.credit + len(datagram), MAX_CREDIT)
        try:
            messages = wire.timed(datagram)
        except BassNetError as error:
            self.refusals.refuse(self._request(source, len(datagram), now), "datagram", str(error))
            return
        for message, at_time in messages:
            if at_time and self._is_for_later(message, source, at_time):
                continue
            self._dispatch(message, self._request(source, len(message), now))

    def _is_for_later(self, message: bytes, source: Source, at_time: float) -> bool:
        """Whether it is a control whose time has yet to come; it is put off then, if there is room."""
        wait = at_time - self._wall_time()
        is_control = message.startswith(self._controls) and len(message) <= MAX_CONTROL
        if not is_control or not 0.0 < wait <= LATEST_S:
            return False
        n_before = self._n_put_off.get(source, 0)
        if n_before >= MAX_PUT_OFF or (not n_before and len(self._n_put_off) >= MAX_PUTTING_OFF):
            request = self._request(source, len(message), self._loop.time())
            rule = f"at most {MAX_PUT_OFF} controls of {MAX_PUTTING_OFF} sources may wait for their time"
            self.refusals.refuse(request, "time", f"{rule}; got one more: send it later")
            return True
        self._n_put_off[source] = n_before + 1
        of = self.sessions.get(source)
        self._loop.call_at(self._loop.time() + wait, self._in_time, message, source, of)
        return True

    def _in_time(self, message: bytes, source: Source, of: Session | None) -> None:
        """Not where the session has ended meanwhile, since without one a control would be everybody's."""
        self._n_put_off[source] -= 1
        if not self._n_put_off[source]:
            del self._n_put_off[source]
        if self.sessions.get(source) is of:
            self._dispatch(message, self._request(source, len(message), self._loop.time()))

    def become(self, state: str, reason: str = "") -> None:
        """Changes the state (loading, ready, overloaded, stopping) and tells every client."""
        self.state, self.reason = state, reason
        self.tell_state()

    def _request(self, source: Source, n_bytes: int, now: float) -> Request:
        session = self.sessions.get(source)
        return Request(source, session, n_bytes, now, source if session is None else session.reply_to)

    def _dispatch(self, message: bytes, request: Request) -> None:
        code = "address"
        try:
            name = wire.address_of(message)
            code, entry, request = self._entry(name, request)
            if entry is None:
                self.refusals.refuse(
                    request, "address", f"no address {wire.short(name)}: see the table in the README"
                )
            elif request.session is None and entry.is_control:
                self.controls.count(EVERYBODY, request.now)
                entry.handle(self, request, *wire.arguments(wire.decode_message(message), entry.kinds or ""))
            elif request.session is None and not entry.is_open:
                self.refusals.refuse(request, "no_session", "say /bassnet/hello first")
            elif entry.kinds is None:
                entry.handle(self, request, message)
            else:
                entry.handle(self, request, *wire.arguments(wire.decode_message(message), entry.kinds))
        except BassNetError as error:
            self.refusals.refuse(request, code, str(error))

    def _entry(self, name: str, request: Request) -> tuple[str, Address | None, Request]:
        """What an error of it is called, and what the table says of an address.

        /bassnet/to/NAME/z is /bassnet/z for the client of that name.
        """
        is_for_one = name.startswith(TO)
        if is_for_one:
            client, _, rest = name.removeprefix(TO).partition("/")
            name, request = f"/bassnet/{rest}", replace(request, client=client)
        entry = self._addresses.get(name)
        if entry is None or (is_for_one and not entry.is_control):
            return "address", None, request
        return name.removeprefix("/bassnet/"), entry, request

    # --- sessions ------------------------------------------------------------------------------------

    @property
    def sessions(self) -> dict[Source, Session]:
        """All of them, by their source."""
        return self.register.sessions

    def drop(self, session: Session) -> None:
        """Ends the session and frees what it held."""
        self.register.drop(session)

    def switch(self, session: Session, name: str, request: Request) -> None:
        """Has the session play by an installed model, as soon as that is loaded."""
        if name not in self.shelf.names:
            raise BassNetError(
                f"model must be one of {', '.join(self.shelf.names)}; got {wire.short(name)}: choose one"
            )
        if session.wanted_model == name:
            return  # it has it, or is waiting for it
        session.wanted_model = name
        self.shelf.fetch(name, partial(self._fetched, session.number, name, request))

    def _fetched(self, number: int, name: str, request: Request, model: Model | Exception) -> None:
        session = next((one for one in self.sessions.values() if one.number == number), None)
        if session is None or session.wanted_model != name:
            return  # gone, or it wants another one by now
        try:
            if isinstance(model, Exception):
                raise BassNetError(f"model {name} cannot be loaded: {model}")
            if model is not session.model:
                is_anew = self.playing.switch(session, model)
                self.tell(session, say.model(model.name))
                if is_anew:
                    self.tell(session, say.latency(session))
        except BassNetError as error:
            session.wanted_model = session.model.name
            self.refusals.refuse(request, "model", str(error))

    def fade_out(self) -> None:
        """Makes all sessions silent within FADE_OUT seconds."""
        for session in self.sessions.values():
            self.playing.fade_out(session, FADE_OUT)

    def prove(self, session: Session, request: Request) -> None:
        """Takes note that the client receives what is sent to it."""
        if not session.is_proven:
            session.is_proven = True
            if session.owes_welcome:
                self.welcome(session, request)

    def _ended(self, session: Session) -> None:
        self.playing.end(session)

    def _failed(self, session: Session, failure: Exception) -> None:
        """Hearing raised an exception: a fault of ours, or a model that cannot run here."""
        request = self._request(session.source, 0, self._loop.time())
        self.refusals.refuse(request, "failed", f"hearing failed, the stream restarts: {failure!r}")
        log.debug("session %d: hearing failed", session.number, exc_info=failure)
        try:
            self.playing.restart(session)
        except BassNetError:  # it fails again and again; a hello opens it anew
            self.drop(session)

    # --- what the server says ------------------------------------------------------------------------

    def welcome(self, session: Session, request: Request) -> None:
        """Sends as much of the welcome as the path's proof allows: no more bytes than came."""
        welcomes = say.welcomes(session)
        for datagram in welcomes:
            if session.may_get(len(datagram)):
                session.owes_welcome = datagram is not welcomes[0]
                self.send(datagram, session.reply_to)
                return
        session.owes_welcome = True
        self.refusals.refuse(replace(request, session=session), "short", "pad to 256 B")

    def tell_stats(self, session: Session) -> None:
        """Sends the session's counters and the engine's times."""
        self.tell(session, say.stats(session.counters, self.engine.measured()))

    def tell_state(self) -> None:
        """Tells every client what the server is at."""
        for session in self.sessions.values():
            self.tell(session, say.status(self.state, self.reason))

    def tell(self, session: Session, datagram: bytes) -> None:
        """Sends it, if the session may get so much."""
        if session.may_get(len(datagram)):
            self.send(datagram, session.reply_to)
