"""What a hostile neighbour of OSCQuery can do: floods, noise, silence, and what it leaves in the log."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from oscquery_rig import UPGRADE, Nodes, ask, example, get, heard, listening, say, serving, until
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from bassnet_osc import oscquery, oscquery_listeners, wire
from bassnet_osc.oscquery import QueryServer
from bassnet_osc.oscquery_guard import Limited
from bassnet_osc.oscquery_namespace import Node


@pytest.fixture
def nodes() -> Nodes:
    """A copy of a test's own, which may change while it is served."""
    return example()


@pytest.fixture(autouse=True)
def fresh_log() -> None:
    """The limit of lines in the log counts anew."""
    oscquery.log.filters[:] = [Limited()]


@pytest.fixture
def server(nodes: Nodes) -> Iterator[QueryServer]:
    with serving(nodes) as running:
        yield running


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "3", '{"COMMAND": "LISTEN"}', '{"DATA": "/"}', "[" * 1000, '{"a":' * 150, '"' * 3],
)
def test_what_is_no_command_is_counted_and_ends_politely(server: QueryServer, text: str) -> None:
    with listening(server) as listener:
        listener.send(text)
        with pytest.raises(ConnectionClosedError) as ended:
            listener.recv(2)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1007
        assert "COMMAND" in ended.value.rcvd.reason
    assert server.n_refused == 1


def test_unknown_commands_and_binary_frames_change_nothing(server: QueryServer, nodes: Nodes) -> None:
    before = dict(nodes)
    with listening(server) as listener:
        say(listener, "START_OSC_STREAMING", {"LOCAL_SERVER_PORT": 1})  # what ossia may send
        for path in (3, None, ["/bassnet/z"], {}):
            say(listener, "LISTEN", path)
            say(listener, "IGNORE", path)
        listener.send(wire.encode("/bassnet/z", 1.0, 1.0))
        listener.send(bytes(range(256)))
        say(listener, "IGNORE", "/never/listened")
        say(listener, "LISTEN", "/bassnet/z")
        assert heard(listener).args == (0.5, -1.0)
    assert server.n_refused == 11
    assert nodes == before


def test_a_flood_of_frames_is_ended_and_keeps_nobody_waiting(server: QueryServer) -> None:
    empty = bytes([0x82, 0x80, 0, 0, 0, 0])
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as flood:
        flood.sendall(UPGRADE)
        with contextlib.suppress(OSError):
            flood.sendall(empty * 200_000)
        begun = time.monotonic()
        assert get(server, "/bassnet/z?VALUE")[0] == 200
        assert time.monotonic() - begun < 0.5  # measured 0.01
        assert until(lambda: not server._connections)
    assert server.n_refused == oscquery_listeners.MAX_REFUSED + 1


def test_a_message_above_the_limit_ends_the_connection(server: QueryServer) -> None:
    with listening(server) as listener:
        say(listener, "LISTEN", "/" + "x" * oscquery.MAX_MESSAGE)
        with pytest.raises(ConnectionClosedError) as ended:
            listener.recv(2)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


def test_one_listener_has_a_limited_number_of_paths(server: QueryServer) -> None:
    with listening(server) as listener:
        for n in range(oscquery_listeners.MAX_PATHS + 10):
            say(listener, "LISTEN", f"/none/{n}")
        assert until(lambda: server.n_refused == 10)
        assert [len(paths) for paths in server._listeners._heard.values()] == [oscquery_listeners.MAX_PATHS]
        say(listener, "IGNORE", "/none/0")
        say(listener, "LISTEN", "/bassnet/z")
        assert heard(listener).args == (0.5, -1.0)


def test_listeners_are_limited_and_make_room(server: QueryServer) -> None:
    with contextlib.ExitStack() as listeners:
        for _ in range(oscquery.MAX_LISTENERS):
            last = listeners.enter_context(listening(server))
        with pytest.raises(InvalidStatus) as refused:
            listening(server)
        assert refused.value.response.status_code == 503
        assert get(server, "/bassnet/z?VALUE")[0] == 200  # who asks and goes is no listener
        last.close()
        with listening(server) as next_one:
            say(next_one, "LISTEN", "/bassnet/z")
            assert heard(next_one).args == (0.5, -1.0)


def test_sockets_are_limited_and_silent_ones_do_not_last(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oscquery, "OPEN_TIMEOUT", 0.5)
    monkeypatch.setattr(oscquery, "MAX_SOCKETS", 8)
    with serving(nodes) as server, contextlib.ExitStack() as silent:
        sockets = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        for one in sockets:
            silent.enter_context(one)
        assert until(lambda: 0 < len(server._connections) <= 8)
        assert until(lambda: not server._connections, 3.0)
        assert get(server, "/bassnet/z?VALUE")[0] == 200


