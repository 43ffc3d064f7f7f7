"""Songs on disk -> cached frames and descriptors -> batches of neighbouring windows.

A song is a folder with mix.wav, bass.wav and truth.json (training/artificial.py). Its frames and descriptors
are computed once and kept beside it in a folder named by the spec they were made with, so a cache of other
numbers is never read. Windows are cut on the fly; zeros lie outside the song.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from torch import Tensor
from tqdm import tqdm

from bassnet_osc.spec import BassNetError, Spec
from training.cqt import Cqt, cqt_frames
from training.descriptors import Descriptors, exact_descriptors
from training.multires import compress, compress_f0, max_pair
from training.objective import UNVOICED_BIN, Targets

NEIGHBOUR_S = 5.0  # seconds: how far apart the two windows of a pair may lie (section 5.3)


def cache_name(spec: Spec) -> str:
    """Folder of a song's features: changes with every number that they depend on."""
    text = json.dumps([asdict(spec.cqt), asdict(spec.descriptor)], sort_keys=True)
    return "features-" + hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass
class Song:
    """A song's features: `spectra` (2, n_frames, n_bins) float16, mix then bass, memory-mapped."""

    spectra: npt.NDArray[np.float16]
    descriptors: Descriptors
    truth: dict[str, Any]

    @property
    def n_frames(self) -> int:
        """Length of the song in frames."""
        return self.spectra.shape[1]

    @property
    def bars(self) -> list[dict[str, Any]]:
        """The measures with their patterns; raises BassNetError for a song without."""
        bars: list[dict[str, Any]] = self.truth.get("bars") or []
        if not bars:
            raise BassNetError(
                "evaluation needs each measure's pattern (`bars` in truth.json); a song has none: add them"
            )
        return bars

    def pattern_at(self, seconds: float) -> int:
        """Bass pattern of the bar that sounds at a time (the last bar beyond the end)."""
        bars = self.bars
        return int(next((bar["pattern"] for bar in bars if seconds < bar["end"]), bars[-1]["pattern"]))


def read_mono(path: Path, sample_rate: int) -> npt.NDArray[np.float32]:
    """A mono file at the analysis rate."""
    try:
        audio, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise BassNetError(f"{path} must be an audio file; {error}: render the song again") from error
    if rate != sample_rate or audio.ndim != 1:
        raise BassNetError(f"{path} must be mono at {sample_rate} Hz; got {rate} Hz: render the song again")
    return np.asarray(audio)


def read_truth(folder: Path) -> dict[str, Any]:
    """truth.json of a song."""
    try:
        truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    except ValueError as error:
        raise BassNetError(f"{folder}/truth.json must be JSON; {error}: render the song again") from error
    if not isinstance(truth, dict) or not isinstance(truth.get("bass"), list):
        raise BassNetError(f"{folder}/truth.json must hold the notes as `bass`; it has none: add them")
    return truth


@torch.no_grad()
def compute_features(folder: Path, spec: Spec, cqt: Cqt) -> None:
    """Writes the feature folder of one song, whole or not at all."""
    target = folder / cache_name(spec)
    if target.exists():
        return
    mix, bass = (read_mono(folder / f"{name}.wav", spec.cqt.sample_rate) for name in ("mix", "bass"))
    if len(mix) != len(bass):
        raise BassNetError(
            f"{folder}: mix.wav and bass.wav must be equally long; got {len(mix)} and {len(bass)} samples: "
            "render the song again"
        )
    spectra = torch.stack([cqt_frames(cqt, torch.from_numpy(audio)) for audio in (mix, bass)])
    d = exact_descriptors(bass, read_truth(folder)["bass"], spec.cqt, spec.descriptor)
    unfinished = Path(tempfile.mkdtemp(dir=folder, prefix="unfinished-"))
    try:
        np.save(unfinished / "spectra.npy", spectra.half().numpy())
        np.savez(unfinished / "descriptors.npz", f0_bin=d.f0_bin, level=d.level, onset=d.onset)
        os.rename(unfinished, target)
    except OSError:
        if not target.exists():  # else another process was faster: its features are the same
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # nothing is left there after the rename


