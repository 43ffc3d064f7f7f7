"""Songs on disk -> cached frames and descriptors, on all cores.

A song is a folder with audio (song_audio.py) and truth.json (truth.py). Its frames and descriptors are
computed once and kept beside it in a folder named by the spec they were made with: the constant-Q frames of
the mix, the bass and, where a song has stems, further mixes. A fingerprint tells what they were made from:
where the audio or the notes have changed since, they are computed again.
Changes of the code are not noticed, but for estimators.VERSION: after them delete the folders `features-...`.

Flow: song_audio, truth, cqt, descriptors or estimators -> features -> dataset.
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
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from bassnet_osc.spec import BassNetError, DescriptorSpec, Spec
from training.cqt import Cqt, cqt_frames
from training.descriptors import Descriptors, NoteTruth, exact_descriptors
from training.song_audio import Audio, audio_files, read_audio
from training.truth import read_truth

FINGERPRINT = "made_from.json"
# Where a stream hears onsets; bundles may have others than the songs that their models learned from.
OF_THE_STREAM = {
    name: getattr(DescriptorSpec(), name) for name in ("onset_on", "onset_off", "refractory_frames")
}
SONGS_PER_PROCESS = 4  # at least: starting a process takes as long as a few songs


def cache_name(spec: Spec) -> str:
    """Folder of a song's features: changes with every number of the spec that they depend on."""
    descriptor = asdict(spec.descriptor) | OF_THE_STREAM
    text = json.dumps([asdict(spec.cqt), descriptor], sort_keys=True)
    return "features-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def has_features(folder: Path, spec: Spec) -> bool:
    """Whether a song's features are there, made from the audio and the notes that are there now."""
    target = folder / cache_name(spec)
    if not target.exists():
        return False
    now = _fingerprint(folder, spec)
    if (target / FINGERPRINT).exists():
        return bool(json.loads((target / FINGERPRINT).read_text()) == now)
    # Computed before there were fingerprints: what is newer than its song is of it.
    made = (target / "spectra.npy").stat().st_mtime_ns
    sources = [path.stat() for path in _audio(folder)]
    if "notes" in now:
        sources.append((folder / "truth.json").stat())
    return all(stat.st_mtime_ns < made for stat in sources) and now.get("estimators", 1) == 1


def n_without_features(folder: Path, spec: Spec) -> int:
    """How many songs of a split's folder still need theirs."""
    return sum(not has_features(path.parent, spec) for path in folder.glob("*/truth.json"))


def _audio(folder: Path) -> list[Path]:
    bass, others = audio_files(folder)
    return [bass, *others]


def _notes(folder: Path, spec: Spec) -> list[NoteTruth] | None:
    """The notes of the bass, where the spec wants them and they are known."""
    notes: list[NoteTruth] | None = read_truth(folder).get("bass")
    return notes if spec.descriptor.source == "notes" else None


def _fingerprint(folder: Path, spec: Spec) -> dict[str, Any]:
    """What a song's features depend on beside the spec; of the audio size and time, for reading is slow."""
    made_from: dict[str, Any] = {}
    for path in _audio(folder):
        stat = path.stat()
        made_from[path.name] = [stat.st_size, stat.st_mtime_ns]
    if (notes := _notes(folder, spec)) is not None:
        text = json.dumps(notes, sort_keys=True)
        return made_from | {"notes": hashlib.sha256(text.encode()).hexdigest()}
    from training import estimators  # optional at install

    return made_from | {"estimators": estimators.VERSION}


@torch.no_grad()
def compute_features(folder: Path, spec: Spec) -> None:
    """Writes the feature folder of one song, whole or not at all; one that is outdated gives way to it."""
    if has_features(folder, spec):
        return
    made_from = _fingerprint(folder, spec)  # before the files are read: what changes meanwhile is noticed
    mixes, bass = read_audio(folder, spec.cqt.sample_rate)
    if spec.cqt.reference == "peak":
        mixes = [mix / (np.abs(mix).max() or 1.0) for mix in mixes]
    cqt = Cqt(spec.cqt)
    tracks = [mixes[0], bass, *mixes[1:]]
    spectra = torch.stack([cqt_frames(cqt, torch.from_numpy(track)) for track in tracks])
    d = _descriptors(bass, _notes(folder, spec), spec)

    def write(new: Path) -> None:
        np.save(new / "spectra.npy", spectra.half().numpy())
        np.savez(new / "descriptors.npz", f0_bin=d.f0_bin, level=d.level, onset=d.onset)
        (new / FINGERPRINT).write_text(json.dumps(made_from))

    _write_features(folder, spec, write)


def _write_features(folder: Path, spec: Spec, write: Callable[[Path], None]) -> None:
    target = folder / cache_name(spec)
    unfinished = Path(tempfile.mkdtemp(dir=folder, prefix="unfinished-"))
    try:
        new = unfinished / "new"
        new.mkdir()
        write(new)
        if target.exists() and not has_features(folder, spec):
            os.rename(target, unfinished / "outdated")
        os.rename(new, target)
    except OSError:
        if not has_features(folder, spec):  # else another process was faster: its features are the same
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _descriptors(bass: Audio, notes: list[NoteTruth] | None, spec: Spec) -> Descriptors:
    """Exact where the notes are given, else estimated (section 4.2)."""
    if notes is not None:
        return exact_descriptors(bass, notes, spec.cqt, spec.descriptor)
    from training.estimators import estimated_descriptors  # optional at install

    return estimated_descriptors(bass, spec.cqt, spec.descriptor)


def compute_all(folders: list[Path], spec: Spec, title: str) -> None:
    """Features of many songs, one process for each core; what is there already is not computed again.

    The first song that is no good ends it; what was computed before stays.
    """
    missing = [folder for folder in folders if not has_features(folder, spec)]
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
