"""Speed of the front end beside nnAudio's CQT1992v2, both on torch and in the same run.

    python -m training.benchmark

Prints, for each preset, the real-time factors (seconds of computing per second of audio, the median of runs
that alternate between them) of nnAudio, of training.cqt and of its decimated form, which bundles are made
of, and how many times faster than nnAudio these two are. nnAudio computes the centred constant-Q transform
in all rows: it has no causal one and no bandwidth floor.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import torch
from nnAudio.features.cqt import CQT1992v2
from torch import Tensor

from bassnet_osc.presets import PRESETS
from bassnet_osc.spec import CqtSpec
from training.cqt import Cqt
from training.decimated_cqt import DecimatedCqt

AUDIO_S = 10.0  # seconds of noise in a run
RUNS = 15  # of each, alternating


def nnaudio(spec: CqtSpec) -> CQT1992v2:
    """nnAudio's transform of the same bins and hop."""
    return CQT1992v2(
        sr=spec.sample_rate,
        hop_length=spec.hop_length,
        fmin=spec.fmin,
        n_bins=spec.n_bins,
        bins_per_octave=spec.bins_per_octave,
        pad_mode="constant",
        verbose=False,
    )


def real_time_factors(transforms: Sequence[Callable[[Tensor], Tensor]], audio: Tensor) -> list[float]:
    """Median real-time factor of each transform of audio (1, n_samples) that lasts AUDIO_S."""
    seconds: list[list[float]] = [[] for _ in transforms]
    for run in range(RUNS + 1):
        for taken, transform in zip(seconds, transforms, strict=True):
            started = time.perf_counter()
            transform(audio)
            if run:  # the first one warms up
                taken.append(time.perf_counter() - started)
    return [statistics.median(taken) / AUDIO_S for taken in seconds]


@torch.no_grad()
def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: prints the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.benchmark", description="Time the front end.")
    parser.parse_args(arguments)
    print(f"real-time factors on {torch.get_num_threads()} threads, median of {RUNS} runs of {AUDIO_S:g} s")
    print(f"{'preset':8}{'nnAudio':>10}{'plain':>10}{'decimated':>10}{'faster':>16}")
    for name, preset in PRESETS.items():
        spec = preset().cqt
        audio = torch.randn(1, round(AUDIO_S * spec.sample_rate))
        transforms = [nnaudio(spec), Cqt(spec), DecimatedCqt(spec)]
        theirs, plain, decimated = real_time_factors(transforms, audio)
        factors = f"{theirs:10.4f}{plain:10.4f}{decimated:10.4f}"
        print(f"{name:8}{factors}{theirs / plain:7.1f}x{theirs / decimated:7.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
