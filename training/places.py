"""Where test windows lie and what is true there: bars, patterns, and whether a window holds one alone.

A frame i is the moment i / frame_rate. The label of a window is the bass pattern at one of its frames: the
newest one where the window is end-anchored, else the centre.

Flow: dataset ◀ places ◀ ceiling, metrics, figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bassnet_osc.spec import A4_HZ, A4_PITCH, BassNetError, Spec
from training.data_sets import DATA_SETS
from training.dataset import Song

EVERY_FRAMES = 61  # distance of the windows: prime, so that they fall on all parts of a beat

Places = list[tuple[int, int]]  # windows: (song, newest frame)
Ints = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


def label_frame(newest: int, spec: Spec) -> int:
    """The frame whose pattern labels a window: its newest (end-anchored) or its centre, of the bass."""
    w = spec.window
    return w.ahead + (newest if w.anchor == "end" else newest - w.window_frames // 2)


def finest_frames(spec: Spec) -> slice:
    """The frames of a window that its finest channel holds."""
    finest = spec.window.finest
    return slice(finest.start, finest.stop)


def evaluation_places(songs: Sequence[Song], spec: Spec) -> Places:
    """Windows that lie inside the songs, their labels inside the bars where there are any."""
    ends = [song.bars[-1]["end"] if song.has_bars else np.inf for song in songs]
    return [
        (s, newest)
        for s, song in enumerate(songs)
        for newest in range(spec.window.window_frames, song.n_frames - spec.window.ahead, EVERY_FRAMES)
        if label_frame(newest, spec) / spec.cqt.frame_rate < ends[s]
    ]


def bar_numbers(song: Song, spec: Spec) -> Ints:
    """The bar that sounds at each frame (n_frames,); the last one beyond its end."""
    ends = [bar["end"] for bar in song.bars]
    at = np.searchsorted(ends, np.arange(song.n_frames) / spec.cqt.frame_rate, side="right")
    return np.minimum(at, len(ends) - 1)


def has_common_patterns(song: Song) -> bool:
    """Whether a song's patterns are those of its whole data set, as the paper's are."""
    return song.has_bars and song.truth.get("data_set") in (*DATA_SETS, None)


def frame_patterns(song: Song, spec: Spec) -> Ints:
    """The bass pattern at each frame (n_frames,)."""
    return np.array([bar["pattern"] for bar in song.bars])[bar_numbers(song, spec)]


def frame_roots(song: Song, spec: Spec) -> Ints:
    """The root of the sounding chord at each frame as a MIDI number (n_frames,)."""
    if not tells_roots([song]):
        raise BassNetError("pitches need each bar's root in truth.json; a song lacks it: add them")
    return np.array([bar["root"] for bar in song.bars])[bar_numbers(song, spec)]


def root_bins(song: Song, spec: Spec) -> Ints:
    """The same as a bin of the spectrum (n_frames,)."""
    hz = A4_HZ * 2 ** ((frame_roots(song, spec) - A4_PITCH) / 12)
    return np.rint(spec.cqt.bins_per_octave * np.log2(hz / spec.cqt.fmin)).astype(np.int64)


def root_classes(song: Song, spec: Spec) -> Ints:
    """The pitch class of the sounding chord's root at each frame (n_frames,), -1 where it is not known."""
    found = np.full(song.n_frames, -1)
    for bar in song.bars if song.has_bars else []:
        chords = bar.get("chords") or [{"start": bar["start"], "pitch_classes": [bar.get("root", -1)]}]
        for chord in chords:  # each until the next one, the last until the end of the song
            root = chord["pitch_classes"][0]
            found[round(chord["start"] * spec.cqt.frame_rate) :] = root % 12 if root >= 0 else -1
    return found


def tells_roots(songs: Sequence[Song]) -> bool:
    """Whether each bar of the songs has its root."""
    return all("root" in bar for song in songs for bar in song.bars)


def labelled(frames: Sequence[Ints], places: Places, spec: Spec) -> Ints:
    """What `frames` (songs, n_frames) say at the label's frame of each place (n,)."""
    return np.array([frames[s][label_frame(newest, spec)] for s, newest in places])


def patterns(songs: Sequence[Song], places: Places, spec: Spec, delay: int = 0) -> Ints:
    """The label of each place (n,), or the pattern `delay` frames before it."""
    by_frame = [frame_patterns(song, spec) for song in songs]
    return np.array([by_frame[s][max(0, label_frame(newest, spec) - delay)] for s, newest in places])


def settled(songs: Sequence[Song], places: Places, spec: Spec) -> Booleans:
    """Whether the pattern stays the same over all frames of a window of the bass (n,)."""
    by_frame = [frame_patterns(song, spec) for song in songs]
    changes = [np.cumsum(np.diff(pattern, prepend=pattern[0]) != 0) for pattern in by_frame]
    oldest, ahead = spec.window.window_frames - 1, spec.window.ahead
    ends = [(s, min(newest + ahead, len(changes[s]) - 1)) for s, newest in places]
    return np.array([changes[s][end] == changes[s][end - oldest] for s, end in ends])


def first_half(songs: Sequence[Song], places: Places) -> Booleans:
    """Whether a place lies in the first half of the songs (n,): the half that classifiers are fitted on."""
    return np.array([s < len(songs) // 2 for s, _ in places])
