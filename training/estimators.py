"""f0 and onsets as section 4.2 of the paper measures them: CREPE and madmom's onset network, on audio alone.

CREPE is torchcrepe's `tiny` model; ONNX Runtime computes its network, in a third of torch's time. Both
packages need a recipe to install (INSTALL); training/agreement.py tells how near to the notes they come.

Flow: bass audio -> Descriptors -> dataset.
"""

from __future__ import annotations

import collections
import functools
import importlib.util
import io
import sys
import types
import warnings
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import soxr
import torch

from bassnet_osc.onsets import LevelGate
from bassnet_osc.spec import BassNetError, CqtSpec, DescriptorSpec
from training.descriptors import Descriptors, level_db
from training.objective import UNVOICED_BIN

# torchcrepe asks for torchaudio, which may replace torch; madmom's build needs the NumPy and Cython of here.
INSTALL = (
    "pip install -e '.[training,estimators]' && pip install --no-deps --no-build-isolation torchcrepe madmom"
)
VERSION = 1  # one more whenever what is computed here changes: features of another one are computed again
SAMPLE_RATE, HOP_LENGTH = 16_000, 160  # Hz and samples: CREPE's rate, and madmom's 100 frames per second
MADMOM_SAMPLE_RATE = 44_100  # Hz: its network knows this rate alone
FMIN, FMAX = 40.0, 500.0  # Hz: just below E1, and beyond a bass; below 40 Hz CREPE falls to its lowest bin
CENTS_OF_BIN_0 = 1997.3794084376191  # above 10 Hz: the lowest pitch that CREPE knows, 31.7 Hz
MEAN_BINS = 4  # bins of 20 cents on either side of the path that the f0 is a mean of
BATCH = 32  # frames that the network takes at once: the fastest on one core

Audio = npt.NDArray[np.float32]


def crepe_f0(audio: Audio, cqt: CqtSpec) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """f0 in Hz and its confidence in [0, 1] around each frame: (n_samples,) -> two (n_frames,)."""
    _check_rates(cqt)
    crepe, session = _torchcrepe(), _crepe_network()
    frames = crepe.preprocess(torch.from_numpy(audio)[None], SAMPLE_RATE, HOP_LENGTH, BATCH)
    activations = torch.from_numpy(np.concatenate([_activation(session, batch.numpy()) for batch in frames]))
    with _quiet():
        hz, confidence = crepe.postprocess(
            activations.T[None], FMIN, FMAX, _mean_around_path, return_periodicity=True
        )
    n = _n_frames(audio)
    return hz[0, :n].double().numpy(), confidence[0, :n].double().numpy()


def madmom_onsets(audio: Audio, cqt: CqtSpec) -> npt.NDArray[np.float32]:
    """Onset activation in [0, 1] at each frame: (n_samples,) -> (n_frames,)."""
    _check_rates(cqt)
    processor, signal = _madmom()
    # madmom would call ffmpeg to resample. Floats: it takes the logarithm of bands that are empty here, and
    # the rounding of 16-bit samples there would cost it up to 6 % of its precision.
    fast = soxr.resample(audio, SAMPLE_RATE, MADMOM_SAMPLE_RATE)
    with _quiet(), _names_of_old():
        onset = processor(signal(fast, sample_rate=MADMOM_SAMPLE_RATE, num_channels=1))
    n = _n_frames(audio)
    out = np.zeros(n, np.float32)
    out[: len(onset)] = onset[:n]
    return np.clip(out, 0, 1)


def estimated_descriptors(audio: Audio, cqt: CqtSpec, spec: DescriptorSpec) -> Descriptors:
    """Descriptors of any bass track; a frame is voiced where it is loud enough and CREPE is sure."""
    db = level_db(audio, cqt, spec)
    hz, confidence = crepe_f0(audio, cqt)
    k = np.rint(cqt.bins_per_octave * np.log2(hz / cqt.fmin)).astype(np.int64)
    voiced = LevelGate(spec).process(db, np.zeros(len(db))) & (confidence >= spec.f0_confidence)
    voiced &= (k >= 0) & (k < cqt.n_bins)
    level = np.clip(spec.db_to_level(db), 0, 1).astype(np.float32)
    return Descriptors(np.where(voiced, k, UNVOICED_BIN), level, madmom_onsets(audio, cqt))


