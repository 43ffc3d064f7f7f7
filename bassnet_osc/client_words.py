"""What a client says and is told, as bytes and plain values.

Flow: client -> client_words -> wire. Pure.
"""

from __future__ import annotations

from typing import Any

from bassnet_osc import wire
from bassnet_osc.spec import HELLO_BYTES

WELCOME = ("session", "token", "latency_samples", "model", "version")  # then key, value pairs
STATS = ("blocks_in", "lost", "late", "concealed", "p50_ms", "p95_ms", "p99_ms", "load")


def hello(name: str, sample_rate: int, block_size: int, format: str, **wishes: float | None) -> bytes:
    """A hello of HELLO_BYTES that wants its answers where it comes from; wishes of None are left out."""
    args: list[Any] = [name, 0, sample_rate, block_size, format]
    for key, value in wishes.items():
        args += [] if value is None else [key, float(value)]
    missing = HELLO_BYTES - len(wire.encode("/bassnet/hello", *args, "pad", ""))
    return wire.encode("/bassnet/hello", *args, "pad", "." * max(0, missing))


class Choices:
    """What was chosen last at each address, and before: to be said again to a restarted server."""

    def __init__(self) -> None:
        self._chosen: dict[str, list[tuple[Any, ...]]] = {}

    def add(self, address: str, args: tuple[Any, ...]) -> None:
        """Remembers it."""
        self._chosen[address] = [*self._chosen.get(address, [])[-1:], args]

    def take_back(self, address: str) -> None:
        """It was refused: what was chosen before it holds."""
        if chosen := self._chosen.get(address):
            chosen.pop()

    def forget(self, address: str) -> None:
        """It is over."""
        self._chosen.pop(address, None)

    def messages(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What holds now."""
        return [(address, chosen[-1]) for address, chosen in self._chosen.items() if chosen]


def welcome(args: tuple[Any, ...]) -> dict[str, Any]:
    """The arguments of a welcome by name."""
    pairs = args[len(WELCOME) :]
    return dict(zip(WELCOME, args, strict=False)) | dict(zip(pairs[::2], pairs[1::2], strict=True))


def why_unanswered(host: str, port: int, status: tuple[str, str], timeout: float) -> str:
    """For people: no welcome came, of a server that told its status or of none."""
    state, reason = status
    if state:
        return f"the server at {host}:{port} is {state} ({reason}) for {timeout:g} s: try later"
    return f"no server at {host}:{port} answered in {timeout:g} s: start `bassnet serve --port {port}`"
