"""What OSCQuery says of the addresses: nodes as the JSON of the Vidvox proposal.

Flow: oscquery -> oscquery_namespace. Pure: knows neither HTTP nor sockets, and no path reaches a file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

READ = 1  # the bit of access that lets a value be asked for
ATTRIBUTES = ("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "RANGE", "VALUE", "DESCRIPTION")
EXTENSIONS = ("TYPE", "ACCESS", "RANGE", "VALUE", "DESCRIPTION", "LISTEN")  # LISTEN implies IGNORE
PLAIN = {"i": int, "f": float, "s": str}  # what a value is in Python, by its type tag


@dataclass(frozen=True)
class Node:
    """An address that takes or has values."""

    kinds: str  # OSC type tags, e.g. "ff"
    description: str
    access: int  # 0 none, 1 read, 2 write, 3 both
    values: tuple[Any, ...] | None  # present arguments, None where there is nothing to read
    ranges: tuple[dict[str, Any], ...]  # one per argument: {"MIN": .., "MAX": ..}, {"VALS": [...]} or {}

    @property
    def readable(self) -> tuple[Any, ...] | None:
        """The values, where they may be asked for."""
        return self.values if self.access & READ else None

    def arguments(self) -> list[Any]:
        """The values as their type tags say: a whole number of kind f is a float on the wire."""
        pairs = zip(self.kinds, self.readable or (), strict=False)
        return [PLAIN[kind](value) if kind in PLAIN else value for kind, value in pairs]


def reply(nodes: Mapping[str, Node], target: str) -> tuple[HTTPStatus, Any]:
    """The answer to a GET of a path with or without ?ATTRIBUTE: a status, and JSON with OK."""
    asked, _, attribute = target.partition("#")[0].partition("?")
    if not asked.startswith("/") or (attribute and attribute not in ATTRIBUTES):
        return HTTPStatus.BAD_REQUEST, None
    path = "/" + unquote(asked).strip("/")
    below = {one: node for one, node in nodes.items() if f"{one}/".startswith(path.rstrip("/") + "/")}
    entry = namespace(below).get(path)  # not of all nodes: a mirror asks for each value by itself
    if entry is None:
        return HTTPStatus.NOT_FOUND, None
    if not attribute:
        return HTTPStatus.OK, entry
    if attribute not in entry:
        return HTTPStatus.NO_CONTENT, None
    return HTTPStatus.OK, {attribute: entry[attribute]}


def namespace(nodes: Mapping[str, Node]) -> dict[str, dict[str, Any]]:
    """Every node and container by its full path, each holding those below it as CONTENTS."""
    entries = {"/": _container("/")}
    for path in nodes:
        above, at = entries["/"], ""
        for name in path.strip("/").split("/"):
            at += "/" + name
            if at not in entries:
                entries[at] = _leaf(at, nodes[at]) if at in nodes else _container(at)
                # a leaf may hold others too: z and z/x
                above.setdefault("CONTENTS", {})[name] = entries[at]
            above = entries[at]
    return entries


def host_info(name: str, ip: str, osc_port: int, ws_port: int) -> dict[str, Any]:
    """What ?HOST_INFO answers: where OSC goes, and what of the proposal is there."""
    return {
        "NAME": name,
        "OSC_IP": ip,
        "OSC_PORT": osc_port,
        "OSC_TRANSPORT": "UDP",
        "WS_IP": ip,
        "WS_PORT": ws_port,
        "EXTENSIONS": dict.fromkeys(EXTENSIONS, True),
    }


def _container(path: str) -> dict[str, Any]:
    return {"FULL_PATH": path, "ACCESS": 0, "CONTENTS": {}}


def _leaf(path: str, node: Node) -> dict[str, Any]:
    leaf: dict[str, Any] = {"FULL_PATH": path, "ACCESS": node.access}
    if node.kinds:  # the proposal leaves TYPE out where no argument is wanted
        leaf["TYPE"] = node.kinds
    if any(node.ranges):
        leaf["RANGE"] = list(node.ranges)
    if node.readable is not None:
        leaf["VALUE"] = [_json(value) for value in node.arguments()]
    if node.description:
        leaf["DESCRIPTION"] = node.description
    return leaf


def _json(value: Any) -> Any:
    """JSON has neither blobs nor infinities: null, as the proposal wants it."""
    is_plain = isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))
    return value if is_plain else None
