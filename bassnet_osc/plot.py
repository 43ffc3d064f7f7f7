"""The picture of a bass: notes over the mix's spectrogram, level and onset curves, the path of z.

Flow: mix blocks, notes, frames, z -> one PNG. matplotlib's figures are used without pyplot's global state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from bassnet_osc.audio_files import Audio, Mix
from bassnet_osc.frames import Array, Frames
from bassnet_osc.notes import Note, pitch_to_hz
from bassnet_osc.spec import Spec

SIZE_PX, DPI = (1600, 900), 100
PITCHES = (24, 72)  # MIDI, C1 to C5: the bass and the harmony above it
BINS_PER_SEMITONE = 4
WINDOW_S = 0.2  # of the spectrogram
COLUMNS = 1400  # of the spectrogram at most: about one per pixel
RANGE_DB = 60.0  # shown below the loudest bin
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#555555"  # Okabe and Ito's, told apart by everybody


def plot_bass(
    path: Path, mix: Mix, notes: Sequence[Note], frames: Frames, z_points: Array, spec: Spec
) -> None:
    """Writes a PNG of 1600 x 900 pixels; `z_points` (n_frames, 2) holds z at each of `frames`."""
    figure = Figure(figsize=(SIZE_PX[0] / DPI, SIZE_PX[1] / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    roll, curves, z_axes = figure.subplots(3, 1, sharex=True, height_ratios=[6, 2, 1.4])
    times = (frames.first + np.arange(len(frames))) / spec.cqt.frame_rate
    _draw_mix(roll, *pitch_spectrogram(mix.blocks(), mix.n_samples, mix.sample_rate))
    _draw_notes(roll, notes, spec)
    _draw_curves(curves, times, frames, spec)
    _draw_z(z_axes, times, z_points)
    z_axes.set_xlim(0, mix.n_samples / mix.sample_rate)
    z_axes.set_xlabel("seconds")
    z_axes.xaxis.set_major_locator(MaxNLocator(24, steps=[1, 2, 5, 6, 10], integer=True))
    figure.align_ylabels()
    figure.savefig(path, format="png")


def pitch_spectrogram(blocks: Iterable[Audio], n_samples: int, sample_rate: int) -> tuple[Array, float]:
    """Magnitudes in dB below the loudest bin, -RANGE_DB to 0, on a pitch axis; seconds between columns.

    A Hann-windowed FFT is read off at the pitches; where a pitch bin holds several FFT bins, the loudest
    counts. At most COLUMNS columns lie evenly over the signal, so that memory does not grow with its length.

    Shape:
        - returns (n_pitch_bins, n_columns): pitch bin i is MIDI pitch PITCHES[0] + i / BINS_PER_SEMITONE,
          column i lies around sample i * hop
    """
    size = round(WINDOW_S * sample_rate)
    hop = max(size // 8, -(-n_samples // COLUMNS))
    taper = np.hanning(size)
    columns = [
        _read_at_pitches(np.abs(np.fft.rfft(piece * taper)), sample_rate / size)
        for piece in _pieces(blocks, n_samples, size, hop)
    ]
    level_db = 20.0 * np.log10(np.maximum(np.array(columns).T, 1e-9))
    return np.maximum(level_db - level_db.max(), -RANGE_DB), hop / sample_rate


def _pieces(blocks: Iterable[Audio], n_samples: int, size: int, hop: int) -> Iterator[Array]:
    """Pieces of `size` samples centred on 0, hop, 2 hop, ... below `n_samples`, zeros outside the signal."""
    held: Array = np.zeros(size // 2)
    start = 0  # of the next piece in `held`, or beyond its end
    left = -(-n_samples // hop)
    for block in chain(blocks, [np.zeros(size, np.float32)]):
        held = np.concatenate([held, block])
        while left and start + size <= len(held):
            yield held[start : start + size]
            start, left = start + hop, left - 1
        done = min(start, len(held))
        held, start = held[done:], start - done


def _read_at_pitches(spectrum: Array, hz_per_bin: float) -> Array:
    """A magnitude spectrum (n,) at the pitch bins, the loudest FFT bin of each."""
    low, high = PITCHES
    pitches = np.arange((high - low) * BINS_PER_SEMITONE) / BINS_PER_SEMITONE + low
    centres = pitch_to_hz(pitches) / hz_per_bin
    edges = np.ceil(pitch_to_hz(pitches - 0.5 / BINS_PER_SEMITONE) / hz_per_bin).astype(int)
    loudest = np.maximum.reduceat(np.append(spectrum, np.zeros(edges[-1] + 1)), edges)
    between = np.interp(centres, np.arange(len(spectrum)), spectrum, right=0.0)
    return np.where(np.append(np.diff(edges), 1) > 0, np.maximum(loudest, between), between)


def _draw_mix(axes: Axes, spectrogram: Array, column_s: float) -> None:
    low, high = PITCHES
    half_bin, columns = 0.5 / BINS_PER_SEMITONE, spectrogram.shape[1]
    axes.imshow(
        spectrogram,
        origin="lower",
        aspect="auto",
        extent=(-0.5 * column_s, (columns - 0.5) * column_s, low - half_bin, high - half_bin),
        cmap="Greys",
        vmin=-RANGE_DB,
        vmax=20.0,  # above 0 dB, so that the mix stays grey and the notes stand out
        interpolation="nearest",
    )
    octaves = range(low, high + 1, 12)
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves])
    axes.set_yticks(range(low, high + 1), minor=True)
    axes.set_ylim(low - 0.5, high)
    axes.tick_params(axis="y", which="minor", length=2, width=0.4)
    axes.set_ylabel("pitch")
    axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)


def _draw_notes(axes: Axes, notes: Sequence[Note], spec: Spec) -> None:
    rate = spec.cqt.frame_rate
    boxes = PatchCollection(
        [
            Rectangle((n.start_frame / rate, n.pitch - 0.5), (n.end_frame - n.start_frame) / rate, 1.0)
            for n in notes
        ],
        cmap="viridis",
        edgecolor="black",
        linewidth=0.7,
    )
    boxes.set_array(np.array([note.velocity for note in notes]))
    boxes.set_clim(1, 127)
    axes.add_collection(boxes)
    scale = axes.inset_axes((0.88, 1.02, 0.12, 0.018))
    axes.figure.colorbar(boxes, cax=scale, orientation="horizontal", ticks=[1, 127])
    scale.xaxis.set_ticks_position("top")
    scale.set_title("velocity", fontsize=9, pad=-4)
    scale.tick_params(labelsize=8, length=0)
    axes.set_title(
        f"bass notes ({len(notes)}) over the spectrogram of the mix", loc="left", y=1.01, fontsize=12
    )


def _draw_curves(axes: Axes, times: Array, frames: Frames, spec: Spec) -> None:
    floor = spec.descriptor.level_floor_db
    axes.fill_between(times, floor, frames.level_db, color=BLUE, alpha=0.35, linewidth=0.0)
    axes.set_ylim(floor, 0.0)
    axes.set_ylabel("level (dBFS)", color=BLUE)
    onsets = axes.twinx()
    onsets.plot(times, frames.onset, color=ORANGE, linewidth=0.9)
    onsets.set_ylim(0.0, 1.02)
    onsets.set_ylabel("onset probability", color=ORANGE)
    onsets.axhline(spec.descriptor.onset_on, color=ORANGE, linewidth=0.9, linestyle=":")
    axes.grid(axis="x", color=GREY, alpha=0.2, linewidth=0.6)


def _draw_z(axes: Axes, times: Array, z_points: Array) -> None:
    axes.plot(times, z_points[:, 0], color=BLUE, linewidth=1.4, label="x")
    axes.plot(times, z_points[:, 1], color=ORANGE, linewidth=1.4, linestyle="--", label="y")
    reach = max(1.0, 1.15 * float(np.abs(z_points).max(initial=0.0)))
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("z")
    axes.legend(loc="upper right", ncols=2, fontsize=8, frameon=False)
    axes.grid(color=GREY, alpha=0.2, linewidth=0.6)
