"""The whole protocol as bytes in, bytes out: no port, no clock, no thread."""

from __future__ import annotations

import logging
import math
import random
import struct
from typing import Any

import numpy as np
import pytest
from fakes import EchoModel, EchoVoice, FakeEngine, FakeLoop

from bassnet_osc import audio_wire, wire
from bassnet_osc.addresses import ADDRESSES, ANSWERS
from bassnet_osc.session import Source
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import Switchboard
from bassnet_osc.wire import Message

HERE: Source = ("127.0.0.1", 5000)
THERE: Source = ("127.0.0.1", 5001)
RATE, N, LATENCY = 48_000, 256, 100
DURATION = N / RATE
AUDIO_OUT = b"/bassnet/audio/out"


def make_voice(sample_rate: int, z: Any, taper: int | None) -> EchoVoice:
    if taper == 3:
        raise BassNetError("taper must be even; got 3: choose 4")
    return EchoVoice(sample_rate, z, taper, LATENCY)


class Rig:
    """A switchboard between fakes, and all that it sent."""

    def __init__(self, is_ready: bool = True, **options: Any) -> None:
        self.loop, self.engine = FakeLoop(), FakeEngine()
        self.sent: list[tuple[bytes, Source]] = []
        self.board = Switchboard(
            ADDRESSES,
            EchoModel(),
            self.make_voice,
            self.engine,
            lambda data, to: self.sent.append((data, to)),
            self.loop,
            **options,
        )
        self.n_voices = 0
        if is_ready:
            self.board.become("ready")

    def make_voice(self, sample_rate: int, z: Any, taper: int | None) -> EchoVoice:
        self.n_voices += 1
        return make_voice(sample_rate, z, taper)

    def say(self, address: str, *args: Any, source: Source = HERE) -> None:
        self.board.receive(wire.encode(address, *args), source)

    def hello(self, *pairs: Any, source: Source = HERE, **changed: Any) -> None:
        self.board.receive(hello(*pairs, **changed), source)

    def open(self, *pairs: Any, source: Source = HERE, **changed: Any) -> None:
        """Says hello, proves the path, forgets what was sent for that."""
        self.hello(*pairs, source=source, **changed)
        self.say("/bassnet/ping", self.board.sessions[source].token, source=source)
        self.sent.clear()

    def block(self, seq: int, samples: Any = None, source: Source = HERE, audio_format: str = "f") -> None:
        samples = np.full(N, seq, np.float32) if samples is None else samples
        self.board.receive(audio_wire.encode_audio("/bassnet/audio/in", seq, samples, audio_format), source)

    def messages(self, to: Source = HERE) -> list[Message]:
        """What was sent there but audio, which is forgotten with it."""
        datagrams = [data for data, target in self.sent if target == to]
        self.sent = [sent for sent in self.sent if sent[1] != to]
        return [m for data in datagrams if not data.startswith(AUDIO_OUT) for m in wire.decode(data)]

    def answers(self, to: Source = HERE, audio_format: str = "f") -> list[tuple[int, np.ndarray]]:
        datagrams = [
            data for data, target in self.sent if target == to and data.startswith(b"/bassnet/audio/out")
        ]
        self.sent = [sent for sent in self.sent if sent[1] != to]
        return [audio_wire.decode_audio(data, audio_format) for data in datagrams]


def hello(
    *pairs: Any,
    client: str = "max",
    reply_port: int = 0,
    sample_rate: int = RATE,
    block_size: int = N,
    audio_format: str = "f",
    n_bytes: int = 256,
) -> bytes:
    args = [client, reply_port, sample_rate, block_size, audio_format, *pairs, "pad"]
    missing = n_bytes - len(wire.encode("/bassnet/hello", *args, ""))
    if missing < 0:
        return wire.encode("/bassnet/hello", *args[:-1])
    return wire.encode("/bassnet/hello", *args, "." * missing)


# --- sessions ----------------------------------------------------------------------------------------


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
    assert len(rig.sent) <= 1  # nor any status or stats
    rig.block(0)
    [welcome] = [m for m in rig.messages() if m.address == "/bassnet/welcome"][-1:]
    assert len(welcome.args) == 15  # whole, once audio has proven the path


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
    assert [m.address for m in rig.messages()] == ["/bassnet/welcome", "/bassnet/pong"]
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


def assert_echo(answers: list[tuple[int, np.ndarray]], first: int = 0, latency: int = LATENCY) -> None:
    """The answers are the blocks full of their seq, `latency` later."""
    n = len(answers[0][1])
    played = np.concatenate([samples for _, samples in answers])
    sent = np.repeat([float(seq) for seq, _ in answers], n)
    np.testing.assert_array_equal(played[latency:], sent[: len(sent) - latency])
    assert (played[:latency] == 0).all() or first


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


