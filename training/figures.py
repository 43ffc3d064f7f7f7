"""Draws Figures 5 to 8: planes of z, trajectories of z, and histograms of relative pitch.

matplotlib's figures are used without pyplot's global state; a PNG is written whole or not at all.

Flow: arrays ◀ figures ◀ gallery.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from sklearn.pipeline import Pipeline

from training.places import Ints
from training.prose import NOT_RUN

DPI = 100
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito's, told apart by everybody
GREY = "#555555"
ISOLINE = 0.75  # p(c | z)
TITLE_LETTERS = 34  # in a line along a plane
RASTER = 200  # points of a plane's background in each direction

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """Latents (n, 2), their patterns (n,), the classifier behind them and its accuracy."""

    mu: Floats
    labels: Ints
    fitted: Pipeline
    accuracy: float


@dataclass(frozen=True)
class Track:
    """z (n, 2) at times (n,), and the bars as (start, end, pattern)."""

    seconds: Floats
    mu: Floats
    bars: Sequence[tuple[float, float, int]]


@dataclass(frozen=True)
class Histograms:
    """Shares of the true bass (n_semitones,) and of the decoded bass at each z (y, x, n_semitones).

    `grid` has the values of z, horizontal ones and vertical ones (2, n).
    """

    true: Floats
    decoded: Floats
    grid: Floats


def _figure(width: float, height: float) -> Figure:
    """An empty figure; inches."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    unfinished = path.with_suffix(".unfinished")
    figure.draw_without_rendering()  # the layout learns the width of the ticks' labels
    figure.savefig(unfinished, format="png")
    os.replace(unfinished, path)


def _light(colour: str) -> tuple[float, float, float]:
    r, g, b = to_rgb(colour)
    return 1 - 0.2 * (1 - r), 1 - 0.2 * (1 - g), 1 - 0.2 * (1 - b)


