"""Alignment: an impulse through the probe bundle arrives when stated, and lateness never shifts anything."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import WholeWindows

from bassnet_osc.audio_files import Mix
from bassnet_osc.bundle import Bundle
from bassnet_osc.demo_run import MIX
from bassnet_osc.frames import Block, Frames
from bassnet_osc.presets import anticipating
from bassnet_osc.sound import Sound
from bassnet_osc.spec import BassNetError
from bassnet_osc.voice import Voice

RATES = [8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]
TAPERS, SKIPS = [4, 6, 8, 12, 20], [0, 1, 2, 3]


@pytest.fixture(scope="module")
def probe(probe_folder: Path) -> Bundle:
    """level = energy of the mix, f0 constant; its graphs are exported like a trained model's."""
    return Bundle.load(str(probe_folder), provider="cpu")


def origin(_: int) -> tuple[float, float]:
    """z stays at the origin."""
    return 0.0, 0.0


def impulse(frame: int, rate: int, seconds: float) -> tuple[npt.NDArray[np.float32], int]:
    """A signal that is zero but for a click at a frame's position, and that position in samples."""
    x = np.zeros(int(seconds * rate), dtype=np.float32)
    at = math.ceil(frame * rate / 100)
    x[at] = 1.0
    return x, at


def play(voice: Voice, x: npt.NDArray[np.float32], block_size: int) -> npt.NDArray[np.float32]:
    """The voice's output for a signal in blocks."""
    return np.concatenate([voice.process(x[i : i + block_size]) for i in range(0, len(x), block_size)])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("taper", TAPERS)
@pytest.mark.parametrize("skip", SKIPS)
def test_an_impulse_arrives_when_it_is_said_to(probe: Bundle, rate: int, taper: int, skip: int) -> None:
    """First sounding sample within 1 ms of impulse + latency_samples; both grid parities."""
    for frame in (23, 24):
        voice = Voice(probe, rate, origin, taper, skip)
        x, at = impulse(frame, rate, 0.45 + voice.latency_samples / rate)
        y = play(voice, x, 256)
        sounding = np.flatnonzero(y)
        assert len(sounding) > 0
        assert abs(int(sounding[0]) - at - voice.latency_samples) <= rate / 1000


@pytest.mark.parametrize("phase", range(0, 160, 16))
def test_an_impulse_between_frames_keeps_to_its_frame(probe: Bundle, phase: int) -> None:
    """Time has the grain of a frame: it sounds at the frame before it, or where that heard it too faintly (a
    click in the last 3 ms before the next) at the next; so from 10 ms early to 3 ms late.
    """
    voice = Voice(probe, 16_000, origin)
    x = np.zeros(8000, dtype=np.float32)
    x[3200 + phase] = 1.0
    first = int(np.flatnonzero(play(voice, x, 100))[0])
    expected = 3200 + phase + voice.latency_samples
    assert -160 < first - expected <= 48


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("taper", "skip"), [(4, 2), (6, 0), (20, 3)])
def test_stated_latency_is_enough(
    probe: Bundle, rng: np.random.Generator, rate: int, taper: int, skip: int
) -> None:
    """Whatever the blocks, the next n samples are always there in time: nothing is ever concealed."""
    voice = Voice(probe, rate, origin, taper, skip)
    for n in rng.integers(1, 700, size=60):
        voice.accept(voice.hear(rng.standard_normal(n).astype(np.float32)))
        blocks, concealed = voice.play(int(n))
        assert len(blocks[0]) == n
        assert not concealed


def test_stated_latency_is_the_least_possible(probe: Bundle) -> None:
    """One frame less would not do: at some moment the synth holds less than a frame in reserve."""
    voice = Voice(probe, 48_000, origin)
    reserve = []
    for _ in range(4000):
        voice.accept(voice.hear(np.zeros(13, dtype=np.float32)))
        voice.play(13)
        reserve.append(len(voice._basses[0]._ready))
    assert min(reserve) < 480


@pytest.mark.parametrize("block_size", [1, 7, 161, 512, 4096])
def test_blocks_do_not_matter(probe: Bundle, rng: np.random.Generator, block_size: int) -> None:
    x = (0.1 * rng.standard_normal(4000 if block_size == 1 else 24_000)).astype(np.float32)
    np.testing.assert_array_equal(
        play(Voice(probe, 48_000, origin), x, block_size), play(Voice(probe, 48_000, origin), x, len(x))
    )


