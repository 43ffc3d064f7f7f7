"""Sound files: a mix read in blocks, and outputs that appear whole or not at all.

Flow: files -> Mix.blocks() -> render, demo, plot; render, demo -> BassFile, whole -> files.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from bassnet_osc.audio_wire import MAX_SAMPLE
from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE
from bassnet_osc.spec import BassNetError

Audio = npt.NDArray[np.float32]

READ_SIZE = 65_536  # samples read at a time
SUBTYPES = {".wav": "PCM_24", ".flac": "PCM_24", ".ogg": "VORBIS"}  # what can be written, by extension
STREAMED = 0x7FFFF000  # bytes: the least that a WAV's header announces where its writer did not know (sox)


class Mix:
    """The sum of sound files as one mono signal at the first file's sample rate.

    Stereo is averaged to mono, files of another rate are resampled by soxr, shorter files end in silence.
    The constructor reads the headers alone and raises BassNetError for a missing, empty, cut or foreign file.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        headers = [_header(path) for path in paths]
        self.sample_rate = headers[0][0]
        self.n_samples = max(_resampled_length(n, rate, self.sample_rate) for rate, n in headers)
        self.resampled = {
            path: rate for path, (rate, _) in zip(paths, headers, strict=True) if rate != self.sample_rate
        }

    def blocks(self) -> Iterator[Audio]:
        """Blocks of READ_SIZE samples, the last one shorter; may be called again for a second reading.

        Raises BassNetError where a file is damaged or holds a sample beyond MAX_SAMPLE or a NaN.
        """
        parts = [_equal_blocks(_mono_blocks(path, self.sample_rate)) for path in self.paths]
        for blocks in zip_longest(*parts, fillvalue=np.zeros(0, np.float32)):
            total = np.zeros(max(map(len, blocks)), np.float32)
            for block in blocks:
                total[: len(block)] += block
            yield total


