"""The artificial songs: their musical facts in notes, in MIDI and in audio; seeds, folders, resuming."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from bassnet_osc.spec import BassNetError, CqtSpec
from training import artificial, render_midi
from training.artificial import Origin, generate, make_song, truth
from training.composition import (
    BEATS_PER_BAR,
    FINGER_BASS,
    HI_HAT,
    KICK,
    MODES,
    SNARE,
    TAIL_S,
    Song,
)
from training.render_midi import midi_file

N_SONGS = 40
TRIADS = {"major": (4, 7), "minor": (3, 7), "diminished": (3, 6)}  # third and fifth in semitones


def song(index: int = 0, split: str = "train", seed: int = 0) -> Song:
    return Origin("A1", split, index, seed).compose()


SONGS = [song(i) for i in range(N_SONGS)]


@pytest.mark.parametrize("index", range(N_SONGS))
def test_tempo_and_length(index: int) -> None:
    s = SONGS[index]
    assert 100 <= truth(s)["tempo_bpm"] <= 200
    bar_s = BEATS_PER_BAR * s.beat_s
    music_s = truth(s)["bars"][-1]["end"]
    assert abs(music_s - 60) <= bar_s / 2  # no other number of whole measures is nearer to a minute
    assert s.seconds == pytest.approx(music_s + TAIL_S)


def test_tempo_covers_its_range() -> None:
    tempi = [truth(s)["tempo_bpm"] for s in SONGS]
    assert min(tempi) < 110 and max(tempi) > 190


@pytest.mark.parametrize("index", range(N_SONGS))
def test_chords_are_diatonic_triads_in_root_position(index: int) -> None:
    s = SONGS[index]
    scale = {(s.tonic + step) % 12 for step in MODES[s.mode]}
    assert len(s.chords) == len(s.bars) * BEATS_PER_BAR * 3
    for beat in range(len(s.bars) * BEATS_PER_BAR):
        pitches = sorted(note.pitch for note in s.chords if note.beat == beat)
        bar = truth(s)["bars"][beat // BEATS_PER_BAR]
        third, fifth = TRIADS[bar["quality"]]
        assert pitches == [bar["root"], bar["root"] + third, bar["root"] + fifth]
        assert 48 <= bar["root"] <= 60
        assert {pitch % 12 for pitch in pitches} <= scale


def test_chords_last_one_or_two_measures() -> None:
    lengths: Counter[int] = Counter()
    for s in SONGS:
        roots = [(bar.chord.root % 12, bar.chord.quality) for bar in s.bars]
        changes = [i for i in range(1, len(roots)) if roots[i] != roots[i - 1]]
        lengths.update(np.diff([0, *changes]).tolist())
    assert set(lengths) == {1, 2}
    assert 0.8 < lengths[1] / lengths[2] < 1.25  # either is as likely: 0.97 on about a thousand chords


def test_all_degrees_tonics_modes_and_roots_occur() -> None:
    assert {s.mode for s in SONGS} == {"major", "minor"}
    assert len({s.tonic for s in SONGS}) >= 11
    assert {bar.chord.quality for s in SONGS for bar in s.bars} == set(TRIADS)
    assert {bar.chord.root for s in SONGS for bar in s.bars} == set(range(48, 61))


@pytest.mark.parametrize("index", range(N_SONGS))
def test_bass_plays_the_patterns_degree_below_the_root_on_every_beat(index: int) -> None:
    s = SONGS[index]
    assert [note.beat for note in s.bass] == list(range(len(s.bars) * BEATS_PER_BAR))
    for note in s.bass:
        bar = truth(s)["bars"][int(note.beat) // BEATS_PER_BAR]
        interval = (0, *TRIADS[bar["quality"]])[bar["pattern"]]  # root, third, fifth
        assert note.pitch == bar["root"] - 12 + interval
        assert bar["root"] - 12 <= note.pitch < bar["root"]
        assert 0.5 < note.length < 1.0


def test_patterns_change_rarely_and_all_three_occur() -> None:
    patterns = [[bar.pattern for bar in s.bars] for s in SONGS]
    assert {p for row in patterns for p in row} == {0, 1, 2}
    changes = np.concatenate([np.diff(row) != 0 for row in patterns])
    assert 0.07 < changes.mean() < 0.13  # a probability of 0.1 at about 1500 bar lines: 3.9 standard errors
    steps = Counter((a, b) for row in patterns for a, b in itertools.pairwise(row) if a != b)
    assert len(steps) == 6  # every pattern follows every other one


def test_drums_are_those_of_figure_4() -> None:
    s = SONGS[0]
    measure: dict[int, list[float]] = {HI_HAT: [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5], KICK: [0, 2], SNARE: [1, 3]}
    for drum, beats in measure.items():
        expected = [BEATS_PER_BAR * i + beat for i in range(len(s.bars)) for beat in beats]
        assert [note.beat for note in s.drums if note.pitch == drum] == expected
    assert {note.pitch for note in s.drums} == set(measure)


def test_two_different_programs_of_the_four_groups() -> None:
    groups = [*range(0, 8), *range(16, 32), *range(48, 55)]
    for s in SONGS:
        first, second = s.programs
        assert first != second and {first, second} <= set(groups)
        assert 0 <= s.proportion <= 1
    assert {group // 8 for s in SONGS for group in s.programs} == {0, 2, 3, 6}


def test_a_song_depends_on_its_origin_alone() -> None:
    assert song(3) == song(3)
    others = [song(4), song(3, split="validation"), song(3, split="test"), song(3, seed=1)]
    assert len({s.tempo_us for s in [song(3), *others]}) == 5


def test_midi_says_what_the_song_says(tmp_path: Path) -> None:
    s = song(1)
    path = tmp_path / "song.mid"
    midi_file([*s.mix_parts(), *s.bass_parts()], s.tempo_us, s.seconds / s.beat_s).save(path)
    midi = mido.MidiFile(path)
    assert [track.name for track in midi.tracks] == ["", "chords 1", "chords 2", "drums", "bass"]
    assert midi.length == pytest.approx(s.seconds, abs=s.beat_s / midi.ticks_per_beat)
    now, notes = 0.0, []
    sounding: dict[int, float] = {}
    programs = {}
    for message in midi:
        now += message.time
        if message.type == "program_change":
            programs[message.channel] = message.program
        if message.type == "note_on" and message.channel == 2:
            assert not sounding  # one bass note at a time
            sounding[message.note] = now
        if message.type == "note_off" and message.channel == 2:
            notes.append((message.note, sounding.pop(message.note), now))
    assert programs == {0: s.programs[0], 1: s.programs[1], 2: FINGER_BASS, 9: 0}
    said = truth(s)["bass"]
    assert [pitch for pitch, _, _ in notes] == [note["pitch"] for note in said]
    for k, name in ((1, "onset"), (2, "offset")):
        # mido adds up seconds per message: 2e-11 s after a minute
        np.testing.assert_allclose([note[k] for note in notes], [note[name] for note in said], atol=1e-6)


def test_truth_bars_join_and_hold_their_notes() -> None:
    t = truth(song(2))
    bars = t["bars"]
    assert bars[0]["start"] == 0
    assert all(a["end"] == b["start"] for a, b in itertools.pairwise(bars))
    for i, note in enumerate(t["bass"]):
        bar = bars[i // BEATS_PER_BAR]
        assert bar["start"] - 1e-9 <= note["onset"] < note["offset"] < bar["end"]


def test_missing_program_and_soundfont_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(render_midi.SOUNDFONT_VARIABLE, str(tmp_path / "none.sf2"))
    with pytest.raises(BassNetError, match=r"none\.sf2.*install fluid-soundfont-gm"):
        render_midi.soundfont()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BassNetError, match="install fluidsynth"):
        render_midi.fluidsynth()


@pytest.fixture(scope="module")
def rendered(needs_fluidsynth: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first validation song on disk."""
    folder = tmp_path_factory.mktemp("a1") / "validation" / "0000"
    folder.parent.mkdir()
    make_song(Origin("A1", "validation", 0, 0), folder)
    return folder


