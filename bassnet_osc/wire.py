"""OSC datagrams: bundles, addresses and control messages, these through python-osc.

Flow: bytes <-> Message; audio_wire reads audio. Knows neither sockets nor sessions. Whatever arrives here may
be hostile: every function raises BassNetError, and nothing else, for bytes that it cannot take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bassnet_osc.spec import BassNetError

MAX_DATAGRAM = 9216  # bytes: the most that macOS sends
MAX_DEPTH = 8  # bundles within bundles
MAX_ARGS = 64  # arguments of a control message
PLAIN_TAGS = frozenset("ifsbhdTFN")  # python-osc logs, skips or nests the others

NTP_TO_UNIX = 2_208_988_800  # seconds from 1900, where time tags begin, to 1970

_BUNDLE = b"#bundle\0"
_BUNDLE_HEAD = 16  # bytes: the name and the time tag


@dataclass(frozen=True)
class Message:
    """One OSC message."""

    address: str
    args: tuple[Any, ...] = ()


def encode(address: str, *args: Any) -> bytes:
    """A control message: str, int, float, bool or bytes as s, i, f, T/F, b."""
    try:
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        return builder.build().dgram
    except Exception as error:
        # python-osc has two error classes of its own and lets struct's and codecs' through
        raise BassNetError(f"{address} cannot carry {short(args)}: {short(str(error))}") from None


def decode(datagram: bytes) -> list[Message]:
    """The messages of a datagram, bundles unpacked and their time tags ignored."""
    return [decode_message(message) for message in unbundle(datagram)]


def unbundle(datagram: bytes) -> list[bytes]:
    """The messages of a datagram as bytes, in order, bundles unpacked and their time tags ignored."""
    return [message for message, _ in timed(datagram)]


def timed(datagram: bytes) -> list[tuple[bytes, float]]:
    """The messages of a datagram, in order, each with the Unix time that its bundle names: 0 for at once.

    Ours and not python-osc's, which loops for ever on an element of size -4, recurses without bound, and
    sleeps until a time tag comes.
    """
    check_size(datagram)
    return list(_elements(datagram, 0, 0.0))


def _elements(packet: bytes, depth: int, at_time: float) -> Iterator[tuple[bytes, float]]:
    if not packet.startswith(_BUNDLE):
        yield packet, at_time
        return
    if depth == MAX_DEPTH:
        raise BassNetError(f"bundles nest at most {MAX_DEPTH} deep; got more: send them flat")
    at, tag = _BUNDLE_HEAD, int.from_bytes(packet[len(_BUNDLE) : _BUNDLE_HEAD], "big")
    at_time = max(0.0, tag / 2**32 - NTP_TO_UNIX)
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        at += 4
        if size == 0 or size % 4 or at + size > len(packet):
            raise BassNetError(
                f"a bundle's element of {size} bytes does not fit at byte {at} of {len(packet)}"
            )
        yield from _elements(packet[at : at + size], depth + 1, at_time)
        at += size


def address_of(message: bytes) -> str:
    """The address of a message, without reading its arguments."""
    address, _ = string_at(message, 0)
    if not address.startswith(b"/"):
        raise BassNetError(f"an OSC address starts with /; got {short(address)}: this is not OSC")
    return address.decode("ascii", "backslashreplace")


def decode_message(message: bytes) -> Message:
    """One control message (no bundle), parsed by python-osc."""
    check_size(message)
    address = address_of(message)
    shown = short(address)
    _, at = string_at(message, 0)
    if at == len(message):
        return Message(address)  # old senders leave out the type tags of a message without arguments
    tags = string_at(message, at)[0].decode("ascii", "replace")
    if not tags.startswith(",") or not PLAIN_TAGS.issuperset(tags[1:]) or len(tags) > MAX_ARGS + 1:
        raise BassNetError(
            f"{shown} must have at most {MAX_ARGS} arguments of types {''.join(sorted(PLAIN_TAGS))}; got "
            f"{short(tags)}"
        )
    try:
        parsed = OscMessage(message)
        again = OscMessageBuilder(parsed.address)
        for tag, value in zip(tags[1:], parsed.params, strict=True):
            again.add_arg(value, tag)
        size = again.build().size
    except Exception as error:
        # python-osc lets IndexError, UnicodeDecodeError and others of its parser's accidents through
        raise BassNetError(f"{shown} cannot be read: {short(str(error))}") from None
    if size != len(message):  # python-osc takes missing floats for zeros and ignores what follows
        raise BassNetError(f"{shown} takes {size} bytes; got {len(message)}: it is cut off or damaged")
    return Message(parsed.address, tuple(parsed.params))


def arguments(message: Message, kinds: str) -> list[Any]:
    """The arguments as `kinds` wants them: s text, i whole number, f finite number; * any more of any type.

    Numbers are taken from i, f, h, d, T and F alike. Raises BassNetError naming the argument.
    """
    fixed = kinds.rstrip("*")
    if len(message.args) < len(fixed) or (fixed == kinds and len(message.args) > len(fixed)):
        raise BassNetError(
            f"{short(message.address)} takes {len(fixed)} arguments{' or more' if fixed != kinds else ''} "
            f"of kinds {kinds!r}; got {len(message.args)}"
        )
    read = [
        _argument(message.address, n, value, kind)
        for n, (value, kind) in enumerate(zip(message.args, fixed, strict=False), 1)
    ]
    return read + list(message.args[len(fixed) :])


def _argument(address: str, n: int, value: Any, kind: str) -> Any:
    if kind == "s" and isinstance(value, str):
        return value
    if kind != "s" and isinstance(value, (int, float)) and abs(value) < float("inf"):  # false for NaN
        if kind == "f":
            return float(value)
        if value == int(value):
            return int(value)
    wanted = {"s": "text", "i": "a whole number", "f": "a finite number"}[kind]
    raise BassNetError(f"argument {n} of {short(address)} must be {wanted}; got {short(value)}")


def check_size(datagram: bytes) -> None:
    """Raises BassNetError for what can be no datagram."""
    if not 4 <= len(datagram) <= MAX_DATAGRAM or len(datagram) % 4:
        raise BassNetError(
            f"an OSC datagram has 4 to {MAX_DATAGRAM} bytes, a multiple of 4; got {len(datagram)}: send "
            "whole messages and smaller blocks"
        )


def string_at(message: bytes, at: int) -> tuple[bytes, int]:
    """The string at a multiple of 4, and where the next argument begins."""
    end = message.find(b"\0", at)
    after = (end // 4 + 1) * 4
    if end < 0 or after > len(message):
        raise BassNetError(f"no string ends at byte {at} or later of {len(message)}: this is not OSC")
    return message[at:end], after


def padded(text: bytes) -> bytes:
    """The string with its end, to a multiple of 4."""
    return text + bytes(4 - len(text) % 4)


def short(value: Any) -> str:
    """For people: at most 60 characters of a value that may be hostile."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
