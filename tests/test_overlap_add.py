"""Windows that are left out: the one before stands in, or the tone dies away; then all is as it was."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from bassnet_osc.frames import CONCEAL_DB_PER_FRAME, Frames
from bassnet_osc.overlap_add import OverlapAdd, bin_to_hz, can_repeat, f0_of
from bassnet_osc.presets import live
from bassnet_osc.spec import Spec

SPEC = live()  # hop 2, taper 4, skip 2
N_WINDOWS = 40


def true_level(frame: int) -> float:
    """Of a signal that the model hears perfectly: above the gate, no two frames alike."""
    return 0.7 + 0.2 * np.sin(0.3 * frame)


def output(w: int, spec: Spec = SPEC) -> np.ndarray:
    """What a perfect decoder says in window w: frame i has the level true_level(i) and the bin 60 + i % 7."""
    window = spec.window
    newest = window.hop * w + window.taper - 1 + window.skip
    frames = newest - window.window_frames + 1 + np.arange(window.window_frames)
    out = np.zeros((window.window_frames, spec.cqt.n_bins + 2), np.float32)
    out[np.arange(len(frames)), 60 + frames % 7] = 1.0
    out[:, -2] = [true_level(frame) for frame in frames]
    return out[window.used.start : window.used.stop]


def played(left_out: set[int], spec: Spec = SPEC, **options: Any) -> tuple[Frames, list[bool]]:
    """All frames, and which windows gave stand-ins."""
    adding = OverlapAdd(spec, spec.window, **options)
    runs = [
        adding.add(w, None if w in left_out else output(w, spec), spec.descriptor)
        for w in range(-1, N_WINDOWS)
    ]
    return Frames.join([frames for frames, _ in runs]), [is_stand_in for _, is_stand_in in runs]


def true_db(n: int) -> np.ndarray:
    return np.asarray(SPEC.descriptor.level_to_db(np.array([true_level(i) for i in range(n)])))


def test_a_perfect_model_is_heard_perfectly() -> None:
    frames, stand_ins = played(set())
    assert frames.first == 0 and not any(stand_ins)
    np.testing.assert_allclose(frames.level_db, true_db(len(frames)), atol=1e-4)


@pytest.mark.parametrize("parity", [0, 1])
def test_every_second_window_may_be_left_out_and_nothing_stands_still(parity: int) -> None:
    """The window before it knows the frames under its taper, too: a perfect model loses nothing."""
    frames, stand_ins = played(set(range(5 + parity, N_WINDOWS, 2)))
    assert not any(stand_ins)
    np.testing.assert_allclose(frames.level_db, true_db(len(frames)), atol=1e-4)
    np.testing.assert_array_equal(frames.f0_hz, played(set())[0].f0_hz)


@pytest.mark.parametrize("n_left_out", [2, 3, 7])
def test_a_gap_dies_away_and_ends_without_a_trace(n_left_out: int) -> None:
    """The first window is stood in for, in the others the last frame's tone decays; then all is as before."""
    left_out = set(range(10, 10 + n_left_out))
    frames, stand_ins = played(left_out)
    whole, _ = played(set())
    assert [w for w, is_stand_in in zip(range(-1, N_WINDOWS), stand_ins, strict=True) if is_stand_in] == (
        sorted(left_out)[1:]
    )
    start, end = 2 * 11 + 1, 2 * (10 + n_left_out) + 1  # frames that windows 11 ... would have finished
    assert len(frames) == len(whole)
    decay = frames.level_db[start - 1] - CONCEAL_DB_PER_FRAME * np.arange(1, end - start + 1)
    np.testing.assert_allclose(frames.level_db[start:end], decay)
    assert (frames.f0_hz[start:end] == frames.f0_hz[start - 1]).all() and not frames.onset[start:end].any()
    for curve in ("level_db", "f0_hz", "onset"):
        np.testing.assert_allclose(getattr(frames, curve)[:start], getattr(whole, curve)[:start], atol=1e-4)
        np.testing.assert_allclose(getattr(frames, curve)[end:], getattr(whole, curve)[end:], atol=1e-4)


def test_where_the_taper_reaches_further_than_a_window_hears_the_tone_dies_away_at_once() -> None:
    spec = dataclasses.replace(SPEC, window=dataclasses.replace(SPEC.window, taper=8))
    assert can_repeat(SPEC.window) and not can_repeat(spec.window)
    _, stand_ins = played({10}, spec)
    assert sum(stand_ins) == 1


def test_one_that_joins_later_plays_from_its_first_window_on_as_the_others() -> None:
    adding = OverlapAdd(SPEC, SPEC.window, is_first=False)
    runs = [adding.add(w, output(w), SPEC.descriptor)[0] for w in range(20, N_WINDOWS)]
    frames, (whole, _) = Frames.join(runs), played(set())
    assert frames.first == 2 * 20 + 1
    np.testing.assert_allclose(frames.level_db, whole.level_db[frames.first :], atol=1e-4)


def test_nothing_known_yet_is_silence() -> None:
    frames, stand_ins = played({-1, 0, 1, 2})
    assert stand_ins[:4] == [True] * 4 and np.isnan(frames.f0_hz[:7]).all()
    np.testing.assert_allclose(frames.level_db[7:], true_db(len(frames))[7:], atol=1e-4)


@pytest.mark.parametrize("k", [0, 1, 60, -1])
def test_f0_is_the_centroid_of_the_likeliest_bin_and_its_neighbours(k: int, rng: np.random.Generator) -> None:
    probabilities = rng.random(SPEC.cqt.n_bins)
    probabilities[k] = 2.0
    bins = np.arange(SPEC.cqt.n_bins)
    near = np.abs(bins - bins[k]) <= 1
    centroid = np.average(bins[near], weights=probabilities[near])
    assert f0_of(probabilities, SPEC.cqt) == pytest.approx(bin_to_hz(centroid, SPEC.cqt), rel=1e-12)
