"""A client that is gone deafens nobody: what Winsock is told, and what the loop does with a reset."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bassnet_osc import datagrams_windows
from bassnet_osc.server import Door
from bassnet_osc.spec import HOST

WSAECONNRESET, WSAEOPNOTSUPP = 10054, 10045
PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_size_t,
    ctypes.c_uint32,
    *(ctypes.c_void_p, ctypes.c_uint32) * 2,
    *(ctypes.c_void_p,) * 3,
)


class FakeWinsock:
    """A ws2_32 whose WSAIoctl is called through C, as the real one: what it was told, or its error."""

    def __init__(self, error: int = 0) -> None:
        self.told: list[tuple[int, int, int]] = []  # handle, code, the BOOL that went in

        def ioctl(handle: int, code: int, into: int, n_in: int, out: Any, n_out: int, *rest: Any) -> int:
            n_bytes, overlapped, callback = rest
            assert n_in == 4 and out is None and n_out == 0
            assert n_bytes and overlapped is None and callback is None  # without n_bytes it is WSAEFAULT
            self.told.append((handle, code, ctypes.c_uint32.from_address(into).value))
            return -1 if error else 0

        self.WSAIoctl = PROTOTYPE(ioctl)
        self.WSAGetLastError = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: error)


def on_windows(monkeypatch: pytest.MonkeyPatch, library: FakeWinsock) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", {"ws2_32": library}.__getitem__, raising=False)


@pytest.mark.parametrize("handle", [7, 2**32 + 5])  # a SOCKET has the width of a pointer
def test_winsock_is_told_to_keep_both_errors(handle: int, monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeWinsock()
    on_windows(monkeypatch, library)
    datagrams_windows.ignore_resets(SimpleNamespace(fileno=lambda: handle))  # type: ignore[arg-type]
    assert library.told == [(handle, 0x9800000C, 0), (handle, 0x9800000F, 0)]


def test_a_refusal_is_logged_and_the_server_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    on_windows(monkeypatch, FakeWinsock(WSAEOPNOTSUPP))
    with caplog.at_level(logging.WARNING):
        datagrams_windows.ignore_resets(SimpleNamespace(fileno=lambda: 7))  # type: ignore[arg-type]
    assert [f"failed with {WSAEOPNOTSUPP}" in line for line in caplog.messages] == [True, True]


@pytest.mark.skipif(sys.platform == "win32", reason="elsewhere it does nothing")
def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(datagrams_windows, "winsock", lambda: asked.append("winsock"))
    bound = SimpleNamespace(fileno=lambda: asked.append("fileno"))
    datagrams_windows.ignore_resets(bound)  # type: ignore[arg-type]
    assert asked == []


class ResetOnce(socket.socket):
    """A UDP socket whose receive fails once, as that of Windows does after a client's port was closed."""

    n_resets = 0

    def recvfrom(self, *args: Any) -> Any:
        if not self.n_resets:
            self.n_resets = 1
            raise ConnectionResetError(errno.ECONNRESET, f"[WinError {WSAECONNRESET}]")
        return super().recvfrom(*args)


def test_the_door_hears_on_after_a_reset_in_the_selector_loop() -> None:
    async def run() -> list[bytes]:
        heard: list[bytes] = []
        loop, all_heard = asyncio.get_running_loop(), asyncio.Event()

        def receive(data: bytes, source: Any) -> None:
            heard.append(data)
            if len(heard) == 3:
                all_heard.set()

        listening = ResetOnce(socket.AF_INET, socket.SOCK_DGRAM)
        listening.bind((HOST, 0))
        listening.setblocking(False)
        transport, door = await loop.create_datagram_endpoint(lambda: Door(frozenset()), sock=listening)
        door.board = SimpleNamespace(receive=receive)  # type: ignore[assignment]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for data in (b"a", b"b", b"c"):
                client.sendto(data, listening.getsockname())
            await asyncio.wait_for(all_heard.wait(), 5.0)
        assert listening.n_resets == 1 and not transport.is_closing()
        transport.close()
        return heard

    loop = asyncio.SelectorEventLoop()
    try:
        assert loop.run_until_complete(run()) == [b"a", b"b", b"c"]
    finally:
        loop.close()
