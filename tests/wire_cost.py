# ruff: noqa: T201  commands speak on the terminal
"""The microseconds that the wire takes of a block of 512 samples, in and out, beside python-osc's own.

    python tests/wire_cost.py

Flow: bytes -> Switchboard.receive -> decode_audio -> encode_audio -> bytes. No socket, no voice, no model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
from datagrams import built, noise
from pythonosc.osc_message import OscMessage
from rig import HERE, RATE, Rig

from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.audio_wire import AUDIO_OUT, FORMATS, decode_audio, encode_audio
from bassnet_osc.frames import Block
from bassnet_osc.request import Request
from bassnet_osc.switchboard import Switchboard

N = 512  # samples of a block
AUDIO_IN = "/bassnet/audio/in"
ROUNDS, CALLS = 200, 50  # medians of so many means
GOAL_US = 20.0  # in and out


def micros(work: Callable[[], object], rounds: int = ROUNDS, calls: int = CALLS) -> float:
    """The time of one call: the median of the rounds, each of them a mean."""
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - started) / calls)
    return 1e6 * median(times)


def board(audio_format: str) -> Switchboard:
    """A switchboard with a session, whose audio is decoded and goes no further."""

    def decode(board: Switchboard, request: Request, message: bytes) -> None:
        decode_audio(message, request.own_session.hello.format)

    rig = Rig()
    rig.open(block_size=N, audio_format=audio_format, sample_rate=RATE)
    rig.board._addresses = ADDRESSES | {AUDIO_IN: replace(ADDRESSES[AUDIO_IN], handle=decode)}
    return rig.board


def cost(audio_format: str) -> tuple[float, float, float]:
    """Of a block: in, as the server receives it; of that the decoding; out."""
    samples: Block = noise(N)
    datagram = encode_audio(AUDIO_IN, 7, samples, audio_format)
    receive = board(audio_format).receive
    return (
        micros(lambda: receive(datagram, HERE)),
        micros(lambda: decode_audio(datagram, audio_format)),
        micros(lambda: encode_audio(AUDIO_OUT, 7, samples, audio_format)),
    )


def cost_of_python_osc(audio_format: str) -> tuple[float, float]:
    """Of the same block: parsed and built by python-osc, blobs with numpy at both ends."""
    samples = noise(N)
    dtype, scale = (">i2", 32767) if audio_format == "s16" else (">f4", 1)

    def build() -> bytes:
        if audio_format == "f":
            return built(AUDIO_OUT, ("i", 7), *(("f", x) for x in samples.tolist()))
        return built(AUDIO_OUT, ("i", 7), ("b", (samples * scale).astype(dtype).tobytes()))

    datagram = build()

    def parse() -> Block:
        _, *payload = OscMessage(datagram).params
        data = payload if audio_format == "f" else np.frombuffer(payload[0], dtype)
        return np.asarray(data, np.float32) / np.float32(scale)

    return micros(parse, 20, 10), micros(build, 20, 10)


def main() -> None:
    """The command."""
    print(f"microseconds for a block of {N} samples; {GOAL_US:g} for in and out are the goal")
    heads = f"{'format':<8}{'in':>8}{'decoding':>10}{'out':>8}{'both':>8}"
    print(f"{heads}{'python-osc in':>16}{'out':>8}{'ratio':>8}")
    for audio_format in FORMATS:
        receive, decode, send = cost(audio_format)
        parse, build = cost_of_python_osc(audio_format)
        ratio = (parse + build) / (receive + send)
        row = f"{audio_format:<8}{receive:8.1f}{decode:10.1f}{send:8.1f}{receive + send:8.1f}"
        print(f"{row}{parse:16.1f}{build:8.1f}{ratio:8.1f}")


if __name__ == "__main__":
    main()
