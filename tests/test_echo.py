"""What UDP does here: measured by datagrams, and told apart by who answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from test_server import serving

from bassnet_osc import __version__, echo, wire
from bassnet_osc.audio_wire import FORMATS, encode_audio
from bassnet_osc.spec import HOST


@contextmanager
def answering(reply: bytes | None) -> Iterator[int]:
    """A port that answers one datagram with `reply`, or with itself where that is None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind((HOST, 0))
        held.settimeout(5.0)

        def answer() -> None:
            data, source = held.recvfrom(wire.MAX_DATAGRAM)
            held.sendto(data if reply is None else reply, source)

        thread = threading.Thread(target=answer)
        thread.start()
        yield held.getsockname()[1]
        thread.join()


def test_a_server_says_its_model_and_version() -> None:
    with serving() as running:
        assert echo.who_answers(HOST, running.port) == f"echo {__version__}"
        assert echo.who_answers("0.0.0.0", running.port) == f"echo {__version__}"


@pytest.mark.parametrize(
    ("reply", "who"),
    [
        (wire.encode("/bassnet/status", "loading", "the model warms up"), "loading the model warms up"),
        (wire.encode("/bassnet/error", "/bassnet/hello", "64 sessions"), "/bassnet/hello 64 sessions"),
        (wire.encode("/ping"), None),
        (b"not OSC", None),
        (None, None),  # our own hello is no answer
    ],
)
def test_only_words_of_a_server_are_one(reply: bytes | None, who: str | None) -> None:
    with answering(reply) as port:
        assert echo.who_answers(HOST, port) == who


def test_silence_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "ANSWER_S", 0.02)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind((HOST, 0))
        assert echo.who_answers(HOST, held.getsockname()[1]) is None


@pytest.mark.parametrize("limit", [0, 1, 1472, 8191, 9215, 9216])
def test_the_largest_datagram_is_found_to_the_byte(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echo, "_echoes", lambda host, n_bytes: n_bytes <= limit)
    assert echo.largest_datagram(HOST) == limit


def test_one_lost_echo_shortens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([False])
    monkeypatch.setattr(echo, "_echoes", lambda host, n_bytes: next(losses, True))
    assert echo.largest_datagram(HOST) == wire.MAX_DATAGRAM


def test_echoes_are_real() -> None:
    assert echo._echoes(HOST, 1) and echo._echoes("0.0.0.0", 5154)
    assert not echo._echoes(HOST, 66_000)  # UDP carries 65 507


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("n_bytes", [600, 1472, 4096])
def test_the_largest_block_fits_and_the_next_does_not(format: str, n_bytes: int) -> None:
    n = echo.largest_block(format, n_bytes)
    sizes = [len(encode_audio("/bassnet/audio/out", 0, np.zeros(k, np.float32), format)) for k in (n, n + 1)]
    assert n == 1024 or sizes[0] <= n_bytes < sizes[1]
    assert echo.largest_block(format, 50) == 0
    assert echo.largest_block(format, wire.MAX_DATAGRAM) == 1024


def test_the_buffer_that_is_granted_really_holds_it() -> None:
    granted = echo.granted_buffer()
    with echo.bind(HOST, 0) as bound, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        datagram = bytes(8192)
        for _ in range(granted // 2 // len(datagram)):  # half: each is stored with a head of the system's
            sender.sendto(datagram, bound.getsockname())
        n_held = 0
        while True:
            try:
                n_held += len(bound.recv(8192)) == 8192
            except BlockingIOError:
                break
    assert n_held == granted // 2 // len(datagram)
