"""The picture's spectrogram is true in pitch and time whatever the blocks; the PNG has the promised size."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bassnet_osc.audio_files import Mix
from bassnet_osc.frames import Frames
from bassnet_osc.notes import Note
from bassnet_osc.plot import (
    BINS_PER_SEMITONE,
    COLUMNS,
    PITCHES,
    RANGE_DB,
    SIZE_PX,
    pitch_spectrogram,
    plot_bass,
)
from bassnet_osc.presets import live

SAMPLE_RATE = 48_000


def tone(pitch: float, seconds: float) -> np.ndarray:
    frequency = 440.0 * 2.0 ** ((pitch - 69.0) / 12.0)
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE).astype(
        np.float32
    )


@pytest.mark.parametrize("pitch", [28.0, 33.0, 43.5, 57.0, 71.0])
def test_a_tone_is_loudest_at_its_pitch(pitch: float) -> None:
    audio = tone(pitch, 1.0)
    picture, _ = pitch_spectrogram([audio], len(audio), SAMPLE_RATE)
    loudest = PITCHES[0] + picture[:, picture.shape[1] // 2].argmax() / BINS_PER_SEMITONE
    assert loudest == pytest.approx(
        pitch, abs=0.5
    )  # measured 0.5 at E1, where the FFT bins lie 2 semitones apart


def test_a_tone_begins_where_it_begins() -> None:
    audio = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), tone(57, 1.0)])
    picture, column_s = pitch_spectrogram([audio], len(audio), SAMPLE_RATE)
    row = picture[(57 - PITCHES[0]) * BINS_PER_SEMITONE]
    assert int((row > -7.0).argmax()) * column_s == pytest.approx(
        1.0, abs=column_s
    )  # half the window, half the tone


@pytest.mark.parametrize("size", [1_000, 9_601, 48_000])
def test_blocks_do_not_matter(rng: np.random.Generator, size: int) -> None:
    audio = rng.standard_normal(60_000).astype(np.float32)
    whole, _ = pitch_spectrogram([audio], len(audio), SAMPLE_RATE)
    blocks = [audio[i : i + size] for i in range(0, len(audio), size)]
    np.testing.assert_array_equal(pitch_spectrogram(blocks, len(audio), SAMPLE_RATE)[0], whole)


def test_columns_do_not_grow_with_the_length() -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    n_seconds = 100
    picture, column_s = pitch_spectrogram([silence] * n_seconds, n_seconds * SAMPLE_RATE, SAMPLE_RATE)
    assert picture.shape[1] <= COLUMNS
    assert picture.shape[1] * column_s == pytest.approx(n_seconds, abs=column_s)
    assert np.isfinite(picture).all() and picture.min() >= -RANGE_DB


@pytest.mark.parametrize("n_notes", [0, 3])
def test_the_picture_is_a_png_of_the_stated_size(tmp_path: Path, n_notes: int) -> None:
    n_frames, audio = 100, tone(45, 1.0)
    frames = Frames(0, np.full(n_frames, 55.0), np.full(n_frames, -20.0), np.zeros(n_frames))
    notes = [Note(10 * i, 10 * i + 5, 33 + i, 0.0, 60 + i) for i in range(n_notes)]
    path = tmp_path / "bass.part"
    soundfile.write(tmp_path / "mix.wav", audio, SAMPLE_RATE)
    plot_bass(path, Mix([tmp_path / "mix.wav"]), notes, frames, np.zeros((n_frames, 2)), live())
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:24]) == SIZE_PX
