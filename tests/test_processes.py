"""Two processes train one model: the same weights, the gradient of both shares, and one ends the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from songs import write_data
from tiny_runs import SPEC, assert_same_state, log_rows, small_validation

from training.checkpoint import load_checkpoint, load_model
from training.config import TrainConfig, kl_scale
from training.objective import total
from training.run import RANK_SEED, Run

__all__ = ["small_validation"]

STEPS, VALIDATE_EVERY = 12, 5
TIMEOUT_S = 900  # of a command that takes 8 s on an idle machine: a hang must end

# The command line in float32, with the models of a test's size. Each process writes down its first gradient,
# its losses and its last weights; SIGTERM arrives at process 0 in the step that STOP_AT names.
SCRIPT = f"""
import os, signal, sys
from dataclasses import replace
from pathlib import Path
import torch
from tiny_runs import SPEC
from bassnet_osc.presets import PRESETS
from training import config, run
from training.train import main

run.VALIDATION_PAIRS = 8
PRESETS["live"] = lambda: SPEC
swapped = {{"cross_warmup": 0.0, "cross_cooldown": 0.0}}
changes = {{"autocast": False, "validate_every": {VALIDATE_EVERY}, **swapped}}
config.RECIPES["fast"] = lambda c, spec: (replace(c, **changes), spec)
whole_step, losses = run.Run.train_step, []

def step(self):
    if self.writes and self.step == int(os.environ.get("STOP_AT", -1)):
        os.kill(os.getpid(), signal.SIGTERM)
    losses.append(whole_step(self)["loss"])
    if self.step in (1, {STEPS}):
        parameters = dict(self.model.named_parameters())
        values = {{
            "gradient": {{name: p.grad for name, p in parameters.items()}},
            "weights": {{name: p.detach() for name, p in parameters.items()}},
            "losses": losses,
        }}
        torch.save(values, self.out / f"{{self.fabric.global_rank}}-{{self.step}}.values")
    return {{"loss": losses[-1]}}

run.Run.train_step = step
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script and its songs."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "script.py").write_text(SCRIPT)
    write_data(folder / "data")
    return folder


def started(folder: Path, out: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command with two processes, to its end; then none of its processes is left."""
    tests = Path(__file__).parent
    command = [sys.executable, "script.py", "--data", "data", "--out", out, "--steps", str(STEPS)]
    with subprocess.Popen(
        [*command, "--devices", "2"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{tests.parent}{os.pathsep}{tests}"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        try:
            said = run.communicate(timeout=TIMEOUT_S)
        except BaseException:
            os.killpg(run.pid, signal.SIGKILL)
            raise
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)
    return subprocess.CompletedProcess(command, run.returncode, *said)


@pytest.fixture(scope="module")
def unbroken(folder: Path) -> subprocess.CompletedProcess[str]:
    return started(folder, "unbroken")


def values(folder: Path, rank: int, step: int) -> dict[str, Any]:
    """What a process of the unbroken run wrote down."""
    read: dict[str, Any] = torch.load(folder / "unbroken" / f"{rank}-{step}.values", weights_only=True)
    return read


def test_two_processes_train_one_model(folder: Path, unbroken: subprocess.CompletedProcess[str]) -> None:
    """The same weights bit for bit in both, and in the checkpoint; one of them speaks and writes.

    Measured: the loss falls to 0.33.
    """
    assert unbroken.returncode == 0, unbroken.stderr
    assert unbroken.stdout == f"{Path('unbroken') / 'best.pt'}\n"
    first, second = (values(folder, rank, STEPS) for rank in (0, 1))
    model, checkpoint = load_model(folder / "unbroken" / "last.pt")
    assert checkpoint["step"] == STEPS and checkpoint["config"]["devices"] == 2
    for name, parameter in model.named_parameters():
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        assert torch.equal(first["weights"][name], parameter), name
    assert first["losses"] == second["losses"]  # each is the mean of both
    assert first["losses"][-1] < 0.7 * first["losses"][0]
    steps = [row[0] for row in log_rows(folder / "unbroken") if row[2] == "loss"]
    assert steps == ["5", "10", "12"]


@pytest.mark.usefixtures("unbroken")
def test_the_gradient_is_the_mean_of_the_shares(folder: Path, tmp_path: Path) -> None:
    """Each share with its own batch normalisation and noise, computed here in one process.

    Measured: the same bits with one thread, 7.4e-5 apart with two; the largest entry is 1.6.
    """
    config = TrainConfig(
        str(folder / "data"), str(tmp_path), steps=STEPS, autocast=False, cross_warmup=0.0, cross_cooldown=0.0
    )
    run = Run(config, SPEC)
    run.model.train()
    for rank in (0, 1):
        run.fabric = SimpleNamespace(global_rank=rank, world_size=2)  # type: ignore[assignment]
        x, targets = run.train_batch(0)
        torch.manual_seed(rank * RANK_SEED)
        (total(run.objective(x, targets), config.weights, kl_scale(0, config)) / 2).backward()
    norm = torch.nn.utils.clip_grad_norm_(run.model.parameters(), config.max_gradient_norm)
    assert norm > 0
    together = values(folder, 0, 1)["gradient"]
    for name, parameter in run.model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(together[name], parameter.grad, rtol=0, atol=5e-4)


@pytest.mark.usefixtures("unbroken")
def test_stopped_and_resumed_equals_unbroken(folder: Path) -> None:
    """SIGTERM to the first process ends both with one line; the same command goes on to the same bits."""
    stopped = started(folder, "broken", STOP_AT="7")
    assert stopped.returncode == 130
    assert [line for line in stopped.stderr.splitlines() if "stopped" in line or "Error" in line] == [
        "stopped; the same command goes on from broken/last.pt"
    ]
    assert load_checkpoint(folder / "broken" / "last.pt")["step"] == 5
    assert started(folder, "broken").returncode == 0
    for name in ("last.pt", "best.pt"):
        assert_same_state(folder / "unbroken" / name, folder / "broken" / name)
    assert log_rows(folder / "unbroken") == log_rows(folder / "broken")
