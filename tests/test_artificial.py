"""The artificial songs on disk: seeds, ground truth, folders, resuming, and audio that agrees with them."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
import soxr

from bassnet_osc.spec import BassNetError, CqtSpec
from training import artificial, render_midi
from training.artificial import (
    FLUIDSYNTH_GAIN,
    OVERSAMPLING,
    Origin,
    generate,
    main,
    make_song,
    missing_songs,
)
from training.composition import FINGER_BASS
from training.data_sets import DATA_SETS
from training.render_midi import render

RATE = CqtSpec().sample_rate
ORGAN = 16  # General MIDI's Drawbar Organ, counted from zero
TRIADS = {"major": (4, 7), "minor": (3, 7), "diminished": (3, 6)}  # third and fifth in semitones
RENDERED = {"A1": 0, "A3": 0, "A4": 8}  # in this song of A4 all five patterns occur

Played = list[tuple[float, float, int]]  # start and end in seconds, pitch


def test_a_song_depends_on_its_origin_alone() -> None:
    song = Origin("A1", "train", 3, 0).compose()
    assert song == Origin("A1", "train", 3, 0).compose()
    others = [("A1", "train", 4, 0), ("A1", "validation", 3, 0), ("A1", "test", 3, 0), ("A1", "train", 3, 1)]
    others += [(name, "train", 3, 0) for name in ("A2", "A3", "A4")]
    assert len({s.tempo_us for s in [song, *(Origin(*other).compose() for other in others)]}) == 8


def silence(midi: mido.MidiFile, sample_rate: int, gain: float, seconds: float) -> np.ndarray:
    """What stands in for FluidSynth where only the other files matter."""
    return np.zeros(round(seconds * sample_rate), np.float32)


@pytest.fixture(params=list(DATA_SETS))
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a song of each data set, its audio silent."""
    monkeypatch.setattr(artificial, "render", silence)
    (tmp_path / "train").mkdir()
    make_song(Origin(request.param, "train", 1, 0), tmp_path / "train" / "0001")
    return tmp_path / "train" / "0001"


def said_of(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return said


def read_midi(path: Path) -> tuple[dict[int, int], dict[int, Played]]:
    """Programs and notes by channel."""
    now, sounding = 0.0, dict[tuple[int, int], float]()
    programs, notes = dict[int, int](), defaultdict[int, Played](list)
    for message in mido.MidiFile(path):
        now += message.time
        if message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type == "note_on":
            sounding[message.channel, message.note] = now
        elif message.type == "note_off":
            start = sounding.pop((message.channel, message.note))
            notes[message.channel].append((start, now, message.note))
    assert not sounding
    return programs, notes


def test_truth_says_what_the_midi_file_says_of_the_bass(written: Path) -> None:
    said, midi = said_of(written), mido.MidiFile(written / "song.mid")
    assert [track.name for track in midi.tracks] == ["", "chords 1", "chords 2", "drums", "bass"]
    tick_s = 60 / said["tempo_bpm"] / midi.ticks_per_beat
    assert midi.length == pytest.approx(said["seconds"], abs=tick_s)
    programs, notes = read_midi(written / "song.mid")
    assert programs == {0: said["programs"][0], 1: said["programs"][1], 2: FINGER_BASS, 9: 0}
    played = [(note["onset"], note["offset"], note["pitch"]) for note in said["bass"]]
    # mido adds up seconds per message: 2e-11 s after a minute
    np.testing.assert_allclose(notes[2], played, rtol=0, atol=1e-6)


def test_truth_says_what_the_midi_file_says_of_every_bar(written: Path) -> None:
    said, (programs, notes) = said_of(written), read_midi(written / "song.mid")
    bars = said["bars"]
    assert bars[0]["start"] == 0
    assert all(a["end"] == b["start"] for a, b in itertools.pairwise(bars))
    for bar in bars:
        third, fifth = TRIADS[bar["quality"]]
        start, end = bar["start"] - 1e-6, bar["end"] - 1e-6
        heard = {c: {p for on, _, p in notes[c] if start <= on < end} for c in (0, 1)}
        assert [programs[c] for c in (0, 1) if heard[c]] == bar["programs"]
        assert heard[0] | heard[1] == {bar["root"], bar["root"] + third, bar["root"] + fifth}
        bass = [(on, off) for on, off, _ in notes[2] if start <= on < end]
        assert len(bass) == ({3: 8, 4: 1}.get(bar["pattern"], 4) if said["data_set"] == "A4" else 4)
        assert all(off < end for _, off in bass)


def test_missing_program_and_soundfont_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(render_midi.SOUNDFONT_VARIABLE, str(tmp_path / "none.sf2"))
    with pytest.raises(BassNetError, match=r"none\.sf2.*install fluid-soundfont-gm"):
        render_midi.soundfont()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BassNetError, match="install fluidsynth"):
        render_midi.fluidsynth()


