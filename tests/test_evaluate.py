"""Metrics of fake models whose right answers are known: the split, the labels and the pitch accuracy."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from songs import tiny, write_data
from torch import Tensor

from bassnet_osc.spec import BassNetError, Spec, live, studio
from training import evaluate as evaluation
from training.config import TrainConfig
from training.dataset import Song, cache_name
from training.descriptors import Descriptors
from training.evaluate import evaluate, label_frame, pattern_means
from training.model import VGAE, Prediction
from training.objective import UNVOICED_BIN
from training.train import train

SPEC = replace(tiny(live()), cqt=replace(live().cqt, n_bins=12))
N_FRAMES, BAR_FRAMES, F0 = 600, 100, 5


def song(rng: np.random.Generator, relabelled: bool = False) -> Song:
    """A song whose bass frames tell the pattern of their bar, 0 or 1; `relabelled` swaps the labels."""
    patterns = np.arange(N_FRAMES // BAR_FRAMES) % 2
    heard = patterns.repeat(BAR_FRAMES)[:, None] + 0.05 * rng.standard_normal((N_FRAMES, SPEC.cqt.n_bins))
    labels = 1 - patterns if relabelled else patterns
    bars = [{"start": i, "end": i + 1, "pattern": int(label)} for i, label in enumerate(labels)]
    curve = np.ones(N_FRAMES, dtype=np.float32)
    descriptors = Descriptors(np.full(N_FRAMES, F0), curve, curve)
    return Song(np.stack([heard, heard]).astype(np.float16), descriptors, {"bars": bars})


class Listener(VGAE):
    """Its mu is what the newest bass frame says; its f0 is always the bin `guess`."""

    def __init__(self, spec: Spec, guess: int = F0) -> None:
        torch.manual_seed(0)
        super().__init__(spec)
        self.guess = guess
        self.eval()

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        newest = y[:, 0, -1]
        return newest[:, :2], torch.zeros_like(newest[:, :2])

    def decode(self, x: Tensor, z: Tensor) -> Prediction:
        prediction = super().decode(x, z)
        prediction.f0 = torch.zeros_like(prediction.f0)
        prediction.f0[..., self.guess] = 1.0
        return prediction


def songs(n_songs: int, relabelled: set[int]) -> list[Song]:
    rng = np.random.default_rng(0)
    return [song(rng, relabelled=i in relabelled) for i in range(n_songs)]


def test_clear_patterns_are_all_classified() -> None:
    metrics = evaluate(Listener(SPEC), songs(4, set()))
    assert metrics["classifier_accuracy"] == 1.0
    np.testing.assert_allclose(metrics["mu_std"], [0.5, 0.5], atol=0.05)
    assert metrics["test_songs"] == 4


def test_pattern_means_are_where_the_patterns_were_put() -> None:
    """By the pattern's number; a pattern that no song plays has none."""
    data = songs(4, set())
    means = pattern_means(Listener(SPEC), data)
    assert set(means) == {0, 1}
    np.testing.assert_allclose(means[0], [0, 0], atol=0.05)
    np.testing.assert_allclose(means[1], [1, 1], atol=0.05)
    for one in data:
        one.truth["bars"] = [dict(bar, pattern=2 * bar["pattern"]) for bar in one.truth["bars"]]
    assert set(pattern_means(Listener(SPEC), data)) == {0, 2}


def test_fitted_on_one_half_and_scored_on_the_other() -> None:
    """In the second half the labels are swapped: a classifier that had seen it could not be all wrong."""
    assert evaluate(Listener(SPEC), songs(4, {2, 3}))["classifier_accuracy"] == 0.0


def test_accuracy_counts_the_second_half() -> None:
    """One of its four songs contradicts the first half."""
    assert evaluate(Listener(SPEC), songs(8, {5}))["classifier_accuracy"] == pytest.approx(0.75)


@pytest.mark.parametrize(("guess", "accuracy"), [(F0, 1.0), (F0 + 1, 1.0), (F0 - 1, 1.0), (F0 + 2, 0.0)])
def test_pitch_is_right_within_a_bin(guess: int, accuracy: float) -> None:
    """A bin is a third of a semitone."""
    assert evaluate(Listener(SPEC, guess), songs(2, set()))["pitch_accuracy"] == accuracy


def test_label_is_at_the_full_resolution() -> None:
    """The newest frame of a live window; the middle of a studio window of 40 frames."""
    assert label_frame(100, live()) == 100
    assert label_frame(100, studio()) == 80


def test_windows_lie_inside_the_bars() -> None:
    """The tail of a song, after its last bar, has no pattern."""
    short = songs(1, set())[0]
    short.truth["bars"] = short.truth["bars"][:3]
    newest = [frame for _, frame in evaluation.evaluation_places([short], SPEC)]
    assert newest[0] == SPEC.window.window_frames
    assert max(newest) < 3 * BAR_FRAMES
    assert max(newest) >= 3 * BAR_FRAMES - evaluation.EVERY_FRAMES


def test_losses_do_not_depend_on_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the pitch accuracy, though batches hold few voiced frames or none. Measured: 2e-7."""
    model, data = Listener(SPEC), songs(2, set())
    data[0].descriptors.f0_bin[:170] = UNVOICED_BIN
    data[1].descriptors.f0_bin[::3] = UNVOICED_BIN
    data[1].descriptors.f0_bin[300:] = F0 + 4  # so that the voiced frames are not alike
    places = evaluation.evaluation_places(data, SPEC)
    _, whole, accuracy = evaluation.latents_and_losses(model, data, places)
    assert len(places) < evaluation.BATCH and all(math.isfinite(value) for value in whole.values())
    for size in (1, 3, 20):
        monkeypatch.setattr(evaluation, "BATCH", size)
        _, parts, accuracy_of_parts = evaluation.latents_and_losses(model, data, places)
        assert parts == pytest.approx(whole, rel=1e-5)
        assert accuracy_of_parts == accuracy


def test_one_song_cannot_be_halved() -> None:
    with pytest.raises(BassNetError, match=r"two songs or more.* got 1"):
        evaluate(Listener(SPEC), songs(1, set()))


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of a few steps, tested."""
    spec, data = tiny(live()), write_data(tmp_path / "data", n_test=6)
    best = train(TrainConfig(str(data), str(tmp_path / "run"), steps=20, batch_pairs=4), spec)
    assert evaluation.main(["--checkpoint", str(best), "--data", str(data)]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["test_songs"] == 6
    assert (data / "test" / "0000" / cache_name(spec)).exists()


def test_bad_paths_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("no checkpoint")
    for name in ("none.pt", "notes.txt"):
        assert evaluation.main(["--checkpoint", str(tmp_path / name), "--data", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert f"{name} must be a checkpoint" in error
        assert error.count("\n") == 1
