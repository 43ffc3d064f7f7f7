"""The part of the Pd patch that carries audio: blocks out, answers into their places, both played in time.

Flow: adc~, throw~ -> stream (in blocks of BLOCK) -> blocks -> $0-send; $0-audio -> answers -> ring -> stream.

Block k is gathered, and sent when it is whole; while the next one is gathered, block k + 1 - ring is played.
An answer goes into the ring by its seq, if that is one which has been sent and not been played; what was
played is cleared. So a hole is silence, and nothing is heard twice or in a wrong place.
"""

from __future__ import annotations

from max_patch.pd_text import Canvas

BLOCK = 256  # samples: one datagram of 1300 bytes, which an Ethernet frame holds
RING = 4  # blocks from sending one to playing its answer, unless told otherwise: 21 ms at 48 kHz
MOST_RING = 32  # blocks
SLOTS = 64  # blocks for which the ring's table has room: a power of two, as what seq is counted modulo
JUMP = 4096  # blocks by which a new stream's seq is ahead: more than a second at any rate
DRY_MS = 4000  # of the dry signal's delay, at most: more than any model is late
SMOOTH_MS = 20  # of a change of the wet fader


def audio() -> Canvas:
    """What is heard of the room and of other patches, what is played to both."""
    c = Canvas("audio")
    c.objects(adc="adc~ 1 2", half="*~ 0.5", others="catch~ bassnet-mix", in_level="env~ 4096 2048")
    c.sub(stream())
    c.objects(bass="s~ bassnet-bass", dry="s~ bassnet-dry", out_level="env~ 4096 2048")
    c.objects(wet="r bassnet-wet", ramp=f"[$1 {SMOOTH_MS}(", fade="line~", dac="dac~ 1 2")
    c.objects(difference="-~", share="*~", sum="+~")  # dry + wet (bass - dry)
    c.wire("adc > half", "adc:1 > half", "half > stream", "others > stream", "half > in_level")
    c.wire("others > in_level", "stream > bass", "stream:1 > dry", "stream > out_level")
    c.wire(
        "wet > ramp > fade > 1:share", "stream > difference > share > sum > dac", "stream:1 > 1:difference"
    )
    c.wire("stream:1 > 1:sum", "sum > 1:dac")
    for level, name in (("in_level", "in"), ("out_level", "bass")):
        c.objects(**{f"{name}_db": "- 100", f"{name}_meter": f"s $0-{name}-db"})  # env~'s 100 is full scale
        c.wire(f"{level} > {name}_db > {name}_meter")
    return c


def stream() -> Canvas:
    """What runs in blocks of BLOCK: the mix in, the bass and the delayed mix out."""
    c = Canvas("stream")
    c.objects(mix="inlet~", of=f"block~ {BLOCK}", tick="bang~", ticks="s $0-tick", play="r $0-play")
    c.objects(gather="tabsend~ $0-block", delayed=f"delwrite~ $0-dry {DRY_MS}", player="tabplay~ $0-ring")
    c.objects(dry_ms="r $0-dry-ms", dry="delread~ $0-dry 0", bass_out="outlet~", dry_out="outlet~")
    c.objects(block=f"table $0-block {BLOCK}", ring=f"table $0-ring {SLOTS * BLOCK}")
    c.wire("mix > gather", "mix > delayed", "tick > ticks", "play > player > bass_out")
    c.wire("dry_ms > dry > dry_out")
    return c


def blocks() -> Canvas:
    """What happens when a block is whole, from right to left of `steps`."""
    c = Canvas("blocks")
    c.objects(tick="r $0-tick", steps="t b b b b", z="s $0-z-clock")
    c.wire("tick > steps", "steps:3 > z")  # where z has moved, that goes out before the block
    _send(c)
    _clear(c)
    _go_on(c)
    _restart(c)
    return c


