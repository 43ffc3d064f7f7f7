"""On Windows a client that is gone must not deafen the server: UDP receives without connection resets.

An answer to a port that was closed comes back as ICMP "port unreachable", and Windows fails the next receive
with it (WSAECONNRESET 10054, or 1234 from an overlapped one). asyncio's Proactor loop, the default there,
calls `error_received` and then, in most releases of Python 3.10 to 3.13, never reads again: one client goes,
and no other is heard any more. The Selector loop reads on. Winsock can be told not to report it at all.

Flow: server.bind -> ignore_resets. Does nothing but on Windows.
"""

from __future__ import annotations

import ctypes
import logging
import socket
import sys
from typing import Any

# _WSAIOW(IOC_VENDOR, 12) and (IOC_VENDOR, 15) of mstcpip.h: port unreachable, and lifetime ended on the way.
# `socket.ioctl` refuses all codes but three of its own, hence ctypes.
SIO_UDP_CONNRESET, SIO_UDP_NETRESET = 0x9800000C, 0x9800000F

log = logging.getLogger("bassnet_osc")


def ignore_resets(bound: socket.socket) -> None:
    """Keeps answers that found no port from failing this UDP socket's receives; logs a refusal."""
    if sys.platform != "win32":
        return
    for code in (SIO_UDP_CONNRESET, SIO_UDP_NETRESET):
        if error := switch_off(winsock(), bound.fileno(), code):
            log.warning("clients that vanish may stop the server: WSAIoctl %#x failed with %d", code, error)


def winsock() -> Any:
    """The Winsock library with the types of the two functions; a handle is wider than ctypes' default int."""
    library = ctypes.WinDLL("ws2_32")  # type: ignore[attr-defined,unused-ignore]
    dword, pointer = ctypes.c_uint32, ctypes.c_void_p
    library.WSAIoctl.argtypes = [
        ctypes.c_size_t,  # SOCKET
        dword,
        *(pointer, dword),  # what goes in
        *(pointer, dword),  # what comes out
        ctypes.POINTER(dword),  # how many bytes came out: required, though none do
        *(pointer, pointer),  # neither overlapped nor with a callback
    ]
    library.WSAIoctl.restype = ctypes.c_int
    library.WSAGetLastError.restype = ctypes.c_int
    return library


def switch_off(library: Any, handle: int, code: int) -> int:
    """Sets the BOOL of that control code to false; returns 0, or Winsock's error."""
    false, n_bytes = ctypes.c_uint32(0), ctypes.c_uint32(0)
    n_in = ctypes.sizeof(false)
    failed = library.WSAIoctl(
        handle, code, ctypes.byref(false), n_in, None, 0, ctypes.byref(n_bytes), None, None
    )
    return int(library.WSAGetLastError()) if failed else 0
