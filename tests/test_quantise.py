"""What quantise promises of any notes on any grid, and how a DAW finds them: on whole lines, in ticks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bassnet_osc.notes import HIGHEST_BPM, LOWEST_BPM, TICKS_PER_BEAT, Note, ticks_per_frame, write_midi
from bassnet_osc.presets import live
from bassnet_osc.quantise import STEPS_PER_BEAT, quantise, step_ticks
from bassnet_osc.spec import BassNetError

SPEC = live()
FRAME_RATE = SPEC.cqt.frame_rate

bpms = st.floats(LOWEST_BPM, HIGHEST_BPM)
grids = st.sampled_from(sorted(STEPS_PER_BEAT))
offsets_s = st.floats(-5.0, 5.0)
frames = st.integers(0, 300)


@st.composite
def tracked(draw: st.DrawFn) -> list[Note]:
    """Notes in order and without overlap, in whole frames."""
    notes, end = [], 0
    for rest, length in draw(st.lists(st.tuples(frames, frames), max_size=30)):
        start, end = end + rest, end + rest + length + 1
        values = draw(st.tuples(st.integers(0, 127), st.floats(-0.5, 0.5), st.integers(1, 127)))
        notes.append(Note(start, end, *values))
    return notes


def note(start_frame: float, end_frame: float, velocity: int = 64) -> Note:
    return Note(start_frame, end_frame, 33, 0.25, velocity)


def ticks(times: list[float], bpm: float) -> list[int]:
    """Frames in ticks, which they must be."""
    exact = [time * ticks_per_frame(FRAME_RATE, bpm) for time in times]
    np.testing.assert_allclose(exact, np.round(exact), atol=1e-6)  # measured 1e-11
    return [round(tick) for tick in exact]


def lines_in(midi: Path) -> list[tuple[int, int]]:
    """Start and end of each note of a file, in ticks."""
    now, notes = 0, []
    for message in mido.MidiFile(midi).tracks[0]:
        now += message.time
        if message.type == "note_on":
            start = now
        elif message.type == "note_off":
            notes.append((start, now))
    return notes


@given(tracked(), bpms, grids, offsets_s)
def test_every_note_lies_on_the_grid_and_lasts_a_step(
    notes: list[Note], bpm: float, grid: str, offset_s: float
) -> None:
    found, step = quantise(notes, SPEC, bpm, grid, offset_s), step_ticks(grid)
    starts = ticks([n.start_frame for n in found], bpm)
    ends = ticks([n.end_frame for n in found], bpm)
    line = round(offset_s * FRAME_RATE * ticks_per_frame(FRAME_RATE, bpm))
    assert all((tick - line) % step == 0 and tick >= 0 for tick in starts + ends)
    assert all(end - start >= step for start, end in zip(starts, ends, strict=True))
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


@given(tracked(), bpms, grids, offsets_s)
def test_quantised_notes_stay_where_they_are(
    notes: list[Note], bpm: float, grid: str, offset_s: float
) -> None:
    found = quantise(notes, SPEC, bpm, grid, offset_s)
    assert quantise(found, SPEC, bpm, grid, offset_s) == found


@given(tracked(), bpms, grids)
def test_each_note_is_kept_or_merged_into_a_louder_one_nearby(
    notes: list[Note], bpm: float, grid: str
) -> None:
    """No note moves by more than half a step, and none goes but for one as loud on the nearest line."""
    found = quantise(notes, SPEC, bpm, grid)
    reach = (0.5 * step_ticks(grid) + 0.5) / ticks_per_frame(FRAME_RATE, bpm) + 1e-9
    kept = [(n.pitch, n.bend, n.velocity) for n in found]
    played = iter((n.pitch, n.bend, n.velocity) for n in notes)
    assert all(values in played for values in kept)  # in the same order, changed in their times alone
    for n in notes:
        near = [q for q in found if abs(q.start_frame - n.start_frame) <= reach]
        assert near and max(q.velocity for q in near) >= n.velocity


@given(tracked(), bpms, grids)
def test_ends_move_to_the_nearest_line_too(notes: list[Note], bpm: float, grid: str) -> None:
    """But for those that would leave no step, and those that the next note cuts."""
    step = step_ticks(grid) / ticks_per_frame(FRAME_RATE, bpm)
    apart = [n for n in notes if n.end_frame - n.start_frame > 1.1 * step][:1]
    for n, q in zip(apart, quantise(apart, SPEC, bpm, grid), strict=True):
        assert abs(q.end_frame - n.end_frame) <= 0.5 * step + 0.5 / ticks_per_frame(FRAME_RATE, bpm) + 1e-9


def test_eighths_by_hand() -> None:
    """At 120 BPM an eighth is 25 frames."""
    played = [note(3, 30), note(36, 52), note(52, 53), note(99, 160)]
    assert quantise(played, SPEC, 120.0, "1/8") == [note(0, 25), note(25, 50), note(50, 75), note(100, 150)]


def test_triplets_by_hand() -> None:
    """Three in a beat of 50 frames: lines that no frame hits."""
    played = [note(0, 15), note(15, 34), note(35, 49), note(51, 60)]
    found = quantise(played, SPEC, 120.0, "1/8T")
    assert ticks([n.start_frame for n in found], 120.0) == [0, 320, 640, 960]
    assert ticks([n.end_frame for n in found], 120.0) == [320, 640, 960, 1280]
    sixteenths = quantise([note(9, 12)], SPEC, 120.0, "1/16T")
    assert ticks([sixteenths[0].start_frame, sixteenths[0].end_frame], 120.0) == [160, 320]


def test_the_louder_of_two_on_a_line_stays() -> None:
    soft, loud = note(45, 49, velocity=50), note(49, 53, velocity=90)
    assert quantise([soft, loud], SPEC, 120.0, "1/8") == [note(50, 75, velocity=90)]
    earlier, later = note(45, 46), note(47, 160)
    assert quantise([earlier, later], SPEC, 120.0, "1/8") == [note(50, 75)]
    assert quantise([note(0, 9), note(40, 60, 9), note(61, 70)], SPEC, 120.0, "1/8") == [
        note(0, 25),
        note(50, 75),
    ]


def test_the_grid_may_begin_anywhere_but_before_the_mix() -> None:
    assert quantise([note(36, 58)], SPEC, 120.0, "1/8", offset_s=0.1) == [note(35, 60)]
    assert quantise([note(36, 58)], SPEC, 120.0, "1/8", offset_s=-0.4) == [note(35, 60)]
    assert quantise([note(0, 8)], SPEC, 120.0, "1/8", offset_s=0.2) == [note(20, 45)]


def test_no_notes_are_none() -> None:
    assert quantise([], SPEC, 120.0, "1/16") == []


@pytest.mark.parametrize("grid", STEPS_PER_BEAT)
@pytest.mark.parametrize("bpm", [20.0, 97.3, 120.0, 173.0, 400.0])
def test_a_file_holds_whole_steps_to_its_end(tmp_path: Path, bpm: float, grid: str) -> None:
    """Ten minutes of notes heard up to a fifth of a step beside their line, which a DAW finds on it."""
    step = step_ticks(grid)
    lines = np.arange(0, int(600 * bpm / 60 * TICKS_PER_BEAT), 4 * step)
    starts = np.round(lines / TICKS_PER_BEAT * 60 / bpm * FRAME_RATE).astype(int).tolist()
    beside = int(0.2 * step / TICKS_PER_BEAT * 60 / bpm * FRAME_RATE)
    heard = [start + beside * (i % 3 - 1) for i, start in enumerate(starts, 1)]
    played = [note(a, b) for a, b in pairwise(heard)]
    write_midi(tmp_path / "bass.mid", quantise(played, SPEC, bpm, grid), FRAME_RATE, bpm)
    assert lines_in(tmp_path / "bass.mid") == list(pairwise(lines.tolist()))


@pytest.mark.parametrize("grid", ["", "1/32", "1/8t", "16", "1/8 "])
def test_other_grids_are_refused(grid: str) -> None:
    with pytest.raises(BassNetError, match=r"one of 1/4, 1/8, 1/16, 1/8T, 1/16T; got") as caught:
        quantise([], SPEC, 120.0, grid)
    assert repr(grid) in str(caught.value)