def test_reset_equals_new(probe: Bundle, rng: np.random.Generator) -> None:
    x = (0.1 * rng.standard_normal(20_000)).astype(np.float32)
    voice = Voice(probe, 48_000, origin)
    first = play(voice, x, 512)
    voice.reset()
    np.testing.assert_array_equal(play(voice, x, 512), first)


def test_late_frames_are_discarded_and_alignment_holds(probe: Bundle, rng: np.random.Generator) -> None:
    """Blocks 40 .. 49 are heard too late: concealed meanwhile, then on the very same samples as before."""
    n, x = 256, (0.3 * rng.standard_normal(256 * 120)).astype(np.float32)
    x[: 256 * 20] = 0
    on_time = play(Voice(probe, 48_000, origin), x, n)
    voice, pending = Voice(probe, 48_000, origin), []
    output, concealed = [], []
    for k in range(120):
        pending.append(voice.hear(x[k * n : (k + 1) * n]))
        if not 40 <= k < 50:
            for frames in pending:
                voice.accept(frames)
            pending = []
        blocks, was_concealed = voice.play(n)
        output.append(blocks[0])
        concealed.append(was_concealed)
    late = np.concatenate(output)
    assert not any(concealed[:40]) and any(concealed[40:50]) and not any(concealed[52:])
    np.testing.assert_array_equal(late[: 40 * n], on_time[: 40 * n])
    # The gap's end plucks the string anew, so phase and brightness differ for a while; a quarter of a second
    # later the envelope in stretches of 10 ms is the same (measured below 1 %).
    before, after = (np.abs(y[95 * n :][: 480 * 12].reshape(-1, 480)).max(axis=1) for y in (on_time, late))
    np.testing.assert_allclose(after, before, rtol=0.03)


