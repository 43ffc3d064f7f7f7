"""One listener that plays: stream and basses joined, output position tied to input position.

Used by a session of the server, by the renderer and by the sound card. `hear` is the heavy half and may run
on another thread than `accept` and `play`: the two halves share no state. `prepare` and `finish` are `hear`
in two, between which the windows may be decoded anywhere.

    block -> hear -> Heard -> accept -> play -> block, `latency_samples` behind
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from bassnet_osc.bass import Bass
from bassnet_osc.frames import Block, Frames
from bassnet_osc.hearing import Decision, Hearable, Heard, Hearing, Model, Outputs, Window
from bassnet_osc.latent import Z
from bassnet_osc.sound import DEFAULT_SOUND, Sound
from bassnet_osc.spec import BassNetError
from bassnet_osc.stream import Stream

Blocks = dict[int, Block]  # by variation: 0 is the plain bass


class Journal(Protocol):
    """Who is told of everything that decides what is played, in order."""

    def began(self, model: Model, latency_samples: int) -> None:
        """The voice is there."""

    def accepted(self, heard: Heard) -> None:
        """What was heard was turned into sound."""

    def played(self, blocks: Blocks, is_fade: bool) -> None:
        """So much was played."""

    def sounded(self, sound: Sound) -> None:
        """The sound was changed."""

    def varied(self, n: int) -> None:
        """Variation n began."""

    def unvaried(self, n: int) -> None:
        """Variation n ended."""


class Voice:
    """The bass for one mix, and variations of it: basses that play to the same mix by another z.

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
        latency_samples: int | None = None,
        journal: Journal | None = None,
    ) -> None:
        """`latency_samples`: what the offset is padded to; BassNetError where the model needs more."""
        self.z = z
        self._stream = Stream(model, sample_rate, z, taper, skip)
        needed = self._stream.latency_samples
        self.latency_samples = needed if latency_samples is None else latency_samples
        if self.latency_samples < needed:
            raise BassNetError(
                f"the latency target must be at least this model's {1e3 * needed / sample_rate:.1f} ms; got "
                f"{1e3 * self.latency_samples / sample_rate:.1f} ms: raise it, or choose a faster model"
            )
        padding_ms = 1000.0 * (self.latency_samples - needed) / sample_rate
        self.latency_parts = self._stream.latency_parts | {"padding": padding_ms}
        hop_s = self._stream.window.hop / model.spec.cqt.frame_rate
        self.slack_s = hop_s + padding_ms / 1000.0  # after a deadline, a window is of use so much longer
        self._on_frames, self._on_rest, self._journal = on_frames, on_rest, journal
        self.descriptor = model.spec.descriptor  # of the newest frames
        self.sound = sound
        self._basses = {0: Bass(sample_rate, model.spec, self.latency_samples, sound)}
        if journal:
            journal.began(model, self.latency_samples)

    def reset(self) -> None:
        """Back to the state after construction; z is the caller's."""
        self._stream.reset()
        for bass in self._basses.values():
            bass.reset()

    def rest(self) -> None:
        """Nothing is heard for now, or ever again: whoever takes the frames may end what it began."""
        if self._on_rest:
            self._on_rest()

    def play_as(self, sound: Sound) -> None:
        """Changes the sound, from the next frame on."""
        self.sound = sound
        for bass in self._basses.values():
            bass.play_as(sound)
        if self._journal:
            self._journal.sounded(sound)

    def vary(self, n: int, z: Z) -> None:
        """Adds a bass of its own z, variation n: silent until the next window."""
        stream = self._stream
        bass = Bass(stream.sample_rate, stream.spec, self.latency_samples, self.sound)
        bass.begin_beside(self._basses[0])
        self._basses[n] = bass
        if self._journal:
            self._journal.varied(n)
        stream.z = {**stream.z, n: z}

    def unvary(self, n: int) -> None:
        """Ends variation n."""
        stream = self._stream
        stream.z = {other: z for other, z in stream.z.items() if other != n}
        del self._basses[n]
        if self._journal:
            self._journal.unvaried(n)

    def can_go_on_with(self, model: Model) -> bool:
        """Whether the model can take over without a seam, at the same latency."""
        return self._stream.can_go_on_with(model)

    def go_on_with(self, model: Model) -> None:
        """Plays by another model from the next window on."""
        self._stream.go_on_with(model)

    def hearing(self, block: Block) -> Hearing:
        """Hears a block (n,) of the mix in steps, for an engine that decodes for many."""
        return self._stream.hearing(block)

    def hear(self, block: Block) -> Heard:
        """What this block (n,) of the mix brings. Blocks come in order."""
        return self._stream.hear(block)

    def prepare(self, block: Block) -> tuple[Hearable, Iterator[list[Window]]]:
        """The first half of `hear`, for who decodes elsewhere meanwhile; see `Stream.prepare`."""
        return self._stream.prepare(block)

    def finish(self, hearable: Hearable, outputs: Iterable[Outputs]) -> Heard:
        """The second half: what a prepared block brings. Blocks come in order."""
        return self._stream.finish(hearable, outputs)

    def hear_again(self, block: Block, decisions: Sequence[Decision]) -> Heard:
        """As the block was heard before: by the same models and z, with the same windows left out."""
        return self._stream.hear_again(block, decisions)

    def accept(self, heard: Heard) -> Frames:
        """Turns finished frames into sound, but for those whose time has gone out concealed; returns what it
        played: without a pitch where the sound's gate is closed.
        """
        if self._journal:
            self._journal.accepted(heard)
        self.descriptor = heard.descriptor
        frames = {
            n: self._basses[n].accept(run, heard.descriptor, heard.stand_in_end)
            for n, run in heard.variations.items()
            if n in self._basses
        }[0]
        if len(frames) and self._on_frames:
            self._on_frames(frames)
        return frames

    def play(self, n_samples: int, is_fade: bool = False) -> tuple[Blocks, bool]:
        """The next n_samples of each bass, and whether any of the plain one's is concealed.

        `is_fade`: they end a take, to be heard under the next one's beginning.
        """
        played = {n: bass.play(n_samples) for n, bass in self._basses.items()}
        blocks = {n: block for n, (block, _) in played.items()}
        if self._journal:
            self._journal.played(blocks, is_fade)
        return faded(blocks) if is_fade else blocks, played[0][1]

    def process(self, block: Block) -> Block:
        """hear, accept and play in one: a block of the same length, never concealed."""
        self.accept(self.hear(block))
        return self.play(len(block))[0][0]


def faded(blocks: Blocks) -> Blocks:
    """The blocks, becoming silent."""
    ramp = np.linspace(1.0, 0.0, len(blocks[0]), dtype=np.float32)
    return {n: block * ramp for n, block in blocks.items()}
