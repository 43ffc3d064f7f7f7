"""The part of the Pd patch that is played: z to the block, the sound, the model, and the notes.

Flow: bassnet-x, -y, -gain ... (face, other patches) -> z, sound -> $0-send; $0-note -> notes -> bassnet-note.

z goes out before the block in which it moved, timed to that block's first sample. The server draws straight
lines between such points, so where the block before had none it gets one, with what held until then.
"""

from __future__ import annotations

from bassnet_osc.params import PARAMS
from bassnet_osc.spec import USUAL_RATE, ModelSpec
from max_patch.pd_stream import BLOCK, RING
from max_patch.pd_text import Canvas

NUMBERS = {name: (p.lowest, p.highest) for name, p in PARAMS.items() if p.kind != "s"}  # and their ranges
LONGEST_MS = 5000  # that a note may wait for its sound
NEVER = -10  # a seq that none is one block after, an x that none is


def z() -> Canvas:
    """X and Y: as plain z with a new stream or session, else timed to the block."""
    c = Canvas("z")
    _position(c)
    _plain(c)
    _timed(c)
    return c


def _position(c: Canvas) -> None:
    """Where z is now, and that it has moved."""
    limit = f"{ModelSpec.z_limit:g}"
    c.objects(
        r_x="r bassnet-x", r_y="r bassnet-y", clip_x=f"clip -{limit} {limit}", clip_y=f"clip -{limit} {limit}"
    )
    c.objects(new_x=f"change {NEVER}", new_y=f"change {NEVER}", and_x="t b f", and_y="t b b f", yes="[1(")
    c.objects(moved="f 0", pair="pack f f", here="list append", now="list append", before="list append")
    c.wire(
        "r_x > clip_x > new_x > and_x", "r_y > clip_y > new_y > and_y", "and_x > yes", "and_y > yes > 1:moved"
    )
    c.wire("and_x:1 > pair", "and_y:2 > 1:pair", "and_y:1 > pair", "pair > 1:here", "pair > 1:now")


def _plain(c: Canvas) -> None:
    """At the first block of a stream or a session: z as it is."""
    c.objects(
        introduce="r $0-introduce", restart="r $0-restart", anew="[1(", is_plain="f 0", clock="r $0-z-clock"
    )
    c.objects(look="t b b", if_plain="sel 1", if_moved="sel 1", say="t b b b", done="[0(", send="s $0-send")
    c.objects(never=f"[{NEVER}(", said="t a a", osc="oscformat bassnet z")
    c.wire(
        "introduce > anew",
        "restart > anew > 1:is_plain",
        "clock > look",
        "look:1 > is_plain > if_plain > say",
    )


def _timed(c: Canvas) -> None:
    """At any other one, where z has moved: what held until then, and what holds from here."""
    c.objects(move="t b b b b", zero="[0(", seq="r $0-seq", hold="f", this="f", that="f", held="t f f")
    c.objects(back="- 1", wrap="mod", modulo="r $0-modulo", past="[$1 0(", last=f"- {NEVER}", is_next="sel 1")
    c.objects(recall="t b", old="list prepend", at="[$1 0(", both="t b f", new="list prepend", timed="t a a")
    c.objects(osc_at="oscformat -f iiff bassnet z at")
    c.wire(
        "look > moved > if_moved > move",
        "say:2 > done > 1:is_plain",
        "done > 1:moved",
        "say:1 > never > 1:last",
    )
    c.wire("say > here > said", "said:1 > osc > send", "said > 1:before")
    c.wire("seq > 1:hold", "seq > 1:this", "seq > 1:that", "modulo > 1:wrap", "move:3 > zero > 1:moved")
    c.wire("move:2 > hold > held", "held:1 > back > wrap > past > 1:old", "held > last > is_next:1 > recall")
    c.wire("recall > before > old > osc_at > send", "move:1 > this > both", "both:1 > at > 1:new")
    c.wire("both > now > timed", "timed:1 > new > osc_at", "timed > 1:before", "move > that > 1:last")


def sound() -> Canvas:
    """The parameters and the model, each under a name of its own and by `bassnet-param NAME VALUE`."""
    c = Canvas("sound")
    c.objects(introduce="r $0-introduce", send="s $0-send", param="r bassnet-param")
    c.objects(names=f"route {' '.join(NUMBERS)} timbre")
    c.wire("param > names")
    _numbers(c)
    _words(c)
    return c


