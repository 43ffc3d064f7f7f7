"""The useful work in a graph and the most that this machine does in a second, both as ONNX Runtime sees them.

Useful are the multiply-adds of Conv, Gemm and MatMul in the graph as it was exported, and no other node's.
The shapes are those of a real call, out of ONNX Runtime's own profile: those in a graph depend on its inputs.

Flow: a hop -> its graphs and their inputs -> profile -> Work; a matrix product, a large array -> Peak; both
-> stages.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from bassnet_osc.bench.stopwatch import Call, replaced
from bassnet_osc.spec import GRAPHS

CPU = "CPUExecutionProvider"
FLOAT_BYTES = 4
PEAK_SIZE = 1024  # rows and columns of the matrix product: it reaches the most that a core does
PEAK_READ = 1 << 28  # bytes of an array that no cache holds
PEAK_RUNS = 3  # of each at a time
PEAK_OPSET, PEAK_IR = 17, 8  # as old as the bundles', which every ONNX Runtime that we allow can load

Shape = Sequence[int]


@dataclass(frozen=True)
class Work:
    """Of a call: multiply-adds, and bytes of the weights that they need."""

    multiply_adds: int = 0
    weight_bytes: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(self.multiply_adds + other.multiply_adds, self.weight_bytes + other.weight_bytes)


def work_of(play: Callable[[], object], stage: Callable[[], str], folder: Path) -> dict[str, Work]:
    """What the graphs of the bundle in `folder` do while `play` runs, by the `stage` that runs them."""
    import onnxruntime

    calls: list[tuple[str, str, dict[str, Any]]] = []  # stage, graph, inputs

    def noting(run: Call) -> Call:
        def call(graph: Any, outputs: Any, feeds: dict[str, Any], *rest: Any) -> Any:
            calls.append((stage(), _file_of(graph), feeds))
            return run(graph, outputs, feeds, *rest)

        return call

    with replaced(onnxruntime.InferenceSession, "run", noting):
        play()
    work: dict[str, Work] = {}
    for name, file, feeds in calls:
        work[name] = work.get(name, Work()) + counted((folder / file).read_bytes(), feeds)
    return work


def _file_of(graph: Any) -> str:
    """Of a bundle's graphs, the one with this session's inputs and outputs."""
    names = tuple(i.name for i in graph.get_inputs()), tuple(o.name for o in graph.get_outputs())
    return next(file for file, ports in GRAPHS.items() if ports == names)


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


class Peak:
    """The most that one thread was seen to do: of a matrix product, and of reading memory."""

    def __init__(self) -> None:
        ones = np.ones(PEAK_READ // FLOAT_BYTES, np.float32)
        # A maximum reads all of it, on one thread, and writes nothing.
        self._calls: dict[str, tuple[float, Callable[[], object]]] = {"gbytes": (PEAK_READ, ones.max)}
        if product := _product():
            self._calls["gflops"] = 2 * PEAK_SIZE**3, product
        self._best: dict[str, float] = {}

    def measure(self) -> None:
        """Tries again; the best counts, since others may hold the core at times."""
        for name, (amount, call) in self._calls.items():
            for _ in range(PEAK_RUNS):
                started = time.perf_counter()
                call()
                seconds = time.perf_counter() - started
                self._best[name] = max(self._best.get(name, 0.0), 1e-9 * amount / seconds)

    @property
    def gflops(self) -> float | None:
        """1e9 operations a second; None before it is measured, and without the package onnx."""
        return self._best.get("gflops")

    @property
    def gbytes(self) -> float | None:
        """1e9 bytes a second; None before it is measured."""
        return self._best.get("gbytes")


def _product() -> Callable[[], object] | None:
    """A large matrix product in ONNX Runtime."""
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
    return partial(session.run, None, {"a": ones, "b": ones})
