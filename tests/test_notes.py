"""Notes by hand, the tracker's invariances, and the MIDI file read back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bassnet_osc.frames import Frames
from bassnet_osc.notes import (
    Note,
    NoteTracker,
    hz_to_pitch,
    notes_from_frames,
    pitch_to_hz,
    shift_octaves,
    write_midi,
)
from bassnet_osc.onsets import OnsetGate
from bassnet_osc.presets import live
from bassnet_osc.spec import BassNetError

Array = npt.NDArray[np.float64]

SPEC = live()
FRAME_RATE = SPEC.cqt.frame_rate
LEVEL_DB, VELOCITY = -15.0, 95  # 127 * 45 / 60
REST = np.nan


def frames_of(
    *runs: tuple[float | Array, int], onsets: tuple[int, ...] = (), level_db: float = LEVEL_DB
) -> Frames:
    """Frames from runs of (MIDI pitch, n_frames), with an onset curve that peaks at `onsets`."""
    pitch = np.concatenate([np.broadcast_to(np.asarray(p, np.float64), n) for p, n in runs])
    onset = np.zeros(len(pitch))
    onset[list(onsets)] = 0.9
    return Frames(0, pitch_to_hz(pitch), np.full(len(pitch), level_db), onset)


def notes_of(*runs: tuple[float | Array, int], onsets: tuple[int, ...] = ()) -> list[Note]:
    """The notes, their bends rounded as far as floating point needs it."""
    found = notes_from_frames(frames_of(*runs, onsets=onsets), SPEC)
    return [Note(n.start_frame, n.end_frame, n.pitch, round(n.bend, 9) + 0.0, n.velocity) for n in found]


def note(start_frame: int, end_frame: int, pitch: int, bend: float = 0.0) -> Note:
    return Note(start_frame, end_frame, pitch, bend, VELOCITY)


def random_frames(rng: np.random.Generator, n_frames: int = 3000) -> Frames:
    """Held notes, leaps, slides, vibrato, rests and flicker, with onsets anywhere."""
    steps = np.where(rng.random(n_frames) < 0.03, rng.normal(0, 4, n_frames), rng.normal(0, 0.1, n_frames))
    pitch = 40.0 + np.clip(np.cumsum(steps), -12, 12)
    pitch[np.repeat(rng.random(n_frames // 20) < 0.2, 20) | (rng.random(n_frames) < 0.02)] = REST
    return Frames(0, pitch_to_hz(pitch), -40.0 * rng.random(n_frames), rng.random(n_frames) ** 12)


def test_conversions_by_hand() -> None:
    np.testing.assert_allclose(hz_to_pitch([440.0, 220.0, 27.5, 8.1757989156]), [69, 57, 21, 0], atol=1e-9)
    pitch = np.linspace(20, 110, 91)
    np.testing.assert_allclose(hz_to_pitch(pitch_to_hz(pitch)), pitch, rtol=1e-14)
    assert np.isnan(hz_to_pitch(np.nan))


def test_rests_separate_notes() -> None:
    assert notes_of((REST, 10), (33, 20), (REST, 5), (40, 30), (REST, 10)) == [
        note(10, 30, 33),
        note(35, 65, 40),
    ]


def test_onsets_separate_notes_of_one_pitch() -> None:
    assert notes_of((REST, 5), (33, 60), onsets=(5, 25, 45)) == [
        note(5, 25, 33),
        note(25, 45, 33),
        note(45, 65, 33),
    ]


def test_the_last_note_ends_with_the_signal() -> None:
    assert notes_of((33, 20)) == [note(0, 20, 33)]


def test_silence_has_no_notes() -> None:
    assert notes_of((REST, 50), onsets=(3, 20)) == []
    assert notes_from_frames(Frames.empty(0), SPEC) == []


@pytest.mark.parametrize("bend", [-0.4, 0.25])
def test_a_note_out_of_tune_has_a_bend(bend: float) -> None:
    assert notes_of((38 + bend, 30)) == [note(0, 30, 38, bend)]


def test_a_pitch_corrected_within_150_ms_is_one_note() -> None:
    assert notes_of((45, 12), (38, 30)) == [note(0, 42, 38)]
    # The correction counts alone, be the wrong pitch the longer part.
    assert notes_of((45, 15), (38, 7)) == [note(0, 22, 38)]


def test_a_later_change_without_onset_is_a_new_note() -> None:
    assert notes_of((45, 30), (38, 30)) == [note(0, 30, 45), note(30, 60, 38)]
    assert notes_of((45, 30), (38, 10), (40, 10)) == [note(0, 30, 45), note(30, 40, 38), note(40, 50, 40)]


@pytest.mark.parametrize("semitones", [0.5, 0.6, -0.6])
def test_half_a_semitone_is_a_change(semitones: float) -> None:
    assert len(notes_of((40, 30), (40 + semitones, 30))) == 2


def test_what_does_not_hold_is_no_change() -> None:
    assert notes_of((40, 30), (45, 5), (40, 30)) == [note(0, 65, 40)]
    assert notes_of((40, 30), (40.4, 30)) == [note(0, 60, 40)]  # the median of both, the lower at a draw


@pytest.mark.parametrize("rate_hz", [4.5, 5.5, 7.0])
@pytest.mark.parametrize("phase", [0.0, 1.6, 3.1, 4.7])
def test_vibrato_does_not_split(rate_hz: float, phase: float) -> None:
    vibrato = 40 + 0.4 * np.sin(phase + 2 * np.pi * rate_hz / FRAME_RATE * np.arange(200))
    (found,) = notes_from_frames(frames_of((vibrato, 200)), SPEC)
    assert (found.start_frame, found.end_frame, found.pitch) == (0, 200, 40)
    assert abs(found.bend) < 0.1  # measured 0.012


def test_a_slide_is_two_notes_and_not_a_scale() -> None:
    found = notes_of((40, 60), (np.linspace(40, 47, 30), 30), (47, 60))
    assert [(n.pitch, n.end_frame) for n in found] == [(40, found[1].start_frame), (47, 150)]
    assert 85 <= found[1].start_frame <= 90


def test_a_voice_that_drops_out_at_once_stays_one_note() -> None:
    assert notes_of((33, 2), (REST, 1), (33, 20), (REST, 9)) == [note(0, 23, 33)]
    assert notes_of((33, 2), (REST, 9), (33, 20)) == [note(0, 2, 33), note(11, 31, 33)]


def test_velocity_is_the_highest_level_of_the_note() -> None:
    frames = frames_of((33, 40), onsets=(20,))
    frames.level_db[:] = np.concatenate([np.linspace(-60, -30, 20), np.linspace(0, -80, 20)])
    assert [n.velocity for n in notes_from_frames(frames, SPEC)] == [round(127 / 2), 127]
    quiet = notes_from_frames(frames_of((33, 5), level_db=-200.0), SPEC)
    assert [n.velocity for n in quiet] == [1]


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_stream_equals_offline(size: int, rng: np.random.Generator) -> None:
    frames = random_frames(rng)
    tracker, found = NoteTracker(SPEC), []
    for i in range(0, len(frames), size):
        found += tracker.process(frames[i : i + size])
    found += tracker.flush()
    assert len(found) > 100
    assert found == notes_from_frames(frames, SPEC)


def test_notes_follow_one_another_and_start_with_each_attack(rng: np.random.Generator) -> None:
    frames = random_frames(rng)
    found = notes_from_frames(frames, SPEC)
    assert all(n.start_frame < n.end_frame for n in found)
    assert all(a.end_frame <= b.start_frame for a, b in pairwise(found))
    assert all(1 <= n.velocity <= 127 and abs(n.bend) <= 0.5 for n in found)
    plucked = np.flatnonzero(OnsetGate(SPEC.descriptor).process(frames.onset, ~np.isnan(frames.f0_hz)))
    assert set(plucked) <= {n.start_frame for n in found}


def test_notes_are_handed_out_as_soon_as_they_are_known() -> None:
    frames = frames_of((33, 20), (REST, 5), (40, 20), onsets=(35,))
    tracker = NoteTracker(SPEC)
    when = [(i, n.start_frame) for i in range(len(frames)) for n in tracker.process(frames[i : i + 1])]
    assert when == [(20, 0), (35, 25)]


def test_after_flush_and_reset_as_new(rng: np.random.Generator) -> None:
    frames = random_frames(rng, 400)
    tracker = NoteTracker(SPEC)
    first = tracker.process(frames) + tracker.flush()
    assert tracker.flush() == []
    assert tracker.process(frames) + tracker.flush() == first
    tracker.process(frames)
    tracker.reset()
    assert tracker.process(frames) + tracker.flush() == first


@given(st.lists(st.integers(0, 127), max_size=9), st.integers(-11, 11))
def test_octaves_move_pitches_and_nothing_else(pitches: list[int], octaves: int) -> None:
    """What MIDI has no pitch for is left out; up and down again, the rest is as before."""
    notes = [note(10 * i, 10 * i + 5, pitch, 0.3) for i, pitch in enumerate(pitches)]
    fitting = [n for n in notes if 0 <= n.pitch + 12 * octaves <= 127]
    shifted = shift_octaves(notes, octaves)
    assert [n.pitch for n in shifted] == [n.pitch + 12 * octaves for n in fitting]
    assert shift_octaves(shifted, -octaves) == fitting


def read_midi(path: Path) -> tuple[int, list[tuple[float, float, float, int]]]:
    """Program, and of each note start and end in seconds, pitch as it sounds, and velocity."""
    now, program, wheel, notes = 0.0, -1, 0, []
    started: dict[int, tuple[float, float, int]] = {}
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "program_change":
            program = message.program
        elif message.type == "pitchwheel":
            assert not started, "a bend would change the note that sounds"
            wheel = message.pitch
        elif message.type == "note_on":
            started[message.note] = (now, message.note + 2.0 * wheel / 8192, message.velocity)
        elif message.type == "note_off":
            start, pitch, velocity = started.pop(message.note)
            notes.append((start, now, pitch, velocity))
    assert not started
    return program, notes


def test_midi_read_back_is_the_notes(tmp_path: Path, rng: np.random.Generator) -> None:
    notes = notes_from_frames(random_frames(rng), SPEC)
    write_midi(tmp_path / "bass.mid", notes, FRAME_RATE)
    program, found = read_midi(tmp_path / "bass.mid")
    assert program == 33
    assert [n[3] for n in found] == [n.velocity for n in notes]
    np.testing.assert_allclose([n[0] for n in found], [n.start_frame / FRAME_RATE for n in notes], atol=1e-3)
    np.testing.assert_allclose([n[1] for n in found], [n.end_frame / FRAME_RATE for n in notes], atol=1e-3)
    np.testing.assert_allclose([n[2] for n in found], [n.pitch + n.bend for n in notes], atol=0.01)
    assert mido.MidiFile(tmp_path / "bass.mid").length < 31.0  # 120 beats a minute is what files begin with


@pytest.mark.parametrize("bpm", [20.0, 97.3, 120.0, 391.0])
def test_midi_times_do_not_drift(tmp_path: Path, bpm: float) -> None:
    """Ticks are rounded from the start of the file, not from note to note, and every frame comes back."""
    notes = [Note(i, i + 1, 33, 0.0, 64) for i in range(0, 60_001, 3)]
    write_midi(tmp_path / "long.mid", notes, FRAME_RATE, bpm)
    _, found = read_midi(tmp_path / "long.mid")
    assert [round(start * FRAME_RATE) for start, *_ in found] == [n.start_frame for n in notes]
    assert [round(end * FRAME_RATE) for _, end, *_ in found] == [n.end_frame for n in notes]
    assert found[-1][0] == pytest.approx(600.0, abs=2e-3)  # half a tick at 20 BPM is 1.6 ms


def test_midi_begins_with_its_tempo(tmp_path: Path) -> None:
    for arguments, bpm in [((), 120.0), ((97.0,), 97.0)]:
        write_midi(tmp_path / "bass.mid", [], FRAME_RATE, *arguments)
        first = mido.MidiFile(tmp_path / "bass.mid").tracks[0][0]
        assert (first.type, first.time) == ("set_tempo", 0)
        assert 60e6 / first.tempo == pytest.approx(bpm, rel=1e-6)  # a file holds whole microseconds


@pytest.mark.parametrize("bpm", [0.0, -120.0, 19.9, 400.1, np.nan, np.inf])
def test_what_is_no_tempo_is_refused(tmp_path: Path, bpm: float) -> None:
    with pytest.raises(BassNetError, match=rf"bpm must lie in 20 \.\. 400 .*; got {bpm:g}: give"):
        write_midi(tmp_path / "bass.mid", [], FRAME_RATE, bpm)
    assert not any(tmp_path.iterdir())


def test_midi_without_notes_is_a_file(tmp_path: Path) -> None:
    write_midi(tmp_path / "none.mid", [], FRAME_RATE)
    assert read_midi(tmp_path / "none.mid") == (33, [])


def test_midi_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bass.mid"
    path.write_bytes(b"before")

    def fail(self: mido.MidiFile, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(mido.MidiFile, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        write_midi(path, [], FRAME_RATE)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
