"""Metrics of a trained model on test songs: Table 1's cross-entropies, Table 2's classifier, the pitch in z.

Test songs have seeds of their own and choose nothing: classifiers and regressions are fitted on the first
half of them and scored on the second half.

Flow: subject, places, ceiling ◀ metrics ◀ evaluate, figures, export.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from bassnet_osc.spec import BassNetError, Spec
from training.ceiling import ceiling
from training.data_sets import DATA_SETS
from training.dataset import Song, Windows, compressed, cut_windows
from training.objective import UNVOICED_BIN, Targets
from training.places import (
    Booleans,
    Ints,
    Places,
    evaluation_places,
    first_half,
    frame_roots,
    has_common_patterns,
    labelled,
    patterns,
    root_bins,
    settled,
    tells_roots,
)
from training.subject import Guess, Subject

METRICS_VERSION = 2  # raised by whatever changes a metric: kept numbers of another one are not used
BATCH = 50  # windows
DELAYS = range(0, 61, 5)  # frames that the label of an end-anchored window is tried back
PITCH_BINS = 1  # an f0 is right within as many bins: a third of a semitone
NEIGHBOURS = 25  # windows that tell the pitch at a z: enough for their noise to go, few of thousands
# Of the scale, by semitones above the root; six are a diminished fifth.
DEGREES = np.array([1, 2, 2, 3, 3, 4, 5, 5, 6, 6, 7, 7])

Latents = npt.NDArray[np.float64]


@dataclass
class Observations:
    """mu of each place (n, latent_dim), and the means of the losses and the pitch accuracy by their names."""

    mu: Latents
    means: dict[str, float]


def batches(
    subject: Subject, songs: Sequence[Song], places: Places, task: str
) -> Iterator[tuple[Windows, Targets]]:
    """The windows at the places, BATCH at a time, and what should come out; shows a progress bar."""
    starts = range(0, len(places), BATCH)
    for i in tqdm(starts, desc=task, unit="batch", disable=None, leave=False):
        windows = cut_windows(list(songs), places[i : i + BATCH], subject.spec)
        yield windows, compressed(windows, subject.spec)[1]


def encode_places(subject: Subject, songs: Sequence[Song], places: Places, task: str = "latents") -> Latents:
    """mu of each place (n, latent_dim)."""
    mus = [subject.encode(windows).numpy() for windows, _ in batches(subject, songs, places, task)]
    return np.concatenate(mus).astype(np.float64)


def observe(subject: Subject, songs: Sequence[Song], places: Places, task: str = "test") -> Observations:
    """Runs the model once over all windows.

    A mean is one over all windows and steps, for f0 over all voiced steps; batches do not matter.
    """
    mus, sums, counts = [], defaultdict[str, float](float), defaultdict[str, int](int)
    for windows, targets in batches(subject, songs, places, task):
        mu, guess = subject.rebuild(windows)
        mus.append(mu.numpy())
        for name, (value, count) in _sums(guess, targets).items():
            sums[name] += value
            counts[name] += count
    means = {name: value / max(1, counts[name]) for name, value in sums.items()}
    return Observations(np.concatenate(mus).astype(np.float64), means)


def _sums(guess: Guess, targets: Targets) -> dict[str, tuple[float, int]]:
    """Sums over a batch and the numbers of their elements; `finest` is the channel of full resolution."""
    finest = slice(0, 1)
    found = {f"loss_{name}_finest": value for name, value in _losses(guess, targets, finest).items()}
    if guess.f0.shape[1] == targets.f0.shape[1]:
        found |= {f"loss_{name}": value for name, value in _losses(guess, targets, slice(None)).items()}
    for name, target in (("level", targets.level[:, finest]), ("onset", targets.onset[:, finest])):
        entropy = F.binary_cross_entropy(target, target, reduction="sum")
        found[f"floor_{name}"] = float(entropy), target.numel()
    f0 = targets.f0[:, 0]
    right = (guess.f0[:, 0].argmax(dim=-1) - f0).abs() <= PITCH_BINS
    voiced = f0 != UNVOICED_BIN
    found["pitch_accuracy"] = float((right & voiced).sum()), int(voiced.sum())
    return found


def _losses(guess: Guess, targets: Targets, part: slice) -> dict[str, tuple[float, int]]:
    f0 = targets.f0[:, part].flatten()
    logits = guess.f0[:, part].flatten(0, 2)
    f0_sum = F.cross_entropy(logits, f0, ignore_index=UNVOICED_BIN, reduction="sum")
    return {
        "f0": (float(f0_sum), int((f0 != UNVOICED_BIN).sum())),
        "level": _bce_sum(guess.level[:, part], targets.level[:, part]),
        "onset": _bce_sum(guess.onset[:, part], targets.onset[:, part]),
    }


def _bce_sum(logits: Tensor, target: Tensor) -> tuple[float, int]:
    return float(F.binary_cross_entropy_with_logits(logits, target, reduction="sum")), target.numel()


def classifier(mu: Latents, labels: Ints) -> Pipeline:
    """Table 2's quadratic classifier of patterns; scaled before, so that a small z is not called singular."""
    try:
        return make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis()).fit(mu, labels)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise BassNetError(
            "the classifier needs several windows of each pattern in the first half of the songs, and a "
            f"z that varies; {' '.join(str(error).split())}: make more songs or train longer"
        ) from error


