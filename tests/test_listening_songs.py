"""Songs whose bass is taken out: what is read of stems and MIDI files, and one line for what is no good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
from listen_songs import AM, C, F, G, progression, truth, write_stems
from songs import SAMPLE_RATE, write_song

from bassnet_osc.spec import BassNetError, Spec
from training.harmony import estimated_harmony, key_scale, triad, true_harmony
from training.listening_songs import (
    STEM_GAIN,
    Segment,
    find_songs,
    read_listening_song,
    read_stems,
    segments_of,
)
from training.midi_songs import one_voice, read_midi_song, split

SPEC = Spec()
RATE = SPEC.cqt.frame_rate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_stems(tmp_path / "songs" / "one")
    return tmp_path / "songs" / "one"


def test_a_song_of_stems(folder: Path) -> None:
    """The mix is the stems at one gain; the line is the notes; chords, scale and segments are the truth's."""
    song = read_listening_song(folder, SPEC)
    keys, hum = (soundfile.read(folder / f"{name}.flac", dtype="float32")[0] for name in ("keys", "hum"))
    assert song.mix == pytest.approx(STEM_GAIN * (keys + hum), abs=1e-6)
    assert song.name == "songs/one" and song.chords_known and song.tuning == 0.0
    middles = np.arange(50, 600, 100)
    assert song.line.pitch[middles].tolist() == [36, 41, 43, 45, 36, 43]
    assert song.line.onsets.tolist() == [0, 1, 2, 3, 4, 5]
    assert song.harmony.root[middles].tolist() == [0, 5, 7, 9, 0, 7]
    assert np.flatnonzero(song.harmony.scale[0]).tolist() == [0, 2, 4, 5, 7, 9, 11]
    assert song.segments == [Segment(0, 300, 0), Segment(300, 600, 1)]


def test_stems_of_any_one_rate_and_stereo(folder: Path, tmp_path: Path) -> None:
    """At 48 kHz, in stereo: the same song but for the resampler."""
    import soxr

    other = tmp_path / "songs" / "other"
    other.mkdir()
    (other / "truth.json").write_text((folder / "truth.json").read_text())
    for path in folder.glob("*.flac"):
        audio = soxr.resample(soundfile.read(path)[0], SAMPLE_RATE, 48_000)
        soundfile.write(other / path.name, np.stack([audio, audio], axis=1), 48_000)
    song, same = (read_listening_song(path, SPEC) for path in (other, folder))
    assert len(song.mix) == len(same.mix) and np.abs(song.mix - same.mix).max() < 0.02
    assert song.line.pitch[50:600:100].tolist() == same.line.pitch[50:600:100].tolist()


def test_an_artificial_song_is_one_as_well(tmp_path: Path) -> None:
    """A mix beside the bass, bars without chords: these are estimated."""
    write_song(tmp_path / "0000", seed=0, n_bars=5)
    song = read_listening_song(tmp_path / "0000", SPEC)
    mix, _ = soundfile.read(tmp_path / "0000" / "mix.wav", dtype="float32")
    assert song.mix == pytest.approx(mix) and not song.chords_known


def test_a_chord_that_goes_on_is_one() -> None:
    known = true_harmony(truth([C, C, F]), 300, RATE)
    assert known is not None and known.chords == [(0, 200), (200, 300)]


def test_the_scale_rises_with_a_modulation() -> None:
    """A tone higher from the tenth bar on: truth.json does not tell, its chords do."""
    higher = [tuple((pitch_class + 2) % 12 for pitch_class in chord) for chord in (C, F, G)]
    known = true_harmony(truth([C, F, G] * 3 + higher * 3), 1800, RATE)
    assert known is not None
    assert np.flatnonzero(known.scale[899]).tolist() == [0, 2, 4, 5, 7, 9, 11]
    assert np.flatnonzero(known.scale[900]).tolist() == [1, 2, 4, 6, 7, 9, 11]


def test_a_borrowed_chord_at_the_end_is_no_modulation() -> None:
    known = true_harmony(truth([C, F, G] * 4 + [(5, 10, 0)]), 1300, RATE)
    assert known is not None and (known.scale == known.scale[0]).all()


