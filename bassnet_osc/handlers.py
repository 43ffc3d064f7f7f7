"""What each address does: one handler an address, between the switchboard and a session.

Flow: addresses -> handlers -> switchboard, session, playing. A handler has the request and the message's
arguments, and raises BassNetError, which goes back to who asked, for what cannot be done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bassnet_osc import wire
from bassnet_osc.answers import MODELS, PONG, STATUS
from bassnet_osc.audio_wire import decode_audio
from bassnet_osc.hello import Hello
from bassnet_osc.latent import LiveZ
from bassnet_osc.report import REPORT, fitted
from bassnet_osc.report import report as report_of
from bassnet_osc.request import Request
from bassnet_osc.sound import changed
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import Switchboard

SUBSCRIPTIONS = ("stats", "frames", "notes")


def hello(board: Switchboard, request: Request, *args: Any) -> None:
    """Opens or renews the session; a server that cannot take one says its state."""
    if 0 < args[1] < 65536:  # Max cannot receive at its source, not even a refusal
        request = dataclasses.replace(request, reply_to=(request.source[0], args[1]))
    if board.state in ("loading", "stopping"):
        board.refusals.send_short(request, STATUS, board.state, board.reason)
        return
    try:
        board.welcome(board.register.admit(Hello.parse(list(args)), request, board.shelf.default), request)
    except BassNetError as error:
        board.refusals.refuse(request, "hello", str(error))


def audio_in(board: Switchboard, request: Request, message: bytes) -> None:
    """One block of the mix goes to the session's take."""
    session = request.own_session
    seq, samples = decode_audio(message, session.hello.format)
    board.playing.receive(session, seq, samples, request.now)
    if session.owes_welcome:
        board.welcome(session, request)


def z(board: Switchboard, request: Request, x: float, y: float) -> None:
    """Moves the addressed sessions in the plane."""
    for session in board.register.addressed(request):
        session.z.set(x, y)


def z_x(board: Switchboard, request: Request, x: float) -> None:
    """Moves the addressed sessions along one axis."""
    for session in board.register.addressed(request):
        session.z.set_axis("x", x)


def z_y(board: Switchboard, request: Request, y: float) -> None:
    """Moves the addressed sessions along the other."""
    for session in board.register.addressed(request):
        session.z.set_axis("y", y)


def z_at(board: Switchboard, request: Request, seq: int, offset: int, x: float, y: float) -> None:
    """Plans z at a sample of the mix."""
    if not (0 <= seq < 2**31 and 0 <= offset < request.own_session.hello.block_size):
        raise BassNetError(
            f"a time is a seq of 0 or more and a sample within its block; got {seq} and {offset}: send both"
        )
    request.own_session.plan_z(seq, offset, x, y)


def variation_z(n: int) -> Callable[..., None]:
    """What moves variation n, which begins with it."""

    def move(board: Switchboard, request: Request, x: float, y: float) -> None:
        session = request.own_session
        z = session.variations.get(n) or LiveZ(session.z.spec)
        z.set(x, y)
        if n not in session.variations:
            session.vary(n, z)

    return move


def variation_off(n: int) -> Callable[..., None]:
    """What ends variation n."""

    def end(board: Switchboard, request: Request) -> None:
        request.own_session.unvary(n)

    return end


def model(board: Switchboard, request: Request, name: str) -> None:
    """Switches the addressed sessions to another model."""
    for session in list(board.register.addressed(request)):
        board.switch(session, name, request)


def models(board: Switchboard, request: Request) -> None:
    """Tells what is installed, for a menu."""
    board.tell(request.own_session, wire.encode(MODELS, *board.shelf.names))


def report(board: Switchboard, request: Request, padding: str) -> None:
    """Answers with as much of the report as fits into the request."""
    board.reports.count(request.source, request.now)
    room = request.n_bytes - len(wire.encode(REPORT, "")) + 3  # the empty text takes 4 bytes as well
    answer = wire.encode(REPORT, fitted(report_of(board), room))
    if request.session is None:
        board.send(answer, request.reply_to)
    else:
        board.tell(request.session, answer)


def param(name: str) -> Callable[..., None]:
    """What changes that parameter of the sound."""

    def change(board: Switchboard, request: Request, value: str | float) -> None:
        for session in board.register.addressed(request):
            session.play_as(changed(session.sound, name, value))

    return change


def subscribe(board: Switchboard, request: Request, what: str, on: int) -> None:
    """Begins or ends a stream of answers, for a proven path."""
    if what not in SUBSCRIPTIONS:
        known = ", ".join(SUBSCRIPTIONS)
        raise BassNetError(f"subscribe knows {known}; got {wire.short(what)}: choose one")
    session = request.own_session
    if not session.is_proven:
        raise BassNetError("streams go to proven paths; this one is not: send ping with the token of welcome")
    if what == "notes" and not on:
        board.playing.rest(session)
    (session.wants.add if on else session.wants.discard)(what)
    if what == "stats":
        board.tell_stats(session)


def ping(board: Switchboard, request: Request, n: int) -> None:
    """Answers; the token proves the path."""
    if n == request.own_session.token:
        board.prove(request.own_session, request)
    pong = wire.encode(PONG, n)
    board.tell(request.own_session, pong)


def reset(board: Switchboard, request: Request) -> None:
    """Starts the session's stream anew."""
    board.playing.restart(request.own_session)


def bye(board: Switchboard, request: Request) -> None:
    """Ends the session."""
    board.drop(request.own_session)
