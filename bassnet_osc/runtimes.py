"""Which packages of ONNX Runtime are installed: they share one module, so that two of them break each other.

pip lets `onnxruntime` and `onnxruntime-gpu` be installed side by side, though both write the folder
`onnxruntime`: the last one wins file by file, and taking one away takes files of the other.

Flow: the environment's metadata -> runtimes -> serve's first line, doctor.
"""

from __future__ import annotations

import importlib
from importlib import metadata

from bassnet_osc.providers import PROVIDERS

# Packages that bring the module onnxruntime, with the provider that only theirs has: the special ones first.
PACKAGES = {
    "onnxruntime-gpu": PROVIDERS["cuda"],
    "onnxruntime-directml": PROVIDERS["directml"],
    "onnxruntime-openvino": "OpenVINOExecutionProvider",
    "onnxruntime-qnn": "QNNExecutionProvider",
    "onnxruntime-rocm": "ROCMExecutionProvider",
    "onnxruntime-migraphx": "MIGraphXExecutionProvider",
    "onnxruntime-training": "",
    "onnxruntime": "",
}


def installed() -> dict[str, str]:
    """Version by package, for the packages of ONNX Runtime that are here."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def shadow_warning() -> str | None:
    """One line where more than one is installed: whose files are in use, what that costs, the mend."""
    packages = list(installed())
    if len(packages) < 2:
        return None
    wanted = packages[0]  # the special one: the plain one's providers are in it as well
    in_use = _in_use(packages)
    if in_use is None:
        cost = "their files are mixed and cannot be loaded"
    elif in_use == wanted:
        cost = f"the files of {in_use} are in use, until either is updated or removed"
    else:
        cost = f"the files of {in_use} are in use, so {PACKAGES[wanted] or wanted} cannot be"
    return (
        f"{' and '.join(packages)} share one folder and only one may be installed; {cost}: "
        f"pip uninstall -y {' '.join(packages)}, then pip install {wanted}"
    )


def _in_use(packages: list[str]) -> str | None:
    """Whose files they are, by the providers that they list; None where they cannot even be imported."""
    try:
        providers = importlib.import_module("onnxruntime").get_available_providers()
    except (ImportError, OSError, AttributeError):
        return None
    special = (package for package in packages if PACKAGES[package] in providers)
    return next(special, packages[-1])
