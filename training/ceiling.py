"""The share of windows whose pattern an ideal listener could name: what the classifier can be compared with.

The listener knows the bars, the chords, what every pattern would play to them, and how often patterns
change. Of the bass it hears the frames of the window and nothing else: which pitch sounds, which starts, or
silence. Patterns that would have sounded otherwise are ruled out; of the rest it names the most likely one
(ties count as chance). Frames are points in time here: constant-Q kernels that lie around their frame hear
beyond the window, so that a centred model may exceed its ceiling.

Flow: composition, data_sets, places ◀ ceiling ◀ metrics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bassnet_osc.spec import Spec
from training.composition import GATE, MODES, P_PATTERN_CHANGE
from training.data_sets import BEATS_PER_BAR, DATA_SETS, Chord, DataSet
from training.dataset import Song
from training.places import Booleans, Ints, Places, bar_numbers, label_frame

Floats = npt.NDArray[np.float64]


def chord_of(song: Song, bar: int, data_set: DataSet) -> Chord:
    """The chord of a bar with the song's scale above it."""
    truth, mode = song.bars[bar], MODES[song.truth["mode"]]
    degree = mode.index((truth["root"] - song.truth["tonic"]) % 12)
    scale = tuple((mode[(degree + k) % 7] - mode[degree]) % 12 for k in range(7))
    return Chord(truth["root"], scale, truth["programs"][0] if data_set.switched else None)


def performance(song: Song, pattern: int, data_set: DataSet, spec: Spec) -> Ints:
    """What each frame of the bass would say, were `pattern` played throughout (n_frames,).

    0 is silence; a pitch is twice its MIDI number, and one more at the frame where it starts.
    """
    said = np.zeros(song.n_frames, dtype=np.int64)
    for i, bar in enumerate(song.bars):
        chord = chord_of(song, i, data_set)
        beat_frames = (bar["end"] - bar["start"]) / BEATS_PER_BAR * spec.cqt.frame_rate
        for beat, length, degree in data_set.patterns[pattern](chord):
            start = bar["start"] * spec.cqt.frame_rate + beat * beat_frames
            first, after = round(start), round(start + GATE * length * beat_frames)
            said[first:after] = 2 * (chord.pitch(degree) - 12)
            said[first : first + 1] += 1
    return said


def posterior(possible: Booleans, bar: int) -> Floats:
    """Probability of each pattern in `bar`, given which were possible in each bar (n_bars, n_patterns).

    In the first bar all are equally likely; at each bar line the pattern changes with P_PATTERN_CHANGE.
    """
    n = possible.shape[1]
    change = np.full((n, n), P_PATTERN_CHANGE / (n - 1))
    np.fill_diagonal(change, 1.0 - P_PATTERN_CHANGE)
    before, after = possible[0] / n, np.ones(n)
    for here in possible[1 : bar + 1]:
        before = (before @ change) * here
    for there in possible[:bar:-1]:
        after = change @ (after * there)
    together = before * after
    return np.asarray(together / together.sum())


def _chance(song_bars: Ints, wrong: Ints, oldest: int, newest: int, label: int, truth: int) -> float:
    """Probability that the listener is right about the bar of frame `label`; `wrong` counts up to a frame."""
    first, last = song_bars[oldest], song_bars[newest]
    edges = np.searchsorted(song_bars, np.arange(first, last + 2))  # first frame of each bar
    edges = np.clip(edges, oldest, newest + 1)
    possible = wrong[:, edges[1:]] == wrong[:, edges[:-1]]
    p = posterior(possible.T, int(song_bars[label] - first))
    best = np.flatnonzero(np.isclose(p, p.max(), rtol=1e-9))
    return float(truth in best) / len(best)


def ceiling(songs: Sequence[Song], places: Places, spec: Spec) -> float | None:
    """Mean chance of being right at the places; None for songs that do not tell their chords."""
    if not all(_tells_chords(song) for song in songs) or not places:
        return None
    chances = []
    for s, song in enumerate(songs):
        data_set = DATA_SETS[song.truth["data_set"]]
        bars = bar_numbers(song, spec)
        played = np.array([bar["pattern"] for bar in song.bars])[bars]
        could = np.stack([performance(song, c, data_set, spec) for c in range(len(data_set.patterns))])
        wrong = np.cumsum(could != could[played, np.arange(song.n_frames)], axis=1)
        wrong = np.pad(wrong, ((0, 0), (1, 0)))  # wrong frames before frame i
        for newest in (newest for owner, newest in places if owner == s):
            heard = min(newest + spec.window.ahead, song.n_frames - 1)  # of the bass, which the label is of
            label, oldest = label_frame(newest, spec), heard - spec.window.window_frames + 1
            chances.append(_chance(bars, wrong, oldest, heard, label, played[label]))
    return float(np.mean(chances))


def _tells_chords(song: Song) -> bool:
    known = song.truth.get("data_set") in DATA_SETS and {"tonic", "mode"} <= song.truth.keys()
    return known and all("root" in bar for bar in song.bars)
