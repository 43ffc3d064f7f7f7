"""Every address of the protocol: who handles it, what it takes, what it does. The only list.

Flow: switchboard -> ADDRESSES -> one handler each -> switchboard, session. The README's table is made of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bassnet_osc import wire
from bassnet_osc.answers import (
    AUDIO_OUT,
    FRAME,
    LATENCY,
    MODEL,
    NOTE_OFF,
    NOTE_ON,
    PONG,
    STATS,
    STATUS,
    VARIATION_OUT,
    WELCOME,
)
from bassnet_osc.audio_wire import decode_audio
from bassnet_osc.hello import Hello
from bassnet_osc.latent import LiveZ
from bassnet_osc.report import REPORT, fitted, report
from bassnet_osc.request import ERROR, Address, Request
from bassnet_osc.session import MAX_VARIATIONS
from bassnet_osc.sound import PARAMS, changed
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import Switchboard


def _hello(board: Switchboard, request: Request, *args: Any) -> None:
    if 0 < args[1] < 65536:  # Max cannot receive at its source, not even a refusal
        request = dataclasses.replace(request, reply_to=(request.source[0], args[1]))
    if board.state in ("loading", "stopping"):
        board.refusals.send_short(request, STATUS, board.state, board.reason)
        return
    try:
        board.welcome(board.register.admit(Hello.parse(list(args)), request, board.shelf.default), request)
    except BassNetError as error:
        board.refusals.refuse(request, "hello", str(error))


def _audio_in(board: Switchboard, request: Request, message: bytes) -> None:
    session = request.own_session
    seq, samples = decode_audio(message, session.hello.format)
    board.playing.receive(session, seq, samples, request.now)
    if session.owes_welcome:
        board.welcome(session, request)


def _z(board: Switchboard, request: Request, x: float, y: float) -> None:
    for session in board.register.addressed(request):
        session.z.set(x, y)


def _z_x(board: Switchboard, request: Request, x: float) -> None:
    for session in board.register.addressed(request):
        session.z.set_axis("x", x)


def _z_y(board: Switchboard, request: Request, y: float) -> None:
    for session in board.register.addressed(request):
        session.z.set_axis("y", y)


def _z_at(board: Switchboard, request: Request, seq: int, offset: int, x: float, y: float) -> None:
    if not (0 <= seq < 2**31 and 0 <= offset < request.own_session.hello.block_size):
        raise BassNetError(
            f"a time is a seq of 0 or more and a sample within its block; got {seq} and {offset}: send both"
        )
    request.own_session.plan_z(seq, offset, x, y)


def _variation_z(n: int) -> Callable[..., None]:
    def move(board: Switchboard, request: Request, x: float, y: float) -> None:
        session = request.own_session
        z = session.variations.get(n) or LiveZ(session.z.spec)
        z.set(x, y)
        if n not in session.variations:
            session.vary(n, z)

    return move


def _variation_off(n: int) -> Callable[..., None]:
    def end(board: Switchboard, request: Request) -> None:
        request.own_session.unvary(n)

    return end


def _model(board: Switchboard, request: Request, name: str) -> None:
    for session in list(board.register.addressed(request)):
        board.switch(session, name, request)


def _report(board: Switchboard, request: Request, padding: str) -> None:
    board.reports.count(request.source, request.now)
    room = request.n_bytes - len(wire.encode(REPORT, "")) + 3  # the empty text takes 4 bytes as well
    answer = wire.encode(REPORT, fitted(report(board), room))
    if request.session is None:
        board.send(answer, request.reply_to)
    else:
        board.tell(request.session, answer)


def _param(name: str) -> Callable[..., None]:
    def change(board: Switchboard, request: Request, value: str | float) -> None:
        for session in board.register.addressed(request):
            session.play_as(changed(session.sound, name, value))

    return change


def _subscribe(board: Switchboard, request: Request, what: str, on: int) -> None:
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


def _ping(board: Switchboard, request: Request, n: int) -> None:
    if n == request.own_session.token:
        board.prove(request.own_session, request)
    pong = wire.encode(PONG, n)
    board.tell(request.own_session, pong)


def _reset(board: Switchboard, request: Request) -> None:
    board.playing.restart(request.own_session)


def _bye(board: Switchboard, request: Request) -> None:
    board.drop(request.own_session)


SUBSCRIPTIONS = ("stats", "frames", "notes")

ADDRESSES = {
    "/bassnet/hello": Address(
        _hello,
        "siiis*",
        "s client, i reply_port (0: the source), i sample_rate, i block_size, s format (f, b, s16), then s "
        "key, value pairs: token, deadline_ms, latency_target_ms, taper; others are ignored, so `pad` can "
        "make it 256 bytes",
        "opens the session or renews it (the heartbeat, each second); changed arguments restart it",
        is_open=True,
    ),
    "/bassnet/audio/in": Address(
        _audio_in,
        None,
        "i seq, then block_size numbers (f), or one blob of float32 (b) or int16 (s16), big-endian",
        "one block of the mix; answered by /bassnet/audio/out with the same seq and size",
    ),
    "/bassnet/z": Address(
        _z,
        "ff",
        "f x, f y",
        "moves in the latent plane, clamped to z_range; everybody's, from a source without a session; one "
        "client's as /bassnet/to/NAME/z, NAME as in its hello; z/x, z/y, param and model likewise",
        is_open=True,
        is_control=True,
    ),
    "/bassnet/z/at": Address(
        _z_at,
        "iiff",
        "i seq, i offset, f x, f y",
        "z at a sample of the mix: applied by the first window that reaches it, straight lines between such "
        "points; 4096 may wait; forgotten at a restart",
    ),
    "/bassnet/z/x": Address(_z_x, "f", "f x", "moves along one axis", is_open=True, is_control=True),
    "/bassnet/z/y": Address(_z_y, "f", "f y", "moves along one axis", is_open=True, is_control=True),
    **{
        f"/bassnet/param/{name}": Address(
            _param(name),
            param.kind,
            f"{param.kind} {param.what}",
            "changes the sound" if param.kind == "s" else f"clamped to {param.lowest:g} .. {param.highest:g}",
            is_open=True,
            is_control=True,
        )
        for name, param in PARAMS.items()
    },
    **{
        f"/bassnet/variation/{n}/z": Address(
            _variation_z(n),
            "ff",
            "f x, f y",
            "a further bass to the same mix, at this z, in its own stream of answers; N is 1 to "
            f"{MAX_VARIATIONS}",
        )
        for n in range(1, MAX_VARIATIONS + 1)
    },
    **{
        f"/bassnet/variation/{n}/off": Address(_variation_off(n), "", "", "ends it")
        for n in range(1, MAX_VARIATIONS + 1)
    },
    "/bassnet/model": Address(
        _model,
        "s",
        "s name of an installed model",
        "plays by it as soon as it is loaded: without a seam where it is as late as the one before, or else "
        "anew, with a fade of 10 ms and /bassnet/latency",
        is_open=True,
        is_control=True,
    ),
    "/bassnet/report": Address(
        _report,
        "s",
        "s padding",
        "/bassnet/report s JSON, no longer than the request: what `bassnet status` shows",
        is_open=True,
    ),
    "/bassnet/subscribe": Address(
        _subscribe,
        "si",
        "s what (stats, frames, notes), i on",
        "stats: at once, and each second if on; frames and notes: as soon as they are known, until off",
    ),
    "/bassnet/ping": Address(
        _ping,
        "i",
        "i n",
        "/bassnet/pong n; with n = token it proves the path: until then no more bytes are sent than came",
    ),
    "/bassnet/reset": Address(_reset, "", "", "starts the stream anew, with a fade of 10 ms"),
    "/bassnet/bye": Address(_bye, "", "", "ends the session"),
}

ANSWERS = {
    WELCOME: "i session, i token, i latency_samples, s model, s version, then s key, f value pairs: z_range "
    "(from minus to plus), deadline_ms, and the parts of the latency in ms",
    AUDIO_OUT: "i seq, then block_size samples in the session's format",
    VARIATION_OUT.format("N"): "i seq, then as many samples of variation N",
    STATUS: "s state (loading, ready, overloaded, stopping), s reason: each second",
    STATS: "i blocks in, i lost, i late, i concealed, f p50, f p95, f p99 (ms of inference), f load (0 to 1)",
    FRAME: "i frame (100 a second, from the first block on), f f0_hz (0 unvoiced), f level_db, f onset",
    NOTE_ON: "i pitch, i velocity, f bend (semitones), i seq, i offset: where it begins in the mix; heard "
    "latency_samples later",
    NOTE_OFF: "i pitch, i seq, i offset",
    PONG: "i n",
    MODEL: "s name of the model that plays from now on",
    LATENCY: "i latency_samples, then s key, f value pairs: its parts in ms; whenever it changes",
    REPORT: "s JSON: the state, the times of inference, the sessions; more_sessions: how many did not fit",
    ERROR: "s code (the message at fault, or no_session, address, datagram, short, failed), s text",
}


def markdown() -> str:
    """The README's tables: what a client may send, and what it is sent."""
    further = tuple(f"/bassnet/variation/{n}/" for n in range(2, MAX_VARIATIONS + 1))
    sent = [
        f"| `{name.replace('/1/', '/N/')}` | {a.arguments} | {a.effect} |"
        for name, a in ADDRESSES.items()
        if not name.startswith(further)
    ]
    answered = [f"| `{name}` | {arguments} |" for name, arguments in ANSWERS.items()]
    heads = ("| client to server | arguments | effect |", "| server to client | arguments |")
    return "\n".join([heads[0], "|---|---|---|", *sent, "", heads[1], "|---|---|", *answered])
