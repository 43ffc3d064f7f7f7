"""Recorded songs as separate stems -> songs to train on.

    python -m training.stems --songs ~/my-songs --out data/mine

Reads every layout of training/layouts.py, at any sample rate, with any number of channels. Each song
becomes OUT/SPLIT/<name>: one mono FLAC file per stem at the analysis rate, bass.flac among them, and
truth.json, which says where it comes from. One song at a time is in memory, and it appears whole or not at
all: the same command goes on where it was stopped. What cannot be used is named at the end, and why.

Flow: layouts, generate ◀ stems.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from tqdm import tqdm

from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE
from bassnet_osc.spec import BassNetError, CqtSpec
from training.data_sets import DATA_SETS
from training.generate import run, write_song
from training.layouts import Stems, find_songs
from training.song_audio import Audio, write_audio

BLOCK_S = 10.0  # seconds that are read at once
SILENCE_DBFS = -60.0  # a stem that is nowhere louder is silent
SHORTEST_S = 10.0  # of a song: below it there are no neighbours within 5 s to choose from
RESERVED = (*DATA_SETS, "groove", "low-piano")  # songs of these names have a licence of their own
SPLITS = ("train", "validation", "test")
HELD_OUT = 0.1  # share of the songs in each of validation and test, at least one song


def read_stem(paths: Sequence[Path], sample_rate: int) -> Audio:
    """The sum of a stem's files: mono (the mean of the channels), resampled block by block.

    Raises BassNetError where a file is no audio.
    """
    parts = [_read_mono(path, sample_rate) for path in paths]
    total = np.zeros(max(map(len, parts), default=0), dtype=np.float32)
    for part in parts:
        total[: len(part)] += part
    return total


def _read_mono(path: Path, sample_rate: int) -> Audio:
    try:
        with soundfile.SoundFile(path) as file:
            if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
                raise BassNetError(
                    f"{path} must have {LOWEST_RATE} to {HIGHEST_RATE} Hz; got {file.samplerate}: resample it"
                )
            resampler = soxr.ResampleStream(file.samplerate, sample_rate, 1, dtype="float32")
            pieces = [
                resampler.resample_chunk(block.mean(axis=1, dtype=np.float32))
                for block in file.blocks(round(BLOCK_S * file.samplerate), dtype="float32", always_2d=True)
            ]
            pieces.append(resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
    except soundfile.LibsndfileError as error:
        raise BassNetError(f"{path} must be an audio file; {error}: replace it or take it away") from error
    audio = np.concatenate(pieces)
    if not np.isfinite(audio).all():
        raise BassNetError(f"{path} must hold numbers; it has NaN or infinity: export it again")
    return audio


def read_song(song: Stems, sample_rate: int) -> dict[str, Audio]:
    """Every stem that is not silent, equally long (the shorter ones end in silence), none above full scale.

    Raises BassNetError where a song has no bass, nothing else, or is too short.
    """
    if not song.bass:
        raise BassNetError(
            f"{song.folder} must have a bass; none of {', '.join(sorted(song.others))} is one: add it"
        )
    files = {"bass": song.bass, **song.others}
    stems = {name: read_stem(_once(paths), sample_rate) for name, paths in files.items()}
    floor = 10 ** (SILENCE_DBFS / 20)
    heard = {name: audio for name, audio in stems.items() if len(audio) and np.abs(audio).max() > floor}
    if "bass" not in heard or len(heard) < 2:
        silent = ", ".join(sorted(stems.keys() - heard.keys()))
        raise BassNetError(
            f"{song.folder} must have a bass and something else to hear; silent: {silent}: replace it"
        )
    length = max(map(len, heard.values()))
    if length < SHORTEST_S * sample_rate:
        raise BassNetError(
            f"{song.folder} must last {SHORTEST_S:g} s; it has {length / sample_rate:.1f} s: leave it out"
        )
    loudest = max(float(np.abs(audio).max()) for audio in heard.values())
    return {
        name: np.pad(audio, (0, length - len(audio))) / max(1.0, loudest) for name, audio in heard.items()
    }


def _once(paths: Sequence[Path]) -> Sequence[Path]:
    """The files of a stem, which sound together; refuses one in two formats, which would sound twice."""
    for path in paths:
        if twin := next((p for p in paths if p != path and p.with_suffix("") == path.with_suffix("")), None):
            raise BassNetError(f"{path.parent} must have a stem once; got {path.name}, {twin.name}: keep one")
    return paths


def prepare(song: Stems, folder: Path, title: str) -> float:
    """Writes a song's folder, whole or not at all; returns its length in seconds."""
    sample_rate = CqtSpec().sample_rate
    stems = read_song(song, sample_rate)
    if len({_safe(name) for name in stems}) < len(stems):
        raise BassNetError(
            f"{song.folder}: stems must differ in letters or digits; got {', '.join(stems)}: rename"
        )
    seconds = len(stems["bass"]) / sample_rate
    truth = {"data_set": title, "origin": str(song.folder), "seconds": seconds}

    def write(partial: Path) -> None:
        for name, audio in stems.items():
            write_audio(partial / f"{_safe(name)}.flac", audio, sample_rate)
        (partial / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")

    write_song(folder, write)
    return seconds


def _safe(name: str) -> str:
    """A name for a file or folder: letters, digits, and - for the rest."""
    return re.sub(r"\W+", "-", name).strip("-") or "song"


def named(songs: Sequence[Stems], root: Path) -> dict[str, Stems]:
    """The songs by the names of their folders to be; raises BassNetError for fewer than three of them."""
    if len(songs) < len(SPLITS):
        raise BassNetError(f"--songs must hold three songs at least; got {len(songs)}: add some")
    names = {_safe(str(song.folder.relative_to(root))): song for song in songs}
    if len(names) < len(songs):
        raise BassNetError(f"song folders must have different names; {root} has some alike: rename them")
    return names


def prepare_all(root: Path, out: Path) -> tuple[float, list[str]]:
    """Prepares what is missing; returns the hours of music that are new and what could not be used.

    A tenth of the songs, one at least, goes to each of validation and test, by the order of their names'
    hashes; one that cannot be used takes nobody's place. What is there already stays in its split.
    """
    if out.name in RESERVED:
        raise BassNetError(f"--out must not be named like {', '.join(RESERVED)}; got {out}: rename it")
    songs = named(find_songs(root), root)
    known = {path.name: path.parent.name for path in out.glob("*/*/") if path.parent.name in SPLITS}
    held_out = max(1, round(HELD_OUT * len(songs)))
    quota = {split: held_out - list(known.values()).count(split) for split in SPLITS[1:]}
    new = sorted(songs.keys() - known.keys(), key=lambda name: zlib.crc32(name.encode()))
    seconds, refused = 0.0, []
    for name in tqdm(new, unit="song", desc="stems", disable=None):
        split = next((split for split, left in quota.items() if left > 0), SPLITS[0])
        folder = out / split / name
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            seconds += prepare(songs[name], folder, out.name)
        except BassNetError as error:
            refused.append(str(error))
            continue
        if split in quota:
            quota[split] -= 1
    return seconds / 3600, refused


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.stems", description="Songs of one's own.")
    parser.add_argument("--songs", type=Path, required=True, help="folder with a folder of stems per song")
    parser.add_argument("--out", type=Path, required=True, help="folder; gets train/, validation/ and test/")
    args = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def prepare_and_tell() -> None:
        hours, refused = prepare_all(args.songs, args.out)
        sys.stdout.write("".join(f"left out: {reason}\n" for reason in refused))
        sys.stdout.write(f"{hours:.2f} hours of music prepared in {args.out}\n")
        if empty := [split for split in SPLITS if not any((args.out / split).glob("*/truth.json"))]:
            raise BassNetError(
                f"each split must have a song; {', '.join(empty)} got none: add songs, start again"
            )

    return run(prepare_and_tell)


if __name__ == "__main__":
    sys.exit(main())
