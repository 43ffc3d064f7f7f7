"""The synth: sample-exact in time, true in pitch and level, band-limited, plucked only where it should be."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from bassnet_osc import synth as synth_module
from bassnet_osc.frames import CONCEAL_DB_PER_FRAME, Frames
from bassnet_osc.presets import live
from bassnet_osc.spec import BassNetError
from bassnet_osc.synth import RISE_S, Synth, _added
from bassnet_osc.timbres import DEFAULT_TIMBRE, TIMBRES

Array = npt.NDArray[np.float64]

SPEC = live()
FRAME_RATE = SPEC.cqt.frame_rate
RATES = [8000, 11025, 22050, 44100, 48000, 96000, 192000]
E1_HZ = 41.2
N = math.nan


def line(f0_hz: list[float] | Array, level_db: float | Array = -12.0, onsets: tuple[int, ...] = ()) -> Frames:
    """Frames from 0 on, with an onset curve that peaks at `onsets`."""
    f0_hz = np.asarray(f0_hz, np.float64)
    onset = np.zeros(len(f0_hz))
    onset[list(onsets)] = 1.0
    return Frames(0, f0_hz, np.broadcast_to(np.asarray(level_db, np.float64), f0_hz.shape), onset)


def play(frames: Frames, sample_rate: int = 48000, timbre: str = DEFAULT_TIMBRE) -> Array:
    return Synth(sample_rate, SPEC, TIMBRES[timbre]).process(frames).astype(np.float64)


def at(frame: int, sample_rate: int) -> int:
    """First sample that is not before the frame."""
    return math.ceil(frame * sample_rate * SPEC.cqt.hop_length / SPEC.cqt.sample_rate)


def random_frames(rng: np.random.Generator, n_frames: int = 300) -> Frames:
    """Notes, rests, slides, flicker, level jumps and onsets wherever they fall; legal but no music."""
    f0_hz = 20.0 * 250.0 ** rng.random(n_frames)
    for i in np.flatnonzero(rng.random(n_frames) < 0.8)[1:]:
        f0_hz[i] = f0_hz[i - 1]
    f0_hz[np.repeat(rng.random(n_frames // 10) < 0.3, 10) | (rng.random(n_frames) < 0.02)] = N
    level_db = rng.choice([-200.0, -60.0, -20.0, 0.0], n_frames) * rng.random(n_frames)
    return Frames(0, f0_hz, level_db, rng.random(n_frames) ** 3)


def high_pass(audio: Array, cutoff_hz: float, sample_rate: int) -> Array:
    """What lies above the cutoff: linear phase, 2 ms to either side, over 100 dB down below."""
    n = np.arange(-(sample_rate // 120), sample_rate // 120 + 1)
    low_pass = 2 * cutoff_hz / sample_rate * np.sinc(2 * cutoff_hz / sample_rate * n) * np.kaiser(len(n), 12)
    return np.asarray(np.convolve(audio, (n == 0) - low_pass, "same"))


def db(power: float) -> float:
    return float(10 * np.log10(power))


# In time


@pytest.mark.parametrize("sample_rate", [11025, 48000])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_groups_do_not_matter(size: int, sample_rate: int, rng: np.random.Generator) -> None:
    frames = random_frames(rng)
    synth = Synth(sample_rate, SPEC)
    parts = [synth.process(frames[i : i + size]) for i in range(0, len(frames), size)]
    whole = Synth(sample_rate, SPEC).process(frames)
    assert np.count_nonzero(whole) > len(whole) // 4
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_reset_equals_new(rng: np.random.Generator) -> None:
    frames = random_frames(rng)
    synth = Synth(22050, SPEC)
    first = synth.process(frames)
    synth.reset()
    np.testing.assert_array_equal(synth.process(frames), first)


def test_the_future_does_not_change_the_past(rng: np.random.Generator) -> None:
    frames, other = random_frames(rng), random_frames(rng)
    changed = Frames.join([frames[:200], other[200:]])
    n = at(199, 8000)
    np.testing.assert_array_equal(play(changed, 8000)[:n], play(frames, 8000)[:n])


@pytest.mark.parametrize("sample_rate", RATES)
def test_sample_count_is_exact_after_each_frame(sample_rate: int) -> None:
    synth, n_samples = Synth(sample_rate, SPEC), 0
    for i in range(110):
        n_samples += len(synth.process(Frames(i, np.array([N]), np.array([-60.0]), np.zeros(1))))
        assert n_samples == at(i, sample_rate)


@pytest.mark.parametrize("first", [0, 8_640_000])
@pytest.mark.parametrize("sample_rate", RATES)
def test_a_note_starts_at_its_frame_even_after_a_day(sample_rate: int, first: int) -> None:
    frames = line([N] * 7 + [E1_HZ] * 5)
    audio = Synth(sample_rate, SPEC).process(Frames(first, frames.f0_hz, frames.level_db, frames.onset))
    start = at(first + 7, sample_rate) - at(first, sample_rate)
    assert np.flatnonzero(audio)[0] - start in (0, 1)  # a rise that starts on a sample starts with 0 there


def test_frames_that_do_not_follow_are_refused() -> None:
    synth = Synth(48000, SPEC)
    synth.process(line([N] * 3))
    with pytest.raises(BassNetError, match="expected frame 3, got 5"):
        synth.process(Frames(5, np.array([N]), np.array([-60.0]), np.zeros(1)))


def test_no_frames_no_audio() -> None:
    assert Synth(48000, SPEC).process(Frames.empty(0)).shape == (0,)


# Pitch, level, band


@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
@pytest.mark.parametrize("f0_hz", [27.5, E1_HZ, 98.3, 440.0, 1500.0])
def test_pitch_level_and_band(f0_hz: float, sample_rate: int) -> None:
    """Two seconds of a held note, the pluck's decay long over."""
    audio = play(line([f0_hz] * 301), sample_rate)[sample_rate:]
    seconds = np.arange(len(audio)) / sample_rate

    periods = audio[: round(int(1.9 * f0_hz) / f0_hz * sample_rate)]
    assert abs(db(2 * np.mean(periods**2)) + 12.0) < 0.01  # measured 0.0003 dB

    # The phase of the fundamental, from the first second to the second: 1e-4 cent measured.
    turning = (audio * np.exp(-2j * np.pi * f0_hz * seconds)).reshape(2, -1) @ np.blackman(sample_rate)
    error_hz = np.angle(turning[1] / turning[0]) / (2 * np.pi)
    assert abs(1200 * np.log2(1 + error_hz / f0_hz)) < 0.01

    # All there is are harmonics within the band: -150 dB beside them measured.
    spectrum = np.abs(np.fft.rfft(audio * np.kaiser(len(audio), 20))) ** 2
    frequency = np.fft.rfftfreq(len(audio), 1 / sample_rate)
    limit_hz = min(5000.0, 0.45 * sample_rate)
    beside = np.abs(frequency - f0_hz * np.round(frequency / f0_hz)) > 8
    assert db(spectrum[beside | (frequency > limit_hz)].sum() / spectrum.sum()) < -120


