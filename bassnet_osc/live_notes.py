"""Notes as they are heard: each begins with its attack, not when all of it is known.

Flow: voice -> frames -> notes.NoteTracker -> live_notes -> playing, midi_port.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bassnet_osc.frames import Frames
from bassnet_osc.notes import HIGHEST_PITCH, Note, NoteTracker
from bassnet_osc.spec import DescriptorSpec, Spec

SETTLED = 3  # frames in which another pitch must be the note's until it is struck anew
RETUNED = 0.1  # semitones that a note must have moved until its bend is told again


@dataclass(frozen=True)
class NoteEvent:
    """At a frame a pitch goes on, is bent, or goes off; bend in semitones, velocity 1 to 127."""

    kind: str  # on, bend, off
    frame: int
    pitch: int
    bend: float = 0.0
    velocity: int = 0


class LiveNotes:
    """Frames to events: never two pitches at once, every one that goes on goes off, none that MIDI lacks.

    Pitch and velocity of a note are those of its first frame. What turns out otherwise is struck anew once it
    has settled, or bent where the pitch is the same.
    """

    def __init__(self, spec: Spec) -> None:
        self._tracker = NoteTracker(spec)
        self._sounding: NoteEvent | None = None  # as last told
        self._pitch: int | None = None  # its pitch before octaves
        self._start = math.nan  # frame at which the sounding note began, as the tracker has it
        self._n_other = 0  # frames for which its pitch has been another one
        self._next = 0

    def decide_by(self, descriptor: DescriptorSpec) -> None:
        """Takes a model's own thresholds, from the next frame on."""
        self._tracker.gate.spec = descriptor

    def process(self, frames: Frames, octave: int = 0) -> list[NoteEvent]:
        """The events of these frames, notes that begin so many octaves higher; grouping does not matter."""
        events = []
        for i in range(len(frames)):
            self._tracker.process(frames[i : i + 1])
            self._next = frames.first + i + 1
            events += self._follow(self._tracker.sounding, frames.first + i, 12 * octave)
        return events

    def rest(self) -> list[NoteEvent]:
        """The end of what sounds; then as new: a voice that goes on begins a note."""
        self._tracker.reset()
        return self._stop(self._next)

    def _follow(self, note: Note | None, frame: int, semitones: int) -> list[NoteEvent]:
        if note is None:
            return self._stop(frame)
        self._n_other = self._n_other + 1 if note.pitch != self._pitch else 0
        if note.start_frame != self._start or self._n_other == SETTLED:
            return [*self._stop(frame), *self._begin(note, frame, semitones)]
        sounding = self._sounding
        if sounding and not self._n_other and abs(note.bend - sounding.bend) > RETUNED:
            self._sounding = replace(sounding, kind="bend", frame=frame, bend=note.bend)
            return [self._sounding]
        return []

    def _begin(self, note: Note, frame: int, semitones: int) -> list[NoteEvent]:
        self._start, self._pitch, self._n_other = note.start_frame, note.pitch, 0
        pitch = note.pitch + semitones
        if not 0 <= pitch <= HIGHEST_PITCH:
            return []
        self._sounding = NoteEvent("on", frame, pitch, note.bend, note.velocity)
        return [self._sounding]

    def _stop(self, frame: int) -> list[NoteEvent]:
        stopped, self._sounding, self._pitch, self._start = self._sounding, None, None, math.nan
        return [] if stopped is None else [NoteEvent("off", frame, stopped.pitch)]
