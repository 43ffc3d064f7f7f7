"""Latency against accuracy: numbers by hand, and frames that are those of the real stream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import WholeWindows
from listen_songs import PROGRESSION, write_stems
from songs import tiny

from bassnet_osc.bundle import Bundle
from bassnet_osc.frames import Frames
from bassnet_osc.hearing import Model
from bassnet_osc.presets import anticipating, live, studio
from bassnet_osc.spec import BassNetError, Spec, WindowSpec
from bassnet_osc.stream import Stream
from training.attacks import (
    deviations,
    mean_onset_f1,
    percentile,
    pitch_accuracy,
    times_to_pitch,
)
from training.musical_fit import Line
from training.trade import COLUMNS, Row, main, ranked, settings, streamed, verdict

Block = npt.NDArray[np.float32]
RATE = 16_000


def line(*runs: tuple[int, float], onsets: tuple[float, ...] = ()) -> Line:
    """100 frames a second: so many frames of each pitch."""
    return Line(np.concatenate([np.full(n, pitch) for n, pitch in runs]), np.array(onsets), 100.0)


TRUTH = line((50, 40.0), (100, 43.0), (50, 40.0), onsets=(0.0, 0.5, 1.0, 1.5))


def test_time_to_pitch_by_hand() -> None:
    """One frame in passing is none; a repeated pitch is not asked for; the last note's never comes."""
    played = line((55, 40.0), (1, 43.0), (4, 41.0), (140, 43.3))
    assert times_to_pitch(played, TRUTH) == [pytest.approx(0.10), None]
    assert pitch_accuracy([(played, TRUTH)]) == pytest.approx((50 + 1 + 90) / 200)


def test_a_pitch_that_is_there_before_its_note_takes_no_time() -> None:
    assert times_to_pitch(line((30, 40.0), (110, 43.0), (60, 40.0)), TRUTH) == [0.0, 0.0]
    silent = line((200, np.nan))
    assert times_to_pitch(silent, TRUTH) == [None, None] and pitch_accuracy([(silent, TRUTH)]) == 0.0
    assert times_to_pitch(silent, replace(TRUTH, pitch=silent.pitch)) == []  # notes that never sound
    assert np.isnan(pitch_accuracy([(silent, silent)]))


@pytest.mark.parametrize(("off", "is_so"), [(1 / 3, True), (-1 / 3, True), (0.35, False)])
def test_a_third_of_a_semitone_is_right(off: float, is_so: bool) -> None:
    assert pitch_accuracy([(line((10, 40.0 + off)), line((10, 40.0)))]) == float(is_so)


def test_attacks_are_matched_one_to_one_the_nearest_first() -> None:
    true = np.array([0.0, 1.0, 2.0])
    assert deviations(true, np.array([0.03, 1.1, 1.2, 2.5]), 0.15) == pytest.approx([0.03, 0.1])
    assert deviations(np.array([1.0, 1.1]), np.array([1.08]), 0.15) == pytest.approx([-0.02])
    close = deviations(np.array([1.0, 1.1]), np.array([1.08, 1.14]), 0.15)
    assert close == pytest.approx([0.14, -0.02])  # in the order of the true ones
    assert deviations(true, np.zeros(0), 0.15).shape == (0,)
    assert percentile(deviations(true, true + np.array([0.01, 0.02, 0.06]), 0.05), 50) == pytest.approx(0.015)
    assert np.isnan(percentile([], 50))


def test_onset_f1_is_a_mean_of_songs() -> None:
    """2 of 4 true ones found by 2: 2/3. All found: 1. A song where nothing begins does not count."""
    rest = line((200, np.nan))
    half = replace(TRUTH, onsets=np.array([0.02, 0.47]))
    assert mean_onset_f1([(half, TRUTH), (TRUTH, TRUTH), (rest, rest)]) == pytest.approx((2 / 3 + 1) / 2)


class Fake(WholeWindows):
    """A model whose every output depends on the whole window and on its row's z."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def frontend(self, audio: Block) -> Block:
        cqt = self.spec.cqt
        n_frames = 1 + (len(audio) - cqt.left - cqt.right) // cqt.hop_length
        starts = cqt.left + cqt.hop_length * np.arange(n_frames) - 64
        return np.abs(audio[starts[:, None] + np.arange(64)][:, np.arange(cqt.n_bins) % 64])

    def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
        level = np.clip(0.5 + mix.mean(axis=(1, 2))[:, None] + 0.1 * mix.mean(axis=2) + z[:, :1] / 10, 0, 1)
        f0 = mix**2 + 1e-3 + 0.01 * np.abs(z[:, 1, None, None])
        return f0 / f0.sum(axis=2, keepdims=True), level, 1 - level


def z_moves(frame: int) -> tuple[float, float]:
    """One point, and from frame 25 on another."""
    return (0.5, -0.5) if frame < 25 else (-1.0, 2.0)


def stream_frames(model: Model, audio: Block, window: WindowSpec) -> Frames:
    stream = Stream(model, RATE, z_moves, window.taper, window.skip)
    return Frames.join([stream.process(audio), stream.flush()])


def assert_near(found: Frames, stream: Frames, n_least: int) -> None:
    """Within 1e-4 Hz and dB and 1e-6: a batch's products round otherwise; measured 1e-5, 1e-5 and 4e-7."""
    assert found.first == stream.first == 0
    n = min(len(found), len(stream))
    assert n >= n_least and abs(len(found) - len(stream)) <= 1
    np.testing.assert_allclose(found.f0_hz[:n], stream.f0_hz[:n], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.level_db[:n], stream.level_db[:n], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.onset[:n], stream.onset[:n], rtol=0, atol=1e-6)


