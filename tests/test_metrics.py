"""Metrics of a fake subject whose right answers are known: the split, the labels, losses and accuracies."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from listener import BAR_FRAMES, F0, SPEC, Listener, songs

from bassnet_osc.presets import live, studio
from bassnet_osc.spec import BassNetError
from training import metrics, places
from training.dataset import Song
from training.metrics import NEIGHBOURS, Latents, evaluate, observe, pitch_metrics
from training.objective import UNVOICED_BIN
from training.places import Places, evaluation_places, first_half, label_frame, patterns, root_bins, settled


def test_clear_patterns_are_all_classified() -> None:
    found = evaluate(Listener(), songs(4))
    assert found["classifier_accuracy"] == found["classifier_settled"] == 1.0
    np.testing.assert_allclose(found["mu_std"], [0.5, 0.5], atol=0.05)
    assert found["test_songs"] == 4


def test_fitted_on_one_half_and_scored_on_the_other() -> None:
    """In the second half the labels are swapped: a classifier that had seen it could not be all wrong."""
    found = evaluate(Listener(), songs(4, {2, 3}))
    assert found["classifier_accuracy"] == found["classifier_settled"] == 0.0


def test_accuracy_counts_the_second_half() -> None:
    """One of its four songs contradicts the first half."""
    assert evaluate(Listener(), songs(8, {5}))["classifier_accuracy"] == pytest.approx(0.75)


@pytest.mark.parametrize(("guess", "accuracy"), [(F0, 1.0), (F0 + 1, 1.0), (F0 - 1, 1.0), (F0 + 2, 0.0)])
def test_pitch_is_right_within_a_bin(guess: int, accuracy: float) -> None:
    """A bin is a third of a semitone."""
    assert evaluate(Listener(guess), songs(4))["pitch_accuracy"] == accuracy


def test_losses_of_one_who_knows_nothing() -> None:
    """Even odds cost ln 12 among 12 bins and ln 2 at a curve, whatever is true."""
    data = songs(4)
    for one in data:
        one.descriptors.level[:] = 0.25
    found = evaluate(Listener(guess=None), data)
    for which in ("", "_finest"):
        assert found[f"loss_f0{which}"] == pytest.approx(math.log(12), rel=1e-6)
        assert found[f"loss_level{which}"] == pytest.approx(math.log(2), rel=1e-6)
    quarter = -0.25 * math.log(0.25) - 0.75 * math.log(0.75)
    assert found["floor_level"] == pytest.approx(quarter, rel=1e-6)
    assert found["floor_onset"] == 0.0


def test_losses_on_all_channels_need_all_channels() -> None:
    """A bundle tells the finest channel alone."""
    found = evaluate(Listener(n_channels=1), songs(4))
    assert found["loss_f0"] is None and found["loss_level"] is None and found["loss_onset"] is None
    assert found["loss_f0_finest"] == evaluate(Listener(), songs(4))["loss_f0_finest"]


def test_label_is_at_the_full_resolution() -> None:
    """The newest frame of a live window; the middle of a studio window of 40 frames."""
    assert label_frame(100, live()) == 100
    assert label_frame(100, studio()) == 80


def test_windows_lie_inside_the_bars() -> None:
    """The tail of a song, after its last bar, has no pattern."""
    short = songs(1)[0]
    short.truth["bars"] = short.truth["bars"][:3]
    newest = [frame for _, frame in evaluation_places([short], SPEC)]
    assert newest[0] == SPEC.window.window_frames
    assert max(newest) < 3 * BAR_FRAMES
    assert max(newest) >= 3 * BAR_FRAMES - places.EVERY_FRAMES


def test_a_settled_window_holds_one_pattern() -> None:
    """Windows of 8 frames, a change every 100: the first seven after a change are not settled."""
    data = songs(1)
    every = [(0, newest) for newest in range(8, 600)]
    by_frame = places.frame_patterns(data[0], SPEC)
    assert settled(data, every, SPEC).tolist() == [
        bool((by_frame[newest - 7 : newest + 1] == by_frame[newest]).all()) for _, newest in every
    ]
    unsettled = [newest % BAR_FRAMES for _, newest in every if not settled(data, [(0, newest)], SPEC)[0]]
    assert sorted(set(unsettled)) == list(range(7))


def test_settled_windows_are_right_where_changes_are_what_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bass that says its pattern 5 frames late is misread after each change, within unsettled windows."""
    monkeypatch.setattr(places, "EVERY_FRAMES", 7)
    found = evaluate(Listener(), songs(4, late=5))
    assert found["classifier_settled"] == 1.0
    assert 0.9 < found["classifier_accuracy"] < 1.0
    assert found["settled_share"] == pytest.approx(1 - 5 * 7 / 600, abs=0.02)


