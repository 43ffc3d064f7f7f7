"""Checkpoints of a training run: written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from bassnet_osc.spec import BassNetError, Spec
from training.model import VGAE

CHECKPOINT_KEYS = {"spec", "config", "model", "optimizer", "step", "seconds", "stale", "best"}


def save_checkpoint(path: Path, values: dict[str, Any]) -> None:
    """Writes a checkpoint whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:  # a full disk is an OSError here; torch's own writer hides it
        torch.save(values, file)
    os.replace(unfinished, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint of save_checkpoint; tensors and plain values only, nothing is executed."""
    try:
        values: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if missing := CHECKPOINT_KEYS - set(values):
            raise ValueError(f"it lacks {sorted(missing)}")
    except Exception as error:
        raise BassNetError(
            f"{path} must be a checkpoint of training.train; it cannot be read ({type(error).__name__}): "
            "train again or name another one"
        ) from error
    return values


def load_model(path: Path) -> tuple[VGAE, dict[str, Any]]:
    """The model of a checkpoint, ready to evaluate, and the checkpoint's other values."""
    values = load_checkpoint(path)
    model = VGAE(Spec.from_dict(values["spec"]))
    model.load_state_dict(values["model"])
    return model.eval(), values
