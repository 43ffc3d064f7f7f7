"""Files that say where z goes: what is read of them, when it is told, and what is refused."""

from __future__ import annotations

import math
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from midi_curves import cc, tempo, write_csv, write_midi, write_steps

from bassnet_osc.latent import read_z_csv
from bassnet_osc.presets import live
from bassnet_osc.spec import USUAL_Z, BassNetError
from bassnet_osc.z_curve import CONTROLLERS, FINE, POINTS_PER_S, Curve, read_curve

X, Y = CONTROLLERS
EVERY = 1 / POINTS_PER_S  # seconds


def steps(curve: Curve) -> list[tuple[float, float | None, float | None]]:
    """The points of a curve, without those that change nothing."""
    points = [(at, *z) for at, z in curve.points()]
    return points[:1] + [after for before, after in pairwise(points) if before[1:] != after[1:]]


# --- numbers that are others', too -------------------------------------------------------------------


def test_points_come_as_often_as_live_models_take_them() -> None:
    spec = live()
    assert spec.window.hop / spec.cqt.frame_rate == EVERY


# --- MIDI files --------------------------------------------------------------------------------------


def test_times_follow_the_tempo(tmp_path: Path) -> None:
    """480 ticks a beat; 120 beats a minute until beat 1, then 60: 0.5 s a beat, then 1 s."""
    tempi = [tempo(0, 120), tempo(480, 60)]
    moves = [cc(240, X, 0), cc(480, X, 64), cc(720, X, 127), cc(960, Y, 0), cc(1200, Y, 127)]
    curve = read_curve(write_midi(tmp_path / "z.mid", tempi, moves, end=1440, ticks=480))
    assert curve.seconds == pytest.approx(2.5, abs=1e-12)
    expected = [
        (0.0, -3.0, -3.0),
        (0.5, 0.0, -3.0),
        (1.0, 3.0, -3.0),
        (2.0, 3.0, 3.0),
    ]
    np.testing.assert_allclose(steps(curve), expected, rtol=0, atol=1e-12)


def test_seven_bits_reach_both_ends_and_the_very_middle(tmp_path: Path) -> None:
    moves = [cc(20 * value, X, value) for value in range(128)]
    values = [x for _, x, _ in steps(read_curve(write_midi(tmp_path / "z.mid", moves)))]
    assert (values[0], values[64], values[127]) == (-USUAL_Z, 0.0, USUAL_Z)
    np.testing.assert_allclose(np.diff(values[:65]), USUAL_Z / 64)
    np.testing.assert_allclose(np.diff(values[64:]), USUAL_Z / 63)


def test_fine_controllers_make_fourteen_bits(tmp_path: Path) -> None:
    """Each coarse value puts the fine one back to 0; the fine one moves alone as well."""
    pairs = [(0, 0), (0, 1), (64, 0), (127, 127), (100, 0)]
    moves = [
        move
        for n, (high, low) in enumerate(pairs)
        for move in (cc(40 * n, X, high), cc(40 * n, X + FINE, low))
    ]
    moves += [cc(200, X + FINE, 5), cc(240, X, 64)]
    values = [x for _, x, _ in steps(read_curve(write_midi(tmp_path / "z.mid", moves)))]
    assert values[0] == -USUAL_Z and values[2] == 0.0 and values[3] == USUAL_Z and values[6] == 0.0
    assert values[1] - values[0] == pytest.approx(USUAL_Z / 8192)
    assert values[5] - values[4] == pytest.approx(5 * USUAL_Z / 8191)


@pytest.mark.parametrize(("x", "other"), [(1, 74), (1, 33), (74, 106)])
def test_controllers_may_be_chosen(tmp_path: Path, x: int, other: int) -> None:
    """And one that is chosen, or from 32 on, is nobody's fine half: all have seven bits here."""
    moves = [cc(0, X, 3), cc(0, x, 127), cc(0, other, 0), cc(100, other, 127)]
    curve = read_curve(write_midi(tmp_path / "z.mid", moves), (x, other))
    assert steps(curve) == [(0.0, 3.0, -3.0), (pytest.approx(0.1), 3.0, 3.0)]


def test_any_channel_moves_z(tmp_path: Path) -> None:
    moves = [cc(0, X, 0, channel=0), cc(100, X, 127, channel=15)]
    assert [x for _, x, _ in steps(read_curve(write_midi(tmp_path / "z.mid", moves)))] == [-3.0, 3.0]


