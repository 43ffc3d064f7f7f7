"""The forms of a decoder: each is what it says, and is compared by hand-made numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bassnet_osc.bundle import Bundle, find
from bassnet_osc.presets import live
from export.forms import _row, forms, in_words, main, timed


def test_every_form_plays_and_the_whole_decoder_what_its_halves_do(tmp_path: Path) -> None:
    bundle = Bundle.load("a1-live", provider="cpu")
    rng, spec = np.random.default_rng(0), bundle.spec
    mix = rng.random((2, spec.window.window_frames, spec.cqt.n_bins), dtype=np.float32)
    z = np.zeros((2, 2), np.float32)
    loaded = dict(forms(find("a1-live"), tmp_path, mix, z, spec.window.used))
    assert list(loaded) == ["halves", "whole", "int8", "float16"]
    for rows in (z[:1], z):
        plain = loaded["halves"](mix[0], rows)
        assert [len(output) for output in plain] == 3 * [len(rows)]
        for form, run in loaded.items():
            assert [output.shape for output in run(mix[0], rows)] == [output.shape for output in plain]
            if form == "whole":
                for a, b in zip(run(mix[0], rows), plain, strict=True):
                    np.testing.assert_allclose(a, b, atol=1e-4)  # measured: 0
            if form == "int8":
                assert any((a != b).any() for a, b in zip(run(mix[0], rows), plain, strict=True))


def outputs(f0_bin: int, level: float, onset: float) -> list[np.ndarray]:
    """One row of two frames, alike."""
    f0 = np.zeros((1, 2, 8), np.float32)
    f0[:, :, f0_bin] = 1.0
    return [f0, np.full((1, 2), level, np.float32), np.full((1, 2), onset, np.float32)]


def test_a_row_by_hand() -> None:
    """Of three windows the last is silent and counts for no f0; one of the others has another bin."""
    plain = [outputs(3, 0.9, 0.1), outputs(4, 0.9, 0.1), outputs(5, 0.0, 0.1)]
    other = [outputs(3, 0.9, 0.1), outputs(5, 0.8, 0.4), outputs(6, 0.0, 0.1)]
    row = _row("other", ([1.0, 3.0, 2.0], other), ([2.0, 2.0, 2.0], plain), live())
    assert (row.ms, row.beside, row.same_f0) == (2000.0, 1.0, 0.5)
    assert row.level_off == pytest.approx(0.1) and row.onset_off == pytest.approx(0.3)
    assert "other    2000.00    1.00       0.5000         0.1000         0.3000" in in_words([row], 0.5)


def test_forms_take_turns() -> None:
    order: list[str] = []
    loaded = {name: lambda mix, z, name=name: order.append(name) or [mix] for name in "ab"}
    runs = timed(loaded, np.zeros((3, 1, 1), np.float32), [np.zeros((1, 2), np.float32)] * 3)
    assert order == list("ababab") and all(len(seconds) == len(told) == 3 for seconds, told in runs.values())


def test_a_bundle_without_halves_is_refused(probe_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(probe_folder)]) == 2
    assert "must have decoder_z.onnx" in capsys.readouterr().err
