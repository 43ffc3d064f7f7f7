"""Named places of z: where the patterns of A1 to A4 lie, and for other music what the bass does there.

A bundle names them; they are found on validation songs.

Flow: subject, places, metrics ◀ z_places ◀ export.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.cluster import KMeans

from bassnet_osc.spec import A4_HZ, A4_PITCH, BassNetError, Spec
from training.data_sets import DATA_SETS
from training.dataset import Song
from training.metrics import Latents, batches, encode_places
from training.places import (
    Ints,
    evaluation_places,
    finest_frames,
    has_common_patterns,
    patterns,
    root_classes,
)
from training.subject import Subject

CANDIDATES = 40  # places that are tried, spread over where the latents lie
LEAST_SHARE = 0.25  # of the windows that each would have, were they shared equally: fewer is no man's land
WINDOWS = 300  # that each place plays to
CLEAR_FACTOR = 1.3  # from the median of all places: below it a place does not deserve a name ...
CLEAR_SEMITONES = 2.0  # ... or for its register
LEAST_DIFFERENCE = {"notes_per_s": 0.5, "root": 0.1, "fifth": 0.1}  # what is hardly ever done has no name
LEAST_SOUNDING = 0.25  # of the time: a place that is more silent is none to start from
FIFTH = 7  # semitones

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Played:
    """What the bass does at places of z, each (k,); NaN where the songs do not tell, or it hardly plays."""

    notes_per_s: Floats  # onsets that reach the threshold
    pitch: Floats  # median, in MIDI numbers
    root: Floats  # share of its sounding time on the pitch class of the chord's root
    fifth: Floats  # the same of the chord's fifth


# name: the field of Played, and 1 for the place where it is largest, -1 for the smallest
CHARACTERS = {
    "sparse": ("notes_per_s", -1),
    "busy": ("notes_per_s", 1),
    "low": ("pitch", -1),
    "high": ("pitch", 1),
    "root": ("root", 1),
    "fifth": ("fifth", 1),
    "moving": ("root", -1),
}


def z_places(subject: Subject, songs: Sequence[Song]) -> dict[str, list[float]]:
    """Places by their names, the one to start from first."""
    data_set = songs[0].truth.get("data_set")
    if data_set in DATA_SETS and all(has_common_patterns(song) for song in songs):
        return named_patterns(subject, songs, DATA_SETS[data_set].names)
    return characters(subject, songs)


def named_patterns(subject: Subject, songs: Sequence[Song], names: Sequence[str]) -> dict[str, list[float]]:
    """The latent of each of the data set's bass patterns, by its name."""
    found = pattern_places(subject, songs)
    if missing := [name for c, name in enumerate(names) if c not in found]:
        raise BassNetError(
            f"the validation songs must play every pattern; they lack {', '.join(missing)}: make more songs"
        )
    return {name: found[c] for c, name in enumerate(names)}


def pattern_places(subject: Subject, songs: Sequence[Song]) -> dict[int, list[float]]:
    """The latent of each bass pattern that the songs play, where its windows lie closest together.

    A mean will not do: a pattern may have several clusters, with another one's between them.
    """
    places = evaluation_places(songs, subject.spec)
    mu, labels = encode_places(subject, songs, places), patterns(songs, places, subject.spec)
    return {int(c): densest(mu[labels == c]).tolist() for c in np.unique(labels)}


