"""The face of the Pd patch: what is seen of it when it is opened.

Flow: controls (the models), pd_steer, pd_stream (ranges) -> face -> Canvas -> pd_patch. Everything here
sends to and hears a name, bassnet-x for X, so the mouse and other patches do the same; what only shows
something hears a $0 name.
"""

from __future__ import annotations

from bassnet_osc.params import TIMBRE_NAMES
from bassnet_osc.spec import ModelSpec
from max_patch.controls import live_models
from max_patch.pd_steer import NUMBERS
from max_patch.pd_stream import MOST_RING
from max_patch.pd_text import FONT, LETTER, LINE, Box, Canvas

SIZE = (660, 540)  # pixels of the window
LABELS = {"gain": "gain, dB", "octave": "octave", "tuning": "A, Hz", "gate": "gate, dB"}
COLOURS = "-262144 -1 -1"  # background, foreground and label, as Pd 0.53 and newer read them
FIELD = "-233017 -66577"  # background and label
WIDE = 300  # pixels of a slider
METER = 116  # pixels of a meter's height


def face(c: Canvas) -> None:
    """Puts the face on the patch's window."""
    _banner(c)
    limit = ModelSpec.z_limit
    for y, name, label, lowest in ((100, "x", "X", -limit), (134, "y", "Y", -limit), (168, "wet", "wet", 0)):
        highest = limit if name in "xy" else 1
        _comment(c, label, 20, y)
        _slider(c, name, 60, y, lowest, highest)
        _number(c, name, 376, y, lowest, highest)
    for i, (name, (lowest, highest)) in enumerate(NUMBERS.items()):
        _comment(c, LABELS[name], 20 + 116 * i, 206)
        _number(c, name, 20 + 116 * i, 228, lowest, highest)
    _choice(c, "timbre", TIMBRE_NAMES, 266)
    _choice(c, "model", live_models(is_ahead=True), 336)
    _comment(c, "plays", 400, 374)
    _cnv(c, "plays", (450, 374), (190, 22), "empty", "$0-plays-face")
    _meters(c)
    _connection(c, 418)
    _latency(c, 454)


def _banner(c: Canvas) -> None:
    _cnv(c, "banner", (0, 0), (SIZE[0], 40), "BassNet", "empty", 20)
    _cnv(c, "state", (20, 52), (110, 26), "offline", "$0-state-face", 14)
    _cnv(c, "reason", (140, 52), (SIZE[0] - 160, 26), "empty", "$0-reason-face")


def _cnv(
    c: Canvas,
    name: str,
    at: tuple[int, int],
    size: tuple[int, int],
    label: str,
    hears: str,
    font: int = FONT,
) -> None:
    """A grey field with words in it."""
    text = f"cnv 10 {size[0]} {size[1]} empty {hears} {label} 8 {size[1] // 2} 0 {font} {FIELD} 0"
    c.add(name, Box("obj", text, 0, 0, size, at))


def _comment(c: Canvas, text: str, x: int, y: int) -> None:
    c.add(f"about {text} {x}", Box("text", text, 0, 0, (LETTER * len(text) + 6, LINE), (x, y)))


def _names(name: str) -> str:
    """What an interface box sends to and hears, and that it has no label."""
    return f"bassnet-{name} bassnet-{name} empty 0 -8 0 {FONT} {COLOURS}"


def _slider(c: Canvas, name: str, x: int, y: int, lowest: float, highest: float) -> None:
    text = f"hsl {WIDE} 20 {lowest:g} {highest:g} 0 0 {_names(name)} 0 1"
    c.add(f"{name} slider", Box("obj", text, 1, 1, (WIDE + 6, 20), (x, y)))


def _number(c: Canvas, name: str, x: int, y: int, lowest: float, highest: float) -> None:
    text = f"nbx 6 20 {lowest:g} {highest:g} 0 0 {_names(name)} 0 256"
    c.add(f"{name} number", Box("obj", text, 1, 1, (64, 20), (x, y)))


def _shown(c: Canvas, label: str, hears: str, x: int, y: int, width: int = 6) -> None:
    """A number that is told, with what it is behind it."""
    c.add(
        f"shown {hears}",
        Box("floatatom", f"{width} 0 0 0 - {hears} -", 1, 1, (LETTER * width + 6, LINE), (x, y)),
    )
    _comment(c, label, x + LETTER * width + 10, y)


def _word(c: Canvas, name: str, x: int, y: int, width: int) -> None:
    """A word that can be typed."""
    text = f"{width} 0 0 0 - $0-{name}-face bassnet-{name}"
    c.add(f"{name} word", Box("symbolatom", text, 1, 1, (LETTER * width + 6, LINE), (x, y)))


def _choice(c: Canvas, name: str, words: tuple[str, ...], y: int) -> None:
    """Messages with the words that exist, and below them a box in which any word can be typed."""
    below, x = y + 38, 20
    _comment(c, name, 20, below)
    _word(c, name, 76, below, 18)
    into = Canvas(name)
    into.objects(word="inlet", symbol="symbol", to=f"s bassnet-{name}")
    into.wire("word > symbol > to")
    c.sub(into, (300, below))
    for word in words:
        width = LETTER * len(word) + 8
        c.add(word, Box("msg", word, 1, 1, (width, LINE), (x, y)))
        c.wire(f"{word} > {name}")
        x += width + 6


def _meters(c: Canvas) -> None:
    for x, name in ((500, "in"), (580, "bass")):
        text = f"vu 15 {METER} $0-{name}-db empty -1 -8 0 10 -66577 -1 1 0"
        c.add(f"{name} meter", Box("obj", text, 1, 2, (50, METER + 6), (x, 100)))
        _comment(c, name, x, 78)


def _connection(c: Canvas, y: int) -> None:
    _comment(c, "host", 20, y)
    _word(c, "host", 60, y, 16)
    _comment(c, "port", 190, y)
    _number(c, "port", 228, y, 1, 65535)
    for x, label, name in ((306, "connect", "connect"), (400, "audio", "dsp")):
        _comment(c, label, x, y)
        box = Box("obj", f"tgl 20 0 {_names(name)} 0 1", 1, 1, (20, 20), (x + LETTER * len(label) + 10, y))
        c.add(f"{name} switch", box)
    _comment(c, "reset", 480, y)
    c.add("reset", Box("obj", f"bng 20 250 50 0 {_names('reset')}", 1, 1, (20, 20), (526, y)))


def _latency(c: Canvas, y: int) -> None:
    _comment(c, "ring", 20, y)
    _number(c, "ring", 60, y, 1, MOST_RING)
    _shown(c, "ms", "$0-ring-ms", 146, y)
    _comment(c, "latency", 236, y)
    _shown(c, "ms =", "$0-total-ms", 294, y)
    _shown(c, "samples", "bassnet-latency", 384, y, 7)
    _shown(c, "missed", "bassnet-missed", 520, y, 5)
