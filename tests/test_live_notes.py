"""Live notes: what the tracker finds, told while it happens."""

from __future__ import annotations

import numpy as np
import pytest

from bassnet_osc.frames import Frames
from bassnet_osc.live_notes import RETUNED, SETTLED, LiveNotes, NoteEvent
from bassnet_osc.notes import pitch_to_hz
from bassnet_osc.presets import live

SPEC, N = live(), np.nan


def line(pitches: list[float], first: int = 0) -> Frames:
    """Plucked at its first frame."""
    onset = np.zeros(len(pitches))
    onset[0] = 1.0
    f0_hz = pitch_to_hz(np.array(pitches, dtype=np.float64))
    return Frames(first, f0_hz, np.full(len(pitches), -12.0), onset)


def kinds(events: list[NoteEvent]) -> list[tuple[str, int, int]]:
    return [(event.kind, event.frame, event.pitch) for event in events]


def test_events_by_hand() -> None:
    """A wrong pitch is mended when another one has been the note's for SETTLED frames."""
    events = LiveNotes(SPEC).process(line([52, 52, *[40] * 20, N, N, N, N, N, N]))
    on, off, again, end = kinds(events)
    assert on == ("on", 0, 52) and off[0] == "off" and again == ("on", off[1], 40)
    assert end == ("off", 22, 40)
    assert 4 <= off[1] <= 4 + SETTLED  # the median of 52, 52, 40, 40 is still 52 or 40


def test_a_bend_is_told_when_it_has_moved() -> None:
    events = LiveNotes(SPEC).process(line([40.0, *[40.0 + 2 * RETUNED] * 20]))
    assert [event.kind for event in events] == ["on", "bend"]
    assert events[1].bend == pytest.approx(2 * RETUNED)


def test_rest_ends_the_note_and_what_goes_on_begins_one() -> None:
    notes = LiveNotes(SPEC)
    notes.process(line([40] * 10))
    assert kinds(notes.rest()) == [("off", 10, 40)] and notes.rest() == []
    going_on = Frames(10, pitch_to_hz([40.0] * 5), np.full(5, -12.0), np.zeros(5))
    assert kinds(notes.process(going_on)) == [("on", 10, 40)]


def test_octaves_count_from_the_next_note_on_and_midi_has_an_end() -> None:
    notes = LiveNotes(SPEC)
    assert kinds(notes.process(line([40] * 10), octave=1)) == [("on", 0, 52)]
    assert kinds(notes.process(line([40] * 10, first=10), octave=-1)) == [("off", 10, 52), ("on", 10, 28)]
    assert kinds(notes.process(line([40] * 10, first=20), octave=-4)) == [("off", 20, 28)]
