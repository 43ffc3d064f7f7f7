"""The part of the Pd patch that keeps a session: the socket, hello and welcome, the state, the latency.

Flow: bassnet-host, -port, -connect, -ring -> connection, hello -> line -> server -> line -> welcome, state,
latency. Names with $0 are the patch's own. A session is new where its token is another one: all that was
chosen is said to it then ($0-introduce), and once more.
"""

from __future__ import annotations

from bassnet_osc.spec import HELLO_BYTES, USUAL_RATE
from max_patch.pd_stream import BLOCK, MOST_RING, RING
from max_patch.pd_text import Canvas

NAME = "pd"  # what a server calls this client
HEARTBEAT_MS = 1000  # between hellos
SILENT_MS = 3000  # without a word from the server, after which it counts as gone
REFUSAL_MS = 5000  # for which a refusal is shown
N_TOLD = 2  # welcomes at which all that was chosen is said: a network may lose it once
SETTLED_MS = 300  # from a change of host or port until it is used: a number box is dragged
GATHERING = BLOCK - 64  # samples by which blocks are later than Pd's own ones of 64
PING = " ".join(map(str, b"/bassnet/ping\0\0\0,i\0\0"))  # and the token's four bytes
WELCOME_BYTES = 20  # of its address; after it come the type tags, the session and the token
NO_SERVER = "no\\ server\\ answers:\\ start\\ it\\ with\\ bassnet\\ serve"  # Pd's spaces within a word


def line() -> Canvas:
    """The socket: all leaves from it and comes back to it; each word to those that want it."""
    c = Canvas("line")
    c.objects(send="r $0-send", dial="r $0-dial", socket="netsend -u -b", both="t a a", raw="s $0-raw")
    c.objects(osc="oscparse", trim="list trim", ours="route bassnet", any="t a b", alive="s $0-alive")
    words = ("audio", "status", "welcome", "note", "model", "latency", "error")
    c.objects(words=f"route {' '.join(words)}", out="route out", **{word: f"s $0-{word}" for word in words})
    c.wire("send > socket", "dial > socket", "socket:1 > both > osc > trim > ours > any > words")
    c.wire("both:1 > raw", "any:1 > alive", "words > out > audio")
    c.wire(*(f"words:{i} > {word}" for i, word in enumerate(words) if word != "audio"))
    return c


def connection() -> Canvas:
    """Where the server is, and the switch: each change hangs up and dials anew."""
    c = Canvas("connection")
    _place(c)
    _redial(c)
    return c


def _place(c: Canvas) -> None:
    """Host, port and switch as they were set last."""
    c.objects(to="r bassnet-host", host="symbol", tell="t b a a", shown="[set $1(", face="s $0-host-face")
    c.objects(at="r bassnet-port", port="t b f", settle=f"delay {SETTLED_MS}", is_on="f 0", still="sel 1")
    c.objects(switch="r bassnet-connect", switched="t f f", which="sel 1")
    c.wire("to > host > tell", "tell:2 > shown > face", "tell > settle", "at > port > settle > is_on > still")
    c.wire("switch > switched", "switched:1 > 1:is_on", "switched > which")


def _redial(c: Canvas) -> None:
    """A bye to the one before, and the next one; switched off, the bye alone."""
    c.objects(
        dial="t b b b b b b",
        forget="[stop(",
        leave="t b b b b",
        bye="oscformat bassnet bye",
        hang_up="[disconnect(",
    )
    c.objects(send="s $0-send", socket="s $0-dial", gone="s $0-gone", off="[symbol switched\\ off(")
    c.objects(
        reason="s bassnet-reason", go="[1(", stop="[0(", beat=f"metro {HEARTBEAT_MS}", hello="s $0-hello"
    )
    c.objects(where="t b b", the_port="f", the_host="symbol", pair="pack s f", connect="[connect $1 $2 0(")
    c.wire(
        "still > dial",
        "which > dial",
        "dial:5 > forget > settle",
        "which:1 > leave",
        "bye > send",
        "hang_up > socket",
    )
    c.wire("dial:4 > bye", "dial:3 > hang_up", "dial:2 > gone", "dial:1 > where", "dial > go > beat > hello")
    c.wire(
        "leave:3 > bye", "leave:2 > hang_up", "leave:1 > gone", "leave > stop > beat", "leave > off > reason"
    )
    c.wire("where:1 > the_port > 1:pair", "where > the_host > pair > connect > socket")
    c.wire("port:1 > 1:the_port", "tell:1 > 1:the_host")


