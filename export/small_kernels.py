"""Kernels stored as 16-bit integers: a front end is half as large, and its arithmetic stays in float32.

Every stretch of a kernel has a scale of its own: the error is less than that of 16-bit audio. ONNX Runtime
multiplies it out when it loads the graph: nothing is slower.

Flow: small_kernels ◀ to_onnx.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

LEAST_VALUES = 10_000  # smaller constants are left alone


def shrink_kernels(model: onnx.ModelProto) -> None:
    """Replaces each large constant (a, b, c) of the graph by integers (a, b, c) times scales (a, 1, c)."""
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        values = _large(node)
        model.graph.node.extend([node] if values is None else _shrunk(node.output[0], values))


def _large(node: onnx.NodeProto) -> npt.NDArray[np.float32] | None:
    """The values of a large float32 constant, else None."""
    if node.op_type != "Constant" or node.attribute[0].name != "value":
        return None
    values = numpy_helper.to_array(node.attribute[0].t)
    return values if values.dtype == np.float32 and values.size >= LEAST_VALUES else None


def _shrunk(name: str, values: npt.NDArray[np.float32]) -> list[onnx.NodeProto]:
    """What computes the constant `name`: a multiplication of its integers by their scales."""
    highest = np.abs(values).max(axis=1, keepdims=True)
    scale = np.maximum(highest / np.iinfo(np.int16).max, np.finfo(np.float32).tiny).astype(np.float32)
    integers = np.rint(values / scale).astype(np.int16)
    return [
        _constant(f"{name}_integers", integers),
        _constant(f"{name}_scale", scale),
        helper.make_node("Cast", [f"{name}_integers"], [f"{name}_floats"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_floats", f"{name}_scale"], [name]),
    ]


def _constant(name: str, values: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values))
