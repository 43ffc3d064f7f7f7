"""Songs of chords and a bass, all of sines, as stems with truth.json: for tests of the listening score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from songs import SAMPLE_RATE, midi_hz, sine

CHORD_S = 1.0
C, F, G, AM = (0, 4, 7), (5, 9, 0), (7, 11, 2), (9, 0, 4)  # pitch classes, the root first
PROGRESSION = (C, F, G, AM, C, G)


def struck(pitches: Sequence[int], seconds: float = CHORD_S) -> npt.NDArray[np.float32]:
    """A chord that starts at once and dies away, with a second harmonic."""
    total = sum(sine(midi_hz(p), seconds, 0.1) + sine(2 * midi_hz(p), seconds, 0.05) for p in pitches)
    t = np.arange(len(total)) / SAMPLE_RATE
    return np.asarray(total * np.exp(-2.0 * t), dtype=np.float32)


def progression(chords: Sequence[Sequence[int]] = PROGRESSION) -> npt.NDArray[np.float32]:
    """Triads from C4 on, one a second."""
    return np.concatenate([struck([60 + pitch_class for pitch_class in chord]) for chord in chords])


def truth(chords: Sequence[Sequence[int]] = PROGRESSION) -> dict[str, Any]:
    """Bars of one chord each, the pattern another one after half of them; the bass plays their roots."""
    bars, bass = [], []
    for i, chord in enumerate(chords):
        start, end = i * CHORD_S, (i + 1) * CHORD_S
        bars.append(
            {
                "start": start,
                "end": end,
                "pattern": int(i >= len(chords) // 2),
                "chords": [{"start": start, "name": "", "pitch_classes": list(chord)}],
            }
        )
        bass.append({"onset": start, "offset": end, "pitch": 36 + chord[0], "velocity": 100})
    return {"tonic": 0, "mode": "major", "tuning_cents": 0.0, "bars": bars, "bass": bass}


def write_stems(folder: Path, chords: Sequence[Sequence[int]] = PROGRESSION) -> None:
    """keys.flac, hum.flac, bass.flac and truth.json."""
    folder.mkdir(parents=True)
    mix = progression(chords)
    bass = np.concatenate([struck([36 + chord[0]]) for chord in chords])
    for name, audio in (("keys", mix), ("hum", 0.3 * mix), ("bass", bass)):
        soundfile.write(folder / f"{name}.flac", audio, SAMPLE_RATE)
    (folder / "truth.json").write_text(json.dumps(truth(chords)))
