"""MIDI files of controllers, and the curves that the same words make as a CSV.

Flow: test_z_curve, test_automate -> midi_curves -> files in a test's folder.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import mido

TICKS = 500  # a beat: a tick is 1 ms at 120 beats a minute, which a file has that names no tempo


def cc(tick: int, number: int, value: int, channel: int = 0) -> tuple[int, mido.Message]:
    """A controller's change at a tick."""
    return tick, mido.Message("control_change", channel=channel, control=number, value=value)


def tempo(tick: int, bpm: float) -> tuple[int, mido.MetaMessage]:
    """A change of tempo at a tick."""
    return tick, mido.MetaMessage("set_tempo", tempo=round(60e6 / bpm))


def write_midi(
    path: Path, *tracks: list[tuple[int, mido.Message]], end: int = 0, ticks: int = TICKS, type: int = 1
) -> Path:
    """Tracks of (tick, message) in order; the last one ends at `end`, or with its last message."""
    file = mido.MidiFile(type=type, ticks_per_beat=ticks)
    for messages in tracks:
        now = 0
        track = file.add_track()
        for tick, message in messages:
            track.append(message.copy(time=tick - now))
            now = tick
        track.append(mido.MetaMessage("end_of_track", time=max(0, end - now)))
    file.save(path)
    return path


def write_csv(path: Path, *rows: tuple[float, float, float]) -> Path:
    """Rows of seconds, x and y."""
    path.write_text("seconds,x,y\n" + "".join(f"{at!r},{x!r},{y!r}\n" for at, x, y in rows))
    return path


def write_steps(path: Path, *rows: tuple[float, float, float]) -> Path:
    """The same, but each row holds until a millisecond before the next one: as a controller does."""
    held = [(after[0] - 0.001, *row[1:]) for row, after in pairwise(rows)]
    return write_csv(path, *sorted([*rows, *held]))
