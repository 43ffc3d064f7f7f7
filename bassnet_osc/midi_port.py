"""A MIDI port that other programs see: each session plays its notes there as soon as they are known.

Flow: voice -> live_notes -> midi_port -> any bass plug-in. mido and python-rtmidi (extra
`midi`) are imported when a port is opened.
"""

from __future__ import annotations

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from bassnet_osc.frames import Frames
from bassnet_osc.live_notes import LiveNotes, NoteEvent
from bassnet_osc.notes import BEND_SEMITONES, WHEEL
from bassnet_osc.spec import BassNetError, DescriptorSpec, Spec

if TYPE_CHECKING:
    import mido

CHANNELS = [channel for channel in range(16) if channel != 9]  # MIDI's but for General MIDI's drums

log = logging.getLogger("bassnet_osc")


class Out(Protocol):
    """What is used of a mido output."""

    def send(self, message: mido.Message) -> None:
        """Sends at once."""

    def close(self) -> None:
        """Takes the port away."""


class MidiPort:
    """The port, and which of its channels are taken. As a context, it ends all notes and closes."""

    def __init__(self, out: Out, spec: Spec) -> None:
        self._out, self._spec = out, spec
        self._players: dict[int, MidiPlayer] = {}  # by channel
        self._is_dead = False
        self._is_full = False  # and the log has said so

    @staticmethod
    def open(name: str, spec: Spec) -> MidiPort:
        """The port of that name where there is one (loopMIDI on Windows), or else a new, virtual one."""
        try:
            import mido

            known = [port for port in mido.get_output_names() if port.startswith(name)]
            out = mido.open_output(known[0]) if known else mido.open_output(name, virtual=True)
        except ImportError as error:
            raise BassNetError(
                f"--midi-port needs python-rtmidi; {error}: pip install 'bassnet-osc[midi]'"
            ) from error
        except (OSError, NotImplementedError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BassNetError(
                f"--midi-port must be a port that can be had; got {name!r} ({reason}): start the system's "
                "MIDI (on Linux ALSA's sequencer, or JACK with MIDO_BACKEND=mido.backends.rtmidi/UNIX_JACK)"
            ) from error
        return MidiPort(out, spec)

    def player(self) -> MidiPlayer:
        """A player for one more voice."""
        return MidiPlayer(self, self._spec)

    def send(self, player: MidiPlayer, kind: str, **values: Any) -> bool:
        """Sends at once on the player's channel: the lowest that was free when it first played, if any."""
        import mido

        channel = self._channel(player)
        if channel is None or self._is_dead:
            return False
        try:
            self._out.send(mido.Message(kind, channel=channel, **values))
        except Exception as error:  # whatever the driver raises: the sound must go on
            self._is_dead = True
            log.warning("the MIDI port failed and is silent from here on: %s", error)
        return not self._is_dead

    def _channel(self, player: MidiPlayer) -> int | None:
        mine = next((channel for channel, other in self._players.items() if other is player), None)
        if mine is None:
            mine = next((channel for channel in CHANNELS if channel not in self._players), None)
            if mine is not None:
                self._players[mine] = player
            elif not self._is_full:
                self._is_full = True
                log.warning("all %d MIDI channels are taken: a session plays no notes", len(CHANNELS))
        return mine

    def free(self, player: MidiPlayer) -> None:
        """The player's channel may be another one's."""
        self._players = {channel: other for channel, other in self._players.items() if other is not player}
        self._is_full = self._is_full and len(self._players) == len(CHANNELS)

    def __enter__(self) -> MidiPort:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for player in list(self._players.values()):
            player.rest()
        self._out.close()


class MidiPlayer:
    """One bass on a channel."""

    def __init__(self, port: MidiPort, spec: Spec) -> None:
        self._port = port
        self._notes = LiveNotes(spec)
        self._is_on = False  # whether a note sounds on the port

    def accept(self, frames: Frames, octave: int = 0, descriptor: DescriptorSpec | None = None) -> None:
        """Plays frames, notes that begin so many octaves higher; grouping does not matter.

        `descriptor` has the thresholds of the model that brought them, where they are not the port's own.
        """
        if descriptor is not None:
            self._notes.decide_by(descriptor)
        for event in self._notes.process(frames, octave):
            self._send(event)

    def rest(self) -> None:
        """Ends the note that sounds and gives the channel back; the next note takes one again."""
        for event in self._notes.rest():
            self._send(event)
        self._port.free(self)

    def _send(self, event: NoteEvent) -> None:
        if event.kind == "off":
            if self._is_on:
                self._port.send(self, "note_off", note=event.pitch)
            self._is_on = False
            return
        self._port.send(self, "pitchwheel", pitch=round(event.bend / BEND_SEMITONES * WHEEL))
        if event.kind == "on":
            self._is_on = self._port.send(self, "note_on", note=event.pitch, velocity=event.velocity)
