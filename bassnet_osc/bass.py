"""Frames -> the sound of one bass, its position tied to the mix's: what comes late never shifts anything.

Flow: voice -> bass -> synth.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np

from bassnet_osc.frames import Block, Frames
from bassnet_osc.onsets import LevelGate
from bassnet_osc.sound import Sound
from bassnet_osc.spec import DescriptorSpec, Spec
from bassnet_osc.synth import Synth
from bassnet_osc.timbres import TIMBRES


class Bass:
    """Output position o carries the bass that belongs to mix sample o - latency_samples, always.

    Frames that come too late for their position are discarded; what was played in their place was concealed.
    """

    def __init__(self, sample_rate: int, spec: Spec, latency_samples: int, sound: Sound) -> None:
        self._synth = Synth(sample_rate, spec)
        self._spec, self._latency_samples = spec, latency_samples
        self._samples_per_frame = sample_rate / spec.cqt.frame_rate
        self._gate: LevelGate | None = None
        self._gated_by = spec.descriptor
        self._clear()
        self.play_as(sound)

    def _clear(self) -> None:
        self._ready = Samples(self._latency_samples)
        self._next_frame = 0  # the next frame that the synth takes
        self._played = 0  # output position
        self._gain = 1.0  # at the newest sample
        self._concealed_to = 0  # output position up to which the sound stands in for frames that were late

    def reset(self) -> None:
        """Back to the state after construction."""
        self._synth.reset()
        if self._gate:
            self._gate.reset()
        self._clear()
        self.play_as(self.sound)

    def begin_beside(self, other: Bass) -> None:
        """Plays silence up to where the other one is, whose mix it has from there on."""
        self._ready, self._played = Samples(len(other._ready)), other._played
        self._next_frame = other._next_frame
        if self._next_frame > 0:
            floor_db = np.full(1, self._spec.descriptor.level_floor_db)
            self._synth.process(Frames(self._next_frame - 1, np.full(1, np.nan), floor_db, np.zeros(1)))

    def play_as(self, sound: Sound) -> None:
        """Changes the sound, from the next frame on."""
        self.sound = sound
        if self._next_frame == 0:  # nothing has been played that it could change
            self._gain = sound.gain
        self._synth.timbre = TIMBRES[sound.timbre]
        gated = sound.gate(self._spec.descriptor)
        if gated != self._gated_by:  # or a note that hangs between its thresholds would end
            self._gated_by = gated
            self._gate = None if gated == self._spec.descriptor else LevelGate(gated)

    def accept(self, frames: Frames, descriptor: DescriptorSpec, stand_in_end: int | None = None) -> Frames:
        """Turns finished frames into sound, but for those whose time has gone out concealed; returns what it
        played: without a pitch where the sound's gate is closed. Up to `stand_in_end` it counts as concealed.
        """
        self._synth.gate.spec = descriptor
        if frames.first > self._next_frame:
            self._conceal(frames.first - self._next_frame)
        frames = self._gated(frames[max(0, self._next_frame - frames.first) :])
        if len(frames):
            self._sound(self.sound.played(frames))
            if stand_in_end is not None and stand_in_end > frames.first:
                self._concealed_to = self._played + len(self._ready)
        return frames

    def play(self, n_samples: int) -> tuple[Block, bool]:
        """The next n_samples of output, and whether any of them is concealed."""
        while len(self._ready) < n_samples:  # a second round where a fraction of a sample was short
            self._conceal(max(1, math.ceil((n_samples - len(self._ready)) / self._samples_per_frame)))
        block = self._ready.take(n_samples)
        concealed = self._played < self._concealed_to
        self._played += n_samples
        return block, concealed

    def _gated(self, frames: Frames) -> Frames:
        """Without a pitch where the level is below the sound's own gate, whatever the onsets say."""
        if self._gate is None:
            return frames
        is_open = self._gate.process(frames.level_db, np.zeros(len(frames)))
        return replace(frames, f0_hz=np.where(is_open, frames.f0_hz, np.nan))

    def _conceal(self, n_frames: int) -> None:
        self._sound(self._synth.conceal(n_frames))
        self._concealed_to = self._played + len(self._ready)

    def _sound(self, frames: Frames) -> None:
        audio = self._synth.process(frames)
        if (self._gain, self.sound.gain) != (1.0, 1.0):  # a change is a ramp over what comes next
            audio = audio * np.linspace(self._gain, self.sound.gain, len(audio), dtype=np.float32)
            self._gain = self.sound.gain if len(audio) else self._gain
        self._ready.add(audio)
        self._next_frame = frames.end


class Samples:
    """Samples that wait to be played, in the pieces that they came in: a long latency costs no copying."""

    def __init__(self, n_silent: int) -> None:
        """Begins with so much silence."""
        self._n_silent = n_silent
        self._pieces: deque[Block] = deque()
        self._n = n_silent

    def __len__(self) -> int:
        return self._n

    def add(self, piece: Block) -> None:
        """More, for later."""
        self._pieces.append(piece)
        self._n += len(piece)

    def take(self, n_samples: int) -> Block:
        """The first of them (n_samples,), which must be there."""
        n_silent = min(n_samples, self._n_silent)
        taken, n_left = [np.zeros(n_silent, np.float32)] if n_silent else [], n_samples - n_silent
        self._n_silent -= n_silent
        self._n -= n_samples
        while n_left:
            piece = self._pieces.popleft()
            if len(piece) > n_left:
                self._pieces.appendleft(piece[n_left:])
            taken.append(piece[:n_left])
            n_left -= len(taken[-1])
        return taken[0] if len(taken) == 1 else np.concatenate([np.zeros(0, np.float32), *taken])