def packed(*messages: bytes) -> bytes:
    """One bundle of them, with a time tag from the future."""
    return b"#bundle\0" + b"\xff" * 8 + b"".join(len(m).to_bytes(4, "big") + m for m in messages)


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


# --- the stream --------------------------------------------------------------------------------------


@pytest.mark.parametrize("audio_format", audio_wire.FORMATS)
@pytest.mark.parametrize("block_size", [16, 64, 256, 1000, 1024])
def test_audio_comes_back_under_its_seq_and_aligned(audio_format: str, block_size: int) -> None:
    rig = Rig()
    rig.open(audio_format=audio_format, block_size=block_size)
    mix = np.random.default_rng(0).uniform(-1, 1, (20, block_size)).astype(np.float32)
    for seq, block in enumerate(mix):
        rig.block(seq, block, audio_format=audio_format)
    answers = rig.answers(audio_format=audio_format)
    assert [seq for seq, _ in answers] == list(range(20))
    bass = np.concatenate([samples for _, samples in answers])
    tolerance = 1.01 / 32767 if audio_format == "s16" else 0.0  # two roundings of half a step
    np.testing.assert_allclose(bass[LATENCY:], mix.ravel()[:-LATENCY], rtol=0, atol=tolerance)


def test_two_clients_have_streams_of_their_own() -> None:
    rig = Rig()
    rig.open()
    rig.open(source=THERE, block_size=64, audio_format="b")
    for seq in range(10):
        rig.block(seq)
        rig.block(seq + 100, np.full(64, seq + 100, np.float32), source=THERE, audio_format="b")
    assert_echo(rig.answers())
    assert_echo(rig.answers(THERE, "b"))


def test_a_missed_deadline_is_concealed_counted_and_shifts_nothing() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/subscribe", "stats", 0)
    rig.block(0)
    rig.engine.at_once = False
    rig.block(1)
    rig.loop.advance(0.99 * DURATION)
    assert [seq for seq, _ in rig.answers()] == [0]
    rig.loop.advance(0.02 * DURATION)
    [(seq, samples)] = rig.answers()
    assert seq == 1 and (samples[:LATENCY] == 0).all() and (samples[LATENCY:] == -1).all()
    rig.engine.work()  # now the late result comes
    rig.engine.at_once = True
    rig.block(2)
    rig.block(3)
    answers = rig.answers()
    assert [seq for seq, _ in answers] == [2, 3]
    assert (answers[0][1][:LATENCY] == 1).all() and (answers[0][1][LATENCY:] == 2).all()
    assert_echo(answers, first=2, latency=LATENCY)
    rig.say("/bassnet/subscribe", "stats", 0)
    [stats] = rig.messages()
    assert stats.args[:4] == (4, 0, 1, 1)  # blocks in, lost, late, concealed


def test_the_deadline_is_the_hellos() -> None:
    rig = Rig()
    rig.open("deadline_ms", 50.0)
    rig.engine.at_once = False
    rig.block(0)
    rig.loop.advance(0.049)
    assert rig.answers() == []
    rig.loop.advance(0.002)
    assert [seq for seq, _ in rig.answers()] == [0]


def test_a_gap_is_closed_in_time_though_nothing_more_comes() -> None:
    rig = Rig()
    rig.open("deadline_ms", 50.0)
    rig.block(0)
    rig.block(2)
    assert [seq for seq, _ in rig.answers()] == [0]
    rig.loop.advance(2.01 * DURATION)
    assert [seq for seq, _ in rig.answers()] == [2]
    assert rig.board.sessions[HERE].counters.lost == 1


def test_a_block_of_another_size_is_an_error_and_leaves_the_stream_alone() -> None:
    rig = Rig()
    rig.open()
    rig.block(0)
    rig.block(1, np.zeros(N - 1, np.float32))
    rig.block(1)
    [error] = rig.messages()
    assert error.args[0] == "audio/in" and "256 samples of hello; got 255" in error.args[1]
    assert rig.board.sessions[HERE].counters.blocks_in == 2


def test_reset_starts_anew_and_owes_nothing() -> None:
    rig = Rig()
    rig.open()
    rig.block(0)
    rig.engine.at_once = False
    rig.block(1)
    rig.say("/bassnet/reset")
    assert [seq for seq, _ in rig.answers()] == [0, 1]
    assert rig.engine.jobs == []
    rig.engine.at_once = True
    for seq in (2, 3, 4, 5):
        rig.block(seq)
    answers = rig.answers()
    assert [seq for seq, _ in answers] == [2, 3, 4, 5]
    fade = round(0.01 * RATE)
    played = np.concatenate([samples for _, samples in answers])
    sent = np.repeat([2.0, 3.0, 4.0, 5.0], N)
    np.testing.assert_array_equal(played[fade:], sent[fade - LATENCY : -LATENCY])  # as a new session's


