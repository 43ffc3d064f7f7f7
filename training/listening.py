"""Models listen to songs and play: which z, by the product's own stream, and how well it fits.

Systems, by name: the true bass, the root follower, another bundle at its home, and this one with z at the
origin, at its home, inferred and fitted. A segment's inferred z comes from the other segments of the song:
those with the same pattern where there are any. Fitted z is the point of a grid at which the true bass of the
segment itself is the likeliest: a ceiling, since it has heard what it is to play.

Flow: listening_songs, baselines, musical_fit, subject, metrics ◀ listening ◀ listen, listen_report.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bassnet_osc.bundle import Bundle
from bassnet_osc.frames import Frames
from bassnet_osc.latent import Z
from bassnet_osc.notes import hz_to_pitch, notes_from_frames
from bassnet_osc.spec import Spec
from bassnet_osc.stream import Stream
from training.baselines import root_follower
from training.cqt import Cqt, cqt_frames
from training.dataset import Song, cut_windows
from training.listening_songs import Audio, ListeningSong, Segment
from training.metrics import Latents, observe
from training.musical_fit import Harmony, Line, chord_delays, fit, interval_counts
from training.objective import UNVOICED_BIN
from training.places import EVERY_FRAMES, finest_frames
from training.subject import LEAST, LEAST_F0, Exported

LEAD_S = 2.0  # seconds that are heard before an excerpt begins and not scored
BLOCK = 16_384  # samples that the stream is given at once: the frames are the same for any
FIT_GRID = np.linspace(-3.0, 3.0, 7)  # of each component of z
FIT_WINDOWS = 12  # of a segment, at each point of the grid
SWEEP_PERCENTILES = (10, 50, 90)  # of each component of the songs' latents

TRUE, FOLLOWER = "true bass", "root follower"
ORIGIN, HOME, INFERRED, FITTED = "z at the origin", "z at home", "z inferred", "z fitted"

Point = tuple[float, float]


@dataclass(frozen=True)
class Heard:
    """An excerpt of a song and what each system plays to it; frames count from the excerpt's beginning.

    `frames` are those of the systems that are models, `mu` the latents of the whole song, `z` the points of
    the excerpt's segments by system, `losses` the cross-entropies over the whole song.
    """

    song: ListeningSong
    first: int
    after: int
    harmony: Harmony
    lines: dict[str, Line]
    frames: dict[str, Frames]
    mu: Latents
    z: dict[str, list[Point]]
    losses: dict[str, float]

    @property
    def truth(self) -> Line:
        """What the true bass plays."""
        return self.lines[TRUE]

    def mix(self, spec: Spec) -> Audio:
        """The mix of the excerpt."""
        return self.song.mix[self.first * spec.cqt.hop_length : self.after * spec.cqt.hop_length]


def excerpt(song: ListeningSong, seconds: float, frame_rate: float) -> tuple[int, int]:
    """The middle of a song: frames first <= i < after."""
    length = min(song.n_frames, round(seconds * frame_rate))
    first = (song.n_frames - length) // 2
    return first, first + length


def listen(song: ListeningSong, bundle: Bundle, beside: Bundle, seconds: float) -> Heard:
    """Every system on the middle of a song."""
    spec = bundle.spec
    first, after = excerpt(song, seconds, spec.cqt.frame_rate)
    known = features(song, spec)
    mu, losses = latents_of(song, known, bundle)
    inside = [i for i, s in enumerate(song.segments) if s.first < after and s.after > first]
    inside = inside or [len(song.segments) - 1]  # bars may be known of the beginning alone
    points = {
        ORIGIN: [(0.0, 0.0)] * len(inside),
        HOME: [bundle.z_home] * len(inside),
        INFERRED: [inferred(song.segments, mu, i) for i in inside],
        FITTED: [fitted(known, song.segments[i], bundle) for i in inside],
    }
    lines = {
        TRUE: song.line.part(first, after),
        FOLLOWER: root_follower(song.mix, spec, song.tuning).part(first, after),
        beside_name(beside): play(song, beside, steps([], [beside.z_home]), first, after)[0],
    }
    frames: dict[str, Frames] = {}
    for system, path in points.items():
        z = steps([song.segments[i] for i in inside], path)
        lines[system], frames[system] = play(song, bundle, z, first, after)
    harmony = song.harmony.part(first, after)
    return Heard(song, first, after, harmony, lines, frames, np.concatenate(mu), points, losses)


def beside_name(beside: Bundle) -> str:
    """The name of the other bundle's system."""
    return f"{beside.name} at home"


def play(song: ListeningSong, bundle: Bundle, z: Z, first: int, after: int) -> tuple[Line, Frames]:
    """A bundle streams an excerpt, heard from LEAD_S before on; z and frames count from the song's start."""
    cqt = bundle.spec.cqt
    start = max(0, first - round(LEAD_S * cqt.frame_rate))
    mix = song.mix[start * cqt.hop_length : after * cqt.hop_length]
    stream = Stream(bundle, cqt.sample_rate, lambda frame: z(frame + start))
    blocks = [stream.process(mix[i : i + BLOCK]) for i in range(0, len(mix), BLOCK)]
    frames = Frames.join([*blocks, stream.flush()])[: after - start]
    line = line_played(frames, bundle.spec, song.tuning)
    return line.part(first - start, after - start), frames[first - start :]


def line_played(frames: Frames, spec: Spec, tuning: float) -> Line:
    """What frames from 0 on play: their pitch, and the beginnings of the notes that they are heard as."""
    rate = spec.cqt.frame_rate
    onsets = [note.start_frame / rate for note in notes_from_frames(frames, spec)]
    return Line(hz_to_pitch(frames.f0_hz) - tuning, np.array(onsets, np.float64), rate)


