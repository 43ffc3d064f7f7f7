"""The sound card as a client: input and output stay tied, whatever is late, and the callback never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import EchoVoice, FakeEngine, FakeLoop, FakeShelf

from bassnet_osc import wire
from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.bundle import Bundle
from bassnet_osc.device import HELD_S, SOURCE, Device
from bassnet_osc.report import fitted, report
from bassnet_osc.report_text import head
from bassnet_osc.sound import DEFAULT_SOUND
from bassnet_osc.spec import BassNetError
from bassnet_osc.status import in_words
from bassnet_osc.switchboard import Switchboard
from bassnet_osc.voices import voice_maker
from bassnet_osc.watch import Watch

RATE, LATENCY = 48_000, 100
STRANGER = ("127.0.0.1", 5000)
CARD = {"input": "mic", "output": "amp", "input_ms": 1.0, "output_ms": 2.0}
Block = Any


class Studio:
    """A fake sound card, the device and a switchboard around it."""

    def __init__(self, block_size: int = 256, make_voice: Any = None, shelf: Any = None) -> None:
        self.loop, self.engine = FakeLoop(), FakeEngine()
        self.posted: list[Callable[[], None]] = []
        self.is_busy = False  # the loop, so that nothing that is posted to it gets its turn
        self.device = Device(RATE, block_size, self.posted.append)
        self.to_others: list[bytes] = []
        self.board = Switchboard(
            ADDRESSES,
            shelf or FakeShelf(),
            make_voice or (lambda session: EchoVoice(RATE, session.z, None, LATENCY)),
            self.engine,  # type: ignore[arg-type]
            self.device.beside(lambda data, to: self.to_others.append(data)),
            self.loop,
            device=self.device,
        )
        Watch(self.board, self.loop)
        self.board.become("ready")
        self.device.open(lambda datagram: self.board.receive(datagram, SOURCE))
        self.device.of_card = CARD

    def call(self, mix: Block, flags: Any = None) -> Block:
        """One callback: mono in on two channels, one of the two channels out."""
        stereo = np.stack([0.5 * mix, 1.5 * mix], axis=1)
        bass = np.full((len(mix), 2), 9.0, np.float32)
        self.device.callback(stereo, bass, len(mix), None, flags)
        while self.posted and not self.is_busy:
            self.posted.pop(0)()
        self.loop.advance(len(mix) / RATE)
        np.testing.assert_array_equal(bass[:, 0], bass[:, 1])
        return bass[:, 0]

    def play(self, mix: Block, sizes: Iterable[int]) -> Block:
        """All of it, in callbacks of these sizes."""
        ends = np.cumsum(list(sizes))
        assert ends[-1] == len(mix)
        return np.concatenate([self.call(part) for part in np.split(mix, ends[:-1])])

    @property
    def offset(self) -> int:
        """Samples from input to output, as stated."""
        return self.board.sessions[SOURCE].voice.latency_samples + self.device.ring_samples


def whole_numbers(n: int, rng: np.random.Generator) -> Block:
    """A mix of whole numbers, whose means are exact."""
    return rng.integers(1, 1000, n).astype(np.float32)


def shifted(mix: Block, n: int) -> Block:
    return np.concatenate([np.zeros(n, np.float32), mix])[: len(mix)]


@pytest.mark.parametrize("block_size", [16, 64, 256, 333, 1024])
@pytest.mark.parametrize("callbacks", ["whole", "irregular"])
def test_the_bass_comes_at_the_stated_offset(
    block_size: int, callbacks: str, rng: np.random.Generator
) -> None:
    """To the sample, also where a host calls with other sizes each time."""
    studio = Studio(block_size)
    sizes = [block_size] * 60 if callbacks == "whole" else rng.integers(1, block_size + 1, 90).tolist()
    mix = whole_numbers(sum(sizes), rng)
    np.testing.assert_array_equal(studio.play(mix, sizes), shifted(mix, studio.offset))
    assert studio.device.counts.missed == 0


@pytest.mark.parametrize("block_size", [64, 256, 1024])
def test_the_ring_holds_a_hop_of_inference_and_a_block(block_size: int) -> None:
    ring_samples = Device(RATE, block_size, print).ring_samples
    assert 0.02 * RATE + block_size <= ring_samples < 0.02 * RATE + 2 * block_size
    assert Device(RATE, 256, print).ring_samples == 1280


def test_a_model_plays_the_same_as_offline(probe_folder: Path) -> None:
    """A click through the probe model: at the stated offset, and every sample as `Voice.process` has it."""
    probe = Bundle(probe_folder, provider="cpu")
    make_voice = voice_maker(DEFAULT_SOUND, None, None, None)
    studio = Studio(256, make_voice, SimpleNamespace(default=probe, names=()))
    session = studio.board.sessions[SOURCE]
    alone = make_voice(session)
    mix = np.zeros(400 * 256, np.float32)
    at = 48_000  # a second: at a frame's position
    mix[at : at + 480] = 0.5
    bass = studio.play(mix, [256] * 400)
    expected = np.concatenate([alone.process(part) for part in np.split(mix, 400)])
    np.testing.assert_allclose(bass, shifted(expected, studio.device.ring_samples), atol=1e-6)
    begins = np.flatnonzero(np.abs(bass) > 0.01 * np.abs(bass).max())[0]
    assert abs(begins - at - studio.offset) <= 0.013 * RATE  # the grain of a frame, and 3 ms


def test_a_late_answer_is_concealed_and_shifts_nothing(rng: np.random.Generator) -> None:
    """Inference takes longer than the ring: the server conceals, and what comes later is dropped."""
    studio = Studio()
    mix = whole_numbers(100 * 256, rng)
    blocks = np.split(mix, 100)
    played = []
    for i, block in enumerate(blocks):
        studio.engine.at_once = not 20 <= i < 35
        if i == 35:
            studio.engine.work()
        played.append(studio.call(block))
    bass, expected = np.concatenate(played), shifted(mix, studio.offset)
    wrong = np.flatnonzero(bass != expected)
    assert set(bass[wrong]) == {-1.0}  # concealed by the voice, not by silence
    ring_blocks = studio.device.ring_samples // 256
    # The blocks from 20 on are heard with the 35th.
    assert 20 * 256 + studio.device.ring_samples <= wrong[0]
    assert wrong[-1] < (36 + ring_blocks) * 256 + LATENCY
    counters = studio.board.sessions[SOURCE].counters
    assert counters.late > 0 and counters.lost == 0 and studio.device.counts.missed == 0


def test_a_loop_that_is_late_costs_silence_and_shifts_nothing(rng: np.random.Generator) -> None:
    studio = Studio()
    mix = whole_numbers(60 * 256, rng)
    played = []
    for i, block in enumerate(np.split(mix, 60)):
        studio.is_busy = 20 <= i < 30
        played.append(studio.call(block))
    bass, expected = np.concatenate(played), shifted(mix, studio.offset)
    wrong = np.flatnonzero(bass != expected)
    assert set(bass[wrong]) == {0.0}
    # Till 24 what was there already is played; the 30th callback has its bass when the loop is back.
    assert studio.device.counts.missed == len(wrong) / 256 == 10 - studio.device.ring_samples // 256 + 1
    assert studio.board.sessions[SOURCE].counters.lost == 0


def test_the_callback_never_waits(rng: np.random.Generator) -> None:
    """The loop's thread hangs within a block; callbacks go on, what they overwrite is skipped and counted."""
    studio = Studio()
    entered, release = threading.Event(), threading.Event()
    say = studio.device._say

    def hang(datagram: bytes) -> None:
        entered.set()
        assert release.wait(10.0)
        say(datagram)

    studio.is_busy = True
    studio.device._say = hang
    studio.call(np.ones(256, np.float32))
    loop_thread = threading.Thread(target=studio.posted.pop(0))
    loop_thread.start()
    assert entered.wait(10.0)
    n_calls = 2 * round(HELD_S * RATE / 256)
    for _ in range(n_calls):
        studio.call(np.ones(256, np.float32))
    assert studio.device.counts.callbacks == n_calls + 1 and not release.is_set()
    release.set()
    loop_thread.join(10.0)
    assert 0 < studio.device.counts.skipped <= n_calls
    studio.device._say, studio.is_busy = say, False
    mix = whole_numbers(40 * 256, rng)
    bass = studio.play(mix, [256] * 40)
    np.testing.assert_array_equal(bass[20 * 256 :], shifted(mix, studio.offset)[20 * 256 :])


