"""The messages of a session log, from the files that it was written to.

Flow: replay -> log_files -> session_log's files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from bassnet_osc import wire
from bassnet_osc.audio_files import refusals_told_of
from bassnet_osc.session_log import FILE, MAX_FILES, before
from bassnet_osc.spec import BassNetError
from bassnet_osc.wire import MAX_DATAGRAM


def messages(path: Path) -> Iterator[bytes]:
    """All of them in order, with their progress, those of the files before this one first."""
    parts = _parts(path)
    total = sum(part.stat().st_size for part in parts)
    with tqdm(total=total, unit="B", unit_scale=True, desc=path.name, disable=None) as bar:
        for part in parts:
            for message in records(part):
                bar.update(4 + len(message))
                yield message


def _parts(path: Path) -> list[Path]:
    """The files of this log's run, the oldest first: those before it as far as they are of it."""
    run, part = wire.decode_message(next(records(path))).args
    parts = [path]
    for n in range(1, MAX_FILES):
        try:
            older = wire.decode_message(next(records(before(path, n)))).args
        except (BassNetError, ValueError):  # none there, or nothing to be read
            break
        if older != (run, part - n):
            break
        parts.insert(0, before(path, n))
    return parts


def records(path: Path) -> Iterator[bytes]:
    """The messages of one file; what a crash cut off or spoiled at its end is left out."""
    is_log = False
    with refusals_told_of(path), path.open("rb") as file:
        while len(head := file.read(4)) == 4:
            (size,) = struct.unpack(">i", head)
            if not 0 < size <= MAX_DATAGRAM:
                break
            message = file.read(size)
            if len(message) < size:
                break
            is_log = is_log or wire.address_of(message) == FILE
            if not is_log:
                break
            yield message
    if not is_log:
        raise BassNetError(f"{path} must be a log of `bassnet serve --log`; it is none: check the name")