@pytest.mark.parametrize("level_db", [-6.0, -30.0, -45.0])
def test_level_holds_from_the_first_period_on(level_db: float) -> None:
    audio = play(line([55.0] * 31, level_db))
    periods = audio[at(1, 48000) :][: round(48000 * 11 / 55.0)]
    assert abs(db(2 * np.mean(periods**2)) - level_db) < 0.1  # measured 0.0003 dB


def test_leaps_stay_within_the_band() -> None:
    """Each harmonic fades by its frequency at each moment, not only at the frames."""
    f0_hz = np.repeat([200.0, 1000.0, 90.0, 1600.0, 400.0], 20)
    for onsets in [(), (20, 40, 60, 80)]:
        audio = play(line(f0_hz, onsets=onsets))
        above = high_pass(audio, 6500.0, 48000)[: at(98, 48000)]
        assert np.abs(above).max() < 1e-3 * np.abs(audio).max()  # measured 6e-4


@pytest.mark.parametrize("sample_rate", [8000, 192000])
def test_hostile_frames_give_finite_audio(sample_rate: int, rng: np.random.Generator) -> None:
    audio = play(random_frames(rng, 500), sample_rate)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max() < 10.0  # 0 dB at most, and about 12 dB more at the peaks: measured 2.2


def test_above_the_band_is_silence() -> None:
    assert not play(line([5000.0] * 20, 0.0), 8000).any()


