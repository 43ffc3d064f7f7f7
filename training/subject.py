"""What is tested: a checkpoint or an exported bundle, asked in the same way.

Flow: model, bundle ◀ subject ◀ metrics, figures, export.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from bassnet_osc.bundle import Bundle
from bassnet_osc.spec import Spec
from training.checkpoint import load_model
from training.dataset import Windows
from training.model import VGAE
from training.multires import compress
from training.places import finest_frames

# Served probabilities are moved away from 0 and 1 by as much: their logarithms must be finite.
LEAST_F0, LEAST = torch.finfo(torch.float32).tiny, 1e-7


@dataclass
class Guess:
    """Logits: f0 (n, C, a, F), level and onset (n, C, a); C is 1 where only the finest channel is known."""

    f0: Tensor
    level: Tensor
    onset: Tensor


class Subject(Protocol):
    """A trained model; every network runs once per window and call."""

    spec: Spec

    def encode(self, windows: Windows) -> Tensor:
        """mu (n, latent_dim)."""

    def rebuild(self, windows: Windows) -> tuple[Tensor, Guess]:
        """mu, and the bass decoded with z = mu (Eq. 10)."""

    def play(self, windows: Windows, z: Tensor) -> Iterator[Guess]:
        """The finest channel decoded at each of the points z (k, latent_dim), one after the other."""


class Checkpoint:
    """A Subject: a model as it was trained, in float32."""

    def __init__(self, model: VGAE) -> None:
        # Channels last: the convolutions run nearly twice as fast on CPUs.
        self.model = model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.spec: Spec = model.spec

    @torch.no_grad()
    def encode(self, windows: Windows) -> Tensor:
        """mu (n, latent_dim)."""
        return self._factors_and_mu(windows)[1]

    @torch.no_grad()
    def rebuild(self, windows: Windows) -> tuple[Tensor, Guess]:
        """mu, and the bass decoded with z = mu, all channels."""
        x_factors, mu = self._factors_and_mu(windows)
        p = self.model.decode_factors(x_factors, mu)
        return mu, Guess(p.f0, p.level, p.onset)

    @torch.no_grad()
    def play(self, windows: Windows, z: Tensor) -> Iterator[Guess]:
        """The finest channel at each point; the mix is encoded once."""
        x_factors = self.model.enc_x(self._compressed(windows.mix))
        for point in z:
            p = self.model.decode_factors(x_factors, point.expand(len(x_factors), -1))
            yield Guess(p.f0[:, :1], p.level[:, :1], p.onset[:, :1])

    def _compressed(self, frames: Tensor) -> Tensor:
        return compress(frames, self.spec.window).contiguous(memory_format=torch.channels_last)

    def _factors_and_mu(self, windows: Windows) -> tuple[Tensor, Tensor]:
        x_factors = self.model.enc_x(self._compressed(windows.mix))
        y_factors = self.model.enc_y(self._compressed(windows.bass))
        return x_factors, self.model.encode_factors(x_factors, y_factors)[0]


class Exported:
    """A Subject: a bundle as it is served. Of its expanded output the finest channel alone is itself."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.spec = bundle, bundle.spec
        self._finest = finest_frames(bundle.spec)

    def encode(self, windows: Windows) -> Tensor:
        """mu (n, latent_dim)."""
        return torch.from_numpy(self.bundle.encode(windows.mix.numpy(), windows.bass.numpy())[0])

    def rebuild(self, windows: Windows) -> tuple[Tensor, Guess]:
        """mu, and the bass decoded with z = mu, the finest channel."""
        mu = self.encode(windows)
        return mu, self._decode(windows, mu)

    def play(self, windows: Windows, z: Tensor) -> Iterator[Guess]:
        """The finest channel at each point."""
        for point in z:
            yield self._decode(windows, point.expand(len(windows.mix), -1))

    def _decode(self, windows: Windows, z: Tensor) -> Guess:
        outputs = self.bundle.decode(windows.mix.numpy(), z.contiguous().numpy())
        f0, level, onset = (torch.from_numpy(out[:, None, self._finest]) for out in outputs)
        return Guess(f0.clamp(min=LEAST_F0).log(), level.logit(LEAST), onset.logit(LEAST))


def load_subject(path: Path) -> tuple[Subject, dict[str, Any]]:
    """The model of a checkpoint's file or of a bundle's folder; beside it the other values, or the card."""
    if path.is_dir():
        bundle = Bundle.load(str(path), provider="cpu", threads=torch.get_num_threads())
        return Exported(bundle), bundle.card
    model, values = load_model(path)
    return Checkpoint(model), values
