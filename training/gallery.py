"""Figures 5 to 8 of the paper: which rows they show, and what is computed for them.

Flow: results, subject ◀ gallery ◀ evaluate; drawing is in figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from bassnet_osc.spec import Spec
from training import figures
from training.data_sets import DATA_SETS
from training.dataset import Song
from training.figures import Histograms, Plane, Track
from training.metrics import Latents, batches, classifier, encode_places
from training.objective import UNVOICED_BIN
from training.paper import ABLATION_WINDOW, DATA_SET_NAMES, RELATIVE_PITCH_WINDOW
from training.places import Ints, evaluation_places, finest_frames, label_frame, root_bins
from training.results import Evaluated, Row, differing, latents_path, load_latents, of, pools, songs_of
from training.subject import Subject, load_subject
from training.tables import ablation_windows, size, windows

MAX_POINTS = 1500  # of a plane
TRACK_EVERY = 5  # frames between two points of a trajectory
TRACK_CHANGES = 3  # the trajectory is of the first test song whose pattern changes as often, or more
GRID_POINTS = 5  # values of z in each direction ...
GRID_PERCENTILES = (2, 98)  # ... between those of the row's latents: z is there, but for the corners
GRID_WINDOWS = 240  # that are decoded at every point of the grid
SEMITONES = np.arange(-24, 13)  # bins of the histograms, above the mix's f0
# Figure 8: the first two of these that exist.
RELATIVE_PITCH_ROWS = [("live", RELATIVE_PITCH_WINDOW, name) for name in ("A1", "A4", "A2", "A3")]

CAPTIONS = {
    "figure-5.png": "Mean latents of test windows, coloured by their bass pattern; behind them what the "
    "quadratic classifier says, and its isolines p(c | z) = 0.75. The number is its accuracy (Table 2). Of "
    "models that differ in their seed alone the first one is shown.",
    "figure-6.png": "The same for the models trained without cross-reconstruction.",
    "figure-7.png": "Both components of z over a test song of A1, for a model with cross-reconstruction and "
    f"one without (a window every {TRACK_EVERY} frames). Lines and shades: where the pattern changes, and "
    "which one plays.",
    "figure-8.png": "How often the decoded bass plays a pitch relative to the mix's f0, for "
    f"{GRID_POINTS**2} values of z, minus how often the true bass does. They lie in equal steps from "
    f"percentile {GRID_PERCENTILES[0]} to {GRID_PERCENTILES[1]} of each component of the test windows' z. "
    "The mix's f0 is the lowest note of the chord. Voiced steps of the finest channel, at most "
    f"{GRID_WINDOWS} test windows.",
}

Models = Callable[[Row], tuple[Subject, list[Song]]]
LatentsOf = Callable[[Row], Evaluated]


def draw_all(rows: Sequence[Row], results: Path, data: Path) -> dict[str, str]:
    """Writes the figures into `results`; returns the captions by the files' names."""

    def latents(row: Row) -> Evaluated:
        return load_latents(latents_path(data, row))

    def models(row: Row) -> tuple[Subject, list[Song]]:
        subject, _ = load_subject(results / f"{row.name}.pt")
        return subject, songs_of(data, row.data_set, subject.spec)

    draw_planes(results / "figure-5.png", of(rows, cross=True), latents)
    draw_planes(results / "figure-6.png", of(rows, cross=False), latents)
    draw_tracks(results / "figure-7.png", rows, models)
    draw_histograms(results / "figure-8.png", rows, models, latents)
    return CAPTIONS


def draw_planes(path: Path, rows: Sequence[Row], latents: LatentsOf) -> None:
    """Figures 5 and 6: a line of planes for each kind of model, a column for each data set."""
    lines: dict[str, list[Plane | None]] = {}
    for preset in ("paper", "studio", "live"):
        for window in windows(of(rows, preset=preset)):
            for name, pool in pools(of(rows, preset=preset, window=window)):
                first = [next(iter(of(pool, data_set=data_set)), None) for data_set in DATA_SET_NAMES]
                lines[f"{preset} {size(window)}, {name}"] = [
                    plane(row, latents(row)) if row else None for row in first
                ]
    lines = lines or {f"paper {size(ABLATION_WINDOW)}": [None] * len(DATA_SET_NAMES)}
    figures.planes(path, lines, {name: DATA_SETS[name].names for name in DATA_SET_NAMES})


