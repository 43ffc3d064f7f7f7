"""A song of the groove data as notes: a chart, one accompaniment, a bass of other grooves in each section.

The bass of MMA's accompaniment is left out of the mix; the basses that are put in its place come from grooves
of the same metre and feel (straight or swung), so that over one harmony the bass says different things. Every
song has instruments, velocities and a tuning of its own.

Flow: charts, mma, render_midi ◀ groove_song ◀ grooves.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import mido
import numpy as np

from bassnet_osc.spec import BassNetError
from training.charts import Bar, Chart, compose_chart
from training.mma import Groove, library, play
from training.mma_tracks import BASS_PROGRAMS, bass_line, feel, stem_of
from training.render_midi import Note

TEMPO_BPM = (60.0, 180.0)
SONG_S = 60.0  # at least: whole sections
PATTERN_BARS = 4  # measures that a bass plays at least
P_PATTERN_CHANGE = 0.6  # that the next four have another bass
N_BASSES = 4  # different ones in a song, where the library has them
P_SAME_FILE = 0.4  # that a bass comes from the accompaniment's own file: the style's variations
TRIAL_SEED = 1  # of MMA: grooves that differ in chance alone play the same under it
TRIALS = 40  # grooves that are tried before a song is given up
P_DETUNED, DETUNED_CENTS = 0.3, 45.0  # share of songs off A = 440 Hz, and how far at most
P_OTHER_PROGRAM = 0.4  # that a track has another instrument of its family than its groove says
DYNAMICS = (0.75, 1.1)  # factor of a track's velocities
MIN_NOTES = 4  # in PATTERN_BARS measures: less is no bass
NOT_A_STYLE = re.compile(r"intro|end|fill|metro|none", re.IGNORECASE)  # in the names of grooves
# Of every ten files of grooves one is for validation and one for testing.
SPLITS = {"train": range(0, 8), "validation": range(8, 9), "test": range(9, 10)}
INSTRUMENTS = {
    "guitar": tuple(range(24, 31)),
    "keys": (0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 88, 89, 90),
    "strings": (48, 49, 50, 51, 52, 56, 57, 60, 61, 62, 64, 65, 66, 73),
}


@dataclass(frozen=True)
class GrooveSong:
    """A composed song: `stems` are MIDI files by name, without the bass; `patterns` one bass per measure."""

    chart: Chart
    tempo_bpm: float
    accompaniment: Groove
    basses: tuple[Groove, ...]
    patterns: tuple[int, ...]
    stems: dict[str, mido.MidiFile]
    bass: tuple[Note, ...]
    bass_program: int
    tuning_cents: float

    @property
    def bar_s(self) -> float:
        """Length of a measure in seconds."""
        return self.accompaniment.beats * 60.0 / self.tempo_bpm


def of_split(split: str) -> list[Groove]:
    """The grooves that songs of a split may have: no file belongs to two splits."""
    return [
        groove
        for groove in library()
        if zlib.crc32(groove.file.encode()) % 10 in SPLITS[split] and not NOT_A_STYLE.search(groove.name)
    ]


def compose_groove_song(rng: np.random.Generator, split: str) -> GrooveSong:
    """A song from a random generator; raises BassNetError where no groove will do (never seen)."""
    grooves = of_split(split)
    tempo_bpm = float(np.rint(np.exp(rng.uniform(*np.log(TEMPO_BPM)))))  # MMA cuts a fraction off
    seed = int(rng.integers(1, 10**6))  # of what MMA draws
    for _ in range(TRIALS):
        groove = _any_of(rng, grooves)
        n_bars = int(np.ceil(SONG_S * tempo_bpm / 60.0 / groove.beats))
        chart = compose_chart(rng, groove.beats, n_bars)
        midi = _played(chart.bars, [groove] * len(chart.bars), tempo_bpm, seed)
        if midi is None or not (stems := _stems(midi, rng)).keys() - {"drums"}:
            continue
        basses = _basses(rng, grooves, groove, chart, tempo_bpm, feel(midi))
        if not basses:
            continue
        patterns = _patterns(rng, len(chart.bars), len(basses))
        played = _played(chart.bars, [basses[p] for p in patterns], tempo_bpm, seed)
        if played is None:
            continue
        return GrooveSong(
            chart=chart,
            tempo_bpm=tempo_bpm,
            accompaniment=groove,
            basses=tuple(basses),
            patterns=tuple(patterns),
            stems=stems,
            bass=tuple(bass_line(played)),
            bass_program=int(rng.choice(BASS_PROGRAMS)),
            tuning_cents=float(rng.uniform(-1, 1) * DETUNED_CENTS) if rng.random() < P_DETUNED else 0.0,
        )
    raise BassNetError(f"a song needs grooves with a bass; none of {TRIALS} of {split} would do: mend MMA")


def _played(
    bars: Sequence[Bar], grooves: Sequence[Groove], tempo_bpm: float, seed: int
) -> mido.MidiFile | None:
    """None where MMA does not play a groove: a few of its library ask for plug-ins."""
    try:
        return play(bars, grooves, tempo_bpm, seed)
    except BassNetError:
        return None


def _basses(
    rng: np.random.Generator,
    grooves: list[Groove],
    accompaniment: Groove,
    chart: Chart,
    tempo_bpm: float,
    wanted: str,
) -> list[Groove]:
    """Up to N_BASSES grooves of the metre and feel that have a bass."""
    alike = [groove for groove in grooves if groove.beats == accompaniment.beats]
    family = [groove for groove in alike if groove.file == accompaniment.file]
    bars = chart.bars[:PATTERN_BARS]
    found: dict[tuple[tuple[float, int], ...], Groove] = {}  # by what is played: many grooves share a bass
    for _ in range(TRIALS):
        groove = _any_of(rng, family if rng.random() < P_SAME_FILE else alike)
        midi = _played(bars, [groove] * len(bars), tempo_bpm, TRIAL_SEED)
        if midi is None or feel(midi) not in (wanted, "either"):
            continue
        line = tuple((round(note.beat, 1), note.pitch) for note in bass_line(midi))
        if len(line) >= MIN_NOTES:
            found.setdefault(line, groove)
        if len(found) == N_BASSES:
            break
    return list(found.values())


def _any_of(rng: np.random.Generator, grooves: list[Groove]) -> Groove:
    """One from any file, however many a file has."""
    files = sorted({groove.file for groove in grooves})
    file = files[int(rng.integers(len(files)))]
    of_file = [groove for groove in grooves if groove.file == file]
    return of_file[int(rng.integers(len(of_file)))]


def _patterns(rng: np.random.Generator, n_bars: int, n_basses: int) -> list[int]:
    """A bass for each measure, the same for PATTERN_BARS of them at least."""
    patterns: list[int] = []
    current = int(rng.integers(n_basses))
    while len(patterns) < n_bars:
        patterns += [current] * PATTERN_BARS
        if n_basses > 1 and rng.random() < P_PATTERN_CHANGE:
            current = (current + int(rng.integers(1, n_basses))) % n_basses
    return patterns[:n_bars]


def _stems(midi: mido.MidiFile, rng: np.random.Generator) -> dict[str, mido.MidiFile]:
    """The accompaniment by families of instruments, without MMA's bass; the first track is the conductor."""
    conductor, *tracks = midi.tracks
    stems: dict[str, mido.MidiFile] = {}
    for track in tracks:
        name = stem_of(track)
        if name is None or not any(message.type == "note_on" for message in track):
            continue
        stem = stems.setdefault(name, mido.MidiFile(type=1, ticks_per_beat=midi.ticks_per_beat))
        if not stem.tracks:
            stem.tracks.append(conductor)
        stem.tracks.append(_varied(track, name, rng))
    return stems


def _varied(track: mido.MidiTrack, family: str, rng: np.random.Generator) -> mido.MidiTrack:
    """Other dynamics, and now and then another instrument of the family."""
    factor = rng.uniform(*DYNAMICS)
    other = int(rng.choice(INSTRUMENTS[family])) if family in INSTRUMENTS else 0
    change = family in INSTRUMENTS and rng.random() < P_OTHER_PROGRAM
    varied = mido.MidiTrack()
    for message in track:
        if message.type == "program_change" and change:
            message = message.copy(program=other)
        elif message.type == "note_on" and message.velocity:
            message = message.copy(velocity=int(np.clip(round(message.velocity * factor), 1, 127)))
        varied.append(message)
    return varied