@pytest.fixture(scope="module")
def songs(needs_fluidsynth: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A validation song of three data sets; A2 differs from A1 in its notes alone."""
    folders = {}
    for name, index in RENDERED.items():
        folders[name] = tmp_path_factory.mktemp(name) / "validation" / f"{index:04d}"
        folders[name].parent.mkdir()
        make_song(Origin(name, "validation", index, 0), folders[name])
    return folders


@pytest.fixture(params=list(RENDERED))
def rendered(request: pytest.FixtureRequest, songs: dict[str, Path]) -> Path:
    """The folder of each of the songs."""
    return songs[request.param]


def read(folder: Path, name: str) -> np.ndarray:
    audio, sample_rate = soundfile.read(folder / f"{name}.wav")
    assert sample_rate == RATE
    return np.asarray(audio)


def test_folder_is_whole_and_as_long_as_stated(rendered: Path) -> None:
    assert {path.name for path in rendered.iterdir()} == {"mix.wav", "bass.wav", "song.mid", "truth.json"}
    assert [path.name for path in rendered.parent.parent.iterdir()] == ["validation"]  # nothing left over
    said = said_of(rendered)
    assert said["split"] == "validation" and said["sample_rate"] == RATE
    for name in ("mix", "bass"):
        assert abs(len(read(rendered, name)) - said["seconds"] * RATE) <= 1  # sample
        info = soundfile.info(rendered / f"{name}.wav")
        assert (info.channels, info.subtype) == (1, "PCM_16")


def test_bass_starts_when_the_truth_says_and_keeps_time(rendered: Path) -> None:
    said, bass = said_of(rendered)["bass"], read(rendered, "bass")
    first = np.argmax(np.abs(bass) > 0.005 * np.abs(bass).max()) / RATE
    assert said[0]["onset"] <= first < said[0]["onset"] + 0.010  # measured: 6 ms, the attack
    reach, length = 128, RATE // 20  # samples: 8 ms either way, and 50 ms that all notes of a pitch share
    padded, attacks = np.pad(bass, reach), dict[int, np.ndarray]()
    for note in said:
        start = round(note["onset"] * RATE)
        heard = padded[start : start + length + 2 * reach]
        attack = attacks.setdefault(note["pitch"], heard[reach:-reach])
        lag = int(np.argmax(np.correlate(heard, attack, "valid"))) - reach
        # measured -1.9 to 1.9 ms: FluidSynth starts a note at its next 64 samples of 32 kHz, 2 ms
        assert abs(lag) <= 0.003 * RATE


def test_bass_has_the_pitch_that_the_truth_says(rendered: Path) -> None:
    bass = read(rendered, "bass")
    for note in said_of(rendered)["bass"]:
        start, end = round((note["onset"] + 0.05) * RATE), round(note["offset"] * RATE)
        assert abs(1200 * np.log2(_f0(bass[start:end], note["pitch"]))) < 50  # measured: 10, of the eighths


def _hz(pitch: int) -> float:
    return float(440 * 2 ** ((pitch - 69) / 12))


def _f0(audio: np.ndarray, pitch: int) -> float:
    """Ratio of the autocorrelation's f0 to the pitch, searched over two octaves around it."""
    expected = RATE / _hz(pitch)  # samples per period
    lags = np.arange(int(expected / 2.1), int(expected * 1.9))
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 4 * len(audio))) ** 2
    correlation = np.fft.irfft(spectrum)[lags]
    return float(expected / lags[np.argmax(correlation)])


def _peak_db(audio: np.ndarray) -> float:
    return float(20 * np.log10(np.abs(audio).max() + 1e-9))


def test_levels_leave_headroom_and_decay_into_silence(rendered: Path) -> None:
    for audio in (read(rendered, "mix"), read(rendered, "bass")):
        assert -18 < _peak_db(audio) < -1  # measured over 220 songs: mix -11.1 to -3.8, bass -13.9 to -13.6
        assert _peak_db(audio[-1600:]) < -60  # measured: mix -90, bass digital silence


def test_mix_and_bass_together_sound_as_the_midi_file_does(songs: dict[str, Path]) -> None:
    folder = songs["A3"]
    midi, seconds = mido.MidiFile(folder / "song.mid"), said_of(folder)["seconds"]
    together = soxr.resample(render(midi, OVERSAMPLING * RATE, FLUIDSYNTH_GAIN, seconds), OVERSAMPLING, 1)
    difference = read(folder, "mix") + read(folder, "bass") - together
    # measured 3.3e-5 beside 5e-2 of the mix: 16 bits, and rare clicks of FluidSynth's where voices meet
    assert np.sqrt(np.mean(difference**2)) < 1e-4


