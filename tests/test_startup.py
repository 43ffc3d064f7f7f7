"""What must not be loaded before it is needed, and how soon a bass is heard: in modules and samples.

`python tests/startup.py` has the seconds.
"""

from __future__ import annotations

import subprocess
import sys

from server_process import ServerProcess
from startup import first_bass

from bassnet_osc.bundle import DEFAULT

HEAVY = {
    "torch",
    "scipy",
    "sklearn",
    "librosa",
    "matplotlib",
    "mido",
    "soundfile",
    "tqdm",
    "zeroconf",
    "onnx",
}
DOORS = {"onnxruntime", "soxr", "pythonosc", "rich", "websockets", "asyncio", "ssl", "http", "email"}
FIRST_BASS_S = 0.2  # in the mix's time, from its first sample; 0.041 was measured

SERVE = """
import sys
from functools import partial
from bassnet_osc import cli, server
serve = server.run
def until_ready(bundle, provider, options, on_ready, each_second):
    def ready(running):
        on_ready(running)
        running.stop()
    serve(bundle, provider, options, ready, each_second)
server.run = until_ready
words = ["serve", "--port", "0", "--oscquery", "0", "--provider", "cpu", "--model", sys.argv[1]]
assert cli.main(words) == 0
print("LOADED", *sys.modules)
"""


def loaded_by(code: str, *words: str) -> set[str]:
    """All modules in a fresh interpreter that has run the code, but for those that it had before."""
    command = [sys.executable, "-c", code, *words]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    bare = "import sys; print('LOADED', *sys.modules)"
    had = subprocess.run([sys.executable, "-c", bare], capture_output=True, text=True, check=True).stdout
    return set(told.rpartition("LOADED")[2].split()) - set(had.rpartition("LOADED")[2].split())


def packages(modules: set[str]) -> set[str]:
    """Their first names."""
    return {module.split(".")[0] for module in modules}


def test_the_import_loads_nothing_else() -> None:
    loaded = loaded_by("import sys, bassnet_osc; print('LOADED', *sys.modules)")
    assert loaded - {"__future__"} == {"bassnet_osc"}


def test_help_needs_no_library_that_plays_or_talks() -> None:
    code = """
import sys
from bassnet_osc import cli
try:
    cli.main(["--help"])
except SystemExit:
    print("LOADED", *sys.modules)
"""
    assert not packages(loaded_by(code)) & (HEAVY | DOORS)


def test_a_server_that_is_ready_has_loaded_nothing_that_it_does_not_use() -> None:
    """`rich` is for a terminal, `soundfile` for files, `matplotlib` for pictures, `mido` for MIDI."""
    loaded = packages(loaded_by(SERVE, DEFAULT))
    assert {"onnxruntime", "numpy", "asyncio"} <= loaded
    assert not loaded & (HEAVY | {"rich"})


def test_the_bass_is_heard_in_the_mixs_first_fifth_of_a_second() -> None:
    """Of a real server, its default model, and a client that has been silent for a second."""
    with ServerProcess(DEFAULT, "--oscquery", "0", "--provider", "cpu") as server:
        position, _ = first_bass(server.port, is_paced=False)
    assert 0.0 < position <= FIRST_BASS_S
