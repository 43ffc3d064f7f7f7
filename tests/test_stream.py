"""The stream's properties: blocks, future, reset, flush, the sum of tapers, and a second implementation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fakes import WholeWindows

from bassnet_osc.bundle import Bundle
from bassnet_osc.frames import Frames
from bassnet_osc.hearing import Heard, Window, batches, decoded, decoded_apart
from bassnet_osc.latent import LiveZ, ZCurve
from bassnet_osc.overlap_add import bin_to_hz, f0_of, hann
from bassnet_osc.presets import anticipating, live, studio
from bassnet_osc.resample import Resampler
from bassnet_osc.spec import MAX_ROWS, BassNetError, CqtSpec, Spec
from bassnet_osc.stream import Stream

Block = npt.NDArray[np.float32]
RATE = 44_100
ORIGIN = (0.0, 0.0)


class Mirror(WholeWindows):
    """A model in numpy whose every output depends on the whole window and on z."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.z: list[tuple[float, float]] = []
        self.batches: list[int] = []

    def frontend(self, audio: Block) -> Block:
        cqt = self.spec.cqt
        n_frames = 1 + (len(audio) - cqt.left - cqt.right) // cqt.hop_length
        starts = cqt.left + cqt.hop_length * np.arange(n_frames) - 64
        return np.abs(audio[starts[:, None] + np.arange(64) % 64][:, np.arange(cqt.n_bins) % 64])

    def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
        self.batches.append(len(z))
        self.z += [(float(x), float(y)) for x, y in z]
        level = np.clip(0.5 + mix.mean(axis=(1, 2))[:, None] + 0.1 * mix.mean(axis=2), 0, 1)
        f0 = mix**2 + 1e-3 + 0.01 * np.abs(z.sum(axis=1))[:, None, None]
        return f0 / f0.sum(axis=2, keepdims=True), level, 1 - level


class Constant(Mirror):
    """A model that always says the same: level and onset 1, f0 in one bin."""

    def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
        f0 = np.zeros_like(mix)
        f0[:, :, 60] = 1
        return f0, np.ones(mix.shape[:2], np.float32), np.ones(mix.shape[:2], np.float32)


def origin(_: int) -> tuple[float, float]:
    """z stays at the origin."""
    return ORIGIN


def feed(stream: Stream, audio: Block, block_size: int, flush: bool = True) -> Frames:
    """All frames of a signal fed in blocks."""
    parts = [stream.process(audio[i : i + block_size]) for i in range(0, len(audio), block_size)]
    return Frames.join(parts + ([stream.flush()] if flush else []))


