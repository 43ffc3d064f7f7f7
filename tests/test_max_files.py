"""The files for Max and Live, read as Max would read them: what can be known without Max."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from max_files import FOLDER, Patch, chunks, kind

from bassnet_osc.bundle import DEFAULT, installed
from bassnet_osc.params import PARAMS, TIMBRE_NAMES
from bassnet_osc.spec import HOST, PORT, USUAL_RATE, ModelSpec
from max_patch import bridge_text, controls, face
from max_patch.generate import files
from max_patch.max_objects import V8_OUTLETS
from max_patch.maxpat import WINDOW
from max_patch.signals import TOTAL

MAX, LIVE, MIDI = Patch("BassNet.maxpat"), Patch("BassNet.amxd"), Patch("BassNet MIDI.amxd")
PATCHES = {patch.name: patch for patch in (MAX, LIVE, MIDI)}
MAIN = [MAX.name, LIVE.name]
UNTOLD = {"udpsend", "live.path", "live.observer"}  # the reference gives them no ports
# Objects whose ports depend on their arguments.
VARIABLE = {"v8", "t", "unpack", "route", "sel", "adc~", "dac~", "plugin~", "plugout~", "pak", "receive"}
MESSAGES = re.compile(r"^function (\w+)\(", re.MULTILINE)


@pytest.fixture(params=list(PATCHES))
def patch(request: pytest.FixtureRequest) -> Patch:
    return PATCHES[request.param]


# --- the files ---------------------------------------------------------------------------------------


def test_the_committed_files_are_what_the_generator_writes() -> None:
    written = files()
    assert {path.name for path in FOLDER.iterdir()} >= set(written)
    assert [name for name in written if (FOLDER / name).read_bytes() != written[name]] == []


def test_a_device_is_four_byte_names_and_lengths_that_end_with_the_file() -> None:
    for patch, tag in ((LIVE, b"aaaa"), (MIDI, b"mmmm")):
        content = (FOLDER / patch.name).read_bytes()
        assert content.startswith(b"ampf\x04\x00\x00\x00" + tag + b"meta\x04\x00\x00\x00\x00\x00\x00\x00ptch")
        assert [name for name, _ in chunks(content)] == [b"ampf", b"meta", b"ptch"]
        assert chunks(content)[2][1].endswith(b"}\n\0")
        assert patch.patcher["project"]["amxdtype"].to_bytes(4, "big") == tag


def test_the_device_is_the_patch_but_for_its_doors() -> None:
    def objects(patch: Patch) -> set[tuple[str, str]]:
        texts = (
            (box["maxclass"], str(box.get("text", "")).replace("---", "")) for box in patch.boxes.values()
        )
        return set(texts)

    only_live, only_max = objects(LIVE) - objects(MAX), objects(MAX) - objects(LIVE)
    assert {text for _, text in only_max} == {
        "adc~ 1 2",
        "dac~ 1 2",
        "Audio",
        "Anew",
        "Audio, and a new beginning.",
        "playing 0, playing 1",
    }
    assert {text.split()[0] for _, text in only_live if text} == {
        "plugin~",
        "plugout~",
        "latency",
        "thispatcher",
        "path",
        "live.path",
        "live.observer",
        "prepend",
        "pipe",
        "Live's",
    }


# --- boxes and cords ---------------------------------------------------------------------------------


def test_ids_are_unique_and_each_cord_ends_at_what_a_box_declares(patch: Patch) -> None:
    ids = [box["box"]["id"] for box in patch.patcher["boxes"]]
    assert len(ids) == len(set(ids)) and patch.lines
    for source, outlet, destination, inlet in patch.lines:
        assert outlet < patch.boxes[source]["numoutlets"] and inlet < patch.boxes[destination]["numinlets"]
    assert len(patch.lines) == len(set(patch.lines))
    for box in patch.boxes.values():
        assert len(box.get("outlettype", [])) == box["numoutlets"]


def test_boxes_have_the_ports_that_the_reference_gives_them(patch: Patch) -> None:
    """py2max carries the counts of Cycling '74's reference pages."""
    maxref = pytest.importorskip("py2max.maxref")
    n_known = 0
    for box in patch.boxes.values():
        n_inlets, n_outlets = maxref.get_inlet_count(kind(box)), maxref.get_outlet_count(kind(box))
        if kind(box) in VARIABLE | UNTOLD or n_inlets is None or n_outlets is None:
            continue
        n_known += 1
        assert (box["numinlets"], box["numoutlets"]) == (n_inlets, n_outlets), box
    assert n_known > len(patch.boxes) / 2


def test_the_linter_of_py2max_finds_nothing(patch: Patch, tmp_path: Path) -> None:
    py2max, lint = pytest.importorskip("py2max"), pytest.importorskip("py2max.lint")
    path = tmp_path / "patch.maxpat"
    window = {"rect": list(WINDOW)}  # BassNet.maxpat opens in a smaller one, on its face
    path.write_text(json.dumps({"patcher": patch.patcher | window}))
    assert [str(finding) for finding in lint.lint(py2max.Patcher.from_file(path))] == []


def test_signals_go_where_signals_are_taken(patch: Patch) -> None:
    for source, outlet, destination, _ in patch.lines:
        if patch.boxes[source]["outlettype"][outlet] == "signal":
            assert kind(patch.boxes[destination]).endswith("~"), (
                patch.boxes[source],
                patch.boxes[destination],
            )


def test_nothing_has_to_be_there_beside_the_file(patch: Patch) -> None:
    assert patch.patcher["dependency_cache"] == []
    for box in patch.boxes.values():
        name = kind(box)
        assert not name.startswith(
            ("mc.", "gen", "jit.", "mxj", "js", "node.", "bpatcher", "o.", "poly~", "p ")
        )
        assert "patcher" not in box
        if name == "v8":
            assert box["text"].endswith("@embed 1") and box["textfile"]["embed"] == 1
            assert box["textfile"]["text"] == bridge_text.bridge_text("live" if patch is LIVE else "max")


def test_no_file_of_the_repository_could_be_taken_for_the_embedded_script() -> None:
    for patch in (MAX, LIVE):
        [name] = [box["filename"] for box in patch.boxes.values() if kind(box) == "v8"]
        assert not list(FOLDER.parent.glob(f"[!.]*/**/{name}"))


def test_what_is_sent_is_received_and_names_are_the_devices_own() -> None:
    for patch in (MAX, LIVE):
        texts = [box.get("text", "") for box in patch.boxes.values() if box["maxclass"] == "newobj"]
        sent = {text.split()[1] for text in texts if text.startswith("send ")}
        received = {text.split()[1] for text in texts if text.startswith("receive ")}
        assert sent - received == {"bassnet_notes"}  # which the MIDI device receives
        own = [
            text.split()[1] for text in texts if text.split()[0] in ("buffer~", "poke~", "index~", "receive")
        ]
        assert len(own) == 9 and all(name.startswith("---") for name in own) == (patch is LIVE)
    assert "receive bassnet_notes" in [box.get("text") for box in MIDI.boxes.values()]


# --- the script --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAIN)
def test_the_script_has_a_handler_for_each_message_that_it_is_sent(name: str) -> None:
    patch = PATCHES[name]
    script = next(box for box in patch.boxes.values() if kind(box) == "v8")
    handlers = set(MESSAGES.findall(script["textfile"]["text"]))
    doors = [box for box in patch.boxes.values() if box.get("text", "").endswith("bassnet_say")]
    sent = {word for door in doors for box in patch.into(door["id"]) for word in _messages(box)}
    assert sent and sent <= handlers, sent - handlers
    assert "osc" in handlers  # what the server says, and anybody else
    [ordered, _] = sorted(patch.into(script["id"]), key=kind)
    assert [box["text"] for box in patch.into(script["id"])] == ["deferlow", "prepend osc"]
    assert [kind(box) for box in patch.into(ordered["id"])] == ["receive"]  # all in one order
    expected = {
        "start",
        "clock",
        "dsp",
        "rate",
        "enabled",
        "playing",
        "param",
        "model",
        "ring",
        "link",
        "host",
    }
    assert sent == expected | {"port"} | ({"sync"} if patch is LIVE else set())


@pytest.mark.parametrize("name", MAIN)
def test_the_script_has_the_outlets_that_the_patch_connects(name: str) -> None:
    patch = PATCHES[name]
    script = next(box for box in patch.boxes.values() if kind(box) == "v8")
    assert f"outlets = {len(V8_OUTLETS)};" in script["textfile"]["text"]
    assert script["numoutlets"] == len(V8_OUTLETS) and script["numinlets"] == 1
    ends = {n: {kind(box) for box in patch.from_(script["id"], n)} for n in range(len(V8_OUTLETS))}
    assert ends[0] == {"udpsend"} and ends[1] == {"udpreceive"} and ends[6] == {"live.menu"}
    assert ends[4] >= {"delay~"} and ends[5] == {"+~"} and ends[7] == {"send"}
    assert ends[2] == ends[3] == {"live.comment"}


def test_the_script_is_given_the_numbers_that_it_uses_and_no_others() -> None:
    text = "".join((FOLDER / "bridge" / name).read_text() for name in bridge_text.FILES)
    assert set(re.findall(r"SPEC\.(\w+)", text)) == set(bridge_text.numbers("live"))
    assert sorted(path.name for path in (FOLDER / "bridge").iterdir()) == sorted(bridge_text.FILES)
    in_node = (FOLDER.parent / "tests" / "bridge" / "script.js").read_text()
    assert (
        f"const FILES = {json.dumps(bridge_text.FILES)};" in in_node
    )  # what its tests run is what is embedded


def test_what_the_script_is_told_of_the_params_are_the_protocols() -> None:
    for patch in (MAX, LIVE):
        texts = {box.get("text", "") for box in patch.boxes.values()}
        assert {f"prepend param {name}" for name in PARAMS} <= texts
        assert f"udpsend {HOST} {PORT}" in texts


def _messages(box: dict[str, Any]) -> set[str]:
    """The names of the messages that leave a message box, or an object that prepends one."""
    if box["maxclass"] == "message":
        return {part.split()[0] for part in box["text"].split(",")}
    assert kind(box) == "prepend", box
    return {box["text"].split()[1]}


# --- parameters --------------------------------------------------------------------------------------


def test_ranges_are_those_of_the_protocol() -> None:
    for patch in (MAX, LIVE):
        found = patch.parameters
        ranges = {
            name: (value.get("parameter_mmin"), value.get("parameter_mmax")) for name, value in found.items()
        }
        for name, param in PARAMS.items():
            if param.kind != "s":
                assert ranges[name.capitalize()] == (param.lowest, param.highest)
        assert ranges["X"] == ranges["Y"] == (-ModelSpec.z_limit, ModelSpec.z_limit)
        assert tuple(found["Timbre"]["parameter_enum"]) == TIMBRE_NAMES
        models = found["Model"]["parameter_enum"]
        assert set(models) - set(controls.SPARE_MODELS) <= set(installed())
        assert models[-len(controls.SPARE_MODELS) :] == list(controls.SPARE_MODELS)
        assert found["Model"]["parameter_enum"][found["Model"]["parameter_initial"][0]] == DEFAULT
        assert found["Port"]["parameter_initial"] == [PORT] and found["Host"]["parameter_initial"] == [HOST]


def test_parameters_are_named_once_start_in_their_range_and_are_listed(patch: Patch) -> None:
    values = [
        box["saved_attribute_attributes"]["valueof"]
        for box in patch.boxes.values()
        if box.get("parameter_enable")
    ]
    names = [value["parameter_longname"] for value in values]
    assert len(names) == len(set(names)) and not any("[" in name for name in names)
    varnames = [box["varname"] for box in patch.boxes.values() if "varname" in box]
    assert len(varnames) == len(set(varnames))
    for value in values:
        assert value["parameter_initial_enable"] == 1
        if value["parameter_type"] < 3:  # not a blob
            assert value["parameter_mmin"] <= value["parameter_initial"][0] <= value["parameter_mmax"]
        if value["parameter_type"] == 1:  # Live's int has 256 values
            assert 0 < value["parameter_mmax"] - value["parameter_mmin"] < 256
    listed = patch.patcher["parameters"]
    ids = {id for id, box in patch.boxes.items() if box.get("parameter_enable")}
    assert {key for key in listed if key.startswith("obj-")} == ids
    automated = [value["parameter_longname"] for value in values if not value["parameter_invisible"]]
    banks = [name for bank in listed["parameterbanks"].values() for name in bank["parameters"] if name != "-"]
    assert banks == automated and all(len(b["parameters"]) == 8 for b in listed["parameterbanks"].values())


def test_x_and_y_can_be_automated_and_settings_cannot() -> None:
    invisible = {name: value["parameter_invisible"] for name, value in LIVE.parameters.items()}
    assert all(invisible[name] == 0 for name in ("X", "Y", "Gain", "Octave", "Gate", "Timbre", "Dry/Wet"))
    assert all(invisible[name] == 1 for name in ("Host", "Port", "Ring", "Link", "Model", "Sync"))


def test_nothing_but_the_player_moves_a_parameter() -> None:
    """A parameter that the patch moves by itself fills Live's list of undo steps."""
    for patch in (MAX, LIVE):
        for id, box in patch.boxes.items():
            if box.get("parameter_enable"):
                sources = {box.get("varname", kind(box)) for box in patch.into(id)}
                moved_by_hand = {"scale"} if box["varname"] in ("x", "y") else set()  # the pad
                asked = {"t"} if box["varname"] == "host" else set()  # a bang asks for the text
                filled = {"v8"} if box["varname"] == "model" else set()  # its items, not its value
                assert sources == moved_by_hand | asked | filled, box["varname"]


