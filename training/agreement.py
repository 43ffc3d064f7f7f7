"""How far the estimators of section 4.2 agree with the exact values on synthetic songs.

    python -m training.agreement --data data/a1 [--split test] [--songs 10] [--json FILE]

CREPE's f0 and madmom's onsets stand against the song's notes. MIDI says nothing about level: librosa's level
stands against the power of the samples themselves under the same Hann window.

RESULTS.md shows the figures of training/results/agreement-a1.json.

Flow: song folders -> estimated and exact descriptors -> figures ◀ tables, evaluate.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d
from scipy.signal import find_peaks
from tqdm import tqdm

from bassnet_osc.presets import paper
from bassnet_osc.spec import BassNetError, CqtSpec, DescriptorSpec, Spec
from training.descriptors import Descriptors, NoteTruth, exact_descriptors, level_db
from training.estimators import estimated_descriptors, importing
from training.objective import UNVOICED_BIN
from training.song_audio import read_mono
from training.truth import read_truth

ONSET_WINDOW_S = 0.05  # seconds that an onset may lie off: mir_eval's and MIREX's tolerance
NEAR_FRAMES = 3  # frames from a note's start in which CREPE's window of 64 ms holds two notes

Array = npt.NDArray[np.float64]


def f0_agreement(exact: Descriptors, estimated: Descriptors) -> dict[str, float]:
    """Shares of all frames by who finds a pitch; of those where both do, shares by distance."""
    a, b = exact.f0_bin != UNVOICED_BIN, estimated.f0_bin != UNVOICED_BIN
    distance = np.abs(exact.f0_bin - estimated.f0_bin)[a & b]
    starts = maximum_filter1d(exact.onset, 2 * NEAR_FRAMES + 1) > 0
    return {
        "voiced_in_both": _share(a & b),
        "voiced_by_notes_alone": _share(a & ~b),
        "of_these_near_onset": _share(starts[a & ~b]),
        "voiced_by_crepe_alone": _share(~a & b),
        "same_bin": _share(distance == 0),
        # A note's pitch is the centre of a bin 33 cents wide: the next bin ends 50 cents away.
        "within_50_cents": _share(distance <= 1),
    }


def _share(which: npt.NDArray[np.bool_]) -> float:
    return float(which.mean()) if len(which) else float("nan")


def onset_peaks(onset: npt.NDArray[np.float32], cqt: CqtSpec, spec: DescriptorSpec) -> Array:
    """Times in seconds of the peaks of an onset curve (n_frames,)."""
    outside = np.pad(onset, 1)  # a peak has neighbours on both sides
    peaks, _ = find_peaks(outside, height=spec.onset_on, distance=max(spec.refractory_frames, 1))
    return np.asarray((peaks - 1) / cqt.frame_rate)


def onset_agreement(truth: list[Array], found: list[Array]) -> dict[str, float]:
    """Precision, recall and F1 of onset times, song by song in seconds, and how late the found ones are."""
    with importing("mir_eval"):
        import mir_eval
    pairs = [mir_eval.util.match_events(a, b, ONSET_WINDOW_S) for a, b in zip(truth, found, strict=True)]
    late = [b[j] - a[i] for a, b, pair in zip(truth, found, pairs, strict=True) for i, j in pair]
    n_truth, n_found = sum(map(len, truth)), sum(map(len, found))
    return {
        "precision": len(late) / max(n_found, 1),
        "recall": len(late) / max(n_truth, 1),
        "f1": 2 * len(late) / max(n_found + n_truth, 1),
        "median_late_ms": 1000 * float(np.median(late)) if late else float("nan"),
    }


def sample_level_db(audio: npt.NDArray[np.float32], cqt: CqtSpec, spec: DescriptorSpec) -> Array:
    """Level as `level_db` defines it, without a spectrum: the mean square of the samples under the window."""
    n_fft = spec.level_n_fft
    window = librosa.filters.get_window("hann", n_fft) ** 2
    frames = librosa.util.frame(
        np.pad(audio.astype(np.float64), n_fft // 2), frame_length=n_fft, hop_length=cqt.hop_length
    )
    power = 2 * window @ frames**2 / window.sum()  # a full-scale sine has 1/2
    if spec.reference == "peak":
        power = power / (power.max() or 1.0)
    n_frames = -(-len(audio) // cqt.hop_length)
    return np.asarray(10 * np.log10(np.maximum(power[:n_frames], 10 ** (spec.level_floor_db / 10))))


def agreement(folders: list[Path], spec: Spec) -> dict[str, Any]:
    """All figures over the songs in `folders`, frames and onsets counted together."""
    exact, estimated, truth, found, level_off = [], [], [], [], []
    for folder in tqdm(folders, desc="songs", disable=None):
        bass = read_mono(folder / "bass.wav", spec.cqt.sample_rate)
        notes: list[NoteTruth] = read_truth(folder)["bass"]
        exact.append(exact_descriptors(bass, notes, spec.cqt, spec.descriptor))
        estimated.append(estimated_descriptors(bass, spec.cqt, spec.descriptor))
        truth.append(np.array(sorted(note["onset"] for note in notes)))
        found.append(onset_peaks(estimated[-1].onset, spec.cqt, spec.descriptor))
        stft, samples = (measure(bass, spec.cqt, spec.descriptor) for measure in (level_db, sample_level_db))
        level_off.append(np.abs(stft - samples)[samples > spec.descriptor.level_floor_db])
    off = np.concatenate(level_off)
    return {
        "songs": len(folders),
        "frames": sum(len(d.f0_bin) for d in exact),
        "notes": sum(map(len, truth)),
        "f0": f0_agreement(_joined(exact), _joined(estimated)),
        "onset": onset_agreement(truth, found),
        "level": {"mean_db": float(off.mean()), "percentile_95_db": float(np.percentile(off, 95))},
    }


def _joined(songs: list[Descriptors]) -> Descriptors:
    return Descriptors(
        f0_bin=np.concatenate([d.f0_bin for d in songs]),
        level=np.concatenate([d.level for d in songs]),
        onset=np.concatenate([d.onset for d in songs]),
    )


def report(figures: dict[str, Any]) -> str:
    """The figures in words."""
    f0, onset, level = figures["f0"], figures["onset"], figures["level"]
    return (
        f"{figures['songs']} songs, {figures['frames']} frames, {figures['notes']} notes\n"
        f"f0     voiced in both {f0['voiced_in_both']:.1%} of the frames, by the notes alone "
        f"{f0['voiced_by_notes_alone']:.1%}\n"
        f"       ({f0['of_these_near_onset']:.0%} of these within {NEAR_FRAMES} frames of a note's start), "
        f"by CREPE alone {f0['voiced_by_crepe_alone']:.1%};\n"
        f"       where in both, {f0['within_50_cents']:.2%} lie within 50 cents and {f0['same_bin']:.1%} in "
        "the same bin\n"
        f"onset  within {1000 * ONSET_WINDOW_S:.0f} ms: precision {onset['precision']:.3f}, recall "
        f"{onset['recall']:.3f}, F1 {onset['f1']:.3f}; median {onset['median_late_ms']:+.1f} ms late\n"
        f"level  (no truth in MIDI) STFT against samples: {level['mean_db']:.2g} dB apart in the mean, "
        f"{level['percentile_95_db']:.2g} dB at the 95th percentile\n"
    )


def read_figures(path: Path) -> dict[str, Any] | None:
    """The figures that --json wrote; None where there is no such file."""
    if not path.exists():
        return None
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        report(figures)  # else something is missing
    except (ValueError, TypeError, KeyError) as error:
        raise BassNetError(
            f"{path} must hold the figures of training.agreement; it cannot be read ({type(error).__name__}: "
            f"{error}): delete it and measure again"
        ) from error
    return figures


def song_folders(split: Path, n_songs: int) -> list[Path]:
    """The first songs of a split."""
    folders = sorted(path.parent for path in split.glob("*/truth.json"))[: max(n_songs, 0)]
    if not folders:
        raise BassNetError(
            f"a report needs songs and {split} must hold them; got none: make them with training.artificial"
        )
    return folders


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: prints the report; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.agreement", description="Estimators against notes."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the splits of a data set")
    parser.add_argument("--split", default="test")
    parser.add_argument("--songs", type=int, default=10, help="how many of them")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args(arguments)
    try:
        figures = agreement(song_folders(args.data / args.split, args.songs), paper())
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        unfinished = args.json.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(figures, indent=1) + "\n")
        os.replace(unfinished, args.json)
    sys.stdout.write(report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
