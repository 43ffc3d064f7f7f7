"""A whole switchboard between fakes, for the tests of what it does with bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from fakes import EchoVoice, FakeEngine, FakeLoop, FakeShelf

from bassnet_osc import audio_wire, wire
from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.session import Source
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import Switchboard
from bassnet_osc.watch import Watch
from bassnet_osc.wire import Message

HERE: Source = ("127.0.0.1", 5000)
THERE: Source = ("127.0.0.1", 5001)
RATE, N, LATENCY = 48_000, 256, 100
DURATION = N / RATE
AUDIO_OUT = b"/bassnet/audio/out"


def make_voice(session: Any) -> EchoVoice:
    if session.hello.taper == 3:
        raise BassNetError("taper must be even; got 3: choose 4")
    return EchoVoice(session.hello.sample_rate, session.z, session.hello.taper, LATENCY)


class Rig:
    """A switchboard between fakes, and all that it sent."""

    def __init__(self, is_ready: bool = True, **options: Any) -> None:
        self.loop, self.engine, self.shelf = FakeLoop(), FakeEngine(), FakeShelf()
        self.sent: list[tuple[bytes, Source]] = []
        self.board = Switchboard(
            ADDRESSES,
            self.shelf,
            self.make_voice,
            self.engine,
            lambda data, to: self.sent.append((data, to)),
            self.loop,
            **options,
        )
        Watch(self.board, self.loop)
        self.n_voices = 0
        if is_ready:
            self.board.become("ready")

    def make_voice(self, session: Any) -> EchoVoice:
        self.n_voices += 1
        return make_voice(session)

    def say(self, address: str, *args: Any, source: Source = HERE) -> None:
        self.board.receive(wire.encode(address, *args), source)

    def hello(self, *pairs: Any, source: Source = HERE, **changed: Any) -> None:
        self.board.receive(hello(*pairs, **changed), source)

    def open(self, *pairs: Any, source: Source = HERE, **changed: Any) -> None:
        """Says hello, proves the path, forgets what was sent for that."""
        self.hello(*pairs, source=source, **changed)
        self.say("/bassnet/ping", self.board.sessions[source].token, source=source)
        self.sent.clear()

    def block(self, seq: int, samples: Any = None, source: Source = HERE, audio_format: str = "f") -> None:
        samples = np.full(N, seq, np.float32) if samples is None else samples
        self.board.receive(audio_wire.encode_audio("/bassnet/audio/in", seq, samples, audio_format), source)

    def messages(self, to: Source = HERE) -> list[Message]:
        """What was sent there but audio, which is forgotten with it."""
        datagrams = [data for data, target in self.sent if target == to]
        self.sent = [sent for sent in self.sent if sent[1] != to]
        return [m for data in datagrams if not data.startswith(AUDIO_OUT) for m in wire.decode(data)]

    def answers(self, to: Source = HERE, audio_format: str = "f") -> list[tuple[int, np.ndarray]]:
        datagrams = [
            data for data, target in self.sent if target == to and data.startswith(b"/bassnet/audio/out")
        ]
        self.sent = [sent for sent in self.sent if sent[1] != to]
        return [audio_wire.decode_audio(data, audio_format) for data in datagrams]


def hello(
    *pairs: Any,
    client: str = "max",
    reply_port: int = 0,
    sample_rate: int = RATE,
    block_size: int = N,
    audio_format: str = "f",
    n_bytes: int = 256,
) -> bytes:
    args = [client, reply_port, sample_rate, block_size, audio_format, *pairs, "pad"]
    missing = n_bytes - len(wire.encode("/bassnet/hello", *args, ""))
    if missing < 0:
        return wire.encode("/bassnet/hello", *args[:-1])
    return wire.encode("/bassnet/hello", *args, "." * missing)


def assert_echo(answers: list[tuple[int, np.ndarray]], first: int = 0, latency: int = LATENCY) -> None:
    """The answers are the blocks full of their seq, `latency` later."""
    n = len(answers[0][1])
    played = np.concatenate([samples for _, samples in answers])
    sent = np.repeat([float(seq) for seq, _ in answers], n)
    np.testing.assert_array_equal(played[latency:], sent[: len(sent) - latency])
    assert (played[:latency] == 0).all() or first


def packed(*messages: bytes) -> bytes:
    """One bundle of them, with a time tag from the future."""
    return b"#bundle\0" + b"\xff" * 8 + b"".join(len(m).to_bytes(4, "big") + m for m in messages)
