"""The sound card as a client of the server in its own process: named `device`, and steered like any other.

Flow: sound card -> callback -> ring -> pump -> /bassnet/audio/in -> switchboard -> /bassnet/audio/out -> heed
-> ring -> callback -> sound card. Pure: the card's thread calls `callback`, the server's loop all else. The
callback copies and returns: it neither computes nor waits.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from bassnet_osc import client_words, wire
from bassnet_osc.answers import LATENCY, WELCOME
from bassnet_osc.audio_wire import AUDIO_IN, AUDIO_OUT, decode_audio, encode_audio
from bassnet_osc.order import unwrap
from bassnet_osc.report_text import losses
from bassnet_osc.request import ERROR
from bassnet_osc.ring import Channels, Ring
from bassnet_osc.spec import SEQ_MODULO, BassNetError

# A client's name and its source, which no socket can have.
NAME = "device"
SOURCE = (NAME, 0)
FORMAT = "b"  # of its datagrams: exact, and the quickest
ROOM_S = 0.02  # seconds that hearing may take at the least: one hop of the live model
HELD_S = 1.0  # seconds of sound in a ring: a longer gap begins the stream anew, whatever is held
LOST_S = 2  # seconds without a callback after which the sound card is lost

Source = tuple[str, int]
Send = Callable[[bytes, Source], None]

log = logging.getLogger("bassnet_osc")


class Flags(Protocol):
    """What is used of PortAudio's word on a callback."""

    input_overflow: bool
    output_underflow: bool


@dataclass
class Counts:
    """What the sound card has been through, in callbacks but for `skipped`."""

    callbacks: int = 0
    input_overflows: int = 0  # before which the driver has lost input
    output_underflows: int = 0  # before which the driver has played a gap
    missed: int = 0  # for which the bass was not there in time: silent, and what came later was dropped
    skipped: int = 0  # blocks of input that the server was too busy to take


class Device:
    """The callback of a duplex stream, and the client that it feeds.

    Output position p carries the bass of stream position p - ring_samples, always: `ring_blocks` is one for
    the block that has to be whole before it can be heard, and what ROOM_S takes.
    """

    def __init__(self, sample_rate: int, block_size: int, post: Callable[..., object]) -> None:
        """`post` runs a function in the server's loop: loop.call_soon_threadsafe."""
        self.sample_rate, self.block_size = sample_rate, block_size
        room_blocks = math.ceil(ROOM_S * sample_rate / block_size)
        self.ring_samples = (room_blocks + 1) * block_size
        self.counts = Counts()
        self.of_card: dict[str, Any] = {}  # what the card says of itself, for the report
        n_held = max(round(HELD_S * sample_rate), 2 * self.ring_samples)
        self._mix, self._bass = Ring(n_held), Ring(n_held)
        self._post = post
        self._is_woken = False  # whether the loop will look into the ring
        self._n_said = 0  # blocks of the mix that the server was given
        self._say: Callable[[bytes], None] = lambda datagram: None
        deadline_ms = 1000.0 * room_blocks * block_size / sample_rate
        self._hello = client_words.hello(NAME, sample_rate, block_size, FORMAT, deadline_ms=deadline_ms)
        self._token: int | None = None  # of the session
        self._refusal = "no answer"  # what the server last said against it
        self._n_silent, self._seen, self._told = 0, 0, self._losses

    # --- in the sound card's thread ------------------------------------------------------------------

    def callback(self, mix: Channels, bass: Channels, n_samples: int, time: object, status: Flags) -> None:
        """Takes mix (n, channels in) and fills bass (n, channels out); n may be another one each time."""
        counts = self.counts
        counts.callbacks += 1
        if status:
            counts.input_overflows += status.input_overflow
            counts.output_underflows += status.output_underflow
        n_missing = self._bass.read(self._mix.end - self.ring_samples, bass)
        if n_missing and self._bass.end:  # before the first answer none can be missing
            counts.missed += 1
        self._mix.write(mix)
        if not self._is_woken:
            self._is_woken = True
            self._post(self.pump)

    # --- in the server's loop ------------------------------------------------------------------------

    def open(self, say: Callable[[bytes], None]) -> None:
        """Says hello; `say` takes a datagram to the server. To be called before the first callback.

        BassNetError where the server refuses it.
        """
        self._say = say
        self._greet()
        if self._token is None:
            raise BassNetError(f"the sound card's session must open; got {self._refusal}")

    def beside(self, to_socket: Send) -> Send:
        """What sends to clients: to SOURCE here, to all others over the socket."""

        def send(datagram: bytes, source: Source) -> None:
            if source == SOURCE:
                self.heed(datagram)
            else:
                to_socket(datagram, source)

        return send

    def pump(self) -> None:
        """Gives the server every block that is whole."""
        self._is_woken = False  # first of all: what comes from here on wakes the loop again
        while (self._n_said + 1) * self.block_size <= self._mix.end:
            position = self._n_said * self.block_size
            block = self._mix.block(position, self.block_size)
            if position >= self._mix.first:  # it was not overwritten while it was copied
                self._say(encode_audio(AUDIO_IN, self._n_said % SEQ_MODULO, block, FORMAT))
                self._n_said += 1
            else:
                n_skipped = -(-self._mix.first // self.block_size) - self._n_said
                self._n_said += n_skipped
                self.counts.skipped += n_skipped

    def heed(self, datagram: bytes) -> None:
        """Takes what the server sends to SOURCE."""
        address = wire.address_of(datagram)
        if address == AUDIO_OUT:
            seq, block = decode_audio(datagram, FORMAT)
            self._bass.write_at(unwrap(seq, self._n_said) * self.block_size, block)
        elif address == WELCOME:
            self._token = client_words.welcome(wire.decode(datagram)[0].args)["token"]
        elif address == ERROR:
            self._refusal = str(wire.decode(datagram)[0].args[1])
        elif address == LATENCY:
            n_samples = wire.decode(datagram)[0].args[0] + self.ring_samples
            log.info("sound card: the offset is now %.1f ms", 1000.0 * n_samples / self.sample_rate)

    def every_second(self) -> None:
        """The heartbeat, and a line where something was lost; BassNetError where the card calls no more."""
        self._greet()
        if self._losses != self._told:
            mend = "" if self.counts.missed == self._told[2] else ": close what else uses the cores"
            log.warning("sound card: %s%s", losses(self.report()), mend, extra={"fields": self._event()})
            self._told = self._losses
        self._n_silent = 0 if self.counts.callbacks != self._seen else self._n_silent + 1
        self._seen = self.counts.callbacks
        if self._n_silent >= LOST_S:
            raise BassNetError(
                f"the sound card must ask for sound; it has not for {LOST_S} s: see whether it is plugged in "
                "and `bassnet devices` lists it, and start again"
            )

    def report(self) -> dict[str, Any]:
        """For `bassnet status`: the card, its rate, block and ring, and the counts."""
        stream = {"sample_rate": self.sample_rate, "block_size": self.block_size}
        return {**self.of_card, **stream, "ring_samples": self.ring_samples, **asdict(self.counts)}

    def _greet(self) -> None:
        """Opens the session, or renews it, or opens it again where it was dropped."""
        before = self._token
        self._say(self._hello)
        if self._token != before:
            self._say(wire.encode("/bassnet/ping", self._token))  # proves it: it may get all its answers

    @property
    def _losses(self) -> tuple[int, ...]:
        counts = self.counts
        return counts.input_overflows, counts.output_underflows, counts.missed, counts.skipped

    def _event(self) -> dict[str, Any]:
        return {"event": "device_losses", **asdict(self.counts)}
