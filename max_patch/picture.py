"""Pictures of a graph, sketched: the patch as it is edited, and the face as it is played.

Flow: graph, face, parameters -> picture -> generate.
"""

from __future__ import annotations

import math
from html import escape

from max_patch.face import HEIGHT, WIDTH
from max_patch.graph import MARGIN, Box, Graph
from max_patch.parameters import UNIT_STYLES

DARK, PALE, MID, WARM, COOL = "#333", "#f4f4f4", "#9a9a9a", "#ff9d2e", "#4a90c2"
STRIP = "#d8d8d8"  # of Live's lightest theme
SCALE = 2  # of the face


def patch_svg(graph: Graph) -> str:
    """The boxes and cords of the patch."""
    right = max(box.rect[0] + box.rect[2] for box in graph.boxes.values()) + MARGIN
    bottom = max(box.rect[1] + box.rect[3] for box in graph.boxes.values()) + MARGIN
    cords = [_cord(graph, n) for n in range(len(graph.cords))]
    boxes = [_box(box) for box in graph.boxes.values()]
    return _svg(right, bottom, 1, "white", [*cords, *boxes])


def face_svg(graph: Graph, width: int = WIDTH) -> str:
    """What stands in Live's device strip."""
    shown = [_face(box) for box in graph.boxes.values() if box.face is not None]
    return _svg(width, HEIGHT, SCALE, STRIP, shown)


def _svg(width: float, height: float, scale: float, colour: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width * scale}" '
        f'height="{height * scale}" font-family="Helvetica, Arial, sans-serif">'
    )
    return "\n".join([head, f'<rect width="100%" height="100%" fill="{colour}"/>', *parts, "</svg>"]) + "\n"


def _rect(rect: tuple[float, ...], fill: str, stroke: str = "none") -> str:
    x, y, width, height = rect
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" fill="{fill}" stroke="{stroke}"/>'


def _words(
    x: float, y: float, words: str, size: float = 10, colour: str = DARK, anchor: str = "start"
) -> str:
    style = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>'


def _box(box: Box) -> str:
    x, y, _, height = box.rect
    if box.maxclass == "comment":
        return _words(x, y + 15, box.text, 11, COOL)
    words = box.text if box.maxclass in ("newobj", "message") else box.name
    fill = {"newobj": "#e8eef2", "message": "#dcdcdc"}.get(box.maxclass, "#ffe9cf")
    return _rect(box.rect, fill, MID) + _words(x + 4, y + height / 2 + 4, words)


def _port(rect: tuple[int, ...], n: int, count: int) -> float:
    """x of the nth of `count` inlets or outlets: the outer ones at the corners."""
    return rect[0] + 5 + (rect[2] - 10) * n / max(1, count - 1)


def _cord(graph: Graph, n: int) -> str:
    cord = graph.cords[n]
    a, b = graph.boxes[cord.source], graph.boxes[cord.destination]
    x1, y1 = _port(a.rect, cord.outlet, len(a.outlets)), a.rect[1] + a.rect[3]
    x2, y2 = _port(b.rect, cord.inlet, b.n_inlets), b.rect[1]
    is_signal = a.outlets[cord.outlet] == "signal"
    sag = max(20.0, abs(y2 - y1) / 3)
    style = f'fill="none" stroke="{WARM if is_signal else MID}" stroke-width="{1.6 if is_signal else 0.9}"'
    path = f"M{x1:.1f} {y1} C{x1:.1f} {y1 + sag:.1f} {x2:.1f} {y2 - sag:.1f} {x2:.1f} {y2}"
    return f'<path d="{path}" {style}/>'


def _face(box: Box) -> str:
    assert box.face is not None
    x, y, width, height = box.face
    draw = {"live.dial": _dial, "nodes": _pad, "live.meter~": _meter, "live.tab": _tab}.get(box.maxclass)
    if draw is not None:
        return draw(box)
    if box.maxclass == "live.comment":
        return _words(x + 2, y + height - 4, box.text, 9.5)
    words = _value(box)
    marks = _words(x + width - 9, y + height - 4, "▾", 8) if box.maxclass == "live.menu" else ""
    return _rect(box.face, PALE, MID) + _words(x + 4, y + height - 4, words, 9.5) + marks


def _value(box: Box) -> str:
    """What a box shows when it is new."""
    if box.maxclass in ("textedit", "live.text"):
        return str(box.text or box.keys.get("text", ""))
    value = box.keys["saved_attribute_attributes"]["valueof"]
    initial = value["parameter_initial"][0]
    if "parameter_enum" in value:
        return str(value["parameter_enum"][int(initial)])
    units = {style: unit for unit, style in UNIT_STYLES.items()}
    unit = units.get(value["parameter_unitstyle"], "")
    is_bare = value["parameter_unitstyle"] == UNIT_STYLES[""]
    return f"{initial:.2f}" if is_bare else f"{initial:g} {unit}".rstrip()


def _dial(box: Box) -> str:
    """Name above, an arc of 270 degrees with its needle, value below."""
    assert box.face is not None
    x, y, width, _ = box.face
    value = box.keys["saved_attribute_attributes"]["valueof"]
    low, high = value["parameter_mmin"], value["parameter_mmax"]
    turn = math.radians(135 + 270 * (value["parameter_initial"][0] - low) / (high - low))
    cx, cy, r = x + width / 2, y + 25, 10
    ends = [(cx + r * math.cos(angle), cy + r * math.sin(angle)) for angle in map(math.radians, (135, 405))]
    arc = f"M{ends[0][0]:.1f} {ends[0][1]:.1f} A{r} {r} 0 1 1 {ends[1][0]:.1f} {ends[1][1]:.1f}"
    tip = f"M{cx} {cy} L{cx + r * math.cos(turn):.1f} {cy + r * math.sin(turn):.1f}"
    lines = f'<path d="{arc}" fill="none" stroke="{MID}" stroke-width="3"/>'
    needle = f'<path d="{tip}" stroke="{DARK}" stroke-width="2"/>'
    name = _words(cx, y + 9, value["parameter_shortname"], 9.5, anchor="middle")
    return lines + needle + name + _words(cx, y + 45, _value(box), 9, anchor="middle")


def _pad(box: Box) -> str:
    assert box.face is not None
    x, y, width, height = box.face
    cross = f"M{x + width / 2} {y} v{height} M{x} {y + height / 2} h{width}"
    knob = f'<circle cx="{x + width / 2}" cy="{y + height / 2}" r="6" fill="{WARM}"/>'
    return _rect(box.face, DARK) + f'<path d="{cross}" stroke="#555"/>' + knob


def _meter(box: Box) -> str:
    assert box.face is not None
    x, y, width, height = box.face
    return _rect(box.face, DARK) + _rect((x + 1, y + height * 0.4, width - 2, height * 0.6 - 1), "#6cc24a")


def _tab(box: Box) -> str:
    assert box.face is not None
    x, y, width, height = box.face
    value = box.keys["saved_attribute_attributes"]["valueof"]
    names, chosen = value["parameter_enum"], int(value["parameter_initial"][0])
    part = width / len(names)
    return "".join(
        _rect((x + part * n, y, part - 1, height), WARM if n == chosen else PALE, MID)
        + _words(x + part * (n + 0.5), y + height - 4, name, 9.5, anchor="middle")
        for n, name in enumerate(names)
    )