def test_an_axis_that_the_file_does_not_move_is_left_alone_and_named(tmp_path: Path) -> None:
    curve = read_curve(write_midi(tmp_path / "z.mid", [cc(0, 7, 100), cc(0, Y, 127)]))
    assert curve.at(1.0) == (None, 3.0)
    assert curve.remark.endswith(f"z.mid has no controller {X} (it has 7, {Y}): x stays as it is")
    both = read_curve(write_midi(tmp_path / "both.mid", [cc(0, X, 100), cc(0, Y, 127)]))
    assert both.remark == ""


def test_where_changes_come_thick_the_newest_is_told_and_the_last_one_always(tmp_path: Path) -> None:
    """A change each millisecond: told every 20 ms, none of them before its time."""
    moves = [cc(tick, X, tick % 128) for tick in range(1000)]
    curve = read_curve(write_midi(tmp_path / "z.mid", moves))
    points = list(curve.points())
    gaps = [after - before for (before, _), (after, _) in pairwise(points)]
    assert min(gaps) >= EVERY - 1e-12 and len(points) == POINTS_PER_S + 1
    assert curve.x is not None
    for at, z in points:
        newest = max(second for second in curve.x.seconds if second <= at)
        assert at - newest < 0.001 + 1e-9 or newest == curve.x.seconds[-1]
        assert z[0] == curve.x.values[list(curve.x.seconds).index(newest)]
    assert points[-1][1][0] == curve.x.values[-1]


# --- CSV ---------------------------------------------------------------------------------------------


def test_a_csv_is_the_curve_that_render_reads(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "z.csv", (0.5, -1.0, 2.0), (1.0, 4.0, 0.0), (1.31, 0.0, 0.0))
    rendered, spec = read_z_csv(path, live()), live()
    points = list(read_curve(path).points())
    for n, (at, z) in enumerate(points[:-1]):
        assert at == n / POINTS_PER_S
        assert z == rendered(round(at * spec.cqt.frame_rate))
    assert points[-1] == (1.31, (0.0, 0.0))


def test_a_csv_and_a_midi_file_that_say_the_same_are_the_same(tmp_path: Path) -> None:
    rows = [(0.0, -3.0, 0.0), (0.2, 0.0, 3.0), (0.26, 3.0, 3.0), (1.0, -3.0, -3.0)]
    value = {-3.0: 0, 0.0: 64, 3.0: 127}
    moves = [
        move
        for at, x, y in rows
        for move in (cc(round(1e3 * at), X, value[x]), cc(round(1e3 * at), Y, value[y]))
    ]
    of_csv = read_curve(write_steps(tmp_path / "z.csv", *rows))
    of_midi = read_curve(write_midi(tmp_path / "z.mid", moves))
    assert of_csv.seconds == pytest.approx(of_midi.seconds)
    np.testing.assert_allclose(steps(of_csv), rows, rtol=0, atol=1e-12)
    np.testing.assert_allclose(steps(of_midi), rows, rtol=0, atol=1e-12)


