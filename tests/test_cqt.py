"""The CQT against nnAudio, librosa, its own ONNX export and closed forms; what a frame hears and what not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import librosa
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bassnet_osc.presets import PRESETS, live, studio
from bassnet_osc.spec import FRONTEND, CqtSpec, Spec
from export.to_onnx import write_graph
from training.benchmark import nnaudio
from training.cqt import Cqt, cqt_frames

CQTS = {name: Cqt(preset().cqt).eval() for name, preset in PRESETS.items()}
BINS = [24, 60, 100, 150, 200, 240]  # from 44 Hz to 2.8 kHz


def noise(n_samples: int, batch: int = 1, seed: int = 0) -> Tensor:
    """Gaussian noise (batch, n_samples), standard deviation 0.3."""
    return 0.3 * torch.randn(batch, n_samples, generator=torch.Generator().manual_seed(seed))


def tone(spec: CqtSpec, k: int, n_samples: int, amplitude: float = 1.0) -> Tensor:
    """A sine at bin k's centre, (n_samples,)."""
    t = torch.arange(n_samples, dtype=torch.float64) / spec.sample_rate
    return (amplitude * torch.sin(2 * torch.pi * spec.frequencies[k] * t)).float()


@torch.no_grad()
def test_equals_nnaudio() -> None:
    """Centred, gamma 0. Measured: 9e-7 of the largest magnitude, 3e-7 of the norm."""
    spec = studio().cqt
    reference = nnaudio(spec)
    audio = noise(16_000) + tone(spec, 36, 16_000)
    expected = reference(audio, normalization_type="wrap")[0].T
    got = CQTS["studio"].magnitudes(F.pad(audio, (spec.left, spec.right)))[0]
    assert got.shape == expected.shape == (101, spec.n_bins)
    assert (got - expected).abs().max() < 1e-4 * expected.max()
    assert (got - expected).norm() < 1e-5 * expected.norm()


