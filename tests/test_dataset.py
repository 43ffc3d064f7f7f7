"""Songs to windows: their edges, neighbours, the gain augmentation, silence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from songs import BAR_S, tiny, write_data

from bassnet_osc.presets import anticipating, live, studio
from bassnet_osc.spec import BassNetError
from training.cqt import Cqt, cqt_frames
from training.dataset import (
    NEIGHBOUR_S,
    Song,
    Windows,
    change_gain,
    compressed,
    cut_windows,
    lengthen_onsets,
    load_song,
    load_songs,
    random_pairs,
    silence,
    transpose,
)
from training.descriptors import Descriptors
from training.objective import UNVOICED_BIN
from training.places import evaluation_places, label_frame

SPEC = tiny(live())
CQT = Cqt(SPEC.cqt)


@pytest.fixture(scope="module")
def song(song_folder: Path) -> Song:
    return load_song(song_folder, SPEC)


def numbered_song(n_frames: int) -> Song:
    """Every frame holds its own number (mix) or its negative (bass)."""
    i = np.arange(n_frames)
    spectra = np.stack([i, -i])[:, :, None].repeat(3, axis=2).astype(np.float16)
    return Song(spectra, Descriptors(i, i.astype(np.float32), (i % 2).astype(np.float32)), {})


def test_pattern_of_a_time(song: Song) -> None:
    bars = [bar["pattern"] for bar in song.truth["bars"]]
    times = [0.0, BAR_S - 0.01, BAR_S, 2.5, 99.0]
    assert [song.pattern_at(t) for t in times] == [bars[0], bars[0], bars[1], bars[2], bars[2]]


def test_onsets_fade_out_and_begin_where_they_did() -> None:
    """Over two frames; where two meet the stronger one counts; the window's end cuts one off."""
    onset = torch.tensor([[0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1.0], [0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
    curve = torch.zeros(2, 11)
    windows = Windows(curve, curve, curve, curve, onset.clone())
    lengthen_onsets(windows, 0)
    assert torch.equal(windows.onset, onset)
    lengthen_onsets(windows, 2)
    a, b = 2 / 3, 1 / 3
    torch.testing.assert_close(windows.onset[0], torch.tensor([0, 1, a, b, 0, 0, 1, 1, a, b, 1]))
    torch.testing.assert_close(windows.onset[1, :4], torch.tensor([0.5, a / 2, b / 2, 0]))


def test_load_songs_computes_what_is_missing_in_order(tmp_path: Path) -> None:
    write_data(tmp_path, n_train=3)
    songs = load_songs(tmp_path / "train", SPEC)
    truths = [json.loads((tmp_path / "train" / f"000{i}" / "truth.json").read_text()) for i in range(3)]
    assert [song.truth for song in songs] == truths


def test_windows_end_at_their_newest_frame() -> None:
    windows = cut_windows([numbered_song(50), numbered_song(20)], [(0, 30), (1, 7)], SPEC)
    assert windows.mix[:, :, 0].tolist() == [list(range(23, 31)), list(range(8))]
    assert torch.equal(windows.bass, -windows.mix)
    assert windows.f0.tolist() == [list(range(23, 31)), list(range(8))]
    assert windows.level.tolist() == windows.f0.tolist()
    assert windows.onset.tolist() == [[1, 0, 1, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1, 0, 1]]


@pytest.mark.parametrize(
    ("newest", "inside"), [(2, slice(5, 8)), (13, slice(0, 4)), (-1, slice(0)), (30, slice(0))]
)
def test_outside_the_song_is_silence(newest: int, inside: slice) -> None:
    """A song of ten frames: before, after and beyond it are zeros and unvoiced."""
    windows = cut_windows([numbered_song(10)], [(0, newest)], SPEC)
    expected_f0 = np.full(8, UNVOICED_BIN)
    expected_f0[inside] = np.arange(newest - 7, newest + 1)[inside]
    assert windows.f0[0].tolist() == expected_f0.tolist()
    outside = expected_f0 == UNVOICED_BIN
    for tensor in (windows.mix, windows.bass, windows.level, windows.onset):
        assert not tensor[0][torch.from_numpy(outside)].any()
    assert windows.mix[0, :, 0].tolist() == np.where(outside, 0, expected_f0).tolist()


def test_compressed_targets_are_the_bass() -> None:
    windows = cut_windows([numbered_song(50)], [(0, 30)], SPEC)
    x, targets = compressed(windows, SPEC)
    assert x.shape == targets.y.shape == (1, 2, 4, 3)
    assert x[0, :, :, 0].tolist() == [[27, 28, 29, 30], [23.5, 25.5, 27.5, 29.5]]
    assert torch.equal(targets.y, -x)
    assert targets.f0[0].tolist() == [[27, 28, 29, 30], [23, 25, 27, 29]]
    assert targets.level[0].tolist() == x[0, :, :, 0].tolist()
    assert targets.onset[0].tolist() == [[1, 0, 1, 0], [1, 1, 1, 1]]


def test_pairs_are_neighbours_inside_their_song() -> None:
    """Within 5 s, in both directions, at the ends of the songs too; the whole reach is used."""
    songs = [numbered_song(1400), numbered_song(60)]
    pairs = random_pairs(songs, 2000, SPEC, np.random.default_rng(0))
    first, second = pairs[:2000], pairs[2000:]
    assert len(second) == 2000
    assert [song for song, _ in first] == [song for song, _ in second]
    assert all(0 <= newest < songs[song].n_frames for song, newest in pairs)
    distances = [b - a for (song, a), (_, b) in zip(first, second, strict=True) if song == 0]
    reach = NEIGHBOUR_S * SPEC.cqt.frame_rate
    assert min(distances) >= -reach and max(distances) <= reach
    assert min(distances) < -0.95 * reach and max(distances) > 0.95 * reach


@pytest.mark.parametrize("gain_db", [-24.0, -6.0, 0.0, 6.0])
@torch.no_grad()
def test_changed_gain_is_the_cqt_of_the_scaled_audio(gain_db: float, song_folder: Path, song: Song) -> None:
    """From the cached float16 frames. Measured: 3e-4 at +6 dB, which is float16 itself."""
    gain = 10 ** (gain_db / 20)
    audio, _ = soundfile.read(song_folder / "mix.wav", dtype="float32")
    expected = cqt_frames(CQT, torch.from_numpy(gain * audio).float())
    frames = torch.from_numpy(np.array(song.spectra[0])).float()[None]
    got = change_gain(frames, torch.tensor([gain]), SPEC)[0]
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-3)


def test_each_window_has_its_own_gain() -> None:
    c = SPEC.cqt.log_gain
    frames = torch.full((2, 3, 4), math.log1p(c * 0.1) / math.log1p(c))
    got = change_gain(frames, torch.tensor([1.0, 10.0]), SPEC)
    torch.testing.assert_close(got[0], frames[0])
    torch.testing.assert_close(got[1], torch.ones(3, 4))


def test_silence_takes_the_named_windows_alone() -> None:
    windows = cut_windows([numbered_song(50)], [(0, 30), (0, 40)], SPEC)
    kept = {name: tensor[1].clone() for name, tensor in vars(windows).items()}
    silence(windows, np.array([True, False]))
    assert not any(tensor[0].any() for name, tensor in vars(windows).items() if name != "f0")
    assert (windows.f0[0] == UNVOICED_BIN).all()
    assert all(torch.equal(vars(windows)[name][1], tensor) for name, tensor in kept.items())


def random_windows(n_bins: int) -> Windows:
    """Two windows of five frames, the last of them unvoiced."""
    frames = torch.rand(2, 2, 5, n_bins, generator=torch.Generator().manual_seed(0)) + 0.1
    f0 = torch.tensor([[0, 3, 10, n_bins - 1, UNVOICED_BIN]] * 2)
    return Windows(frames[0], frames[1], f0, frames[0, ..., 0], frames[1, ..., 0])


def test_transposition_moves_mix_bass_and_f0_together() -> None:
    """By hand: what leaves the range is lost, what enters it is silent, unvoiced stays unvoiced."""
    n_bins = 20
    before, moved = random_windows(n_bins), random_windows(n_bins)
    transpose(moved, np.array([4, -4]))
    for name in ("mix", "bass"):
        old, new = getattr(before, name), getattr(moved, name)
        assert torch.equal(new[0, :, 4:], old[0, :, :-4]) and not new[0, :, :4].any()
        assert torch.equal(new[1, :, :-4], old[1, :, 4:]) and not new[1, :, -4:].any()
    lost = UNVOICED_BIN
    assert moved.f0.tolist() == [[4, 7, 14, lost, lost], [lost, lost, 6, n_bins - 5, lost]]
    assert torch.equal(moved.level, before.level) and torch.equal(moved.onset, before.onset)


def test_by_no_bins_nothing_moves() -> None:
    """Neither of all windows nor of one beside another that moves."""
    before, moved, still = (random_windows(20) for _ in range(3))
    transpose(still, np.array([0, 0]))
    transpose(moved, np.array([0, 4]))
    for name, tensor in vars(before).items():
        assert torch.equal(vars(still)[name], tensor) and torch.equal(vars(moved)[name][0], tensor[0])


def test_transposition_is_the_cqt_of_transposed_audio() -> None:
    """A sine 15 bins (five semitones) higher, where Q is constant.

    Live's kernels are wider at low pitches: there it is near.
    """
    cqt, seconds = studio().cqt, np.arange(SPEC.cqt.sample_rate) / SPEC.cqt.sample_rate
    low, high = (
        cqt_frames(Cqt(cqt), torch.from_numpy(0.3 * np.sin(2 * np.pi * hz * seconds)).float())
        for hz in (220.0, 220.0 * 2 ** (5 / 12))
    )
    middle = slice(40, 60)
    windows = Windows(low[None, middle], low[None, middle], *3 * [torch.zeros(1, 20, dtype=torch.int64)])
    transpose(windows, np.array([15]))
    difference = (windows.mix[0] - high[middle])[:, 100:150].abs().max()
    assert difference < 0.02, difference


def test_no_songs_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(BassNetError, match=r"must hold song folders .* training\.artificial --split test"):
        load_songs(tmp_path / "test", SPEC)


def test_a_song_without_measures_can_be_trained_on_but_not_evaluated(song: Song) -> None:
    bare = replace(song, truth={"bass": []})
    assert bare.n_frames == song.n_frames
    with pytest.raises(BassNetError, match="pattern"):
        bare.pattern_at(0.0)


def test_windows_hold_what_they_say() -> None:
    """Types that the model and the loss need."""
    windows = cut_windows([numbered_song(10)], [(0, 9)], SPEC)
    assert isinstance(windows, Windows)
    assert (windows.mix.dtype, windows.f0.dtype) == (torch.float32, torch.int64)


def test_a_model_that_predicts_is_taught_what_the_bass_does_later() -> None:
    """The mix of the place, the bass of `ahead` frames after it."""
    song, spec = numbered_song(50), anticipating(SPEC)
    ahead = spec.window.ahead
    assert ahead > 0
    plain, later = (cut_windows([song], [(0, at)], SPEC) for at in (30, 30 + ahead))
    taught = cut_windows([song], [(0, 30)], spec)
    torch.testing.assert_close(taught.mix, plain.mix)
    for name in ("bass", "f0", "level", "onset"):
        torch.testing.assert_close(getattr(taught, name), getattr(later, name))
    assert not torch.equal(taught.bass, plain.bass)


def test_its_windows_are_labelled_by_the_bass_and_lie_inside_the_song() -> None:
    spec = anticipating(live())
    assert label_frame(100, spec) == 105 and label_frame(100, live()) == 100
    song = numbered_song(400)
    assert max(label_frame(newest, spec) for _, newest in evaluation_places([song], spec)) < 400
