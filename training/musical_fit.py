"""How well a bass fits a song, as numbers: lines and harmony -> shares, F1, delays, histograms.

A line is what one bass plays; `played` is the one that is scored, `truth` the bass that was taken out of the
song. All arrays of one call have as many frames. A number that cannot be told (no frame, no note) is None.

Flow: musical_fit ◀ harmony, baselines, listening_songs, listening, listen_report.
"""

from __future__ import annotations

from dataclasses import dataclass

import mir_eval
import numpy as np
import numpy.typing as npt

from bassnet_osc.notes import hz_to_pitch
from bassnet_osc.spec import CqtSpec
from training.descriptors import Descriptors
from training.objective import UNVOICED_BIN

ONSET_WINDOW_S = 0.05  # that an onset may lie off: mir_eval's and MIREX's tolerance
EARLY_S = 0.1  # by which a note of the true bass may come before its chord and still be of it
HOLD_FRAMES = 5  # for which a pitch class must be right: 50 ms, not touched in passing
SAME_OCTAVE = 6.0  # semitones: pitches of one class that lie nearer are equal
SEMITONES = np.arange(-36, 13)  # of a histogram, above the root; what lies beyond counts at the ends
ROOT_OCTAVE = 48  # MIDI: the root of a histogram lies from C3 to B3, where chords are

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Line:
    """What a bass plays.

    Shape:
        - `pitch` (n_frames,): MIDI pitch above the song's own tuning, NaN where it is silent
        - `onsets` (n_notes,): when its notes begin, in seconds, rising
    """

    pitch: Array
    onsets: Array
    frame_rate: float

    def part(self, first: int, after: int) -> Line:
        """Frames first <= i < after; the first of them is at 0 s."""
        start, end = first / self.frame_rate, after / self.frame_rate
        inside = (self.onsets >= start) & (self.onsets < end)
        return Line(self.pitch[first:after], self.onsets[inside] - start, self.frame_rate)

    @property
    def sounding(self) -> Booleans:
        """Whether it sounds (n_frames,)."""
        return ~np.isnan(self.pitch)

    @property
    def pitch_class(self) -> Ints:
        """The nearest pitch class, C is 0; -1 where it is silent (n_frames,)."""
        rounded = np.rint(np.where(self.sounding, self.pitch, 0.0)).astype(np.int64)
        return np.where(self.sounding, rounded % 12, -1)


@dataclass(frozen=True)
class Harmony:
    """What sounds above the bass.

    Shape:
        - `root` (n_frames,): pitch class, -1 where there is no chord
        - `chord`, `scale` (n_frames, 12): whether a pitch class belongs to them
        - `chords`: the first frame of each chord and the one after its last; no chord follows itself
    """

    root: Ints
    chord: Booleans
    scale: Booleans
    chords: list[tuple[int, int]]

    def part(self, first: int, after: int) -> Harmony:
        """Frames first <= i < after; of the chords those that begin and end in them."""
        inside = [(a - first, b - first) for a, b in self.chords if first <= a and b <= after]
        return Harmony(self.root[first:after], self.chord[first:after], self.scale[first:after], inside)


def line_of(descriptors: Descriptors, onsets: Array, cqt: CqtSpec, tuning: float) -> Line:
    """The line of a bass track; `tuning` in semitones above A = 440 Hz."""
    hz = cqt.fmin * 2.0 ** (descriptors.f0_bin / cqt.bins_per_octave)
    pitch = np.where(descriptors.f0_bin == UNVOICED_BIN, np.nan, hz_to_pitch(hz) - tuning)
    return Line(pitch, np.asarray(onsets, np.float64), cqt.frame_rate)


def fit(played: Line, truth: Line, harmony: Harmony) -> dict[str, float | None]:
    """All numbers of one line that are one number."""
    return {
        "pitch_class": pitch_class_agreement(played, truth),
        "octave": octave_agreement(played, truth),
        "voiced_f1": voiced_f1(played, truth),
        "coverage": coverage(played, truth),
        "chord_tones": share_within(played, harmony.chord),
        "on_root": _share(played.pitch_class == harmony.root, played.sounding & (harmony.root >= 0)),
        "scale_tones": share_within(played, harmony.scale),
        "onset_f1": onset_f1(played, truth),
        "notes_per_second": notes_per_second(played),
        "register": register(played),
    }