def _numbers(c: Canvas) -> None:
    """Clipped to their ranges."""
    for i, (name, (lowest, highest)) in enumerate(NUMBERS.items()):
        kind = "-f i " if name == "octave" else ""
        c.objects(**{f"to_{name}": f"s bassnet-{name}", f"r_{name}": f"r bassnet-{name}", name: "f"})
        c.objects(
            **{
                f"clip_{name}": f"clip {lowest:g} {highest:g}",
                f"osc_{name}": f"oscformat {kind}bassnet param {name}",
            }
        )
        c.wire(
            f"names:{i} > to_{name}",
            f"r_{name} > clip_{name} > {name} > osc_{name} > send",
            f"introduce > {name}",
        )


def _words(c: Canvas) -> None:
    """Timbre and model: nothing is said of them until one was chosen."""
    c.objects(to_timbre="s bassnet-timbre", to_symbol="symbol")
    c.wire(f"names:{len(NUMBERS)} > to_symbol > to_timbre")
    for name, address in (("timbre", "param timbre"), ("model", "model")):
        c.objects(
            **{
                f"r_{name}": f"r bassnet-{name}",
                f"{name}_first": "t a b",
                f"{name}_yes": "[1(",
                name: "symbol",
            }
        )
        c.objects(**{f"{name}_chosen": "spigot", f"osc_{name}": f"oscformat bassnet {address}"})
        c.objects(**{f"{name}_as": "[set $1(", f"{name}_face": f"s $0-{name}-face"})
        c.wire(f"r_{name} > {name}_first > {name} > {name}_chosen > osc_{name} > send", f"introduce > {name}")
        c.wire(f"{name}_first:1 > {name}_yes > 1:{name}_chosen", f"{name}_chosen > {name}_as > {name}_face")


def notes() -> Canvas:
    """Each note as `pitch velocity` when its sound is played, velocity 0 where it ends."""
    c = Canvas("notes")
    _wait_for_sound(c)
    _end(c)
    return c


def _wait_for_sound(c: Canvas) -> None:
    """Each note comes out as late as the sound that it describes."""
    c.objects(
        note="r $0-note", kinds="route on off", on="[$1 $2 $4 $5(", off="[$1 0 $2 $3(", parts="unpack f f f f"
    )
    c.objects(seq="f", go="t f b b", now="r $0-seq", ring="r $0-ring-blocks", offset="r $0-offset")
    c.objects(told="r $0-latency", first="unpack f", rate="r $0-rate", tick="r $0-tick", since="timer")
    c.objects(
        when=f"pack f f {RING} f f {USUAL_RATE} f"
    )  # its seq, seq now, ring, its offset, latency, rate, ms since
    c.objects(ms=f"expr (($f1 - $f2 + $f3 + 1) * {BLOCK} + $f4 + $f5) * 1000 / $f6 - $f7")
    c.objects(
        wait=f"clip 0 {LONGEST_MS}", later="pipe 0 0 0", pair="pack f f", both="t a a", out="s bassnet-note"
    )
    c.wire("note > kinds > on > parts", "kinds:1 > off > parts", "parts:3 > 3:when", "parts:2 > 1:seq")
    c.wire(
        "parts:1 > 1:later",
        "parts > go",
        "go:2 > 1:since > 6:when",
        "go:1 > seq > when > ms > wait > 2:later",
    )
    c.wire("go > later", "later:1 > 1:pair", "later > pair > both > out", "now > 1:when", "ring > 2:when")
    c.wire("offset > 4:when", "told > first > 4:when", "rate > 5:when", "tick > since")


def _end(c: Canvas) -> None:
    """The note that sounds ends where a stream does, or its server is gone."""
    c.objects(sounding="unpack f f", last="f 0", gone="r $0-gone", restart="r $0-restart")
    c.objects(end="t b b b", clear="[clear(", is_any="moses 1", silent="[$1 0(", none="[0(")
    c.wire(
        "both:1 > sounding > 1:last",
        "gone > end",
        "restart > end",
        "end:2 > clear > later",
        "end:1 > last > is_any",
    )
    c.wire("is_any:1 > silent > out", "end > none > 1:last")
