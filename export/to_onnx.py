"""Checkpoint -> bundle: exports the graphs, proves them equal, tests the model and writes model.json.

    python -m export.to_onnx --checkpoint runs/a1-live/best.pt --data data/a1 --out bassnet_osc/models/a1-live

Prints the parity report and the metrics; exits with 1, writing nothing, if they differ too much. --out may be
new, empty or a bundle, which the new one replaces.
"""

from __future__ import annotations

import argparse
import hashlib
import json
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
    DECODER,
    DECODER_Z,
    ENCODER,
    FACTORS,
    FORMAT,
    FRONTEND,
    GRAPHS,
    BassNetError,
    Spec,
)
from export.card import with_card
from export.graphs import (
    DecoderGraph,
    EncoderGraph,
    FactorDecoderGraph,
    FactorsGraph,
    ProbeDecoder,
    ProbeEncoder,
    probe_spec,
)
from export.parity import ParityError, check, parity, report
from training.checkpoint import load_model
from training.cqt import Cqt
from training.decimated_cqt import DecimatedCqt
from training.folders import replace_folder
from training.model import VGAE

OPSET = 17


def write_graph(module: nn.Module, example: tuple[torch.Tensor, ...], path: Path, spec: Spec) -> None:
    """Exports the graph that the file's name says, with its spec in the metadata.

    The batch is dynamic, and in the front end n_samples and n_frames; `example` are inputs of any size.
    """
    inputs, outputs = GRAPHS[path.name]
    axes = {name: {0: "batch"} for name in (*inputs, *outputs)}
    if path.name == FRONTEND:
        axes = {"audio": {0: "batch", 1: "n_samples"}, "frames": {0: "batch", 1: "n_frames"}}
    with warnings.catch_warnings():  # the tracing exporter is deprecated, and warns of traced shapes
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            example,
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    graph = onnx.load(path)
    for key, value in (("spec", spec.to_json()), ("format", str(FORMAT))):
        graph.metadata_props.add(key=key, value=value)
    onnx.save(graph, path)


Halves = tuple[nn.Module, nn.Module]  # of the decoder: factors, decoder_z


def write_bundle(
    out: Path,
    spec: Spec,
    decoder: nn.Module,
    encoder: nn.Module,
    card: dict[str, Any],
    halves: Halves | None = None,
) -> dict[str, float]:
    """Writes a bundle folder whole or not at all; returns the parity errors.

    What was there before stays if the graphs differ from torch (ParityError), and if it is no bundle
    (BassNetError).
    """
    check_replaceable(out)
    out = out.resolve()  # where a link leads, and . has a name
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _write_graphs(partial, spec, decoder, encoder)
        if halves:
            write_halves(partial, spec, halves)
        _write_card(partial, out.name, spec, card)
        partial.chmod(0o755)  # mkdtemp's folders are closed to others
        errors = parity(Cqt(spec.cqt).eval(), decoder, encoder, Bundle(partial, provider="cpu"))
        check(errors)
        replace_folder(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return errors


def write_frontend(folder: Path, spec: Spec) -> None:
    """Exports the front end: the decimated form, which parity then compares with the plain one."""
    cqt = spec.cqt
    audio = torch.rand(2, cqt.left + cqt.right + 3 * cqt.hop_length)
    write_graph(DecimatedCqt(cqt), (audio,), folder / FRONTEND, spec)


def _write_graphs(folder: Path, spec: Spec, decoder: nn.Module, encoder: nn.Module) -> None:
    window = torch.rand(2, spec.window.window_frames, spec.cqt.n_bins)
    z = torch.zeros(2, spec.model.latent_dim)
    write_frontend(folder, spec)
    write_graph(decoder, (window, z), folder / DECODER, spec)
    write_graph(encoder, (window, window), folder / ENCODER, spec)


def write_halves(folder: Path, spec: Spec, halves: Halves) -> None:
    """factors.onnx and decoder_z.onnx."""
    factors, decoder_z = halves
    mix = torch.rand(2, spec.window.window_frames, spec.cqt.n_bins)
    write_graph(factors, (mix,), folder / FACTORS, spec)
    with torch.no_grad():
        example = (factors(mix), torch.zeros(2, spec.model.latent_dim))
    write_graph(decoder_z, example, folder / DECODER_Z, spec)


def _write_card(folder: Path, name: str, spec: Spec, card: dict[str, Any]) -> None:
    """model.json: what every bundle says, `card`, and the hashes of the graphs that lie in the folder."""
    limit = spec.model.z_limit
    offsets = {"left": spec.cqt.left, "right": spec.cqt.right}
    offsets |= {"skip": spec.window.skip, "taper": spec.window.taper}
    whole = {"format": FORMAT, "name": name, **offsets, "z_range": [-limit, limit], **card}
    graphs = sorted(folder.glob("*.onnx"))
    whole |= {"graphs": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in graphs}}
    whole |= {"spec": spec.to_dict()}
    (folder / "model.json").write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def check_replaceable(out: Path) -> None:
    """Raises BassNetError where something lies that is not an export's to replace."""
    if not out.exists():
        return
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    strange = {name for name in found if name != "model.json" and not name.endswith(".onnx")}
    if not out.is_dir() or strange or (found and "model.json" not in found):
        what = f"{min(strange)} in it" if strange else "no model.json"
        raise BassNetError(
            "--out must be a new folder, an empty one or a bundle, which is replaced; got "
            f"{str(out)!r}, which has {what}: choose another --out"
        )


def write_probe(out: Path) -> dict[str, float]:
    """The bundle of fixed weights that the latency tests use."""
    card = {"z_places": {}, "trained_on": "nothing: fixed weights", "licence": "MIT", "metrics": {}}
    spec = probe_spec()
    return write_bundle(out, spec, ProbeDecoder(spec).eval(), ProbeEncoder().eval(), card)


def export_checkpoint(checkpoint: Path, data: Path, out: Path) -> str:
    """Tests and exports a trained model; returns the report."""
    check_replaceable(out)
    model, values = load_model(checkpoint)
    model, card = with_card(model, values, data)
    halves = halves_of(model)
    errors = write_bundle(
        out, model.spec, DecoderGraph(model).eval(), EncoderGraph(model).eval(), card, halves
    )
    return f"{report(errors)}\n{json.dumps(card['metrics'], indent=1)}\n{out}"


def halves_of(model: VGAE) -> Halves | None:
    """The decoder's halves; none for a taper that reaches beyond the finest channel."""
    window = model.spec.window
    if window.used.start < window.finest.start or window.used.stop > window.finest.stop:
        return None
    return FactorsGraph(model).eval(), FactorDecoderGraph(model).eval()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.to_onnx", description="Export a checkpoint.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="best.pt of a run")
    parser.add_argument("--data", type=Path, required=True, help="folder with train/, validation/ and test/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bundle, named like it")
    args = parser.parse_args(arguments)
    try:
        text = export_checkpoint(args.checkpoint, args.data, args.out)
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, ParityError) else 2
    except OSError as error:
        sys.stderr.write(
            f"--data and --out must be writable and have space; {error}: mend it and start again\n"
        )
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; no bundle was written\n")
        return 130
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
