"""The graphs are the model, ONNX Runtime agrees with them; an export that does not leaves what was there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from songs import tiny, write_data
from torch import Tensor, nn

from bassnet_osc.bundle import Bundle
from bassnet_osc.presets import PRESETS, live, studio, with_maps
from bassnet_osc.spec import BassNetError, ModelSpec, Spec
from export import parity, to_onnx
from export.card import check_data_set
from export.graphs import (
    DecoderGraph,
    EncoderGraph,
    FactorDecoderGraph,
    FactorsGraph,
    ProbeEncoder,
    probe_spec,
)
from export.latents import standardised, training_latents
from export.parity import TOLERANCE, ParityError, report
from export.to_onnx import write_bundle, write_probe
from training.checkpoint import load_checkpoint, load_model, save_checkpoint
from training.config import TrainConfig
from training.data_sets import DATA_SETS
from training.dataset import load_songs
from training.metrics import evaluate
from training.model import VGAE
from training.multires import compress, expand
from training.subject import Checkpoint
from training.train import train
from training.z_places import named_patterns, pattern_places

CARD = {"z_places": {"home": [0.0, 0.0]}, "trained_on": "nothing", "licence": "MIT"}


def small(spec: Spec) -> Spec:
    """The preset with few maps."""
    return dataclasses.replace(spec, model=ModelSpec(n_maps=4, n_blocks=5))


def random_windows(spec: Spec) -> Tensor:
    """Mix and bass (2, 8, b, n_bins), each window as loud as it likes and falling towards the high bins."""
    slope = torch.rand(2, 8, 1, 1) * torch.linspace(1, 0, spec.cqt.n_bins)
    return slope * torch.rand(2, 8, spec.window.window_frames, spec.cqt.n_bins)


def random_model(spec: Spec) -> VGAE:
    """An untrained model whose normalisations are those of random windows, as in training.

    With the initial ones its outputs would hardly depend on its inputs.
    """
    torch.manual_seed(0)
    model = VGAE(spec).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # the running statistics are those of all batches, here of one
    mix, bass = (compress(windows, spec.window) for windows in random_windows(spec))
    with torch.no_grad():
        mu, _ = model.encode(mix, bass)
        model.dec_y(model.enc_x(mix) * model.dec_z(mu)[:, :, None, None])
    return model.eval()


@pytest.mark.parametrize("spec", [small(live()), small(studio())], ids=["live", "studio"])
@torch.no_grad()
def test_graphs_are_the_model(spec: Spec) -> None:
    """Compressed, decoded with Eq. 4 or encoded with Eq. 1 and 2, activated, expanded. Measured: 5e-7."""
    model, w = random_model(spec), spec.window
    mix, bass = random_windows(spec)
    z = torch.randn(8, spec.model.latent_dim)
    p = model.decode(compress(mix, w), z)
    decoded = {
        "f0": expand(p.f0.exp() / p.f0.exp().sum(dim=-1, keepdim=True), w),
        "level": expand(1 / (1 + (-p.level).exp()), w),
        "onset": expand(1 / (1 + (-p.onset).exp()), w),
    }
    for (name, expected), got in zip(decoded.items(), DecoderGraph(model)(mix, z), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5, msg=name)
    encoded = model.encode(compress(mix, w), compress(bass, w))
    for expected, got in zip(encoded, EncoderGraph(model)(mix, bass), strict=True):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)
    assert (decoded["level"] - decoded["onset"]).abs().max() > 1e-2  # the test can tell them apart
    other_mu, _ = model.encode(compress(bass, w), compress(mix, w))
    assert (encoded[0] - other_mu).abs().max() > 1e-2


WIDE = dataclasses.replace(live(), model=ModelSpec(n_maps=4, n_blocks=5, heads="wide"))


@pytest.mark.parametrize("spec", [small(live()), small(studio()), WIDE], ids=["live", "studio", "wide heads"])
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
    with pytest.raises(ParityError, match="must agree within"):
        write_bundle(out, probe_spec(), Drifting().eval(), ProbeEncoder().eval(), CARD)
    assert (out / "model.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]


def test_a_bundle_replaces_the_old_one(tmp_path: Path) -> None:
    """Nothing else is left in the folder, not even of an export that was killed before."""
    out = tmp_path / "probe"
    write_probe(out)
    (out / "of-the-old-one.onnx").touch()
    (tmp_path / ".probe-old").mkdir()
    write_probe(out)
    assert sorted(path.name for path in out.iterdir()) == [
        "decoder.onnx",
        "encoder.onnx",
        "frontend.onnx",
        "model.json",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]


def a_folder_of_notes(out: Path) -> None:
    out.mkdir()
    (out / "notes.txt").write_text("of mine")


def a_web_page(out: Path) -> None:
    """Of another program, which has a model.json, too."""
    a_folder_of_notes(out)
    (out / "model.json").write_text("of mine")


def a_file(out: Path) -> None:
    out.write_text("of mine")


@pytest.mark.parametrize("foreign", [a_folder_of_notes, a_web_page, a_file])
def test_what_is_no_bundle_is_not_replaced(
    foreign: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command refuses before it reads anything."""
    foreign(tmp_path / "mine")
    with pytest.raises(
        BassNetError, match=r"--out must be a new folder.*mine', which has (no model\.json|notes\.txt in it)"
    ):
        write_probe(tmp_path / "mine")
    assert export(tmp_path / "none.pt", tmp_path, tmp_path / "mine") == 2
    said = capsys.readouterr().err
    assert "--out must be a new folder" in said and said.count("\n") == 1
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept and all(path.read_text() == "of mine" for path in kept)


