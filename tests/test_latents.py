"""A standardised z: the same model on another scale, and a density that counts every window."""

from __future__ import annotations

import numpy as np
import torch
from songs import tiny
from test_export import random_model, random_windows

from bassnet_osc.presets import live
from bassnet_osc.spec import USUAL_Z
from export.latents import CELLS, density, standardised
from training.multires import compress


@torch.no_grad()
def test_a_standardised_model_is_the_same_on_another_scale() -> None:
    """Its mean, its spread and what it decodes follow z. Measured: within 1e-6."""
    model = random_model(tiny(live()))
    mix, bass = (compress(windows, model.spec.window) for windows in random_windows(model.spec))
    latents = np.random.default_rng(0).standard_normal((500, 2)) * [3.0, 0.5] + [-1.0, 2.0]
    scaled = standardised(model, latents)
    mean, std = (torch.tensor(v, dtype=torch.float32) for v in (latents.mean(axis=0), latents.std(axis=0)))
    mu, log_var = model.encode(mix, bass)
    new_mu, new_log_var = scaled.encode(mix, bass)
    torch.testing.assert_close(new_mu, (mu - mean) / std, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close((new_log_var / 2).exp(), (log_var / 2).exp() / std, atol=1e-5, rtol=1e-5)
    before, after = model.decode(mix, mu), scaled.decode(mix, new_mu)
    torch.testing.assert_close(after.f0, before.f0, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after.onset, before.onset, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(model.decode(mix, new_mu).f0, before.f0, atol=1e-3)


def test_an_axis_that_nothing_moves_stays() -> None:
    model = random_model(tiny(live()))
    scaled = standardised(model, np.zeros((10, 2)))
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(scaled.state_dict()[name], weight)


def test_density_counts_every_window() -> None:
    """Rows are y, columns x; what lies beyond the pad is not in its cells."""
    mu = np.array([[-2.9, 2.9]] * 3 + [[0.1, 0.1]] * 6 + [[5.0, 0.0]])
    found = density(mu)
    cells = np.array(found["cells"])
    assert cells.shape == (CELLS, CELLS) and found["range"] == [-USUAL_Z, USUAL_Z] and found["inside"] == 0.9
    assert cells[-1, 0] == 300 and cells[CELLS // 2, CELLS // 2] == 600 and cells.sum() == 900
