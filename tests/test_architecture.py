"""The arrows between modules point one way, nothing drags torch in, and help comes at once."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bassnet_osc

PACKAGE = Path(bassnet_osc.__file__).parent
FILES = [*PACKAGE.glob("*.py"), *PACKAGE.glob("bench/*.py")]
MODULES = sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in FILES)

# Who may talk to the world or to the clock, and to what of it.
WORLD = {"socket", "asyncio", "threading", "select", "selectors", "subprocess", "multiprocessing", "time"}
ALLOWED = {
    "server": WORLD,
    "automate": {"time"},
    "client": {"time"},
    "line": {"socket", "time"},
    "engine": {"threading"},
    "meter": {"threading"},  # a lock: one thread counts, another reads
    "latent": {"threading"},  # a lock: z is moved in one thread and used in another
    "runner": {"threading"},  # a lock: bound memory is one window's
    "session_log": {"threading"},
    "shelf": {"threading"},
    "sound_card": {"threading"},  # a lost card may keep whoever closes it
    "status": {"time"},
    "oscquery": {"asyncio", "socket"},
    "oscquery_listeners": {"asyncio"},
    "announce": {"asyncio"},
    "datagrams_windows": {"socket"},
    "doctor": {"time"},
    "echo": {"socket"},
    "demo_run": {"socket", "subprocess", "time"},
    "playthrough": {"time"},
    "render": {"time"},
}


def imports(module: str) -> set[str]:
    """All that a module imports anywhere in its text, with full dotted names."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / f"{module.replace('.', '/')}.py").read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            inside = f"bassnet_osc.{node.module}" if node.module else "bassnet_osc"
            found |= {f"bassnet_osc.{a.name}" for a in node.names} if inside == "bassnet_osc" else {inside}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{a.name}" for a in node.names}
            found.add(str(node.module))
    return found


def ours(module: str) -> set[str]:
    """The sibling modules that a module imports."""
    names = {name for name in imports(module) if name.startswith("bassnet_osc.")}
    return {name.removeprefix("bassnet_osc.") for name in names} & set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_the_runtime_knows_neither_torch_nor_training(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(module)} & {
        "torch",
        "training",
        "export",
        "librosa",
        "scipy",
    }


@pytest.mark.parametrize("module", MODULES)
def test_only_the_doors_touch_the_world(module: str) -> None:
    used = {name.split(".")[0] for name in imports(module)} & WORLD
    assert used <= (WORLD if module.startswith("bench.") else ALLOWED.get(module, set()))  # it measures both


def test_spec_imports_nothing_of_ours_but_its_json() -> None:
    assert ours("spec") == {"spec_json"} and ours("spec_json") == set()
    assert ours("frames") <= {"spec"}


def test_no_arrow_points_back() -> None:
    """The modules can be put in an order in which each one imports earlier ones alone."""
    left = {module: ours(module) for module in MODULES}
    while left:
        ready = [module for module, needs in left.items() if not needs & set(left)]
        assert ready, f"these import one another in a circle: {sorted(left)}"
        for module in ready:
            del left[module]


def loaded_after(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `code`."""
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {"torch", "onnxruntime", "matplotlib", "numpy", "soundfile", "soxr", "mido", "pythonosc", "tqdm"}
    assert not loaded_after("import bassnet_osc") & heavy


def test_the_command_line_loads_nothing_heavy_before_it_knows_the_command() -> None:
    heavy = {"torch", "onnxruntime", "matplotlib", "soundfile", "soxr", "mido", "pythonosc", "tqdm"}
    assert (
        not loaded_after(
            "import bassnet_osc.arguments, bassnet_osc.cli; bassnet_osc.arguments.build_parser()"
        )
        & heavy
    )


def test_no_runtime_module_loads_torch() -> None:
    everything = "; ".join(f"import bassnet_osc.{module}" for module in MODULES if module != "__main__")
    assert not loaded_after(everything) & {"torch", "training", "export", "librosa", "scipy", "sklearn"}


COMMANDS = ("serve", "render", "automate", "replay", "demo", "models", "devices", "status", "doctor", "bench")


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in COMMANDS)],
)
def test_every_command_explains_itself(command: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bassnet_osc", *command, "--help"], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("usage: bassnet")


def test_the_version_is_the_packages() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bassnet_osc", "--version"], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"bassnet {bassnet_osc.__version__}"
