"""The four artificial data sets of section 5.1: chords, what each bass pattern plays to one, the drums.

In A2 the diminished triad counts as a minor chord: its third is minor.

Flow: data_sets ◀ composition, demo_mix, export.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

BEATS_PER_BAR = 4
QUALITIES = {(4, 7): "major", (3, 7): "minor", (3, 6): "diminished"}  # third and fifth in semitones
DRAWBAR_ORGAN, NYLON_GUITAR = 16, 24  # of A3, counted from zero
KICK, SNARE, HI_HAT = 36, 38, 42  # General MIDI drum notes, the hi-hat closed


@dataclass(frozen=True)
class Chord:
    """A diatonic triad: its root (MIDI) and the song's scale in semitones above that root.

    `program` is the one that plays it, where not both of the song's do.
    """

    root: int
    scale: tuple[int, ...]
    program: int | None = None

    @property
    def quality(self) -> str:
        """major, minor or diminished."""
        return QUALITIES[self.scale[2], self.scale[4]]

    def pitch(self, degree: int) -> int:
        """MIDI pitch of a chord degree counted from 1, at or above the root."""
        return self.root + self.scale[degree - 1]


Step = tuple[float, float, int]  # beat within the measure, length in beats, chord degree
Pattern = Callable[[Chord], Sequence[Step]]


def sequence(*degrees: int) -> Pattern:
    """A measure filled with one note per chord degree, all equally long, whatever the chord."""
    length = BEATS_PER_BAR / len(degrees)
    return lambda chord: [(i * length, length, degree) for i, degree in enumerate(degrees)]


def quarters(degree: Callable[[Chord], int]) -> Pattern:
    """Quarter notes on the chord degree that `degree` tells of a chord."""
    return lambda chord: [(float(beat), 1.0, degree(chord)) for beat in range(BEATS_PER_BAR)]


def one_quarter(degree: int) -> Pattern:
    """A quarter note on the first beat, then silence."""
    return lambda chord: [(0.0, 1.0, degree)]


EIGHTHS = tuple((beat / 2, HI_HAT) for beat in range(2 * BEATS_PER_BAR))
SNARES = ((1.0, SNARE), (3.0, SNARE))
ROCK = ((0.0, KICK), (2.0, KICK), *SNARES, *EIGHTHS)  # Figure 4, left
DOUBLE_KICK = ((0.0, KICK), (2.0, KICK), (2.5, KICK), *SNARES, *EIGHTHS)  # Figure 4, right


@dataclass(frozen=True)
class DataSet:
    """What sets the data sets apart: what each bass pattern plays to a chord, the drums, the instruments."""

    number: int  # in the seed
    names: tuple[str, ...]  # of the patterns
    patterns: tuple[Pattern, ...]
    drums: tuple[tuple[float, int], ...] = ROCK  # beat within the measure, General MIDI drum note
    switched: tuple[int, int] | None = None  # programs that take turns, where it is not two at once


DATA_SETS = {
    "A1": DataSet(  # section 5.1.1: harmony
        number=1,
        names=("root", "third", "fifth"),
        patterns=(sequence(1, 1, 1, 1), sequence(3, 3, 3, 3), sequence(5, 5, 5, 5)),
    ),
    "A2": DataSet(  # section 5.1.2: the chord's quality
        number=2,
        names=("root of minor, fifth of major", "root of major, fifth of minor"),
        patterns=(
            quarters(lambda chord: 5 if chord.quality == "major" else 1),
            quarters(lambda chord: 1 if chord.quality == "major" else 5),
        ),
    ),
    "A3": DataSet(  # section 5.1.3: timbre
        number=3,
        names=("root of guitar, fifth of organ", "root of organ, fifth of guitar"),
        patterns=(
            quarters(lambda chord: 5 if chord.program == DRAWBAR_ORGAN else 1),
            quarters(lambda chord: 1 if chord.program == DRAWBAR_ORGAN else 5),
        ),
        switched=(DRAWBAR_ORGAN, NYLON_GUITAR),
    ),
    "A4": DataSet(  # section 5.1.4: rhythm
        number=4,
        names=("root on kick", "root on snare", "staircase", "eighths", "one note"),
        patterns=(
            sequence(1, 5, 1, 5),
            sequence(5, 1, 5, 1),
            sequence(1, 3, 5, 3),
            sequence(1, 2, 3, 4, 5, 4, 3, 2),
            one_quarter(1),
        ),
        drums=DOUBLE_KICK,
    ),
}
