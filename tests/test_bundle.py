"""Bundles: what is loaded is what was exported, and every kind of damage is named."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bassnet_osc.bundle import DEFAULT, DEFAULT_FOR_FILES, Bundle, find, installed
from bassnet_osc.spec import BassNetError, Spec
from export.graphs import probe_spec


@pytest.fixture
def copy(probe_folder: Path, tmp_path: Path) -> Path:
    """A probe bundle to damage."""
    return Path(shutil.copytree(probe_folder, tmp_path / "probe"))


def change_card(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edits model.json."""
    card = json.loads((folder / "model.json").read_text())
    change(card)
    (folder / "model.json").write_text(json.dumps(card))


def refused(folder: Path) -> str:
    """The line with which a bundle is refused."""
    with pytest.raises(BassNetError) as caught:
        Bundle.load(str(folder), provider="cpu").encode(
            np.zeros((1, 32, 264), np.float32), np.zeros((1, 32, 264), np.float32)
        )
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_loaded_spec_is_the_exported_one(probe_folder: Path) -> None:
    bundle = Bundle.load(str(probe_folder), provider="cpu")
    assert bundle.spec == probe_spec()
    assert bundle.provider == "CPUExecutionProvider"
    bundle.warm_up()


def test_graphs_are_dynamic_where_the_format_says(probe_folder: Path, rng: np.random.Generator) -> None:
    bundle = Bundle.load(str(probe_folder), provider="cpu")
    cqt = bundle.spec.cqt
    for n_frames in (1, 2, 9):
        audio = rng.standard_normal(cqt.left + cqt.right + (n_frames - 1) * 160 + 159).astype(np.float32)
        assert bundle.frontend(audio).shape == (n_frames, 264)
    for batch in (1, 3):
        mix = rng.random((batch, 32, 264), dtype=np.float32)
        f0, level, onset = bundle.decode(mix, np.zeros((batch, 2), np.float32))
        assert f0.shape == (batch, 32, 264) and level.shape == onset.shape == (batch, 32)
        np.testing.assert_allclose(f0.sum(axis=2), 1.0, atol=1e-6)
        mu, log_var = bundle.encode(mix, mix)
        assert mu.shape == log_var.shape == (batch, 2)


@pytest.mark.parametrize("graph", ["frontend.onnx", "decoder.onnx", "encoder.onnx"])
def test_damaged_graph_is_named_by_its_hash(copy: Path, graph: str) -> None:
    data = bytearray((copy / graph).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / graph).write_bytes(bytes(data))
    assert graph in refused(copy) and "sha256" in refused(copy)


def test_missing_graph_is_named(copy: Path) -> None:
    (copy / "decoder.onnx").unlink()
    assert "lacks decoder.onnx" in refused(copy)


def test_spec_mismatch_is_named_field_by_field(copy: Path) -> None:
    def change(card: dict[str, Any]) -> None:
        card["spec"]["cqt"]["gamma"] = 3.0
        card["spec"]["window"]["skip"] = 1

    change_card(copy, change)
    assert "cqt.gamma: 3.0 != 5.0" in refused(copy) and "window.skip: 1 != 2" in refused(copy)


def test_spec_with_an_unknown_field_is_refused(copy: Path) -> None:
    change_card(copy, lambda card: card["spec"]["cqt"].update(colour="blue"))
    assert "colour" in refused(copy)


def test_other_format_number_is_refused(copy: Path) -> None:
    change_card(copy, lambda card: card.update(format=99))
    assert "99" in refused(copy)


def test_renamed_output_is_refused(copy: Path) -> None:
    graph = onnx.load(copy / "decoder.onnx")
    for name in (graph.graph.output[1], *(n for n in graph.graph.node)):
        if isinstance(name, onnx.NodeProto):
            name.output[:] = ["loudness" if o == "level" else o for o in name.output]
            name.input[:] = ["loudness" if i == "level" else i for i in name.input]
        else:
            name.name = "loudness"
    onnx.save(graph, copy / "decoder.onnx")
    digest = hashlib.sha256((copy / "decoder.onnx").read_bytes()).hexdigest()
    change_card(copy, lambda card: card["graphs"].update({"decoder.onnx": digest}))
    assert "loudness" in refused(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}'])