@pytest.mark.parametrize("block_size", [16, 64, 256, 1000])
def test_every_concealed_sample_is_told(probe: Bundle, block_size: int) -> None:
    """The synth conceals whole frames; blocks that carry the rest of one are concealed blocks too."""
    voice = Voice(probe, 48_000, origin)
    hello = np.zeros(block_size, dtype=np.float32)
    told, stalled = 0, range(4800 // block_size, 9600 // block_size)
    late = []
    for k in range(19_200 // block_size):
        late.append(voice.hear(hello))
        if k not in stalled:
            while late:
                voice.accept(late.pop(0))
        told += block_size * voice.play(block_size)[1]
    # What was ready when the stall began lasts for a frame at most; it ends in whole frames of concealment.
    assert 4800 - 960 - block_size <= told <= 4800 + 480 + 2 * block_size


def test_frames_are_told_in_order_and_once(probe: Bundle, rng: np.random.Generator) -> None:
    told: list[Frames] = []
    voice = Voice(probe, 48_000, origin, on_frames=told.append)
    play(voice, rng.standard_normal(24_000).astype(np.float32), 512)
    assert told[0].first == 0
    assert all(a.end == b.first for a, b in pairwise(told))


SOUNDS = [Sound("sub"), Sound(octave=-1), Sound(tuning_hz=415.0)]


@pytest.mark.parametrize("sound", SOUNDS, ids=["timbre", "octave", "tuning"])
def test_a_sound_changes_what_is_played_and_nothing_else(
    probe: Bundle, rng: np.random.Generator, sound: Sound
) -> None:
    x = (0.1 * rng.standard_normal(20_000)).astype(np.float32)
    heard: list[list[Frames]] = [[], []]
    default = Voice(probe, 48_000, origin, on_frames=heard[0].append)
    other = Voice(probe, 48_000, origin, on_frames=heard[1].append, sound=sound)
    one, two = play(default, x, 512), play(other, x, 512)
    assert np.abs(one - two).max() > 0.1 * np.abs(one).max()
    np.testing.assert_array_equal(np.flatnonzero(one)[[0, -1]], np.flatnonzero(two)[[0, -1]])
    assert default.latency_samples == other.latency_samples
    for mine, its in zip(*heard, strict=True):
        np.testing.assert_array_equal(mine.f0_hz, its.f0_hz)
        np.testing.assert_array_equal(mine.level_db, its.level_db)


def test_a_gate_silences_what_is_below_it(probe: Bundle) -> None:
    """Half a second at -18 dB, then one at -37 dB: the second is heard without the gate, silent with it."""
    tone = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    x = (np.repeat([0.02, 0.009], 24_000) * tone).astype(np.float32)
    told: list[Frames] = []
    plain = play(Voice(probe, 48_000, origin, on_frames=told.append), x, 512)
    level_db = Frames.join(told).level_db
    assert level_db[30] > -20.0 and -46.0 < level_db[70] < -35.0
    told.clear()
    gated = play(Voice(probe, 48_000, origin, on_frames=told.append, sound=Sound(gate_db=-28.0)), x, 512)
    np.testing.assert_array_equal(gated[:24_000], plain[:24_000])
    assert plain[36_000:].all() and not gated[36_000:].any()
    frames = Frames.join(told)
    np.testing.assert_array_equal(np.isnan(frames.f0_hz[5:]), frames.level_db[5:] < -34.0)


def test_a_sound_can_be_changed_while_it_plays(probe: Bundle, rng: np.random.Generator) -> None:
    x = (0.1 * rng.standard_normal(48_000)).astype(np.float32)
    voice, other = Voice(probe, 48_000, origin), Voice(probe, 48_000, origin, sound=Sound("sub", -1))
    before = play(voice, x[:24_000], 512)
    voice.play_as(Sound("sub", -1))
    after = play(voice, x[24_000:], 512)
    whole = play(Voice(probe, 48_000, origin), x, 512)
    np.testing.assert_array_equal(before, whole[:24_000])
    assert np.abs(after - whole[24_000:]).max() > 0.1 * np.abs(whole).max()
    assert voice.sound == other.sound


# --- several z to one mix ----------------------------------------------------------------------------


def test_variations_play_what_voices_of_their_own_would() -> None:
    """One of them from the start, one from the middle on. (A trained model: z moves nothing in the probe.)"""
    model = Bundle.load("a1-live", provider="cpu")
    x = np.concatenate(list(Mix([MIX]).blocks()))[5 * 48_000 :][:96_000]
    places = {0: (0.0, 0.0), **dict(zip((1, 5), model.z_places.values(), strict=False))}
    alone = {
        n: play(Voice(model, 48_000, lambda _, place=place: place), x, 480) for n, place in places.items()
    }
    assert all(np.abs(alone[0] - alone[n]).max() > 0.05 for n in (1, 5))
    voice = Voice(model, 48_000, lambda _: places[0])
    voice.vary(1, lambda _: places[1])
    played: dict[int, list[npt.NDArray[np.float32]]] = {}
    for k in range(200):
        if k == 50:
            voice.vary(5, lambda _: places[5])
        voice.accept(voice.hear(x[k * 480 : (k + 1) * 480]))
        for n, block in voice.play(480)[0].items():
            played.setdefault(n, []).append(block)
    whole = {n: np.concatenate(blocks) for n, blocks in played.items()}
    np.testing.assert_array_equal(whole[0], alone[0])
    np.testing.assert_array_equal(whole[1], alone[1])
    assert len(whole[5]) == 150 * 480
    late = np.abs(whole[5] - alone[5][50 * 480 :])
    # It begins with an attack of its own, out of silence; then the level is the same.
    assert whole[5][0] == 0 and late.any()
    ours, theirs = (np.abs(y[-50 * 480 :].reshape(-1, 480)).max(axis=1) for y in (whole[5], alone[5]))
    np.testing.assert_allclose(ours, theirs, atol=0.05 * theirs.max())


def test_all_variations_are_decoded_in_one_batch(probe: Bundle, rng: np.random.Generator) -> None:
    sizes = []

    class Counting(WholeWindows):
        spec, frontend = probe.spec, probe.frontend

        def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
            sizes.append(len(z))
            return probe.decode(mix, z)

    voice = Voice(Counting(), 48_000, origin)  # type: ignore[arg-type]
    for n in range(1, 9):
        voice.vary(n, origin)
    play(voice, rng.standard_normal(9600).astype(np.float32), 480)
    assert set(sizes) == {9}


# --- another model -----------------------------------------------------------------------------------


class Other(WholeWindows):
    """The probe with the level turned down, and an ear for onsets of its own."""

    def __init__(self, probe: Bundle, share: float, **changed: object) -> None:
        descriptor = dataclasses.replace(probe.spec.descriptor, onset_on=0.3, onset_off=0.2)
        self.spec = dataclasses.replace(probe.spec, descriptor=descriptor, **changed)
        self.frontend, self._probe, self._share = probe.frontend, probe, share

    def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
        f0, level, onset = self._probe.decode(mix, z)
        return f0, np.where(level > 0, level * np.float32(self._share), 0), onset


def test_a_model_takes_over_in_one_hop_without_a_step(probe: Bundle) -> None:
    """A steady tone, then the same 12 dB softer: from the old level to the new one within 20 ms, no lower."""
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000)).astype(np.float32)
    other = Other(probe, 0.8)
    voice = Voice(probe, 48_000, origin)
    assert voice.can_go_on_with(other)  # type: ignore[arg-type]
    told: list[Frames] = []
    voice._on_frames = told.append
    for k in range(200):
        if k == 100:
            voice.go_on_with(other)  # type: ignore[arg-type]
        voice.process(tone[k * 480 : (k + 1) * 480])
    level = Frames.join(told).level_db
    before, after = level[80], level[150]
    assert after < before - 6.0
    between = np.flatnonzero((level[90:120] < before - 0.1) & (level[90:120] > after + 0.1))
    assert len(between) <= 2 and (np.diff(level[90:120]) < 0.1).all()
    assert voice.descriptor.onset_on == 0.3


