"""Figures: as many panels as there should be, and what is computed for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from listener import SPEC, Listener, songs
from matplotlib.figure import Figure
from songs import tiny
from test_tables import row
from torch import Tensor

from bassnet_osc.presets import live
from bassnet_osc.spec import BassNetError
from training import figures, gallery
from training.dataset import Song, Windows
from training.gallery import SEMITONES, count, draw_histograms, draw_planes, draw_tracks
from training.places import root_bins
from training.results import Evaluated, Row
from training.subject import Guess

PNG = b"\x89PNG"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    kept: list[Figure] = []
    save = figures._save

    def keep(figure: Figure, path: Path) -> None:
        save(figure, path)
        kept.append(figure)

    monkeypatch.setattr(figures, "_save", keep)
    return kept


def absent(figure: Figure) -> int:
    """How many panels say that there is no row."""
    return sum(any(text.get_text() == "not run" for text in axes.texts) for axes in figure.axes)


def clouds(row: Row, n: int = 4000) -> Evaluated:
    """Two patterns, well apart."""
    rng = np.random.default_rng(row.seed)
    labels = rng.integers(2, size=n)
    return Evaluated(rng.normal(size=(n, 2)) + 8 * labels[:, None], labels, np.arange(n) < n // 2)


def test_a_plane_for_each_kind_and_data_set(tmp_path: Path, drawn: list[Figure]) -> None:
    """Two seeds are one kind: three rows of planes, of which three exist."""
    rows = [row(), row(1), row(2, window=(10, 640), data_set="A2"), row(3, preset="live", data_set="A4")]
    draw_planes(tmp_path / "figure.png", rows, clouds)
    (figure,) = drawn
    assert len(figure.axes) == 3 * 4 and absent(figure) == 9
    titles = [axes.get_ylabel() for axes in figure.axes[::4]]
    assert [title.split(",")[0] for title in titles] == ["paper 10/40", "paper 10/640", "live 10/40"]
    assert figure.axes[0].get_title() == "A1, accuracy 0.900"
    assert (tmp_path / "figure.png").read_bytes().startswith(PNG)


def test_other_settings_are_a_line_of_their_own(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [row(), row(1, settings={"steps": 500})]
    draw_planes(tmp_path / "figure.png", rows, clouds)
    titles = [axes.get_ylabel().replace("\n", " ") for axes in drawn[0].axes[::4]]
    names = [f"paper 10/40, fast, 32 maps, {steps}" for steps in ("no steps", "500 steps")]
    assert titles == [f"{name} z, vertical" for name in names]


def test_without_rows_a_figure_says_so(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_planes(tmp_path / "planes.png", [], clouds)
    draw_tracks(tmp_path / "tracks.png", [], lambda _: (Listener(), songs(1)))
    draw_histograms(tmp_path / "histograms.png", [], lambda _: (Listener(), songs(1)), clouds)
    assert [(len(figure.axes), absent(figure)) for figure in drawn] == [(4, 4), (4, 4), (1, 1)]


def test_a_plane_shows_some_windows_that_the_classifier_has_not_seen() -> None:
    found = clouds(row(), n=10_000)
    shown = gallery.plane(row(), found)
    assert len(shown.mu) <= gallery.MAX_POINTS and len(shown.mu) == len(shown.labels)
    seen = {tuple(point) for point in found.mu[found.fitted]}
    assert not any(tuple(point) in seen for point in shown.mu)
    assert shown.fitted.predict([[0, 0], [8, 8]]).tolist() == [0, 1]


def test_trajectories_have_a_column_for_each_model(tmp_path: Path, drawn: list[Figure]) -> None:
    rows = [row(window=(40, 40)), row(1, window=(40, 40), cross=False)]
    draw_tracks(tmp_path / "figure.png", rows, lambda _: (Listener(), songs(2)))
    (figure,) = drawn
    assert len(figure.axes) == 4 and absent(figure) == 0
    changes = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert len(changes) == 5  # at each of its bar lines
    draw_tracks(tmp_path / "figure.png", rows[:1], lambda _: (Listener(), songs(2)))
    assert absent(drawn[1]) == 2


def test_the_trajectories_are_of_models_trained_alike(tmp_path: Path) -> None:
    """But for the cross-reconstruction."""
    settings = {"steps": 500, "transpose_bins": 15}
    rows = [
        row(settings={}),
        row(1, settings=settings | {"cross": True}),
        row(2, settings=settings | {"cross": False}, cross=False),
    ]
    shown: list[int] = []

    def models(one: Row) -> tuple[Listener, list[Song]]:
        shown.append(one.seed)
        return Listener(), songs(2)

    draw_tracks(tmp_path / "figure.png", rows, models)
    assert shown == [1, 2]


def test_a_trajectory_follows_the_patterns() -> None:
    """The song whose pattern changes: the first one stays on its own here."""
    data = songs(2)
    for bar in data[0].bars:
        bar["pattern"] = 0
    track = gallery.track(Listener(), data)
    assert track.bars == [(bar["start"], bar["end"], bar["pattern"]) for bar in data[1].bars]
    truth = np.floor(track.seconds).astype(int) % 2
    np.testing.assert_allclose(track.mu[:, 0], truth, atol=0.3)
    np.testing.assert_allclose(np.diff(track.seconds), gallery.TRACK_EVERY / SPEC.cqt.frame_rate)


def test_relative_pitch_counts_semitones() -> None:
    """Three bins are a semitone; beyond the ends counts at the ends."""
    counted = count(np.array([-36, -35, -34, 0, 0, -300, 300]), live())
    expected = {-24: 1, -12: 2, -11: 1, 0: 2, 12: 1}
    assert dict(zip(SEMITONES[counted > 0].tolist(), counted[counted > 0].tolist(), strict=True)) == expected


def test_histograms_of_one_who_plays_the_octave_below(tmp_path: Path, drawn: list[Figure]) -> None:
    """Whatever z says; the true bass plays a third above the root. 25 panels."""
    spec = live()
    data = songs(2)
    for one in data:
        for bar in one.bars:
            bar["root"] = 48  # bin 81
        one.descriptors.f0_bin[:] = 81 + 3 * 4
    assert root_bins(data[0], spec).tolist() == [81] * 600
    below = Listener(guess=81 - 36, spec=tiny(spec))
    found = gallery.histograms(below, data, gallery.grid(clouds(row()).mu))
    assert found.true[SEMITONES == 4] == 1.0
    assert (found.decoded[..., SEMITONES == -12] == 1.0).all() and found.decoded.shape == (
        5,
        5,
        len(SEMITONES),
    )
    shown = row(preset="live", window=(10, 80), data_set="A4")
    draw_histograms(tmp_path / "figure.png", [shown, row(1)], lambda _: (below, data), clouds)
    (figure,) = drawn
    assert len(figure.axes) == 25
    horizontal, vertical = gallery.grid(clouds(shown).mu)
    first, last = (figure.axes[i].get_title() for i in (0, -1))
    assert first == f"z = ({horizontal[0]:.1f}, {vertical[-1]:.1f})"  # the upper left one
    assert last == f"z = ({horizontal[-1]:.1f}, {vertical[0]:.1f})"


def test_the_grid_lies_where_z_does() -> None:
    """Each axis on its own, in equal steps, whatever a few latents far away say."""
    mu = np.random.default_rng(0).uniform((-1, 10), (3, 20), (10_000, 2))
    mu[:100] = 1e6
    mu[100:200] = -1e6
    points = gallery.grid(mu)
    assert points.shape == (2, 5)
    np.testing.assert_allclose(points[:, [0, -1]], [[-1, 3], [10, 20]], atol=0.3)  # 0.13 measured
    np.testing.assert_allclose(np.diff(points, n=2), 0, atol=1e-9)


def test_every_point_of_the_grid_is_decoded_in_its_place() -> None:
    """One whose bass goes up with the horizontal component, an octave higher where the other one is large."""
    data = songs(2)
    for one in data:
        for bar in one.bars:
            bar["root"] = 48  # bin 81

    class Follower(Listener):
        def play(self, windows: Windows, z: Tensor) -> Iterator[Guess]:
            curve = torch.zeros(len(windows.bass), 1, self.spec.window.n_steps)
            for x, y in z:
                f0 = torch.zeros(*curve.shape, 264)
                f0[..., round(float(81 + 3 * x + 36 * (y > 5)))] = 1
                yield Guess(f0, curve, curve)

    points = np.array([[-4.0, -2.0, 0.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0, 10.0]])
    found = gallery.histograms(Follower(), data, points)
    tops = SEMITONES[found.decoded.argmax(axis=-1)]
    assert tops[:4].tolist() == [[-4, -2, 0, 2, 4]] * 4
    assert tops[4].tolist() == [8, 10, 12, 12, 12]


def test_relative_pitch_needs_roots() -> None:
    with pytest.raises(BassNetError, match=r"need each bar's root.*add them"):
        root_bins(songs(1)[0], live())
