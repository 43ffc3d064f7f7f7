"""A graph as Max's file: JSON with boxes and lines.

Flow: graph -> maxpat -> amxd, generate.
"""

from __future__ import annotations

import json
from typing import Any

from max_patch.graph import Box, Graph, Rect

MAX_VERSION = {"major": 9, "minor": 0, "revision": 0, "architecture": "x64", "modernui": 1}
MINIMUM_MAX, MINIMUM_LIVE = "9.0", "12.2"  # `v8` begins with them
WINDOW: Rect = (40, 80, 1960, 720)  # of the patch when it is edited
PER_BANK = 8  # dials of a Push


def patcher(graph: Graph, width: int, window: Rect = WINDOW) -> dict[str, Any]:
    """The document {"patcher": ...}; opens on its face, which is `width` pixels wide."""
    return {
        "patcher": {
            "fileversion": 1,
            "appversion": MAX_VERSION,
            "classnamespace": "box",
            "rect": list(window),
            "openinpresentation": 1,
            "gridsize": [8.0, 8.0],
            "devicewidth": float(width),
            "boxes": [{"box": _box(box)} for box in graph.boxes.values()],
            "lines": [{"patchline": _line(graph, n)} for n in range(len(graph.cords))],
            "parameters": _parameters(graph),
            "dependency_cache": [],
            "autosave": 0,
        }
    }


def text(document: dict[str, Any]) -> str:
    """As Max writes it, with tabs."""
    return json.dumps(document, indent="\t") + "\n"


def _box(box: Box) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": box.id,
        "maxclass": box.maxclass,
        "numinlets": box.n_inlets,
        "numoutlets": len(box.outlets),
        "patching_rect": _floats(box.rect),
    }
    if box.outlets:
        found["outlettype"] = list(box.outlets)
    if box.text:
        found["text"] = box.text
    if box.face is not None:
        found |= {"presentation": 1, "presentation_rect": _floats(box.face)}
    return found | dict(box.keys)


def _floats(rect: Rect) -> list[float]:
    return [float(value) for value in rect]


def _line(graph: Graph, n: int) -> dict[str, Any]:
    cord = graph.cords[n]
    return {
        "source": [graph.boxes[cord.source].id, cord.outlet],
        "destination": [graph.boxes[cord.destination].id, cord.inlet],
    }


def _parameters(graph: Graph) -> dict[str, Any]:
    """The parameters by their boxes, and which of them a Push shows."""
    found: dict[str, Any] = {}
    shown: list[str] = []
    for box in graph.boxes.values():
        if box.keys.get("parameter_enable"):
            value = box.keys["saved_attribute_attributes"]["valueof"]
            found[box.id] = [value["parameter_longname"], value["parameter_shortname"], 0]
            if not value["parameter_invisible"]:
                shown.append(value["parameter_longname"])
    banks = [shown[start : start + PER_BANK] for start in range(0, len(shown), PER_BANK)]
    found["parameterbanks"] = {
        str(n): {"index": n, "name": "", "parameters": bank + ["-"] * (PER_BANK - len(bank))}
        for n, bank in enumerate(banks)
    }
    found["inherited_shortname"] = 1
    return found
