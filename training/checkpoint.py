"""Checkpoints of a training run: written whole or not at all, read without executing anything."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from bassnet_osc.spec import BassNetError, Spec
from training.model import VGAE

MODEL_KEYS = {"spec", "config", "model", "step", "seconds", "trained_on", "machine"}
RESUME_KEYS = {"optimizer", "stale", "best"}


def save_checkpoint(path: Path, values: dict[str, Any]) -> None:
    """Writes a checkpoint whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:  # a full disk is an OSError here; torch's own writer hides it
        torch.save(values, file)
    os.replace(unfinished, path)


def load_checkpoint(path: Path, resume: bool = True) -> dict[str, Any]:
    """Reads a checkpoint; tensors and plain values only, nothing is executed.

    Without `resume` a kept model will do, which has no state of the optimiser.
    """
    try:
        values: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if missing := MODEL_KEYS - set(values):
            raise ValueError(f"it lacks {sorted(missing)}")
    except Exception as error:
        raise BassNetError(
            f"{path} must be a checkpoint of training.train; it cannot be read ({type(error).__name__}): "
            "train again or name another one"
        ) from error
    if resume and (missing := RESUME_KEYS - set(values)):
        raise BassNetError(
            f"{path} must be a whole checkpoint to go on from; it is a kept model without "
            f"{', '.join(sorted(missing))}: choose another --out"
        )
    return values


def load_model(path: Path) -> tuple[VGAE, dict[str, Any]]:
    """The model of a checkpoint, ready to evaluate, and the checkpoint's other values."""
    values = load_checkpoint(path, resume=False)
    model = VGAE(Spec.from_dict(values["spec"]))
    model.load_state_dict(values["model"])
    return model.eval(), values


def keep(checkpoint: Path, path: Path) -> None:
    """Writes the model of a checkpoint without what resuming needs, its weights in half precision."""
    values = load_checkpoint(checkpoint, resume=False)
    weights = {name: t.half() if t.is_floating_point() else t for name, t in values["model"].items()}
    if beyond := [name for name, t in weights.items() if not t.isfinite().all()]:
        raise BassNetError(
            f"{checkpoint}: weights must lie within half precision to be kept; {beyond[0]} does not: "
            "train again"
        )
    save_checkpoint(path, {name: values[name] for name in MODEL_KEYS} | {"model": weights})


def machine(device: torch.device) -> str:
    """The processor that trains and how much of it torch uses, for the tables."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    processor = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    return f"{processor or platform.machine()}, threads: {torch.get_num_threads()}"
