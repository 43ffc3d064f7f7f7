"""Hostile datagrams by the hundred thousand: seeded, and made of every address that the server knows.

Flow: ADDRESSES -> a pool of valid messages -> mutations -> bytes. Knows no sockets.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

import numpy as np
from datagrams import built

from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.audio_wire import FORMATS, encode_audio
from bassnet_osc.params import PARAMS
from bassnet_osc.request import Address
from bassnet_osc.switchboard import TO
from bassnet_osc.wire import padded

VARIANTS = 24  # of each address in the pool, right ones and odd ones
MOST = 65507  # bytes of the largest datagram that IPv4 can carry
NOISE = 1 << 18  # bytes of noise, prepared once and cut up

WORDS = (
    "stats",
    "frames",
    "notes",
    "f",
    "b",
    "s16",
    "finger",
    "sub",
    "max",
    "a1-live",
    "token",
    "deadline_ms",
)
ODD_WORDS = (
    "",
    "x" * 300,
    "b\u00e4\u00df \u2028",
    "../../etc/passwd",
    "%s%n{0}",
    "\r\n\x1b[2J",
    "'; exit",
    "#*,/?[]{}",
)
WHOLE = (0, 1, 2, 7, 16, 64, 256, 440, -1, -4)
ODD_WHOLE = (2**31 - 1, -(2**31), 2**24, 2**24 - 1, 65535, 65536, 2**63 - 1, -(2**63), 1 << 62)
REAL = (0.0, 1.0, -2.5, 0.25, 440.0, -36.0)
ODD_REAL = (float("nan"), float("inf"), float("-inf"), 1e38, -3.4e38, 1e-45, -0.0, 1e308)
KEYS = ("token", "deadline_ms", "latency_target_ms", "taper", "pad", "nobody")
RATES, BLOCKS = (8_000, 44_100, 48_000, 96_000, 191_999, 192_000), (16, 64, 256, 1024)
# Only what is nobody's port: a reply_port may be any on this machine, and the answers go there.
REPLY_PORTS = (0, 0, 0, 0, 1, 9, 65535, 65536, -1)
ODD_ADDRESSES = (
    *(b"", b"/", b"//", b"bassnet", b"/bassnet/*", b"/bassnet/{z,ping}", b"/bassnet/z/", b"/BASSNET/z"),
    *("/bassnet/z\u00e4".encode(), b"/bassnet/\xff\xfe", b"/" + b"x" * 4000),
    *(b"/bassnet/to//z", b"/bassnet/to/a/to/b/z", b"/bassnet/to/" + b"a/" * 200),
    *(
        b"/bassnet/to/\n\x1b[2J/z",
        b"/bassnet/to/" + b"\xff" * 4000 + b"/z",
        b"/bassnet/to/" + b"y" * 9000 + b"/z",
    ),
)

Pool = list[bytes]


class Hostile:
    """An endless stream of datagrams; the same seed gives the same ones."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._noise = self._random.randbytes(NOISE)
        self.valid = [
            message
            for name, address in ADDRESSES.items()
            for _ in range(VARIANTS)
            for message in self._messages(name, address)
        ]
        self.control = [m for m in self.valid if self._is_control(m)]
        makers: dict[Callable[[], bytes], int] = {
            self._valid: 12,
            self._truncated: 14,
            self._flipped: 20,
            self._retagged: 12,
            self._random_bytes: 10,
            self._odd_address: 6,
            self._huge_count: 8,
            self._bundle: 8,
            self._bad_bundle: 6,
            self._deep_bundle: 3,
            self._extreme_size: 1,
        }
        self._makers, self._weights = list(makers), list(makers.values())

    def datagrams(self, n: int) -> Iterator[bytes]:
        """The next n."""
        for maker in self._random.choices(self._makers, self._weights, k=n):
            yield maker()

    def harmless(self, n: int) -> Iterator[bytes]:
        """n for the address of a session that plays: whole and broken ones, none that may end its stream."""
        for _ in range(n):
            message = self._random.choice(self.control)
            if self._random.random() < 0.7:
                head = len(message) - message.rfind(b",")
                message = self._flip(message, len(message) - head) if head <= len(message) else message
            yield message

    # --- valid messages, and odd ones that are whole --------------------------------------------------

    @staticmethod
    def _is_control(message: bytes) -> bool:
        name = message[: message.index(b"\0")].decode("ascii", "replace")
        return name.startswith(TO) or (name in ADDRESSES and ADDRESSES[name].is_control)

    def _messages(self, name: str, address: Address) -> Pool:
        """One of right values, one of odd ones, and what is special to the address."""
        if address.kinds is None:
            return [self._audio(name), self._odd_audio(name)]
        if "*" in address.kinds:
            return [*(self._hello(name) for _ in range(3)), self._odd(name, address.kinds + 4 * "*")]
        made = [self._right(name, address.kinds), self._odd(name, address.kinds)]
        if address.is_control:
            to = TO + self._random.choice((*WORDS, "player")) + name.removeprefix("/bassnet")
            made.append(self._right(to, address.kinds))
        return made

    def _right(self, name: str, kinds: str) -> bytes:
        sounds = [p for n, p in PARAMS.items() if name.endswith(f"/{n}")]
        words = WORDS[6:8] if sounds else WORDS
        values = {"s": words, "i": WHOLE, "f": REAL}
        return built(name, *((kind, self._random.choice(values[kind])) for kind in kinds))

    def _odd(self, name: str, kinds: str) -> bytes:
        """Any types and values, now and then a wrong number of them."""
        n = len(kinds) + self._random.choice((0, 0, 0, 0, -1, 1, 100))
        return built(name, *(self._atom() for _ in range(max(0, n))))

    def _atom(self) -> tuple[str, object]:
        pick = self._random.choice
        tag = pick("iifffsssbhdTFN")
        if tag in "TFN":
            return tag, None
        if tag == "b":
            return tag, self._random.randbytes(pick((1, 4, 60)))
        if tag == "s":
            return tag, pick(WORDS + ODD_WORDS)
        if tag in "fd":
            value = pick(REAL + ODD_REAL)
            return tag, value if tag == "d" or not 1e300 < value < float("inf") else 3e38
        value = pick(WHOLE + ODD_WHOLE)
        return (tag, value) if tag == "h" or abs(value) < 2**31 else ("h", value)

    def _hello(self, name: str) -> bytes:
        """One that is mostly right, of few rates and sizes, so that some of the audio fits it."""
        pick = self._random.choice
        pairs: list[tuple[str, object]] = []
        for key in self._random.sample(KEYS, pick((0, 1, 3))):
            pairs += [("s", key), self._atom()]
        return built(
            name,
            ("s", pick(("a", "b", "player"))),
            ("i", pick(REPLY_PORTS)),
            ("i", pick(RATES)),
            ("i", pick(BLOCKS)),
            ("s", pick(FORMATS)),
            *pairs,
            ("s", "pad"),
            ("s", "." * pick((0, 200))),
        )

    def _audio(self, name: str) -> bytes:
        n = self._random.choice(BLOCKS)
        samples = np.frombuffer(self._noise, np.int8, n, self._random.randrange(1000)) / np.float32(128)
        return encode_audio(name, self._random.randrange(8), samples, self._random.choice(FORMATS))

    def _odd_audio(self, name: str) -> bytes:
        """A sample that is no number, a seq that is enormous, a size that is none."""
        pick = self._random.choice
        samples = np.zeros(pick((1, 15, 16, 64, 1025, 2000)), np.float32)
        samples[0] = min(pick(REAL + ODD_REAL), 3e38)
        message = bytearray(encode_audio(name, 0, samples, pick(("f", "b"))))
        at = message.index(b",i") // 4 * 4
        seq = message.index(b"\0", at) // 4 * 4 + 4
        message[seq : seq + 4] = struct.pack(">I", pick((0, 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)))
        return bytes(message)

    # --- mutations -----------------------------------------------------------------------------------

    def _valid(self) -> bytes:
        return self._random.choice(self.valid)

    def _truncated(self) -> bytes:
        message = self._valid()
        end = int(self._random.random() * len(message))
        return message[: end if self._random.random() < 0.3 else end // 4 * 4]

    def _flipped(self) -> bytes:
        return self._flip(self._valid(), 0)

    def _flip(self, message: bytes, first: int) -> bytes:
        """With one to four bytes changed, from `first` on: a bit, or all of them."""
        mutant, rand = bytearray(message), self._random.random
        for _ in range(1 + int(4 * rand())):
            at = first + int(rand() * (len(mutant) - first))
            mutant[at] = mutant[at] ^ (1 << int(8 * rand())) if rand() < 0.5 else int(256 * rand())
        return bytes(mutant)

    def _retagged(self) -> bytes:
        """Other type tags over the same values."""
        message, rand = bytearray(self._valid()), self._random.random
        at = message.find(b",")
        end = message.find(b"\0", at)
        for k in range(at + 1, min(end, at + 9)):
            message[k] = b"ifsbhdTFN[]rmcItS\xff"[int(18 * rand())]
        return bytes(message)

    def _random_bytes(self) -> bytes:
        at, size = int(self._random.random() * (NOISE - 600)), int(self._random.random() * 600)
        size = size if self._random.random() < 0.3 else size // 4 * 4
        head = b"/bassnet/z\0\0," if self._random.random() < 0.3 else b""
        return head + self._noise[at : at + size]

    def _odd_address(self) -> bytes:
        return padded(self._random.choice(ODD_ADDRESSES)) + self._random.choice(
            (b"", b",\0\0\0", b",ff\0" + bytes(8))
        )

    def _huge_count(self) -> bytes:
        """Tags, blobs and elements that announce far more than there is."""
        size = self._random.choice((0, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF, 2**24)).to_bytes(
            4, "big"
        )
        name = padded(self._random.choice(list(ADDRESSES)).encode())
        return self._random.choice(
            (
                name + padded(b",b") + size,
                name + padded(b",ib") + bytes(4) + size + bytes(64),
                name + padded(b"," + b"f" * 5000) + size,
                name + padded(b"," + b"N" * 9000),
                name + padded(b"," + b"[" * 3000 + b"]" * 3000),
                b"#bundle\0" + bytes(8) + size + bytes(32),
                b"#bundle\0" + bytes(8) + (size + bytes(4)) * 200,
            )
        )

    def _bundle(self) -> bytes:
        messages = self._random.choices(self.valid, k=1 + int(6 * self._random.random()))
        return b"#bundle\0" + b"\xff" * 8 + b"".join(len(m).to_bytes(4, "big") + m for m in messages)

    def _bad_bundle(self) -> bytes:
        return self._flip(self._bundle(), 8)

    def _deep_bundle(self) -> bytes:
        packet, depth = self._valid(), self._random.choice((1, 2, 7, 8, 9, 100, 400))
        for _ in range(depth):
            packet = b"#bundle\0" + bytes(8) + len(packet).to_bytes(4, "big") + packet
        return packet

    def _extreme_size(self) -> bytes:
        return self._noise[: self._random.choice((0, 0, 1, 2, 3, 4, 9212, 9216, 9217, 9220, 65504, MOST))]
