"""The demo end to end: a server process, real datagrams, and files that agree with the offline rendering."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile

from bassnet_osc import demo_run, playthrough
from bassnet_osc.demo_run import run_demo
from bassnet_osc.render import render
from bassnet_osc.spec import BassNetError

FILES = ["bass.mid", "bass.png", "bass.wav", "mix.wav", "report.json", "together.wav"]
FIELDS = {
    "sample_rate", "latency_samples", "alignment_error_samples", "blocks_sent", "blocks_answered", "late",
    "lost", "inference_ms", "round_trip_ms", "realtime_factor", "model", "block_size", "deadline_ms",
}  # fmt: skip


@pytest.fixture
def mix(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A second of noise that comes and goes, quiet enough for the probe's bass to stay below full scale."""
    audio = 0.004 * rng.standard_normal(48_000) * (np.arange(48_000) // 12_000 % 2)
    soundfile.write(tmp_path / "mix.wav", audio, 48_000, subtype="FLOAT")
    return tmp_path / "mix.wav"


def test_the_streamed_bass_is_the_rendered_one(mix: Path, probe_folder: Path) -> None:
    out = mix.parent / "deep" / "out"
    words = run_demo(out, fast=True, model=str(probe_folder), mix_file=mix)
    assert str(out / "together.wav") in words
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert list(out.parent.iterdir()) == [out]

    report = json.loads((out / "report.json").read_text())
    assert set(report) == FIELDS
    assert report["model"] == "probe"
    assert (report["late"], report["lost"], report["alignment_error_samples"]) == (0, 0, 0)
    n_blocks = -(-(48_000 + report["latency_samples"]) // report["block_size"])
    assert (report["blocks_sent"], report["blocks_answered"]) == (n_blocks, n_blocks)
    for times in (report["inference_ms"], report["round_trip_ms"]):
        assert 0 < times["p50"] <= times["p95"] <= times["p99"]

    audio, bass, together = (soundfile.read(out / f"{name}.wav")[0] for name in ("mix", "bass", "together"))
    render([mix], mix.with_name("rendered.wav"), model=str(probe_folder))
    np.testing.assert_array_equal(bass, soundfile.read(mix.with_name("rendered.wav"))[0])
    assert 0.1 < np.abs(bass).max() < 1.0  # nothing clipped, measured 0.45
    scale = min(1.0, 0.99 / np.abs(audio + bass).max())
    np.testing.assert_allclose(together, scale * (audio + bass), atol=1e-6)  # measured 2e-7
    assert any(message.type == "note_on" for message in mido.MidiFile(out / "bass.mid"))


def test_a_second_demo_replaces_the_first_one_alone(mix: Path, probe_folder: Path) -> None:
    out = mix.parent / "out"
    out.mkdir()
    (out / "report.json").write_text("old")
    (out / "song.txt").write_text("mine")
    run_demo(out, fast=True, model=str(probe_folder), mix_file=mix)
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "song.txt"])
    assert json.loads((out / "report.json").read_text())["model"] == "probe"


def test_a_server_that_does_not_start_says_why(
    mix: Path, probe_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((demo_run.HOST, 0))
        monkeypatch.setattr(demo_run, "_free_port", lambda: taken.getsockname()[1])
        with pytest.raises(BassNetError, match=r"did not start: .* in use"):
            run_demo(mix.parent / "out", fast=True, model=str(probe_folder), mix_file=mix)
    assert list(mix.parent.iterdir()) == [mix]


@pytest.mark.parametrize("fast", [False, True])
def test_a_server_that_ends_ends_the_demo(
    mix: Path, probe_folder: Path, monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    servers: list[subprocess.Popen[bytes]] = []
    popen, play = subprocess.Popen, demo_run.play

    def remembered(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        servers.append(popen(*args, **options))
        return servers[0]

    def play_to_nobody(*args: Any) -> playthrough.Playthrough:
        servers[0].kill()
        servers[0].wait()
        return play(*args)

    monkeypatch.setattr(demo_run.subprocess, "Popen", remembered)
    monkeypatch.setattr(demo_run, "play", play_to_nobody)
    monkeypatch.setattr(playthrough, "SILENCE_S", 0.3)
    with pytest.raises(BassNetError, match="has not answered"):
        run_demo(mix.parent / "out", fast=fast, model=str(probe_folder), mix_file=mix)
    assert list(mix.parent.iterdir()) == [mix]


def test_a_folder_that_cannot_be_made_is_told_before_the_playing(
    mix: Path, probe_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(demo_run, "play")
    out = mix.parent / ("x" * 250)  # too long with the mark of what is unfinished
    with pytest.raises(BassNetError, match=r"x cannot be written \(.*name"):
        run_demo(out, fast=True, model=str(probe_folder), mix_file=mix)
    with pytest.raises(BassNetError, match="out cannot be written"):
        run_demo(mix / "out", fast=True, model=str(probe_folder), mix_file=mix)
    assert list(mix.parent.iterdir()) == [mix]


def test_a_file_is_no_folder(mix: Path) -> None:
    with pytest.raises(BassNetError, match="is a file"):
        run_demo(mix, mix_file=mix)
