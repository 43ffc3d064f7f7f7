"""The objective: Eq. 8 to 10, with cross-reconstruction and cross-divergence.

Every reconstruction term is a mean over all its elements (frames, bins, channels and batch; for f0 over
voiced steps alone), where the paper's unit weights presuppose sums: the weights below restore the balance.

Flow: model -> objective -> run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.model import VGAE, Prediction, sample

UNVOICED_BIN = -1  # f0 class of a step without a voiced frame: ignored by the loss


@dataclass
class Targets:
    """Multi-resolution targets of a window: y (B, C, T, F), f0 bins, level and onset (B, C, T)."""

    y: Tensor
    f0: Tensor
    level: Tensor
    onset: Tensor


@dataclass(frozen=True)
class Weights:
    """Weights of the terms; kl and cross_kl rise linearly from zero over the warm-up steps."""

    mse: float = 30.0
    f0: float = 1.0
    level: float = 1.0
    onset: float = 4.0  # onsets are one frame in forty: at weight 1 they were not learned in 2000 steps
    kl: float = 0.0005
    cross_kl: float = 0.0002


def kl_standard(mu: Tensor, log_var: Tensor) -> Tensor:
    """D_KL(N(mu, sigma), N(0, I)), summed over the latent, averaged over the batch."""
    return 0.5 * (mu**2 + log_var.exp() - 1.0 - log_var).sum(dim=1).mean()


def kl_between(mu: Tensor, log_var: Tensor, other_mu: Tensor, other_log_var: Tensor) -> Tensor:
    """D_KL(N(mu, sigma), N(other_mu, other_sigma)), the cross-divergence of Eq. 8."""
    ratio = (log_var - other_log_var).exp()
    distance = (mu - other_mu) ** 2 / other_log_var.exp()
    return 0.5 * (ratio + distance - 1.0 - log_var + other_log_var).sum(dim=1).mean()


def reconstruction(prediction: Prediction, targets: Targets, finest: bool = False) -> dict[str, Tensor]:
    """MSE, CCE and BCE terms of Eq. 9 and 10, on all channels or on the finest alone."""
    part = slice(0, 1) if finest else slice(None)
    logits = prediction.f0[:, part].float().flatten(0, 2)  # (B C T, F)
    f0 = targets.f0[:, part].flatten()
    n_voiced = (f0 != UNVOICED_BIN).sum().clamp(min=1)  # a silent batch must give 0, not NaN
    return {
        "mse": F.mse_loss(prediction.y_hat[:, part].float(), targets.y[:, part]),
        "f0": F.cross_entropy(logits, f0, ignore_index=UNVOICED_BIN, reduction="sum") / n_voiced,
        "level": F.binary_cross_entropy_with_logits(
            prediction.level[:, part].float(), targets.level[:, part]
        ),
        "onset": F.binary_cross_entropy_with_logits(
            prediction.onset[:, part].float(), targets.onset[:, part]
        ),
    }


def train_terms(
    model: VGAE, x: Tensor, targets: Targets, cross: bool = True, swapped: float = 1.0
) -> dict[str, Tensor]:
    """Terms of Eq. 9 for a batch of pairs laid out as (x_1 .. x_n, u_1 .. u_n).

    Both directions of a pair are used: y is rebuilt with the z of v and v with the z of y (Eq. 6, 7).
    `swapped` below 1 is the probability that a pair is; the others are rebuilt with their own z.
    `cross=False` is the ablation of section 6.3: each is rebuilt with its own z, no cross-divergence.
    """
    x_factors = model.enc_x(x)
    mu, log_var = model.encode_factors(x_factors, model.enc_y(targets.y))
    z = sample(mu, log_var)
    terms = {"kl": kl_standard(mu, log_var)}
    if cross:
        half = len(x) // 2
        other_mu, other_log_var, other_z = (t.roll(half, dims=0) for t in (mu, log_var, z))
        z = torch.where((torch.rand(half) < swapped).repeat(2)[:, None].to(z.device), other_z, z)
        terms["cross_kl"] = kl_between(mu, log_var, other_mu, other_log_var)
    return terms | reconstruction(model.decode_factors(x_factors, z), targets)


class Objective(nn.Module):
    """train_terms as a module: where processes average their gradients, they do so from its forward on."""

    def __init__(self, model: VGAE, cross: bool = True) -> None:
        super().__init__()
        self.model, self.cross = model, cross

    def forward(self, x: Tensor, targets: Targets, swapped: float = 1.0) -> dict[str, Tensor]:
        """Terms of Eq. 9."""
        return train_terms(self.model, x, targets, self.cross, swapped)


@torch.no_grad()
def evaluation_terms(model: VGAE, x: Tensor, targets: Targets) -> dict[str, Tensor]:
    """Terms of Eq. 10 with z = mu: deterministic; reconstruction on all channels and, as *_finest, on one."""
    x_factors = model.enc_x(x)
    mu, log_var = model.encode_factors(x_factors, model.enc_y(targets.y))
    prediction = model.decode_factors(x_factors, mu)
    finest = reconstruction(prediction, targets, finest=True)
    terms = {"kl": kl_standard(mu, log_var)} | reconstruction(prediction, targets)
    return terms | {f"{name}_finest": value for name, value in finest.items()}


def total(terms: dict[str, Tensor], weights: Weights, kl_scale: float = 1.0) -> Tensor:
    """Weighted sum of the terms that have a weight; `kl_scale` in [0, 1] is the warm-up."""
    by_name = vars(weights)
    summed = [
        value * by_name[name] * (kl_scale if name.endswith("kl") else 1.0)
        for name, value in terms.items()
        if name in by_name
    ]
    return torch.stack(summed).sum()
