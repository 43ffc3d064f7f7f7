"""The stream of each session as bytes in, bytes out."""

from __future__ import annotations

import numpy as np
import pytest
import rig as rig_module
from fakes import EchoVoice, Heard
from rig import DURATION, HERE, LATENCY, RATE, THERE, N, Rig, assert_echo, packed

from bassnet_osc import audio_wire
from bassnet_osc.frames import Frames


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
    assert [seq for seq, _ in rig.answers()] == [1, 2]
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


class Player(EchoVoice):
    """Hears a frame in each block; plays an A1 in frames 3 to 9."""

    def accept(self, heard: Heard) -> Frames:
        super().accept(heard)
        frame = len(self.inputs) - 1
        sounds = 3 <= frame < 10
        f0_hz = np.array([55.0 if sounds else np.nan])
        return Frames(frame, f0_hz, np.array([-12.0 if sounds else -60.0]), np.array([float(frame == 3)]))


@pytest.fixture
def player(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A rig whose voices play notes."""
    monkeypatch.setattr(rig_module, "EchoVoice", Player)
    rig = Rig()
    rig.open()
    return rig


def test_frames_and_notes_are_told_with_their_place(player: Rig) -> None:
    """Frame 3 is sample 1440: in block 5, at its sample 160. Who has not asked is told nothing."""
    player.open(source=THERE)
    for what in ("frames", "notes"):
        player.say("/bassnet/subscribe", what, 1)
    for seq in range(12):
        player.block(seq)
        player.block(seq, source=THERE)
    told = player.messages()
    frames = [m.args for m in told if m.address == "/bassnet/frame"]
    assert [args[0] for args in frames] == list(range(12))
    assert frames[0][1:] == (0.0, -60.0, 0.0) and frames[3][1:] == (55.0, -12.0, 1.0)
    notes = [(m.address, *m.args) for m in told if "note" in m.address]
    assert notes == [("/bassnet/note/on", 33, 102, 0.0, 5, 160), ("/bassnet/note/off", 33, 18, 192)]
    assert player.messages(THERE) == []
    for what in ("frames", "notes"):
        player.say("/bassnet/subscribe", what, 0)
    player.block(12)
    assert player.messages() == []


@pytest.mark.parametrize("end", ["/bassnet/reset", "/bassnet/bye", "jump", "pause", "unsubscribe", "model"])
def test_no_note_is_left_on(player: Rig, end: str) -> None:
    player.say("/bassnet/subscribe", "notes", 1)
    player.say("/bassnet/param/octave", 1)
    for seq in range(6):
        player.block(seq)
    [on] = player.messages()
    assert on.args[0] == 45
    if end == "jump":
        player.block(10_000)
    elif end == "model":
        player.board.sessions[HERE].voice.can_go_on_with = lambda model: False
        player.say("/bassnet/model", "other")
    elif end == "unsubscribe":
        player.say("/bassnet/subscribe", "notes", 0)
    elif end == "pause":
        player.loop.advance(0.6)
        player.hello()
        player.messages()
        player.loop.advance(0.6)
    else:
        player.say(end)
    offs = [m for m in player.messages() if m.address == "/bassnet/note/off"]
    assert [m.args[0] for m in offs] == [45]
