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
# What resuming, the rows of RESULTS.md and a bundle's card read of two of them.
CONFIG_KEYS = {"recipe", "command", "cross", "seed", "weights"}
TRAINED_ON_KEYS = {"data_set", "songs"}
FEATURE_KEYS = {"feature_seconds", "feature_songs"}  # not in every checkpoint
RESUME_KEYS = {"optimizer", "stale", "best"}
MEND = "train again or name another one"


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
    except Exception as error:
        raise BassNetError(
            f"{path} must be a checkpoint of training.train; it cannot be read ({type(error).__name__}): "
            f"{MEND}"
        ) from error
    if lacks := _lacks(values):
        raise BassNetError(
            f"{path} must be a checkpoint of training.train; it lacks {', '.join(lacks)}: {MEND}"
        )
    if resume and (missing := RESUME_KEYS - set(values)):
        raise BassNetError(
            f"{path} must be a whole checkpoint to go on from; it is a kept model without "
            f"{', '.join(sorted(missing))}: choose another --out"
        )
    return values


def _lacks(values: Any) -> list[str]:
    """The names that a checkpoint must have and this one has not."""
    if absent := _absent(values, MODEL_KEYS):
        return absent
    parts = {"config": CONFIG_KEYS, "trained_on": TRAINED_ON_KEYS}
    return [f"{part}.{name}" for part, names in parts.items() for name in _absent(values[part], names)]


def _absent(values: Any, names: set[str]) -> list[str]:
    return sorted(names - set(values) if isinstance(values, dict) else names)


def load_model(path: Path) -> tuple[VGAE, dict[str, Any]]:
    """The model of a checkpoint, ready to evaluate, and the checkpoint's other values."""
    values = load_checkpoint(path, resume=False)
    model = VGAE(Spec.from_dict(values["spec"]))
    load_weights(model, values, path)
    return model.eval(), values


def load_weights(model: VGAE, values: dict[str, Any], path: Path) -> None:
    """A checkpoint's weights into a model; raises BassNetError where they are of another size."""
    try:
        model.load_state_dict(values["model"])
    except (RuntimeError, TypeError, AttributeError) as error:
        one = str(error).splitlines()[-1].strip().rstrip(".")  # torch has a line for every weight
        raise BassNetError(
            f"{path} must hold the weights of the model that its spec says; {one}: {MEND}"
        ) from error


def keep(checkpoint: Path, path: Path) -> None:
    """Writes the model of a checkpoint without what resuming needs, its weights in half precision."""
    _, values = load_model(checkpoint)  # no row that cannot be evaluated
    weights = {name: t.half() if t.is_floating_point() else t for name, t in values["model"].items()}
    if beyond := [name for name, t in weights.items() if not t.isfinite().all()]:
        raise BassNetError(
            f"{checkpoint}: weights must lie within half precision to be kept; {beyond[0]} does not: "
            "train again"
        )
    kept = {name: values[name] for name in values.keys() & (MODEL_KEYS | FEATURE_KEYS)}
    save_checkpoint(path, kept | {"model": weights})


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
