"""The decoder in two halves says what the decoder says, of the frames that a stream uses, with less work."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bassnet_osc.bundle import Bundle, installed
from bassnet_osc.presets import live
from export.parity import TOLERANCE
from export.to_onnx import halves_of
from training.model import VGAE

# Measured: 0 for all shipped bundles, since every output sums the same numbers in the same order.
TOLERATED = TOLERANCE


@pytest.fixture(params=installed())
def shipped(request: pytest.FixtureRequest) -> Bundle:
    """Each bundle that is installed."""
    return Bundle.load(request.param, provider="cpu")


def windows(bundle: Bundle, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise for the mix (n, b, n_bins), and z (n, 2)."""
    rng, spec = np.random.default_rng(0), bundle.spec
    mix = rng.random((n, spec.window.window_frames, spec.cqt.n_bins), dtype=np.float32)
    return mix, rng.standard_normal((n, spec.model.latent_dim)).astype(np.float32)


def test_the_halves_equal_the_decoder(shipped: Bundle) -> None:
    mix, z = windows(shipped, 3)
    used = shipped.spec.window.used
    factors = shipped.factors(mix, used)
    assert factors.shape[1:] == (shipped.spec.model.n_maps, shipped.spec.window.n_steps, mix.shape[2])
    for whole, part in zip(shipped.decode(mix, z), shipped.decode_factors(factors, z, used), strict=True):
        assert part.shape[1] == len(used)
        np.testing.assert_allclose(part, whole[:, used.start : used.stop], atol=TOLERATED, rtol=0)


def test_a_mix_is_encoded_once_for_several_z(shipped: Bundle) -> None:
    mix, z = windows(shipped, 4)
    used = shipped.spec.window.used
    shared = shipped.decode_factors(shipped.factors(mix[:1], used), z, used)
    apart = shipped.decode_factors(shipped.factors(np.repeat(mix[:1], 4, axis=0), used), z, used)
    for a, b in zip(shared, apart, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("taper", "skip"), [(8, 2), (4, 0), (4, 1), (6, 1), (20, 3)])
def test_any_other_taper_has_its_frames_too(taper: int, skip: int) -> None:
    """From the halves where these know them, from the whole decoder where they do not."""
    bundle = Bundle.load("a1-live", provider="cpu")
    used = dataclasses.replace(bundle.spec.window, taper=taper, skip=skip).used
    mix, z = windows(bundle, 2)
    played = bundle.decode_factors(bundle.factors(mix, used), z, used)
    for whole, part in zip(bundle.decode(mix, z), played, strict=True):
        np.testing.assert_allclose(part, whole[:, used.start : used.stop], atol=TOLERATED, rtol=0)


def test_a_bundle_without_halves_plays_the_same() -> None:
    """Those that were exported earlier have none: the stream asks them for whole windows."""
    bundle = Bundle.load("a1-live", provider="cpu")
    used = bundle.spec.window.used
    mix, z = windows(bundle, 2)
    expected = bundle.decode_factors(bundle.factors(mix, used), z, used)
    bundle._halves = None
    assert bundle.factors(mix, used) is mix
    for a, b in zip(expected, bundle.decode_factors(mix, z, used), strict=True):
        np.testing.assert_allclose(a, b, atol=TOLERATED, rtol=0)


def test_a_taper_beyond_the_finest_channel_has_no_halves() -> None:
    spec = live()
    assert halves_of(VGAE(spec).eval()) is not None
    wide = dataclasses.replace(spec, window=dataclasses.replace(spec.window, taper=12))
    assert halves_of(VGAE(wide).eval()) is None