def test_card_that_is_no_card_is_refused(copy: Path, text: str) -> None:
    (copy / "model.json").write_text(text)
    assert "export again" in refused(copy)


def test_the_defaults_are_installed() -> None:
    assert {DEFAULT, DEFAULT_FOR_FILES} <= set(installed())


def test_unknown_name_lists_the_installed_ones() -> None:
    with pytest.raises(BassNetError, match="bassnet models") as caught:
        find("no-such-model")
    assert all(name in str(caught.value) for name in installed())


@pytest.mark.parametrize("name", installed())
def test_shipped_bundles_are_whole(name: str) -> None:
    """Hashes, spec, names; the accuracy that the shipped models are required to have, on unheard songs.

    Music has no patterns to be told apart; groove-live's f0 is right in 0.51 of the steps, a bin of 264.
    """
    bundle = Bundle.load(name, provider="cpu")
    window = np.zeros((1, bundle.spec.window.window_frames, bundle.spec.cqt.n_bins), np.float32)
    bundle.encode(window, window)
    assert bundle.name == name and isinstance(bundle.spec, Spec)
    metrics = bundle.card["metrics"]
    assert metrics.get("classifier_settled", 1.0) >= 0.99
    known = 0.75 if bundle.spec.window.ahead else 0.85  # what comes next is guessed: 0.79 of a4-live-ahead
    assert metrics["pitch_accuracy"] >= (known if "classifier_settled" in metrics else 0.45)
    cells = np.array(bundle.card["z_density"]["cells"])
    assert cells.min() >= 0 and 900 < cells.sum() < 1100  # thousandths of the training latents on the pad
    assert all(abs(v) <= bundle.spec.model.z_limit for place in bundle.z_places.values() for v in place)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("graphs", ["frontend.onnx"]),
        ("z_places", ["home"]),
        ("z_places", {"home": [1]}),
        ("z_places", {"home": [1, "up"]}),
        ("name", 3),
        ("spec", {}),
        ("spec", []),
    ],
)
def test_card_of_other_types_is_refused(copy: Path, key: str, value: Any) -> None:
    change_card(copy, lambda card: card.update({key: value}))
    assert "export" in refused(copy) and key in refused(copy)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("window", "n_steps", 0),
        ("window", "n_steps", "10"),
        ("window", "anchor", "middle"),
        ("cqt", "alignment", "sideways"),
        ("cqt", "n_bins", 0),
        ("cqt", "n_bins", 400),
        ("cqt", "gamma", float("inf")),
        ("model", "kernel_size", 4),
        ("model", "latent_dim", True),
        ("descriptor", "level_n_fft", 512.5),
    ],
)
def test_numbers_that_cannot_be_are_refused_by_name(copy: Path, part: str, field: str, value: Any) -> None:
    change_card(copy, lambda card: card["spec"][part].update({field: value}))
    assert re.search({"n_steps": "a/b|n_steps", "n_bins": "n_bins|top bin"}.get(field, field), refused(copy))


def test_graph_that_is_no_graph_is_refused(copy: Path) -> None:
    """Even where the hash is right."""
    (copy / "decoder.onnx").write_bytes(b"no graph")
    digest = hashlib.sha256(b"no graph").hexdigest()
    change_card(copy, lambda card: card["graphs"].update({"decoder.onnx": digest}))
    assert "decoder.onnx must be a graph" in refused(copy)


def test_card_nested_too_deeply_is_refused(copy: Path) -> None:
    (copy / "model.json").write_text("[" * 100_000)
    assert "model.json" in refused(copy)


def test_z_starts_at_the_first_place_or_at_the_origin(copy: Path) -> None:
    assert Bundle.load(str(copy), provider="cpu").z_home == (0.0, 0.0)
    change_card(copy, lambda card: card.update(z_places={"root": [1, -2], "fifth": [0, 3]}))
    assert Bundle.load(str(copy), provider="cpu").z_home == (1.0, -2.0)
