"""The shipped model plays what its z says, in time, to songs that nobody has heard: real parts end to end.

Songs come from a seed of their own, are rendered by FluidSynth and heard as 48 kHz audio through the stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from bassnet_osc.bundle import Bundle
from bassnet_osc.frames import Frames
from bassnet_osc.notes import hz_to_pitch, notes_from_frames
from bassnet_osc.stream import Stream
from training.artificial import Origin, make_song
from training.composition import Song
from training.data_sets import Chord

RATE = 48_000
SEED = 2026  # not the seed of the training songs
SECONDS = 16  # of each song
SETTLED_S = 0.25  # after a chord change: the low kernels are 180 ms long
pytestmark = pytest.mark.usefixtures("needs_fluidsynth")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The shipped model, with the two threads of `render`."""
    return Bundle.load("a1-live", provider="cpu", threads=2)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Song, np.ndarray]]:
    """Three songs of A1."""
    return [render_song("A1", index, tmp_path_factory.mktemp("songs")) for index in range(3)]


def render_song(data_set: str, index: int, folder: Path) -> tuple[Song, np.ndarray]:
    """A song and the first part of its mix at 48 kHz."""
    origin = Origin(data_set, "test", index, SEED)
    make_song(origin, folder / "song")
    mix, rate = soundfile.read(folder / "song" / "mix.wav", dtype="float32")
    return origin.compose(), soxr.resample(mix[: SECONDS * rate], rate, RATE)


@pytest.fixture(scope="module")
def heard(bundle: Bundle, songs: list[tuple[Song, np.ndarray]]) -> dict[str, list[Frames]]:
    """The frames of every song at every place."""
    return {place: [hear(bundle, mix, z) for _, mix in songs] for place, z in bundle.z_places.items()}


def hear(bundle: Bundle, mix: np.ndarray, z: tuple[float, float]) -> Frames:
    """All frames of a mix at a fixed z."""
    stream = Stream(bundle, RATE, lambda frame: z)
    return Frames.join([stream.process(mix), stream.flush()])


def degree_share(song: Song, frames: Frames, degree: Callable[[Chord], int]) -> float:
    """Share of the voiced, settled frames within half a semitone of each chord's degree, any octave."""
    pitch = hz_to_pitch(frames.f0_hz)
    right = total = 0
    bar_s = 4 * song.beat_s
    for i in np.flatnonzero(~np.isnan(pitch)):
        bar = int(i / 100 / bar_s)
        if bar < len(song.bars) and i / 100 - bar * bar_s > SETTLED_S:
            chord = song.bars[bar].chord
            distance = (pitch[i] - chord.pitch(degree(chord)) + 6) % 12 - 6
            right += abs(distance) < 0.5
            total += 1
    assert total > 500
    return right / total


@pytest.mark.parametrize(("place", "degree"), [("root", 1), ("third", 3), ("fifth", 5)])
def test_each_place_plays_its_chord_degree(
    songs: list[tuple[Song, np.ndarray]], heard: dict[str, list[Frames]], place: str, degree: int
) -> None:
    """Measured: 0.998 or more of the settled frames of each song."""
    for (song, _), frames in zip(songs, heard[place], strict=True):
        assert degree_share(song, frames, lambda _: degree) > 0.95


# What the places of the other models ask of a chord, as section 5.1 says it.
MINOR_ROOT = {True: 5, False: 1}  # is it a major chord?
GUITAR_ROOT = {True: 1, False: 5}  # is it played by the guitar?
RULES: dict[str, tuple[Callable[[Chord], int], ...]] = {
    "A2": (
        lambda chord: MINOR_ROOT[chord.quality == "major"],
        lambda chord: MINOR_ROOT[chord.quality != "major"],
    ),
    "A3": (
        lambda chord: GUITAR_ROOT[chord.program == 24],
        lambda chord: GUITAR_ROOT[chord.program != 24],
    ),
}


@pytest.mark.parametrize(("name", "data_set"), [("a2-live", "A2"), ("a3-live", "A3")])
def test_the_places_of_the_other_models(name: str, data_set: str, tmp_path: Path) -> None:
    """Each plays by its rule of the chord's quality or of its instrument; measured: 0.999 or more."""
    bundle = Bundle.load(name, provider="cpu", threads=2)
    song, mix = render_song(data_set, 0, tmp_path)
    for z, rule in zip(bundle.z_places.values(), RULES[data_set], strict=True):
        assert degree_share(song, hear(bundle, mix, z), rule) > 0.95