def librosa_magnitudes(spec: CqtSpec, audio: Tensor) -> npt.NDArray[np.float64]:
    """librosa's frame in the middle of `audio`, its scaling (the root of each kernel's length) undone."""
    arguments: dict[str, Any] = {
        "sr": spec.sample_rate,
        "hop_length": spec.hop_length,
        "fmin": spec.fmin,
        "n_bins": spec.n_bins,
        "bins_per_octave": spec.bins_per_octave,
    }
    middle = len(audio) // spec.hop_length // 2
    if spec.gamma:
        frames = librosa.vqt(audio.numpy(), gamma=spec.gamma, **arguments)
    else:
        frames = librosa.cqt(audio.numpy(), **arguments)
    return np.asarray(2 * np.abs(frames[:, middle]) / np.sqrt(spec.kernel_lengths))


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")  # librosa of its own decimated octaves
@pytest.mark.parametrize("gamma", [0.0, 5.0])
def test_agrees_with_librosa_on_tones(gamma: float) -> None:
    """Same peak bin and -6 dB width; magnitudes within 1 %.

    Measured: 0.5 %. librosa's lengths are 1 % longer: it takes the bandwidth between neighbouring bins.
    """
    spec = replace(studio().cqt, gamma=gamma)
    cqt, n_samples = Cqt(spec), 2 * spec.left + 2 * spec.hop_length
    n_samples -= n_samples % (2 * spec.hop_length)
    for k in BINS:
        audio = tone(spec, k, n_samples, 0.5)
        expected = librosa_magnitudes(spec, audio)
        with torch.no_grad():
            frames = cqt.magnitudes(F.pad(audio, (spec.left, spec.right))[None])[0]
        got = frames[n_samples // spec.hop_length // 2].numpy()
        assert got.argmax() == expected.argmax() == k
        assert (got >= got.max() / 2).sum() == (expected >= expected.max() / 2).sum()
        assert got[k] == pytest.approx(expected[k], rel=0.01)


@pytest.mark.parametrize("preset", list(PRESETS))
@torch.no_grad()
def test_a_full_scale_sine_reads_one_in_its_bin(preset: str) -> None:
    """Measured: 3e-5 in `live` at 27.5 Hz, where short kernels let the negative frequency in, else 1e-7."""
    cqt = CQTS[preset]
    spec = cqt.spec
    for k in [*range(0, spec.n_bins, 8), spec.n_bins - 1]:
        frame = cqt(tone(spec, k, spec.left + spec.right)[None])[0, 0]
        assert frame[k].item() == pytest.approx(1.0, abs=1e-4)
        assert frame.argmax() == k


@pytest.mark.parametrize("preset", list(PRESETS))
@torch.no_grad()
def test_scale_is_the_stated_logarithm(preset: str) -> None:
    cqt = CQTS[preset]
    c = cqt.spec.log_gain
    audio = noise(cqt.spec.left + cqt.spec.right + 320)
    expected = np.log1p(c * cqt.magnitudes(audio).numpy()) / np.log1p(c)
    np.testing.assert_allclose(cqt(audio).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("preset", list(PRESETS))
@torch.no_grad()
def test_zeros_give_zeros(preset: str) -> None:
    cqt = CQTS[preset]
    assert not cqt(torch.zeros(1, cqt.spec.left + cqt.spec.right + 480)).any()


@pytest.mark.parametrize("alignment", ["causal", "centred"])
@torch.no_grad()
def test_a_frame_hears_left_and_right_and_nothing_else(alignment: Literal["causal", "centred"]) -> None:
    """Bit-equal frames whatever lies outside; a click inside is heard."""
    spec = replace(live().cqt, alignment=alignment)
    cqt, hop, i = Cqt(spec), spec.hop_length, 7
    audio = noise(spec.left + spec.right + 14 * hop)
    position = spec.left + hop * i
    frame = cqt(audio)[0, i]
    outside = audio.clone()
    outside[:, position + spec.right :] = noise(outside.shape[1], seed=1)[:, position + spec.right :]
    outside[:, : position - spec.left] = 0.9
    assert torch.equal(cqt(outside)[0, i], frame)
    inside = audio.clone()
    inside[:, position - spec.kernel_lengths[-1] // 4] += 0.5  # within every kernel, off its zero ends
    assert (cqt(inside)[0, i] - frame).abs().max() > 0.01


@torch.no_grad()
def test_causal_frames_ignore_the_future_exactly() -> None:
    """The frames before a click are those without it, and the click is in the very next one."""
    cqt = CQTS["live"]
    audio, at = torch.zeros(1, 8000), 4000
    audio[:, at] = 1.0
    frames = cqt_frames(cqt, audio[0])
    heard = frames.sum(dim=1).nonzero()[0].item()
    assert heard == at // cqt.spec.hop_length + 1


@torch.no_grad()
def test_centred_frames_peak_at_a_click() -> None:
    """In every bin, the frame at the click is the loudest."""
    cqt, frame = CQTS["studio"], 40
    audio = torch.zeros(12_800)
    audio[frame * cqt.spec.hop_length] = 1.0
    assert (cqt_frames(cqt, audio).argmax(dim=0) == frame).all()


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("extra", [0, 1, 159, 160, 161, 480, 1000])
@torch.no_grad()
def test_number_of_frames(preset: str, extra: int) -> None:
    cqt = CQTS[preset]
    spec = cqt.spec
    n_samples = spec.left + spec.right + extra
    n_frames = 1 + (n_samples - spec.left - spec.right) // spec.hop_length
    assert cqt(torch.zeros(1, n_samples)).shape == (1, n_frames, spec.n_bins)


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("n_samples", [1, 160, 161, 5000])
@torch.no_grad()
def test_whole_signals_have_a_frame_for_each_started_hop(preset: str, n_samples: int) -> None:
    """cqt_frames is the transform of the signal with zeros around it."""
    cqt = CQTS[preset]
    spec = cqt.spec
    audio = noise(n_samples)
    frames = cqt_frames(cqt, audio[0])
    assert frames.shape == (-(-n_samples // spec.hop_length), spec.n_bins)
    padded = cqt(F.pad(audio, (spec.left, spec.right + spec.hop_length)))[0, : len(frames)]
    torch.testing.assert_close(frames, padded, rtol=0, atol=1e-6)  # measured 0


@pytest.mark.parametrize("preset", list(PRESETS))
@torch.no_grad()
def test_a_batch_equals_its_rows(preset: str) -> None:
    cqt = CQTS[preset]
    audio = noise(cqt.spec.left + cqt.spec.right + 320, batch=3)
    rows = torch.cat([cqt(row[None]) for row in audio])
    torch.testing.assert_close(cqt(audio), rows, rtol=0, atol=1e-5)  # measured 5e-7


@pytest.mark.parametrize("preset", list(PRESETS))
@torch.no_grad()
def test_onnx_equals_torch(preset: str, tmp_path: Path) -> None:
    """Other lengths and batches than the traced one; full scale and nearly silent. Measured: 4e-7."""
    cqt = CQTS[preset]
    spec: Spec = PRESETS[preset]()
    shortest = spec.cqt.left + spec.cqt.right
    path = tmp_path / FRONTEND
    write_graph(cqt, (noise(shortest + 480, batch=2),), path, spec)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for audio in (
        noise(shortest, 3),
        noise(shortest + 1000),
        1e-3 * noise(shortest + 320),
        noise(shortest) * 0,
    ):
        (got,) = session.run(None, {"audio": audio.numpy()})
        np.testing.assert_allclose(got, cqt(audio).numpy(), rtol=0, atol=1e-4)
