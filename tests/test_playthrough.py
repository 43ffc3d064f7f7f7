"""Playing a mix through a client: pace, order, gaps, the path of z and the measured lag."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from bassnet_osc import playthrough
from bassnet_osc.playthrough import in_blocks, lag_samples, play, z_path
from bassnet_osc.spec import BassNetError

BLOCK_SIZE = 16  # samples
SAMPLE_RATE = 8_000  # Hz


class FakeClient:
    """Answers each block with itself, `slow` seconds later on a clock of its own; `deaf` ones never."""

    block_size, sample_rate = BLOCK_SIZE, SAMPLE_RATE

    def __init__(self, slow: float = 0.0, deaf: frozenset[int] = frozenset()) -> None:
        self.now = 100.0
        self.log: list[tuple[str, float]] = []  # what was said, and when
        self._slow, self._deaf = slow, deaf
        self._answers: deque[tuple[float, int, np.ndarray]] = deque()
        self._n_sent = 0

    def z(self, x: float, y: float) -> None:
        self.log.append((f"z {x:g} {y:g}", self.now))

    def send(self, block: np.ndarray) -> None:
        self.log.append((f"block {self._n_sent}", self.now))
        if self._n_sent not in self._deaf:
            self._answers.append((self.now + self._slow, self._n_sent, block))
        self._n_sent += 1

    def receive(self, timeout: float) -> tuple[int, np.ndarray] | None:
        if not self._answers or self._answers[0][0] > self.now + timeout:
            self.now += timeout
            return None
        at, seq, block = self._answers.popleft()
        self.now = max(self.now, at)
        return seq, block


def playing(
    client: FakeClient, blocks: list[np.ndarray], z: np.ndarray, fast: bool
) -> playthrough.Playthrough:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(playthrough.time, "perf_counter", lambda: client.now)
        return play(client, blocks, z, fast)  # type: ignore[arg-type]


def some_blocks(n_blocks: int) -> list[np.ndarray]:
    return list(np.arange(1, n_blocks * BLOCK_SIZE + 1, dtype=np.float32).reshape(n_blocks, BLOCK_SIZE))


@pytest.mark.parametrize("slow", [0.0, 0.0015, 0.3])
def test_in_real_time_each_block_leaves_on_its_beat(slow: float) -> None:
    """Slow answers, even ones that take longer than a block, do not move the beats."""
    client = FakeClient(slow)
    played = playing(client, some_blocks(20), np.zeros((20, 2)), fast=False)
    sent = [at for what, at in client.log if what.startswith("block")]
    np.testing.assert_allclose(sent, 100.0 + np.arange(20) * BLOCK_SIZE / SAMPLE_RATE, atol=1e-9)
    assert played.in_flight == 0
    np.testing.assert_allclose(
        played.round_trip_ms, 1e3 * slow, atol=2.0
    )  # read when the wait for the beat begins


def test_fast_waits_for_each_answer_and_moves_z_between() -> None:
    client = FakeClient(slow=0.003)
    z = np.array([[0, 0], [0, 0], [1, 0], [1, 2]])
    playing(client, some_blocks(4), z, fast=True)
    assert [what for what, _ in client.log] == [
        "z 0 0", "block 0", "block 1", "z 1 0", "block 2", "z 1 2", "block 3",
    ]  # fmt: skip
    sent = [at for what, at in client.log if what.startswith("block")]
    np.testing.assert_allclose(np.diff(sent), 0.003)


@pytest.mark.parametrize("fast", [False, True])
def test_a_missing_answer_is_a_gap_and_no_shift(fast: bool) -> None:
    blocks = some_blocks(6)
    played = playing(FakeClient(deaf=frozenset([2, 5])), blocks, np.zeros((6, 2)), fast)
    expected = np.concatenate(blocks)
    expected[2 * BLOCK_SIZE : 3 * BLOCK_SIZE] = expected[5 * BLOCK_SIZE :] = 0
    np.testing.assert_array_equal(played.bass(10, 70), expected[10:80])
    assert (len(played.sent_s), len(played.answers)) == (6, 4)


@pytest.mark.parametrize("fast", [False, True])
def test_a_server_that_falls_silent_is_given_up(fast: bool) -> None:
    client = FakeClient(deaf=frozenset(range(5, 5_000)))
    with pytest.raises(BassNetError, match="has not answered for 3 s"):
        playing(client, some_blocks(5_000), np.zeros((5_000, 2)), fast)
    assert client.now - 100.0 == pytest.approx(3.0, abs=0.02)  # the five first blocks take 8 ms


@pytest.mark.parametrize("n_samples", [1, 15, 16, 17, 1000])
@pytest.mark.parametrize("latency", [0, 7, 100])
def test_blocks_hold_the_mix_and_the_latency(n_samples: int, latency: int) -> None:
    audio = np.arange(n_samples, dtype=np.float32) + 1
    joined = np.concatenate(in_blocks(audio, BLOCK_SIZE, latency))
    np.testing.assert_array_equal(joined[:n_samples], audio)
    assert not joined[n_samples:].any()
    assert 0 <= len(joined) - n_samples - latency < BLOCK_SIZE


def test_z_stays_at_each_place_and_glides_to_the_next() -> None:
    places = [(-1.0, 0.0), (2.0, 1.0), (0.0, -3.0)]
    path = z_path(places, 3000)
    assert path.shape == (3000, 2)
    for i, place in enumerate(places):
        np.testing.assert_array_equal(path[1000 * i : 1000 * i + 600], [place] * 600)
    np.testing.assert_array_equal(path[2000:], [places[2]] * 1000)
    assert np.abs(np.diff(path, axis=0)).max() < 0.02  # 4 units in 400 steps, at most pi / 2 times the mean
    np.testing.assert_array_equal(z_path(places[:1], 5), [places[0]] * 5)


@pytest.mark.parametrize("lag", [-300, -1, 0, 1, 17, 4096])
def test_the_lag_is_found_to_the_sample(rng: np.random.Generator, lag: int) -> None:
    long = rng.standard_normal(20_000).astype(np.float32)
    heard, expected = long[5_000 - lag : 15_000 - lag], long[5_000:15_000]
    assert lag_samples(0.5 * heard, expected) == lag