@pytest.mark.parametrize("block_size", [100, 480, 5000])
def test_a_model_that_predicts_sounds_at_the_same_moment_of_its_frames(
    probe: Bundle, rng: np.random.Generator, block_size: int
) -> None:
    """What it says of 50 ms later comes out when another says it of now: the offset is all that differs."""
    ahead = Other(probe, 1.0, window=anticipating(probe.spec).window)
    mix = rng.standard_normal(48_000).astype(np.float32)
    plain, early = Voice(probe, 48_000, origin), Voice(ahead, 48_000, origin)
    assert plain.latency_samples - early.latency_samples == 2400 and early.latency_samples == 18
    np.testing.assert_array_equal(play(early, mix, block_size), play(plain, mix, block_size))
    assert not plain.can_go_on_with(ahead)


def test_another_delay_or_another_ear_is_no_taking_over(probe: Bundle) -> None:
    voice = Voice(probe, 48_000, origin)
    window = dataclasses.replace(probe.spec.window, skip=probe.spec.window.skip + 2)
    cqt = dataclasses.replace(probe.spec.cqt, gamma=probe.spec.cqt.gamma + 1.0)
    for changed in ({"window": window}, {"cqt": cqt}):
        assert not voice.can_go_on_with(Other(probe, 1.0, **changed))  # type: ignore[arg-type]


# --- a latency that was asked for --------------------------------------------------------------------


def test_padding_moves_the_bass_and_nothing_else(probe: Bundle, rng: np.random.Generator) -> None:
    x = (0.1 * rng.standard_normal(20_000)).astype(np.float32)
    plain = Voice(probe, 48_000, origin)
    late = Voice(probe, 48_000, origin, latency_samples=plain.latency_samples + 777)
    assert late.latency_samples == plain.latency_samples + 777
    assert sum(late.latency_parts.values()) == pytest.approx(1e3 * late.latency_samples / 48_000, abs=0.03)
    np.testing.assert_array_equal(play(late, x, 256)[777:], play(plain, x, 256)[:-777])
    with pytest.raises(BassNetError, match=r"latency target must be at least .* got 50.3"):
        Voice(probe, 48_000, origin, latency_samples=plain.latency_samples - 2)


def test_gain_is_a_factor_and_changes_without_a_step(probe: Bundle) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)
    plain = play(Voice(probe, 48_000, origin), tone, 480)
    loud = play(Voice(probe, 48_000, origin, sound=Sound(gain_db=6.0)), tone, 480)
    np.testing.assert_allclose(loud, plain * 10**0.3, atol=1e-6)
    voice = Voice(probe, 48_000, origin)
    first = play(voice, tone[:24_000], 480)
    voice.play_as(Sound(gain_db=-60.0))
    changed = np.concatenate([first, play(voice, tone[24_000:], 480)])
    ratio = changed[24_000:30_000] / np.where(plain[24_000:30_000] == 0, 1, plain[24_000:30_000])
    heard = ratio[np.abs(plain[24_000:30_000]) > 0.05 * np.abs(plain).max()]
    assert (np.diff(heard) < 1e-3).all() and np.abs(np.diff(heard)).max() < 0.05
    assert heard[-1] == pytest.approx(0.001, rel=0.01)
