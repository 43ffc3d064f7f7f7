"""torch and ONNX Runtime agree; an export that does not agree leaves what was there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bassnet_osc.bundle import Bundle
from bassnet_osc.spec import BassNetError, ModelSpec, Spec, live, studio
from export.graphs import DecoderGraph, EncoderGraph, ProbeEncoder, probe_spec
from export.parity import TOLERANCE, report
from export.to_onnx import write_bundle, write_probe
from training.model import VGAE

CARD = {"z_places": {"home": [0.0, 0.0]}, "trained_on": "nothing", "licence": "MIT"}


def small(spec: Spec) -> Spec:
    """The preset with few maps."""
    return dataclasses.replace(spec, model=ModelSpec(n_maps=4, n_blocks=5))


def random_model(spec: Spec) -> VGAE:
    """An untrained model whose running statistics are not the initial ones."""
    torch.manual_seed(0)
    model = VGAE(spec).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features) * 0.1
            module.running_var = torch.rand(module.num_features) + 0.5
    return model


@pytest.mark.parametrize("spec", [small(live()), small(studio())], ids=["live", "studio"])
def test_torch_and_onnx_agree_on_tones_noise_and_silence(tmp_path: Path, spec: Spec) -> None:
    """Within 1e-4; measured: frames 2e-5 (studio) and 6e-6 (live), all else below 1e-6."""
    model = random_model(spec)
    errors = write_bundle(tmp_path / "m", spec, DecoderGraph(model).eval(), EncoderGraph(model).eval(), CARD)
    assert set(errors) == {"frames", "f0", "level", "onset", "mu", "log_var"}
    assert max(errors.values()) <= TOLERANCE
    assert report(errors).count("ok") == 6
    bundle = Bundle.load(str(tmp_path / "m"), provider="cpu")
    assert bundle.spec == spec and bundle.z_places == {"home": (0.0, 0.0)}


def test_probe_agrees_too(tmp_path: Path) -> None:
    assert max(write_probe(tmp_path / "probe").values()) <= TOLERANCE


class Drifting(nn.Module):
    """A decoder that says something else each time it is called, so that its export cannot agree."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, mix: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As DecoderGraph."""
        self.calls += 1
        level = mix.mean(dim=2) + self.calls + 0 * z.sum(dim=1, keepdim=True)
        return mix.softmax(dim=2), level, level.clone()


def test_disagreement_is_refused_and_leaves_the_old_bundle(tmp_path: Path) -> None:
    out = tmp_path / "probe"
    write_probe(out)
    before = (out / "model.json").read_bytes()
    with pytest.raises(BassNetError, match="must agree within"):
        write_bundle(out, probe_spec(), Drifting().eval(), ProbeEncoder().eval(), CARD)
    assert (out / "model.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]
