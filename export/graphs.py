"""What is exported: the graphs of a bundle as torch modules with the shapes of the format.

frontend is training.decimated_cqt.DecimatedCqt. decoder and encoder take uncompressed windows (batch, b,
n_bins), so the multi-resolution of training is the one of serving. Residual blocks are exported with their
two pathways and batch normalisations folded into a single convolution, which is exact for a trained model.

factors and decoder_z are the decoder cut in two for the stream, with less to do: the mix is encoded once for
all z that play to it, and only the finest channel is put out, which is all that the stream's taper covers.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from bassnet_osc.presets import live
from bassnet_osc.spec import Spec, WindowSpec
from training.model import VGAE, Harmonics, ResidualBlock, TransposedBlock, blocks_of
from training.multires import compress, expand

PROBE_HZ = 220.0  # constant f0 of the probe
PROBE_GAIN = 200.0  # mean frame value to level: a click of one sample at 192 kHz still opens the gate


class DecoderGraph(nn.Module):
    """g of Eq. 4 with its heads, activated and expanded to full time resolution."""

    def __init__(self, model: VGAE) -> None:
        super().__init__()
        self.model = folded(model)
        self.window = model.spec.window

    def forward(self, mix: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, b, F), (B, latent_dim) -> f0 probabilities (B, b, F), level and onset (B, b) in [0, 1]"""
        p = self.model.decode(compress(mix, self.window), z)
        f0, level, onset = p.f0.softmax(dim=-1), p.level.sigmoid(), p.onset.sigmoid()
        return expand(f0, self.window), expand(level, self.window), expand(onset, self.window)


class FactorsGraph(nn.Module):
    """The half of the decoder that does not depend on z: the mix's factors (Figure 1)."""

    def __init__(self, model: VGAE) -> None:
        super().__init__()
        self.enc_x = folded(model).enc_x
        self.window = model.spec.window

    def forward(self, mix: Tensor) -> Tensor:
        """(B, b, F) -> x factors (B, M, a, F)"""
        factors: Tensor = self.enc_x(compress(mix, self.window))
        return factors


