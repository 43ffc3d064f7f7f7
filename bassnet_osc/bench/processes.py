"""The processes of a bench: one server, some loads, and what they take of this machine.

Flow: measure -> ServerProcess (`bassnet serve`), LoadProcess (bench.load). Whatever happens, they end with
their `with`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from bassnet_osc.bench.load import READY
from bassnet_osc.spec import BassNetError

START_S = 60.0  # for a server to be ready: 2 s on an idle machine
STOP_S = 10.0  # ... and to end, before it is killed
LOOK_EVERY = 0.02  # seconds
LISTENING = re.compile(r"listening on [\d.]+:(\d+),")


class _Process:
    """A process of this package, whose words are kept."""

    name = ""

    def __init__(self, *words: str, is_asked: bool) -> None:
        """`is_asked`: whether it has a standard input and output that are spoken through."""
        self._command, self._is_asked = [sys.executable, "-m", *words], is_asked

    def _start(self) -> None:
        self._folder = TemporaryDirectory(prefix="bassnet-bench-")
        self._words = Path(self._folder.name) / "words"
        pipe = subprocess.PIPE if self._is_asked else None
        with self._words.open("w") as words:
            self.process = subprocess.Popen(
                self._command,
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or words,
                stderr=words,
                text=True,
            )

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self._folder.cleanup()

    def words(self) -> str:
        """All that it said."""
        return self._words.read_text(errors="replace").strip()

    def failed(self) -> BassNetError:
        """What to raise where it did not do as it should."""
        last = (self.words().splitlines() or ["it said nothing"])[-1]
        code = self.process.poll()
        return BassNetError(f"the {self.name} must not fail; it ended with {code} and said: {last}")


class ServerProcess(_Process):
    """`bassnet serve` on a free port, ready from `with` on."""

    name = "server"

    def __init__(self, model: str, provider: str) -> None:
        options = ["--model", model, "--provider", provider, "--port", "0", "--oscquery", "0"]
        super().__init__("bassnet_osc", "serve", *options, is_asked=False)
        self.port = 0

    def __enter__(self) -> ServerProcess:
        self._start()
        try:
            self.port = self._ready_port()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _ready_port(self) -> int:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            is_over = self.process.poll() is not None  # looked at before its words, which are whole then
            if found := LISTENING.search(self.words()):
                return int(found[1])
            if is_over:
                break
            time.sleep(LOOK_EVERY)
        raise self.failed()

    @property
    def provider_line(self) -> str:
        """What it says of its provider: which, and why no other."""
        return next((line for line in self.words().splitlines() if line.startswith("provider ")), "")

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def cpu_s(self) -> float | None:
        """Seconds of CPU time so far, all threads; None where the system has no /proc."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return None
        fields = stat.read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime and stime

    def memory_mb(self) -> float | None:
        """What it has in memory now (RSS); None where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return None
        lines = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
        return int(lines[0].split()[1]) / 1024.0 if lines else None  # none of a process that has ended


class LoadProcess(_Process):
    """Some sessions of a plan, see bench.load."""

    name = "load process"

    def __init__(self, plan: dict[str, Any]) -> None:
        super().__init__("bassnet_osc.bench.load", is_asked=True)
        self._plan = plan

    def __enter__(self) -> LoadProcess:
        self._start()
        try:
            self._say(json.dumps(self._plan))
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self) -> None:
        """Returns once all its sessions are open; raises BassNetError with its words where they cannot be."""
        if self._pipe(self.process.stdout).readline().strip() != READY:
            self.process.wait(STOP_S)
            raise self.failed()

    def go(self) -> None:
        """Has it play."""
        self._say("")

    def result(self) -> dict[str, Any]:
        """When it has played: `cpu`, a share of one core, and `tallies`, one a session."""
        text, _ = self.process.communicate()
        if self.process.returncode:
            raise self.failed()
        found: dict[str, Any] = json.loads(text)
        return found

    def _say(self, line: str) -> None:
        try:
            pipe = self._pipe(self.process.stdin)
            pipe.write(f"{line}\n")
            pipe.flush()
        except BrokenPipeError:
            self.process.wait(STOP_S)
            raise self.failed() from None

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None  # opened in _start
        return pipe
