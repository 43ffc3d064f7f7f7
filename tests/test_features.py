"""Songs to features: what is computed, cached under which name, and on how many processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch
from songs import tiny, write_data, write_song

from bassnet_osc.presets import live, paper, studio
from bassnet_osc.spec import BassNetError, Spec
from training import estimators, features
from training.cqt import Cqt, cqt_frames
from training.dataset import Song, load_song, load_songs
from training.descriptors import Descriptors
from training.features import (
    FINGERPRINT,
    SONGS_PER_PROCESS,
    cache_name,
    compute_all,
    compute_features,
    has_features,
)

SPEC = tiny(live())
AUDIO = ("mix.wav", "bass.wav")
CQT = Cqt(SPEC.cqt)
PEAK = replace(SPEC, cqt=replace(SPEC.cqt, reference="peak"))


@pytest.fixture(scope="module")
def song(song_folder: Path) -> Song:
    return load_song(song_folder, SPEC)


def test_features_are_those_of_the_audio(song_folder: Path, song: Song) -> None:
    audio, _ = soundfile.read(song_folder / "bass.wav", dtype="float32")
    with torch.no_grad():
        expected = cqt_frames(CQT, torch.from_numpy(audio)).numpy()
    assert song.spectra.shape == (2, 300, 264)
    np.testing.assert_allclose(song.spectra[1], expected, rtol=0, atol=3e-4)  # float16
    first = song.truth["bass"][0]["pitch"]
    assert song.descriptors.f0_bin[10] == 3 * (first - 21)
    assert song.descriptors.onset.nonzero()[0].tolist() == list(range(0, 300, 25))
    # Causal frames hear the first note a moment later; then the loudest bin is the one of the notes.
    assert abs(int(song.spectra[1][20].argmax()) - 3 * (first - 21)) <= 1


def scaled_mix(folder: Path, gain: float) -> None:
    """The mix `gain` times as loud, in floats."""
    audio, rate = soundfile.read(folder / "mix.wav", dtype="float32")
    soundfile.write(folder / "mix.wav", gain * audio, rate, subtype="FLOAT")


def computed(folder: Path, spec: Spec) -> Song:
    """The song with features that are new."""
    shutil.rmtree(folder / cache_name(spec), ignore_errors=True)
    compute_features(folder, spec)
    return load_song(folder, spec)


def test_a_normalised_mix_has_no_level(tmp_path: Path) -> None:
    """With the reference "peak" half the gain gives the same bits; the bass stays as loud as it is."""
    write_song(tmp_path / "song", seed=0, n_bars=1)
    before, as_it_is = computed(tmp_path / "song", PEAK), computed(tmp_path / "song", SPEC)
    scaled_mix(tmp_path / "song", 0.5)
    after, quieter = computed(tmp_path / "song", PEAK), computed(tmp_path / "song", SPEC)
    assert np.array_equal(before.spectra, after.spectra)
    assert np.array_equal(before.spectra[1], as_it_is.spectra[1])
    loudest = [float(spectra[0].max()) for spectra in (quieter.spectra, as_it_is.spectra, after.spectra)]
    assert loudest == sorted(set(loudest))  # the sines of the mix have an amplitude of 0.3
    scaled_mix(tmp_path / "song", 0.0)
    assert not computed(tmp_path / "song", PEAK).spectra[0].any()  # silence stays silence


def test_the_level_refers_to_the_loudest_moment(tmp_path: Path) -> None:
    """With the reference "peak" it is 1 there, and a quieter bass has the same levels. Measured: 1e-6."""
    spec = replace(SPEC, descriptor=replace(SPEC.descriptor, reference="peak"))
    write_song(tmp_path / "song", seed=0, n_bars=1)
    before = computed(tmp_path / "song", spec).descriptors.level
    audio, rate = soundfile.read(tmp_path / "song" / "bass.wav", dtype="float32")
    soundfile.write(tmp_path / "song" / "bass.wav", 0.5 * audio, rate, subtype="FLOAT")
    after = computed(tmp_path / "song", spec).descriptors.level
    assert before.max() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5)
    assert computed(tmp_path / "song", SPEC).descriptors.level.max() < 0.9


def test_cache_name_follows_every_number_that_matters() -> None:
    """Of the analysis and the descriptors; windows and models are not in the features."""
    changes: dict[str, dict[str, Any]] = {
        "cqt": {"hop_length": 80, "n_bins": 263, "alignment": "centred", "gamma": 3.0, "reference": "peak"},
        "descriptor": {
            "source": "estimators",
            "reference": "peak",
            "gate_on_db": -35.0,
            "f0_confidence": 0.4,
        },
    }
    specs = [live(), studio(), paper()]
    for part, fields in changes.items():
        for name, value in fields.items():
            specs.append(replace(live(), **{part: replace(getattr(live(), part), **{name: value})}))
    assert len({cache_name(spec) for spec in specs}) == len(specs)
    assert cache_name(SPEC) == cache_name(live())


def test_features_of_other_numbers_are_not_read(song_folder: Path, tmp_path: Path) -> None:
    """Another analysis has a folder of its own beside the first."""
    folder = tmp_path / "0000"
    shutil.copytree(song_folder, folder)
    other = replace(SPEC, cqt=replace(SPEC.cqt, log_gain=10.0))
    with pytest.raises(FileNotFoundError):
        load_song(folder, other)
    compute_features(folder, other)
    assert not np.array_equal(load_song(folder, other).spectra, load_song(folder, SPEC).spectra)
    assert len(list(folder.glob("features-*"))) == 2


def test_features_are_computed_once(song_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = sorted((song_folder / cache_name(SPEC)).iterdir())
    written = [path.stat().st_mtime_ns for path in files]
    monkeypatch.setattr(features, "cqt_frames", None)  # would fail if called
    compute_features(song_folder, SPEC)
    compute_all([song_folder], SPEC, "features")
    assert len(files) == 3 and [path.stat().st_mtime_ns for path in files] == written


def moved_up(folder: Path, bins: int) -> None:
    """The notes of a song as many thirds of a semitone higher, the bass as it is."""
    truth = json.loads((folder / "truth.json").read_text())
    for note in truth["bass"]:
        note["pitch"] += bins / 3
    (folder / "truth.json").write_text(json.dumps(truth))


def test_a_corrected_truth_is_heard(tmp_path: Path) -> None:
    """Its features are computed again, also below a link; what else truth.json says does not matter."""
    write_song(tmp_path / "songs" / "0000", seed=0, n_bars=1)
    (tmp_path / "linked").symlink_to(tmp_path / "songs")
    (before,) = load_songs(tmp_path / "songs", SPEC)
    moved_up(tmp_path / "songs" / "0000", 2)
    (after,) = load_songs(tmp_path / "linked", SPEC)
    voiced = before.descriptors.f0_bin >= 0
    assert voiced.sum() > 50
    assert np.array_equal(after.descriptors.f0_bin[voiced], before.descriptors.f0_bin[voiced] + 2)
    stamps = feature_stamps(tmp_path / "songs")
    truth = tmp_path / "songs" / "0000" / "truth.json"
    truth.write_text(json.dumps(json.loads(truth.read_text()) | {"title": "another"}))
    load_songs(tmp_path / "songs", SPEC)
    assert feature_stamps(tmp_path / "songs") == stamps


def feature_stamps(split: Path) -> dict[Path, int]:
    """When each file of features was written; nothing else lies beside them."""
    assert {path.name for path in split.glob("*/*/")} <= {cache_name(SPEC), *AUDIO, "truth.json"}
    return {path: path.stat().st_mtime_ns for path in split.glob("*/features-*/*")}


@pytest.mark.parametrize("name", AUDIO)
def test_new_audio_is_heard(name: str, tmp_path: Path) -> None:
    """Though it is as long as the old one was."""
    write_song(tmp_path / "songs" / "0000", seed=0, n_bars=1)
    compute_all([tmp_path / "songs" / "0000"], SPEC, "features")
    audio, rate = soundfile.read(tmp_path / "songs" / "0000" / name, dtype="float32")
    soundfile.write(tmp_path / "songs" / "0000" / name, 0.0 * audio, rate, subtype="PCM_16")
    (song,) = load_songs(tmp_path / "songs", SPEC)
    silent, loud = (0, 1) if name == "mix.wav" else (1, 0)
    assert not song.spectra[silent].any() and song.spectra[loud].any()


def test_features_without_a_fingerprint_count_while_they_are_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those that were computed before there were fingerprints: they stay as they are."""
    folder = tmp_path / "songs" / "0000"
    write_song(folder, seed=0, n_bars=1)
    compute_features(folder, SPEC)
    (folder / cache_name(SPEC) / FINGERPRINT).unlink()
    stamps = feature_stamps(tmp_path / "songs")
    with monkeypatch.context() as patch:
        patch.setattr(features, "cqt_frames", None)  # would fail if called
        compute_all([folder], SPEC, "features")
    assert feature_stamps(tmp_path / "songs") == stamps and len(stamps) == 2
    moved_up(folder, 1)
    assert not has_features(folder, SPEC)
    compute_features(folder, SPEC)
    assert has_features(folder, SPEC) and len(feature_stamps(tmp_path / "songs")) == 3