def assert_same(a: Frames, b: Frames) -> None:
    """Bit-equal frames."""
    assert a.first == b.first
    for name in ("f0_hz", "level_db", "onset"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.fixture(params=["live", "studio", "ahead"])
def model(request: pytest.FixtureRequest) -> Mirror:
    """The numpy model in both presets, and one that predicts."""
    return Mirror({"live": live, "studio": studio, "ahead": lambda: anticipating(live())}[request.param]())


@pytest.fixture
def noise(rng: np.random.Generator) -> Block:
    """0.3 s of noise."""
    return (0.3 * rng.standard_normal(RATE * 3 // 10)).astype(np.float32)


@pytest.fixture
def long_noise(rng: np.random.Generator) -> Block:
    """3 s: nearly two more than the latency of `studio`."""
    return (0.3 * rng.standard_normal(RATE * 3)).astype(np.float32)


@pytest.mark.parametrize("block_size", [1, 7, 160, 161, 512, 4096])
def test_blocks_do_not_matter(model: Mirror, long_noise: Block, block_size: int) -> None:
    n_before = 60_000 if model.spec.cqt.alignment == "centred" else 4000
    audio = long_noise[: n_before + 4000]
    whole = feed(Stream(model, RATE, origin), audio, len(audio))
    stream = Stream(model, RATE, origin)
    runs = [stream.process(audio[:n_before])]  # single samples only where frames come out
    runs += [stream.process(audio[i : i + block_size]) for i in range(n_before, len(audio), block_size)]
    assert sum(map(len, runs)) > 5
    assert_same(Frames.join([*runs, stream.flush()]), whole)
    assert len(np.unique(whole.level_db)) > len(whole) // 2  # the model does tell frames apart


def test_blocks_do_not_matter_with_onnx_runtime(probe_folder: Path, noise: Block) -> None:
    bundle = Bundle.load(str(probe_folder), provider="cpu")
    whole = feed(Stream(bundle, RATE, origin), noise, len(noise))
    for block_size in (7, 161, 512, 4096):
        assert_same(feed(Stream(bundle, RATE, origin), noise, block_size), whole)


def test_future_does_not_change_the_past(model: Mirror, long_noise: Block) -> None:
    n = RATE * 3 // 2
    other = long_noise.copy()
    other[n:] = -0.7
    past = feed(Stream(model, RATE, origin), long_noise, 512, flush=False)
    changed = feed(Stream(model, RATE, origin), other, 512, flush=False)
    n_settled = len(feed(Stream(model, RATE, origin), long_noise[:n], 512, flush=False))
    assert n_settled > 20
    assert_same(past[:n_settled], changed[:n_settled])
    assert not np.array_equal(past.level_db, changed.level_db)


def test_reset_and_flush_equal_new(model: Mirror, noise: Block) -> None:
    stream = Stream(model, RATE, origin)
    first = feed(stream, noise, 512)  # ends with flush
    assert_same(feed(stream, noise, 512), first)
    stream.process(noise[:5000])
    stream.reset()
    assert_same(feed(stream, noise, 512), first)


@pytest.mark.parametrize("n_samples", [1, 440, 441, 442, 13_230, 13_231])
def test_flush_completes_the_signal(model: Mirror, noise: Block, n_samples: int) -> None:
    """Frames 0 .. ceil(seconds x 100): sound between frames reaches the very last sample."""
    frames = feed(Stream(model, RATE, origin), np.resize(noise, n_samples), 512)
    assert frames.first == 0
    whole = math.ceil(n_samples * 100 / RATE) + 1
    if ahead := model.spec.window.ahead:  # silence that is there at once; the last window's second frame
        assert whole <= frames.end <= max(whole + 1, ahead)
    else:
        assert frames.end == whole


@pytest.mark.parametrize("taper", [4, 6, 8, 12, 20])
@pytest.mark.parametrize("skip", [0, 1, 2, 3])
def test_tapers_sum_to_one_at_both_ends(taper: int, skip: int, noise: Block) -> None:
    """A model that always says 1 is heard as 1 from the first frame to the last; error below 1e-12."""
    frames = feed(Stream(Constant(live()), RATE, origin, taper, skip), noise[:5000], 512)
    np.testing.assert_allclose(frames.level_db, 0.0, atol=1e-9)
    np.testing.assert_allclose(frames.onset, 1.0, atol=1e-12)
    np.testing.assert_allclose(frames.f0_hz, bin_to_hz(60, CqtSpec()), rtol=1e-12)


@pytest.mark.parametrize(("taper", "skip"), [(4, 2), (4, 0), (6, 3), (20, 1)])
def test_equals_a_plain_offline_implementation(taper: int, skip: int, noise: Block) -> None:
    """All frames analysed at once, all windows cut from them, all outputs added in one array."""
    model = Mirror(live())
    cqt, b, hop = model.spec.cqt, model.spec.window.window_frames, taper // 2
    resampler = Resampler(RATE, cqt.sample_rate)
    audio = np.concatenate([resampler.process(noise), resampler.process(np.zeros(20_000, np.float32))])
    mix = model.frontend(np.concatenate([np.zeros(cqt.left, np.float32), audio]))
    padded = np.concatenate([np.zeros((b, cqt.n_bins), np.float32), mix])  # row b is frame 0
    sums = np.zeros((len(mix) + 2 * b, cqt.n_bins + 2))
    for start in range(-hop, len(mix) - taper - skip, hop):  # first frame under the taper
        window = padded[start + taper + skip : start + taper + skip + b]
        f0, level, onset = model.decode(window[None], np.zeros((1, 2), np.float32))
        output = np.concatenate([f0[0], level[0][:, None], onset[0][:, None]], axis=1)
        sums[start + b : start + b + taper] += hann(taper)[:, None] * output[b - skip - taper : b - skip]
    frames = feed(Stream(model, RATE, origin, taper, skip), noise, 333)
    expected = sums[b : b + len(frames)]
    np.testing.assert_allclose(frames.level_db, -60 * (1 - expected[:, -2]), atol=1e-4)
    np.testing.assert_allclose(frames.onset, expected[:, -1], atol=1e-6)
    for hz, row in zip(frames.f0_hz, expected, strict=True):
        assert hz == pytest.approx(f0_of(row[:-2], cqt), rel=1e-6)


def test_z_is_asked_for_the_newest_frame_that_a_window_finishes(noise: Block) -> None:
    model, asked = Mirror(live()), []
    curve = ZCurve([(0.0, -1.0, 0.0), (1.0, 1.0, 2.0)], live())

    def z(frame: int) -> tuple[float, float]:
        asked.append(frame)
        return curve(frame)

    stream = Stream(model, RATE, z)
    blocks = [noise[i : i + 50] for i in range(0, 9000, 50)]
    finished = [frames.end - 1 for block in blocks if len(frames := stream.process(block))]
    assert asked == finished
    np.testing.assert_allclose(model.z, [curve(frame) for frame in asked], atol=1e-6)


def test_live_z_reaches_the_model(noise: Block) -> None:
    model = Mirror(live())
    z = LiveZ(live())
    z.set(1.0, -2.0)
    feed(Stream(model, RATE, z), noise, 512)
    assert model.z[-1] == pytest.approx((1.0, -2.0))


def test_f0_is_the_centroid_around_the_peak_never_a_mean_of_two_peaks() -> None:
    cqt = CqtSpec()
    p = np.zeros(cqt.n_bins)
    p[[59, 60, 61, 200]] = [0.1, 0.4, 0.2, 0.3]
    assert f0_of(p, cqt) == pytest.approx(bin_to_hz(60 + 0.1 / 0.7, cqt))
    assert f0_of(np.eye(cqt.n_bins)[0], cqt) == pytest.approx(27.5)
    assert f0_of(np.eye(cqt.n_bins)[-1], cqt) == pytest.approx(cqt.frequencies[-1])


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_latency_of_live_is_what_its_parts_say(rate: int) -> None:
    """50 ms of window and frame, plus the resampler: 60 ms at most at 44.1, 48 and 96 kHz."""
    stream = Stream(Mirror(live()), rate, origin)
    total_ms = sum(stream.latency_parts.values())
    assert stream.latency_samples == math.ceil(round(total_ms * rate / 1000, 6))
    assert stream.latency_parts["window"] + stream.latency_parts["frame"] == 50.0
    if rate >= 44_100:
        assert total_ms <= 60.0


@pytest.mark.parametrize("rate", [0, 7999, 192_001])
def test_sample_rates_out_of_range_are_refused(rate: int) -> None:
    with pytest.raises(BassNetError, match=str(rate)):
        Stream(Mirror(live()), rate, origin)


def test_a_taper_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BassNetError, match="taper"):
        Stream(Mirror(live()), RATE, origin, taper=2)
    small = dataclasses.replace(live().window, n_steps=10, window_frames=10)
    with pytest.raises(BassNetError, match="window"):
        Stream(Mirror(dataclasses.replace(live(), window=small)), RATE, origin, taper=12)


def test_a_model_that_predicts_says_the_same_of_a_later_moment(noise: Block) -> None:
    """Its frames are those of the plain one with later numbers, after a silence that nothing can predict."""
    plain, ahead = live(), anticipating(live())
    n = ahead.window.ahead
    assert n == 5  # all that a window of `live` is late
    before, after = (feed(Stream(Mirror(spec), RATE, origin), noise, 100) for spec in (plain, ahead))
    assert after.first == 0 and np.isnan(after.f0_hz[:n]).all()
    assert (after.level_db[:n] == plain.descriptor.level_floor_db).all()
    length = len(after) - n
    assert length > 20
    assert_same(dataclasses.replace(before[:length], first=n), after[n:])


def test_a_model_that_predicts_is_so_much_less_late() -> None:
    """What is left is the resampler's, because a window's frames are whole hops late."""
    stream = Stream(Mirror(anticipating(live())), 48_000, origin)
    assert stream.latency_samples == 18
    parts = stream.latency_parts
    assert sum(parts.values()) == pytest.approx(1000 * 18 / 48_000, abs=0.02) and parts["ahead"] == -50.0


def test_predicting_more_than_a_window_is_late_is_refused() -> None:
    with pytest.raises(BassNetError, match=r"ahead must lie in 0 \.\. 5"):
        dataclasses.replace(live().window, ahead=6)
    with pytest.raises(BassNetError, match="ahead"):  # a smaller skip makes the windows less late than that
        Stream(Mirror(anticipating(live())), RATE, origin, skip=1)


# --- in batches, as offline ---------------------------------------------------------------------------


def window_by_window(stream: Stream, block: Block) -> Heard:
    """What a block brings where each window is decoded by itself, as soon as it is due."""
    hearing = stream.hearing(block)
    try:
        window = next(hearing)
        while True:
            window = hearing.send(decoded([window], [window.z]))
    except StopIteration as end:
        heard: Heard = end.value
        return heard


def joined(heard: list[Heard], n: int) -> Frames:
    """The frames of a variation."""
    return Frames.join([one.variations[n] for one in heard if n in one.variations])


def hear_all(stream: Stream, audio: Block, size: int, hear: Callable[[Stream, Block], Heard]) -> list[Heard]:
    """A signal in blocks, while variations come and go, z moves and, in its middle, the model changes."""
    z = LiveZ(live())
    stream.z = {0: z}
    z.plan(3, 1.0, -1.0)
    z.plan(20, -2.0, 2.0)
    heard = []
    for i in range(0, len(audio), size):
        share = i / len(audio)
        places = {n: (lambda frame, n=n: (n / 10, frame / 100)) for n in range(1, 1 + int(share * 12))}
        stream.z = {0: z} | {n: place for n, place in places.items() if n != 2 or share < 0.5}
        if share >= 0.5:
            stream.go_on_with(OTHER)
        heard.append(hear(stream, audio[i : i + size]))
    return heard


OTHER = Mirror(dataclasses.replace(live(), descriptor=dataclasses.replace(live().descriptor, onset_on=0.4)))


def assert_same_hearing(some: list[Heard], others: list[Heard]) -> None:
    """Bit-equal in all that they hold."""
    for one, other in zip(some, others, strict=True):
        assert one.variations.keys() == other.variations.keys()
        for n, frames in one.variations.items():
            assert_same(frames, other.variations[n])
        assert (one.descriptor, one.stand_in_end, one.decisions) == (
            other.descriptor,
            other.stand_in_end,
            other.decisions,
        )


@pytest.mark.parametrize("size", [1, 160, 512, 4800, 48_000])
def test_batches_bring_what_single_windows_do(noise: Block, size: int) -> None:
    audio, model = noise[: 6000 if size == 1 else None], Mirror(live())
    single = hear_all(Stream(model, RATE, origin), audio, size, window_by_window)
    together = hear_all(Stream(model, RATE, origin), audio, size, Stream.hear)
    assert sum(map(len, single)) >= 2 * (len(audio) // 882 - 3)  # 20 ms a window
    assert_same_hearing(together, single)


@pytest.mark.parametrize("name", ["a1-live", "groove-live", "groove-studio"])
def test_batches_bring_what_single_windows_do_with_onnx_runtime(name: str, long_noise: Block) -> None:
    """One z, then three of them."""
    bundle = Bundle.load(name, provider="cpu")
    audio = long_noise[: RATE // 2] if bundle.spec.window.skip < 10 else long_noise
    for zs in ({0: origin}, {n: (lambda _, n=n: (n / 2, -n / 3)) for n in range(3)}):
        streams = [Stream(bundle, RATE, origin) for _ in range(3)]
        for stream in streams:
            stream.z = zs  # type: ignore[assignment]
            stream.reset()
        blocks = [audio[i : i + 4410] for i in range(0, len(audio), 4410)]
        single = [window_by_window(streams[0], block) for block in blocks]
        assert sum(map(len, single)) > 20
        assert_same_hearing([streams[1].hear(block) for block in blocks], single)
        whole = streams[2].hear(audio)
        for n in zs:
            assert_same(whole.variations[n], joined(single, n))


def test_blocks_may_be_prepared_before_others_are_finished(noise: Block) -> None:
    """All of them here; their windows are decoded in any order, and added up in their own."""
    blocks = [noise[i : i + 1000] for i in range(0, len(noise), 1000)]
    model, curve = Mirror(live()), ZCurve([(0.0, -1.0, 0.0), (0.3, 1.0, 2.0)], live())
    stream, other = Stream(model, RATE, curve), Stream(model, RATE, curve)
    halves = [(hearable, list(due)) for hearable, due in map(stream.prepare, blocks)]
    outputs = [[decoded_apart(batch) for batch in due] for _, due in reversed(halves)][::-1]
    heard = [
        stream.finish(hearable, chain.from_iterable(out))
        for (hearable, _), out in zip(halves, outputs, strict=True)
    ]
    assert_same_hearing(heard, [window_by_window(other, block) for block in blocks])


def test_a_long_block_is_decoded_in_full_batches(long_noise: Block) -> None:
    model = Mirror(live())
    Stream(model, RATE, origin).process(long_noise)
    *full, _ = model.batches
    assert full == [MAX_ROWS] * (len(long_noise) // (882 * MAX_ROWS))


def test_batches_are_of_one_model_and_no_larger_than_they_may_be() -> None:
    def window(model: Mirror, n_rows: int, used: range = range(4)) -> Window:
        return Window(model, np.zeros((1, 1), np.float32), np.zeros((n_rows, 2), np.float32), used, False)

    mine = Mirror(live())
    windows = [window(mine, n) for n in (3, 3, 3, MAX_ROWS, 1, MAX_ROWS + 1, 2)]
    windows += [window(OTHER, 1), window(OTHER, 1), window(OTHER, 1, range(1, 4))]
    cut = list(batches(iter(windows)))
    assert [[len(one.z) for one in batch] for batch in cut] == [
        [3, 3],
        [3],
        [MAX_ROWS],
        [1],
        [MAX_ROWS + 1],  # no window is cut in two
        [2],
        [1, 1],
        [1],
    ]
    assert list(chain.from_iterable(cut)) == windows
    assert list(batches([])) == []
