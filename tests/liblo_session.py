"""A whole session spoken by pyliblo3: its sockets, its messages, its parser; of ours only the words.

Flow: test_liblo -> LibloSession -> ServerProcess. It is also how any other OSC library does it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from bassnet_osc.audio_files import Audio
from bassnet_osc.audio_wire import S16_SCALE
from bassnet_osc.spec import HOST

HEARTBEAT = 1.0  # seconds
WELCOME_S = 5.0  # seconds, for the first answer
LAST_S = 0.7  # seconds without an answer, after which none is expected
PAD = "." * 256  # makes the hello longer than any answer to it


class LibloSession:
    """From `with` on: hello, and the path proven; at its end bye."""

    def __init__(
        self, port: int, sample_rate: int, block_size: int, audio_format: str, deadline_ms: float
    ) -> None:
        self.sample_rate, self.block_size, self.format = sample_rate, block_size, audio_format
        self.deadline_ms, self.token, self.latency_samples = deadline_ms, 0, 0
        self.answers: dict[int, Audio] = {}
        self.refusals: list[Any] = []
        self._is_proven, self._hello_at, self._port = False, 0.0, port

    def __enter__(self) -> LibloSession:
        import pyliblo3

        self._server = pyliblo3.Server()  # a port of its own; what it sends leaves from there
        self._there = pyliblo3.Address(HOST, self._port)
        for address, method in (
            ("/bassnet/welcome", self._welcome),
            ("/bassnet/pong", self._pong),
            ("/bassnet/audio/out", self._audio),
            ("/bassnet/error", self._error),
        ):
            self._server.add_method(address, None, method)
        self._receive_until(lambda: self._is_proven, WELCOME_S)
        assert self._is_proven, "no welcome came"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.send(self._there, "/bassnet/bye")
        self._server.free()

    def play(self, blocks: Sequence[Audio]) -> dict[int, Audio]:
        """Sends each block when it is due; the answers by seq."""
        started, duration = time.monotonic(), self.block_size / self.sample_rate
        for seq, block in enumerate(blocks):
            self._receive_until(lambda: False, started + seq * duration - time.monotonic())
            self._server.send(self._there, "/bassnet/audio/in", ("i", seq), *self._payload(block))
        n_before = -1
        while len(self.answers) < len(blocks) and len(self.answers) > n_before:
            n_before = len(self.answers)
            self._receive_until(lambda: len(self.answers) == len(blocks), LAST_S)
        return self.answers

    def _payload(self, block: Audio) -> list[tuple[str, Any]]:
        if self.format == "f":
            return [("f", float(sample)) for sample in block]
        if self.format == "b":
            return [("b", block.astype(">f4").tobytes())]
        return [("b", np.rint(np.clip(block, -1.0, 1.0) * S16_SCALE).astype(">i2").tobytes())]

    def _receive_until(self, is_enough: Any, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not is_enough() and (left := until - time.monotonic()) > 0:
            if time.monotonic() > self._hello_at + HEARTBEAT:
                self._hello()
            self._server.recv(max(1, round(1000 * min(left, HEARTBEAT))))

    def _hello(self) -> None:
        self._hello_at = time.monotonic()
        stream = (("i", self.sample_rate), ("i", self.block_size), self.format)
        wishes = ("deadline_ms", ("f", self.deadline_ms), "pad", PAD)
        self._server.send(self._there, "/bassnet/hello", "pyliblo3", ("i", 0), *stream, *wishes)

    def _welcome(self, path: str, args: list[Any]) -> None:
        if args[1] != self.token:
            self.token = args[1]
            self._server.send(self._there, "/bassnet/ping", ("i", self.token))
        self.latency_samples = args[2]

    def _pong(self, path: str, args: list[Any]) -> None:
        self._is_proven = args[0] == self.token

    def _audio(self, path: str, args: list[Any]) -> None:
        seq, *samples = args
        if self.format == "f":
            self.answers[seq] = np.array(samples, np.float32)
        elif self.format == "b":
            self.answers[seq] = np.frombuffer(bytes(samples[0]), ">f4").astype(np.float32)
        else:
            integers = np.frombuffer(bytes(samples[0]), ">i2").astype(np.float32)
            self.answers[seq] = integers / np.float32(S16_SCALE)

    def _error(self, path: str, args: list[Any]) -> None:
        self.refusals.append(args)