# --- the face ----------------------------------------------------------------------------------------


def test_the_face_lies_within_the_strip_and_nothing_overlaps(patch: Patch) -> None:
    width = patch.patcher["devicewidth"]
    assert patch.patcher["openinpresentation"] == 1 and width <= 340
    rects = {id: box["presentation_rect"] for id, box in patch.shown.items()}
    for x, y, w, h in rects.values():
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= 169
        assert all(value == int(value) for value in (x, y, w, h))  # else it is blurred
    for a, b in combinations(rects, 2):
        (ax, ay, aw, ah), (bx, by, bw, bh) = rects[a], rects[b]
        assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay, (
            patch.boxes[a],
            patch.boxes[b],
        )


def test_each_control_has_a_help_text(patch: Patch) -> None:
    for box in patch.shown.values():
        if box["maxclass"] == "live.comment" and "annotation" not in box:
            continue  # a label
        assert box["annotation"] and box["annotation_name"] and box["hint"] == box["annotation"]
        if box.get("parameter_enable"):
            assert box["saved_attribute_attributes"]["valueof"]["parameter_info"] == box["annotation"]
    shown = {box.get("varname") for box in patch.shown.values()}
    absent = {"sync"} if patch is MAX else set()
    assert patch is MIDI or {control.name for control in controls.CONTROLS} - absent <= shown


