"""Songs on disk -> cached frames and descriptors, on all cores.

A song is a folder with mix.wav, bass.wav and truth.json (training/artificial.py). Its frames and descriptors
are computed once and kept beside it in a folder named by the spec they were made with, so a cache of other
numbers is never read.

Flow: cqt, descriptors or estimators -> features -> dataset.
"""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from tqdm import tqdm

from bassnet_osc.spec import BassNetError, Spec
from training.cqt import Cqt, cqt_frames
from training.descriptors import Descriptors, NoteTruth, exact_descriptors

SONGS_PER_PROCESS = 4  # at least: starting a process takes as long as a few songs


def cache_name(spec: Spec) -> str:
    """Folder of a song's features: changes with every number that they depend on."""
    text = json.dumps([asdict(spec.cqt), asdict(spec.descriptor)], sort_keys=True)
    return "features-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def read_mono(path: Path, sample_rate: int) -> npt.NDArray[np.float32]:
    """A mono file at the analysis rate."""
    try:
        audio, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise BassNetError(f"{path} must be an audio file; {error}: render the song again") from error
    if rate != sample_rate or audio.ndim != 1 or not len(audio):
        raise BassNetError(
            f"{path} must be mono at {sample_rate} Hz; got {rate} Hz, shape {audio.shape}: "
            "render the song again"
        )
    return np.asarray(audio)


def read_truth(folder: Path) -> dict[str, Any]:
    """truth.json of a song."""
    try:
        truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    except ValueError as error:
        raise BassNetError(f"{folder}/truth.json must be JSON; {error}: render the song again") from error
    if not isinstance(truth, dict) or not isinstance(truth.get("bass"), list):
        raise BassNetError(f"{folder}/truth.json must hold the notes as `bass`; it has none: add them")
    fields = NoteTruth.__annotations__.keys()
    if bad := [note for note in truth["bass"] if not isinstance(note, dict) or fields - note.keys()]:
        raise BassNetError(
            f"{folder}/truth.json: a note must have {', '.join(fields)}; got {bad[0]!r}: add what it lacks"
        )
    return truth


@torch.no_grad()
def compute_features(folder: Path, spec: Spec) -> None:
    """Writes the feature folder of one song, whole or not at all."""
    target = folder / cache_name(spec)
    if target.exists():
        return
    mix, bass = (read_mono(folder / f"{name}.wav", spec.cqt.sample_rate) for name in ("mix", "bass"))
    if len(mix) != len(bass):
        raise BassNetError(
            f"{folder}: mix.wav and bass.wav must be equally long; got {len(mix)} and {len(bass)} samples: "
            "render the song again"
        )
    if spec.cqt.reference == "peak":
        mix = mix / (np.abs(mix).max() or 1.0)
    cqt = Cqt(spec.cqt)
    spectra = torch.stack([cqt_frames(cqt, torch.from_numpy(audio)) for audio in (mix, bass)])
    d = _descriptors(bass, folder, spec)
    unfinished = Path(tempfile.mkdtemp(dir=folder, prefix="unfinished-"))
    try:
        np.save(unfinished / "spectra.npy", spectra.half().numpy())
        np.savez(unfinished / "descriptors.npz", f0_bin=d.f0_bin, level=d.level, onset=d.onset)
        os.rename(unfinished, target)
    except OSError:
        if not target.exists():  # else another process was faster: its features are the same
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # nothing is left there after the rename


def _descriptors(bass: npt.NDArray[np.float32], folder: Path, spec: Spec) -> Descriptors:
    if spec.descriptor.source == "notes":
        return exact_descriptors(bass, read_truth(folder)["bass"], spec.cqt, spec.descriptor)
    from training.estimators import estimated_descriptors  # optional at install

    return estimated_descriptors(bass, spec.cqt, spec.descriptor)


def compute_all(folders: list[Path], spec: Spec, title: str) -> None:
    """Features of many songs, one process for each core; what is there already is not computed again.

    The first song that is no good ends it; what was computed before stays.
    """
    missing = [folder for folder in folders if not (folder / cache_name(spec)).exists()]
    processes = min(len(missing) // SONGS_PER_PROCESS, os.cpu_count() or 1)
    bar = functools.partial(tqdm, total=len(missing), desc=title, unit="song", disable=None)
    if processes < 2:
        for folder in bar(missing) if missing else ():
            compute_features(folder, spec)
        return
    # Spawned: a fork of a process that has run torch on threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_one_thread) as pool:
        jobs = [pool.submit(compute_features, folder, spec) for folder in missing]
        try:
            for job in bar(as_completed(jobs)):
                job.result()
        except BrokenProcessPool:
            raise BassNetError(
                f"{title}: each of {processes} processes must have memory for a song; one was ended: "
                "start again, with more memory free"
            ) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _one_thread() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    torch.set_num_threads(1)