# --- both --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "mid"])
def test_a_loop_begins_again_where_the_file_ends(tmp_path: Path, kind: str) -> None:
    curve = read_curve(
        write_csv(tmp_path / "z.csv", (0.0, 0.0, 0.0), (0.25, 1.0, 2.0))
        if kind == "csv"
        else write_midi(tmp_path / "z.mid", [cc(0, X, 0), cc(100, X, 9), cc(250, Y, 9)], end=250)
    )
    assert curve.seconds == pytest.approx(0.25)
    once = [point for point in curve.points() if point[0] < curve.seconds]
    looped = list(islice(curve.points(is_looped=True), 3 * len(once)))
    for n, (at, z) in enumerate(looped):
        assert at == pytest.approx(0.25 * (n // len(once)) + once[n % len(once)][0])
        assert z == once[n % len(once)][1]
    assert all(before[0] < after[0] for before, after in pairwise(looped))


def test_a_loop_of_hardly_any_length_is_refused(tmp_path: Path) -> None:
    curve = read_curve(write_csv(tmp_path / "z.csv", (0.0, 1.0, 2.0)))
    assert list(curve.points()) == [(0.0, (1.0, 2.0))]
    with pytest.raises(BassNetError, match=r"0\.02 s or more; z\.csv has 0 s"):
        next(curve.points(is_looped=True))
    short = read_curve(write_csv(tmp_path / "z.csv", (0.0, 1.0, 2.0), (0.01, 2.0, 1.0)))
    with pytest.raises(BassNetError, match=r"0\.02 s or more; z\.csv has 0\.01 s"):
        next(short.points(is_looped=True))
    enough = read_curve(write_csv(tmp_path / "z.csv", (0.0, 1.0, 2.0), (EVERY, 2.0, 1.0)))
    assert [at for at, _ in islice(enough.points(is_looped=True), 3)] == pytest.approx(
        [0.0, EVERY, 2 * EVERY]
    )


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("z.csv", b"", "it is empty"),
        ("z.csv", b"0,0,0\n1,up,0\n", "line 2 must be three numbers"),
        ("z.csv", b"0,nan,0\n", "z must lie in"),
        ("z.csv", b"0,0,0\n1,0,0\n0.5,0,0\n", "line 3: seconds must rise"),
        ("z.csv", b"-1,0,0\n1,0,0\n", "must count from 0; got -1: add 1 to all"),
        ("z.csv", b"\xff\xfe\0\1", "must be a CSV"),
        ("z.mid", b"", "must be a MIDI file of type 0 or 1 with ticks a beat; got 'an early end': export it"),
        ("z.midi", b"0,0,0\n", "must be a MIDI file"),
        ("z.smf", b"0,0,0\n", "must be a MIDI file"),
        ("z.MID", b"0,0,0\n", "must be a MIDI file"),
        ("z.mid", b"MThd", "must be a MIDI file"),
        ("z.csv", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0", "it has none at all"),
        ("z.mid", b"MThd\0\0\0\6\0\1\0\1\xe7\x28MTrk\0\0\0\4\0\xff\x2f\0", "no ticks a beat"),  # SMPTE
        ("z.mid", b"MThd\0\0\0\6\0\1\0\1\0\0MTrk\0\0\0\4\0\xff\x2f\0", "no ticks a beat"),
        ("z.mid", b"MThd\0\0\0\6\0\2\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0", "type 0 or 1"),
        ("z.mid", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\x0a\0\xb0", "must be a MIDI file"),
    ],
)
def test_bad_files_are_named_in_one_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BassNetError) as refused:
        read_curve(path)
    assert told in str(refused.value) and name in str(refused.value) and "\n" not in str(refused.value)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mid", tmp_path):
        with pytest.raises(BassNetError, match="cannot be read") as refused:
            read_curve(path)
        assert str(path) in str(refused.value)


def test_a_midi_file_without_the_controllers_says_which_it_has(tmp_path: Path) -> None:
    path = write_midi(tmp_path / "z.mid", [cc(0, 7, 1), cc(0, 1, 1), cc(5, 74, 1), cc(5, 120, 0)])
    with pytest.raises(BassNetError, match=r"16 or 17; it has 1, 7, 74: choose two of them with --cc X,Y$"):
        read_curve(path)
    with pytest.raises(BassNetError, match="2 or 3; it has 1, 7, 74"):
        read_curve(path, (2, 3))


def test_controllers_are_not_chosen_of_a_csv(tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match="leave --cc out"):
        read_curve(write_csv(tmp_path / "z.csv", (0.0, 1.0, 2.0)), (1, 2))


def test_a_damaged_midi_file_is_read_or_refused_in_one_line(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "z.mid"
    moves = [tempo(0, 97), *(cc(10 * n, X + n % 2, n % 128) for n in range(40)), cc(400, X + FINE, 3)]
    whole = np.frombuffer(write_midi(path, moves).read_bytes(), np.uint8)
    n_read = 0
    for _ in range(500):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 2)] = rng.integers(0, 256, 2)
        path.write_bytes(damaged.tobytes())
        try:
            points = list(islice(read_curve(path).points(), 200))
        except BassNetError as refused:
            assert "\n" not in str(refused)
            continue
        n_read += 1
        assert all(0.0 <= at < math.inf for at, _ in points)
        assert all(abs(value) <= USUAL_Z for _, z in points for value in z if value is not None)
    assert 0 < n_read < 500
