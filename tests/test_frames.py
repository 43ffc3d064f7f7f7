"""Runs of frames: taken apart and put together again they are what they were."""

from __future__ import annotations

import numpy as np
import pytest

from bassnet_osc.bass import Samples
from bassnet_osc.frames import Frames


def run(first: int, n_frames: int) -> Frames:
    at = np.arange(first, first + n_frames, dtype=np.float64)
    return Frames(first, 50.0 + at, -at, at / 100.0)


def curves(frames: Frames) -> list[list[float]]:
    return [frames.f0_hz.tolist(), frames.level_db.tolist(), frames.onset.tolist()]


@pytest.mark.parametrize("sizes", [[0], [5], [0, 0], [0, 5], [5, 0], [0, 2, 0, 3], [1, 1, 3]])
def test_runs_that_follow_one_another_join(sizes: list[int]) -> None:
    starts = 7 + np.cumsum([0, *sizes])
    joined = Frames.join([run(int(first), n) for first, n in zip(starts, sizes, strict=False)])
    assert (joined.first, joined.end) == (7, 7 + sum(sizes))
    assert curves(joined) == curves(run(7, sum(sizes)))


@pytest.mark.parametrize("part", [slice(0, 5), slice(None), slice(2, 9), slice(3, 1), slice(5, 5)])
def test_a_part_is_a_run(part: slice) -> None:
    whole = run(7, 5)
    assert curves(whole[part]) == [curve[part] for curve in curves(whole)]
    assert whole[part].first == 7 + part.indices(5)[0]


def test_samples_come_out_as_they_went_in_after_the_silence(rng: np.random.Generator) -> None:
    waiting, pieces, taken = Samples(30), [rng.random(n).astype(np.float32) for n in (0, 10, 80, 1, 9)], []
    for piece in pieces:
        waiting.add(piece)
    for n in (0, 20, 20, 0, 45, 45):
        taken.append(waiting.take(n))
        assert (len(taken[-1]), taken[-1].dtype) == (n, np.float32)
    np.testing.assert_array_equal(np.concatenate(taken), np.concatenate([np.zeros(30), *pieces]))
    assert len(waiting) == 0
