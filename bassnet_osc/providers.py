"""Where a model's graphs run: on the CPU, CUDA, CoreML or DirectML by name, and why not where that cannot be.

A set on stage must start, so a provider that cannot be used is left for the CPU, in a line that says so.

Flow: bundle -> Provider -> sessions of ONNX Runtime -> runner.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import re
import sys
from functools import cache
from typing import Any

from bassnet_osc.spec import BassNetError

CPU = "cpu"
PROVIDERS = {  # ONNX Runtime's name by ours
    CPU: "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
AUTO = "cuda"  # what `auto` takes before the CPU; the other two by name alone: nobody has measured them here
OPTIONS = {"cuda": {"use_tf32": "0"}}  # TF32 keeps 10 bits, which is more noise than a quiet mix has signal

GPU_BUILD = "pip uninstall -y onnxruntime, then pip install --force-reinstall onnxruntime-gpu"
CUDA_FILES = "pip install 'bassnet-osc[cuda]', which brings CUDA's and cuDNN's files"
BUILDS = {
    "cuda": GPU_BUILD,
    "coreml": "it comes with onnxruntime on macOS",
    "directml": "on Windows, pip uninstall -y onnxruntime-gpu, then pip install onnxruntime-directml",
}
FATAL, WARNING = 4, 2  # ONNX Runtime's levels of what it says: as little as may be, and its own default

log = logging.getLogger("bassnet_osc")


def has_cuda() -> bool:
    """Whether a CUDA driver is there; asked for without one, ONNX Runtime prints an error of its own."""
    try:
        ctypes.CDLL(_cuda_driver())
    except OSError:
        return False
    return True


def why_not(name: str) -> tuple[str, str]:
    """Why a provider cannot be asked for, and the mend; two empty texts where it can."""
    import onnxruntime

    if name == "cuda" and not has_cuda():
        return f"no NVIDIA driver ({_cuda_driver()})", "install NVIDIA's driver"
    if PROVIDERS[name] not in onnxruntime.get_available_providers():
        return "this build of onnxruntime is without it", BUILDS.get(name, "install onnxruntime again")
    return "", ""


class Provider:
    """The provider of one model's sessions: what was asked for, what is in use, and why that is another.

    `wanted` is auto or a name of PROVIDERS, `name` the one in use. Where these differ, `why` has the reason
    and `mend` what to do; `has_failed` tells that all seemed to be there.
    """

    def __init__(self, wanted: str) -> None:
        """Raises BassNetError for a name that is none."""
        if wanted not in ("auto", *PROVIDERS):
            raise BassNetError(
                f"provider must be one of {', '.join(('auto', *PROVIDERS))}; got {wanted!r}: choose one"
            )
        self.wanted = wanted
        self.name = AUTO if wanted == "auto" else wanted
        self.why, self.mend = why_not(self.name)
        self.has_failed = False
        if self.why:
            self.name = CPU
            if wanted != "auto":  # who asks by name has to hear of it
                log.warning(self.line)

    @property
    def told(self) -> str:
        """Why it is the one in use."""
        if not self.why:
            return "auto" if self.wanted == "auto" else "as asked for"
        asked = f"auto; {AUTO}" if self.wanted == "auto" else f"{self.wanted} was asked for and"
        return f"{asked} is not usable: {self.why}"

    @property
    def line(self) -> str:
        """Which provider is used, why, and what can be mended by somebody who expected another."""
        mend = f": {self.mend}" if self.why and (self.wanted != "auto" or self.has_failed) else ""
        return f"provider {self.name}: {self.told}{mend}"

    def fall_back(self, why: str, mend: str) -> None:
        """Takes the CPU from now on, and says so."""
        self.name, self.why, self.mend, self.has_failed = CPU, why, mend, True
        log.warning(self.line)

    def open(self, graph: bytes, options: Any) -> Any:
        """A session, on the CPU where the provider fails; raises what ONNX Runtime raises for a bad graph.

        ONNX Runtime falls back without a word that a program could hear, so the session itself is asked.
        """
        if self.name != CPU:
            missing = _load_cuda_files() if self.name == "cuda" else ""
            try:
                session = self._on_device(graph, options, is_quiet=bool(missing))
            except Exception as error:  # ONNX Runtime's own classes share no base but this one
                self.fall_back(first_line(error), self._mend())
            else:
                if session.get_providers()[0] != PROVIDERS[self.name]:
                    self.fall_back(missing or "its session fell back to the CPU", self._mend())
                return session
        return _session(graph, options, PROVIDERS[CPU])

    def _on_device(self, graph: bytes, options: Any, is_quiet: bool) -> Any:
        import onnxruntime

        if self.name == "directml":
            options.enable_mem_pattern = False  # which it does not know
        if is_quiet:  # what is missing is known and will be told in one line, not in red ones
            onnxruntime.set_default_logger_severity(FATAL)
        try:
            return _session(graph, options, (PROVIDERS[self.name], OPTIONS.get(self.name, {})))
        finally:
            if is_quiet:
                onnxruntime.set_default_logger_severity(WARNING)

    def _mend(self) -> str:
        return CUDA_FILES if self.name == "cuda" else "bassnet doctor looks at it"


def first_line(error: Exception) -> str:
    """What an error says in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _session(graph: bytes, options: Any, provider: Any) -> Any:
    import onnxruntime

    # Its own way to fall back prints four lines and takes away the reason.
    return onnxruntime.InferenceSession(graph, options, providers=[provider], enable_fallback=0)


def _cuda_driver() -> str:
    return "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


@cache  # it redirects the terminal for a moment: once, before a live table stands there
def _load_cuda_files() -> str:
    """Loads CUDA's and cuDNN's files from NVIDIA's packages; what is missing, in words, or nothing."""
    import onnxruntime

    if not hasattr(onnxruntime, "preload_dlls"):  # new in 1.21
        return ""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        onnxruntime.preload_dlls()
    names = re.findall(r"^Failed to load (\S+?):", said.getvalue(), re.MULTILINE)
    return f"CUDA's files are missing ({', '.join(names)})" if names else ""