# Edges


def test_silence_is_exact() -> None:
    audio = play(line([N] * 5 + [E1_HZ] * 10 + [N] * 5))
    assert not audio[: at(5, 48000)].any()
    assert not audio[at(15, 48000) :].any()
    assert audio[at(5, 48000) + 1 : at(15, 48000)].all()
    assert not play(line([N] * 50)).any()


EDGES = {
    "start and end": line([N] * 10 + [E1_HZ] * 20 + [N] * 10),
    "rest": line([E1_HZ] * 20 + [N] * 5 + [110.0] * 20),
    "repeated": line([E1_HZ] * 60, onsets=(11, 23, 37, 49)),
    "onset and leap up": line([E1_HZ] * 20 + [3 * E1_HZ] * 20, onsets=(20,)),
    "onset and leap down": line([220.0] * 20 + [E1_HZ] * 20, onsets=(20,)),
    "glide up": line([E1_HZ] * 20 + [2 * E1_HZ] * 20),
    "glide down": line([220.0] * 20 + [E1_HZ] * 20),
    "level falls": line([55.0] * 40, np.repeat([-10.0, -40.0], 20)),
    "level rises": line([55.0] * 40, np.repeat([-40.0, -10.0], 20)),
    "voice drops out": line([55.0] * 2 + [N] + [55.0] * 20),
    "onset at once after an onset": line([55.0] * 40, onsets=(10, 15, 20)),
}


@pytest.mark.parametrize("name", EDGES)
def test_no_edge_clicks(name: str) -> None:
    frames = EDGES[name]
    end = Frames(len(frames), np.full(5, N), np.full(5, -60.0), np.zeros(5))
    audio = play(Frames.join([frames, end]))
    # A click is what the band of the harmonics does not explain: a step of 1 % of the peak would read 3e-3.
    assert np.abs(high_pass(audio, 7000.0, 48000)).max() < 2e-3 * np.abs(audio).max()  # measured 6e-4
    # And nowhere does the wave bend more than that of a note alone, plucked at the highest pitch.
    alone = play(line([np.nanmax(frames.f0_hz)] * 10, float(frames.level_db.max())))
    assert np.abs(np.diff(audio, 2)).max() < 1.5 * np.abs(np.diff(alone, 2)).max()  # measured 1.02


# At 8 kHz a tone above 1800 Hz has no harmonic but itself within the band: a sine, so that its phase is
# known in closed form everywhere.
SINE_RATE = 8000


def fitted(audio: Array, cycles: Array, part: slice) -> Array:
    """The sine over `cycles` that fits the audio best within `part`, everywhere."""
    basis = np.stack([np.sin(2 * np.pi * cycles), np.cos(2 * np.pi * cycles)], axis=1)
    return np.asarray(basis @ np.linalg.lstsq(basis[part], audio[part], rcond=None)[0])


def test_a_pitch_without_onset_glides_within_a_frame_and_keeps_its_phase() -> None:
    audio = play(line([2000.0] * 30 + [2700.0] * 30, -12.0), SINE_RATE)
    seconds = np.arange(len(audio)) / SINE_RATE
    share = np.clip((seconds - 0.29) * FRAME_RATE, 0.0, 1.0)  # of the way: 10 ms, up to the new frame
    cycles = 2000.0 * seconds + 700.0 * (share**2 / 2 / FRAME_RATE + np.maximum(0.0, seconds - 0.30))
    expected = fitted(audio, cycles, slice(at(5, SINE_RATE), at(20, SINE_RATE)))
    risen = slice(at(1, SINE_RATE), None)
    assert np.abs(audio - expected)[risen].max() < 1e-5 * np.abs(audio).max()  # measured 7e-8


