"""Groove songs: MMA's harmony and metre, one bass voice, stems of the song, splits that share no style."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from bassnet_osc.spec import BassNetError, CqtSpec
from training import grooves, mma
from training.charts import Chord
from training.groove_song import (
    PATTERN_BARS,
    SPLITS,
    GrooveSong,
    compose_groove_song,
    of_split,
)
from training.mma import Groove, library, play
from training.mma_tracks import BASS_PROGRAMS, BASS_RANGE, bass_line, feel, stem_of
from training.render_midi import DRUM_CHANNEL, Note

pytestmark = pytest.mark.usefixtures("needs_mma")
N_SONGS = 6
CHART = [(Chord(0, 9, "m"),), (Chord(0, 5, ""), Chord(2, 7, "7")), (Chord(0, 0, ""),), (Chord(0, 0, ""),)]
EIGHTHS = Groove("stdlib/8beat.mma", "8Beat", 4)
ROCK = Groove("stdlib/softrock.mma", "SoftRock1", 4)


@pytest.fixture(scope="module")
def songs(needs_mma: None) -> list[GrooveSong]:
    return [compose_groove_song(np.random.default_rng([0, seed]), "train") for seed in range(N_SONGS)]


def track(*events: tuple[int, int, int], name: str = "Bass", program: int = 33) -> mido.MidiTrack:
    """Notes as (tick, length, pitch)."""
    changes = sorted(
        [(start, 1, pitch) for start, _, pitch in events]
        + [(start + length, 0, pitch) for start, length, pitch in events]
    )
    messages = [mido.Message("program_change", channel=1, program=program)]
    for (before, *_), (now, on, pitch) in pairwise([(0, 0, 0), *changes]):
        messages.append(mido.Message("note_on", channel=1, note=pitch, velocity=90 * on, time=now - before))
    made = mido.MidiTrack(messages)
    made.name = name
    return made


def file(*tracks: mido.MidiTrack) -> mido.MidiFile:
    midi = mido.MidiFile(ticks_per_beat=96)
    midi.tracks.extend(tracks)
    return midi


def test_the_library_is_mma_s() -> None:
    """More than a thousand grooves; the beats are those of the time signature that MMA writes."""
    found = library()
    assert len(found) > 1000 and len(set(found)) == len(found)
    for groove in (found[i] for i in range(0, len(found), len(found) // 8)):
        midi = play([(Chord(0, 0, ""),)] * 4, [groove] * 4, 120.0, seed=1)
        beats = max(track_end(t) for t in midi.tracks) / midi.ticks_per_beat
        assert beats <= 4 * groove.beats + 0.5, groove


def track_end(midi_track: mido.MidiTrack) -> int:
    return sum(message.time for message in midi_track if message.type.startswith("note"))


def test_no_file_is_in_two_splits() -> None:
    files = [{groove.file for groove in of_split(split)} for split in SPLITS]
    assert all(len(split) > 10 for split in files)
    assert len(set.union(*files)) == sum(map(len, files))


def test_a_bass_follows_the_chart() -> None:
    """On the first beat of each measure the chord's root, and on that of the half measure's chord."""
    line = {round(note.beat, 1): note.pitch % 12 for note in bass_line(play(CHART, [EIGHTHS] * 4, 140.0, 3))}
    assert [line[beat] for beat in (0.0, 4.0, 6.0, 8.0, 12.0)] == [9, 5, 7, 0, 0]


def test_a_seed_is_a_performance() -> None:
    one, same, other = (
        [list(t) for t in play(CHART, [ROCK] * 4, 100.0, seed=seed).tracks[1:]] for seed in (1, 1, 2)
    )
    assert one == same != other


def test_a_groove_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(BassNetError, match=r"MMA must play every groove; of NoSuchGroove it said"):
        play(CHART, [Groove("stdlib/8beat.mma", "NoSuchGroove", 4)] * 4, 100.0, seed=1)


def test_without_mma_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    library.cache_clear()
    monkeypatch.setattr(mma, "LIBRARY", tmp_path / "absent")
    with pytest.raises(BassNetError, match=r"groove songs need MMA; .* install the package mma"):
        library()


def test_feel() -> None:
    straight = file(track(*((beat * 96 + 48, 20, 40) for beat in range(8))))
    swung = file(track(*((beat * 96 + 64, 20, 40) for beat in range(8))))
    on_the_beat = file(track(*((beat * 96, 20, 40) for beat in range(8))))
    assert [feel(midi) for midi in (straight, swung, on_the_beat)] == ["straight", "swung", "either"]


def test_the_bass_is_one_voice() -> None:
    """By hand: the lowest of a chord, cut off by the next note, octaves into range, no other instrument."""
    midi = file(
        track((0, 96, 40), (2, 96, 33), (48, 96, 45)),
        track((192, 96, 21), (288, 10, 70), name="Walk"),
        track((100, 96, 36), name="Chord"),
        track((110, 96, 36), name="Bass-2", program=27),
    )
    assert bass_line(midi) == [
        Note(2 / 96, 46 / 96, 33, 90),
        Note(0.5, 1.0, 45, 90),
        Note(2.0, 1.0, 33, 90),
        Note(3.0, 10 / 96, 58, 90),
    ]


@pytest.mark.parametrize(
    ("program", "name", "stem"),
    [
        (0, "Chord", "keys"),
        (16, "Chord", "keys"),
        (29, "Chord", "guitar"),
        (48, "Arpeggio", "strings"),
        (61, "Melody", "strings"),
        (89, "Chord", "keys"),
        (34, "Chord", None),
        (0, "Bass-2", None),
    ],
)
def test_families(program: int, name: str, stem: str | None) -> None:
    assert stem_of(track((0, 10, 60), name=name, program=program)) == stem


def test_songs_are_what_they_say(songs: list[GrooveSong]) -> None:
    for song in songs:
        assert 60.0 <= len(song.patterns) * song.bar_s <= 60.0 + 40 * song.bar_s
        assert len(song.patterns) == len(song.chart.bars)
        assert set(song.patterns) <= set(range(len(song.basses)))
        assert {groove.beats for groove in song.basses} == {song.accompaniment.beats}
        assert song.stems.keys() - {"drums"} and "bass" not in song.stems
        for stem in song.stems.values():  # as fast as the bass that is laid over it: a minute stays together
            tempos = [m.tempo for track in stem.tracks for m in track if m.type == "set_tempo"]
            assert tempos == pytest.approx([60e6 / song.tempo_bpm], rel=1e-5)
        assert song.bass_program in BASS_PROGRAMS
        changes = [i for i, (a, b) in enumerate(pairwise(song.patterns), start=1) if a != b]
        assert all(i % PATTERN_BARS == 0 for i in changes)
        for before, after in pairwise(song.bass):
            assert before.beat + before.length <= after.beat + 1e-9
        assert all(BASS_RANGE[0] <= note.pitch <= BASS_RANGE[1] and note.length > 0 for note in song.bass)


def test_no_bass_is_left_in_the_mix(songs: list[GrooveSong]) -> None:
    for song in songs:
        for midi in song.stems.values():
            programs = [m for t in midi.tracks for m in t if m.type == "program_change"]
            assert not any(m.channel != DRUM_CHANNEL and m.program in BASS_PROGRAMS for m in programs)


def test_the_basses_of_a_song_differ_over_the_same_chords(songs: list[GrooveSong]) -> None:
    """Most songs have several, and no two of them play the same to the first measures."""
    assert sum(len(song.basses) > 1 for song in songs) > N_SONGS / 2
    for song in songs:
        bars = song.chart.bars[:PATTERN_BARS]
        lines = [
            tuple(
                (round(note.beat, 1), note.pitch) for note in bass_line(play(bars, [g] * len(bars), 100.0, 1))
            )
            for g in song.basses
        ]
        assert len(set(lines)) == len(lines)


def test_harmony_reaches_the_bass(songs: list[GrooveSong]) -> None:
    """Of the first beats of the measures that have a bass note, most are chord tones. Measured: 0.97."""
    right = heard = 0
    for song in songs:
        for note in song.bass:
            bar, beat = divmod(note.beat + 0.1, song.accompaniment.beats)
            if beat < 0.3 and bar < len(song.chart.bars):
                heard += 1
                right += note.pitch % 12 in song.chart.bars[int(bar)][0].pitch_classes
    assert heard > 50 and right / heard > 0.8, (right, heard)


@pytest.mark.usefixtures("needs_fluidsynth")
def test_a_song_on_disk(tmp_path: Path) -> None:
    """Stems of one length, none clipped; the truth's notes are heard in the bass, at their times."""
    assert (
        grooves.main(["--split", "validation", "--songs", "1", "--out", str(tmp_path), "--processes", "1"])
        == 0
    )
    folder = tmp_path / "validation" / "0000"
    truth = json.loads((folder / "truth.json").read_text())
    assert (truth["data_set"], truth["split"], truth["index"]) == ("groove", "validation", 0)
    stems = {path.stem: soundfile.read(path) for path in folder.glob("*.flac")}
    assert "bass" in stems and len(stems) >= 2
    n_samples = round(truth["seconds"] * CqtSpec().sample_rate)
    for audio, sample_rate in stems.values():
        assert sample_rate == CqtSpec().sample_rate and abs(len(audio) - n_samples) <= 1
        assert 0.01 < np.abs(audio).max() < 0.95
    bass = stems["bass"][0]
    errors = [cents_off(bass, note) for note in truth["bass"] if note["offset"] - note["onset"] > 0.25]
    assert len(errors) > 5
    assert abs(np.median(errors)) < 15, np.median(errors)


