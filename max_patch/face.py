"""Where everything stands on the device's face: a strip of 340 by 169 pixels, in whole pixels.

Flow: face -> parameters, signals, device, midi_device, picture.
"""

from __future__ import annotations

from typing import Any

from max_patch.graph import Rect

WIDTH, HEIGHT = 340, 169  # pixels: the height is Live's
MIDI_WIDTH = 120

PAD: Rect = (6, 6, 96, 96)
METER_IN: Rect = (312, 6, 9, 96)
METER_OUT: Rect = (325, 6, 9, 96)
TOLD: Rect = (6, 133, 328, 16)
STATE: Rect = (6, 150, 328, 16)
_UPPER, _LOWER, _LABELS, _FIELDS = 3, 54, 102, 116  # y of the rows
_DIAL = (40, 48)
RECTS: dict[str, Rect] = {
    "x": (106, _UPPER, *_DIAL),
    "y": (146, _UPPER, *_DIAL),
    "gain": (186, _UPPER, *_DIAL),
    "octave": (226, _UPPER, *_DIAL),
    "wet": (266, _UPPER, *_DIAL),
    "gate": (106, _LOWER, *_DIAL),
    "tuning": (146, _LOWER, *_DIAL),
    "ring": (186, _LOWER, *_DIAL),
    "sync": (232, _LOWER + 3, 74, 15),
    "timbre": (232, _LOWER + 32, 74, 15),
    "model": (6, _FIELDS, 112, 15),
    "host": (124, _FIELDS, 100, 15),
    "port": (230, _FIELDS, 50, 15),
    "link": (286, _FIELDS, 48, 15),
}
SWITCH: Rect = (232, _LOWER + 3, 36, 15)  # in place of `sync`, where there is no transport
ANEW: Rect = (270, _LOWER + 3, 36, 15)
LABELS: dict[str, Rect] = {
    name: (RECTS[name][0], _LABELS if RECTS[name][1] == _FIELDS else RECTS[name][1] - 13, RECTS[name][2], 13)
    for name in ("timbre", "model", "host", "port", "link")
}

METER_IN_HELP = "Level of the mix that the server hears."
METER_OUT_HELP = "Level of the bass that it plays."
AUDIO_HELP = "Turns Max's audio on and off."
ANEW_HELP = "The bass begins anew, as if it had heard nothing."
STATE_HELP = "What the server is at, or why there is none."
TOLD_HELP = "How late the bass is, and so the dry mix; told to Live, which makes up for it."
_COLOURS = {"bgcolor": "live_lcd_bg", "bordercolor": "live_lcd_bg", "textcolor": "live_lcd_control_fg"}


def theme(**colours: str) -> dict[str, Any]:
    """Colours of Live's theme, for objects that do not follow it by themselves."""
    return {name: {"expression": f"themecolor.{colour}"} for name, colour in colours.items()}


LEFT: dict[str, Any] = {"textjustification": 0}
PAD_KEYS: dict[str, Any] = {
    "displayknob": 1,
    "knobsize": 12.0,
    "mousemode": 2,  # the mouse moves the knob, not the node
    "nodenumber": 1,
    "nodesnames": [""],
    "nsize": [0.0],  # and there is no node to be seen
    "parameter_enable": 0,
    "saved_attribute_attributes": theme(
        **_COLOURS, knobcolor="live_lcd_control_fg", nodecolor="live_lcd_bg", pointcolor="live_lcd_bg"
    ),
    "xplace": [0.5],
    "yplace": [0.5],
}
TEXT_KEYS: dict[str, Any] = {"border": 0.0, "fontsize": 9.5, "keymode": 1, "lines": 1, "wordwrap": 0}
TEXT_COLOURS = theme(**_COLOURS)


def help(title: str, text: str) -> dict[str, Any]:
    """Keys of a help text: Live's Info View has title and text, Max shows the hint at the mouse."""
    return {"annotation": text, "annotation_name": title, "hint": text}
