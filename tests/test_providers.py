"""A set starts on whatever machine: the provider that can be used is used, and a line says which and why."""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from bassnet_osc import providers
from bassnet_osc.bundle import Bundle
from bassnet_osc.providers import CUDA_FILES, GPU_BUILD, PROVIDERS, Provider, has_cuda
from bassnet_osc.runner import Runner
from bassnet_osc.spec import DECODER, FRONTEND, MAX_ROWS, BassNetError

CPU = PROVIDERS["cpu"]


class Fake(SimpleNamespace):
    """ONNX Runtime with some providers; `fails` is what a session on one of them does.

    It is "" for a session on it, "silently" for one on the CPU instead, else the error that is raised.
    """

    def __init__(self, *names: str, fails: str = "", prints: str = "") -> None:
        super().__init__(fails=fails, prints=prints, levels=[], opened=[])
        self._available = [PROVIDERS[name] for name in (*names, "cpu")]

    def get_available_providers(self) -> list[str]:
        return self._available

    def preload_dlls(self) -> None:
        print(self.prints, end="")  # noqa: T201

    def set_default_logger_severity(self, level: int) -> None:
        self.levels.append(level)

    def InferenceSession(self, graph: bytes, options: Any, providers: list[Any], enable_fallback: int) -> Any:
        assert not enable_fallback
        [provider] = providers
        self.opened.append(provider)
        name = provider if isinstance(provider, str) else provider[0]
        if name != CPU and self.fails not in ("", "silently"):
            raise RuntimeError(self.fails)
        in_use = [CPU] if self.fails == "silently" else [name, CPU]
        return SimpleNamespace(get_providers=lambda: in_use)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a fake ONNX Runtime, and a driver or none, in the place of what is here."""
    providers._load_cuda_files.cache_clear()

    def put(fake: Fake, driver: bool = True) -> Fake:
        monkeypatch.setitem(sys.modules, "onnxruntime", fake)  # type: ignore[arg-type]
        monkeypatch.setattr(providers, "has_cuda", lambda: driver)
        return fake

    yield put
    providers._load_cuda_files.cache_clear()


DRIVER = "libcuda.so.1" if sys.platform != "win32" else "nvcuda.dll"
NO_DRIVER = f"no NVIDIA driver ({DRIVER})"
NO_BUILD = "this build of onnxruntime is without it"


@pytest.mark.parametrize(
    ("wanted", "has", "driver", "line"),
    [
        ("auto", ["cuda"], True, "provider cuda: auto"),
        ("cuda", ["cuda"], True, "provider cuda: as asked for"),
        ("cpu", ["cuda"], True, "provider cpu: as asked for"),
        ("coreml", ["coreml"], False, "provider coreml: as asked for"),
        ("directml", ["directml"], False, "provider directml: as asked for"),
        ("auto", ["cuda"], False, f"provider cpu: auto; cuda is not usable: {NO_DRIVER}"),
        ("auto", [], True, f"provider cpu: auto; cuda is not usable: {NO_BUILD}"),
        # Nobody has measured these two here, so that `auto` does not take them.
        ("auto", ["coreml"], False, f"provider cpu: auto; cuda is not usable: {NO_DRIVER}"),
        ("auto", ["directml"], False, f"provider cpu: auto; cuda is not usable: {NO_DRIVER}"),
    ],
)
def test_the_line_says_which_provider_and_why(
    wanted: str, has: list[str], driver: bool, line: str, pretend: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pretend(Fake(*has), driver)
    provider = Provider(wanted)
    assert provider.line == line and line.startswith(f"provider {provider.name}: ")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("wanted", "driver", "why", "mend"),
    [
        ("cuda", False, NO_DRIVER, "install NVIDIA's driver"),
        ("cuda", True, NO_BUILD, GPU_BUILD),
        ("coreml", True, NO_BUILD, "onnxruntime on macOS"),
        ("directml", True, NO_BUILD, "pip install onnxruntime-directml"),
    ],
)
def test_one_asked_for_by_name_is_left_for_the_cpu_with_a_warning(
    wanted: str, driver: bool, why: str, mend: str, pretend: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pretend(Fake(), driver)
    provider = Provider(wanted)
    assert (provider.name, provider.why, provider.has_failed) == ("cpu", why, False)
    assert provider.line.startswith(f"provider cpu: {wanted} was asked for and is not usable: {why}: ")
    assert mend in provider.line and "\n" not in provider.line
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, provider.line)
    ]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(BassNetError, match="must be one of auto, cpu, cuda, coreml, directml; got 'tpu'"):
        Provider("tpu")


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
@pytest.mark.parametrize(
    ("fails", "prints", "why"),
    [
        ("silently", "", "its session fell back to the CPU"),
        (
            "silently",
            "Failed to load libcublas.so.13: no such file\nFailed to load libcurand.so.10: no such file\n",
            "CUDA's files are missing (libcublas.so.13, libcurand.so.10)",
        ),
        ("CUDA failure 100: no device\nat cuda_call.cc", "", "CUDA failure 100: no device"),
    ],
)
def test_a_session_that_fails_after_all_is_told_and_the_cpu_plays(
    wanted: str,
    fails: str,
    prints: str,
    why: str,
    pretend: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake = pretend(Fake("cuda", fails=fails, prints=prints))
    provider = Provider(wanted)
    first = provider.open(b"graph", SimpleNamespace())
    n_opened = len(fake.opened)
    second = provider.open(b"graph", SimpleNamespace())
    assert first.get_providers()[0] == second.get_providers()[0] == CPU
    assert fake.opened[n_opened:] == [CPU]  # CUDA is not tried again
    assert (provider.name, provider.why, provider.mend) == ("cpu", why, CUDA_FILES)
    assert provider.has_failed and caplog.messages == [provider.line] and CUDA_FILES in provider.line
    assert capsys.readouterr().out == ""
    assert fake.levels == ([4, 2] if prints else [])  # quiet where the reason is known, and no longer


def test_a_device_that_works_is_kept_for_every_session(pretend: Any) -> None:
    fake = pretend(Fake("cuda"))
    provider = Provider("auto")
    for _ in range(2):
        assert provider.open(b"graph", SimpleNamespace()).get_providers()[0] == PROVIDERS["cuda"]
    # Without TF32, whose 10 bits are noise of -66 dB.
    assert (
        fake.opened == [(PROVIDERS["cuda"], {"use_tf32": "0"})] * 2 and provider.line == "provider cuda: auto"
    )


def test_older_onnxruntime_has_nothing_to_load_files_with(
    pretend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Fake, "preload_dlls")
    pretend(Fake("cuda"))
    provider = Provider("cuda")
    provider.open(b"graph", SimpleNamespace())
    assert provider.line == "provider cuda: as asked for"


def test_directml_is_given_no_memory_pattern(pretend: Any) -> None:
    pretend(Fake("directml"))
    options = SimpleNamespace(enable_mem_pattern=True)
    Provider("directml").open(b"graph", options)
    assert not options.enable_mem_pattern


@pytest.mark.skipif(has_cuda(), reason="a machine without an NVIDIA driver")
def test_a_model_asked_for_on_a_missing_gpu_plays(probe_folder: Path) -> None:
    bundle = Bundle.load(str(probe_folder), provider="cuda")
    bundle.warm_up()
    assert bundle.provider == CPU and bundle.runs_on.why == NO_DRIVER


@pytest.fixture
def bundle(probe_folder: Path) -> Bundle:
    return Bundle.load(str(probe_folder), provider="cpu")


def sessions(bundle: Bundle, rng: np.random.Generator) -> list[tuple[Any, list[list[np.ndarray]]]]:
    """Both graphs of the stream with inputs, their sizes going up and down."""
    cqt, window = bundle.spec.cqt, bundle.spec.window

    def noise(*shape: int) -> np.ndarray:
        return rng.random(shape, dtype=np.float32)

    hop = window.hop * cqt.hop_length
    audio = [[noise(1, cqt.left + cqt.right + n * hop)] for n in (1, 3, 1, 1)]
    rows = [[noise(n, window.window_frames, cqt.n_bins), noise(n, 2)] for n in (1, MAX_ROWS, 3, 3, 1)]
    return [(bundle._session(FRONTEND, 1).session, audio), (bundle._session(DECODER, 1).session, rows)]


def test_bound_inputs_give_the_same_bits(bundle: Bundle, rng: np.random.Generator) -> None:
    """On the CPU, in place of a device; every answer stays as it was when later ones come."""
    for session, runs in sessions(bundle, rng):
        plain, bound = Runner(session, Provider("cpu")), Runner(session, Provider("cpu"), device="cpu")
        copies = [[block.copy() for block in inputs] for inputs in runs]
        answers = [bound.run(*inputs) for inputs in runs]
        for inputs, copy, answer in zip(runs, copies, answers, strict=True):
            expected = plain.run(*copy)
            assert len(answer) == len(expected) == len(session.get_outputs())
            for one, other in zip(answer, expected, strict=True):
                assert one.dtype == np.float32 and one.flags.writeable
                np.testing.assert_array_equal(one, other)
            for one, other in zip(inputs, copy, strict=True):
                np.testing.assert_array_equal(one, other)  # the caller's are read, no more


def test_bound_inputs_may_be_views(bundle: Bundle, rng: np.random.Generator) -> None:
    session, runs = sessions(bundle, rng)[1]
    mix, z = runs[1]
    bound = Runner(session, Provider("cpu"), device="cpu").run(mix[::2], z[::2])
    for one, other in zip(bound, Runner(session, Provider("cpu")).run(mix[::2], z[::2]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bound_memory_stays_while_the_size_does(bundle: Bundle, rng: np.random.Generator) -> None:
    session, runs = sessions(bundle, rng)[1]
    bound = Runner(session, Provider("cpu"), device="cpu")
    addresses = []
    for inputs in (runs[2], runs[3], runs[4]):
        bound.run(*inputs)
        addresses.append({name: id(value) for name, value in bound._bound.items()})
    assert addresses[0] == addresses[1] and not set(addresses[1].values()) & set(addresses[2].values())


def test_threads_do_not_get_each_others_windows(bundle: Bundle, rng: np.random.Generator) -> None:
    """Bound memory is one window's: two threads take turns with it."""
    session, runs = sessions(bundle, rng)[1]
    mix, z = runs[1]
    bound = Runner(session, Provider("cpu"), device="cpu")
    asked = [(mix * np.float32(k), z) for k in range(1, 9)]
    expected = [Runner(session, Provider("cpu")).run(*inputs) for inputs in asked]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            for mine, told in zip(expected, pool.map(lambda inputs: bound.run(*inputs), asked), strict=True):
                for one, other in zip(mine, told, strict=True):
                    np.testing.assert_array_equal(one, other)


