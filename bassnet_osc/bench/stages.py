"""Where the time of a session goes: stage by stage, back to back and at the pace of the sound.

The real objects play the demo's mix, with a stopwatch around their calls. Back to back, every hop finds its
weights in the caches; at the pace of the sound they are cold, as live.

Flow: datagrams -> decode_audio -> Voice (with a timed model) -> encode_audio; stopwatch -> profile -> words.
"""

from __future__ import annotations

import math
import time
from functools import lru_cache
from typing import Any

import numpy as np

from bassnet_osc.audio_files import Mix
from bassnet_osc.audio_wire import AUDIO_IN, AUDIO_OUT, decode_audio, encode_audio
from bassnet_osc.bench.graph_work import CPU, PEAK_READ, PEAK_SIZE, Peak, work_of
from bassnet_osc.bench.stopwatch import (
    REST,
    STAGES,
    WIRE,
    Seconds,
    Stopwatch,
    TimedModel,
    methods_timed,
)
from bassnet_osc.bundle import Bundle, find
from bassnet_osc.demo_run import MIX
from bassnet_osc.spec import USUAL_RATE, BassNetError
from bassnet_osc.voice import Voice

RATE, BLOCK_SIZE = USUAL_RATE, 480  # Hz; samples: 10 ms, so that a hop is a whole number of blocks
FORMAT = "f"  # of the datagrams, as Max and the Python client send them
LEAST_S, MOST_S = 1.0, 600.0  # a percentile needs some hops; nobody waits for more
WARM_HOPS = 10  # after the first window, before it counts: caches and allocators
TURN = 25  # hops that a run plays before it is the other's turn: the first of them alone finds other caches
BACK_TO_BACK, PACED = "back to back", "paced"  # the runs
HOP = "hop"  # all stages together
LEAST_MS = 1e-6  # a stage that never ran took no time: its ratio is none
COUNTED = (
    "core: the mean by the wall clock, with what others took of it. useful: multiply-adds of Conv, Gemm and\n"
    "MatMul in the graphs as exported, two operations each, their weights read once; by the stage's p50"
)
NO_PRODUCT = "GFLOP/s not measured (pip install onnx)"


class Session:
    """One session without a socket: hops of the demo's mix in, as datagrams, and answers out."""

    def __init__(self, bundle: Bundle, watch: Stopwatch) -> None:
        spec, self._watch, self._seq = bundle.spec, watch, 0
        model: Any = TimedModel(bundle, watch)
        self._voice = Voice(model, RATE, lambda frame: bundle.z_home)
        self.hop_s = spec.window.hop / spec.cqt.frame_rate
        self.n_blocks = max(1, round(self.hop_s * RATE / BLOCK_SIZE))  # of a hop
        self.n_warm = math.ceil(self._voice.latency_samples / (self.n_blocks * BLOCK_SIZE)) + WARM_HOPS
        self._datagrams = _datagrams()
        self._decode, self._encode = watch.timed(WIRE, decode_audio), watch.timed(WIRE, encode_audio)
        self._hop = watch.timed(REST, self._play)

    @property
    def stage(self) -> str:
        """The one that runs now."""
        return self._watch.stage

    def hop(self) -> Seconds:
        """Plays one; the seconds that each stage took."""
        self._hop()
        return self._watch.take()

    def _play(self) -> None:
        for _ in range(self.n_blocks):
            _, block = self._decode(self._datagrams[self._seq % len(self._datagrams)], FORMAT)
            self._encode(AUDIO_OUT, self._seq, self._voice.process(block), FORMAT)
            self._seq += 1


@lru_cache(maxsize=1)
def _datagrams() -> tuple[bytes, ...]:
    """The demo's mix, block by block."""
    mix = np.concatenate(list(Mix([MIX]).blocks()))
    blocks = mix[: len(mix) // BLOCK_SIZE * BLOCK_SIZE].reshape(-1, BLOCK_SIZE)
    return tuple(encode_audio(AUDIO_IN, seq, block, FORMAT) for seq, block in enumerate(blocks))


def profile(model: str, provider: str = "auto", seconds: float = 10.0) -> dict[str, Any]:
    """Plays `seconds` of the demo's mix (1 to 600) twice and tells where the time went, ready for JSON.

    `runs`: by run and stage (`hop`: all of it) p50_ms and p99_ms of a hop, and share, the stage's part of one
    core. `work`: by stage multiply-adds and weight bytes of a hop. `peak`: what one thread does at most, None
    where it is not known.

    Raises:
        BassNetError: seconds out of range, or a bundle that cannot be loaded.
    """
    check_seconds(seconds)
    bundle = Bundle.load(model, provider)
    bundle.warm_up()
    session = Session(bundle, Stopwatch())
    for _ in range(session.n_warm):
        session.hop()
    work = work_of(session.hop, lambda: session.stage, find(model))
    peak = Peak() if bundle.provider == CPU else None  # a GPU's is another matter
    runs = _runs(bundle, seconds, peak)
    return {
        "model": bundle.name,
        "provider": bundle.provider,
        "sample_rate": RATE,
        "block_size": BLOCK_SIZE,
        "format": FORMAT,
        "hop_ms": 1000.0 * session.hop_s,
        "n_blocks": session.n_blocks,
        "seconds": seconds,
        "runs": runs,
        "work": {stage: vars(done) for stage, done in work.items()},
        "peak": {"gflops": peak and peak.gflops, "gbytes": peak and peak.gbytes},
    }


def check_seconds(seconds: float) -> None:
    """Raises BassNetError where `profile` would not play for so long."""
    if not LEAST_S <= seconds <= MOST_S:
        raise BassNetError(
            f"--seconds of a profile must be {LEAST_S:g} to {MOST_S:g}; got {seconds:g}: choose e.g. 10"
        )


def _runs(bundle: Bundle, seconds: float, peak: Peak | None) -> dict[str, dict[str, dict[str, float]]]:
    """By run, by stage and for the hop: percentiles, share. The runs take turns, so that a busy moment of
    the machine meets both.
    """
    watch = Stopwatch()
    sessions = {name: Session(bundle, watch) for name in (BACK_TO_BACK, PACED)}
    hops: dict[str, list[Seconds]] = {name: [] for name in sessions}
    n_left = math.ceil(seconds / sessions[PACED].hop_s)
    with methods_timed(watch):
        for session in sessions.values():
            for _ in range(session.n_warm):
                session.hop()
        while n_left:
            n_hops = min(n_left, TURN)
            for name, session in sessions.items():
                hops[name] += _turn(session, n_hops, name == PACED)
            n_left -= n_hops
            if peak:
                peak.measure()
    return {name: _by_stage(times, sessions[name].hop_s) for name, times in hops.items()}


def _turn(session: Session, n_hops: int, is_paced: bool) -> list[Seconds]:
    """So many hops, each of them when its sound would be there or at once."""
    hops, due = [], time.perf_counter()
    for _ in range(n_hops):
        if is_paced:
            due += session.hop_s
            time.sleep(max(0.0, due - time.perf_counter()))
        hops.append(session.hop())
    return hops


def _by_stage(hops: list[Seconds], hop_s: float) -> dict[str, dict[str, float]]:
    times = {stage: [hop[stage] for hop in hops] for stage in STAGES}
    times[HOP] = [sum(hop.values()) for hop in hops]
    return {stage: _told(seconds, hop_s) for stage, seconds in times.items()}


def _told(times: list[float], hop_s: float) -> dict[str, float]:
    p50, p99 = map(float, np.percentile(times, (50, 99)))
    return {"p50_ms": 1e3 * p50, "p99_ms": 1e3 * p99, "share": float(np.mean(times)) / hop_s}


def stages_in_words(found: dict[str, Any]) -> str:
    """Two aligned tables of what `profile` found: times, and the useful work in them."""
    head = (
        f"{found['model']} on {found['provider']}: one session at {found['sample_rate']} Hz, blocks of "
        f"{found['block_size']}, format {found['format']};\na hop is {found['hop_ms']:g} ms, "
        f"{found['n_blocks']} blocks; {found['seconds']:g} s each"
    )
    return "\n".join([head, "", *_times(found["runs"]), "", *_efforts(found)])


def _times(runs: dict[str, Any]) -> list[str]:
    """A line for each stage; the medians of stages do not add up to the hop's, their shares do."""
    lines = [
        f"{'':12}" + "".join(f"{name:>28}" for name in runs) + f"{'p50, times':>14}",
        f"{'stage':12}" + f"{'p50 ms':>10}{'p99 ms':>9}{'core %':>9}" * len(runs) + f"{'as long':>14}",
    ]
    for stage in (*STAGES, HOP):
        cells = [runs[name][stage] for name in runs]
        texts = [f"{c['p50_ms']:10.3f}{c['p99_ms']:9.3f}{100 * c['share']:9.2f}" for c in cells]
        longer = runs[PACED][stage]["p50_ms"] / max(runs[BACK_TO_BACK][stage]["p50_ms"], LEAST_MS)
        lines.append(f"{stage:12}{''.join(texts)}{longer:14.2f}")
    return lines


def _efforts(found: dict[str, Any]) -> list[str]:
    """A line for each stage with graphs: its work in a hop, and that by its p50 in each run."""
    best, runs = found["peak"], found["runs"]
    lines = [
        f"{'useful work':12}{'':20}" + "".join(f"{name:>36}" for name in runs),
        f"{'of a hop':12}{'Mflop':>8}{'weights MB':>12}"
        + f"{'GFLOP/s':>12}{'peak %':>8}{'GB/s':>8}{'peak %':>8}" * len(runs),
    ]
    for stage, work in found["work"].items():
        mflop, mbytes = 2e-6 * work["multiply_adds"], 1e-6 * work["weight_bytes"]
        line = f"{stage:12}{mflop:8.2f}{mbytes:12.3f}"
        for name in runs:
            p50_ms = runs[name][stage]["p50_ms"]
            for done, unit, width in ((mflop / p50_ms, "gflops", 12), (mbytes / p50_ms, "gbytes", 8)):
                line += f"{done:{width}.2f}{_share(done, best[unit])}"
        lines.append(line)
    return [*lines, _peak_in_words(best), COUNTED]


def _share(done: float, most: float | None) -> str:
    return f"{100 * done / most:8.1f}" if most else f"{'-':>8}"


def _peak_in_words(best: dict[str, float | None]) -> str:
    """What the shares are of."""
    if best["gbytes"] is None:
        return "peak: not measured, which is of the CPU alone"
    product = f"{best['gflops']:.1f} GFLOP/s (MatMul {PEAK_SIZE})" if best["gflops"] else NO_PRODUCT
    return (
        f"peak of one thread, meanwhile: {product}, {best['gbytes']:.1f} GB/s (reading {PEAK_READ >> 20} MiB)"
    )