def hello() -> Canvas:
    """The hello, of HELLO_BYTES at least: each second, and when something in it has changed."""
    c = Canvas("hello")
    fixed = len("/bassnet/hello..") + 12 + len("pd..") + 3 * 4 + 4 + 12 + 4 + 4  # with tags, name and "pad"
    pad = "x" * (HELLO_BYTES - fixed - 1)
    c.objects(again="r $0-hello", name="r bassnet-name", client="symbol", said="pack s f f", rate="r $0-rate")
    c.objects(deadline="r $0-deadline", args=f"[list $1 0 $2 {BLOCK} f deadline_ms $3 pad {pad}(")
    c.objects(osc="oscformat -f siiissfss bassnet hello", send="s $0-send")
    c.wire("again > client", "name > client > said > args > osc > send", "rate > 1:said", "deadline > 2:said")
    return c


def welcome() -> Canvas:
    """The token goes back as the bytes that came: as a number of Pd's it would lose its last digits.

    It goes back at each welcome, so each second; what was chosen is said at the first N_TOLD of a session.
    """
    c = Canvas("welcome")
    c.objects(welcome="r $0-welcome", parts="t a a a", n_args="list length", n_tags="+ 1", words="div 4")
    c.objects(and_zero="+ 1", tags="* 4", before=f"+ {WELCOME_BYTES + 4}")  # the session is before the token
    c.objects(numbers="unpack f f f s", latency="s $0-offset", plays="s $0-plays", token="unpack f f")
    c.objects(each="t b f b", is_new="change -1", new="[0(", gone="r $0-gone", forget="[set -1(")
    c.objects(raw="r $0-raw", bytes="list append", split="list split", four="list split 4")
    c.objects(ping=f"list prepend {PING}", send="s $0-send", introduce="s $0-introduce")
    c.wire("welcome > parts", "parts:2 > n_args > n_tags > words > and_zero > tags > before > 1:split")
    c.wire("parts:1 > numbers", "numbers:2 > latency", "numbers:3 > plays", "parts > token:1 > each")
    c.wire("gone > forget > is_new", "raw > 1:bytes", "each:2 > bytes > split:1 > four > ping > send")
    c.objects(n="f 0", one="+ 1", both="t f f", is_early=f"moses {N_TOLD + 1}", tell="t b b")
    c.wire("each:1 > is_new > new > 1:n", "each > n > one > both > is_early > tell", "both:1 > 1:n")
    c.objects(notes="[list notes 1(", subscribe="oscformat -f si bassnet subscribe")
    c.wire("tell > introduce", "tell:1 > notes > subscribe > send")
    return c


def state() -> Canvas:
    """The state line, the watchdog, and the count of what was not there in time."""
    c = Canvas("state")
    _watch(c)
    _tell(c)
    _show(c)
    c.objects(reset="r bassnet-reset", zero="[0(")
    c.wire("reset > zero")
    for event, count in (("miss", "missed"), ("late", "late")):
        _count(c, event, count)
    return c


def _watch(c: Canvas) -> None:
    """Who has been silent for SILENT_MS is gone."""
    c.objects(alive="r $0-alive", heard="t b b", silence=f"delay {SILENT_MS}", to_gone="s $0-gone", on="[1(")
    c.objects(gone="r $0-gone", lost="t b b b b", stop="[stop(", offline="[symbol offline(", no="[0(")
    c.objects(nobody=f"[symbol {NO_SERVER}(", state="s bassnet-state", reason="s bassnet-reason")
    c.wire("alive > heard > silence > to_gone", "heard:1 > on", "gone > lost", "lost:3 > stop > silence")
    c.wire("lost:2 > no", "lost:1 > offline > state", "lost > nobody > reason")


def _tell(c: Canvas) -> None:
    """The server's state and reason, and for REFUSAL_MS its refusals instead."""
    c.objects(status="r $0-status", told="list append", both="unpack s s", calm="spigot 1")
    c.objects(
        error="r $0-error", refused="list append", words="unpack s s", text="symbol", code="sel no_session"
    )
    c.objects(hello="s $0-hello", show="t b b", hush="[0(", later=f"delay {REFUSAL_MS}", again="[1(")
    c.wire("status > told > both > state", "both:1 > calm > reason", "error > refused > words > code > hello")
    c.wire("words:1 > 1:text", "code:1 > show", "show:1 > hush > 1:calm", "show > text > reason")
    c.wire("show > later > again > 1:calm")


