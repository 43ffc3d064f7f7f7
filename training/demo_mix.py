"""The shipped demo mix: eleven measures without a bass, written here as notes and rendered by FluidSynth.

    python -m training.demo_mix --out bassnet_osc/demo/mix.ogg

It stays near the artificial songs (training/composition.py): triads in root position on the beat, roots in
MIDI 48-60, the same kick, snare and hi-hat. The rest (guitar, strings, vibraphone, fills) lies above.

Flow: bassnet_osc.spec, data_sets, render_midi ◀ demo_mix.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from bassnet_osc.spec import BassNetError
from training.data_sets import BEATS_PER_BAR, HI_HAT, KICK, ROCK, SNARE
from training.render_midi import DRUM_CHANNEL, Audio, Note, Part, midi_file, render

SAMPLE_RATE = 48_000  # Hz
TEMPO_US = round(60e6 / 112)  # microseconds per beat
RING_S = 1.4  # seconds that the last chord rings on after its measure
FADE_S = 1.2  # seconds of fade at the very end
PEAK_DBFS = -6.0  # as the training songs peak, with room for a bass on top
FLUIDSYNTH_GAIN = 0.4
OGG_BLOCK = 4096  # samples per write: libsndfile overflows its stack on long Vorbis writes

ELECTRIC_PIANO, STEEL_GUITAR, STRINGS, VIBRAPHONE = 4, 25, 48, 11  # programs counted from zero
OPEN_HI_HAT, CRASH, HIGH_TOMS = 46, 49, (50, 48)  # low toms would sound like a bass
FILL = (SNARE, SNARE, *HIGH_TOMS)  # sixteenths on the fourth beat
FILL_BARS = (3, 7, 9)

# Triads in root position, MIDI.
AM, F, C, G, EM = (57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62), (52, 55, 59)
HIGH_C = (60, 64, 67)
# A minor, then C major: (first beat, length in beats, chord).
CHORDS = [(4.0 * i, 4.0, chord) for i, chord in enumerate((AM, F, HIGH_C, G, C, EM, F, G, AM))]
CHORDS += [(36.0, 2.0, F), (38.0, 2.0, G)]
LAST_BEAT, LAST_LENGTH, LAST_CHORD = 40.0, 7.0, C  # struck once, sounds beyond the end of the file
N_BARS = 11
SECOND_HALF = 16.0  # beat where strings and melody join

# (beat, length, pitch): from the second half to the end.
MELODY = [
    *[(16.0, 1.5, 79), (17.5, 0.5, 76), (18.0, 1.0, 79), (19.0, 1.0, 84)],
    *[(20.0, 2.0, 83), (22.0, 1.0, 79), (23.0, 1.0, 81)],
    *[(24.0, 1.5, 81), (25.5, 0.5, 84), (26.0, 1.0, 81), (27.0, 1.0, 77)],
    *[(28.0, 2.0, 79), (30.0, 1.0, 74), (31.0, 1.0, 71)],
    *[(32.0, 1.0, 72), (33.0, 1.0, 76), (34.0, 2.0, 81)],
    *[(36.0, 1.0, 84), (37.0, 1.0, 81), (38.0, 1.0, 83), (39.0, 1.0, 86)],
    (40.0, 6.0, 88),
]


def parts() -> list[Part]:
    """The arrangement; no part plays a bass."""
    return [
        Part("electric piano", 0, ELECTRIC_PIANO, piano(), gain=0.5),
        Part("guitar", 1, STEEL_GUITAR, guitar(), gain=0.65),
        Part("strings", 2, STRINGS, strings(), gain=0.45),
        Part("vibraphone", 3, VIBRAPHONE, melody(), gain=1.0),
        Part("drums", DRUM_CHANNEL, 0, drums(), gain=0.7),
    ]


def piano() -> list[Note]:
    """Chords on every beat, the octave above the root on the first, a soft push before every other fourth."""
    notes = []
    for first, length, chord in CHORDS:
        for beat in range(int(length)):
            accent = (96, 78, 88, 76)[int(first + beat) % BEATS_PER_BAR]
            voicing = (*chord, chord[0] + 12) if beat == 0 else chord
            notes += [Note(first + beat, 0.9, pitch, accent) for pitch in voicing]
        if length == BEATS_PER_BAR and first % 8 == 4:
            notes += [Note(first + 2.5, 0.4, pitch, 58) for pitch in chord[1:]]
    return notes + _last_chord(velocity=92, spread=0.0)


def guitar() -> list[Note]:
    """An arpeggio in eighths, an octave above the piano."""
    notes = []
    for first, length, chord in CHORDS:
        strings_up = [pitch + 12 for pitch in (*chord, chord[0] + 12)]
        for eighth in range(int(2 * length)):
            pitch = strings_up[(0, 2, 1, 2, 3, 2, 1, 2)[eighth]]
            notes.append(Note(first + eighth / 2, 0.8, pitch, 88 if eighth % 2 == 0 else 70))
    return notes + [Note(n.beat, n.length, n.pitch + 12, n.velocity) for n in _last_chord(84, spread=0.08)]


def strings() -> list[Note]:
    """Held chords around C5 from the second half on: every chord tone at its pitch nearest to there."""
    held = [(first, length, chord) for first, length, chord in CHORDS if first >= SECOND_HALF]
    held.append((LAST_BEAT, LAST_LENGTH, LAST_CHORD))
    return [
        Note(first, length * 0.98, 63 + (pitch - 63) % 12, 80)
        for first, length, chord in held
        for pitch in chord
    ]


def melody() -> list[Note]:
    """The vibraphone's line of the second half."""
    return [Note(beat, 0.95 * length, pitch, 118) for beat, length, pitch in MELODY]


