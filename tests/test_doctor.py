"""The doctor: each line tells the truth, names the mend, and nothing makes it fall ill itself."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_server import serving

from bassnet_osc import doctor, providers
from bassnet_osc.doctor import Check, examine, in_words
from bassnet_osc.providers import Provider
from bassnet_osc.spec import HOST, BassNetError

NAMES = [
    *("port", "datagrams", "receive buffer", "onnxruntime", "model", "provider", "headroom"),
    "audio devices",
]


def test_all_is_examined_for_a_model_that_loads(probe_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "HOP_SHARE", 100.0)  # a busy machine shall not make this test fail
    monkeypatch.setattr(doctor, "NOISE_S", 0.5)
    checks = {check.name: check for check in examine(str(probe_folder), HOST, 0, "cpu")}
    assert list(checks) == NAMES
    assert [check for check in checks.values() if not check.ok] == []
    assert checks["port"].found == f"{HOST}:0 is free"
    assert "f 1024, b 1024, s16 1024" in checks["datagrams"].found
    assert checks["provider"].found == "cpu: as asked for"
    assert "ms of a 20 ms hop" in checks["headroom"].found


def test_a_damaged_model_is_named_and_what_needs_it_waits(probe_folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(probe_folder, damaged)
    graph = damaged / "encoder.onnx"  # which the stream would not even need
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    checks = {check.name: check for check in examine(str(damaged), HOST, 0, "cpu")}
    assert not checks["model"].ok
    assert "sha256 differs" in checks["model"].found and "install it again" in checks["model"].mend
    for name in ("provider", "headroom"):
        assert checks[name] == Check(name, True, "not examined", "mend the model first")


def test_the_port_is_free_or_a_servers_or_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bassnet_osc.echo.ANSWER_S", 0.5)
    with serving() as running:
        held = doctor._port(HOST, running.port)
        assert held.ok and "is held by a BassNet server, which says: echo" in held.found
    assert doctor._port(HOST, running.port).found == f"{HOST}:{running.port} is free"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        port = other.getsockname()[1]
        taken = doctor._guarded("port", lambda: doctor._port(HOST, port))
    assert not taken.ok and f"port {port} of {HOST} is in use" in taken.found
    assert "choose another --port" in taken.mend


@pytest.mark.parametrize(
    ("platform", "n_bytes", "sizes", "mend"),
    [
        ("darwin", 4000, "f 794, b 992, s16 1024", "sysctl -w net.inet.udp.maxdgram=9216"),
        ("linux", 1472, "f 289, b 360, s16 720", "take smaller blocks"),
        ("linux", 0, "f none, b none, s16 none", "firewall pass UDP"),
    ],
)
def test_short_datagrams_fail_with_the_blocks_that_still_pass(
    platform: str, n_bytes: int, sizes: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "largest_datagram", lambda host: n_bytes)
    monkeypatch.setattr(sys, "platform", platform)
    check = doctor._datagrams(HOST)
    assert not check.ok and sizes in check.found and mend in check.mend


@pytest.mark.parametrize(
    ("platform", "mend"),
    [
        ("linux", "sudo sysctl -w net.core.rmem_max=1048576"),
        ("darwin", "sudo sysctl -w kern.ipc.maxsockbuf=1048576"),
        ("win32", "raise the system's limit of it"),
    ],
)
def test_a_small_receive_buffer_could_be_larger(
    platform: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "granted_buffer", lambda: 212_992)
    monkeypatch.setattr(sys, "platform", platform)
    check = doctor._receive_buffer()
    assert check.ok and check.mend == mend and "212992 of 1048576" in check.found


@pytest.mark.parametrize(
    ("wanted", "driver", "listed", "fails", "ok", "words", "mend"),
    [
        ("auto", False, True, False, True, "cpu: auto; cuda is not usable: no NVIDIA driver", ""),
        ("cuda", False, True, False, False, "no NVIDIA driver", "install NVIDIA's driver"),
        (
            "auto",
            True,
            False,
            False,
            True,
            "build of onnxruntime",
            "install --force-reinstall onnxruntime-gpu",
        ),
        ("cuda", True, False, False, False, "build of onnxruntime", "--force-reinstall onnxruntime-gpu"),
        ("auto", True, True, True, False, "the session fell back", "bassnet-osc[cuda]"),
        ("cuda", True, True, True, False, "the session fell back", "bassnet-osc[cuda]"),
        ("auto", True, True, False, True, "cuda: auto", ""),
        ("cpu", True, True, False, True, "cpu: as asked for", ""),
    ],
)
def test_the_provider_is_the_one_in_use_and_the_reason_is_told(
    wanted: str,
    driver: bool,
    listed: bool,
    fails: bool,
    ok: bool,
    words: str,
    mend: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    available = ["CUDAExecutionProvider"] * listed + ["CPUExecutionProvider"]
    module = SimpleNamespace(get_available_providers=lambda: available)
    monkeypatch.setitem(sys.modules, "onnxruntime", module)  # type: ignore[arg-type]
    for place in (providers, doctor):
        monkeypatch.setattr(place, "has_cuda", lambda: driver)
    runs_on = Provider(wanted)

    def warm_up() -> None:  # which is what fails where CUDA's files are not there
        if fails:
            runs_on.fall_back("the session fell back", providers.CUDA_FILES)

    loaded = SimpleNamespace(runs_on=runs_on, warm_up=warm_up)
    monkeypatch.setattr(doctor.Bundle, "load", lambda *_: loaded)
    check = doctor._provider("model", wanted)
    assert check.ok == ok and words in check.found
    assert mend in check.mend and bool(mend) == bool(check.mend)


@pytest.mark.parametrize(
    ("p99_ms", "share", "ok", "room"),
    [
        (9.9, 0.2, True, 4),  # 4 x 0.2 is below the 0.9 from which a server calls itself overloaded
        (10.1, 0.2, False, 4),
        (5.0, 0.45, True, 2),
        (5.0, 0.95, False, 0),
        (5.0, 0.0, True, 64),  # a clock too coarse; 64 is all that a server takes
    ],
)
def test_headroom_is_half_of_a_hop_and_room_for_one(
    p99_ms: float, share: float, ok: bool, room: int, probe_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_measured", lambda bundle: (p99_ms, share))
    monkeypatch.setattr(doctor, "n_live_threads_for", lambda provider: 1)
    check = doctor._headroom(str(probe_folder), "cpu")
    assert check.ok == ok and f"room for {room} at 48 kHz" in check.found
    assert bool(check.mend) != ok


def test_a_slow_model_has_no_headroom(probe_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NOISE_S", 0.2)
    bundle = doctor.Bundle.load(str(probe_folder), "cpu")
    run, pause = bundle.decode_factors, threading.Event()

    def slowly(*args: Any) -> Any:
        pause.wait(0.012)
        return run(*args)

    monkeypatch.setattr(bundle, "decode_factors", slowly)
    p99_ms, share = doctor._measured(bundle)
    assert p99_ms >= 12.0
    assert 0.0 < share < 1.0  # a wait uses no core


def test_packages_that_shadow_each_other_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.runtimes, "shadow_warning", lambda: "two of them: pip uninstall -y both")
    assert doctor._onnxruntime() == Check("onnxruntime", False, "two of them", "pip uninstall -y both")


def test_a_package_without_its_files_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.runtimes, "installed", lambda: {"onnxruntime-gpu": "1.20.0"})
    monkeypatch.setattr(doctor.runtimes, "shadow_warning", lambda: None)
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace())  # type: ignore[arg-type]
    check = doctor._onnxruntime()
    assert not check.ok and check.mend == "pip install --force-reinstall onnxruntime-gpu"


@pytest.mark.parametrize(
    ("error", "found", "mend"),
    [
        (ImportError("no module"), "no sounddevice", "pip install 'bassnet-osc[device]'"),
        (OSError("PortAudio library not found"), "no PortAudio", "apt-get install libportaudio2"),
    ],
)
def test_sound_devices_are_an_extra(
    error: Exception, found: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: str) -> Any:
        raise error

    monkeypatch.setattr(doctor.importlib, "import_module", fails)
    check = doctor._devices()
    assert check.ok and check.found == found and mend in check.mend
    assert in_words([check]).startswith("--    audio devices")


def test_sound_devices_are_counted_by_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [{"max_input_channels": n_in, "max_output_channels": n_out} for n_in, n_out in ((2, 0), (2, 2))]
    module = SimpleNamespace(query_devices=lambda: devices)
    monkeypatch.setitem(sys.modules, "sounddevice", module)  # type: ignore[arg-type]
    assert doctor._devices() == Check("audio devices", True, "2 to record from, 1 to play to")
    devices.clear()
    assert doctor._devices().ok and doctor._devices().found == "none"


def test_a_check_that_raises_is_a_failed_line(probe_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> Any:
        raise RuntimeError("first\nsecond")

    for name in ("_port", "_datagrams", "_receive_buffer", "_onnxruntime", "_model", "_devices"):
        monkeypatch.setattr(doctor, name, raises)
    checks = examine(str(probe_folder), HOST, 0, "cpu")
    assert [check.ok for check in checks] == [False] * 5 + [True, True, False]
    assert len(in_words(checks).splitlines()) == len(NAMES)
    assert all(check.mend for check in checks if not check.ok)


def test_a_refusal_is_split_into_what_was_found_and_the_mend() -> None:
    def refuses() -> Check:
        raise BassNetError("port 1 must be free; got: a server: end it")

    assert doctor._guarded("port", refuses) == Check(
        "port", False, "port 1 must be free; got: a server", "end it"
    )


def test_lines_are_aligned() -> None:
    checks = [Check("a", True, "x"), Check("longer", False, "y", "z"), Check("b", True, "u", "v")]
    assert in_words(checks).splitlines() == ["ok    a       x", "FAIL  longer  y: z", "--    b       u: v"]
    assert in_words([]) == ""
