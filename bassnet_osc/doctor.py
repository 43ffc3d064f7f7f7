"""bassnet doctor: looks at all that a server needs of this machine, and says how to mend what is wrong.

Flow: doctor -> echo (port, UDP), runtimes, bundle, a voice that hears noise, sound devices -> Checks.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from bassnet_osc import runtimes
from bassnet_osc.audio_wire import FORMATS, MAX_BLOCK
from bassnet_osc.bundle import Bundle, find
from bassnet_osc.cores import n_live_threads_for
from bassnet_osc.echo import granted_buffer, largest_block, largest_datagram, reached, who_answers
from bassnet_osc.providers import has_cuda
from bassnet_osc.schedule import OVERLOAD
from bassnet_osc.server import bind
from bassnet_osc.spec import RECEIVE_BUFFER, USUAL_RATE, BassNetError
from bassnet_osc.switchboard import MAX_SESSIONS
from bassnet_osc.voice import Voice
from bassnet_osc.wire import MAX_DATAGRAM

RATE, BLOCK_SIZE = USUAL_RATE, 256  # of the session that the headroom is measured with
NOISE_S, NOISE_LEVEL = 3.0, 0.1  # 150 hops of the live model; -20 dBFS
HOP_SHARE = 0.5  # of a hop that the slow ones (p99) may take: the rest is for the client and the host
HELD = "is held by a BassNet server"
REPORT = "run it again, and report this line where it stays"


@dataclass(frozen=True)
class Check:
    """What was found. `mend` says what to do where it is not ok, and what could be had where it is."""

    name: str
    ok: bool
    found: str
    mend: str = ""


def examine(model: str, host: str, port: int, provider: str) -> list[Check]:
    """All checks for a server with these options; none of them raises."""
    checks = [
        _guarded("port", partial(_port, host, port)),
        _guarded("datagrams", partial(_datagrams, host)),
        _guarded("receive buffer", _receive_buffer),
        _guarded("onnxruntime", _onnxruntime),
        _guarded("model", partial(_model, model)),
    ]
    ill = None if checks[-1].ok else "model"  # each of these three needs the one before
    for name, look in (("provider", _provider), ("headroom", _headroom)):
        if name == "headroom" and ill is None and HELD in checks[0].found:
            checks.append(Check(name, True, "not measured, a server plays here", "end it first"))
        elif ill is None:
            checks.append(_guarded(name, partial(look, model, provider)))
            ill = None if checks[-1].ok else name
        else:
            checks.append(Check(name, True, "not examined", f"mend the {ill} first"))
    return [*checks, _guarded("audio devices", _devices)]


def in_words(checks: list[Check]) -> str:
    """A line each: ok, FAIL, or -- where nothing is wrong and something could be had; then what to do."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        mark = "FAIL" if not check.ok else "--" if check.mend else "ok"
        told = f"{check.found}: {check.mend}" if check.mend else check.found
        lines.append(f"{mark:<4}  {check.name:<{width}}  {' '.join(told.split())}")
    return "\n".join(lines)


def _guarded(name: str, look: Callable[[], Check]) -> Check:
    """The check, or a failed one that tells what it raised."""
    try:
        return look()
    except BassNetError as error:  # "the rule; the value: the mend"
        found, _, mend = str(error).rpartition(": ")
        return Check(name, False, found or mend, mend if found else REPORT)
    except Exception as error:  # a doctor that falls ill helps nobody
        return Check(name, False, f"{type(error).__name__}: {error}", REPORT)


def _port(host: str, port: int) -> Check:
    """Free, or held by a BassNet server; raises the socket's refusal otherwise."""
    try:
        bind(host, port).close()
    except BassNetError:
        if (words := who_answers(host, port)) is None:
            raise
        return Check("port", True, f"{host}:{port} {HELD}, which says: {words}")
    return Check("port", True, f"{host}:{port} is free")


def _datagrams(host: str) -> Check:
    """The largest datagram that really passes, there and back, and the blocks that fit into it."""
    n_bytes = largest_datagram(host)
    blocks = {format: largest_block(format, n_bytes) for format in FORMATS}
    sizes = ", ".join(f"{format} {n or 'none'}" for format, n in blocks.items())
    ok = min(blocks.values()) == MAX_BLOCK
    found = f"{n_bytes} of {MAX_DATAGRAM} bytes pass on {reached(host)}; samples in a block: {sizes}"
    return Check("datagrams", ok, found, "" if ok else _mend_of_size(n_bytes))


def _mend_of_size(n_bytes: int) -> str:
    if not n_bytes:
        return "let the firewall pass UDP on this address"
    if sys.platform == "darwin":
        return f"sudo sysctl -w net.inet.udp.maxdgram={MAX_DATAGRAM}"
    return "take smaller blocks or format s16, or let the firewall pass fragments"


