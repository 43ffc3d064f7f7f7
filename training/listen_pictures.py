"""The pictures of a listening report: systems side by side, z over nine places, what was played to a song.

Flow: listening ◀ listen_pictures ◀ listen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.charts import PITCH_CLASSES
from training.figures import COLOURS, DPI, GREY
from training.listening import FITTED, FOLLOWER, HOME, INFERRED, TRUE, Heard
from training.musical_fit import SEMITONES, Array

SHARES = {
    "pitch_class": "pitch class\nof the true bass",
    "onset_f1": "onset F1\nat 50 ms",
    "chord_tones": "chord tones",
    "scale_tones": "scale tones",
}
ROLLS = (TRUE, FOLLOWER, HOME, INFERRED, FITTED)  # of a song's picture, from the top
ROLL_PITCHES = (24, 64)  # MIDI
JUMP = 0.5  # semitones between two frames: the line is broken there
DELAYS_S = 2.0  # seconds that the distribution of the delays shows


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_systems(path: Path, means: dict[str, dict[str, float | None]], delays: dict[str, Any]) -> None:
    """Shares of each system, and how many of the chord changes it has followed after a time."""
    figure = _figure(13, 4.6)
    bars, lines = figure.subplots(1, 2, width_ratios=[3, 2])
    colours = _colours(list(means))
    for i, (system, numbers) in enumerate(means.items()):
        at = np.arange(len(SHARES)) + (i - (len(means) - 1) / 2) * 0.8 / len(means)
        heights = [numbers[name] or 0.0 for name in SHARES]
        bars.bar(at, heights, 0.8 / len(means), label=system, color=colours[system])
        asked = delays[system]
        reached = np.sort([delay for delay in asked if delay is not None])
        if len(asked):
            steps = np.concatenate([[0.0], reached, [DELAYS_S]])
            shares = np.concatenate([[0.0], np.arange(1, len(reached) + 1), [len(reached)]]) / len(asked)
            lines.step(steps, shares, where="post", label=system, color=colours[system])
    bars.set_xticks(range(len(SHARES)), list(SHARES.values()))
    bars.set_ylim(0, 1)
    bars.grid(axis="y", alpha=0.3)
    lines.set_xlim(0, DELAYS_S)
    lines.set_ylim(0, 1)
    lines.set_xlabel("seconds after a chord change")
    lines.set_ylabel("share of the changes at the correct pitch class")
    lines.grid(alpha=0.3)
    handles, labels = bars.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(means), frameon=False)
    figure.savefig(path, format="png")


def _colours(systems: Sequence[str]) -> dict[str, str]:
    rest = iter(COLOURS * 2)
    return {name: {TRUE: "black", FOLLOWER: "#999999"}.get(name) or next(rest) for name in systems}


def draw_sweep(path: Path, sweep: dict[str, Any]) -> None:
    """Nine panels as z lies in the plane: the intervals above the root, beside those of the true bass."""
    figure = _figure(13, 8)
    side = int(len(sweep["places"]) ** 0.5)
    panels = figure.subplots(side, side, sharex=True, sharey=True)
    true = _shares(sweep[TRUE]["intervals"])
    for place, axes in zip(sweep["places"], panels[::-1].flat, strict=True):
        axes.bar(SEMITONES, 100 * _shares(place["intervals"]), width=0.9, color=COLOURS[0])
        axes.step(SEMITONES, 100 * true, where="mid", color=COLOURS[1], linewidth=1.0)
        low = place["register"]
        told = "silent" if low is None else f"{place['notes_per_second']:.2f} notes/s, register {low:.0f}"
        axes.set_title(f"z = ({place['z'][0]:.2f}, {place['z'][1]:.2f}): {told}", fontsize=9)
        axes.set_xticks(SEMITONES[::12])
        axes.set_xticks(SEMITONES, minor=True)
        axes.grid(axis="x", color=GREY, alpha=0.2)
    figure.supxlabel("semitones above the chord's root (C3 to B3)", fontsize=10)
    figure.supylabel("share of the sounding frames in per cent; the line is the true bass", fontsize=10)
    figure.savefig(path, format="png")


def _shares(counts: Sequence[int]) -> Array:
    return np.asarray(counts, np.float64) / max(1, sum(counts))


def draw_song(path: Path, heard: Heard) -> None:
    """Piano rolls of the systems, one below the other, over the chords."""
    shown = [name for name in ROLLS if name in heard.lines]
    figure = _figure(16, 1.7 * len(shown) + 0.8)
    panels = figure.subplots(len(shown), 1, sharex=True)
    for name, axes in zip(shown, panels, strict=True):
        _draw_chords(axes, heard, labelled=axes is panels[0])
        line = heard.lines[name]
        seconds = np.arange(len(line.pitch)) / line.frame_rate
        jumps = np.abs(np.diff(line.pitch, prepend=np.nan)) > JUMP
        axes.plot(seconds, np.where(jumps, np.nan, line.pitch), color=COLOURS[0], linewidth=2.5)
        axes.vlines(line.onsets, ROLL_PITCHES[0], ROLL_PITCHES[0] + 3, color=COLOURS[1], linewidth=1.0)
        axes.set_ylim(*ROLL_PITCHES)
        axes.set_yticks(range(24, 61, 12), ["C1", "C2", "C3", "C4"])
        axes.set_ylabel(name, fontsize=9)
    panels[-1].set_xlim(0, len(heard.truth.pitch) / heard.truth.frame_rate)
    panels[-1].set_xlabel(
        f"seconds of {heard.song.name}; marks below: onsets; shades: pitches of the chord", fontsize=9
    )
    figure.savefig(path, format="png")


def _draw_chords(axes: Axes, heard: Heard, labelled: bool) -> None:
    rate = heard.truth.frame_rate
    low, high = ROLL_PITCHES
    tones = np.array([heard.harmony.chord[:, pitch % 12] for pitch in range(low, high)])
    axes.imshow(
        tones,
        origin="lower",
        aspect="auto",
        extent=(0, tones.shape[1] / rate, low - 0.5, high - 0.5),
        cmap="Greys",
        vmin=0,
        vmax=6,
        interpolation="nearest",
    )
    changes = np.flatnonzero((np.diff(heard.harmony.chord, axis=0) != 0).any(axis=1)) + 1
    for start in [0, *changes]:
        axes.axvline(start / rate, color=GREY, linewidth=0.6, alpha=0.6)
        if labelled and heard.harmony.root[start] >= 0:
            root = PITCH_CLASSES[heard.harmony.root[start]]
            axes.text(start / rate, high, f" {root}", fontsize=8, va="bottom", color=GREY)
