"""What a client says of itself and of its stream: the arguments of /bassnet/hello, checked.

Flow: addresses -> hello -> session.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from bassnet_osc.audio_wire import FORMATS, MAX_BLOCK
from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE
from bassnet_osc.spec import BassNetError
from bassnet_osc.wire import short

MIN_BLOCK = 16  # samples
MAX_DEADLINE_MS = 60_000.0  # ms
MAX_TARGET_MS = 2500.0  # ms of latency that may be asked for: more than any model needs
FRACTIONS = ("deadline_ms", "latency_target_ms")  # of hello's numbers, those that need not be whole
CLIENT_NAME = re.compile(r"[!-~]{1,64}")  # printable ASCII without a space ...
NOT_IN_A_NAME = frozenset("#*,/?[]{}")  # ... and without what OSC reserves: the name is a part of addresses


@dataclass(frozen=True)
class Hello:
    """The arguments of /bassnet/hello; equal hellos renew a session, unequal ones restart it."""

    client: str
    reply_port: int
    sample_rate: int
    block_size: int
    format: str
    deadline_ms: float | None = None
    latency_target_ms: float | None = None
    taper: int | None = None
    token: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        name = self.client
        _require(
            CLIENT_NAME.fullmatch(name) is not None and not NOT_IN_A_NAME.intersection(name),
            "client must be a name of 1 to 64 characters without spaces and #*,/?[]{}",
            name,
        )
        _require(
            0 <= self.reply_port < 65536, "reply_port must be a port or 0 for the source", self.reply_port
        )
        _require(
            LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE,
            f"sample_rate must be {LOWEST_RATE} to {HIGHEST_RATE} Hz",
            self.sample_rate,
        )
        _require(
            MIN_BLOCK <= self.block_size <= MAX_BLOCK,
            f"block_size must be {MIN_BLOCK} to {MAX_BLOCK} samples",
            self.block_size,
        )
        _require(self.format in FORMATS, f"format must be one of {', '.join(FORMATS)}", self.format)
        _require(
            self.deadline_ms is None or 0 < self.deadline_ms <= MAX_DEADLINE_MS,
            f"deadline_ms must be above 0 and at most {MAX_DEADLINE_MS:g}",
            self.deadline_ms,
        )
        check_target(self.latency_target_ms)

    @staticmethod
    def parse(args: list[Any]) -> Hello:
        """From the message's arguments: five, then key, value pairs of which unknown ones are ignored."""
        fixed, pairs = args[:5], args[5:]
        _require(len(pairs) % 2 == 0, "after the format come key, value pairs", len(pairs))
        known: dict[str, Any] = {}
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if key in (*FRACTIONS, "taper", "token"):
                number = isinstance(value, (int, float)) and abs(value) < float("inf")
                _require(
                    number and (key in FRACTIONS or value == int(value)), f"{key} must be a number", value
                )
                known[key] = float(value) if key in FRACTIONS else int(value)
        return Hello(*fixed, **known)

    @property
    def block_seconds(self) -> float:
        """Duration of a block."""
        return self.block_size / self.sample_rate

    @property
    def deadline_seconds(self) -> float:
        """From the arrival of a block to its answer, at most; a block's duration by default."""
        return self.block_seconds if self.deadline_ms is None else self.deadline_ms / 1000.0


def check_target(target_ms: float | None) -> None:
    """Raises BassNetError for a latency that cannot be asked for."""
    _require(
        target_ms is None or 0 < target_ms <= MAX_TARGET_MS,
        f"latency_target_ms must be above 0 and at most {MAX_TARGET_MS:g}",
        target_ms,
    )


def _require(holds: bool, rule: str, value: Any) -> None:
    if not holds:
        raise BassNetError(f"{rule}; got {short(value)}: mend the hello")
