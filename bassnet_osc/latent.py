"""z over time: moved live and by points in time, or along a curve from a file.

Both are called once per window with the newest frame which that window finishes, and return (x, y) within
the spec's limit.
"""

from __future__ import annotations

import csv
import math
import threading
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bassnet_osc.spec import BassNetError, Spec

Z = Callable[[int], tuple[float, float]]

MAX_POINTS = 4096  # timed ones that wait


def clamp(value: float, spec: Spec) -> float:
    """A finite coordinate inside [-z_limit, z_limit]; raises BassNetError for NaN and infinity."""
    if not math.isfinite(value):
        raise BassNetError(f"z must be finite numbers; got {value}: send something in {_span(spec)}")
    return min(spec.model.z_limit, max(-spec.model.z_limit, value))


def check_planned(n_points: int) -> None:
    """Raises BassNetError where so many points wait that there is no room for another."""
    if n_points >= MAX_POINTS:
        raise BassNetError(
            f"at most {MAX_POINTS} timed z may wait; got one more: send them nearer to their time"
        )


def _span(spec: Spec) -> str:
    return f"[{-spec.model.z_limit:g}, {spec.model.z_limit:g}]"


class LiveZ:
    """z as a fader moves it: with every frame it comes closer to the target (one pole, z_smoothing_s).

    And z as a sequencer plans it: by points in time, exact, with straight lines between them. The newest
    order wins: a fader breaks the line, the next point takes over. May be moved while a thread calls it.
    """

    def __init__(self, spec: Spec, x: float = 0.0, y: float = 0.0) -> None:
        self.spec = spec
        self._start = (clamp(x, spec), clamp(y, spec))
        self._decay = math.exp(-1.0 / (spec.cqt.frame_rate * spec.model.z_smoothing_s))  # of a frame
        self._lock = threading.Lock()
        self._take = 0  # number of the frames' count
        self.reset()

    def reset(self) -> None:
        """Back to the state after construction."""
        self._target = self._now = self._start
        self._untouched = True
        self.start_anew()

    def start_anew(self) -> None:
        """Frames count from 0 again: what was planned for the old ones is forgotten, z stays."""
        with self._lock:
            self._take += 1
            self._frame: int | None = None  # of the newest window
            self._points: list[tuple[float, float, float]] = []  # (frame, x, y), rising, not reached yet
            self._left: tuple[float, float, float] | None = None  # the point where the present line began

    @property
    def target(self) -> tuple[float, float]:
        """Where z is going."""
        return self._target

    def set(self, x: float, y: float) -> None:
        """Moves the target; the first one ever is taken at once."""
        x, y = clamp(x, self.spec), clamp(y, self.spec)
        with self._lock:
            self._left = None
            self._target = (x, y)
            if self._untouched:
                self._now = self._target
            self._untouched = False

    def set_axis(self, axis: str, value: float) -> None:
        """Moves the target along 'x' or 'y' alone."""
        x, y = self._target
        self.set(*((value, y) if axis == "x" else (x, value)))

    def plan(self, frame: float, x: float, y: float) -> None:
        """Adds a point in time, or moves the one that is there; what is past takes effect at once.

        Raises BassNetError where too many wait.
        """
        point = (frame, clamp(x, self.spec), clamp(y, self.spec))
        with self._lock:
            check_planned(len(self._points))
            if not self._points and self._left and self._frame is not None and self._left[0] < self._frame:
                self._left = (self._frame, *self._now)  # the line begins here, not where the last one ended
            at = bisect_left(self._points, frame, key=lambda point: point[0])
            is_there = at < len(self._points) and self._points[at][0] == frame
            self._points[at : at + is_there] = [point]

    def from_next(self) -> Z:
        """This z for the frames that count from the next `start_anew` on, and for no others."""
        take = self._take + 1
        return lambda frame: self._at(frame, take)

    def __call__(self, frame: int) -> tuple[float, float]:
        """z of the next window, whose newest finished frame this is."""
        return self._at(frame, self._take)

    def _at(self, frame: int, take: int) -> tuple[float, float]:
        with self._lock:
            if take != self._take:
                return self._now  # a window of a take that is over, or not begun
            n_frames = max(0, frame - (frame if self._frame is None else self._frame))
            self._frame = frame
            rest = self._decay**n_frames
            x, y = (to + rest * (now - to) for now, to in zip(self._now, self._target, strict=True))
            self._now = (x, y)
            self._follow_plan(frame)
            return self._now

    def _follow_plan(self, frame: int) -> None:
        """On a point or on the line between two, z is there, whatever the fader's smoothing says."""
        n_past = sum(at <= frame for at, _, _ in self._points)
        if n_past:
            self._left = self._points[n_past - 1]
            del self._points[:n_past]
            self._now = self._target = self._left[1:]
            self._untouched = False
        if self._left and self._points:
            (t0, x0, y0), (t1, x1, y1) = self._left, self._points[0]
            share = min(1.0, max(0.0, (frame - t0) / (t1 - t0)))
            self._now = self._target = (x0 + share * (x1 - x0), y0 + share * (y1 - y0))


class ZCurve:
    """z along points in time, `seconds`, `x` and `y`: linear between them, constant outside."""

    def __init__(self, points: list[tuple[float, float, float]], spec: Spec) -> None:
        """Points are (seconds, x, y) with rising seconds; z beyond the limit is clamped."""
        self.seconds = [seconds for seconds, _, _ in points]
        self.x = [clamp(x, spec) for _, x, _ in points]
        self.y = [clamp(y, spec) for _, _, y in points]
        self._frame_rate = spec.cqt.frame_rate

    def __call__(self, frame: int) -> tuple[float, float]:
        """z at a frame's time."""
        seconds = frame / self._frame_rate
        return (
            float(np.interp(seconds, self.seconds, self.x)),
            float(np.interp(seconds, self.seconds, self.y)),
        )


def read_z_csv(path: Path, spec: Spec) -> ZCurve:
    """A ZCurve from rows `seconds,x,y`, with or without that heading."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except OSError as error:
        raise BassNetError(f"{path} cannot be read ({error.strerror}): check the name") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BassNetError(f"{path} must be a CSV of seconds,x,y; got {error}: save it as text") from None
    points: list[tuple[float, float, float]] = []
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and row[0].strip() == "seconds"):
            continue
        points.append(_z_row(row, f"{path} line {number}", spec))
        if len(points) > 1 and points[-1][0] <= points[-2][0]:
            raise BassNetError(f"{path} line {number}: seconds must rise; got {row[0]}: sort the rows")
    if not points:
        raise BassNetError(f"{path} must hold at least one row seconds,x,y; it is empty: add 0,0,0")
    return ZCurve(points, spec)


def _z_row(row: list[str], where: str, spec: Spec) -> tuple[float, float, float]:
    try:
        seconds, x, y = (float(cell) for cell in row)
    except ValueError:
        raise BassNetError(f"{where} must be three numbers seconds,x,y; got {','.join(row)!r}") from None
    if not (math.isfinite(seconds) and abs(x) <= spec.model.z_limit and abs(y) <= spec.model.z_limit):
        raise BassNetError(f"{where}: z must lie in {_span(spec)}; got {x:g}, {y:g}: correct the row")
    return seconds, x, y
