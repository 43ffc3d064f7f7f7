"""Every number of the project, once.

Frozen, framework-free dataclasses that training, export and serving all import. A spec travels inside
each checkpoint and each bundle (`model.json` and the ONNX metadata); nothing else types these numbers,
and no command line sets them. It needs the standard library alone.

Flow: spec <- everything. How a file writes it and is checked: spec_json.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from bassnet_osc import BassNetError as BassNetError  # where all others have it from
from bassnet_osc.spec_json import Document, Fields

FORMAT = 1  # number of the bundle layout: names and shapes of the graphs below

HOST, PORT = "127.0.0.1", 7770  # where a server listens unless told otherwise
DEFAULT_MODEL = "groove-live"  # plays unless told otherwise
QUERY_PORT = 7780  # of OSCQuery, TCP
MAX_ROWS = 8  # windows that are decoded in one call, at most: ONNX Runtime keeps the memory of the largest
USUAL_RATE = 48_000  # Hz: the sample rate for which latencies are told
BLOCK_SIZE = 256  # samples that a sound card gives and takes at a time, unless told otherwise
SEQ_MODULO = 1 << 24  # blocks are counted modulo this: exact in the float32 that Pd and Max count in
HELLO_BYTES = 256  # of a client's hello: the server's welcome may not be longer
RECEIVE_BUFFER = 1 << 20  # bytes: the usual default holds only 48 blocks of 512

USUAL_Z = 3.0  # -USUAL_Z to USUAL_Z hold nearly all of what was learned on an axis

A4_HZ, A4_PITCH = 440.0, 69  # tuning: MIDI pitch 69

# What 0 dB is: a full-scale sine, or the loudest moment of a song (files alone: a stream cannot know it).
Reference = Literal["full_scale", "peak"]

# The graphs of a bundle: their files, and the names of their inputs and outputs in order.
FRONTEND, DECODER, ENCODER = "frontend.onnx", "decoder.onnx", "encoder.onnx"
FACTORS, DECODER_Z = "factors.onnx", "decoder_z.onnx"  # the decoder in two halves, for the stream
GRAPHS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    FRONTEND: (("audio",), ("frames",)),
    DECODER: (("mix", "z"), ("f0", "level", "onset")),
    ENCODER: (("mix", "bass"), ("mu", "log_var")),
    FACTORS: (("mix",), ("factors",)),
    DECODER_Z: (("factors", "z"), ("f0", "level", "onset")),
}


@dataclass(frozen=True)
class CqtSpec:
    """The constant-Q (variable-Q with gamma > 0) analysis of section 4.1."""

    sample_rate: int = 16_000  # Hz
    hop_length: int = 160  # samples between frames: 10 ms
    fmin: float = 27.5  # Hz, A0
    n_bins: int = 264  # 88 semitones, three bins each
    bins_per_octave: int = 36
    alignment: Literal["causal", "centred"] = "causal"  # kernels end at the frame, or lie around it
    gamma: float = 5.0  # Hz added to each bin's bandwidth f / Q: shortens the low kernels
    log_gain: float = 100.0  # frames = log1p(log_gain |X|) / log1p(log_gain): a full-scale sine reads 1
    reference: Reference = "full_scale"  # "peak": the mix is divided by its peak before (section 5.3)

    def __post_init__(self) -> None:
        numbers = (self.sample_rate, self.hop_length, self.fmin, self.n_bins, self.bins_per_octave)
        if self.alignment not in ("causal", "centred") or min(numbers) <= 0 or self.gamma < 0:
            raise BassNetError(
                f"a CQT needs positive numbers, causal or centred kernels; got {self}: mend it"
            )
        _check_reference(self.reference)
        if (top := self.frequencies[-1]) >= self.sample_rate / 2:
            raise BassNetError(
                f"the CQT's top bin must lie below {self.sample_rate / 2:g} Hz; got {top:.0f} Hz: fewer bins"
            )

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def q(self) -> float:
        """Quality factor f / bandwidth of the constant-Q part (nnAudio's and librosa's definition)."""
        return float(1.0 / (2.0 ** (1.0 / self.bins_per_octave) - 1.0))

    @cached_property
    def frequencies(self) -> tuple[float, ...]:
        """Centre frequency of each bin in Hz."""
        return tuple(self.fmin * 2.0 ** (k / self.bins_per_octave) for k in range(self.n_bins))

    @cached_property
    def kernel_lengths(self) -> tuple[int, ...]:
        """Length of each bin's kernel in samples: ceil(sample_rate / (f / Q + gamma))."""
        return tuple(math.ceil(self.sample_rate / (f / self.q + self.gamma)) for f in self.frequencies)

    @property
    def left(self) -> int:
        """Samples before a frame's position that the frame hears."""
        longest = self.kernel_lengths[0]
        return longest if self.alignment == "causal" else (longest + 1) // 2

    @property
    def right(self) -> int:
        """Samples from a frame's position onwards that the frame hears: its look-ahead."""
        return 0 if self.alignment == "causal" else self.kernel_lengths[0] // 2


