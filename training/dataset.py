"""Songs with their features -> batches of neighbouring windows.

Windows are cut on the fly; zeros lie outside the song.

Flow: features -> dataset -> run, metrics, export.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bassnet_osc.spec import BassNetError, Spec
from training.descriptors import Descriptors
from training.features import cache_name, compute_all
from training.multires import compress, compress_f0, max_pair
from training.objective import UNVOICED_BIN, Targets
from training.truth import read_truth

NEIGHBOUR_S = 5.0  # seconds: how far apart the two windows of a pair may lie (section 5.3)


@dataclass
class Song:
    """A song's features: `spectra` (n, n_frames, n_bins) float16, memory-mapped: mix, bass, further mixes."""

    spectra: npt.NDArray[np.float16]
    descriptors: Descriptors
    truth: dict[str, Any]

    @property
    def n_frames(self) -> int:
        """Length of the song in frames."""
        return self.spectra.shape[1]

    def mix(self, take: int) -> npt.NDArray[np.float16]:
        """The frames of one of the song's mixes; any number stands for one of them."""
        takes = [0, *range(2, len(self.spectra))]
        return self.spectra[takes[take % len(takes)]]

    @property
    def has_bars(self) -> bool:
        """Whether it is known where the measures lie, and what each of them plays."""
        return bool(self.truth.get("bars"))

    @property
    def bars(self) -> list[dict[str, Any]]:
        """The measures with their patterns; raises BassNetError for a song without."""
        if not self.has_bars:
            raise BassNetError(
                "evaluation needs each measure's pattern (`bars` in truth.json); a song has none: add them"
            )
        bars: list[dict[str, Any]] = self.truth["bars"]
        return bars

    def pattern_at(self, seconds: float) -> int:
        """Bass pattern of the bar that sounds at a time (the last bar beyond the end)."""
        bars = self.bars
        return int(next((bar["pattern"] for bar in bars if seconds < bar["end"]), bars[-1]["pattern"]))


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
            f"`python -m training.artificial --split {folder.name} --out {folder.parent} --data-set ... "
            "--songs ...`, A1 to A4, or with training.grooves or training.stems"
        )
    compute_all(folders, spec, f"features of {folder.name}")
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


def cut_windows(
    songs: list[Song],
    places: list[tuple[int, int]],
    spec: Spec,
    takes: Sequence[int] | None = None,
    onset_tail: int = 0,
) -> Windows:
    """The windows at `places`, pairs of song index and newest frame; of each song's first mix or a take.

    Onsets fade out over `onset_tail` frames. What is the bass's lies `ahead` frames later than the mix.
    """
    b, ahead = spec.window.window_frames, spec.window.ahead
    mixes = [songs[s].mix(take) for (s, _), take in zip(places, takes or [0] * len(places), strict=True)]
    rows = [(songs[s], newest - b + 1) for s, newest in places]

    def stack(arrays: list[npt.NDArray[Any]], dtype: torch.dtype) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(dtype)

    windows = Windows(
        mix=stack([_cut(mix, at, b, 0) for mix, (_, at) in zip(mixes, rows, strict=True)], torch.float32),
        bass=stack([_cut(song.spectra[1], at + ahead, b, 0) for song, at in rows], torch.float32),
        f0=stack(
            [_cut(song.descriptors.f0_bin, at + ahead, b, UNVOICED_BIN) for song, at in rows], torch.int64
        ),
        level=stack([_cut(song.descriptors.level, at + ahead, b, 0) for song, at in rows], torch.float32),
        onset=stack([_cut(song.descriptors.onset, at + ahead, b, 0) for song, at in rows], torch.float32),
    )
    lengthen_onsets(windows, onset_tail)
    return windows


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


def transpose(windows: Windows, bins: npt.NDArray[np.int64]) -> None:
    """Moves each window (B,) by a number of bins, up or down, mix, bass and f0 together, in place.

    What leaves the range of the bins is lost; what enters it is silent. For constant-Q kernels this is what
    transposed audio gives; variable-Q ones are wider at low pitches, so there it is near it.
    """
    if not bins.any():
        return
    n_bins = windows.mix.shape[-1]
    shift = torch.from_numpy(bins)[:, None, None]
    source = torch.arange(n_bins) - shift
    outside = (source < 0) | (source >= n_bins)
    source = source.clamp(0, n_bins - 1).expand_as(windows.mix)
    windows.mix = windows.mix.gather(-1, source).masked_fill(outside, 0.0)
    windows.bass = windows.bass.gather(-1, source).masked_fill(outside, 0.0)
    f0 = windows.f0 + shift[..., 0]
    windows.f0 = f0.masked_fill((windows.f0 == UNVOICED_BIN) | (f0 < 0) | (f0 >= n_bins), UNVOICED_BIN)


def lengthen_onsets(windows: Windows, n_frames: int) -> None:
    """Lets each onset fade out in a straight line over the frames after it, in place; it begins where it did.

    A single frame among fifty is learned late, and not at all where players are not exactly together.
    """
    exact = windows.onset.clone()
    for i in range(1, n_frames + 1):
        faded = exact[:, :-i] * (1.0 - i / (n_frames + 1))
        windows.onset[:, i:] = torch.maximum(windows.onset[:, i:], faded)


def silence(windows: Windows, which: npt.NDArray[np.bool_]) -> None:
    """Makes some windows silent, mix and bass, in place."""
    if not which.any():
        return
    rows = torch.from_numpy(which)
    for tensor in (windows.mix, windows.bass, windows.level, windows.onset):
        tensor[rows] = 0
    windows.f0[rows] = UNVOICED_BIN
