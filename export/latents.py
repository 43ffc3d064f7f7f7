"""The latent plane of a bundle: its training latents have mean 0 and standard deviation 1 on each axis.

The prior has a small weight in the fast recipes, so that a model chooses a scale of its own. A pad from -3 to
3 is the same for every bundle once the scale is put into the weights on both sides of z.

Flow: training.metrics ◀ latents ◀ to_onnx.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from bassnet_osc.spec import USUAL_Z
from training.dataset import Song
from training.metrics import Latents, encode_places
from training.model import VGAE
from training.places import evaluation_places
from training.subject import Subject

WINDOWS = 4000  # of the training songs
CELLS = 24  # on each axis of the density, which is told of [-USUAL_Z, USUAL_Z]
LEAST_STD = 1e-3  # an axis that no window moves stays as it is


def training_latents(subject: Subject, songs: Sequence[Song]) -> Latents:
    """mu of windows of the training songs, evenly spread over them: (n, latent_dim)."""
    places = evaluation_places(songs, subject.spec)
    return encode_places(subject, songs, places[:: max(1, len(places) // WINDOWS)], "training latents")


@torch.no_grad()
def standardised(model: VGAE, mu: Latents) -> VGAE:
    """A copy whose z is (z - mean) / std of `mu` (n, latent_dim), and which is otherwise the same."""
    spread = mu.std(axis=0)
    std = torch.tensor(np.where(spread < LEAST_STD, 1.0, spread), dtype=torch.float32)
    mean = torch.tensor(mu.mean(axis=0), dtype=torch.float32)
    model, n = copy.deepcopy(model), len(std)
    to_posterior, from_z = model.enc_z[-1], model.dec_z[0]
    assert isinstance(to_posterior, nn.Linear) and isinstance(from_z, nn.Linear)
    to_posterior.bias[:n] -= mean
    to_posterior.bias[:n] /= std
    to_posterior.weight[:n] /= std[:, None]
    to_posterior.bias[n:] -= 2.0 * std.log()  # log sigma^2
    from_z.bias.add_(from_z.weight @ mean)
    from_z.weight.mul_(std)
    return model


def density(mu: Latents) -> dict[str, Any]:
    """How the training latents (n, 2) lie on the pad: their share in each cell, in thousandths.

    `cells` has a row for each interval of y from -USUAL_Z upwards, and in it one for each of x.
    """
    edges = np.linspace(-USUAL_Z, USUAL_Z, CELLS + 1)
    counts, _, _ = np.histogram2d(mu[:, 1], mu[:, 0], bins=(edges, edges))
    share = counts / len(mu)
    return {
        "range": [-USUAL_Z, USUAL_Z],
        "inside": round(float(share.sum()), 4),
        "cells": np.rint(1000 * share).astype(int).tolist(),
    }
