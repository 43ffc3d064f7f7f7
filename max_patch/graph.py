"""A patch as boxes and cords by name, checked while it is drawn.

Flow: device, midi_device -> graph -> maxpat, picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bassnet_osc.spec import BassNetError
from max_patch.max_objects import ports

COLUMN, ROW, MARGIN = 190, 32, 30  # pixels between the boxes' corners, and around them
TEXT_HEIGHT, LETTER, LEAST_WIDTH = 22, 6.6, 40  # pixels of an object's box

Rect = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Box:
    """One object: its class and text, where it stands in the patch and, if it is shown, on the face."""

    id: str
    name: str
    maxclass: str
    text: str
    n_inlets: int
    outlets: tuple[str, ...]  # kind of each: "", "signal", "int" ...
    rect: Rect
    face: Rect | None
    keys: Mapping[str, Any]  # further ones of the file


@dataclass(frozen=True)
class Cord:
    """From an outlet to an inlet; both count from 0."""

    source: str
    outlet: int
    destination: str
    inlet: int


@dataclass
class Graph:
    """Boxes by name in the order in which they were added, and the cords between them."""

    boxes: dict[str, Box] = field(default_factory=dict)
    cords: list[Cord] = field(default_factory=list)

    def text(self, name: str, text: str, at: tuple[float, float], **keys: Any) -> str:
        """Adds an object box such as `udpsend 127.0.0.1 7770`; `at` is its column and row."""
        width = max(LEAST_WIDTH, round(LETTER * len(text)) + 14)
        return self._add(name, "newobj", text, (*_corner(at), width, TEXT_HEIGHT), None, keys)

    def message(self, name: str, text: str, at: tuple[float, float]) -> str:
        """Adds a message box."""
        width = max(LEAST_WIDTH, round(LETTER * len(text)) + 14)
        return self._add(name, "message", text, (*_corner(at), width, TEXT_HEIGHT), None, {})

    def comment(self, name: str, text: str, at: tuple[float, float]) -> str:
        """Adds words for who reads the patch."""
        width = round(LETTER * len(text)) + 14
        return self._add(name, "comment", text, (*_corner(at), width, TEXT_HEIGHT), None, {})

    def shown(self, name: str, maxclass: str, at: tuple[float, float], face: Rect, **keys: Any) -> str:
        """Adds an object of the interface, which stands on the face as well, as large as there."""
        text = str(keys.pop("words", ""))
        return self._add(name, maxclass, text, (*_corner(at), *face[2:]), face, keys)

    def cord(self, source: str, destination: str) -> None:
        """Connects `name:outlet` to `name:inlet`; `:0` may be left out.

        Raises BassNetError for a box, an outlet or an inlet that is not there.
        """
        (a, outlet), (b, inlet) = _end(source), _end(destination)
        for name in (a, b):
            if name not in self.boxes:
                raise BassNetError(f"a cord must join boxes of the patch; got {name}: add it first")
        n_out, n_in = len(self.boxes[a].outlets), self.boxes[b].n_inlets
        if outlet >= n_out or inlet >= n_in:
            raise BassNetError(
                f"a cord must end at what a box has; got {source} of {n_out} outlets and {destination} of "
                f"{n_in} inlets: see max_objects.py"
            )
        self.cords.append(Cord(a, outlet, b, inlet))

    def chain(self, *names: str) -> None:
        """Connects each to the next one."""
        for source, destination in pairwise(names):
            self.cord(source, destination)

    def _add(
        self, name: str, maxclass: str, text: str, rect: Rect, face: Rect | None, keys: Mapping[str, Any]
    ) -> str:
        if name in self.boxes:
            raise BassNetError(f"a box must have a name of its own; got {name} twice: choose another")
        n_inlets, outlets = ports(maxclass, text)
        id = f"obj-{len(self.boxes) + 1}"
        self.boxes[name] = Box(id, name, maxclass, text, n_inlets, outlets, rect, face, keys)
        return name


def _corner(at: tuple[float, float]) -> tuple[int, int]:
    return round(MARGIN + COLUMN * at[0]), round(MARGIN + ROW * at[1])


def _end(text: str) -> tuple[str, int]:
    name, _, number = text.partition(":")
    return name, int(number or 0)
