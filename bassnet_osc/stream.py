"""Audio blocks -> descriptor frames: the model run over sliding windows with Hann overlap-add.

The work is cut by the signal, never by the blocks: window w is computed when its newest frame is there,
with the same calls whatever the block size, so that any chopping gives the same frames bit for bit.

    block -> Resampler -> analysis buffer -> frontend -> last b frames -> decoder(z) -> OverlapAdd -> Frames

Window w covers the frames hop w .. hop w + taper - 1 with its taper and hears `skip` frames more. The first
is w = -1, which starts outside the signal so that the tapers sum to one from frame 0 on. A model that
predicts (`ahead`) says of each of these frames what the bass does so many frames later; its frames are
numbered by that moment. Several z may play to one mix: it is heard once, and decoded for all of them at a
time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np

from bassnet_osc.frames import Block, Frames, stand_in
from bassnet_osc.hearing import (
    Decision,
    Hearable,
    Heard,
    Hearing,
    Model,
    Outputs,
    Turn,
    Window,
    batches,
    decoded,
    decoded_apart,
)
from bassnet_osc.latent import Z
from bassnet_osc.overlap_add import OverlapAdd, can_repeat
from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE, Resampler
from bassnet_osc.spec import BassNetError


class Stream:
    """Descriptor frames of a signal that arrives in blocks of any size.

    Frame i describes the mix at i hops after its first sample. It is given out at the latest when the mix has
    gone on for the window's latency; `latency_samples` adds the resampler and the frame's own length, because
    sound between frames i and i + 1 needs both.
    """

    def __init__(
        self, model: Model, sample_rate: int, z: Z, taper: int | None = None, skip: int | None = None
    ) -> None:
        if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
            raise BassNetError(
                f"sample_rate must lie in {LOWEST_RATE} .. {HIGHEST_RATE} Hz; got {sample_rate}: resample"
            )
        spec = model.spec
        self.spec = spec
        self.window = dataclasses.replace(
            spec.window,
            taper=spec.window.taper if taper is None else taper,
            skip=spec.window.skip if skip is None else skip,
        )
        self.sample_rate = sample_rate
        self.z: dict[int, Z] = {0: z}  # by variation; replaced as a whole: another thread may be hearing
        self._model = self._wanted = model
        self._resampler = Resampler(sample_rate, spec.cqt.sample_rate)
        self.reset()

    @property
    def latency_parts(self) -> dict[str, float]:
        """The constant offset's parts in milliseconds."""
        cqt, frame_ms = self.spec.cqt, 1000.0 / self.spec.cqt.frame_rate
        parts = {
            "resampler": 1000.0 * self._resampler.reach / self.sample_rate,
            "analysis": 1000.0 * cqt.right / cqt.sample_rate,
            "window": self.window.latency_frames * frame_ms,
            "frame": frame_ms,
        }
        return parts | ({"ahead": -self.window.ahead * frame_ms} if self.window.ahead else {})

    @property
    def latency_samples(self) -> int:
        """Output position minus mix position, in samples of the client's rate; whole samples, rounded up."""
        cqt = self.spec.cqt
        n_frames = self.window.latency_frames + 1 - self.window.ahead
        analysis = cqt.right + n_frames * cqt.hop_length
        return self._resampler.reach - (-analysis * self.sample_rate // cqt.sample_rate)

    def reset(self) -> None:
        """Back to the state after construction; z is the caller's."""
        cqt = self.spec.cqt
        self._take(self._wanted)
        self._resampler.reset()
        self._audio: Block = np.zeros(cqt.left, dtype=np.float32)  # ends at the newest sample
        self._audio_start = -cqt.left  # analysis position of the buffer's first sample
        self._n_samples = 0  # of the client, so far
        self._n_frames = 0  # frames analysed
        self._mix: Block = np.zeros((0, cqt.n_bins), np.float32)  # the newest frames, a window's at most
        self._w = -1  # the next window
        self._is_begun = False
        self._was_decoded = False  # the window before it
        self._sums = {n: OverlapAdd(self.spec, self.window) for n in self.z}

    def process(self, block: Block) -> Frames:
        """Takes a block (n,) of the mix and gives the frames that it finishes, possibly none."""
        return self.hear(block).frames

    def hear(self, block: Block) -> Heard:
        """What a block (n,) of the mix brings, its windows decoded MAX_ROWS at a time."""
        hearable, due = self.prepare(block)
        return self.finish(hearable, chain.from_iterable(map(decoded_apart, due)))

    def prepare(self, block: Block) -> tuple[Hearable, Iterator[list[Window]]]:
        """The first half of `hear`: what `finish` needs, and the windows that are due, batch by batch.

        The batches have to be taken, to the last one, before the next block may be prepared.
        """
        hearable = self._begin(block)
        return hearable, batches(self._windows(hearable))

    def finish(self, hearable: Hearable, outputs: Iterable[Outputs]) -> Heard:
        """The second half: adds up the outputs of the windows, in order. Blocks come in order, too.

        They may come later than others were prepared.
        """
        for output in outputs:
            self._add(hearable, output)
        return hearable.heard()

    def hearing(self, block: Block) -> Hearing:
        """As `hear`, in steps: decoding is the caller's, who may do it for several streams at once."""
        hearable = self._begin(block)
        for window in self._windows(hearable):
            self._add(hearable, (yield window))
        return hearable.heard()

    def hear_again(self, block: Block, decisions: Sequence[Decision]) -> Heard:
        """As the block was heard before: by the same models and z, with the same windows left out.

        Raises BassNetError where the decisions are not of this block.
        """
        hearing, outputs = self.hearing(block), None
        try:
            for decision in decisions:
                self.z = {n: partial(_there, place) for n, place in decision.z.items()}
                self._wanted = decision.model
                window = hearing.send(outputs)
                outputs = decoded([window], [window.z]) if decision.is_decoded else None
            hearing.send(outputs)
        except StopIteration as end:
            heard: Heard = end.value
            if len(heard.decisions) == len(decisions):
                return heard
        raise BassNetError(f"{len(decisions)} windows must be those of the block; they are not: damaged log")

    def can_go_on_with(self, model: Model) -> bool:
        """Whether another model hears the same frames as late: then it takes over without a seam.

        What is an onset may be a matter of its own.
        """
        mine, other = self.spec, model.spec
        size = other.window.window_frames
        same_delay = all(
            getattr(mine.window, name) == getattr(other.window, name) for name in ("taper", "skip", "ahead")
        )
        fits = self.window.skip + self.window.taper <= size and mine.window.anchor == other.window.anchor
        descriptor = dataclasses.replace(
            other.descriptor, onset_on=mine.descriptor.onset_on, onset_off=mine.descriptor.onset_off
        )
        return same_delay and fits and (mine.cqt, mine.descriptor) == (other.cqt, descriptor)

    def go_on_with(self, model: Model) -> None:
        """Plays by another model from the next window on; may be called while another thread hears."""
        self._wanted = model

    def flush(self) -> Frames:
        """The frames that remain of a signal that ends here; then as `reset`."""
        cqt = self.spec.cqt
        last = math.ceil(self._n_samples * cqt.frame_rate / self.sample_rate)
        frames = self.process(np.zeros(self.latency_samples, dtype=np.float32))
        self.reset()
        return frames[: max(0, last + 1 - frames.first)]

    def _known_before(self) -> Frames:
        """Nothing; but at the start the silence that no window can have predicted."""
        if self._is_begun:
            return Frames.empty(max(0, self.window.hop * self._w + 1) + self.window.ahead)
        self._is_begun = True
        descriptor = self.spec.descriptor
        return stand_in(0, np.nan, descriptor.level_floor_db, self.window.ahead, descriptor)

    @property
    def _newest(self) -> int:
        """The newest frame that the next window hears."""
        return self.window.hop * self._w + self.window.taper - 1 + self.window.skip

    def _is_due(self) -> bool:
        cqt = self.spec.cqt
        return self._audio_start + len(self._audio) >= self._newest * cqt.hop_length + cqt.right

    def _take(self, model: Model) -> None:
        self._model, window = model, model.spec.window
        self._used = dataclasses.replace(window, taper=self.window.taper, skip=self.window.skip).used

    def _begin(self, block: Block) -> Hearable:
        self._n_samples += len(block)
        self._audio = np.concatenate([self._audio, self._resampler.process(block)])
        known = self._known_before()
        runs = {n: [known] for n in (self.z if len(known) else [0])}
        return Hearable(block, self._model.spec.descriptor, runs)

    def _windows(self, hearable: Hearable) -> Iterator[Window]:
        """The windows that are due, each prepared when it is asked for."""
        while self._is_due():
            if self._model is not self._wanted:
                self._take(self._wanted)
            self._analyse()
            at = self.window.hop * (self._w + 1) + self.window.ahead
            turn = Turn(self._w, self._model, {n: z(at) for n, z in self.z.items()})
            rows = np.array(list(turn.z.values()), dtype=np.float32)
            hearable.turns.append(turn)
            self._w += 1
            may_be_left_out = self._was_decoded and can_repeat(self.window)
            yield Window(self._model, self._mix, rows, self._used, may_be_left_out)

    def _analyse(self) -> None:
        """Adds the frames that are new to the next window."""
        cqt, n_new = self.spec.cqt, self._newest + 1 - self._n_frames
        n_needed = cqt.left + (n_new - 1) * cqt.hop_length + cqt.right
        frames = self._model.frontend(self._audio[:n_needed])
        self._mix = _last(np.concatenate([self._mix, frames]), self._model.spec.window.window_frames)
        self._audio = self._audio[n_new * cqt.hop_length :]
        self._audio_start += n_new * cqt.hop_length
        self._n_frames += n_new

    def _add(self, hearable: Hearable, outputs: Outputs | None) -> None:
        """Adds the next window's outputs up, None where it was left out."""
        turn = hearable.turns.popleft()
        hearable.descriptor = turn.model.spec.descriptor
        self._was_decoded = outputs is not None
        hearable.decisions.append(Decision(turn.model, turn.z, self._was_decoded))
        self._sums = {n: adding for n, adding in self._sums.items() if n in turn.z}
        for row, n in enumerate(turn.z):
            if n not in self._sums:  # it joins now
                self._sums[n] = OverlapAdd(self.spec, self.window, is_first=False)
            output = None if outputs is None else _joined(outputs, row)
            frames, is_stand_in = self._sums[n].add(turn.w, output, hearable.descriptor)
            hearable.runs.setdefault(n, []).append(frames)
            if is_stand_in:
                hearable.stand_in_end = frames.end


def _last(frames: Block, size: int) -> Block:
    """The newest `size` frames, zeros before the first."""
    if len(frames) >= size:
        return frames[-size:]
    return np.pad(frames, ((size - len(frames), 0), (0, 0)))


def _there(place: tuple[float, float], frame: int) -> tuple[float, float]:
    return place


def _joined(outputs: Outputs, row: int) -> Block:
    """f0, level and onset of one row, side by side (used, n_bins + 2)."""
    f0, level, onset = outputs
    return np.concatenate([f0[row], level[row, :, None], onset[row, :, None]], axis=1)