def test_colours_are_the_themes(patch: Patch) -> None:
    """live.* objects follow Live's theme where they say nothing; the others have to ask for it."""
    for box in patch.boxes.values():
        assert not [key for key in box if "color" in key]
        asked = {key: c for key, c in box.get("saved_attribute_attributes", {}).items() if key != "valueof"}
        assert all(colour["expression"].startswith("themecolor.live_") for colour in asked.values())
        is_shown = bool(box.get("presentation"))
        assert bool(asked) == (is_shown and not box["maxclass"].startswith("live.")), box


# --- latency -----------------------------------------------------------------------------------------


def test_the_device_declares_its_latency_before_the_script_says_it() -> None:
    assert LIVE.patcher["latency"] == TOTAL and MIDI.patcher["latency"] == 0
    ms = 1000 * TOTAL / USUAL_RATE
    assert ms == controls.LATENCY_TARGET_MS + controls.RING_MS and 60 <= controls.RING_MS <= 80
    delays = [box["text"].split() for box in LIVE.boxes.values() if kind(box) == "delay~"]
    assert [words[2] for words in delays] == [str(TOTAL)] * 2
    longest = round(192_000 * (controls.LATENCY_TARGET_MS + controls.HIGHEST_RING_MS) / 1000)
    assert all(int(words[1]) >= longest for words in delays)


def test_the_versions_are_stated() -> None:
    for patch in (LIVE, MIDI):
        assert (patch.patcher["minimum_max_version"], patch.patcher["minimum_live_version"]) == (
            "9.0",
            "12.2",
        )
    assert MAX.patcher["appversion"]["major"] == 9


def test_the_pictures_show_what_the_face_has() -> None:
    picture = (FOLDER / "face.svg").read_text()
    assert f'viewBox="0 0 {face.WIDTH} {face.HEIGHT}"' in picture
    for control in controls.CONTROLS:
        assert control.label in picture or control.items
