"""A session by hand: sockets that say and hear datagrams, without the client's help.

Flow: test_network_faults, test_deaths, test_strangers -> raw_socket -> ServerProcess.
"""

from __future__ import annotations

import os
import socket
import time

import numpy as np
from fault_rig import PATIENT_MS, RATE
from rig import hello
from server_process import ServerProcess

from bassnet_osc import wire
from bassnet_osc.audio_wire import decode_audio, encode_audio
from bassnet_osc.spec import HOST


def bound() -> socket.socket:
    """A source of its own."""
    source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    source.bind((HOST, 0))
    return source


def drained(source: socket.socket) -> int:
    """Bytes that have arrived."""
    source.setblocking(False)
    n_bytes = 0
    while True:
        try:
            n_bytes += len(source.recv(wire.MAX_DATAGRAM))
        except OSError:
            return n_bytes


def said(source: socket.socket, address: str, seconds: float = 5.0) -> tuple[object, ...]:
    """The arguments of the next such message."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        source.settimeout(left)
        datagram = source.recv(wire.MAX_DATAGRAM)
        if wire.address_of(datagram) == address:
            return wire.decode_message(datagram).args
    raise AssertionError(f"no {address} in {seconds} s")


def opened(
    source: socket.socket, server: ServerProcess, *pairs: object, block_size: int
) -> tuple[object, object]:
    """Says hello and proves the path; the session's number and token."""
    source.connect((HOST, server.port))
    source.send(hello("deadline_ms", PATIENT_MS, *pairs, client=f"raw{os.getpid()}", block_size=block_size))
    number, token = said(source, "/bassnet/welcome")[:2]
    source.send(wire.encode("/bassnet/ping", token))
    return number, token


def exchange(
    source: socket.socket, blocks: dict[int, np.ndarray], order: list[int] | range
) -> dict[int, np.ndarray]:
    """Sends the blocks in that order, in real time; the answers that came until half a second after."""
    answers: dict[int, np.ndarray] = {}
    started, duration = time.monotonic(), len(blocks[order[0]]) / RATE
    for n, seq in enumerate(order):
        source.send(encode_audio("/bassnet/audio/in", seq, blocks[seq], "f"))
        last = n + 1 == len(order)
        _collect(source, answers, started + (n + 1) * duration + 0.5 * last)
    return answers


def _collect(source: socket.socket, answers: dict[int, np.ndarray], until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        source.settimeout(left)
        try:
            datagram = source.recv(wire.MAX_DATAGRAM)
        except TimeoutError:
            return
        if wire.address_of(datagram) == "/bassnet/audio/out":
            seq, samples = decode_audio(datagram, "f")
            answers[seq] = samples
