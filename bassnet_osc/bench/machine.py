"""Where it was measured: the processor and the versions.

Flow: the system, the environment's metadata -> machine -> table, JSON.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from bassnet_osc import __version__, runtimes
from bassnet_osc.cores import n_cores

CPU_INFO = Path("/proc/cpuinfo")  # Linux's; elsewhere Python has the name


def facts() -> dict[str, Any]:
    """`machine` (cpu, cores that may be used, system) and `versions`."""
    return {
        "machine": {"cpu": cpu_name(), "cores": n_cores(), "system": platform.platform()},
        "versions": {"bassnet": __version__, "python": platform.python_version(), **runtimes.installed()},
    }


def cpu_name() -> str:
    """As its maker calls it, or else the architecture."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(named), platform.processor() or platform.machine())
