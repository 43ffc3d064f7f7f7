"""A session log played again: the same bass, from the same mix, z and decisions.

    bassnet replay FILE -o DIR [--provider cpu] [--model FOLDER]

Flow: cli -> replay -> voice -> sound files. On the same provider and machine it is the same bit for bit: the
log has checksums.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bassnet_osc import wire
from bassnet_osc.audio_files import whole_folder
from bassnet_osc.audio_wire import MAX_BLOCK, decode_audio
from bassnet_osc.bundle import Bundle, installed
from bassnet_osc.hearing import Decision
from bassnet_osc.latent import LiveZ
from bassnet_osc.log_files import messages
from bassnet_osc.session_log import (
    FILE,
    HEARD,
    MODEL,
    PLAYED,
    SOUND,
    VARIED,
    VOICE,
    WINDOWS,
    crc,
)
from bassnet_osc.sound import Sound
from bassnet_osc.spec import BassNetError
from bassnet_osc.take import under
from bassnet_osc.voice import Blocks, Voice, faded

MOST_SAMPLES = 2 * MAX_BLOCK  # that were ever played at a time: a fade at 192 kHz


class Replayed:
    """One session: what was heard of each variation, in a sound file each, and how much of it is the same."""

    def __init__(self, folder: Path, name: str, client: str, sample_rate: int) -> None:
        self.client, self.sample_rate = client, sample_rate
        self.n_samples, self.n_blocks, self.n_same = 0, 0, 0
        self._folder, self.name = folder, name
        self._files: dict[int, soundfile.SoundFile] = {}
        self._tails: Blocks = {}  # of the voice before

    def add(self, blocks: Blocks, is_fade: bool) -> None:
        """Takes what a voice played; a fade goes under the next voice's beginning."""
        if is_fade:
            self._tails = faded(blocks)
            return
        n_samples = len(blocks[0])
        for n in blocks.keys() - self._files.keys():
            self._files[n] = self._open(n)
        for n, file in self._files.items():  # zeros: a variation that is over
            file.write(under(blocks.get(n, np.zeros(n_samples, np.float32)), self._tails.get(n)))
        self._tails = {n: tail[n_samples:] for n, tail in self._tails.items() if len(tail) > n_samples}
        self.n_samples += n_samples

    def _open(self, n: int) -> soundfile.SoundFile:
        """A file of 32-bit floats, silent up to now: what was played, to the bit."""
        path = self._folder / (f"{self.name}-variation-{n}.wav" if n else f"{self.name}.wav")
        file = soundfile.SoundFile(path, "w", self.sample_rate, 1, "FLOAT")
        for at in range(0, self.n_samples, self.sample_rate):
            file.write(np.zeros(min(self.sample_rate, self.n_samples - at), np.float32))
        return file

    def close(self) -> None:
        """Writes what is left."""
        for file in self._files.values():
            file.close()


