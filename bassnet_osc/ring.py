"""A ring of samples between two threads of which neither may wait: the sound card's and the server's.

Flow: device -> ring -> device. Pure. No locks: the writer moves `end` when the samples are there, and the
interpreter lets everybody see that in this order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bassnet_osc.frames import Block

Channels = npt.NDArray[np.float32]  # (n_samples, n_channels)


class Ring:
    """Samples by their position in a stream: one thread writes them, another one reads, none waits.

    The writer overwrites the oldest without asking, so what is read far behind `end` has to be checked by
    `first` afterwards. Before position 0 there is silence.
    """

    def __init__(self, n_held: int) -> None:
        """Keeps so many samples for sure."""
        self._samples = np.zeros(2 * n_held, np.float32)  # one half is read while the other one is written
        self._n_held = n_held
        self.end = 0  # position after the newest sample

    @property
    def first(self) -> int:
        """The oldest position that is held for sure."""
        return max(0, self.end - self._n_held)

    def write(self, channels: Channels) -> None:
        """Adds the mean of the channels (n, n_channels)."""
        for into, part in self._spans(self.end, len(channels)):
            np.mean(channels[part], axis=1, out=self._samples[into])
        self.end += len(channels)

    def write_at(self, position: int, block: Block) -> None:
        """Adds a block (n,) that belongs there: silence where none came before it, nothing if it is past."""
        if position < self.end:
            return
        for into, _ in self._spans(self.end, min(position - self.end, len(self._samples))):
            self._samples[into] = 0.0
        for into, part in self._spans(position, len(block)):
            self._samples[into] = block[part]
        self.end = position + len(block)

    def block(self, position: int, n_samples: int) -> Block:
        """A copy (n_samples,) of what was written there."""
        copy = np.empty((n_samples, 1), np.float32)
        self.read(position, copy)
        return copy[:, 0]

    def read(self, position: int, channels: Channels) -> int:
        """Fills all channels (n, n_channels) from there on; returns the number of samples not written yet,
        which are silent.
        """
        n_ready = min(max(0, self.end - position), len(channels))
        for out_of, part in self._spans(position, n_ready):
            channels[part] = self._samples[out_of, None]
        channels[n_ready:] = 0.0
        return len(channels) - n_ready

    def _spans(self, position: int, n_samples: int) -> Iterator[tuple[slice, slice]]:
        """The stretches of the ring that so many samples take, each with its part of the samples."""
        size, done = len(self._samples), 0
        while done < n_samples:
            at = (position + done) % size
            n = min(n_samples - done, size - at)
            yield slice(at, at + n), slice(done, done + n)
            done += n
