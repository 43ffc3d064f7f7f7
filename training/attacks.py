"""When and how rightly a bass is heard: its attacks beside the true ones, the time to a note's pitch.

A line lies at its place in the mix; `as_heard` moves it to when it sounds, a stream's offset later. Times are
in seconds from the beginning of an excerpt. Numbers that cannot be told are NaN.

Flow: listening, listening_songs, musical_fit ◀ attacks ◀ trade, heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bassnet_osc.bundle import Bundle
from bassnet_osc.latent import Z
from bassnet_osc.spec import CqtSpec
from training.listening import features, inferred, latents_of, steps
from training.listening_songs import ListeningSong, find_songs, read_listening_song
from training.metrics import PITCH_BINS
from training.musical_fit import Array, Booleans, Line, onset_f1

SPLIT = "test"
RATE = 48_000  # Hz: the client's rate whose latency is told
RIGHT_SEMITONES = 12 * PITCH_BINS / CqtSpec().bins_per_octave  # a pitch is right within them
ROUNDING = 1e-6  # semitones or frames by which floating point may be off
HELD_FRAMES = 2  # for which a pitch must be right: not touched in passing
UNKNOWN = "–"

Pair = tuple[Line, Line]  # what is played to an excerpt, and the true bass of it


def first_songs(data: Path, n_songs: int) -> list[Path]:
    """The first songs of data/test, at most so many; raises BassNetError where there are none."""
    return find_songs([data / SPLIT])[:n_songs]


def read_with_z(path: Path, bundle: Bundle) -> tuple[ListeningSong, Z]:
    """A song, and z over its frames as its true bass suggests.

    z moves with the song: each segment's is `listening.inferred` from the other segments.
    """
    song = read_listening_song(path, bundle.spec)
    mu, _ = latents_of(song, features(song, bundle.spec), bundle)
    points = [inferred(song.segments, mu, i) for i in range(len(song.segments))]
    return song, steps(song.segments, points)


def as_heard(line: Line, offset_s: float) -> Line:
    """The line as it sounds while the mix plays: so much later; what it plays at the end is cut off."""
    n_late = round(offset_s * line.frame_rate)
    pitch = np.concatenate([np.full(n_late, np.nan), line.pitch])[: len(line.pitch)]
    onsets = line.onsets + offset_s
    return Line(pitch, onsets[onsets < len(pitch) / line.frame_rate], line.frame_rate)


def deviations(true: Array, played: Array, within_s: float) -> Array:
    """Played minus true onsets of the pairs within `within_s` (n_pairs,), in the order of the true ones.

    One to one: the two that lie nearest are the first pair, and so on among those that are left.
    """
    off = played[None, :] - true[:, None]
    left, found = np.abs(off), {}
    while left.size and left.min() <= within_s:
        i, j = np.unravel_index(left.argmin(), left.shape)
        found[i] = off[i, j]
        left[i, :] = left[:, j] = np.inf
    return np.array([found[i] for i in sorted(found)], np.float64)


def is_right(pitch: Array, true: Array | float) -> Booleans:
    """Whether pitches are right within RIGHT_SEMITONES; a silent one is wrong."""
    return np.asarray(np.abs(pitch - true) <= RIGHT_SEMITONES + ROUNDING)


def times_to_pitch(played: Line, truth: Line) -> list[float | None]:
    """Seconds from each true note's beginning to its pitch; None where the next note comes before.

    Of the notes whose pitch differs from that of the note before; the pitch has come when it is right for
    HELD_FRAMES. A note's pitch is that of its first frame which sounds; notes that never sound do not count.
    """
    rate = truth.frame_rate
    starts = np.ceil(truth.onsets * rate - ROUNDING).astype(np.int64)
    ends = [*starts[1:], len(truth.pitch)]
    found: list[float | None] = []
    before = None
    for onset, start, end in zip(truth.onsets, starts, ends, strict=True):
        sounding = truth.pitch[start:end][truth.sounding[start:end]]
        if not len(sounding):
            continue
        if before is not None and not is_right(sounding[0], before):
            at = _first_held(is_right(played.pitch[start:end], sounding[0]))
            found.append(None if at is None else max(0.0, (start + at) / rate - float(onset)))
        before = sounding[0]
    return found


def _first_held(right: Booleans) -> int | None:
    """The first of HELD_FRAMES that are all right."""
    n_places = len(right) - HELD_FRAMES + 1
    return next((i for i in range(n_places) if right[i : i + HELD_FRAMES].all()), None)


def pitch_accuracy(pairs: Sequence[Pair]) -> float:
    """Share of the frames in which the true bass sounds whose pitch is right, over all pairs together."""
    right = sum(int(is_right(played.pitch, truth.pitch).sum()) for played, truth in pairs)
    sounding = sum(int(truth.sounding.sum()) for _, truth in pairs)
    return right / sounding if sounding else np.nan


def mean_onset_f1(pairs: Iterable[Pair]) -> float:
    """`musical_fit.onset_f1`, mean over the pairs that have onsets."""
    known = [f1 for played, truth in pairs if (f1 := onset_f1(played, truth)) is not None]
    return float(np.mean(known)) if known else np.nan


def all_deviations(pairs: Iterable[Pair], within_s: float) -> Array:
    """`deviations` of all pairs together."""
    return np.concatenate([deviations(truth.onsets, played.onsets, within_s) for played, truth in pairs])


def percentile(values: Sequence[float] | Array, q: float) -> float:
    """The q-th percentile, of none NaN."""
    return float(np.percentile(values, q)) if len(values) else np.nan


def share(value: float) -> str:
    """A share or an F1 as a table says it."""
    return UNKNOWN if np.isnan(value) else f"{value:.3f}"


def whole_ms(seconds: float) -> str:
    """A time as a table says it, in milliseconds."""
    return UNKNOWN if np.isnan(seconds) else f"{1000.0 * seconds:.0f}"
