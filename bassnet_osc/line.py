"""A client's way to a server: one UDP socket, from which all is sent and at which all arrives.

Flow: client -> line -> the network.
"""

from __future__ import annotations

import socket
import time

from bassnet_osc.spec import RECEIVE_BUFFER, BassNetError
from bassnet_osc.wire import MAX_DATAGRAM


class Line:
    """Datagrams to one server and back; those of others do not arrive."""

    def __init__(self, host: str, port: int) -> None:
        """Raises BassNetError where there is no way."""
        self._socket = opened(host, port)

    def send(self, datagram: bytes) -> None:
        """Sends it, whether or not a server is there."""
        try:
            self._socket.send(datagram)
        except ConnectionError:
            self._socket.send(datagram)  # that was the echo of an earlier one that found no server

    def receive(self, until: float) -> bytes | None:
        """What comes first until that time (time.monotonic), or None."""
        self._socket.settimeout(max(0.0, until - time.monotonic()))
        try:
            return self._socket.recv(MAX_DATAGRAM)
        except (TimeoutError, BlockingIOError, ConnectionError):
            return None

    def close(self) -> None:
        """Gives the port back."""
        self._socket.close()


def opened(host: str, port: int) -> socket.socket:
    """A socket that is connected with the server's."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    try:
        opened.connect((host, port))  # from here on only the server's datagrams arrive
    except (OSError, UnicodeError, OverflowError) as error:  # no host; no name of one; no port
        opened.close()
        raise BassNetError(f"no way to {host}:{port} ({error}): mend host and port") from None
    return opened
