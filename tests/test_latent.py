"""z over time: clamping, smoothing, curves from files, and what is refused."""

import math
from pathlib import Path

import pytest

from bassnet_osc.latent import LiveZ, ZCurve, clamp, read_z_csv
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
