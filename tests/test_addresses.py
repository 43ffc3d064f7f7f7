"""What each address does to z and what the server says by itself; the table of them all."""

from __future__ import annotations

import math
from typing import Any

import pytest
from rig import HERE, THERE, Rig

from bassnet_osc.addresses import ADDRESSES, ANSWERS
from bassnet_osc.wire import Message


def test_z_moves_the_senders_session_alone() -> None:
    rig = Rig()
    rig.open()
    rig.open(source=THERE)
    rig.say("/bassnet/z", 1, -0.5)  # whole numbers come as i
    rig.say("/bassnet/z/y", 3.0)
    assert rig.board.sessions[HERE].z.target == (1.0, 3.0)
    rig.say("/bassnet/z/x", 2.0)
    assert rig.board.sessions[HERE].z.target == (2.0, 3.0)
    assert rig.board.sessions[THERE].z.target == (0.0, 0.0)
    assert rig.board.sessions[HERE].voice.z is rig.board.sessions[HERE].z


def test_a_controller_without_a_session_moves_everybody_and_the_last_wins() -> None:
    rig = Rig()
    rig.open()
    rig.open(source=THERE)
    rig.say("/bassnet/z", 1.0, 1.0)
    rig.say("/bassnet/z/x", 2.0, source=("10.0.0.9", 9))
    assert [s.z.target for s in rig.board.sessions.values()] == [(2.0, 1.0), (2.0, 0.0)]
    assert rig.sent == []


def test_z_is_clamped_to_the_models_range() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/z", 100.0, -100.0)
    assert rig.board.sessions[HERE].z.target == (6.0, -6.0)


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("/bassnet/z", (math.nan, 0.0)),
        ("/bassnet/z", (0.0, math.inf)),
        ("/bassnet/z", (0.0,)),
        ("/bassnet/z", ("a", "b")),
        ("/bassnet/z/x", (-math.inf,)),
    ],
)
def test_z_that_is_no_point_is_refused(address: str, args: tuple[Any, ...]) -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/z", 1.0, 2.0)
    rig.say(address, *args)
    [error] = rig.messages()
    assert error.address == "/bassnet/error" and error.args[0] == address.removeprefix("/bassnet/")
    assert rig.board.sessions[HERE].z.target == (1.0, 2.0)


def test_ping_is_answered_with_its_number() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/ping", -7)
    assert rig.messages() == [Message("/bassnet/pong", (-7,))]


def test_state_is_told_every_second_and_when_it_changes() -> None:
    rig = Rig()
    rig.open()
    for _ in range(4):
        rig.loop.advance(0.5)
        rig.hello()
    told = [m.args for m in rig.messages() if m.address == "/bassnet/status"]
    assert told == [("ready", "")] * 2
    rig.engine.saving = 1
    rig.loop.advance(1.0)
    [status] = rig.messages()
    assert status.args == ("overloaded", "every second window is left out: play fewer sessions")
    rig.engine.saving = 0
    rig.loop.advance(1.0)
    assert rig.messages()[0].args == ("ready", "")
    rig.board.become("stopping", "the server ends")
    assert rig.messages() == [Message("/bassnet/status", ("stopping", "the server ends"))]


def test_while_it_loads_hello_is_answered_with_the_state() -> None:
    rig = Rig(is_ready=False)
    rig.hello()
    assert rig.messages() == [Message("/bassnet/status", ("loading", "the model warms up"))]
    assert rig.board.sessions == {}
    rig.loop.advance(1.5)
    rig.board.become("ready")
    rig.hello()
    assert rig.messages()[0].address == "/bassnet/welcome"


def test_stats_come_at_once_and_each_second_while_wanted() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/subscribe", "stats", 1)
    rig.loop.advance(2.0)
    rig.say("/bassnet/subscribe", "stats", 0)
    rig.loop.advance(0.9)
    stats = [m.args for m in rig.messages() if m.address == "/bassnet/stats"]
    assert stats == [(0, 0, 0, 0, 1.0, 2.0, 3.0, 0.5)] * 4
    rig.say("/bassnet/subscribe", "weather", 1)
    assert rig.messages()[0].args[0] == "subscribe"


def test_the_table_says_what_each_address_takes_and_does() -> None:
    for address, entry in ADDRESSES.items():
        assert address.startswith("/bassnet/") and entry.effect
        if entry.kinds is not None:
            words = entry.arguments.split(", then")[0].split(", ") if entry.arguments else []
            kinds = [word[0] for word in words if word[:2] in ("s ", "i ", "f ")]
            assert "".join(kinds) == entry.kinds.rstrip("*"), address
    assert set(ANSWERS) == {
        f"/bassnet/{name}"
        for name in [
            "welcome",
            "audio/out",
            "status",
            "stats",
            "frame",
            "note/on",
            "note/off",
            "latency",
            "model",
            "models",
            "report",
            "variation/N/audio/out",
            "pong",
            "error",
        ]
    }
