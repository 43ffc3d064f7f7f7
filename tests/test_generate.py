"""Songs into folders: whole or not at all, several at once, and only those that are missing."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bassnet_osc.spec import BassNetError
from training.generate import Origin, generate, missing_songs, write_song


def songs(out: Path, n: int) -> dict[Path, Origin]:
    """The first songs of a split, by their folders."""
    return {out / "train" / f"{i:04d}": {"generator": "test", "index": i} for i in range(n)}


def make(origin: Origin, folder: Path) -> None:
    """A song of its truth alone."""
    write_song(folder, lambda partial: write_truth(partial, origin))


def write_truth(folder: Path, truth: object) -> None:
    (folder / "truth.json").write_text(json.dumps(truth))


def make_but_two(origin: Origin, folder: Path) -> None:
    if origin["index"] == 2:
        raise BassNetError("song 2 must have a sound; got none: mend it")
    make(origin, folder)


def make_but_killed(origin: Origin, folder: Path) -> None:
    if origin["index"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    make(origin, folder)


def test_a_song_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "0000"
    folder.parent.mkdir()

    def half(partial: Path) -> None:
        write_truth(partial, {})
        assert not folder.exists() and partial not in folder.parent.iterdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_song(folder, half)
    assert [path.name for path in tmp_path.rglob("*")] == ["train"]
    write_song(folder, lambda partial: write_truth(partial, {}))
    assert [path.name for path in folder.iterdir()] == ["truth.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_only_missing_songs_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By several processes; the bar counts those that were there."""
    assert generate(songs(tmp_path, 2), make, "train", 1) == 2
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("truth.json")}
    capsys.readouterr()
    assert generate(songs(tmp_path, 5), make, "train", 2) == 3
    assert "5/5" in capsys.readouterr().err
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    for folder, origin in songs(tmp_path, 5).items():
        assert json.loads((folder / "truth.json").read_text()) == origin
    assert missing_songs(songs(tmp_path, 6)) == {
        tmp_path / "train" / "0005": {"generator": "test", "index": 5}
    }


@pytest.mark.parametrize(
    "truth", [{"generator": "test", "index": 0}, {"generator": "other", "index": 1}, {}, []], ids=str
)
def test_a_song_of_another_origin_is_refused(truth: Any, tmp_path: Path) -> None:
    """Before anything is made."""
    folder = tmp_path / "train" / "0001"
    folder.mkdir(parents=True)
    write_truth(folder, truth)
    with pytest.raises(BassNetError, match=r"0001 must hold \{.*'index': 1\}; got \{.*choose another --out"):
        generate(songs(tmp_path, 2), make, "train", 1)
    assert [path.name for path in folder.parent.iterdir()] == ["0001"]


@pytest.mark.parametrize("text", [None, "{", 100_000 * "["], ids=["missing", "half", "deep"])
def test_a_folder_without_a_truth_is_refused(text: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "train" / "0000"
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "truth.json").write_text(text)
    with pytest.raises(
        BassNetError, match=r"0000 must hold a song with its truth\.json; .*: move the"
    ) as error:
        missing_songs(songs(tmp_path, 1))
    assert "\n" not in str(error.value)


def test_a_song_that_fails_ends_it_and_the_others_stay(tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match="song 2 must have a sound"):
        generate(songs(tmp_path, 4), make_but_two, "train", 1)
    made = {path.name for path in (tmp_path / "train").iterdir()}
    assert {"0000", "0001"} <= made and "0002" not in made
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_a_process_that_is_ended_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match="train: each of 2 processes must have memory for a song") as error:
        generate(songs(tmp_path, 4), make_but_killed, "train", 2)
    assert "\n" not in str(error.value)


def test_ctrl_c_keeps_what_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The song in hand is done; those that wait are not begun."""

    def interrupted(jobs: object, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.generate.tqdm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(songs(tmp_path, 50), make, "train", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    n_made = len(list((tmp_path / "train").iterdir()))
    assert n_made < 50
    monkeypatch.undo()
    assert generate(songs(tmp_path, 50), make, "train", 2) == 50 - n_made