class Replay:
    """Takes the log's records one after another."""

    def __init__(self, folder: Path, load: Callable[[str], Bundle]) -> None:
        self.sessions: list[Replayed] = []
        self._folder = folder
        self.refused: list[str] = []  # what could not be played, and why
        self.n_headless = 0  # voices whose beginning is not in the log any more
        self._load = load
        self._models: dict[str, Bundle] = {}
        self._voices: dict[int, tuple[Voice, Replayed]] = {}
        self._decisions: dict[int, list[Decision]] = {}
        self._numbers: dict[tuple[int, int], Replayed] = {}  # by session and sample rate
        self._headless: set[int] = set()

    def take(self, message: bytes) -> None:
        """One record; raises BassNetError for a damaged one and for another model than the log's."""
        address = wire.address_of(message)
        if address == HEARD:
            number, block = decode_audio(message, "b")
            if self._knows(number):
                voice, _ = self._voices[number]
                voice.accept(voice.hear_again(block, self._decisions.pop(number, [])))
            return
        args = list(wire.decode_message(message).args)
        if address == MODEL:
            self._know_model(*args)
        elif address == VOICE:
            self._begin(*args)
        elif address != FILE and self._knows(args[0]):
            self._go_on(address, *args)

    def _knows(self, number: int) -> bool:
        if number not in self._voices and number not in self._headless:
            self._headless.add(number)
            self.n_headless += 1
        return number in self._voices

    def _know_model(self, name: str, fingerprint: str) -> None:
        if name not in self._models:
            bundle = self._load(name)
            if bundle.fingerprint != fingerprint:
                raise BassNetError(
                    f"model {name} must be the log's ({fingerprint}); this one is {bundle.fingerprint}: "
                    "install that version, or give its folder as --model"
                )
            self._models[name] = bundle

    def _begin(
        self,
        number: int,
        session: int,
        client: str,
        sample_rate: int,
        latency_samples: int,
        taper: int,
        model: str,
        sound: str,
    ) -> None:
        bundle, played_as = self._models[model], Sound(**json.loads(sound))
        z = LiveZ(bundle.spec)
        try:
            voice = Voice(
                bundle, sample_rate, z, taper or None, sound=played_as, latency_samples=latency_samples
            )
        except BassNetError as error:  # one that cannot be played spoils no other
            self.refused.append(f"a stream of session {session} ({client}) cannot be played: {error}")
            self._headless.add(number)
            return
        self._voices[number] = voice, self._session(session, client, sample_rate)

    def _session(self, number: int, client: str, sample_rate: int) -> Replayed:
        """Where a session's voices go; those of another sample rate go to a file of their own."""
        key = number, sample_rate
        if key not in self._numbers:
            name = (
                f"session-{number}"
                if all(n != number for n, _ in self._numbers)
                else (f"session-{number}-{sample_rate}")
            )
            self._numbers[key] = Replayed(self._folder, name, client, sample_rate)
            self.sessions.append(self._numbers[key])
        return self._numbers[key]

    def _go_on(self, address: str, number: int, *args: Any) -> None:
        voice, replayed = self._voices[number]
        if address == WINDOWS:
            self._decisions[number] = [
                Decision(self._models[model], {int(n): (x, y) for n, (x, y) in z.items()}, is_decoded)
                for model, is_decoded, z in json.loads(args[0])
            ]
        elif address == PLAYED:
            n_samples, is_fade, *crcs = args
            if not 0 <= n_samples <= MOST_SAMPLES:
                raise ValueError(f"{n_samples} samples at a time")
            blocks, _ = voice.play(n_samples)
            told = dict(zip(crcs[::2], crcs[1::2], strict=True))
            replayed.n_blocks += 1
            replayed.n_same += told == {n: crc(block) for n, block in blocks.items()}
            replayed.add(blocks, bool(is_fade))
        elif address == SOUND:
            voice.play_as(Sound(**json.loads(args[0])))
        elif address == VARIED:
            n, is_on = args
            if is_on:
                voice.vary(n, voice.z)
            else:
                voice.unvary(n)


def replay(path: Path, out: Path, provider: str = "cpu", model: str | None = None) -> str:
    """Writes a sound file for each session of the log into the folder `out`; returns in words what it was.

    `model` is a bundle's folder for what is not installed. Raises BassNetError for a damaged log, and where a
    model is not the log's.
    """

    def load(name: str) -> Bundle:
        return Bundle.load(name if name in installed() or model is None else model, provider)

    with whole_folder(out) as folder:
        played = Replay(folder, load)
        try:
            for message in messages(path):
                played.take(message)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, BassNetError):
                raise
            raise BassNetError(f"{path} is damaged ({error!r}): nothing was written") from None
        finally:
            for session in played.sessions:
                session.close()
    return in_words(played, out)


def in_words(played: Replay, out: Path) -> str:
    """A line for each session, and one for what could not be played."""
    lines = [
        f"{out / session.name}.wav: {session.client}, {session.n_samples / session.sample_rate:.1f} s; "
        f"{session.n_same} of {session.n_blocks} blocks are what was played, bit for bit"
        for session in played.sessions
    ]
    lines += played.refused
    if played.n_headless:
        n = played.n_headless
        lines.append(f"{n} stream{'s' * (n > 1)} began before the log does: left out")
    return "\n".join(lines) or "nobody played"
