"""Audio in OSC datagrams, packed and parsed with numpy: the fast path.

Flow: bytes <-> (seq, samples). Knows neither sockets nor sessions. Whatever arrives here may be hostile:
every function raises BassNetError, and nothing else, for bytes that it cannot take.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np

from bassnet_osc.frames import Block
from bassnet_osc.spec import SEQ_MODULO, BassNetError
from bassnet_osc.wire import check_size, padded, string_at

AUDIO_IN, AUDIO_OUT = "/bassnet/audio/in", "/bassnet/audio/out"  # a block of the mix; of the bass
FORMATS = ("f", "b", "s16")  # a float list; a blob of float32; a blob of int16
MAX_BLOCK = 1024  # samples
MAX_SAMPLE = 1e6  # +120 dBFS: above it stands a fault, not music
S16_SCALE = 32767.0  # full scale of format s16

# No T and F, which take no bytes: a message of them would be answered with five times its length.
_ATOMS = {ord("i"): ">i", ord("f"): ">f", ord("h"): ">q", ord("d"): ">d"}


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

    In `f` each atom may be i, f, h or d: Max sends whole numbers as i. A seq above the modulus is reduced.
    Raises BassNetError for NaN, infinity, samples above +120 dBFS and sizes that disagree.
    """
    check_size(message)
    _, at = string_at(message, 0)
    tags, at = string_at(message, at)
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
        packing = _ATOMS.get(tag)
        if packing is None:
            raise BassNetError(
                f"format f carries numbers (i, f, h, d); got a {chr(tag)!r}: send numbers, or say hello "
                "with format b or s16"
            )
        if at + struct.calcsize(packing) > len(message):
            raise BassNetError(f"the message ends within its numbers ({len(message)} bytes): it is cut off")
        values.append(struct.unpack_from(packing, message, at)[0])
        at += struct.calcsize(packing)
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
    return padded(address.encode()) + padded(b",i" + b"f" * n_samples)


@lru_cache(maxsize=256)
def _blob_head(address: str) -> bytes:
    return padded(address.encode()) + padded(b",ib")


def _check_end(message: bytes, end: int) -> None:
    if len(message) != end:
        raise BassNetError(
            f"the type tags announce {end} bytes; got {len(message)}: it is cut off or damaged"
        )
