"""What a patch does to signals: the mix and z into rings at one running count, the bass out of its ring.

Flow: controls, face -> signals -> device.
"""

from __future__ import annotations

from bassnet_osc.spec import USUAL_RATE
from max_patch import face
from max_patch.bridge_text import RING_FRAMES
from max_patch.controls import BY_NAME, LATENCY_TARGET_MS, PAD_HELP, RING_MS
from max_patch.graph import Graph
from max_patch.parameters import parameter

POLL_MS = 5  # how often the script is told the count
SMOOTHING_MS = 20  # of the dry/wet dial
DRAW_MS = 40  # between two moves of the pad, its knob's or the dials'
MAX_DELAY = 1 << 16  # samples of the dry signal: LATENCY_TARGET_MS and the longest ring at 192 kHz
RING = round(RING_MS * USUAL_RATE / 1000)  # samples
TOTAL = RING + round(LATENCY_TARGET_MS * USUAL_RATE / 1000)


def mix(graph: Graph, is_live: bool, rings: dict[str, str], say: str) -> None:
    """The mix, mono, into its ring at the running count."""
    graph.comment("about_mix", "MIX IN: to +~, and to both delay~ on the right.", (0, -0.7))
    graph.text("in", "plugin~" if is_live else "adc~ 1 2", (0, 0.3))
    graph.text("sum", "+~", (0, 1.3))
    graph.text("half", "*~ 0.5", (0, 2.3))
    graph.text("count", f"count~ 0 {RING_FRAMES} 1 1", (0.9, 0.3))
    graph.text("poll", f"snapshot~ {POLL_MS}", (1.6, 1.3))
    graph.text("clock", "prepend clock", (1.6, 2.3))
    graph.text("say_clock", f"send {say}", (1.6, 3.3))
    graph.text("to_mix", f"poke~ {rings['mix']}", (0, 4.1))
    for row, name in enumerate(rings):
        graph.text(f"ring_{name}", f"buffer~ {rings[name]} @samps {RING_FRAMES}", (0.9, 4.6 + row))
    keys = face.help("Input", face.METER_IN_HELP)
    graph.shown("meter_in", "live.meter~", (0.5, 5.1), face.METER_IN, **keys)
    graph.chain("in", "sum", "half", "to_mix")
    graph.cord("in:1", "sum:1")
    graph.cord("half", "meter_in")
    graph.cord("count", "to_mix:1")
    graph.chain("count", "poll", "clock", "say_clock")


def z(graph: Graph, rings: dict[str, str]) -> None:
    """Both dials into rings as well, so that z keeps its place in the mix, and the pad that shows them."""
    graph.comment("about_z", "z keeps its place in the mix: it has rings as well.", (0, 9.5))
    for column, name in enumerate(("x", "y")):
        left = 0.7 * column
        dial(graph, name, (0.9 + left, 16.6))
        graph.text(f"signal_{name}", "sig~", (0.9 + left, 18.5))
        graph.text(f"to_{name}", f"poke~ {rings[name]}", (0.9 + left, 19.5))
        graph.chain(name, f"signal_{name}", f"to_{name}")
        graph.cord("count", f"to_{name}:1")
    _pad(graph)