def test_estimated_chords_and_scale() -> None:
    """Of a rendered progression in C: every chord in its middle; the scale is that of C or of A minor."""
    found = estimated_harmony(progression(), SAMPLE_RATE, 600, RATE, tuning=0.0)
    assert found.root[50:600:100].tolist() == [0, 5, 7, 9, 0, 7]
    assert np.flatnonzero(found.scale[0]).tolist() == [0, 2, 4, 5, 7, 9, 11]


@pytest.mark.parametrize("chord", [C, F, G, AM])
def test_a_triad_is_its_own_best_template(chord: tuple[int, ...]) -> None:
    assert triad(np.isin(np.arange(12), chord).astype(float)) == chord
    assert triad(np.zeros(12)) == () and key_scale(np.zeros(12)) is None


def test_a_song_without_bars_has_two_halves() -> None:
    assert segments_of([], 100, RATE) == [Segment(0, 50, 0), Segment(50, 100, 0)]
    one = [{"start": 0.0, "end": 0.5, "pattern": 3}, {"start": 0.5, "end": 1.0, "pattern": 3}]
    assert segments_of(one, 100, RATE) == [Segment(0, 50, 0), Segment(50, 100, 0)]


def cut_stem(folder: Path) -> None:
    audio, rate = soundfile.read(folder / "keys.flac")
    soundfile.write(folder / "keys.flac", audio[:-100], rate)


def other_rate(folder: Path) -> None:
    audio, _ = soundfile.read(folder / "keys.flac")
    soundfile.write(folder / "keys.flac", audio, 22_050)


def no_audio(folder: Path) -> None:
    (folder / "keys.flac").write_text("words")


def no_bass(folder: Path) -> None:
    (folder / "bass.flac").rename(folder / "tuba.flac")


def silent_bass(folder: Path) -> None:
    audio, rate = soundfile.read(folder / "bass.flac")
    soundfile.write(folder / "bass.flac", 0 * audio, rate)


def short(folder: Path) -> None:
    for path in folder.glob("*.flac"):
        audio, rate = soundfile.read(path)
        soundfile.write(path, audio[:rate], rate)


def truth_with(**changes: Any) -> Any:
    def change(folder: Path) -> None:
        (folder / "truth.json").write_text(json.dumps(truth() | changes))

    change.__name__ = "truth with " + ", ".join(changes)
    return change


def bad_chord(folder: Path) -> None:
    told = truth()
    told["bars"][1]["chords"] = [{"start": 1.0}]
    (folder / "truth.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    "harm",
    [
        cut_stem,
        other_rate,
        no_audio,
        no_bass,
        silent_bass,
        short,
        bad_chord,
        truth_with(tonic="C"),
        truth_with(tuning_cents="sharp"),
        truth_with(bass="none"),
        truth_with(bass=[]),
    ],
    ids=lambda harm: harm.__name__,
)
def test_a_song_that_is_no_good_is_one_line_with_its_name(folder: Path, harm: Any) -> None:
    harm(folder)
    with pytest.raises(BassNetError) as refused:
        read_listening_song(folder, SPEC)
    assert "\n" not in str(refused.value) and "songs/one" in str(refused.value)


def test_songs_are_found_at_any_depth(folder: Path) -> None:
    (folder / "features-1").mkdir()
    (folder.parent / "set" / "two.mid").parent.mkdir()
    (folder.parent / "set" / "two.mid").write_bytes(b"")
    assert find_songs([folder.parent]) == [folder, folder.parent / "set" / "two.mid"]
    with pytest.raises(BassNetError, match="is not there"):
        find_songs([folder / "absent"])
    with pytest.raises(BassNetError, match="it has none"):
        find_songs([folder / "features-1"])


def midi(*parts: tuple[int, int, list[tuple[int, int, int]]]) -> mido.MidiFile:
    """Parts of one track: channel, program, notes as (tick, length, pitch) at 120 BPM, 100 ticks a beat."""
    events = [
        (tick, on, mido.Message("note_on", channel=channel, note=pitch, velocity=90 * on))
        for channel, _, notes in parts
        for start, length, pitch in notes
        for tick, on in ((start, 1), (start + length, 0))
    ]
    track, now = mido.MidiTrack(), 0
    for channel, program, _ in parts:
        track.append(mido.Message("program_change", channel=channel, program=program))
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    return mido.MidiFile(type=0, ticks_per_beat=100, tracks=[track])


