"""The programs in max_patch/controllers.md and python.md, run as they stand there, at a real server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fault_rig import RATE, mix_blocks
from server_process import MODEL, ServerProcess, wait_for

from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.latent import LiveZ
from bassnet_osc.spec import HOST, PORT
from bassnet_osc.status import ask
from bassnet_osc.voice import Voice

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server's log is read as Linux has it")

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "max_patch"
PROGRAM_S = 30.0  # for a script to end: at once, as none of them waits for a sound card here
SOON_S = 5.0
LOOK_EVERY = 0.3  # seconds: a server that begins to leave windows out does so for a second or more
ATTEMPTS = 3  # to find the machine idle enough for real time
LAST_PLACE = {"sh": (0.5, -1.0), "csound": (2.0, 0.0), "chuck": (2.0, 0.5)}
NEAR = 0.1  # Csound's last tick lies 50 ms before the circle is whole: 0.08


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


def blocks_of(page: str, language: str, server: ServerProcess) -> list[str]:
    """The blocks of the page in that language, for this server."""
    found = re.findall(rf"```{language}\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    return [text.replace(str(PORT), str(server.port)) for text in found]


def run(command: list[str], folder: Path) -> None:
    """To its end, in that folder, with the package of this tree."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROGRAM_S
    )
    assert done.returncode == 0, done.stderr[-1000:]


def place(server: ServerProcess) -> tuple[float, ...]:
    """z of the only session."""
    [session] = ask(HOST, server.port)["sessions"]
    return tuple(session["z"])


@pytest.mark.parametrize(
    "language, suffix, command, package",
    [
        ("sh", ".sh", ["sh", "-e"], "liblo-tools"),
        ("csound", ".csd", ["csound", "-n"], "csound"),
        ("chuck", ".ck", ["chuck", "--silent"], "chuck"),
    ],
)
def test_the_page_s_scripts_move_z(
    server: ServerProcess, tmp_path: Path, language: str, suffix: str, command: list[str], package: str
) -> None:
    """z ends where the script says; nothing that it sends is refused."""
    if shutil.which("oscsend" if language == "sh" else command[0]) is None:
        pytest.skip(f"needs Debian package {package}")
    file = tmp_path / f"script{suffix}"
    [text] = blocks_of("controllers.md", language, server)
    file.write_text(text)
    there = pytest.approx(LAST_PLACE[language], abs=NEAR)
    with Client(port=server.port):
        run([*command, str(file)], tmp_path)
        assert wait_for(lambda: place(server) == there, SOON_S), place(server)
        assert ask(HOST, server.port)["refused"] == 0


def test_the_python_program_writes_the_offline_bass_to_a_file(server: ServerProcess, tmp_path: Path) -> None:
    """Every sample, from the one that belongs to the mix's first.

    An overloaded server leaves windows out, whatever the deadline, and says so: then it is played again.
    """
    bundle, blocks = Bundle.load(MODEL), mix_blocks(256, 3.0)
    soundfile.write(tmp_path / "mix.wav", np.concatenate(blocks), RATE, subtype="FLOAT")
    program = blocks_of("python.md", "python", server)[0]
    for _ in range(ATTEMPTS):
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(run, [sys.executable, "-W", "error", "-c", program], tmp_path)
            told = [ask(HOST, server.port)]
            while not running.done():
                wait([running], LOOK_EVERY)
                told.append(ask(HOST, server.port))
        running.result()
        if not any(report["saving"] for report in told):
            break
    bass, rate = soundfile.read(tmp_path / "bass.wav", dtype="float32")
    z = LiveZ(bundle.spec, *bundle.z_home)
    z.set(0.5, -1.0)
    voice = Voice(bundle, RATE, z)
    expected = np.concatenate([voice.process(block) for block in blocks])[voice.latency_samples :]
    assert rate == RATE and np.abs(expected).max() > 0.1
    seen = f"saving {[report['saving'] for report in told]}, inference {told[-1]['inference_ms']}"
    np.testing.assert_array_equal(bass, expected, seen)


def test_python_osc_moves_z(server: ServerProcess, tmp_path: Path) -> None:
    """The page's lines for programs without a session."""
    with Client(port=server.port):
        run([sys.executable, "-c", blocks_of("python.md", "python", server)[1]], tmp_path)
        assert wait_for(lambda: place(server) == (0.5, -1.0), SOON_S), place(server)
        assert ask(HOST, server.port)["refused"] == 0