def test_estimated_features_follow_the_estimators_and_not_the_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those without a fingerprint, which are of the first version."""
    heard: list[int] = []

    def estimated(bass: npt.NDArray[np.float32], *_: object) -> Descriptors:
        heard.append(len(bass))
        curve = np.zeros(100, np.float32)
        return Descriptors(np.zeros(100, np.int64), curve, curve)

    monkeypatch.setattr(estimators, "estimated_descriptors", estimated)
    spec = replace(SPEC, descriptor=paper().descriptor)
    folder = tmp_path / "0000"
    write_song(folder, seed=0, n_bars=1)
    compute_features(folder, spec)
    moved_up(folder, 1)
    compute_features(folder, spec)
    assert len(heard) == 1
    monkeypatch.setattr(estimators, "VERSION", 2)
    compute_features(folder, spec)
    compute_features(folder, spec)
    assert len(heard) == 2
    (folder / cache_name(spec) / FINGERPRINT).unlink()
    assert not has_features(folder, spec)
    monkeypatch.setattr(estimators, "VERSION", 1)
    assert has_features(folder, spec)


def test_features_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "0000"
    write_song(folder, seed=0, n_bars=1)
    before = sorted(folder.iterdir())

    def full_disk(*args: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full_disk)  # the second of the two files
        with pytest.raises(OSError, match="No space left"):
            compute_features(folder, SPEC)
    assert sorted(folder.iterdir()) == before
    compute_features(folder, SPEC)
    assert load_song(folder, SPEC).n_frames == 100
    moved_up(folder, 1)
    outdated = arrays(folder)
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full_disk)
        with pytest.raises(OSError, match="No space left"):
            compute_features(folder, SPEC)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(folder), outdated, strict=True))


def test_a_faster_process_wins(song_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its features appear while ours are computed: ours go, its stay."""
    folder = tmp_path / "0000"
    shutil.copytree(song_folder, folder)
    finished, parked = folder / cache_name(SPEC), tmp_path / "parked"
    finished.rename(parked)
    names = sorted(path.name for path in (*folder.iterdir(), finished))
    truth = features.read_truth

    def meanwhile(path: Path) -> object:
        if parked.exists():
            parked.rename(finished)
        return truth(path)

    monkeypatch.setattr(features, "read_truth", meanwhile)
    compute_features(folder, SPEC)
    assert sorted(path.name for path in folder.iterdir()) == names


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """As many songs as make two processes, without features."""
    n = 2 * SONGS_PER_PROCESS
    return sorted((write_data(tmp_path_factory.mktemp("many"), n, 0) / "train").iterdir())[:n]


