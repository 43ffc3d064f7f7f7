"""The patches run by a small reading of Max: which message reaches the script, which sample which ring."""

from __future__ import annotations

import numpy as np
import pytest
from max_files import Patch
from max_run import BANG, Run

from bassnet_osc.params import PARAMS, TIMBRE_NAMES
from bassnet_osc.spec import HOST
from max_patch.controls import BY_NAME
from max_patch.signals import MAX_DELAY, POLL_MS, RING, TOTAL

RING_FRAMES = 1 << 17
NAMES = ("BassNet.amxd", "BassNet.maxpat")


@pytest.fixture(params=NAMES)
def run(request: pytest.FixtureRequest) -> Run:
    return Run(Patch(request.param))


@pytest.fixture
def live() -> Run:
    return Run(Patch("BassNet.amxd"))


def said(run: Run) -> list[tuple[object, ...]]:
    """What the script was sent since the last look."""
    found = [atoms[1:] for atoms in run.heard["v8"]]
    run.heard["v8"].clear()
    return found


def test_an_opened_patch_tells_the_host_then_the_rate_and_the_audio_then_start(run: Run) -> None:
    run.out(run.find("live.thisdevice"), 0, *BANG)
    assert said(run) == [("host", HOST), ("rate", 48_000.0), ("dsp", 1), ("start",)]


def test_the_device_is_switched_by_the_middle_outlet(run: Run) -> None:
    device = run.find("live.thisdevice")
    run.out(device, 2, 1)  # preview
    assert said(run) == []
    run.out(device, 1, 0)
    assert said(run) == [("enabled", 0)]


def test_each_control_says_its_own_message(run: Run) -> None:
    for name, param in PARAMS.items():
        run.take(run.find(name), 0, (2,))
        assert said(run) == [("param", name, TIMBRE_NAMES[2] if param.kind == "s" else 2)]
    for name in ("ring", "link", "port"):
        run.take(run.find(name), 0, (5,))
        assert said(run) == [(name, 5)]
    run.take(run.find("model"), 0, (3,))
    assert said(run) == [("model", BY_NAME["model"].items[3])]


def test_a_host_that_is_typed_is_said_without_the_objects_own_word(run: Run) -> None:
    run.out(run.find("host"), 0, "text", "studio.local")
    run.out(run.find("host"), 0, "10.0.0.2")
    assert said(run) == [("host", "studio.local"), ("host", "10.0.0.2")]


def test_what_comes_from_the_network_calls_no_function_of_the_script(run: Run) -> None:
    run.out(run.find("udpreceive 49151 @defer 1 @quiet 1"), 0, "host", "203.0.113.9")
    assert said(run) == [("osc", "host", "203.0.113.9")]


def test_the_transport_reaches_the_script_and_in_max_there_is_a_button(live: Run) -> None:
    live.out(live.find("live.thisdevice"), 0, *BANG)
    observer = live.find("live.observer is_playing")
    assert live.held[observer, 1] == "id"
    said(live)
    live.out(observer, 0, 1)
    live.take(live.find("sync"), 0, (0,))
    assert said(live) == [("playing", 1), ("sync", 0)]
    in_max = Run(Patch("BassNet.maxpat"))
    in_max.take(in_max.find("playing 0, playing 1"), 0, BANG)
    assert said(in_max) == [("playing", 0), ("playing", 1)]


def test_what_the_script_says_goes_where_it_belongs(live: Run) -> None:
    script = live.find("v8")
    for outlet, atoms in enumerate(
        [
            ("/bassnet/bye",),
            ("port", 50_000),
            ("set", "ready"),
            ("set", "130 ms"),
            (5000,),
            (9,),
            ("_parameter_range", "a"),
            (3, 40, 90),
        ]
    ):
        live.out(script, outlet, *atoms)
    assert live.heard["udpsend"] == [("/bassnet/bye",)]
    assert live.heard["udpreceive"] == [("port", 50_000)]
    assert live.heard["live.comment"] == [("set", "ready"), ("set", "130 ms")]
    assert live.heard["thispatcher"] == [("latency", 5000)] * 3  # Live may not be ready for the first
    assert live.heard["live.menu"] == [("_parameter_range", "a")]
    assert live.heard["send"] == [("bassnet_notes", 3, 40, 90)]


