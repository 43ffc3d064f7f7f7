"""The bass patterns and drums of the four data sets: measures written by hand from section 5.1, Figure 4."""

from __future__ import annotations

import itertools

import pytest

from training.data_sets import DATA_SETS, Chord

# Triads of C major and the scale above their roots; in composition the bass plays an octave below these.
D_MINOR = Chord(50, (0, 2, 3, 5, 7, 9, 10))
G_MAJOR = Chord(55, (0, 2, 4, 5, 7, 9, 10))
B_DIMINISHED = Chord(59, (0, 1, 3, 5, 6, 8, 10))
# General MIDI counts programs from one (Drawbar Organ 17, Acoustic Guitar 25), MIDI bytes from zero.
D_ORGAN, D_GUITAR = Chord(50, D_MINOR.scale, program=16), Chord(50, D_MINOR.scale, program=24)
G_ORGAN, G_GUITAR = Chord(55, G_MAJOR.scale, program=16), Chord(55, G_MAJOR.scale, program=24)

QUARTERS = [(0, 1), (1, 1), (2, 1), (3, 1)]  # beat and length
EIGHTHS = [(0, 0.5), (0.5, 0.5), (1, 0.5), (1.5, 0.5), (2, 0.5), (2.5, 0.5), (3, 0.5), (3.5, 0.5)]
FIRST = [(0, 1)]

MEASURES = [  # data set, the paper's number of the pattern, chord, rhythm, pitches
    ("A1", 1, G_MAJOR, QUARTERS, [55, 55, 55, 55]),
    ("A1", 2, G_MAJOR, QUARTERS, [59, 59, 59, 59]),
    ("A1", 3, G_MAJOR, QUARTERS, [62, 62, 62, 62]),
    ("A1", 2, D_MINOR, QUARTERS, [53, 53, 53, 53]),
    ("A1", 3, B_DIMINISHED, QUARTERS, [65, 65, 65, 65]),
    ("A2", 1, D_MINOR, QUARTERS, [50, 50, 50, 50]),
    ("A2", 1, G_MAJOR, QUARTERS, [62, 62, 62, 62]),
    ("A2", 1, B_DIMINISHED, QUARTERS, [59, 59, 59, 59]),
    ("A2", 2, D_MINOR, QUARTERS, [57, 57, 57, 57]),
    ("A2", 2, G_MAJOR, QUARTERS, [55, 55, 55, 55]),
    ("A2", 2, B_DIMINISHED, QUARTERS, [65, 65, 65, 65]),
    ("A3", 1, D_GUITAR, QUARTERS, [50, 50, 50, 50]),
    ("A3", 1, G_GUITAR, QUARTERS, [55, 55, 55, 55]),
    ("A3", 1, D_ORGAN, QUARTERS, [57, 57, 57, 57]),
    ("A3", 1, G_ORGAN, QUARTERS, [62, 62, 62, 62]),
    ("A3", 2, D_GUITAR, QUARTERS, [57, 57, 57, 57]),
    ("A3", 2, G_ORGAN, QUARTERS, [55, 55, 55, 55]),
    ("A4", 1, D_MINOR, QUARTERS, [50, 57, 50, 57]),
    ("A4", 2, D_MINOR, QUARTERS, [57, 50, 57, 50]),
    ("A4", 3, D_MINOR, QUARTERS, [50, 53, 57, 53]),
    ("A4", 3, G_MAJOR, QUARTERS, [55, 59, 62, 59]),
    ("A4", 4, D_MINOR, EIGHTHS, [50, 52, 53, 55, 57, 55, 53, 52]),
    ("A4", 4, G_MAJOR, EIGHTHS, [55, 57, 59, 60, 62, 60, 59, 57]),
    ("A4", 4, B_DIMINISHED, EIGHTHS, [59, 60, 62, 64, 65, 64, 62, 60]),
    ("A4", 5, G_MAJOR, FIRST, [55]),
]


@pytest.mark.parametrize(("name", "number", "chord", "rhythm", "pitches"), MEASURES)
def test_measures(
    name: str, number: int, chord: Chord, rhythm: list[tuple[float, float]], pitches: list[int]
) -> None:
    steps = DATA_SETS[name].patterns[number - 1](chord)
    assert [(beat, length) for beat, length, _ in steps] == rhythm
    assert [chord.pitch(degree) for _, _, degree in steps] == pitches


def test_every_pattern_of_the_paper_has_its_place_and_a_name() -> None:
    names = {
        "A1": ("root", "third", "fifth"),
        "A2": ("root of minor, fifth of major", "root of major, fifth of minor"),
        "A3": ("root of guitar, fifth of organ", "root of organ, fifth of guitar"),
        "A4": ("root on kick", "root on snare", "staircase", "eighths", "one note"),
    }
    assert {name: data_set.names for name, data_set in DATA_SETS.items()} == names
    assert all(len(data_set.patterns) == len(data_set.names) for data_set in DATA_SETS.values())
    assert {(name, number) for name, number, *_ in MEASURES} == {  # every one is written out above
        (name, i + 1) for name in names for i in range(len(names[name]))
    }


@pytest.mark.parametrize("name", list(DATA_SETS))
@pytest.mark.parametrize("chord", [D_GUITAR, D_ORGAN, G_GUITAR, G_ORGAN])
def test_one_measure_tells_the_patterns_apart(name: str, chord: Chord) -> None:
    measures = [list(pattern(chord)) for pattern in DATA_SETS[name].patterns]
    assert all(a != b for a, b in itertools.combinations(measures, 2))


@pytest.mark.parametrize(
    ("chord", "quality"), [(D_MINOR, "minor"), (G_MAJOR, "major"), (B_DIMINISHED, "diminished")]
)
def test_quality(chord: Chord, quality: str) -> None:
    assert chord.quality == quality


@pytest.mark.parametrize("name", list(DATA_SETS))
def test_drums_are_those_of_figure_4(name: str) -> None:
    kick, snare, hi_hat = 36, 38, 42  # General MIDI
    kicks = [0, 2, 2.5] if name == "A4" else [0, 2]  # A4: beat three is two eighths
    written = [(beat, kick) for beat in kicks] + [(1, snare), (3, snare)]
    written += [(beat / 2, hi_hat) for beat in range(8)]
    assert sorted(DATA_SETS[name].drums) == sorted(written)


def test_only_a3_switches_its_instruments() -> None:
    assert {name: data_set.switched for name, data_set in DATA_SETS.items()} == {
        **{"A1": None, "A2": None, "A4": None},
        "A3": (17 - 1, 25 - 1),
    }


def test_data_sets_draw_from_seeds_of_their_own() -> None:
    assert len({data_set.number for data_set in DATA_SETS.values()}) == len(DATA_SETS)
