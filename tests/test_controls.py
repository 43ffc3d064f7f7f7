"""Timed z, variations, models and reports, as bytes in and bytes out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from rig import HERE, LATENCY, RATE, THERE, N, Rig

from bassnet_osc import audio_wire, wire
from bassnet_osc.session import MAX_VARIATIONS
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import MAX_PUT_OFF, MAX_PUTTING_OFF

CONTROLLER = ("127.0.0.1", 6000)


def errors(rig: Rig, to: Any = HERE) -> list[tuple[str, str]]:
    return [m.args for m in rig.messages(to) if m.address == "/bassnet/error"]


# --- timed z -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_early", [True, False])
def test_timed_z_counts_from_the_takes_first_sample(is_early: bool) -> None:
    """Whether it is sent before the first block or after it; here the take begins at seq 1000."""
    rig = Rig()
    rig.open()
    if not is_early:
        rig.block(1000)
    rig.say("/bassnet/z/at", 1010, N // 2, 3.0, -3.0)
    if is_early:
        rig.block(1000)
    z = rig.board.sessions[HERE].z
    frame = (10 * N + N // 2) / RATE * 100
    assert [z(int(frame))[0], z(int(frame) + 1)[0]] == [0.0, 3.0]


def test_timed_z_counts_on_where_seq_begins_again_from_0() -> None:
    rig = Rig()
    rig.open()
    rig.block(2**24 - 1, np.zeros(N, np.float32))
    rig.say("/bassnet/z/at", 0, 0, 3.0, 0.0)
    z = rig.board.sessions[HERE].z
    assert (z(0)[0], z(1)[0]) == (0.0, 3.0)  # one block, 5 ms, later: half a frame


def test_timed_z_is_refused_where_it_means_nothing() -> None:
    rig = Rig()
    rig.open()
    for seq, offset in ((-1, 0), (0, -1), (0, N)):
        rig.say("/bassnet/z/at", seq, offset, 0.0, 0.0)
        assert errors(rig)[0][0] == "z/at"
        rig.loop.advance(1.0)
    rig.say("/bassnet/z/at", 0, 0, 0.0, 0.0, source=CONTROLLER)
    assert errors(rig, CONTROLLER)[0][0] == "no_session"  # whose time would it be?


@pytest.mark.parametrize("is_hello", [False, True])
def test_a_new_take_forgets_timed_z(is_hello: bool) -> None:
    """By reset or by another hello, of the session's z and of a variation's."""
    rig = Rig()
    rig.open()
    rig.say("/bassnet/variation/1/z", 1.0, 1.0)
    rig.block(0)
    session = rig.board.sessions[HERE]
    session.variations[1].plan(5.0, 2.0, 2.0)
    rig.say("/bassnet/z/at", 4, 0, 3.0, 3.0)
    if is_hello:
        rig.hello(block_size=64)
    else:
        rig.say("/bassnet/reset")
    session = rig.board.sessions[HERE]
    assert session.z(1000) == (0.0, 0.0) and session.variations[1](1000) == (1.0, 1.0)


# --- variations --------------------------------------------------------------------------------------


def variations(rig: Rig, n: int) -> list[tuple[int, np.ndarray]]:
    head = f"/bassnet/variation/{n}/audio/out".encode()
    return [audio_wire.decode_audio(data, "f") for data, _ in rig.sent if data.startswith(head + b"\0")]


def test_each_variation_is_answered_on_its_own_address_under_the_same_seq() -> None:
    rig = Rig()
    rig.open()
    rig.block(0)
    for n in (1, 8):
        rig.say(f"/bassnet/variation/{n}/z", n, -n)
    session = rig.board.sessions[HERE]
    assert {n: z.target for n, z in session.variations.items()} == {1: (1.0, -1.0), 8: (6.0, -6.0)}
    rig.sent.clear()
    for seq in (1, 2, 3):
        rig.block(seq)
    plain = [audio_wire.decode_audio(data, "f") for data, _ in rig.sent if data.startswith(b"/bassnet/audio")]
    for n in (1, 8):  # the fake's variation n is n + 1 times as loud
        assert [seq for seq, _ in variations(rig, n)] == [1, 2, 3]
        for (_, mine), (_, base) in zip(variations(rig, n), plain, strict=True):
            np.testing.assert_array_equal(mine, (n + 1) * base)


def test_variations_outlive_a_restart_and_another_hello() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/variation/3/z", 1.0, 1.0)
    rig.block(0)
    rig.say("/bassnet/reset")
    rig.block(1)
    assert [seq for seq, _ in variations(rig, 3)] == [0, 1]
    rig.hello(sample_rate=44_100)
    assert set(rig.board.sessions[HERE].voice.varied) == {3}


def test_a_variation_ends_when_it_is_told_to_and_may_begin_again() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/variation/2/z", 1.0, 1.0)
    rig.block(0)
    rig.say("/bassnet/variation/2/off")
    rig.say("/bassnet/variation/3/off")  # there is none
    rig.block(1)
    assert [seq for seq, _ in variations(rig, 2)] == [0]
    assert not rig.board.sessions[HERE].variations
    rig.say("/bassnet/variation/2/z", -1.0, 0.0)
    rig.block(2)
    assert [seq for seq, _ in variations(rig, 2)] == [0, 2]


def test_there_are_eight_variations_and_none_for_strangers() -> None:
    rig = Rig()
    rig.open()
    rig.say(f"/bassnet/variation/{MAX_VARIATIONS + 1}/z", 0.0, 0.0)
    assert errors(rig)[0][0] == "address"
    rig.say("/bassnet/variation/1/z", 0.0, 0.0, source=CONTROLLER)
    assert errors(rig, CONTROLLER)[0][0] == "no_session"


# --- models ------------------------------------------------------------------------------------------


def test_a_model_takes_over_without_a_seam_where_it_can() -> None:
    rig = Rig()
    rig.open()
    rig.block(0)
    session = rig.board.sessions[HERE]
    voice, take = session.voice, session.take
    rig.say("/bassnet/model", "other")
    assert (session.model.name, session.voice, session.take) == ("other", voice, take)
    assert voice.model.name == "other"
    assert [(m.address, m.args) for m in rig.messages()] == [("/bassnet/model", ("other",))]


def test_another_latency_is_told_with_the_new_voice() -> None:
    rig = Rig()
    rig.open()
    rig.block(0)
    session = rig.board.sessions[HERE]
    session.voice.can_go_on_with = lambda model: False
    rig.say("/bassnet/model", "other")
    model, latency = rig.messages()
    assert (model.address, model.args) == ("/bassnet/model", ("other",))
    assert latency.address == "/bassnet/latency" and latency.args[:3] == (LATENCY, "resampler_ms", 0.5)
    assert session.model.name == "other" and session.take is None


def test_the_last_wish_wins_however_long_loading_takes() -> None:
    rig = Rig()
    rig.open()
    rig.shelf.at_once = False
    rig.say("/bassnet/model", "other")
    rig.say("/bassnet/model", "echo")
    rig.shelf.arrive()
    assert rig.board.sessions[HERE].model.name == "echo"
    rig.say("/bassnet/model", "other")
    rig.say("/bassnet/bye")
    rig.shelf.arrive()  # for one that has gone


def test_the_installed_models_are_told_to_a_session_for_its_menu() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/models")
    assert [(m.address, m.args) for m in rig.messages()] == [("/bassnet/models", tuple(rig.shelf.names))]
    rig.say("/bassnet/models", source=CONTROLLER)
    assert not rig.messages(CONTROLLER)  # no session; an error would be longer than the question


def test_models_are_names_and_what_cannot_be_loaded_changes_nothing() -> None:
    rig = Rig()
    rig.open()
    rig.say("/bassnet/model", "../../etc")
    assert errors(rig) == [("model", "model must be one of echo, other; got '../../etc': choose one")]
    rig.loop.advance(1.0)
    rig.shelf.loaded["other"] = ValueError("damaged")
    rig.say("/bassnet/model", "other")
    assert errors(rig) == [("model", "model other cannot be loaded: damaged")]
    assert rig.board.sessions[HERE].model.name == rig.board.sessions[HERE].wanted_model == "echo"


def test_a_refused_voice_leaves_the_model_as_it_was() -> None:
    rig = Rig()
    rig.open()
    rig.block(0)
    session = rig.board.sessions[HERE]
    voice, take = session.voice, session.take
    voice.can_go_on_with = lambda model: False

    def refuse(_: Any) -> Any:
        raise BassNetError("no")

    session._make_voice = refuse
    rig.say("/bassnet/model", "other")
    assert errors(rig) == [("model", "no")]
    assert (session.model.name, session.wanted_model) == ("echo", "echo")
    assert session.voice is voice and session.take is take


def test_a_model_that_is_loading_outlives_another_hello() -> None:
    rig = Rig()
    rig.open()
    rig.shelf.at_once = False
    rig.say("/bassnet/model", "other")
    rig.hello(block_size=64)
    rig.shelf.arrive()
    assert rig.board.sessions[HERE].model.name == "other"


def test_what_a_switch_owes_comes_before_the_new_latency() -> None:
    """Two blocks wait to be heard: they are answered, not heard, and then the new latency is told."""
    rig = Rig()
    rig.open()
    rig.block(0)
    rig.engine.at_once = False
    rig.block(1)
    rig.block(2)
    session = rig.board.sessions[HERE]
    session.voice.can_go_on_with = lambda model: False
    rig.sent.clear()
    rig.say("/bassnet/model", "other")
    told = [wire.address_of(data) for data, _ in rig.sent]
    assert told == ["/bassnet/audio/out", "/bassnet/audio/out", "/bassnet/model", "/bassnet/latency"]
    assert not rig.engine.jobs


def test_a_controller_changes_everybodys_model_and_one_of_a_name() -> None:
    rig = Rig()
    rig.open()
    rig.open(source=THERE, client="pad")
    rig.say("/bassnet/to/pad/model", "other", source=CONTROLLER)
    names = {source: session.model.name for source, session in rig.board.sessions.items()}
    assert names == {HERE: "echo", THERE: "other"}
    rig.say("/bassnet/model", "other", source=CONTROLLER)
    assert {session.model.name for session in rig.board.sessions.values()} == {"other"}


# --- reports -----------------------------------------------------------------------------------------


def ask(rig: Rig, n_bytes: int, source: Any = CONTROLLER) -> bytes:
    padding = "." * (n_bytes - len(wire.encode("/bassnet/report", "")) + 3)
    question = wire.encode("/bassnet/report", padding)
    assert len(question) == n_bytes
    rig.sent.clear()
    rig.board.receive(question, source)
    [(answer, to)] = rig.sent
    assert to == source and len(answer) <= n_bytes
    return answer


def test_a_report_tells_of_every_session_that_fits() -> None:
    rig = Rig()
    rig.open()
    rig.open(source=THERE, client="pad")
    rig.block(0)
    [message] = wire.decode(ask(rig, 4096))
    told = json.loads(message.args[0])
    assert (told["state"], told["model"], told["queue"]) == ("ready", "echo", 0)
    assert [one["client"] for one in told["sessions"]] == ["max", "pad"]
    assert told["sessions"][0]["blocks_in"] == 1 and "more_sessions" not in told
    [message] = wire.decode(ask(rig, 600))
    told = json.loads(message.args[0])
    assert told["more_sessions"] == 2 - len(told["sessions"]) > 0


def test_a_report_is_told_four_times_a_second_at_most() -> None:
    rig = Rig()
    for _ in range(4):
        ask(rig, 2048)
    assert wire.decode(ask(rig, 2048))[0].args[0] == "report"
    rig.loop.advance(1.0)
    assert wire.decode(ask(rig, 2048))[0].address == "/bassnet/report"


# --- the end -----------------------------------------------------------------------------------------


def test_at_the_end_the_sound_fades_out_and_stays_silent() -> None:
    rig = Rig()
    rig.open()
    for seq in range(4):
        rig.block(seq, np.ones(N, np.float32))
    rig.answers()
    rig.board.fade_out()
    for seq in range(4, 20):
        rig.block(seq, np.ones(N, np.float32))
    faded = np.concatenate([samples for _, samples in rig.answers()])
    n = RATE // 20  # 50 ms
    np.testing.assert_allclose(faded[:n], np.linspace(1, 0, n), atol=1e-6)
    assert not faded[n:].any()


# --- time tags ---------------------------------------------------------------------------------------


def bundle(at: float, *messages: bytes) -> bytes:
    """A bundle for a Unix time."""
    tag = round((at + wire.NTP_TO_UNIX) * 2**32)
    return b"#bundle\0" + tag.to_bytes(8, "big") + b"".join(len(m).to_bytes(4, "big") + m for m in messages)


def test_a_control_with_a_time_tag_waits_for_it_and_nothing_else_does() -> None:
    wall = [5e8]
    rig = Rig(wall_time=lambda: wall[0])
    rig.open()
    session = rig.board.sessions[HERE]
    z, ping = wire.encode("/bassnet/z", 2.0, 1.0), wire.encode("/bassnet/ping", 5)
    rig.board.receive(bundle(wall[0] + 0.5, z, ping), HERE)
    assert [m.address for m in rig.messages()] == ["/bassnet/pong"]
    rig.loop.advance(0.49)
    assert session.z.target == (0.0, 0.0)
    rig.loop.advance(0.02)
    assert session.z.target == (2.0, 1.0)


def test_what_is_over_or_for_at_once_or_for_another_day_is_taken_at_once() -> None:
    wall = 5e8
    rig = Rig(wall_time=lambda: wall)
    rig.open()
    session = rig.board.sessions[HERE]
    for k, at in enumerate((wall - 1.0, wall + 3600.0, 1 / 2**32 - wire.NTP_TO_UNIX)):
        rig.board.receive(bundle(at, wire.encode("/bassnet/z/x", k + 1.0)), HERE)
        assert session.z.target[0] == k + 1.0


def test_so_many_controls_may_wait_and_no_more() -> None:
    wall = 5e8
    rig = Rig(wall_time=lambda: wall)
    rig.open()
    messages = [wire.encode("/bassnet/z/x", 1.0)] * 100
    for _ in range(45):
        rig.board.receive(bundle(wall + 2.0, *messages), HERE)
    assert rig.board._n_put_off == {HERE: MAX_PUT_OFF}
    assert errors(rig)[0][0] == "time"  # none of them was taken early
    rig.open(source=THERE)
    rig.board.receive(bundle(wall + 2.0, wire.encode("/bassnet/z/x", 2.0)), THERE)
    assert rig.board.sessions[THERE].z.target[0] == 0.0  # another one's wait as well as ever
    rig.loop.advance(2.1)
    assert rig.board._n_put_off == {} and rig.board.sessions[THERE].z.target[0] == 2.0


def test_who_has_controls_waiting_may_add_to_them_however_many_others_have() -> None:
    wall = 5e8
    rig = Rig(wall_time=lambda: wall)
    later = bundle(wall + 2.0, wire.encode("/bassnet/z/x", 1.0))
    sources = [("127.0.0.1", 6000 + k) for k in range(MAX_PUTTING_OFF)]
    for source in sources * 2:
        rig.board.receive(later, source)
    assert rig.board._n_put_off == dict.fromkeys(sources, 2)
    rig.board.receive(later, ("127.0.0.1", 7000))
    assert rig.board.refusals.n_refused == 1


def test_whose_session_is_over_by_then_moves_nobody() -> None:
    """Without a session a control is everybody's: this one was not meant so."""
    rig = Rig(wall_time=lambda: 5e8)
    rig.open()
    rig.open(source=THERE, client="pad")
    rig.board.receive(bundle(5e8 + 1.0, wire.encode("/bassnet/z", 2.0, 2.0)), HERE)
    rig.board.receive(bundle(5e8 + 1.0, wire.encode("/bassnet/z/x", 1.5)), CONTROLLER)
    rig.say("/bassnet/bye")
    rig.loop.advance(1.0)
    assert rig.board.sessions[THERE].z.target == (1.5, 0.0)
