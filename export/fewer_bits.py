"""What fewer bits would bring: the halves of a decoder in int8 and float16 beside float32, on the demo's mix.

    python -m export.fewer_bits groove-live

int8: ONNX Runtime's static quantisation of the convolutions (QDQ, a scale for each map of the weights),
calibrated on half of the mix; float16: all of the graph. Prints for each form how long it takes beside
float32 in the same run, and what it does to the descriptors of the other half. Nothing is written: shipped
bundles are float32.

Flow: bundle, onnxruntime.quantization -> fewer_bits.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from bassnet_osc.audio_files import Mix
from bassnet_osc.bundle import Bundle, find
from bassnet_osc.demo_run import MIX
from bassnet_osc.frames import Block
from bassnet_osc.resample import Resampler
from bassnet_osc.spec import DECODER_Z, FACTORS, GRAPHS, BassNetError, Spec

EVERY = 7  # frames between windows: not a divisor of any bar
Halves = tuple[Any, Any]  # sessions of ONNX Runtime
Run = tuple[list[float], list[list[Block]]]  # seconds and outputs of each window


class Given(CalibrationDataReader):
    """The inputs of a graph, one after the other."""

    def __init__(self, name: str, *inputs: Block) -> None:
        rows = zip(*inputs, strict=True)
        names = GRAPHS[name][0]
        self._rows = iter([{n: x[None] for n, x in zip(names, row, strict=True)} for row in rows])

    def get_next(self) -> dict[str, Block] | None:
        """The next inputs, None after the last."""
        return next(self._rows, None)


def windows(bundle: Bundle) -> Block:
    """Windows (n, b, n_bins) of the demo's mix."""
    spec, mix = bundle.spec, Mix([MIX])
    cqt, b = spec.cqt, spec.window.window_frames
    audio = np.concatenate(list(mix.blocks())).astype(np.float32)
    audio = Resampler(mix.sample_rate, cqt.sample_rate).process(audio)
    frames = bundle.frontend(np.pad(audio, (cqt.left, cqt.right)))
    return np.stack([frames[i : i + b] for i in range(0, len(frames) - b, EVERY)])


def forms(folder: Path, out: Path, mix: Block, z: Block) -> Iterator[tuple[str, Halves]]:
    """float32, int8 and float16, as loaded sessions."""
    plain = (_session(folder / FACTORS), _session(folder / DECODER_Z))
    yield "float32", plain
    factors = np.concatenate([plain[0].run(None, {"mix": row[None]})[0] for row in mix])
    for name, given in ((FACTORS, Given(FACTORS, mix)), (DECODER_Z, Given(DECODER_Z, factors, z))):
        _to_int8(folder / name, out / f"int8-{name}", given)
        half = convert_float_to_float16(onnx.load(folder / name), keep_io_types=True)
        onnx.save(half, out / f"float16-{name}")
    for form in ("int8", "float16"):
        yield form, (_session(out / f"{form}-{FACTORS}"), _session(out / f"{form}-{DECODER_Z}"))


def _to_int8(source: Path, target: Path, given: Given) -> None:
    prepared = target.with_suffix(".prepared")
    quant_pre_process(source, prepared)
    quantize_static(
        prepared,
        target,
        given,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv"],
    )


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(halves: Halves, mix: Block, z: Block) -> list[Block]:
    """f0, level and onset of one window."""
    factors = halves[0].run(None, {"mix": mix[None]})[0]
    outputs: list[Block] = halves[1].run(None, {"factors": factors, "z": z[None]})
    return outputs


def compare(bundle: Bundle, folder: Path) -> list[tuple[str, float, float, float, float]]:
    """Of each form: time beside float32 (median of ratios), share of voiced frames with the same f0 bin, and
    the largest differences of level and onset.
    """
    mix = windows(bundle)
    z = np.resize(np.array(list(bundle.z_places.values()), np.float32), (len(mix), 2))
    half = len(mix) // 2
    with tempfile.TemporaryDirectory() as out:
        halves = dict(forms(folder, Path(out), mix[:half], z[:half]))
    took: dict[str, list[float]] = {form: [] for form in halves}
    told: dict[str, list[list[Block]]] = {form: [] for form in halves}
    for row, place in zip(mix[half:], z[half:], strict=True):
        for form, sessions in halves.items():
            started = time.perf_counter()
            told[form].append(run(sessions, row, place))
            took[form].append(time.perf_counter() - started)
    plain = took["float32"], told["float32"]
    return [_row(form, (took[form], told[form]), plain, bundle.spec) for form in halves]


def _row(form: str, heard: Run, plain: Run, spec: Spec) -> tuple[str, float, float, float, float]:
    ratio = statistics.median(a / b for a, b in zip(heard[0], plain[0], strict=True))
    f0, level, onset = (np.concatenate(outputs) for outputs in zip(*heard[1], strict=True))
    true_f0, true_level, true_onset = (np.concatenate(outputs) for outputs in zip(*plain[1], strict=True))
    voiced = spec.descriptor.level_to_db(true_level) > spec.descriptor.gate_on_db
    same = (f0.argmax(axis=2) == true_f0.argmax(axis=2))[voiced].mean()
    off = [float(abs(a - b).max()) for a, b in ((level, true_level), (onset, true_onset))]
    return form, ratio, float(same), off[0], off[1]


def in_words(rows: Sequence[tuple[str, float, float, float, float]]) -> str:
    """The table."""
    head = f"{'form':10}{'time':>8}{'same f0 bin':>14}{'level differs':>16}{'onset differs':>16}"
    return "\n".join([head, *(f"{f:10}{t:8.2f}{s:14.4f}{lv:16.4f}{o:16.4f}" for f, t, s, lv, o in rows)])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.fewer_bits", description="int8 and float16.")
    parser.add_argument("model", nargs="?", default="groove-live", help="default %(default)s")
    args = parser.parse_args(arguments)
    try:
        folder = find(args.model)
        if not (folder / DECODER_Z).exists():
            raise BassNetError(f"{folder} must have {DECODER_Z}; it has not: export it again")
        print(in_words(compare(Bundle(folder, "cpu"), folder)))
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