def test_a_result_for_a_stream_that_has_restarted_is_ignored() -> None:
    rig = Rig()
    rig.open()
    rig.engine.at_once = False
    rig.block(0)
    [(voice, block, done)] = rig.engine.jobs
    rig.say("/bassnet/reset")
    rig.block(1)
    rig.answers()
    done(voice.hear(block))
    assert rig.answers() == []
    rig.engine.work()
    assert [seq for seq, _ in rig.answers()] == [1]


def test_hearing_that_fails_restarts_the_stream_and_says_so() -> None:
    rig = Rig()
    rig.open()
    rig.engine.at_once = False
    rig.block(0)
    rig.engine.jobs.pop()[2](ZeroDivisionError("x"))
    assert [seq for seq, _ in rig.answers()] == [0]
    rig.loop.advance(2.0)
    rig.block(1)
    rig.engine.jobs.pop()[2](ZeroDivisionError("x"))
    assert ("failed",) in [m.args[:1] for m in rig.messages() if m.address == "/bassnet/error"]
    rig.engine.at_once = True
    for seq in (2, 3, 4, 5):
        rig.block(seq)
    assert [seq for seq, _ in rig.answers()] == [2, 3, 4, 5]


def test_audio_in_a_bundle_is_heard() -> None:
    rig = Rig()
    rig.open()
    parts = [
        audio_wire.encode_audio("/bassnet/audio/in", seq, np.zeros(N, np.float32), "f") for seq in (0, 1)
    ]
    rig.board.receive(packed(*parts), HERE)
    assert [seq for seq, _ in rig.answers()] == [0, 1]


# --- z -----------------------------------------------------------------------------------------------


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


# --- what the server says by itself ------------------------------------------------------------------


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
    rig.engine.load = 0.97
    rig.loop.advance(1.0)
    [status] = rig.messages()
    assert status.args == ("overloaded", "inference takes 97% of the time: play fewer sessions")
    rig.engine.load = 0.5
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
    assert stats == [(0, 0, 0, 0, 1.0, 2.0, 3.0, 0.0)] * 4
    rig.say("/bassnet/subscribe", "weather", 1)
    assert rig.messages()[0].args[0] == "subscribe"


# --- refusals ----------------------------------------------------------------------------------------


def test_audio_from_a_stranger_gets_one_short_error_a_second() -> None:
    rig = Rig()
    for k in range(300):
        rig.block(k)
        rig.block(k, source=THERE)
        rig.loop.advance(0.01)
    errors = rig.messages()
    assert len(errors) == 3 and {e.args for e in errors} == {("no_session", "say /bassnet/hello first")}
    assert len(rig.messages(THERE)) == 3
    assert rig.board.refusals.n_refused == 600


def test_an_error_that_does_not_fit_does_not_silence_the_next() -> None:
    rig = Rig()
    rig.say("/bassnet/ping", 1)
    assert rig.sent == []
    rig.block(0)
    assert [m.args[0] for m in rig.messages()] == ["no_session"]


def test_a_refusal_is_never_longer_than_the_request() -> None:
    rig = Rig()
    strangers = iter(range(10_000, 20_000))
    requests = [hello(n_bytes=n, sample_rate=1) for n in range(0, 260, 4)]
    requests += [
        audio_wire.encode_audio("/bassnet/audio/in", 0, np.zeros(n, np.float32), "b") for n in (1, 5, 64)
    ]
    requests += [wire.encode(a) for a in ("/bassnet/bye", "/bassnet/ping", "/x")] + [b"", b"/", bytes(9300)]
    for request in requests:
        source = ("127.0.0.1", next(strangers))
        rig.board.receive(request, source)
        assert sum(len(data) for data, _ in rig.sent) <= len(request)
        rig.sent.clear()
        rig.loop.advance(1.0)


PING = b"/bassnet/ping\0\0\0"


