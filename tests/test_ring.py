"""The ring between two threads: samples keep their positions, whatever is late or missing."""

from __future__ import annotations

import numpy as np
import pytest

from bassnet_osc.ring import Ring


def ramp(first: int, n: int) -> np.ndarray:
    """Samples that are their own positions."""
    return np.arange(first, first + n, dtype=np.float32)


@pytest.mark.parametrize("sizes", [[1] * 50, [7] * 40, [3, 10, 1, 8] * 12])
def test_what_is_written_is_read_where_it_belongs(sizes: list[int]) -> None:
    """Round after round of the ring; what is older than it holds is past its `first`."""
    ring = Ring(10)
    for size in sizes:
        ring.write(np.stack([ramp(ring.end, size) - 1.0, ramp(ring.end, size) + 1.0], axis=1))
        np.testing.assert_array_equal(
            ring.block(ring.first, ring.end - ring.first), ramp(ring.first, ring.end - ring.first)
        )
        assert ring.first == max(0, ring.end - 10)


def test_what_is_not_there_yet_is_silent_and_counted() -> None:
    ring = Ring(10)
    ring.write_at(0, ramp(5, 4))
    both = np.full((6, 2), 9.0, np.float32)
    assert ring.read(2, both) == 4
    assert both.tolist() == [[7.0, 7.0], [8.0, 8.0]] + [[0.0, 0.0]] * 4
    assert ring.read(40, both) == 6 and not both.any()


def test_before_the_beginning_there_is_silence() -> None:
    ring = Ring(10)
    block = np.full((4, 1), 9.0, np.float32)
    assert ring.read(-8, block) == 0 and not block.any()
    ring.write_at(0, ramp(1, 4))
    assert ring.read(-2, block) == 0 and block[:, 0].tolist() == [0.0, 0.0, 1.0, 2.0]


@pytest.mark.parametrize("n_missing", [1, 9, 15, 1000])
def test_a_gap_is_silent_however_old_the_samples_in_its_place(n_missing: int) -> None:
    ring = Ring(10)
    ring.write_at(0, ramp(1, 20))
    ring.write_at(20 + n_missing, ramp(1, 4))
    n_seen = min(10, 4 + n_missing)
    expected = np.concatenate([np.zeros(n_seen, np.float32), ramp(1, 4)])[-n_seen:]
    np.testing.assert_array_equal(ring.block(ring.end - n_seen, n_seen), expected)


def test_what_comes_again_is_left() -> None:
    """A session that opened anew may answer old blocks once more: time does not go back."""
    ring = Ring(10)
    ring.write_at(0, ramp(1, 8))
    ring.write_at(2, ramp(100, 4))
    assert ring.end == 8
    np.testing.assert_array_equal(ring.block(0, 8), ramp(1, 8))
