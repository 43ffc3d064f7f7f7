"""z over time: clamping, smoothing, curves from files, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest

from bassnet_osc.latent import MAX_POINTS, LiveZ, ZCurve, clamp, read_z_csv
from bassnet_osc.presets import live
from bassnet_osc.spec import BassNetError

SPEC = live()


def test_clamp_keeps_to_the_limit_and_refuses_what_is_no_number() -> None:
    assert [clamp(v, SPEC) for v in (-7, -6, 0.5, 6.1)] == [-6, -6, 0.5, 6]
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(BassNetError, match="finite"):
            clamp(bad, SPEC)


def test_live_z_starts_where_it_is_first_set() -> None:
    z = LiveZ(SPEC)
    z.set(2.0, -1.0)
    assert z(0) == (2.0, -1.0)


def test_live_z_comes_closer_by_one_pole() -> None:
    """Time constant 30 ms, three frames: the rest shrinks by exp(-n / 3) in n frames, whatever the hop."""
    for hop in (1, 2, 10):
        z = LiveZ(SPEC)
        z.set(1.0, 0.0)
        z(0)
        z.set(2.0, 0.0)
        rests = [2.0 - z(hop * n)[0] for n in range(1, 5)]
        assert rests == pytest.approx([math.exp(-hop * n / 3) for n in range(1, 5)])


def test_one_axis_leaves_the_other_alone() -> None:
    z = LiveZ(SPEC)
    z.set(1.0, 2.0)
    z.set_axis("x", -3.0)
    assert z.target == (-3.0, 2.0)
    z.set_axis("y", 9.0)
    assert z.target == (-3.0, 6.0)


def test_reset_equals_new() -> None:
    z = LiveZ(SPEC, 0.5, 0.5)
    z.set(3.0, 3.0)
    z(0)
    z.reset()
    assert z(0) == LiveZ(SPEC, 0.5, 0.5)(0) == (0.5, 0.5)


def test_a_refused_z_changes_nothing() -> None:
    z = LiveZ(SPEC)
    z.set(1.0, 1.0)
    with pytest.raises(BassNetError):
        z.set(2.0, math.nan)
    assert z.target == (1.0, 1.0)


def test_curve_is_linear_between_points_and_constant_outside() -> None:
    curve = ZCurve([(1.0, 0.0, 0.0), (2.0, 1.0, -2.0)], SPEC)
    assert [curve(frame) for frame in (0, 100, 150, 200, 999)] == [
        (0, 0),
        (0, 0),
        (0.5, -1),
        (1, -2),
        (1, -2),
    ]


@pytest.mark.parametrize("heading", ["", "seconds,x,y\n"])
def test_csv_gives_the_curve(tmp_path: Path, heading: str) -> None:
    path = tmp_path / "z.csv"
    path.write_text(heading + "0,0,0\n1,2,-2\n\n")
    assert read_z_csv(path, SPEC)(50) == (1, -1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("0,1\n", "line 1"),
        ("0,0,0\n1,up,0\n", "line 2"),
        ("0,0,0\n0,1,1\n", "rise"),
        ("0,0,7\n", r"\[-6, 6\]"),
        ("0,nan,0\n", "z must"),
        ("nan,0,0\n", "line 1"),
    ],
)
def test_bad_csv_is_named_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "z.csv"
    path.write_text(text)
    with pytest.raises(BassNetError, match=told) as caught:
        read_z_csv(path, SPEC)
    assert "z.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("heading", ["", "seconds,x,y\n"])
def test_a_byte_order_mark_is_no_part_of_the_csv(tmp_path: Path, heading: str) -> None:
    path = tmp_path / "z.csv"
    path.write_text(heading + "0,0,0\n1,2,-2\n", encoding="utf-8-sig")
    assert read_z_csv(path, SPEC)(50) == (1, -1)


def test_missing_csv_is_named(tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match=r"none\.csv"):
        read_z_csv(tmp_path / "none.csv", SPEC)


def at_each(z: LiveZ, frames: range) -> list[tuple[float, float]]:
    return [z(frame) for frame in frames]


def test_timed_z_is_exact_at_its_points_and_straight_between_them() -> None:
    """Applied by the first window whose newest finished frame reaches it, whatever the order of arrival."""
    z = LiveZ(SPEC)
    for frame, x, y in ((20, 4.0, 0.0), (10, 0.0, 2.0), (30, 4.0, 1.0)):
        z.plan(frame, x, y)
    z.set(1.0, 1.0)
    assert at_each(z, range(0, 10, 2)) == [(1.0, 1.0)] * 5
    assert z(10) == (0.0, 2.0)
    line = [(0.4 * n, 2.0 - 0.2 * n) for n in range(2, 10, 2)] + [(4.0, 0.1 * n) for n in range(0, 10, 2)]
    np.testing.assert_allclose(at_each(z, range(12, 30, 2)), line, atol=1e-12)
    assert at_each(z, range(30, 40, 2)) == [(4.0, 1.0)] * 5
    assert z.target == (4.0, 1.0)


def test_a_point_between_two_windows_takes_effect_at_the_later_one() -> None:
    z = LiveZ(SPEC)
    z.set(0.0, 0.0)
    z.plan(5.5, 1.0, 1.0)
    assert (z(4), z(6)) == ((0.0, 0.0), (1.0, 1.0))


def test_a_point_of_the_past_takes_effect_at_once_and_the_newest_of_several() -> None:
    z = LiveZ(SPEC)
    z(100)
    z.plan(50, 1.0, 0.0)
    z.plan(60, 2.0, 0.0)
    z.plan(60, 3.0, 0.0)  # moves the one that is there
    assert z(102) == (3.0, 0.0)


def test_a_fader_breaks_the_line_until_the_next_point() -> None:
    z = LiveZ(SPEC)
    z.plan(0, 0.0, 0.0)
    z.plan(100, 1.0, 0.0)
    assert z(50)[0] == pytest.approx(0.5)
    z.set(-2.0, 0.0)
    assert z(98)[0] == pytest.approx(-2.0, abs=1e-5)  # the fader's own smoothing, long over
    assert z(100) == (1.0, 0.0)


def test_a_line_begins_where_z_is_when_its_end_is_planned() -> None:
    """Not at a point that was passed long ago: z does not jump to where the line would be by now."""
    z = LiveZ(SPEC)
    z.plan(0, 0.0, 0.0)
    z(100)
    z.plan(120, 1.0, 0.0)
    assert z(110)[0] == pytest.approx(0.5)


def test_a_restart_forgets_what_was_planned_and_keeps_z() -> None:
    z = LiveZ(SPEC)
    z.plan(0, 1.0, 1.0)
    z.plan(50, 2.0, 2.0)
    z(10)
    z.start_anew()
    assert z(0) == z(60) == pytest.approx((1.2, 1.2))


def test_so_many_points_may_wait_and_no_more() -> None:
    z = LiveZ(SPEC)
    for frame in range(MAX_POINTS):
        z.plan(frame, 0.0, 0.0)
    with pytest.raises(BassNetError, match="4096 timed z may wait"):
        z.plan(MAX_POINTS, 0.0, 0.0)
    z(10)
    z.plan(MAX_POINTS, 0.0, 0.0)
    with pytest.raises(BassNetError, match="finite"):
        z.plan(0, math.nan, 0.0)
