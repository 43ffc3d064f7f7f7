"""The OSC server: one UDP socket, asyncio, and a clean end.

Flow: cli -> run -> switchboard, engine. The socket's loop and the engine's thread are the only two.
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
from typing import TYPE_CHECKING, Any

from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.engine import Engine
from bassnet_osc.frames import Frames
from bassnet_osc.latent import LiveZ
from bassnet_osc.midi_port import MidiPort
from bassnet_osc.session import MakeVoice
from bassnet_osc.sound import DEFAULT_SOUND, Sound
from bassnet_osc.spec import HOST, RECEIVE_BUFFER, BassNetError
from bassnet_osc.switchboard import Switchboard

if TYPE_CHECKING:
    from bassnet_osc.bundle import Bundle

SWITCH_INTERVAL = (
    0.0005  # seconds that one thread may keep the other waiting; Python's 5 ms are a whole block
)

log = logging.getLogger("bassnet_osc")


@dataclass(frozen=True)
class Running:
    """A server that is ready: where it listens, and how to end it (from any thread)."""

    host: str
    port: int
    stop: Callable[[], None]


class Door(asyncio.DatagramProtocol):
    """The socket's side of asyncio."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.board: Switchboard | None = None
        self._allowed = allowed

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hands on what came from this machine or from an allowed one; others get no answer at all."""
        is_welcome = addr[0] in self._allowed or ipaddress.ip_address(addr[0]).is_loopback
        if self.board is not None and is_welcome:
            self.board.receive(data, addr)

    def error_received(self, exc: Exception) -> None:
        """A client's port was closed before an answer reached it: its silence ends the session."""
        log.debug("not delivered: %s", exc)


def run(
    bundle: Bundle,
    host: str,
    port: int,
    on_ready: Callable[[Running], None],
    allow: Sequence[str] = (),
    sound: Sound = DEFAULT_SOUND,
    midi_port: str | None = None,
) -> None:
    """Serves until Ctrl-C, SIGTERM or `Running.stop`. `on_ready` is called once the model is warm.

    Port 0 is any free one; `allow` names the other machines (IP addresses) that are heard; `midi_port` is
    one that every session plays its notes on. Raises BassNetError where a port cannot be had, or where
    others reach it and nobody is allowed.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    with contextlib.ExitStack() as ends:
        ends.enter_context(contextlib.suppress(KeyboardInterrupt))  # where the loop cannot handle signals
        midi = ends.enter_context(MidiPort.open(midi_port, bundle.spec)) if midi_port else None
        asyncio.run(serve(bundle, voices(bundle, sound, midi), host, port, on_ready, allow))


def voices(bundle: Bundle, sound: Sound, midi: MidiPort | None) -> MakeVoice:
    """What makes the voice of a session, with a player of MIDI where there is a port."""
    from bassnet_osc.voice import Voice

    def make_voice(sample_rate: int, z: LiveZ, taper: int | None) -> Voice:
        """A session's voice; its notes follow the octave that it has at the time."""
        if midi is None:
            return Voice(bundle, sample_rate, z, taper, sound=sound)
        player = midi.player()

        def play(frames: Frames) -> None:
            player.accept(frames, voice.sound.octave)

        voice = Voice(bundle, sample_rate, z, taper, on_frames=play, on_rest=player.rest, sound=sound)
        return voice

    return make_voice


async def serve(
    bundle: Bundle,
    make_voice: MakeVoice,
    host: str,
    port: int,
    on_ready: Callable[[Running], None],
    allow: Sequence[str] = (),
) -> None:
    """As `run`, inside a loop and with voices of the caller's making."""
    loop = asyncio.get_running_loop()
    stop, warm = asyncio.Event(), loop.create_future()
    allowed = allow_list(allow)
    listening = bind(host, port, needs_list=not allowed)
    transport, door = await loop.create_datagram_endpoint(lambda: Door(allowed), sock=listening)
    engine = Engine(loop.call_soon_threadsafe, time.perf_counter)
    board = door.board = Switchboard(ADDRESSES, bundle, make_voice, engine, transport.sendto, loop)
    _stop_on_signals(loop, stop)
    try:
        engine.start(bundle.warm_up, warm.set_result)
        await _first(warm, stop)
        if warm.done():
            if failure := warm.result():
                raise failure
            board.become("ready")
            address, free_port = transport.get_extra_info("sockname")
            on_ready(Running(address, free_port, partial(_stop_soon, loop, stop)))
        await stop.wait()
    finally:
        board.become("stopping", "the server ends")
        engine.stop()
        transport.close()


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
