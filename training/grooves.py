"""Songs of many styles: chord charts under MMA's grooves, as separate stems.

    python -m training.grooves --split train --songs 600 --seed 0 --out data/groove

Song i lies in OUT/SPLIT/<i>: guitar.flac, keys.flac, strings.flac (with the horns) and drums.flac, as far as
the groove has them, bass.flac and truth.json, which names the grooves that it comes from. It depends on the
seed, the split, i and MMA's library alone. The grooves of a split come from files that no other split uses.

MMA and its library are GPL-2+, by Bob van der Poel and others; the soundfont FluidR3_GM is MIT, by Frank Wen.

Flow: groove_song, render_midi, generate ◀ grooves.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soxr

from bassnet_osc.spec import CqtSpec
from training.generate import Origin, generate, parse_song_options, run, write_song
from training.groove_song import SPLITS, GrooveSong, compose_groove_song
from training.mma import library
from training.render_midi import (
    DRUM_CHANNEL,
    Part,
    fluidsynth,
    lasting,
    midi_file,
    render,
    soundfont,
)
from training.song_audio import write_audio

FLUIDSYNTH_GAIN = 0.4
OVERSAMPLING = 2  # FluidSynth aliases what its soundfont has above half the rate: render higher, then filter
TAIL_S = 1.0  # seconds of decay and silence after the last measure
LEVEL_DBFS = -21.0  # root mean square of a stem where it sounds, and how far a song's stems are from it
LEVEL_SPREAD_DB = 4.0
PEAK = 0.9  # of a stem at most
SILENT = 1e-3  # below it (of full scale) a stem does not sound
CC_RPN_MSB, CC_RPN_LSB, CC_DATA_MSB, CC_DATA_LSB = 101, 100, 6, 38
DATA_SET, NUMBER = "groove", 100  # its name, and its number in the seed, beside those of A1 to A4


def make_song(origin: Origin, folder: Path) -> None:
    """Composes and renders a song into a new folder, which appears whole or not at all."""
    numbers = [origin["seed"], NUMBER, list(SPLITS).index(origin["split"]), origin["index"]]
    rng = np.random.default_rng(numbers)
    write_groove_song(compose_groove_song(rng, origin["split"]), origin, folder, rng)


def write_groove_song(song: GrooveSong, origin: Origin, folder: Path, rng: np.random.Generator) -> None:
    """Renders a song's stems; `rng` draws their levels."""

    def write(partial: Path) -> None:
        for name, midi in {**song.stems, "bass": _bass_midi(song)}.items():
            _write_stem(partial / f"{name}.flac", midi, song, rng)
        (partial / "truth.json").write_text(json.dumps({**origin, **truth(song)}, indent=1) + "\n")

    write_song(folder, write)


def truth(song: GrooveSong) -> dict[str, Any]:
    """What is true of a song, ready for JSON; times in seconds, pitches in MIDI units with the tuning."""
    beat_s, tuning = 60.0 / song.tempo_bpm, song.tuning_cents / 100.0
    return {
        "tempo_bpm": song.tempo_bpm,
        "beats": song.accompaniment.beats,
        "tonic": song.chart.tonic,
        "mode": song.chart.mode,
        "form": song.chart.form,
        "tuning_cents": song.tuning_cents,
        "accompaniment": asdict(song.accompaniment),
        "basses": [asdict(groove) for groove in song.basses],
        "bass_program": song.bass_program,
        "licence": "grooves: MMA, GPL-2+; sounds: FluidR3_GM, MIT",
        "seconds": _seconds(song),
        "bars": _bars(song),
        "bass": [
            {
                "onset": note.beat * beat_s,
                "offset": (note.beat + note.length) * beat_s,
                "pitch": note.pitch + tuning,
                "velocity": note.velocity,
            }
            for note in song.bass
        ],
    }


def _bars(song: GrooveSong) -> list[dict[str, Any]]:
    beat_s = 60.0 / song.tempo_bpm
    return [
        {
            "start": i * song.bar_s,
            "end": (i + 1) * song.bar_s,
            "pattern": pattern,
            "chords": [
                {
                    "start": i * song.bar_s + chord.beat * beat_s,
                    "name": chord.name,
                    "pitch_classes": chord.pitch_classes,
                }
                for chord in bar
            ],
        }
        for i, (bar, pattern) in enumerate(zip(song.chart.bars, song.patterns, strict=True))
    ]


def _seconds(song: GrooveSong) -> float:
    return len(song.chart.bars) * song.bar_s + TAIL_S


def _bass_midi(song: GrooveSong) -> mido.MidiFile:
    part = Part("bass", channel=0, program=song.bass_program, notes=song.bass)
    tempo_us = round(60e6 / song.tempo_bpm)
    return midi_file([part], tempo_us, _beats(song))


def _beats(song: GrooveSong) -> float:
    return _seconds(song) * song.tempo_bpm / 60.0


def _write_stem(path: Path, midi: mido.MidiFile, song: GrooveSong, rng: np.random.Generator) -> None:
    """Renders a stem at its level; a silent one is left out."""
    sample_rate = CqtSpec().sample_rate
    whole = lasting(_tuned(midi, song.tuning_cents), _beats(song))  # it may fall silent before the song ends
    rendered = render(whole, OVERSAMPLING * sample_rate, FLUIDSYNTH_GAIN, _seconds(song))
    audio = soxr.resample(rendered, OVERSAMPLING * sample_rate, sample_rate)
    sounding = audio[np.abs(audio) > SILENT]
    if not len(sounding):
        return
    level_db = LEVEL_DBFS + rng.uniform(-1, 1) * LEVEL_SPREAD_DB
    gain = 10 ** (level_db / 20) / float(np.sqrt(np.mean(sounding**2)))
    audio *= min(gain, PEAK / float(np.abs(audio).max()))
    write_audio(path, audio, sample_rate)


def _tuned(midi: mido.MidiFile, cents: float) -> mido.MidiFile:
    """Every pitched channel moved by General MIDI's fine tuning: 8192 of its steps are a semitone."""
    if not cents:
        return midi
    value = 8192 + round(cents / 100 * 8192)
    controls = ((CC_RPN_MSB, 0), (CC_RPN_LSB, 1), (CC_DATA_MSB, value >> 7), (CC_DATA_LSB, value & 127))
    tuned = mido.MidiFile(type=1, ticks_per_beat=midi.ticks_per_beat)
    for track in midi.tracks:
        channels = {
            message.channel for message in track if not message.is_meta and hasattr(message, "channel")
        }
        start = [
            mido.Message("control_change", channel=channel, control=control, value=number)
            for channel in sorted(channels - {DRUM_CHANNEL})
            for control, number in controls
        ]
        tuned.tracks.append(mido.MidiTrack([*start, *track]))
    return tuned


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.grooves", description="Render groove songs.")
    parser.add_argument("--split", choices=list(SPLITS), required=True, help="each has styles of its own")
    args = parse_song_options(parser, arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = {"data_set": DATA_SET, "split": args.split, "seed": args.seed}
    songs = {args.out / args.split / f"{i:04d}": {**names, "index": i} for i in range(args.songs)}

    def make_all() -> None:
        fluidsynth(), soundfont(), library()  # say what is missing once, before the processes start
        generate(songs, make_song, args.split, args.processes)

    return run(make_all)


if __name__ == "__main__":
    sys.exit(main())
