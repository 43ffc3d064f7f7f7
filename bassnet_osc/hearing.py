"""What passes between a stream and those who decode for it: windows, the model's outputs, frames.

Flow: stream -> hearing -> engine, voice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from bassnet_osc.frames import Block, Frames
from bassnet_osc.spec import MAX_ROWS, DescriptorSpec, Spec

# Of n rows, the frames that a window uses: f0 (n, used, n_bins), level and onset (n, used).
Outputs: TypeAlias = tuple[Block, Block, Block]


class Model(Protocol):
    """What the stream needs of a bundle."""

    @property
    def spec(self) -> Spec:
        """The numbers it was made with."""

    def frontend(self, audio: Block) -> Block:
        """(n_samples,) -> (n_frames, n_bins)"""

    def factors(self, mix: Block, used: range) -> Block:
        """What `decode_factors` needs of windows (n, b, n_bins) to put out their frames `used`."""

    def decode_factors(self, factors: Block, z: Block, used: range) -> Outputs:
        """From the factors of as many windows as there are rows of z (n, 2), or of one for all of them."""


@dataclass(eq=False)
class Window:
    """A window that is due: what the model has to decode, a row for each z.

    Shape: mix (b, n_bins), z (n, 2). `used`: the frames that are wanted of its output. `may_be_left_out`:
    the window before it can stand in for it. `factors`: of the mix (1, ...), once they are known.
    """

    model: Model
    mix: Block
    z: Block
    used: range
    may_be_left_out: bool
    factors: Block | None = None


def decoded(windows: Sequence[Window], rows: Sequence[Block]) -> Outputs:
    """Decodes rows of z (n, 2) for each of some windows of one model at a time; a mix is encoded once."""
    model, used = windows[0].model, windows[0].used
    if new := [window for window in windows if window.factors is None]:
        together = model.factors(np.stack([window.mix for window in new]), used)
        for i, window in enumerate(new):
            window.factors = together[i : i + 1]
        if len(new) == len(windows) == sum(map(len, rows)):  # as is usual: nothing to be repeated
            return model.decode_factors(together, np.concatenate(rows), used)
    factors = [window.factors for window in windows if window.factors is not None]
    if len(windows) == 1:
        return model.decode_factors(factors[0], rows[0], used)
    repeated = [one for one, z in zip(factors, rows, strict=True) for _ in z]
    return model.decode_factors(np.concatenate(repeated), np.concatenate(rows), used)


def batches(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Neighbours that may be decoded in one call: MAX_ROWS rows at most, but no window is cut in two."""
    batch: list[Window] = []
    for window in windows:
        if batch and not _has_room(batch, window):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _has_room(batch: Sequence[Window], window: Window) -> bool:
    is_alike = batch[0].model is window.model and batch[0].used == window.used
    return is_alike and sum(len(one.z) for one in (*batch, window)) <= MAX_ROWS


def decoded_apart(windows: Sequence[Window]) -> list[Outputs]:
    """Decodes some windows of one model in one call, all rows of each; gives the outputs of each."""
    outputs = decoded(windows, [window.z for window in windows])
    ends = np.cumsum([len(window.z) for window in windows])
    cut = [np.split(output, ends[:-1]) for output in outputs]
    return list(zip(*cut, strict=True))


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


class Turn(NamedTuple):
    """Whose turn it is to be added up: window w of this model, with these z of the variations."""

    w: int
    model: Model
    z: dict[int, tuple[float, float]]


@dataclass
class Hearable:
    """A block that is being heard: the turns that it still has, and what the others have brought.

    `runs`: of each variation. The rest is as in `Heard`.
    """

    block: Block
    descriptor: DescriptorSpec
    runs: dict[int, list[Frames]]
    turns: deque[Turn] = field(default_factory=deque)
    stand_in_end: int | None = None
    decisions: list[Decision] = field(default_factory=list)

    def heard(self) -> Heard:
        """All of it, once every turn is over."""
        variations = {n: Frames.join(run) for n, run in self.runs.items()}
        return Heard(self.block, variations, self.descriptor, self.stand_in_end, tuple(self.decisions))
