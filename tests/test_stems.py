"""Recorded stems: every layout finds the same songs, and what is prepared is what was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import yaml

from bassnet_osc.spec import BassNetError
from training import stems
from training.layouts import find_songs
from training.stems import main, prepare, read_song, read_stem

RATE = 16000
SECONDS = 11.0

Audio = npt.NDArray[np.float64]


def tone(hz: float, sample_rate: int = RATE, seconds: float = SECONDS) -> Audio:
    return 0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * sample_rate)) / sample_rate)


def write(path: Path, audio: Audio, sample_rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, sample_rate)
    return path


def as_files(song: Path) -> None:
    """One's own folders, or MUSDB18-HQ."""
    for name, hz in (("bass", 55.0), ("drums", 880.0), ("other", 440.0), ("mixture", 100.0)):
        write(song / f"{name}.wav", tone(hz))


def as_folders(song: Path) -> None:
    """MoisesDB."""
    for name, hz in (("bass", 55.0), ("drums", 880.0), ("other", 440.0)):
        write(song / name / "0123-4567.wav", tone(hz))
    (song / "data.json").write_text("{}")


def as_slakh(song: Path) -> None:
    for name, hz in (("S00", 880.0), ("S01", 55.0), ("S02", 440.0)):
        write(song / "stems" / f"{name}.flac", tone(hz))
    write(song / "mix.flac", tone(100.0))
    classes = {"S00": "Drums", "S01": "Bass", "S02": "Chromatic Percussion", "S03": "Pipe"}
    metadata = {"stems": {name: {"inst_class": value, "program_num": 1} for name, value in classes.items()}}
    (song / "metadata.yaml").write_text(yaml.safe_dump(metadata))


LAYOUTS = {"files": as_files, "folders": as_folders, "slakh": as_slakh}


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("depth", ["", "train"])
def test_every_layout_holds_the_same_song(layout: str, depth: str, tmp_path: Path) -> None:
    """At any depth, without the mix; read, the bass is the 55 Hz."""
    for name in ("one", "two"):
        LAYOUTS[layout](tmp_path / depth / name)
    songs = find_songs(tmp_path)
    assert [song.folder.name for song in songs] == ["one", "two"]
    heard = read_song(songs[0], RATE)
    assert len(heard) == 3
    peaks = {name: np.abs(np.fft.rfft(audio)).argmax() / SECONDS for name, audio in heard.items()}
    assert peaks.pop("bass") == pytest.approx(55.0, abs=0.1)
    assert sorted(peaks.values()) == pytest.approx([440.0, 880.0], abs=0.1)


@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000, 96000])
@pytest.mark.parametrize("n_channels", [1, 2, 6])
def test_any_rate_and_channels(sample_rate: int, n_channels: int, tmp_path: Path) -> None:
    """The mean of the channels at the analysis rate. Measured, away from the ends: 2e-4."""
    audio = np.tile(tone(110.0, sample_rate)[:, None], n_channels)
    got = read_stem([write(tmp_path / "bass.wav", audio, sample_rate)], RATE)
    assert len(got) == round(SECONDS * RATE)
    middle = slice(RATE, -RATE)
    assert np.abs(got[middle] - tone(110.0)[middle]).max() < 1e-3


def test_files_of_a_stem_sound_together(tmp_path: Path) -> None:
    """The shorter one ends in silence. Measured: 3e-5, of 16-bit files."""
    long, short = tone(110.0), tone(220.0, seconds=3.0)
    paths = [write(tmp_path / f"{i}.wav", audio) for i, audio in enumerate((long, short))]
    expected = long.copy()
    expected[: len(short)] += short
    assert np.abs(read_stem(paths, RATE) - expected).max() < 1e-4


def test_a_stem_in_two_formats_is_refused(tmp_path: Path) -> None:
    """It would sound twice, or one of them would be dropped without a word."""
    as_files(tmp_path / "song")
    write(tmp_path / "song" / "drums.flac", tone(880.0))
    (song,) = find_songs(tmp_path)
    with pytest.raises(BassNetError, match=r"a stem once; got drums\.flac, drums\.wav: keep one"):
        read_song(song, RATE)


def test_stems_are_made_equally_long_and_none_clips(tmp_path: Path) -> None:
    """Their balance stays."""
    for i in range(3):
        write(tmp_path / "bass" / f"{i}.wav", tone(55.0))
    write(tmp_path / "drums" / "0.wav", tone(880.0, seconds=5.0))
    heard = read_song(find_songs(tmp_path)[0], RATE)
    assert len(heard["bass"]) == len(heard["drums"]) == round(SECONDS * RATE)
    assert np.abs(heard["bass"]).max() == pytest.approx(1.0)
    assert np.abs(heard["drums"]).max() == pytest.approx(1 / 3, rel=1e-3)
    assert not heard["drums"][round(5.1 * RATE) :].any()


def test_a_song_is_prepared(tmp_path: Path) -> None:
    as_files(tmp_path / "in" / "My song (1999)")
    folder = tmp_path / "out" / "train" / "my"
    folder.parent.mkdir(parents=True)
    assert prepare(find_songs(tmp_path / "in")[0], folder, "mine") == pytest.approx(SECONDS)
    assert sorted(path.name for path in folder.iterdir()) == [
        "bass.flac",
        "drums.flac",
        "other.flac",
        "truth.json",
    ]
    audio, sample_rate = soundfile.read(folder / "bass.flac")
    assert sample_rate == RATE and np.abs(audio - tone(55.0)).max() < 1e-4
    assert json.loads((folder / "truth.json").read_text())["data_set"] == "mine"


