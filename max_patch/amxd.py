"""A patch as a Max for Live device, unfrozen: four chunks, the last one the JSON.

    ampf | u32 4 | kind        meta | u32 4 | 0        ptch | u32 n | JSON, newline, NUL

Sizes are little-endian and count what follows them.

Flow: maxpat -> amxd -> generate.
"""

from __future__ import annotations

import struct
from typing import Any, Literal

from max_patch.maxpat import MINIMUM_LIVE, MINIMUM_MAX, text

Kind = Literal["audio effect", "MIDI effect"]
PROJECT: dict[str, Any] = {  # as Max writes it for a device without further files
    "version": 1,
    "creationdate": 0,
    "modificationdate": 0,
    "viewrect": [0.0, 0.0, 300.0, 500.0],
    "autoorganize": 1,
    "hideprojectwindow": 1,
    "showdependencies": 1,
    "autolocalize": 0,
    "contents": {"patchers": {}},
    "layout": {},
    "searchpath": {},
    "detailsvisible": 0,
    "readonly": 0,
    "devpathtype": 0,
    "devpath": ".",
    "sortmode": 0,
    "viewmode": 0,
    "includepackages": 0,
}
TAGS: dict[Kind, bytes] = {"audio effect": b"aaaa", "MIDI effect": b"mmmm"}


def device_document(patcher: dict[str, Any], kind: Kind, latency: int) -> dict[str, Any]:
    """The patch with what a device says besides; latency in samples, until the script says another one."""
    extras = {
        "latency": latency,
        "is_mpe": 0,
        "platform_compatibility": 0,
        "minimum_live_version": MINIMUM_LIVE,
        "minimum_max_version": MINIMUM_MAX,
        "project": PROJECT | {"amxdtype": int.from_bytes(TAGS[kind], "big")},
    }
    return {"patcher": patcher["patcher"] | extras}


def amxd(document: dict[str, Any], kind: Kind) -> bytes:
    """The file."""
    payload = text(document).encode() + b"\0"
    return _chunk(b"ampf", TAGS[kind]) + _chunk(b"meta", bytes(4)) + _chunk(b"ptch", payload)


def _chunk(name: bytes, payload: bytes) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload
