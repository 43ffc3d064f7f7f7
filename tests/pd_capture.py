"""What passed between Pd and the server, and what should have been heard of it.

Flow: FaultProxy -> Capture (each datagram, with its time) -> twin (a voice offline); recordings -> Stretch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from fault_proxy import FaultProxy
from pd_process import PdProcess

from bassnet_osc import wire
from bassnet_osc.audio_files import Audio
from bassnet_osc.audio_wire import decode_audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.latent import LiveZ
from bassnet_osc.playthrough import lag_samples
from bassnet_osc.voice import Voice
from max_patch.pd_session import GATHERING
from max_patch.pd_stream import BLOCK

AUDIO_IN, AUDIO_OUT = b"/bassnet/audio/in\0", b"/bassnet/audio/out\0"
TURN = 0.004  # seconds: a tick of Pd's between playing and sending, and what it may take to read a socket
EXACT = 1e-7  # of a sample: what a float32 may lose on its way; measured 0
READY_S = 20.0  # for a session to be there
LEAD_S = 0.3  # of silence before the mix


@dataclass
class Capture:
    """The datagrams of one client through a proxy, in order; `to_server` as Pd sent them, lost ones too."""

    proxy: FaultProxy
    to_server: list[tuple[float, bytes]] = field(default_factory=list)
    to_pd: list[tuple[float, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        take, forward = self.proxy.inward.take, self.proxy.outward.forward

        def taken(datagram: bytes, now: float) -> None:
            self.to_server.append((now, datagram))
            take(datagram, now)

        def forwarded(datagram: bytes) -> None:
            forward(datagram)
            self.to_pd.append((time.monotonic(), datagram))  # the latest time at which it can have left

        self.proxy.inward.take = taken
        self.proxy.outward.forward = forwarded

    def blocks(self) -> dict[int, tuple[float, Audio]]:
        """What Pd sent, by seq, with its time: the newest unbroken run."""
        sent = [(when, *decode_audio(d, "f")) for when, d in self.to_server if d.startswith(AUDIO_IN)]
        breaks = [i for i in range(1, len(sent)) if sent[i][1] != sent[i - 1][1] + 1]
        return {seq: (when, samples) for when, seq, samples in sent[max(breaks, default=0) :]}

    def answers(self) -> dict[int, tuple[float, Audio]]:
        """What came to Pd, by seq, with the time of its first arrival."""
        came = [(when, *decode_audio(d, "f")) for when, d in self.to_pd if d.startswith(AUDIO_OUT)]
        return {seq: (when, samples) for when, seq, samples in reversed(came)}

    def lost(self) -> frozenset[int]:
        """The seqs of the answers that did not come to Pd."""
        lost = [d for d in self.proxy.outward.lost if d.startswith(AUDIO_OUT)]
        return frozenset(decode_audio(d, "f")[0] for d in lost)

    def streams(self) -> list[tuple[int, int]]:
        """The first and the last seq of each unbroken run that Pd sent."""
        seqs = [decode_audio(d, "f")[0] for _, d in self.to_server if d.startswith(AUDIO_IN)]
        breaks = [i for i in range(1, len(seqs)) if seqs[i] != seqs[i - 1] + 1]
        return [(seqs[a], seqs[b - 1]) for a, b in pairwise([0, *breaks, len(seqs)])]

    def said(self, address: str) -> list[tuple[object, ...]]:
        """The arguments of each message of that address that Pd sent."""
        messages = [m for _, d in self.to_server if not d.startswith(AUDIO_IN) for m in wire.decode(d)]
        return [m.args for m in messages if m.address == address]

    def said_before(self, seq: int) -> str:
        """The address of what Pd sent right before this block."""
        is_it = [d.startswith(AUDIO_IN) and decode_audio(d, "f")[0] == seq for _, d in self.to_server]
        return self.to_server[is_it.index(True) - 1][1].split(b"\0")[0].decode()

    def twin(self, bundle: Bundle, rate: int) -> Audio:
        """What the server should have answered to the newest run: a voice offline, with the z of Pd."""
        run = self.blocks()
        first, z = min(run), LiveZ(bundle.spec, *bundle.z_home)
        voice, played = Voice(bundle, rate, z), []
        for _, datagram in self.to_server:
            if datagram.startswith(AUDIO_IN):
                seq, block = decode_audio(datagram, "f")
                if seq in run:
                    played.append(voice.process(block))
                continue
            for message in wire.decode(datagram):
                if message.address == "/bassnet/z":
                    z.set(*message.args)
                elif message.address == "/bassnet/z/at" and message.args[0] >= first - 1:
                    seq, offset, x, y = message.args
                    z.plan(((seq - first) * BLOCK + offset) * bundle.spec.cqt.frame_rate / rate, x, y)
        return np.concatenate(played)


@dataclass(frozen=True)
class Stretch:
    """A recording in blocks of the bass, beside what was sent and came; `first` is its first seq."""

    bass: Audio  # (n_blocks, BLOCK), as Pd played it
    first: int
    lag_dry: int  # samples from the mix to the delayed mix
    dry_error: float  # the largest difference of the delayed mix from the mix
    run: dict[int, tuple[float, Audio]]
    answers: dict[int, tuple[float, Audio]]
    ring: int
    rate: int
    all_lost: frozenset[int]  # seqs of the answers that the network lost, of any time

    @cached_property
    def unlike(self) -> list[int]:
        """Blocks that are not the answer of their seq, or that have none."""
        wanted = ((self.first + k, block) for k, block in enumerate(self.bass))
        nothing = np.inf, np.full(BLOCK, np.nan)
        return [seq for seq, block in wanted if not np.array_equal(block, self.answers.get(seq, nothing)[1])]

    @property
    def mistaken(self) -> list[int]:
        """Of these: what sounds and is another one's answer, or nobody's. No machine is too busy for that."""
        return [seq for seq in self.unlike if self.bass[seq - self.first].any()]

    @property
    def unheard(self) -> list[int]:
        """Silent, though the answer was at Pd in time, and Pd had the time to read it."""
        silent = {*self.unlike} - {*self.mistaken}
        return sorted(seq for seq in silent if not self._is_tardy(seq) and not self._is_starved(seq))

    @property
    def wrong(self) -> list[int]:
        """Both: our faults."""
        return sorted([*self.mistaken, *self.unheard])

    @property
    def absent(self) -> list[int]:
        """Silent, and the answer was not at Pd in time, or Pd had no time to read it."""
        return sorted({*self.unlike} - {*self.wrong})

    @property
    def starved(self) -> list[int]:
        """Of the absent: those that an idle machine would have played: Pd paused, and made up for it."""
        return [seq for seq in self.absent if self._is_starved(seq)]

    @property
    def lost(self) -> set[int]:
        """Blocks of this stretch whose answers the network lost."""
        return {seq for seq in self.all_lost if self.first <= seq < self.first + len(self.bass)}

    def explained(self) -> str:
        """Why blocks are called wrong: when each was sent, came and was needed, and how late Pd ran (ms)."""
        lines = []
        for seq in self.wrong:
            sent, late = self.run[seq][0], [round(1e3 * self._late(k), 1) for k in self._on_its_way(seq)]
            came, needed = (round(1e3 * (when - sent), 1) for when in (self._came(seq), self._needed(seq)))
            k, answer = seq - self.first, self.answers.get(seq, (0.0, np.zeros(BLOCK)))[1]
            what = (
                f"mistaken in {np.sum(self.bass[k] != answer)} samples" if self.bass[k].any() else "unheard"
            )
            lines.append(
                f"block {k} of {len(self.bass)}, seq {seq}, {what}: came {came} ms after it was sent, "
                f"needed {needed}, Pd late by {late}"
            )
        return "\n".join(lines)

    def _is_tardy(self, seq: int) -> bool:
        """Whether the answer was not there when it had to be."""
        return self._came(seq) > self._needed(seq) - TURN

    def _is_starved(self, seq: int) -> bool:
        """Whether Pd got no processor for a while between sending this block and playing its answer."""
        return max(map(self._late, self._on_its_way(seq)), default=0.0) > TURN

    def _on_its_way(self, seq: int) -> list[int]:
        """The blocks that were sent from this one until its answer was played."""
        return [k for k in range(seq, seq + self.ring + 1) if k in self.run]

    def _late(self, seq: int) -> float:
        """Seconds by which Pd sent this block later than in its most punctual moment."""
        return self.run[seq][0] - seq * BLOCK / self.rate - self._punctual

    @cached_property
    def _punctual(self) -> float:
        """When block 0 would have been sent, had all been as punctual as the most punctual one."""
        return min(when - seq * BLOCK / self.rate for seq, (when, _) in self.run.items())

    def against(self, twin: Audio) -> tuple[list[int], float, int]:
        """Bad blocks, the largest error of the others, and the lag in samples, against an offline twin."""
        at = (self.first - min(self.run)) * BLOCK
        expected = twin[at : at + self.bass.size].reshape(self.bass.shape)
        is_same = np.array(
            [np.allclose(a, b, rtol=0, atol=EXACT) for a, b in zip(self.bass, expected, strict=True)]
        )
        error = float(np.abs(self.bass - expected)[is_same].max(initial=0.0))
        bad = [self.first + int(k) for k in np.flatnonzero(~is_same)]
        return bad, error, lag_samples(self.bass.ravel(), expected.ravel())

    def _came(self, seq: int) -> float:
        return self.answers[seq][0] if seq in self.answers else np.inf

    def _needed(self, seq: int) -> float:
        return self.run[seq + self.ring][0] if seq + self.ring in self.run else np.inf


def stretch(pd: PdProcess, capture: Capture, ring: int, rate: int = 48_000) -> Stretch:
    """What pd has recorded since its mix began; the mix's beginning says where that is in what was sent."""
    heard, run = pd.recorded(), capture.blocks()
    stream, delay = np.concatenate([samples for _, samples in run.values()]), ring * BLOCK + GATHERING
    began = int(np.flatnonzero(heard["in"])[0])
    start = int(np.flatnonzero(stream)[0]) - began - delay  # of the recording, in the stream of answers
    skip = -start % BLOCK
    n_blocks = min(
        (len(heard["bass"]) - skip) // BLOCK, len(stream) // BLOCK - (start + skip) // BLOCK - ring
    )
    bass = heard["bass"][skip : skip + n_blocks * BLOCK].reshape(n_blocks, BLOCK)
    dry, mix = heard["dry"], heard["in"]
    lag = int(np.flatnonzero(dry)[0]) - began
    error = float(np.abs(dry[lag:] - mix[: len(mix) - lag]).max())
    first = min(run) + (start + skip) // BLOCK
    return Stretch(bass, first, lag, error, run, capture.answers(), ring, rate, capture.lost())


def begin(pd: PdProcess, ring: int) -> None:
    """Waits for the server, sets the ring, switches the audio on, lets the first blocks pass."""
    assert pd.wait("state", "ready", READY_S), (pd.told, pd.said())
    pd.say(f"bassnet-ring {ring}")
    pd.say("bassnet-dsp 1")
    pd.listen(LEAD_S)


def circle(pd: PdProcess) -> Callable[[float], None]:
    """Moves z round in a circle while the mix plays: 200 times a second, at any time within a block."""

    def move(now: float) -> None:
        pd.say(f"bassnet-x {1.5 * math.sin(2.0 * now):.3f}")
        pd.say(f"bassnet-y {1.5 * math.cos(2.0 * now):.3f}")

    return move
