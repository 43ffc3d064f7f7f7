"""A checkpoint and the bundle exported from it answer alike, and as the model itself does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from songs import tiny
from test_export import random_model

from bassnet_osc.bundle import Bundle
from bassnet_osc.presets import live, studio
from bassnet_osc.spec import BassNetError, Spec
from export.graphs import DecoderGraph, EncoderGraph
from export.to_onnx import write_bundle
from training.dataset import Song, compressed, cut_windows
from training.descriptors import Descriptors
from training.metrics import observe
from training.places import evaluation_places, finest_frames
from training.subject import Checkpoint, Exported, Subject, load_subject

CARD: dict[str, Any] = {"z_places": {}, "trained_on": "nothing", "licence": "MIT", "metrics": {}}
N_FRAMES = 600


def noise(spec: Spec) -> Song:
    """A song of random frames, half of them voiced."""
    rng = np.random.default_rng(0)
    slope = rng.random((2, N_FRAMES, 1)) * np.linspace(1, 0, spec.cqt.n_bins)
    frames = (slope * rng.random((2, N_FRAMES, spec.cqt.n_bins))).astype(np.float16)
    f0 = rng.integers(-1, spec.cqt.n_bins, N_FRAMES)
    level, onset = rng.random((2, N_FRAMES)).astype(np.float32)
    bars = [{"start": 0, "end": N_FRAMES / spec.cqt.frame_rate, "pattern": 0}]
    return Song(frames, Descriptors(f0, level, onset), {"bars": bars})


@pytest.fixture(scope="module", params=[live, studio], ids=["live", "studio"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Subject, Subject]:
    """The same model as a checkpoint and as a bundle."""
    model = random_model(tiny(request.param()))
    folder = tmp_path_factory.mktemp("subject") / "bundle"
    write_bundle(folder, model.spec, DecoderGraph(model).eval(), EncoderGraph(model).eval(), CARD)
    exported, card = load_subject(folder)
    assert card["name"] == "bundle" and isinstance(exported, Exported)
    return Checkpoint(model), exported


def test_checkpoint_and_bundle_measure_the_same(pair: tuple[Subject, Subject]) -> None:
    """The bundle knows nothing of the coarser channels."""
    songs = [noise(pair[0].spec)] * 2
    places = evaluation_places(songs, pair[0].spec)
    trained, exported = (observe(subject, songs, places) for subject in pair)
    np.testing.assert_allclose(exported.mu, trained.mu, atol=1e-4)
    coarse = {"loss_f0", "loss_level", "loss_onset"}
    assert set(trained.means) - set(exported.means) == coarse
    fine = {name: value for name, value in trained.means.items() if name not in coarse}
    assert exported.means == pytest.approx(fine, rel=1e-4)


def test_they_decode_the_same_f0_at_any_z(pair: tuple[Subject, Subject]) -> None:
    """But for near ties: one bin in a hundred may differ."""
    song, spec = noise(pair[0].spec), pair[0].spec
    windows = cut_windows([song], [(0, newest) for newest in range(20, 120, 7)], spec)
    z = torch.tensor([[-2.0, 0.0], [0.0, 0.0], [2.0, 1.0]])
    trained, exported = (
        torch.stack([guess.f0[:, 0].argmax(dim=-1) for guess in subject.play(windows, z)]) for subject in pair
    )
    assert trained.shape == (3, 15, spec.window.n_steps)
    assert (trained == exported).float().mean() > 0.99
    assert not torch.equal(trained[0], trained[2])  # z has a say


def test_rebuilding_is_encoding_and_decoding(pair: tuple[Subject, Subject]) -> None:
    """With z = mu, and as the model does it."""
    trained, _ = pair
    assert isinstance(trained, Checkpoint)
    windows = cut_windows([noise(trained.spec)], [(0, 50), (0, 99)], trained.spec)
    mu, guess = trained.rebuild(windows)
    torch.testing.assert_close(trained.encode(windows), mu)
    x, targets = compressed(windows, trained.spec)
    with torch.no_grad():
        expected = trained.model.decode(x, trained.model.encode(x, targets.y)[0])
    for name in ("f0", "level", "onset"):
        torch.testing.assert_close(getattr(guess, name), getattr(expected, name), atol=1e-4, rtol=1e-4)
    (at_mu,) = trained.play(cut_windows([noise(trained.spec)], [(0, 50)], trained.spec), mu[:1])
    torch.testing.assert_close(at_mu.f0[0, 0], guess.f0[0, 0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("preset", [live, studio])
def test_the_finest_frames_are_those_of_the_first_channel(preset: Any) -> None:
    """Of windows of 40 frames, 10 of them fine."""
    spec = preset()
    spec = replace(spec, window=replace(spec.window, n_steps=10, window_frames=40, taper=4, skip=0))
    windows = cut_windows([noise(spec)], [(0, 99)], spec)
    _, targets = compressed(windows, spec)
    torch.testing.assert_close(windows.level[:, finest_frames(spec)], targets.level[:, 0])


def test_a_folder_without_a_bundle_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match=r"must be an installed name .* or a bundle's folder"):
        load_subject(tmp_path)


def test_certainty_stays_finite() -> None:
    """Probabilities of 0 and 1, as softmax and sigmoid give them at large logits."""

    class Certain(Bundle):
        def __init__(self) -> None:
            self.spec = tiny(live())

        def encode(self, mix: Any, bass: Any) -> tuple[Any, Any]:
            return np.zeros((len(mix), 2), np.float32), np.zeros((len(mix), 2), np.float32)

        def decode(self, mix: Any, z: Any) -> tuple[Any, Any, Any]:
            ones = np.ones(mix.shape[:2], np.float32)
            return np.eye(mix.shape[2], dtype=np.float32)[np.zeros(mix.shape[:2], int)], ones, 0 * ones

    subject = Exported(Certain())
    songs = [noise(subject.spec)]
    means = observe(subject, songs, evaluation_places(songs, subject.spec)).means
    assert all(np.isfinite(value) for value in means.values())
    assert means["loss_f0_finest"] > 10
