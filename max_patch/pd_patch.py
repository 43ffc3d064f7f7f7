"""The Pure Data client, bassnet.pd, for Pd 0.53 or newer.

Flow: pd_face, pd_stream, pd_session, pd_steer (canvases of named boxes and cords) -> pd_text -> generate.
"""

from __future__ import annotations

from bassnet_osc.params import PARAMS, TIMBRE_NAMES
from bassnet_osc.spec import A4_HZ, HOST, PORT
from max_patch import pd_face, pd_session, pd_steer, pd_stream
from max_patch.pd_text import MARGIN, Canvas, patch_text

DEFAULTS = {
    "name": f"symbol {pd_session.NAME}",
    "host": f"symbol {HOST}",
    "port": PORT,
    "ring": pd_stream.RING,
    "x": 0,
    "y": 0,
    "wet": 1,
    "gain": 0,
    "octave": 0,
    "tuning": f"{A4_HZ:g}",
    "gate": f"{PARAMS['gate'].lowest:g}",  # the model's own
    "timbre": f"symbol {TIMBRE_NAMES[0]}",
}
PARTS = (
    pd_stream.audio,
    pd_stream.blocks,
    pd_stream.answers,
    pd_steer.z,
    pd_steer.sound,
    pd_steer.notes,
    pd_session.line,
    pd_session.connection,
    pd_session.hello,
    pd_session.welcome,
    pd_session.state,
    pd_session.latency,
    pd_session.beginning,
)


def bassnet_pd() -> str:
    """The text of bassnet.pd."""
    return patch_text(window())


def window() -> Canvas:
    """The patch: its face, and all else in one subpatch."""
    c = Canvas("bassnet", pd_face.SIZE, is_open=True)
    pd_face.face(c)
    c.sub(_inside(), (MARGIN, pd_face.SIZE[1] - 2 * MARGIN))
    return c


def _inside() -> Canvas:
    """All that is not the face, and the order in which an opened patch begins."""
    c = Canvas("inside")
    for part in PARTS:
        c.sub(part())
    says = "".join(f"; bassnet-{name} {value}" for name, value in DEFAULTS.items())
    c.objects(load="loadbang", begin="t b b b b", defaults=f"[{says}(", init="s $0-init")
    c.objects(on="[1(", switch="s bassnet-connect")
    # 2^24 as 4096 x 4096: a Pd that saves the patch writes 16777216 as 1.67772e+07, which is another number.
    c.objects(root="[4096(", both="t f f", square="* 1", modulo="s $0-modulo")
    c.wire("load > begin", "begin:3 > root > both > square > modulo", "both:1 > 1:square")
    c.wire("begin:2 > defaults", "begin:1 > init", "begin > on > switch")
    return c
