"""Songs that are no good are refused in one line and get no features."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from songs import SAMPLE_RATE, midi_hz, sine, tiny, write_song

from bassnet_osc.presets import live
from bassnet_osc.spec import BassNetError
from training.features import compute_features
from training.truth import read_truth

SPEC = tiny(live())


def other_rate(folder: Path) -> None:
    soundfile.write(folder / "mix.wav", sine(100.0, 1.0), 44_100)


def stereo(folder: Path) -> None:
    soundfile.write(folder / "bass.wav", np.zeros((SAMPLE_RATE, 2)), SAMPLE_RATE)


def empty(folder: Path) -> None:
    soundfile.write(folder / "mix.wav", np.zeros(0), SAMPLE_RATE)


def corrupt(folder: Path) -> None:
    (folder / "mix.wav").write_bytes(b"RIFF, but no more than that")


def missing(folder: Path) -> None:
    (folder / "bass.wav").unlink()


def cut_short(folder: Path) -> None:
    soundfile.write(folder / "mix.wav", sine(midi_hz(50), 0.5), SAMPLE_RATE)


def broken_truth(folder: Path) -> None:
    (folder / "truth.json").write_text('{"bars": [')


def notes_of_text(folder: Path) -> None:
    (folder / "truth.json").write_text(json.dumps({"bass": "C E G"}))


def half_a_note(folder: Path) -> None:
    (folder / "truth.json").write_text(json.dumps({"bass": [{"onset": 0.0, "pitch": 40}]}))


def no_truth(folder: Path) -> None:
    (folder / "truth.json").unlink()


def deep(folder: Path) -> None:
    (folder / "truth.json").write_text(100_000 * "[")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (other_rate, r"mix\.wav must be mono at 16000 Hz; got 44100 Hz"),
        (stereo, r"bass\.wav must be mono at 16000 Hz; got 16000 Hz, shape \(16000, 2\)"),
        (empty, r"mix\.wav must be mono at 16000 Hz; got 16000 Hz, shape \(0,\)"),
        (corrupt, r"mix\.wav must be an audio file"),
        (missing, r"must hold bass\.wav or bass\.flac and a mix or stems beside it; got mix\.wav"),
        (cut_short, "must be equally long; got 8000 and 16000 samples"),
        (broken_truth, r"truth\.json must be JSON"),
        (no_truth, r"truth\.json must be JSON; .*No such file"),
        (deep, r"truth\.json must be JSON"),
        (notes_of_text, "must hold the notes as a list"),
        (half_a_note, r"bass\[0\] must have onset, offset, pitch, velocity; got .*'pitch': 40"),
    ],
)
def test_songs_that_are_no_good_are_refused(
    damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    write_song(tmp_path / "song", seed=0, n_bars=1)
    damage(tmp_path / "song")
    with pytest.raises(BassNetError, match=message) as error:
        compute_features(tmp_path / "song", SPEC)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("song/features-*"))


def refused(folder: Path, part: str, index: int, changes: dict[str, object]) -> str:
    """Changes an entry of truth.json, which must be refused by name and in one line; returns that line."""
    write_song(folder, seed=0, n_bars=2)
    truth = json.loads((folder / "truth.json").read_text())
    truth[part][index] |= changes
    (folder / "truth.json").write_text(json.dumps(truth))
    with pytest.raises(BassNetError) as error:
        compute_features(folder, SPEC)
    line = str(error.value)
    assert line.startswith(f"{folder}/truth.json: {part}[{index}] must have ") and "\n" not in line
    assert not list(folder.glob("features-*"))
    return line


@pytest.mark.parametrize(
    "changes",
    [
        *({name: value} for name in ("onset", "offset") for value in (math.nan, math.inf, "1.0", None, True)),
        {"onset": -0.5},
        {"onset": 1.0, "offset": 1.0},
        {"onset": 1.0, "offset": 0.5},
        {"offset": 10**400},
    ],
    ids=str,
)
def test_notes_have_times(changes: dict[str, object], tmp_path: Path) -> None:
    assert "finite seconds 0 <= onset < offset; got " in refused(tmp_path / "song", "bass", 3, changes)


@pytest.mark.parametrize("pitch", [math.nan, -1, 127.5, "40", None, False, [40]], ids=str)
def test_notes_have_pitches(pitch: object, tmp_path: Path) -> None:
    assert "a pitch in [0, 127]; got " in refused(tmp_path / "song", "bass", 3, {"pitch": pitch})


@pytest.mark.parametrize(
    "changes",
    [
        {"start": math.nan},
        {"end": math.inf},
        {"end": "2.0"},
        {"start": 2.0},
        {"start": 0.5},  # within the bar before
        {"start": None},
    ],
    ids=str,
)
def test_bars_follow_one_another(changes: dict[str, object], tmp_path: Path) -> None:
    assert "finite seconds start < end, from 1 on; got " in refused(tmp_path / "song", "bars", 1, changes)


@pytest.mark.parametrize("pattern", [-1, 0.5, "0", None, True], ids=str)
def test_bars_have_patterns(pattern: object, tmp_path: Path) -> None:
    line = refused(tmp_path / "song", "bars", 1, {"pattern": pattern})
    assert "a whole number from 0 on as pattern; got " in line


@pytest.mark.parametrize(
    ("bars", "message"),
    [
        ({}, "`bars` must be a list; got {}"),
        ([3], r"bars\[0\] must have start, end, pattern; got 3"),
        ([{"start": 0.0, "end": 1.0}], r"bars\[0\] must have start, end, pattern; got "),
    ],
)
def test_bars_are_bars(bars: object, message: str, tmp_path: Path) -> None:
    write_song(tmp_path / "song", seed=0, n_bars=1)
    truth = json.loads((tmp_path / "song" / "truth.json").read_text())
    (tmp_path / "song" / "truth.json").write_text(json.dumps(truth | {"bars": bars}))
    with pytest.raises(BassNetError, match=message):
        read_truth(tmp_path / "song")


def test_a_detuned_song_is_good_and_so_is_one_without_bars(tmp_path: Path) -> None:
    """Pitches need not be whole; a bar line may be rounded; bars are for evaluation alone."""
    write_song(tmp_path / "song", seed=0, n_bars=2)
    truth = json.loads((tmp_path / "song" / "truth.json").read_text())
    truth["bass"][0]["pitch"] += 0.3
    truth["bars"][1]["start"] -= 1e-9
    (tmp_path / "song" / "truth.json").write_text(json.dumps(truth))
    assert read_truth(tmp_path / "song") == truth
    del truth["bars"]
    (tmp_path / "song" / "truth.json").write_text(json.dumps(truth))
    assert read_truth(tmp_path / "song") == truth