@pytest.mark.parametrize("late", [0, 15, 60])
def test_the_delay_is_found(late: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "EVERY_FRAMES", 7)
    data = songs(4, late=late)
    for one in data:
        one.spectra[:, :late] = 0  # before the song there is the first pattern
    found = evaluate(Listener(), data)
    assert found["label_delay_frames"] == late
    assert found["classifier_delayed"] == 1.0


def test_the_delay_is_chosen_on_the_first_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "EVERY_FRAMES", 7)
    found = evaluate(Listener(), [*songs(2, late=15), *songs(2, late=30)])
    assert found["label_delay_frames"] == 15
    assert found["classifier_delayed"] < 1.0


def test_a_centred_window_has_no_delay() -> None:
    centred = replace(SPEC, window=replace(SPEC.window, anchor="centre"))
    found = evaluate(Listener(spec=centred), songs(4))
    assert found["classifier_delayed"] is None and found["label_delay_frames"] is None


def test_labels_of_earlier_frames() -> None:
    """A frame after the change at frame 100 the label is 1; two frames before that it was 0."""
    data = songs(1)
    assert [patterns(data, [(0, 101)], SPEC, delay)[0] for delay in (0, 1, 2, 300)] == [1, 1, 0, 0]


def test_losses_do_not_depend_on_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the pitch accuracy, though batches hold few voiced frames or none. Measured: 2e-7."""
    data = songs(2)
    data[0].descriptors.f0_bin[:170] = UNVOICED_BIN
    data[1].descriptors.f0_bin[::3] = UNVOICED_BIN
    data[1].descriptors.f0_bin[300:] = F0 + 4  # so that the voiced frames are not alike
    where = evaluation_places(data, SPEC)
    whole = observe(Listener(), data, where)
    assert len(where) < metrics.BATCH and all(math.isfinite(value) for value in whole.means.values())
    for size in (1, 3, 20):
        monkeypatch.setattr(metrics, "BATCH", size)
        parts = observe(Listener(), data, where)
        assert parts.means == pytest.approx(whole.means, rel=1e-5)
        np.testing.assert_array_equal(parts.mu, whole.mu)


def test_halves_are_of_songs() -> None:
    data = songs(3)
    where = evaluation_places(data, SPEC)
    assert {s for (s, _), fit in zip(where, first_half(data, where), strict=True) if fit} == {0}


def test_one_song_cannot_be_halved() -> None:
    with pytest.raises(BassNetError, match=r"two songs or more.* got 1"):
        evaluate(Listener(), songs(1))


def test_a_z_that_never_varies_is_one_clear_line() -> None:
    data = songs(4)
    for one in data:
        one.spectra[:] = 1
    with pytest.raises(BassNetError, match="z that varies") as error:
        evaluate(Listener(), data)
    assert "\n" not in str(error.value)


def test_songs_that_tell_no_chords_have_no_ceiling() -> None:
    assert evaluate(Listener(), songs(4))["ceiling"] is None


def melodies(n_songs: int, seed: int) -> tuple[list[Song], Places, Latents]:
    """Songs whose bass and chords go their own ways, and a z of each place that says both."""
    rng = np.random.default_rng(seed)
    data = songs(n_songs)
    for one in data:
        one.descriptors.f0_bin[:] = rng.integers(0, 60, len(one.descriptors.f0_bin))
        one.truth["bars"] = [dict(bar, root=int(rng.integers(48, 61))) for bar in one.bars]
    where = evaluation_places(data, SPEC)
    f0 = [data[s].descriptors.f0_bin[newest] for s, newest in where]
    roots = [data[s].bars[newest // BAR_FRAMES]["root"] for s, newest in where]
    return data, where, np.stack([f0, roots], axis=1).astype(np.float64)


def test_a_z_that_is_the_pitch_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that is noise tells nothing of it; each component tells its own pitch."""
    monkeypatch.setattr(places, "EVERY_FRAMES", 7)
    data, where, mu = melodies(30, seed=0)
    found = pitch_metrics(data, where, mu, SPEC)
    assert found["r2_bass_f0"] > 0.95 and found["r2_chord_root"] > 0.95  # type: ignore[operator]
    noise = np.random.default_rng(1).standard_normal(mu.shape)
    found = pitch_metrics(data, where, noise, SPEC)
    # -0.03 and -0.10 measured: what chance gives with as many neighbours and chords
    assert abs(found["r2_bass_f0"]) < 0.2 and abs(found["r2_chord_root"]) < 0.2  # type: ignore[arg-type]
    root_alone = np.stack([noise[:, 0] * 1e-3, mu[:, 1]], axis=1)
    found = pitch_metrics(data, where, root_alone, SPEC)
    assert found["r2_chord_root"] > 0.95 and found["r2_bass_f0"] < 0.1  # type: ignore[operator]


