"""Who may have a session: nobody is thrown out by a hello that is refused, or by those who never answer."""

from __future__ import annotations

import numpy as np
import pytest
from rig import HERE, THERE, N, Rig

from bassnet_osc import wire
from bassnet_osc.audio_wire import encode_audio
from bassnet_osc.query_nodes import nodes
from bassnet_osc.report import report
from bassnet_osc.switchboard import MAX_SESSIONS

OTHER = ("127.0.0.1", 5002)


def test_a_hello_that_is_refused_costs_nobody_his_session() -> None:
    rig = Rig()
    rig.open(reply_port=7000)
    session = rig.board.sessions[HERE]
    rig.hello("taper", 3, source=THERE, reply_port=7000)  # a voice that cannot be had
    rig.hello(source=THERE, reply_port=7000)  # a port that is taken
    assert rig.board.sessions == {HERE: session}
    refused = [m.args for m in rig.messages(("127.0.0.1", 7000)) if m.address == "/bassnet/error"]
    assert refused and "7000 is max's" in refused[-1][1]


def test_two_patches_with_one_reply_port_do_not_throw_each_other_out() -> None:
    """The first keeps it while it says a word now and then; a second after its last one the other has it."""
    rig = Rig()
    rig.open(reply_port=7000)
    for _ in range(10):
        rig.loop.advance(0.5)
        rig.hello(reply_port=7000)
        rig.hello(source=THERE, reply_port=7000)
    assert set(rig.board.sessions) == {HERE}
    rig.loop.advance(1.6)
    rig.hello(source=THERE, reply_port=7000)
    assert set(rig.board.sessions) == {THERE}


def test_a_hello_that_changes_nothing_for_the_better_leaves_the_session_as_it_was() -> None:
    rig = Rig()
    rig.open()
    session = rig.board.sessions[HERE]
    rig.hello("taper", 3)
    assert rig.board.sessions == {HERE: session} and session.is_proven


def test_the_token_of_one_path_proves_no_other() -> None:
    """Else who knows it could have any port of his machine flooded, by naming it and saying the token."""
    rig = Rig()
    rig.open()
    token = rig.board.sessions[HERE].token
    rig.hello(reply_port=7000)
    session = rig.board.sessions[HERE]
    rig.say("/bassnet/ping", token)
    assert not session.is_proven and session.token != token
    rig.hello("token", session.token, source=THERE)
    moved = rig.board.sessions[THERE]
    assert moved.number == session.number and not moved.is_proven
    moves = [wire.encode(f"/bassnet/variation/{n}/z", 0.0, 0.0) for n in range(1, 9)]
    blocks = [encode_audio("/bassnet/audio/in", seq, np.zeros(N, np.float32), "f") for seq in range(20)]
    rig.sent.clear()
    for datagram in (*moves, *blocks):
        rig.board.receive(datagram, THERE)
    n_in = 256 + sum(map(len, (*moves, *blocks)))  # and the hello
    assert 0 < sum(len(data) for data, _ in rig.sent) <= n_in


def test_those_who_never_answer_make_room_for_one_who_might() -> None:
    rig = Rig()
    rig.open()
    for k in range(3 * MAX_SESSIONS):
        rig.hello(source=("127.0.0.1", 8000 + k), n_bytes=44)
    assert len(rig.board.sessions) == MAX_SESSIONS and HERE in rig.board.sessions
    rig.open(source=OTHER)
    assert OTHER in rig.board.sessions


def test_one_who_makes_room_may_be_the_one_whose_port_is_wanted() -> None:
    """Both are reasons to go, and it goes once."""
    rig = Rig(max_sessions=2)
    rig.hello(reply_port=7000)
    rig.open(source=THERE)
    rig.hello(source=OTHER, reply_port=7000)
    assert set(rig.board.sessions) == {THERE, OTHER}


def test_who_would_make_room_stays_where_the_new_one_is_refused() -> None:
    rig = Rig(max_sessions=1)
    rig.hello()
    rig.hello("taper", 3, source=THERE)
    assert set(rig.board.sessions) == {HERE}


def test_where_all_have_proven_that_they_are_there_the_next_is_refused() -> None:
    rig = Rig(max_sessions=2)
    rig.open()
    rig.open(source=THERE)
    rig.hello(source=OTHER)
    [error] = rig.messages(OTHER)
    assert "there are 2 sessions already" in error.args[1]
    assert set(rig.board.sessions) == {HERE, THERE}


def test_a_heartbeat_changes_no_order() -> None:
    """What OSCQuery shows as everybody's is the oldest session's, and stays it."""
    rig = Rig()
    rig.open()
    rig.open(source=THERE)
    rig.say("/bassnet/z", 1.0, 1.0)
    rig.say("/bassnet/z", 2.0, 2.0, source=THERE)
    for source in (HERE, THERE, HERE):
        rig.hello(source=source)
        assert nodes(rig.board)["/bassnet/z"].values == (1.0, 1.0)
        assert [one["session"] for one in report(rig.board)["sessions"]] == [1, 2]


@pytest.mark.parametrize("n_messages", [1200])
def test_controls_of_strangers_have_a_pace(n_messages: int) -> None:
    """Each is as many as there are sessions; what is too much is refused, and the sessions' own is not."""
    rig = Rig()
    rig.open()
    for k in range(n_messages):
        rig.board.receive(wire.encode("/bassnet/z/x", k / n_messages), OTHER)
    session = rig.board.sessions[HERE]
    assert session.z.target[0] == pytest.approx(999 / n_messages)
    rig.say("/bassnet/z/x", 2.0)
    assert session.z.target[0] == 2.0
