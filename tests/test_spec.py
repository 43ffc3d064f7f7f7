"""The numbers: JSON both ways, what is refused and how it is named, and the sizes that follow from them."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from bassnet_osc.presets import PAPER_WINDOWS, PRESETS, live, paper, resized, studio
from bassnet_osc.spec import BassNetError, CqtSpec, DescriptorSpec, Spec


@pytest.mark.parametrize("preset", list(PRESETS))
def test_json_both_ways(preset: str) -> None:
    spec = PRESETS[preset]()
    text = spec.to_json()
    assert Spec.from_json(text) == spec
    assert Spec.from_dict(json.loads(text)).to_json() == text
    assert "\n" not in text


def test_every_field_survives_json() -> None:
    """With no field at its default, none can be filled in from there."""
    values = live().to_dict()
    words = {"alignment": "centred", "reference": "peak", "source": "estimators"}
    words["heads"] = "wide"
    for part in ("cqt", "descriptor", "model"):
        for name, value in values[part].items():
            values[part][name] = words[name] if isinstance(value, str) else value + 1
    values["model"]["kernel_size"] = 5
    values["window"] = {
        "n_steps": 8,
        "window_frames": 64,
        "anchor": "centre",
        "taper": 6,
        "skip": 3,
        "ahead": 2,
    }
    spec = Spec.from_dict(values)
    assert Spec.from_json(spec.to_json()).to_dict() == values
    n_fields = sum(len(part) for part in values.values())
    assert len(spec.differences(live())) == n_fields


def test_differences_name_the_fields() -> None:
    other = replace(live(), cqt=replace(live().cqt, gamma=3.0), model=replace(live().model, n_maps=128))
    assert live().differences(other) == ["cqt.gamma: 5.0 != 3.0", "model.n_maps: 32 != 128"]
    assert live().differences(live()) == []


def without_gamma(values: dict[str, Any]) -> None:
    del values["cqt"]["gamma"]


def with_a_new_field(values: dict[str, Any]) -> None:
    values["window"]["hop"] = 2


def without_a_part(values: dict[str, Any]) -> None:
    del values["descriptor"]


def with_a_number_as_part(values: dict[str, Any]) -> None:
    values["model"] = 3


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_gamma, "spec.cqt .* missing ['gamma'], unknown []"),
        (with_a_new_field, "spec.window .* missing [], unknown ['hop']"),
        (without_a_part, "spec must .* missing ['descriptor'], unknown []"),
        (with_a_number_as_part, "spec.model .* missing ['heads', "),
    ],
)
def test_missing_and_unknown_fields_are_refused_by_name(damage: Any, message: str) -> None:
    values = live().to_dict()
    damage(values)
    with pytest.raises(BassNetError, match=re.escape(message).replace(r"\.\*", ".*")) as error:
        Spec.from_dict(values)
    assert "\n" not in str(error.value)


def test_older_files_are_read() -> None:
    """They had narrow heads, and did not say so; what is given is not changed."""
    values = live().to_dict()
    del values["model"]["heads"]
    assert Spec.from_dict(values) == live() and "heads" not in values["model"]
    values["model"]["heads"] = "wide"
    assert Spec.from_dict(values).model.heads == "wide"


def test_specs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        live().cqt.gamma = 0.0  # type: ignore[misc]


def test_kernel_lengths() -> None:
    """The longest kernel of `live` lasts 180 ms, that of `studio` 1.87 s (design of this project)."""
    for spec, seconds, tolerance in ((live().cqt, 0.180, 1e-3), (studio().cqt, 1.87, 5e-3)):
        lengths = spec.kernel_lengths
        assert len(lengths) == len(spec.frequencies) == 264
        assert list(lengths) == sorted(lengths, reverse=True)
        assert lengths[0] / spec.sample_rate == pytest.approx(seconds, abs=tolerance)


def test_frequencies() -> None:
    spec = CqtSpec()
    assert spec.frequencies[0] == 27.5
    assert spec.frequencies[4 * 36] == pytest.approx(440.0)
    assert spec.frequencies[-1] == pytest.approx(27.5 * 2 ** (263 / 36))
    assert spec.frame_rate == 100.0


def test_what_a_frame_hears() -> None:
    """Causal frames have no look-ahead; centred ones half of the longest kernel, 935 ms."""
    causal, centred = live().cqt, studio().cqt
    assert (causal.left, causal.right) == (causal.kernel_lengths[0], 0)
    assert centred.left + centred.right == centred.kernel_lengths[0]
    assert centred.right / centred.sample_rate == pytest.approx(0.935, abs=1e-3)


def test_latency_of_the_windows() -> None:
    """live: skip 2 + taper 4 - 2; studio: skip 10 + taper 20 - 2."""
    assert (live().window.latency_frames, live().window.hop) == (4, 2)
    assert (studio().window.latency_frames, studio().window.hop) == (28, 10)


def test_number_of_channels() -> None:
    """log2(b / a) + 1 (section 4.3)."""
    assert live().window.n_channels == 4  # 10/80
    assert studio().window.n_channels == 2  # 20/40


def test_level_scale_both_ways() -> None:
    scale = DescriptorSpec()
    assert [scale.db_to_level(db) for db in (-90.0, -60.0, -15.0, 0.0, 6.0)] == [-0.5, 0.0, 0.75, 1.0, 1.1]
    assert [scale.level_to_db(level) for level in (0.0, 0.75, 1.0)] == [-60.0, -15.0, 0.0]


@pytest.mark.parametrize(
    "bad", [{"level_floor_db": 0.0}, {"gate_off_db": -30.0}, {"onset_off": 0.6}, {"refractory_frames": -1}]
)
def test_impossible_descriptors_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(BassNetError, match=next(iter(bad))):
        replace(live().descriptor, **bad)


@pytest.mark.parametrize(
    ("part", "bad", "message"),
    [
        ("cqt", {"reference": "loudest"}, "reference must be full_scale or peak; got 'loudest': choose one"),
        ("descriptor", {"reference": ""}, "reference must be full_scale or peak; got '': choose one"),
        ("descriptor", {"source": "midi"}, "source must be notes or estimators; got 'midi': choose one"),
    ],
)
def test_unknown_words_are_refused(part: str, bad: dict[str, str], message: str) -> None:
    """By their field, also when they come from a file."""
    with pytest.raises(BassNetError, match=message):
        replace(getattr(live(), part), **bad)
    values = live().to_dict()
    values[part] |= bad
    with pytest.raises(BassNetError, match=message):
        Spec.from_dict(values)


@pytest.mark.parametrize("name", ["source", "reference"])
def test_a_word_must_be_a_word(name: str) -> None:
    values = live().to_dict()
    values["descriptor"][name] = 1.0
    with pytest.raises(BassNetError, match=f"spec.descriptor.{name} must be like"):
        Spec.from_dict(values)


def test_the_paper_s_preset() -> None:
    """The analysis of `studio` on a normalised mix, targets from the estimators."""
    assert paper().cqt == replace(studio().cqt, reference="peak")
    assert (paper().descriptor.source, paper().descriptor.reference) == ("estimators", "peak")
    assert (paper().window.n_steps, paper().window.window_frames) == (10, 40)
    assert paper().window == resized(studio(), 10, 40).window
    assert paper().model == studio().model == live().model


@pytest.mark.parametrize("a_b", [*PAPER_WINDOWS, (10, 80)], ids=lambda a_b: f"{a_b[0]}-{a_b[1]}")
def test_resized_around_the_centre(a_b: tuple[int, int]) -> None:
    """What is played, `taper` frames that end `skip` before the newest, are the finest ones: the middle."""
    a, b = a_b
    for preset in (studio(), paper()):
        spec = resized(preset, a, b)
        w = spec.window
        assert (w.n_steps, w.window_frames, w.n_channels) == (a, b, (b // a).bit_length())
        played = range(b - w.skip - w.taper, b - w.skip)
        assert played == range((b - a) // 2, (b + a) // 2)
        assert replace(spec, window=preset.window) == preset


@pytest.mark.parametrize("a_b", [*PAPER_WINDOWS, (10, 80)], ids=lambda a_b: f"{a_b[0]}-{a_b[1]}")
def test_resized_at_the_end(a_b: tuple[int, int]) -> None:
    """The taper and its latency stay, on the finest frames: the newest."""
    a, b = a_b
    spec = resized(live(), a, b)
    w = spec.window
    assert (w.n_steps, w.window_frames) == (a, b)
    assert (w.taper, w.skip, w.latency_frames) == (4, 2, 4) and w.taper + w.skip <= a
    assert replace(spec, window=live().window) == live()


def test_resized_to_what_it_was_changes_nothing() -> None:
    for preset in (live(), studio(), paper()):
        assert resized(preset, preset.window.n_steps, preset.window.window_frames) == preset


@pytest.mark.parametrize("a_b", [(10, 30), (9, 36), (40, 20), (0, 0), (4, 4)])
def test_impossible_windows_are_refused(a_b: tuple[int, int]) -> None:
    """Of `live` also one that its taper does not fit into."""
    with pytest.raises(BassNetError, match=r"a window a/b needs|must lie within the window"):
        resized(live(), *a_b)