def several(root: Path, n: int) -> Path:
    for i in range(n):
        as_files(root / f"song {i}")
    return root


def command(root: Path, out: Path) -> int:
    return main(["--songs", str(root), "--out", str(out)])


def prepared(out: Path) -> dict[str, str]:
    """Split by song."""
    return {path.parent.name: path.parent.parent.name for path in out.glob("*/*/truth.json")}


def test_songs_are_split_and_stay_where_they_are(tmp_path: Path) -> None:
    """One of ten for validation and one for testing; more songs later move none."""
    root, out = several(tmp_path / "in", 4), tmp_path / "out"
    assert command(root, out) == 0
    first = prepared(out)
    assert sorted(first.values()) == ["test", "train", "train", "validation"]
    several(root, 7)
    assert command(root, out) == 0
    second = prepared(out)
    assert len(second) == 7 and first.items() <= second.items()


def test_stopped_and_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is not read again; nothing half is left."""
    root, out = several(tmp_path / "in", 3), tmp_path / "out"
    read, calls = stems.read_song, []

    def interrupted(song: stems.Stems, sample_rate: int) -> dict[str, stems.Audio]:
        calls.append(song.folder.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read(song, sample_rate)

    monkeypatch.setattr(stems, "read_song", interrupted)
    assert command(root, out) == 130
    assert len(prepared(out)) == 1
    assert command(root, out) == 0
    assert len(prepared(out)) == 3 and len(calls) == 4
    assert not list(out.glob(".*"))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda song: (song / "bass.wav").unlink(), "must have a bass; none of drums, other is one"),
        (lambda song: (song / "bass.wav").write_bytes(b"no audio"), "bass.wav must be an audio file"),
        (lambda song: write(song / "bass.wav", 0 * tone(55.0)), "silent: bass"),
        (lambda song: write(song / "bass.wav", tone(55.0)[:9]), None),
        (lambda song: write(song / "other!.wav", tone(660.0)), "must differ in letters or digits"),
        (lambda song: [write(p, tone(55.0, seconds=2.0)) for p in song.glob("*.wav")], "must last 10 s"),
    ],
)
def test_a_song_that_is_no_good_is_named_and_left_out(
    spoil: object, reason: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are prepared."""
    root, out = several(tmp_path / "in", 4), tmp_path / "out"
    spoil(root / "song 2")  # type: ignore[operator]
    assert command(root, out) == 0
    assert len(prepared(out)) == (3 if reason else 4)
    assert (reason or "prepared") in capsys.readouterr().out


def test_bad_folders_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for root, reason in (
        (tmp_path / "absent", "must be a folder of songs"),
        (tmp_path / "empty", "must hold a folder per song"),
        (several(tmp_path / "two", 2), "must hold three songs at least; got 2"),
    ):
        assert command(root, tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert reason in error and error.count("\n") == 1


def test_slakh_without_classes_is_refused(tmp_path: Path) -> None:
    as_slakh(tmp_path / "Track00001")
    (tmp_path / "Track00001" / "metadata.yaml").write_text("stems: [1, 2]\n")
    with pytest.raises(BassNetError, match=r"must name each stem's inst_class"):
        find_songs(tmp_path)


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_a_stray_file_hides_no_song(layout: str, tmp_path: Path) -> None:
    """Neither beside the songs nor beside the folders of a song's stems; nor does a link in a circle."""
    for name in ("one", "two"):
        LAYOUTS[layout](tmp_path / name)
    write(tmp_path / "idea.wav", tone(220.0))
    if layout == "folders":
        write(tmp_path / "one" / "reference.wav", tone(220.0))
    (tmp_path / "zebra").symlink_to(tmp_path)
    songs = find_songs(tmp_path)
    assert [song.folder.name for song in songs] == ["one", "two"]
    assert all(len(song.bass) == 1 and len(song.others) == 2 for song in songs)


def test_mixes_are_told_by_what_the_names_do_not_share(tmp_path: Path) -> None:
    """Live and other programs put the project's name before each stem's."""
    names = ["Summer Mix 3 bass", "Summer Mix 3 drums", "Summer Mix 3 keys mix", "Summer Mix 3 Main"]
    for name in names:
        write(tmp_path / "song" / f"{name}.wav", tone(220.0))
    write(tmp_path / "whole" / "mixdown.wav", tone(220.0))
    song, whole = find_songs(tmp_path)
    assert [path.stem for path in song.bass] == names[:1] and list(song.others) == names[1:2]
    assert not whole.bass and list(whole.others) == ["mixdown"]  # listed, and left out by name


def test_a_rate_that_no_recorder_has_is_refused(tmp_path: Path) -> None:
    """A header of a few bytes could ask for gigabytes."""
    path = write(tmp_path / "bass.wav", tone(1.0, 7), 7)
    with pytest.raises(BassNetError, match=r"bass\.wav must have 8000 to 192000 Hz; got 7: resample it"):
        read_stem([path], RATE)


@pytest.mark.parametrize("name", ["bass drum", "bassoon", "contrabassoon"])
def test_what_is_called_bass_and_is_none(name: str, tmp_path: Path) -> None:
    as_files(tmp_path)
    write(tmp_path / f"{name}.wav", tone(300.0))
    song = find_songs(tmp_path)[0]
    assert [path.stem for path in song.bass] == ["bass"] and name in song.others
