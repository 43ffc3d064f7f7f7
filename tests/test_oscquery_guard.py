"""Who is told by OSCQuery: hosts, origins and methods that are answered or refused."""

from __future__ import annotations

import contextlib
import http.client
import urllib.request
from collections.abc import Iterator

import pytest
from oscquery_rig import Nodes, ask, example, get, serving

from bassnet_osc.oscquery import QueryServer
from bassnet_osc.oscquery_guard import is_welcome, own_names


@pytest.fixture
def nodes() -> Nodes:
    """A copy of a test's own, which may change while it is served."""
    return example()


@pytest.fixture
def server(nodes: Nodes) -> Iterator[QueryServer]:
    with serving(nodes) as running:
        yield running


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
