"""The command: a report of numbers, pictures and sound, whole or not at all; bad songs are named."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from listen_songs import write_stems

from training import listen
from training.listen_report import delay_table, density_ratio, gain, means, mode_shift, sweep_text, verdicts
from training.listening import FITTED, FOLLOWER, INFERRED, ORIGIN, TRUE
from training.musical_fit import SEMITONES


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two songs, and two that are no good."""
    folder = tmp_path_factory.mktemp("data") / "songs"
    for name in ("0000", "0001"):
        write_stems(folder / name)
    write_stems(folder / "0002-cut")
    audio, rate = soundfile.read(folder / "0002-cut" / "keys.flac")
    soundfile.write(folder / "0002-cut" / "keys.flac", audio[:-1], rate)
    (folder / "words.mid").write_text("words")
    return folder


@pytest.fixture(scope="module")
def out(songs: Path, probe_folder: Path) -> Path:
    report = songs.parent / "report"
    assert run(songs, report, probe_folder) == 0
    return report


def run(songs: Path, out: Path, model: Path) -> int:
    names = ["--model", str(model), "--beside", str(model)]
    return listen.main([str(songs), *names, "--seconds", "3", "--out", str(out)])


def test_a_report_holds_all_that_it_shows(out: Path) -> None:
    text = (out / "report.md").read_text(encoding="utf-8")
    shown = {part.split(")")[0] for part in text.split("](")[1:]}
    assert shown == {path.name for path in out.iterdir()} - {"report.md", "results.json"}
    for heading in ("What was asked", "Systems", "What z changes", "Cross-entropies", "Songs", "Definitions"):
        assert f"## {heading}" in text
    assert "nan" not in text
    for path in out.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    for path in out.glob("*.flac"):
        audio, rate = soundfile.read(path)
        assert rate == 16_000 and len(audio) == 3 * rate and np.abs(audio).max() > 0.01


def test_the_numbers_of_the_run(out: Path) -> None:
    """The true bass agrees with itself; the probe's A is never one of C, F, G; the follower plays roots."""
    results = json.loads((out / "results.json").read_text())
    assert [song["song"] for song in results["songs"]] == ["songs/0000", "songs/0001"]
    for song in results["songs"]:
        systems = song["systems"]
        assert len(systems) == 7
        for name in ("pitch_class", "octave", "onset_f1", "chord_tones", "scale_tones"):
            assert systems[TRUE][name] == 1.0
        assert systems[FOLLOWER]["pitch_class"] > 0.9
        assert systems[INFERRED]["scale_tones"] == 1.0  # the probe plays nothing but A
        assert systems[INFERRED]["register"] == pytest.approx(57.0, abs=0.2)
        assert len(song["z"][INFERRED]) == 2 and all(math.isfinite(v) for v in song["losses"].values())
    assert len(results["sweep"]["places"]) == 9
    assert results["latency_ms"] > 0


def test_bad_songs_are_named_and_left_out(out: Path) -> None:
    left_out = json.loads((out / "results.json").read_text())["left_out"]
    assert len(left_out) == 2
    assert "0002-cut" in left_out[0] and "one rate and length" in left_out[0]
    assert "words.mid" in left_out[1] and "must be a MIDI file" in left_out[1]


