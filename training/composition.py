"""The artificial songs of section 5.1 as notes: composed from a random generator, no files, no audio.

What the paper leaves open:

- The mode is major or natural minor. Every one of the seven triads is equally likely after every other
  one, the diminished triad included; a chord is never followed by itself.
- The root is the one pitch of its class in MIDI 48-60; C has two, 48 and 60, and takes either.
- The pitched programs are the eight of each group but for Orchestra Hit, which is a chord by itself.
  The two differ; their amplitudes are p and 1 - p, p uniform in [0, 1]. In A3 both are 1/2.
- The bass is General MIDI's finger bass. At a bar line its pattern changes with probability 0.1, to any
  of the others. "The octave below the root" is [root - 12, root): degree d sounds 12 below the chord's.
- Notes sound for nine tenths of their step, all velocities are equal, and a second of decay and
  silence follows the last measure.

Flow: data_sets, render_midi (Note, Part) ◀ composition ◀ artificial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.data_sets import BEATS_PER_BAR, Chord, DataSet, Pattern
from training.render_midi import DRUM_CHANNEL, Note, Part

TEMPO_BPM = (100.0, 200.0)
SONG_S = 60.0  # seconds that the whole number of measures comes closest to
TAIL_S = 1.0  # seconds of decay and silence after the last measure
ROOT_RANGE = (48, 60)  # MIDI, both included
MODES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}  # semitones above the tonic
ORCHESTRA_HIT = 55
GROUPS = (range(0, 8), range(16, 24), range(24, 32), range(48, 56))  # piano, organ, guitar, ensemble
PROGRAMS = [p for group in GROUPS for p in group if p != ORCHESTRA_HIT]  # counted from zero
FINGER_BASS = 33  # counted from zero; the paper does not name its bass
VELOCITY = 100
GATE = 0.9  # part of its step that a note sounds
P_PATTERN_CHANGE = 0.1  # at each bar line
P_SWITCH = 0.5  # that another instrument plays the next chord of A3


@dataclass(frozen=True)
class Bar:
    """One measure: its chord and the bass pattern, counted from 0, that plays to it."""

    chord: Chord
    pattern: int


@dataclass(frozen=True)
class Song:
    """A composed song: `tempo_us` microseconds per beat, `proportion` the amplitude of programs[0]."""

    tempo_us: int
    tonic: int  # pitch class, C is 0
    mode: str
    programs: tuple[int, int]
    proportion: float
    bars: tuple[Bar, ...]
    chords: tuple[tuple[Note, ...], tuple[Note, ...]]  # what each of the programs plays
    drums: tuple[Note, ...]
    bass: tuple[Note, ...]

    @property
    def beat_s(self) -> float:
        """Seconds per beat."""
        return self.tempo_us / 1e6

    @property
    def seconds(self) -> float:
        """Seconds of audio, the tail included."""
        return len(self.bars) * BEATS_PER_BAR * self.beat_s + TAIL_S

    def mix_parts(self) -> list[Part]:
        """The accompaniment: both pitched programs and the drums."""
        (first, second), (first_notes, second_notes) = self.programs, self.chords
        return [
            Part("chords 1", 0, first, first_notes, gain=self.proportion),
            Part("chords 2", 1, second, second_notes, gain=1.0 - self.proportion),
            Part("drums", DRUM_CHANNEL, 0, self.drums),
        ]

    def bass_parts(self) -> list[Part]:
        """The bass alone."""
        return [Part("bass", 2, FINGER_BASS, self.bass)]


def compose(rng: np.random.Generator, data_set: DataSet) -> Song:
    """A random song of a data set; all randomness comes from `rng`."""
    tempo_us = round(60e6 / rng.uniform(*TEMPO_BPM))
    tonic = int(rng.integers(12))
    mode = str(rng.choice(list(MODES)))
    programs, proportion = data_set.switched, 0.5
    if programs is None:
        programs = _two_of(rng, PROGRAMS)
        proportion = float(rng.uniform())
    n_bars = round(SONG_S / (BEATS_PER_BAR * tempo_us / 1e6))
    chords = _chord_sequence(rng, tonic, MODES[mode], n_bars)
    if data_set.switched:
        chords = _switched(rng, chords, data_set.switched)
    patterns = _pattern_sequence(rng, len(data_set.patterns), n_bars)
    bars = tuple(Bar(chord, pattern) for chord, pattern in zip(chords, patterns, strict=True))
    return Song(
        tempo_us=tempo_us,
        tonic=tonic,
        mode=mode,
        programs=programs,
        proportion=proportion,
        bars=bars,
        chords=(_chord_notes(bars, programs[0]), _chord_notes(bars, programs[1])),
        drums=tuple(_drum_notes(n_bars, data_set.drums)),
        bass=tuple(_bass_notes(bars, data_set.patterns)),
    )


def _two_of(rng: np.random.Generator, programs: Sequence[int]) -> tuple[int, int]:
    first, second = rng.choice(programs, size=2, replace=False)
    return int(first), int(second)


def _chord_sequence(rng: np.random.Generator, tonic: int, mode: Sequence[int], n_bars: int) -> list[Chord]:
    chords: list[Chord] = []
    degree = int(rng.integers(7))  # 0 is the triad on the tonic
    while len(chords) < n_bars:
        chords += [_triad(rng, tonic, mode, degree)] * int(rng.integers(1, 3))
        degree = (degree + int(rng.integers(1, 7))) % 7
    return chords[:n_bars]


def _switched(rng: np.random.Generator, chords: Sequence[Chord], programs: tuple[int, int]) -> list[Chord]:
    """The chords with the program that plays each: at a chord change it may be the other one."""
    turn = int(rng.integers(2))
    played: list[Chord] = []
    for i, chord in enumerate(chords):
        if i and chord != chords[i - 1] and rng.uniform() < P_SWITCH:
            turn = 1 - turn
        played.append(replace(chord, program=programs[turn]))
    return played


def _triad(rng: np.random.Generator, tonic: int, mode: Sequence[int], degree: int) -> Chord:
    low, high = ROOT_RANGE
    pitch_class = (tonic + mode[degree]) % 12
    root = int(rng.choice([p for p in range(low, high + 1) if p % 12 == pitch_class]))
    return Chord(root, tuple((mode[(degree + k) % 7] - mode[degree]) % 12 for k in range(7)))


def _pattern_sequence(rng: np.random.Generator, n_patterns: int, n_bars: int) -> list[int]:
    patterns = [int(rng.integers(n_patterns))]
    while len(patterns) < n_bars:
        shift = int(rng.integers(1, n_patterns)) if rng.uniform() < P_PATTERN_CHANGE else 0
        patterns.append((patterns[-1] + shift) % n_patterns)
    return patterns


def _chord_notes(bars: Sequence[Bar], program: int) -> tuple[Note, ...]:
    return tuple(
        Note(i * BEATS_PER_BAR + beat, GATE, bar.chord.pitch(degree), VELOCITY)
        for i, bar in enumerate(bars)
        if bar.chord.program in (None, program)
        for beat in range(BEATS_PER_BAR)
        for degree in (1, 3, 5)
    )


def _drum_notes(n_bars: int, drums: Sequence[tuple[float, int]]) -> list[Note]:
    return [
        Note(i * BEATS_PER_BAR + beat, GATE / 2, drum, VELOCITY)
        for i in range(n_bars)
        for beat, drum in sorted(drums)
    ]


def _bass_notes(bars: Sequence[Bar], patterns: Sequence[Pattern]) -> list[Note]:
    return [
        Note(i * BEATS_PER_BAR + beat, length * GATE, bar.chord.pitch(degree) - 12, VELOCITY)
        for i, bar in enumerate(bars)
        for beat, length, degree in patterns[bar.pattern](bar.chord)
    ]
