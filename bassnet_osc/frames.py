"""The descriptor frames that flow from the stream to synth, notes and clients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bassnet_osc.spec import DescriptorSpec

CONCEAL_DB_PER_FRAME = 0.5  # how fast a tone dies away that goes on without its frames

Array = npt.NDArray[np.float64]
Block = npt.NDArray[np.float32]  # samples, or what the graphs take and give


@dataclass(frozen=True)
class Frames:
    """Consecutive descriptor frames; frame i describes the mix at i hops after its first sample.

    Shape:
        - `f0_hz` (n,): fundamental in Hz, NaN where unvoiced
        - `level_db` (n,): dBFS, a full-scale sine is 0
        - `onset` (n,): onset probability in [0, 1]
    """

    first: int
    f0_hz: Array
    level_db: Array
    onset: Array

    def __len__(self) -> int:
        return len(self.f0_hz)

    def __getitem__(self, part: slice) -> Frames:
        """A run of the frames; slices without a step only."""
        start, stop, _ = part.indices(len(self))
        stop = max(start, stop)
        if (start, stop) == (0, len(self)):
            return self  # as mostly
        return Frames(
            self.first + start, self.f0_hz[start:stop], self.level_db[start:stop], self.onset[start:stop]
        )

    @property
    def end(self) -> int:
        """Index of the frame after the last one."""
        return self.first + len(self)

    @staticmethod
    def empty(first: int) -> Frames:
        """No frames, the next of which would be `first`."""
        none = np.zeros(0)
        return Frames(first, none, none, none)

    @staticmethod
    def join(parts: list[Frames]) -> Frames:
        """Concatenates runs that follow one another."""
        told = [part for part in parts if len(part)]
        if len(told) < 2:
            return told[0] if told else parts[0]
        return Frames(
            told[0].first,
            np.concatenate([part.f0_hz for part in told]),
            np.concatenate([part.level_db for part in told]),
            np.concatenate([part.onset for part in told]),
        )


def stand_in(first: int, f0_hz: float, level_db: float, n_frames: int, spec: DescriptorSpec) -> Frames:
    """Frames in place of missing ones, from the last that was known: its tone goes on, dying away."""
    levels = level_db - CONCEAL_DB_PER_FRAME * np.arange(1, n_frames + 1)
    pitches = np.where(levels < spec.gate_off_db, np.nan, f0_hz)
    return Frames(first, pitches, np.maximum(levels, spec.level_floor_db), np.zeros(n_frames))