@dataclass(frozen=True)
class WindowSpec:
    """The multi-resolution window of section 4.3 and the taper that overlap-adds its output.

    A window is `window_frames` (the paper's b) frames, compressed to `n_steps` (a) steps in
    log2(b / a) + 1 channels. Its output is taken from the `taper` frames that end `skip` frames before
    the newest one and overlap-added every `taper / 2` frames.
    """

    n_steps: int = 10
    window_frames: int = 80
    anchor: Literal["end", "centre"] = "end"  # where the full resolution lies
    taper: int = 4
    skip: int = 2
    ahead: int = 0  # frames by which the targets lie in the future: so much sooner it is heard

    def __post_init__(self) -> None:
        a, b = self.n_steps, self.window_frames
        if a < 2 or a % 2 or b < a or not math.log2(b / a).is_integer():
            raise BassNetError(
                f"a window a/b needs an even a of 2 or more and b = a, 2a, 4a, ...; got "
                f"{a}/{b}: choose e.g. 10/80"
            )
        if self.anchor not in ("end", "centre"):
            raise BassNetError(f"anchor must be end or centre; got {self.anchor!r}: choose one")
        if self.taper < 4 or self.taper % 2:
            raise BassNetError(
                f"taper must be an even number of 4 frames or more (a Hann of 2 does not overlap); got "
                f"{self.taper}: choose 4, 6, 8, ..."
            )
        if self.skip < 0 or self.skip + self.taper > self.window_frames:
            raise BassNetError(
                f"skip + taper must lie within the window of {self.window_frames} frames; got skip "
                f"{self.skip} and taper {self.taper}: make one of them smaller"
            )
        if not 0 <= self.ahead <= self.latency_frames + 1:
            raise BassNetError(
                f"ahead must lie in 0 .. {self.latency_frames + 1}, the frames that skip {self.skip} and "
                f"taper {self.taper} are late; got {self.ahead}: a larger skip or taper"
            )

    @property
    def n_channels(self) -> int:
        """Number of resolutions: log2(b / a) + 1."""
        return int(math.log2(self.window_frames / self.n_steps)) + 1

    @property
    def hop(self) -> int:
        """Frames between consecutive windows: half the taper."""
        return self.taper // 2

    @property
    def finest(self) -> range:
        """The frames of a window that its finest channel holds."""
        slack = self.window_frames - self.n_steps
        start = slack if self.anchor == "end" else slack // 2
        return range(start, start + self.n_steps)

    @property
    def used(self) -> range:
        """The frames of a window's output that are played, and those after them that can stand in."""
        end = self.window_frames - self.skip
        return range(end - self.taper, max(end, self.finest.stop))

    @property
    def latency_frames(self) -> int:
        """Frames between the newest frame heard and the oldest one still unfinished, at worst."""
        return self.skip + self.taper - 2


@dataclass(frozen=True)
class DescriptorSpec:
    """Where f0, level and onset come from, their scales and their thresholds (section 4.2)."""

    source: Literal["notes", "estimators"] = "notes"  # the song's notes, or CREPE and madmom
    reference: Reference = "full_scale"  # of the level
    level_floor_db: float = -60.0  # level 0; level 1 is 0 dB, the power of the reference
    level_n_fft: int = 512  # samples of the Hann window whose power is the level: 32 ms
    gate_on_db: float = -40.0  # voiced from here ...
    gate_off_db: float = -46.0  # ... until the level falls below this
    f0_confidence: float = 0.5  # an estimated f0 of less confidence is none
    onset_on: float = 0.5  # an onset fires when its curve rises through this ...
    onset_off: float = 0.25  # ... and may fire again once it has fallen below this
    refractory_frames: int = 5  # the shortest distance between two onsets

    def __post_init__(self) -> None:
        if self.level_floor_db >= 0 or self.level_n_fft < 2 or self.refractory_frames < 0:
            raise BassNetError(
                f"descriptors need a floor below 0 dB and positive lengths; got {self}: mend it"
            )
        if self.gate_off_db > self.gate_on_db or self.onset_off > self.onset_on:
            raise BassNetError(f"a gate must close at or below where it opens; got {self}: mend it")
        if self.source not in ("notes", "estimators"):
            raise BassNetError(f"source must be notes or estimators; got {self.source!r}: choose one")
        _check_reference(self.reference)

    def level_to_db(self, level: Any) -> Any:
        """Level in [0, 1] to dBFS; a number or an array."""
        return self.level_floor_db * (1.0 - level)

    def db_to_level(self, level_db: Any) -> Any:
        """dBFS to level; a number or an array; beyond [level_floor_db, 0] it leaves [0, 1]."""
        return 1.0 - level_db / self.level_floor_db


@dataclass(frozen=True)
class ModelSpec:
    """Sizes of the variational gated autoencoder (section 4.4; the paper has 128 maps)."""

    n_maps: int = 32
    n_blocks: int = 5
    kernel_size: int = 3
    heads: Literal["narrow", "wide"] = "narrow"  # what level and onset are read off (training/model.py)
    latent_dim: int = 2
    z_limit: float = 6.0  # z is clamped to [-z_limit, z_limit] at the door
    z_smoothing_s: float = 0.03  # time constant of live z

    def __post_init__(self) -> None:
        sizes = (self.n_maps, self.n_blocks, self.latent_dim, self.z_limit, self.z_smoothing_s)
        if min(sizes) <= 0 or self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise BassNetError(f"a model needs positive sizes and an odd kernel_size; got {self}: mend it")
        if self.heads not in ("narrow", "wide"):
            raise BassNetError(f"heads must be narrow or wide; got {self.heads!r}: choose one")


@dataclass(frozen=True)
class Spec(Document):
    """All of it: what a checkpoint or a bundle says about itself."""

    cqt: CqtSpec = field(default_factory=CqtSpec)
    window: WindowSpec = field(default_factory=WindowSpec)
    descriptor: DescriptorSpec = field(default_factory=DescriptorSpec)
    model: ModelSpec = field(default_factory=ModelSpec)

    later: ClassVar[Fields] = {"model": {"heads": "narrow"}, "window": {"ahead": 0}}


def _check_reference(reference: str) -> None:
    if reference not in ("full_scale", "peak"):
        raise BassNetError(f"reference must be full_scale or peak; got {reference!r}: choose one")
