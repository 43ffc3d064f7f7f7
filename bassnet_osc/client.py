"""The Python client: blocks of a mix out, blocks of bass back, over OSC.

    with Client(sample_rate=48_000, block_size=256) as client:
        client.z(0.5, -1.0)
        client.send(mix[:256])
        seq, bass = client.receive()

Sample i of the stream of answers is the bass for sample i - `latency_samples` of the mix. No threads: the
heartbeat leaves from within `send` and `receive`, one of which has to be called at least every second.
"""

from __future__ import annotations

import math
import time
from collections import deque
from types import TracebackType
from typing import Any

from bassnet_osc import audio_wire, client_words, wire
from bassnet_osc.frames import Block
from bassnet_osc.line import Line
from bassnet_osc.spec import HOST, PORT, SEQ_MODULO, BassNetError
from bassnet_osc.steering import Steering
from bassnet_osc.wire import Message

DEADLINE_MS = 20.0  # for an answer, unless told otherwise: one hop of the live model
HELLO_AGAIN = 0.25  # seconds between hellos until the welcome
HEARTBEAT = 1.0  # seconds
VARIATION = "/bassnet/variation/"
MAX_UNREAD = 4096  # answers of a variation that are kept for somebody who reads them


class Client(Steering):
    """One session of a server.

    Formats: `f` float lists, `b` float32 blobs, `s16` int16 blobs (half the bytes, clipped at full scale).
    Blocks have 16 to 1024 samples; rates are 8 to 192 kHz. `deadline_ms` is how long the server may take for
    an answer before it conceals it: what this client's ring is expected to absorb; None leaves it to the
    server: one block. `latency_target_ms` is what the offset is padded to.
    """

    def __init__(
        self,
        host: str = HOST,
        port: int = PORT,
        sample_rate: int = 48_000,
        block_size: int = 256,
        format: str = "f",
        name: str = "python",
        deadline_ms: float | None = DEADLINE_MS,
        latency_target_ms: float | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.sample_rate, self.block_size, self.format = sample_rate, block_size, format
        self._name = name
        self._deadline_ms, self._latency_target_ms = deadline_ms, latency_target_ms
        self._line: Line | None = None
        self._n_pings = 0
        self._pongs: set[int] = set()
        self._stats: dict[str, float] | None = None
        self._forget()

    def _forget(self) -> None:
        self.welcome: dict[str, Any] = {}  # session, token, latency_samples, model, version, pairs
        self.status = ("", "")  # state and reason, as the server last told
        self._next_seq = 0
        self._hello_at = -math.inf
        self._answers: deque[tuple[int, Block]] = deque()
        self.variations: dict[int, deque[tuple[int, Block]]] = {}  # seq and samples of each, to be popped
        self._choices = client_words.Choices()

    def __enter__(self) -> Client:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def latency_samples(self) -> int:
        """Offset between input and output index."""
        return int(self.welcome["latency_samples"])

    @property
    def model(self) -> str:
        """Name of the model that plays."""
        return str(self.welcome["model"])

    def connect(self, timeout: float = 5.0) -> None:
        """Opens a new session, seq from 0; raises BassNetError when no welcome comes in `timeout` seconds."""
        self.close()
        self._forget()
        self._line = Line(self.host, self.port)
        until = time.monotonic() + timeout
        try:
            while not self.welcome:
                if time.monotonic() >= until:
                    raise BassNetError(
                        client_words.why_unanswered(self.host, self.port, self.status, timeout)
                    )
                self._beat(HELLO_AGAIN)
                self._take_one(min(until, self._hello_at + HELLO_AGAIN))
        except BaseException:
            self._line.close()
            self._line = None
            raise

    def close(self) -> None:
        """Says bye and closes the socket."""
        if self._line is not None:
            self._say("/bassnet/bye")
            self._line.close()
            self._line = None

    def send(self, block: Block) -> int:
        """Sends the next block (block_size,) of the mix, full scale 1; returns its seq."""
        if block.shape != (self.block_size,):
            raise BassNetError(
                f"a block must have the shape ({self.block_size},); got {block.shape}: send one channel, "
                "block_size samples at a time"
            )
        audio_wire.check_samples(block)
        self._beat()
        seq = self._next_seq
        self._next_seq = (seq + 1) % SEQ_MODULO
        self._send(audio_wire.encode_audio(audio_wire.AUDIO_IN, seq, block, self.format))
        return seq

    def receive(self, timeout: float = 1.0) -> tuple[int, Block] | None:
        """The next answer: seq and (block_size,) samples, or None after `timeout` seconds (0: only look).

        Raises BassNetError when the server refused something that this client sent.
        """
        until = time.monotonic() + timeout
        while not self._answers:
            self._beat()
            if not self._take_one(min(until, self._hello_at + HEARTBEAT)) and time.monotonic() >= until:
                break
        return self._answers.popleft() if self._answers else None

    def ping(self, timeout: float = 1.0) -> float | None:
        """Round trip in milliseconds, or None when no answer came."""
        self._n_pings += 1
        n, sent = self._n_pings, time.monotonic()
        self._say("/bassnet/ping", n)
        while n not in self._pongs and time.monotonic() < sent + timeout:
            self._take_one(sent + timeout)
        arrived = n in self._pongs
        self._pongs.clear()
        return 1000.0 * (time.monotonic() - sent) if arrived else None

    def stats(self, timeout: float = 1.0) -> dict[str, float] | None:
        """What the server has counted for this session and measured of its engine, or None without an answer.

        In blocks: blocks_in, lost, late, concealed; of inference: p50_ms, p95_ms, p99_ms; load, 0 to 1.
        """
        self._stats = None
        until = time.monotonic() + timeout
        self._say("/bassnet/subscribe", "stats", 0)
        while self._stats is None and time.monotonic() < until:
            self._take_one(until)
        return self._stats

    def _beat(self, every: float = HEARTBEAT) -> None:
        if time.monotonic() >= self._hello_at + every:
            self._hello_at = time.monotonic()
            self._send(self._hello())

    def _hello(self) -> bytes:
        stream = (self.sample_rate, self.block_size, self.format)
        return client_words.hello(
            self._name, *stream, deadline_ms=self._deadline_ms, latency_target_ms=self._latency_target_ms
        )

    def _say(self, address: str, *args: Any) -> None:
        self._send(wire.encode(address, *args))

    def _send(self, datagram: bytes) -> None:
        self._open_line.send(datagram)

    @property
    def _open_line(self) -> Line:
        if self._line is None:
            raise BassNetError("the client is not connected: use it in a `with`, or call connect() first")
        return self._line

    def _take_one(self, until: float) -> bool:
        """Waits for one datagram until that time, at most, and heeds it; False where none came."""
        datagram = self._open_line.receive(until)
        if datagram is None:
            return False
        address = wire.address_of(datagram)
        if address == audio_wire.AUDIO_OUT:
            self._answers.append(audio_wire.decode_audio(datagram, self.format))
        elif address.startswith(VARIATION):
            n = int(address.removeprefix(VARIATION).split("/")[0])
            answers = self.variations.setdefault(n, deque(maxlen=MAX_UNREAD))
            answers.append(audio_wire.decode_audio(datagram, self.format))
        else:
            for message in wire.decode(datagram):
                self._heed(message)
        return True

    def _heed(self, message: Message) -> None:
        args = message.args
        if message.address == "/bassnet/welcome":
            before = self.welcome.get("token")
            self.welcome = client_words.welcome(args)
            if self.welcome["token"] != before:
                self._introduce()
        elif message.address == "/bassnet/latency":
            self.welcome["latency_samples"] = args[0]
        elif message.address == "/bassnet/model":
            self.welcome["model"] = args[0]
        elif message.address == "/bassnet/status":
            self.status = (str(args[0]), str(args[1]))
        elif message.address == "/bassnet/stats":
            self._stats = dict(zip(client_words.STATS, args, strict=True))
        elif message.address == "/bassnet/pong":
            self._pongs.add(args[0])
        elif message.address == "/bassnet/error":
            self._heed_error(*args)

    def _introduce(self) -> None:
        """To a new session: proves that its words arrive here, and says again what was chosen."""
        self._say("/bassnet/ping", self.welcome["token"])
        for address, args in self._choices.messages():
            self._say(address, *args)

    def _heed_error(self, code: str, text: str) -> None:
        if code != "no_session":
            self._choices.take_back(f"/bassnet/{code}")
            raise BassNetError(f"the server refused {code}: {text}")
        self._hello_at = time.monotonic()  # it was restarted, or has waited too long for a heartbeat
        self._send(self._hello())
