"""Figures of a trained model on test songs: Table 1's cross-entropies and Table 2's classifier.

    python -m training.evaluate --checkpoint runs/a1-live/best.pt --data data/a1

Test songs have seeds of their own and choose nothing: the classifier is fitted on the first half of them
and scored on the second half.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from bassnet_osc.spec import BassNetError, Spec
from training.dataset import Song, compressed, cut_windows, load_songs
from training.model import VGAE
from training.objective import UNVOICED, test_terms
from training.train import load_model

EVERY_FRAMES = 37  # distance of the test windows: prime, so that they fall on all parts of a beat
BATCH = 50  # windows


def label_frame(newest: int, spec: Spec) -> int:
    """The frame whose pattern labels a window: its newest (end-anchored) or its centre."""
    return newest if spec.window.anchor == "end" else newest - spec.window.window_frames // 2


def test_places(songs: list[Song], spec: Spec) -> list[tuple[int, int]]:
    """Windows that lie inside the bars of each song: (song, newest frame)."""
    return [
        (s, newest)
        for s, song in enumerate(songs)
        for newest in range(spec.window.window_frames, song.n_frames, EVERY_FRAMES)
        if label_frame(newest, spec) / spec.cqt.frame_rate < song.truth["bars"][-1]["end"]
    ]


@torch.no_grad()
def latents_and_losses(
    model: VGAE, songs: list[Song], places: list[tuple[int, int]]
) -> tuple[npt.NDArray[np.float64], dict[str, float], float]:
    """mu of each place (n, latent_dim), mean Eq. 10 terms, and pitch accuracy on the finest voiced steps."""
    spec, mus, right, voiced = model.spec, [], 0, 0
    sums: dict[str, float] = {}
    for i in range(0, len(places), BATCH):
        x, targets = compressed(cut_windows(songs, places[i : i + BATCH], spec), spec)
        mu, _ = model.encode(x, targets.y)
        mus.append(mu.numpy())
        for name, value in test_terms(model, x, targets).items():
            sums[name] = sums.get(name, 0.0) + value.item() * len(x) / len(places)
        f0, guess = targets.f0[:, 0], model.decode(x, mu).f0[:, 0].argmax(dim=-1)
        right += int(((guess - f0).abs() <= 1)[f0 != UNVOICED].sum())  # within a third of a semitone
        voiced += int((f0 != UNVOICED).sum())
    return np.concatenate(mus).astype(np.float64), sums, right / max(1, voiced)


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
    """Metrics of a model on two or more test songs, and the mean latent of each pattern."""
    if len(songs) < 2:
        raise BassNetError(
            f"a test needs two songs or more, half of them to fit the classifier; got {len(songs)}: make more"
        )
    spec = model.spec
    places = test_places(songs, spec)
    mu, terms, pitch_accuracy = latents_and_losses(model, songs, places)
    frame_rate = spec.cqt.frame_rate
    labels = np.array([songs[s].pattern_at(label_frame(n, spec) / frame_rate) for s, n in places])
    first_half = np.array([s < len(songs) // 2 for s, _ in places])
    return {
        "test_songs": len(songs),
        "test_windows": len(places),
        "classifier_accuracy": classifier_accuracy(mu, labels, first_half),
        "pitch_accuracy": pitch_accuracy,
        **{f"loss_{name}": value for name, value in terms.items()},
        "mu_std": mu.std(axis=0).tolist(),
        "pattern_means": [mu[labels == c].mean(axis=0).tolist() for c in np.unique(labels)],
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
