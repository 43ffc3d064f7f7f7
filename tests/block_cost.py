# ruff: noqa: T201  commands speak on the terminal
"""The CPU time that a server spends on a block beside its model: a model that costs nothing plays one note.

    python tests/block_cost.py

Flow: bytes -> Switchboard.receive -> Session, Voice -> bytes. No socket, and one thread. Back to back all of
it is in the caches; at the pace of the sound it is what a live session pays.
"""

from __future__ import annotations

import time
from statistics import mean
from typing import Any

import numpy as np
from datagrams import noise
from fakes import FakeShelf
from rig import HERE, RATE, Rig

from bassnet_osc.audio_wire import encode_audio
from bassnet_osc.bench.stopwatch import OVERLAP, RESAMPLE, REST, SYNTH, Seconds, Stopwatch, methods_timed
from bassnet_osc.frames import Block
from bassnet_osc.presets import live
from bassnet_osc.session import Session
from bassnet_osc.sound import DEFAULT_SOUND
from bassnet_osc.voice import Voice
from bassnet_osc.voices import voice_maker

N = 480  # samples of a block: 10 ms
WARM, BLOCKS, TURN = 200, 1000, 25  # blocks that do not count; that do, of each run; between two turns
NOTE_BIN, NOTE_LEVEL, NOTE_WINDOWS = 36, 0.7, 25  # what is played: its pitch, level, windows between attacks
STAGES = (RESAMPLE, OVERLAP, SYNTH, REST)


class FreeModel:
    """In place of a bundle: one note again and again, by arrays that are there before."""

    name, provider, z_home = "free", "free", (0.0, 0.0)

    def __init__(self) -> None:
        self.spec = live()
        self._nothing, self._n_decoded = np.zeros((1, 1), np.float32), 0
        n_used = self.spec.window.window_frames  # more than any window uses
        self._f0 = np.zeros((1, n_used, self.spec.cqt.n_bins), np.float32)
        self._f0[..., NOTE_BIN] = 1.0
        self._level = np.full((1, n_used), NOTE_LEVEL, np.float32)
        self._onsets = np.zeros((1, n_used), np.float32), np.ones((1, n_used), np.float32)

    def frontend(self, audio: Block) -> Block:
        cqt = self.spec.cqt
        n_frames = (len(audio) - cqt.left - cqt.right) // cqt.hop_length + 1
        return np.zeros((n_frames, cqt.n_bins), np.float32)

    def factors(self, mix: Block, used: range) -> Block:
        return self._nothing

    def decode_factors(self, factors: Block, z: Block, used: range) -> tuple[Block, Block, Block]:
        self._n_decoded += 1
        onset = self._onsets[self._n_decoded % NOTE_WINDOWS == 0]
        return self._f0[:, : len(used)], self._level[:, : len(used)], onset[:, : len(used)]


class Engine:
    """Hears at once, in the caller's thread."""

    def submit(self, voice: Voice, block: Block, until: float, done: Any) -> None:
        done(voice.hear(block))

    def forget(self, voice: Voice) -> None:
        """Nothing waits."""


class FreeRig(Rig):
    """A switchboard with real voices, which a free model plays."""

    def __init__(self) -> None:
        super().__init__()
        self.engine: Any = Engine()
        self.board.playing._engine = self.engine
        self.board.shelf = FakeShelf(FreeModel())
        self._seq, self._samples = 0, noise(N)
        self.open(block_size=N, sample_rate=RATE)

    def make_voice(self, session: Session) -> Voice:
        return voice_maker(DEFAULT_SOUND, None, None, None)(session)

    def play(self, watch: Stopwatch) -> Seconds:
        """A block, answered; what each stage of that took."""
        self.loop.now += N / RATE
        datagram = encode_audio("/bassnet/audio/in", self._seq, self._samples, "f")
        watch.timed(REST, self.board.receive)(datagram, HERE)
        self._seq += 1
        assert len(self.sent) == 1
        self.sent.clear()
        return watch.take()


def measured() -> dict[str, list[Seconds]]:
    """Of each run the blocks' times by stage; the runs take turns."""
    watch = Stopwatch(time.thread_time)
    rigs = {"back to back": FreeRig(), "paced": FreeRig()}
    found: dict[str, list[Seconds]] = {name: [] for name in rigs}
    with methods_timed(watch):
        for rig in rigs.values():
            for _ in range(WARM):
                rig.play(watch)
        for _ in range(BLOCKS // TURN):
            for name, rig in rigs.items():
                for _ in range(TURN):
                    time.sleep(N / RATE if name == "paced" else 0.0)
                    found[name].append(rig.play(watch))
    return found


def main() -> None:
    """The command."""
    runs = measured()
    print(f"microseconds of CPU for a block of {N} samples at {RATE} Hz, means of {BLOCKS}")
    print(f"{'':12}" + "".join(f"{name:>16}" for name in runs))
    for stage in STAGES:
        print(f"{stage:12}" + "".join(f"{1e6 * mean(s[stage] for s in run):16.1f}" for run in runs.values()))
    print(
        f"{'all':12}" + "".join(f"{1e6 * mean(sum(s.values()) for s in run):16.1f}" for run in runs.values())
    )


if __name__ == "__main__":
    main()
