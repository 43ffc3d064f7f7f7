"""A graph that runs: numpy arrays in and out, kept in the device's own memory in between.

Flow: bundle -> Runner -> a session of ONNX Runtime.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from bassnet_osc.frames import Block
from bassnet_osc.providers import CPU, PROVIDERS, Provider, first_line

# Whose inputs are bound to its memory. CoreML's lie in the CPU's; DirectML's binding nobody could try.
DEVICES = {"cuda": "cuda"}


class Runner:
    """One session; where its provider fails while it plays, the same graph goes on upon the CPU."""

    def __init__(self, session: Any, provider: Provider, device: str | None = None) -> None:
        """`device` is whose memory the inputs are bound to, in ONNX Runtime's words: the provider's own."""
        self.session, self._provider = session, provider
        self._device = device or DEVICES.get(provider.name)
        self._inputs = [put.name for put in session.get_inputs()]
        self._outputs = [put.name for put in session.get_outputs()]
        self._bound: dict[str, Any] = {}  # the memory of each input, as large as the last one was
        self._bound_once = threading.Lock()  # which one thread writes and reads at a time

    def run(self, *inputs: Block) -> list[Block]:
        """The outputs in the graph's order; the arrays are the caller's. Raises what ONNX Runtime raises."""
        blocks = dict(zip(self._inputs, inputs, strict=True))
        try:
            return self._run(blocks)
        except Exception as error:  # ONNX Runtime's own classes share no base but this one
            if not self._is_elsewhere:
                raise
            self._leave_device(error)
        return self._run(blocks)

    def _run(self, blocks: dict[str, Block]) -> list[Block]:
        if self._device is None:
            outputs: list[Block] = self.session.run(None, blocks)
            return outputs
        with self._bound_once:
            if self._device is not None:
                return self._run_bound(blocks)
        return self._run(blocks)  # it was left meanwhile

    def _run_bound(self, blocks: dict[str, Block]) -> list[Block]:
        binding = self.session.io_binding()
        for name, block in blocks.items():
            binding.bind_ortvalue_input(name, self._on_device(name, block))
        for name in self._outputs:
            binding.bind_output(name)  # in the CPU's memory: a window is small, and wanted here
        self.session.run_with_iobinding(binding)
        outputs: list[Block] = binding.copy_outputs_to_cpu()
        return outputs

    def _on_device(self, name: str, block: Block) -> Any:
        """The block in memory that stays from run to run: to allocate there would stop the device."""
        from onnxruntime import OrtValue

        value = self._bound.get(name)
        if value is None or tuple(value.shape()) != block.shape:
            value = OrtValue.ortvalue_from_shape_and_type(block.shape, np.float32, self._device)
            self._bound[name] = value
        value.update_inplace(np.ascontiguousarray(block))
        return value

    def _leave_device(self, error: Exception) -> None:
        with self._bound_once:
            if self._is_elsewhere:  # else another thread has left it already
                self._leave(error)

    @property
    def _is_elsewhere(self) -> bool:
        """Whether it runs on anything but the CPU."""
        return self._device is not None or self.session.get_providers()[0] != PROVIDERS[CPU]

    def _leave(self, error: Exception) -> None:
        mend = "look at the device's driver, then start again"
        self._provider.fall_back(f"it failed while it played ({first_line(error)})", mend)
        self._device, self._bound = None, {}
        self.session.set_providers([PROVIDERS[CPU]])
