"""What makes a session's voice: its model, sound, latency, and who else is told of what it plays.

Flow: server -> voices -> session. The MIDI port and the log are there or not.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from bassnet_osc.frames import Frames
from bassnet_osc.session import MakeVoice, Session
from bassnet_osc.sound import Sound
from bassnet_osc.voice import Voice

if TYPE_CHECKING:
    from bassnet_osc.midi_port import MidiPlayer, MidiPort
    from bassnet_osc.session_log import SessionLog


def target_samples(target_ms: float | None, sample_rate: int) -> int | None:
    """A latency that was asked for in whole samples, rounded up."""
    return None if target_ms is None else math.ceil(target_ms * sample_rate / 1000.0)


def voice_maker(
    sound: Sound, midi: MidiPort | None, target_ms: float | None, log: SessionLog | None
) -> MakeVoice:
    """`target_ms` is the latency of the sessions that do not ask for one of their own."""

    def make_voice(session: Session) -> Voice:
        """For the session's hello, model and z as they are; BassNetError where these do not go together."""
        hello = session.hello
        own_ms = target_ms if hello.latency_target_ms is None else hello.latency_target_ms
        player = midi.player() if midi else None
        return Voice(
            session.model,
            hello.sample_rate,
            session.z.from_next(),
            hello.taper,
            on_frames=_to_midi(player, weakref.ref(session)) if player else None,
            on_rest=player.rest if player else None,
            sound=sound,
            latency_samples=target_samples(own_ms, hello.sample_rate),
            journal=log.open(session, sound) if log else None,
        )

    return make_voice


def _to_midi(player: MidiPlayer, whose: weakref.ref[Session]) -> Callable[[Frames], None]:
    """Plays with the octave that the session has at the time; a session that ends shall be freed at once."""

    def play(frames: Frames) -> None:
        session = whose()
        if session is not None:
            player.accept(frames, session.sound.octave, session.voice.descriptor)

    return play
