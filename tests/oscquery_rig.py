"""What the tests of OSCQuery share: made nodes, a server in a thread, and who asks and listens.

Flow: test_oscquery, test_oscquery_{listening,guard,hostile} -> serving -> get, ask, listening.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from websockets.sync.client import ClientConnection, connect

from bassnet_osc import wire
from bassnet_osc.oscquery import QueryServer, serve_query
from bassnet_osc.oscquery_namespace import Node

Nodes = dict[str, Node]
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: " + b"A" * 22 + b"==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
BOTH = ({"MIN": -3.0, "MAX": 3.0}, {"MIN": -3.0, "MAX": 3.0})


def example() -> Nodes:
    """A leaf that holds others, numbers, names, one that only takes and one without arguments."""
    axis = Node("f", "along one axis", 2, None, BOTH[:1])
    return {
        "/bassnet/z": Node("ff", "where in the plane", 3, (0.5, -1), BOTH),
        "/bassnet/z/x": axis,
        "/bassnet/param/octave": Node("i", "octaves up", 3, (1,), ({"MIN": -4, "MAX": 4},)),
        "/bassnet/param/timbre": Node("s", "the sound", 3, ("pick",), ({"VALS": ["finger", "pick"]},)),
        "/bassnet/reset": Node("", "starts anew", 2, None, ()),
        "/bassnet/stats/load": Node("f", "", 1, (float("nan"),), ({},)),
        "/bassnet/to/max one/z": Node("ff", "one client's", 3, (0.0, 0.0), BOTH),
    }


@contextlib.contextmanager
def serving(nodes: Nodes | Callable[[], Nodes], **options: Any) -> Iterator[QueryServer]:
    """A server with a loop and a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    try:
        settings = {"host": "127.0.0.1", "port": 0, "osc_port": 7770, "name": "BassNet", **options}
        server = wait(serve_query(nodes if callable(nodes) else lambda: nodes, **settings))
        try:
            yield server
        finally:
            wait(server.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def get(server: QueryServer, target: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    """The status of an answer, and its JSON where it has one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    with contextlib.closing(connection):
        connection.request(method, target, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None


def listening(server: QueryServer, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}/", proxy=None, **options)


def say(listener: ClientConnection, command: str, path: Any) -> None:
    listener.send(json.dumps({"COMMAND": command, "DATA": path}))


def heard(listener: ClientConnection, timeout: float = 2.0) -> wire.Message:
    frame = listener.recv(timeout)
    assert isinstance(frame, bytes)
    return wire.decode(frame)[0]


def is_silent(listener: ClientConnection, seconds: float = 0.2) -> bool:
    try:
        listener.recv(seconds)
    except TimeoutError:
        return True
    return False


def until(is_so: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    return is_so()


def ask(server: QueryServer, line: str, headers: dict[str, str]) -> int:
    """The status of the answer to a request as it stands."""
    text = "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items()), "", ""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        raw.sendall(text.encode("latin-1"))
        return int(raw.recv(64).split()[1])
