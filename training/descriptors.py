"""Audio descriptors of a bass track: f0, level and onset at every frame (section 4.2).

Where the notes are known (synthetic songs) f0 and onset are exact; the level is measured on the audio with
librosa's `stft` and `power_to_db`, as in the paper.

Flow: bass audio + notes -> Descriptors -> dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import librosa
import numpy as np
import numpy.typing as npt

from bassnet_osc.onsets import LevelGate
from bassnet_osc.spec import A4_HZ, A4_PITCH, CqtSpec, DescriptorSpec
from training.objective import UNVOICED_BIN


class NoteTruth(TypedDict):
    """A note of truth.json: times in seconds from the start of the song, MIDI pitch and velocity."""

    onset: float
    offset: float
    pitch: float  # whole numbers, but for detuned songs
    velocity: int


@dataclass
class Descriptors:
    """Shape: each (n_frames,); f0_bin int64 with UNVOICED_BIN, level and onset float32 in [0, 1]."""

    f0_bin: npt.NDArray[np.int64]
    level: npt.NDArray[np.float32]
    onset: npt.NDArray[np.float32]


def level_db(audio: npt.NDArray[np.float32], cqt: CqtSpec, spec: DescriptorSpec) -> npt.NDArray[np.float64]:
    """Power around each frame in dB below the reference: (n_samples,) -> (n_frames,).

    0 dB is a full-scale sine, or with the reference "peak" the loudest frame.
    """
    n_fft = spec.level_n_fft
    spectrum = librosa.stft(audio, n_fft=n_fft, hop_length=cqt.hop_length, pad_mode="constant")
    power = np.abs(spectrum) ** 2
    both_sides = 2 * power.sum(axis=0) - power[0] - power[-1]
    hann = librosa.filters.get_window("hann", n_fft)
    # Parseval gives the mean square under the window; a full-scale sine has 1/2, hence the factor 2.
    mean_square = 2 * both_sides / (n_fft * (hann**2).sum())
    n_frames = -(-len(audio) // cqt.hop_length)
    floor = 10 ** (spec.level_floor_db / 10)
    loudest = float(mean_square.max()) if spec.reference == "peak" else 1.0
    scaled = mean_square[:n_frames] / (loudest or 1.0)  # silence stays silence
    return np.asarray(librosa.power_to_db(scaled, ref=1.0, amin=floor, top_db=None))


def exact_descriptors(
    audio: npt.NDArray[np.float32], notes: list[NoteTruth], cqt: CqtSpec, spec: DescriptorSpec
) -> Descriptors:
    """Descriptors of a synthetic bass track from its notes; each note sounds until the next one starts."""
    db = level_db(audio, cqt, spec)
    f0_bin = np.full(len(db), UNVOICED_BIN, dtype=np.int64)
    onset = np.zeros(len(db), dtype=np.float32)
    for note in sorted(notes, key=lambda note: note["onset"]):
        frame = round(note["onset"] * cqt.frame_rate)
        hz = A4_HZ * 2 ** ((note["pitch"] - A4_PITCH) / 12)
        k = round(cqt.bins_per_octave * np.log2(hz / cqt.fmin))
        f0_bin[frame:] = k if 0 <= k < cqt.n_bins else UNVOICED_BIN  # below A0 there is no bin to learn
        onset[frame : frame + 1] = 1.0
    # By level alone: before a note is heard there is no pitch to learn.
    f0_bin[~LevelGate(spec).process(db, np.zeros(len(db)))] = UNVOICED_BIN
    level = np.clip(spec.db_to_level(db), 0, 1).astype(np.float32)
    return Descriptors(f0_bin, level, onset)
