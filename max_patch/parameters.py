"""A control as a Live parameter: the keys that Max writes for one.

Flow: controls, face -> parameters -> signals, device, midi_device.
"""

from __future__ import annotations

from typing import Any

from max_patch.controls import Control
from max_patch.face import TEXT_COLOURS, help

TYPES = {"float": 0, "int": 1, "enum": 2}
BLOB = 3  # a type that holds text
UNIT_STYLES = {"": 1, "ms": 2, "Hz": 3, "dB": 4, "%": 5}
WHOLE = 0  # the unit style of whole numbers
BIPOLAR = 2  # a modulation mode: up and down from the dial
STORED_ONLY = 1  # saved with the set, not automated


def parameter(control: Control) -> dict[str, Any]:
    """Keys of the box: automated or stored, with its range, its start and its help."""
    is_whole = control.kind == "int" or control.name == "port"  # Live's int goes to 255 alone
    valueof: dict[str, Any] = {
        "parameter_longname": control.label,
        "parameter_shortname": control.label,
        "parameter_type": TYPES[control.kind],
        "parameter_mmin": float(control.lowest),
        "parameter_mmax": float(control.highest),
        "parameter_initial_enable": 1,
        "parameter_initial": [control.initial],
        "parameter_invisible": 0 if control.is_automated else STORED_ONLY,
    }
    if control.items:
        valueof["parameter_enum"] = list(control.items)
    else:
        valueof["parameter_unitstyle"] = WHOLE if is_whole else UNIT_STYLES[control.unit]
    if control.kind == "float" and control.is_automated:
        valueof["parameter_modmode"] = BIPOLAR
    return _keys(control.name, valueof, help(control.label, control.help))


def text_parameter(name: str, text: str, about: str) -> dict[str, Any]:
    """Keys of a box whose text is saved with the set."""
    label = name.capitalize()
    valueof: dict[str, Any] = {
        "parameter_longname": label,
        "parameter_shortname": label,
        "parameter_type": BLOB,
        "parameter_initial_enable": 1,
        "parameter_initial": [text],
        "parameter_invisible": STORED_ONLY,
    }
    return _keys(name, valueof, help(label, about), **TEXT_COLOURS)


def _keys(name: str, valueof: dict[str, Any], about: dict[str, Any], **colours: Any) -> dict[str, Any]:
    info = {"parameter_info": about["annotation"], "parameter_annotation_name": about["annotation_name"]}
    saved = {"saved_attribute_attributes": {"valueof": valueof | info} | colours}
    return {"parameter_enable": 1, "varname": name} | saved | about