def densest(mu: Latents) -> Latents:
    """The one of mu (n, latent_dim) whose nearest tenth of the others is nearest: (latent_dim,)."""
    distances = np.linalg.norm(mu[:, None] - mu, axis=2)
    reach = np.sort(distances, axis=1)[:, len(mu) // 10]
    return np.asarray(mu[reach.argmin()])


def characters(subject: Subject, songs: Sequence[Song]) -> dict[str, list[float]]:
    """`typical`, where the latents lie closest, and the places whose bass is clearly of a kind."""
    spec = subject.spec
    places = evaluation_places(songs, spec)
    places = places[:: max(1, len(places) // (CANDIDATES * CANDIDATES))]
    mu = encode_places(subject, songs, places)
    points = candidates(mu)
    played = listen(subject, songs, points)
    return {"typical": densest(mu).tolist()} | {
        name: points[at].tolist() for name, at in chosen(played).items()
    }


def candidates(mu: Latents) -> Latents:
    """Points (k, latent_dim) spread over where the latents lie, none where few do."""
    k = min(CANDIDATES, len(np.unique(mu.astype(np.float32), axis=0)))
    fitted = KMeans(k, n_init=1, random_state=0).fit(mu)
    counts = np.bincount(fitted.labels_, minlength=k)
    return np.asarray(fitted.cluster_centers_[counts >= LEAST_SHARE * len(mu) / k])


def chosen(played: Played) -> dict[str, int]:
    """Which point deserves which name; a point has one, the first."""
    found: dict[str, int] = {}
    for name, (field, sign) in CHARACTERS.items():
        values = getattr(played, field)
        if np.isnan(values).all():
            continue
        at = int(np.nanargmax(sign * values))
        extreme, middle = values[at], np.nanmedian(values)
        if field == "pitch":
            clear = abs(extreme - middle) >= CLEAR_SEMITONES
        else:
            low, high = sorted((extreme, middle))
            clear = high >= CLEAR_FACTOR * low and high - low >= LEAST_DIFFERENCE[field]
        if clear and at not in found.values():
            found[name] = at
    return found


def listen(subject: Subject, songs: Sequence[Song], z: Latents) -> Played:
    """What the bass does at each z (k, latent_dim), decoded over the finest steps of windows of all songs."""
    spec = subject.spec
    places = evaluation_places(songs, spec)
    places = places[:: max(1, len(places) // WINDOWS)]
    roots = [np.pad(root_classes(song, spec), (0, spec.window.ahead), "edge") for song in songs]
    finest, b, ahead = finest_frames(spec), spec.window.window_frames, spec.window.ahead
    onsets, sounding, n_steps = np.zeros(len(z)), np.zeros(len(z)), 0
    pitches: list[list[Ints]] = [[] for _ in z]
    intervals: list[list[Ints]] = [[] for _ in z]
    done = 0
    for windows, _ in batches(subject, songs, places, "places of z"):
        here = places[done : done + len(windows.mix)]
        done += len(here)
        root = np.stack([roots[s][newest - b + 1 + ahead :][finest] for s, newest in here])
        n_steps += root.size
        for i, guess in enumerate(subject.play(windows, torch.from_numpy(z).float())):
            pitch = semitones(guess.f0[:, 0].argmax(dim=-1).numpy(), spec)
            level_db = spec.descriptor.level_to_db(guess.level[:, 0].sigmoid().numpy())
            sounds = level_db > spec.descriptor.gate_on_db
            above = guess.onset[:, 0].sigmoid().numpy() >= spec.descriptor.onset_on
            onsets[i] += (above[:, 1:] & ~above[:, :-1] & sounds[:, 1:]).sum()
            sounding[i] += sounds.sum()
            pitches[i].append(pitch[sounds])
            intervals[i].append((pitch - root)[sounds & (root >= 0)] % 12)
    seconds = len(places) * (spec.window.n_steps - 1) / spec.cqt.frame_rate  # in which a curve can rise
    heard = [np.concatenate(some) for some in intervals]
    curves = (
        onsets / seconds,
        np.array([_median(np.concatenate(some)) for some in pitches]),
        np.array([_share(some == 0) for some in heard]),
        np.array([_share(some == FIFTH) for some in heard]),
    )
    silent = sounding < LEAST_SOUNDING * n_steps
    return Played(*(np.where(silent, np.nan, values) for values in curves))


def semitones(bins: Ints, spec: Spec) -> Ints:
    """Bins of the spectrum as the nearest MIDI pitches."""
    lowest = A4_PITCH + 12 * np.log2(spec.cqt.fmin / A4_HZ)
    return np.rint(lowest + 12 * bins / spec.cqt.bins_per_octave).astype(np.int64)


def _median(values: Ints) -> float:
    return float(np.median(values)) if len(values) else np.nan


def _share(values: npt.NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else np.nan
