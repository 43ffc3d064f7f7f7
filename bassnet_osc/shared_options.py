"""The options that several commands share, and what may stand for a file, a port or controllers.

Flow: arguments -> shared_options -> one argparse parser a command.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bassnet_osc.bundle import DEFAULT
from bassnet_osc.params import PARAMS
from bassnet_osc.providers import PROVIDERS
from bassnet_osc.sound import DEFAULT_SOUND
from bassnet_osc.spec import HOST, PORT
from bassnet_osc.z_curve import CONTROLLERS, LAST_CONTROLLER


def add_sound(command: argparse.ArgumentParser) -> None:
    """An option for each parameter of the sound."""
    for name, param in PARAMS.items():
        command.add_argument(
            f"--{name}",
            type={"s": str, "i": int, "f": float}[param.kind],
            default=getattr(DEFAULT_SOUND, param.field),
            metavar=param.what.split()[0].upper(),
            help=f"{param.what}{param.range} (default: {getattr(DEFAULT_SOUND, param.field) or param.unset})",
        )


def add_model(command: argparse.ArgumentParser, default: str = DEFAULT) -> None:
    """Which installed model."""
    command.add_argument(
        "--model",
        default=default,
        metavar="NAME",
        help="which installed model, see `bassnet models` (default: %(default)s)",
    )


def add_place(command: argparse.ArgumentParser, host: str, port: str) -> None:
    """Host and port, with what they are of in the command's help."""
    command.add_argument("--host", default=HOST, help=f"{host} (default: %(default)s, this machine alone)")
    command.add_argument("--port", type=port_number, default=PORT, help=f"{port} (default: %(default)s)")


def add_provider(command: argparse.ArgumentParser, default: str) -> None:
    """Where the model runs."""
    command.add_argument(
        "--provider",
        choices=("auto", *PROVIDERS),
        default=default,
        help="where the model runs, or the CPU where that cannot be, with a warning; auto: CUDA or CPU "
        "(default: %(default)s)",
    )


def add_controllers(command: argparse.ArgumentParser) -> None:
    """Which two of a MIDI file."""
    command.add_argument(
        "--cc",
        type=controller_pair,
        metavar="X,Y",
        help="which controllers of a MIDI file move x and y, on any channel, and in 14 bits where it has "
        f"their fine halves (default: {CONTROLLERS[0]},{CONTROLLERS[1]})",
    )


def file_path(text: str) -> Path:
    """A file's name; exits with a line for one that is no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"a file name must be UTF-8, got {text!r}: rename it") from None
    return Path(text)


def port_number(text: str) -> int:
    """A port's number, 0 to 65535; exits with a line for anything else."""
    if not (text.isdecimal() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"a port is a whole number from 0 to 65535, got {text!r}")
    return int(text)


def controller_pair(text: str) -> tuple[int, int]:
    """'X,Y' to the numbers of two controllers; exits with a line for anything else."""
    x, _, y = text.partition(",")
    if not (x.isdecimal() and y.isdecimal() and max(int(x), int(y)) <= LAST_CONTROLLER and int(x) != int(y)):
        raise argparse.ArgumentTypeError(
            f"controllers are two different numbers X,Y from 0 to {LAST_CONTROLLER}, got {text!r}"
        )
    return int(x), int(y)
