"""The report on the estimators: each figure by hand, and a FluidSynth song in whole."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from songs import sine, write_data

from bassnet_osc.presets import paper
from bassnet_osc.spec import BassNetError
from training.agreement import (
    agreement,
    f0_agreement,
    main,
    onset_agreement,
    onset_peaks,
    read_figures,
    sample_level_db,
    song_folders,
)
from training.artificial import Origin, make_song
from training.descriptors import Descriptors, level_db
from training.objective import UNVOICED_BIN

SPEC = paper()
CQT, DESCRIPTOR = SPEC.cqt, SPEC.descriptor


def descriptors(f0_bin: list[int], onset: dict[int, float] | None = None) -> Descriptors:
    """Descriptors of these pitches, of level 1, with the onsets of some frames."""
    n = len(f0_bin)
    curve = np.zeros(n, np.float32)
    for frame, value in (onset or {}).items():
        curve[frame] = value
    return Descriptors(np.array(f0_bin), np.ones(n, np.float32), curve)


def test_f0_shares_by_hand() -> None:
    u = UNVOICED_BIN
    exact = descriptors([u, u, 60, 60, 60, 60, 60, 60, 60, 60], onset={2: 1})
    estimated = descriptors([u, 60, u, 60, 60, 61, 59, 62, 96, u])
    got = f0_agreement(exact, estimated)
    assert got["voiced_in_both"] == 0.6
    assert got["voiced_by_notes_alone"] == 0.2  # frames 2 and 9 ...
    assert got["of_these_near_onset"] == 0.5  # ... and a note starts at 2
    assert got["voiced_by_crepe_alone"] == 0.1
    assert got["same_bin"] == pytest.approx(2 / 6)
    assert got["within_50_cents"] == pytest.approx(4 / 6)


def test_nothing_voiced_in_both_is_no_number() -> None:
    got = f0_agreement(descriptors([60, 60]), descriptors([UNVOICED_BIN] * 2))
    assert got["voiced_in_both"] == 0 and np.isnan(got["within_50_cents"])


def test_onset_peaks_have_a_height_and_a_distance() -> None:
    onset = {0: 0.9, 20: 0.4, 40: 0.6, 41: 1.0, 42: 0.8, 44: 0.7, 60: 0.6, 99: 1.0}
    peaks = onset_peaks(descriptors([60] * 100, onset).onset, CQT, DESCRIPTOR)
    np.testing.assert_allclose(peaks, [0, 0.41, 0.6, 0.99])  # 20 is too low, 44 too near to 41


@pytest.mark.usefixtures("needs_estimators")
def test_onsets_match_one_to_one_within_their_song() -> None:
    truth = [np.array([1.0, 2.0, 3.0, 4.0]), np.array([5.0])]
    found = [np.array([1.02, 1.03, 2.01, 3.2]), np.array([4.98, 4.0])]
    got = onset_agreement(truth, found)
    assert got["precision"] == pytest.approx(3 / 6) and got["recall"] == pytest.approx(3 / 5)
    assert got["f1"] == pytest.approx(2 * 3 / 11)
    assert got["median_late_ms"] == pytest.approx(10)
    assert np.isnan(onset_agreement([np.array([1.0])], [np.array([])])["median_late_ms"])


@pytest.mark.parametrize("reference", ["full_scale", "peak"])
def test_the_two_levels_are_one(reference: str, rng: np.random.Generator) -> None:
    spec = replace(DESCRIPTOR, reference=reference)
    loud_then_quiet = rng.standard_normal(16_000).astype(np.float32) * np.linspace(0.3, 1e-4, 16_000)
    audio = loud_then_quiet.astype(np.float32)
    samples = sample_level_db(audio, CQT, spec)
    assert samples.shape == (100,) and np.ptp(samples) > 30
    np.testing.assert_allclose(level_db(audio, CQT, spec), samples, rtol=0, atol=1e-3)  # measured: 9e-7


def test_the_samples_level_of_a_full_scale_sine_is_0_db() -> None:
    db = sample_level_db(sine(440, 1.0), CQT, replace(DESCRIPTOR, reference="full_scale"))
    np.testing.assert_allclose(db[2:-2], 0, atol=1e-4)  # measured: below 1e-5


def first_seconds(song: Path, seconds: float) -> None:
    """Cuts the bass of a song and its notes."""
    audio, rate = soundfile.read(song / "bass.wav", dtype="int16")
    soundfile.write(song / "bass.wav", audio[: round(seconds * rate)], rate)
    truth = json.loads((song / "truth.json").read_text())
    truth["bass"] = [note for note in truth["bass"] if note["onset"] < seconds]
    (song / "truth.json").write_text(json.dumps(truth))


@pytest.mark.usefixtures("needs_fluidsynth", "needs_estimators")
def test_estimators_agree_with_the_notes_of_a_song(tmp_path: Path) -> None:
    song = tmp_path / "test" / "0000"
    song.parent.mkdir()
    make_song(Origin("A1", "test", index=0, seed=0), song)
    first_seconds(song, 20)
    got = agreement(song_folders(song.parent, 1), SPEC)
    f0, onset, level = got["f0"], got["onset"], got["level"]
    assert f0["voiced_in_both"] > 0.85 and f0["voiced_by_crepe_alone"] < 0.02  # measured: 0.95, 0
    assert f0["of_these_near_onset"] > 0.9  # measured: 0.99
    assert f0["within_50_cents"] > 0.99 and f0["same_bin"] > 0.9  # measured: 1.00, 0.97
    assert onset["f1"] > 0.97 and abs(onset["median_late_ms"]) < 15  # measured: 1.00, 7.6
    assert level["percentile_95_db"] < 1e-3  # measured: 7e-7


@pytest.mark.usefixtures("needs_estimators")
def test_the_command_prints_and_writes_the_same_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path / "data", n_train=0, n_validation=0, n_test=2)
    file = tmp_path / "new" / "figures.json"
    assert main(["--data", str(data), "--songs", "1", "--json", str(file)]) == 0
    figures: dict[str, dict[str, float]] = json.loads(file.read_text())
    assert figures["songs"] == 1 and figures["frames"] == 300 and figures["notes"] == 12
    assert f"F1 {figures['onset']['f1']:.3f}" in capsys.readouterr().out
    assert [path.name for path in file.parent.iterdir()] == ["figures.json"]
    assert read_figures(file) == figures


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"songs": 1}'])
def test_damaged_figures_are_told_in_one_line(content: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    assert read_figures(file) is None
    file.write_text(content)
    with pytest.raises(BassNetError, match=r"must hold the figures of training\.agreement") as error:
        read_figures(file)
    assert "\n" not in str(error.value)


def test_no_songs_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "test") in error and error.count("\n") == 1
