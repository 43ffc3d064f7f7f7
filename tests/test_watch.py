"""What is done each second: the silent go, the load is told, statistics come, nothing is kept too long."""

from __future__ import annotations

import pytest
from rig import HERE, RATE, THERE, Rig

from bassnet_osc.watch import EVERY, LOOK_EVERY, SILENCE, Watch


def test_who_is_silent_for_three_seconds_is_gone_then() -> None:
    """And not before: a heartbeat that was lost once ends nothing."""
    rig = Rig()
    rig.open()
    rig.loop.advance(SILENCE - 0.01)
    assert HERE in rig.board.sessions
    rig.loop.advance(LOOK_EVERY)
    assert HERE not in rig.board.sessions and SILENCE + LOOK_EVERY <= 3.0


def test_a_server_that_slept_drops_nobody_for_it() -> None:
    """What they sent meanwhile lies in the socket."""
    rig = Rig()
    rig.open()
    rig.loop.now += 10.0  # no timer could run
    rig.loop.advance(0.05)
    assert HERE in rig.board.sessions
    rig.loop.advance(0.1)  # nothing came
    assert HERE not in rig.board.sessions


@pytest.mark.parametrize(
    ("saving", "state", "words"),
    [(0, "ready", ""), (1, "overloaded", "every second window"), (2, "overloaded", "concealed")],
)
def test_the_state_says_what_is_left_out_and_what_helps(saving: int, state: str, words: str) -> None:
    rig = Rig()
    rig.open()
    rig.engine.saving = saving
    rig.loop.advance(EVERY)
    [status] = [m for m in rig.messages() if m.address == "/bassnet/status"]
    assert status.args[0] == state and words in status.args[1]
    assert ("play fewer sessions" in status.args[1]) == (saving > 0)


def test_statistics_come_each_second_to_those_who_want_them() -> None:
    rig = Rig()
    rig.open()
    rig.open(source=THERE)
    rig.say("/bassnet/subscribe", "stats", 1)
    rig.messages()
    for _ in range(3):
        rig.hello()
        rig.hello(source=THERE)
        rig.loop.advance(EVERY)
    assert sum(m.address == "/bassnet/stats" for m in rig.messages()) == 3
    assert not any(m.address == "/bassnet/stats" for m in rig.messages(THERE))


def test_who_had_what_is_forgotten_after_a_second() -> None:
    rig = Rig()
    rig.hello(sample_rate=RATE + 1)
    rig.say("/bassnet/report", "." * 2000)
    register = rig.board.register
    assert register.voices._had and register.odd_rates._had and rig.board.reports._had
    rig.loop.advance(2.1)
    assert not (register.voices._had or register.odd_rates._had or rig.board.reports._had)


def test_others_are_called_each_second_too() -> None:
    rig, calls = Rig(), []
    Watch(rig.board, rig.loop, lambda: calls.append(rig.loop.time()))
    rig.loop.advance(3 * EVERY)
    assert len(calls) == 3
