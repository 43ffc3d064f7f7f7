"""A patch of Pure Data by the names of its boxes, and its text: canvases, boxes, cords.

Flow: pd_patch -> Canvas -> text. Cords are written "tick > steps:1 > 0:store": an outlet after a box's name,
an inlet before it, 0 where none is given. Every cord is checked when it is drawn, every box when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from bassnet_osc import BassNetError
from max_patch.pd_objects import ports

FONT = 12  # points
LETTER, LINE = 7, 22  # pixels of a letter and of a box's height at that font, as Pd's dialogs measure them
ROW, GAP, MARGIN = 34, 18, 20  # pixels between rows, between boxes of a row, and around all
WIDEST = 1100  # pixels of a row in a subpatch


@dataclass
class Box:
    """One box: its line without the place, how many ports it has, and where it lies."""

    kind: str  # obj, msg, text, floatatom, symbolatom
    text: str
    inlets: int
    outlets: int
    size: tuple[int, int]
    at: tuple[int, int] | None = None
    canvas: Canvas | None = None

    def lines(self) -> list[str]:
        """As in a file."""
        x, y = self.at or (MARGIN, MARGIN)
        if self.canvas is not None:
            return [*self.canvas.lines(), f"#X restore {x} {y} pd {self.canvas.name};"]
        return [f"#X {self.kind} {x} {y} {escaped(self.text)};"]


@dataclass
class Canvas:
    """A window: boxes by name, and the cords between them."""

    name: str
    size: tuple[int, int] = (900, 600)
    is_open: bool = False
    boxes: dict[str, Box] = field(default_factory=dict)
    cords: list[tuple[str, int, str, int]] = field(default_factory=list)

    def objects(self, **texts: str) -> None:
        """Object boxes by name; a text of [brackets( makes a message box."""
        for name, text in texts.items():
            if text.startswith("[") and text.endswith("("):
                self.add(name, Box("msg", text[1:-1], 1, 1, (LETTER * len(text) + 6, LINE)))
            else:
                self.add(name, Box("obj", text, *ports(text), (LETTER * len(text) + 6, LINE)))

    def add(self, name: str, box: Box) -> None:
        """Any box; BassNetError where the name is taken."""
        if name in self.boxes:
            raise BassNetError(f"a box's name must be new in {self.name}; got {name!r}: choose another one")
        self.boxes[name] = box

    def sub(self, canvas: Canvas, at: tuple[int, int] | None = None) -> None:
        """A subpatch, under its own name; its inlets and outlets are ordered as they were made."""
        texts = [box.text.split()[0] for box in canvas.boxes.values() if box.kind == "obj"]
        inlets = sum(text in ("inlet", "inlet~") for text in texts)
        outlets = sum(text in ("outlet", "outlet~") for text in texts)
        size = (LETTER * (len(canvas.name) + 3) + 6, LINE)
        self.add(canvas.name, Box("obj", f"pd {canvas.name}", inlets, outlets, size, at, canvas))

    def wire(self, *chains: str) -> None:
        """Cords, as "box:outlet > inlet:box:outlet > ..."; BassNetError where a port does not exist."""
        for chain in chains:
            ends = [_end(end) for end in chain.split(" > ")]
            for (_, source, outlet), (inlet, target, _) in pairwise(ends):
                for name, port, is_there in (
                    (source, outlet, source in self.boxes and outlet < self.boxes[source].outlets),
                    (target, inlet, target in self.boxes and inlet < self.boxes[target].inlets),
                ):
                    if not is_there:
                        raise BassNetError(
                            f"a cord must end at a port that exists; got {chain!r} in {self.name}, where "
                            f"{name} has no port {port}: correct it"
                        )
                self.cords.append((source, outlet, target, inlet))

    def lines(self, place: tuple[int, int] = (60, 60)) -> list[str]:
        """The canvas as in a file, the first line with its place on the screen."""
        self._lay_out()
        (x, y), (width, height) = place, self.size
        number = {name: i for i, name in enumerate(self.boxes)}
        head = f"#N canvas {x} {y} {width} {height}"
        lines = [f"{head} {self.name} {int(self.is_open)};"]
        for box in self.boxes.values():
            lines += box.lines()
        return lines + [
            f"#X connect {number[source]} {outlet} {number[target]} {inlet};"
            for source, outlet, target, inlet in self.cords
        ]

    def _lay_out(self) -> None:
        """Boxes without a place go into rows, below those that they hear."""
        rows: dict[int, list[Box]] = {}
        for name, depth in self._depths().items():
            if self.boxes[name].at is None:
                rows.setdefault(depth, []).append(self.boxes[name])
        x = y = MARGIN
        for depth in sorted(rows):
            for box in rows[depth]:
                if x > MARGIN and x + box.size[0] > WIDEST:
                    x, y = MARGIN, y + ROW
                box.at = (x, y)
                x += box.size[0] + GAP
            x, y = MARGIN, y + ROW

    def _depths(self) -> dict[str, int]:
        """Each box's row: below all that lead to it, but for cords back; a source right above its first."""
        order = self._order()
        depths = dict.fromkeys(order, 0)
        ahead = [(s, t) for s, _, t, _ in self.cords if order.index(s) < order.index(t)]
        for source, target in sorted(ahead, key=lambda cord: order.index(cord[0])):
            depths[target] = max(depths[target], depths[source] + 1)
        for name in order:
            below = [depths[target] for source, target in ahead if source == name]
            if below and name not in {target for _, target in ahead}:
                depths[name] = min(below) - 1
        last = max(depths.values(), default=0) + 1  # Pd counts outlets from left to right: all in one row
        return {n: last if self.boxes[n].text.startswith("outlet") else depths[n] for n in self.boxes}

    def _order(self) -> list[str]:
        """The boxes' names, each before those that it leads to, as far as there are no circles."""
        order: list[str] = []
        seen: set[str] = set()

        def visit(name: str) -> None:
            if name not in seen:
                seen.add(name)
                for source, _, target, _ in self.cords:
                    if source == name:
                        visit(target)
                order.insert(0, name)

        for name in self.boxes:
            visit(name)
        return order


def patch_text(canvas: Canvas) -> str:
    """The file of a patch with this canvas as its window."""
    head, *lines = canvas.lines()
    x, y, width, height = head.split()[2:6]
    return "\n".join([f"#N canvas {x} {y} {width} {height} {FONT};", *lines]) + "\n"


def escaped(text: str) -> str:
    """As in a file: commas, semicolons and dollars stand for themselves."""
    for letter, instead in (("$", r"\$"), (",", r" \,"), (";", r" \;")):
        text = text.replace(letter, instead)
    return text


def _end(end: str) -> tuple[int, str, int]:
    """Inlet, name and outlet of a place on a chain."""
    parts = end.strip().split(":")
    inlet = int(parts.pop(0)) if parts[0].isdigit() else 0
    return inlet, parts[0], int(parts[1]) if len(parts) > 1 else 0
