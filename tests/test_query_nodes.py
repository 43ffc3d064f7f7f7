"""OSCQuery shows the same table that the server understands, with what each control is at."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

from rig import HERE, THERE, Rig

from bassnet_osc import wire
from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.oscquery_namespace import Node, reply
from bassnet_osc.params import PARAMS
from bassnet_osc.query_door import open_queries
from bassnet_osc.query_nodes import BOTH, READ, READERS, WRITE, nodes
from bassnet_osc.sound import Sound
from bassnet_osc.timbres import TIMBRES

# What the server itself says of the values that a node promises to be fit.
CONTROLS = [path for path, entry in ADDRESSES.items() if entry.is_control]


def test_every_address_that_takes_plain_arguments_is_a_node_of_its_kinds() -> None:
    found = nodes(Rig().board)
    for path, entry in ADDRESSES.items():
        if entry.kinds is not None:
            assert found[path].kinds == entry.kinds.rstrip("*")
            assert len(found[path].ranges) == len(found[path].kinds)
            assert entry.effect in found[path].description
    assert set(READERS) == set(CONTROLS)  # all controls can be read, and nothing else
    assert {found[path].access for path in CONTROLS} == {BOTH}
    assert found["/bassnet/bye"].access == WRITE and found["/bassnet/status"].access == READ


def test_values_are_those_of_the_session_and_of_the_oldest_where_it_is_everybodys() -> None:
    rig = Rig()
    assert all(nodes(rig.board)[path].values is None for path in CONTROLS)
    rig.open()
    rig.open(source=THERE, client="pad")
    rig.say("/bassnet/z", 1.0, -2.0)
    rig.say("/bassnet/z", 3.0, 3.0, source=THERE)
    rig.say("/bassnet/param/timbre", "sub")
    rig.say("/bassnet/model", "other", source=THERE)
    found = nodes(rig.board)
    assert found["/bassnet/z"].values == found["/bassnet/to/max/z"].values == (1.0, -2.0)
    assert (found["/bassnet/z/x"].values, found["/bassnet/z/y"].values) == ((1.0,), (-2.0,))
    assert found["/bassnet/to/pad/z"].values == (3.0, 3.0)
    assert found["/bassnet/to/max/param/timbre"].values == ("sub",)
    assert found["/bassnet/to/pad/model"].values == ("other",)
    assert found["/bassnet/status"].values == ("ready", "")


def test_what_a_range_allows_is_taken_and_what_it_does_not_is_clamped_or_refused() -> None:
    rig = Rig()
    rig.open()
    session = rig.board.sessions[HERE]
    for name, param in PARAMS.items():
        (limits,) = nodes(rig.board)[f"/bassnet/param/{name}"].ranges
        if "VALS" in limits:
            assert limits["VALS"] == list(TIMBRES)
            continue
        for value, clamped in ((limits["MAX"] + 1, limits["MAX"]), (limits["MIN"] - 1, limits["MIN"])):
            rig.say(f"/bassnet/param/{name}", value)
            assert nodes(rig.board)[f"/bassnet/param/{name}"].values == (clamped,)
            assert getattr(session.sound, param.field) == clamped
    (x, y) = nodes(rig.board)["/bassnet/z"].ranges
    rig.say("/bassnet/z", x["MAX"] + 1, y["MIN"] - 1)
    assert session.z.target == (x["MAX"], y["MIN"])
    assert nodes(rig.board)["/bassnet/model"].ranges == ({"VALS": ["echo", "other"]},)


def test_a_gate_that_nobody_has_set_shows_the_models_own() -> None:
    rig = Rig()
    rig.open()
    session = rig.board.sessions[HERE]
    assert session.sound == Sound()
    assert nodes(rig.board)["/bassnet/param/gate"].values == (session.z.spec.descriptor.gate_on_db,)


def test_every_node_goes_through_http_and_every_value_through_osc() -> None:
    rig = Rig()
    rig.open()
    found = nodes(rig.board)
    for path, node in found.items():
        status, told = reply(found, path)
        assert status == 200 and json.loads(json.dumps(told))["FULL_PATH"] == path
        if node.values is not None:
            [message] = wire.decode(wire.encode(path, *node.values))
            assert message.address == path


def test_it_is_served_beside_the_server() -> None:
    rig = Rig()
    rig.open()

    async def ask() -> list[Any]:
        loop = asyncio.get_running_loop()
        async with open_queries(rig.board, "127.0.0.1", 7770, 0, frozenset(), False) as port:
            url = f"http://127.0.0.1:{port}"
            return [
                json.loads(await loop.run_in_executor(None, lambda u=u: urllib.request.urlopen(u).read()))
                for u in (f"{url}/bassnet/z?VALUE", f"{url}/?HOST_INFO")
            ]

    value, host = asyncio.run(ask())
    assert value == {"VALUE": list(rig.board.sessions[HERE].z.target)}
    assert (host["NAME"], host["OSC_PORT"]) == ("BassNet", 7770)


def test_where_another_server_has_the_usual_port_any_will_do(monkeypatch: Any) -> None:
    async def two() -> tuple[int, int]:
        async with open_queries(Rig().board, "127.0.0.1", 1, 0, frozenset(), False) as taken:
            monkeypatch.setattr("bassnet_osc.query_door.QUERY_PORT", taken)
            async with open_queries(Rig().board, "127.0.0.1", 2, taken, frozenset(), False) as other:
                return taken, other

    taken, other = asyncio.run(two())
    assert other not in (0, taken)


def test_nodes_are_what_the_query_server_takes() -> None:
    assert all(isinstance(node, Node) for node in nodes(Rig().board).values())
