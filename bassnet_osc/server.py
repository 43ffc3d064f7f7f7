"""The OSC server: one UDP socket, asyncio, and a clean end.

Flow: cli -> run -> switchboard, engine. The socket's loop and the engine's threads are those that play;
a log and models that are being loaded have threads of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.cores import n_live_threads_for
from bassnet_osc.datagrams_windows import ignore_resets
from bassnet_osc.device import SOURCE, Device
from bassnet_osc.engine import Engine, Post
from bassnet_osc.hello import check_target
from bassnet_osc.latent import LiveZ
from bassnet_osc.midi_port import MidiPort
from bassnet_osc.session import MakeVoice
from bassnet_osc.session_log import SessionLog
from bassnet_osc.shelf import Shelf
from bassnet_osc.sound import DEFAULT_SOUND, Sound
from bassnet_osc.sound_card import SoundCard
from bassnet_osc.spec import BLOCK_SIZE, HOST, PORT, RECEIVE_BUFFER, USUAL_RATE, BassNetError
from bassnet_osc.switchboard import FADE_OUT, Switchboard
from bassnet_osc.voice import Voice
from bassnet_osc.voices import target_samples, voice_maker
from bassnet_osc.watch import EVERY, Watch

if TYPE_CHECKING:
    from bassnet_osc.bundle import Bundle

SWITCH_INTERVAL = (
    0.0005  # seconds that one thread may keep the other waiting; Python's 5 ms are a whole block
)

LOOPBACK = "127."  # how this machine's own addresses begin: quicker than to parse one for each block

log = logging.getLogger("bassnet_osc")


@dataclass(frozen=True)
class Options:
    """How a server serves.

    Port 0 is any free one; `allow` names the other machines (IP addresses) that are heard; `midi_port` is one
    that every session plays its notes on; `latency_target_ms` is what every offset is padded to;
    `query_port` is OSCQuery's (None: off), `announce` tells the network of it; `log` is a file for all that
    decides what is played; `device` names a sound card (None: none) which gives `block_size` samples at
    a time.
    """

    host: str = HOST
    port: int = PORT
    allow: Sequence[str] = ()
    sound: Sound = DEFAULT_SOUND
    midi_port: str | None = None
    latency_target_ms: float | None = None
    query_port: int | None = None
    announce: bool = False
    log: Path | None = None
    device: str | None = None
    block_size: int | None = None  # BLOCK_SIZE


@dataclass(frozen=True)
class Running:
    """A server that is ready: where it listens, what it does, and how to end it (from any thread)."""

    host: str
    port: int
    board: Switchboard
    stop: Callable[[], None]


class Door(asyncio.DatagramProtocol):
    """The socket's side of asyncio."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.board: Switchboard | None = None
        self._allowed = allowed

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hands on what came from this machine or from an allowed one; others get no answer at all."""
        is_welcome = addr[0].startswith(LOOPBACK) or addr[0] in self._allowed
        if self.board is not None and is_welcome:
            self.board.receive(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A client's port was closed before an answer reached it: its silence ends the session."""
        log.debug("not delivered: %s", exc)


