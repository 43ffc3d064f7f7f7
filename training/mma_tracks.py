"""MMA's tracks as music: the notes, the feel, the bass as one voice, the family of each instrument.

Flow: mma, render_midi (Note) ◀ mma_tracks ◀ groove_song.
"""

from __future__ import annotations

from collections.abc import Sequence

import mido
import numpy as np

from training.render_midi import DRUM_CHANNEL, Note

BASS_TRACKS = ("Bass", "Walk")  # beginnings of the names of MMA's bass tracks
BASS_PROGRAMS = range(32, 40)  # General MIDI's, counted from zero
LOW_PROGRAMS = (*BASS_PROGRAMS, 43, 58)  # of MMA's bass tracks: contrabass and tuba as well
BASS_RANGE = (28, 60)  # MIDI pitches, both included: what lies outside moves by octaves
TOGETHER_BEATS = 1 / 16  # notes that begin as close as that are one
SUBDIVISION = 0.06  # beats: how near to a half or to two thirds of a beat a note belongs to it
MIN_OFF_BEATS = 4  # notes between the beats: with fewer a feel cannot be told
FAMILIES = {
    "guitar": (range(24, 32),),
    "keys": (range(0, 24), range(80, 128)),
    "strings": (range(40, 80),),  # and horns, reeds, pipes
}


def is_bass(track: mido.MidiTrack) -> bool:
    """Whether MMA made it as a bass."""
    return str(track.name).startswith(BASS_TRACKS)


def track_notes(
    track: mido.MidiTrack, ticks_per_beat: int, programs: Sequence[int] | None = None
) -> list[Note]:
    """The notes of a track, those alone that one of `programs` plays."""
    now, program = 0, 0
    sounding: dict[int, tuple[int, int]] = {}
    notes: list[Note] = []
    for message in track:
        now += message.time
        if message.type == "program_change":
            program = message.program
        elif message.type == "note_on" and message.velocity and (programs is None or program in programs):
            sounding.setdefault(message.note, (now, message.velocity))
        elif message.type in ("note_on", "note_off") and message.note in sounding:
            start, velocity = sounding.pop(message.note)
            if now > start:  # a few of MMA's have no length
                length = (now - start) / ticks_per_beat
                notes.append(Note(start / ticks_per_beat, length, message.note, velocity))
    return notes


def onsets(midi: mido.MidiFile) -> list[float]:
    """When the notes of all tracks begin, in beats."""
    return [note.beat for track in midi.tracks for note in track_notes(track, midi.ticks_per_beat)]


def feel(midi: mido.MidiFile) -> str:
    """`swung` where more notes begin two thirds into a beat than at its half, `straight`, or `either`."""
    phase = np.asarray(onsets(midi), dtype=np.float64) % 1.0
    halves, thirds = (int((abs(phase - place) < SUBDIVISION).sum()) for place in (1 / 2, 2 / 3))
    if halves + thirds < MIN_OFF_BEATS:
        return "either"
    return "swung" if thirds > halves else "straight"


def bass_line(midi: mido.MidiFile) -> list[Note]:
    """What MMA's bass tracks play, as one voice: the lowest of what begins together, each until the next."""
    tracks = [track for track in midi.tracks if is_bass(track)]
    notes = [note for track in tracks for note in track_notes(track, midi.ticks_per_beat, LOW_PROGRAMS)]
    line: list[Note] = []
    for note in sorted(notes, key=lambda note: (note.beat, note.pitch)):
        note = _in_range(note)
        if line and note.beat - line[-1].beat < TOGETHER_BEATS:
            if note.pitch < line[-1].pitch:
                line[-1] = note
            continue
        if line:
            last = line[-1]
            line[-1] = Note(last.beat, min(last.length, note.beat - last.beat), last.pitch, last.velocity)
        line.append(note)
    return line


def _in_range(note: Note) -> Note:
    low, high = BASS_RANGE
    pitch = note.pitch
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return Note(note.beat, note.length, pitch, note.velocity)


def stem_of(track: mido.MidiTrack) -> str | None:
    """`drums` or the family of a track's instrument; None for a bass or a silent track."""
    first = next((m for m in track if m.type == "program_change"), None)
    if first is None or is_bass(track) or (first.channel != DRUM_CHANNEL and first.program in BASS_PROGRAMS):
        return None
    if first.channel == DRUM_CHANNEL:
        return "drums"
    return next(name for name, parts in FAMILIES.items() if any(first.program in part for part in parts))
