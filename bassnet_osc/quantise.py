"""Notes on a musical grid: quarters, eighths, sixteenths and their triplets (section 6.5).

The lines of the grid are whole ticks of a MIDI file at the same tempo, so that a DAW shows the notes on its
own grid. Frames of 10 ms are too coarse for that: a quantised note starts and ends between frames.

Flow: notes -> quantise -> notes.write_midi.
"""

from __future__ import annotations

from dataclasses import replace

from bassnet_osc.notes import TICKS_PER_BEAT, Note, ticks_per_frame
from bassnet_osc.spec import BassNetError, Spec

# Steps in a beat, which is a quarter; each divides TICKS_PER_BEAT. T: triplets, three in the time of two.
STEPS_PER_BEAT = {"1/4": 1, "1/8": 2, "1/16": 4, "1/8T": 3, "1/16T": 6}


def step_ticks(grid: str) -> int:
    """Ticks from one line of the grid to the next; raises BassNetError for a grid that there is not."""
    if grid not in STEPS_PER_BEAT:
        raise BassNetError(
            f"the grid must be one of {', '.join(STEPS_PER_BEAT)}; got {grid!r}: choose e.g. 1/16"
        )
    return TICKS_PER_BEAT // STEPS_PER_BEAT[grid]


def quantise(notes: list[Note], spec: Spec, bpm: float, grid: str, offset_s: float = 0.0) -> list[Note]:
    """The notes from line to line of the grid: starts and ends move to the nearest one, halfway to the later.

    A note lasts a step at least and ends where the next one starts at the latest. Of notes that start on
    one line the loudest stays, the first of equals: `len(notes) - len(quantised)` were merged into another.

    Args:
        notes: in order and without overlap, as a `NoteTracker` hands them out.
        spec: of the model, for its frames.
        bpm: quarters a minute.
        grid: one of STEPS_PER_BEAT.
        offset_s: where a line of the grid lies, in seconds; rounded to a tick. No line lies before 0.
    """
    frame_rate = spec.cqt.frame_rate
    scale, step = ticks_per_frame(frame_rate, bpm), step_ticks(grid)
    first = round(offset_s * frame_rate * scale) % step  # tick of line 0

    def nearest(frame: float) -> int:
        return max(0, (2 * (round(frame * scale) - first) + step) // (2 * step))

    def frame_of(line: int) -> float:
        return (first + line * step) / scale

    loudest = _loudest([(nearest(note.start_frame), note) for note in notes])
    starts = list(loudest)
    quantised = []
    for i, start in enumerate(starts):
        end = max(start + 1, nearest(loudest[start].end_frame))
        end = min([end, *starts[i + 1 : i + 2]])
        quantised.append(replace(loudest[start], start_frame=frame_of(start), end_frame=frame_of(end)))
    return quantised


def _loudest(started: list[tuple[int, Note]]) -> dict[int, Note]:
    """By line, in order, the loudest of the notes that start there."""
    loudest: dict[int, Note] = {}
    for line, note in started:
        if line not in loudest or note.velocity > loudest[line].velocity:
            loudest[line] = note
    return loudest