def _receive_buffer() -> Check:
    granted = granted_buffer()
    found = f"{granted} of {RECEIVE_BUFFER} bytes"
    if granted >= RECEIVE_BUFFER:
        return Check("receive buffer", True, found)
    setting = {"linux": "net.core.rmem_max", "darwin": "kern.ipc.maxsockbuf"}.get(sys.platform)
    mend = f"sudo sysctl -w {setting}={RECEIVE_BUFFER}" if setting else "raise the system's limit of it"
    # One session does not need it all: this may be better, and is no failure of every Linux as installed.
    return Check("receive buffer", True, f"{found}, which is enough for a few sessions", mend)


def _onnxruntime() -> Check:
    """Whether one package of it is whole and alone."""
    packages = ", ".join(f"{name} {version}" for name, version in runtimes.installed().items())
    if warning := runtimes.shadow_warning():
        found, _, mend = warning.rpartition(": ")
        return Check("onnxruntime", False, found, mend)
    if not hasattr(importlib.import_module("onnxruntime"), "InferenceSession"):
        package = packages.partition(" ")[0] or "onnxruntime"
        mend = f"pip install --force-reinstall {package}"
        return Check("onnxruntime", False, f"{packages or 'no package'}, whose files are gone", mend)
    return Check("onnxruntime", True, f"{packages or 'a build of your own'}, alone")


def _model(model: str) -> Check:
    """Loads the bundle, which checks every hash."""
    bundle = Bundle.load(model, "cpu")
    digest = hashlib.sha256((find(model) / "model.json").read_bytes()).hexdigest()
    found = f"{bundle.name}, its {len(bundle.card['graphs'])} graphs as exported, model.json {digest[:12]}"
    return Check("model", True, found)


def _provider(model: str, wanted: str) -> Check:
    """The provider in use and why; it fails where another was asked for, or should work and does not."""
    bundle = Bundle.load(model, wanted)
    bundle.warm_up()  # some libraries are looked for by the first run alone
    runs_on = bundle.runs_on
    found = f"{runs_on.name}: {runs_on.told}"
    if not runs_on.why:
        return Check("provider", True, found)
    ok = wanted == "auto" and not runs_on.has_failed
    has_use = wanted != "auto" or has_cuda()  # without a GPU nothing is to be mended
    return Check("provider", ok, found, runs_on.mend if has_use else "")


def _headroom(model: str, provider: str) -> Check:
    """Plays to noise and measures what a hop takes; one session, as fast as it goes."""
    bundle = Bundle.load(model, provider)
    bundle.warm_up()
    hop_ms = 1000.0 * bundle.spec.window.hop / bundle.spec.cqt.frame_rate
    p99_ms, share = _measured(bundle)
    room = OVERLOAD * n_live_threads_for(bundle.provider)
    n_sessions = sum(n * share <= room for n in range(1, MAX_SESSIONS + 1))
    found = (
        f"{bundle.name}: p99 {p99_ms:.1f} ms of a {hop_ms:g} ms hop, {100 * share:.0f} % of a core a "
        f"session, room for {n_sessions} at {RATE // 1000} kHz"
    )
    ok = p99_ms <= HOP_SHARE * hop_ms and n_sessions > 0
    mend = f"close what else uses the cores until the p99 is {HOP_SHARE * hop_ms:g} ms or less, or use a GPU"
    return Check("headroom", ok, found, "" if ok else mend)


def _measured(bundle: Bundle) -> tuple[float, float]:
    """The p99 in ms of the blocks that a window became due in, and the share of a core of all of it."""
    voice = Voice(bundle, RATE, lambda frame: bundle.z_home)
    n_blocks = int(NOISE_S * RATE / BLOCK_SIZE)
    noise = np.random.default_rng(0).normal(0.0, NOISE_LEVEL, (n_blocks, BLOCK_SIZE)).astype(np.float32)
    hops_ms = []
    used = time.process_time()
    for block in noise:
        started = time.perf_counter()
        frames = voice.hear(block)
        if len(frames):
            hops_ms.append(1000.0 * (time.perf_counter() - started))
        voice.accept(frames)
        voice.play(BLOCK_SIZE)
    used = time.process_time() - used
    return float(np.percentile(hops_ms, 99)), used / (n_blocks * BLOCK_SIZE / RATE)


def _devices() -> Check:
    """Sound devices: an extra, and nothing that OSC needs."""
    try:
        sound = importlib.import_module("sounddevice")
    except ImportError:
        return Check("audio devices", True, "no sounddevice", "pip install 'bassnet-osc[device]'")
    except OSError:  # the package is there, the library that it opens is not
        return Check("audio devices", True, "no PortAudio", "sudo apt-get install libportaudio2")
    devices = sound.query_devices()
    n_in = sum(device["max_input_channels"] > 0 for device in devices)
    n_out = sum(device["max_output_channels"] > 0 for device in devices)
    if not n_in + n_out:
        return Check("audio devices", True, "none", "plug one in and start your sound server; OSC needs none")
    return Check("audio devices", True, f"{n_in} to record from, {n_out} to play to")