@pytest.mark.parametrize("spec", [live(), anticipating(live()), replace(live(), window=WindowSpec(10, 20))])
def test_frames_are_those_of_the_stream(spec: Spec, rng: np.random.Generator) -> None:
    """With every taper and skip that is measured, z moving on the way."""
    audio = (0.3 * rng.standard_normal(7000)).astype(np.float32)
    model, windows = Fake(spec), settings(spec)
    runs = streamed(model, audio, z_moves, windows)
    for window, frames in zip(windows, runs, strict=True):
        assert_near(frames, stream_frames(model, audio, window), 44)
    level = runs[0].level_db
    assert len(np.unique(level)) > len(level) // 2  # the model does tell frames apart


def test_frames_are_those_of_the_stream_with_onnx_runtime(
    probe_folder: Path, rng: np.random.Generator
) -> None:
    audio = (0.3 * rng.standard_normal(4000)).astype(np.float32)
    bundle = Bundle.load(str(probe_folder), provider="cpu")
    windows = [window for window in settings(bundle.spec) if (window.taper, window.skip) in {(4, 2), (12, 1)}]
    for window, frames in zip(windows, streamed(bundle, audio, z_moves, windows), strict=True):
        assert_near(frames, stream_frames(bundle, audio, window), 26)


def test_settings_are_those_that_the_window_allows() -> None:
    assert len(settings(live())) == 20 and live().window in settings(live())
    small = [(window.taper, window.skip) for window in settings(tiny(live()))]  # 8 frames
    assert small == [(4, 0), (4, 1), (4, 2), (4, 3), (6, 0), (6, 1), (6, 2), (8, 0)]
    ahead = [(window.taper, window.skip) for window in settings(anticipating(live()))]  # 5 frames
    assert ahead[:4] == [(4, 2), (4, 3), (6, 0), (6, 1)] and len(ahead) == 18
    other = replace(live(), window=replace(live().window, taper=10))  # a model's own is measured as well
    assert len(settings(other)) == 21 and other.window in settings(other)
    with pytest.raises(BassNetError, match="got anchor centre"):
        settings(studio())


def a_row(taper: int, skip: int, pitch: float, onset_f1: float) -> Row:
    window = WindowSpec(10, 80, taper=taper, skip=skip)
    return Row(window, (skip + taper - 1) / 100, 200 / taper, pitch, [], onset_f1, 0.0)


def test_the_best_row_is_that_of_the_rule() -> None:
    rows = [a_row(4, 0, 0.5, 0.1), a_row(4, 2, 0.5, 0.2002), a_row(6, 0, 0.4999, 0.2), a_row(8, 3, 0.9, 0.9)]
    # Two are equal to three digits, and one of them needs fewer windows; what is better comes too late.
    assert ranked(rows) == [rows[2], rows[1], rows[0]]
    own = WindowSpec(10, 80)
    said = verdict(rows, own)
    assert said.startswith("Best below 60 ms: taper 6 skip 0, the model's default is taper 4 skip 2. Sums: ")
    assert said.endswith("Sums: 0.700; taper 4 skip 2 0.700, taper 4 skip 0 0.600.\n")
    alone = "Best below 60 ms: taper 4 skip 2, the model's default. Sums: 0.700.\n"
    assert verdict([rows[1]], own) == alone
    assert ranked(rows[3:]) == [] and "No row" in verdict(rows[3:], own)
    assert ranked([a_row(4, 0, np.nan, np.nan), rows[1]])[0] is rows[1]


def test_the_command(probe_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each setting, printed and written, with the command that made it."""
    write_stems(tmp_path / "data" / "test" / "0000", PROGRESSION[:4])
    out = tmp_path / "TRADE.md"
    arguments = ["--model", str(probe_folder), "--data", str(tmp_path / "data"), "--out", str(out)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert out.read_text(encoding="utf-8") == text and list(tmp_path.glob(".*")) == []
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith("| ")
    ]
    assert rows[0] == [*COLUMNS] and len(rows) == 22 and "nan" not in text
    own = next(row for row in rows if row[:2] == ["4", "2"])
    assert own[2:5] == ["50.4", "50", "1.00"] and "default" in own[-1]
    assert next(row for row in rows if row[:2] == ["8", "0"])[2:5] == ["70.4", "25", "0.50"]
    assert "python -m training.trade --model" in text and "to a song of" in text
    assert sum("best" in row[-1] for row in rows) == 1 and "Best below 60 ms" in text


@pytest.mark.parametrize("wrong", ["songs", "out", "model"])
def test_what_is_missing_is_one_line_and_nothing_is_written(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data", tmp_path / "TRADE.md"
    write_stems(data / "test" / "0000")
    arguments = {
        "songs": ["--data", str(tmp_path / "none"), "--out", str(out)],
        "out": ["--data", str(data), "--out", str(tmp_path / "none" / "TRADE.md")],
        "model": ["--data", str(data), "--out", str(out), "--model", "groove-studio"],
    }[wrong]
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and said.out == "" and sorted(tmp_path.iterdir()) == [data]
