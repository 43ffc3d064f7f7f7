"""What passes between a stream and those who decode for it: windows, the model's outputs, frames.

Flow: stream -> hearing -> engine, voice.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from bassnet_osc.frames import Block, Frames
from bassnet_osc.spec import DescriptorSpec, Spec

Outputs: TypeAlias = tuple[Block, Block, Block]  # f0 (n, b, n_bins), level and onset (n, b), of n rows


class Model(Protocol):
    """What the stream needs of a bundle."""

    @property
    def spec(self) -> Spec:
        """The numbers it was made with."""

    def frontend(self, audio: Block) -> Block:
        """(n_samples,) -> (n_frames, n_bins)"""

    def decode(self, mix: Block, z: Block) -> Outputs:
        """(batch, b, n_bins), (batch, 2) -> f0 (batch, b, n_bins), level and onset (batch, b)"""


@dataclass(frozen=True)
class Window:
    """A window that is due: what the model has to decode, a row for each z.

    Shape: mix (b, n_bins), z (n, 2). `may_be_left_out`: the window before it can stand in for it.
    """

    model: Model
    mix: Block
    z: Block
    may_be_left_out: bool

    @property
    def rows(self) -> Block:
        """The mix for each z (n, b, n_bins)."""
        return np.repeat(self.mix[None], len(self.z), axis=0)


@dataclass(frozen=True)
class Decision:
    """How a window was played: by which model, with which z of each variation, decoded or not."""

    model: Model
    z: dict[int, tuple[float, float]]
    is_decoded: bool


@dataclass(frozen=True)
class Heard:
    """What a block of the mix brought: frames of each variation (0: the only one, usually), and how.

    `descriptor`: the scales and thresholds of the model that brought them. `stand_in_end`: end of the newest
    frames that only stand in for what was not decoded, None where none do.
    """

    block: Block
    variations: dict[int, Frames]
    descriptor: DescriptorSpec
    stand_in_end: int | None
    decisions: tuple[Decision, ...]

    @property
    def frames(self) -> Frames:
        """Of the plain bass."""
        return self.variations[0]

    def __len__(self) -> int:
        return len(self.frames)


# Hearing a block: gives each window that is due, is sent what the model makes of it (None: left out).
Hearing: TypeAlias = Generator[Window, "Outputs | None", Heard]


def heard_alone(hearing: Hearing) -> Heard:
    """Decodes each window by itself, as soon as it is due."""
    try:
        window = next(hearing)
        while True:
            window = hearing.send(window.model.decode(window.rows, window.z))
    except StopIteration as end:
        heard: Heard = end.value
        return heard
