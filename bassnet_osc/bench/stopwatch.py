"""The stages of a session, and a stopwatch around the calls that belong to them.

No module of the runtime knows of it: a model is timed through a proxy, the other stages by methods of their
classes that are replaced for as long as it lasts.

Flow: Stopwatch -> TimedModel, methods_timed -> stages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from bassnet_osc.bass import Bass
from bassnet_osc.onsets import LevelGate, OnsetGate
from bassnet_osc.overlap_add import OverlapAdd
from bassnet_osc.resample import Resampler

WIRE, RESAMPLE, FRONTEND, DECODER = "wire", "resample", "frontend", "decoder"
OVERLAP, SYNTH, REST = "overlap-add", "synth", "rest"
STAGES = (WIRE, RESAMPLE, FRONTEND, DECODER, OVERLAP, SYNTH, REST)

# Calls of the model, by the stage that they belong to; what is not named here counts as rest.
MODEL_CALLS = {"frontend": FRONTEND, "factors": DECODER, "decode_factors": DECODER}
METHODS: tuple[tuple[type, str, str], ...] = (
    (Resampler, "process", RESAMPLE),
    (OverlapAdd, "add", OVERLAP),
    (LevelGate, "process", OVERLAP),
    (OnsetGate, "process", OVERLAP),
    (Bass, "accept", SYNTH),
    (Bass, "play", SYNTH),
)

Call = Callable[..., Any]
Seconds = dict[str, float]  # by stage


class Stopwatch:
    """Seconds of each stage's own: while a stage runs that lies within another, the outer one stands."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._running: list[str] = []  # stages, each within the one before
        self._since = 0.0
        self._seconds = self._zeros()

    @property
    def stage(self) -> str:
        """The one that runs now; `rest` where none does."""
        return self._running[-1] if self._running else REST

    def timed(self, stage: str, function: Call) -> Call:
        """The function, whose time belongs to the stage."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self._turn()
            self._running.append(stage)
            try:
                return function(*args, **kwargs)
            finally:
                self._turn()
                self._running.pop()

        return call

    def take(self) -> Seconds:
        """Of each stage since the last time."""
        seconds, self._seconds = self._seconds, self._zeros()
        return seconds

    def _turn(self) -> None:
        """What has passed belongs to the stage that ran."""
        now = self._clock()
        if self._running:
            self._seconds[self._running[-1]] += now - self._since
        self._since = now

    @staticmethod
    def _zeros() -> Seconds:
        return dict.fromkeys(STAGES, 0.0)


class TimedModel:
    """A model whose calls in MODEL_CALLS are timed; all else of it as it is."""

    def __init__(self, model: Any, watch: Stopwatch) -> None:
        self._model, self._watch = model, watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        return self._watch.timed(MODEL_CALLS[name], found) if name in MODEL_CALLS else found


@contextmanager
def replaced(owner: type, name: str, make: Callable[[Call], Call]) -> Iterator[None]:
    """While it lasts, the class's method is what `make` makes of it; the class may have inherited it."""
    owner = next(base for base in owner.__mro__ if name in vars(base))
    original = vars(owner)[name]
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def methods_timed(watch: Stopwatch, methods: Sequence[tuple[type, str, str]] = METHODS) -> Iterator[None]:
    """While it lasts, these methods of all objects are timed."""
    if not methods:
        yield
        return
    owner, name, stage = methods[0]
    with replaced(owner, name, partial(watch.timed, stage)), methods_timed(watch, methods[1:]):
        yield