def test_a_listener_that_answers_no_ping_is_dropped(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oscquery, "PING", 0.2)
    monkeypatch.setattr(oscquery, "CLOSE_TIMEOUT", 0.2)
    with serving(nodes) as server, listening(server) as alive:
        with socket.create_connection(("127.0.0.1", server.port)) as deaf:
            deaf.sendall(UPGRADE)
            assert until(lambda: len(server._listeners._heard) == 2)
            assert until(lambda: len(server._listeners._heard) == 1, 3.0)
        say(alive, "LISTEN", "/bassnet/z")
        assert heard(alive).args == (0.5, -1.0)


def test_closing_does_not_wait_for_the_silent(nodes: Nodes) -> None:
    with contextlib.ExitStack() as ends:
        with serving(nodes) as server:
            ends.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            listener = ends.enter_context(listening(server))
            say(listener, "LISTEN", "/bassnet/z")
            heard(listener)
            assert until(lambda: len(server._connections) == 2)
            begun = time.monotonic()
        assert time.monotonic() - begun < 1.0  # measured 0.01; a request may take 3 s
        with serving(nodes, port=server.port) as again:  # and the port is free
            assert again.port == server.port


def hostile(rng: random.Random) -> bytes:
    """Noise, a damaged request, or a WebSocket with noise for frames."""
    noise = rng.randbytes(rng.randrange(1, 300))
    lines = [b"GET / HTTP/1.1", b"GET /?HOST_INFO HTTP/1.0", b"POST /x HTTP/1.1", b"GET /%ff%00?\xff x"]
    heads = [
        b"Host: localhost",
        b"Host: " + noise[:20].replace(b"\n", b""),
        b"Origin: " + rng.choice([b"null", b"http://[", b"http://localhost:99999999"]),
        b"Content-Length: " + rng.choice([b"-1", b"99999999999", b"x"]),
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        + rng.choice([b"A" * 22 + b"==", b"?", noise[:8].hex().encode()]),
    ]
    request = b"\r\n".join([rng.choice(lines), *rng.sample(heads, rng.randrange(len(heads))), b"", b""])
    cut = request[: rng.randrange(len(request))]
    framed = UPGRADE + bytes([rng.randrange(256), 0x80 | rng.randrange(128)]) + noise
    return rng.choice([noise, request, request + noise, cut, framed, b"\r\n" * 50])


def answered(server: QueryServer, sent: bytes) -> bytes:
    """All that comes back until the line is closed."""
    found = b""
    with (
        contextlib.suppress(OSError),  # the server may have ended the line before all was sent
        socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw,
    ):
        if sent.startswith(UPGRADE):
            raw.sendall(UPGRADE)
            found = raw.recv(4096)
        raw.sendall(sent.removeprefix(UPGRADE))
        raw.shutdown(socket.SHUT_WR)
        while part := raw.recv(4096):
            found += part
    return found


def test_random_bytes_and_requests_leave_the_server_alive_and_the_log_short(
    server: QueryServer, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(0)
    begun = time.monotonic()
    opened = 0
    for _ in range(600):
        opened += answered(server, hostile(rng)).startswith(b"HTTP/1.1 101")
    assert opened > 20  # noise went in as frames too
    with listening(server) as listener:  # frames that a true client sends
        for _ in range(50):
            listener.send(json.dumps({"COMMAND": "LISTEN", "DATA": chr(rng.randrange(0xD7FF)) * 20}))
        say(listener, "LISTEN", "/bassnet/z")
        assert heard(listener).args == (0.5, -1.0)
    assert get(server, "/bassnet/z?VALUE") == (200, {"VALUE": [0.5, -1.0]})
    assert until(lambda: not server._connections)
    assert len(caplog.records) <= time.monotonic() - begun + 2  # one line a second
    assert not any(record.exc_info or "\n" in record.getMessage() for record in caplog.records)


def test_a_fault_of_ours_is_one_line_in_the_log(nodes: Nodes, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(dict[str, Node]):
        def items(self) -> Any:
            raise RuntimeError("the table is broken")

    caplog.set_level(logging.DEBUG)
    with serving(Broken(nodes)) as server:
        assert get_status(server, "/") == 500
        assert get_status(server, "/?HOST_INFO") == 200
    ours = [record for record in caplog.records if record.name == "bassnet_osc.oscquery"]
    assert len(ours) == 1
    assert "the table is broken" in ours[0].getMessage()
    assert ours[0].exc_info is None


def get_status(server: QueryServer, target: str) -> int:
    return ask(server, f"GET {target} HTTP/1.1", {"Host": "localhost"})


def test_a_name_that_osc_cannot_write_silences_no_other(server: QueryServer, nodes: Nodes) -> None:
    bad = "/bassnet/to/\ud800/z"
    nodes[bad] = nodes["/bassnet/z"]
    with listening(server) as listener:
        say(listener, "LISTEN", bad)
        say(listener, "LISTEN", "/bassnet/z")
        assert heard(listener).address == "/bassnet/z"
    assert get(server, "/")[0] == 200
