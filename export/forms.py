"""Forms of a decoder beside each other: whole, in two halves, and halves with fewer bits; on the demo's mix.

    python -m export.forms groove-live

whole: decoder.onnx; halves: factors.onnx and decoder_z.onnx, which a stream runs. int8: ONNX Runtime's static
quantisation of their convolutions (QDQ, a scale for each map of the weights), calibrated on half of the mix;
float16: all of them. Prints for each form how long a window takes beside the halves in the same run, and what
it does to the descriptors of the other half of the mix. Then what nine z on one mix take (a bass and eight
variations). Nothing is written: shipped bundles are float32.

Flow: bundle, onnxruntime.quantization -> forms.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from bassnet_osc.spec import DECODER, DECODER_Z, FACTORS, GRAPHS, BassNetError, Spec

EVERY = 7  # frames between windows: not a divisor of any bar
N_SEVERAL = 9  # z: a bass and its eight variations
Form = Callable[[Block, Block], list[Block]]  # a mix (b, n_bins) and rows of z -> f0, level, onset
Run = tuple[list[float], list[list[Block]]]  # seconds and outputs of each window


@dataclass(frozen=True)
class Row:
    """A form: ms a window, time beside the halves (median of ratios), share of voiced frames with the same f0
    bin, the largest differences of level and onset.
    """

    form: str
    ms: float
    beside: float
    same_f0: float
    level_off: float
    onset_off: float


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


def forms(folder: Path, out: Path, mix: Block, z: Block, used: range) -> Iterator[tuple[str, Form]]:
    """The forms, those of fewer bits calibrated on windows (n, b, n_bins) and their z."""
    yield "halves", in_halves(folder / FACTORS, folder / DECODER_Z)
    yield "whole", at_once(folder / DECODER, used)
    encode = _session(folder / FACTORS)
    factors = np.concatenate([encode.run(None, {"mix": row[None]})[0] for row in mix])
    for name, given in ((FACTORS, Given(FACTORS, mix)), (DECODER_Z, Given(DECODER_Z, factors, z))):
        _to_int8(folder / name, out / f"int8-{name}", given)
        half = convert_float_to_float16(onnx.load(folder / name), keep_io_types=True)
        onnx.save(half, out / f"float16-{name}")
    for form in ("int8", "float16"):
        yield form, in_halves(out / f"{form}-{FACTORS}", out / f"{form}-{DECODER_Z}")


def in_halves(first: Path, second: Path) -> Form:
    """The mix is encoded once for all rows of z."""
    encode, decode = _session(first), _session(second)

    def run(mix: Block, z: Block) -> list[Block]:
        factors = encode.run(None, {"mix": mix[None]})[0]
        outputs: list[Block] = decode.run(None, {"factors": factors, "z": z})
        return outputs

    return run


def at_once(graph: Path, used: range) -> Form:
    """The whole decoder for each row of z; of its output, the frames that are used."""
    decode = _session(graph)

    def run(mix: Block, z: Block) -> list[Block]:
        outputs = decode.run(None, {"mix": np.repeat(mix[None], len(z), axis=0), "z": z})
        return [output[:, used.start : used.stop] for output in outputs]

    return run


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


def compare(bundle: Bundle, folder: Path) -> tuple[list[Row], float]:
    """Rows of the forms; and how long nine z take in halves beside the whole decoder."""
    mix = windows(bundle)
    z = np.resize(np.array(list(bundle.z_places.values()), np.float32), (len(mix), 2))
    half = len(mix) // 2
    with tempfile.TemporaryDirectory() as out:
        loaded = dict(forms(folder, Path(out), mix[:half], z[:half], bundle.spec.window.used))
    runs = timed(loaded, mix[half:], z[half:, None])
    rows = [_row(form, runs[form], runs["halves"], bundle.spec) for form in loaded]
    several = timed({form: loaded[form] for form in ("whole", "halves")}, mix[half:], [z[:N_SEVERAL]] * half)
    return rows, _ratio(several["halves"], several["whole"])


def timed(loaded: dict[str, Form], mix: Block, z: Iterable[Block]) -> dict[str, Run]:
    """Each form in turns: seconds and outputs of each window with its rows of z."""
    runs: dict[str, Run] = {form: ([], []) for form in loaded}
    for window, rows in zip(mix, z, strict=False):
        for form, run in loaded.items():
            started = time.perf_counter()
            outputs = run(window, rows)
            runs[form][0].append(time.perf_counter() - started)
            runs[form][1].append(outputs)
    return runs


def _ratio(run: Run, other: Run) -> float:
    return statistics.median(a / b for a, b in zip(run[0], other[0], strict=True))


def _row(form: str, heard: Run, plain: Run, spec: Spec) -> Row:
    f0, level, onset = (np.concatenate(outputs) for outputs in zip(*heard[1], strict=True))
    true_f0, true_level, true_onset = (np.concatenate(outputs) for outputs in zip(*plain[1], strict=True))
    voiced = spec.descriptor.level_to_db(true_level) > spec.descriptor.gate_on_db
    same = (f0.argmax(axis=2) == true_f0.argmax(axis=2))[voiced].mean()
    off = [float(abs(a - b).max()) for a, b in ((level, true_level), (onset, true_onset))]
    ms = 1e3 * statistics.median(heard[0])
    return Row(form, ms, _ratio(heard, plain), float(same), *off)


def in_words(rows: Sequence[Row], several: float) -> str:
    """The table."""
    head = f"{'form':9}{'ms':>7}{'beside':>8}{'same f0 bin':>13}{'level differs':>15}{'onset differs':>15}"
    lines = [
        f"{r.form:9}{r.ms:7.2f}{r.beside:8.2f}{r.same_f0:13.4f}{r.level_off:15.4f}{r.onset_off:15.4f}"
        for r in rows
    ]
    return "\n".join(
        [head, *lines, f"{N_SEVERAL} z on one mix: halves {several:.2f} of the whole decoder's time"]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m export.forms", description="Forms of a decoder beside each other."
    )
    parser.add_argument("model", nargs="?", default="groove-live", help="default %(default)s")
    args = parser.parse_args(arguments)
    try:
        folder = find(args.model)
        if not (folder / DECODER_Z).exists():
            raise BassNetError(f"{folder} must have {DECODER_Z}; it has not: export it again")
        print(in_words(*compare(Bundle(folder, "cpu"), folder)))
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
