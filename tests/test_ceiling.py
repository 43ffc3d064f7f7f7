"""The ideal listener: hand-computed cases, and the composed songs that it knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bassnet_osc.presets import live, studio
from bassnet_osc.spec import Spec, WindowSpec
from training.artificial import Origin, truth
from training.ceiling import ceiling, performance, posterior
from training.data_sets import DATA_SETS
from training.dataset import Song
from training.descriptors import Descriptors
from training.places import evaluation_places

LIVE = live()
RATE = LIVE.cqt.frame_rate
NOTHING = Descriptors(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))


def silent(values: dict[str, Any]) -> Song:
    """A song of nothing but its truth."""
    n_frames = round(values["seconds"] * RATE)
    return Song(np.zeros((2, n_frames, 1), np.float16), NOTHING, values)


def composed(data_set: str, index: int = 0) -> Song:
    """A test song that was never rendered."""
    origin = Origin(data_set, "test", index, 0)
    return silent({"data_set": data_set, **truth(origin.compose())})


def a4(*patterns: int) -> Song:
    """Bars of two seconds, a beat of 50 frames, on C major."""
    bars = [
        {"start": 2.0 * i, "end": 2.0 * i + 2, "root": 48, "programs": [0, 1], "pattern": pattern}
        for i, pattern in enumerate(patterns)
    ]
    return silent({"data_set": "A4", "tonic": 0, "mode": "major", "seconds": 2.0 * len(bars), "bars": bars})


def windows(frames: int, spec: Spec = LIVE) -> Spec:
    """A spec with windows of so many frames."""
    window = WindowSpec(frames, frames, spec.window.anchor, taper=4, skip=0)
    return replace(spec, window=window)


@pytest.mark.parametrize("data_set", list(DATA_SETS))
def test_what_the_patterns_play_is_what_the_truth_says(data_set: str) -> None:
    """Each bar's pattern, taken from the performance of that pattern, gives the song's bass notes."""
    song = composed(data_set)
    said = np.zeros(song.n_frames, np.int64)
    for c in range(len(DATA_SETS[data_set].patterns)):
        played = performance(song, c, DATA_SETS[data_set], LIVE)
        for bar in song.bars:
            if bar["pattern"] == c:
                part = slice(round(bar["start"] * RATE), round(bar["end"] * RATE))
                said[part] = played[part]
    expected = np.zeros(song.n_frames, np.int64)
    for note in song.truth["bass"]:
        first, after = round(note["onset"] * RATE), round(note["offset"] * RATE)
        expected[first:after] = 2 * note["pitch"]
        expected[first] += 1
    assert np.count_nonzero(said) > 0.3 * len(said) * (data_set != "A4")
    np.testing.assert_array_equal(said, expected)


def test_what_is_heard_later_tells_of_before() -> None:
    """Two patterns: if the second bar must be 0, the first one was so with 0.9."""
    both, first = [True, True], [True, False]
    np.testing.assert_allclose(posterior(np.array([both, first]), 0), [0.9, 0.1])
    np.testing.assert_allclose(posterior(np.array([first, both]), 1), [0.9, 0.1])
    np.testing.assert_allclose(posterior(np.array([first, both]), 0), [1, 0])
    np.testing.assert_allclose(posterior(np.array([both, both]), 1), [0.5, 0.5])
    # Bars 0 and 2 must be 0: for bar 1 stay-stay is 0.9 * 0.9, there and back 0.1 * 0.1.
    np.testing.assert_allclose(posterior(np.array([first, both, first]), 1), np.array([0.81, 0.01]) / 0.82)


def test_change_goes_to_any_of_the_others() -> None:
    possible = np.array([[True, False, False], [True, True, True]])
    np.testing.assert_allclose(posterior(possible, 1), [0.9, 0.05, 0.05])


@pytest.mark.parametrize(
    ("pattern", "newest", "chance"),
    [
        (0, 19, 1 / 4),  # a root on beat one: kick, staircase, eighths or one note
        (3, 39, 1 / 1),  # the second eighth has been heard
        (0, 47, 1 / 3),  # the root lasted: not eighths
        (0, 59, 1 / 1),  # the fifth on beat two
        (4, 59, 1 / 1),  # silence on beat two
        (1, 19, 1 / 1),  # the fifth on beat one: root on snare alone
    ],
)
def test_one_bar_by_hand(pattern: int, newest: int, chance: float) -> None:
    """The window starts with the song."""
    assert ceiling([a4(pattern)], [(0, newest)], windows(newest + 1)) == pytest.approx(chance)


def test_silence_tells_too() -> None:
    """In the gap before beat three, frames 96 to 99, all are silent but eighths, which last until 97."""
    assert ceiling([a4(0)], [(0, 99)], windows(4)) == pytest.approx(1 / 4)
    assert ceiling([a4(4)], [(0, 130)], windows(20)) == 1.0  # nobody else rests that long


def test_what_was_heard_before_the_bar_line_goes_on() -> None:
    """The first bar says 0 for sure; the root after the bar line is possible for 0, 2, 3 and 4."""
    where = [(0, 220)]
    assert ceiling([a4(0, 0)], where, windows(150)) == 1.0
    assert ceiling([a4(0, 2)], where, windows(150)) == 0.0  # it takes the staircase for more of the same


def test_a_centred_window_hears_what_follows() -> None:
    """Around frame 20 of a bar 100 frames are enough, up to there alone they are not."""
    spec = windows(100, studio())
    assert ceiling([a4(0, 2)], [(0, 270)], spec) == 1.0  # label frame 220, heard up to 270
    assert ceiling([a4(0, 2)], [(0, 220)], windows(100)) == 0.0


def test_longer_windows_tell_more_in_a4_and_a1_needs_little() -> None:
    """Of the composed songs."""
    rhythm, harmony = [composed("A4", i) for i in range(4)], [composed("A1", i) for i in range(2)]
    shares = []
    for n in (10, 40, 80):
        share = ceiling(rhythm, evaluation_places(rhythm, windows(n)), windows(n))
        assert share is not None
        shares.append(share)
    assert shares[0] < 0.9 < shares[1] and shares[2] > 0.95
    assert ceiling(harmony, evaluation_places(harmony, windows(10)), windows(10)) == 1.0
