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
    /log/varied  i voice, i variation, i on          a further bass began, or ended
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
import zlib
from dataclasses import asdict
from itertools import pairwise
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

MAX_BYTES, MAX_FILES = 1 << 30, 8  # of a file: an hour and a half of one session; that are kept
MAX_WAITING = 1 << 15  # records that the disk may be behind: half a minute of three sessions
FILE, MODEL, VOICE, WINDOWS = "/log/file", "/log/model", "/log/voice", "/log/windows"
HEARD, PLAYED, SOUND, VARIED = "/log/heard", "/log/played", "/log/sound", "/log/varied"

log = logging.getLogger("bassnet_osc")


def before(path: Path, n: int = 1) -> Path:
    """The file that a log was written to n files before this one."""
    return path.with_name(f"{path.name}.{n}")


class SessionLog:
    """A log under way; as a context, it is written to the end."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        """Goes on in a new file at every `max_bytes`; MAX_FILES are kept, the one that is there among them.

        Raises BassNetError for a file that is no log, or another server's.
        """
        self._path, self._max_bytes = path, max_bytes
        self._run, self._part = secrets.token_hex(8), 0
        self._n_voices = 0
        self._models: dict[str, str] = {}
        self._waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self._has_ended = False
        try:
            self._check_old()
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

    def _check_old(self) -> None:
        """What is there has to be a log that nobody writes: it becomes the file before this one."""
        if not self._path.exists():
            return
        with self._path.open("rb") as old:
            if not _is_free(old):
                raise BassNetError(
                    f"--log must be this server's own; {self._path} is another's: name another"
                )
            if (head := old.read(64)) and FILE.encode() not in head:
                raise BassNetError(
                    f"--log must be a log or new; {self._path} is something else: name another"
                )

    def _next_file(self) -> BinaryIO:
        kept = [self._path, *(before(self._path, n) for n in range(1, MAX_FILES))]
        for newer, older in reversed(list(pairwise(kept))):
            if newer.exists():
                os.replace(newer, older)
        file = self._path.open("wb")
        _is_free(file)  # and from now on it is not
        _append(file, wire.encode(FILE, self._run, self._part))
        for name, fingerprint in self._models.items():
            _append(file, wire.encode(MODEL, name, fingerprint))
        self._part += 1
        file.flush()  # whoever looks shall see what it is
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


def _is_free(file: BinaryIO) -> bool:
    """Whether no other process has taken it; takes it. (Windows lets nobody rename an open file anyway.)"""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _append(file: BinaryIO, message: bytes) -> None:
    file.write(struct.pack(">i", len(message)) + message)


class VoiceJournal:
    """Implements voice.Journal; nothing is written of a voice that never plays."""

    def __init__(self, log: SessionLog, number: int, session: Session, sound: Sound) -> None:
        hello = session.hello
        self._log, self._number, self._sound = log, number, sound
        self._who = (session.number, hello.client, hello.sample_rate)
        self._taper = hello.taper or 0
        self._has_begun = False

    def began(self, model: Any, latency_samples: int) -> None:
        """See voice.Journal."""
        self._model, self._latency_samples = model, latency_samples

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            model, sound = self._log.know(self._model), json.dumps(asdict(self._sound))
            of_voice = (self._latency_samples, self._taper, model, sound)
            self._log.write(VOICE, self._number, *self._who, *of_voice)

    def accepted(self, heard: Heard) -> None:
        """See voice.Journal."""
        self._begin()
        if heard.decisions:
            windows = [[self._log.know(d.model), d.is_decoded, d.z] for d in heard.decisions]
            self._log.write(WINDOWS, self._number, json.dumps(windows))
        self._log.put(encode_audio(HEARD, self._number, heard.block, "b"))

    def played(self, blocks: Blocks, is_fade: bool) -> None:
        """See voice.Journal."""
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
        self._begin()
        self._log.write(VARIED, self._number, n, 1)

    def unvaried(self, n: int) -> None:
        """See voice.Journal."""
        self._log.write(VARIED, self._number, n, 0)


def crc(block: Any) -> int:
    """Checksum of samples, as OSC's signed int32."""
    return int(np.int64(zlib.crc32(np.asarray(block, np.float32).tobytes())).astype(np.int32))