def test_xruns_are_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """In the report, in its words, and in one line of the log each second in which there were any."""
    caplog.set_level("WARNING")
    studio = Studio()
    flags = [None, SimpleNamespace(input_overflow=True, output_underflow=False)] * 3
    flags += [SimpleNamespace(input_overflow=False, output_underflow=True)]
    for flag in flags:
        studio.call(np.zeros(256, np.float32), flag)
    studio.device.every_second()
    studio.call(np.zeros(256, np.float32))
    studio.device.every_second()
    words = "of 7 callbacks 3 lost input, 1 came after a gap, 0 had no bass in time; 0 blocks skipped"
    assert [record.getMessage() for record in caplog.records] == [f"sound card: {words}"]
    told = report(studio.board)["device"]
    assert told | CARD == told
    assert (told["callbacks"], told["input_overflows"], told["output_underflows"]) == (8, 3, 1)
    lines = head(report(studio.board))
    assert "sound card mic -> amp: ring 26.7 ms, its own 1.0 + 2.0 ms" in lines
    assert f"sound card: {words.replace('7', '8')}" in lines
    assert words.replace("7", "8") in in_words(report(studio.board))
    assert len(fitted(report(studio.board), 2000)) < 2000
    others = Switchboard({}, FakeShelf(), None, FakeEngine(), print, FakeLoop())  # type: ignore[arg-type]
    assert "device" not in report(others)


