"""The text of a listening report; every number comes from the results.

Flow: listening, listen_prose ◀ listen_report ◀ listen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.listen_prose import DEFINITIONS, DELAYS, ESTIMATED, HEAD, LOSSES, PAPER_LOSSES, SWEEP
from training.listening import FITTED, FOLLOWER, INFERRED, ORIGIN, TRUE
from training.musical_fit import ONSET_WINDOW_S, SEMITONES, Array
from training.tables import markdown

UNKNOWN = "–"
COLUMNS = {
    "pitch_class": "pitch class of the true bass",
    "octave": "octave, of these",
    "coverage": "coverage",
    "voiced_f1": "sounding F1",
    "chord_tones": "chord tones",
    "on_root": "on the root",
    "scale_tones": "scale tones",
    "onset_f1": f"onset F1, {1000 * ONSET_WINDOW_S:.0f} ms",
    "notes_per_second": "notes/s",
    "register": "register (MIDI)",
}
WANTED_GAIN = 0.1  # in pitch-class agreement, of inferred z above the baselines
LEAST_PITCH_CLASS = 0.6  # of the true bass's frames
NEAR_TRUE = 0.05  # by which the share of chord tones may lie below the true bass's
WANTED_RATIO = 2.0  # of note densities over the nine places of z
CLEAR_SHIFT = 0.05  # share by which each of two places plays its own most frequent interval more often

Scores = dict[str, Any]  # of a song, as listening.scores makes them


def means(songs: Sequence[Scores]) -> dict[str, dict[str, float | None]]:
    """Every number of each system, mean over the songs that have it."""
    return {
        system: {name: _mean([song["systems"][system][name] for song in songs]) for name in COLUMNS}
        for system in songs[0]["systems"]
    }


def delays(songs: Sequence[Scores]) -> dict[str, list[float | None]]:
    """The chord delays of each system, all songs together."""
    return {
        system: [delay for song in songs for delay in song["systems"][system]["chord_delays"]]
        for system in songs[0]["systems"]
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def gain(songs: Sequence[Scores], system: str) -> tuple[float, float] | None:
    """Pitch-class agreement of inferred z above a system's: mean over the songs, and its standard error."""
    pairs = [[song["systems"][which]["pitch_class"] for which in (INFERRED, system)] for song in songs]
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    if not differences:
        return None
    n = len(differences)
    return float(np.mean(differences)), float(np.std(differences, ddof=1)) / n**0.5 if n > 1 else math.nan


def report(results: dict[str, Any]) -> str:
    """The whole of report.md."""
    songs, known = results["songs"], sum(song["chords_known"] for song in results["songs"])
    parts = [
        f"# {results['model']} listens to {len(songs)} songs\n",
        f"`{results['command']}`\n",
        HEAD.format(seconds=results["seconds"], known=known, songs=len(songs)),
        *([] if known == len(songs) else [ESTIMATED]),
        "## What was asked\n",
        verdicts(results),
        "## Systems\n",
        system_table(songs),
        "![Shares, and chord changes followed](systems.png)\n",
        "## From a chord change to the correct pitch class\n",
        delay_table(songs, results["latency_ms"]),
        "## What z changes\n",
        sweep_text(results["sweep"]),
        "![Intervals above the root at nine places of z](sweep.png)\n",
        "## Cross-entropies beside the paper's\n",
        loss_table(songs),
        "## To hear and to see\n",
        *(f"{line}\n" for line in results["shown"]),
        "## Songs\n",
        song_table(songs),
        *(f"Left out: {reason}\n" for reason in results["left_out"]),
        "## Definitions\n",
        DEFINITIONS,
    ]
    return "\n".join(parts)


def verdicts(results: dict[str, Any]) -> str:
    """What was asked for, what came out, and whether it is enough."""
    songs, table, body = results["songs"], means(results["songs"]), []
    for system in (FOLLOWER, ORIGIN):
        found = gain(songs, system)
        told = UNKNOWN if found is None else f"{found[0]:+.3f}{_error(found[1])}"
        met = _met(found is not None and found[0] >= WANTED_GAIN)
        body.append([f"pitch-class agreement, {INFERRED} above {system}", told, f"{WANTED_GAIN:+.1f}", met])
    ours, true, follower = table[INFERRED], table[TRUE], table[FOLLOWER]
    body += [
        _asked(f"pitch-class agreement, {INFERRED}", ours["pitch_class"], LEAST_PITCH_CLASS),
        _asked(f"onset F1, {INFERRED}", ours["onset_f1"], _plus(follower["onset_f1"], WANTED_GAIN)),
        _asked(f"chord tones, {INFERRED}", ours["chord_tones"], _plus(true["chord_tones"], -NEAR_TRUE)),
    ]
    f0 = _mean([song["losses"].get("loss_f0_finest") for song in songs])
    most = PAPER_LOSSES["f0"][0]
    is_met = f0 is not None and f0 <= most
    what = "f0 cross-entropy, finest channel, mean of the songs"
    body.append([what, _number(f0), f"{most:.3f} or less", _met(is_met)])
    ratio, shift = density_ratio(results["sweep"]), mode_shift(results["sweep"])
    told = f"{ratio:.2f} times; {shift or 'no clear shift of the most frequent interval'}"
    met = _met(ratio >= WANTED_RATIO or bool(shift))
    wanted = f"{WANTED_RATIO:g} times or a shift"
    body.append(["z matters: note density, or interval to the root", told, wanted, met])
    return markdown(["what", "found", "wanted", ""], body)