def _check_rates(cqt: CqtSpec) -> None:
    if (cqt.sample_rate, cqt.hop_length) != (SAMPLE_RATE, HOP_LENGTH):
        raise BassNetError(
            f"the estimators need {SAMPLE_RATE} Hz and hops of {HOP_LENGTH} samples; got "
            f"{cqt.sample_rate} Hz and {cqt.hop_length}: use descriptors of the source `notes`"
        )


def _mean_around_path(activations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The original CREPE's decoder, (1, 360, n) -> bins and Hz (1, n): a mean around the most likely path.

    torchcrepe's own adds up to 20 cents of noise instead, which moves f0 to the next CQT bin and back.
    """
    crepe = _torchcrepe()
    bins, _ = crepe.decode.viterbi(activations)
    near = bins[:, None] + torch.arange(-MEAN_BINS, MEAN_BINS + 1)[None, :, None]
    near = near.clamp(0, crepe.PITCH_BINS - 1)
    weight = activations.gather(1, near).clamp(min=1e-9)  # outside of FMIN to FMAX it is minus infinity
    cents = CENTS_OF_BIN_0 + crepe.CENTS_PER_BIN * (weight * near).sum(1) / weight.sum(1)
    return bins, crepe.convert.cents_to_frequency(cents)


def _n_frames(audio: Audio) -> int:
    return -(-len(audio) // HOP_LENGTH)


def _activation(session: onnxruntime.InferenceSession, frames: Audio) -> Audio:
    """CREPE's network: (n, 1024) -> (n, 360), n up to BATCH."""
    padded = np.zeros((BATCH, frames.shape[1]), np.float32)
    padded[: len(frames)] = frames
    return np.asarray(session.run(None, {"frames": padded})[0][: len(frames)])


@functools.cache
def _crepe_network() -> onnxruntime.InferenceSession:
    crepe = _torchcrepe()
    graph: Any = io.BytesIO()  # the annotation of export knows paths alone
    crepe.load.model("cpu", "tiny")
    with _quiet():  # the exporter that needs no further package is a deprecated one
        torch.onnx.export(
            crepe.infer.model,
            (torch.zeros(BATCH, crepe.WINDOW_SIZE),),
            graph,
            input_names=["frames"],
            dynamo=False,
            opset_version=17,
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # songs run side by side, not frames
    return onnxruntime.InferenceSession(graph.getvalue(), options, providers=["CPUExecutionProvider"])


@functools.cache
def _torchcrepe() -> Any:
    # torchcrepe loads files by torchaudio and does nothing else with it; no file is loaded here.
    absent = importlib.util.find_spec("torchaudio") is None
    stub = {"torchaudio": types.ModuleType("torchaudio")} if absent else {}
    with importing("torchcrepe"), _added(sys.modules, stub):
        return importlib.import_module("torchcrepe")


@functools.cache
def _madmom() -> tuple[Callable[[Any], Any], Any]:
    """The onset processor and the class of its input."""
    with importing("madmom"), _names_of_old():
        onsets = importlib.import_module("madmom.features.onsets")
        signal = importlib.import_module("madmom.audio.signal")
        return onsets.CNNOnsetProcessor(), signal.Signal


@contextmanager
def importing(package: str) -> Iterator[None]:
    """Imports without a package's warnings; raises BassNetError where it is missing."""
    try:
        with _quiet():
            yield
    except ImportError as error:
        raise BassNetError(
            f"descriptors of the source `estimators` need {package}; got {error}: `{INSTALL}`"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings: those of the packages concern their authors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _names_of_old() -> Iterator[None]:
    """What Python and NumPy had when madmom was written: it needs them at its import and while it runs."""
    types_of_old = {"float": float, "int": int, "bool": bool, "object": object}
    with _added(vars(collections), {"MutableSequence": MutableSequence}), _added(vars(np), types_of_old):
        yield


@contextmanager
def _added(names: dict[str, Any], values: dict[str, Any]) -> Iterator[None]:
    """Names for a while; those that are there already stay as they are."""
    missing = {name: value for name, value in values.items() if name not in names}
    names.update(missing)
    try:
        yield
    finally:
        for name in missing:
            del names[name]
