"""The command: what is asked for, row after row, a table at the end, and JSON for programs.

    bassnet bench [--model NAME] [--sessions 1,4] [--blocks 256,480] [--rates 48000] [--seconds 10]
    bassnet bench --find-sessions | --profile | --neighbours

Flow: cli -> bench -> measure, search, stages, neighbours -> table, JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bassnet_osc.audio_files import check_output, whole
from bassnet_osc.audio_wire import MAX_BLOCK
from bassnet_osc.bench import table
from bassnet_osc.bench.figures import is_on_time
from bassnet_osc.bench.machine import facts
from bassnet_osc.bench.measure import Case, measure
from bassnet_osc.bench.search import most_on_time
from bassnet_osc.bench.usual import BLOCKS, FIND_BLOCK, FIND_S, RATES, ROW_S, SESSIONS, listed
from bassnet_osc.bundle import find
from bassnet_osc.hello import MIN_BLOCK
from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import MAX_SESSIONS

TRIES = 2  # of a number of sessions
LEAST_S, MOST_S = 1.0, 86_400.0  # seconds that may be asked for: the server tells its state each second


@dataclass(frozen=True)
class Wanted:
    """The options, checked. `sessions` is empty where no table is asked for."""

    model: str
    provider: str
    sessions: tuple[int, ...]
    blocks: tuple[int, ...]
    rates: tuple[int, ...]
    seconds: float | None
    finds: bool
    profiles: bool
    has_neighbours: bool
    json: Path | None

    @staticmethod
    def of(arguments: argparse.Namespace) -> Wanted:
        """Raises BassNetError for what cannot be measured, before anything is."""
        find(arguments.model)
        seconds, finds = arguments.seconds, arguments.find_sessions
        if seconds is not None and not LEAST_S <= seconds <= MOST_S:
            raise BassNetError(f"--seconds must be {LEAST_S:g} to {MOST_S:g}; got {seconds:g}: choose others")
        if arguments.json is not None:
            check_output(arguments.json, [])
        has_rows = any(text is not None for text in (arguments.sessions, arguments.blocks, arguments.rates))
        has_table = not finds and (has_rows or not (arguments.profile or arguments.neighbours))
        if arguments.profile and seconds is not None:
            from bassnet_osc.bench.stages import check_seconds

            check_seconds(seconds)
        if finds and arguments.sessions is not None:
            raise BassNetError("--find-sessions finds their number; got --sessions as well: leave one out")
        sessions = _numbers("--sessions", arguments.sessions, SESSIONS, 1, MAX_SESSIONS)
        usual_blocks = (FIND_BLOCK,) if finds else BLOCKS
        blocks = _numbers("--blocks", arguments.blocks, usual_blocks, MIN_BLOCK, MAX_BLOCK)
        rates = _numbers("--rates", arguments.rates, RATES, LOWEST_RATE, HIGHEST_RATE)
        if finds and len(blocks) * len(rates) > 1:
            raise BassNetError(
                f"--find-sessions takes one of --blocks and --rates; got {len(blocks)} and {len(rates)}: "
                "choose one of each"
            )
        return Wanted(
            arguments.model,
            arguments.provider,
            sessions if has_table else (),
            blocks,
            rates,
            seconds,
            finds,
            arguments.profile,
            arguments.neighbours,
            arguments.json,
        )

    def case(self, n_sessions: int, block_size: int, sample_rate: int) -> Case:
        """One row of it."""
        seconds = self.seconds or (FIND_S if self.finds else ROW_S)
        return Case(self.model, self.provider, n_sessions, block_size, sample_rate, seconds)

    def cases(self) -> list[Case]:
        """All rows of the table."""
        return [
            self.case(n, size, rate) for rate in self.rates for size in self.blocks for n in self.sessions
        ]


def bench(arguments: argparse.Namespace) -> None:
    """Measures what is asked for and prints it; what was done before an interruption or an error is kept.

    Raises BassNetError for options that cannot be, and for a server or a load process that failed.
    """
    wanted = Wanted.of(arguments)
    found: dict[str, Any] = {**facts(), "complete": False, "rows": [], "sessions_on_time": None}
    try:
        _measure_all(wanted, found)
        found["complete"] = True
    finally:
        _keep(found, wanted.json)


def _measure_all(wanted: Wanted, found: dict[str, Any]) -> None:
    cases = wanted.cases()
    for n, case in enumerate(cases, 1):
        _add_row(f"{n} of {len(cases)}", case, found)
    if wanted.finds:
        found["sessions_on_time"] = _sessions_on_time(wanted, found)
    if wanted.profiles:
        from bassnet_osc.bench.stages import profile

        with _told(f"stages of {wanted.model} ... "):
            found["stages"] = profile(wanted.model, wanted.provider, wanted.seconds or ROW_S)
    if wanted.has_neighbours:
        from bassnet_osc.bench.neighbours import neighbours

        with _told("neighbours ... "):
            found["neighbours"] = neighbours()


def _sessions_on_time(wanted: Wanted, found: dict[str, Any]) -> int:
    def is_good(n_sessions: int) -> bool:
        """A number that fails is tried once more: a shared machine may have stood still, clients and all."""
        case = wanted.case(n_sessions, wanted.blocks[0], wanted.rates[0])
        return any(is_on_time(_add_row(f"try {len(found['rows']) + 1}", case, found)) for _ in range(TRIES))

    return most_on_time(is_good, MAX_SESSIONS)


def _add_row(which: str, case: Case, found: dict[str, Any]) -> dict[str, Any]:
    many = "session" if case.n_sessions == 1 else "sessions"
    stream = f"blocks of {case.block_size} at {case.sample_rate} Hz, {case.seconds:g} s"
    with _told(f"{which}: {case.n_sessions} {many}, {stream} ... ") as end:
        row = measure(case)
        end.append(f"{table.share(row['on_time'])} % on time")
    found["rows"].append(row)
    return row


@contextmanager
def _told(begin: str) -> Iterator[list[str]]:
    """A line of progress: its beginning at once, the rest when it is known."""
    end: list[str] = []
    print(begin, end="", file=sys.stderr, flush=True)
    try:
        yield end
    except BaseException:
        print("ended", file=sys.stderr, flush=True)
        raise
    print(*(end or ["done"]), file=sys.stderr, flush=True)


def _keep(found: dict[str, Any], file: Path | None) -> None:
    """Prints what was found and writes it, whole; nothing where there is nothing."""
    parts = [table.in_words(found)] if found["rows"] else []
    if "stages" in found:
        from bassnet_osc.bench.stages import stages_in_words

        parts.append(stages_in_words(found["stages"]))
    if "neighbours" in found:
        from bassnet_osc.bench.neighbours import neighbours_in_words

        parts.append(neighbours_in_words(found["neighbours"]))
    if not parts:
        return
    try:  # first, since printing fails where nobody reads any more
        if file is not None:
            text = json.dumps(found, indent=1, allow_nan=False)
            with whole(file) as part:
                part.write_text(f"{text}\n")
    finally:  # where it cannot be written, it is told all the same
        print("\n\n".join(parts))


def _numbers(
    option: str, text: str | None, usual: tuple[int, ...], lowest: int, highest: int
) -> tuple[int, ...]:
    """Whole numbers with commas between them, each once."""
    if text is None:
        return usual
    words = text.split(",")
    if not all(word.isascii() and word.isdecimal() and lowest <= int(word[:9]) <= highest for word in words):
        raise BassNetError(
            f"{option} must be whole numbers from {lowest} to {highest} with commas between; got "
            f"{text[:40]!r}: write {listed(usual)}"
        )
    return tuple(dict.fromkeys(map(int, words)))