def _send(c: Canvas) -> None:
    """The block goes out under its seq, and from now on it waits for its answer."""
    c.objects(seq="f 0", sent="t b f f", slot=f"mod {SLOTS}", waits="t b f", no="[0(", mark="tabwrite $0-got")
    c.objects(block=f"array get $0-block 0 {BLOCK}", numbered="list prepend")
    c.objects(osc="oscformat -f i bassnet audio in", send="s $0-send", got=f"table $0-got {SLOTS}")
    c.wire("steps:2 > seq > sent", "sent:2 > slot > waits", "waits:1 > 1:mark", "waits > no > mark")
    c.wire("sent:1 > 1:numbered", "sent > block > numbered > osc > send")


def _clear(c: Canvas) -> None:
    """What was played just now: missed, where no answer had come, and silent for the next time."""
    c.objects(played="f 0", look="t f f", had="tabread $0-got", without="sel 0", miss="s $0-miss")
    c.objects(at=f"* {BLOCK}", clear="t b f", zeros="array get $0-zeros", into="array set $0-ring")
    c.objects(silence=f"table $0-zeros {BLOCK}")
    c.wire(
        "steps:1 > played > look", "look:1 > had > without > miss", "look > at > clear", "clear:1 > 1:into"
    )
    c.wire("clear > zeros > into")


def _go_on(c: Canvas) -> None:
    """The next seq, and what is played while it is gathered."""
    c.objects(step="f 0", one="+ 1", wrap="mod", now="t f f", tell="s $0-seq", behind=f"- {RING}")
    c.objects(next=f"mod {SLOTS}", both="t f f", start=f"* {BLOCK}", span=f"list append {BLOCK}")
    c.objects(play="s $0-play", ring="r $0-ring-blocks", modulo="r $0-modulo")
    c.wire(
        "steps > step > one > wrap > now",
        "modulo > 1:wrap",
        "now:1 > 1:step",
        "now:1 > 1:seq",
        "now:1 > tell",
    )
    c.wire("now > behind > next > both", "ring > 1:behind", "both:1 > 1:played", "both > start > span > play")


def _restart(c: Canvas) -> None:
    """An empty ring, no answer awaited, and a seq JUMP ahead."""
    c.objects(restart="r $0-restart", anew="t b b b", empty="[const 0(", full="[const 1(")
    c.objects(to_ring="s $0-ring", to_got="s $0-got", last="f 0", jump=f"+ {JUMP}")
    c.wire(
        "restart > anew",
        "anew:2 > empty > to_ring",
        "anew:1 > full > to_got",
        "anew > last > jump > wrap",
        "now:1 > 1:last",
    )


def answers() -> Canvas:
    """Each answer into its place, if that is still ahead; `after` is by how many blocks it trails seq.

    The socket hears anybody: what is longer or shorter than a seq and a block would be written over others.
    """
    c = Canvas("answers")
    c.objects(audio="r $0-audio", both_ways="t a a", length="list length", fits=f"sel {BLOCK + 1}")
    c.objects(no_block="[0(", one_block="[1(", whole="spigot", steps="t a a b", close="[0(")
    c.wire("audio > both_ways", "both_ways:1 > length > fits > one_block > 1:whole")
    c.wire("fits:1 > no_block > 1:whole", "both_ways > whole > steps")
    c.objects(first="list split 1", rest="list split 1")
    c.objects(its="t f f", seq="r $0-seq", ahead="- 0", after="* -1", wrap="mod", modulo="r $0-modulo")
    c.objects(unsent="moses 1", unplayed=f"moses {RING + 1}", ring="r $0-ring-blocks", one="+ 1")
    c.objects(late="s $0-late", good="t b b", place="f 0", slot=f"mod {SLOTS}", both="t f b f")
    c.objects(yes="[1(", mark="tabwrite $0-got", at=f"* {BLOCK}", open="[1(", gate="spigot")
    c.objects(into="array set $0-ring")
    c.wire("steps:2 > close > 1:gate", "steps:1 > first > its", "its:1 > 1:place")
    c.wire("seq > 1:ahead", "its > ahead > after > wrap > unsent", "modulo > 1:wrap", "unsent:1 > unplayed")
    c.wire("ring > one > 1:unplayed", "unplayed:1 > late", "unplayed > good", "good:1 > place > slot > both")
    c.wire("both:2 > 1:mark", "both:1 > yes > mark", "both > at > 1:into", "good > open > 1:gate")
    c.wire("steps > rest:1 > gate > into")
    return c