def test_pitch_is_fitted_on_one_half_and_scored_on_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the second half says is turned round: worse than its mean."""
    monkeypatch.setattr(places, "EVERY_FRAMES", 7)
    data, where, mu = melodies(30, seed=0)
    mu[~first_half(data, where)] *= -1
    found = pitch_metrics(data, where, mu, SPEC)
    assert found["r2_bass_f0"] < 0 and found["r2_chord_root"] < 0  # type: ignore[operator]


def test_a_z_that_is_the_chord_note_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its degree in any octave, a minor third or a major one, and neither the root nor much of f0."""
    monkeypatch.setattr(places, "EVERY_FRAMES", 7)
    data, where, mu = melodies(30, seed=0)
    rng = np.random.default_rng(1)
    degrees = []
    for s, newest in where:
        degree, semitones = [(1, 0), (1, -12), (3, 3), (3, -8), (5, 6), (5, 7)][rng.integers(6)]
        data[s].descriptors.f0_bin[newest] = root_bins(data[s], SPEC)[newest] + 3 * semitones
        degrees.append(degree)
    z = np.stack([degrees, np.zeros(len(where))], axis=1) + 0.1 * rng.standard_normal(mu.shape)
    found = pitch_metrics(data, where, z, SPEC)
    assert found["accuracy_chord_note"] == 1.0
    assert found["r2_chord_root"] < 0.1 and found["r2_bass_f0"] < 0.5  # type: ignore[operator]


def test_unvoiced_windows_have_no_f0(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and whatever their z is; their chords count."""
    monkeypatch.setattr(places, "EVERY_FRAMES", 7)
    data, where, mu = melodies(30, seed=0)
    for one in data:
        one.descriptors.f0_bin[::2] = UNVOICED_BIN
    found = pitch_metrics(data, where, mu, SPEC)
    assert found["r2_bass_f0"] > 0.95 and found["r2_chord_root"] > 0.95  # type: ignore[operator]


def test_songs_whose_patterns_mean_nothing_have_losses_alone() -> None:
    """A groove song's pattern 0 is not that of the next song; songs of both kinds are refused."""
    data = songs(4)
    known = evaluate(Listener(), data)
    for one in data:
        one.truth["data_set"] = "groove"
    found = evaluate(Listener(), data)
    assert found == {name: value for name, value in known.items() if name in found}
    assert "classifier_accuracy" not in found and found["loss_f0_finest"] > 0
    assert evaluate(Listener(), data[:1])["test_songs"] == 1
    with pytest.raises(BassNetError, match="must all be of A1, A2, A3, A4, or none of them; got both"):
        evaluate(Listener(), [*data, *songs(1)])


def test_what_has_no_pitch_is_no_number() -> None:
    """Chords without a root, an f0 that is always the same, fewer windows than neighbours."""
    data = songs(4)
    where = evaluation_places(data, SPEC)
    mu = np.random.default_rng(0).standard_normal((len(where), 2))
    assert list(pitch_metrics(data, where, mu, SPEC).values()) == [None] * 3
    data, where, mu = melodies(4, seed=0)
    assert first_half(data, where).sum() < NEIGHBOURS
    assert list(pitch_metrics(data, where, mu, SPEC).values()) == [None] * 3
