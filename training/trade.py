"""What latency buys: the stream's taper and skip against pitch and attacks on test songs.

    python -m training.trade --model groove-live --data data/groove --songs 10 --out training/TRADE.md

Each window is decoded once, at every frame; the product's own OverlapAdd then adds up those that a stream of
each taper and skip would have asked for: that stream's frames. A song takes half a minute on one core.

Flow: listening, attacks, bassnet_osc.overlap_add ◀ trade.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bassnet_osc.bundle import DEFAULT, Bundle
from bassnet_osc.frames import Block, Frames, stand_in
from bassnet_osc.hearing import Model
from bassnet_osc.latent import Z
from bassnet_osc.overlap_add import OverlapAdd
from bassnet_osc.resample import Resampler
from bassnet_osc.spec import MAX_ROWS, BassNetError, Spec, WindowSpec
from bassnet_osc.stream import Stream
from training.attacks import (
    HELD_FRAMES,
    RATE,
    Pair,
    all_deviations,
    first_songs,
    mean_onset_f1,
    percentile,
    pitch_accuracy,
    read_with_z,
    share,
    times_to_pitch,
    whole_ms,
)
from training.listen import SECONDS
from training.listening import LEAD_S, Point, excerpt, line_played
from training.musical_fit import ONSET_WINDOW_S
from training.tables import markdown
from training.told import tell

TAPERS, SKIPS = (4, 6, 8, 12, 20), (0, 1, 2, 3)
LIMIT_S = 0.06  # the best row is heard sooner than that: what a live player puts up with

HEAD = """# What latency buys

Written by

```sh
{command}
```

{model} plays to {songs} of {data}, {seconds:g} s from the middle of each. z is inferred from the true
bass and moves with the song: that of a segment comes from the other segments, of the same pattern where
there are any.

- **offset**: from a moment of the mix to the bass that belongs to it, at {rate:g} kHz, without transport.
- **windows/s**, **compute**: decoded for a second of sound, and beside the model's default. A window whose
  taper and skip are not within the default's takes up to 1.4 times as long: it is decoded whole
  (`python -m export.forms`).
- **pitch**: share of the frames in which the true bass sounds whose f0 is right within a third of a
  semitone, offset taken off.
- **to the pitch**: from the beginning of a true note in the mix to the moment at which its pitch is heard,
  and stays for {held} frames or more; of the {notes} notes of another pitch than the note before. Median and
  90th percentile of those that are right before the next note begins; **never**: share of those that are not.
- **onset F1**: beginnings of notes within {window:.0f} ms of the true ones, offset taken off; mean of the
  songs. An onset's threshold is the one found for the default: others might gain by their own.
- **attacks late**: median of these, heard minus true.

Times in ms, to the moment of hearing: the offset is in them. The best row: the highest sum of pitch and
onset F1, to three digits, of those with an offset below {limit:.0f} ms; of equal ones that of the fewest
windows.

"""
COLUMNS = (
    "taper",
    "skip",
    "offset",
    "windows/s",
    "compute",
    "pitch",
    "to the pitch: median",
    "90 %",
    "never",
    "onset F1",
    "attacks late",
    "",
)

Call = tuple[int, Point]  # a window: its newest frame, and z


@dataclass(frozen=True)
class Row:
    """A setting and what it gives; `to_pitch` in seconds from the note's place in the mix."""

    window: WindowSpec
    offset_s: float
    windows_per_s: float
    pitch: float
    to_pitch: list[float | None]
    onset_f1: float
    late_s: float

    @property
    def score(self) -> float:
        """What the best row has most of; of nothing that can be told, nothing."""
        return round(float(np.nan_to_num(self.pitch)) + float(np.nan_to_num(self.onset_f1)), 3)


def settings(spec: Spec) -> list[WindowSpec]:
    """The windows of TAPERS x SKIPS that the model's own allows, and that one.

    Raises BassNetError for a window whose newest frames are not its finest.
    """
    if spec.window.anchor != "end":
        raise BassNetError(
            f"a trade needs windows that end at their finest frames; got anchor {spec.window.anchor}: choose "
            "a live model"
        )
    allowed = {(spec.window.taper, spec.window.skip): spec.window}
    for taper in TAPERS:
        for skip in SKIPS:
            try:
                allowed[taper, skip] = replace(spec.window, taper=taper, skip=skip)
            except BassNetError:  # too long for the window, or less late than the model predicts
                continue
    return [allowed[key] for key in sorted(allowed)]