def plane(row: Row, found: Evaluated) -> Plane:
    """What a panel shows of a row: at most MAX_POINTS of the half that the classifier has not seen."""
    fitted = classifier(found.mu[found.fitted], found.labels[found.fitted])
    scored = np.flatnonzero(~found.fitted)
    some = scored[:: -(-len(scored) // MAX_POINTS)]
    return Plane(found.mu[some], found.labels[some], fitted, row.metrics["classifier_accuracy"])


def draw_tracks(path: Path, rows: Sequence[Row], models: Models) -> None:
    """Figure 7: z over a test song of A1, with cross-reconstruction and without."""
    a1 = of(rows, preset="paper", data_set="A1")
    window = next((w for w in ablation_windows(rows) if of(a1, window=w, cross=False)), ABLATION_WINDOW)
    regular = next(iter(of(a1, window=window, cross=False)), None)
    candidates = of(a1, window=window, cross=True)  # the one shown is trained most like the other model
    cross = min(candidates, key=lambda row: len(differing([row, regular or row])), default=None)
    shown = {"cross-reconstruction": cross, "regular reconstruction": regular}
    tracks = {title: track(*models(row)) if row else None for title, row in shown.items()}
    figures.tracks(path, tracks, DATA_SETS["A1"].names)


def track(subject: Subject, songs: Sequence[Song]) -> Track:
    """mu over the bars of one song, at the time of each window's label."""
    spec = subject.spec
    at = next((i for i, song in enumerate(songs) if pattern_changes(song) >= TRACK_CHANGES), 0)
    bars = [(bar["start"], bar["end"], bar["pattern"]) for bar in songs[at].bars]
    ends = range(spec.window.window_frames - 1, songs[at].n_frames, TRACK_EVERY)
    seconds = np.array([label_frame(newest, spec) for newest in ends]) / spec.cqt.frame_rate
    inside = [(at, newest) for newest, second in zip(ends, seconds, strict=True) if second < bars[-1][1]]
    return Track(seconds[: len(inside)], encode_places(subject, songs, inside, "trajectory"), bars)


def pattern_changes(song: Song) -> int:
    """How often the pattern changes."""
    return int(np.count_nonzero(np.diff([bar["pattern"] for bar in song.bars])))


def draw_histograms(path: Path, rows: Sequence[Row], models: Models, latents: LatentsOf) -> None:
    """Figure 8: relative f0 at a grid of z, for two models."""
    shown: dict[str, Histograms] = {}
    for preset, window, data_set in RELATIVE_PITCH_ROWS:
        found = pools(of(rows, preset=preset, window=window, data_set=data_set, cross=True))
        if found and len(shown) < 2:
            name, (row, *_) = found[0]
            title = f"{data_set}, {preset} {size(window)}, {name}"
            shown[title] = histograms(*models(row), grid(latents(row).mu))
    figures.histograms(path, shown, SEMITONES)


def grid(mu: Latents) -> Latents:
    """Values of z in equal steps where the latents (n, 2) lie: horizontal and vertical (2, GRID_POINTS)."""
    low, high = np.percentile(mu, GRID_PERCENTILES, axis=0)
    return np.asarray(np.linspace(low, high, GRID_POINTS, axis=1))


def histograms(subject: Subject, songs: Sequence[Song], points: Latents) -> Histograms:
    """Shares of relative f0 of the true bass, and of the decoded bass at each z of the grid `points`."""
    spec = subject.spec
    places = evaluation_places(songs, spec)
    places = places[:: -(-len(places) // GRID_WINDOWS)]
    roots = [root_bins(song, spec) for song in songs]
    z = torch.tensor([(x, y) for y in points[1] for x in points[0]], dtype=torch.float32)
    decoded, true = np.zeros((len(z), len(SEMITONES))), np.zeros(len(SEMITONES))
    finest, b = finest_frames(spec), spec.window.window_frames
    done = 0
    for windows_here, targets in batches(subject, songs, places, "relative f0"):
        here = places[done : done + len(windows_here.mix)]
        done += len(here)
        root = np.stack([roots[s][newest - b + 1 :][finest] for s, newest in here])
        truth = targets.f0[:, 0].numpy()
        voiced = truth != UNVOICED_BIN
        true += count((truth - root)[voiced], spec)
        bins = (guess.f0[:, 0].argmax(dim=-1).numpy() for guess in subject.play(windows_here, z))
        decoded += np.stack([count((at_z - root)[voiced], spec) for at_z in bins])
    shares = decoded / decoded.sum(axis=1, keepdims=True)
    return Histograms(true / true.sum(), shares.reshape(len(points[1]), len(points[0]), -1), points)


def count(bins: Ints, spec: Spec) -> Ints:
    """How many intervals in bins fall on each of SEMITONES; what lies beyond counts at the ends."""
    semitones = np.rint(bins * 12 / spec.cqt.bins_per_octave).astype(np.int64)
    at = np.clip(semitones, SEMITONES[0], SEMITONES[-1]) - SEMITONES[0]
    return np.bincount(at, minlength=len(SEMITONES))
