"""bassnet automate in a process of its own, at a real server with real sessions."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from midi_curves import cc, write_csv, write_midi
from server_process import STOP_S, ServerProcess, wait_for

from bassnet_osc import status
from bassnet_osc.cli import main
from bassnet_osc.client import Client
from bassnet_osc.spec import HOST
from bassnet_osc.z_curve import CONTROLLERS

X, Y = CONTROLLERS
COMMAND_S = 30.0  # for a command to end: 4 s on an idle machine


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as started:
        yield started


@pytest.fixture
def clients(server: ServerProcess) -> Iterator[None]:
    """Two sessions, kept alive."""
    is_over = threading.Event()
    with Client(port=server.port, name="one") as one, Client(port=server.port, name="two") as two:

        def beat() -> None:
            while not is_over.is_set():
                one.receive(0.05)
                two.receive(0.05)

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def z_of(server: ServerProcess) -> dict[str, list[float]]:
    """Where each client's z is going."""
    return {told["client"]: told["z"] for told in status.ask(HOST, server.port)["sessions"]}


@contextmanager
def bassnet(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, which is killed where a test leaves it running."""
    with subprocess.Popen(
        [sys.executable, "-m", "bassnet_osc", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("clients")
def test_a_file_moves_a_session_of_a_real_server(
    server: ServerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Along the file's line, to its end, where z stays; the other client's does not move."""
    path = write_csv(tmp_path / "z.csv", (0.0, -2.0, 1.0), (3.0, 2.0, -1.0))
    before = z_of(server)
    words = ["automate", str(path), "--port", str(server.port), "--to", "one"]
    seen = []
    with bassnet(*words) as process:
        until = time.monotonic() + COMMAND_S
        while process.poll() is None and time.monotonic() < until:
            seen.append(tuple(z_of(server)["one"]))
            time.sleep(0.1)
        out, error = process.communicate(timeout=STOP_S)
        told = re.fullmatch(r"z\.csv: (\d+) points over 3\.0 s, told to one\n", out)
        assert told and 75 < int(told[1]) <= 151  # fewer where the process was held up
        assert error == "" and process.returncode == 0
    on_the_way = [z for z in seen if list(z) != before["one"] and z != (2.0, -1.0)]
    assert any(abs(x) < 1.0 for x, _ in on_the_way)  # half of three seconds, seen each 0.1 s
    assert on_the_way == sorted(on_the_way)
    for x, y in on_the_way:
        assert y == pytest.approx(-x / 2, abs=1e-6)
    wait_for(lambda: z_of(server)["one"] == [2.0, -1.0], 1.0)
    assert main(["status", "--json", "--port", str(server.port)]) == 0
    sessions = {told["client"]: told for told in json.loads(capsys.readouterr().out)["sessions"]}
    assert sessions["one"]["z"] == [2.0, -1.0] and sessions["two"]["z"] == before["two"]


@pytest.mark.usefixtures("clients")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")
def test_a_loop_moves_everybody_until_ctrl_c(server: ServerProcess, tmp_path: Path) -> None:
    path = write_midi(tmp_path / "z.mid", [cc(0, X, 0), cc(0, Y, 0), cc(100, X, 127)], end=200)

    def is_at(x: float) -> Callable[[], bool]:
        return lambda: all(z == [x, -3.0] for z in z_of(server).values())

    with bassnet("automate", str(path), "--loop", "--port", str(server.port)) as process:
        for x in (3.0, -3.0, 3.0, -3.0):  # longer than the file
            assert wait_for(is_at(x), 20.0)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=COMMAND_S)
    assert (process.returncode, out, error) == (130, "", "bassnet: interrupted\n")