def test_a3_sounds_of_the_instrument_that_the_truth_names(songs: dict[str, Path]) -> None:
    """A drawbar organ's 16-foot register sounds an octave below the root, where a guitar is silent."""
    said, mix = said_of(songs["A3"]), read(songs["A3"], "mix")
    beat_s, heard = 60 / said["tempo_bpm"], set()
    for bar in said["bars"]:
        power = np.zeros(2)  # an octave below the root, and the root
        for onset in bar["start"] + beat_s * np.arange(4):
            start, n = round((onset + 0.02) * RATE), round(0.85 * beat_s * RATE)
            hz = _hz(bar["root"]) * np.array([0.5, 1.0])
            phase = 2 * np.pi * hz[:, None] * np.arange(n) / RATE
            power += np.abs(np.exp(-1j * phase) @ (mix[start : start + n] * np.hanning(n))) ** 2
        below_db = 10 * np.log10(power[0] / power[1])
        # measured over four songs: organ 3.7 to 5.1 dB, guitar -65 to -29 dB
        assert (below_db > -12) == (bar["programs"] == [ORGAN])
        heard.add(below_db > -12)
    assert heard == {True, False}


def test_a4_is_silent_after_its_one_note_and_not_elsewhere(songs: dict[str, Path]) -> None:
    said, bass = said_of(songs["A4"]), read(songs["A4"], "bass")
    assert {bar["pattern"] for bar in said["bars"]} == {0, 1, 2, 3, 4}
    levels: dict[bool, list[float]] = {True: [], False: []}
    for bar in said["bars"]:
        second_half = slice(round((bar["start"] + bar["end"]) / 2 * RATE), round(bar["end"] * RATE))
        levels[bar["pattern"] == 4].append(_peak_db(bass[second_half]))
    assert max(levels[True]) < -60 and min(levels[False]) > -25  # measured: -90 and -14 dBFS


def test_generate_resumes_and_is_the_same_in_any_order(songs: dict[str, Path], tmp_path: Path) -> None:
    assert generate("A3", "validation", 1, seed=0, out=tmp_path, n_processes=1) == 1
    kept = tmp_path / "validation" / "0000"
    for path in songs["A3"].iterdir():
        assert (kept / path.name).read_bytes() == path.read_bytes()
    stamp = (kept / "mix.wav").stat().st_mtime_ns
    assert generate("A3", "validation", 2, seed=0, out=tmp_path, n_processes=2) == 1
    assert (kept / "mix.wav").stat().st_mtime_ns == stamp
    for name, seed in (("A3", 7), ("A4", 0)):
        with pytest.raises(BassNetError, match="choose another --out"):
            generate(name, "validation", 2, seed=seed, out=tmp_path, n_processes=1)


def test_a_song_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BassNetError("no sound")

    monkeypatch.setattr(artificial, "render", fail)
    (tmp_path / "train").mkdir()
    with pytest.raises(BassNetError, match="no sound"):
        make_song(Origin("A1", "train", 0, 0), tmp_path / "train" / "0000")
    assert [path.name for path in tmp_path.rglob("*")] == ["train"]


def test_missing_songs_are_those_without_a_folder(written: Path) -> None:
    """Of a song of each data set; the seed is that of its origin."""
    name, out = said_of(written)["data_set"], written.parent.parent
    missing = missing_songs(name, "train", 3, 0, out)
    assert missing == {out / "train" / f"{i:04d}": Origin(name, "train", i, 0) for i in (0, 2)}


def full_disk(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def full_sound_file(*_: object, **__: object) -> None:
    raise soundfile.LibsndfileError(2)


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (full_disk, 2, "--out must be writable and have space; [Errno 28] No space left on device: mend it"),
        (stopped, 130, "stopped; the same command goes on from here"),
    ],
)
def test_what_ends_the_command_is_one_line(
    failure: Callable[..., None],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(artificial, "generate", failure)
    assert main(["--split", "test", "--songs", "1", "--out", str(tmp_path)]) == status
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


@pytest.mark.usefixtures("needs_fluidsynth")
def test_a_folder_that_is_no_song_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "test" / "0000").mkdir(parents=True)
    assert main(["--split", "test", "--songs", "1", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "0000 must hold a song with its truth.json; " in said and said.count("\n") == 1


def test_a_sound_file_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artificial, "render", silence)
    monkeypatch.setattr(soundfile, "write", full_sound_file)
    (tmp_path / "train").mkdir()
    with pytest.raises(BassNetError, match=r"songs must be written whole; .*: free some space in --out"):
        make_song(Origin("A1", "train", 0, 0), tmp_path / "train" / "0000")
    assert [path.name for path in tmp_path.rglob("*")] == ["train"]