def test_where_no_song_will_do_each_is_named(
    songs: Path, probe_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(songs / "words.mid", tmp_path / "out", probe_folder) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 2 and "words.mid" in said and "no song of 1" in said
    assert not list(tmp_path.iterdir())


def test_other_folders_are_not_replaced(
    songs: Path, probe_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is one with a report of another kind."""
    (tmp_path / "thesis.txt").write_text("")
    for name in ("thesis.txt", "report.md", "results.json"):
        (tmp_path / name).write_text("")
        assert run(songs, tmp_path, probe_folder) == 2
        assert capsys.readouterr().err.startswith("--out must be new, empty or a report")
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("options", [["--songs", "0"], ["--seconds", "0.5"], ["--seconds", "nan"]])
def test_bad_options_are_refused(options: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        listen.main([str(tmp_path), "--out", str(tmp_path / "out"), *options])


def song(agreement: dict[str, float | None], delays: list[float | None]) -> dict[str, Any]:
    """Scores of a song; the systems differ in their pitch-class agreement alone."""
    rest = dict.fromkeys(
        ("octave", "coverage", "voiced_f1", "chord_tones", "on_root", "scale_tones", "onset_f1", "register"),
        0.5,
    )
    return {
        "losses": {"loss_f0_finest": 1.7},
        "systems": {
            name: {**rest, "notes_per_second": 1.0, "pitch_class": value, "chord_delays": delays}
            for name, value in agreement.items()
        },
    }


def place(density: float, **intervals: int) -> dict[str, Any]:
    counts = np.zeros(len(SEMITONES), int)
    for name, count in intervals.items():
        counts[int(name.replace("down", "-")) - SEMITONES[0]] = count
    return {
        "z": (0.0, 1.0),
        "notes_per_second": density,
        "sounding": 1.0,
        "register": 40.0,
        "intervals": counts.tolist(),
    }


def test_means_and_gains_over_songs() -> None:
    """A system that never sounds in a song is left out there; gains of 0.2 and 0.4 are 0.3 ± 0.1."""
    told = [
        song({INFERRED: 0.5, ORIGIN: 0.3, FOLLOWER: None}, []),
        song({INFERRED: 0.7, ORIGIN: 0.3, FOLLOWER: 0.6}, []),
    ]
    assert means(told)[INFERRED]["pitch_class"] == pytest.approx(0.6)
    assert means(told)[FOLLOWER]["pitch_class"] == pytest.approx(0.6)
    assert gain(told, ORIGIN) == pytest.approx((0.3, 0.1))
    assert gain(told[:1], FOLLOWER) is None


def test_delays_are_of_the_changes_that_were_followed() -> None:
    text = delay_table([song({TRUE: 1.0}, [0.1, None]), song({TRUE: 1.0}, [0.2, 0.3])], 50.4)
    assert "| true bass | 4 | 0.750 | 200 | 280 |" in text and "50.4 ms" in text


def test_z_matters_by_density_or_by_a_clear_shift() -> None:
    same = {"places": [place(1.0, down12=60, down7=40), place(1.5, down12=58, down7=42)]}
    assert density_ratio(same) == 1.5 and mode_shift(same) == ""
    shifted = {"places": [place(1.0, down12=60, down7=40), place(1.0, down12=40, down7=60)]}
    assert mode_shift(shifted) == "-12 against -7 semitones above the root"
    unclear = {"places": [place(1.0, down12=51, down7=49), place(1.0, down12=49, down7=51)]}
    assert mode_shift(unclear) == ""
    silent = {"places": [place(0.0), place(2.0, down12=1)]}
    assert density_ratio(silent) == 1.0 and mode_shift(silent) == ""
    assert density_ratio({"places": [place(0.0)]}) == 1.0


def test_the_sweep_is_told_with_the_true_bass_below() -> None:
    """Of an octave and a fourth below and a fifth above the root, the fifth and fourth... fold to 0, 7, 7."""
    sweep = {"songs": ["one"], "places": [place(2.0, down12=40, down5=30, **{"7": 30})], TRUE: place(0.0)}
    lines = sweep_text(sweep).splitlines()
    assert lines[2] == "| (0.00, 1.00) | 2.00 | 1.00 | 40.0 | -12 (0.40) | 7 (0.60) |"
    assert lines[3].startswith("| true bass | 0.00 |") and lines[3].endswith("| – | – |")


def test_verdicts() -> None:
    agreement = {TRUE: 1.0, FOLLOWER: 0.45, ORIGIN: 0.3, INFERRED: 0.5, FITTED: 0.6}
    results = {"songs": [song(agreement, [])] * 2, "sweep": {"places": [place(1.0), place(2.5)]}}
    rows = verdicts(results).splitlines()[2:]
    assert [row.split(" | ")[-1] for row in rows[:3]] == ["not met |", "met |", "not met |"]
    assert "| 0.500 | 0.600 or more |" in rows[2] and "| 1.700 | 1.707 or less | met |" in rows[5]
    assert rows[-1].endswith("| met |") and "2.50 times" in rows[-1]
    assert "| +0.200 ± 0.000 |" in rows[1]
    alone = verdicts({"songs": [song(agreement, [])], "sweep": results["sweep"]}).splitlines()[3]
    assert "| +0.200 |" in alone  # one song has no standard error
