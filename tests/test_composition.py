"""The songs of all four data sets, in their notes and in their MIDI files: what section 5.1 says of them.

Chord, instrument and drums of a measure are taken from what is played, never from the composer's own account;
only key and pattern are the ground truth's. What the bass must play follows from these and the paper's words.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO

import mido
import numpy as np
import pytest

from training.artificial import Origin
from training.composition import Song
from training.render_midi import midi_file

N_SONGS = {"notes": 40, "midi": 5}  # of each data set
CHORDS, BASS, DRUMS = (0, 1), 2, 9  # channels counted from zero
ORGAN, GUITAR = 17 - 1, 25 - 1  # General MIDI counts programs from one
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}  # semitones above the tonic
TRIADS = {(4, 7): "major", (3, 7): "minor", (3, 6): "diminished"}  # third and fifth in semitones
N_PATTERNS = {"A1": 3, "A2": 2, "A3": 2, "A4": 5}
A4_DEGREES = ([1, 5, 1, 5], [5, 1, 5, 1], [1, 3, 5, 3], [1, 2, 3, 4, 5, 4, 3, 2], [1])

every_data_set = pytest.mark.parametrize("name", list(N_PATTERNS))
both_sources = pytest.mark.parametrize("source", list(N_SONGS))


@dataclass
class Score:
    """What is played: (beat of the measure, length in beats, pitch) by channel and measure."""

    tempi: list[tuple[float, int]] = field(default_factory=list)  # beat, microseconds per beat
    programs: dict[int, int] = field(default_factory=dict)
    measures: dict[tuple[int, int], list[tuple[float, float, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, channel: int, beat: float, length: float, pitch: int) -> None:
        """A note; `beat` is counted from the start of the song."""
        measure = int(beat // 4)
        self.measures[channel, measure].append((beat - 4 * measure, length, pitch))

    def chord(self, measure: int) -> tuple[int, str, list[int]]:
        """Root, quality and programs; every channel heard must strike the same triad on every beat."""
        heard = [channel for channel in CHORDS if self.measures[channel, measure]]
        low, middle, high = sorted(pitch for _, _, pitch in self.measures[heard[0], measure][:3])
        for channel in heard:
            played = sorted((beat, pitch) for beat, _, pitch in self.measures[channel, measure])
            assert played == [(beat, pitch) for beat in range(4) for pitch in (low, middle, high)]
        return low, TRIADS[middle - low, high - low], [self.programs[channel] for channel in heard]


def from_notes(song: Song) -> Score:
    score = Score(tempi=[(0, song.tempo_us)])
    for part in [*song.mix_parts(), *song.bass_parts()]:
        score.programs[part.channel] = part.program
        for note in part.notes:
            score.add(part.channel, note.beat, note.length, note.pitch)
    return score


def from_midi(song: Song) -> Score:
    """The song through the bytes of a MIDI file, where no note may be struck while it sounds."""
    file, score = BytesIO(), Score()
    parts = [*song.mix_parts(), *song.bass_parts()]
    midi_file(parts, song.tempo_us, song.seconds / song.beat_s).save(file=file)
    file.seek(0)
    midi = mido.MidiFile(file=file)
    for track in midi.tracks:
        sounding: dict[tuple[int, int], float] = {}
        for ticks, message in zip(itertools.accumulate(m.time for m in track), track, strict=True):
            beat = ticks / midi.ticks_per_beat
            if message.type == "set_tempo":
                score.tempi.append((beat, message.tempo))
            elif message.type == "program_change":
                score.programs[message.channel] = message.program
            elif message.type == "note_on":
                assert (message.channel, message.note) not in sounding
                sounding[message.channel, message.note] = beat
            elif message.type == "note_off":
                start = sounding.pop((message.channel, message.note))
                score.add(message.channel, start, beat - start, message.note)
        assert not sounding
    return score


@cache
def scores(name: str, source: str) -> list[tuple[Song, Score]]:
    """Songs and what is played in them, by their notes or by their MIDI files."""
    songs = [Origin(name, "train", i, seed=0).compose() for i in range(N_SONGS[source])]
    return [(song, from_notes(song) if source == "notes" else from_midi(song)) for song in songs]


def bass_degrees(name: str, pattern: int, quality: str, programs: list[int]) -> list[int]:
    """Chord degrees in the order in which the bass plays them in a measure; `pattern` is counted from 0."""
    if name == "A4":
        return A4_DEGREES[pattern]
    if name == "A1":
        return [(1, 3, 5)[pattern]] * 4
    on_root = quality != "major" if name == "A2" else programs == [GUITAR]  # in pattern 1
    return [1 if on_root != (pattern == 1) else 5] * 4


@every_data_set
@both_sources
def test_one_tempo_and_a_whole_number_of_measures_nearest_to_a_minute(name: str, source: str) -> None:
    for song, score in scores(name, source):
        ((beat, tempo_us),) = score.tempi
        assert beat == 0 and 100 <= 60e6 / tempo_us <= 200
        n_measures, measure_s = 1 + max(measure for _, measure in score.measures), 4 * tempo_us / 1e6
        assert len(song.bars) == n_measures and abs(n_measures * measure_s - 60) <= measure_s / 2
        assert song.seconds == pytest.approx(n_measures * measure_s + 1.0)  # the tail


@every_data_set
@both_sources
def test_every_beat_strikes_a_diatonic_triad_in_root_position(name: str, source: str) -> None:
    for song, score in scores(name, source):
        scale = {(song.tonic + step) % 12 for step in SCALES[song.mode]}
        for measure in range(len(song.bars)):
            root, _, programs = score.chord(measure)
            assert 48 <= root <= 60
            assert len(programs) == (1 if name == "A3" else 2)
            notes = [note for channel in CHORDS for note in score.measures[channel, measure]]
            assert {pitch % 12 for _, _, pitch in notes} <= scale
            assert all(0.8 < length < 1 for _, length, _ in notes)


@every_data_set
@both_sources
def test_the_bass_plays_its_pattern_in_the_octave_below_the_root(name: str, source: str) -> None:
    for song, score in scores(name, source):
        for measure, bar in enumerate(song.bars):
            root, quality, programs = score.chord(measure)
            scale = [p for p in range(root, root + 12) if (p - song.tonic) % 12 in SCALES[song.mode]]
            degrees = bass_degrees(name, bar.pattern, quality, programs)
            step = 0.5 if len(degrees) == 8 else 1.0
            played = score.measures[BASS, measure]
            expected = [(i * step, scale[degree - 1] - 12) for i, degree in enumerate(degrees)]
            assert [(beat, pitch) for beat, _, pitch in played] == expected
            assert all(0.8 * step < length < step for _, length, _ in played)
            assert all(root - 12 <= pitch < root for _, _, pitch in played)


@every_data_set
@both_sources
def test_every_measure_has_the_drums_of_figure_4(name: str, source: str) -> None:
    kick, snare, hi_hat = 36, 38, 42
    kicks = [0, 2, 2.5] if name == "A4" else [0, 2]
    expected = [(beat, kick) for beat in kicks] + [(1, snare), (3, snare)]
    expected += [(eighth / 2, hi_hat) for eighth in range(8)]
    for song, score in scores(name, source):
        for measure in range(len(song.bars)):
            played = [(beat, pitch) for beat, _, pitch in score.measures[DRUMS, measure]]
            assert sorted(played) == sorted(expected)


@every_data_set
def test_programs(name: str) -> None:
    groups = {*range(0, 8), *range(16, 32), *range(48, 56)}  # piano, organ, guitar, ensemble
    pairs = [(score.programs[0], score.programs[1]) for _, score in scores(name, "midi")]
    pairs += [(score.programs[0], score.programs[1]) for _, score in scores(name, "notes")]
    assert all(score.programs[BASS] in range(32, 40) for _, score in scores(name, "midi"))  # a bass
    if name == "A3":
        assert set(pairs) == {(ORGAN, GUITAR)}
        return
    assert all(first != second and {first, second} <= groups for first, second in pairs)
    assert {program // 8 for pair in pairs for program in pair} == {0, 2, 3, 6}


@every_data_set
def test_the_mixing_proportion_is_random_where_two_play_at_once(name: str) -> None:
    gains = np.array([[part.gain for part in song.mix_parts()[:2]] for song, _ in scores(name, "notes")])
    np.testing.assert_allclose(gains.sum(axis=1), 1)
    if name == "A3":
        assert (gains == 0.5).all()
    else:
        assert gains[:, 0].min() < 0.1 and gains[:, 0].max() > 0.9  # uniform: 0.4^40 that either fails


@every_data_set
def test_chords_last_one_or_two_measures_at_random(name: str) -> None:
    lengths: Counter[int] = Counter()
    for song, score in scores(name, "notes"):
        chords = [score.chord(measure)[:2] for measure in range(len(song.bars))]
        lengths.update(len(list(same)) for _, same in itertools.groupby(chords))
    assert set(lengths) == {1, 2}
    assert 0.8 < lengths[1] / lengths[2] < 1.25  # measured: 0.93 to 1.09 on about a thousand chords


@every_data_set
def test_tempi_keys_and_chords_cover_their_ranges(name: str) -> None:
    played = scores(name, "notes")
    tempi = [60e6 / score.tempi[0][1] for _, score in played]
    assert min(tempi) < 110 and max(tempi) > 190
    assert {song.mode for song, _ in played} == {"major", "minor"}
    assert len({song.tonic for song, _ in played}) >= 11
    chords = [score.chord(measure) for song, score in played for measure in range(len(song.bars))]
    assert {root for root, _, _ in chords} == set(range(48, 61))
    assert {quality for _, quality, _ in chords} == set(TRIADS.values())


@every_data_set
def test_patterns_change_at_a_tenth_of_the_bar_lines_and_follow_each_other_in_every_order(name: str) -> None:
    patterns = [[bar.pattern for bar in song.bars] for song, _ in scores(name, "notes")]
    steps = Counter(step for row in patterns for step in itertools.pairwise(row))
    changes = {step: count for step, count in steps.items() if step[0] != step[1]}
    assert set(changes) == set(itertools.permutations(range(N_PATTERNS[name]), 2))
    # measured: 0.084 to 0.105; probability 0.1 at about 1450 bar lines, a standard error is 0.008
    assert 0.07 < sum(changes.values()) / steps.total() < 0.13


@every_data_set
def test_every_pattern_meets_every_chord_quality_and_instrument(name: str) -> None:
    met = set()
    for song, score in scores(name, "notes"):
        for measure, bar in enumerate(song.bars):
            _, quality, programs = score.chord(measure)
            met.add((bar.pattern, quality, programs[0] if name == "A3" else None))
    instruments = (ORGAN, GUITAR) if name == "A3" else (None,)
    assert met == set(itertools.product(range(N_PATTERNS[name]), TRIADS.values(), instruments))


@both_sources
def test_a3_switches_at_half_of_the_chord_changes_and_never_inside_a_chord(source: str) -> None:
    switches = []
    for song, score in scores("A3", source):
        chords = [score.chord(measure) for measure in range(len(song.bars))]
        for (*chord, programs), (*next_chord, next_programs) in itertools.pairwise(chords):
            if chord == next_chord:
                assert programs == next_programs
            else:
                switches.append(programs != next_programs)
    tolerance = 3 * 0.5 / len(switches) ** 0.5  # three standard errors
    assert abs(np.mean(switches) - 0.5) < tolerance  # measured: 0.518 of 998, 0.492 of 132
