"""Refusals: short, rare, never more than was sent, and nothing hostile gets through."""

from __future__ import annotations

import logging
import math
import random
import struct

import numpy as np
import pytest
from rig import DURATION, HERE, THERE, N, Rig, assert_echo, hello

from bassnet_osc import audio_wire, wire
from bassnet_osc.wire import Message


def test_audio_from_a_stranger_gets_one_short_error_a_second() -> None:
    rig = Rig()
    for k in range(300):
        rig.block(k)
        rig.block(k, source=THERE)
        rig.loop.advance(0.01)
    errors = rig.messages()
    assert len(errors) == 3 and {e.args for e in errors} == {("no_session", "say /bassnet/hello first")}
    assert len(rig.messages(THERE)) == 3
    assert rig.board.refusals.n_refused == 600


def test_an_error_that_does_not_fit_does_not_silence_the_next() -> None:
    rig = Rig()
    rig.say("/bassnet/ping", 1)
    assert rig.sent == []
    rig.block(0)
    assert [m.args[0] for m in rig.messages()] == ["no_session"]


def test_a_refusal_is_never_longer_than_the_request() -> None:
    rig = Rig()
    strangers = iter(range(10_000, 20_000))
    requests = [hello(n_bytes=n, sample_rate=1) for n in range(0, 260, 4)]
    requests += [
        audio_wire.encode_audio("/bassnet/audio/in", 0, np.zeros(n, np.float32), "b") for n in (1, 5, 64)
    ]
    requests += [wire.encode(a) for a in ("/bassnet/bye", "/bassnet/ping", "/x")] + [b"", b"/", bytes(9300)]
    for request in requests:
        source = ("127.0.0.1", next(strangers))
        rig.board.receive(request, source)
        assert sum(len(data) for data, _ in rig.sent) <= len(request)
        rig.sent.clear()
        rig.loop.advance(1.0)


PING = b"/bassnet/ping\0\0\0"


@pytest.mark.parametrize(
    "request_bytes",
    [
        PING + b",T\0\0",
        PING + b",f\0\0" + struct.pack(">f", 1e15),
        wire.encode("/bassnet/ping", 1),
        wire.encode("/bassnet/subscribe", "stats", 1),
        audio_wire.encode_audio("/bassnet/audio/in", 0, np.zeros(N, np.float32), "f"),
        b"/bassnet/audio/in\0\0\0," + (b"i" + b"F" * N).ljust(259, b"\0") + bytes(4),
        hello(reply_port=7000),
        hello(reply_port=7000, sample_rate=1, n_bytes=0),
        b"x" * 37,
    ],
)
@pytest.mark.parametrize("reply_port", [0, 7000])
def test_an_unproven_path_gets_no_more_than_it_sent(request_bytes: bytes, reply_port: int) -> None:
    """In all: what a hello has left over may go out later. Not even audio proves that answers arrive."""
    rig = Rig()
    rig.hello(reply_port=reply_port)
    n_in = 256
    for k in range(100):
        rig.board.receive(request_bytes, HERE)
        n_in += len(request_bytes)
        assert not rig.board.sessions[HERE].is_proven
        assert sum(len(data) for data, _ in rig.sent) <= n_in, k
        rig.loop.advance(0.02)


def test_streams_are_for_proven_paths() -> None:
    rig = Rig()
    rig.hello()
    rig.sent.clear()
    rig.say("/bassnet/subscribe", "frames", 1)
    [error] = rig.messages()
    assert error.args[0] == "subscribe"  # with as much of the reason as fits
    assert not rig.board.sessions[HERE].wants


def test_audio_is_answered_before_the_path_is_proven() -> None:
    """An answer is as long as its block."""
    for audio_format in ("f", "b", "s16"):
        rig = Rig()
        rig.hello(audio_format=audio_format)
        rig.sent.clear()
        for seq in range(50):
            rig.block(seq, audio_format=audio_format)
        assert [seq for seq, _ in rig.answers(audio_format=audio_format)] == list(range(50))


def test_another_reply_port_has_to_be_proven_anew() -> None:
    rig = Rig()
    rig.open()
    rig.hello(reply_port=7000)
    session = rig.board.sessions[HERE]
    assert not session.is_proven
    rig.say("/bassnet/ping", session.token)
    assert session.is_proven
    assert rig.messages(("127.0.0.1", 7000))[-1] == Message("/bassnet/pong", (session.token,))


def test_a_refusal_to_an_unproven_reply_port_is_no_longer_than_the_hello() -> None:
    rig = Rig()
    rig.open()
    request = hello(reply_port=7000, sample_rate=1, n_bytes=0)
    rig.board.receive(request, HERE)
    [(data, to)] = rig.sent
    assert to == ("127.0.0.1", 7000) and len(data) <= len(request)


def test_a_session_hears_of_each_kind_of_error_once_a_second() -> None:
    rig = Rig()
    rig.open()
    for _ in range(50):
        rig.say("/bassnet/nothing")
        rig.say("/bassnet/z", math.nan, 0.0)
        rig.loop.advance(0.01)
    assert sorted(m.args[0] for m in rig.messages()) == ["address", "z"]


def test_many_strangers_are_remembered_within_bounds() -> None:
    rig = Rig()
    for k in range(5000):
        rig.block(0, source=(f"10.0.{k // 250}.{k % 250}", 1))
    assert len(rig.sent) == 1024
    rig.loop.advance(2.0)
    rig.block(0)
    assert len(rig.messages()) == 1


def test_refusals_are_logged_once_a_second_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    with caplog.at_level(logging.WARNING, "bassnet_osc"):
        for k in range(400):
            rig.board.receive(b"/bassnet/\n\xff" + bytes(1) + b"," + bytes(3), ("127.0.0.1", k))
            rig.loop.advance(0.01)
    assert 3 <= len(caplog.messages) <= 4
    assert all("\n" not in message for message in caplog.messages)
    assert [message.split()[0] for message in caplog.messages[:3]] == ["101", "201", "301"]


def test_nothing_hostile_raises_or_disturbs_a_stream() -> None:
    """Random and mutated datagrams, from strangers and from the playing client itself."""
    rng = random.Random(0)
    rig = Rig()
    rig.open()
    seeds = [hello(), audio_wire.encode_audio("/bassnet/audio/in", 3, np.zeros(N, np.float32), "f")]
    seeds += [wire.encode("/bassnet/z", 0.1, 0.2), wire.encode("/bassnet/ping", 1)]
    answers = []
    for seq in range(200):
        for _ in range(10):
            junk = rng.randbytes(rng.randrange(80))
            datagram = bytearray(rng.choice(seeds) if rng.random() < 0.7 else junk)
            for _ in range(rng.randrange(1, 5)):
                if datagram:
                    datagram[rng.randrange(len(datagram))] = rng.randrange(256)
            if rng.random() < 0.2:
                del datagram[rng.randrange(len(datagram) + 1) :]
            rig.board.receive(bytes(datagram), (f"10.9.8.{rng.randrange(9)}", rng.randrange(1, 9)))
        rig.block(seq)
        answers += rig.answers()
        rig.loop.advance(DURATION)
    assert_echo(answers)
    assert len(rig.board.sessions) <= 64
