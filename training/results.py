"""The committed rows: what each model is, its metrics in results.json, and the test songs of each data set.

A row is a checkpoint in training/results. Its metrics are kept under the hash of its file, its latents under
DATA/latents; both together tell that a row is evaluated.

Flow: subject, artificial, dataset ◀ results ◀ gallery, tables, evaluate.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bassnet_osc.spec import BassNetError, Spec
from training.artificial import generate, missing_songs
from training.data_sets import DATA_SETS
from training.dataset import Song, load_songs
from training.metrics import Latents
from training.places import Booleans, Ints
from training.subject import Subject, load_subject

TEST_SONGS, TEST_SEED = 40, 0  # of each data set


@dataclass(frozen=True)
class Row:
    """One trained model; `minutes` include computing the features, `metrics` are those of metrics.py."""

    name: str
    sha256: str
    data_set: str
    songs: int
    preset: str
    window: tuple[int, int]
    cross: bool
    recipe: str
    maps: int
    seed: int
    steps: int
    minutes: float
    machine: str
    command: str
    metrics: dict[str, Any]

    @property
    def model(self) -> str:
        """How it was trained, as the tables say it."""
        return f"{self.recipe}, {self.maps} maps"


@dataclass(frozen=True)
class Evaluated:
    """Latents of the test windows, their patterns, and which ones the classifiers are fitted on."""

    mu: Latents
    labels: Ints
    fitted: Booleans


def preset_of(spec: Spec) -> str:
    """live, studio or paper: the preset that a spec is of, whatever its window."""
    if spec.window.anchor == "end":
        return "live"
    return "paper" if spec.descriptor.source == "estimators" else "studio"


def open_row(path: Path) -> tuple[Row, Subject]:
    """A row without metrics and its model; raises BassNetError for a file that is none."""
    subject, values = load_subject(path)
    spec, config, trained_on = subject.spec, values["config"], values["trained_on"]
    if trained_on["data_set"] not in DATA_SETS:
        raise BassNetError(
            f"{path} must be trained on one of {', '.join(DATA_SETS)}; got {trained_on['data_set']!r}: "
            "move it away"
        )
    row = Row(
        name=path.stem,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        data_set=trained_on["data_set"],
        songs=trained_on["songs"],
        preset=preset_of(spec),
        window=(spec.window.n_steps, spec.window.window_frames),
        cross=config["cross"],
        recipe=config["recipe"],
        maps=spec.model.n_maps,
        seed=config["seed"],
        steps=values["step"],
        minutes=round(values["seconds"] / 60, 1),
        machine=values["machine"],
        command=config["command"],
        metrics={},
    )
    return row, subject


def read_results(path: Path) -> list[Row]:
    """The rows of results.json; none where there is no such file."""
    if not path.exists():
        return []
    try:
        rows = [Row(**values) for values in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError) as error:
        raise BassNetError(f"{path} must hold the rows' metrics; {error}: delete it and run again") from error
    return [replace(row, window=(row.window[0], row.window[1])) for row in rows]


def write_results(path: Path, rows: Iterable[Row]) -> None:
    """Writes results.json whole or not at all."""
    by_name = [asdict(row) for row in sorted(rows, key=lambda row: row.name)]
    write_text(path, json.dumps(by_name, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def latents_path(data: Path, row: Row) -> Path:
    """Where a row's latents lie: not committed, made again when they are missing."""
    return data / "latents" / f"{row.name}-{row.sha256[:12]}.npz"


def save_latents(path: Path, found: Evaluated) -> None:
    """Writes latents whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez(file, mu=found.mu.astype(np.float32), labels=found.labels, fitted=found.fitted)
    os.replace(unfinished, path)


def load_latents(path: Path) -> Evaluated:
    """Inverse of save_latents."""
    with np.load(path) as stored:
        return Evaluated(stored["mu"].astype(np.float64), stored["labels"], stored["fitted"])


def songs_of(data: Path, data_set: str, spec: Spec) -> list[Song]:
    """The test songs of a data set with their features; missing ones are rendered."""
    folder = data / data_set.lower()
    if missing_songs(data_set, "test", TEST_SONGS, TEST_SEED, folder):
        generate(data_set, "test", TEST_SONGS, TEST_SEED, folder, os.cpu_count() or 1)
    return load_songs(folder / "test", spec)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; the deviation of one value is not a number."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else math.nan