def _plus(value: float | None, more: float) -> float | None:
    return None if value is None else value + more


def _asked(what: str, found: float | None, least: float | None) -> list[str]:
    """A line of the verdicts: at least so much."""
    is_met = found is not None and least is not None and found >= least
    return [what, _number(found), f"{_number(least)} or more", _met(is_met)]


def _error(standard_error: float) -> str:
    return "" if math.isnan(standard_error) else f" ± {standard_error:.3f}"


def _met(is_met: bool) -> str:
    return "met" if is_met else "not met"


def _number(value: float | None, digits: int = 3) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def system_table(songs: Sequence[Scores]) -> str:
    """Every system and every number."""
    body = [
        [system, *(_number(value, 1 if name == "register" else 3) for name, value in numbers.items())]
        for system, numbers in means(songs).items()
    ]
    return markdown(["system", *COLUMNS.values()], body)


def delay_table(songs: Sequence[Scores], latency_ms: float) -> str:
    """Median and 90th percentile of the delays that have an end."""
    body = []
    for system, asked in delays(songs).items():
        reached = [1000 * delay for delay in asked if delay is not None]
        told = [f"{np.percentile(reached, p):.0f}" for p in (50, 90)] if reached else [UNKNOWN] * 2
        body.append([system, str(len(asked)), _number(len(reached) / len(asked) if asked else None), *told])
    head = ["system", "changes", "share followed", "median, ms", "90th percentile, ms"]
    return f"{markdown(head, body)}\n{DELAYS.format(latency_ms=latency_ms)}"


def _shares(place: dict[str, Any]) -> Array:
    counts = np.asarray(place["intervals"], np.float64)
    return counts / max(1.0, counts.sum())


def density_ratio(sweep: dict[str, Any]) -> float:
    """The highest note density of the places over the lowest, silent ones left out."""
    densities = [place["notes_per_second"] for place in sweep["places"] if place["notes_per_second"]]
    return max(densities) / min(densities) if densities else 1.0


def mode_shift(sweep: dict[str, Any]) -> str:
    """The clearest shift of the most frequent interval between two places; '' where none is clear."""
    shares = [_shares(place) for place in sweep["places"] if sum(place["intervals"])]
    best, told = CLEAR_SHIFT, ""
    for a in shares:
        for b in shares:
            i, j = int(a.argmax()), int(b.argmax())
            clear = min(a[i] - b[i], b[j] - a[j])
            if i < j and clear >= best:
                best, told = clear, f"{SEMITONES[i]:+d} against {SEMITONES[j]:+d} semitones above the root"
    return told


def sweep_text(sweep: dict[str, Any]) -> str:
    """A row for each place of z, and one for the true bass."""
    rows = [("({:.2f}, {:.2f})".format(*place["z"]), place) for place in sweep["places"]]
    body = [
        [
            name,
            _number(place["notes_per_second"], 2),
            _number(place["sounding"], 2),
            _number(place["register"], 1),
            *_most_frequent(_shares(place)),
        ]
        for name, place in [*rows, (TRUE, sweep[TRUE])]
    ]
    head = ["z", "notes/s", "sounding", "register", "most frequent interval (share)", "pitch class (share)"]
    return f"{markdown(head, body)}\n{SWEEP.format(songs=', '.join(sweep['songs']))}"


def _most_frequent(shares: Array) -> list[str]:
    """The most frequent of SEMITONES, and of the twelve that they fold to."""
    if not shares.any():
        return [UNKNOWN, UNKNOWN]
    folded = np.bincount(SEMITONES % 12, weights=shares)
    at, step = int(shares.argmax()), int(folded.argmax())
    return [f"{SEMITONES[at]:+d} ({shares[at]:.2f})", f"{step} ({folded[step]:.2f})"]


def loss_table(songs: Sequence[Scores]) -> str:
    """Cross-entropies on these songs beside those of the paper's pop and rock songs."""

    def ours(kind: str) -> list[str]:
        return [_number(_mean([song["losses"].get(kind.format(n)) for song in songs])) for n in PAPER_LOSSES]

    body = [
        ["here, finest channel", *ours("loss_{}_finest")],
        ["floor of the targets", *ours("floor_{}")],
        ["paper, PR, its nine windows", *(f"{low:.3f} to {high:.3f}" for low, high in PAPER_LOSSES.values())],
    ]
    return f"{markdown(['', *PAPER_LOSSES], body)}\n{LOSSES}"


def song_table(songs: Sequence[Scores]) -> str:
    """Pitch-class agreement and onset F1 of each song."""
    pitches, onsets = (FOLLOWER, ORIGIN, INFERRED, FITTED), (FOLLOWER, INFERRED, FITTED)
    body = [
        [
            song["song"],
            f"{song['seconds']:.0f}",
            str(song["segments"]),
            *(_number(song["systems"][system]["pitch_class"], 2) for system in pitches),
            *(_number(song["systems"][system]["onset_f1"], 2) for system in onsets),
        ]
        for song in songs
    ]
    head = ["song", "s", "segments", *(f"pitch class: {name}" for name in pitches)]
    return markdown([*head, *(f"onsets: {name}" for name in onsets)], body)
