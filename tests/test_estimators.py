"""CREPE and madmom as a source of descriptors: right bin, right frame, silence, and what is missing."""

from __future__ import annotations

import collections
import importlib.util
import sys
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from songs import SAMPLE_RATE, midi_hz, sine

from bassnet_osc.presets import paper
from bassnet_osc.spec import BassNetError, CqtSpec, DescriptorSpec
from training import estimators
from training.estimators import crepe_f0, estimated_descriptors, madmom_onsets
from training.objective import UNVOICED_BIN

CQT, DESCRIPTOR = paper().cqt, paper().descriptor
FULL_SCALE = replace(DESCRIPTOR, reference="full_scale")
Audio = npt.NDArray[np.float32]


def tone(hz: float, seconds: float, n_harmonics: int = 5) -> Audio:
    """Harmonics as strong as 1 / h."""
    parts = [sine(h * hz, seconds, 0.3 / h) for h in range(1, n_harmonics + 1)]
    return np.sum(parts, axis=0, dtype=np.float32)


def pluck(hz: float, seconds: float) -> Audio:
    """A tone that starts within 5 ms and decays."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(tone(hz, seconds, 10) * np.exp(-8 * t) * np.clip(t / 0.005, 0, 1), dtype=np.float32)


@pytest.mark.usefixtures("needs_estimators")
@pytest.mark.parametrize("pitch", [28, 33, 40, 47, 55])  # E1, the lowest string of a bass, to G3
def test_a_tone_has_the_bin_of_its_pitch(pitch: int) -> None:
    d = estimated_descriptors(tone(midi_hz(pitch), 1.0), CQT, DESCRIPTOR)
    assert d.f0_bin.shape == d.level.shape == d.onset.shape == (100,)
    assert (d.f0_bin.dtype, d.level.dtype, d.onset.dtype) == (np.int64, np.float32, np.float32)
    assert set(d.f0_bin[5:-5]) == {3 * (pitch - 21)}


@pytest.mark.usefixtures("needs_estimators")
def test_f0_lies_on_the_frame_grid_and_is_the_same_every_time() -> None:
    audio = np.concatenate([tone(60, 1.0), tone(90, 1.0)])
    hz, confidence = crepe_f0(audio, CQT)
    again, _ = crepe_f0(audio, CQT)
    np.testing.assert_array_equal(hz, again)
    changed = int(np.argmax(hz > np.sqrt(60 * 90)))
    assert abs(changed - 100) <= 2  # measured: 101
    cents = 1200 * np.log2(hz / np.repeat([60, 90], 100))
    steady = np.r_[5:95, 105:195]
    assert np.abs(cents[steady]).max() < 12  # measured: 7.7; torchcrepe's own decoder adds noise up to 20
    assert confidence[steady].min() > 0.7 and confidence.max() <= 1  # measured: 0.76


@pytest.mark.usefixtures("needs_estimators")
def test_onnx_runtime_computes_the_network_of_torchcrepe() -> None:
    import torchcrepe

    (frames,) = torchcrepe.preprocess(torch.from_numpy(tone(70, 0.2))[None], SAMPLE_RATE, 160)
    assert len(frames) < estimators.BATCH  # the rest of a batch must not matter
    with torch.no_grad():
        expected = torchcrepe.infer(frames, "tiny").numpy()
    got = estimators._activation(estimators._crepe_network(), frames.numpy())
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)  # measured: 2.4e-7


@pytest.mark.usefixtures("needs_estimators")
def test_onsets_of_plucks_lie_near_the_plucks() -> None:
    audio = np.concatenate([sine(0, 0.5), *(pluck(midi_hz(p), 0.4) for p in (40, 43, 45, 40, 47))])
    onset = madmom_onsets(audio, CQT)
    assert onset.dtype == np.float32 and onset.min() >= 0 and onset.max() <= 1
    starts = np.arange(50, 250, 40)
    for start in starts:
        peak = start - 10 + int(onset[start - 10 : start + 10].argmax())
        assert onset[peak] > 0.8 and abs(peak - start) <= 1  # measured: 0.98 or more, 0 frames
    away = np.min(np.abs(np.arange(250)[:, None] - starts), axis=1) > 5
    assert onset[away].max() < 0.2  # measured: 0.01


@pytest.mark.usefixtures("needs_estimators")
def test_silence_has_no_pitch_and_no_onset() -> None:
    d = estimated_descriptors(np.zeros(SAMPLE_RATE, np.float32), CQT, DESCRIPTOR)
    assert (d.f0_bin == UNVOICED_BIN).all()
    assert d.level.max() == 0
    assert d.onset.max() < 0.05  # measured: 6e-9


@pytest.mark.usefixtures("needs_estimators")
@pytest.mark.parametrize("n_samples", [1, 160, 161, 4000])
def test_any_length_has_a_frame_per_hop_begun(n_samples: int) -> None:
    audio = tone(60, 1.0)[:n_samples]
    shapes = {values.shape for values in (*crepe_f0(audio, CQT), madmom_onsets(audio, CQT))}
    assert shapes == {(-(-n_samples // 160),)}


@pytest.mark.usefixtures("needs_estimators")
def test_a_tone_below_the_gate_is_unvoiced() -> None:
    quiet = 0.003 * tone(60, 0.5)  # about -60 dB of full scale
    assert (estimated_descriptors(quiet, CQT, FULL_SCALE).f0_bin == UNVOICED_BIN).all()
    by_peak = estimated_descriptors(quiet, CQT, DESCRIPTOR)
    assert (by_peak.f0_bin[5:-5] != UNVOICED_BIN).all()  # the same tone is its own loudest moment


@pytest.mark.usefixtures("needs_estimators")
def test_noise_is_unvoiced_for_want_of_confidence(rng: np.random.Generator) -> None:
    noise = (0.1 * rng.standard_normal(SAMPLE_RATE)).astype(np.float32)
    assert (
        estimated_descriptors(noise, CQT, DESCRIPTOR).f0_bin == UNVOICED_BIN
    ).mean() > 0.9  # measured: 0.99
    sure = replace(DESCRIPTOR, f0_confidence=0.0)
    assert (estimated_descriptors(noise, CQT, sure).f0_bin != UNVOICED_BIN).all()


@pytest.mark.usefixtures("needs_estimators")
def test_helps_for_old_packages_do_not_stay() -> None:
    estimated_descriptors(tone(60, 0.2), CQT, DESCRIPTOR)
    assert not hasattr(collections, "MutableSequence")
    assert "float" not in vars(np)
    assert importlib.util.find_spec("torchaudio") or "torchaudio" not in sys.modules


@pytest.mark.parametrize("package", ["torchcrepe", "madmom"])
def test_a_missing_package_is_told_with_its_mend(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)  # Python's own mark of a module that cannot be imported
    load = {"torchcrepe": estimators._torchcrepe, "madmom": estimators._madmom}[package]
    load.cache_clear()
    with pytest.raises(BassNetError, match=f"need {package};.*pip install") as error:
        load()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("cqt", [CqtSpec(sample_rate=22_050), CqtSpec(hop_length=256)])
def test_other_frame_rates_are_refused(cqt: CqtSpec) -> None:
    with pytest.raises(BassNetError, match="16000 Hz and hops of 160"):
        estimated_descriptors(sine(60, 0.1), cqt, DescriptorSpec())
