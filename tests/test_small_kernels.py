"""Constants of a graph as integers: nearly the same numbers, in half the room."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from export.small_kernels import LEAST_VALUES, shrink_kernels


def graph(values: np.ndarray) -> onnx.ModelProto:
    """Adds the constant to its input."""
    nodes = [
        helper.make_node("Constant", [], ["kernel"], value=numpy_helper.from_array(values)),
        helper.make_node("Add", ["x", "kernel"], ["y"]),
    ]
    shape = list(values.shape)
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in "xy"]
    made = helper.make_model(
        helper.make_graph(nodes, "sum", ends[:1], ends[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(made)
    return made


def constant(model: onnx.ModelProto, shape: tuple[int, ...]) -> np.ndarray:
    """What the graph adds to zeros."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.zeros(shape, np.float32)})
    return np.asarray(y)


def test_values_are_kept_to_a_step_of_their_stretch(rng: np.random.Generator) -> None:
    """Each stretch along the second axis has 65 534 steps of its own; a silent one stays silent."""
    values = rng.standard_normal((4, 100, 50)).astype(np.float32)
    values[0] *= 1e-6
    values[1, :, 3] = 0.0
    model = graph(values)
    size = model.ByteSize()
    shrink_kernels(model)
    onnx.checker.check_model(model)
    half_a_step = np.abs(values).max(axis=1, keepdims=True) / 32_767 / 2
    assert (np.abs(constant(model, values.shape) - values) <= 1.01 * half_a_step).all()
    assert model.ByteSize() < 0.55 * size


@pytest.mark.parametrize("values", [np.ones((10, 10, 10), np.float32), np.ones((40, 40, 40), np.int64)])
def test_small_constants_and_other_types_are_left_alone(values: np.ndarray) -> None:
    assert values.dtype != np.float32 or values.size < LEAST_VALUES
    node = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(values))
    model = helper.make_model(helper.make_graph([node], "one", [], []))
    before = model.SerializeToString()
    shrink_kernels(model)
    assert model.SerializeToString() == before