def load_song(folder: Path, spec: Spec) -> Song:
    """A song whose features are cached."""
    with np.load(folder / cache_name(spec) / "descriptors.npz") as d:
        descriptors = Descriptors(d["f0_bin"], d["level"], d["onset"])
    spectra = np.load(folder / cache_name(spec) / "spectra.npy", mmap_mode="r")
    return Song(spectra, descriptors, read_truth(folder))


def load_songs(folder: Path, spec: Spec) -> list[Song]:
    """All songs below a split's folder, in order of their names; missing features are computed."""
    folders = sorted(path.parent for path in folder.glob("*/truth.json"))
    if not folders:
        raise BassNetError(
            f"{folder} must hold song folders with truth.json; it has none: make them with "
            f"`python -m training.artificial --split {folder.name} --songs 40 --out {folder.parent}`"
        )
    cqt = Cqt(spec.cqt)
    for song in tqdm(folders, desc=f"features of {folder.name}", disable=None):
        compute_features(song, spec, cqt)
    return [load_song(song, spec) for song in folders]


@dataclass
class Windows:
    """Uncompressed windows as they are cut: mix and bass (n, b, n_bins), descriptors (n, b)."""

    mix: Tensor
    bass: Tensor
    f0: Tensor
    level: Tensor
    onset: Tensor


def _cut(array: npt.NDArray[Any], start: int, length: int, outside: float) -> npt.NDArray[Any]:
    out = np.full((length, *array.shape[1:]), outside, dtype=array.dtype)
    first, last = max(start, 0), min(start + length, len(array))
    if first < last:
        out[first - start : last - start] = array[first:last]
    return out


def cut_windows(songs: list[Song], places: list[tuple[int, int]], spec: Spec) -> Windows:
    """The windows at `places`, pairs of song index and newest frame."""
    b = spec.window.window_frames
    rows = [(songs[s], newest - b + 1) for s, newest in places]

    def stack(arrays: list[npt.NDArray[Any]], dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(dtype)

    return Windows(
        mix=stack([_cut(song.spectra[0], at, b, 0) for song, at in rows], torch.float32),
        bass=stack([_cut(song.spectra[1], at, b, 0) for song, at in rows], torch.float32),
        f0=stack([_cut(song.descriptors.f0_bin, at, b, UNVOICED_BIN) for song, at in rows], torch.int64),
        level=stack([_cut(song.descriptors.level, at, b, 0) for song, at in rows], torch.float32),
        onset=stack([_cut(song.descriptors.onset, at, b, 0) for song, at in rows], torch.float32),
    )


def compressed(windows: Windows, spec: Spec) -> tuple[Tensor, Targets]:
    """The model's input x (B, C, T, F) and its targets."""
    w = spec.window
    targets = Targets(
        y=compress(windows.bass, w),
        f0=compress_f0(windows.f0, w, UNVOICED_BIN),
        level=compress(windows.level, w),
        onset=compress(windows.onset, w, max_pair),
    )
    return compress(windows.mix, w), targets


def random_pairs(
    songs: list[Song], n_pairs: int, spec: Spec, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Places of pairs within NEIGHBOUR_S of one another: n_pairs first windows, then their partners."""
    reach = round(NEIGHBOUR_S * spec.cqt.frame_rate)
    first, second = [], []
    for _ in range(n_pairs):
        song = int(rng.integers(len(songs)))
        last = songs[song].n_frames - 1
        newest = int(rng.integers(last + 1))
        near = int(rng.integers(max(0, newest - reach), min(last, newest + reach) + 1))
        first.append((song, newest))
        second.append((song, near))
    return first + second


def change_gain(frames: Tensor, gain: Tensor, spec: Spec) -> Tensor:
    """Frames of the same audio multiplied by `gain` (B,): undoes the logarithm, scales, takes it again."""
    c = spec.cqt.log_gain
    magnitudes = torch.expm1(frames * math.log1p(c)) * gain[:, None, None]
    return torch.log1p(magnitudes) / math.log1p(c)


def silence(windows: Windows, which: npt.NDArray[np.bool_]) -> None:
    """Makes some windows silent, mix and bass, in place."""
    rows = torch.from_numpy(which)
    for tensor in (windows.mix, windows.bass, windows.level, windows.onset):
        tensor[rows] = 0
    windows.f0[rows] = UNVOICED_BIN
