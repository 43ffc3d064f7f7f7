"""One listener that plays: stream and synth joined, output position tied to input position.

Used by a session of the server, by the renderer and by the sound card. `hear` is the heavy half and may run
on another thread than `accept` and `play`: the two halves share no state.

    block -> hear -> Frames -> accept -> play -> block, `latency_samples` behind
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bassnet_osc.frames import Block, Frames
from bassnet_osc.latent import Z
from bassnet_osc.onsets import LevelGate
from bassnet_osc.sound import DEFAULT_SOUND, Sound
from bassnet_osc.stream import Model, Stream
from bassnet_osc.synth import Synth
from bassnet_osc.timbres import TIMBRES


class Voice:
    """The bass for one mix.

    Output position o carries the bass that belongs to mix sample o - latency_samples, always: frames that
    come too late for their position are discarded, and what was played in their place was concealed.
    """

    def __init__(
        self,
        model: Model,
        sample_rate: int,
        z: Z,
        taper: int | None = None,
        skip: int | None = None,
        on_frames: Callable[[Frames], None] | None = None,
        sound: Sound = DEFAULT_SOUND,
        on_rest: Callable[[], None] | None = None,
    ) -> None:
        self.z = z
        self._stream = Stream(model, sample_rate, z, taper, skip)
        self._synth = Synth(sample_rate, model.spec)
        self._samples_per_frame = sample_rate / model.spec.cqt.frame_rate
        self._on_frames, self._on_rest = on_frames, on_rest
        self._gate: LevelGate | None = None
        self._gated_by = model.spec.descriptor
        self.play_as(sound)
        self.latency_samples = self._stream.latency_samples
        self.latency_parts = self._stream.latency_parts
        self._clear()

    def _clear(self) -> None:
        self._ready: Block = np.zeros(self.latency_samples, dtype=np.float32)
        self._next_frame = 0  # the next frame that the synth takes
        self._played = 0  # output position
        self._concealed_to = 0  # output position up to which the sound stands in for frames that were late

    def reset(self) -> None:
        """Back to the state after construction; z is the caller's."""
        self._stream.reset()
        self._synth.reset()
        if self._gate:
            self._gate.reset()
        self._clear()

    def rest(self) -> None:
        """Nothing is heard for now, or ever again: whoever takes the frames may end what it began."""
        if self._on_rest:
            self._on_rest()

    def play_as(self, sound: Sound) -> None:
        """Changes the sound, from the next frame on."""
        self.sound = sound
        self._synth.timbre = TIMBRES[sound.timbre]
        descriptor = self._stream.spec.descriptor
        gated = sound.gate(descriptor)
        if gated != self._gated_by:  # or a note that hangs between its thresholds would end
            self._gated_by = gated
            self._gate = None if gated == descriptor else LevelGate(gated)

    def hear(self, block: Block) -> Frames:
        """The frames that this block (n,) of the mix finishes. Blocks come in order."""
        return self._stream.process(block)

    def accept(self, frames: Frames) -> Frames:
        """Turns finished frames into sound, but for those whose time has gone out concealed; returns what it
        played: without a pitch where the sound's gate is closed.
        """
        frames = self._gated(frames[max(0, self._next_frame - frames.first) :])
        if len(frames):
            self._sound(self.sound.played(frames))
            if self._on_frames:
                self._on_frames(frames)
        return frames

    def _gated(self, frames: Frames) -> Frames:
        """Without a pitch where the level is below the sound's own gate, whatever the onsets say."""
        if self._gate is None:
            return frames
        is_open = self._gate.process(frames.level_db, np.zeros(len(frames)))
        return replace(frames, f0_hz=np.where(is_open, frames.f0_hz, np.nan))

    def play(self, n_samples: int) -> tuple[Block, bool]:
        """The next n_samples of output, and whether any of them is concealed."""
        while len(self._ready) < n_samples:  # a second round where a fraction of a sample was short
            n_frames = max(1, math.ceil((n_samples - len(self._ready)) / self._samples_per_frame))
            self._sound(self._synth.conceal(n_frames))
            self._concealed_to = self._played + len(self._ready)
        block, self._ready = self._ready[:n_samples], self._ready[n_samples:]
        concealed = self._played < self._concealed_to
        self._played += n_samples
        return block, concealed

    def _sound(self, frames: Frames) -> None:
        self._ready = np.concatenate([self._ready, self._synth.process(frames)])
        self._next_frame = frames.end

    def process(self, block: Block) -> Block:
        """hear, accept and play in one: a block of the same length, never concealed."""
        self.accept(self.hear(block))
        return self.play(len(block))[0]