def _score(fitted: Pipeline, mu: Latents, labels: Ints) -> float | None:
    return float(fitted.score(mu, labels)) if len(mu) else None


def classifier_metrics(
    subject: Subject, songs: Sequence[Song], places: Places, mu: Latents
) -> dict[str, float | None]:
    """How well mu tells the pattern: of every window, of settled ones, and some frames before the newest.

    The delay, of end-anchored windows alone, is the one that suits the first half of the songs best.
    """
    spec, fit = subject.spec, first_half(songs, places)
    labels = patterns(songs, places, spec)
    score = ~fit
    calm = score & settled(songs, places, spec)
    now = classifier(mu[fit], labels[fit])
    found = {
        "classifier_accuracy": _score(now, mu[score], labels[score]),
        "classifier_settled": _score(now, mu[calm], labels[calm]),
        "settled_share": float(calm.sum() / score.sum()),
    }
    if spec.window.anchor == "centre":
        return found | {"classifier_delayed": None, "label_delay_frames": None}
    earlier = {delay: patterns(songs, places, spec, delay) for delay in DELAYS}
    by_delay = {delay: classifier(mu[fit], then[fit]) for delay, then in earlier.items()}
    best = max(DELAYS, key=lambda delay: by_delay[delay].score(mu[fit], earlier[delay][fit]))
    delayed = _score(by_delay[best], mu[score], earlier[best][score])
    return found | {"classifier_delayed": delayed, "label_delay_frames": best}


def pitch_metrics(songs: Sequence[Song], places: Places, mu: Latents, spec: Spec) -> dict[str, float | None]:
    """How much mu tells of the pitch at the label's frame, by the nearest windows of the first half.

    R2 of the bass's f0, as a number of bins, and of the chord's root, as a MIDI number; accuracy of the
    bass's degree above that root. None for songs that do not tell their roots.
    """
    fit = first_half(songs, places)
    f0 = labelled([song.descriptors.f0_bin for song in songs], places, spec)
    voiced = f0 != UNVOICED_BIN
    mean, most = KNeighborsRegressor(NEIGHBOURS), KNeighborsClassifier(NEIGHBOURS)
    found = {"r2_bass_f0": _nearest(mean, mu[voiced], f0[voiced], fit[voiced])}
    if not tells_roots(songs):
        return found | {"r2_chord_root": None, "accuracy_chord_note": None}
    root, root_bin = (
        labelled([of_frames(song, spec) for song in songs], places, spec)
        for of_frames in (frame_roots, root_bins)
    )
    semitones = np.rint((f0 - root_bin) * 12 / spec.cqt.bins_per_octave).astype(np.int64)
    degree = DEGREES[semitones % 12]
    return found | {
        "r2_chord_root": _nearest(mean, mu, root, fit),
        "accuracy_chord_note": _nearest(most, mu[voiced], degree[voiced], fit[voiced]),
    }


def _nearest(model: Any, mu: Latents, target: Ints, fit: Booleans) -> float | None:
    """The score of a model of neighbours; None where there are too few or nothing is to be told."""
    if fit.sum() < NEIGHBOURS or len(np.unique(target[~fit])) < 2:
        return None
    fitted = make_pipeline(StandardScaler(), model).fit(mu[fit], target[fit])
    return float(fitted.score(mu[~fit], target[~fit]))


def metrics(subject: Subject, songs: Sequence[Song], places: Places, seen: Observations) -> dict[str, Any]:
    """The metrics of what was observed at the places; None for what the subject or the songs do not tell."""
    fit = first_half(songs, places)
    return loss_metrics(songs, places, seen) | {
        **classifier_metrics(subject, songs, places, seen.mu),
        **pitch_metrics(songs, places, seen.mu, subject.spec),
        "ceiling": ceiling(
            songs, [place for place, fitted in zip(places, fit, strict=True) if not fitted], subject.spec
        ),
    }


def loss_metrics(songs: Sequence[Song], places: Places, seen: Observations) -> dict[str, Any]:
    """What can be told of songs of any kind, whatever their patterns are."""
    unknown: dict[str, float | None] = {f"loss_{name}": None for name in ("f0", "level", "onset")}
    return {
        "test_songs": len(songs),
        "test_windows": len(places),
        **unknown,
        **seen.means,
        "mu_std": seen.mu.std(axis=0).tolist(),
    }


def check_halves(songs: Sequence[Song]) -> None:
    """Raises BassNetError where a classifier could not be fitted on some songs and scored on others."""
    if len(songs) < 2:
        raise BassNetError(
            f"a test needs two songs or more, half of them to fit the classifier; got {len(songs)}: make more"
        )


def evaluate(subject: Subject, songs: Sequence[Song]) -> dict[str, Any]:
    """Metrics of a model on test songs.

    Where the patterns mean the same in every song, as in the paper's data sets, there is all, of two songs at
    least; else the losses alone. Raises BassNetError for songs of both kinds.
    """
    same = [has_common_patterns(song) for song in songs]
    if any(same) and not all(same):
        raise BassNetError(
            f"test songs must all be of {', '.join(DATA_SETS)}, or none of them; got both: part them"
        )
    if any(same):
        check_halves(songs)
    places = evaluation_places(songs, subject.spec)
    seen = observe(subject, songs, places)
    return metrics(subject, songs, places, seen) if any(same) else loss_metrics(songs, places, seen)
