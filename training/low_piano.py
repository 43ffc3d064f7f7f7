"""Songs that are hard to hear: a piano's left hand alone, two octaves below where chords usually lie.

    python -m training.low_piano --songs 20 --out data/low-piano

Charts, tempi and basses are those of groove songs of the validation split, with seeds of their own; in place
of the band a piano strikes the root and what of the chord lies within an octave above it, on every beat.
They choose windows: wide kernels blur what narrow ones hear late.

Flow: grooves ◀ low_piano.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.charts import Chart
from training.generate import Origin, generate, parse_song_options, run
from training.groove_song import GrooveSong, compose_groove_song
from training.grooves import write_groove_song
from training.mma import library
from training.render_midi import Note, Part, fluidsynth, midi_file, soundfont

DATA_SET, NUMBER = "low-piano", 101  # its name, and its number in the seed
SPLIT = "validation"  # they help to choose a window
LOWEST = 28  # MIDI pitch: roots lie in the octave from here on
PIANO = 0  # General MIDI, counted from zero
VELOCITIES = (60, 110)
GATE = 0.95  # share of a beat that a stroke sounds


def left_hand(chart: Chart, beats: int, rng: np.random.Generator) -> Iterator[Note]:
    """The root and the chord tones within an octave above it, on every beat."""
    for number, bar in enumerate(chart.bars):
        for beat in range(beats):
            chord = [chord for chord in bar if chord.beat <= beat][-1]
            root = LOWEST + (chord.root - LOWEST) % 12
            velocity = int(rng.integers(*VELOCITIES))
            for pitch_class in chord.pitch_classes:
                pitch = root + (pitch_class - chord.root) % 12
                yield Note(float(number * beats + beat), GATE, pitch, velocity)


def alone(song: GrooveSong, rng: np.random.Generator) -> GrooveSong:
    """The song with the piano in place of the band, in tune."""
    notes = list(left_hand(song.chart, song.accompaniment.beats, rng))
    n_beats = float(len(song.chart.bars) * song.accompaniment.beats)
    piano = midi_file([Part("piano", 0, PIANO, notes)], round(60e6 / song.tempo_bpm), n_beats)
    return replace(song, stems={"keys": piano}, tuning_cents=0.0)


def make_song(origin: Origin, folder: Path) -> None:
    """Composes and renders a song into a new folder."""
    rng = np.random.default_rng([origin["seed"], NUMBER, origin["index"]])
    song = compose_groove_song(rng, SPLIT)
    write_groove_song(alone(song, rng), origin, folder, rng)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.low_piano", description="Render low pianos.")
    args = parse_song_options(parser, arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    origin = {"data_set": DATA_SET, "split": SPLIT, "seed": args.seed}
    songs = {args.out / SPLIT / f"{i:04d}": {**origin, "index": i} for i in range(args.songs)}

    def make_all() -> None:
        fluidsynth(), soundfont(), library()  # say what is missing once, before the processes start
        generate(songs, make_song, SPLIT, args.processes)

    return run(make_all)


if __name__ == "__main__":
    sys.exit(main())
