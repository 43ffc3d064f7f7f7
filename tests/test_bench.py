"""The bench: its figures computed by hand, its pace under a made clock, its files, and real processes."""

from __future__ import annotations

import heapq
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_process import wait_for

from bassnet_osc import wire
from bassnet_osc.arguments import parse
from bassnet_osc.audio_wire import encode_audio
from bassnet_osc.bench import command, table
from bassnet_osc.bench.figures import is_on_time, of_sessions, percentile, spread
from bassnet_osc.bench.load import CLEAR_S, Load, packed_mix
from bassnet_osc.bench.measure import SESSIONS_PER_PROCESS, Case, plans
from bassnet_osc.bench.player import Packed, Player
from bassnet_osc.bench.processes import ServerProcess
from bassnet_osc.bench.search import most_on_time
from bassnet_osc.demo_run import MIX
from bassnet_osc.spec import BassNetError

ROOT = Path(__file__).parent.parent
RATE, BLOCK_SIZE, DEADLINE_MS = 48_000, 256, 20.0
BLOCK_S = BLOCK_SIZE / RATE
N_WARM, N_BLOCKS = 10, 200
ANSWER_S = 0.001  # after which the made server answers
FROM_S, TO_S = 0.5, 0.8  # from the first block on: when something stands still
WAIT_S = 60.0  # for processes that take 2 s on an idle machine

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in Linux's /proc")