def test_a_device_that_fails_while_it_plays_is_left_for_the_cpu(
    bundle: Bundle,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session, runs = sessions(bundle, rng)[1]
    expected = Runner(session, Provider("cpu")).run(*runs[0])
    provider = Provider("cpu")
    provider.name = "cuda"
    runner = Runner(session, provider, device="cpu")
    runner.run(*runs[1])

    def fails(binding: Any) -> None:
        raise RuntimeError("CUDA failure 719: unspecified launch failure\nat cuda_call.cc")

    monkeypatch.setattr(session, "run_with_iobinding", fails)
    for _ in range(2):
        for one, other in zip(runner.run(*runs[0]), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert provider.name == "cpu" and session.get_providers() == [CPU]
    assert caplog.messages == [provider.line]  # once
    assert "it failed while it played (CUDA failure 719: unspecified launch failure)" in provider.line


def test_an_error_on_the_cpu_is_raised(bundle: Bundle) -> None:
    runner = bundle._session(DECODER, 1)
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
        runner.run(np.zeros((1, 2, 3), np.float32), np.zeros((1, 2), np.float32))
    assert not bundle.runs_on.has_failed


def test_other_devices_are_warmed_up_for_every_number_of_rows(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rows in (("cpu", [MAX_ROWS, 1]), ("cuda", list(range(MAX_ROWS, 0, -1)))):
        seen: list[int] = []
        monkeypatch.setattr(bundle, "decode_factors", lambda x, z, used, seen=seen: seen.append(len(z)))
        bundle.runs_on.name = name
        bundle.warm_up()
        assert seen == rows
