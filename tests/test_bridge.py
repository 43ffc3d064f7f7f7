"""The bridge for Max: its own tests in Node, and the null test, which plays it against a real server.

Flow: node --test tests/bridge; mix -> tests/bridge/play.js <-UDP-> ServerProcess -> the samples of a Voice.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_proxy import FaultProxy, Faults
from fault_rig import PATIENT_MS, RATE, Stream, joined, mix_blocks
from server_process import MODEL, ServerProcess

from bassnet_osc.audio_files import Audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.latent import LiveZ
from bassnet_osc.playthrough import lag_samples
from bassnet_osc.voice import Voice

HERE = Path(__file__).parent / "bridge"
NODE = shutil.which("node")
BLOCK = 240  # samples
SECONDS = 6.0
TARGET_MS = 60.0  # of the latency that the bridge asks for
PATIENT_RING_MS = 500  # a busy machine's server is not late for it
RING_MS = 70  # unless told otherwise
JITTER_S = 0.012
CLOCK_STEP = 240  # samples between two of the counts that the bridge is told: 5 ms
TAIL = 3000  # characters of Node's words

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="needs Node 18 (Debian package nodejs)"),
    pytest.mark.skipif(sys.platform != "linux", reason="/proc as Linux has it"),
]

Move = tuple[int, float, float]  # from a sample of the mix on: x, y
MOVES: Sequence[Move] = [
    (0, 0.5, -1.0),
    (60_000, -1.25, 0.75),
    *((90_000 + 500 * i, i / 64, 1.0) for i in range(60)),
]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


@dataclass(frozen=True)
class Played:
    """What was heard, sample i at sample i of the mix, and what play.js says of it."""

    heard: Audio
    answers: Audio  # (blocks, 1 + BLOCK): the count at which each came, and its samples; NaN where none did
    stats: dict[str, Any]

    @property
    def bass(self) -> Audio:
        """From the first sample of the first block on."""
        return self.heard[self.stats["start"] + self.stats["delay"] :]


def node(*args: str, timeout: float) -> str:
    """Runs Node; fails with the end of what it said."""
    assert NODE is not None
    run = subprocess.run([NODE, *args], capture_output=True, text=True, timeout=timeout)
    assert run.returncode == 0, (
        f"node {args[0]} ended with {run.returncode}:\n{(run.stdout + run.stderr)[-TAIL:]}"
    )
    return run.stdout


def the_mix(seconds: float = SECONDS) -> Audio:
    """The shipped one, in one piece."""
    return np.concatenate(mix_blocks(BLOCK, seconds, start_s=2.0))


def play(folder: Path, port: int, mix: Audio, **options: Any) -> Played:
    """The mix through the bridge, in real time."""
    (folder / "mix.f32").write_bytes(mix.tobytes())
    files = {name.split(".")[0]: str(folder / name) for name in ("mix.f32", "bass.f32", "answers.f32")}
    files["stats"] = str(folder / "stats.json")
    node(str(HERE / "play.js"), json.dumps(files | {"port": port, "z": MOVES} | options), timeout=120)
    stats = json.loads((folder / "stats.json").read_text())
    answers = np.fromfile(files["answers"], np.float32).reshape(-1, 1 + BLOCK)
    return Played(np.fromfile(files["bass"], np.float32), answers, stats)


def expected(bundle: Bundle, blocks: Sequence[Audio], start: int, moves: Sequence[Move] = MOVES) -> Audio:
    """A voice that hears the same blocks, with z planned at those at whose beginning it has moved."""
    z = LiveZ(bundle.spec, *bundle.z_home)
    voice = Voice(bundle, RATE, z, latency_samples=round(TARGET_MS * RATE / 1000))
    frames_per_block = BLOCK * bundle.spec.cqt.frame_rate / RATE
    told, told_at, out = None, -2, []
    for k, block in enumerate(blocks):
        _, *place = max(move for move in moves if vector(move[0]) <= start + k * BLOCK)
        if told is None:
            z.set(*place)
        elif place != told and told_at < k - 1:
            z.plan((k - 1) * frames_per_block, *told)
        if told is not None and place != told:
            z.plan(k * frames_per_block, *place)
        if place != told:
            told, told_at = place, k
        out.append(voice.process(block))
    return np.concatenate(out)


def by_the_client(port: int, blocks: Sequence[Audio], moves: Sequence[Sequence[Any]]) -> Audio:
    """What the Python client gets of the same blocks and the same messages of z."""
    options = {"sample_rate": RATE, "block_size": BLOCK, "deadline_ms": PATIENT_MS}
    with Client(port=port, latency_target_ms=TARGET_MS, **options) as client:
        for address, *words in moves:
            (client.z if address == "/bassnet/z" else client.plan_z)(*words)
        return joined(Stream(client, blocks).play().answers, len(blocks), BLOCK)


def vector(n: int) -> int:
    """The first sample of the first vector of 64 from sample n on: until then a signal stays as it was."""
    return -(-n // 64) * 64


def test_the_bridge_in_node() -> None:
    """Ring, blocks and session against a stand-in for Max."""
    files = sorted(str(path) for path in HERE.glob("*.test.js"))
    said = node("--test", "--test-reporter=tap", *files, timeout=120)
    assert "# fail 0" in said and "# skipped 0" in said


def test_null_the_bass_in_max_is_a_voices_and_the_python_clients(
    server: ServerProcess, tmp_path: Path
) -> None:
    """Through signals, buffers, OSC and back: not a sample off, and bit for bit the same.

    Measured: 0 samples of lag, 0.0 of difference, 0 of 1099 blocks missed.
    """
    bundle, mix = Bundle.load(MODEL), the_mix()
    played = play(tmp_path, server.port, mix, ring=PATIENT_RING_MS)
    start, total = played.stats["start"], played.stats["total"]
    n_blocks = len(played.bass) // BLOCK
    blocks = list(mix[start:][: n_blocks * BLOCK].reshape(n_blocks, BLOCK))
    heard, wanted = played.bass[: n_blocks * BLOCK], expected(bundle, blocks, start)
    print(f"{np.abs(heard - wanted).max()} of difference, {played.stats['heard']} blocks")  # noqa: T201
    assert total == round((TARGET_MS + PATIENT_RING_MS) * RATE / 1000)
    assert played.stats["missed"] == 0 and played.stats["model"] == MODEL
    assert not any(state.startswith("refused") for state in played.stats["states"])
    assert 0.05 < np.abs(wanted).max() < 1.0
    assert not np.array_equal(wanted, expected(bundle, blocks, start, MOVES[:1]))  # z counts
    assert lag_samples(heard, wanted) == 0
    np.testing.assert_array_equal(heard, wanted)
    np.testing.assert_array_equal(heard, by_the_client(server.port, blocks, played.stats["z"]))


def test_on_a_rough_network_what_came_in_time_is_heard_in_its_place(
    server: ServerProcess, tmp_path: Path
) -> None:
    """0 to 12 ms of jitter and disorder, both ways, and a ring of 70 ms.

    How many come in time is the machine's affair: bridge_report.py tells, of an idle one all.
    """
    faults = Faults(reorder=0.1, jitter=JITTER_S)
    with FaultProxy(server.port, faults, faults) as proxy:
        played = play(tmp_path, proxy.port, the_mix(), ring=RING_MS, isAtSource=True)
        assert proxy.inward.n_reordered > 20 and proxy.outward.n_reordered > 20
    came, samples = played.answers[:, 0], played.answers[:, 1:]
    n_blocks = len(played.bass) // BLOCK
    heard = played.bass[: n_blocks * BLOCK].reshape(n_blocks, BLOCK)
    # Block k begins to be heard when the count is at its place; the bridge is told it once in a step.
    spare = played.stats["start"] + played.stats["delay"] + BLOCK * np.arange(len(came)) - came
    in_time = (spare > 2 * CLOCK_STEP)[:n_blocks]
    assert in_time.mean() > 0.5  # else nothing was tried
    np.testing.assert_array_equal(heard[in_time], samples[:n_blocks][in_time])
    too_late = (spare < 0)[:n_blocks]
    assert not [
        k for k in np.flatnonzero(too_late) if np.array_equal(heard[k], samples[k]) and samples[k].any()
    ]
