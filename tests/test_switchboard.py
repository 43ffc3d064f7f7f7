"""Sessions as bytes in, bytes out: no port, no clock, no thread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rig import DURATION, HERE, LATENCY, RATE, THERE, Rig, assert_echo, hello, packed

from bassnet_osc import audio_wire, wire
from bassnet_osc.sound import Sound


def test_hello_is_welcomed_with_the_latency_and_its_parts() -> None:
    rig = Rig()
    rig.hello("deadline_ms", 20.0)
    [(datagram, to)] = rig.sent
    assert to == HERE and len(datagram) <= 256
    [welcome] = rig.messages()
    session, token, latency, model, version = welcome.args[:5]
    assert (welcome.address, session, latency, model) == ("/bassnet/welcome", 1, LATENCY, "echo")
    pairs = dict(zip(welcome.args[5::2], welcome.args[6::2], strict=True))
    assert pairs == {
        "z_range": 6.0,
        "deadline_ms": 20.0,
        "resampler_ms": 0.5,
        "window_ms": 40.0,
        "frame_ms": 10.0,
    }
    assert rig.board.sessions[HERE].token == token and version


@pytest.mark.parametrize("n_bytes", range(0, 260, 4))
def test_nothing_longer_than_the_hello_goes_to_an_unproven_source(n_bytes: int) -> None:
    rig = Rig()
    request = hello(n_bytes=n_bytes)
    rig.board.receive(request, HERE)
    assert len(rig.sent) <= 1
    assert all(len(data) <= len(request) for data, _ in rig.sent)
    rig.loop.advance(2.5)
    assert sum(len(data) for data, _ in rig.sent) <= len(request)  # status and all
    if session := rig.board.sessions.get(HERE):
        rig.say("/bassnet/ping", session.token)
        [welcome] = [m for m in rig.messages() if m.address == "/bassnet/welcome"][-1:]
        assert len(welcome.args) == 15  # whole, once the path is proven


def test_a_short_hello_is_told_to_be_longer() -> None:
    rig = Rig()
    rig.hello(n_bytes=0)
    [message] = rig.messages()
    assert message.address == "/bassnet/error" and message.args[0] == "short"
    assert message.args[1] == "pad to 256 B"


def test_only_the_token_proves_a_path_by_ping() -> None:
    rig = Rig()
    rig.hello()
    rig.say("/bassnet/ping", rig.board.sessions[HERE].token ^ 1)
    rig.say("/bassnet/subscribe", "stats", 1)
    assert not rig.board.sessions[HERE].is_proven
    assert [m.address for m in rig.messages()] == ["/bassnet/welcome", "/bassnet/pong", "/bassnet/error"]
    rig.say("/bassnet/ping", rig.board.sessions[HERE].token)
    assert rig.board.sessions[HERE].is_proven


def test_the_heartbeat_renews_and_never_touches_the_stream() -> None:
    rig = Rig()
    rig.open()
    session = rig.board.sessions[HERE]
    for seq in range(20):
        rig.hello()
        rig.block(seq)
        rig.loop.advance(0.5)
    assert rig.board.sessions == {HERE: session}
    answers = rig.answers()
    assert [seq for seq, _ in answers] == list(range(20))
    assert_echo(answers)
    assert session.counters.late == 0


@pytest.mark.parametrize(
    "changed", [{"sample_rate": 44_100}, {"block_size": 128}, {"audio_format": "b"}, {"client": "other"}]
)
def test_a_changed_hello_restarts_the_session(changed: dict[str, Any]) -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/z", 1.0, 2.0)
    rig.block(0)
    before = rig.board.sessions[HERE]
    rig.hello(**changed)
    after = rig.board.sessions[HERE]
    assert after is not before and len(rig.board.sessions) == 1
    assert (after.number, after.token, after.z.target) == (before.number, before.token, (1.0, 2.0))
    assert after.counters.blocks_in == 0
    assert rig.messages()[-1].address == "/bassnet/welcome"


def test_the_token_finds_the_session_from_another_port_of_the_same_machine() -> None:
    rig = Rig()
    rig.open()
    session = rig.board.sessions[HERE]
    rig.block(0)
    rig.answers()
    rig.hello("token", session.token, source=("10.0.0.1", 5001))
    assert rig.board.sessions[HERE] is session and len(rig.board.sessions) == 2
    rig.hello("token", session.token, source=THERE)
    assert rig.board.sessions[THERE] is session and HERE not in rig.board.sessions
    rig.block(1, source=THERE)
    [(seq, samples)] = rig.answers(THERE)
    assert seq == 1 and (samples[:LATENCY] == 0).all() and (samples[LATENCY:] == 1).all()


RESET, BYE = wire.encode("/bassnet/reset"), wire.encode("/bassnet/bye")


def block_of(seq: int, n: int = 16) -> bytes:
    return audio_wire.encode_audio("/bassnet/audio/in", seq, np.zeros(n, np.float32), "s16")


@pytest.mark.parametrize(
    "messages",
    [
        [RESET] * 40,
        [m for k in range(40) for m in (block_of(k), RESET)],
        [block_of(1_000_000 * (k % 2)) for k in range(40)],
        [hello(sample_rate=8001 + k, n_bytes=0) for k in range(40)],
        [m for k in range(40) for m in (BYE, hello(n_bytes=0))],
    ],
    ids=["resets", "blocks and resets", "jumps", "changed hellos", "comings and goings"],
)
def test_one_datagram_cannot_have_many_voices_built(messages: list[bytes]) -> None:
    rig = Rig()
    rig.open(block_size=16, audio_format="s16")
    n_before = rig.n_voices
    rig.board.receive(packed(*messages), HERE)
    assert rig.n_voices - n_before <= 3
    rig.loop.advance(1.0)
    rig.hello()
    assert rig.board.sessions[HERE].hello.sample_rate == RATE  # a second later all is well


def test_a_changed_hello_too_many_is_refused_in_one_line_and_the_stream_goes_on() -> None:
    rig = Rig()
    rig.open()
    for k in range(10):
        rig.hello(client=f"c{k}")
    [error] = [m for m in rig.messages() if m.address == "/bassnet/error"]
    assert error.args == (
        "hello",
        "a stream may start anew 4 times a second; got one more: send blocks no faster than real time",
    )
    assert rig.board.sessions[HERE].hello.client == "c2"
    rig.block(0)
    assert [seq for seq, _ in rig.answers()] == [0]


def test_hearing_that_fails_all_the_time_ends_the_session() -> None:
    rig = Rig()
    rig.open()
    rig.engine.at_once = False
    for seq in range(10):
        rig.block(seq)
        if rig.engine.jobs:
            rig.engine.jobs.pop()[2](ZeroDivisionError("x"))
    assert rig.board.sessions == {} and rig.n_voices == 4


def test_a_silent_client_is_dropped_and_freed() -> None:
    rig = Rig()
    rig.open()
    rig.open(source=THERE)
    rig.engine.at_once = False
    rig.block(0)
    for _ in range(4):
        rig.loop.advance(0.9)
        rig.hello(source=THERE)
    assert list(rig.board.sessions) == [THERE]
    assert rig.engine.jobs == []  # nothing is heard for it any more
    rig.messages()
    rig.block(1)
    [error] = rig.messages()
    assert error.args[0] == "no_session"


def test_parameters_change_the_sound_and_outlive_a_restart() -> None:
    """The sender's own; everybody's from a controller; numbers are clamped, a timbre that is none refused."""
    rig = Rig()
    rig.open()
    rig.open(source=THERE)
    here, there = (rig.board.sessions[source] for source in (HERE, THERE))
    rig.say("/bassnet/param/octave", -1)
    rig.say("/bassnet/param/timbre", "sub")
    assert (here.voice.sound, there.voice.sound) == (Sound("sub", -1), Sound())
    controller = ("127.0.0.1", 6000)
    for name, value in (("tuning", 1000.0), ("gate", -12), ("octave", 9.0)):
        rig.say(f"/bassnet/param/{name}", value, source=controller)
    assert here.voice.sound == Sound("sub", 4, 480.0, -12.0)
    assert there.voice.sound == Sound("finger", 4, 480.0, -12.0)
    rig.block(0)
    rig.say("/bassnet/reset")
    assert here.voice.sound == Sound("sub", 4, 480.0, -12.0)
    rig.hello(sample_rate=44_100)
    assert rig.board.sessions[HERE].voice.sound == Sound("sub", 4, 480.0, -12.0)
    rig.messages()
    rig.say("/bassnet/param/timbre", "tuba")
    [error] = rig.messages()
    assert error.args[0] == "param/timbre" and "one of finger" in error.args[1]


def test_a_client_is_addressed_by_its_name() -> None:
    """From anywhere, with what controls and nothing else; all of that name are meant."""
    rig = Rig()
    controller = ("127.0.0.1", 6000)
    rig.open(client="max")
    rig.open(source=THERE, client="live")
    here, there = (rig.board.sessions[source] for source in (HERE, THERE))
    rig.say("/bassnet/to/live/z", 1.0, -1.0, source=controller)
    rig.say("/bassnet/to/live/z/x", 2.0, source=HERE)
    rig.say("/bassnet/to/live/param/timbre", "sub", source=controller)
    assert there.z.target == (2.0, -1.0) and there.voice.sound == Sound("sub")
    assert here.z.target != (2.0, -1.0) and here.voice.sound == Sound()
    rig.messages()
    for address in ("/bassnet/to/live/bye", "/bassnet/to/live/hello", "/bassnet/to/live/", "/bassnet/to/"):
        rig.say(address, source=HERE)
        rig.loop.advance(1.1)
        rig.hello(client="max"), rig.hello(source=THERE, client="live")
    assert {error.args[0] for error in rig.messages() if error.address == "/bassnet/error"} == {"address"}
    assert set(rig.board.sessions) == {HERE, THERE}
    rig.say("/bassnet/to/pd/z", 1.0, 1.0, source=HERE)
    [error] = rig.messages()
    assert error.args[0] == "z" and "no client is named 'pd'" in error.args[1]


def test_a_client_that_sends_no_mix_lets_no_note_hang() -> None:
    """Max with its sound switched off goes on to say hello."""
    rig = Rig()
    rig.open()
    voice = next(iter(rig.board.sessions.values())).voice
    for seq in range(400):
        rig.block(seq)
        rig.loop.advance(DURATION)
        if seq % 100 == 0:
            rig.hello()
    assert voice.rests == 0
    for _ in range(3):
        rig.loop.advance(0.9)
        rig.hello()
    assert voice.rests > 0 and list(rig.board.sessions) == [HERE]


def test_bye_ends_the_session() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/bye")
    assert rig.board.sessions == {}


def test_one_more_than_the_most_sessions_is_refused() -> None:
    rig = Rig(max_sessions=2)
    rig.open()
    rig.open(source=THERE)
    rig.hello(source=("127.0.0.1", 5002))
    [error] = rig.messages(("127.0.0.1", 5002))
    assert error.args[:1] == ("hello",) and "2 sessions already" in error.args[1]
    rig.hello()
    assert rig.messages()[0].address == "/bassnet/welcome"  # renewing is not opening
    rig.say("/bassnet/bye", source=THERE)
    rig.hello(source=("127.0.0.1", 5002))
    assert rig.messages(("127.0.0.1", 5002))[0].address == "/bassnet/welcome"


def test_64_sessions_play_at_once() -> None:
    rig = Rig()
    sources = [("127.0.0.1", 6000 + k) for k in range(64)]
    for source in sources:
        rig.open(source=source)
    for seq in range(5):
        for source in sources:
            rig.block(seq, source=source)
    for source in sources:
        assert_echo(rig.answers(source))


def test_replies_go_to_the_reply_port_even_the_refusal() -> None:
    rig = Rig()
    replies = ("127.0.0.1", 7000)
    rig.hello(reply_port=7000, sample_rate=1)
    assert rig.messages(replies)[0].args[0] == "hello"
    rig.hello(reply_port=7000)
    rig.block(0)
    assert not [to for _, to in rig.sent if to != replies]
    assert [seq for seq, _ in rig.answers(replies)] == [0]


@pytest.mark.parametrize("changed", [{"sample_rate": 1}, {"audio_format": "wav"}, {"client": "a b"}])
def test_a_bad_hello_is_refused_with_its_rule(changed: dict[str, Any]) -> None:
    rig = Rig()
    rig.hello(**changed)
    [error] = rig.messages()
    assert error.address == "/bassnet/error" and error.args[0] == "hello" and "must be" in error.args[1]
    assert rig.board.sessions == {}


def test_what_the_voice_refuses_is_refused() -> None:
    rig = Rig()
    rig.hello("taper", 3)
    assert rig.messages()[0].args == ("hello", "taper must be even; got 3: choose 4")
    assert rig.board.sessions == {}


def test_odd_sample_rates_take_their_turn_and_usual_ones_do_not() -> None:
    """The table of 48 001 Hz takes milliseconds: those of 60 sources at once would stop everybody's sound."""
    rig = Rig()
    for k in range(12):
        rig.hello(source=("127.0.0.1", 6000 + k), sample_rate=48_001 + 2 * k)
        rig.hello(source=("127.0.0.1", 7000 + k), sample_rate=44_100)
    rates = [session.hello.sample_rate for session in rig.board.sessions.values()]
    assert rates.count(44_100) == 12 and len(rates) == 20
    rig.loop.advance(1.0)
    rig.hello(source=("127.0.0.1", 6011), sample_rate=48_023)
    assert len(rig.board.sessions) == 21


def test_nobody_gets_what_is_another_clients() -> None:
    """A stranger who names a client's own port is refused; of two with one reply_port the newer has it."""
    rig = Rig()
    rig.open()
    rig.hello(source=THERE, reply_port=HERE[1])
    assert THERE not in rig.board.sessions
    assert not [m for m in rig.messages() if m.address == "/bassnet/welcome"]
    rig.hello(source=THERE, reply_port=7000)
    rig.hello(source=("127.0.0.1", 5002), reply_port=7000)  # the patch was loaded again
    assert set(rig.board.sessions) == {HERE, ("127.0.0.1", 5002)}
    rig.hello(source=("127.0.0.1", 7000))  # whose port that is says hello
    assert set(rig.board.sessions) == {HERE, ("127.0.0.1", 7000)}