def read(folder: Path, name: str) -> np.ndarray:
    audio, sample_rate = soundfile.read(folder / f"{name}.wav")
    assert sample_rate == CqtSpec().sample_rate
    return np.asarray(audio)


def test_folder_is_whole_and_as_long_as_stated(rendered: Path) -> None:
    assert {path.name for path in rendered.iterdir()} == {"mix.wav", "bass.wav", "song.mid", "truth.json"}
    assert [path.name for path in rendered.parent.parent.iterdir()] == ["validation"]  # nothing left over
    said = json.loads((rendered / "truth.json").read_text())
    assert said["split"] == "validation" and said["sample_rate"] == CqtSpec().sample_rate
    for name in ("mix", "bass"):
        assert len(read(rendered, name)) == round(said["seconds"] * said["sample_rate"])
        info = soundfile.info(rendered / f"{name}.wav")
        assert (info.channels, info.subtype) == (1, "PCM_16")


def test_bass_starts_when_the_truth_says_and_keeps_time(rendered: Path) -> None:
    said, bass = json.loads((rendered / "truth.json").read_text()), read(rendered, "bass")
    rate, reach = said["sample_rate"], 128  # samples: 8 ms either way
    first = np.argmax(np.abs(bass) > 0.005 * np.abs(bass).max()) / rate
    assert said["bass"][0]["onset"] <= first < said["bass"][0]["onset"] + 0.010  # measured: 6 ms, the attack
    attack = bass[: rate // 20]  # every note of this pitch starts with the same 50 ms
    same = [note for note in said["bass"][1:] if note["pitch"] == said["bass"][0]["pitch"]]
    assert len(same) > 10 and same[-1]["onset"] > 30
    for note in same:
        start = round(note["onset"] * rate)
        heard = bass[start - reach : start + reach + len(attack)]
        lag = int(np.argmax(np.correlate(heard, attack, "valid"))) - reach
        # measured -0.1 to 1.4 ms: FluidSynth starts a note at its next 64 samples of 32 kHz, 2 ms
        assert abs(lag) <= 0.003 * rate


def test_bass_has_the_pitch_that_the_truth_says(rendered: Path) -> None:
    said, bass = json.loads((rendered / "truth.json").read_text()), read(rendered, "bass")
    rate = said["sample_rate"]
    for note in said["bass"]:
        start, end = round((note["onset"] + 0.05) * rate), round(note["offset"] * rate)
        assert abs(1200 * np.log2(_f0(bass[start:end], rate, note["pitch"]))) < 50


def _f0(audio: np.ndarray, rate: int, pitch: int) -> float:
    """Ratio of the autocorrelation's f0 to the pitch, searched over two octaves around it."""
    expected = rate / (440 * 2 ** ((pitch - 69) / 12))  # samples per period
    lags = np.arange(int(expected / 2.1), int(expected * 1.9))
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 4 * len(audio))) ** 2
    correlation = np.fft.irfft(spectrum)[lags]
    return float(expected / lags[np.argmax(correlation)])


