"""The artificial songs of section 5.1 on disk: seed to notes to MIDI, audio and ground truth.

    python -m training.artificial --data-set A1 --split train --songs 200 --seed 0 --out data/a1

Song i lies in OUT/SPLIT/<i>: mix.wav, bass.wav, song.mid, truth.json. It depends on the seed, the data set,
the split and i alone.

Flow: bassnet_osc.spec, data_sets, composition, render_midi, generate ◀ artificial.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soxr

import training.generate
from bassnet_osc.spec import BassNetError, CqtSpec
from training.composition import Song, compose
from training.data_sets import BEATS_PER_BAR, DATA_SETS
from training.generate import parse_song_options, run, write_song
from training.render_midi import Part, fluidsynth, midi_file, render, soundfont
from training.song_audio import write_audio

FLUIDSYNTH_GAIN = 0.4  # of mix and bass alike: the mixes of 220 songs of A1 peak at -11.1 to -3.8 dBFS
OVERSAMPLING = 2  # FluidSynth aliases what its soundfont has above half the rate: render higher, then filter
SPLITS = {"train": 0, "validation": 1, "test": 2}  # numbers in the seed


@dataclass(frozen=True)
class Origin:
    """All that a song depends on."""

    data_set: str
    split: str
    index: int
    seed: int

    def compose(self) -> Song:
        """The song: the same whatever the number of songs or processes."""
        data_set = DATA_SETS[self.data_set]
        numbers = [self.seed, data_set.number, SPLITS[self.split], self.index]
        return compose(np.random.default_rng(numbers), data_set)


def truth(song: Song) -> dict[str, Any]:
    """What is true of a song, ready for JSON; all times in seconds."""
    return {
        "tempo_bpm": 60.0 / song.beat_s,
        "tonic": song.tonic,
        "mode": song.mode,
        "programs": list(song.programs),
        "proportion": song.proportion,
        "sample_rate": CqtSpec().sample_rate,
        "seconds": song.seconds,
        "bars": _bars(song),
        "bass": _bass(song),
    }


def _bars(song: Song) -> list[dict[str, Any]]:
    bar_s = BEATS_PER_BAR * song.beat_s
    return [
        {
            "start": i * bar_s,
            "end": (i + 1) * bar_s,
            "root": bar.chord.root,
            "quality": bar.chord.quality,
            "programs": list(song.programs) if bar.chord.program is None else [bar.chord.program],
            "pattern": bar.pattern,
        }
        for i, bar in enumerate(song.bars)
    ]


def _bass(song: Song) -> list[dict[str, Any]]:
    return [
        {
            "onset": note.beat * song.beat_s,
            "offset": (note.beat + note.length) * song.beat_s,
            "pitch": note.pitch,
            "velocity": note.velocity,
        }
        for note in song.bass
    ]


def make_song(origin: Origin, folder: Path) -> None:
    """Composes and renders a song into a new folder, which appears whole or not at all.

    Raises BassNetError if rendering fails or clips.
    """
    song = origin.compose()

    def write(partial: Path) -> None:
        _midi(song, [*song.mix_parts(), *song.bass_parts()]).save(partial / "song.mid")
        _write_audio(song, song.mix_parts(), partial / "mix.wav")
        _write_audio(song, song.bass_parts(), partial / "bass.wav")
        (partial / "truth.json").write_text(json.dumps({**asdict(origin), **truth(song)}, indent=1) + "\n")

    write_song(folder, write)


def _midi(song: Song, parts: Sequence[Part]) -> mido.MidiFile:
    return midi_file(parts, song.tempo_us, n_beats=song.seconds / song.beat_s)


def _write_audio(song: Song, parts: Sequence[Part], path: Path) -> None:
    sample_rate = CqtSpec().sample_rate
    rendered = render(_midi(song, parts), OVERSAMPLING * sample_rate, FLUIDSYNTH_GAIN, song.seconds)
    audio = soxr.resample(rendered, OVERSAMPLING * sample_rate, sample_rate)
    peak = float(np.abs(audio).max())
    if peak >= 1.0:
        raise BassNetError(f"songs must not clip; {path} peaks at {peak:.2f}: lower FLUIDSYNTH_GAIN")
    write_audio(path, audio, sample_rate)


def _origins(data_set: str, split: str, n_songs: int, seed: int, out: Path) -> dict[Path, dict[str, Any]]:
    """The first `n_songs` of a split by their folders."""
    return {out / split / f"{i:04d}": asdict(Origin(data_set, split, i, seed)) for i in range(n_songs)}


def missing_songs(data_set: str, split: str, n_songs: int, seed: int, out: Path) -> dict[Path, Origin]:
    """The folders that are still to be made; raises BassNetError where one holds a song of another origin."""
    missing = training.generate.missing_songs(_origins(data_set, split, n_songs, seed, out))
    return {folder: Origin(**origin) for folder, origin in missing.items()}


def generate(data_set: str, split: str, n_songs: int, seed: int, out: Path, n_processes: int) -> int:
    """Makes the missing songs among the first `n_songs` of a split; returns how many it made."""
    fluidsynth(), soundfont()  # say what is missing once, before the processes start
    songs = _origins(data_set, split, n_songs, seed, out)
    return training.generate.generate(songs, _make, split, n_processes)


def _make(origin: dict[str, Any], folder: Path) -> None:
    make_song(Origin(**origin), folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.artificial", description="Render artificial songs."
    )
    parser.add_argument("--data-set", choices=list(DATA_SETS), default="A1", help="default A1")
    parser.add_argument("--split", choices=list(SPLITS), required=True, help="each has songs of its own")
    args = parse_song_options(parser, arguments)
    return run(lambda: generate(args.data_set, args.split, args.songs, args.seed, args.out, args.processes))


if __name__ == "__main__":
    sys.exit(main())
