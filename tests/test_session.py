"""A session: what a hello may ask for, and takes that follow each other without a shift."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import EchoModel, EchoVoice

from bassnet_osc.hello import Hello
from bassnet_osc.latent import LiveZ
from bassnet_osc.session import Session
from bassnet_osc.spec import BassNetError, Spec
from bassnet_osc.take import Answer

N, RATE, LATENCY = 64, 48_000, 100
FIXED = ["max", 0, RATE, N, "f"]


def session(*pairs: Any) -> Session:
    def make_voice(of: Session) -> EchoVoice:
        return EchoVoice(of.hello.sample_rate, of.z, of.hello.taper, LATENCY)

    hello = Hello.parse([*FIXED, *pairs])
    return Session(1, 99, ("127.0.0.1", 5000), hello, EchoModel(), LiveZ(Spec()), make_voice)


def play(of: Session, seq: int, value: float, now: float = 0.0) -> list[Answer]:
    """Sends a block of one value and has it heard at once."""
    inputs, answers = of.receive(seq, np.full(N, value, np.float32), now)
    for block in inputs:
        answers = answers + of.take.heard(of.voice.hear(block), now)
    return answers


def test_hello_knows_its_keys_and_ignores_others() -> None:
    hello = Hello.parse([*FIXED, "pad", "....", "deadline_ms", 20, "taper", 6.0, "token", 7, "x", None])
    assert hello == Hello("max", 0, RATE, N, "f", deadline_ms=20.0, taper=6)
    assert hello.token == 7
    assert hello.deadline_seconds == 0.02
    assert Hello.parse(FIXED).deadline_seconds == N / RATE


def test_the_token_does_not_make_a_hello_another_one() -> None:
    assert Hello.parse([*FIXED, "token", 7]) == Hello.parse(FIXED)
    assert Hello.parse([*FIXED, "deadline_ms", 7]) != Hello.parse(FIXED)


@pytest.mark.parametrize(
    ("at", "value", "rule"),
    [
        (0, "", "client must be"),
        (0, "a" * 65, "client must be"),
        (0, "my patch", "client must be"),
        (0, "a/b", "client must be"),
        (1, -1, "reply_port must be"),
        (1, 65536, "reply_port must be"),
        (2, 7999, "sample_rate must be 8000 to 192000 Hz; got 7999"),
        (2, 192001, "sample_rate must be"),
        (3, 15, "block_size must be 16 to 1024 samples; got 15"),
        (3, 1025, "block_size must be"),
        (4, "wav", "format must be one of f, b, s16; got 'wav'"),
    ],
)
def test_a_hello_out_of_range_is_refused(at: int, value: Any, rule: str) -> None:
    with pytest.raises(BassNetError, match=rule):
        Hello.parse([*FIXED[:at], value, *FIXED[at + 1 :]])


@pytest.mark.parametrize(
    "pairs",
    [
        ["deadline_ms"],
        ["deadline_ms", 0],
        ["deadline_ms", 60_001],
        ["deadline_ms", float("nan")],
        ["deadline_ms", "20"],
        ["taper", 4.5],
        ["token", float("inf")],
    ],
)
def test_bad_pairs_are_refused(pairs: list[Any]) -> None:
    with pytest.raises(BassNetError):
        Hello.parse([*FIXED, *pairs])


def test_replies_go_to_the_source_or_to_another_port_of_its_machine() -> None:
    assert session().reply_to == ("127.0.0.1", 5000)
    other = session()
    other.source, other.hello = ("10.0.0.7", 5000), Hello("a", 6000, RATE, N, "f")
    assert other.reply_to == ("10.0.0.7", 6000)


def test_a_block_of_another_size_changes_nothing() -> None:
    one = session()
    play(one, 0, 1.0)
    take = one.take
    with pytest.raises(BassNetError, match="the 64 samples of hello; got 63"):
        one.receive(5000, np.zeros(63, np.float32), 0.0)
    assert one.take is take and one.counters.blocks_in == 1


@pytest.mark.parametrize("seq", [816, 800, 2**24 - 1, 1006 + 751])
def test_a_jump_begins_anew(seq: int) -> None:
    one = session()
    for k in range(6):
        play(one, 1000 + k, 1.0)
    old = one.voice
    answers = play(one, seq, 2.0) + play(one, (seq + 1) % 2**24, 2.0) + play(one, (seq + 2) % 2**24, 2.0)
    assert one.voice is not old
    assert [answer.seq for answer in answers] == [(seq + k) % 2**24 for k in range(3)]
    samples = np.concatenate([answer.samples for answer in answers])
    new = np.full(3 * N, 2.0) + one_tail(3 * N)
    np.testing.assert_allclose(samples[LATENCY:], new[LATENCY:], atol=1e-6)  # measured 6e-8


def one_tail(n: int) -> np.ndarray:
    """What a take that played ones leaves: 100 samples of them, then what must be concealed (-1), fading."""
    tail = np.where(np.arange(480) < LATENCY, 1.0, -1.0) * np.linspace(1, 0, 480, dtype=np.float32)
    return np.pad(tail, (0, max(0, n - 480)))[:n].astype(np.float32)


def test_small_steps_do_not_begin_anew() -> None:
    one = session()
    for seq in (1000, 1001, 1000, 1003, 1002, 1004):
        play(one, seq, 1.0)
    assert one.voice is one.take.voice and len(one.voice.inputs) == 5
    assert one.counters.dropped == 1


def test_a_restart_owes_what_was_received_and_keeps_z_and_counters() -> None:
    one = session()
    one.z.set(1.0, 2.0)
    play(one, 0, 1.0)
    one.receive(1, np.zeros(N, np.float32), 0.0)
    z, counters = one.z, one.counters
    assert [answer.seq for answer in one.restart()] == [1]
    assert one.take is None and one.z is z and one.z.target == (1.0, 2.0) and one.counters is counters
    assert one.restart() == []


def test_a_second_of_input_that_nobody_hears_is_given_up() -> None:
    one = session("deadline_ms", 60_000)
    answers = []
    for seq in range(2000):
        answers += one.receive(seq, np.zeros(N, np.float32), 0.0)[1]
        assert one.take.backlog_seconds <= 1.0 + N / RATE
    assert [answer.seq for answer in answers] == list(range(len(answers)))
    assert len(answers) >= 2000 - RATE // N - 2  # each block of a given-up take is answered, once


@pytest.mark.parametrize(
    ("args", "rule"),
    [
        ([*FIXED, "token", "\n" * 8800], "token must be"),
        (["\0\x01" * 4000, *FIXED[1:]], "client must be"),
        ([*FIXED[:4], "\x7f" * 8000], "format must be"),
        ([*FIXED, "deadline_ms", b"\xff" * 8000], "deadline_ms must be"),
    ],
)
def test_a_refusal_does_not_repeat_all_that_was_sent(args: list[Any], rule: str) -> None:
    with pytest.raises(BassNetError, match=rule) as refused:
        Hello.parse(args)
    assert len(str(refused.value)) < 200


def test_a_restart_before_the_first_block_needs_no_new_voice() -> None:
    one = session()
    voice = one.voice
    assert one.restart() == [] and one.voice is voice


def test_a_refused_voice_leaves_the_take_as_it_is() -> None:
    one = session()
    play(one, 0, 1.0)
    take, voice = one.take, one.voice

    def refuse(*_: Any) -> EchoVoice:
        raise BassNetError("no")

    one._make_voice = refuse
    with pytest.raises(BassNetError):
        one.restart()
    assert one.take is take and one.voice is voice
    assert [answer.seq for answer in play(one, 1, 1.0)] == [1]


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (3, 0, 1, 2)])
def test_blocks_that_overtook_the_very_first_wait_for_it(order: tuple[int, ...]) -> None:
    one = session("deadline_ms", 1000)
    answers = [answer for seq in order for answer in play(one, seq, float(seq))]
    assert [answer.seq for answer in answers] == sorted(order)
    np.testing.assert_array_equal(np.concatenate(one.voice.inputs), np.repeat(np.arange(len(order)), N))
