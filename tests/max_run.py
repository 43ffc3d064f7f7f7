"""Runs a patch for Max as Max would, as far as this project's patches need it: its messages and its signals.

Outlets fire from right to left, and cords of one outlet reach the boxes from right to left. What leaves the
patch is noted in `heard`, by the kind of the last box. Written from Cycling '74's reference pages, not from
the generator; nothing of it was compared with Max.

Flow: BassNet.maxpat, BassNet.amxd, BassNet MIDI.amxd -> Run -> test_max_run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from max_files import Patch, kind

BANG = ("bang",)
ENDS = {"udpsend", "udpreceive", "thispatcher", "midiout", "live.comment", "live.meter~", "v8", "dac~"}
PASSING = {"deferlow", "speedlim", "pipe"}  # later in Max, and nothing else
VALUES = {"live.dial", "live.numbox", "live.tab", "live.text"}
Atoms = tuple[Any, ...]


def atom(word: str) -> Any:
    """A word of a box as Max reads it."""
    try:
        return float(word) if "." in word else int(word)
    except ValueError:
        return word


class Run:
    """One opened patch."""

    def __init__(self, patch: Patch) -> None:
        self.boxes, self.lines = patch.boxes, patch.lines
        self.heard: dict[str, list[Atoms]] = defaultdict(list)
        self.held: dict[tuple[str, Any], Any] = {}  # what a box remembers, by its inlet or a word
        self.buffers: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(1 << 17))

    def find(self, name: str) -> str:
        """The box of that kind, variable name or text; there has to be one."""
        found = [
            id
            for id, box in self.boxes.items()
            if name in (box.get("varname"), box.get("text")) or (name == kind(box) and "varname" not in box)
        ]
        assert len(found) == 1, (name, found)
        return found[0]

    # --- messages ------------------------------------------------------------------------------------

    def out(self, id: str, outlet: int, *atoms: Any) -> None:
        """Sends a message out of an outlet."""
        ends = [(d, i) for s, o, d, i in self.lines if (s, o) == (id, outlet)]
        for target, inlet in sorted(ends, key=lambda end: self._place(end[0]), reverse=True):
            self.take(target, inlet, atoms)

    def _place(self, id: str) -> tuple[float, float]:
        x, y, *_ = self.boxes[id]["patching_rect"]
        return x, y

    def take(self, id: str, inlet: int, atoms: Atoms) -> None:
        """A message arrives at an inlet."""
        box = self.boxes[id]
        name, words = kind(box), [atom(word) for word in str(box.get("text", "")).split()[1:]]
        if name in ENDS:
            self.heard[name].append((box.get("varname", ""), *atoms) if name == "v8" else atoms)
        elif inlet and name not in ("gate", "=="):
            self.held[id, inlet] = atoms[0]
            if name == "pak":
                self._pak(id, words)
        elif name in PASSING:
            self.out(id, 0, *atoms)
        elif name == "send":
            for other, received in self.boxes.items():
                if received.get("text") == f"receive {words[0]}":
                    self.out(other, 0, *atoms)
            self.heard["send"].append((words[0], *atoms))
        elif name in VALUES:
            self.held[id, 0] = self.held.get((id, 0)) if atoms == BANG else atoms[0]
            self.out(id, 0, self.held[id, 0])
        else:
            getattr(self, RULES[name])(id, inlet, atoms, words)

    def _prepend(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        self.out(id, 0, *words, *atoms)

    def _trigger(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        for outlet in reversed(range(len(words))):
            self.out(id, outlet, *(BANG if words[outlet] == "b" else atoms))

    def _message(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        for part in self.boxes[id]["text"].split(","):
            words = [atoms[0] if word == "$1" else atom(word) for word in part.split()]
            self.out(id, 0, *words)

    def _scale(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        low, high, to_low, to_high = words
        self.out(id, 0, to_low + (atoms[0] - low) * (to_high - to_low) / (high - low))

    def _pak(self, id: str, words: list[Any]) -> None:
        self.out(id, 0, *(self.held.get((id, inlet), word) for inlet, word in enumerate(words)))

    def _pak_first(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        self.held[id, 0] = atoms[0]
        self._pak(id, words)

    def _unpack(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        for outlet in reversed(range(len(atoms))):
            self.out(id, outlet, atoms[outlet])

    def _select(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        found = words.index(atoms[0]) if atoms[0] in words else None
        self.out(id, len(words), *atoms) if found is None else self.out(id, found, *BANG)

    def _route(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        self.out(id, 0, *atoms[1:]) if atoms[0] == words[0] else self.out(id, 1, *atoms)

    def _nth(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        self.out(id, 0, atoms[words[0] - 1])

    def _slice(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        self.out(id, 1, *atoms[words[0] :])
        self.out(id, 0, *atoms[: words[0]])

    def _gate(self, id: str, inlet: int, atoms: Atoms, _: list[Any]) -> None:
        if inlet == 0:
            self.held[id, 0] = atoms[0]
        elif self.held.get((id, 0)):
            self.out(id, 0, *atoms)

    def _equals(self, id: str, inlet: int, atoms: Atoms, words: list[Any]) -> None:
        if inlet == 1:
            self.held[id, 1] = atoms[0]
        else:
            self.out(id, 0, int(atoms[0] == self.held.get((id, 1), words[0])))

    def _change(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        if self.held.get((id, 0), 0) != atoms[0]:
            self.held[id, 0] = atoms[0]
            self.out(id, 0, *atoms)

    def _times(self, id: str, _: int, atoms: Atoms, words: list[Any]) -> None:
        self.out(id, 0, atoms[0] * words[0])

    def _flush(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        sounding = self.held.setdefault((id, "on"), set())
        notes = [(pitch, 0) for pitch in sorted(sounding)]
        if atoms != BANG:
            notes = [(atoms[0], self.held[id, 1])]
        for pitch, velocity in notes:
            (sounding.add if velocity else sounding.discard)(pitch)
            self.out(id, 1, velocity)
            self.out(id, 0, pitch)

    def _note(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        self.heard["noteout"].append((atoms[0], self.held[id, 1]))

    def _nodes(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        if atoms == ("getxy",):
            self.out(id, 1, "xy", *self.held[id, 0])
        else:
            self.held[id, 0] = atoms
            self.out(id, 0, 1.0)

    def _menu(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        if isinstance(atoms[0], int):
            items = self.boxes[id]["saved_attribute_attributes"]["valueof"]["parameter_enum"]
            self.out(id, 1, items[atoms[0]])
            self.out(id, 0, atoms[0])
        self.heard["live.menu"].append(atoms)

    def _text(self, id: str, _: int, __: Atoms, ___: list[Any]) -> None:
        self.out(id, 0, "text", self.held.get((id, 0), self.boxes[id]["text"]))

    def _state(self, id: str, _: int, __: Atoms, ___: list[Any]) -> None:
        self.out(id, 1, self.held.get((id, "rate"), 48_000.0))
        self.out(id, 0, 1)

    def _path(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        assert atoms == ("path", "live_set")
        self.out(id, 0, "id", 1)

    def _keep(self, id: str, _: int, atoms: Atoms, __: list[Any]) -> None:
        self.held[id, 0] = atoms[0]

    # --- signals -------------------------------------------------------------------------------------

    def play(self, n_samples: int, doors: Callable[[int], tuple[float, float]]) -> np.ndarray:
        """Computes so many samples from the count 0 on; returns what goes out, (n_samples, 2)."""
        played = np.zeros((n_samples, 2))
        [out] = [id for id, box in self.boxes.items() if kind(box) in ("plugout~", "dac~")]
        self._past: dict[str, list[float]] = defaultdict(list)
        for n in range(n_samples):
            self._now: dict[tuple[str, int], float] = {}
            self._count, self._doors = n, doors(n)
            for id, box in self.boxes.items():
                if kind(box) == "poke~":
                    name = box["text"].split()[1]
                    self.buffers[name][int(self._into(id, 1))] = self._into(id, 0)
            played[n] = self._into(out, 0), self._into(out, 1)
        return played

    @cached_property
    def _signals(self) -> dict[tuple[str, int], list[tuple[str, int]]]:
        found = defaultdict(list)
        for source, outlet, destination, inlet in self.lines:
            if self.boxes[source]["outlettype"][outlet] == "signal":
                found[destination, inlet].append((source, outlet))
        return found

    def _into(self, id: str, inlet: int, otherwise: float = 0.0) -> float:
        sources = self._signals[id, inlet]
        if not sources:
            return float(self.held.get((id, inlet), otherwise))
        return sum(self._signal(*source) for source in sources)

    def _signal(self, id: str, outlet: int) -> float:
        if (id, outlet) not in self._now:
            self._now[id, outlet] = self._compute(id, outlet)
        return self._now[id, outlet]

    def _compute(self, id: str, outlet: int) -> float:
        name, *words = str(self.boxes[id]["text"]).split()
        first = atom(words[0]) if words else 0.0
        if name in ("plugin~", "adc~"):
            return self._doors[outlet]
        if name == "count~":
            return self._count % int(words[1])
        if name == "index~":
            return float(self.buffers[words[0]][int(self._into(id, 0))])
        if name in ("sig~", "line~"):
            return float(self.held.get((id, 0), first))
        if name == "delay~":
            self._past[id].append(self._into(id, 0))
            late = int(self._into(id, 1, float(words[1])))
            return self._past[id][-1 - late] if late < len(self._past[id]) else 0.0
        a, b = self._into(id, 0), self._into(id, 1, float(first))
        return {"+~": a + b, "*~": a * b, "!-~": b - a, "%~": a % b if b else 0.0}[name]


RULES = {
    "prepend": "_prepend",
    "t": "_trigger",
    "message": "_message",
    "scale": "_scale",
    "pak": "_pak_first",
    "unpack": "_unpack",
    "sel": "_select",
    "route": "_route",
    "zl.nth": "_nth",
    "zl.slice": "_slice",
    "gate": "_gate",
    "noteout": "_note",
    "==": "_equals",
    "change": "_change",
    "*": "_times",
    "flush": "_flush",
    "nodes": "_nodes",
    "live.menu": "_menu",
    "textedit": "_text",
    "dspstate~": "_state",
    "live.path": "_path",
    "sig~": "_keep",
    "line~": "_keep",
}
