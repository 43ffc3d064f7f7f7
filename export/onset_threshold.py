"""The probability from which on an onset is one: that which finds the notes of validation songs best.

A model that is as sure as one can be of music says 0.3 where three players may start the next note; at a half
it would never pluck. Of the paper's data sets, where all is certain, the threshold stays where it is.

Flow: training.metrics, bassnet_osc.onsets ◀ onset_threshold ◀ card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import mir_eval
import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from bassnet_osc.onsets import LevelGate, OnsetGate
from bassnet_osc.spec import DescriptorSpec, Spec
from training.agreement import onset_peaks
from training.dataset import Song
from training.metrics import batches, encode_places
from training.places import finest_frames
from training.subject import Subject
from training.z_places import densest

THRESHOLDS = np.round(np.arange(0.05, 0.75, 0.05), 2)
OFF_SHARE = 0.5  # of the threshold, where it is armed again
SONGS, SECONDS = 24, 15.0  # of the validation songs (of 8 it was off by half), and of each the middle
Z_EVERY = 10  # windows: of every tenth one the latent is asked for
WINDOW_S = 0.05  # that an onset may lie off

Array = npt.NDArray[np.float64]


def with_threshold(spec: Spec, on: float) -> Spec:
    """The spec with onsets from this probability on."""
    descriptor = replace(spec.descriptor, onset_on=float(on), onset_off=float(OFF_SHARE * on))
    return replace(spec, descriptor=descriptor)


def calibrated(subject: Subject, songs: Sequence[Song]) -> Spec:
    """The subject's spec with the threshold of the best mean F1 at WINDOW_S.

    z is as a player has it: one for each song, the most typical of its true bass.
    """
    some = songs[:: max(1, len(songs) // SONGS)][:SONGS]
    shown = tqdm(some, unit="song", desc="threshold of onsets", disable=None)
    curves = [played_curves(subject, song) for song in shown]
    if not any(len(true) for _, _, true in curves):
        return subject.spec  # there is nothing to find
    scores = [np.mean([f1(curve, subject.spec, on) for curve in curves]) for on in THRESHOLDS]
    return with_threshold(subject.spec, THRESHOLDS[int(np.argmax(scores))])


def played_curves(subject: Subject, song: Song) -> tuple[Array, Array, Array]:
    """Onset and level (n,) that the stream would hand on from the middle of a song, and the true onsets."""
    spec, w = subject.spec, subject.spec.window
    length = min(song.n_frames - w.window_frames, round(SECONDS * spec.cqt.frame_rate))
    start = max(w.window_frames, (song.n_frames - length) // 2)
    ends = list(range(start, start + max(length, w.hop), w.hop))
    first = w.window_frames - w.skip - w.taper // 2 - w.hop // 2  # in the window: the middle of the taper
    middle = slice(first - finest_frames(spec).start, first - finest_frames(spec).start + w.hop)
    places = [(0, end) for end in ends]
    z = torch.from_numpy(densest(encode_places(subject, [song], places[::Z_EVERY]))).float()[None]
    onset, level = [], []
    for windows, _ in batches(subject, [song], places, "threshold"):
        (guess,) = subject.play(windows, z)
        onset.append(torch.sigmoid(guess.onset[:, 0, middle]).flatten())
        level.append(torch.sigmoid(guess.level[:, 0, middle]).flatten())
    offset = start - w.window_frames + 1 + first + w.ahead
    n_frames = len(ends) * w.hop
    true = true_onsets(song, spec) - offset
    inside = true[(true >= 0) & (true < n_frames)]
    return torch.cat(onset).double().numpy(), torch.cat(level).double().numpy(), inside


def true_onsets(song: Song, spec: Spec) -> Array:
    """Frames where the notes of the true bass begin: exact, or the peaks of an estimated curve."""
    if spec.descriptor.source == "notes" and song.truth.get("bass") is not None:
        return np.flatnonzero(song.descriptors.onset == 1.0).astype(np.float64)
    return spec.cqt.frame_rate * onset_peaks(song.descriptors.onset, spec.cqt, DescriptorSpec())


def f1(curves: tuple[Array, Array, Array], spec: Spec, on: float) -> float:
    """F1 of the attacks that a threshold gives."""
    onset, level, true = curves
    descriptor: DescriptorSpec = with_threshold(spec, on).descriptor
    voiced = LevelGate(descriptor).process(np.asarray(descriptor.level_to_db(level)), onset)
    attacks = np.flatnonzero(OnsetGate(descriptor).process(onset, voiced))
    if not len(true) or not len(attacks):
        return float(len(true) == len(attacks))
    rate = spec.cqt.frame_rate
    return float(mir_eval.onset.f_measure(true / rate, attacks / rate, window=WINDOW_S)[0])
