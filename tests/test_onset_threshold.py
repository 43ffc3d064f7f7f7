"""The threshold of onsets: a model that is never sure gets a lower one, a sure one keeps to what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from songs import tiny
from torch import Tensor

from bassnet_osc.presets import live, studio
from bassnet_osc.spec import Spec
from export.onset_threshold import (
    OFF_SHARE,
    THRESHOLDS,
    calibrated,
    f1,
    played_curves,
    true_onsets,
    with_threshold,
)
from training.dataset import Song, Windows
from training.descriptors import Descriptors
from training.places import finest_frames
from training.subject import Guess

N_FRAMES, EVERY = 1200, 25


def song() -> Song:
    """An onset every quarter of a second, which the mix's first bin tells with what else rises there."""
    true = np.zeros(N_FRAMES, np.float32)
    true[::EVERY] = 1.0
    spectra = np.zeros((2, N_FRAMES, 264), np.float16)
    spectra[0, :, 0] = true
    spectra[0, 12::EVERY, 0] = 0.3  # a false one between each two
    f0 = np.full(N_FRAMES, 40)
    return Song(spectra, Descriptors(f0, np.ones(N_FRAMES, np.float32), true), {"bars": [], "bass": []})


class Unsure:
    """Its onset probability is what the mix says times `sureness`; always loud."""

    def __init__(self, sureness: float, spec: Spec) -> None:
        self.sureness, self.spec = sureness, spec

    def encode(self, windows: Windows) -> Tensor:
        """Every window at 0.5."""
        return torch.full((len(windows.mix), 2), 0.5)

    def play(self, windows: Windows, z: Tensor) -> Iterator[Guess]:
        """The finest frames."""
        assert z.tolist() == [[0.5, 0.5]]
        heard = windows.mix[:, finest_frames(self.spec), 0][:, None]
        p = (self.sureness * heard).clamp(1e-4, 1 - 1e-4)
        f0 = torch.zeros(*p.shape, self.spec.cqt.n_bins)
        yield Guess(f0, torch.full_like(p, 8.0), torch.logit(p))


@pytest.mark.parametrize("preset", [live, studio])
def test_curves_are_those_of_the_song(preset: object) -> None:
    """Frame by frame and without gaps: the model says what it hears, and the truth lies where it says so."""
    spec = tiny(live()) if preset is live else replace(studio(), model=tiny(studio()).model)
    onset, level, true = played_curves(Unsure(1.0, spec), song())  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.flatnonzero(onset > 0.9), true)
    assert len(true) > 10 and set(np.diff(true)) == {EVERY} and level.min() > 0.9


def test_estimated_onsets_are_peaks_of_their_curve() -> None:
    """madmom never says 1; without any onset the threshold stays."""
    spec, one = tiny(live()), song()
    assert calibrated(Unsure(0.4, spec), [one] * 3).descriptor.onset_on < 0.5  # type: ignore[arg-type]
    one.truth["bass"] = None
    one.descriptors.onset[:] *= 0.97
    np.testing.assert_allclose(true_onsets(one, spec), np.arange(0, N_FRAMES, EVERY))
    assert calibrated(Unsure(0.4, spec), [one] * 3).descriptor.onset_on < 0.5  # type: ignore[arg-type]
    one.descriptors.onset[:] = 0.0
    assert calibrated(Unsure(0.4, spec), [one] * 3) == spec  # type: ignore[arg-type]


@pytest.mark.parametrize(("sureness", "low", "high"), [(1.0, 0.3, 0.71), (0.4, 0.12, 0.4)])
def test_the_threshold_lies_between_true_and_false(sureness: float, low: float, high: float) -> None:
    """What is false is said at 0.3 of what is true."""
    spec = tiny(live())
    found = calibrated(Unsure(sureness, spec), [song()] * 3).descriptor  # type: ignore[arg-type]
    assert low <= found.onset_on <= high and found.onset_off == OFF_SHARE * found.onset_on
    assert found.onset_on in THRESHOLDS
    assert replace(found, onset_on=0.5, onset_off=0.25) == spec.descriptor


def test_f1_by_hand() -> None:
    """Two of three found and one too many: 2/3; above all, none but the start of the voice."""
    spec = tiny(live())
    onset = np.zeros(100)
    onset[[0, 30, 60]] = 0.4
    curves = onset, np.ones(100), np.array([0.0, 30.0, 90.0])
    assert f1(curves, spec, 0.3) == pytest.approx(2 / 3)
    assert f1(curves, spec, 0.5) == pytest.approx(0.5)
    assert with_threshold(spec, 0.3).descriptor.onset_off == pytest.approx(0.15)
