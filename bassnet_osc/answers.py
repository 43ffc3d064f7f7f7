"""What the server says, as bytes.

Flow: switchboard -> answers -> wire, audio_wire. Pure: whom to send it to is the switchboard's.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from bassnet_osc import __version__, wire
from bassnet_osc.audio_wire import AUDIO_OUT, encode_audio

if TYPE_CHECKING:
    from bassnet_osc.frames import Frames
    from bassnet_osc.live_notes import NoteEvent
    from bassnet_osc.meter import Measured
    from bassnet_osc.session import Session
    from bassnet_osc.take import Answer, Counters
    from bassnet_osc.voice import Voice

WELCOME, STATUS = "/bassnet/welcome", "/bassnet/status"
VARIATION_OUT = "/bassnet/variation/{}/audio/out"
STATS, PONG = "/bassnet/stats", "/bassnet/pong"
LATENCY, MODEL, MODELS = "/bassnet/latency", "/bassnet/model", "/bassnet/models"
FRAME, NOTE_ON, NOTE_OFF = "/bassnet/frame", "/bassnet/note/on", "/bassnet/note/off"


def welcomes(session: Session) -> list[bytes]:
    """The welcome, whole and then with ever fewer of its pairs, for those who may only get few bytes."""
    voice = session.voice
    pairs: list[tuple[str, float]] = [
        ("z_range", session.z.spec.model.z_limit),
        ("deadline_ms", 1000.0 * session.hello.deadline_seconds),
        *latency_pairs(voice),
    ]
    fixed = (session.number, session.token, voice.latency_samples, session.model.name, __version__)
    return [wire.encode(WELCOME, *fixed, *chain(*pairs[:n])) for n in range(len(pairs), -1, -1)]


def audio_out(answer: Answer, format: str) -> list[bytes]:
    """A block of each bass, at its own address."""
    return [
        encode_audio(AUDIO_OUT if n == 0 else VARIATION_OUT.format(n), answer.seq, block, format)
        for n, block in answer.blocks.items()
    ]


def latency(session: Session) -> bytes:
    """The offset and its parts."""
    voice = session.voice
    return wire.encode(LATENCY, voice.latency_samples, *chain.from_iterable(latency_pairs(voice)))


def model(name: str) -> bytes:
    """What plays."""
    return wire.encode(MODEL, name)


def latency_pairs(voice: Voice) -> list[tuple[str, float]]:
    """The parts of the offset, in ms."""
    return [(f"{part}_ms", float(ms)) for part, ms in voice.latency_parts.items()]


def frames(played: Frames) -> list[bytes]:
    """Each frame as a message; f0 is 0 where there is none."""
    f0_hz = np.nan_to_num(played.f0_hz)
    curves = zip(f0_hz.tolist(), played.level_db.tolist(), played.onset.tolist(), strict=True)
    return [wire.encode(FRAME, played.first + i, *values) for i, values in enumerate(curves)]


def note(event: NoteEvent, seq: int, offset: int) -> bytes | None:
    """A note's beginning or end at a place of the mix; None for a bend, which has no message."""
    if event.kind == "on":
        return wire.encode(NOTE_ON, event.pitch, event.velocity, event.bend, seq, offset)
    return wire.encode(NOTE_OFF, event.pitch, seq, offset) if event.kind == "off" else None


def status(state: str, reason: str) -> bytes:
    """The server's state."""
    return wire.encode(STATUS, state, reason)


def stats(count: Counters, time: Measured) -> bytes:
    """A session's counters and the engine's times."""
    counts = (count.blocks_in, count.lost, count.late, count.concealed)
    return wire.encode(STATS, *counts, time.p50_ms, time.p95_ms, time.p99_ms, time.load)
