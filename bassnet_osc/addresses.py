"""Every address of the protocol: who handles it, what it takes, what it does. The only list.

Flow: switchboard -> ADDRESSES -> handlers -> switchboard, session. The README's table is made of it.
"""

from __future__ import annotations

from bassnet_osc import handlers
from bassnet_osc.answers import (
    FRAME,
    LATENCY,
    MODEL,
    MODELS,
    NOTE_OFF,
    NOTE_ON,
    PONG,
    STATS,
    STATUS,
    VARIATION_OUT,
    WELCOME,
)
from bassnet_osc.audio_wire import AUDIO_IN, AUDIO_OUT
from bassnet_osc.params import PARAMS
from bassnet_osc.report import REPORT
from bassnet_osc.request import ERROR, Address
from bassnet_osc.session import MAX_VARIATIONS

ADDRESSES = {
    "/bassnet/hello": Address(
        handlers.hello,
        "siiis*",
        "s client, i reply_port (0: the source), i sample_rate, i block_size, s format (f, b, s16), then s "
        "key, value pairs: token, deadline_ms, latency_target_ms, taper; others are ignored, so `pad` can "
        "make it 256 bytes",
        "opens the session or renews it (the heartbeat, each second); changed arguments restart it",
        is_open=True,
    ),
    AUDIO_IN: Address(
        handlers.audio_in,
        None,
        "i seq, then block_size numbers (f), or one blob of float32 (b) or int16 (s16), big-endian",
        "one block of the mix; answered by /bassnet/audio/out with the same seq and size",
    ),
    "/bassnet/z": Address(
        handlers.z,
        "ff",
        "f x, f y",
        "moves in the latent plane, clamped to z_range; everybody's, from a source without a session; one "
        "client's as /bassnet/to/NAME/z, NAME as in its hello; z/x, z/y, param and model likewise",
        is_open=True,
        is_control=True,
    ),
    "/bassnet/z/at": Address(
        handlers.z_at,
        "iiff",
        "i seq, i offset, f x, f y",
        "z at a sample of the mix: applied by the first window that reaches it, straight lines between such "
        "points; 4096 may wait; forgotten at a restart",
    ),
    "/bassnet/z/x": Address(handlers.z_x, "f", "f x", "moves along one axis", is_open=True, is_control=True),
    "/bassnet/z/y": Address(handlers.z_y, "f", "f y", "moves along one axis", is_open=True, is_control=True),
    **{
        f"/bassnet/param/{name}": Address(
            handlers.param(name),
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
            handlers.variation_z(n),
            "ff",
            "f x, f y",
            "a further bass to the same mix, at this z, in its own stream of answers; N is 1 to "
            f"{MAX_VARIATIONS}",
        )
        for n in range(1, MAX_VARIATIONS + 1)
    },
    **{
        f"/bassnet/variation/{n}/off": Address(handlers.variation_off(n), "", "", "ends it")
        for n in range(1, MAX_VARIATIONS + 1)
    },
    "/bassnet/model": Address(
        handlers.model,
        "s",
        "s name of an installed model",
        "plays by it as soon as it is loaded: without a seam where it is as late as the one before, or else "
        "anew, with a fade of 10 ms and /bassnet/latency",
        is_open=True,
        is_control=True,
    ),
    "/bassnet/models": Address(
        handlers.models, "", "", "asks for the names of the installed models, for a menu"
    ),
    "/bassnet/report": Address(
        handlers.report,
        "s",
        "s padding",
        "/bassnet/report s JSON, no longer than the request: what `bassnet status` shows",
        is_open=True,
    ),
    "/bassnet/subscribe": Address(
        handlers.subscribe,
        "si",
        "s what (stats, frames, notes), i on",
        "stats: at once, and each second if on; frames and notes: as soon as they are known, until off",
    ),
    "/bassnet/ping": Address(
        handlers.ping,
        "i",
        "i n",
        "/bassnet/pong n; with n = token it proves the path: until then no more bytes are sent than came",
    ),
    "/bassnet/reset": Address(handlers.reset, "", "", "starts the stream anew, with a fade of 10 ms"),
    "/bassnet/bye": Address(handlers.bye, "", "", "ends the session"),
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
    MODELS: "s name, for each installed model",
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