def steps(segments: Sequence[Segment], points: Sequence[Point]) -> Z:
    """z over time: each segment's point from its beginning on, the first one from the start."""
    starts = [segment.first for segment in segments[1:]]
    return lambda frame: points[bisect_right(starts, frame)]


def features(song: ListeningSong, spec: Spec) -> Song:
    """The song as the encoder and the metrics know songs."""
    mix = song.mix / (np.abs(song.mix).max() or 1.0) if spec.cqt.reference == "peak" else song.mix
    cqt = Cqt(spec.cqt)
    with torch.no_grad():
        spectra = torch.stack([cqt_frames(cqt, torch.from_numpy(track)) for track in (mix, song.bass)])
    return Song(spectra.half().numpy(), song.descriptors, {})


def segment_places(segment: Segment, spec: Spec) -> list[int]:
    """Newest frames of windows that lie inside a segment, or of its last one where it is too short."""
    start = segment.first + spec.window.window_frames - 1
    return list(range(start, segment.after, EVERY_FRAMES)) or [segment.after - 1]


def latents_of(song: ListeningSong, known: Song, bundle: Bundle) -> tuple[list[Latents], dict[str, float]]:
    """mu of each segment's windows (n, 2), and the means of the losses over all."""
    groups = [segment_places(segment, bundle.spec) for segment in song.segments]
    places = [(0, newest) for group in groups for newest in group]
    seen = observe(Exported(bundle), [known], places, song.name)
    ends = np.cumsum([len(group) for group in groups])
    return np.split(seen.mu, ends[:-1]), seen.means


def inferred(segments: Sequence[Segment], mu: Sequence[Latents], at: int) -> Point:
    """z of a segment from the latents of the others: of those with its pattern, if there are any."""
    others = [i for i in range(len(segments)) if i != at]
    alike = [i for i in others if segments[i].pattern == segments[at].pattern]
    return medoid(np.concatenate([mu[i] for i in alike or others]))


def medoid(mu: Latents) -> Point:
    """The one of mu (n, 2) that is nearest to all others: a mean may lie between two clusters."""
    x, y = mu[np.linalg.norm(mu[:, None] - mu, axis=2).sum(axis=1).argmin()]
    return float(x), float(y)


def fitted(song: Song, segment: Segment, bundle: Bundle) -> Point:
    """The point of FIT_GRID x FIT_GRID at which f0 and onsets of a segment's true bass are the likeliest."""
    places = segment_places(segment, bundle.spec)
    some = np.unique(np.linspace(0, len(places) - 1, FIT_WINDOWS).round().astype(int))
    windows = cut_windows([song], [(0, places[i]) for i in some], bundle.spec)
    finest = finest_frames(bundle.spec)
    f0, onset = windows.f0[:, finest].numpy(), windows.onset[:, finest].numpy()

    def likelihood(point: Point) -> float:
        z = np.tile(np.array(point, dtype=np.float32), (len(f0), 1))
        p_f0, _, p_onset = (out[:, finest] for out in bundle.decode(windows.mix.numpy(), z))
        p = np.take_along_axis(p_f0, np.maximum(f0, 0)[..., None], axis=-1)[..., 0]
        p_onset = np.clip(p_onset, LEAST, 1 - LEAST)
        said = onset * np.log(p_onset) + (1 - onset) * np.log(1 - p_onset)
        return float(np.log(np.maximum(p, LEAST_F0))[f0 != UNVOICED_BIN].sum() + said.sum())

    return max(((float(x), float(y)) for x in FIT_GRID for y in FIT_GRID), key=likelihood)


def scores(heard: Heard) -> dict[str, Any]:
    """What results.json says of a song: by system `fit`'s numbers, the delays and the intervals."""
    systems = {
        name: {
            **fit(line, heard.truth, heard.harmony),
            "chord_delays": chord_delays(line, heard.truth, heard.harmony),
            "intervals": interval_counts(line, heard.harmony).tolist(),
        }
        for name, line in heard.lines.items()
    }
    return {
        "song": heard.song.name,
        "seconds": len(heard.truth.pitch) / heard.truth.frame_rate,
        "segments": len(heard.song.segments),
        "chords_known": heard.song.chords_known,
        "z": heard.z,
        "losses": heard.losses,
        "systems": systems,
    }


def sweep(
    bundle: Bundle, heard: Sequence[Heard], mu: Latents, tell: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Nine places of z where the latents mu (n, 2) lie, the lower left one first: what changes.

    `tell` is called after each playing.
    """
    xs, ys = np.percentile(mu, SWEEP_PERCENTILES, axis=0).T
    places = []
    for point in [(float(x), float(y)) for y in ys for x in xs]:
        lines = []
        for one in heard:
            lines.append(play(one.song, bundle, steps([], [point]), one.first, one.after)[0])
            tell()
        places.append({"z": point, **pooled(lines, [one.harmony for one in heard])})
    true = pooled([one.truth for one in heard], [one.harmony for one in heard])
    return {"songs": [one.song.name for one in heard], "places": places, TRUE: true}


def pooled(lines: Sequence[Line], harmonies: Sequence[Harmony]) -> dict[str, Any]:
    """Density, register and intervals of several lines together."""
    pitch = np.concatenate([line.pitch for line in lines])
    counts = np.sum([interval_counts(*each) for each in zip(lines, harmonies, strict=True)], axis=0)
    seconds = sum(len(line.pitch) / line.frame_rate for line in lines)
    return {
        "notes_per_second": sum(len(line.onsets) for line in lines) / seconds,
        "register": float(np.nanmedian(pitch)) if not np.isnan(pitch).all() else None,
        "sounding": float((~np.isnan(pitch)).mean()),
        "intervals": counts.tolist(),
    }