def _pad(graph: Graph) -> None:
    """While the mouse is down, and once as it is let go, the pad is asked where its knob is."""
    keys = face.PAD_KEYS | face.help("z", PAD_HELP)
    graph.text("pad_xy", "pak 0.5 0.5", (0, 10.6))
    graph.text("pad_seldom", f"speedlim {DRAW_MS}", (0, 11.5))
    graph.text("pad_later", "deferlow", (0, 12.4))  # what is drawn has time
    graph.shown("pad", "nodes", (0, 13.4), face.PAD, **keys)
    graph.text("mouse", f"speedlim {DRAW_MS}", (0.9, 11.5))
    graph.text("button", "zl.nth 3", (0.9, 12.4))
    graph.text("is_down", "sel 1", (1.5, 12.4))
    graph.text("was_down", "change", (1.5, 11.5))
    graph.text("is_up", "sel 0", (2, 12.4))
    graph.message("where", "getxy", (1.5, 13.4))
    graph.text("answer", "route xy", (0.9, 13.4))
    graph.text("knob", "unpack 0. 0.", (0.9, 14.3))
    graph.chain("pad_xy", "pad_seldom", "pad_later", "pad")
    graph.cord("pad:2", "mouse")
    graph.chain("mouse", "button", "is_down", "where", "pad")
    graph.chain("button", "was_down", "is_up", "where")
    graph.cord("pad:1", "answer")
    graph.chain("answer", "knob")
    for column, name in enumerate(("x", "y")):
        control, left = BY_NAME[name], 0.7 * column
        ends = f"{control.lowest:g}. {control.highest:g}."
        graph.text(f"from_pad_{name}", f"scale 0. 1. {ends}", (0.9 + left, 15.2))
        graph.text(f"to_pad_{name}", f"scale {ends} 0. 1.", (0.9 + left, 10.6))
        graph.cord(f"knob:{column}", f"from_pad_{name}")
        graph.chain(f"from_pad_{name}", name, f"to_pad_{name}")
        graph.cord(f"to_pad_{name}", f"pad_xy:{column}")


def bass(graph: Graph, is_live: bool, rings: dict[str, str]) -> None:
    """The bass out of its ring, and the mix as late as it is."""
    graph.comment(
        "about_bass",
        "The bass out of its ring, BASS OUT at the first *~, beside the mix that is as late.",
        (6.7, -0.7),
    )
    graph.text("late", f"+~ {RING_FRAMES - RING}", (6.7, 0.3))
    graph.text("wrap", f"%~ {RING_FRAMES}", (6.7, 1.3))
    graph.text("from_bass", f"index~ {rings['bass']}", (6.7, 2.3))
    graph.text("wet_bass", "*~", (6.7, 4.9))
    dial(graph, "wet", (7.8, 0.3))
    graph.text("fraction", "* 0.01", (7.8, 2))
    graph.message("glide", f"$1 {SMOOTHING_MS}", (7.8, 3))
    graph.text("wetness", "line~ 1.", (7.8, 4))
    graph.text("dryness", "!-~ 1.", (8.2, 4.9))
    keys = face.help("Bass", face.METER_OUT_HELP)
    graph.shown("meter_out", "live.meter~", (7.3, 5.3), face.METER_OUT, **keys)
    graph.text("out", "plugout~" if is_live else "dac~ 1 2", (6.7, 7.2))
    graph.chain("count", "late", "wrap", "from_bass", "wet_bass", "meter_out")
    graph.cord("script:5", "late:1")
    graph.chain("wet", "fraction", "glide", "wetness", "dryness")
    graph.cord("wetness", "wet_bass:1")
    _dry(graph)


def _dry(graph: Graph) -> None:
    """Both channels of the mix, delayed by the whole latency, under the bass."""
    for channel in (0, 1):
        delay, dry = f"delay_{channel}", f"dry_{channel}"
        graph.text(delay, f"delay~ {MAX_DELAY} {TOTAL}", (8.4 + 0.8 * channel, 1.3))
        graph.text(dry, "*~", (8.4 + 0.8 * channel, 5.9))
        graph.cord(f"in:{channel}", delay)
        graph.cord("script:4", f"{delay}:1")
        graph.chain(delay, dry)
        graph.cord("dryness", f"{dry}:1")
        graph.cord(dry, f"out:{channel}")  # signals that meet are summed
        graph.cord("wet_bass", f"out:{channel}")


def dial(graph: Graph, name: str, at: tuple[float, float]) -> None:
    """Adds a control of the table as a dial."""
    graph.shown(name, "live.dial", at, face.RECTS[name], **parameter(BY_NAME[name]))
