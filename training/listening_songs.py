"""A song whose bass is taken out: stems in a folder, or a MIDI file -> mix, true bass, harmony, segments.

A folder with audio is a song as `training.grooves` and `training.stems` write them: bass.flac (or wav), a mix
or stems beside it, and truth.json where something is known of it. Rates and channels may be any, but the
same in all stems, and so may their length.

Flow: song_audio, stems, midi_songs, harmony, estimators ◀ listening_songs ◀ listening.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile

from bassnet_osc.spec import BassNetError, DescriptorSpec, Spec
from training.agreement import onset_peaks
from training.descriptors import Descriptors, NoteTruth, exact_descriptors
from training.harmony import Audio, estimated_harmony, true_harmony
from training.layouts import without_mixes
from training.midi_songs import SUFFIXES as MIDI_SUFFIXES
from training.midi_songs import read_midi_song
from training.musical_fit import Harmony, Line, line_of
from training.song_audio import COEFFICIENTS, SUFFIXES, audio_files
from training.stems import read_stem
from training.truth import read_truth

STEM_GAIN = float(np.mean(COEFFICIENTS))  # of each stem in the mix: the middle of what models are trained on
MAX_TUNING_CENTS = 100.0  # of a song off A = 440 Hz
SHORTEST_S = 4.0  # of a song: below it there is no other part of it, and librosa has too little for a chroma


@dataclass(frozen=True)
class Segment:
    """A run of bars with the same pattern of the bass: frames first <= i < after."""

    first: int
    after: int
    pattern: int


@dataclass(frozen=True)
class ListeningSong:
    """A song at the analysis rate; `tuning` in semitones above A = 440 Hz.

    `chords_known` tells whether the chords are the song's own or estimated from the mix.
    """

    name: str
    mix: Audio
    bass: Audio
    descriptors: Descriptors
    line: Line
    harmony: Harmony
    chords_known: bool
    segments: list[Segment]
    tuning: float

    @property
    def n_frames(self) -> int:
        """Length in frames."""
        return len(self.line.pitch)


def find_songs(paths: Sequence[Path]) -> list[Path]:
    """Song folders and MIDI files at or below the paths; raises BassNetError where one has none."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise BassNetError(f"songs must be folders or MIDI files; {path} is not there: check the name")
        before = len(found)
        _search(path, found)
        if len(found) == before:
            raise BassNetError(
                f"{path} must hold MIDI files, or folders with bass.flac and a mix or stems; it has none: "
                "make them with training.grooves or training.stems"
            )
    return found


def _search(path: Path, found: list[Path]) -> None:
    if path.suffix.lower() in MIDI_SUFFIXES and path.is_file():
        found.append(path)
    elif path.is_dir() and not path.name.startswith((".", "features-")):
        below = sorted(path.iterdir())
        if any(file.suffix in SUFFIXES for file in below):
            found.append(path)
            return
        for each in below:
            _search(each, found)


def read_listening_song(path: Path, spec: Spec) -> ListeningSong:
    """A song folder or a MIDI file; raises BassNetError, which names the song, where it is no good."""
    try:
        if path.is_dir():
            truth = read_truth(path) if (path / "truth.json").exists() else {}
            mix, bass = read_stems(path, spec.cqt.sample_rate)
        else:
            mix, bass, notes = read_midi_song(path, spec.cqt.sample_rate)
            truth = {"bass": notes, "tuning_cents": 0.0}
        return _song(path, mix, bass, truth, spec)
    except BassNetError as error:
        raise BassNetError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def read_stems(folder: Path, sample_rate: int) -> tuple[Audio, Audio]:
    """The mix of everything but the bass, and the bass, mono and equally long, at `sample_rate`."""
    bass_file, others = audio_files(folder)
    stems = without_mixes([bass_file, *others])  # a mixdown has the bass in it
    others = [path for path in others if path in stems] or others
    headers = {path: _header(path) for path in (bass_file, *others)}
    for path in others:
        if headers[path] != headers[bass_file]:
            raise BassNetError(
                f"{folder}: stems must have one rate and length; got {headers[path][0]} Hz and "
                f"{headers[path][1]} samples of {path.name}, {headers[bass_file][0]} Hz and "
                f"{headers[bass_file][1]} of {bass_file.name}: export them together"
            )
    gain = STEM_GAIN if len(others) > 1 else 1.0
    mix = gain * np.sum([read_stem([path], sample_rate) for path in others], axis=0, dtype=np.float32)
    return mix.astype(np.float32), read_stem([bass_file], sample_rate)


