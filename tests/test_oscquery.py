"""OSCQuery over real sockets: what is told, who is told, and what a hostile neighbour can do."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import random
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from bassnet_osc import oscquery, wire
from bassnet_osc.oscquery import QueryServer, serve_query
from bassnet_osc.oscquery_guard import Limited, is_welcome, own_names
from bassnet_osc.oscquery_namespace import EXTENSIONS, Node, namespace, reply
from bassnet_osc.spec import BassNetError

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


# What is told


def test_every_node_is_found_from_the_root(server: QueryServer, nodes: Nodes) -> None:
    url = f"http://localhost:{server.port}/"
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        root = json.load(answer)

    def walk(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield entry
        for name, below in entry.get("CONTENTS", {}).items():
            assert below["FULL_PATH"] == entry["FULL_PATH"].rstrip("/") + "/" + name
            yield from walk(below)

    entries = list(walk(root))
    leaves = {entry["FULL_PATH"]: entry for entry in entries if entry["FULL_PATH"] in nodes}
    assert leaves.keys() == nodes.keys()
    for entry in entries:
        assert entry["FULL_PATH"] in nodes or (entry["ACCESS"] == 0 and entry["CONTENTS"])
    assert all(entry["ACCESS"] == nodes[path].access for path, entry in leaves.items())


def test_a_leaf_says_all_that_the_proposal_asks_for(server: QueryServer) -> None:
    status, z = get(server, "/bassnet/z")
    assert status == 200
    assert z.pop("CONTENTS")["x"]["FULL_PATH"] == "/bassnet/z/x"
    assert z == {
        "FULL_PATH": "/bassnet/z",
        "TYPE": "ff",
        "ACCESS": 3,
        "RANGE": list(BOTH),
        "VALUE": [0.5, -1.0],
        "DESCRIPTION": "where in the plane",
    }
    assert get(server, "/bassnet/param/timbre?RANGE") == (200, {"RANGE": [{"VALS": ["finger", "pick"]}]})


@pytest.mark.parametrize(
    ("target", "status", "found"),
    [
        ("/bassnet/z?VALUE", 200, {"VALUE": [0.5, -1.0]}),
        ("/bassnet/z/?TYPE", 200, {"TYPE": "ff"}),
        ("/bassnet/z?ACCESS#here", 200, {"ACCESS": 3}),
        ("/bassnet/param/octave?RANGE", 200, {"RANGE": [{"MIN": -4, "MAX": 4}]}),
        ("/bassnet/param/octave?DESCRIPTION", 200, {"DESCRIPTION": "octaves up"}),
        ("/bassnet/param?FULL_PATH", 200, {"FULL_PATH": "/bassnet/param"}),
        ("/bassnet/to/max%20one/z?VALUE", 200, {"VALUE": [0.0, 0.0]}),
        ("/bassnet/stats/load?VALUE", 200, {"VALUE": [None]}),  # JSON has no NaN
        ("/bassnet/z/x?VALUE", 204, None),
        ("/bassnet/param?TYPE", 204, None),
        ("/bassnet/reset?TYPE", 204, None),
        ("/bassnet/reset?RANGE", 204, None),
        ("/bassnet/stats/load?RANGE", 204, None),
        ("/bassnet/stats/load?DESCRIPTION", 204, None),
        ("/bassnet/param/octave?CONTENTS", 204, None),
        ("/bassnet/z?UNIT", 400, None),
        ("/bassnet/z?VALUE&TYPE", 400, None),
        ("/bassnet/none", 404, None),
        ("/bassnet/none?VALUE", 404, None),
        ("/../../etc/passwd", 404, None),
        ("/%2e%2e/%2e%2e/etc/passwd", 404, None),
        ("http://localhost/bassnet/z", 400, None),
    ],
)
def test_an_attribute_is_asked_for_alone(server: QueryServer, target: str, status: int, found: Any) -> None:
    assert get(server, target) == (status, found)


def test_values_are_those_of_the_moment(server: QueryServer, nodes: Nodes) -> None:
    nodes["/bassnet/param/octave"] = Node("i", "", 3, (-2,), ())
    assert get(server, "/bassnet/param/octave?VALUE") == (200, {"VALUE": [-2]})
    del nodes["/bassnet/param/octave"]
    assert get(server, "/bassnet/param/octave?VALUE") == (404, None)


def test_what_may_not_be_read_has_no_value(nodes: Nodes) -> None:
    nodes["/secret"] = Node("f", "", 2, (1.0,), ())
    assert "VALUE" not in namespace(nodes)["/secret"]
    assert reply(nodes, "/secret?VALUE")[0] == 204
    assert namespace({}) == {"/": {"FULL_PATH": "/", "ACCESS": 0, "CONTENTS": {}}}


def test_host_info_names_both_ports_and_what_is_supported(server: QueryServer) -> None:
    status, info = get(server, "/whatever/path?HOST_INFO")
    assert status == 200
    assert info.pop("EXTENSIONS") == {name: True for name in EXTENSIONS}
    assert info == {
        "NAME": "BassNet",
        "OSC_IP": "127.0.0.1",
        "OSC_PORT": 7770,
        "OSC_TRANSPORT": "UDP",
        "WS_IP": "127.0.0.1",
        "WS_PORT": server.port,
    }
    asked = {name: get(server, f"/bassnet/z?{name}")[0] for name in EXTENSIONS if name != "LISTEN"}
    assert set(asked.values()) == {200}  # LISTEN has tests of its own


def test_a_server_everywhere_gives_the_address_by_which_it_was_reached(nodes: Nodes) -> None:
    with serving(nodes, host="0.0.0.0") as server:
        assert get(server, "/?HOST_INFO")[1]["OSC_IP"] == "127.0.0.1"
        assert get(server, "/", Host="0.0.0.0")[0] == 403


# Listening


def test_a_listener_gets_the_value_at_once_and_then_each_change(server: QueryServer, nodes: Nodes) -> None:
    with listening(server) as listener:
        say(listener, "LISTEN", "/bassnet/z")
        assert heard(listener) == wire.Message("/bassnet/z", (0.5, -1.0))
        assert is_silent(listener)  # nothing has changed
        nodes["/bassnet/z"] = Node("ff", "", 3, (0.25, 2), BOTH)
        begun = time.monotonic()
        assert heard(listener) == wire.Message("/bassnet/z", (0.25, 2.0))
        assert time.monotonic() - begun < 1.0  # 0.05 s, and what a busy machine adds
        assert [type(value) for value in nodes["/bassnet/z"].arguments()] == [float, float]


def test_ignore_ends_it_and_another_path_goes_on(server: QueryServer, nodes: Nodes) -> None:
    with listening(server) as listener:
        for path in ("/bassnet/param/octave", "/bassnet/param/timbre"):
            say(listener, "LISTEN", path)
        assert [heard(listener).args for _ in range(2)] == [(1,), ("pick",)]
        say(listener, "IGNORE", "/bassnet/param/octave")
        say(listener, "LISTEN", "/bassnet/param/timbre")  # its answer shows that IGNORE was read
        assert heard(listener).args == ("pick",)
        nodes["/bassnet/param/octave"] = Node("i", "", 3, (3,), ())
        nodes["/bassnet/param/timbre"] = Node("s", "", 3, ("slap",), ())
        assert heard(listener) == wire.Message("/bassnet/param/timbre", ("slap",))
        assert is_silent(listener)


def test_listeners_hear_what_they_asked_for_and_a_late_node_too(server: QueryServer, nodes: Nodes) -> None:
    with listening(server) as first, listening(server) as second:
        say(first, "LISTEN", "/bassnet/to/later/z")
        say(second, "LISTEN", "/bassnet/z/x")  # takes values and has none to tell
        assert is_silent(first)
        nodes["/bassnet/to/later/z"] = Node("ff", "", 3, (1.0, 1.0), BOTH)
        assert heard(first) == wire.Message("/bassnet/to/later/z", (1.0, 1.0))
        assert is_silent(second)


def test_nobody_is_looked_after_while_nobody_listens(nodes: Nodes) -> None:
    n_asked = 0

    def count() -> Nodes:
        nonlocal n_asked
        n_asked += 1
        return nodes

    with serving(count) as server:
        for path in ("/bassnet/z", "/bassnet/param/octave"):  # and it begins again for the second
            with listening(server) as listener:
                say(listener, "LISTEN", path)
                heard(listener)
                before = n_asked
                assert until(lambda: n_asked > before + 2)  # noqa: B023
            assert until(lambda: not server._heard)
            time.sleep(2 * oscquery.POLL)
            before = n_asked
            time.sleep(4 * oscquery.POLL)
            assert n_asked == before


def test_a_slow_reader_keeps_little_memory_and_gets_the_newest(
    server: QueryServer, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oscquery, "POLL", 0.001)
    large = 200_000  # bytes of a value: the kernel's own buffers are full soon
    with listening(server, max_size=None, max_queue=1) as listener:
        say(listener, "LISTEN", "/large")
        n, n_full, most = 0, 0, 0
        while n_full < 50:
            n += 1
            assert n < 5000
            nodes["/large"] = Node("s", "", 1, (f"{n:04d}" + "x" * large,), ())
            time.sleep(0.003)
            unsent = max((one.transport.get_write_buffer_size() for one in server._connections), default=0)
            n_full += unsent > oscquery.MAX_BACKLOG
            most = max(most, unsent)
        assert most < oscquery.MAX_BACKLOG + 2 * large
        told = [listener.recv(2)[12:16]]  # after address and type tag
        while told[-1] != f"{n:04d}".encode():
            told.append(listener.recv(2)[12:16])
        assert len(told) < n - 25  # the others were skipped
        assert told == sorted(told)


# Who is told


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LOCALHOST.:80", True),
        ("127.0.0.1:7771", True),
        ("[::1]:7771", True),
        ("192.0.2.7", True),
        ("studio.local:1", True),
        ("[fd00::7]", True),
        ("", False),
        ("::1", False),
        ("0.0.0.0", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:80", False),
        ("evil@localhost", False),
        ("localhost:80:80", False),
        ("localhost/", False),
        ("192.0.2.8", False),
    ],
)
def test_a_host_is_ours_or_refused(host: str, is_ours: bool) -> None:
    own = own_names({"0.0.0.0", "192.0.2.7", "Studio.local.", "fd00::7"})
    assert is_welcome([host], [], own) == is_ours
    assert is_welcome(["localhost"], [f"http://{host}"], own) == is_ours
    assert is_welcome(["localhost"], [f"https://{host}"], own) == is_ours
    assert not is_welcome(["localhost"], [f"ftp://{host}"], own)
    assert not is_welcome(["localhost", host], [], own)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost", "Origin": "http://evil.example"}, 403),
        ({"Host": "localhost", "Origin": "null"}, 403),
        ({"Host": "localhost", "Origin": "file://"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost:3000"}, 200),
        ({"Host": "studio.local"}, 200),
    ],
)
def test_strangers_are_refused_at_both_doors(nodes: Nodes, headers: dict[str, str], status: int) -> None:
    with serving(nodes, allowed=frozenset({"studio.local"})) as server:
        assert get(server, "/bassnet/z?TYPE", **headers)[0] == status
        key = {"Sec-WebSocket-Key": "A" * 22 + "==", "Sec-WebSocket-Version": "13"}
        door = {"Upgrade": "websocket", "Connection": "Upgrade", **key}
        assert ask(server, "GET / HTTP/1.1", {**headers, **door}) == (101 if status == 200 else 403)
        assert server.n_refused == (0 if status == 200 else 2)


def ask(server: QueryServer, line: str, headers: dict[str, str]) -> int:
    """The status of the answer to a request as it stands."""
    text = "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items()), "", ""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        raw.sendall(text.encode("latin-1"))
        return int(raw.recv(64).split()[1])


def test_a_page_of_this_machine_may_read_and_no_other(server: QueryServer) -> None:
    page = "http://localhost:3000"
    request = urllib.request.Request(f"http://localhost:{server.port}/", headers={"Origin": page})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == page
    with urllib.request.urlopen(f"http://localhost:{server.port}/", timeout=5) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] is None


def test_a_request_without_a_host_or_with_two_is_refused(server: QueryServer) -> None:
    assert ask(server, "GET / HTTP/1.1", {}) == 403
    assert ask(server, "GET / HTTP/1.1", {"Host": "localhost", "host": "localhost"}) == 403
    assert ask(server, "GET / HTTP/1.1", {"Host": "localhost"}) == 200
    # Java's client offers HTTP/2 with every request
    assert ask(server, "GET / HTTP/1.1", {"Host": "localhost", "Upgrade": "h2c"}) == 200


def test_only_get_is_answered(server: QueryServer) -> None:
    with contextlib.suppress(http.client.RemoteDisconnected):  # older versions of the library just hang up
        assert get(server, "/", "DELETE")[0] == 405
    assert get(server, "/")[0] == 200


# What a hostile neighbour can do


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
    assert server.n_refused == oscquery.MAX_REFUSED + 1


def test_a_message_above_the_limit_ends_the_connection(server: QueryServer) -> None:
    with listening(server) as listener:
        say(listener, "LISTEN", "/" + "x" * oscquery.MAX_MESSAGE)
        with pytest.raises(ConnectionClosedError) as ended:
            listener.recv(2)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


def test_one_listener_has_a_limited_number_of_paths(server: QueryServer) -> None:
    with listening(server) as listener:
        for n in range(oscquery.MAX_PATHS + 10):
            say(listener, "LISTEN", f"/none/{n}")
        assert until(lambda: server.n_refused == 10)
        assert [len(paths) for paths in server._heard.values()] == [oscquery.MAX_PATHS]
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
            assert until(lambda: len(server._heard) == 2)
            assert until(lambda: len(server._heard) == 1, 3.0)
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


def test_a_taken_port_says_what_to_do(server: QueryServer) -> None:
    with pytest.raises(BassNetError, match=f"got {server.port} of 127.0.0.1 .*in use.*choose another"):
        asyncio.run(serve_query(dict, "127.0.0.1", server.port, 7770, "second"))
    for host, port in (("192.0.2.99", 0), ("127.0.0.1", 70_000), ("no such host", 0)):
        with pytest.raises(BassNetError, match="needs a free port of this machine"):
            asyncio.run(serve_query(dict, host, port, 7770, "second"))
