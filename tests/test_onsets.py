"""The attack decision: hysteresis, refractory time, starts of the voice, and nothing but the past."""

from __future__ import annotations

import numpy as np
import pytest

from bassnet_osc.onsets import LevelGate, OnsetGate
from bassnet_osc.spec import DescriptorSpec

SPEC = DescriptorSpec(onset_on=0.5, onset_off=0.25, refractory_frames=5)


def attacks(onset: dict[int, float], voiced: range | list[int], n_frames: int = 40) -> list[int]:
    """The frames that attack, of a curve that is 0 but where told."""
    curve = np.zeros(n_frames)
    curve[list(onset)] = list(onset.values())
    is_voiced = np.isin(np.arange(n_frames), list(voiced))
    return [int(i) for i in np.flatnonzero(OnsetGate(SPEC).process(curve, is_voiced))]


def random_input(rng: np.random.Generator, n_frames: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """A curve with peaks everywhere, and a voice that comes, goes and flickers."""
    onset = rng.random(n_frames) ** 2
    voiced = np.repeat(rng.random(n_frames // 4) < 0.7, 4) & (rng.random(n_frames) < 0.95)
    return onset, voiced


@pytest.mark.parametrize(
    ("onset", "voiced", "expected"),
    [
        pytest.param({10: 0.9}, range(40), [0, 10], id="a peak in a voiced stretch"),
        pytest.param({10: 0.5}, range(40), [0, 10], id="the threshold itself is enough"),
        pytest.param({10: 0.49}, range(40), [0], id="below the threshold is not"),
        pytest.param({}, range(7, 20), [7], id="a voice that starts without a peak"),
        pytest.param({5: 0.9}, range(7, 20), [7], id="a peak shortly before the voice starts"),
        pytest.param({6: 0.9, 7: 0.9, 8: 0.9}, range(7, 20), [7], id="a peak around the start"),
        pytest.param({9: 0.9}, range(7, 20), [7], id="a peak shortly after the voice starts"),
        pytest.param({12: 0.9}, range(7, 20), [7, 12], id="a peak after the refractory time"),
        pytest.param({5: 0.9}, [], [], id="a peak without a voice"),
        pytest.param({10: 0.9, 15: 0.9}, range(40), [0, 10, 15], id="as near as may be"),
        pytest.param({10: 0.9, 14: 0.9}, range(40), [0, 10], id="nearer than may be"),
        pytest.param(
            {**dict.fromkeys(range(10, 30), 0.3), 10: 0.9, 20: 0.9}, range(40), [0, 10], id="no fall between"
        ),
        pytest.param({10: 0.9, 14: 0.9, 15: 0.9}, range(40), [0, 10], id="a rise too early is spent"),
        pytest.param({}, [*range(5, 8), *range(9, 30)], [5], id="a voice that drops out and comes back"),
        pytest.param({}, [*range(5, 15), *range(16, 30)], [5, 16], id="a voice that starts again later"),
    ],
)
def test_decisions_by_hand(onset: dict[int, float], voiced: range | list[int], expected: list[int]) -> None:
    assert attacks(onset, voiced) == expected


@pytest.mark.parametrize("size", [1, 2, 7, 1999])
def test_groups_do_not_matter(size: int, rng: np.random.Generator) -> None:
    onset, voiced = random_input(rng)
    gate = OnsetGate(SPEC)
    grouped = [gate.process(onset[i : i + size], voiced[i : i + size]) for i in range(0, len(onset), size)]
    np.testing.assert_array_equal(np.concatenate(grouped), OnsetGate(SPEC).process(onset, voiced))


def test_the_future_does_not_change_the_past(rng: np.random.Generator) -> None:
    onset, voiced = random_input(rng)
    whole = OnsetGate(SPEC).process(onset, voiced)
    onset[1000:], voiced[1000:] = 1.0 - onset[1000:], ~voiced[1000:]
    np.testing.assert_array_equal(OnsetGate(SPEC).process(onset, voiced)[:1000], whole[:1000])


def test_attacks_are_voiced_and_apart_and_lead_each_voice(rng: np.random.Generator) -> None:
    onset, voiced = random_input(rng)
    found = OnsetGate(SPEC).process(onset, voiced)
    where = np.flatnonzero(found)
    assert len(where) > 100
    assert voiced[where].all()
    assert np.diff(where).min() == SPEC.refractory_frames
    for start in np.flatnonzero(voiced & ~np.concatenate([[False], voiced[:-1]])):
        assert found[max(0, start - SPEC.refractory_frames + 1) : start + 1].any()


def test_reset_equals_new(rng: np.random.Generator) -> None:
    onset, voiced = random_input(rng)
    gate = OnsetGate(SPEC)
    first = gate.process(onset, voiced)
    gate.reset()
    np.testing.assert_array_equal(gate.process(onset, voiced), first)


def test_no_frames() -> None:
    assert OnsetGate(SPEC).process(np.zeros(0), np.zeros(0, np.bool_)).shape == (0,)


def gated(level_db: list[float], onset: dict[int, float] | None = None) -> list[int]:
    """Voiced frames as 0 and 1."""
    curve = np.zeros(len(level_db))
    for frame, value in (onset or {}).items():
        curve[frame] = value
    return [int(v) for v in LevelGate(DescriptorSpec()).process(np.array(level_db), curve)]


def test_level_gate_has_hysteresis() -> None:
    """On from -40 dBFS, off below -46."""
    assert gated([-50, -43, -40, -45, -46, -46.1, -43, -39]) == [0, 0, 1, 1, 1, 0, 0, 1]


def test_an_onset_opens_the_level_gate_and_the_level_keeps_it_open() -> None:
    """A plucked note is voiced from its onset on, not from when its mean level has come up."""
    assert gated([-60, -55, -44, -38, -60], {1: 0.6}) == [0, 1, 1, 1, 0]
    assert gated([-60, -55, -44, -38, -60], {1: 0.4}) == [0, 0, 0, 1, 0]
    assert gated([-60, -55, -55, -55], {1: 0.6}) == [0, 1, 0, 0]


def test_level_gate_grouping_does_not_matter(rng: np.random.Generator) -> None:
    level_db, onset = rng.uniform(-60, -30, 500), rng.random(500)
    whole, parts = LevelGate(DescriptorSpec()), LevelGate(DescriptorSpec())
    split = [parts.process(level_db[i : i + 7], onset[i : i + 7]) for i in range(0, 500, 7)]
    np.testing.assert_array_equal(np.concatenate(split), whole.process(level_db, onset))
    whole.reset()
    np.testing.assert_array_equal(np.concatenate(split), whole.process(level_db, onset))
