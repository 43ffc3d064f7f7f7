"""Songs of sines for the tests of training: no FluidSynth, a second to a few seconds each, from a seed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from bassnet_osc.spec import ModelSpec, Spec, WindowSpec
from training.descriptors import NoteTruth

SAMPLE_RATE = Spec().cqt.sample_rate
BAR_S, NOTE_S = 1.0, 0.25
PATTERNS = (0, 4, 7)  # semitones above the root


def tiny(spec: Spec) -> Spec:
    """The same analysis with the smallest useful window and model."""
    window = WindowSpec(n_steps=4, window_frames=8, anchor=spec.window.anchor, taper=4, skip=0)
    return replace(spec, window=window, model=ModelSpec(n_maps=4, n_blocks=2))


def sine(hz: float, seconds: float, amplitude: float = 1.0) -> npt.NDArray[np.float32]:
    """A sine at the analysis rate."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * t), dtype=np.float32)


def midi_hz(pitch: int) -> float:
    """Frequency of a MIDI pitch."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def write_song(folder: Path, seed: int, n_bars: int = 3) -> None:
    """mix.wav (a root per bar), bass.wav (that root, third or fifth, four notes a bar) and truth.json."""
    rng = np.random.default_rng(seed)
    mix, bass, bars, notes = [], [], [], list[NoteTruth]()
    for i in range(n_bars):
        root, pattern, start = int(rng.integers(48, 60)), int(rng.integers(3)), i * BAR_S
        mix.append(sine(midi_hz(root), BAR_S, 0.3))
        bars.append({"start": start, "end": start + BAR_S, "pattern": pattern})
        pitch = root - 12 + PATTERNS[pattern]
        for onset in np.arange(start, start + BAR_S, NOTE_S):
            bass.append(sine(midi_hz(pitch), NOTE_S, 0.3))
            notes.append(NoteTruth(onset=onset, offset=onset + NOTE_S, pitch=pitch, velocity=100))
    folder.mkdir(parents=True)
    for name, parts in (("mix", mix), ("bass", bass)):
        soundfile.write(folder / f"{name}.wav", np.concatenate(parts), SAMPLE_RATE, subtype="PCM_16")
    (folder / "truth.json").write_text(json.dumps({"data_set": "A1", "bars": bars, "bass": notes}))


def write_data(folder: Path, n_train: int = 2, n_validation: int = 1, n_test: int = 0) -> Path:
    """A data folder with splits of a few songs each; returns it."""
    counts = {"train": n_train, "validation": n_validation, "test": n_test}
    for split, count in counts.items():
        for i in range(count):
            write_song(folder / split / f"{i:04d}", seed=1000 * list(counts).index(split) + i)
    return folder
