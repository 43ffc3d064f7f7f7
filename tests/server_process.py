"""`bassnet serve` in a process of its own, for the tests and commands that need a real one.

Flow: tests of faults, test_hostile, test_soak, fuzz, soak, faults_report -> ServerProcess.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

from bassnet_osc.spec import HOST, BassNetError

MODEL = "a1-live"
START_S = 60.0  # for a server to be ready: 2 s on an idle machine
STOP_S = 10.0  # seconds: killed when it has not ended by then
LISTENING = re.compile(r"listening on [\d.]+:(\d+),")


class ServerProcess:
    """A server on a free port, or the one that is given, from `with` on; what it says is kept."""

    def __init__(self, model: str = MODEL, *options: str, port: int = 0) -> None:
        serve = [sys.executable, "-m", "bassnet_osc", "serve", "--port", str(port), "--model", model]
        self._command, self.port, self._last_words = [*serve, *options], port, ""

    def __enter__(self) -> ServerProcess:
        self._log = TemporaryFile("w+")
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)
        wait_for(lambda: self.process.poll() is not None or LISTENING.search(self.log()), START_S)
        found = LISTENING.search(self.log())
        if found is None:
            self.__exit__()
            raise BassNetError(f"the server must start; it said {self.log()[-300:]!r}: try its command")
        self.port = int(found[1])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._last_words = self.log()
        self._log.close()

    def kill(self) -> None:
        """SIGKILL: no bye, no fade."""
        self.process.kill()
        self.process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    @property
    def ended_well(self) -> bool:
        """Whether it stopped by itself, when told to."""
        return self.process.poll() == 0

    def log(self) -> str:
        """All that it wrote, also when it has ended."""
        if self._log.closed:
            return self._last_words
        return Path(f"/proc/self/fd/{self._log.fileno()}").read_text()

    def memory(self, what: str = "VmRSS") -> float:
        """A line of the system's status of the process, in MB; RSS is what it has in memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith(f"{what}:")]
        return int(line.split()[1]) / 1024

    def dropped(self) -> int:
        """Datagrams that the system threw away because the server's socket was full."""
        rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
        return sum(int(row[-1]) for row in rows if int(row[1].split(":")[1], 16) == self.port)


def wait_for(look: Callable[[], object], seconds: float) -> object:
    """What `look` returns as soon as it is true; its last word after so many seconds."""
    until = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < until:
        time.sleep(0.01)
    return seen


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of this machine that nobody has now: UDP's, or of that kind of socket."""
    with socket.socket(socket.AF_INET, kind) as asked:
        asked.bind((HOST, 0))
        return int(asked.getsockname()[1])
