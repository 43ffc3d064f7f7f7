"""Checkpoint -> bundle: exports the graphs, proves them equal, tests the model and writes model.json.

    python -m export.to_onnx --checkpoint runs/a1-live/best.pt --data data/a1 --out bassnet_osc/models/a1-live

Prints the parity report and the metrics; exits with 1, writing nothing, if an output differs by over 1e-4.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from bassnet_osc.bundle import Bundle
from bassnet_osc.spec import (
    DECODER_INPUTS,
    DECODER_OUTPUTS,
    ENCODER_INPUTS,
    ENCODER_OUTPUTS,
    FORMAT,
    FRONTEND_INPUTS,
    FRONTEND_OUTPUTS,
    BassNetError,
    Spec,
)
from export.graphs import DecoderGraph, EncoderGraph, ProbeDecoder, ProbeEncoder, probe_spec
from export.parity import TOLERANCE, parity, report
from training.composition import DATA_SETS
from training.cqt import Cqt
from training.dataset import load_songs
from training.evaluate import evaluate
from training.train import load_model

OPSET = 17


def write_graph(
    module: nn.Module,
    inputs: tuple[torch.Tensor, ...],
    names: tuple[tuple[str, ...], tuple[str, ...]],
    path: Path,
    spec: Spec,
) -> None:
    """Exports one graph with dynamic batch (and n_samples, n_frames) and the spec in its metadata."""
    axes = {name: {0: "batch"} for group in names for name in group}
    if names[0] == FRONTEND_INPUTS:
        axes = {"audio": {0: "batch", 1: "n_samples"}, "frames": {0: "batch", 1: "n_frames"}}
    with warnings.catch_warnings():  # the tracing exporter is deprecated, and warns of traced shapes
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            inputs,
            str(path),
            input_names=list(names[0]),
            output_names=list(names[1]),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    graph = onnx.load(path)
    for key, value in (("spec", spec.to_json()), ("format", str(FORMAT))):
        graph.metadata_props.add(key=key, value=value)
    onnx.save(graph, path)


def write_bundle(
    out: Path, spec: Spec, decoder: nn.Module, encoder: nn.Module, card: dict[str, Any]
) -> dict[str, float]:
    """Writes a bundle folder whole or not at all; returns the parity errors.

    Raises BassNetError, leaving what was there before, if the graphs differ from torch.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    frontend, cqt, b = Cqt(spec.cqt).eval(), spec.cqt, spec.window.window_frames
    window = torch.rand(2, b, cqt.n_bins)
    audio = torch.rand(2, cqt.left + cqt.right + 3 * cqt.hop_length)
    z = torch.zeros(2, spec.model.latent_dim)
    graphs = {
        "frontend.onnx": (frontend, (audio,), (FRONTEND_INPUTS, FRONTEND_OUTPUTS)),
        "decoder.onnx": (decoder, (window, z), (DECODER_INPUTS, DECODER_OUTPUTS)),
        "encoder.onnx": (encoder, (window, window), (ENCODER_INPUTS, ENCODER_OUTPUTS)),
    }
    try:
        for name, (module, inputs, names) in graphs.items():
            write_graph(module, inputs, names, partial / name, spec)
        hashes = {name: hashlib.sha256((partial / name).read_bytes()).hexdigest() for name in graphs}
        offsets = {"left": cqt.left, "right": cqt.right, "skip": spec.window.skip, "taper": spec.window.taper}
        limit = spec.model.z_limit
        whole = {"format": FORMAT, "name": out.name, **offsets, "z_range": [-limit, limit], **card}
        whole |= {"graphs": hashes, "spec": spec.to_dict()}
        (partial / "model.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        partial.chmod(0o755)
        errors = parity(frontend, decoder, encoder, Bundle(partial, provider="cpu"))
        if not all(error <= TOLERANCE for error in errors.values()):  # so that NaN is refused too
            raise BassNetError(f"torch and ONNX must agree within {TOLERANCE:g}; got\n{report(errors)}")
        shutil.rmtree(out, ignore_errors=True)
        os.rename(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return errors


def write_probe(out: Path) -> dict[str, float]:
    """The bundle of fixed weights that the latency tests use."""
    card = {"z_places": {}, "trained_on": "nothing: fixed weights", "licence": "MIT", "metrics": {}}
    spec = probe_spec()
    return write_bundle(out, spec, ProbeDecoder(spec).eval(), ProbeEncoder().eval(), card)


def export_checkpoint(checkpoint: Path, data: Path, out: Path) -> str:
    """Tests and exports a trained model; returns the report."""
    model, values = load_model(checkpoint)
    songs = load_songs(data / "test", model.spec)
    metrics = evaluate(model, songs)
    data_set = songs[0].truth["data_set"]
    means = metrics.pop("pattern_means")
    card = {
        "z_places": dict(zip(DATA_SETS[data_set].names, means, strict=True)),
        "trained_on": f"{data_set} (synthetic, FluidSynth with FluidR3_GM)",
        "licence": "MIT",
        "training": {
            "steps": values["step"],
            "minutes": round(values["seconds"] / 60, 1),
            "config": {k: v for k, v in values["config"].items() if k not in ("data", "out")},
        },
        "metrics": metrics,
    }
    errors = write_bundle(out, model.spec, DecoderGraph(model).eval(), EncoderGraph(model).eval(), card)
    return f"{report(errors)}\n{json.dumps(metrics, indent=1)}\n{out}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.to_onnx", description="Export a checkpoint.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="best.pt of a run")
    parser.add_argument("--data", type=Path, required=True, help="folder with test/, for the metrics")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle, named like it")
    args = parser.parse_args(arguments)
    try:
        text = export_checkpoint(args.checkpoint, args.data, args.out)
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if "must agree within" in str(error) else 2
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