CHORD = [(start, 190, pitch) for start in range(0, 1000, 200) for pitch in (60, 64, 67)]
PIANO, FINGER_BASS, DRUMS = (0, 0, CHORD), (1, 33, [(0, 150, 36), (200, 500, 43), (400, 90, 40)]), 9


def pitches(part: mido.MidiFile) -> set[int]:
    return {m.note for track in part.tracks for m in track if m.type == "note_on" and m.velocity}


def test_the_bass_is_taken_out_by_its_program() -> None:
    """One track of three channels; the drums' program is no bass's, whatever its number."""
    whole = midi(PIANO, FINGER_BASS, (DRUMS, 33, [(0, 50, 38)]))
    mix, bass = split(whole)
    assert pitches(bass) == {36, 43, 40}
    assert pitches(mix) == {60, 64, 67, 38}
    assert mix.length == pytest.approx(whole.length) == bass.length


def test_the_bass_is_one_voice_in_seconds() -> None:
    """The lowest of two that begin together, each until the next."""
    _, bass = split(midi((1, 33, [(0, 150, 40), (2, 150, 36), (200, 500, 43), (400, 90, 40)])))
    told = [(note["onset"], note["offset"], note["pitch"]) for note in one_voice(bass)]
    assert told == [
        (pytest.approx(0.01), pytest.approx(0.76), 36),
        (pytest.approx(1.0), pytest.approx(2.0), 43),
        (pytest.approx(2.0), pytest.approx(2.45), 40),
    ]


def test_a_midi_file_that_is_no_good_is_one_line(tmp_path: Path) -> None:
    midi(PIANO).save(tmp_path / "piano.mid")
    midi(FINGER_BASS).save(tmp_path / "bass.mid")
    (tmp_path / "words.mid").write_text("words")
    (tmp_path / "cut.mid").write_bytes((tmp_path / "piano.mid").read_bytes()[:40])
    for name, reason in {
        "piano": "it has no bass",
        "bass": "it has no instrument beside its bass",
        "words": "must be a MIDI file",
        "cut": "must be a MIDI file",
    }.items():
        with pytest.raises(BassNetError, match=reason) as refused:
            read_midi_song(tmp_path / f"{name}.mid", SAMPLE_RATE)
        assert "\n" not in str(refused.value) and f"{name}.mid" in str(refused.value)


@pytest.mark.usefixtures("needs_fluidsynth")
def test_a_midi_file_is_a_song(tmp_path: Path) -> None:
    """Both parts are heard, as long as the file and its tail; the line is the notes."""
    midi(PIANO, FINGER_BASS).save(tmp_path / "song.mid")
    song = read_listening_song(tmp_path / "song.mid", SPEC)
    assert len(song.mix) == len(song.bass) == round((990 / 200 + 1.0) * SAMPLE_RATE)
    assert np.abs(song.mix).max() > 0.02 and np.abs(song.mix + song.bass).max() <= 0.9 + 1e-6
    assert song.line.pitch[[50, 150, 220]].tolist() == [36, 43, 40]
    assert song.harmony.root[100] == 0 and not song.chords_known


@pytest.mark.usefixtures("needs_estimators")
def test_the_bass_of_stems_without_notes_is_estimated(folder: Path) -> None:
    """CREPE and madmom find the sines: the pitch in the middle of each second."""
    (folder / "truth.json").unlink()
    song = read_listening_song(folder, SPEC)
    right = song.line.pitch_class[50:600:100] == np.array([0, 5, 7, 9, 0, 7])
    assert right.mean() >= 5 / 6


def test_a_mixdown_beside_stems_is_not_heard(tmp_path: Path) -> None:
    """It has the bass in it that is to be played; alone it is the mix."""
    write_stems(tmp_path / "song")
    before, bass = read_stems(tmp_path / "song", 16_000)
    audio, rate = soundfile.read(tmp_path / "song" / "bass.flac")
    soundfile.write(tmp_path / "song" / "mixture.flac", audio, rate)
    mix, _ = read_stems(tmp_path / "song", 16_000)
    np.testing.assert_array_equal(mix, before)
    for path in (tmp_path / "song").glob("*.flac"):
        if path.stem not in ("bass", "mixture"):
            path.unlink()
    alone, _ = read_stems(tmp_path / "song", 16_000)
    np.testing.assert_allclose(alone, bass, atol=1e-4)
