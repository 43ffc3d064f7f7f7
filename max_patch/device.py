"""The patch for Max and the audio effect for Live: one graph, whose doors differ.

Signals carry the mix, z and the bass at one running sample count, into and out of rings of samples; the
script (`bridge/`) moves blocks between the rings and the server.

Flow: controls, face, signals, bridge_text -> device -> graph -> maxpat, amxd, picture.
"""

from __future__ import annotations

from typing import Literal

from bassnet_osc.params import PARAMS
from bassnet_osc.spec import HOST, PORT
from max_patch import face, signals
from max_patch.bridge_text import bridge_text
from max_patch.controls import BY_NAME, HOST_HELP, LATENCY_TARGET_MS, RING_MS
from max_patch.graph import Graph
from max_patch.parameters import parameter, text_parameter

Host = Literal["live", "max"]

AGAIN_MS = 3000  # after which the latency is declared once more
FIRST_REPLY_PORT = 49151  # until the script has drawn one
SCRIPT = "bassnet_embedded.js"  # no file has this name, so that Max takes the text that is embedded
NOTES = "bassnet_notes"  # to the MIDI devices: a name that all devices share


def device(host: Host) -> Graph:
    """The graph; `live` has plugin~ and plugout~ and follows the transport, `max` has adc~ and dac~."""
    graph = Graph()
    own = "---" if host == "live" else ""  # Live puts a number of the device in its place
    rings = {name: f"{own}bassnet_{name}" for name in ("mix", "x", "y", "bass")}
    say = f"{own}bassnet_say"  # to the script
    _script(graph, host, rings, say)
    signals.mix(graph, host == "live", rings, say)
    signals.z(graph, rings)
    _controls(graph, say)
    signals.bass(graph, host == "live", rings)
    _server(graph, host)
    (_transport if host == "live" else _switches)(graph, say)
    return graph


def _script(graph: Graph, host: Host, rings: dict[str, str], say: str) -> None:
    """The script, and when it is told what."""
    graph.comment("about_script", "The script: blocks of the mix out, blocks of the bass in.", (2.6, 6.5))
    graph.text("said", f"receive {say}", (2.6, 7.5))
    graph.text("ordered", "deferlow", (3.9, 7.5))  # in the order in which they were sent
    text = f"v8 {SCRIPT} {' '.join(rings.values())} @embed 1"
    textfile = {"filename": SCRIPT, "flags": 0, "embed": 1, "autowatch": 0, "text": bridge_text(host)}
    keys = {
        "saved_object_attributes": {"parameter_enable": 0},
        "textfile": textfile,
        "filename": SCRIPT,
    }
    graph.text("script", text, (2.6, 8.5), **keys)
    graph.chain("said", "ordered", "script")
    _beginning(graph, say)


def _beginning(graph: Graph, say: str) -> None:
    """What the script is told when the patch is there, when audio starts, when the device is switched."""
    graph.text("device", "live.thisdevice", (2.6, -0.2))
    graph.text("order", "t b b b", (2.6, 0.8))  # from the right: the host, the audio's state, then start
    graph.message("start", "start", (2.6, 2.8))
    graph.text("audio", "dspstate~", (3.1, 1.8))
    graph.text("dsp", "prepend dsp", (3.1, 3.8))
    graph.text("rate", "prepend rate", (3.7, 2.8))
    graph.text("enabled", "prepend enabled", (3.7, 0.8))
    graph.text("say_state", f"send {say}", (3.1, 4.8))
    graph.chain("device", "order", "start", "say_state")
    graph.cord("order:1", "audio")
    graph.chain("audio", "dsp", "say_state")
    graph.cord("audio:1", "rate")
    graph.cord("device:1", "enabled")
    graph.chain("rate", "say_state")
    graph.chain("enabled", "say_state")


def _field(graph: Graph, name: str, maxclass: str, at: tuple[float, float]) -> None:
    """A menu or a number, with its name above it on the face."""
    graph.shown(name, maxclass, at, face.RECTS[name], **parameter(BY_NAME[name]))
    _label(graph, name, (at[0], at[1] - 0.6))


def _label(graph: Graph, name: str, at: tuple[float, float]) -> None:
    words = name.capitalize()
    graph.shown(f"label_{name}", "live.comment", at, face.LABELS[name], words=words, **face.LEFT)


