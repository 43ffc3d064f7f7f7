"""The committed rows: what each model is, its metrics in results.json, and the test songs of each data set.

A row is a checkpoint in training/results, which tells all about it but its metrics. These are kept under the
hash of its file and METRICS_VERSION, its latents under DATA/latents; both together tell that a row is
evaluated. Rows of one pool differ in their seed alone: a table shows their mean.

Flow: subject, artificial, features, dataset ◀ results ◀ gallery, tables, evaluate.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bassnet_osc.spec import BassNetError, Spec
from training.artificial import generate, missing_songs
from training.config import NO_END
from training.data_sets import DATA_SETS
from training.dataset import Song, load_song
from training.features import compute_all
from training.metrics import METRICS_VERSION, Latents
from training.places import Booleans, Ints
from training.subject import Subject, load_subject

TEST_SONGS, TEST_SEED = 40, 0  # of each data set: these songs and no others
LATER = {"onset_tail": 0, "transpose_bins": 0}  # settings that older runs had not, and what these did
# What rows of one pool may differ in. Song i is the same in every folder.
FREE_IN_POOL = {"seed", "out", "command", "data", "device", "devices", "nodes", "minutes"}
FIRST_SETTINGS = ("songs", "steps")  # of those that a line of a table is named by


@dataclass(frozen=True)
class Row:
    """One trained model.

    `settings` are all that rows of one pool have in common, by name. `seconds` are of the whole run;
    `feature_seconds` of them passed before its first step, and `feature_songs` songs had no features until
    then; None where the run did not count them. `metrics` are those of metrics.py.
    """

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
    settings: dict[str, Any]
    steps: int
    seconds: float
    feature_seconds: float | None
    feature_songs: int | None
    machine: str
    data: str
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
    try:
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
            settings=settings(config, spec, trained_on["songs"]),
            steps=values["step"],
            seconds=values["seconds"],
            feature_seconds=values.get("feature_seconds"),
            feature_songs=values.get("feature_songs"),
            machine=values["machine"],
            data=config["data"],
            command=config["command"],
            metrics={},
        )
    except KeyError as error:
        raise BassNetError(
            f"{path} must tell how it was trained; it lacks {error}: keep it again from its run"
        ) from error
    return row, subject


def settings(config: dict[str, Any], spec: Spec, songs: int) -> dict[str, Any]:
    """All that rows of one pool have in common, by name: config and spec, parts as 'weights.kl'."""
    parts = ({"weights": config["weights"]} | spec.to_dict()).items()
    named = {f"{part}.{name}": value for part, fields in parts for name, value in fields.items()}
    plain = {name: value for name, value in config.items() if name not in {"weights", *FREE_IN_POOL}}
    return {"songs": songs, **LATER, **plain, **named}


def of(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows with these values."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def pools(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Rows of one preset, window and objective as lines of a table with their names, fewer maps first.

    The rows of a line and a data set are one pool. Lines are named by the settings in which rows of the same
    data set differ: data sets may differ among each other.
    """
    lines: dict[str, list[Row]] = {}
    for model in sorted(
        {row.model for row in rows}, key=lambda model: (of(rows, model=model)[0].maps, model)
    ):
        here = of(rows, model=model)
        names = differing(here)
        for row in sorted(here, key=lambda r: (r.songs, r.settings.get("steps", 0), r.seed)):
            told = [_told(name, row.settings.get(name)) for name in names]
            lines.setdefault(", ".join([model, *told]), []).append(row)
    return list(lines.items())


def differing(rows: Sequence[Row]) -> list[str]:
    """The settings in which rows of the same data set differ."""
    names = {
        name
        for a, b in itertools.combinations(rows, 2)
        if a.data_set == b.data_set
        for name in a.settings.keys() | b.settings.keys()
        if a.settings.get(name) != b.settings.get(name)
    }
    return sorted(names, key=lambda name: (name not in FIRST_SETTINGS, name))


def _told(name: str, value: Any) -> str:
    """A setting in words; older rows know nothing of newer settings."""
    if value is None:
        return f"no {name}"
    if name in FIRST_SETTINGS:
        return f"{value} {name}"
    return f"{name} {'∞' if value in (math.inf, NO_END) else value}"


def check_seeds(rows: Sequence[Row]) -> None:
    """Raises BassNetError where two rows are one model trained twice: a mean would count it twice."""
    for a, b in itertools.combinations(rows, 2):
        same = ("data_set", "preset", "window", "cross", "model", "settings", "seed")
        if all(getattr(a, name) == getattr(b, name) for name in same):
            raise BassNetError(
                f"rows of the same settings must have different seeds; {a.name} and {b.name} have not: move "
                "one away"
            )


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """The metrics in results.json by the hash of the model's file; none of another METRICS_VERSION."""
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(stored, list) or stored["metrics_version"] != METRICS_VERSION:  # once it was a list
            return {}
        return {row["sha256"]: dict(row["metrics"]) for row in stored["rows"]}
    except (ValueError, TypeError, KeyError) as error:
        raise BassNetError(
            f"{path} must hold the rows' metrics; it cannot be read ({type(error).__name__}: {error}): "
            "delete it and run again"
        ) from error


def write_results(path: Path, rows: Iterable[Row]) -> None:
    """Writes results.json whole or not at all."""
    ordered = sorted(rows, key=lambda row: row.name)
    kept = [{"name": row.name, "sha256": row.sha256, "metrics": row.metrics} for row in ordered]
    stored = {"metrics_version": METRICS_VERSION, "rows": kept}
    write_text(path, json.dumps(stored, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def latents_path(data: Path, row: Row) -> Path:
    """Where a row's latents lie, which are made again when they are missing."""
    return data / "latents" / f"{row.name}-{row.sha256[:12]}-{METRICS_VERSION}.npz"


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
    """The TEST_SONGS of a data set with their features; missing ones are rendered, others left alone."""
    folder = data / data_set.lower()
    if missing_songs(data_set, "test", TEST_SONGS, TEST_SEED, folder):
        generate(data_set, "test", TEST_SONGS, TEST_SEED, folder, os.cpu_count() or 1)
    songs = [folder / "test" / f"{i:04d}" for i in range(TEST_SONGS)]
    compute_all(songs, spec, "features of test")
    return [load_song(song, spec) for song in songs]
