"""The bench in real processes: all blocks answered, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from server_process import wait_for

from bassnet_osc.bench.processes import ServerProcess
from bassnet_osc.spec import BassNetError

ROOT = Path(__file__).parent.parent
WAIT_S = 60.0  # for processes that take 2 s on an idle machine

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in Linux's /proc")


def started(*words: str) -> subprocess.Popen[str]:
    """The command in a session of its own, so that what it leaves behind is found."""
    return subprocess.Popen(
        [sys.executable, "-m", "bassnet_osc", "bench", "--model", "a1-live", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_alone(process: subprocess.Popen[str]) -> None:
    """Nothing that it started is left: a load that was just being started ends with its closed input."""

    def is_alone() -> bool:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    assert wait_for(is_alone, WAIT_S)


@linux
def test_a_real_run_answers_every_block(tmp_path: Path) -> None:
    """Two sessions for two seconds: counts alone, since this machine may be busy."""
    file = tmp_path / "bench.json"
    words = ["--sessions", "2", "--blocks", "256", "--seconds", "2", "--json", str(file)]
    with started(*words) as process:
        out, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, errors
    assert_alone(process)
    [row] = json.loads(file.read_text())["rows"]
    assert row["blocks"] == 2 * 375
    assert (row["unanswered"], row["astray"], row["lost"], row["reopened"]) == (0, 0, 0, 0)
    trip = row["round_trip_ms"]
    assert 0 < trip["p50"] <= trip["p95"] <= trip["p99"] <= trip["p99.99"] <= trip["max"] < 2000
    assert 0 < row["inference_ms"]["p50"] <= row["inference_ms"]["p99"]
    assert 0 < row["cpu_load"] < row["cpu_server"] < 2 and 50 < row["memory_mb"] < 500
    assert row["model"] == "a1-live" and row["provider"].endswith("ExecutionProvider")
    assert len(errors.splitlines()) == 1 and "% on time" in errors
    assert out.startswith("a1-live on ")


@linux
@pytest.mark.parametrize(
    ("number", "is_for_all"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)]
)
def test_an_interrupted_run_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, is_for_all: bool
) -> None:
    """A terminal's Ctrl-C is for all processes, another program's signal for the first alone."""
    file = tmp_path / "bench.json"
    with started("--sessions", "2", "--blocks", "256", "--seconds", "60", "--json", str(file)) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        assert wait_for(lambda: len(children.read_text().split()) == 2, WAIT_S)  # a server and a load
        (os.killpg if is_for_all else os.kill)(process.pid, number)
        out, errors = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (130, "")
    assert errors.splitlines()[1:] == ["bassnet: interrupted"], errors
    assert_alone(process)
    assert not file.exists()


def test_a_server_that_fails_is_quoted() -> None:
    with pytest.raises(BassNetError, match="ended with 2 and said: bassnet: model must be"):
        ServerProcess("nobody", "cpu").__enter__()


def test_a_load_runs_without_the_runtime_of_models() -> None:
    script = "import sys, bassnet_osc.bench.load; print('onnxruntime' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
