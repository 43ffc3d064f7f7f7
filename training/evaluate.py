"""Figures of a trained model on test songs: Table 1's cross-entropies and Table 2's classifier.

    python -m training.evaluate --checkpoint runs/a1-live/best.pt --data data/a1

Test songs have seeds of their own and choose nothing: the classifier is fitted on the first half of them
and scored on the second half; the mean latents of the patterns, which are shipped, are for other songs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from torch import Tensor

from bassnet_osc.spec import BassNetError, Spec
from training.checkpoint import load_model
from training.dataset import Song, compressed, cut_windows, load_songs
from training.model import VGAE
from training.objective import UNVOICED_BIN, Targets, evaluation_terms

EVERY_FRAMES = 37  # distance of the windows: prime, so that they fall on all parts of a beat
BATCH = 50  # windows

Places = list[tuple[int, int]]  # windows: (song, newest frame)


def label_frame(newest: int, spec: Spec) -> int:
    """The frame whose pattern labels a window: its newest (end-anchored) or its centre."""
    return newest if spec.window.anchor == "end" else newest - spec.window.window_frames // 2


def evaluation_places(songs: list[Song], spec: Spec) -> Places:
    """Windows that lie inside the bars of each song."""
    return [
        (s, newest)
        for s, song in enumerate(songs)
        for newest in range(spec.window.window_frames, song.n_frames, EVERY_FRAMES)
        if label_frame(newest, spec) / spec.cqt.frame_rate < song.bars[-1]["end"]
    ]


def patterns(songs: list[Song], places: Places, spec: Spec) -> npt.NDArray[np.int64]:
    """The bass pattern of each place (n,)."""
    return np.array([songs[s].pattern_at(label_frame(n, spec) / spec.cqt.frame_rate) for s, n in places])


def _batches(songs: list[Song], places: Places, spec: Spec) -> Iterator[tuple[Tensor, Targets]]:
    for i in range(0, len(places), BATCH):
        yield compressed(cut_windows(songs, places[i : i + BATCH], spec), spec)


@torch.no_grad()
def latents_and_losses(
    model: VGAE, songs: list[Song], places: Places
) -> tuple[npt.NDArray[np.float64], dict[str, float], float]:
    """mu of each place (n, latent_dim), mean Eq. 10 terms, and pitch accuracy on the finest voiced steps.

    A mean is one over all windows, for f0 over all voiced steps; how they are batched does not matter.
    """
    mus, right = [], 0
    sums: defaultdict[str, float] = defaultdict(float)
    counts: defaultdict[str, int] = defaultdict(int)
    for x, targets in _batches(songs, places, model.spec):
        mu, _ = model.encode(x, targets.y)
        mus.append(mu.numpy())
        voiced = targets.f0 != UNVOICED_BIN
        n_voiced = {"f0": int(voiced.sum()), "f0_finest": int(voiced[:, 0].sum())}
        for name, value in evaluation_terms(model, x, targets).items():
            n = n_voiced.get(name, len(x))  # what the batch's mean is a mean over
            sums[name] += n * value.item()
            counts[name] += n
        guess = model.decode(x, mu).f0[:, 0].argmax(dim=-1)
        right += int(
            ((guess - targets.f0[:, 0]).abs() <= 1)[voiced[:, 0]].sum()
        )  # within a third of a semitone
    means = {name: value / max(1, counts[name]) for name, value in sums.items()}
    return np.concatenate(mus).astype(np.float64), means, right / max(1, counts["f0_finest"])


@torch.no_grad()
def pattern_means(model: VGAE, songs: list[Song]) -> dict[int, list[float]]:
    """The mean latent of each bass pattern that the songs play."""
    places = evaluation_places(songs, model.spec)
    mus = [model.encode(x, targets.y)[0].numpy() for x, targets in _batches(songs, places, model.spec)]
    mu, labels = np.concatenate(mus).astype(np.float64), patterns(songs, places, model.spec)
    return {int(c): mu[labels == c].mean(axis=0).tolist() for c in np.unique(labels)}


def classifier_accuracy(
    mu: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], fitted: npt.NDArray[np.bool_]
) -> float:
    """Table 2: a quadratic classifier fitted on the windows `fitted` and scored on the others."""
    mu = mu / mu.std(axis=0)  # changes no decision, but a nearly collapsed z is no longer "singular"
    try:
        qda = QuadraticDiscriminantAnalysis().fit(mu[fitted], labels[fitted])
    except ValueError as error:
        raise BassNetError(
            "the classifier needs several windows of each pattern in the first half of the songs, and a "
            f"z that varies; {error}: make more songs or train longer"
        ) from error
    return float(qda.score(mu[~fitted], labels[~fitted]))


def evaluate(model: VGAE, songs: list[Song]) -> dict[str, Any]:
    """Metrics of a model on two or more test songs."""
    if len(songs) < 2:
        raise BassNetError(
            f"a test needs two songs or more, half of them to fit the classifier; got {len(songs)}: make more"
        )
    spec = model.spec
    places = evaluation_places(songs, spec)
    mu, terms, pitch_accuracy = latents_and_losses(model, songs, places)
    labels = patterns(songs, places, spec)
    first_half = np.array([s < len(songs) // 2 for s, _ in places])
    return {
        "test_songs": len(songs),
        "test_windows": len(places),
        "classifier_accuracy": classifier_accuracy(mu, labels, first_half),
        "pitch_accuracy": pitch_accuracy,
        **{f"loss_{name}": value for name, value in terms.items()},
        "mu_std": mu.std(axis=0).tolist(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: prints the metrics as JSON; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Test a checkpoint.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="best.pt of a run")
    parser.add_argument("--data", type=Path, required=True, help="folder with test/")
    args = parser.parse_args(arguments)
    try:
        model, _ = load_model(args.checkpoint)
        metrics = evaluate(model, load_songs(args.data / "test", model.spec))
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(metrics, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