def arrays(folder: Path) -> list[npt.NDArray[Any]]:
    """All that the features of a song hold."""
    song = load_song(folder, SPEC)
    return [np.array(song.spectra), *vars(song.descriptors).values()]


def test_processes_compute_what_one_does(many: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit for bit. One song is no audio: one line names it, and what was computed before it stays."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    mix = many[5] / "mix.wav"
    good = mix.read_bytes()
    mix.write_bytes(b"RIFF, but no more than that")
    with pytest.raises(BassNetError, match=r"mix\.wav must be an audio file") as error:
        compute_all(many, SPEC, "features")
    assert str(mix) in str(error.value) and "\n" not in str(error.value)
    kept = {path: path.stat().st_mtime_ns for song in many for path in song.glob("features-*/*")}
    assert len(kept) >= 2 * 3 and many[5] not in {path.parent.parent for path in kept}
    mix.write_bytes(good)
    compute_all(many, SPEC, "features")
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    for song in many:
        of_many = arrays(song)
        computed(song, SPEC)
        of_one = arrays(song)
        assert all(np.array_equal(a, b) for a, b in zip(of_many, of_one, strict=True))


def ended(folder: Path, spec: Spec) -> None:
    """What the kernel does to a process when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_ended_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(features, "compute_features", ended)
    songs = [tmp_path / str(i) for i in range(2 * SONGS_PER_PROCESS)]
    with pytest.raises(BassNetError, match="each of 2 processes must have memory") as error:
        compute_all(songs, SPEC, "features of train")
    assert "\n" not in str(error.value)
