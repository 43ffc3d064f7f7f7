"""Phrases for the synth to be measured with, played by FluidR3's basses, and their frames.

A scale over the bass's range, one note at rising velocities, long notes, and notes with slides. f0 and onset
are known from the notes, the level is measured on the sound, as for the songs that models are trained with.

Flow: render_midi, descriptors ◀ bass_phrases ◀ resynthesis, timbre_fit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import mido
import numpy as np
import soxr

from bassnet_osc.frames import Array, Block, Frames
from bassnet_osc.presets import live
from training.descriptors import NoteTruth, exact_descriptors
from training.objective import UNVOICED_BIN
from training.render_midi import TICKS_PER_BEAT, Note, Part, midi_file, render

SPEC = live()
SAMPLE_RATE = 48_000  # Hz, of the original and of what is played
FLUIDSYNTH_GAIN = 0.4  # as the songs that models are trained with
TEMPO_US = 1_000_000  # a beat is a second
BEND_RANGE, BEND_STEP_S = 2.0, 0.01  # General MIDI's semitones of a full bend; a slide in steps of a frame
WHEEL = 8191  # the pitch wheel's reading at a full bend

# General MIDI's basses, counted from 0, and the timbre that stands for each.
PROGRAMS = {
    32: ("acoustic bass", "upright"),
    33: ("fingered bass", "finger"),
    34: ("picked bass", "pick"),
    35: ("fretless bass", "fretless"),
    36: ("slap bass 1", "slap"),
    37: ("slap bass 2", "slap"),
    38: ("synth bass 1", "sub"),
    39: ("synth bass 2", "sub"),
}


@dataclass(frozen=True)
class Bend:
    """A slide: from `beat` on the pitch moves by `semitones` in a straight line, and stays there."""

    beat: float
    length: float
    semitones: float


SCALE = [Note(0.4 * i, 0.38, 28 + 3 * i, 90) for i in range(10)]  # MIDI 28 to 55
REPEATED = [Note(4.0 + 0.25 * i, 0.2, 33, 50 + 11 * i) for i in range(8)]  # velocities 50 to 127
LONG = [Note(6.0, 2.0, 28, 100), Note(8.0, 2.0, 43, 70)]
SLIDES = [Note(10.0, 1.5, 38, 100), Note(11.5, 1.3, 45, 80)]
BENDS = [Bend(10.4, 0.2, 2.0), Bend(11.0, 0.3, -2.0), Bend(11.8, 0.1, -1.0), Bend(12.3, 0.3, 1.0)]
NOTES = [*SCALE, *REPEATED, *LONG, *SLIDES]
SECONDS = 13.0


@dataclass(frozen=True)
class Original:
    """A program's sound at SAMPLE_RATE, and its frames."""

    audio: Block
    frames: Frames


def original(
    program: int, notes: Sequence[Note] = NOTES, transpose: int = 0, seconds: float = SECONDS
) -> Original:
    """The notes as a program plays them, so many semitones higher.

    Raises BassNetError where FluidSynth or its sounds are missing.
    """
    notes = [dataclasses.replace(note, pitch=note.pitch + transpose) for note in notes]
    midi = midi_file([Part("bass", 0, program, notes)], TEMPO_US, seconds)
    midi.tracks.append(_bend_track(seconds))
    audio = render(midi, SAMPLE_RATE, FLUIDSYNTH_GAIN, seconds)
    return Original(audio, frames_of(audio, notes))


def bent(seconds: Array) -> Array:
    """Semitones that the pitch is bent by, at times (n,)."""
    moved = [np.clip((seconds - b.beat) / b.length, 0.0, 1.0) * b.semitones for b in BENDS]
    return np.asarray(np.sum(moved, axis=0))


def frames_of(audio: Block, notes: Sequence[Note]) -> Frames:
    """Exact frames of a bass (n_samples,) at SAMPLE_RATE; the slides are in f0."""
    low = soxr.resample(audio, SAMPLE_RATE, SPEC.cqt.sample_rate)
    truths: list[NoteTruth] = [
        {"onset": n.beat, "offset": n.beat + n.length, "pitch": n.pitch, "velocity": n.velocity}
        for n in notes
    ]
    exact = exact_descriptors(low, truths, SPEC.cqt, SPEC.descriptor)
    steps = np.where(exact.f0_bin == UNVOICED_BIN, np.nan, exact.f0_bin) / SPEC.cqt.bins_per_octave
    steps += bent(np.arange(len(steps)) / SPEC.cqt.frame_rate) / 12
    level = np.asarray(SPEC.descriptor.level_to_db(exact.level.astype(np.float64)))
    return Frames(0, SPEC.cqt.fmin * 2.0**steps, level, exact.onset.astype(np.float64))


def _bend_track(seconds: float) -> mido.MidiTrack:
    track, before, now = mido.MidiTrack(), 0, 0
    for at in np.arange(0.0, seconds, BEND_STEP_S):
        value = round(float(bent(np.array(at))) / BEND_RANGE * WHEEL)
        tick = round(at * TICKS_PER_BEAT)
        if value != before:
            track.append(mido.Message("pitchwheel", channel=0, pitch=value, time=tick - now))
            before, now = value, tick
    return track
