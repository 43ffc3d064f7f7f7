"""A fake subject whose right answers are known, and songs that tell it their patterns."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace

import numpy as np
import torch
from songs import tiny
from torch import Tensor

from bassnet_osc.presets import live
from bassnet_osc.spec import Spec
from training.dataset import Song, Windows
from training.descriptors import Descriptors
from training.subject import Guess

SPEC = replace(tiny(live()), cqt=replace(live().cqt, n_bins=12))
N_FRAMES, BAR_FRAMES, F0 = 600, 100, 5


def song(rng: np.random.Generator, relabelled: bool = False, late: int = 0) -> Song:
    """A song whose bass frames tell the pattern of their bar, 0 or 1, or of the bar `late` frames before.

    `relabelled` swaps the labels.
    """
    patterns = np.arange(N_FRAMES // BAR_FRAMES) % 2
    said = np.roll(patterns.repeat(BAR_FRAMES), late)
    heard = said[:, None] + 0.05 * rng.standard_normal((N_FRAMES, SPEC.cqt.n_bins))
    labels = 1 - patterns if relabelled else patterns
    bars = [{"start": i, "end": i + 1, "pattern": int(label)} for i, label in enumerate(labels)]
    curve = np.ones(N_FRAMES, dtype=np.float32)
    descriptors = Descriptors(np.full(N_FRAMES, F0), curve, curve.copy())
    return Song(np.stack([heard, heard]).astype(np.float16), descriptors, {"bars": bars})


def songs(n_songs: int, relabelled: Container[int] = (), late: int = 0) -> list[Song]:
    """Songs of one generator."""
    rng = np.random.default_rng(0)
    return [song(rng, i in relabelled, late) for i in range(n_songs)]


class Listener:
    """Its mu is what the newest bass frame says; its f0 leans to the bin `guess` or to none."""

    def __init__(self, guess: int | None = F0, spec: Spec = SPEC, n_channels: int | None = None) -> None:
        self.guess, self.spec = guess, spec
        self.n_channels = n_channels or spec.window.n_channels

    def encode(self, windows: Windows) -> Tensor:
        """mu (n, 2)"""
        return windows.bass[:, -1, :2]

    def rebuild(self, windows: Windows) -> tuple[Tensor, Guess]:
        """mu, and the same for every window"""
        shape = (len(windows.bass), self.n_channels, self.spec.window.n_steps)
        f0 = torch.zeros(*shape, self.spec.cqt.n_bins)
        if self.guess is not None:
            f0[..., self.guess] = 1.0
        return self.encode(windows), Guess(f0, torch.zeros(shape), torch.zeros(shape))

    def play(self, windows: Windows, z: Tensor) -> Iterator[Guess]:
        """The same at every z"""
        for _ in z:
            guess = self.rebuild(windows)[1]
            yield Guess(guess.f0[:, :1], guess.level[:, :1], guess.onset[:, :1])
