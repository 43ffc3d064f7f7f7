"""How late bundles are heard: their attacks and pitch against the true bass while the mix plays on.

    python -m training.heard groove-live groove-live-ahead --data data/groove --out training/HEARD.md

Nothing makes up for the latency here: what a stream says of a moment of the mix is heard `latency_samples`
later. A bundle that predicts says it so much sooner. On one core a song takes 10 s or so for each bundle.

Flow: listening, attacks ◀ heard.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from bassnet_osc.bundle import Bundle
from bassnet_osc.stream import Stream
from training.attacks import (
    RATE,
    Pair,
    all_deviations,
    as_heard,
    first_songs,
    mean_onset_f1,
    percentile,
    pitch_accuracy,
    read_with_z,
    share,
    whole_ms,
)
from training.listen import SECONDS
from training.listening import excerpt, play
from training.musical_fit import ONSET_WINDOW_S, Array, Line
from training.tables import markdown
from training.told import tell

MATCH_S = 0.15  # that a heard attack may lie off: wide enough for what live bundles are late and more
PERCENTILES = (10, 25, 50, 75, 90)  # of the deviations

HEAD = """# How late bundles are heard

Written by

```sh
{command}
```

Each bundle plays to the same {songs} of {data}, {seconds:g} s from the middle of each, z inferred
from the true bass: that of a segment from the other segments, of the same pattern where there are any.
Heard: the bass sounds with its offset, beside a mix that is not delayed; transport is not counted. Aligned:
the offset is taken off, as a DAW can.

- **offset**: from a moment of the mix to the bass that belongs to it, in ms at {rate:g} kHz. A bundle that
  predicts says what the bass will do, so that hardly any of it is left.
- **deviation**: heard attack minus true one, in ms, percentiles (50 %: the median); below 0 is early. Attacks
  are the beginnings of notes, matched one to one, the nearest first, within {match:.0f} ms: in less, what is
  late would not count. Where notes follow one another within twice its lateness, an attack may be taken for
  an early one of the next note.
- **matched**: share of the true attacks that have a heard one.
- **onset F1**: attacks within {window:.0f} ms of the true ones, mean of the songs.
- **pitch**: share of the moments in which the true bass sounds at which the bass that is heard is right
  within a third of a semitone.

"""
COLUMNS = (
    "bundle",
    "offset",
    *(f"deviation: {q} %" for q in PERCENTILES),
    "matched",
    "onset F1 heard",
    "onset F1 aligned",
    "pitch heard",
    "pitch aligned",
)


@dataclass(frozen=True)
class Row:
    """A bundle as it is heard and with its offset taken off; times in seconds."""

    name: str
    offset_s: float
    deviations: Array
    matched: float
    onset_f1: tuple[float, float]
    pitch: tuple[float, float]


def song_pair(path: Path, bundle: Bundle) -> Pair:
    """What the bundle plays to the middle of a song, at its place in the mix, and the true bass."""
    song, z = read_with_z(path, bundle)
    first, after = excerpt(song, SECONDS, bundle.spec.cqt.frame_rate)
    return play(song, bundle, z, first, after)[0], song.line.part(first, after)


def heard_pair(played: Line, truth: Line, offset_s: float) -> Pair:
    """Both as they sound at the same time, from the moment on at which the first frame is heard."""
    heard, length = as_heard(played, offset_s), len(truth.pitch)
    begin = round(offset_s * truth.frame_rate)
    return heard.part(begin, length), truth.part(begin, length)


def row(name: str, offset_s: float, pairs: Sequence[Pair]) -> Row:
    """What is heard of a bundle whose lines, at their places in the mix, are the first of each pair."""
    heard = [heard_pair(played, truth, offset_s) for played, truth in pairs]
    found, n_true = all_deviations(heard, MATCH_S), sum(len(truth.onsets) for _, truth in heard)
    return Row(
        name=name,
        offset_s=offset_s,
        deviations=found,
        matched=len(found) / n_true if n_true else float("nan"),
        onset_f1=(mean_onset_f1(heard), mean_onset_f1(pairs)),
        pitch=(pitch_accuracy(heard), pitch_accuracy(pairs)),
    )


def hear(bundle: Bundle, paths: Sequence[Path], step: Callable[[], object] = lambda: None) -> Row:
    """A bundle on all songs; `step` is called after each."""
    pairs = []
    for path in paths:
        pairs.append(song_pair(path, bundle))
        step()
    latency = Stream(bundle, RATE, lambda frame: bundle.z_home).latency_samples
    return row(bundle.name, latency / RATE, pairs)


def cells(row: Row) -> list[str]:
    """A row of the table."""
    times = [whole_ms(percentile(row.deviations, q)) for q in PERCENTILES]
    numbers = [row.matched, *row.onset_f1, *row.pitch]
    return [row.name, f"{1000.0 * row.offset_s:.1f}", *times, *map(share, numbers)]


def compare(models: Sequence[str], data: Path, n_songs: int, command: str) -> str:
    """The whole text; raises BassNetError where a song or a bundle is no good."""
    bundles = [Bundle.load(model, provider="cpu", threads=1) for model in models]
    paths = first_songs(data, n_songs)
    with tqdm(total=len(bundles) * len(paths), desc="songs", unit="song", disable=None) as bar:
        rows = [hear(bundle, paths, bar.update) for bundle in bundles]
    head = HEAD.format(
        command=command,
        songs="song" if len(paths) == 1 else f"{len(paths)} songs",
        data=data,
        seconds=SECONDS,
        rate=RATE / 1000,
        match=1000 * MATCH_S,
        window=1000 * ONSET_WINDOW_S,
    )
    return head + markdown(COLUMNS, map(cells, rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.heard", description="Bundles as heard.")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="installed bundles or their folders")
    parser.add_argument("--data", type=Path, required=True, help="folder with test/")
    parser.add_argument("--songs", type=int, default=20, help="at most as many, default 20")
    parser.add_argument("--out", type=Path, help="Markdown file; default: printed alone")
    args = parser.parse_args(arguments)
    if args.songs < 1:
        parser.error("--songs must be 1 or more")
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "training.heard", *given])
    return tell(lambda: compare(args.models, args.data, args.songs, command), args.out)


if __name__ == "__main__":
    sys.exit(main())