# --- figures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 50, 7.0),
        ([4.0, 1.0, 3.0, 2.0], 50, 2.0),
        ([4.0, 1.0, 3.0, 2.0], 51, 3.0),
        (list(range(1, 11)), 95, 10),
        (list(range(1, 10_001)), 99, 9900),
        (list(range(1, 10_001)), 99.99, 9999),
        (list(range(1, 10_001)), 100, 10_000),
        ([1.0, None, 2.0], 50, 2.0),
        ([1.0, None, 2.0], 100, None),
    ],
)
def test_percentiles_by_hand(values: list[float | None], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([50.0, 95.0, 99.0, 99.99, 100.0]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values and found is not None
    n_needed = share / 100 * len(values) - 1e-6
    assert sum(value <= found for value in values) >= n_needed
    assert sum(value < found for value in values) < n_needed


def test_the_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(BassNetError, match="got none"):
        percentile([], 50)


def tally(trips: list[float | None], **others: int) -> dict[str, Any]:
    """Of a session whose answers took so many ms."""
    names = ("late", "lost", "concealed", "astray", "reopened", "overloaded_s", "slow")
    sent_late = [0.1] * len(trips)
    return {"round_trip_ms": trips, "sent_late_ms": sent_late} | dict.fromkeys(names, 0) | others


def test_sessions_are_counted_together() -> None:
    """Of 10 blocks: one seen late, which the server concealed; one concealed in time; one never answered."""
    one = tally([1.0, 2.0, 20.0, 20.1, 3.0], late=1, concealed=2, slow=1, overloaded_s=2)
    other = tally([1.0, 2.0, 4.0, 5.0, None], late=1, lost=3, overloaded_s=1)
    found = of_sessions([one, other], DEADLINE_MS)
    assert (found["blocks"], found["late"], found["late_seen"], found["unanswered"]) == (10, 2, 1, 1)
    assert (found["lost"], found["concealed"], found["overloaded_s"]) == (3, 2, 2)
    assert found["on_time"] == pytest.approx(0.7)
    assert found["round_trip_ms"] == {"p50": 3.0, "p95": None, "p99": None, "p99.99": None, "max": None}


@pytest.mark.parametrize(
    ("n_late", "reopened", "expected"), [(0, 0, True), (1, 0, True), (2, 0, False), (0, 1, False)]
)
def test_one_block_of_10_000_may_be_late(n_late: int, reopened: int, expected: bool) -> None:
    trips: list[float | None] = [1.0] * (10_000 - n_late)
    found = of_sessions([tally(trips + [20.5] * n_late, reopened=reopened)], DEADLINE_MS)
    assert is_on_time(found) is expected


@pytest.mark.parametrize("most", [1, 5, 8, 64])
def test_the_search_finds_every_number(most: int) -> None:
    for true_number in range(most + 1):
        asked: list[int] = []
        is_on_time: Callable[[int], bool] = lambda n, asked=asked, good=true_number: (  # noqa: E731
            asked.append(n) or n <= good  # type: ignore[func-returns-value]
        )
        assert most_on_time(is_on_time, most) == true_number
        assert len(set(asked)) == len(asked) <= 2 * most.bit_length()
        assert all(1 <= n <= most for n in asked)


def test_the_search_doubles_and_then_halves() -> None:
    asked: list[int] = []
    assert most_on_time(lambda n: asked.append(n) or n <= 5, 64) == 5  # type: ignore[func-returns-value]
    assert asked == [1, 2, 4, 8, 6, 5]


# --- pace ------------------------------------------------------------------------------------------------


class World:
    """A clock that is moved by listening alone, and a server behind it. Something may stand still a while."""

    def __init__(self, server_sleeps: bool = False, load_sleeps: bool = False) -> None:
        self.now, self.began = 100.0, 100.0 + CLEAR_S
        self._server_sleeps, self._load_sleeps = server_sleeps, load_sleeps
        self._answers: list[tuple[float, bytes]] = []
        self.sent: list[tuple[float, int]] = []  # time and seq of the blocks
        self.player: Player | None = None

    def send(self, datagram: bytes) -> None:
        """The socket's: what the server would answer is put off until its time."""
        address = wire.address_of(datagram)
        if address == "/bassnet/hello":
            self._answer(wire.encode("/bassnet/welcome", 1, 7, 2418, "made", "0"))
        elif address == "/bassnet/subscribe":
            self._answer(wire.encode("/bassnet/stats", len(self.sent), 0, 0, 0, 1.0, 1.0, 1.0, 0.1))
        elif address == "/bassnet/audio/in":
            [seq] = struct.unpack_from(">i", datagram, len(datagram) - 4 * BLOCK_SIZE - 4)
            self.sent.append((self.now, seq))
            self._answer(encode_audio("/bassnet/audio/out", seq, np.zeros(BLOCK_SIZE, np.float32), "f"))

    def recv(self, n_bytes: int) -> bytes:
        """Not used: `listen` hands over what arrives."""
        raise BlockingIOError

    def _answer(self, datagram: bytes) -> None:
        at = self.now + ANSWER_S
        if self._server_sleeps and FROM_S <= at - self.began < TO_S:
            at = self.began + TO_S
        heapq.heappush(self._answers, (at, datagram))

    def listen(self, seconds: float) -> None:
        """As the load's, without a socket."""
        until = self.now + seconds
        if self._load_sleeps and FROM_S <= until - self.began < TO_S:
            self.now = self.began + TO_S
        elif self._answers and self._answers[0][0] <= until:
            self.now = max(self.now, self._answers[0][0])
        else:
            self.now = until
        while self._answers and self._answers[0][0] <= self.now:
            assert self.player is not None
            self.player.take(heapq.heappop(self._answers)[1], self.now)


def made_player(world: World) -> Player:
    """A session of N_WARM and N_BLOCKS blocks."""
    packed = Packed([np.zeros(BLOCK_SIZE, np.float32)])
    return Player(world, packed, "made", RATE, DEADLINE_MS, N_WARM, N_BLOCKS)


def played(world: World) -> dict[str, Any]:
    """The tally of a session in that world, whose first block is due at once."""
    world.player = made_player(world)
    load = Load([world.player], world.listen, lambda: world.now, lambda: 0.25 * world.now)
    load.connect()
    world.began = world.now + CLEAR_S
    load.play([0.0])
    assert load.cpu == pytest.approx(0.25)
    return world.player.tally()


def test_blocks_leave_when_they_are_due_and_never_sooner() -> None:
    world = World()
    found = played(world)
    times, seqs = zip(*world.sent, strict=True)
    assert seqs == tuple(range(N_WARM + N_BLOCKS))
    assert times == pytest.approx([world.began + seq * BLOCK_S for seq in seqs], abs=1e-9)
    assert found["round_trip_ms"] == pytest.approx([1000 * ANSWER_S] * N_BLOCKS, abs=1e-3)


@pytest.mark.parametrize("who", ["server_sleeps", "load_sleeps"])
def test_who_stands_still_is_felt_by_every_block_that_was_due_meanwhile(who: str) -> None:
    """300 ms without an answer, 56 blocks due: the k-th of them waits k block durations less."""
    world = World(**{who: True})
    found = played(world)
    dues = [seq * BLOCK_S for seq in range(N_WARM, N_WARM + N_BLOCKS)]
    own_s = ANSWER_S if who == "load_sleeps" else 0.0  # sent at the end, and answered after that
    stalled = [FROM_S - 0.99 * ANSWER_S < due < TO_S - ANSWER_S for due in dues]
    assert sum(stalled) == 56
    for due, is_stalled, trip_ms in zip(dues, stalled, found["round_trip_ms"], strict=True):
        if is_stalled:
            assert trip_ms == pytest.approx(1000 * (TO_S + own_s - due), abs=1.5)
    # The 11th longest of 200 trips is the p95: ten blocks' durations less than the longest.
    assert spread(found["round_trip_ms"])["p95"] == pytest.approx(1000 * (0.3 - 10 * BLOCK_S), abs=6.0)
    on_time = of_sessions([found], DEADLINE_MS)["on_time"]
    assert on_time == pytest.approx(1 - (56 - DEADLINE_MS / 1000 / BLOCK_S) / N_BLOCKS, abs=0.01)
    latest_ms = max(found["sent_late_ms"])
    assert latest_ms > 290 if who == "load_sleeps" else latest_ms < 1e-3  # whose fault it was


def test_answers_that_nobody_waits_for_are_astray() -> None:
    world = World()
    player = made_player(world)
    player.send(0.0)
    block = np.zeros(BLOCK_SIZE, np.float32)
    for seq, samples in [(0, block[:-1]), (1, block), (0, block), (0, block)]:  # the third is the right one
        player.take(encode_audio("/bassnet/audio/out", seq, samples, "f"), 0.005)
    player.take(wire.encode("/bassnet/stats", 1, 0, 0, 0, 1.0, 1.0, 1.0, 0.1), 0.006)
    assert player.tally()["astray"] == 3


def test_the_servers_counts_begin_after_the_warm_up_and_anew_with_a_new_session() -> None:
    player = made_player(World())
    for late in (3, 5):
        player.take(wire.encode("/bassnet/stats", 9, 0, late, late, 1.0, 1.0, 1.0, 0.1), 0.0)
    assert player.tally()["late"] == 2
    for token in (1, 1, 2):
        player.take(wire.encode("/bassnet/welcome", 1, token, 2418, "made", "0"), 0.0)
    assert (player.tally()["late"], player.tally()["reopened"]) == (5, 1)


def test_a_load_needs_the_servers_counts() -> None:
    with pytest.raises(BassNetError, match="must tell its counts"):
        made_player(World()).tally()


def test_the_mix_is_the_demos_at_any_rate() -> None:
    from bassnet_osc.audio_files import Mix
    from bassnet_osc.audio_wire import decode_audio

    packed = packed_mix(MIX, RATE, BLOCK_SIZE)
    audio = next(Mix([MIX]).blocks())
    seq, block = decode_audio(packed.datagram(3, offset=4), "f")
    assert seq == 3 and np.array_equal(block, audio[7 * BLOCK_SIZE : 8 * BLOCK_SIZE])
    assert np.array_equal(decode_audio(packed.datagram(len(packed) + 7, 0), "f")[1], block)
    assert len(packed_mix(MIX, 44_100, 441)) == pytest.approx(24.97 * 100, abs=1)


def test_sessions_are_dealt_to_processes_with_places_of_their_own() -> None:
    case = Case("made", "auto", SESSIONS_PER_PROCESS + 1, BLOCK_SIZE, RATE, 1.0)
    dealt = [plan["sessions"] for plan in plans(case, 7770)]
    assert [len(sessions) for sessions in dealt] == [SESSIONS_PER_PROCESS, 1]
    phases = [one["phase"] for sessions in dealt for one in sessions]
    assert len(set(phases)) == len(phases) and all(0 <= phase < 1 for phase in phases)
    assert plans(case, 7770) == plans(case, 7770)


# --- what is told ----------------------------------------------------------------------------------------


def made_row(**others: Any) -> dict[str, Any]:
    """A row as `measure` gives it."""
    figures = of_sessions([tally([1.0, 2.0, 3.0, None], late=12345, lost=1)], DEADLINE_MS)
    row = {
        "model": "made",
        "provider": "CPUExecutionProvider",
        "sessions": 64,
        "block_size": 1024,
        "sample_rate": 176_400,
        "seconds": 10.0,
        "deadline_ms": DEADLINE_MS,
        **figures,
        "inference_ms": {"p50": 4.25, "p95": 1234.5, "p99": 1234.5, "p99.99": 1234.5, "max": 1234.5},
        "cpu_server": 1.256,
        "cpu_load": 0.02,
        "load_processes": 4,
        "memory_mb": 1234.4,
    }
    return row | others


def made_facts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All that the table is made of."""
    machine = {"cpu": "a processor", "cores": 2, "system": "made"}
    versions = {"bassnet": "0", "python": "3"}
    shared = {"machine": machine, "versions": versions, "complete": True, "sessions_on_time": None}
    return shared | {"rows": rows}


def test_the_table_is_narrow_and_tells_all() -> None:
    lines = table.in_words(made_facts([made_row(), made_row(cpu_server=None, memory_mb=None)])).splitlines()
    assert all(len(line) <= 132 for line in lines), max(map(len, lines))
    heads, first, second = lines[4:7]
    assert len(heads) == len(first) == len(second)
    expected = "64 1024 176.4 2.0 never never never never 4.2 1234 1234 1234 1234"
    assert first.split()[:13] == expected.split()
    assert first.split()[13:] == ["0.00", "12345", "0", "2", "0", "0", "126", "2", "1234"]
    assert second.split()[-3:] == ["-", "2", "-"]


def test_clients_that_sent_late_are_told_of() -> None:
    sent_late = {"p50": 0.1, "p99": 1.5, "max": 9.0}
    assert "p99 up to 1.5 ms" in table.in_words(made_facts([made_row(), made_row(sent_late_ms=sent_late)]))
    assert "sent late" not in table.in_words(made_facts([made_row()]))


@pytest.mark.parametrize(
    ("share", "told"), [(1.0, "100.00"), (0.99999, "99.99"), (0.9999, "99.99"), (0, "0.00")]
)
def test_all_is_said_of_all_alone(share: float, told: str) -> None:
    assert table.share(share) == told


def run(monkeypatch: pytest.MonkeyPatch, words: str, rows: list[Any]) -> list[Case]:
    """The command, its measurements replaced: a row each, or what is to be raised. Returns what was asked."""
    asked: list[Case] = []

    def measure(case: Case) -> dict[str, Any]:
        asked.append(case)
        row = rows[len(asked) - 1]
        if isinstance(row, dict):
            return row
        raise row

    monkeypatch.setattr(command, "measure", measure)
    command.bench(parse(["bench", *words.split()]))
    return asked


def test_the_usual_table_has_four_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    asked = run(monkeypatch, f"--json {file}", [made_row()] * 4)
    assert [(case.n_sessions, case.block_size, case.sample_rate, case.seconds) for case in asked] == [
        (1, 256, 48_000, 10.0),
        (4, 256, 48_000, 10.0),
        (1, 480, 48_000, 10.0),
        (4, 480, 48_000, 10.0),
    ]
    assert {case.model for case in asked} == {"groove-live"}
    told = json.loads(file.read_text())
    assert told["rows"] == [made_row()] * 4 and told["complete"] and told["sessions_on_time"] is None
    assert {"cpu", "cores", "system"} == set(told["machine"])
    assert {"bassnet", "python"} < set(told["versions"])


def test_the_search_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = made_row(on_time=1.0), made_row(on_time=0.9)
    file = tmp_path / "bench.json"
    asked = run(monkeypatch, f"--find-sessions --blocks 480 --json {file}", [good, good, bad, good])
    assert [(case.n_sessions, case.block_size, case.seconds) for case in asked] == [
        (1, 480, 60.0),
        (2, 480, 60.0),
        (4, 480, 60.0),
        (3, 480, 60.0),
    ]
    assert json.loads(file.read_text())["sessions_on_time"] == 3
    assert "sessions on time: 3" in capsys.readouterr().out


@pytest.mark.parametrize("end", [KeyboardInterrupt(), BassNetError("the server failed: it said nothing")])
def test_what_was_done_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], end: BaseException
) -> None:
    file = tmp_path / "bench.json"
    with pytest.raises(type(end)):
        run(monkeypatch, f"--json {file}", [made_row(), end])
    told = json.loads(file.read_text())
    assert told["rows"] == [made_row()] and not told["complete"]
    assert "not complete" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_without_a_row_the_old_file_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        run(monkeypatch, f"--json {file}", [KeyboardInterrupt()])
    assert file.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_stages_and_neighbours_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def profile(*options: Any) -> dict[str, Any]:
        asked.append(options)
        return {"hop": 1}

    stages = SimpleNamespace(profile=profile, stages_in_words=lambda found: f"stages {found['hop']}")
    others = SimpleNamespace(
        neighbours=lambda: {"cqt": 2}, neighbours_in_words=lambda found: f"by {found['cqt']}"
    )
    monkeypatch.setitem(sys.modules, "bassnet_osc.bench.stages", stages)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "bassnet_osc.bench.neighbours", others)  # type: ignore[arg-type]
    file = tmp_path / "bench.json"
    assert run(monkeypatch, f"--profile --neighbours --provider cpu --json {file}", []) == []
    assert asked == [("groove-live", "cpu", 10.0)]
    told = json.loads(file.read_text())
    assert (told["stages"], told["neighbours"], told["rows"]) == ({"hop": 1}, {"cqt": 2}, [])
    assert capsys.readouterr().out == "stages 1\n\nby 2\n"


@pytest.mark.parametrize(
    "words",
    [
        "--sessions 0",
        "--sessions 65",
        "--sessions 1,,2",
        "--sessions 1.5",
        "--sessions 99999999999999999999",
        "--blocks 8",
        "--blocks 2048",
        "--rates 7999",
        "--rates fast",
        "--seconds 0",
        "--seconds nan",
        "--seconds inf",
        "--model nobody",
        "--json no/such/folder.json",
        "--find-sessions --sessions 4",
        "--find-sessions --blocks 256,480",
    ],
)
def test_bad_options_get_one_line_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    with pytest.raises(BassNetError) as refused:
        run(monkeypatch, words, [])
    assert len(str(refused.value).splitlines()) == 1 and ": " in str(refused.value)


# --- real processes --------------------------------------------------------------------------------------


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
