"""What a bundle says of its model: places of z, their density, figures on test songs, how it was trained.

Flow: training.z_places, latents ◀ card ◀ to_onnx.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bassnet_osc.spec import BassNetError
from export.latents import density, standardised, training_latents
from export.onset_threshold import calibrated
from training.data_sets import DATA_SETS
from training.dataset import Song, load_songs
from training.grooves import DATA_SET as GROOVE
from training.metrics import evaluate
from training.model import VGAE
from training.subject import Checkpoint
from training.z_places import z_places

OF_THE_MACHINE = {"data", "out", "minutes", "command"}  # of a run's config: its folders and its time
LICENCE = "MIT"
OWN_LICENCE = "not stated: that of the songs is their owners' affair"


def with_card(model: VGAE, values: dict[str, Any], data: Path) -> tuple[VGAE, dict[str, Any]]:
    """The model with a standardised z, and its card; `values` are those of its checkpoint.

    z is scaled by the training songs, its places and the threshold of onsets come from the validation songs;
    test songs choose nothing. Raises BassNetError for songs of another data set than the model's.
    """
    train, validation, test = (load_songs(data / s, model.spec) for s in ("train", "validation", "test"))
    data_set, n_songs = values["trained_on"]["data_set"], values["trained_on"]["songs"]
    check_data_set(data_set, [*train, *validation, *test])
    model = standardised(model, training_latents(Checkpoint(model), train))
    if data_set not in DATA_SETS:
        model.spec = calibrated(Checkpoint(model), validation)
    subject = Checkpoint(model)
    return model, {
        "z_places": z_places(subject, validation),
        "z_density": density(training_latents(subject, train)),
        "trained_on": trained_on(data_set, n_songs),
        "licence": LICENCE if data_set in (*DATA_SETS, GROOVE) else OWN_LICENCE,
        "training": {
            "steps": values["step"],
            "minutes": round(values["seconds"] / 60, 1),
            "config": told(values["config"]),
        },
        "metrics": evaluate(subject, test),
    }


def trained_on(data_set: str | None, n_songs: int) -> str:
    """Which songs, how many, and where their sounds come from."""
    if data_set in DATA_SETS:
        return f"{data_set}: {n_songs} synthetic songs (FluidSynth, FluidR3_GM)"
    if data_set == GROOVE:
        return f"{data_set}: {n_songs} songs over grooves of MMA (FluidSynth, FluidR3_GM)"
    return f"{data_set}: {n_songs} songs"


def check_data_set(data_set: str | None, songs: Sequence[Song]) -> None:
    """Raises BassNetError for songs of another data set than the model was trained on."""
    if others := {str(song.truth.get("data_set")) for song in songs} - {str(data_set)}:
        raise BassNetError(
            f"--data must hold songs of {data_set}, on which the model was trained; got songs of "
            f"{', '.join(sorted(others))}: name the folder of {data_set}"
        )


def told(config: dict[str, Any]) -> dict[str, Any]:
    """A run's config as the card tells it; JSON knows no infinity, so no bound is null."""
    kept = {name: value for name, value in config.items() if name not in OF_THE_MACHINE}
    return {name: None if value == math.inf else value for name, value in kept.items()}
