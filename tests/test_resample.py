"""The stream's resampler: what it keeps and kills, where it puts things, and how far it lags at worst."""

import numpy as np
import pytest

from bassnet_osc import resample as resample_module
from bassnet_osc.resample import Resampler, band

RATES = [8000, 11025, 16000, 22050, 32000, 44100, 44101, 48000, 88200, 96000, 192000]
OUT = 16_000


def resample(x: np.ndarray, rate: int, block_size: int) -> np.ndarray:
    """The whole output for an input fed in blocks of one size."""
    resampler = Resampler(rate, OUT)
    blocks = [x[i : i + block_size] for i in range(0, len(x), block_size)]
    return np.concatenate([resampler.process(block) for block in blocks])


def tone(hz: float, rate: int, seconds: float = 0.2) -> np.ndarray:
    """A sine of amplitude 1."""
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_blocks_do_not_matter(rate: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal(rate // 8).astype(np.float32)
    whole = resample(x, rate, len(x))
    for block_size in (1, 7, 160, 161, 512) if rate < 50_000 else (7, 512):
        np.testing.assert_array_equal(resample(x, rate, block_size), whole)


@pytest.mark.parametrize("rate", RATES)
def test_shortfall_is_never_more_than_reach(rate: int) -> None:
    """After n samples at least (n - reach) 16000 / rate are out, for every n: the latency is a bound."""
    resampler, n_out = Resampler(rate, OUT), 0
    for n_in in range(1, 2000):
        n_out += len(resampler.process(np.zeros(1, dtype=np.float32)))
        assert n_out * rate >= (n_in - resampler.reach) * OUT
        assert n_out * rate < (n_in + 1) * OUT + rate  # nor does it run ahead of the signal


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_passes_what_the_cqt_hears_in_place(rate: int, share: float) -> None:
    """Tones up to the pass edge keep amplitude and position; measured worst error 1.4e-4."""
    hz = share * band(rate, OUT)[0]
    y = resample(tone(hz, rate), rate, 512)
    expected = tone(hz, OUT)[: len(y)]
    inside = slice(100, -100)  # the edges hold the tone's own start
    np.testing.assert_allclose(y[inside], expected[inside], atol=3e-4)


@pytest.mark.parametrize("rate", [rate for rate in RATES if rate > OUT])
def test_kills_what_would_alias_into_the_pass_band(rate: int) -> None:
    """A tone at the stop edge is at least 78 dB down, where the Nyquist frequency reaches it."""
    stop = band(rate, OUT)[1]
    if stop >= rate / 2:
        assert rate / 2 < stop  # nothing can stand there: the input ends below the stop edge
        return
    y = resample(tone(stop * 1.01, rate), rate, 512)
    assert np.abs(y[100:-100]).max() < 10 ** (-78 / 20)


@pytest.mark.parametrize("rate", RATES)
def test_constant_stays_constant(rate: int) -> None:
    y = resample(np.ones(rate // 10, dtype=np.float32), rate, 64)
    reach = Resampler(rate, OUT).reach * OUT // rate + 1
    np.testing.assert_allclose(y[reach:-reach], 1.0, atol=1e-6)


def test_reset_equals_new(rng: np.random.Generator) -> None:
    x = rng.standard_normal(1000).astype(np.float32)
    resampler = Resampler(44_100, OUT)
    first = resampler.process(x)
    resampler.reset()
    np.testing.assert_array_equal(resampler.process(x), first)


def test_delay_at_48_khz_is_a_fraction_of_a_millisecond() -> None:
    assert Resampler(48_000, OUT).reach == 18  # 0.375 ms


@pytest.mark.parametrize("rate", [8001, 11_025, 44_101, 96_001, 191_999])
def test_every_rates_filter_is_small_and_close_to_the_exact_one(rate: int) -> None:
    """Up to 16 000 phases would take 18 MB and 0.2 s; measured worst sum of errors 6.1e-5 (8001 Hz)."""
    resampler = Resampler(rate, OUT)
    phase = np.arange(resampler.up)
    exact = resample_module._filter.__wrapped__(rate, OUT, resampler.up)[1][:-1]
    assert np.abs(resampler._weights(phase) - exact).sum(axis=1).max() < 1e-4
    assert resampler._phases.nbytes < 1e6


def test_resamplers_of_one_rate_share_a_table_that_nobody_can_change() -> None:
    one, other = Resampler(44_100, OUT), Resampler(44_100, OUT)
    assert one._phases is other._phases and not one._phases.flags.writeable


@pytest.mark.parametrize("rate", [8000, 44100, 44101, 48000])
def test_is_the_plain_sum_of_taps(rate: int, rng: np.random.Generator) -> None:
    """Output sample j: the `reach` inputs on either side of position j rate / 16000, weighted."""
    x = rng.standard_normal(2000).astype(np.float32)
    resampler = Resampler(rate, OUT)
    y, reach = resample(x, rate, 480), resampler.reach
    padded = np.concatenate([np.zeros(reach - 1), x])
    for j in range(0, len(y), 7):
        position, phase = divmod(j * resampler.down, resampler.up)
        weights = resampler._weights(np.array([phase]))[0]
        plain = sum(float(a) * float(b) for a, b in zip(padded[position:], weights, strict=False))
        assert abs(y[j] - plain) < 1e-6  # measured 2e-7: single precision at the end
