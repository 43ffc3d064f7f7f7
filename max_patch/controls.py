"""What a player can turn in Max, Live and Pd: one table, with the ranges of the protocol.

Flow: bassnet_osc.params, bassnet_osc.spec -> controls -> parameters, signals, device, midi_device,
bridge_text, pd_face.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import bassnet_osc
from bassnet_osc.params import PARAMS, TIMBRE_NAMES
from bassnet_osc.spec import A4_HZ, DEFAULT_MODEL, PORT, ModelSpec, Spec

LATENCY_TARGET_MS = 60  # what the server's offset is padded to: live models have 50.4 at most
RING_MS, LOWEST_RING_MS, HIGHEST_RING_MS = 70, 20, 200  # by which an answer may be late
HIGHEST_LINK = 16  # of the numbers that join a device to a MIDI device
LOWEST_PORT, HIGHEST_PORT = 1024, 65535
MODELS = Path(bassnet_osc.__file__).parent / "models"

Kind = Literal["float", "int", "enum"]


@dataclass(frozen=True)
class Control:
    """One dial, menu or switch. Its help is shown in Live's Info View and as Max's hint.

    `is_automated`: Live may automate and map it; the others are saved with the set alone.
    """

    name: str  # in the patch, and of the message that it sends
    label: str  # as automation lists show it; unique
    kind: Kind
    lowest: float
    highest: float
    initial: float  # of an enum: the index
    unit: str
    help: str
    items: tuple[str, ...] = ()  # of an enum
    is_automated: bool = True


def live_models(is_ahead: bool) -> tuple[str, ...]:
    """Names of the shipped models that can play along: those whose analysis hears no future.

    `is_ahead`: with those that guess what comes, which gain nothing where all offsets are padded to one.
    """
    cards = {path.parent.name: json.loads(path.read_text()) for path in MODELS.glob("*/model.json")}
    specs = {name: Spec.from_dict(card["spec"]) for name, card in cards.items()}
    live = {name: spec for name, spec in specs.items() if spec.cqt.alignment == "causal"}
    return tuple(sorted(name for name, spec in live.items() if is_ahead or not spec.window.ahead))


DEVICE_MODELS = live_models(is_ahead=False)
SPARE_MODELS = tuple(
    f"own {n}" for n in range(1, 9)
)  # items for the server's other models: Live saves numbers


def _axis(name: str, help: str) -> Control:
    return Control(name, name.upper(), "float", -ModelSpec.z_limit, ModelSpec.z_limit, 0.0, "", help)


def _sound(name: str, kind: Kind, initial: float, unit: str, help: str) -> Control:
    param = PARAMS[name]
    return Control(name, name.capitalize(), kind, param.lowest, param.highest, initial, unit, help)


def _setting(name: str, range: tuple[float, float], initial: float, unit: str, help: str) -> Control:
    kind: Kind = "int" if name == "link" else "float"
    return Control(name, name.capitalize(), kind, *range, initial, unit, help, is_automated=False)


def _menu(name: str, items: tuple[str, ...], initial: str, help: str) -> Control:
    is_automated = name == "timbre"  # changing the others in the middle of a song is no music
    top, index = len(items) - 1, items.index(initial)
    return Control(name, name.capitalize(), "enum", 0, top, index, "", help, items, is_automated)


CONTROLS = (
    _axis("x", "First axis of z, where the bass is taken from. What was learned lies between -3 and 3."),
    _axis("y", "Second axis of z. Record or draw automation on X and Y; the pad shows them."),
    _sound("gain", "float", 0.0, "dB", "Loudness of the bass."),
    _sound("octave", "int", 0.0, "", "Octaves up or down, of the sound and of the notes."),
    _sound(
        "gate",
        "float",
        PARAMS["gate"].lowest,
        "dB",
        "Notes that stay below this level are not played. At its lowest the model's own gate holds.",
    ),
    _sound("tuning", "float", A4_HZ, "Hz", "Pitch of the A above middle C."),
    Control(
        "wet",
        "Dry/Wet",
        "float",
        0.0,
        100.0,
        100.0,
        "%",
        "100 %: the bass alone. The dry mix is delayed as much as the bass is late, so they stay together.",
    ),
    _setting(
        "ring",
        (LOWEST_RING_MS, HIGHEST_RING_MS),
        RING_MS,
        "ms",
        "How long an answer may take, and a part of the latency. Raise it when blocks come too late.",
    ),
    _menu("timbre", TIMBRE_NAMES, TIMBRE_NAMES[0], "Sound of the bass."),
    _menu(
        "model", DEVICE_MODELS + SPARE_MODELS, DEFAULT_MODEL, "What was learned. The server fills in its own."
    ),
    _menu(
        "sync",
        ("Free", "Sync"),
        "Sync",
        "Sync: the bass begins anew when the transport starts. Loops and jumps keep it going.",
    ),
    _setting("link", (1, HIGHEST_LINK), 1, "", "Notes go to the BassNet MIDI devices of this number."),
    _setting("port", (LOWEST_PORT, HIGHEST_PORT), PORT, "", "UDP port of the server: see `bassnet serve`."),
)
BY_NAME = {control.name: control for control in CONTROLS}
HOST_HELP = "Machine that the server runs on: 127.0.0.1 is this one. Return takes it."
PAD_HELP = "Drag to move X and Y together."