def cents_off(audio: np.ndarray, note: dict[str, float]) -> float:
    """How far the strongest line near one of the first harmonics is from where the note's should be."""
    start = round((note["onset"] + 0.05) * CqtSpec().sample_rate)
    piece = audio[start : start + round(0.2 * CqtSpec().sample_rate)]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 17))
    hz = np.fft.rfftfreq(1 << 17, 1 / CqtSpec().sample_rate)
    f0 = 440.0 * 2 ** ((note["pitch"] - 69) / 12)
    k = max((1, 2, 3), key=lambda k: spectrum[abs(hz - k * f0) < 0.03 * k * f0].max())
    near = abs(hz - k * f0) < 0.03 * k * f0
    return float(1200 * np.log2(hz[near][spectrum[near].argmax()] / (k * f0)))


def test_detuned_songs_are_detuned_together() -> None:
    """The tuning reaches every pitched channel, and the truth's pitches."""
    midi = file(track((0, 96, 40)), track((0, 96, 60), name="Chord", program=0))
    tuned = grooves._tuned(midi, 25.0)
    for before, after in zip(midi.tracks, tuned.tracks, strict=True):
        added = [m for m in after if m.type == "control_change"]
        assert [m.control for m in added] == [101, 100, 6, 38]
        value = (added[2].value << 7) + added[3].value
        assert (value - 8192) / 8192 * 100 == pytest.approx(25.0, abs=0.02)
        assert [m for m in after if m.type != "control_change"] == list(before)
    assert grooves._tuned(midi, 0.0) is midi


def test_bad_options_and_missing_parts_are_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    options = ["--split", "test", "--songs", "1", "--processes", "1"]
    assert grooves.main([*options, "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv("BASSNET_SOUNDFONT", str(tmp_path / "absent"))
    assert grooves.main([*options, "--out", str(tmp_path / "out")]) == 2
    assert "FluidR3_GM" in capsys.readouterr().err
