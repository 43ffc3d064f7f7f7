"""The MIDI effect for Live: plays the notes of a BassNet device, so that any instrument can be the sound.

Flow: controls, face -> midi_device -> graph -> maxpat, amxd.
"""

from __future__ import annotations

from max_patch import face
from max_patch.controls import BY_NAME
from max_patch.device import NOTES
from max_patch.graph import Graph
from max_patch.parameters import parameter


def midi_device() -> Graph:
    """Notes with the number of this device's link go out; what comes in passes through."""
    graph = Graph()
    graph.comment("about", "What comes in goes through.", (3, -0.5))
    graph.text("in", "midiin", (3, 0.5))
    graph.text("through", "midiout", (3, 1.5))
    graph.chain("in", "through")
    graph.comment("about_notes", "Link, pitch and velocity, from all BassNet devices of the set.", (0, -0.5))
    graph.text("notes", f"receive {NOTES}", (0, 0.5))
    graph.text("both", "t l l", (0, 1.5))  # from the right: the number first
    graph.text("number", "zl.nth 1", (1, 2.5))
    graph.text("same", "== 1", (1, 3.5))
    graph.text("gate", "gate", (0, 4.5))
    graph.text("rest", "zl.slice 1", (0, 5.5))
    graph.text("note", "unpack 0 0", (0, 6.5))
    graph.text("held", "flush", (0, 8.5))
    graph.text("out", "noteout", (0, 9.5))
    graph.chain("notes", "both", "gate:1")
    graph.cord("both:1", "number")
    graph.chain("number", "same", "gate", "rest")
    graph.cord("rest:1", "note")
    for part in (0, 1):
        graph.cord(f"note:{part}", f"held:{part}")
        graph.cord(f"held:{part}", f"out:{part}")
    _ends(graph)
    graph.shown("title", "live.comment", (2, 5), (6, 4, 108, 16), words="Bass notes", **face.LEFT)
    graph.shown("label", "live.comment", (2, 6), (6, 30, 40, 15), words="Link", **face.LEFT)
    return graph


def _ends(graph: Graph) -> None:
    """Another link, or the device switched off: what sounds is ended before."""
    graph.shown("link", "live.numbox", (1, 0.5), (50, 30, 48, 15), **parameter(BY_NAME["link"]))
    graph.text("changed", "t i b", (1, 1.5))  # from the right: the notes end before the number changes
    graph.text("device", "live.thisdevice", (2, 0.5))
    graph.text("off", "sel 0", (2, 1.5))
    graph.chain("link", "changed", "same:1")
    graph.cord("changed:1", "held")
    graph.cord("device:1", "off")
    graph.cord("off", "held")