# Section 5.1.4: chord degree by the beat from which it sounds.
A4_STEPS = {
    "root on kick": {0: 1, 1: 5, 2: 1, 3: 5},
    "root on snare": {0: 5, 1: 1, 2: 5, 3: 1},
    "staircase": {0: 1, 1: 3, 2: 5, 3: 3},
    "eighths": {0: 1, 0.5: 2, 1: 3, 1.5: 4, 2: 5, 2.5: 4, 3: 3, 3.5: 2},
    "one note": {0: 1},
}
STEP_SETTLED = (0.5, 0.9)  # the part of a step that is judged: the low kernels are 180 ms long


def step_share(song: Song, frames: Frames, steps: dict[float, int]) -> tuple[float, float]:
    """Of the frames in which a step is settled, the share that sounds; of those, the right degrees' share."""
    pitch = hz_to_pitch(frames.f0_hz)
    asked = sounding = right = 0
    for number, bar in enumerate(song.bars):
        for beat, degree in steps.items():
            first, last = (4 * number + beat + part * 4 / max(len(steps), 4) for part in STEP_SETTLED)
            for i in range(*(min(math.ceil(100 * song.beat_s * b), len(pitch)) for b in (first, last))):
                asked += 1
                if not np.isnan(pitch[i]):
                    sounding += 1
                    distance = (pitch[i] - bar.chord.pitch(degree) + 6) % 12 - 6
                    right += abs(distance) < 0.5
    assert asked > 100 and sounding
    return sounding / asked, right / sounding


def test_the_places_of_a4(tmp_path: Path) -> None:
    """Rhythm: the root on the kick or on the snare, staircases, one note in a measure.

    Measured: all of the steps sound; 0.89 of the eighths' frames are right, 1.00 of the others'; 0.73 of the
    frames of "one note" are silent.
    """
    bundle = Bundle.load("a4-live", provider="cpu", threads=2)
    song, mix = render_song("A4", 0, tmp_path)
    assert bundle.z_places.keys() == A4_STEPS.keys()
    for place, z in bundle.z_places.items():
        frames = hear(bundle, mix, z)
        sounding, right = step_share(song, frames, A4_STEPS[place])
        assert sounding > 0.8 and right > 0.8, (place, sounding, right)
    silent = np.isnan(hear(bundle, mix, bundle.z_places["one note"]).f0_hz).mean()
    assert silent > 0.65


def test_notes_start_on_the_beat(
    bundle: Bundle, songs: list[tuple[Song, np.ndarray]], heard: dict[str, list[Frames]]
) -> None:
    """The true bass plays every beat; measured: 0.93 of them found within 30 ms, median deviation 0.3 ms."""
    deviations: list[float] = []
    for (song, _), frames in zip(songs, heard["root"], strict=True):
        onsets = np.array([note.start_frame / 100 for note in notes_from_frames(frames, bundle.spec)])
        beats = np.arange(1, int((SECONDS - 1) / song.beat_s)) * song.beat_s
        nearest = np.abs(onsets[None] - beats[:, None]).argmin(axis=1)
        deviations += list(onsets[nearest] - beats)
    found = [d for d in deviations if abs(d) <= 0.03]
    assert len(found) > 0.85 * len(deviations)
    assert abs(np.median(found)) <= 0.005


def test_silence_in_silence_out(bundle: Bundle) -> None:
    for z in [*bundle.z_places.values(), (3.0, -3.0)]:
        assert np.isnan(hear(bundle, np.zeros(RATE, np.float32), z).f0_hz).all()


def test_the_encoder_finds_the_place_of_an_existing_bass(bundle: Bundle, tmp_path: Path) -> None:
    """mu of windows in which one pattern plays lies nearest to that pattern's place (measured: all 93)."""
    cqt, b = bundle.spec.cqt, bundle.spec.window.window_frames
    origin = Origin("A1", "test", 9, SEED)
    song = origin.compose()
    make_song(origin, tmp_path / "song")
    spectra = []
    for name in ("mix", "bass"):
        audio, _ = soundfile.read(tmp_path / "song" / f"{name}.wav", dtype="float32")
        spectra.append(bundle.frontend(np.concatenate([np.zeros(cqt.left, np.float32), audio])))
    places = np.array(list(bundle.z_places.values()))
    right = []
    for newest in range(b, 5000, 50):
        window = slice(newest - b + 1, newest + 1)
        mu, _ = bundle.encode(spectra[0][None, window], spectra[1][None, window])
        first, last = (int(t / 100 / (4 * song.beat_s)) for t in (newest - b, newest))
        if song.bars[first].pattern == song.bars[last].pattern:
            guess = int(np.linalg.norm(places - mu, axis=1).argmin())
            right.append(guess == song.bars[last].pattern)
    assert len(right) > 50 and np.mean(right) > 0.95
