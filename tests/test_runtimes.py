"""Two packages of ONNX Runtime in one environment are told of, and one is not."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bassnet_osc import runtimes

CPU, CUDA = ["CPUExecutionProvider"], ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretends that these packages are installed, and that the module lists these providers."""

    def pretend(packages: list[str], module: Any) -> None:
        def version(package: str) -> str:
            if package not in packages:
                raise metadata.PackageNotFoundError(package)
            return "1.0"

        monkeypatch.setattr(metadata, "version", version)
        monkeypatch.setitem(sys.modules, "onnxruntime", module)

    return pretend


def listing(providers: list[str]) -> Any:
    return SimpleNamespace(get_available_providers=lambda: providers)


@pytest.mark.parametrize("packages", [[], ["onnxruntime"], ["onnxruntime-gpu"], ["onnxruntime-directml"]])
def test_one_alone_is_no_shadow_and_loads_nothing(packages: list[str], environment: Any) -> None:
    environment(packages, None)  # to import it would be an error
    assert runtimes.shadow_warning() is None


@pytest.mark.parametrize(
    ("packages", "module", "words"),
    [
        (
            ["onnxruntime", "onnxruntime-gpu"],
            listing(CPU),
            "the files of onnxruntime are in use, so CUDAExecutionProvider cannot be",
        ),
        (["onnxruntime", "onnxruntime-gpu"], listing(CUDA), "the files of onnxruntime-gpu are in use, until"),
        (["onnxruntime", "onnxruntime-gpu"], None, "their files are mixed and cannot be loaded"),
        (["onnxruntime", "onnxruntime-gpu"], SimpleNamespace(), "their files are mixed"),
        (["onnxruntime", "onnxruntime-directml"], listing(CPU), "so DmlExecutionProvider cannot be"),
    ],
)
def test_two_are_told_in_one_line_with_the_mend(
    packages: list[str], module: Any, words: str, environment: Any
) -> None:
    environment(packages, module)
    warning = runtimes.shadow_warning()
    assert warning and words in warning and "\n" not in warning
    special = packages[1]
    assert warning.endswith(f": pip uninstall -y {special} onnxruntime, then pip install {special}")


def test_real_metadata_of_two_is_seen(tmp_path: Path) -> None:
    for package in ("onnxruntime", "onnxruntime_gpu", "onnxruntime_directml"):
        folder = tmp_path / f"{package}-1.20.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.20.0\n")
    script = "from bassnet_osc.runtimes import shadow_warning; print(shadow_warning())"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("onnxruntime-gpu and onnxruntime-directml and onnxruntime share one folder")


def test_it_is_cheap() -> None:
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        runtimes.installed()
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.03  # 0.7 to 3 ms were measured
