"""Places of z: where patterns were put, and where a fake bass does what their names say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from listener import Listener, songs
from torch import Tensor

from bassnet_osc.presets import live
from training import z_places as module
from training.dataset import Song, Windows
from training.places import root_classes
from training.subject import Guess
from training.z_places import (
    CANDIDATES,
    CLEAR_FACTOR,
    Played,
    candidates,
    characters,
    chosen,
    densest,
    listen,
    pattern_places,
    semitones,
    z_places,
)

LOUD, SURE = 8.0, 20.0  # logits


def test_pattern_places_lie_where_the_patterns_were_put() -> None:
    """By the pattern's number; a pattern that no song plays has none."""
    data = songs(4)
    found = pattern_places(Listener(), data)
    assert set(found) == {0, 1}
    np.testing.assert_allclose(found[0], [0, 0], atol=0.1)
    np.testing.assert_allclose(found[1], [1, 1], atol=0.1)
    for one in data:
        one.truth["bars"] = [dict(bar, pattern=2 * bar["pattern"]) for bar in one.truth["bars"]]
    assert set(pattern_places(Listener(), data)) == {0, 2}


def test_the_place_of_a_pattern_lies_in_a_cluster_of_its_own() -> None:
    """Two clusters, the denser one at (4, 0): their mean lies between them, where another pattern may be."""
    rng = np.random.default_rng(0)
    mu = np.concatenate([rng.normal((-4, 0), 0.5, (50, 2)), rng.normal((4, 0), 0.2, (50, 2))])
    assert np.linalg.norm(densest(mu) - (4, 0)) < 0.2  # 0.13 measured


def test_bins_are_midi_pitches() -> None:
    """Three bins a semitone from A0, 21, on; the middle one is the note."""
    assert semitones(np.array([0, 1, 2, 3, 36, 81]), live()).tolist() == [21, 21, 22, 22, 33, 48]


def test_candidates_lie_where_latents_do() -> None:
    """Two clouds: no candidate lies between them, nor at the one who went astray."""
    rng = np.random.default_rng(0)
    mu = np.concatenate([rng.standard_normal((1000, 2)), rng.standard_normal((1000, 2)) + 20, [[500, 0]]])
    found = candidates(mu)
    assert CANDIDATES / 4 < len(found) <= CANDIDATES
    assert np.minimum(np.linalg.norm(found, axis=1), np.linalg.norm(found - 20, axis=1)).max() < 5


def played(**values: list[float]) -> Played:
    """Three places that are alike but for `values`."""
    same = {"notes_per_s": [2.0] * 3, "pitch": [40.0] * 3, "root": [0.5] * 3, "fifth": [0.2] * 3}
    return Played(**{name: np.array(value) for name, value in (same | values).items()})


def test_only_a_clear_difference_has_a_name() -> None:
    assert chosen(played()) == {}
    assert chosen(played(notes_per_s=[2.0, 0.5, 6.0])) == {"sparse": 1, "busy": 2}
    both = played(notes_per_s=[2.0, 0.5, 6.0], pitch=[40.0, 40.0, 50.0])
    assert chosen(both) == {"sparse": 1, "busy": 2}  # the first name counts
    assert chosen(played(notes_per_s=[2.0, 2.0, 2.0 * CLEAR_FACTOR - 0.01])) == {}
    assert chosen(played(pitch=[40.0, 41.9, 33.0])) == {"low": 2}
    assert chosen(played(root=[0.9, 0.5, 0.1])) == {"root": 0, "moving": 2}
    assert chosen(played(root=[np.nan] * 3, fifth=[np.nan] * 3)) == {}
    assert chosen(played(fifth=[0.0] * 3, notes_per_s=[0.0] * 3)) == {}  # nobody does it
    assert chosen(played(fifth=[0.01, 0.01, 0.03])) == {}  # hardly anybody


class Bassist(Listener):
    """Busier to the right (onsets in x + 2 of five windows), silent to the left, an octave higher upwards, on
    the chord's root or a fifth above it.
    """

    def encode(self, windows: Windows) -> Tensor:
        """A grid of places over the windows."""
        at = torch.arange(len(windows.bass))
        return torch.stack([at % 7 - 3.0, at // 7 % 7 - 3.0], dim=1)

    def play(self, windows: Windows, z: Tensor) -> Iterator[Guess]:
        """A pitch of bins 81 (C3, a root) or 102 (a fifth above), an octave up where y > 0."""
        shape = (len(windows.bass), 1, self.spec.window.n_steps)
        for x, y in z:
            f0 = torch.zeros(*shape, 264)
            f0[..., (102 if x > 1 else 81) + (36 if y > 0 else 0)] = SURE
            has_one = torch.arange(shape[0]) % 5 < int(x) + 2
            onset = torch.full(shape, -SURE)
            onset[has_one, :, 1] = SURE
            yield Guess(f0, torch.full(shape, LOUD if x > -2 else -LOUD), onset)


def with_roots(data: list[Song]) -> list[Song]:
    """Songs on the chord of C."""
    for one in data:
        for bar in one.bars:
            bar["chords"] = [{"start": bar["start"], "pitch_classes": [0, 4, 7]}]
    return data


def test_what_is_played_is_counted() -> None:
    """Onsets in the three of four steps in which a curve can rise; what hardly sounds is not told."""
    z = np.array([[-3.0, -1.0], [0.0, -1.0], [0.0, 1.0], [2.0, 1.0]])
    found = listen(Bassist(), with_roots(songs(4)), z)
    np.testing.assert_allclose(found.notes_per_s, np.array([np.nan, 2, 2, 4]) / 5 / 0.03, rtol=0.05)
    np.testing.assert_array_equal(found.pitch, [np.nan, 48, 60, 67])
    np.testing.assert_array_equal(found.root, [np.nan, 1, 1, 0])
    np.testing.assert_array_equal(found.fifth, [np.nan, 0, 0, 1])


def test_without_chords_there_is_no_root() -> None:
    found = listen(Bassist(), songs(2), np.zeros((1, 2)))
    assert np.isnan(found.root).all() and np.isnan(found.fifth).all() and found.pitch[0] == 48


def test_names_are_where_the_bass_does_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typical is first; the others lie on the side where they belong."""
    monkeypatch.setattr(module, "CANDIDATES", 49)
    data = with_roots(songs(12))
    for one in data:
        one.truth["data_set"] = "groove"
    found = z_places(Bassist(), data)
    assert next(iter(found)) == "typical"
    assert found["busy"][0] > 1 and -2 < found["sparse"][0] < 0
    assert "root" not in found  # nearly everywhere
    named = [tuple(place) for name, place in found.items() if name != "typical"]
    assert len(set(named)) == len(named)  # a place has one name
    assert characters(Bassist(), data) == found


def test_roots_of_chords_within_a_bar() -> None:
    """Each sounds until the next one; a bar may name its root alone."""
    (one,) = songs(1)
    one.bars[0]["chords"] = [
        {"start": 0.0, "pitch_classes": [9, 0, 4]},
        {"start": 0.5, "pitch_classes": [2, 5, 9]},
    ]
    one.bars[1]["root"] = 51
    found: npt.NDArray[np.int64] = root_classes(one, live())
    assert [found[0], found[49], found[50], found[99], found[100], found[200]] == [9, 9, 2, 2, 3, -1]
