"""The useful work in a graph and the most that this machine does in a second, both as ONNX Runtime sees them.

Useful are the multiply-adds of Conv, Gemm and MatMul in the graph as it was exported, and no other node's.
The shapes are those of a real call, out of ONNX Runtime's own profile: those in a graph depend on its inputs.

Flow: graph, inputs -> profile -> Work; a large matrix product, a large array -> Peak. -> stages.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

CPU = "CPUExecutionProvider"
FLOAT_BYTES = 4
PEAK_SIZE = 1024  # rows and columns of the matrix product: it reaches the most that a core does
PEAK_READ = 1 << 28  # bytes of an array that no cache holds
PEAK_RUNS = 8  # of each, the best counts: others may hold the core at times
PEAK_OPSET, PEAK_IR = 17, 8  # as old as the bundles', which every ONNX Runtime that we allow can load

Shape = Sequence[int]


@dataclass(frozen=True)
class Work:
    """Of a call: multiply-adds, and bytes of the weights that they need."""

    multiply_adds: int = 0
    weight_bytes: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.multiply_adds + other.multiply_adds, self.weight_bytes + other.weight_bytes)


@dataclass(frozen=True)
class Peak:
    """The most that one thread does: of a matrix product (None: not measured), of reading memory."""

    gflops: float | None
    gbytes: float


def counted(graph: bytes, feeds: Mapping[str, npt.NDArray[Any]]) -> Work:
    """The work of one call of an ONNX graph with inputs of these shapes."""
    return sum((_of_node(node["args"]) for node in _profile(graph, feeds)), Work())


def _profile(graph: bytes, feeds: Mapping[str, npt.NDArray[Any]]) -> list[dict[str, Any]]:
    """What ONNX Runtime tells of each node of the graph as exported: nothing fused, nothing reordered."""
    import onnxruntime

    with TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")  # it hides the weights' shapes
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(graph, options, providers=[CPU])
        session.run(None, dict(feeds))
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return [event for event in events if event["name"].endswith("_kernel_time")]


def _of_node(args: Mapping[str, Any]) -> Work:
    """Of a node, from the shapes alone: attributes change how it goes about, not how much there is to do."""
    if args["op_name"] not in ("Conv", "Gemm", "MatMul"):
        return Work()
    first, second, *_ = inputs = [_shape(entry) for entry in args["input_type_shape"]]
    output = _shape(args["output_type_shape"][0])
    if args["op_name"] == "Conv":
        n_terms = math.prod(second[1:])  # channels of a group and places of the kernel
    elif args["op_name"] == "Gemm":
        n_terms = math.prod(first) // output[0]  # whichever way round it lies
    else:
        n_terms = first[-1]
    n_weights = sum(math.prod(shape) for shape in inputs[1:])
    return Work(math.prod(output) * n_terms, FLOAT_BYTES * n_weights)


def _shape(entry: Mapping[str, Shape]) -> Shape:
    """Of an entry {type: shape}."""
    return next(iter(entry.values()))


def peak() -> Peak:
    """Measured now, on one thread, the best of several; without `onnx` there is no matrix product."""
    ones = np.ones(PEAK_READ // FLOAT_BYTES, np.float32)
    gbytes = PEAK_READ / _best_s(ones.max) / 1e9  # a maximum reads all of it, on one thread, and adds nothing
    return Peak(_peak_gflops(), gbytes)


def _peak_gflops() -> float | None:
    try:
        from onnx import TensorProto, helper
    except ImportError:
        return None
    import onnxruntime

    shape = [PEAK_SIZE, PEAK_SIZE]
    a, b, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "aby")
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["y"])], "peak", [a, b], [y])
    opset = [helper.make_opsetid("", PEAK_OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=PEAK_IR).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=[CPU])
    ones = np.ones(shape, np.float32)
    return 2 * PEAK_SIZE**3 / _best_s(lambda: session.run(None, {"a": ones, "b": ones})) / 1e9


def _best_s(work: Any) -> float:
    """Seconds of the fastest of PEAK_RUNS."""
    seconds = []
    for _ in range(PEAK_RUNS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