class BassFile:
    """A mono sound file being written, 24 bits in WAV and FLAC, Vorbis in OGG.

    `part` is where the samples go while `path` names the format; see `whole`.
    """

    def __init__(self, part: Path, path: Path, sample_rate: int) -> None:
        suffix = path.suffix.lower()
        self._path = path
        with self._naming_the_file():
            self._file = soundfile.SoundFile(
                part, "w", sample_rate, 1, SUBTYPES[suffix], format=suffix[1:].upper()
            )

    def write(self, block: Audio) -> None:
        """Appends (n,) samples."""
        with self._naming_the_file():
            self._file.write(block)

    def __enter__(self) -> BassFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        try:
            yield
        except soundfile.LibsndfileError as error:
            raise BassNetError(
                f"{self._path} cannot be written ({error.error_string}): free the disk?"
            ) from None


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write into, whose files move to `out` at the end or go on any error."""
    with refusals_told_of(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent)
    with folder as name:
        yield Path(name)
        with refusals_told_of(out):
            out.mkdir(exist_ok=True)
            for file in Path(name).iterdir():
                file.replace(out / file.name)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, renamed to `path` at the end or deleted on any error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with refusals_told_of(path):
            part.touch()
        yield part
        with refusals_told_of(path):
            part.replace(path)
    finally:
        with suppress(OSError):  # a name that the system refuses was refused above
            part.unlink(missing_ok=True)


@contextmanager
def refusals_told_of(path: Path) -> Iterator[None]:
    """Errors of the system as BassNetError about `path`, whatever temporary name they are about."""
    try:
        yield
    except OSError as error:
        raise BassNetError(f"{path} cannot be written ({error.strerror}): choose another place") from None


def check_output(path: Path, taken: list[Path]) -> None:
    """Raises BassNetError where `path` cannot be written to or is among the `taken` ones."""
    if not path.parent.is_dir():
        raise BassNetError(f"{path}: the folder {path.parent} does not exist: make it, or choose another")
    if path.is_dir():
        raise BassNetError(f"{path} is a folder: name a file in it")
    if any(path.resolve() == other.resolve() or _same_file(path, other) for other in taken):
        raise BassNetError(f"{path} is an input or another output too: choose another name")


def check_sound_output(path: Path) -> None:
    """Raises BassNetError where the extension names no format that can be written."""
    if path.suffix.lower() not in SUBTYPES:
        raise BassNetError(f"{path}: the output's extension chooses its format: use {', '.join(SUBTYPES)}")


def _same_file(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _header(path: Path) -> tuple[int, int]:
    """Sample rate in Hz and number of samples."""
    if not path.is_file():
        raise BassNetError(f"{path}: no such file: check the name")
    if path.stat().st_size == 0:
        raise BassNetError(f"{path} is empty: export it again")
    with _open(path) as file:
        rate, n_samples = int(file.samplerate), int(file.frames)
    _check_wav_is_whole(path)
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise BassNetError(
            f"{path}: the sample rate must lie in {LOWEST_RATE}..{HIGHEST_RATE} Hz; got {rate}: resample it"
        )
    if n_samples == 0:
        raise BassNetError(f"{path} holds no samples: export it again")
    return rate, n_samples


def _check_wav_is_whole(path: Path) -> None:
    """Raises BassNetError for a WAV file that was cut: libsndfile would read the rest and say nothing."""
    with path.open("rb") as file:
        head = file.read(12)
        if (head[:4], head[8:]) != (b"RIFF", b"WAVE"):
            return
        while len(head := file.read(8)) == 8:
            name, announced = struct.unpack("<4sI", head)
            if name == b"data":
                there = path.stat().st_size - file.tell()
                if there < announced < STREAMED:
                    raise BassNetError(
                        f"{path} is cut off: {announced} bytes of sound announced, {there} there: "
                        "export it again"
                    )
                return
            file.seek(announced + announced % 2, os.SEEK_CUR)


def _resampled_length(n_samples: int, from_rate: int, to_rate: int) -> int:
    """What soxr makes of `n_samples`: the nearest whole number, halves upwards."""
    return (2 * n_samples * to_rate + from_rate) // (2 * from_rate)


def _open(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    # soundfile takes a name that ends in .raw for headerless samples and asks for their rate.
    except (soundfile.LibsndfileError, TypeError):
        raise BassNetError(f"{path} cannot be read as sound: use a WAV, FLAC or OGG file") from None


def _mono_blocks(path: Path, sample_rate: int) -> Iterator[Audio]:
    """The file in mono at `sample_rate`, in blocks of any size."""
    with _open(path) as file:
        if file.samplerate == sample_rate:
            yield from _checked_blocks(path, file)
            return
        resampler = soxr.ResampleStream(file.samplerate, sample_rate, 1, dtype="float32")
        for block in _checked_blocks(path, file):
            yield resampler.resample_chunk(block)
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)


def _checked_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[Audio]:
    position = 0
    while position < file.frames:
        try:
            block = file.read(READ_SIZE, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            block = np.zeros((0, 1), np.float32)
        if not len(block):
            raise BassNetError(
                f"{path} is damaged: {file.frames} samples announced, {position} readable: export it again"
            )
        bad = ~(np.abs(block) <= MAX_SAMPLE).all(axis=1)  # NaN is not, either
        if bad.any():
            at = position + int(bad.argmax())
            raise BassNetError(
                f"{path}: samples must be finite and within +-{MAX_SAMPLE:g} (full scale is 1); got "
                f"{block[bad][0].tolist()} at sample {at} ({at / file.samplerate:.3f} s): export it again"
            )
        position += len(block)
        yield block.mean(axis=1)


def _equal_blocks(blocks: Iterable[Audio]) -> Iterator[Audio]:
    """The same signal in blocks of READ_SIZE samples, the last one shorter."""
    held = np.zeros(0, np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= READ_SIZE:
            yield held[:READ_SIZE]
            held = held[READ_SIZE:]
    if len(held):
        yield held
