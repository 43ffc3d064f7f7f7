"""A MIDI port that other programs see: each session plays its notes there as soon as they are known.

Flow: voice -> frames -> notes.NoteTracker -> midi_port -> any bass plug-in. mido and python-rtmidi (extra
`midi`) are imported when a port is opened.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from bassnet_osc.frames import Frames
from bassnet_osc.notes import BEND_SEMITONES, HIGHEST_PITCH, WHEEL, Note, NoteTracker
from bassnet_osc.sound import Sound
from bassnet_osc.spec import BassNetError, Spec

if TYPE_CHECKING:
    import mido

N_CHANNELS = 16  # MIDI's; a session plays on one of its own
RETUNED = 0.6  # semitones that a note's median must have moved for it to be another note: 0.5 would flutter


class Out(Protocol):
    """What is used of a mido output."""

    def send(self, message: mido.Message) -> None:
        """Sends at once."""

    def close(self) -> None:
        """Takes the port away."""


class MidiPort:
    """The port, and which of its channels are taken. As a context, it ends all notes and closes."""

    def __init__(self, out: Out, spec: Spec, sound: Sound) -> None:
        self._out, self._spec, self._sound = out, spec, sound
        self._players: list[MidiPlayer | None] = [None] * N_CHANNELS  # by channel

    @staticmethod
    def open(name: str, spec: Spec, sound: Sound) -> MidiPort:
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
        return MidiPort(out, spec, sound)

    def player(self) -> MidiPlayer:
        """A player for one more voice."""
        return MidiPlayer(self, self._spec, self._sound)

    def send(self, player: MidiPlayer, kind: str, **values: Any) -> bool:
        """Sends at once on the player's channel: the lowest that was free when it first played, if any."""
        import mido

        if player not in self._players and None in self._players:
            self._players[self._players.index(None)] = player
        if player not in self._players:
            return False
        self._out.send(mido.Message(kind, channel=self._players.index(player), **values))
        return True

    def free(self, player: MidiPlayer) -> None:
        """The player's channel may be another one's."""
        self._players = [None if other is player else other for other in self._players]

    def __enter__(self) -> MidiPort:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for player in self._players:
            if player is not None:
                player.close()
        self._out.close()


class MidiPlayer:
    """One bass on a channel: a note begins with its attack, not when all of it is known.

    Its pitch and velocity are those of its first frame. What is corrected later is a new note.
    """

    def __init__(self, port: MidiPort, spec: Spec, sound: Sound) -> None:
        self._port = port
        self._tracker = NoteTracker(spec)
        self._octave = sound.octave
        self._start = math.nan  # frame at which the sounding note was plucked
        self._median = math.nan  # its pitch, when it was sent
        self._pitch: int | None = None  # as sent, None in silence

    def accept(self, frames: Frames) -> None:
        """Plays frames; grouping does not matter."""
        for i in range(len(frames)):
            self._tracker.process(frames[i : i + 1])
            self._follow(self._tracker.sounding)

    def close(self) -> None:
        """Ends the note that sounds and gives the channel back."""
        self._stop()
        self._port.free(self)

    def _follow(self, note: Note | None) -> None:
        if note is None:
            self._stop()
            return
        median = note.pitch + note.bend
        if note.start_frame != self._start or not abs(median - self._median) < RETUNED:
            self._stop()
            self._begin(note)
            self._start, self._median = note.start_frame, median

    def _begin(self, note: Note) -> None:
        pitch = note.pitch + 12 * self._octave
        if 0 <= pitch <= HIGHEST_PITCH:
            bend = round(note.bend / BEND_SEMITONES * WHEEL)
            self._port.send(self, "pitchwheel", pitch=bend)
            if self._port.send(self, "note_on", note=pitch, velocity=note.velocity):
                self._pitch = pitch

    def _stop(self) -> None:
        if self._pitch is not None:
            self._port.send(self, "note_off", note=self._pitch)
        self._pitch, self._start = None, math.nan
