"""The blocks of max_patch/controllers.md, run as they stand there, move a client of a real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess, wait_for

from bassnet_osc.client import Client
from bassnet_osc.spec import HOST, PORT
from bassnet_osc.status import ask

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server's log is read as Linux has it")

PAGE = Path(__file__).parents[1] / "max_patch" / "controllers.md"
PROGRAM_S = 30.0  # for a script to end: at once, as none of them waits for a sound card here
SOON_S = 5.0
LAST_PLACE = {"sh": (0.5, -1.0), "csound": (2.0, 0.0), "chuck": (2.0, 0.5)}
NEAR = 0.1  # Csound's last tick lies 50 ms before the circle is whole: 0.08


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


def block(language: str) -> str:
    """The only block of the page in that language."""
    [text] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(text)


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
    file.write_text(block(language).replace(str(PORT), str(server.port)))

    def place() -> tuple[float, ...]:
        [session] = ask(HOST, server.port)["sessions"]
        return tuple(session["z"])

    with Client(port=server.port):
        subprocess.run(
            [*command, str(file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROGRAM_S,
            check=True,
        )
        assert wait_for(lambda: place() == pytest.approx(LAST_PLACE[language], abs=NEAR), SOON_S), place()
        assert ask(HOST, server.port)["refused"] == 0
