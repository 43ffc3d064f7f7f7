"""Every timbre: true in level and pitch, band-limited, the same in any grouping, plucked and told apart."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from test_synth import E1_HZ, SPEC, N, at, db, high_pass, line, random_frames

from bassnet_osc.frames import Frames
from bassnet_osc.params import TIMBRE_NAMES
from bassnet_osc.spec import BassNetError
from bassnet_osc.synth import Synth
from bassnet_osc.timbres import (
    CURVE_HZ,
    DEFAULT_TIMBRE,
    LOUD_DB,
    MAX_HARMONICS,
    REFERENCE_HZ,
    TIMBRES,
    Timbre,
    timbre,
)

Array = npt.NDArray[np.float64]
NAMES = list(TIMBRES)
NONE_DB, ZERO_DB = (-200.0,) * len(CURVE_HZ), (0.0,) * len(CURVE_HZ)
FLAT = Timbre(
    tone_db=ZERO_DB,
    ring_hz=1e9,
    pluck_db=NONE_DB,
    decay_s=0.1,
    decay_hz=1000.0,
    tracking=0.0,
    harmonics_db=(),
    brightness=0.0,
)


def play(frames: Frames, sound: Timbre, sample_rate: int = 48000) -> Array:
    return Synth(sample_rate, SPEC, sound).process(frames).astype(np.float64)


def brightness(audio: Array, frame: int) -> float:
    """Power above 800 Hz against all, in dB, over four periods of E1 from a frame."""
    part = slice(at(frame, 48000), at(frame, 48000) + round(4 / E1_HZ * 48000))
    return db(np.mean(high_pass(audio, 800.0, 48000)[part] ** 2) / np.mean(audio[part] ** 2))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("f0_hz", [30.9, 55.0, 196.0])
def test_level_holds_from_the_first_period_on(name: str, f0_hz: float) -> None:
    for level_db in (-6.0, -40.0):
        audio = play(line([f0_hz] * 41, level_db), TIMBRES[name])
        n_periods = int(0.38 * f0_hz)
        periods = audio[at(1, 48000) :][: round(48000 * n_periods / f0_hz)]
        assert abs(db(2 * np.mean(periods**2)) - level_db) < 0.1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sample_rate", [8000, 48000])
def test_all_there_is_are_harmonics_within_the_band(name: str, sample_rate: int) -> None:
    audio = play(line([98.3] * 301), TIMBRES[name], sample_rate)[sample_rate:]
    spectrum = np.abs(np.fft.rfft(audio * np.kaiser(len(audio), 20))) ** 2
    frequency = np.fft.rfftfreq(len(audio), 1 / sample_rate)
    beside = np.abs(frequency - 98.3 * np.round(frequency / 98.3)) > 8
    outside = beside | (frequency > min(5000.0, 0.45 * sample_rate))
    assert db(spectrum[outside].sum() / spectrum.sum()) < -120


@pytest.mark.parametrize("name", NAMES)
def test_groups_do_not_matter_and_reset_equals_new(name: str, rng: np.random.Generator) -> None:
    frames = random_frames(rng, 150)
    whole = play(frames, TIMBRES[name], 11025)
    assert np.isfinite(whole).all()
    assert np.abs(whole).max() < 10.0
    synth = Synth(11025, SPEC, TIMBRES[name])
    for _ in range(2):
        parts = [synth.process(frames[i : i + 7]) for i in range(0, len(frames), 7)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        synth.reset()


@pytest.mark.parametrize("name", NAMES)
def test_no_edge_clicks(name: str) -> None:
    frames = line([N] * 5 + [E1_HZ] * 20 + [3 * E1_HZ] * 20 + [N] * 5, onsets=(25,))
    audio = play(frames, TIMBRES[name])
    assert np.abs(high_pass(audio, 7000.0, 48000)).max() < 2e-3 * np.abs(audio).max()


@pytest.mark.parametrize("name", NAMES)
def test_no_timbre_grows_much_brighter_as_it_rings(name: str) -> None:
    """The finger's thump dies before its tone does: measured 0.9 dB brighter; all others grow darker."""
    audio = play(line([E1_HZ] * 100), TIMBRES[name])
    assert brightness(audio, 1) > brightness(audio, 80) + (-1.5 if name == "finger" else 1.0)


def test_a_timbre_changed_between_frames_does_not_click() -> None:
    frames, synth = line([E1_HZ] * 60 + [N] * 5), Synth(48000, SPEC, TIMBRES["sub"])
    parts = [synth.process(frames[:30])]
    synth.timbre = TIMBRES["slap"]
    parts.append(synth.process(frames[30:]))
    audio = np.concatenate(parts).astype(np.float64)
    assert brightness(audio, 40) > brightness(audio, 10) + 6.0
    assert np.abs(high_pass(audio, 7000.0, 48000)).max() < 2e-3 * np.abs(audio).max()