class FactorDecoderGraph(nn.Module):
    """The other half: Eq. 4 from the mix's factors, of the frames that the stream uses, n of them."""

    def __init__(self, model: VGAE) -> None:
        super().__init__()
        self.model = folded(finest_alone(model))
        window = model.spec.window
        self.first = window.used.start - window.finest.start  # of the finest channel's steps

    def forward(self, factors: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B or 1, M, a, F), (B, latent_dim) -> f0 probabilities (B, n, F), level and onset (B, n)"""
        gated, y_hat = self.model.gated_and_decoded(factors, z)
        before = min(1, self.first)  # f0 hears a step to either side
        f0 = self.model.heads.f0(y_hat[:, :, self.first - before :])[:, 0, before:]
        level, onset = self.model.heads.level_and_onset(y_hat, gated)
        return f0.softmax(dim=-1), level[:, 0, self.first :].sigmoid(), onset[:, 0, self.first :].sigmoid()


class EncoderGraph(nn.Module):
    """f_mu and f_sigma of Eq. 1 and 2: the z of an existing bass."""

    def __init__(self, model: VGAE) -> None:
        super().__init__()
        self.model = folded(model)
        self.window = model.spec.window

    def forward(self, mix: Tensor, bass: Tensor) -> tuple[Tensor, Tensor]:
        """(B, b, F) twice -> mu, log_var (B, latent_dim)"""
        return self.model.encode(compress(mix, self.window), compress(bass, self.window))


@torch.no_grad()
def finest_alone(model: VGAE) -> VGAE:
    """A copy whose heads put out channel 0 and nothing else."""
    model = copy.deepcopy(model)
    heads, n_channels = model.heads, model.spec.window.n_channels
    wide, curves = heads.harmonics, heads.curves
    heads.harmonics = Harmonics(wide.in_channels, 1, wide.kernel_size[1], wide.dilation[1])
    heads.curves = nn.Conv1d(curves.in_channels, 2, 1)
    for mine, whole, rows in ((heads.harmonics, wide, [0]), (heads.curves, curves, [0, n_channels])):
        assert mine.bias is not None and whole.bias is not None
        mine.weight.copy_(whole.weight[rows])
        mine.bias.copy_(whole.bias[rows])
    return model


def folded(model: VGAE) -> VGAE:
    """A copy with equal outputs and less work: single convolutions for blocks, FoldedHarmonics."""
    model = copy.deepcopy(model).eval()
    blocks = blocks_of(model.enc_y)
    backwards = [block for block in model.dec_y if isinstance(block, TransposedBlock)]
    model.dec_y = nn.Sequential(
        *(_fold_transposed(t, b) for t, b in zip(backwards, reversed(blocks), strict=True))
    )
    model.enc_x = nn.Sequential(*(_fold_block(b) for b in blocks_of(model.enc_x)))
    model.enc_y = nn.Sequential(*(_fold_block(b) for b in blocks))
    n_semitones = model.spec.cqt.n_bins // model.heads.harmonics.dilation[1]
    model.heads.add_module("harmonics", FoldedHarmonics(model.heads.harmonics, n_semitones))
    return model


class FoldedHarmonics(nn.Module):
    """The f0 head's long dilated convolution, equal to it but three times faster in ONNX Runtime.

    A convolution with a few maps out leaves most of a processor's vector idle. Here a few neighbouring
    semitones (four, say) are put out as further maps: bin 3 (4 q + d) + p is map d of position q, phase p.
    """

    MAPS = 22  # put out at once, at most

    def __init__(self, plain: nn.Conv2d, n_semitones: int) -> None:
        super().__init__()
        n_out, n_in, _, n_taps = plain.weight.shape
        self.phases, self.n_out = plain.dilation[1], n_out
        self.together = together = max(
            d for d in range(1, self.MAPS + 1) if n_semitones % d == 0 and (d * n_out <= self.MAPS or d == 1)
        )
        shifted = torch.zeros(n_out, together, n_in, 1, n_taps + together - 1)
        for d in range(together):
            shifted[:, d, :, :, d : d + n_taps] = plain.weight.detach()
        self.conv = nn.Conv2d(
            n_in,
            n_out * together,
            (1, n_taps + together - 1),
            stride=(1, together),
            padding=(0, n_taps // 2),
        )
        self.conv.weight.data = shifted.flatten(0, 1)
        assert plain.bias is not None and self.conv.bias is not None
        self.conv.bias.data = plain.bias.detach().repeat_interleave(together)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, T, F) -> (B, n_out, T, F)"""
        _, n_in, n_steps, n_bins = x.shape
        x = x.reshape(-1, n_in, n_steps, n_bins // self.phases, self.phases).transpose(3, 4)
        y = self.conv(x.reshape(-1, n_in, n_steps * self.phases, n_bins // self.phases))
        y = y.reshape(
            -1, self.n_out, self.together, n_steps, self.phases, n_bins // self.phases // self.together
        )
        return y.permute(0, 1, 3, 5, 2, 4).reshape(-1, self.n_out, n_steps, n_bins)  # T, q, d, phase


def _norm_scale(norm: nn.Module, n: int) -> tuple[Tensor, Tensor]:
    """Scale and shift (n,) that a batch normalisation applies in evaluation; 1 and 0 for none."""
    if not isinstance(norm, nn.BatchNorm2d):
        return torch.ones(n), torch.zeros(n)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def _one_conv(
    wide: Tensor, narrow: Tensor, norms: tuple[nn.Module, nn.Module], bias: Tensor, like: nn.Conv2d
) -> nn.Conv2d:
    n_out, n_in = wide.shape[:2]
    (wide_scale, wide_shift), (narrow_scale, narrow_shift) = (_norm_scale(norm, n_out) for norm in norms)
    weight = wide * wide_scale[:, None, None, None]
    middle = wide.shape[2] // 2
    weight[:, :, middle, middle] += (narrow * narrow_scale[:, None, None, None])[:, :, 0, 0]
    conv = nn.Conv2d(n_in, n_out, like.kernel_size, padding=like.padding, dilation=like.dilation)  # type: ignore[arg-type]
    conv.weight.data, conv.bias.data = weight, bias * wide_scale + wide_shift + narrow_shift  # type: ignore[union-attr]
    return conv


@torch.no_grad()
def _fold_block(block: ResidualBlock) -> nn.Module:
    conv, skip = block.conv, block.skip
    norms = (block.conv_norm, block.skip_norm)
    return nn.Sequential(
        _one_conv(conv.weight, skip.weight, norms, torch.zeros(conv.out_channels), conv), nn.ReLU()
    )


@torch.no_grad()
def _fold_transposed(transposed: TransposedBlock, block: ResidualBlock) -> nn.Module:
    wide = block.conv.weight.transpose(0, 1).flip(2, 3)
    narrow = block.skip.weight.transpose(0, 1)
    bias = torch.zeros(len(wide)) if transposed.bias is None else transposed.bias
    conv = _one_conv(wide, narrow, (transposed.conv_norm, transposed.skip_norm), bias, block.conv)
    return conv if transposed.last else nn.Sequential(conv, nn.ReLU())


def probe_spec() -> Spec:
    """`live` with windows of one resolution, long enough for every taper and skip of the tests."""
    return Spec(cqt=live().cqt, window=WindowSpec(n_steps=32, window_frames=32))


class ProbeDecoder(nn.Module):
    """Fixed weights for latency tests: level and onset are the energy of the mix, f0 is constant.

    A causal frame does not hear what happens at its own position yet, the next one does. Like a trained
    decoder, the probe therefore reads an event off the frame after it.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        frequencies = torch.tensor(spec.cqt.frequencies)
        self.register_buffer("f0", (frequencies - PROBE_HZ).abs().argmin().eq(torch.arange(len(frequencies))))

    def forward(self, mix: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As DecoderGraph; z has no effect."""
        after = torch.cat([mix[:, 1:], mix[:, -1:]], dim=1)
        energy = (PROBE_GAIN * after.mean(dim=2)).clamp(0, 1) + 0 * z.sum(dim=1, keepdim=True)
        return self.get_buffer("f0").float().expand_as(mix), energy, energy.clone()


class ProbeEncoder(nn.Module):
    """The probe's counterpart of EncoderGraph: mean energies of mix and bass."""

    def forward(self, mix: Tensor, bass: Tensor) -> tuple[Tensor, Tensor]:
        """As EncoderGraph."""
        mu = torch.stack([mix.mean(dim=(1, 2)), bass.mean(dim=(1, 2))], dim=1)
        return mu, torch.zeros_like(mu)
