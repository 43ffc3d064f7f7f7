"""Which z a segment is played with, and that what is played is what the product plays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from listen_songs import write_stems

from bassnet_osc.bundle import Bundle
from bassnet_osc.frames import Frames
from bassnet_osc.latent import Z
from bassnet_osc.notes import hz_to_pitch, notes_from_frames
from bassnet_osc.spec import Spec
from bassnet_osc.voice import Voice
from training.dataset import Song
from training.descriptors import Descriptors
from training.listening import excerpt, fitted, inferred, medoid, play, segment_places, steps
from training.listening_songs import ListeningSong, Segment, read_listening_song
from training.objective import UNVOICED_BIN

SPEC = Spec()


@pytest.fixture(scope="module")
def bundle(probe_folder: Path) -> Bundle:
    return Bundle.load(str(probe_folder), provider="cpu")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> ListeningSong:
    folder = tmp_path_factory.mktemp("songs") / "one"
    write_stems(folder)
    return read_listening_song(folder, SPEC)


def test_a_medoid_lies_in_the_larger_cluster() -> None:
    mu = np.array([[0.0, 0.0], [0.2, 0.0], [0.1, 0.0], [5.0, 0.0], [5.1, 0.0]])
    assert medoid(mu) == (0.2, 0.0)  # their mean, 2.1, is in none
    assert medoid(mu[3:4]) == (5.0, 0.0)


def test_z_is_inferred_from_the_other_segments_of_the_pattern() -> None:
    """Never from the segment itself; from all others where its pattern is nowhere else."""
    segments = [Segment(i * 100, i * 100 + 100, pattern) for i, pattern in enumerate((0, 1, 0, 2))]
    mu = [np.full((3, 2), float(i)) for i in range(4)]
    assert inferred(segments, mu, 0) == (2.0, 2.0)
    assert inferred(segments, mu, 2) == (0.0, 0.0)
    assert inferred(segments, mu, 1) in {(0.0, 0.0), (2.0, 2.0), (3.0, 3.0)}


def test_z_moves_with_the_segments() -> None:
    z = steps([Segment(100, 200, 0), Segment(200, 300, 1)], [(1.0, 1.0), (2.0, 2.0)])
    assert [z(frame) for frame in (0, 100, 199, 200, 500)] == [(1.0, 1.0)] * 3 + [(2.0, 2.0)] * 2


def test_windows_lie_inside_their_segment() -> None:
    b = SPEC.window.window_frames
    places = segment_places(Segment(1000, 1500, 0), SPEC)
    assert places[0] - b + 1 == 1000 and max(places) < 1500
    assert segment_places(Segment(1000, 1000 + b // 2, 0), SPEC) == [1000 + b // 2 - 1]


def test_an_excerpt_is_the_middle() -> None:
    song: Any = SimpleNamespace(n_frames=1000)
    assert excerpt(song, 4.0, 100.0) == (300, 700)
    assert excerpt(song, 60.0, 100.0) == (0, 1000)


class Knowing:
    """A bundle that plays the song's own bass at one z, and anything elsewhere."""

    spec = SPEC

    def __init__(self, f0_bin: int, best: tuple[float, float]) -> None:
        self.f0_bin, self.best = f0_bin, np.array(best)

    def decode(self, mix: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n, b, n_bins = mix.shape
        near = np.exp(-np.linalg.norm(z - self.best, axis=1))[:, None]
        f0 = np.full((n, b, n_bins), 1e-6)
        f0[..., self.f0_bin] = near
        return f0, np.zeros((n, b)), np.full((n, b), 0.5)


def test_fitted_z_is_where_the_true_bass_is_likeliest() -> None:
    n = 500
    f0 = np.where(np.arange(n) % 3 > 0, 70, UNVOICED_BIN)
    descriptors = Descriptors(f0, np.zeros(n, np.float32), np.zeros(n, np.float32))
    known = Song(np.zeros((2, n, SPEC.cqt.n_bins), np.float16), descriptors, {})
    model: Any = Knowing(70, best=(2.0, -1.0))
    assert fitted(known, Segment(100, 400, 0), model) == (2.0, -1.0)


def test_a_line_is_what_the_product_plays(bundle: Bundle, song: ListeningSong) -> None:
    """Frames and notes of a Voice that hears the excerpt in small blocks, z moving as it does in the song."""
    first, after = 250, 500
    mix = song.mix.copy()
    mix[350 * 160 : 450 * 160] = 0.0  # a rest, after which a note begins
    song = replace(song, mix=mix)
    z: Z = steps([Segment(0, 400, 0), Segment(400, 600, 1)], [(0.0, 0.0), (1.0, 1.0)])
    line, frames = play(song, bundle, z, first, after)
    start = first - 200  # two seconds are heard before
    heard: list[Frames] = []
    voice = Voice(bundle, 16_000, lambda frame: z(frame + start), on_frames=heard.append)
    mix = mix[start * 160 : after * 160]
    for i in range(0, len(mix), 320):
        voice.process(mix[i : i + 320])
    voice.process(np.zeros(voice.latency_samples, np.float32))
    expected = Frames.join(heard)[: after - start]
    assert len(frames) == after - first
    assert frames.level_db == pytest.approx(expected.level_db[first - start :], abs=1e-9)
    pitch = hz_to_pitch(expected.f0_hz)[first - start :]
    assert line.pitch == pytest.approx(pitch, nan_ok=True)
    notes = [note.start_frame - (first - start) for note in notes_from_frames(expected, bundle.spec)]
    assert line.onsets * 100 == pytest.approx([note for note in notes if note >= 0])
    assert len(line.onsets) == 1
