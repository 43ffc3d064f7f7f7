"""Our front end and our wire beside other people's: each pair in turns, in one run; medians of ratios.

Other people's packages are no part of the runtime: a pair whose package is missing says what to install.

Flow: pairs of calls -> compared -> rows -> words.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from bassnet_osc.audio_wire import AUDIO_OUT, FORMATS, S16_SCALE, decode_audio, encode_audio
from bassnet_osc.bundle import DEFAULT, DEFAULT_FOR_FILES, Bundle
from bassnet_osc.frames import Block

AUDIO_S = 10.0  # seconds of sound, analysed at once
AUDIO_RUNS = 7  # of each; one of nnAudio's takes a second or so
WIRE_BLOCK, SEQ = 512, 7  # samples; the number of the block, any will do
WIRE_RUNS, WIRE_CALLS = 25, 10  # a call takes microseconds: the mean of some is a run
HOP_RUNS, HOP_CALLS = 50, 5  # a call takes a millisecond
NOISE_LEVEL = 0.1  # -20 dBFS

NNAUDIO, PYTHON_OSC, PESTO = "nnAudio CQT1992v2", "python-osc", "pesto StreamingCQT"
INSTALL = {  # pesto-pitch asks for torchaudio, which may replace torch; the transform does without
    NNAUDIO: "pip install torch nnaudio",
    PYTHON_OSC: "pip install python-osc",
    PESTO: "pip install torch scipy, then pip install --no-deps pesto-pitch",
}

Call = Callable[[], object]


@dataclass(frozen=True)
class Pair:
    """The same job, done by us and by the neighbour: so many runs of so many calls each."""

    ours: Call
    theirs: Call
    n_runs: int
    n_calls: int = 1
    alone: AbstractContextManager[object] = field(default_factory=nullcontext)  # what is set meanwhile


@dataclass(frozen=True)
class Row:
    """What came of a pair: milliseconds of a call, and how many times as long theirs takes (medians).

    `not_run` says why nothing did.
    """

    job: str
    neighbour: str
    ours_ms: float | None = None
    theirs_ms: float | None = None
    ratio: float | None = None
    not_run: str | None = None


def neighbours() -> dict[str, Any]:
    """All rows, ready for JSON, by the fields of Row; on one thread, in half a minute."""
    pairs: list[tuple[str, str, Callable[[], Pair]]] = [
        *((f"{AUDIO_S:g} s, {m}", NNAUDIO, partial(_whole, m)) for m in (DEFAULT, DEFAULT_FOR_FILES)),
        (f"one hop, {DEFAULT}", PESTO, partial(_hop, DEFAULT)),
        *((f"{WIRE_BLOCK} samples, {format}", PYTHON_OSC, partial(_wire, format)) for format in FORMATS),
    ]
    return {"rows": [asdict(_row(job, neighbour, make)) for job, neighbour, make in pairs]}


def _row(job: str, neighbour: str, make: Callable[[], Pair]) -> Row:
    """Makes the pair and compares it; where the neighbour cannot be imported, says what to do."""
    try:
        pair = make()
    except ImportError as error:
        return Row(job, neighbour, not_run=f"not run: {INSTALL[neighbour]} ({error})")
    with pair.alone:
        return compared(job, neighbour, pair)


def compared(job: str, neighbour: str, pair: Pair, clock: Callable[[], float] = time.perf_counter) -> Row:
    """Runs both in turns: what else the machine is at meets the two of a ratio alike."""

    def run_ms(call: Call) -> float:
        started = clock()
        for _ in range(pair.n_calls):
            call()
        return 1000.0 * (clock() - started) / pair.n_calls

    for call in (pair.ours, pair.theirs):
        call()  # warms up
    runs = [(run_ms(pair.ours), run_ms(pair.theirs)) for _ in range(pair.n_runs)]
    ratio = median(theirs / ours for ours, theirs in runs)
    return Row(job, neighbour, median(ours for ours, _ in runs), median(theirs for _, theirs in runs), ratio)


def _whole(model: str) -> Pair:
    """Some seconds at once, beside nnAudio's transform of the same bins and hop.

    It is the centred constant-Q transform in both rows: nnAudio has no causal one and no bandwidth floor.
    """
    torch, cqt = importlib.import_module("torch"), importlib.import_module("nnAudio.features.cqt")
    bundle = Bundle.load(model, "cpu")
    spec = bundle.spec.cqt
    theirs = cqt.CQT1992v2(
        sr=spec.sample_rate,
        hop_length=spec.hop_length,
        fmin=spec.fmin,
        n_bins=spec.n_bins,
        bins_per_octave=spec.bins_per_octave,
        pad_mode="constant",
        verbose=False,
    )
    audio = _noise(round(AUDIO_S * spec.sample_rate))
    padded = np.pad(audio, (spec.left, spec.right))
    work = partial(theirs, torch.from_numpy(audio)[None])
    return Pair(partial(bundle.frontend, padded), work, AUDIO_RUNS, alone=_one_thread(torch))


def _hop(model: str) -> Pair:
    """A window's hop, beside pesto's transform with the same bins and the same bandwidth floor.

    pesto's is given what is new and keeps the sound before it; ours is given both, as the stream does.
    """
    torch, cqt = importlib.import_module("torch"), _pesto()
    bundle = Bundle.load(model, "cpu")
    spec, hop = bundle.spec.cqt, bundle.spec.window.hop
    theirs = cqt.StreamingCQT(
        sr=spec.sample_rate,
        hop_length=spec.hop_length,
        fmin=spec.fmin,
        n_bins=spec.n_bins,
        bins_per_octave=spec.bins_per_octave,
        gamma=spec.gamma,
    )
    new = torch.from_numpy(_noise(hop * spec.hop_length))[None]
    heard = _noise(spec.left + (hop - 1) * spec.hop_length + spec.right)
    return Pair(
        partial(bundle.frontend, heard), partial(theirs, new), HOP_RUNS, HOP_CALLS, alone=_one_thread(torch)
    )


def _pesto() -> Any:
    """pesto's module of the transform. The package imports torchaudio, with which it loads files alone."""
    name = "torchaudio"
    absent = name not in sys.modules and importlib.util.find_spec(name) is None
    if absent:
        sys.modules[name] = types.ModuleType(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they concern its authors
            return importlib.import_module("pesto.utils.hcqt")
    finally:
        if absent:
            del sys.modules[name]


def _wire(format: str) -> Pair:
    """A block out and in again, beside python-osc's builder and parser with numpy for the blobs."""
    builder = importlib.import_module("pythonosc.osc_message_builder").OscMessageBuilder
    message = importlib.import_module("pythonosc.osc_message").OscMessage
    samples = _noise(WIRE_BLOCK)
    dtype, scale = (">i2", S16_SCALE) if format == "s16" else (">f4", 1.0)

    def ours() -> Block:
        """The block, encoded and decoded."""
        return decode_audio(encode_audio(AUDIO_OUT, SEQ, samples, format), format)[1]

    def theirs() -> Block:
        """The same block, built and parsed by python-osc."""
        building = builder(AUDIO_OUT)
        building.add_arg(SEQ, "i")
        if format == "f":
            for sample in samples.tolist():
                building.add_arg(sample, "f")
        else:
            building.add_arg((samples * scale).astype(dtype).tobytes(), "b")
        _, *payload = message(building.build().dgram).params
        data = payload if format == "f" else np.frombuffer(payload[0], dtype)
        back: Block = np.asarray(data, np.float32) / np.float32(scale)
        return back

    return Pair(ours, theirs, WIRE_RUNS, WIRE_CALLS)


def _noise(n_samples: int) -> Block:
    return np.random.default_rng(0).normal(0.0, NOISE_LEVEL, n_samples).astype(np.float32)


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """torch as ONNX Runtime is: on one thread, and without what training needs."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(n_threads)


def neighbours_in_words(found: dict[str, Any]) -> str:
    """An aligned table of what `neighbours` found."""
    lines = [f"{'job':28}{'neighbour':22}{'ours ms':>11}{'theirs ms':>11}{'times as long':>15}"]
    for row in found["rows"]:
        head = f"{row['job']:28}{row['neighbour']:22}"
        if row["not_run"]:
            lines.append(head + row["not_run"])
        else:
            lines.append(f"{head}{row['ours_ms']:11.3f}{row['theirs_ms']:11.3f}{row['ratio']:15.1f}")
    below = (
        "one thread each, in turns; medians, the last of ratios",
        "live: nnAudio has no such kernels, its own are longer; studio is like for like",
    )
    return "\n".join([*lines, *below])