def test_strangers_steer_it() -> None:
    studio = Studio()
    session = studio.board.sessions[SOURCE]
    for address in ("/bassnet/z", "/bassnet/to/device/z"):
        z = (0.5, len(address) / 20)
        studio.board.receive(wire.encode(address, *z), STRANGER)
        assert session.z.target == pytest.approx(z)
    studio.board.receive(wire.encode("/bassnet/param/timbre", "sub"), STRANGER)
    assert session.sound.timbre == "sub"
    studio.board.receive(wire.encode("/bassnet/model", "other"), STRANGER)
    assert session.model.name == "other"
    assert studio.to_others == []


def test_a_session_that_was_dropped_comes_back_in_its_place(rng: np.random.Generator) -> None:
    studio = Studio()
    mix = whole_numbers(60 * 256, rng)
    blocks = np.split(mix, 60)
    bass = [studio.call(block) for block in blocks[:20]]
    studio.board.drop(studio.board.sessions[SOURCE])
    bass += [studio.call(block) for block in blocks[20:30]]
    studio.device.every_second()
    bass += [studio.call(block) for block in blocks[30:]]
    offset = studio.offset
    assert studio.board.sessions[SOURCE].is_proven
    got, expected = np.concatenate(bass), shifted(mix, offset)
    np.testing.assert_array_equal(got[: 20 * 256], expected[: 20 * 256])
    np.testing.assert_array_equal(got[30 * 256 + offset :], expected[30 * 256 + offset :])


def test_its_heartbeat_keeps_the_session_and_its_stream(rng: np.random.Generator) -> None:
    studio = Studio()
    session, mix = studio.board.sessions[SOURCE], whole_numbers(40 * 256, rng)
    bass = []
    for i, block in enumerate(np.split(mix, 40)):
        bass.append(studio.call(block))
        if i % 10 == 9:
            studio.device.every_second()
    assert studio.board.sessions[SOURCE] is session
    np.testing.assert_array_equal(np.concatenate(bass), shifted(mix, studio.offset))


def test_a_new_offset_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    studio = Studio()
    studio.device.heed(wire.encode("/bassnet/latency", 2420, "window_ms", 40.0))
    assert caplog.messages[-1] == "sound card: the offset is now 77.1 ms"


def test_a_card_that_stops_calling_is_lost() -> None:
    """Not by one slow second."""
    studio = Studio()
    studio.call(np.zeros(256, np.float32))
    studio.device.every_second()
    studio.device.every_second()
    studio.call(np.zeros(256, np.float32))
    studio.device.every_second()
    studio.device.every_second()
    with pytest.raises(BassNetError, match=r"the sound card must ask for sound; it has not for 2 s: see"):
        studio.device.every_second()


def test_a_session_that_is_refused_is_no_door() -> None:
    def refuse(session: Any) -> Any:
        raise BassNetError("the latency target must be at least 50 ms; got 50 ms: raise it")

    with pytest.raises(BassNetError, match="session must open; got the latency target must be at least"):
        Studio(make_voice=refuse)


def test_the_end_fades_out() -> None:
    """Within the time that the server takes to end, and without a step."""
    studio = Studio(64)
    studio.play(np.ones(64 * 100, np.float32), [64] * 100)
    studio.board.become("stopping", "the server ends")
    studio.board.fade_out()
    bass = studio.play(np.ones(4800, np.float32), [64] * 75)
    assert bass[0] == 1.0 and bass[-1] == 0.0
    assert (np.diff(bass) <= 0.0).all() and np.abs(np.diff(bass)).max() <= 0.001
