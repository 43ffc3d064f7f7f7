"""OSC datagrams: audio packed and parsed with numpy, all else through python-osc.

Flow: bytes <-> (seq, samples) or Message. Knows neither sockets nor sessions. Whatever arrives here may be
hostile: every function raises BassNetError, and nothing else, for bytes that it cannot take.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bassnet_osc.spec import BassNetError

Block = npt.NDArray[np.float32]

FORMATS = ("f", "b", "s16")  # a float list; a blob of float32; a blob of int16
MAX_DATAGRAM = 9216  # bytes: the most that macOS sends
MAX_BLOCK = 1024  # samples
SEQ_MODULO = 1 << 24  # blocks: exact in the float32 that Pd and Max count in
MAX_SAMPLE = 1e6  # +120 dBFS: above it stands a fault, not music
S16_SCALE = 32767.0  # full scale of format s16
MAX_DEPTH = 8  # bundles within bundles
MAX_ARGS = 64  # arguments of a control message
PLAIN_TAGS = frozenset("ifsbhdTFN")  # python-osc logs, skips or nests the others

_BUNDLE = b"#bundle\0"
_BUNDLE_HEAD = 16  # bytes: the name and the time tag
_ATOM_BYTES = {ord("i"): 4, ord("f"): 4, ord("h"): 8, ord("d"): 8, ord("T"): 0, ord("F"): 0}
_ATOM_STRUCT = {ord("i"): ">i", ord("f"): ">f", ord("h"): ">q", ord("d"): ">d"}


@dataclass(frozen=True)
class Message:
    """One OSC message."""

    address: str
    args: tuple[Any, ...] = ()


# --- audio -------------------------------------------------------------------------------------------


def encode_audio(address: str, seq: int, samples: Block, format: str) -> bytes:
    """One block as an OSC message: seq, then a float list (`f`) or a blob (`b`, `s16`), big-endian.

    Shape: samples (n,), full scale 1. `s16` clips at full scale.
    """
    number = struct.pack(">i", seq % SEQ_MODULO)
    if format == "f":
        return _list_head(address, len(samples)) + number + samples.astype(">f4").tobytes()
    if format == "b":
        payload = samples.astype(">f4").tobytes()
    else:
        payload = np.rint(np.maximum(np.minimum(samples, 1.0), -1.0) * S16_SCALE).astype(">i2").tobytes()
    padding = bytes(-len(payload) % 4)
    return _blob_head(address) + number + struct.pack(">i", len(payload)) + payload + padding


def decode_audio(message: bytes, format: str) -> tuple[int, Block]:
    """Inverse of `encode_audio`; the session's format decides how the payload is read.

    In `f` each atom may be i, f, h, d, T or F: Max sends whole numbers as i. A seq above the modulus is
    reduced. Raises BassNetError for NaN, infinity, samples above +120 dBFS and sizes that disagree.
    """
    _check_size(message)
    _, at = _string(message, 0)
    tags, at = _string(message, at)
    seq, samples = _read_list(message, tags, at) if format == "f" else _read_blob(message, tags, at, format)
    if not (0 <= seq < 2**31) or seq != int(seq):
        raise BassNetError(f"seq must be a whole number of 0 or more; got {seq!r}: count blocks from 0")
    check_samples(samples)
    return int(seq) % SEQ_MODULO, samples


def check_samples(samples: Block) -> None:
    """Raises BassNetError for NaN, infinity and samples above +120 dBFS."""
    peak = np.abs(samples).max()
    if not peak <= MAX_SAMPLE:  # NaN is not, either
        raise BassNetError(
            f"samples must be finite and within +-{MAX_SAMPLE:g} (full scale is 1); got a peak of {peak:g}: "
            "look for the fault before the send"
        )


def _read_list(message: bytes, tags: bytes, at: int) -> tuple[float, Block]:
    n_atoms = len(tags) - 1
    if not tags.startswith(b",") or not 2 <= n_atoms <= MAX_BLOCK + 1:
        raise BassNetError(
            f"format f is a seq and 1 to {MAX_BLOCK} numbers; got {n_atoms} arguments {tags[:8]!r}: "
            "send one list, or say hello with format b or s16"
        )
    if tags.count(b"f") + tags.count(b"i") < n_atoms:
        return _read_atoms(message, tags[1:], at)
    _check_end(message, at + 4 * n_atoms)
    seq: float = struct.unpack_from(">i" if tags[1] == ord("i") else ">f", message, at)[0]
    samples = np.frombuffer(message, ">f4", offset=at + 4).astype(np.float32)
    if tags.find(b"i", 2) > 0:
        whole = np.frombuffer(tags, np.uint8, offset=2) == ord("i")
        samples[whole] = np.frombuffer(message, ">i4", offset=at + 4)[whole]
    return seq, samples


def _read_atoms(message: bytes, tags: bytes, at: int) -> tuple[float, Block]:
    """Any mixture of numbers, one by one: the slow path."""
    values: list[float] = []
    for tag in tags:
        if tag not in _ATOM_BYTES:
            raise BassNetError(
                f"format f carries numbers (i, f, h, d, T, F); got a {chr(tag)!r}: send numbers, or say "
                "hello with format b or s16"
            )
        if at + _ATOM_BYTES[tag] > len(message):
            raise BassNetError(f"the message ends within its numbers ({len(message)} bytes): it is cut off")
        packing = _ATOM_STRUCT.get(tag)
        values.append(struct.unpack_from(packing, message, at)[0] if packing else float(tag == ord("T")))
        at += _ATOM_BYTES[tag]
    _check_end(message, at)
    with np.errstate(over="ignore"):  # too large a double becomes infinite and is refused by the caller
        return values[0], np.array(values[1:], np.float64).astype(np.float32)


def _read_blob(message: bytes, tags: bytes, at: int, format: str) -> tuple[float, Block]:
    if tags not in (b",ib", b",fb") or len(message) < at + 8:
        raise BassNetError(
            f"format {format} is a seq and one blob; got {tags[:8]!r} in {len(message)} bytes: send a "
            "blob, or say hello with format f"
        )
    seq: float = struct.unpack_from(">i" if tags == b",ib" else ">f", message, at)[0]
    size = int.from_bytes(message[at + 4 : at + 8], "big")
    dtype = ">f4" if format == "b" else ">i2"
    n_samples, rest = divmod(size, np.dtype(dtype).itemsize)
    if rest or not 1 <= n_samples <= MAX_BLOCK:
        raise BassNetError(
            f"a blob of format {format} holds 1 to {MAX_BLOCK} samples; got {size} bytes: mend its length"
        )
    _check_end(message, at + 8 + size + -size % 4)
    samples = np.frombuffer(message, dtype, n_samples, at + 8).astype(np.float32)
    return seq, samples if format == "b" else samples / np.float32(S16_SCALE)


@lru_cache(maxsize=256)
def _list_head(address: str, n_samples: int) -> bytes:
    return _padded(address.encode()) + _padded(b",i" + b"f" * n_samples)


@lru_cache(maxsize=256)
def _blob_head(address: str) -> bytes:
    return _padded(address.encode()) + _padded(b",ib")


# --- control -----------------------------------------------------------------------------------------


def encode(address: str, *args: Any) -> bytes:
    """A control message: str, int, float, bool or bytes as s, i, f, T/F, b."""
    try:
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        return builder.build().dgram
    except Exception as error:
        # python-osc has two error classes of its own and lets struct's and codecs' through
        raise BassNetError(f"{address} cannot carry {_short(args)}: {error}") from None


def decode(datagram: bytes) -> list[Message]:
    """The messages of a datagram, bundles unpacked and their time tags ignored."""
    return [decode_message(message) for message in unbundle(datagram)]


def unbundle(datagram: bytes) -> list[bytes]:
    """The messages of a datagram as bytes, in order, bundles unpacked and their time tags ignored.

    Ours and not python-osc's, which loops for ever on an element of size -4 and recurses without bound.
    """
    _check_size(datagram)
    return list(_elements(datagram, 0))


def _elements(packet: bytes, depth: int) -> Iterator[bytes]:
    if not packet.startswith(_BUNDLE):
        yield packet
        return
    if depth == MAX_DEPTH:
        raise BassNetError(f"bundles nest at most {MAX_DEPTH} deep; got more: send them flat")
    at = _BUNDLE_HEAD
    while at < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        at += 4
        if size == 0 or size % 4 or at + size > len(packet):
            raise BassNetError(
                f"a bundle's element of {size} bytes does not fit at byte {at} of {len(packet)}"
            )
        yield from _elements(packet[at : at + size], depth + 1)
        at += size


def address_of(message: bytes) -> str:
    """The address of a message, without reading its arguments."""
    address, _ = _string(message, 0)
    if not address.startswith(b"/"):
        raise BassNetError(f"an OSC address starts with /; got {_short(address)}: this is not OSC")
    return address.decode("ascii", "backslashreplace")


def decode_message(message: bytes) -> Message:
    """One control message (no bundle), parsed by python-osc."""
    _check_size(message)
    address = address_of(message)
    shown = _short(address)
    _, at = _string(message, 0)
    if at == len(message):
        return Message(address)  # old senders leave out the type tags of a message without arguments
    tags = _string(message, at)[0].decode("ascii", "replace")
    if not tags.startswith(",") or not PLAIN_TAGS.issuperset(tags[1:]) or len(tags) > MAX_ARGS + 1:
        raise BassNetError(
            f"{shown} must have at most {MAX_ARGS} arguments of types {''.join(sorted(PLAIN_TAGS))}; got "
            f"{_short(tags)}"
        )
    try:
        parsed = OscMessage(message)
        again = OscMessageBuilder(parsed.address)
        for tag, value in zip(tags[1:], parsed.params, strict=True):
            again.add_arg(value, tag)
        size = again.build().size
    except Exception as error:
        # python-osc lets IndexError, UnicodeDecodeError and others of its parser's accidents through
        raise BassNetError(f"{shown} cannot be read: {_short(str(error))}") from None
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
            f"{_short(message.address)} takes {len(fixed)} arguments{' or more' if fixed != kinds else ''} "
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
    raise BassNetError(f"argument {n} of {_short(address)} must be {wanted}; got {_short(value)}")


# --- both --------------------------------------------------------------------------------------------


def _check_size(datagram: bytes) -> None:
    if not 4 <= len(datagram) <= MAX_DATAGRAM or len(datagram) % 4:
        raise BassNetError(
            f"an OSC datagram has 4 to {MAX_DATAGRAM} bytes, a multiple of 4; got {len(datagram)}: send "
            "whole messages and smaller blocks"
        )


def _check_end(message: bytes, end: int) -> None:
    if len(message) != end:
        raise BassNetError(
            f"the type tags announce {end} bytes; got {len(message)}: it is cut off or damaged"
        )


def _string(message: bytes, at: int) -> tuple[bytes, int]:
    """The string at a multiple of 4, and where the next argument begins."""
    end = message.find(b"\0", at)
    after = (end // 4 + 1) * 4
    if end < 0 or after > len(message):
        raise BassNetError(f"no string ends at byte {at} or later of {len(message)}: this is not OSC")
    return message[at:end], after


def _padded(text: bytes) -> bytes:
    return text + bytes(4 - len(text) % 4)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