def newest_outputs(model: Model, windows: Block, z: Block, n: int) -> Block:
    """f0, level, onset side by side (rows, n, n_bins + 2), newest frames, of windows (rows, b, n_bins)."""
    used = range(windows.shape[1] - n, windows.shape[1])
    f0, level, onset = model.decode_factors(model.factors(windows, used), z, used)
    return np.concatenate([f0, level[..., None], onset[..., None]], axis=2)


def calls_of(window: WindowSpec, n_frames: int, z: Z) -> list[Call]:
    """The windows that a stream decodes for frames 0 .. n_frames - 1, from w = -1 on."""
    last = max(0, -(-(n_frames - 1 - window.ahead) // window.hop) - 1)
    reach = window.taper - 1 + window.skip
    return [(window.hop * w + reach, z(window.hop * (w + 1) + window.ahead)) for w in range(-1, last + 1)]


def analysed(model: Model, audio: Block, n_frames: int) -> Block:
    """The mix as a stream at the analysis rate hears it: (n_samples,) -> (n_frames, n_bins)."""
    cqt = model.spec.cqt
    resampler = Resampler(cqt.sample_rate, cqt.sample_rate)
    n_samples = (n_frames - 1) * cqt.hop_length + cqt.right
    silence = np.zeros(max(0, n_samples + resampler.reach - len(audio)), np.float32)
    heard = resampler.process(np.concatenate([audio, silence]))[:n_samples]
    return model.frontend(np.concatenate([np.zeros(cqt.left, np.float32), heard]))


def decoded(model: Model, mix: Block, calls: Sequence[Call], n: int, task: str) -> dict[Call, Block]:
    """The newest n frames of each window's output (n, n_bins + 2), with a progress bar."""
    b = model.spec.window.window_frames
    padded = np.concatenate([np.zeros((b - 1, mix.shape[1]), np.float32), mix])
    found: dict[Call, Block] = {}
    for i in tqdm(range(0, len(calls), MAX_ROWS), desc=task, unit="batch", disable=None, leave=False):
        some = calls[i : i + MAX_ROWS]
        windows = np.stack([padded[newest : newest + b] for newest, _ in some])
        z = np.array([point for _, point in some], np.float32)
        found.update(zip(some, newest_outputs(model, windows, z, n), strict=True))
    return found


def added_up(spec: Spec, window: WindowSpec, outputs: Sequence[Block]) -> Frames:
    """The frames that a stream makes of its windows' outputs (n, n_bins + 2), from w = -1 on."""
    descriptor, adding = spec.descriptor, OverlapAdd(spec, window)
    known = stand_in(0, np.nan, descriptor.level_floor_db, window.ahead, descriptor)
    return Frames.join(
        [
            known,
            *(adding.add(w - 1, out[-len(window.used) :], descriptor)[0] for w, out in enumerate(outputs)),
        ]
    )


def streamed(
    model: Model, audio: Block, z: Z, windows: Sequence[WindowSpec], task: str = "windows"
) -> list[Frames]:
    """The frames that a stream with each of the windows gives for audio (n_samples,) at the analysis rate."""
    n_frames = -(-len(audio) // model.spec.cqt.hop_length) + 1
    plans = [calls_of(window, n_frames, z) for window in windows]
    calls = sorted(set().union(*plans))
    mix = analysed(model, audio, calls[-1][0] + 1)
    outputs = decoded(model, mix, calls, max(window.taper + window.skip for window in windows), task)
    return [
        added_up(model.spec, window, [outputs[call] for call in plan])[:n_frames]
        for window, plan in zip(windows, plans, strict=True)
    ]


def song_pairs(path: Path, bundle: Bundle, windows: Sequence[WindowSpec]) -> list[Pair]:
    """What the bundle plays to the middle of a song with each of the windows, and the true bass."""
    cqt = bundle.spec.cqt
    song, z = read_with_z(path, bundle)
    first, after = excerpt(song, SECONDS, cqt.frame_rate)
    start = max(0, first - round(LEAD_S * cqt.frame_rate))
    audio = song.mix[start * cqt.hop_length : after * cqt.hop_length]
    runs = streamed(bundle, audio, lambda frame: z(frame + start), windows, song.name)
    truth = song.line.part(first, after)
    lines = [line_played(frames[: after - start], bundle.spec, song.tuning) for frames in runs]
    return [(line.part(first - start, after - start), truth) for line in lines]


def row(bundle: Bundle, window: WindowSpec, pairs: Sequence[Pair]) -> Row:
    """What a setting gives over all songs."""
    stream = Stream(bundle, RATE, lambda frame: bundle.z_home, window.taper, window.skip)
    offset_s = stream.latency_samples / RATE
    times = [time for played, truth in pairs for time in times_to_pitch(played, truth)]
    return Row(
        window=window,
        offset_s=offset_s,
        windows_per_s=bundle.spec.cqt.frame_rate / window.hop,
        pitch=pitch_accuracy(pairs),
        to_pitch=[None if time is None else time + offset_s for time in times],
        onset_f1=mean_onset_f1(pairs),
        late_s=percentile(all_deviations(pairs, ONSET_WINDOW_S), 50) + offset_s,
    )


def ranked(rows: Sequence[Row]) -> list[Row]:
    """The rows that the rule in HEAD is about, the best one first."""
    soon = [row for row in rows if row.offset_s < LIMIT_S]
    return sorted(soon, key=lambda row: (-row.score, row.windows_per_s))


def cells(row: Row, own: WindowSpec, best: Row | None) -> list[str]:
    """A row of the table."""
    found = [time for time in row.to_pitch if time is not None]
    never = 1.0 - len(found) / len(row.to_pitch) if row.to_pitch else np.nan
    marks = [mark for mark, is_so in (("default", row.window == own), ("best", row is best)) if is_so]
    return [
        str(row.window.taper),
        str(row.window.skip),
        f"{1000.0 * row.offset_s:.1f}",
        f"{row.windows_per_s:.0f}",
        f"{own.hop / row.window.hop:.2f}",
        share(row.pitch),
        whole_ms(percentile(found, 50)),
        whole_ms(percentile(found, 90)),
        share(never),
        share(row.onset_f1),
        whole_ms(row.late_s),
        ", ".join(marks),
    ]


def verdict(rows: Sequence[Row], own: WindowSpec) -> str:
    """Which row is best, and whether the model is set so."""
    found = ranked(rows)
    if not found:
        return f"No row has an offset below {1000 * LIMIT_S:.0f} ms.\n"
    default = "the model's default" if found[0].window == own else f"the model's default is {_name(own)}"
    then = "".join(f", {_name(row.window)} {row.score:.3f}" for row in found[1:])
    first = f"Best below {1000 * LIMIT_S:.0f} ms: {_name(found[0].window)}, {default}."
    return f"{first} Sums: {found[0].score:.3f}{then and ';'}{then[1:]}.\n"


def _name(window: WindowSpec) -> str:
    return f"taper {window.taper} skip {window.skip}"


def trade(model: str, data: Path, n_songs: int, command: str) -> str:
    """The whole text; raises BassNetError where a song or the model is no good."""
    bundle, paths = Bundle.load(model, provider="cpu", threads=1), first_songs(data, n_songs)
    windows = settings(bundle.spec)
    songs = [
        song_pairs(path, bundle, windows) for path in tqdm(paths, desc="songs", unit="song", disable=None)
    ]
    rows = [row(bundle, window, pairs) for window, *pairs in zip(windows, *songs, strict=True)]
    own, best = bundle.spec.window, next(iter(ranked(rows)), None)
    head = HEAD.format(
        command=command,
        model=bundle.name,
        songs="a song" if len(paths) == 1 else f"{len(paths)} songs",
        data=data,
        seconds=SECONDS,
        rate=RATE / 1000,
        held=HELD_FRAMES,
        notes=len(rows[0].to_pitch),
        window=1000 * ONSET_WINDOW_S,
        limit=1000 * LIMIT_S,
    )
    return f"{head}{markdown(COLUMNS, [cells(row, own, best) for row in rows])}\n{verdict(rows, own)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.trade", description="Latency and accuracy.")
    parser.add_argument("--model", default=DEFAULT, help=f"installed bundle or a folder, default {DEFAULT}")
    parser.add_argument("--data", type=Path, required=True, help="folder with test/")
    parser.add_argument("--songs", type=int, default=10, help="at most as many, default 10")
    parser.add_argument("--out", type=Path, help="Markdown file; default: printed alone")
    args = parser.parse_args(arguments)
    if args.songs < 1:
        parser.error("--songs must be 1 or more")
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "training.trade", *given])
    return tell(lambda: trade(args.model, args.data, args.songs, command), args.out)


if __name__ == "__main__":
    sys.exit(main())