def test_at_an_onset_the_new_pitch_is_there_at_once() -> None:
    audio = play(line([2700.0] * 30 + [2000.0] * 30, -12.0, onsets=(30,)), SINE_RATE)
    seconds, onset = np.arange(len(audio)) / SINE_RATE, at(30, SINE_RATE)
    before = fitted(audio, 2700.0 * seconds, slice(at(5, SINE_RATE), at(20, SINE_RATE)))
    after = fitted(audio, 2000.0 * seconds, slice(at(40, SINE_RATE), at(50, SINE_RATE)))
    risen = onset + math.ceil(RISE_S * SINE_RATE)
    peak = np.abs(audio).max()
    assert np.abs(audio - before)[at(1, SINE_RATE) : onset].max() < 1e-5 * peak  # measured 7e-8
    assert np.abs(audio - after)[risen:].max() < 1e-5 * peak


def test_the_note_before_does_not_swell_to_the_louder_next_one() -> None:
    audio = play(line([1930.0] * 40, np.repeat([-40.0, -6.0], 20), onsets=(20,)), SINE_RATE)
    before = np.abs(audio[at(10, SINE_RATE) : at(20, SINE_RATE)])
    assert db(before.max() ** 2) == pytest.approx(-40.0, abs=0.1)
    after = np.abs(audio[at(20, SINE_RATE) + math.ceil(RISE_S * SINE_RATE) : at(30, SINE_RATE)])
    assert db(after.max() ** 2) == pytest.approx(-6.0, abs=0.1)


# The pluck, of a timbre that has a bright one

PLUCKED = "pick"


def brightness(audio: Array, frame: int) -> float:
    """Power above 800 Hz against all, in dB, over four periods of E1 from a frame."""
    part = slice(at(frame, 48000), at(frame, 48000) + round(4 / E1_HZ * 48000))
    return db(np.mean(high_pass(audio, 800.0, 48000)[part] ** 2) / np.mean(audio[part] ** 2))


def test_a_pluck_is_bright_and_mellows() -> None:
    audio = play(line([E1_HZ] * 100, onsets=(50,)), timbre=PLUCKED)
    fresh, late, again = (brightness(audio, frame) for frame in (1, 40, 51))
    assert fresh > late + 3.0  # measured 4.5 dB
    assert again == pytest.approx(fresh, abs=0.5)


@pytest.mark.parametrize("corrected", [22, 28, 34])
def test_a_corrected_pitch_is_not_plucked_again(corrected: int) -> None:
    """20 to 140 ms after the pluck: from then on as bright as if the pitch had been right from the start."""
    wrong = np.where(np.arange(80) < corrected, 55.0, E1_HZ)
    glided = brightness(play(line(wrong, onsets=(20,)), timbre=PLUCKED), corrected)
    right = brightness(play(line(np.full(80, E1_HZ), onsets=(20,)), timbre=PLUCKED), corrected)
    plucked = brightness(play(line(wrong, onsets=(20, corrected)), timbre=PLUCKED), corrected)
    assert glided == pytest.approx(right, abs=1.0)  # measured 0.7 dB
    if corrected >= 20 + SPEC.descriptor.refractory_frames:
        assert plucked > right + 6.0  # measured 11.6 and 12.2 dB


def test_a_voice_that_drops_out_is_not_plucked_again() -> None:
    whole, dropped, later = (np.full(60, E1_HZ) for _ in range(3))
    dropped[3], later[:4] = N, N
    steady, back, plucked = (brightness(play(line(x), timbre=PLUCKED), 5) for x in (whole, dropped, later))
    assert back == pytest.approx(steady, abs=0.5)
    assert plucked > back + 1.0


