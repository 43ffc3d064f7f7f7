"""How many inlets and outlets the boxes of Pd vanilla have: those that bassnet.pd and its tests use.

Flow: pd_text -> ports. An object box that is not listed is refused, so that all of a patch is vanilla.
"""

from __future__ import annotations

import re

from bassnet_osc import BassNetError

# Those whose arguments change nothing, as Pd 0.53 and newer have them: (inlets, outlets).
LISTED = {
    (0, 0): "cnv, table",
    (0, 1): "bang~, inlet, loadbang, r",
    (0, 2): "adc~",
    (1, 0): "block~, delwrite~, outlet~, s, s~, tabsend~, tabwrite~, throw~",
    (
        1,
        1,
    ): "bng, catch~, change, delread~, env~, hsl, inlet~, list length, list trim, nbx, oscformat, oscparse, "
    "r~, samplerate~, tabread, tgl",
    (1, 2): "netreceive, netsend, soundfiler, tabplay~",
    (2, 0): "array set, dac~, tabwrite",
    (
        2,
        1,
    ): "+, -, *, div, mod, f, i, symbol, delay, metro, timer, spigot, list append, list prepend, +~, -~, *~, "
    "line~",
    (2, 2): "moses, vu",
    (2, 3): "list split",
    (3, 1): "array get, clip",
}
PORTS = {name.strip(): ports for ports, names in LISTED.items() for name in names.split(",")}


def ports(text: str) -> tuple[int, int]:
    """Inlets and outlets of the object box with this text; BassNetError where it is none of ours."""
    name, *args = text.split()
    if name in ("t", "unpack"):
        return 1, len(args)
    if name == "pack":
        return len(args), 1
    if name == "pipe":
        return len(args), len(args) - 1  # the last argument is the delay
    if name == "expr":
        return max(int(n) for n in re.findall(r"\$f(\d)", text)), 1
    if name in ("route", "sel"):
        return 1 + (len(args) == 1), len(args) + 1
    key = f"{name} {args[0]}" if name in ("list", "array") and args else name
    if key not in PORTS:
        raise BassNetError(f"a box must be one of Pd vanilla that pd_objects lists; got {text!r}: list it")
    return PORTS[key]
