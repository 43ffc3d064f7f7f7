"""A song's audio: its bass, and the mix of everything else.

A song is a folder with bass.wav and mix.wav, or with bass and several other stems (wav or flac). Stems are
mixed at random coefficients between 0.5 and 1 (section 5.3), several times over: the paper draws them anew
for each instance, but its constant-Q frames would then have to be computed anew as well, which takes as long
on a CPU as the training step itself. Two takes, each read at random, and a random gain come near it.

Flow: bassnet_osc.spec ◀ song_audio ◀ features; artificial, grooves, stems.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from bassnet_osc.spec import BassNetError

TAKES = 2  # mixes of a song that has stems
COEFFICIENTS = (0.5, 1.0)  # of a stem in a mix
BASS = "bass"  # name of its file
SUFFIXES = {".wav", ".flac"}

Audio = npt.NDArray[np.float32]


def audio_files(folder: Path) -> tuple[Path, list[Path]]:
    """The bass, and the mix or the other stems in the order of their names.

    Raises BassNetError where one of the two is missing.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    bass = [path for path in files if path.stem == BASS]
    others = [path for path in files if path.stem != BASS]
    if len(bass) != 1 or not others:
        raise BassNetError(
            f"{folder} must hold bass.wav or bass.flac and a mix or stems beside it; got "
            f"{', '.join(path.name for path in files) or 'no audio file'}: render the song again"
        )
    return bass[0], others


def read_audio(folder: Path, sample_rate: int) -> tuple[list[Audio], Audio]:
    """The mixes, one or TAKES of them, and the bass, all mono, at the analysis rate and equally long."""
    bass_file, others = audio_files(folder)
    bass = read_mono(bass_file, sample_rate)
    stems = [read_mono(path, sample_rate) for path in others]
    for path, stem in zip(others, stems, strict=True):
        if len(stem) != len(bass):
            raise BassNetError(
                f"{folder}: {path.name} and {bass_file.name} must be equally long; got {len(stem)} and "
                f"{len(bass)} samples: render the song again"
            )
    if len(stems) == 1:
        return stems, bass
    rng = np.random.default_rng(zlib.crc32(folder.name.encode()))  # the same at every reading
    draws = rng.uniform(*COEFFICIENTS, size=(TAKES, len(stems))).astype(np.float32)
    return [sum_of(stems, coefficients) for coefficients in draws], bass


def sum_of(stems: list[Audio], coefficients: npt.NDArray[np.float32]) -> Audio:
    """The stems, each multiplied by its coefficient, together."""
    total = np.zeros_like(stems[0])
    for stem, coefficient in zip(stems, coefficients, strict=True):
        total += coefficient * stem
    return total


def read_mono(path: Path, sample_rate: int) -> Audio:
    """A mono file at the analysis rate."""
    try:
        audio, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise BassNetError(f"{path} must be an audio file; {error}: render the song again") from error
    if rate != sample_rate or audio.ndim != 1 or not len(audio):
        raise BassNetError(
            f"{path} must be mono at {sample_rate} Hz; got {rate} Hz, shape {audio.shape}: "
            "render the song again"
        )
    return np.asarray(audio)


def write_audio(path: Path, audio: Audio, sample_rate: int) -> None:
    """A file of 16 bits; raises BassNetError where it cannot be written whole."""
    try:
        soundfile.write(path, audio, sample_rate, subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        reason = str(error).rstrip(".")
        raise BassNetError(f"songs must be written whole; {reason}: free some space in --out") from error