def _not_run(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#cccccc")
    axes.text(0.5, 0.5, NOT_RUN, transform=axes.transAxes, ha="center", va="center", color=GREY)


def planes(
    path: Path, lines: Mapping[str, Sequence[Plane | None]], names: Mapping[str, Sequence[str]]
) -> None:
    """Figures 5 and 6: `lines` are rows of planes by their titles, `names` the patterns of each column."""
    figure = _figure(3.1 * len(names) + 0.6, 2.6 * len(lines) + 1.5)
    grid = figure.subplots(len(lines), len(names), squeeze=False)
    for axes_row, (title, panels) in zip(grid, lines.items(), strict=True):
        for axes, panel, data_set in zip(axes_row, panels, names, strict=True):
            if panel is None:
                _not_run(axes)
                axes.set_title(data_set, fontsize=9)
            else:
                _draw_plane(axes, panel)
                axes.set_title(f"{data_set}, accuracy {panel.accuracy:.3f}", fontsize=9)
        axes_row[0].set_ylabel(f"{textwrap.fill(title, TITLE_LETTERS)}\nz, vertical", fontsize=9)
    for axes, patterns in zip(grid[-1], names.values(), strict=True):
        dots = [_dot(colour, name) for colour, name in zip(COLOURS, patterns, strict=False)]
        axes.set_xlabel("z, horizontal")
        axes.legend(handles=dots, loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=8, frameon=False)
    _save(figure, path)


def _dot(colour: str, name: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", linestyle="", markersize=5, label=name)


def _draw_plane(axes: Axes, panel: Plane) -> None:
    low, high = np.percentile(panel.mu, [0.2, 99.8], axis=0)
    margin = 0.12 * np.maximum(high - low, 1e-6)
    x, y = (np.linspace(*edges, RASTER) for edges in zip(low - margin, high + margin, strict=True))
    points = np.stack(np.meshgrid(x, y), axis=-1)
    p = panel.fitted.predict_proba(points.reshape(-1, 2)).reshape(RASTER, RASTER, -1)
    classes = panel.fitted.classes_
    light = ListedColormap([_light(COLOURS[c]) for c in classes])
    axes.pcolormesh(x, y, p.argmax(axis=-1), cmap=light, vmin=-0.5, vmax=len(classes) - 0.5, rasterized=True)
    for i, c in enumerate(classes):
        if p[..., i].min() < ISOLINE < p[..., i].max():
            axes.contour(x, y, p[..., i], [ISOLINE], colors=[COLOURS[c]], linewidths=0.9)
    colours = np.array(COLOURS)[panel.labels]
    axes.scatter(panel.mu[:, 0], panel.mu[:, 1], s=3, c=colours, linewidths=0, alpha=0.8)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    axes.tick_params(labelsize=8)


def tracks(path: Path, shown: Mapping[str, Track | None], names: Sequence[str]) -> None:
    """Figure 7: a column for each model, a row for each component of z."""
    figure = _figure(13, 5.4)
    grid = figure.subplots(2, len(shown), squeeze=False, sharex="col")
    for column, (title, track) in zip(grid.T, shown.items(), strict=True):
        column[0].set_title(title)
        for i, axes in enumerate(column):
            if track is None:
                _not_run(axes)
            else:
                _draw_track(axes, track, i)
        column[1].set_xlabel("seconds")
    grid[0, 0].set_ylabel("z, horizontal")
    grid[1, 0].set_ylabel("z, vertical")
    patches = [Patch(color=_light(c), label=name) for c, name in zip(COLOURS, names, strict=False)]
    figure.legend(
        handles=patches, loc="outside lower center", ncols=len(names), frameon=False, title="pattern"
    )
    _save(figure, path)


def _draw_track(axes: Axes, track: Track, component: int) -> None:
    before = track.bars[0][2]
    for start, end, pattern in track.bars:
        axes.axvspan(start, end, color=_light(COLOURS[pattern]), linewidth=0)
        if pattern != before:
            axes.axvline(start, color=GREY, linewidth=0.8, linestyle="--")
        before = pattern
    axes.plot(track.seconds, track.mu[:, component], color="black", linewidth=0.8)
    axes.set_xlim(track.bars[0][0], track.bars[-1][1])


def histograms(path: Path, shown: Mapping[str, Histograms], semitones: Ints) -> None:
    """Figure 8: a block of panels for each model, z's horizontal component rightwards, the other upwards."""
    figure = _figure(13, 7.5 * max(1, len(shown)))
    blocks = figure.subfigures(max(1, len(shown)), 1, squeeze=False)[:, 0]
    if not shown:
        _not_run(blocks[0].subplots())
    for block, (title, found) in zip(blocks, shown.items(), strict=False):
        block.suptitle(title, fontsize=12)
        _draw_block(block, found, semitones)
    _save(figure, path)


def _draw_block(block: SubFigure, found: Histograms, semitones: Ints) -> None:
    horizontal, vertical = found.grid
    panels = block.subplots(len(vertical), len(horizontal), sharex=True, sharey=True)
    for row, y, shares in zip(panels, vertical[::-1], found.decoded[::-1], strict=True):
        for axes, x, share in zip(row, horizontal, shares, strict=True):
            more = 100 * (share - found.true)
            axes.bar(semitones, more, width=0.9, color=np.where(more > 0, COLOURS[0], COLOURS[1]))
            axes.axhline(0, color=GREY, linewidth=0.6)
            axes.set_xticks(range(-24, 13, 12))
            axes.set_xticks(range(-24, 13, 1), minor=True)
            axes.grid(axis="x", color=GREY, alpha=0.2, linewidth=0.6)
            axes.set_title(f"z = ({x:.1f}, {y:.1f})", fontsize=8, pad=3)
            axes.tick_params(labelsize=8)
    block.supxlabel("semitones above the mix's f0", fontsize=10)
    block.supylabel("share of the steps above that of the true bass, in per cent", fontsize=10)
