"""Rows beside neighbours: ratios in turns, rows for what is missing, the same job on both sides."""

from __future__ import annotations

import sys
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from bassnet_osc.audio_wire import FORMATS
from bassnet_osc.bench import neighbours as bench
from bassnet_osc.bench.neighbours import INSTALL, NNAUDIO, PESTO, Pair, Row, compared, neighbours_in_words
from bassnet_osc.bundle import DEFAULT, DEFAULT_FOR_FILES


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fraction of a second in all."""
    for name, value in {
        "AUDIO_S": 1.0,
        "AUDIO_RUNS": 2,
        "WIRE_RUNS": 3,
        "HOP_RUNS": 2,
        "HOP_CALLS": 1,
    }.items():
        monkeypatch.setattr(bench, name, value)


def missing(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)  # type: ignore[arg-type]


def test_ratios_are_medians_of_neighbours_in_turn() -> None:
    """The machine is slow at times: every ratio but one is 3, though no two of ours are alike."""
    now, order = [0.0], []
    ours_s = iter([9.0, 1.0, 10.0, 2.0, 4.0, 5.0])  # the first warms up
    theirs_s = iter([9.0, 3.0, 30.0, 2.0, 12.0, 15.0])

    def call(name: str, seconds: Any) -> None:
        order.append(name)
        now[0] += next(seconds)

    pair = Pair(partial(call, "ours", ours_s), partial(call, "theirs", theirs_s), n_runs=5)
    row = compared("job", "neighbour", pair, lambda: now[0])
    assert row == Row("job", "neighbour", 4000.0, 12_000.0, 3.0)
    assert order == ["ours", "theirs"] * 6


def test_a_run_is_the_mean_of_its_calls() -> None:
    now = [0.0]

    def call(seconds: float) -> None:
        now[0] += seconds

    row = compared("", "", Pair(partial(call, 0.5), partial(call, 1.0), n_runs=2, n_calls=4), lambda: now[0])
    assert (row.ours_ms, row.theirs_ms, row.ratio) == (500.0, 1000.0, 2.0)


def test_a_missing_package_is_a_row_that_says_what_to_install(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing(monkeypatch, "nnAudio.features.cqt", "pesto", "pesto.utils.hcqt")
    rows = bench.neighbours()["rows"]
    assert len(rows) == 3 + len(FORMATS)
    for row in rows:
        if row["neighbour"] in (NNAUDIO, PESTO):
            assert row["not_run"].startswith(f"not run: {INSTALL[row['neighbour']]} (")
            assert row["ratio"] is None
        else:
            assert row["not_run"] is None and row["ratio"] > 0
    words = neighbours_in_words({"rows": rows})
    assert words.count("not run: pip install") == 3


def test_torch_itself_may_be_missing(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    missing(monkeypatch, "torch")
    rows = bench.neighbours()["rows"]
    assert [row["not_run"] is None for row in rows] == [False] * 3 + [True] * len(FORMATS)


@pytest.mark.parametrize("format", FORMATS)
def test_both_wires_bring_the_same_block(format: str) -> None:
    pair = bench._wire(format)
    step = 0.0 if format != "s16" else 1.01 / 32767  # theirs cuts off where ours rounds
    ours, theirs = np.asarray(pair.ours()), np.asarray(pair.theirs())
    assert len(ours) == bench.WIRE_BLOCK and np.abs(ours - theirs).max() <= step


def test_both_front_ends_hear_the_same(small: None) -> None:
    """Bin for bin, the frames of noise rise and fall together."""
    pair = bench._whole(DEFAULT_FOR_FILES)
    with pair.alone:
        theirs = np.log1p(np.asarray(pair.theirs()))[0].T  # type: ignore[call-overload]
    ours = np.asarray(pair.ours())
    assert ours.shape == theirs.shape
    together = [np.corrcoef(a, b)[0, 1] for a, b in zip(ours.T, theirs.T, strict=True)]
    assert np.min(together) > 0.9  # measured: 0.98, with logarithms of another scale


class Streaming:
    """In place of pesto's transform."""

    def __init__(self, **numbers: float) -> None:
        self.numbers = numbers

    def __call__(self, audio: torch.Tensor) -> torch.Tensor:
        assert torch.is_inference_mode_enabled() and torch.get_num_threads() == 1
        return audio


def test_pesto_is_imported_without_torchaudio_and_gets_our_numbers(
    small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    had_it = "torchaudio" in sys.modules
    module: Any = ModuleType("pesto.utils.hcqt")
    module.StreamingCQT = Streaming
    for name in ("pesto", "pesto.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "pesto.utils.hcqt", module)
    n_threads = torch.get_num_threads()
    pair: Any = bench._hop(DEFAULT)
    assert pair.theirs.func.numbers == {
        "sr": 16_000, "hop_length": 160, "fmin": 27.5, "n_bins": 264, "bins_per_octave": 36, "gamma": 5.0
    }  # fmt: skip
    assert pair.theirs.args[0].shape == (1, 320) and pair.ours().shape == (2, 264)  # a hop for both
    row = bench._row("one hop", PESTO, lambda: pair)
    assert row.not_run is None and row.ratio is not None and row.ratio > 0
    assert torch.get_num_threads() == n_threads
    assert ("torchaudio" in sys.modules) == had_it


def test_rows_are_aligned() -> None:
    rows = [Row("a", "b", 1.0, 20.0, 20.0), Row("longer", "c", 0.5, 1.0, 2.0)]
    lines = neighbours_in_words({"rows": [vars(row) for row in rows]}).splitlines()
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[1].split() == ["a", "b", "1.000", "20.000", "20.0"]
    assert "medians" in lines[-2] and "like for like" in lines[-1]


def test_a_short_run_with_nnaudio(small: None) -> None:
    row = bench._row("1 s", NNAUDIO, partial(bench._whole, DEFAULT))
    assert row.not_run is None and row.ratio is not None
    assert row.ratio > 2  # measured: 20 on 10 s
