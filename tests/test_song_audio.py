"""A song's audio: one mix as it is, or stems mixed at random coefficients, the same at every reading."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from songs import tiny, write_song

from bassnet_osc.presets import live
from bassnet_osc.spec import BassNetError
from training import estimators
from training.dataset import cut_windows, load_song
from training.descriptors import exact_descriptors
from training.features import cache_name, compute_features, has_features
from training.song_audio import COEFFICIENTS, TAKES, read_audio, sum_of
from training.truth import read_truth

SPEC = tiny(live())
RATE = SPEC.cqt.sample_rate


@pytest.fixture
def stems(tmp_path: Path) -> Path:
    """A song whose mix is two stems of noise."""
    folder = tmp_path / "song"
    write_song(folder, seed=0, n_bars=1)
    bass, _ = soundfile.read(folder / "bass.wav")
    (folder / "mix.wav").unlink()
    rng = np.random.default_rng(0)
    for name in ("drums", "keys"):
        soundfile.write(folder / f"{name}.flac", 0.1 * rng.standard_normal(len(bass)), RATE)
    return folder


def coefficients(folder: Path) -> np.ndarray:
    """What the stems of each take were multiplied by: least squares, and no rest."""
    stems = np.stack([soundfile.read(folder / f"{name}.flac")[0] for name in ("drums", "keys")], axis=1)
    found, rest, *_ = np.linalg.lstsq(stems, np.stack(read_audio(folder, RATE)[0], axis=1), rcond=None)
    assert rest.max() < 1e-6
    return found.T


def test_stems_are_mixed_several_times_over(stems: Path) -> None:
    """Each take at coefficients of its own, all within section 5.3's range, at every reading alike."""
    found = coefficients(stems)
    assert found.shape == (TAKES, 2)
    low, high = COEFFICIENTS
    assert (found > low - 1e-4).all() and (found < high + 1e-4).all()
    assert len(np.unique(found.round(3))) == found.size
    assert np.array_equal(found, coefficients(stems))


def test_songs_have_coefficients_of_their_own(stems: Path) -> None:
    shutil.copytree(stems, stems.with_name("other"))
    assert np.abs(coefficients(stems) - coefficients(stems.with_name("other"))).min() > 1e-3


def test_one_mix_stays_as_it_is(tmp_path: Path) -> None:
    write_song(tmp_path / "song", seed=0, n_bars=1)
    mixes, bass = read_audio(tmp_path / "song", RATE)
    for got, name in ((mixes[0], "mix"), (bass, "bass")):
        assert np.array_equal(got, soundfile.read(tmp_path / "song" / f"{name}.wav", dtype="float32")[0])
    assert len(mixes) == 1


def test_sum() -> None:
    ones, ramp = np.ones(3, np.float32), np.arange(3, dtype=np.float32)
    assert sum_of([ones, ramp], np.float32([0.5, 2.0])).tolist() == [0.5, 2.5, 4.5]


def test_every_take_has_its_frames(stems: Path) -> None:
    """Windows of another take have another mix and the same bass; any number names a take."""
    compute_features(stems, SPEC)
    song = load_song(stems, SPEC)
    assert len(song.spectra) == 1 + TAKES
    takes = [cut_windows([song], [(0, song.n_frames // 2)], SPEC, [take]) for take in range(2 * TAKES)]
    first = cut_windows([song], [(0, song.n_frames // 2)], SPEC)
    assert np.array_equal(takes[0].mix, first.mix) and not np.array_equal(takes[1].mix, first.mix)
    for take, again in zip(takes[:TAKES], takes[TAKES:], strict=True):
        assert np.array_equal(take.mix, again.mix) and np.array_equal(take.bass, first.bass)


def test_a_changed_stem_is_noticed(stems: Path) -> None:
    compute_features(stems, SPEC)
    assert has_features(stems, SPEC)
    audio, _ = soundfile.read(stems / "keys.flac")
    soundfile.write(stems / "keys.flac", 0.5 * audio, RATE)
    assert not has_features(stems, SPEC)


def test_without_notes_the_descriptors_are_estimated(stems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With notes nothing is: what is known needs no estimator."""
    asked = []

    def estimated(bass: np.ndarray, cqt: object, spec: object) -> object:
        asked.append(len(bass))
        return exact_descriptors(bass, [], SPEC.cqt, SPEC.descriptor)

    monkeypatch.setattr(estimators, "estimated_descriptors", estimated)
    compute_features(stems, SPEC)
    assert not asked
    truth = read_truth(stems)
    truth.pop("bass")
    (stems / "truth.json").write_text(json.dumps(truth))
    assert not has_features(stems, SPEC)
    compute_features(stems, SPEC)
    assert len(asked) == 1 and has_features(stems, SPEC)


def test_a_detuned_note_has_its_bin() -> None:
    """A third of a semitone is a bin: 33 cents sharp is the next one."""
    audio = 0.3 * np.sin(2 * np.pi * 110.0 * np.arange(RATE) / RATE).astype(np.float32)
    note = {"onset": 0.0, "offset": 1.0, "pitch": 45, "velocity": 90}
    bins = [
        exact_descriptors(audio, [{**note, "pitch": pitch}], SPEC.cqt, SPEC.descriptor).f0_bin[50]  # type: ignore[typeddict-item,list-item]
        for pitch in (45, 45.1, 45.33)
    ]
    assert bins[1] == bins[0] and bins[2] == bins[0] + SPEC.cqt.bins_per_octave // 36


@pytest.mark.parametrize(
    ("files", "got"),
    [
        ((), "no audio file"),
        (("mix.wav",), "mix.wav"),
        (("bass.wav",), "bass.wav"),
        (("bass.wav", "bass.flac", "mix.wav"), "bass.flac, bass.wav, mix.wav"),
    ],
)
def test_what_is_missing_is_named(files: tuple[str, ...], got: str, tmp_path: Path) -> None:
    for name in files:
        soundfile.write(tmp_path / name, np.zeros(10), RATE)
    with pytest.raises(BassNetError, match=f"a mix or stems beside it; got {got}: render"):
        read_audio(tmp_path, RATE)


def test_caches_of_one_mix_stay_valid() -> None:
    """The folder's name depends on analysis and descriptors, not on the window or the model."""
    other = replace(SPEC, window=replace(SPEC.window, taper=SPEC.window.taper + 2))
    assert cache_name(SPEC) == cache_name(other)
