"""Every number of the listening score against one worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bassnet_osc.spec import CqtSpec
from training.descriptors import Descriptors
from training.musical_fit import (
    HOLD_FRAMES,
    SEMITONES,
    Harmony,
    Line,
    chord_delays,
    coverage,
    fit,
    interval_counts,
    line_of,
    notes_per_second,
    octave_agreement,
    onset_f1,
    pitch_class_agreement,
    register,
    share_within,
    voiced_f1,
)
from training.objective import UNVOICED_BIN

RATE = 100.0
NAN = float("nan")


def line(*runs: tuple[float, int], onsets: tuple[float, ...] = ()) -> Line:
    """Runs of (pitch, frames)."""
    return Line(np.repeat([p for p, _ in runs], [n for _, n in runs]), np.array(onsets), RATE)


def harmony(*chords: tuple[tuple[int, ...], int], scale: tuple[int, ...] = ()) -> Harmony:
    """Runs of (pitch classes, frames); () is no chord."""
    n = sum(length for _, length in chords)
    root, tones, steps = np.full(n, -1), np.zeros((n, 12), bool), np.zeros((n, 12), bool)
    steps[:, list(scale)] = True
    edges, at = [], 0
    for classes, length in chords:
        if classes:
            root[at : at + length] = classes[0]
            tones[at : at + length, list(classes)] = True
            edges.append((at, at + length))
        at += length
    return Harmony(root, tones, steps, edges)


C_MAJOR, F_MAJOR, G_MAJOR = (0, 4, 7), (5, 9, 0), (7, 11, 2)
SCALE = (0, 2, 4, 5, 7, 9, 11)


def test_the_true_bass_agrees_with_itself() -> None:
    true = line((36, 60), (NAN, 10), (43, 30), onsets=(0.0, 0.7))
    told = fit(true, true, harmony((C_MAJOR, 100), scale=SCALE))
    for name in ("pitch_class", "octave", "voiced_f1", "coverage", "chord_tones", "scale_tones", "onset_f1"):
        assert told[name] == 1.0, name
    assert told["notes_per_second"] == 2.0
    assert told["register"] == 36.0
    assert told["on_root"] == pytest.approx(60 / 90)


def test_a_fifth_above_is_a_chord_tone_and_another_pitch_class() -> None:
    true, fifth = line((36, 100)), line((43, 100))
    told = fit(fifth, true, harmony((C_MAJOR, 100), scale=SCALE))
    assert told["pitch_class"] == 0.0 and told["octave"] is None
    assert told["chord_tones"] == told["scale_tones"] == 1.0
    assert told["register"] == 43.0 and told["on_root"] == 0.0


def test_an_octave_above_is_the_same_pitch_class_alone() -> None:
    true, octave = line((36, 50), (35, 50)), line((48, 50), (35.4, 50))
    assert pitch_class_agreement(octave, true) == 1.0
    assert octave_agreement(octave, true) == 0.5


def test_where_only_one_sounds_does_not_count_as_a_wrong_pitch() -> None:
    true, half = line((36, 100)), line((36, 25), (37, 25), (NAN, 50))
    assert pitch_class_agreement(half, true) == 0.5
    assert coverage(half, true) == 0.5
    assert voiced_f1(half, true) == pytest.approx(2 * 50 / 150)


def test_silence_has_no_pitch_and_no_onset() -> None:
    true, silent = line((36, 100), onsets=(0.0,)), line((NAN, 100))
    told = fit(silent, true, harmony((C_MAJOR, 100), scale=SCALE))
    for name in ("pitch_class", "octave", "chord_tones", "scale_tones", "register"):
        assert told[name] is None, name
    assert told["coverage"] == told["voiced_f1"] == told["onset_f1"] == told["notes_per_second"] == 0.0
    assert onset_f1(silent, silent) is None and voiced_f1(silent, silent) is None


def test_shares_leave_out_what_has_no_chord() -> None:
    """D on C major for a quarter of its time, on no chord for a half."""
    played = line((36, 25), (38, 75))
    chords = harmony((C_MAJOR, 50), ((), 50), scale=SCALE)
    assert share_within(played, chords.chord) == 0.5
    assert share_within(played, chords.scale) == 1.0
    assert share_within(line((37, 100)), chords.scale) == 0.0


def test_onsets_within_50_ms_are_matched_once() -> None:
    """Of three, one is found twice, one 60 ms late: a third of them, by a third of the four."""
    true = line((36, 300), onsets=(0.5, 1.0, 2.0))
    played = line((36, 300), onsets=(0.46, 0.54, 1.06, 2.5))
    assert onset_f1(played, true) == pytest.approx(2 * (1 / 4) * (1 / 3) / (1 / 4 + 1 / 3))


def test_density_and_register() -> None:
    played = line((NAN, 100), (40, 60), (45, 40), onsets=(1.0, 1.6, 1.8))
    assert notes_per_second(played) == 1.5
    assert register(played) == 40.0


def test_intervals_are_counted_above_the_root_from_c3() -> None:
    """C2 under C is an octave below, G2 under C a fourth; frames without a chord and silence do not count."""
    played = line((36, 3), (43, 2), (NAN, 5), (43, 10), (12, 1), (72, 4))
    counts = interval_counts(played, harmony((C_MAJOR, 10), ((), 10), (F_MAJOR, 1), (G_MAJOR, 4)))
    told = {int(semitone): int(count) for semitone, count in zip(SEMITONES, counts, strict=True) if count}
    assert told == {-12: 3, -5: 2, -36: 1, 12: 4}  # the last two lie beyond and count at the ends


def test_delays_from_a_chord_change() -> None:
    """F 200 ms late; G never; to C the line was there before; the first chord is no change."""
    true = line((36, 100), (41, 100), (43, 100), (36, 100), onsets=(0.0, 1.0, 2.0, 3.0))
    played = line((36, 120), (41, 130), (36, 150))
    chords = harmony((C_MAJOR, 100), (F_MAJOR, 100), (G_MAJOR, 100), (C_MAJOR, 100))
    assert chord_delays(played, true, chords) == [pytest.approx(0.2), None]
    assert chord_delays(true, true, chords) == [0.0, 0.0, 0.0]


def test_the_right_pitch_class_in_passing_is_no_arrival() -> None:
    true = line((36, 100), (41, 100), onsets=(0.0, 1.0))
    chords = harmony((C_MAJOR, 100), (F_MAJOR, 100))
    short, enough = HOLD_FRAMES - 1, HOLD_FRAMES
    passing = line((36, 110), (41, short), (36, 40), (53, enough), (36, 50 - short - enough))
    assert chord_delays(passing, true, chords) == [pytest.approx((10 + short + 40) / RATE)]


def test_what_is_wanted_is_the_first_note_that_begins_in_the_chord() -> None:
    """A note held over is not of the chord; one that comes 50 ms early is; a chord without a note is none."""
    held = line((36, 150), (45, 50), onsets=(0.0, 1.5))
    chords = harmony((C_MAJOR, 100), (F_MAJOR, 100))
    assert chord_delays(line((36, 100), (45, 100)), held, chords) == [0.0]
    early = line((36, 95), (45, 105), onsets=(0.0, 0.95))
    assert chord_delays(line((36, 100), (45, 100)), early, chords) == [0.0]
    assert chord_delays(line((40, 200)), line((36, 200), onsets=(0.0,)), chords) == []


def test_a_part_counts_from_its_own_beginning() -> None:
    whole = line((36, 100), (41, 100), onsets=(0.0, 1.0, 1.5))
    part = whole.part(90, 150)
    assert part.onsets == pytest.approx([0.1])
    assert part.pitch.tolist() == [36.0] * 10 + [41.0] * 50
    chords = harmony((C_MAJOR, 100), (F_MAJOR, 40), (G_MAJOR, 60)).part(90, 150)
    assert chords.chords == [(10, 50)]  # those that are cut tell no delay
    assert chords.root.tolist() == [0] * 10 + [5] * 40 + [7] * 10


def test_a_line_of_descriptors_is_above_the_songs_tuning() -> None:
    """C2 in a song that is tuned 33 cents high: a bin above, the same note."""
    cqt = CqtSpec()
    c2 = 15 * cqt.bins_per_octave // 12  # A0 is bin 0
    nothing = np.zeros(3, np.float32)
    found = line_of(Descriptors(np.array([c2 + 1, UNVOICED_BIN, c2]), nothing, nothing), [0.0], cqt, 1 / 3)
    assert found.pitch == pytest.approx([36.0, NAN, 36.0 - 1 / 3], nan_ok=True)
    assert found.pitch_class.tolist() == [0, -1, 0]
