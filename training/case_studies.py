"""The three case studies of section 6.5 rebuilt in kind: what a bundle plays to music unlike its training's.

    python -m training.case_studies --model groove-studio --out training/case-studies

A piano with strong rubato, a polyphonic electric bass, a distorted guitar over drums without a backbeat;
each at two places of z, an octave up, and where there is a tempo on the grid of sixteenths. Writes
figure-9.png (piano rolls over the source's notes), a MIDI file and a sound of mix and bass for each.

Flow: render_midi, bassnet_osc.render ◀ case_studies.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bassnet_osc.audio_files import whole
from bassnet_osc.bundle import Bundle
from bassnet_osc.render import render
from bassnet_osc.sound import Sound
from bassnet_osc.spec import BassNetError
from training.generate import run
from training.mma_tracks import track_notes
from training.render_midi import DRUM_CHANNEL, Note, Part, midi_file
from training.render_midi import render as play

RATE = 44_100  # Hz
GAIN = 0.5  # FluidSynth's
TAIL_S = 1.0
GRID = "1/16"
OCTAVE = 1
PIANO, FINGER_BASS, DISTORTED_GUITAR = 0, 33, 30  # General MIDI, counted from zero
KICK, SNARE, HI_HAT, TOM = 36, 38, 42, 45
RUBATO = (1.0, 0.95, 0.85, 0.8, 0.85, 1.0, 1.25, 1.5)  # lengths of the beats of two measures, in seconds
INK, LIGHT = "#D55E00", "#bbbbbb"


@dataclass(frozen=True)
class Case:
    """A fragment: parts in beats of `bpm`; `metric` where these are beats that one could count."""

    title: str
    parts: tuple[Part, ...]
    bpm: float
    n_beats: float
    metric: bool = True

    @property
    def seconds(self) -> float:
        """Length with its decay."""
        return self.n_beats * 60 / self.bpm + TAIL_S


def rubato_piano() -> Case:
    """Sixteenths in the right hand over slow low notes; every second measure holds back."""
    chords = [
        (45, (57, 60, 64, 69)),
        (41, (57, 60, 65, 69)),
        (48, (55, 60, 64, 67)),
        (43, (55, 59, 62, 67)),
    ] * 2
    starts = np.concatenate([[0.0], np.cumsum(np.tile(RUBATO, len(chords) // 2))])
    notes = []
    for number, (low, high) in enumerate(chords):
        for beat in range(4):
            start, length = (
                starts[4 * number + beat],
                starts[4 * number + beat + 1] - starts[4 * number + beat],
            )
            if beat % 2 == 0:
                notes.append(Note(start, 2 * length, low, 85 - 10 * (beat // 2)))
            notes += [Note(start + i * length / 4, length / 4, high[i], 70 + 5 * i) for i in range(4)]
    return Case("rubato piano", (Part("piano", 0, PIANO, notes),), 60.0, float(starts[-1]), metric=False)


def polyphonic_bass() -> Case:
    """Two voices of an electric bass in eighths: roots below, sevenths and tenths above, chromatic steps."""
    chords = [(40, (56, 62)), (39, (55, 61)), (38, (54, 60)), (43, (59, 65)), (36, (52, 59)), (41, (57, 63))]
    notes = []
    for number, (root, above) in enumerate(chords * 2):
        for i in range(8):
            beat = 4.0 * number + i / 2
            pitch = root if i in (0, 3, 6) else above[i % 2]
            notes.append(Note(beat, 0.45, pitch, 95 if i == 0 else 75))
            if i in (0, 4):
                notes.append(Note(beat, 1.4, above[i // 4], 70))
    return Case("polyphonic electric bass", (Part("bass", 0, FINGER_BASS, notes),), 96.0, 48.0)


def odd_drums() -> Case:
    """Slow power chords under much distortion; kicks and toms in groups of 5, 5 and 6 sixteenths."""
    roots = (40, 43, 38, 45)
    guitar = [
        Note(8.0 * i + start, length, root + interval, 100)
        for i, root in enumerate(roots)
        for start, length in ((0.0, 4.5), (5.0, 2.5))
        for interval in (0, 7, 12)
    ]
    drums = []
    for bar in range(8):
        drums += [Note(4.0 * bar + i / 4, 0.2, KICK, 110) for i in (0, 5, 10)]
        drums += [Note(4.0 * bar + i / 4, 0.2, TOM, 90) for i in (3, 8, 13, 15)]
        drums += [Note(4.0 * bar + i / 4, 0.2, HI_HAT, 60) for i in (0, 2, 5, 7, 10, 12, 14)]
    drums += [Note(31.5, 0.2, SNARE, 100)]
    parts = (Part("guitar", 0, DISTORTED_GUITAR, guitar), Part("drums", DRUM_CHANNEL, 0, drums))
    return Case("distorted guitar, odd drums", parts, 108.0, 32.0)


def two_places(bundle: Bundle) -> dict[str, tuple[float, float]]:
    """Where a bundle starts, and of its named places the one that is farthest from there."""
    home = next(iter(bundle.z_places), None)
    if home is None or len(bundle.z_places) < 2:
        raise BassNetError(
            f"case studies need a bundle with two named places; {bundle.name} has less: choose one"
        )
    x, y = bundle.z_places[home]
    far = max(bundle.z_places, key=lambda n: np.hypot(bundle.z_places[n][0] - x, bundle.z_places[n][1] - y))
    return {home: bundle.z_places[home], far: bundle.z_places[far]}


def study(case: Case, model: str, z: tuple[float, float], name: str, out: Path) -> list[Note]:
    """Renders the case at z into NAME.mid and NAME.flac (mix and bass); returns the bass in beats."""
    mix = play(midi_file(case.parts, round(60e6 / case.bpm), case.n_beats), RATE, GAIN, case.seconds)
    with tempfile.TemporaryDirectory(prefix="bassnet-") as folder:
        source, bass = Path(folder, "mix.wav"), Path(folder, "bass.wav")
        soundfile.write(source, mix, RATE, subtype="FLOAT")
        with whole(out / f"{name}.mid") as midi:
            render(
                [source],
                bass,
                z=f"{z[0]},{z[1]}",
                midi=midi,
                model=model,
                bpm=case.bpm,
                grid=GRID if case.metric else None,
                sound=Sound(octave=OCTAVE),
            )
        played, _ = soundfile.read(bass, dtype="float32")
    both = mix[: len(played)] + played
    with whole(out / f"{name}.flac") as part:
        soundfile.write(part, both / max(1.0, float(np.abs(both).max())), RATE, format="FLAC")
    written = mido.MidiFile(out / f"{name}.mid")
    return [note for track in written.tracks for note in track_notes(track, written.ticks_per_beat)]


def draw(path: Path, panels: Sequence[tuple[Case, str, Sequence[Note]]]) -> None:
    """Piano rolls, two in a row: the source's pitched notes in grey, the bass in colour."""
    figure = Figure(figsize=(13, 2.6 * len(panels) / 2 + 0.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(panels) // 2, 2, squeeze=False)
    for axes, (case, title, notes) in zip(grid.flat, panels, strict=True):
        for part in case.parts:
            if part.channel != DRUM_CHANNEL:
                _roll(axes, part.notes, LIGHT)
        _roll(axes, notes, INK)
        axes.set_title(f"{case.title}: {title}, {len(notes)} notes", fontsize=9)
        axes.set_xlim(0, case.n_beats)
        axes.tick_params(labelsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("beats (of the rubato piano: seconds)", fontsize=9)
    for axes in grid[:, 0]:
        axes.set_ylabel("MIDI pitch", fontsize=9)
    with whole(path) as part_of_path:
        figure.savefig(part_of_path, format="png")


def _roll(axes: Axes, notes: Sequence[Note], colour: str) -> None:
    axes.barh(
        [note.pitch for note in notes],
        [note.length for note in notes],
        left=[note.beat for note in notes],
        height=0.9,
        color=colour,
        edgecolor="none",
    )


def make_all(model: str, out: Path) -> None:
    """Everything that the module's head names, in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    places = two_places(Bundle.load(model, provider="cpu"))
    panels = []
    for case in (rubato_piano(), polyphonic_bass(), odd_drums()):
        for place, z in places.items():
            name = "-".join(f"{case.title} {place}".replace(",", "").split())
            panels.append((case, f"z {place} ({z[0]:.2f}, {z[1]:.2f})", study(case, model, z, name, out)))
    draw(out / "figure-9.png", panels)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.case_studies", description="Section 6.5 in kind."
    )
    parser.add_argument("--model", required=True, help="a bundle's name or folder")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    args = parser.parse_args(arguments)
    return run(lambda: make_all(args.model, args.out))


if __name__ == "__main__":
    sys.exit(main())
