"""z over time from a file, to be told point by point: a CSV, or the controllers of a MIDI file.

    seconds,x,y        as `bassnet render --z-file` reads it, straight lines between the rows
    song.mid           controllers 16 and 17, or two others, each holding its value until the next one

Flow: a file -> read_curve -> Curve -> automate. Pure; an axis that the file does not move is None everywhere.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bassnet_osc.latent import read_z_csv
from bassnet_osc.spec import USUAL_Z, BassNetError, Spec

CONTROLLERS = (16, 17)  # of x and y unless told otherwise: MIDI's general purpose 1 and 2
LAST_CONTROLLER = 119  # those above are commands to a channel
FINE = 32  # controller n + FINE holds the lower seven bits of controller n, for n below FINE
POINTS_PER_S = 50  # told at most: the live models take a new z once in a hop of 20 ms
MIDI_HEAD, MIDI_SUFFIXES = b"MThd", (".mid", ".midi", ".smf")

Z = tuple[float | None, float | None]
Change = tuple[float, int, int]  # seconds, controller, value


@dataclass(frozen=True)
class Axis:
    """One coordinate at rising seconds; constant before the first and after the last of them."""

    seconds: Sequence[float]
    values: Sequence[float]
    is_held: bool  # a value stays until the next one; or else straight lines lead there

    def at(self, seconds: float) -> float:
        """Its value at that time."""
        if self.is_held:
            return self.values[max(0, bisect_right(self.seconds, seconds) - 1)]
        return float(np.interp(seconds, self.seconds, self.values))


@dataclass(frozen=True)
class Curve:
    """A file's z, which ends after `seconds`; `remark` tells people what the file does not move."""

    name: str
    seconds: float
    x: Axis | None
    y: Axis | None
    remark: str = ""

    def at(self, seconds: float) -> Z:
        """z at that time."""
        x, y = (None if axis is None else axis.at(seconds) for axis in (self.x, self.y))
        return x, y

    def points(self, is_looped: bool = False) -> Iterator[tuple[float, Z]]:
        """When to tell z, in seconds that rise, and z then; without end where it is looped.

        Of a MIDI file that is the time of each change, or where these come thicker than POINTS_PER_S what
        they have come to; of straight lines each 1 / POINTS_PER_S and their end. Raises BassNetError for a
        loop of no length.
        """
        if is_looped and self.seconds < 1 / POINTS_PER_S:
            raise BassNetError(
                f"--loop takes a curve of {1 / POINTS_PER_S:g} s or more; {self.name} has "
                f"{self.seconds:g} s: leave --loop out"
            )
        for n_before in itertools.count() if is_looped else (0,):
            for at in self._moments():
                if is_looped and at >= self.seconds:
                    break  # that is where the next round begins
                yield n_before * self.seconds + at, self.at(at)

    def _moments(self) -> Iterator[float]:
        axes = [axis for axis in (self.x, self.y) if axis is not None]
        if any(axis.is_held for axis in axes):
            yield from _spaced(sorted({0.0}.union(*(axis.seconds for axis in axes))))
            return
        grid = (n / POINTS_PER_S for n in itertools.count())
        yield from itertools.takewhile(lambda at: at < self.seconds, grid)
        yield self.seconds


def _spaced(changes: Sequence[float]) -> Iterator[float]:
    """The changes' times; where they come too thick, later ones by which the changes before have been."""
    at = None
    for change in changes:
        if at is None or change > at:
            at = change if at is None else max(change, at + 1 / POINTS_PER_S)
            yield at


