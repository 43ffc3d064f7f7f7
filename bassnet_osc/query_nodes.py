"""The addresses as OSCQuery shows them: the same table, with what each control is at.

Flow: server -> oscquery -> query_nodes -> addresses, switchboard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.answers import STATUS
from bassnet_osc.oscquery_namespace import READ, Node
from bassnet_osc.params import PARAMS, TIMBRE_NAMES
from bassnet_osc.request import Address
from bassnet_osc.session import Session
from bassnet_osc.switchboard import TO, Switchboard

WRITE, BOTH = 2, 3  # of OSCQuery's ACCESS, beside READ

Values = tuple[Any, ...]


def _param(name: str) -> Callable[[Session], Values]:
    def read(session: Session) -> Values:
        value = getattr(session.sound, PARAMS[name].field)
        return (session.z.spec.descriptor.gate_on_db if value is None else value,)  # the model's own gate

    return read


READERS: dict[str, Callable[[Session], Values]] = {
    "/bassnet/z": lambda session: session.z.target,
    "/bassnet/z/x": lambda session: session.z.target[:1],
    "/bassnet/z/y": lambda session: session.z.target[1:],
    "/bassnet/model": lambda session: (session.model.name,),
    **{f"/bassnet/param/{name}": _param(name) for name in PARAMS},
}


def nodes(board: Switchboard) -> dict[str, Node]:
    """All addresses by their path; a control that moves everybody's shows the oldest session's values."""
    sessions = sorted(board.sessions.values(), key=lambda session: session.number)
    found = {STATUS: Node("ss", "state and reason", READ, (board.state, board.reason), ({}, {}))}
    for path, entry in ADDRESSES.items():
        if entry.kinds is not None:
            found[path] = _node(board, path, entry, sessions[0] if sessions else None)
    for session in reversed(sessions):  # of several with one name, the oldest
        for path in READERS:
            own = f"{TO}{session.hello.client}{path.removeprefix('/bassnet')}"
            found[own] = _node(board, path, ADDRESSES[path], session)
    return found


def _node(board: Switchboard, path: str, entry: Address, session: Session | None) -> Node:
    kinds = (entry.kinds or "").rstrip("*")
    read = READERS.get(path)
    values = None if read is None or session is None else read(session)
    ranges = _ranges(board, path, len(kinds), session)
    what = f"{entry.arguments}: {entry.effect}" if entry.arguments else entry.effect
    return Node(kinds, what, BOTH if read else WRITE, values, ranges)


def _ranges(
    board: Switchboard, path: str, n_arguments: int, session: Session | None
) -> tuple[dict[str, Any], ...]:
    if path in ("/bassnet/z", "/bassnet/z/x", "/bassnet/z/y") or path.startswith("/bassnet/variation/"):
        spec = board.shelf.default.spec if session is None else session.z.spec
        limit = spec.model.z_limit
        return tuple({"MIN": -limit, "MAX": limit} for _ in range(n_arguments))
    if path == "/bassnet/model":
        return ({"VALS": list(board.shelf.names)},)
    param = PARAMS.get(path.removeprefix("/bassnet/param/"))
    if param is None:
        return tuple({} for _ in range(n_arguments))
    return (
        {"VALS": list(TIMBRE_NAMES)} if param.kind == "s" else {"MIN": param.lowest, "MAX": param.highest},
    )
