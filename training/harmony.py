"""The chords and the scale of a song over time: from its truth.json, else estimated from the mix.

The estimate is a stated one: librosa's chroma of the mix, averaged over half seconds, against
24 major and minor triads (the highest correlation wins); the scale is that of the best of Krumhansl's 24 key
profiles over the whole song.

Flow: charts, musical_fit ◀ harmony ◀ baselines, listening_songs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from bassnet_osc.spec import BassNetError
from training.charts import MODES, SECTION_BARS
from training.musical_fit import Array, Harmony

CHROMA_BINS = 36  # in an octave
CHROMA_HOP = 512  # samples: 32 ms at the analysis rate
CHORD_S = 0.5  # seconds over which a chord is estimated
TRIADS = {"major": (0, 4, 7), "minor": (0, 3, 7)}
TRIAD_TEMPLATES = {mode: [float(step in steps) for step in range(12)] for mode, steps in TRIADS.items()}
# How well each degree fits a key, from the tonic up (Krumhansl and Kessler 1982).
KEY_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
# A blues has the notes of the dominant sevenths on its first, fourth and fifth degree.
SCALES = {**MODES, "blues": (0, 2, 3, 4, 5, 7, 9, 10, 11)}
HIGHEST_RISE = 2  # semitones by which a groove song's last sections may lie higher (charts.py), ...
LEAST_GAIN = 0.5  # ... and how many more tones of each of their chords must be in the scale then

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Chord:
    """Seconds start <= t < end; pitch classes, the root first."""

    start: float
    end: float
    pitch_classes: tuple[int, ...]


def true_harmony(truth: dict[str, Any], n_frames: int, frame_rate: float) -> Harmony | None:
    """Of a truth.json; None where its bars have no chords. Raises BassNetError for chords that are none."""
    bars: list[dict[str, Any]] = truth.get("bars") or []
    if not bars or not all("chords" in bar for bar in bars):
        return None
    try:
        chords = _chords_of(bars)
        scale = SCALES.get(str(truth.get("mode")))
        steps = None if scale is None else [(int(truth["tonic"]) + step) % 12 for step in scale]
    except (KeyError, TypeError, ValueError) as error:
        raise BassNetError(
            "truth.json: a bar's `chords` must have start and pitch_classes (the root first, 0 to 11), and a "
            f"song's tonic be one of them; got {type(error).__name__} {error}: mend or remove them"
        ) from error
    harmony = _framed(chords, steps, n_frames, frame_rate)
    if steps is not None:
        _raise_scale(harmony, chords, steps, frame_rate)
    return harmony


def _chords_of(bars: Sequence[dict[str, Any]]) -> list[Chord]:
    ends = [float(bar["end"]) for bar in bars]
    chords = []
    for bar, end in zip(bars, ends, strict=True):
        starts = [float(chord["start"]) for chord in bar["chords"]]
        if not np.isfinite([*starts, end]).all():
            raise ValueError(f"a start that is no time: {starts}")
        for chord, start, after in zip(bar["chords"], starts, [*starts[1:], end], strict=True):
            classes = tuple(int(pitch_class) for pitch_class in chord["pitch_classes"])
            if not classes or not set(classes) <= set(range(12)):
                raise ValueError(f"pitch_classes {classes}")
            chords.append(Chord(start, after, classes))
    return chords


def estimated_harmony(
    mix: Audio, sample_rate: int, n_frames: int, frame_rate: float, tuning: float
) -> Harmony:
    """Of a mix, by the estimate above."""
    chroma = chroma_of(mix, sample_rate, tuning)
    per_chord = round(CHORD_S * sample_rate / CHROMA_HOP)
    chord_s = per_chord * CHROMA_HOP / sample_rate
    chords = []
    for i in range(-(-chroma.shape[1] // per_chord)):
        classes = triad(chroma[:, i * per_chord : (i + 1) * per_chord].mean(axis=1))
        if classes:
            chords.append(Chord(i * chord_s, (i + 1) * chord_s, classes))
    return _framed(chords, key_scale(chroma.mean(axis=1)), n_frames, frame_rate)


def chroma_of(mix: Audio, sample_rate: int, tuning: float) -> Array:
    """Strength of each pitch class (12, n) every CHROMA_HOP samples; semitones of `tuning` above 440 Hz."""
    bins = tuning * CHROMA_BINS / 12  # librosa counts a tuning in its bins
    chroma = librosa.feature.chroma_cqt(
        y=mix, sr=sample_rate, hop_length=CHROMA_HOP, norm=None, bins_per_octave=CHROMA_BINS, tuning=bins
    )
    return np.asarray(chroma, dtype=np.float64)


def triad(chroma: Array) -> tuple[int, ...]:
    """The pitch classes, the root first, of the triad that a chroma (12,) is most like; () for silence."""
    if chroma.max(initial=0.0) <= 0:
        return ()
    mode, root = _most_like(chroma, TRIAD_TEMPLATES)
    return tuple((root + step) % 12 for step in TRIADS[mode])


def key_scale(chroma: Array) -> list[int] | None:
    """The scale of the key profile that a chroma (12,) is most like; None for silence."""
    if chroma.max(initial=0.0) <= 0:
        return None
    mode, tonic = _most_like(chroma, KEY_PROFILES)
    return [(tonic + step) % 12 for step in SCALES[mode]]


def _most_like(chroma: Array, templates: Mapping[str, Sequence[float]]) -> tuple[str, int]:
    """Which template, moved up how far, correlates most with a chroma (12,)."""
    moved = np.array([np.roll(row, up) for row in templates.values() for up in range(12)])
    centred = moved - moved.mean(axis=1, keepdims=True)
    best = int((centred @ chroma / np.linalg.norm(centred, axis=1)).argmax())
    return list(templates)[best // 12], best % 12


def _framed(chords: list[Chord], scale: list[int] | None, n_frames: int, frame_rate: float) -> Harmony:
    root = np.full(n_frames, -1, dtype=np.int64)
    chord_tones, scale_tones = (np.zeros((n_frames, 12), dtype=np.bool_) for _ in range(2))
    scale_tones[:, scale or []] = True
    edges: list[tuple[int, int]] = []
    before: tuple[int, ...] = ()
    for chord in chords:
        start, end = (min(n_frames, round(t * frame_rate)) for t in (chord.start, chord.end))
        if start >= end:
            continue
        root[start:end] = chord.pitch_classes[0]
        chord_tones[start:end, list(chord.pitch_classes)] = True
        goes_on = bool(edges) and edges[-1][1] == start and before == chord.pitch_classes
        edges = [*edges[:-1], (edges[-1][0], end)] if goes_on else [*edges, (start, end)]
        before = chord.pitch_classes
    return Harmony(root, chord_tones, scale_tones, edges)


def _raise_scale(harmony: Harmony, chords: list[Chord], scale: list[int], frame_rate: float) -> None:
    first, up = _modulation(chords, scale)
    if up:
        at = round(chords[first].start * frame_rate)
        harmony.scale[at:] = np.roll(harmony.scale[:1], up, axis=1)


def _modulation(chords: list[Chord], scale: list[int]) -> tuple[int, int]:
    """From which chord on the scale lies how many semitones higher: where the most chord tones fit.

    A truth.json tells the tonic of the beginning alone, and a song's last sections may lie higher.
    """
    fitting = np.array(
        [
            [sum((pitch_class - up) % 12 in scale for pitch_class in chord.pitch_classes) for chord in chords]
            for up in range(HIGHEST_RISE + 1)
        ]
    )
    best, at = 0, (0, 0)
    for up in range(1, HIGHEST_RISE + 1):
        gains = np.cumsum((fitting[up] - fitting[0])[::-1])  # of the last chord, the last two ...
        if len(gains) < SECTION_BARS:
            continue
        n_raised = int(gains[SECTION_BARS - 1 :].argmax()) + SECTION_BARS
        if gains[n_raised - 1] > max(best, LEAST_GAIN * n_raised):
            best, at = int(gains[n_raised - 1]), (len(chords) - n_raised, up)
    return at
