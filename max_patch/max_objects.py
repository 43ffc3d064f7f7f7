"""The objects of Max that the patches use, and what each has of inlets and outlets.

All of them come with Max 9.0 and Live 12.2; `v8` is the newest. Counts and kinds are those of Cycling '74's
reference pages and of files that Max has saved.

Flow: max_objects -> graph.
"""

from __future__ import annotations

from bassnet_osc.spec import BassNetError

# Inlets, and the kind of each outlet. `v8`'s outlets are what its script sets: see V8_OUTLETS.
PORTS: dict[str, tuple[int, tuple[str, ...]]] = {
    # signals
    "plugin~": (2, ("signal", "signal")),
    "plugout~": (2, ("signal", "signal")),
    "adc~": (1, ("signal", "signal")),
    "dac~": (2, ()),
    "+~": (2, ("signal",)),
    "*~": (2, ("signal",)),
    "!-~": (2, ("signal",)),
    "%~": (2, ("signal",)),
    "sig~": (1, ("signal",)),
    "line~": (2, ("signal", "bang")),
    "count~": (2, ("signal",)),
    "buffer~": (1, ("float", "bang")),
    "poke~": (3, ("signal",)),
    "index~": (2, ("signal", "signal")),
    "delay~": (2, ("signal",)),
    "snapshot~": (2, ("float",)),
    "dspstate~": (1, ("int", "float", "int", "int")),
    # messages
    "*": (2, ("float",)),
    "==": (2, ("int",)),
    "scale": (6, ("",)),
    "prepend": (1, ("",)),
    "pak": (2, ("",)),
    "speedlim": (2, ("",)),
    "deferlow": (1, ("",)),
    "pipe": (2, ("",)),
    "change": (1, ("", "int", "int")),
    "send": (1, ()),
    "receive": (0, ("",)),
    "flush": (2, ("int", "int")),
    "gate": (2, ("",)),
    "zl.nth": (2, ("", "")),
    "zl.slice": (2, ("", "")),
    "thispatcher": (1, ("", "")),
    "udpsend": (1, ()),
    "udpreceive": (1, ("",)),
    "midiin": (1, ("int",)),
    "midiout": (1, ()),
    "noteout": (3, ()),
    # Live
    "live.thisdevice": (1, ("bang", "int", "int")),
    "live.path": (1, ("", "", "")),
    "live.observer": (2, ("", "")),
    # the interface
    "message": (2, ("",)),
    "comment": (1, ()),
    "nodes": (1, ("", "", "")),
    "textedit": (1, ("", "int", "", "")),
    "live.dial": (1, ("", "float")),
    "live.numbox": (1, ("", "float")),
    "live.menu": (1, ("", "", "float")),
    "live.text": (1, ("", "")),
    "live.tab": (1, ("", "", "float")),
    "live.comment": (1, ()),
    "live.meter~": (1, ("float", "int")),
}
V8_OUTLETS = ("osc", "listen", "state", "told", "total", "ring", "models", "note")  # of bridge/bassnet.js
TRIGGERS = {"b": "bang", "f": "float", "i": "int", "l": ""}


def ports(maxclass: str, text: str) -> tuple[int, tuple[str, ...]]:
    """Number of inlets, and the kinds of the outlets; raises BassNetError for an unknown object."""
    words = text.split()
    name = words[0] if maxclass == "newobj" else maxclass
    if name == "t":
        return 1, tuple(TRIGGERS[word] for word in words[1:])
    if name in ("unpack", "route", "sel"):
        n = len(words) - 1
        kinds = {"unpack": ("",) * n, "route": ("",) * (n + 1), "sel": ("bang",) * n + ("",)}
        return (2 if name == "sel" else 1), kinds[name]
    if name == "v8":
        return 1, ("",) * len(V8_OUTLETS)
    if name not in PORTS:
        raise BassNetError(f"an object must be one of max_objects.py; got {name}: add it with its ports")
    return PORTS[name]
