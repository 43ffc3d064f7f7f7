"""Descriptor frames -> notes and a MIDI file (section 6.5: onsets, f0 with pitch bend, level as velocity).

Flow: frames -> onsets.OnsetGate -> notes (-> quantise) -> MIDI file. The MIDI library is imported when one is
written.
"""

from __future__ import annotations

import os
from bisect import insort
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bassnet_osc.frames import Array, Frames
from bassnet_osc.onsets import OnsetGate
from bassnet_osc.spec import A4_HZ, A4_PITCH, BassNetError, Spec

CHANGE_SEMITONES = 0.5  # a pitch this far from its note's ...
CHANGE_FRAMES = 6  # ... for so many frames, and within CHANGE_SEMITONES of itself, is another pitch
CORRECTION_FRAMES = 15  # until then after its attack a note corrects its pitch; later it is a new note

PROGRAM = 33  # General MIDI's fingered bass, counted from 0
BEND_SEMITONES = 2.0  # General MIDI's range of the pitch wheel, to either side
WHEEL = 8192  # the wheel's reading at BEND_SEMITONES
HIGHEST_PITCH = 127  # MIDI's, from 0
TICKS_PER_BEAT = 960  # a beat is a quarter; at the slowest tempo a tick is 3 ms, a third of a frame
BPM, LOWEST_BPM, HIGHEST_BPM = 120.0, 20.0, 400.0  # a MIDI file's own tempo; what music is counted in


@dataclass(frozen=True)
class Note:
    """Frames start_frame <= i < end_frame, MIDI pitch, bend in semitones from it, velocity 1 to 127.

    Start and end are whole as heard; `quantise.quantise` puts them on ticks, which lie between frames.
    """

    start_frame: float
    end_frame: float
    pitch: int
    bend: float
    velocity: int


def hz_to_pitch(f0_hz: npt.ArrayLike) -> Array:
    """MIDI pitch in semitones with its fraction; NaN stays NaN."""
    return np.asarray(A4_PITCH + 12.0 * np.log2(np.asarray(f0_hz, np.float64) / A4_HZ))


def pitch_to_hz(pitch: npt.ArrayLike) -> Array:
    """Inverse of `hz_to_pitch`."""
    return np.asarray(A4_HZ * 2.0 ** ((np.asarray(pitch, np.float64) - A4_PITCH) / 12.0))


def notes_from_frames(frames: Frames, spec: Spec) -> list[Note]:
    """The notes of a whole signal."""
    tracker = NoteTracker(spec)
    return tracker.process(frames) + tracker.flush()


def shift_octaves(notes: list[Note], octaves: int) -> list[Note]:
    """The notes so many octaves higher, but for those that MIDI has no pitch for."""
    moved = [replace(note, pitch=note.pitch + 12 * octaves) for note in notes]
    return [note for note in moved if 0 <= note.pitch <= HIGHEST_PITCH]


class _Heard(NamedTuple):
    frame: int
    pitch: float
    level_db: float


