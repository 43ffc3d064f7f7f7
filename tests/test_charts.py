"""Chord charts: sections, forms, keys and chords are those of songs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from training.charts import (
    FORMS,
    MODES,
    P_BLUES,
    P_HALF_BAR,
    P_MODULATION,
    P_SEVENTHS,
    QUALITIES,
    SECTION_BARS,
    Chart,
    Chord,
    compose_chart,
    diatonic,
)

N = 400


@pytest.fixture(scope="module")
def charts() -> list[Chart]:
    return [compose_chart(np.random.default_rng(seed), beats=4, n_bars=24) for seed in range(N)]


def test_a_seed_is_a_chart() -> None:
    one, same, other = (compose_chart(np.random.default_rng(seed), 4, 16) for seed in (1, 1, 2))
    assert one == same != other


def test_charts_are_whole_forms_of_whole_sections(charts: list[Chart]) -> None:
    for chart in charts:
        assert len(chart.bars) >= 24
        if chart.mode != "blues":
            assert chart.form in FORMS
            assert chart.sections == tuple(range(0, len(chart.bars), SECTION_BARS))
            assert len(chart.sections) % len(chart.form) == 0


def test_sections_of_one_letter_are_alike(charts: list[Chart]) -> None:
    """But for a modulation, which moves all of a section's roots by the same interval."""
    for chart in (c for c in charts if c.mode != "blues"):
        parts = {}
        for letter, start in zip(chart.form * 9, chart.sections, strict=False):
            bars = chart.bars[start : start + SECTION_BARS]
            first = parts.setdefault(letter, bars)
            qualities, moved = set(), set()
            for a, b in zip(first, bars, strict=True):
                assert len(a) == len(b)
                qualities |= {x.quality == y.quality for x, y in zip(a, b, strict=True)}
                moved |= {(y.root - x.root) % 12 for x, y in zip(a, b, strict=True)}
            assert qualities == {True} and len(moved) == 1 and moved <= {0, 1, 2}


def test_chords_belong_to_the_key(charts: list[Chart]) -> None:
    """Roots are of the mode's scale; every chord begins on beat 0 or in the middle of its measure."""
    for chart in (c for c in charts if c.mode != "blues"):
        scale = {(chart.tonic + step) % 12 for step in MODES[chart.mode]}
        for bar in chart.bars[:SECTION_BARS]:
            assert bar[0].beat == 0 and [chord.beat for chord in bar[1:]] in ([], [2])
            assert {chord.root for chord in bar} <= scale
            assert {chord.quality for chord in bar} <= QUALITIES.keys()


def test_shares_are_those_that_are_stated(charts: list[Chart]) -> None:
    """Within four standard deviations of the binomial distribution."""

    def close(found: int, n: int, p: float) -> bool:
        return abs(found - n * p) < 4 * (n * p * (1 - p)) ** 0.5

    songs = [chart for chart in charts if chart.mode != "blues"]
    assert close(N - len(songs), N, P_BLUES)
    with_sevenths = [c for c in songs if any(ch.quality in ("7", "M7", "m7") for bar in c.bars for ch in bar)]
    assert close(len(with_sevenths), len(songs), P_SEVENTHS)
    bars = [bar for chart in songs for bar in chart.bars[:SECTION_BARS]]
    assert close(sum(len(bar) == 2 for bar in bars), len(bars), P_HALF_BAR)
    keys = [{chord.root for bar in c.bars for chord in bar} for c in songs]
    modulated = sum(
        not roots <= {(c.tonic + s) % 12 for s in MODES[c.mode]} for c, roots in zip(songs, keys, strict=True)
    )
    assert close(modulated, len(songs), P_MODULATION)
    assert len(Counter(chart.tonic for chart in charts)) == 12


def test_no_half_measures_in_other_metres() -> None:
    charts = [compose_chart(np.random.default_rng(seed), beats=3, n_bars=16) for seed in range(50)]
    assert all(len(bar) == 1 for chart in charts for bar in chart.bars)


@pytest.mark.parametrize(
    ("degree", "mode", "sevenths", "name", "pitch_classes"),
    [
        (1, "major", False, "C", [0, 4, 7]),
        (2, "major", True, "Dm7", [2, 5, 9, 0]),
        (4, "major", True, "FM7", [5, 9, 0, 4]),
        (5, "major", True, "G7", [7, 11, 2, 5]),
        (7, "major", False, "Bdim", [11, 2, 5]),
        (7, "major", True, "Bm7b5", [11, 2, 5, 9]),
        (5, "minor", False, "G", [7, 11, 2]),  # harmonic minor's
        (4, "dorian", False, "F", [5, 9, 0]),
        (7, "mixolydian", False, "Bb", [10, 2, 5]),
    ],
)
def test_diatonic_chords(degree: int, mode: str, sevenths: bool, name: str, pitch_classes: list[int]) -> None:
    chord = diatonic(degree, 0, mode, sevenths)
    assert (chord.name, chord.pitch_classes) == (name, pitch_classes)


def test_a_chord_names_its_pitches_from_its_root() -> None:
    assert Chord(0, 10, "m7").pitch_classes == [10, 1, 5, 8]