def test_an_empty_folder_becomes_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "probe").mkdir()
    write_probe(tmp_path / "probe")
    assert [path.name for path in tmp_path.iterdir()] == ["probe"]
    assert (tmp_path / "probe" / "model.json").exists()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs of sines that play every pattern."""
    return write_data(tmp_path_factory.mktemp("data"), n_validation=3, n_test=10)


@pytest.fixture(scope="module")
def checkpoint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two steps."""
    out = tmp_path_factory.mktemp("run")
    return train(TrainConfig(str(data), str(out), steps=2, batch_pairs=4), tiny(live()))


def export(checkpoint: Path, data: Path, out: Path) -> int:
    return to_onnx.main(["--checkpoint", str(checkpoint), "--data", str(data), "--out", str(out)])


def test_a_checkpoint_becomes_a_bundle(
    checkpoint: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Metrics are of the test songs, places of the validation songs, and outputs of the trained model."""
    assert export(checkpoint, data, tmp_path / "a1") == 0
    assert capsys.readouterr().out.count(" ok\n") == 6
    bundle = Bundle.load(str(tmp_path / "a1"), provider="cpu")
    raw, _ = load_model(checkpoint)
    latents = training_latents(Checkpoint(raw), load_songs(data / "train", raw.spec))
    model = standardised(raw, latents)
    assert bundle.spec == model.spec and bundle.card["training"]["steps"] == 2
    assert bundle.card["trained_on"] == "A1: 2 synthetic songs (FluidSynth, FluidR3_GM)"
    test, validation = (load_songs(data / split, model.spec) for split in ("test", "validation"))
    assert bundle.card["metrics"] == json.loads(json.dumps(evaluate(Checkpoint(model), test)))
    places = pattern_places(Checkpoint(model), validation)
    assert bundle.z_places == {name: tuple(places[c]) for c, name in enumerate(("root", "third", "fifth"))}
    windows, z = torch.rand(1, bundle.spec.window.window_frames, bundle.spec.cqt.n_bins), torch.ones(1, 2)
    with torch.no_grad():
        level = DecoderGraph(model)(windows, z)[1]
    torch.testing.assert_close(torch.from_numpy(bundle.decode(windows.numpy(), z.numpy())[1]), level)


def test_the_exit_status_tells_what_failed(
    checkpoint: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """2 for bad input, 1 for graphs that differ; neither writes anything."""
    assert export(tmp_path / "none.pt", data, tmp_path / "a1") == 2
    assert "none.pt must be a checkpoint" in capsys.readouterr().err
    monkeypatch.setattr(parity, "TOLERANCE", 0.0)
    assert export(checkpoint, data, tmp_path / "a1") == 1
    assert "ABOVE 0" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_places_need_every_pattern(checkpoint: Path, data: Path) -> None:
    model, _ = load_model(checkpoint)
    songs = load_songs(data / "validation", model.spec)
    for song in songs:
        song.truth["bars"] = [dict(bar, pattern=0) for bar in song.truth["bars"]]
    with pytest.raises(BassNetError, match=r"must play every pattern; they lack third, fifth"):
        named_patterns(Checkpoint(model), songs, DATA_SETS["A1"].names)


def test_the_card_tells_the_run_and_not_the_machine(checkpoint: Path, data: Path, tmp_path: Path) -> None:
    """What the model was trained on, whatever lies in --data today; no folders; no bound is null."""
    values = load_checkpoint(checkpoint)
    config = values["config"] | {"max_gradient_norm": float("inf"), "command": f"train --data {data}"}
    trained_on = {"data_set": "A1", "songs": 180}
    save_checkpoint(tmp_path / "paper.pt", values | {"config": config, "trained_on": trained_on})
    assert export(tmp_path / "paper.pt", data, tmp_path / "a1") == 0
    text = (tmp_path / "a1" / "model.json").read_text()
    assert str(data) not in text
    card = json.loads(text)
    assert card["trained_on"].startswith("A1: 180 synthetic songs")
    told = card["training"]["config"]
    assert told["max_gradient_norm"] is None and told["seed"] == 0 and "command" not in told


def test_songs_of_another_data_set_are_refused(data: Path) -> None:
    songs = load_songs(data / "test", tiny(live()))
    check_data_set("A1", songs)
    del songs[-1].truth["data_set"]
    for data_set, message in {
        "A1": "--data must hold songs of A1, .* got songs of None: name",
        "A2": "--data must hold songs of A2, .* got songs of A1, None: name",
    }.items():
        with pytest.raises(BassNetError, match=message) as error:
            check_data_set(data_set, songs)
        assert "\n" not in str(error.value)


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [(full, 2, "No space left on device: mend it"), (stopped, 130, "stopped; no bundle was written")],
)
def test_what_ends_an_export_is_one_line(
    failure: Callable[..., None],
    status: int,
    message: str,
    checkpoint: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(to_onnx, "_write_graphs", failure)
    assert export(checkpoint, data, tmp_path / "a1") == status
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@torch.no_grad()
@pytest.mark.parametrize("heads", ["narrow", "wide"])
@pytest.mark.parametrize("preset", ["live", "studio"])
def test_the_halves_are_the_decoder_cut_in_two(preset: str, heads: str) -> None:
    """Of any weights, in torch: the frames that a stream uses, first and last of the finest too."""
    torch.manual_seed(0)
    spec = with_maps(PRESETS[preset](), 4)
    spec = dataclasses.replace(spec, model=dataclasses.replace(spec.model, heads=heads))
    model = VGAE(spec).eval()
    for parameter in model.parameters():
        parameter.copy_(0.2 * torch.randn_like(parameter))
    mix, z = torch.rand(2, spec.window.window_frames, spec.cqt.n_bins), torch.randn(2, 2)
    used = slice(spec.window.used.start, spec.window.used.stop)
    whole = DecoderGraph(model)(mix, z)
    halves = FactorDecoderGraph(model)(FactorsGraph(model)(mix), z)
    for part, output in zip(halves, whole, strict=True):
        torch.testing.assert_close(part, output[:, used], atol=1e-5, rtol=0)  # measured: below 1e-6
