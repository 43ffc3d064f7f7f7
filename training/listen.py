"""How well a model's bass fits songs whose bass is taken out, as numbers, pictures and sound.

    python -m training.listen data/groove/test --model groove-live --songs 20 --out report

Songs are folders of stems (bass.flac and a mix or stems beside it, as training.grooves and training.stems
write them) or MIDI files with a bass. OUT gets report.md, results.json, PNGs and short FLAC excerpts, whole
or not at all. A song that is no good is named and left out. A song takes about as long as it lasts, on one
core.

Flow: listening_songs, listening, listen_report, listen_pictures ◀ listen.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bassnet_osc.bundle import DEFAULT, Bundle
from bassnet_osc.spec import BassNetError
from bassnet_osc.stream import Stream
from bassnet_osc.synth import Synth
from training.folders import replace_folder
from training.listen_pictures import draw_song, draw_sweep, draw_systems
from training.listen_report import delays, means, report
from training.listening import HOME, INFERRED, TRUE, Heard, listen, scores, sweep
from training.listening_songs import Audio, ListeningSong, find_songs, read_listening_song
from training.metrics import Latents
from training.song_audio import write_audio

BESIDE = "a1-live"
SECONDS = 30.0  # of each song
SHORTEST_S = 1.0  # that can be asked for
SWEEP_SONGS = 4  # that are played at nine places of z
SHOWN_SONGS = 2  # with a picture and sound
SOUND_S = 12.0  # of these at most
SOUND_PEAK = 0.9
RATE = 48_000  # Hz: the rate whose latency is told
REPORT, RESULTS = "report.md", "results.json"


def hear_all(
    paths: Sequence[Path], bundle: Bundle, beside: Bundle, n_songs: int | None, seconds: float
) -> tuple[list[dict[str, Any]], list[Heard], Latents, list[str]]:
    """Scores of the songs, the first SWEEP_SONGS of them as heard, all latents, and what was left out."""
    scored: list[dict[str, Any]] = []
    heard: list[Heard] = []
    latents: list[Latents] = []
    left_out: list[str] = []
    n_wanted = len(paths) if n_songs is None else min(n_songs, len(paths))
    with tqdm(total=n_wanted, desc="songs", unit="song", disable=None) as bar:
        for path in paths:
            if len(scored) == n_wanted:
                break
            song = _read(path, bundle, left_out)
            if song is None:
                continue
            here = listen(song, bundle, beside, seconds)
            scored.append(scores(here))
            latents.append(here.mu)
            if len(heard) < max(SWEEP_SONGS, SHOWN_SONGS):
                heard.append(here)
            bar.update()
    if not scored:
        raise BassNetError("\n".join([*left_out, f"no song of {len(paths)} can be used: see above"]))
    return scored, heard, np.concatenate(latents), left_out


def _read(path: Path, bundle: Bundle, left_out: list[str]) -> ListeningSong | None:
    try:
        return read_listening_song(path, bundle.spec)
    except (BassNetError, OSError) as error:
        left_out.append(" ".join(str(error).split()))
        return None


def swept(bundle: Bundle, heard: Sequence[Heard], mu: Latents) -> dict[str, Any]:
    """The sweep over nine places of z, with a progress bar."""
    few = heard[:SWEEP_SONGS]
    with tqdm(total=9 * len(few), desc="places of z", unit="song", disable=None) as bar:
        return sweep(bundle, few, mu, bar.update)


def write_sounds(folder: Path, number: int, heard: Heard, bundle: Bundle) -> str:
    """Mix and bass of an excerpt: the true one, at z inferred and at home; returns a line of the report."""
    rate = bundle.spec.cqt.sample_rate
    mix = heard.mix(bundle.spec)[: round(SOUND_S * rate)]
    start = heard.first * bundle.spec.cqt.hop_length
    basses = {"true": heard.song.bass[start : start + len(mix)]}
    for name, system in (("inferred", INFERRED), ("home", HOME)):
        basses[name] = Synth(rate, bundle.spec).process(heard.frames[system])[: len(mix)]
    links = []
    for name, bass in basses.items():
        file = f"song-{number}-{name}.flac"
        write_audio(folder / file, _together(mix, bass), rate)
        links.append(f"[{name}]({file})")
    z = ", ".join("({:.2f}, {:.2f})".format(*point) for point in dict.fromkeys(heard.z[INFERRED]))
    home = "({:.2f}, {:.2f})".format(*bundle.z_home)
    return f"{heard.song.name}, mix and bass: {', '.join(links)}. Inferred z: {z}; home: {home}."


def _together(mix: Audio, bass: Audio) -> Audio:
    total = mix + np.pad(bass, (0, len(mix) - len(bass)))
    return np.asarray(total * min(1.0, SOUND_PEAK / (np.abs(total).max() or 1.0)), dtype=np.float32)


def check_out(out: Path) -> None:
    """Raises BassNetError where --out is something else than a report, an empty folder or new."""
    kinds = {".md", ".json", ".png", ".flac"}
    is_report = (out / REPORT).is_file() and (out / RESULTS).is_file()
    if out.exists() and (
        not out.is_dir()
        or (any(out.iterdir()) and not (is_report and {path.suffix for path in out.iterdir()} <= kinds))
    ):
        raise BassNetError(
            f"--out must be new, empty or a report; {out} holds something else: choose another"
        )


def write_report(out: Path, results: dict[str, Any], heard: Sequence[Heard], bundle: Bundle) -> None:
    """Writes the folder whole or not at all; an older report gives way to it."""
    out = out.resolve()  # where a link leads, and . has a name
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        new = unfinished / "new"
        new.mkdir()
        results["shown"] = []
        for number, one in enumerate(heard[:SHOWN_SONGS], start=1):
            draw_song(new / f"song-{number}.png", one)
            results["shown"].append(write_sounds(new, number, one, bundle))
            results["shown"].append(f"![What the systems play to {one.song.name}](song-{number}.png)")
        draw_systems(new / "systems.png", means(results["songs"]), delays(results["songs"]))
        draw_sweep(new / "sweep.png", results["sweep"])
        (new / RESULTS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        (new / REPORT).write_text(report(results), encoding="utf-8")
        replace_folder(new, out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def make(args: argparse.Namespace, command: str) -> dict[str, Any]:
    """Listens and writes the report; returns the results."""
    check_out(args.out)
    paths = find_songs(args.folders)
    bundle, beside = (Bundle.load(name, provider="cpu", threads=1) for name in (args.model, args.beside))
    if (ours := bundle.spec.cqt.frame_rate) != (theirs := beside.spec.cqt.frame_rate):
        raise BassNetError(f"--beside must have {ours:g} frames per second; got {theirs:g}: choose another")
    scored, heard, mu, left_out = hear_all(paths, bundle, beside, args.songs, args.seconds)
    latency = Stream(bundle, RATE, lambda frame: bundle.z_home).latency_samples / RATE
    results = {
        "command": command,
        "model": bundle.name,
        "beside": beside.name,
        "seconds": args.seconds,
        "latency_ms": 1000.0 * latency,
        "songs": scored,
        "sweep": swept(bundle, heard, mu),
        "left_out": left_out,
    }
    write_report(args.out, results, heard, bundle)
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.listen", description="How well a bass fits.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="SONGS", help="song folders or MIDI files")
    parser.add_argument("--model", default=DEFAULT, help=f"installed bundle or a folder, default {DEFAULT}")
    parser.add_argument("--beside", default=BESIDE, help=f"bundle to compare with, default {BESIDE}")
    parser.add_argument("--songs", type=int, help="at most as many; default all")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of each song, default {SECONDS:g}")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the report: new, empty or a report"
    )
    args = parser.parse_args(arguments)
    if (args.songs is not None and args.songs < 1) or not SHORTEST_S <= args.seconds < float("inf"):
        parser.error(f"--songs must be 1 or more and --seconds {SHORTEST_S:g} or more")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        results = make(args, shlex.join(["python", "-m", "training.listen", *given]))
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"--out must be writable and have space; {error}: mend it and start again\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was written\n")
        return 130
    sys.stdout.write("".join(f"left out: {reason}\n" for reason in results["left_out"]))
    for system, numbers in means(results["songs"]).items():
        told = "–" if numbers["pitch_class"] is None else f"{numbers['pitch_class']:.3f}"
        sys.stdout.write(f"{system:>18}: pitch-class agreement with the {TRUE} {told}\n")
    sys.stdout.write(f"{args.out / REPORT}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