def _controls(graph: Graph, say: str) -> None:
    """What the script is told of the sound, and of the server, the ring and the link."""
    graph.comment("about_controls", "The sound, and the settings.", (2.6, 10.3))
    names = {name: f"param {name}" for name in PARAMS} | {n: n for n in ("ring", "model", "link", "port")}
    graph.text("say_controls", f"send {say}", (2.6, 19.8))
    for n, (name, message) in enumerate(names.items()):
        column, row = 2.6 + 0.8 * (n % 5), 11.6 + 4 * (n // 5)
        if name in face.LABELS:
            _field(graph, name, "live.numbox" if name in ("link", "port") else "live.menu", (column, row))
        else:
            signals.dial(graph, name, (column, row))
        graph.text(f"say_{name}", f"prepend {message}", (column, row + 1.8))
        graph.cord(f"{name}:1" if BY_NAME[name].kind == "enum" else name, f"say_{name}")
        graph.chain(f"say_{name}", "say_controls")
    keys = text_parameter("host", HOST, HOST_HELP)
    at = (5.8, 15.6)
    graph.shown("host", "textedit", at, face.RECTS["host"], words=HOST, **face.TEXT_KEYS, **keys)
    _label(graph, "host", (5.8, 15))
    graph.text("host_text", "route text", (5.8, 16.4))
    graph.text("say_host", "prepend host", (5.8, 17.4))
    graph.cord("order:2", "host")
    graph.chain("host", "host_text", "say_host", "say_controls")
    graph.cord("host_text:1", "say_host")


def _server(graph: Graph, host: Host) -> None:
    """OSC out and in, and what is told of it."""
    graph.comment("about_server", "The server.", (6.7, 8.5))
    graph.text("udp_out", f"udpsend {HOST} {PORT}", (6.7, 9.5))
    graph.text("udp_in", f"udpreceive {FIRST_REPLY_PORT} @defer 1 @quiet 1", (6.7, 10.5))
    help_state, help_told = face.help("State", face.STATE_HELP), face.help("Latency", face.TOLD_HELP)
    state, told = face.LEFT | help_state, face.LEFT | help_told
    graph.shown(
        "state",
        "live.comment",
        (6.7, 12.7),
        face.STATE,
        words="script not started: see the Max Console",
        **state,
    )
    graph.shown(
        "told", "live.comment", (6.7, 13.7), face.TOLD, words=f"{LATENCY_TARGET_MS + RING_MS} ms late", **told
    )
    graph.text("notes", f"send {NOTES}", (6.7, 14.7))
    for outlet, name in (
        (0, "udp_out"),
        (1, "udp_in"),
        (2, "state"),
        (3, "told"),
        (6, "model"),
        (7, "notes"),
    ):
        graph.cord(f"script:{outlet}", name)
    # v8 calls the function that a message is named for: whoever knows the port could call any of them.
    graph.text("heard", "prepend osc", (6.7, 11.5))
    graph.chain("udp_in", "heard", "script")
    if host == "live":
        _declared(graph)


def _declared(graph: Graph) -> None:
    """The latency, told to Live."""
    graph.text("again", f"pipe {AGAIN_MS}", (7.5, 14.7))  # Live may not be ready at first
    graph.text("and_again", f"pipe {3 * AGAIN_MS}", (8.3, 14.7))
    graph.message("declare", "latency $1", (6.7, 15.7))
    graph.text("patcher", "thispatcher", (6.7, 16.7))
    for name in ("declare", "again", "and_again"):
        graph.cord("script:4", name)
    graph.chain("again", "declare", "patcher")
    graph.cord("and_again", "declare")


def _transport(graph: Graph, say: str) -> None:
    """Live's transport, to the script."""
    graph.comment("about_transport", "Live's transport.", (4.7, -0.7))
    graph.message("song", "path live_set", (4.7, 0.3))
    graph.text("path", "live.path", (4.7, 1.3))
    graph.text("observer", "live.observer is_playing", (4.7, 2.3))
    graph.text("playing", "prepend playing", (4.7, 3.3))
    keys = parameter(BY_NAME["sync"])
    graph.shown("sync", "live.tab", (5.6, 0.3), face.RECTS["sync"], num_lines_presentation=1, **keys)
    graph.text("say_sync", "prepend sync", (5.6, 3.3))
    graph.text("say_transport", f"send {say}", (4.7, 4.3))
    graph.cord("device", "song")
    graph.chain("song", "path")
    graph.cord("path", "observer:1")
    graph.chain("observer", "playing", "say_transport")
    graph.chain("sync", "say_sync", "say_transport")


def _switches(graph: Graph, say: str) -> None:
    """Audio on and off, and a new beginning: a patch in Max has no track whose transport it could follow."""
    graph.comment("about_switches", "Audio, and a new beginning.", (4.7, -0.7))
    off = {"parameter_enable": 0}
    on = {"mode": 1, "text": "Audio", "texton": "Audio"}
    audio, anew = face.help("Audio", face.AUDIO_HELP), face.help("Anew", face.ANEW_HELP)
    graph.shown("switch", "live.text", (4.7, 0.3), face.SWITCH, **off, **on, **audio)
    graph.shown("anew", "live.text", (5.5, 0.3), face.ANEW, mode=0, text="Anew", **off, **anew)
    graph.message("restart", "playing 0, playing 1", (5.5, 1.3))
    graph.text("say_restart", f"send {say}", (5.5, 2.3))
    graph.cord("switch", "out")
    graph.chain("anew", "restart", "say_restart")