def _share(which: Booleans, of: Booleans) -> float | None:
    return float((which & of).sum() / of.sum()) if of.any() else None


def pitch_class_agreement(played: Line, truth: Line) -> float | None:
    """Share of the frames where both sound in which their pitch classes are equal."""
    return _share(played.pitch_class == truth.pitch_class, played.sounding & truth.sounding)


def octave_agreement(played: Line, truth: Line) -> float | None:
    """Share of the frames of equal pitch class where the octave is the same, too."""
    equal = played.sounding & truth.sounding & (played.pitch_class == truth.pitch_class)
    near = np.abs(np.where(equal, played.pitch - truth.pitch, np.inf)) < SAME_OCTAVE
    return _share(near, equal)


def coverage(played: Line, truth: Line) -> float | None:
    """Share of the frames where the true bass sounds in which this one does."""
    return _share(played.sounding, truth.sounding)


def voiced_f1(played: Line, truth: Line) -> float | None:
    """F1 of the sounding frames: harmonic mean of `coverage` and of the share that should sound."""
    either = int(played.sounding.sum() + truth.sounding.sum())
    return 2.0 * float((played.sounding & truth.sounding).sum()) / either if either else None


def share_within(played: Line, tones: Booleans) -> float | None:
    """Share of the sounding frames whose pitch class is one of `tones` (n_frames, 12).

    Frames without tones (no chord) do not count.
    """
    known = played.sounding & tones.any(axis=1)
    return _share(tones[np.arange(len(tones)), played.pitch_class], known)


def onset_f1(played: Line, truth: Line) -> float | None:
    """F1 of the onsets, each matched once within ONSET_WINDOW_S (mir_eval); 0 where only one has any."""
    if not len(played.onsets) or not len(truth.onsets):
        return 0.0 if len(played.onsets) or len(truth.onsets) else None
    return float(mir_eval.onset.f_measure(truth.onsets, played.onsets, window=ONSET_WINDOW_S)[0])


def notes_per_second(played: Line) -> float | None:
    """Notes that begin in a second, silence included."""
    return len(played.onsets) * played.frame_rate / len(played.pitch) if len(played.pitch) else None


def register(played: Line) -> float | None:
    """Median MIDI pitch of the sounding frames."""
    return float(np.nanmedian(played.pitch)) if played.sounding.any() else None


def interval_counts(played: Line, harmony: Harmony) -> Ints:
    """Frames at each of SEMITONES above the sounding chord's root (n_semitones,)."""
    known = played.sounding & (harmony.root >= 0)
    above = np.rint(played.pitch[known] - (ROOT_OCTAVE + harmony.root[known])).astype(np.int64)
    at = np.clip(above, SEMITONES[0], SEMITONES[-1]) - SEMITONES[0]
    return np.bincount(at, minlength=len(SEMITONES)).astype(np.int64)


def chord_delays(played: Line, truth: Line, harmony: Harmony) -> list[float | None]:
    """Seconds from each chord change to the correct pitch class; None where the chord ends before.

    Correct is what the true bass first begins in that chord (or up to EARLY_S before it). Changes in which it
    begins nothing, and those before which the line was at the correct pitch class already, are left out.
    """
    found: list[float | None] = []
    heard = played.pitch_class
    for start, end in harmony.chords:
        wanted = _first_pitch_class(truth, start, end)
        if start == 0 or wanted is None or heard[start - 1] == wanted:
            continue
        right = heard[start:end] == wanted
        held = np.flatnonzero(np.convolve(right, np.ones(HOLD_FRAMES), "valid") > HOLD_FRAMES - 0.5)
        long_enough = len(right) >= HOLD_FRAMES and len(held)
        found.append(float(held[0] / played.frame_rate) if long_enough else None)
    return found


def _first_pitch_class(truth: Line, start: int, end: int) -> int | None:
    """The pitch class of the first note that the true bass begins in a chord."""
    frames = np.rint(truth.onsets * truth.frame_rate).astype(np.int64)
    of_chord = frames[(frames >= start - EARLY_S * truth.frame_rate) & (frames < end)]
    if not len(of_chord):
        return None
    after = of_chord[1] if len(of_chord) > 1 else end
    note = truth.pitch_class[of_chord[0] : after]
    sounding = note[note >= 0]
    return int(sounding[0]) if len(sounding) else None
