"""Songs into folders: each whole or not at all, several at once, and only those that are missing.

What a song depends on is its origin, a dict, which its truth.json repeats: so a folder tells whether it holds
the song that is wanted.

Flow: bassnet_osc.spec ◀ generate ◀ artificial, grooves, stems.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bassnet_osc.spec import BassNetError

Origin = dict[str, Any]


def parse_song_options(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> argparse.Namespace:
    """The command line of a generator: its own options, and those that all generators have."""
    parser.add_argument("--songs", type=int, required=True, help="number of songs of a minute or more")
    parser.add_argument("--seed", type=int, default=0, help="0 or more, default 0")
    parser.add_argument("--out", type=Path, required=True, help="folder; songs come into OUT/SPLIT/0000 ...")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: all cores")
    args = parser.parse_args(arguments)
    if args.songs < 1 or args.seed < 0 or args.processes < 1:
        parser.error("--songs and --processes must be 1 or more and --seed 0 or more")
    return args


def run(make_all: Callable[[], object]) -> int:
    """Does it; returns the exit status. What goes wrong is one line."""
    try:
        make_all()
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"--out must be writable and have space; {error}: mend it and start again\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130
    return 0


def write_song(folder: Path, write: Callable[[Path], None]) -> None:
    """Makes a song's folder, which appears whole or not at all; `write` fills the one that it is given."""
    # Beside the split, not in it: nobody who lists songs can meet a half one.
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.parent.name}-{folder.name}-", dir=folder.parent.parent))
    try:
        write(partial)
        partial.chmod(0o755)  # mkdtemp's folders are closed to others
        os.rename(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def missing_songs(songs: Mapping[Path, Origin]) -> dict[Path, Origin]:
    """The songs whose folders are not there; raises BassNetError where one holds something else."""
    missing = {}
    for folder, origin in songs.items():
        if not folder.exists():
            missing[folder] = origin
            continue
        known = _truth(folder)
        if (found := {name: known.get(name) for name in origin}) != origin:
            raise BassNetError(f"{folder} must hold {origin}; got {found}: choose another --out")
    return missing


def _truth(folder: Path) -> dict[str, Any]:
    try:
        truth = json.loads((folder / "truth.json").read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise BassNetError(
            f"{folder} must hold a song with its truth.json; {error}: move the folder away or choose another "
            "--out"
        ) from error
    return truth if isinstance(truth, dict) else {}


def generate(
    songs: Mapping[Path, Origin], make: Callable[[Origin, Path], None], title: str, n_processes: int
) -> int:
    """Makes the songs that are missing, `make(origin, folder)` in other processes; returns how many it made.

    The first one that fails ends it, and so does Ctrl-C, once the songs in hand are done. What is made stays.
    """
    missing = missing_songs(songs)
    for parent in {folder.parent for folder in songs}:
        parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(n_processes, initializer=_leave_ctrl_c_to_the_parent) as pool:
        try:
            jobs = [pool.submit(make, origin, folder) for folder, origin in missing.items()]
            n_done = len(songs) - len(missing)
            for job in tqdm(as_completed(jobs), total=len(songs), initial=n_done, unit="song", desc=title):
                job.result()
        except BrokenProcessPool:
            raise BassNetError(
                f"{title}: each of {n_processes} processes must have memory for a song; one was ended: start "
                "again, with more memory free or fewer --processes"
            ) from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return len(missing)


def _leave_ctrl_c_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
