"""All that decides what a server plays, written to a file as it happens: for `bassnet replay`.

Flow: voice -> Journal -> SessionLog -> file -> replay. The file is OSC 1.0 as it goes through a stream: each
message after its size in bytes (int32). A thread writes, so that a slow disk keeps no sound waiting; a log that
would have a gap ends instead.

    /log/file    s run, i part                       the beginning of a file
    /log/model   s name, s fingerprint               before its first use
    /log/voice   i voice, i session, s client, i sample_rate, i latency_samples, i taper (0: the model's), s model, s sound
    /log/windows i voice, s JSON                     how those of the next block were played: [model, is_decoded, {n: z}]
    /log/heard   i voice, b samples                  a block of the mix, in order, gaps concealed: heard and turned into sound
    /log/played  i voice, i n_samples, i is_fade, then i variation, i crc32 of its samples
    /log/sound   i voice, s JSON                     the sound was changed
    /log/varied  i voice, i variation                a further bass began
"""  # noqa: E501

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import secrets
import struct
import threading
import weakref
import zlib
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from bassnet_osc import wire
from bassnet_osc.audio_wire import encode_audio
from bassnet_osc.sound import Sound
from bassnet_osc.spec import BassNetError

if TYPE_CHECKING:
    from bassnet_osc.hearing import Heard
    from bassnet_osc.session import Session
    from bassnet_osc.voice import Blocks

MAX_BYTES = 1 << 30  # of a file: an hour and a half of one session; two files are kept
MAX_WAITING = 1 << 15  # records that the disk may be behind: half a minute of three sessions
FILE, MODEL, VOICE, WINDOWS = "/log/file", "/log/model", "/log/voice", "/log/windows"
HEARD, PLAYED, SOUND, VARIED = "/log/heard", "/log/played", "/log/sound", "/log/varied"

log = logging.getLogger("bassnet_osc")


def before(path: Path) -> Path:
    """The file that a log began in before it went on in this one."""
    return path.with_name(path.name + ".1")


class SessionLog:
    """A log under way; as a context, it is written to the end."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        """Goes on in a new file at every `max_bytes`; one that is there becomes the one before it."""
        self._path, self._max_bytes = path, max_bytes
        self._run, self._part = secrets.token_hex(8), 0
        self._n_voices = 0
        self._models: dict[str, str] = {}
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self._has_ended = False
        try:
            self._file = self._next_file()
        except OSError as error:
            raise BassNetError(f"--log must be a file that can be written; {error}: name another") from None
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def open(self, session: Session, sound: Sound) -> VoiceJournal:
        """The journal of a new voice."""
        self._n_voices += 1
        return VoiceJournal(self, self._n_voices, session, sound)

    def know(self, model: Any) -> str:
        """Writes down which model has this name, once; returns the name."""
        if model.name not in self._models:
            self._models[model.name] = model.fingerprint
            self.write(MODEL, model.name, model.fingerprint)
        return str(model.name)

    def write(self, address: str, *args: Any) -> None:
        """Adds a record."""
        self.put(wire.encode(address, *args))

    def put(self, message: bytes) -> None:
        """Adds a record as bytes."""
        if self._has_ended:
            return
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._end("the disk cannot keep up")

    def __enter__(self) -> SessionLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _end(self, reason: str) -> None:
        if not self._has_ended:
            self._has_ended = True
            log.warning("the session log %s ends here: %s", self._path, reason)

    def _next_file(self) -> BinaryIO:
        if self._path.exists():
            os.replace(self._path, before(self._path))
        file = self._path.open("wb")
        _append(file, wire.encode(FILE, self._run, self._part))
        for name, fingerprint in self._models.items():
            _append(file, wire.encode(MODEL, name, fingerprint))
        self._part += 1
        return file

    def _write(self) -> None:
        message: bytes | None = b""
        try:
            while (message := self._waiting.get()) is not None:
                if self._file.tell() > self._max_bytes:
                    self._file.close()
                    self._file = self._next_file()
                _append(self._file, message)
            self._file.close()
        except OSError as error:
            self._end(str(error))
            with contextlib.suppress(OSError):  # it was told just now
                self._file.close()
            while message is not None:  # what was under way when it ended
                message = self._waiting.get()


def _append(file: BinaryIO, message: bytes) -> None:
    file.write(struct.pack(">i", len(message)) + message)


class VoiceJournal:
    """Implements voice.Journal."""

    def __init__(self, log: SessionLog, number: int, session: Session, sound: Sound) -> None:
        self._log, self._number = log, number
        self._whose = weakref.ref(session)  # it holds what holds this: freed at once
        self._sound = sound
        self._has_begun = False

    def _begin(self) -> None:
        """Not before it plays: its latency is known by then, and many a voice never does."""
        session = self._whose()
        assert session is not None  # its voice plays
        self._has_begun = True
        self._log.know(session.model)
        hello, sound = session.hello, json.dumps(asdict(self._sound))
        fixed = (hello.client, hello.sample_rate, session.voice.latency_samples, hello.taper or 0)
        self._log.write(VOICE, self._number, session.number, *fixed, session.model.name, sound)

    def accepted(self, heard: Heard) -> None:
        """See voice.Journal."""
        if not self._has_begun:
            self._begin()
        if heard.decisions:
            windows = [[self._log.know(d.model), d.is_decoded, d.z] for d in heard.decisions]
            self._log.write(WINDOWS, self._number, json.dumps(windows))
        self._log.put(encode_audio(HEARD, self._number, heard.block, "b"))

    def played(self, blocks: Blocks, is_fade: bool) -> None:
        """See voice.Journal."""
        if not self._has_begun:
            self._begin()
        crcs = [int(part) for n, block in blocks.items() for part in (n, crc(block))]
        self._log.write(PLAYED, self._number, len(blocks[0]), int(is_fade), *crcs)

    def sounded(self, sound: Sound) -> None:
        """See voice.Journal."""
        if self._has_begun:
            self._log.write(SOUND, self._number, json.dumps(asdict(sound)))
        self._sound = sound

    def varied(self, n: int) -> None:
        """See voice.Journal."""
        if not self._has_begun:
            self._begin()
        self._log.write(VARIED, self._number, n)


def crc(block: Any) -> int:
    """Checksum of samples, as OSC's signed int32."""
    return int(np.int64(zlib.crc32(np.asarray(block, np.float32).tobytes())).astype(np.int32))
