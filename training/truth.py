"""truth.json of a song: what is known of it, checked.

`bass` are the notes, where they are known: onset and offset in seconds, pitch in MIDI units (detuned songs
have fractions), velocity. `bars` are the measures: start and end in seconds, the number of the bass pattern.

Flow: descriptors (NoteTruth) ◀ truth ◀ features, dataset, metrics.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bassnet_osc.spec import BassNetError
from training.descriptors import NoteTruth

MAX_PITCH = 127  # of MIDI
BEYOND = 1e9  # no number of a song is as large
BAR_LINE_S = 1e-6  # seconds by which rounding may move a bar line


def read_truth(folder: Path) -> dict[str, Any]:
    """truth.json of a song; raises BassNetError naming the note or the bar that is no good."""
    try:
        truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise BassNetError(f"{folder}/truth.json must be JSON; {error}: render the song again") from error
    if not isinstance(truth, dict) or not isinstance(truth.get("bass", []), list):
        raise BassNetError(f"{folder}/truth.json must hold the notes as a list, `bass`: mend or remove it")
    for i, note in enumerate(truth.get("bass", [])):
        _check_note(f"{folder}/truth.json: bass[{i}]", note)
    bars, end = truth.get("bars", []), 0.0
    if not isinstance(bars, list):
        raise BassNetError(f"{folder}/truth.json: `bars` must be a list; got {bars!r}: mend or remove it")
    for i, bar in enumerate(bars):
        end = _check_bar(f"{folder}/truth.json: bars[{i}]", bar, end)
    return truth


def _check_note(where: str, note: Any) -> None:
    fields = NoteTruth.__annotations__.keys()
    if not isinstance(note, dict) or fields - note.keys():
        raise BassNetError(f"{where} must have {', '.join(fields)}; got {note!r}: add what it lacks")
    onset, offset, pitch = note["onset"], note["offset"], note["pitch"]
    if not (_finite(onset, offset) and 0 <= onset < offset):
        raise BassNetError(f"{where} must have finite seconds 0 <= onset < offset; got {note!r}: mend it")
    if not (_finite(pitch) and 0 <= pitch <= MAX_PITCH):
        raise BassNetError(f"{where} must have a pitch in [0, {MAX_PITCH}]; got {note!r}: mend it")


def _check_bar(where: str, bar: Any, last_end: float) -> float:
    """Returns where the bar ends."""
    if not isinstance(bar, dict) or not {"start", "end", "pattern"} <= bar.keys():
        raise BassNetError(f"{where} must have start, end, pattern; got {bar!r}: add what it lacks")
    start, end, pattern = bar["start"], bar["end"], bar["pattern"]
    if not (_finite(start, end) and last_end - BAR_LINE_S <= start < end):
        raise BassNetError(
            f"{where} must have finite seconds start < end, from {last_end:g} on; got {bar!r}: mend it"
        )
    if type(pattern) is not int or pattern < 0:
        raise BassNetError(f"{where} must have a whole number from 0 on as pattern; got {bar!r}: mend it")
    return float(end)


def _finite(*values: Any) -> bool:
    return all(type(value) in (int, float) and abs(value) < BEYOND for value in values)