@dataclass
class _OpenNote:
    """A note that sounds, or whose voice dropped out at `end` and may still come back."""

    start: int
    plucked: bool  # or else reached by a change of pitch
    end: int | None = None
    level_db: float = -np.inf  # the highest so far
    pitches: list[float] = field(default_factory=list)  # sorted
    recent: deque[_Heard] = field(default_factory=lambda: deque(maxlen=CHANGE_FRAMES))

    def hear(self, heard: _Heard) -> None:
        self.end = None
        self.level_db = max(self.level_db, heard.level_db)
        insort(self.pitches, heard.pitch)
        self.recent.append(heard)

    @property
    def pitch(self) -> float:
        """Median, the lower one of two: always a pitch that was heard."""
        return self.pitches[(len(self.pitches) - 1) // 2]

    @property
    def has_changed(self) -> bool:
        """Whether the recent frames have settled on another pitch."""
        recent = [heard.pitch for heard in self.recent]
        return (
            len(recent) == CHANGE_FRAMES
            and max(recent) - min(recent) < CHANGE_SEMITONES
            and min(abs(pitch - self.pitch) for pitch in recent) >= CHANGE_SEMITONES
        )


class NoteTracker:
    """Frames to notes: an attack or a settled change of pitch starts one, silence or the next ends it.

    The pitch of a note is the median of its frames, so a note is handed out when it has ended. A pitch
    that is corrected soon after its attack counts from the correction on.
    """

    def __init__(self, spec: Spec) -> None:
        self._descriptor = spec.descriptor
        self.gate = OnsetGate(spec.descriptor)
        self.reset()

    def reset(self) -> None:
        """Back to the state after construction."""
        self.gate.reset()
        self._open: _OpenNote | None = None
        self._next = 0  # index of the next frame

    def process(self, frames: Frames) -> list[Note]:
        """The notes that ended within these frames, in order; grouping does not matter."""
        pitches = hz_to_pitch(frames.f0_hz)
        voiced = ~np.isnan(pitches)
        attacks = self.gate.process(frames.onset, voiced)
        notes: list[Note] = []
        for i in range(len(frames)):
            heard = _Heard(frames.first + i, float(pitches[i]), float(frames.level_db[i]))
            if attacks[i]:
                notes += self._end(heard.frame)
                self._open = _OpenNote(heard.frame, plucked=True)
            if voiced[i]:
                notes += self._sound(heard)
            else:
                notes += self._rest(heard.frame)
        self._next = frames.end
        return notes

    @property
    def sounding(self) -> Note | None:
        """The note that sounds at the newest frame, as far as it is known."""
        note = self._open
        return None if note is None or note.end is not None else self._note(note, self._next)

    def flush(self) -> list[Note]:
        """The note that still sounds at the end of the signal, if any; then as after construction."""
        notes = self._end(self._next)
        self.reset()
        return notes

    def _sound(self, heard: _Heard) -> list[Note]:
        note = self._open
        assert note is not None, "the gate lets no voice start without an attack"
        note.hear(heard)
        if not note.has_changed:
            return []
        change = note.recent[0].frame
        if note.plucked and change - note.start <= CORRECTION_FRAMES:
            note.pitches = sorted(recent.pitch for recent in note.recent)
            return []
        for recent in note.recent:
            note.pitches.remove(recent.pitch)
        ended = self._end(change)
        self._open = _OpenNote(change, plucked=False)
        for recent in note.recent:
            self._open.hear(recent)
        return ended

    def _rest(self, frame: int) -> list[Note]:
        if self._open is None:
            return []
        if self._open.end is None:
            self._open.end = frame
        # Sooner than this the gate takes a voice that returns for the same note.
        returns = frame + 1 - self._open.start < self._descriptor.refractory_frames
        return [] if returns else self._end(frame)

    def _end(self, frame: int) -> list[Note]:
        """Closes the open note at this frame, or where its voice dropped out before."""
        note, self._open = self._open, None
        if note is None:
            return []
        return [self._note(note, frame if note.end is None else note.end)]

    def _note(self, note: _OpenNote, end: int) -> Note:
        pitch = round(note.pitch)
        velocity = round(127 * self._descriptor.db_to_level(note.level_db))
        return Note(note.start, end, pitch, note.pitch - pitch, max(1, velocity))


def beat_us(bpm: float) -> int:
    """A beat in microseconds, whole as MIDI files hold it; raises BassNetError for a tempo out of range."""
    if not LOWEST_BPM <= bpm <= HIGHEST_BPM:
        raise BassNetError(
            f"bpm must lie in {LOWEST_BPM:g} .. {HIGHEST_BPM:g} beats a minute; got {bpm:g}: "
            "give the mix's tempo, or half or double of it"
        )
    return round(60e6 / bpm)


def ticks_per_frame(frame_rate: float, bpm: float) -> float:
    """A frame's length in ticks of a MIDI file at `bpm`, by the tempo that the file can hold: no drift."""
    return TICKS_PER_BEAT * 1e6 / (beat_us(bpm) * frame_rate)


def write_midi(path: Path, notes: list[Note], frame_rate: float, bpm: float = BPM) -> None:
    """Writes one track of General MIDI fingered bass; the file appears whole or not at all.

    Args:
        path: of the MIDI file; its folder exists.
        notes: in order and without overlap, as a `NoteTracker` hands them out.
        frame_rate: frames per second.
        bpm: the file's tempo: it moves the bars of a DAW, not the notes.
    """
    import mido

    scale = ticks_per_frame(frame_rate, bpm)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=beat_us(bpm)))
    track.append(mido.Message("program_change", program=PROGRAM))
    now = 0

    def add(kind: str, frame: float, **values: int) -> None:
        nonlocal now
        tick = round(frame * scale)
        track.append(mido.Message(kind, time=tick - now, **values))
        now = tick

    for note in notes:
        wheel = round(note.bend / BEND_SEMITONES * WHEEL)
        add("pitchwheel", note.start_frame, pitch=wheel)
        add("note_on", note.start_frame, note=note.pitch, velocity=note.velocity)
        add("note_off", note.end_frame, note=note.pitch, velocity=0)

    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT, tracks=[track]).save(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
