"""Figures 5 to 8 of the paper: which rows they show, and what is computed for them.

Flow: results, subject ◀ gallery ◀ evaluate; drawing is in figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from bassnet_osc.spec import A4_HZ, A4_PITCH, BassNetError, Spec
from training import figures
from training.data_sets import DATA_SETS
from training.dataset import Song
from training.figures import Histograms, Plane, Track
from training.metrics import batches, classifier, encode_places
from training.objective import UNVOICED_BIN
from training.paper import ABLATION_WINDOW, DATA_SET_NAMES, RELATIVE_PITCH_WINDOW
from training.places import Ints, bar_numbers, evaluation_places, finest_frames, label_frame
from training.results import Evaluated, Row, latents_path, load_latents, songs_of
from training.subject import Subject, load_subject
from training.tables import ablation_windows, first_of_each_kind, of, size, windows

MAX_POINTS = 1500  # of a plane
TRACK_EVERY = 5  # frames between two points of a trajectory
TRACK_CHANGES = 3  # the trajectory is of the first test song whose pattern changes as often, or more
GRID = np.linspace(-2.0, 2.0, 5)  # of z, in both directions
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
    "figure-8.png": "How often the decoded bass plays a pitch relative to the mix's f0, for 25 values of z, "
    "minus how often the true bass does. The mix's f0 is the lowest note of the chord. Voiced steps of the "
    f"finest channel, at most {GRID_WINDOWS} test windows.",
}

Models = Callable[[Row], tuple[Subject, list[Song]]]


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
    draw_histograms(results / "figure-8.png", rows, models)
    return CAPTIONS


def draw_planes(path: Path, rows: Sequence[Row], latents: Callable[[Row], Evaluated]) -> None:
    """Figures 5 and 6: a row of planes for each kind of model, a column for each data set."""
    lines: dict[str, list[Plane | None]] = {}
    shown = first_of_each_kind(rows)
    order = windows(rows)
    for row in sorted(shown, key=lambda r: (-_preset_rank(r), order.index(r.window), r.maps)):
        title = f"{row.preset} {size(row.window)}, {row.model}"
        columns = lines.setdefault(title, [None] * len(DATA_SET_NAMES))
        columns[DATA_SET_NAMES.index(row.data_set)] = plane(row, latents(row))
    lines = lines or {f"paper {size(ABLATION_WINDOW)}": [None] * len(DATA_SET_NAMES)}
    figures.planes(path, lines, {name: DATA_SETS[name].names for name in DATA_SET_NAMES})


def _preset_rank(row: Row) -> int:
    return ["live", "studio", "paper"].index(row.preset)


def plane(row: Row, found: Evaluated) -> Plane:
    """What a panel shows of a row: at most MAX_POINTS of the half that the classifier has not seen."""
    fitted = classifier(found.mu[found.fitted], found.labels[found.fitted])
    scored = np.flatnonzero(~found.fitted)
    some = scored[:: -(-len(scored) // MAX_POINTS)]
    return Plane(found.mu[some], found.labels[some], fitted, row.metrics["classifier_accuracy"])


def draw_tracks(path: Path, rows: Sequence[Row], models: Models) -> None:
    """Figure 7: z over a test song of A1, with cross-reconstruction and without."""
    tracks: dict[str, Track | None] = {}
    a1 = of(rows, preset="paper", data_set="A1")
    window = next((w for w in ablation_windows(rows) if of(a1, window=w, cross=False)), ABLATION_WINDOW)
    for cross, title in ((True, "cross-reconstruction"), (False, "regular reconstruction")):
        found = first_of_each_kind(of(a1, window=window, cross=cross))
        tracks[title] = track(*models(found[0])) if found else None
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


def draw_histograms(path: Path, rows: Sequence[Row], models: Models) -> None:
    """Figure 8: relative f0 at a grid of z, for two models."""
    shown: dict[str, Histograms] = {}
    for preset, window, data_set in RELATIVE_PITCH_ROWS:
        found = first_of_each_kind(of(rows, preset=preset, window=window, data_set=data_set, cross=True))
        if found and len(shown) < 2:
            title = f"{data_set}, {preset} {size(window)}, {found[0].model}"
            shown[title] = histograms(*models(found[0]))
    figures.histograms(path, shown, SEMITONES, GRID)


def histograms(subject: Subject, songs: Sequence[Song]) -> Histograms:
    """Shares of relative f0 of the true bass (n_semitones,) and at each z (y, x, n_semitones)."""
    spec = subject.spec
    places = evaluation_places(songs, spec)
    places = places[:: -(-len(places) // GRID_WINDOWS)]
    roots = [root_bins(song, spec) for song in songs]
    z = torch.tensor([(x, y) for y in GRID for x in GRID], dtype=torch.float32)
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
        bins = subject.f0_bins(windows_here, z).numpy()
        decoded += np.stack([count((at_z - root)[voiced], spec) for at_z in bins])
    shares = decoded / decoded.sum(axis=1, keepdims=True)
    return Histograms(true / true.sum(), shares.reshape(len(GRID), len(GRID), -1))


def root_bins(song: Song, spec: Spec) -> Ints:
    """The mix's f0 at each frame as a bin: the lowest note of the sounding chord (n_frames,)."""
    if not all("root" in bar for bar in song.bars):
        raise BassNetError("relative pitches need each bar's root in truth.json; a song lacks it: add them")
    hz = A4_HZ * 2 ** ((np.array([bar["root"] for bar in song.bars]) - A4_PITCH) / 12)
    bins = np.rint(spec.cqt.bins_per_octave * np.log2(hz / spec.cqt.fmin)).astype(np.int64)
    return np.asarray(bins[bar_numbers(song, spec)])


def count(bins: Ints, spec: Spec) -> Ints:
    """How many intervals in bins fall on each of SEMITONES; what lies beyond counts at the ends."""
    semitones = np.rint(bins * 12 / spec.cqt.bins_per_octave).astype(np.int64)
    at = np.clip(semitones, SEMITONES[0], SEMITONES[-1]) - SEMITONES[0]
    return np.bincount(at, minlength=len(SEMITONES))
