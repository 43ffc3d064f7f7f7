"""Songs that are no good are refused in one line and get no features."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from songs import SAMPLE_RATE, midi_hz, sine, tiny, write_song

from bassnet_osc.presets import live
from bassnet_osc.spec import BassNetError
from training.features import compute_features

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


def no_notes(folder: Path) -> None:
    (folder / "truth.json").write_text('{"bars": []}')


def half_a_note(folder: Path) -> None:
    (folder / "truth.json").write_text(json.dumps({"bass": [{"onset": 0.0, "pitch": 40}]}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (other_rate, r"mix\.wav must be mono at 16000 Hz; got 44100 Hz"),
        (stereo, r"bass\.wav must be mono at 16000 Hz; got 16000 Hz, shape \(16000, 2\)"),
        (empty, r"mix\.wav must be mono at 16000 Hz; got 16000 Hz, shape \(0,\)"),
        (corrupt, r"mix\.wav must be an audio file"),
        (missing, r"bass\.wav must be an audio file"),
        (cut_short, "must be equally long; got 8000 and 16000 samples"),
        (broken_truth, r"truth\.json must be JSON"),
        (no_notes, "must hold the notes as `bass`"),
        (half_a_note, "a note must have onset, offset, pitch, velocity; got .*'pitch': 40"),
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