def _show(c: Canvas) -> None:
    """On the face: state, reason and the model that plays."""
    c.objects(model="r $0-model", name="symbol", plays="s $0-plays")
    c.wire("model > name > plays")
    for word in ("state", "reason"):
        c.objects(
            **{
                f"new_{word}": f"r bassnet-{word}",
                f"{word}_as": "[label $1(",
                f"{word}_face": f"s $0-{word}-face",
            }
        )
        c.wire(f"new_{word} > {word}_as > {word}_face")
    c.objects(plays_now="r $0-plays", plays_as="[label $1(", plays_face="s $0-plays-face")
    c.wire("plays_now > plays_as > plays_face")


def _count(c: Canvas, event: str, count: str) -> None:
    """Counts such events while a server is there."""
    names = {"it": "t b", "if": "f 0", "on": "sel 1", "n": "f 0", "one": "+ 1", "now": "t f f"}
    c.objects(**{event: f"r $0-{event}", **{f"{event}_{k}": text for k, text in names.items()}})
    c.objects(**{f"to_{count}": f"s bassnet-{count}"})
    c.wire(
        f"{event} > {event}_it > {event}_if > {event}_on > {event}_n > {event}_one > {event}_now > to_{count}"
    )
    c.wire(f"{event}_now:1 > 1:{event}_n", f"zero > {event}_now", f"on > 1:{event}_if", f"no > 1:{event}_if")


def latency() -> Canvas:
    """The ring, the server's offset and the rate, and all that follows from them."""
    c = Canvas("latency")
    c.objects(
        ring="r bassnet-ring", whole="i", fits=f"clip 1 {MOST_RING}", is_new="change", changed="t b b f f"
    )
    c.objects(blocks="s $0-ring-blocks", hello="s $0-hello", restart="s $0-restart")
    c.objects(offset="r $0-offset", told="r $0-latency", first="unpack f", rate="r $0-rate")
    c.objects(later="t b f", faster="t b f", all=f"pack 0 {RING} {USUAL_RATE}")  # offset, ring, rate
    c.wire(
        "ring > whole > fits > is_new > changed", "changed:3 > blocks", "changed:2 > later", "later:1 > 1:all"
    )
    c.wire("later > all", "changed:1 > restart", "changed > hello", "offset > all", "told > first > all")
    c.wire("rate > faster", "faster:1 > 2:all", "faster > all")
    _sums(c)
    return c


def _sums(c: Canvas) -> None:
    """In ms, and in samples, of what `all` packs."""
    sums = {
        "dry-ms": f"($f1 + $f2 * {BLOCK}) * 1000 / $f3",
        "deadline": f"max(1, $f2 - 1) * {BLOCK * 1000} / $f3",  # a block's time is left for the ways and Pd
        "ring-ms": f"$f2 * {BLOCK * 1000} / $f3",
        "total-ms": f"($f1 + $f2 * {BLOCK} + {GATHERING}) * 1000 / $f3",
        "total": f"$f1 + $f2 * {BLOCK} + {GATHERING}",
    }
    for name, sum_ in sums.items():
        c.objects(
            **{name: f"expr {sum_}", f"to_{name}": "s bassnet-latency" if name == "total" else f"s $0-{name}"}
        )
        c.wire(f"all > {name} > to_{name}")


def beginning() -> Canvas:
    """When audio starts, or its rate changes, and with a reset: a new stream."""
    c = Canvas("beginning")
    c.objects(
        started="r pd-dsp-started", init="r $0-init", steps="t b b b", ask="samplerate~", rate="s $0-rate"
    )
    c.objects(restart="s $0-restart", hello="s $0-hello", reset="r bassnet-reset", both="t b b")
    c.objects(osc="oscformat bassnet reset", send="s $0-send")
    c.wire("started > steps", "init > steps", "steps:2 > ask > rate", "steps:1 > restart", "steps > hello")
    c.objects(dsp="r bassnet-dsp", switch="[; pd dsp $1(")
    c.wire("dsp > switch", "reset > both", "both:1 > osc > send", "both > restart")
    return c
