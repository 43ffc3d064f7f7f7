"""Chord charts of pop, rock and jazz kinds as they are written down: composed from a random generator.

A song has two or three sections of eight measures, each a loop of four or eight chords, in an order that
songs have (AABA, verse and refrain, twelve-bar blues); its last sections may lie a tone or two higher.

Flow: charts ◀ mma, groove_song.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

# Semitones above the root, and the name in MMA's chord sheets.
QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "7": (0, 4, 7, 10),
    "M7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "sus4": (0, 5, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
}
PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
SEVENTHS = {("", 10): "7", ("", 11): "M7", ("m", 10): "m7", ("dim", 10): "m7b5", ("dim", 9): "dim"}
# Loops as degrees counted from 1, a measure each.
LOOPS: dict[str, tuple[str, ...]] = {
    "major": (
        "1 5 6 4",
        "1 6 4 5",
        "6 4 1 5",
        "1 4 5 4",
        "2 5 1 1",
        "1 3 4 5",
        "1 6 2 5",
        "4 5 3 6",
        "1 1 4 5",
        "1 5 4 4",
        "1 5 6 3 4 1 4 5",
        "1 1 1 1 4 4 1 5",
        "2 5 1 6",
        "3 6 2 5",
        "1 4 1 5",
    ),
    "minor": (
        "1 6 3 7",
        "1 7 6 5",
        "1 4 1 5",
        "1 6 4 5",
        "1 4 7 3 6 2 5 1",
        "1 1 4 4",
        "6 7 1 1",
        "1 3 7 4",
        "1 5 1 5",
    ),
    "dorian": ("1 4", "1 4 1 4", "1 2 3 4", "1 7 4 1", "1 1 4 4", "1 3 4 1"),
    "mixolydian": ("1 7 4 1", "1 4 7 4", "1 1 7 4", "1 5 4 1", "1 7 1 7"),
}
BLUES = "1 4 1 1 4 4 1 1 5 4 1 5"  # all of them dominant sevenths
FORMS = ("AABA", "ABAB", "AABB", "ABAC", "AAAA", "ABCB", "AB")
SECTION_BARS = 8
P_BLUES, P_SEVENTHS, P_RANDOM_LOOP, P_SUSPENDED = 0.08, 0.4, 0.2, 0.06
P_HALF_BAR = 0.15  # that a measure of four beats has two chords
P_MODULATION = 0.15
P_MODES = {"major": 0.5, "minor": 0.3, "dorian": 0.1, "mixolydian": 0.1}


@dataclass(frozen=True)
class Chord:
    """A chord that begins at a beat of its measure, counted from 0; `root` is a pitch class, C is 0."""

    beat: int
    root: int
    quality: str

    @property
    def name(self) -> str:
        """As MMA reads it."""
        return PITCH_CLASSES[self.root] + self.quality

    @property
    def pitch_classes(self) -> list[int]:
        """What sounds, the root first."""
        return [(self.root + interval) % 12 for interval in QUALITIES[self.quality]]


Bar = tuple[Chord, ...]  # the first of its chords on beat 0


@dataclass(frozen=True)
class Chart:
    """`bars` in the order in which they are played; `sections` has the first bar of each section."""

    tonic: int  # pitch class, C is 0
    mode: str
    form: str
    bars: tuple[Bar, ...]
    sections: tuple[int, ...]


def compose_chart(rng: np.random.Generator, beats: int, n_bars: int) -> Chart:
    """A chart of at least `n_bars` measures of `beats` beats, whole sections."""
    tonic = int(rng.integers(12))
    if rng.random() < P_BLUES:
        mode, form, parts = "blues", "A", {"A": _bars(BLUES, lambda degree: _dominant(degree, tonic))}
    else:
        mode = str(rng.choice(list(P_MODES), p=list(P_MODES.values())))
        form = str(rng.choice(FORMS))
        sevenths = bool(rng.random() < P_SEVENTHS)
        parts = {name: _section(rng, tonic, mode, sevenths, beats) for name in sorted(set(form))}
    bars: list[Bar] = []
    starts: list[int] = []
    while len(bars) < n_bars:
        for name in form:
            starts.append(len(bars))
            bars.extend(parts[name])
    if rng.random() < P_MODULATION:
        bars = _modulated(bars, first=starts[-(len(starts) // 2 or 1)], up=int(rng.integers(1, 3)))
    return Chart(tonic, mode, form, tuple(bars), tuple(starts))


def _section(rng: np.random.Generator, tonic: int, mode: str, sevenths: bool, beats: int) -> list[Bar]:
    if rng.random() < P_RANDOM_LOOP:
        loop = " ".join(str(degree) for degree in [1, *rng.integers(1, 8, size=3)])
    else:
        loop = str(rng.choice(LOOPS[mode]))
    bars = _bars(loop, lambda degree: diatonic(degree, tonic, mode, sevenths)) * SECTION_BARS
    return [_ornamented(rng, bar, tonic, mode, sevenths, beats) for bar in bars[:SECTION_BARS]]


def _ornamented(rng: np.random.Generator, bar: Bar, tonic: int, mode: str, sevenths: bool, beats: int) -> Bar:
    """Now and then a suspension, or a second chord in the middle of the measure."""
    (chord,) = bar
    if rng.random() < P_SUSPENDED and chord.quality in ("", "7"):
        chord = replace(chord, quality="sus4")
    if beats == 4 and rng.random() < P_HALF_BAR:
        passing = diatonic(int(rng.integers(1, 8)), tonic, mode, sevenths)
        return chord, replace(passing, beat=beats // 2)
    return (chord,)


def diatonic(degree: int, tonic: int, mode: str, sevenths: bool) -> Chord:
    """The triad or seventh chord on a degree of a mode, counted from 1."""
    scale = MODES[mode]
    root = scale[degree - 1]
    third, fifth, seventh = ((scale[(degree - 1 + i) % 7] - root) % 12 for i in (2, 4, 6))
    if mode == "minor" and degree == 5:
        third = 4  # the dominant, of harmonic minor
    triad = {(4, 7): "", (3, 7): "m", (3, 6): "dim"}[third, fifth]
    return Chord(0, (tonic + root) % 12, SEVENTHS[triad, seventh] if sevenths else triad)


def _dominant(degree: int, tonic: int) -> Chord:
    return Chord(0, (tonic + MODES["major"][degree - 1]) % 12, "7")


def _bars(loop: str, chord: Callable[[int], Chord]) -> list[Bar]:
    return [(chord(int(degree)),) for degree in loop.split()]


def _modulated(bars: list[Bar], first: int, up: int) -> list[Bar]:
    """From bar `first` on everything lies `up` semitones higher."""
    higher = [tuple(replace(c, root=(c.root + up) % 12) for c in bar) for bar in bars[first:]]
    return [*bars[:first], *higher]