@pytest.mark.parametrize("f0_hz", [30.9, E1_HZ, 98.0, 196.0])
def test_a_pluck_is_heard_at_once(f0_hz: float) -> None:
    """Not up to a period late, which at the low B would be 32 ms."""
    audio = np.abs(play(line([N] * 10 + [f0_hz] * 20)))
    first = audio[at(10, 48000) : at(10, 48000) + round(0.006 * 48000)]
    assert first.max() > 0.8 * audio.max()  # measured 1.0


# Concealment


def test_concealed_frames_go_on_and_die_away() -> None:
    synth = Synth(48000, SPEC)
    synth.process(line([55.0] * 10 + [E1_HZ] * 10, -20.0))
    frames = synth.conceal(100)
    assert frames.first == 20
    n_voiced = int((SPEC.descriptor.gate_off_db + 20.0) / -CONCEAL_DB_PER_FRAME)
    np.testing.assert_array_equal(frames.f0_hz, [E1_HZ] * n_voiced + [N] * (100 - n_voiced))
    np.testing.assert_allclose(np.diff(frames.level_db[:n_voiced]), -CONCEAL_DB_PER_FRAME)
    assert frames.level_db[0] == -20.0 - CONCEAL_DB_PER_FRAME
    assert frames.level_db.min() >= SPEC.descriptor.level_floor_db
    assert not frames.onset.any()


def test_conceal_changes_no_state_and_its_tail_is_itself() -> None:
    frames = line([E1_HZ] * 40, onsets=(12,))
    synth = Synth(48000, SPEC)
    head = synth.process(frames[:15])
    concealed = synth.conceal(10)
    np.testing.assert_array_equal(synth.conceal(4).level_db, concealed.level_db[:4])
    np.testing.assert_array_equal(np.concatenate([head, synth.process(frames[15:])]), play(frames))
    other = Synth(48000, SPEC)
    other.process(frames[:15])
    other.process(concealed[:5])
    np.testing.assert_allclose(other.conceal(5).level_db, concealed.level_db[5:])


@pytest.mark.parametrize("n_before", [0, 5])
def test_silence_is_concealed_by_silence(n_before: int) -> None:
    synth = Synth(48000, SPEC)
    synth.process(line([N] * n_before, -60.0))
    frames = synth.conceal(3)
    assert frames.first == n_before
    assert np.isnan(frames.f0_hz).all()
    assert not synth.process(frames).any()


# By powers of powers


@pytest.mark.parametrize("n_harmonics", [1, 2, 3, 16, 17, 76, 250])
@pytest.mark.parametrize("n_samples", [1, 80, 480, 1920])
def test_harmonics_are_added_up_as_one_by_one(
    n_harmonics: int, n_samples: int, rng: np.random.Generator
) -> None:
    k, t = np.arange(1, n_harmonics + 1), np.arange(n_samples) / n_samples
    before, after = rng.random((2, n_harmonics)) / k**2
    phase = 5.0 + 4.0 * t
    plain = ((before[:, None] + np.outer(after - before, t)) * np.sin(np.outer(k, phase))).sum(axis=0)
    assert np.abs(_added(phase, before, after, t) - plain).max() < 1e-6  # full scale is 1; measured 4e-7


@pytest.mark.parametrize("name", TIMBRES)
@pytest.mark.parametrize("sample_rate", [11025, 48000, 192000])
def test_a_tone_that_counts_as_steady_is_as_one_that_glides(
    name: str, sample_rate: int, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """A model's f0 is never quite the same: 1e-5 Hz and less from frame to frame."""
    f0_hz = np.repeat([E1_HZ, 65.4, 97.9, 196.0], 40) + 1e-5 * rng.random(160)
    frames = line(f0_hz, -12.0 * rng.random(160), onsets=(0, 40, 90, 120))
    steady = play(frames, sample_rate, name)
    monkeypatch.setattr(synth_module, "STEADY", 0.0)
    difference = np.abs(steady - play(frames, sample_rate, name)).max()
    assert 0.0 < difference < 1e-6  # full scale is 1; measured 8e-7, peaks of 1.5