def _header(path: Path) -> tuple[int, int]:
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise BassNetError(f"{path} must be an audio file; {error}: replace it or take it away") from error
    return int(info.samplerate), int(info.frames)


def _song(path: Path, mix: Audio, bass: Audio, truth: dict[str, Any], spec: Spec) -> ListeningSong:
    cqt = spec.cqt
    if len(bass) < SHORTEST_S * cqt.sample_rate:
        raise BassNetError(
            f"a song must last {SHORTEST_S:g} s; got {len(bass) / cqt.sample_rate:.1f} s: leave it out"
        )
    tuning = _tuning(mix, truth, cqt.sample_rate)
    descriptors, onsets = _bass_of(bass, truth.get("bass"), spec)
    line = line_of(descriptors, onsets, cqt, tuning)
    if not line.sounding.any():
        raise BassNetError("a song must have a bass that sounds; it is silent: replace it or leave it out")
    n_frames = len(line.pitch)
    known = true_harmony(truth, n_frames, cqt.frame_rate)
    return ListeningSong(
        name=path.name if path.parent.name == "" else f"{path.parent.name}/{path.name}",
        mix=mix,
        bass=bass,
        descriptors=descriptors,
        line=line,
        harmony=known or estimated_harmony(mix, cqt.sample_rate, n_frames, cqt.frame_rate, tuning),
        chords_known=known is not None,
        segments=segments_of(truth.get("bars") or [], n_frames, cqt.frame_rate),
        tuning=tuning,
    )


def _tuning(mix: Audio, truth: dict[str, Any], sample_rate: int) -> float:
    cents = truth.get("tuning_cents")
    if cents is None and np.any(mix):
        return float(librosa.estimate_tuning(y=mix, sr=sample_rate))
    if cents is not None and (type(cents) not in (int, float) or not abs(cents) <= MAX_TUNING_CENTS):
        raise BassNetError(
            f"truth.json: tuning_cents must be a number up to ±{MAX_TUNING_CENTS:g}; got {cents!r}: mend it"
        )
    return float(cents or 0.0) / 100.0


def _bass_of(bass: Audio, notes: list[NoteTruth] | None, spec: Spec) -> tuple[Descriptors, np.ndarray]:
    """The true bass frame by frame, and its onsets in seconds: exact where the notes are known."""
    if notes is not None:
        onsets = np.array(sorted(note["onset"] for note in notes))
        return exact_descriptors(bass, notes, spec.cqt, spec.descriptor), onsets
    from training.estimators import estimated_descriptors  # optional at install

    found = estimated_descriptors(bass, spec.cqt, spec.descriptor)
    # By the standard threshold: a bundle's own is where its curve, not madmom's, finds the notes.
    return found, onset_peaks(found.onset, spec.cqt, DescriptorSpec())


def segments_of(bars: Sequence[dict[str, Any]], n_frames: int, frame_rate: float) -> list[Segment]:
    """Runs of bars of one pattern; a song without bars, or with one run alone, has two halves."""
    runs = [list(run) for _, run in groupby(bars, key=lambda bar: bar["pattern"])]
    found = [
        Segment(round(run[0]["start"] * frame_rate), round(run[-1]["end"] * frame_rate), run[0]["pattern"])
        for run in runs
    ]
    inside = [Segment(s.first, min(s.after, n_frames), s.pattern) for s in found if s.first < n_frames]
    half = n_frames // 2
    return inside if len(inside) > 1 else [Segment(0, half, 0), Segment(half, n_frames, 0)]