def drums() -> list[Note]:
    """The artificial songs' beat with accents, pick-ups and fills, and a last crash."""
    notes = []
    for i in range(N_BARS - 1):
        is_fill, is_even = i in FILL_BARS, i % 2 == 1
        for beat, drum in ROCK:
            if is_fill and beat >= 3:
                continue
            velocity = {KICK: 104, SNARE: 98, HI_HAT: 80 if beat == int(beat) else 60}[drum]
            notes.append((i * BEATS_PER_BAR + beat, drum, velocity))
        if is_even and not is_fill:
            notes.append((i * BEATS_PER_BAR + 2.5, KICK, 84))
            notes.append((i * BEATS_PER_BAR + 3.5, OPEN_HI_HAT, 62))
        if is_fill:
            notes += [(i * BEATS_PER_BAR + 3 + k / 4, drum, 84 + 6 * k) for k, drum in enumerate(FILL)]
    notes += [(beat, CRASH, 86) for beat in (SECOND_HALF, 32.0, LAST_BEAT)]
    notes.append((LAST_BEAT, KICK, 108))
    return [Note(beat, 0.2, drum, velocity) for beat, drum, velocity in sorted(notes)]


def _last_chord(velocity: int, spread: float) -> list[Note]:
    pitches = (*LAST_CHORD, LAST_CHORD[0] + 12)
    return [Note(LAST_BEAT + k * spread, LAST_LENGTH, pitch, velocity) for k, pitch in enumerate(pitches)]


def render_mix() -> Audio:
    """The mix (n_samples,) at SAMPLE_RATE, peaking at PEAK_DBFS."""
    n_beats = N_BARS * BEATS_PER_BAR + RING_S / (TEMPO_US / 1e6)
    seconds = n_beats * TEMPO_US / 1e6
    audio = render(midi_file(parts(), TEMPO_US, n_beats), SAMPLE_RATE, FLUIDSYNTH_GAIN, seconds, reverb=True)
    fade = np.linspace(1, 0, round(FADE_S * SAMPLE_RATE), dtype=np.float32) ** 2
    audio[-len(fade) :] *= fade
    return audio * np.float32(10 ** (PEAK_DBFS / 20) / np.abs(audio).max())


def write_ogg(audio: Audio, path: Path) -> None:
    """Writes an OGG Vorbis file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with soundfile.SoundFile(partial, "w", SAMPLE_RATE, 1, format="OGG", subtype="VORBIS") as file:
            for start in range(0, len(audio), OGG_BLOCK):
                file.write(audio[start : start + OGG_BLOCK])
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.demo_mix", description="Render the demo mix.")
    parser.add_argument("--out", type=Path, required=True, help="OGG file to write")
    args = parser.parse_args(arguments)
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        write_ogg(render_mix(), args.out)
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