def test_the_pad_moves_the_dials_while_the_mouse_is_down_and_shows_what_moves_them(run: Run) -> None:
    pad, x, y = (run.find(name) for name in ("nodes", "x", "y"))

    def mouse(at: tuple[float, float], button: int) -> None:
        run.held[pad, 0] = at
        run.out(pad, 2, *at, button)

    mouse((0.9, 0.9), 0)  # over it
    assert (x, 0) not in run.held
    mouse((0.25, 1.0), 1)
    assert (run.held[x, 0], run.held[y, 0]) == (-3.0, 6.0)
    mouse((0.5, 0.0), 0)  # where it was let go
    assert (run.held[x, 0], run.held[y, 0]) == (0.0, -6.0)
    mouse((0.75, 0.75), 0)
    assert (run.held[x, 0], run.held[y, 0]) == (0.0, -6.0)
    run.take(x, 0, (3.0,))
    assert run.held[pad, 0] == (0.75, 0.0)


def test_mix_and_z_go_into_their_rings_at_the_count_and_the_bass_comes_late(run: Run) -> None:
    own = "---" if run.boxes[run.find("v8")]["text"].split()[2].startswith("---") else ""
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 600))
    run.take(run.find("x"), 0, (1.5,))
    run.take(run.find("y"), 0, (-2.5,))
    bass = rng.standard_normal(RING_FRAMES)
    run.buffers[f"{own}bassnet_bass"] = bass.copy()
    heard = run.play(600, lambda n: (left[n], right[n]))
    np.testing.assert_allclose(run.buffers[f"{own}bassnet_mix"][:600], (left + right) / 2)
    assert set(run.buffers[f"{own}bassnet_x"][:600]) == {1.5}
    assert set(run.buffers[f"{own}bassnet_y"][:600]) == {-2.5}
    late = (np.arange(600) - RING) % RING_FRAMES
    np.testing.assert_allclose(heard, np.stack([bass[late]] * 2, axis=1))  # wet at first


def test_dry_and_wet_lie_together_and_channels_stay_apart(run: Run) -> None:
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((2, 400))
    script = run.find("v8")
    run.out(script, 4, 100)  # samples: the latency, and with it the dry delay
    run.out(script, 5, RING_FRAMES - 40)
    run.take(run.find("wet"), 0, (25.0,))
    own = "---" if run.boxes[script]["text"].split()[2].startswith("---") else ""
    bass = rng.standard_normal(RING_FRAMES)
    run.buffers[f"{own}bassnet_bass"] = bass.copy()
    heard = run.play(400, lambda n: (left[n], right[n]))
    delayed = np.stack([np.pad(side, (100, 0))[:400] for side in (left, right)], axis=1)
    wet = bass[(np.arange(400) - 40) % RING_FRAMES][:, None]
    np.testing.assert_allclose(heard, 0.75 * delayed + 0.25 * wet)


def test_the_script_is_told_the_count_often_enough(run: Run) -> None:
    poll = run.find(f"snapshot~ {POLL_MS}")
    assert POLL_MS <= 1000 * 240 / 48_000  # a block
    run.out(poll, 0, 4711.0)
    assert said(run) == [("clock", 4711.0)]
    assert [run.boxes[s]["text"] for s, _, d, _ in run.lines if d == poll] == ["count~ 0 131072 1 1"]
    assert TOTAL < MAX_DELAY


def test_the_midi_device_plays_the_notes_of_its_link_and_ends_them() -> None:
    midi = Run(Patch("BassNet MIDI.amxd"))
    notes, link = midi.find("receive bassnet_notes"), midi.find("link")

    def played() -> list[tuple[int, int]]:
        found = list(midi.heard["noteout"])
        midi.heard["noteout"].clear()
        return found

    midi.out(notes, 0, 1, 40, 90)
    assert played() == [(40, 90)]
    midi.out(notes, 0, 2, 41, 91)
    assert played() == []
    midi.take(link, 0, (2,))
    assert played() == [(40, 0)]
    midi.out(notes, 0, 2, 41, 91)
    midi.out(midi.find("live.thisdevice"), 1, 1)
    assert played() == [(41, 91)]
    midi.out(midi.find("live.thisdevice"), 1, 0)
    assert played() == [(41, 0)]