def test_the_default_is_the_finger() -> None:
    frames = line([E1_HZ] * 30, onsets=(12,))
    default = Synth(48000, SPEC).process(frames)
    np.testing.assert_array_equal(default, Synth(48000, SPEC, timbre("finger")).process(frames))
    assert DEFAULT_TIMBRE == "finger"


def test_timbres_sound_different() -> None:
    """From one another by at least a tenth of the level, phase aside."""
    frames = line([E1_HZ] * 60)
    spectra = [np.abs(np.fft.rfft(play(frames, sound))) for sound in TIMBRES.values()]
    for i, one in enumerate(spectra):
        for other in spectra[:i]:
            assert np.linalg.norm(one - other) > 0.1 * np.linalg.norm(one)


def test_brightness_follows_how_loud_the_note_was() -> None:
    """And not its level of the moment: a note keeps its colour as it dies."""
    sound = dataclasses.replace(TIMBRES["finger"], brightness=2.0)
    loud, soft = (play(line([E1_HZ] * 60, level_db), sound) for level_db in (-6.0, -36.0))
    assert brightness(loud, 30) > brightness(soft, 30) + 6.0
    falling = play(line([E1_HZ] * 80, np.repeat([-6.0, -36.0], [20, 60])), sound)
    assert brightness(falling, 30) == pytest.approx(brightness(loud, 30), abs=0.1)
    again = play(line([E1_HZ] * 80, np.repeat([-6.0, -36.0], [20, 60]), onsets=(20,)), sound)
    assert brightness(again, 50) == pytest.approx(brightness(soft, 30), abs=0.5)


def test_the_curves_are_read_at_frequencies_and_the_harmonics_by_number() -> None:
    tone_db = tuple(-10.0 * i for i in range(len(CURVE_HZ)))
    sound = dataclasses.replace(FLAT, tone_db=tone_db, harmonics_db=(0.0, 0.0, 4.0))
    weights_db = 20 * np.log10(sound.weights(80.0, 0.0, LOUD_DB))
    expected = [-10.0, -20.0, -10.0 - 10.0 * np.log2(3) + 4.0, -30.0]
    np.testing.assert_allclose(weights_db[:4], expected, atol=1e-6)
    np.testing.assert_allclose(weights_db[80:], -70.0, atol=1e-6)  # 6.5 kHz and on: as at the last point


def test_curves_move_with_f0_as_far_as_they_track_it() -> None:
    curve = dataclasses.replace(FLAT, tone_db=tuple(-10.0 * i for i in range(len(CURVE_HZ))))
    for tracking, falls_db in ((0.0, 10.0), (0.4, 6.0), (1.0, 0.0)):
        sound = dataclasses.replace(curve, tracking=tracking)
        low, high = (
            20 * np.log10(sound.weights(f0, 0.0, LOUD_DB)) for f0 in (REFERENCE_HZ, 2 * REFERENCE_HZ)
        )
        np.testing.assert_allclose(low[:10] - high[:10], falls_db, atol=1e-6)


def test_tone_and_pluck_die_sooner_the_higher_they_are() -> None:
    tone = dataclasses.replace(FLAT, ring_hz=500.0)
    pluck = dataclasses.replace(FLAT, tone_db=NONE_DB, pluck_db=ZERO_DB)
    for sound, at_50_hz, at_1_khz in ((tone, 0.01, 0.2), (pluck, 1.05, 2.0)):
        early, late = (sound.weights(50.0, age_s, LOUD_DB) for age_s in (0.0, 0.1))
        nepers = np.log(early / late)
        assert nepers[0] == pytest.approx(at_50_hz) and nepers[19] == pytest.approx(at_1_khz)


@pytest.mark.parametrize("name", NAMES)
def test_columns_give_the_weights_of_each_row(name: str) -> None:
    f0_hz, age_s, loudest_db = np.array([31.0, 98.0]), np.array([0.0, 0.4]), np.array([LOUD_DB, -30.0])
    rows = TIMBRES[name].weights(f0_hz[:, None], age_s[:, None], loudest_db[:, None])
    assert rows.shape == (2, MAX_HARMONICS)
    for row, *values in zip(rows, f0_hz, age_s, loudest_db, strict=True):
        np.testing.assert_allclose(row, TIMBRES[name].weights(*(float(value) for value in values)))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(BassNetError, match=r"timbre must be one of finger, pick, .*; got 'tuba': choose one"):
        timbre("tuba")


@pytest.mark.parametrize("name", NAMES)
def test_a_tone_above_the_band_is_silence(name: str) -> None:
    """And no error, however long it is held: weights that square to 0 had been divided by."""
    assert not play(line([20_000.0] * 1200), TIMBRES[name])[at(2, 48000) :].any()


@pytest.mark.parametrize("name", NAMES)
def test_a_note_held_for_a_day_still_has_weights(name: str) -> None:
    weights = TIMBRES[name].weights(400.0, 86_400.0, -40.0)
    assert np.isfinite(weights).all() and weights[0] > 0.0


def test_the_names_that_clients_choose_from_are_those_of_the_timbres() -> None:
    assert tuple(TIMBRES) == TIMBRE_NAMES
