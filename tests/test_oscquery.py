"""OSCQuery's HTTP over real sockets: what is told of each address and of the server, and where it may be."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from oscquery_rig import BOTH, Nodes, example, get, serving

from bassnet_osc.oscquery import QueryServer, serve_query
from bassnet_osc.oscquery_namespace import EXTENSIONS, Node, namespace, reply
from bassnet_osc.spec import BassNetError


@pytest.fixture
def nodes() -> Nodes:
    """A copy of a test's own, which may change while it is served."""
    return example()


@pytest.fixture
def server(nodes: Nodes) -> Iterator[QueryServer]:
    with serving(nodes) as running:
        yield running


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


def test_a_taken_port_says_what_to_do(server: QueryServer) -> None:
    with pytest.raises(BassNetError, match=f"got {server.port} of 127.0.0.1 .*in use.*choose another"):
        asyncio.run(serve_query(dict, "127.0.0.1", server.port, 7770, "second"))
    for host, port in (("192.0.2.99", 0), ("127.0.0.1", 70_000), ("no such host", 0)):
        with pytest.raises(BassNetError, match="needs a free port of this machine"):
            asyncio.run(serve_query(dict, host, port, 7770, "second"))