def read_curve(path: Path, controllers: tuple[int, int] | None = None) -> Curve:
    """The z of a CSV or of a MIDI file, whose `controllers` (None: CONTROLLERS) move x and y.

    Raises BassNetError in one line for what is neither.
    """
    try:
        with path.open("rb") as file:
            is_midi = file.read(len(MIDI_HEAD)) == MIDI_HEAD or path.suffix.lower() in MIDI_SUFFIXES
    except OSError as error:
        raise BassNetError(f"{path} cannot be read ({error.strerror}): check the name") from None
    if is_midi:
        return _read_midi(path, controllers or CONTROLLERS)
    if controllers is not None:
        raise BassNetError(f"--cc chooses controllers of a MIDI file; got {path}: leave --cc out")
    return _read_csv(path)


def _read_csv(path: Path) -> Curve:
    rows = read_z_csv(path, Spec())  # the server clamps to the z_limit of its own model
    if rows.seconds[0] < 0.0:
        raise BassNetError(
            f"{path}: seconds must count from 0; got {rows.seconds[0]:g}: add {-rows.seconds[0]:g} to all"
        )
    x, y = (Axis(rows.seconds, values, is_held=False) for values in (rows.x, rows.y))
    return Curve(path.name, rows.seconds[-1], x, y)


def _read_midi(path: Path, controllers: tuple[int, int]) -> Curve:
    changes, seconds = _controller_changes(path)
    found = sorted({number for _, number, _ in changes})
    x, y = (_axis(changes, number, _fine_of(number, controllers, found)) for number in controllers)
    here = ", ".join(map(str, found))
    if x is None and y is None:
        which = f"it has {here}: choose two of them with --cc X,Y" if found else "it has none at all"
        raise BassNetError(f"{path} must move controller {controllers[0]} or {controllers[1]}; {which}")
    missing = [(name, cc) for name, cc, axis in zip("xy", controllers, (x, y), strict=True) if axis is None]
    remarks = [
        f"{path} has no controller {cc} (it has {here}): {name} stays as it is" for name, cc in missing
    ]
    return Curve(path.name, seconds, x, y, "".join(remarks))


def _controller_changes(path: Path) -> tuple[list[Change], float]:
    """What all channels' controllers are set to, in order, by the file's tempi; and the file's length."""
    import mido

    from bassnet_osc.wire import short  # and python-osc with it: the command line takes its numbers from here

    changes, now = [], 0.0
    try:
        file = mido.MidiFile(path)
        if file.ticks_per_beat <= 0:  # SMPTE, or damage
            raise ValueError("no ticks a beat")
        for message in file:
            now += message.time
            if message.type == "control_change" and message.control <= LAST_CONTROLLER:
                changes.append((now, message.control, message.value))
    except Exception as error:
        # mido lets EOFError, struct.error, IndexError and others of its parser's accidents through
        why = short(str(error) or "an early end")
        raise BassNetError(
            f"{path} must be a MIDI file of type 0 or 1 with ticks a beat; got {why}: export it again"
        ) from None
    return changes, now


def _fine_of(number: int, chosen: tuple[int, int], found: Sequence[int]) -> int | None:
    """The controller of the lower seven bits, where the file has it and it moves no axis itself."""
    fine = number + FINE
    return fine if number < FINE and fine in found and fine not in chosen else None


def _axis(changes: Sequence[Change], number: int, fine: int | None) -> Axis | None:
    """The axis that a controller moves; of several changes at one time the last one holds."""
    coarse, low, steps = None, 0, dict[float, float]()
    for seconds, changed, value in changes:
        if changed == number:
            coarse, low = value, 0  # as MIDI has it: the fine part begins anew with each coarse one
        elif changed == fine:
            low = value
        if coarse is not None and changed in (number, fine):
            steps[seconds] = _z_of(coarse, 127) if fine is None else _z_of(128 * coarse + low, 16_383)
    return Axis(list(steps), list(steps.values()), is_held=True) if steps else None


def _z_of(value: int, top: int) -> float:
    """-USUAL_Z for 0, 0 for the middle as MIDI has it (64 of 127), USUAL_Z for the top; straight between."""
    middle = (top + 1) // 2
    return USUAL_Z * (value - middle) / (middle if value < middle else top - middle)
