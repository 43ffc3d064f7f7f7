"""The Variational Gated Autoencoder (section 4.4, Figures 1 and 3), top to bottom in one file.

    mix x  -> enc_x -> x factors --(x)--> enc_z -> mu, log_var          f_mu, f_sigma   (Eq. 1, 2)
    bass y -> enc_y -> y factors --/
    x factors * dec_z(z) -> dec_y (weights tied to enc_y) -> y_hat      g               (Eq. 4)
    y_hat -> heads -> f0, level, onset                                  (lower right of Figure 1)

Shapes: B batch, C resolution channels, T steps (the paper's a), F bins, M maps.
Deviations from the paper, each with its reason, stand in the table of training/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bassnet_osc.spec import Spec

START_LOG_VAR = -4.0  # of the posterior before training
HEAD_MAPS = 16  # features of the small heads that read descriptors off y_hat
NARROW_STEPS, WIDE_STEPS = 3, 7  # that level and onset are read off; causal kernels show a low note late
HARMONIC_TAPS = 61  # semitones that the f0 head sees around a bin: harmonics up to the fifth


def dilations(extent: int, n_blocks: int, kernel_size: int) -> list[int]:
    """Slowest geometric dilations whose stacked receptive field covers `extent` (section 5.3)."""
    ratio = 1.0
    while True:
        steps = [round(ratio**i) for i in range(n_blocks)]
        if 1 + (kernel_size - 1) * sum(steps) >= extent:
            return steps
        ratio += 0.005


class ResidualBlock(nn.Module):
    """Figure 3: dilated and 1x1 convolution side by side, each normalised, then added and rectified."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int, dilation: tuple[int, int]) -> None:
        super().__init__()
        padding = (dilation[0] * (kernel_size // 2), dilation[1] * (kernel_size // 2))
        self.conv = nn.Conv2d(n_in, n_out, kernel_size, padding=padding, dilation=dilation, bias=False)
        self.conv_norm = nn.BatchNorm2d(n_out)
        self.skip = nn.Conv2d(n_in, n_out, 1, bias=False)
        self.skip_norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, T, F) -> (B, n_out, T, F)"""
        return F.relu_(self.conv_norm(self.conv(x)).add_(self.skip_norm(self.skip(x))))


class TransposedBlock(nn.Module):
    """A residual block run backwards with the weights of `block`; its batch normalisations are its own.

    At stride 1 a transposed convolution is a convolution with the kernel flipped and its two map axes
    swapped; written so, it exports as a plain Conv. The last block puts out y_hat itself: neither
    normalised nor rectified, because it is compared with y.
    """

    def __init__(self, block: ResidualBlock, last: bool) -> None:
        super().__init__()
        n_out = block.conv.in_channels
        self._tied = [block]  # in a list: the weights belong to the encoder alone
        self.last = last
        self.bias = nn.Parameter(torch.zeros(n_out)) if last else None
        self.conv_norm = nn.Identity() if last else nn.BatchNorm2d(n_out)
        self.skip_norm = nn.Identity() if last else nn.BatchNorm2d(n_out)

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_out, T, F) of the tied block -> (B, n_in, T, F)"""
        conv, skip = self._tied[0].conv, self._tied[0].skip
        wide = F.conv2d(
            h,
            conv.weight.transpose(0, 1).flip(2, 3),
            self.bias,
            padding=conv.padding,
            dilation=conv.dilation,
        )
        narrow = F.conv2d(h, skip.weight.transpose(0, 1))
        y: Tensor = self.conv_norm(wide) + self.skip_norm(narrow)
        return y if self.last else F.relu(y)


def encoder(spec: Spec) -> nn.Sequential:
    """enc_x or enc_y: stacked dilated residual blocks that see the whole window (section 4.4.1)."""
    model, k = spec.model, spec.model.kernel_size
    in_time = dilations(spec.window.n_steps, model.n_blocks, k)
    in_frequency = dilations(spec.cqt.n_bins, model.n_blocks, k)
    widths = [spec.window.n_channels] + [model.n_maps] * model.n_blocks
    return nn.Sequential(
        *(
            ResidualBlock(n_in, n_out, k, dilation)
            for n_in, n_out, dilation in zip(
                widths, widths[1:], zip(in_time, in_frequency, strict=True), strict=False
            )
        )
    )


def blocks_of(encoder: nn.Sequential) -> list[ResidualBlock]:
    """The blocks of an encoder, first to last."""
    return [block for block in encoder if isinstance(block, ResidualBlock)]


class Harmonics(nn.Conv2d):
    """A convolution along frequency whose taps lie a semitone apart, as one matrix product.

    The same function as nn.Conv2d's; on a CPU its forward and backward pass take a quarter of the time.
    """

    def __init__(self, n_in: int, n_out: int, n_taps: int, semitone: int) -> None:
        super().__init__(
            n_in, n_out, (1, n_taps), padding=(0, semitone * (n_taps // 2)), dilation=(1, semitone)
        )

    def forward(self, h: Tensor) -> Tensor:
        """(B, n_in, T, F) -> (B, n_out, T, F); F is a whole number of semitones"""
        (n_batch, n_in, n_time, n_bins), step = h.shape, self.dilation[1]
        n_semitones, n_taps = n_bins // step, self.kernel_size[1]
        # From semitone (row) to semitone (column) leads tap row - column + n_taps // 2: each row of taps,
        # reversed, is the one above it moved by one.
        around = F.pad(self.weight[:, :, 0].flip(2), (n_semitones - 1 - n_taps // 2,) * 2)
        matrix = around.unfold(2, n_semitones, 1).flip(2)  # (n_out, n_in, row, column)
        matrix = matrix.permute(2, 1, 3, 0).flatten(2).flatten(0, 1)
        # Maps last, as the convolutions have them: both copies and those of the gradients move whole steps.
        rows = h.permute(0, 2, 3, 1).unflatten(2, (n_semitones, step)).transpose(2, 3)
        out = rows.reshape(-1, n_semitones * n_in) @ matrix
        assert self.bias is not None
        out = out.view(n_batch, n_time, step, n_semitones, self.out_channels).transpose(2, 3) + self.bias
        return out.flatten(2, 3).permute(0, 3, 1, 2)


class Heads(nn.Module):
    """Descriptors read off the predicted spectrogram: logits of f0 bins, level and onset.

    Wide heads read level and onset off the gated factors of the mix as well: when a bass may start is plain
    in the drums long before its spectrogram can be told.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        n_channels, n_bins, n_maps = spec.window.n_channels, spec.cqt.n_bins, spec.model.n_maps
        self.wide = spec.model.heads == "wide"
        semitone = spec.cqt.bins_per_octave // 12
        self.smooth = nn.Conv2d(n_channels, HEAD_MAPS, (3, 7), padding=(1, 3))
        # Taps a semitone (in bins) apart: harmonics 2 to 5 lie 12, 19, 24, 28 semitones above f0.
        self.harmonics = Harmonics(HEAD_MAPS, n_channels, HARMONIC_TAPS, semitone)
        self.f0_bias = nn.Parameter(torch.zeros(n_bins))
        n_in = n_channels * n_bins + (n_maps if self.wide else 0)
        n_steps = WIDE_STEPS if self.wide else NARROW_STEPS
        self.energy = nn.Conv1d(n_in, 2 * HEAD_MAPS, n_steps, padding=n_steps // 2)
        self.gated_norm = nn.BatchNorm1d(n_maps) if self.wide else None
        self.curves = nn.Conv1d(2 * HEAD_MAPS, 2 * n_channels, 1)

    def forward(self, y_hat: Tensor, gated: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, T, F), (B, M, T, F) -> f0 (B, C, T, F), level (B, C, T), onset (B, C, T), all logits"""
        return self.f0(y_hat), *self.level_and_onset(y_hat, gated)

    def f0(self, y_hat: Tensor) -> Tensor:
        """(B, C, T, F) -> f0 (B, C, T, F); a step hears its neighbours"""
        logits: Tensor = self.harmonics(F.relu(self.smooth(y_hat))) + self.f0_bias
        return logits

    def level_and_onset(self, y_hat: Tensor, gated: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, T, F), (B, M, T, F) -> level and onset (B, C, T)"""
        columns = y_hat.transpose(2, 3).flatten(1, 2)  # (B, C F, T)
        if self.gated_norm is not None:
            columns = torch.cat([columns, self.gated_norm(gated.float().mean(dim=3)).to(y_hat.dtype)], dim=1)
        h = self.energy(columns)  # (B, 2 HEAD_MAPS, T)
        level, onset = self.curves(F.relu(h)).chunk(2, dim=1)
        return level, onset


@dataclass
class Prediction:
    """What g puts out: y_hat (B, C, T, F) and logits f0 (B, C, T, F), level and onset (B, C, T)."""

    y_hat: Tensor
    f0: Tensor
    level: Tensor
    onset: Tensor


class VGAE(nn.Module):
    """f_mu, f_sigma and g of section 4.4.2. Inputs are multi-resolution windows (B, C, T, F)."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        m, latent_dim = spec.model.n_maps, spec.model.latent_dim
        self.enc_x = encoder(spec)
        self.enc_y = encoder(spec)
        self.dec_y = nn.Sequential(
            *(TransposedBlock(b, last=i == 0) for i, b in reversed(list(enumerate(blocks_of(self.enc_y)))))
        )
        # Pooled over time and frequency, the product does not say where on the frequency axis bass and mix
        # meet, but drums and timbres stay in place when they move: z can still tell some of the pitch.
        # Without the normalisation the posterior collapsed.
        self.enc_z = nn.Sequential(
            nn.BatchNorm1d(m), nn.Linear(m, 2 * m), nn.ReLU(), nn.Linear(2 * m, 2 * latent_dim)
        )
        # Nearly certain at first: under the noise of a unit variance the decoder never came to listen to z.
        to_posterior = self.enc_z[-1]
        assert isinstance(to_posterior, nn.Linear)
        nn.init.constant_(to_posterior.bias[latent_dim:], START_LOG_VAR)
        self.dec_z = nn.Sequential(nn.Linear(latent_dim, 2 * m), nn.ReLU(), nn.Linear(2 * m, m))
        self.heads = Heads(spec)

    def encode(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """mu and log sigma^2 of q(z | x, y), each (B, latent_dim) (Eq. 1, 2)."""
        return self.encode_factors(self.enc_x(x), self.enc_y(y))

    def encode_factors(self, x_factors: Tensor, y_factors: Tensor) -> tuple[Tensor, Tensor]:
        """The same from factors (B, M, T, F) that are at hand."""
        with torch.autocast(x_factors.device.type, enabled=False):  # products and the latent in float32
            # Maps last, so that the gradient is as the convolutions have it.
            x_maps, y_maps = x_factors.permute(0, 2, 3, 1), y_factors.permute(0, 2, 3, 1)
            pooled = (x_maps.float() * y_maps.float()).mean(dim=(1, 2))  # (B, M)
            mu, log_var = self.enc_z(pooled).chunk(2, dim=1)
        return mu, log_var

    def decode(self, x: Tensor, z: Tensor) -> Prediction:
        """g(x, z) (Eq. 4); z (B, latent_dim)."""
        return self.decode_factors(self.enc_x(x), z)

    def decode_factors(self, x_factors: Tensor, z: Tensor) -> Prediction:
        """The same from the mix's factors."""
        gated, y_hat = self.gated_and_decoded(x_factors, z)
        return Prediction(y_hat, *self.heads(y_hat, gated))

    def gated_and_decoded(self, x_factors: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """x factors times the gains of z (B, M, T, F), and y_hat (B, C, T, F) from them."""
        gains = self.dec_z(z)  # (B, M)
        gated = x_factors * gains[:, :, None, None]
        return gated, self.dec_y(gated)


def sample(mu: Tensor, log_var: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """z ~ N(mu, sigma) by reparametrisation (Eq. 3)."""
    noise = torch.randn(mu.shape, generator=generator, device=mu.device)
    return mu + noise * torch.exp(0.5 * log_var)
