"""The README's three lines, run on songs of sines: stems, training, export, and a bundle that plays."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bassnet_osc.bundle import Bundle
from bassnet_osc.latent import LiveZ
from bassnet_osc.voice import Voice
from export import to_onnx
from training import stems, train

README = Path(__file__).parent.parent / "README.md"
COMMANDS = {"training.stems": stems.main, "training.train": train.main, "export.to_onnx": to_onnx.main}
RATE, SECONDS, N_SONGS = 44_100, 11.0, 10
STEPS = 4


def own_songs(folder: Path) -> None:
    """A drone and a bass two octaves below it, another pitch in each song, stereo, one a bit shorter."""
    t = np.arange(round(SECONDS * RATE)) / RATE
    for i in range(N_SONGS):
        hz = 55.0 * 2 ** (i / 12)
        song = folder / f"song {i}"
        song.mkdir(parents=True)
        for name, audio in (
            ("bass", 0.4 * np.sin(2 * np.pi * hz * t)),
            ("keys", 0.3 * np.sin(8 * np.pi * hz * t[:-99])),
        ):
            soundfile.write(song / f"{name}.wav", np.stack([audio, audio], axis=1), RATE)


def commands(folder: Path) -> list[tuple[str, list[str]]]:
    """Module and arguments of the lines under the heading, their paths moved into `folder`."""
    section = README.read_text().split("### On songs of your own")[1]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert block is not None
    found = []
    for line in block[1].strip().splitlines():
        python, dash_m, module, *arguments = shlex.split(line)
        assert (python, dash_m) == ("python", "-m")
        moved = [str(folder / a.removeprefix("~/")) if "/" in a else a for a in arguments]
        found.append((module, moved))
    return found


def test_three_lines_make_a_bundle_of_own_songs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All ten songs are used; the bundle says what it is, and gives a finite sound of the right length."""
    own_songs(tmp_path / "my-songs")
    lines = commands(tmp_path)
    assert [module for module, _ in lines] == list(COMMANDS)
    for module, arguments in lines:
        more = ["--steps", str(STEPS)] if module == "training.train" else []
        assert COMMANDS[module]([*arguments, *more]) == 0, capsys.readouterr().err
    assert "left out" not in capsys.readouterr().out
    bundle = Bundle.load(str(tmp_path / "my-bass"), provider="cpu")
    assert bundle.card["trained_on"] == "mine: 8 songs"
    assert "owners" in bundle.card["licence"] and next(iter(bundle.z_places)) == "typical"
    assert bundle.card["metrics"]["test_songs"] == 1 and "classifier_accuracy" not in bundle.card["metrics"]
    voice = Voice(bundle, RATE, LiveZ(bundle.spec))
    sound = voice.process(np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1)
    assert len(sound) == RATE and np.isfinite(sound).all()