def run(
    bundle: Bundle,
    provider: str,
    options: Options,
    on_ready: Callable[[Running], None],
    each_second: Callable[[], None] = lambda: None,
) -> None:
    """Serves until Ctrl-C, SIGTERM or `Running.stop`. `on_ready` is called once the model is warm.

    Raises BassNetError where a port or the sound card cannot be had, where others reach it and nobody is
    allowed, for a latency that the model does not keep, and when the sound card is lost.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    target_ms = options.latency_target_ms
    check_target(target_ms)
    if target_ms is not None:  # refused here rather than at every hello
        Voice(bundle, USUAL_RATE, LiveZ(bundle.spec), latency_samples=target_samples(target_ms, USUAL_RATE))
    allowed = allow_list(options.allow)
    with contextlib.ExitStack() as ends:
        ends.enter_context(contextlib.suppress(KeyboardInterrupt))  # where the loop cannot handle signals
        # First of all: a server that cannot have its port leaves no log behind, and moves none.
        listening = ends.enter_context(bind(options.host, options.port, needs_list=not allowed))
        card = _card(options)
        midi = (
            ends.enter_context(MidiPort.open(options.midi_port, bundle.spec)) if options.midi_port else None
        )
        session_log = ends.enter_context(SessionLog(options.log)) if options.log else None
        make_voice = voice_maker(options.sound, midi, target_ms, session_log)
        make_shelf = partial(Shelf, bundle, provider)
        asyncio.run(serve(listening, make_shelf, make_voice, options, on_ready, each_second, card))


def _card(options: Options) -> SoundCard | None:
    if options.device is not None:
        size = BLOCK_SIZE if options.block_size is None else options.block_size
        return SoundCard.find(options.device, size)
    if options.block_size is not None:
        raise BassNetError(
            f"--block is the sound card's; got {options.block_size} without --device: name one as well"
        )
    return None


async def serve(
    listening: socket.socket,
    make_shelf: Callable[[Post], Shelf],
    make_voice: MakeVoice,
    options: Options,
    on_ready: Callable[[Running], None],
    each_second: Callable[[], None] = lambda: None,
    card: SoundCard | None = None,
) -> None:
    """As `run`, inside a loop, with a socket, models, voices and a sound card of the caller's making."""
    loop = asyncio.get_running_loop()
    stop, warm = asyncio.Event(), loop.create_future()
    allowed = allow_list(options.allow)
    transport, door = await loop.create_datagram_endpoint(lambda: Door(allowed), sock=listening)
    shelf = make_shelf(loop.call_soon_threadsafe)
    engine = Engine(loop.call_soon_threadsafe, loop.time, n_live_threads_for(shelf.default.provider))
    device = Device(card.sample_rate, card.block_size, loop.call_soon_threadsafe) if card else None
    send = device.beside(transport.sendto) if device else transport.sendto
    board = door.board = Switchboard(
        ADDRESSES, shelf, make_voice, engine, send, loop, wall_time=time.time, device=device
    )
    Watch(board, loop, each_second)
    _stop_on_signals(loop, stop)
    ends = contextlib.ExitStack()
    try:
        engine.start(shelf.default.warm_up, warm.set_result)
        await _first(warm, stop)
        if warm.done():
            if failure := warm.result():
                raise failure
            board.become("ready")
            address, free_port = transport.get_extra_info("sockname")
            async with _queries(board, address, free_port, options, allowed):
                if card and device:
                    device.open(lambda datagram: board.receive(datagram, SOURCE))
                    device.of_card = ends.enter_context(card.play(device.callback))
                on_ready(Running(address, free_port, board, partial(_stop_soon, loop, stop)))
                await _stopped(stop, device)
    finally:
        await _end(board)
        ends.close()  # the sound card plays the fade
        engine.stop()
        transport.close()


def _queries(
    board: Switchboard, host: str, port: int, options: Options, allowed: frozenset[str]
) -> contextlib.AbstractAsyncContextManager[int | None]:
    if options.query_port is None:
        return contextlib.nullcontext()
    from bassnet_osc.query_door import open_queries  # and its libraries: only where they are wanted

    return open_queries(board, host, port, options.query_port, allowed, options.announce)


async def _stopped(stop: asyncio.Event, device: Device | None) -> None:
    """Waits for the order to stop; BassNetError where the sound card is lost before."""
    if device is None:
        await stop.wait()
        return
    while not stop.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY)
        device.every_second()


async def _end(board: Switchboard) -> None:
    """Tells everybody and fades out: while clients send, they are answered a moment longer."""
    board.become("stopping", "the server ends")
    board.fade_out()
    if board.sessions:
        await asyncio.sleep(2.0 * FADE_OUT)


def allow_list(addresses: Sequence[str]) -> frozenset[str]:
    """The IP addresses as sockets write them; raises BassNetError for anything else."""
    try:
        return frozenset(str(ipaddress.IPv4Address(address)) for address in addresses)
    except ValueError as error:
        raise BassNetError(f"--allow must be IPv4 addresses like 192.0.2.7; {error}: mend it") from None


def bind(host: str, port: int, needs_list: bool = False) -> socket.socket:
    """A UDP socket that listens there; raises BassNetError with the mend."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        bound.bind((host, port))
    except (OSError, UnicodeError, OverflowError) as error:  # taken; no name of a host; no port
        bound.close()
        raise BassNetError(_why_not(host, port, error)) from None
    ignore_resets(bound)
    bound.setblocking(False)
    if needs_list and not ipaddress.ip_address(bound.getsockname()[0]).is_loopback:
        bound.close()
        raise BassNetError(
            f"beyond this machine only named clients are heard; {host} has none: add --allow IP for each"
        )
    return bound


def _why_not(host: str, port: int, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use, perhaps by another server: end that, or choose another --port"
        )
    if number == errno.EACCES:
        return f"port {port} of {host} is not allowed for this user: choose a --port from 1024 to 65535"
    return f"--host must be an address of this machine; got {host} and port {port} ({error}): take {HOST}"


def _stop_on_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no signals in loops, and other threads than the main one have none at all
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)


def _stop_soon(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # it has ended already
        loop.call_soon_threadsafe(stop.set)


async def _first(warm: asyncio.Future[Exception | None], stop: asyncio.Event) -> None:
    """Waits for the end of the warm-up or for the order to stop."""
    stopping = asyncio.ensure_future(stop.wait())
    both: list[asyncio.Future[Any]] = [warm, stopping]
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
