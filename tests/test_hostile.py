"""Hostile datagrams, while a session plays: nothing escapes, nothing grows, and the session plays on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest
from fuzz import attack
from hostile import MOST, Hostile
from rig import DURATION, HERE, Rig, assert_echo, hello
from server_process import ServerProcess

from bassnet_osc import wire
from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.order import WINDOW
from bassnet_osc.request import MAX_WARNED
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import MAX_SESSIONS
from bassnet_osc.watch import SILENCE

N_IN_PROCESS = 100_000  # datagrams
N_BY_SOCKET = 20_000
PER_BLOCK = 100  # datagrams between two blocks of the session that plays
STRANGERS = [("127.0.0.1", 6000 + k) for k in range(2000)]
LOUD = 96  # of the strangers send nearly everything: more than there may be sessions


def test_the_same_seed_gives_the_same_datagrams() -> None:
    one, same, other = (list(Hostile(seed).datagrams(2000)) for seed in (1, 1, 2))
    assert one == same and one != other


def test_every_address_is_attacked_with_right_and_with_broken_messages() -> None:
    """Of 20 000, as the server itself judges; the sizes go from nothing to the largest datagram."""
    taken, refused = dict.fromkeys(ADDRESSES, 0), dict.fromkeys(ADDRESSES, 0)
    sizes = set()
    for datagram in Hostile().datagrams(20_000):
        sizes.add(len(datagram))
        name = bytes(datagram).split(b"\0")[0].decode("ascii", "replace")
        if name not in ADDRESSES:
            continue
        try:
            kinds = ADDRESSES[name].kinds
            wire.check_size(datagram)
            if kinds is not None:
                wire.arguments(wire.decode_message(datagram), kinds)
            taken[name] += 1
        except BassNetError:
            refused[name] += 1
    assert min(taken.values()) > 10 and min(refused.values()) > 10  # measured: 29 and 20
    assert {0, MOST} <= sizes


@pytest.fixture(scope="module")
def attacked() -> Rig:
    """A switchboard after the attack; what must hold all the while is asserted on the way."""
    rig = Rig()
    rig.open(client="player")
    session = rig.board.sessions[HERE]
    hostile = Hostile()
    mine = hostile.harmless(N_IN_PROCESS)
    answers, most_sessions = [], 0
    for k, datagram in enumerate(hostile.datagrams(N_IN_PROCESS)):
        rig.board.receive(datagram, STRANGERS[k % (LOUD if k % 8 else len(STRANGERS))])
        if k % 10 == 0:
            rig.board.receive(next(mine), HERE)
        if k % PER_BLOCK == 0:
            rig.block(k // PER_BLOCK)
            answers += rig.answers()
            rig.sent.clear()
            rig.loop.advance(DURATION)
            assert_bounded(rig)
            most_sessions = max(most_sessions, len(rig.board.sessions))
    assert rig.board.sessions[HERE] is session and session.counters.late == 0
    assert [seq for seq, _ in answers] == list(range(N_IN_PROCESS // PER_BLOCK))
    assert_echo(answers)
    assert most_sessions == MAX_SESSIONS  # they were all taken: the bound has been reached
    return rig


def assert_bounded(rig: Rig) -> None:
    """Nothing that a stranger can fill grows past what is stated."""
    board = rig.board
    assert len(board.sessions) <= MAX_SESSIONS
    assert len(board.refusals._told) <= MAX_WARNED
    assert len(board.register.voices._had) <= len(STRANGERS) + 1  # a second's sources at most
    assert len(board.reports._had) <= len(STRANGERS) + 1
    assert len(board.playing._timers) <= MAX_SESSIONS
    takes = [s.take for s in board.sessions.values() if s.take is not None]
    assert all(len(t._order._held) <= WINDOW for t in takes)
    assert all(len(s.wants) <= 3 for s in board.sessions.values())


def test_hostile_datagrams_do_not_touch_the_session_that_plays(attacked: Rig) -> None:
    """100 000 from 2000 sources, and 10 000 harmless or broken ones from its own."""
    assert attacked.board.refusals.n_refused > N_IN_PROCESS / 2


def test_what_the_hostile_filled_is_freed(attacked: Rig) -> None:
    for _ in range(int(SILENCE) + 2):
        attacked.hello(client="player")
        attacked.loop.advance(1.0)
    board = attacked.board
    assert list(board.sessions) == [HERE]
    assert len(board.playing._timers) <= 1
    assert not board.refusals._told and not board.register.voices._had and not board.reports._had
    assert not board.register.odd_rates._had
    stranger = STRANGERS[-1]
    attacked.sent.clear()
    board.receive(hello(client="late"), stranger)
    assert [m.address for m in attacked.messages(stranger)] == ["/bassnet/welcome"]


@pytest.fixture
def quick_threads() -> Iterator[None]:
    """The player's thread shall not wait for the attackers'."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    yield
    sys.setswitchinterval(before)


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory and drops from Linux's /proc")
def test_a_real_server_keeps_its_promises(quick_threads: None) -> None:
    """20 000 datagrams by socket, a client playing in real time; growth measured: 7 MB."""
    with ServerProcess() as server:
        outcome = attack(server, N_BY_SOCKET, seed=0)
    assert not outcome.broken(), outcome.table()
    assert outcome.player.n_answered > 500


def strange(name: bytes) -> bytes:
    """A z for the client of that name, whatever its characters."""
    return wire.padded(b"/bassnet/to/" + name + b"/z") + b",ff\0" + bytes(8)


@pytest.mark.parametrize("name", [b"x\n00:00:00 forged \x1b[2J", b"x" * 9000, b"\xff" * 2000])
def test_the_log_tells_of_strangers_in_one_short_line(name: bytes, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.board.receive(strange(name), HERE)
    with caplog.at_level(logging.INFO, "bassnet_osc"):
        rig.loop.advance(1.0)
    [line] = caplog.messages
    assert line.isprintable() and len(line) < 300


def test_one_source_gets_few_and_short_errors_whatever_names_it_invents() -> None:
    rig = Rig()
    rig.open()
    for k in range(100):
        rig.board.receive(strange(b"%d" % k), HERE)
    rig.board.receive(strange(b"\xff" * 9000), HERE)
    errors = [datagram for datagram, _ in rig.sent]
    assert len(errors) <= len(ADDRESSES) and max(map(len, errors)) <= wire.MAX_DATAGRAM
