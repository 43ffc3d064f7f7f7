"""The bench's load under a made clock: blocks leave when they are due, and each wait is counted."""

from __future__ import annotations

import heapq
import struct
from typing import Any

import numpy as np
import pytest
from bench_rows import DEADLINE_MS

from bassnet_osc import wire
from bassnet_osc.audio_wire import encode_audio
from bassnet_osc.bench.figures import of_sessions, spread
from bassnet_osc.bench.load import CLEAR_S, Load, packed_mix
from bassnet_osc.bench.measure import SESSIONS_PER_PROCESS, Case, plans
from bassnet_osc.bench.player import Packed, Player
from bassnet_osc.demo_run import MIX
from bassnet_osc.spec import BassNetError

RATE, BLOCK_SIZE = 48_000, 256
BLOCK_S = BLOCK_SIZE / RATE
N_WARM, N_BLOCKS = 10, 200
ANSWER_S = 0.001  # after which the made server answers
FROM_S, TO_S = 0.5, 0.8  # from the first block on: when something stands still


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
