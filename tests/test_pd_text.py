"""bassnet.pd as text: cords, boxes, ranges. What it does is test_pd's."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from pd_process import PATCH

from bassnet_osc.params import PARAMS, TIMBRE_NAMES
from bassnet_osc.spec import BassNetError
from max_patch import pd_objects, pd_steer
from max_patch.controls import live_models
from max_patch.pd_patch import window
from max_patch.pd_text import Canvas

LINE = re.compile(r"#(N canvas|X \w+|A)\s?(.*);", re.DOTALL)


def test_every_cord_ends_at_a_port_and_every_box_is_vanilla() -> None:
    """Read from the text alone, as Pd numbers boxes."""
    stack: list[list[tuple[int, int]]] = []
    names: list[list[str]] = []
    n_cords = 0
    for line in PATCH.read_text().splitlines():
        kind, rest = LINE.fullmatch(line).groups()
        words = rest.split()
        if kind == "N canvas":
            stack.append([])
            names.append([])
        elif kind == "X restore":
            inside = names.pop()
            stack.pop()
            stack[-1].append(
                (sum("inlet" in name for name in inside), sum("outlet" in name for name in inside))
            )
            names[-1].append("pd")
        elif kind == "X connect":
            source, outlet, target, inlet = map(int, words)
            assert outlet < stack[-1][source][1] and inlet < stack[-1][target][0], line
            n_cords += 1
        else:
            is_object = kind == "X obj"
            stack[-1].append(pd_objects.ports(" ".join(words[2:]).replace("\\", "")) if is_object else (1, 1))
            names[-1].append(words[2] if is_object else kind)
    assert len(stack) == 1 and n_cords > 300


def test_what_is_not_vanilla_and_what_ends_nowhere_is_refused() -> None:
    canvas = Canvas("test")
    with pytest.raises(BassNetError, match="zexy"):
        canvas.objects(bad="zexy/lister")
    canvas.objects(good="t b b", end="f")
    with pytest.raises(BassNetError, match="no port 2"):
        canvas.wire("good:2 > end")


def test_no_boxes_overlap() -> None:
    """On the face, whose boxes lie within the window, and in every subpatch."""
    face, n_canvases = window(), 0
    face.lines()
    canvases = [face]
    while canvases:
        canvas = canvases.pop()
        canvases += [box.canvas for box in canvas.boxes.values() if box.canvas is not None]
        n_canvases += 1
        places = [(name, *(box.at or (-1, -1)), *box.size) for name, box in canvas.boxes.items()]
        for (a, ax, ay, aw, ah), (b, bx, by, bw, bh) in combinations(places, 2):
            assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay, (canvas.name, a, b)
    assert n_canvases > 12
    for name, box in face.boxes.items():
        assert (
            box.at and box.at[0] + box.size[0] <= face.size[0] and box.at[1] + box.size[1] <= face.size[1]
        ), name


def test_the_patch_knows_what_the_server_knows() -> None:
    text = PATCH.read_text()
    for name, param in PARAMS.items():
        assert f"oscformat {'-f i ' if param.kind == 'i' else ''}bassnet param {name};" in text
    assert set(pd_steer.NUMBERS) | {"timbre"} == set(PARAMS)
    assert all(f" {word};" in text for word in (*TIMBRE_NAMES, *live_models(is_ahead=True)))
