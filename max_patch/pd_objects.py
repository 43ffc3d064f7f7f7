"""How many inlets and outlets the boxes of Pd vanilla have: those that our patch uses, no others.

Flow: pd_text -> ports. A box that is not listed here is refused, so nothing but vanilla gets into the patch.
"""

from __future__ import annotations

import re

from bassnet_osc import BassNetError

# (inlets, outlets) of the objects whose arguments change nothing, as Pd 0.51 to 0.53 have them.
FIXED = {
    **dict.fromkeys(("+", "-", "*", "/", "mod", "div", ">", "==", "min", "f", "float", "i", "symbol"), (2, 1)),
    **dict.fromkeys(("+~", "-~", "*~", "delay", "metro", "clip", "makefilename", "spigot", "env~"), (2, 1)),
    **{"clip": (3, 1), "env~": (1, 1), "moses": (2, 2), "change": (1, 1), "sig~": (1, 1), "line~": (2, 1)},
    **{"netsend": (1, 2), "oscparse": (1, 1), "oscformat": (1, 1), "loadbang": (0, 1), "samplerate~": (1, 1)},
    **{"list prepend": (2, 1), "list append": (2, 1), "list split": (2, 3), "list trim": (1, 1)},
    **{"list length": (1, 1), "list": (2, 1), "array get": (3, 1), "array set": (2, 0), "table": (0, 0)},
    **{"adc~": (0, 2), "dac~": (2, 0), "catch~": (1, 1), "throw~": (1, 0), "s~": (1, 0), "r~": (1, 1)},
    **{"s": (1, 0), "r": (0, 1), "inlet~": (1, 1), "outlet~": (1, 0), "block~": (1, 0), "bang~": (0, 1)},
    **{"inlet": (0, 1), "outlet": (1, 0), "tabsend~": (1, 0), "tabplay~": (1, 2), "delwrite~": (1, 0)},
    **{"delread~": (1, 1), "tabread": (1, 1), "tabwrite": (2, 0), "tabwrite~": (1, 0), "soundfiler": (1, 2)},
    **{"vu": (2, 2), "hsl": (1, 1), "nbx": (1, 1), "tgl": (1, 1), "bng": (1, 1), "cnv": (0, 0)},
    **{"timer": (2, 1), "until": (2, 1), "realtime": (2, 1), "print": (1, 0), "qlist": (1, 3), "netreceive": (1, 2)},
}

def ports(text: str) -> tuple[int, int]:
    """Inlets and outlets of the object box with this text; BassNetError where it is none of ours."""
    name, *args = text.split()
    if name in ("t", "trigger"):
        return 1, len(args)
    if name == "pack":
        return len(args), 1
    if name == "unpack":
        return 1, len(args)
    if name == "pipe":
        return len(args), len(args) - 1  # the last argument is the delay
    if name == "expr":
        return max(int(n) for n in re.findall(r"\$f(\d)", text)), 1
    if name in ("route", "sel"):
        return 1 + (len(args) == 1), len(args) + 1
    key = f"{name} {args[0]}" if name in ("list", "array") and args else name
    if key not in FIXED:
        raise BassNetError(f"a box must be one of Pd vanilla that pd_objects lists; got {text!r}: list it")
    return FIXED[key]
