"""Max's files as their readers see them: the boxes and lines of a patch, the chunks of a device.

Flow: tests of max_patch -> max_files. Nothing here comes from the generator.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "max_patch"


def chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Name and payload of each chunk; fails where the lengths do not add up to the file's."""
    found, at = [], 0
    while at < len(content):
        [size] = struct.unpack_from("<I", content, at + 4)
        payload = content[at + 8 : at + 8 + size]
        assert len(payload) == size, "a chunk is longer than the file"
        found.append((content[at : at + 4], payload))
        at += 8 + size
    return found


def document(name: str) -> dict[str, Any]:
    """The patcher of a .maxpat or an .amxd."""
    content = (FOLDER / name).read_bytes()
    if name.endswith(".amxd"):
        content = chunks(content)[-1][1].removesuffix(b"\n\0")
    found: dict[str, Any] = json.loads(content)["patcher"]
    return found


@dataclass(frozen=True)
class Patch:
    """Boxes by id, and lines as (source, outlet, destination, inlet)."""

    name: str

    @property
    def patcher(self) -> dict[str, Any]:
        return document(self.name)

    @property
    def boxes(self) -> dict[str, dict[str, Any]]:
        return {box["box"]["id"]: box["box"] for box in self.patcher["boxes"]}

    @property
    def lines(self) -> list[tuple[str, int, str, int]]:
        lines = [line["patchline"] for line in self.patcher["lines"]]
        return [(*line["source"], *line["destination"]) for line in lines]

    def from_(self, id: str, outlet: int | None = None) -> list[dict[str, Any]]:
        """The boxes that an outlet, or any, is connected to."""
        return [self.boxes[d] for s, o, d, _ in self.lines if s == id and outlet in (None, o)]

    def into(self, id: str) -> list[dict[str, Any]]:
        """The boxes that are connected to it."""
        return [self.boxes[s] for s, _, d, _ in self.lines if d == id]

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """What Live saves or automates, by its long name."""
        values = [
            box["saved_attribute_attributes"]["valueof"]
            for box in self.boxes.values()
            if box.get("parameter_enable")
        ]
        return {value["parameter_longname"]: value for value in values}

    @property
    def shown(self) -> dict[str, dict[str, Any]]:
        """The boxes on the face."""
        return {id: box for id, box in self.boxes.items() if box.get("presentation")}


def kind(box: dict[str, Any]) -> str:
    """Its class: of an object the first word."""
    name = box["maxclass"]
    return str(box["text"].split()[0] if name == "newobj" else name)