@pytest.mark.parametrize(
    "request_bytes",
    [
        PING + b",T\0\0",
        PING + b",f\0\0" + struct.pack(">f", 1e15),
        wire.encode("/bassnet/ping", 1),
        wire.encode("/bassnet/subscribe", "stats", 1),
        audio_wire.encode_audio("/bassnet/audio/in", 0, np.zeros(N, np.float32), "f"),
        b"/bassnet/audio/in\0\0\0," + (b"i" + b"F" * N).ljust(259, b"\0") + bytes(4),
        hello(reply_port=7000),
        hello(reply_port=7000, sample_rate=1, n_bytes=0),
    ],
)
@pytest.mark.parametrize("reply_port", [0, 7000])
def test_an_unproven_path_gets_no_more_than_it_sent(request_bytes: bytes, reply_port: int) -> None:
    rig = Rig()
    is_audio = b"audio" in request_bytes
    rig.hello(reply_port=reply_port)
    assert sum(len(data) for data, _ in rig.sent) <= 256
    for k in range(100):
        rig.sent.clear()
        rig.board.receive(request_bytes, HERE)
        session = rig.board.sessions[HERE]
        assert session.is_proven == (is_audio and b"F" * N not in request_bytes)
        if not session.is_proven:
            assert sum(len(data) for data, _ in rig.sent) <= len(request_bytes), k
        rig.loop.advance(0.02)


def test_another_reply_port_has_to_be_proven_anew() -> None:
    rig = Rig()
    rig.open()
    rig.hello(reply_port=7000)
    session = rig.board.sessions[HERE]
    assert not session.is_proven
    rig.say("/bassnet/ping", session.token)
    assert session.is_proven
    assert rig.messages(("127.0.0.1", 7000))[-1] == Message("/bassnet/pong", (session.token,))


def test_a_refusal_to_an_unproven_reply_port_is_no_longer_than_the_hello() -> None:
    rig = Rig()
    rig.open()
    request = hello(reply_port=7000, sample_rate=1, n_bytes=0)
    rig.board.receive(request, HERE)
    [(data, to)] = rig.sent
    assert to == ("127.0.0.1", 7000) and len(data) <= len(request)


def test_a_session_hears_of_each_kind_of_error_once_a_second() -> None:
    rig = Rig()
    rig.open()
    for _ in range(50):
        rig.say("/bassnet/nothing")
        rig.say("/bassnet/z", math.nan, 0.0)
        rig.loop.advance(0.01)
    assert sorted(m.args[0] for m in rig.messages()) == ["address", "z"]


def test_many_strangers_are_remembered_within_bounds() -> None:
    rig = Rig()
    for k in range(5000):
        rig.block(0, source=(f"10.0.{k // 250}.{k % 250}", 1))
    assert len(rig.sent) == 1024
    rig.loop.advance(2.0)
    rig.block(0)
    assert len(rig.messages()) == 1


def test_refusals_are_logged_once_a_second_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    with caplog.at_level(logging.WARNING, "bassnet_osc"):
        for k in range(400):
            rig.board.receive(b"/bassnet/\n\xff" + bytes(1) + b"," + bytes(3), ("127.0.0.1", k))
            rig.loop.advance(0.01)
    assert 3 <= len(caplog.messages) <= 4
    assert all("\n" not in message for message in caplog.messages)
    assert [message.split()[0] for message in caplog.messages[:3]] == ["101", "201", "301"]


def test_nothing_hostile_raises_or_disturbs_a_stream() -> None:
    """Random and mutated datagrams, from strangers and from the playing client itself."""
    rng = random.Random(0)
    rig = Rig()
    rig.open()
    seeds = [hello(), audio_wire.encode_audio("/bassnet/audio/in", 3, np.zeros(N, np.float32), "f")]
    seeds += [wire.encode("/bassnet/z", 0.1, 0.2), wire.encode("/bassnet/ping", 1)]
    answers = []
    for seq in range(200):
        for _ in range(10):
            junk = rng.randbytes(rng.randrange(80))
            datagram = bytearray(rng.choice(seeds) if rng.random() < 0.7 else junk)
            for _ in range(rng.randrange(1, 5)):
                if datagram:
                    datagram[rng.randrange(len(datagram))] = rng.randrange(256)
            if rng.random() < 0.2:
                del datagram[rng.randrange(len(datagram) + 1) :]
            rig.board.receive(bytes(datagram), (f"10.9.8.{rng.randrange(9)}", rng.randrange(1, 9)))
        rig.block(seq)
        answers += rig.answers()
        rig.loop.advance(DURATION)
    assert_echo(answers)
    assert len(rig.board.sessions) <= 64


# --- the table ---------------------------------------------------------------------------------------


def test_the_table_says_what_each_address_takes_and_does() -> None:
    for address, entry in ADDRESSES.items():
        assert address.startswith("/bassnet/") and entry.effect
        if entry.kinds is not None:
            words = entry.arguments.split(", then")[0].split(", ") if entry.arguments else []
            kinds = [word[0] for word in words if word[:2] in ("s ", "i ", "f ")]
            assert "".join(kinds) == entry.kinds.rstrip("*"), address
    assert set(ANSWERS) == {
        f"/bassnet/{name}" for name in ("welcome", "audio/out", "status", "stats", "pong", "error")
    }
