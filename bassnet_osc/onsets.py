"""The two decisions on descriptor curves: voiced or not, and whether a note attacks.

Synth and notes both ask an `OnsetGate` and neither looks at the curve itself; the stream and the training
targets both ask a `LevelGate`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bassnet_osc.frames import Array
from bassnet_osc.spec import DescriptorSpec

BoolArray = npt.NDArray[np.bool_]


class LevelGate:
    """Voiced or not: opens at gate_on_db or at an onset, closes below gate_off_db.

    An onset opens it because the level, a mean over a window, reaches gate_on_db some frames after the pluck.
    """

    def __init__(self, spec: DescriptorSpec) -> None:
        self.spec = spec  # may be changed between frames
        self.reset()

    def reset(self) -> None:
        """Back to closed."""
        self._is_open = False

    def process(self, level_db: Array, onset: Array) -> BoolArray:
        """Voiced frames (n,) from levels in dBFS (n,) and onsets (n,); grouping does not matter."""
        voiced = [self._decide(*frame) for frame in zip(level_db.tolist(), onset.tolist(), strict=True)]
        return np.array(voiced, np.bool_)

    def _decide(self, level_db: float, onset: float) -> bool:
        threshold = self.spec.gate_off_db if self._is_open else self.spec.gate_on_db
        self._is_open = level_db >= threshold or onset >= self.spec.onset_on
        return self._is_open


class OnsetGate:
    """Causal attack decision: threshold with hysteresis, since a peak would need a later frame.

    A note attacks in a voiced frame, where

    - the curve rises through `onset_on` (it has been below `onset_off` since the last time), or
    - voice starts after silence, whatever the curve says: a note must start. So a curve that peaks
      shortly before the voice starts has its attack at the start of the voice, once.

    Two attacks are `refractory_frames` apart at least. What the curve does earlier belongs to the attack
    that was, and a voice that drops out and is back by then continues its note.
    """

    def __init__(self, spec: DescriptorSpec) -> None:
        self.spec = spec  # may be changed between frames
        self.reset()

    def reset(self) -> None:
        """Back to silence: the next voiced frame attacks."""
        self._armed = True  # the curve has been below onset_off since it last rose through onset_on
        self._was_voiced = False
        self._age = self.spec.refractory_frames  # frames since the last attack

    def process(self, onset: Array, voiced: BoolArray) -> BoolArray:
        """Decides frame by frame; grouping does not matter.

        Shape:
            - `onset` (n,): onset probability in [0, 1]
            - `voiced` (n,): whether the frame has a pitch
            - returns (n,): whether a note attacks in this frame
        """
        attacks = [self._decide(*frame) for frame in zip(onset.tolist(), voiced.tolist(), strict=True)]
        return np.array(attacks, np.bool_)

    def _decide(self, onset: float, voiced: bool) -> bool:
        self._age += 1
        rises = self._armed and onset >= self.spec.onset_on
        starts = voiced and not self._was_voiced
        attack = voiced and (rises or starts) and self._age >= self.spec.refractory_frames
        # A rise is spent even where it may not attack: it belongs to the attack just before, or to the
        # start of the voice just after.
        self._armed = not rises and (self._armed or onset < self.spec.onset_off)
        self._was_voiced = voiced
        if attack:
            self._age = 0
        return attack
