"""Fixtures that several test files share, and the rule that CI skips nothing."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """A random generator with the same seed in every test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def needs_fluidsynth() -> None:
    """Skips where FluidSynth or its General MIDI sounds are missing."""
    from bassnet_osc.spec import BassNetError
    from training.render_midi import fluidsynth, soundfont

    for find, package in ((fluidsynth, "fluidsynth"), (soundfont, "fluid-soundfont-gm")):
        try:
            find()
        except BassNetError as error:
            pytest.skip(f"{error} (Debian package {package})")


@pytest.fixture(scope="session")
def needs_mma() -> None:
    """Skips where MMA is missing."""
    from bassnet_osc.spec import BassNetError
    from training.mma import library

    try:
        library()
    except BassNetError as error:
        pytest.skip(f"{error}")


@pytest.fixture(scope="session")
def needs_portaudio() -> None:
    """Skips where sounddevice or the PortAudio library is missing."""
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError):
        pytest.skip("needs PortAudio (pip install sounddevice, Debian package libportaudio2)")


@pytest.fixture(scope="session")
def needs_estimators() -> None:
    """Skips where CREPE, madmom or mir_eval is missing."""
    from training.estimators import INSTALL

    for package in ("torchcrepe", "madmom", "mir_eval"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package} ({INSTALL})")


@pytest.fixture(scope="session")
def probe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe bundle of fixed weights, exported here: level is the mix's energy, f0 is constant."""
    from export.to_onnx import write_probe

    folder = tmp_path_factory.mktemp("models") / "probe"
    write_probe(folder)
    return folder


@pytest.fixture(scope="module")
def song_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song of sines with its features, for the smallest model of the preset `live`."""
    from songs import tiny, write_song

    from bassnet_osc.presets import live
    from training.features import compute_features

    folder = tmp_path_factory.mktemp("data") / "train" / "0000"
    write_song(folder, seed=0)
    compute_features(folder, tiny(live()))
    return folder


def _refuse_skip(report: Any) -> None:
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and under CI=true a skip is a failure: {report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    """Under CI=true a skipped test has failed."""
    outcome = yield
    _refuse_skip(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, None]:
    """Under CI=true a file that skips itself has failed."""
    outcome = yield
    _refuse_skip(outcome.get_result())