def test_levels_leave_headroom_and_decay_into_silence(rendered: Path) -> None:
    for name in ("mix", "bass"):
        audio = read(rendered, name)
        peak_db = 20 * np.log10(np.abs(audio).max())
        assert -18 < peak_db < -1  # measured over 220 songs: mix -11.1 to -3.8, bass -13.9 to -13.6
        end_db = 20 * np.log10(np.abs(audio[-1600:]).max() + 1e-9)
        assert end_db < -60  # measured: mix -90, bass digital silence


def test_generate_resumes_and_is_the_same_in_any_order(
    needs_fluidsynth: None, rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert generate("A1", "validation", 1, seed=0, out=tmp_path, n_processes=1) == 1
    kept = tmp_path / "validation" / "0000"
    for path in rendered.iterdir():
        assert (kept / path.name).read_bytes() == path.read_bytes()
    stamp = (kept / "mix.wav").stat().st_mtime_ns
    assert generate("A1", "validation", 2, seed=0, out=tmp_path, n_processes=2) == 1
    assert (kept / "mix.wav").stat().st_mtime_ns == stamp
    with pytest.raises(BassNetError, match="choose another --out"):
        generate("A1", "validation", 2, seed=7, out=tmp_path, n_processes=1)


def test_a_song_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BassNetError("no sound")

    monkeypatch.setattr(artificial, "render", fail)
    (tmp_path / "train").mkdir()
    with pytest.raises(BassNetError, match="no sound"):
        make_song(Origin("A1", "train", 0, 0), tmp_path / "train" / "0000")
    assert [path.name for path in tmp_path.rglob("*")] == ["train"]
