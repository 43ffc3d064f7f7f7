"""The grooves of MMA's libraries, and a chord chart under a groove as MIDI tracks.

MMA (Musical MIDI Accompaniment, Debian package `mma`, GPL) is run as a program. Its grooves are found by
reading its library, so neither its index nor rights to write it are needed.

Flow: charts ◀ mma ◀ groove_song.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido

from bassnet_osc.spec import BassNetError
from training.charts import Bar

LIBRARY = Path("/usr/share/mma/lib")  # where Debian's mma puts it
TIMEOUT_S = 60.0  # a song takes a tenth of a second
TIME = re.compile(r"\s*time\s+(\d+)", re.IGNORECASE)
DEFINITION = re.compile(r"\s*defgroove\s+(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Groove:
    """A groove: its file within MMA's library, its name and its beats per measure."""

    file: str
    name: str
    beats: int


@functools.cache
def library() -> tuple[Groove, ...]:
    """All grooves, in the order of their files; raises BassNetError where MMA is not installed."""
    if shutil.which("mma") is None or not LIBRARY.is_dir():
        raise BassNetError(f"groove songs need MMA; there is none at {LIBRARY}: install the package mma")
    grooves = []
    for path in sorted(LIBRARY.rglob("*.mma")):
        beats = 4  # MMA's own default
        for line in path.read_text(errors="replace").splitlines():
            if found := TIME.match(line):
                beats = int(found[1])
            elif found := DEFINITION.match(line):
                grooves.append(Groove(str(path.relative_to(LIBRARY)), found[1], beats))
    return tuple(dict.fromkeys(grooves))  # a file may define one twice: the last one counts


def play(bars: Sequence[Bar], grooves: Sequence[Groove], tempo_bpm: float, seed: int) -> mido.MidiFile:
    """The chart's measures, each under its groove.

    Raises BassNetError where MMA fails, or where the measures do not have the beats of their grooves.
    """
    with tempfile.TemporaryDirectory(prefix="bassnet-") as folder:
        sheet, midi = Path(folder, "song.mma"), Path(folder, "song.mid")
        sheet.write_text(_sheet(bars, grooves, tempo_bpm, seed))
        command = ["mma", str(sheet), "-f", str(midi)]
        # A session of its own: Ctrl-C reaches Python alone, which then ends in order.
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, start_new_session=True)
        except subprocess.TimeoutExpired:
            raise BassNetError(
                f"MMA must play a song within {TIMEOUT_S:g} s; it did not: leave the machine to it"
            ) from None
        if done.returncode or not midi.is_file():
            complaint = " ".join((done.stdout + done.stderr).decode(errors="replace").split())
            names = ", ".join(sorted({groove.name for groove in grooves}))
            raise BassNetError(
                f"MMA must play every groove; of {names} it said {complaint[-300:]!r}: leave that one out"
            )
        return mido.MidiFile(midi)


def _sheet(bars: Sequence[Bar], grooves: Sequence[Groove], tempo_bpm: float, seed: int) -> str:
    lines = [f"RndSeed {seed}", f"Tempo {tempo_bpm:.3f}"]
    lines += [f"Use {LIBRARY / file}" for file in dict.fromkeys(groove.file for groove in grooves)]
    current = None
    for number, (bar, groove) in enumerate(zip(bars, grooves, strict=True), start=1):
        if groove != current:
            lines.append(f"Groove {groove.name}")
            current = groove
        lines.append(f"{number} " + " ".join(f"{chord.name}@{chord.beat + 1}" for chord in bar))
    return "\n".join(lines) + "\n"
