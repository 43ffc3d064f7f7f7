"""A bass without a model: the root of the chord at every strong onset of the mix.

It hears the whole mix at once and half a second ahead, which nobody can who plays live.

Flow: harmony, musical_fit ◀ baselines ◀ listening.
"""

from __future__ import annotations

import librosa
import numpy as np

from bassnet_osc.onsets import LevelGate
from bassnet_osc.spec import Spec
from training.descriptors import level_db
from training.harmony import CHORD_S, CHROMA_HOP, Audio, chroma_of, triad
from training.musical_fit import Array, Line

LOWEST_PITCH = 28  # MIDI: E1, the lowest string of a bass guitar; roots lie in the octave from there
# A strong onset has this share at least of the strength that one in twenty onsets of the mix exceeds. With it
# the follower's onsets agree best with the true bass on validation songs of the groove data (F1 0.57).
STRONG, STRONGEST_PERCENTILE = 0.4, 95
DETECT_HOP = 160  # samples between the values of the onset strength: a frame


def root_follower(mix: Audio, spec: Spec, tuning: float) -> Line:
    """Plays the root of the triad in the mix's chroma at every strong onset, until the next; silent with it.

    `tuning`, in semitones above A = 440 Hz, is the song's; it plays in tune.
    """
    rate, frame_rate = spec.cqt.sample_rate, spec.cqt.frame_rate
    n_frames = -(-len(mix) // spec.cqt.hop_length)
    db = level_db(mix, spec.cqt, spec.descriptor)
    sounding = LevelGate(spec.descriptor).process(db, np.zeros(len(db)))
    pitch = np.full(n_frames, np.nan)
    chroma = chroma_of(mix, rate, tuning)
    onsets: list[float] = []
    for second in strong_onsets(mix, rate):
        at = round(second * rate / CHROMA_HOP)
        classes = triad(chroma[:, at : at + round(CHORD_S * rate / CHROMA_HOP)].mean(axis=1))
        frame = round(second * frame_rate)
        if classes and frame < n_frames and sounding[frame]:
            pitch[frame:] = LOWEST_PITCH + (classes[0] - LOWEST_PITCH) % 12
            onsets.append(second)
    pitch[~sounding] = np.nan
    return Line(pitch, np.array(onsets), frame_rate)


def strong_onsets(mix: Audio, sample_rate: int) -> Array:
    """When the mix's strong onsets begin, in seconds."""
    if not np.any(mix):
        return np.zeros(0)
    strength = librosa.onset.onset_strength(y=mix, sr=sample_rate, hop_length=DETECT_HOP)
    peaks = librosa.onset.onset_detect(
        onset_envelope=strength, sr=sample_rate, hop_length=DETECT_HOP, backtrack=False
    )
    if not len(peaks):
        return np.zeros(0)
    strong = peaks[strength[peaks] >= STRONG * np.percentile(strength[peaks], STRONGEST_PERCENTILE)]
    return np.asarray(strong * DETECT_HOP / sample_rate, dtype=np.float64)
