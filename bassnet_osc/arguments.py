"""The options of the command line: those of `bassnet COMMAND`, one function each.

Flow: words of the command line -> arguments (shared_options) -> cli.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bassnet_osc import __version__
from bassnet_osc.bench import usual
from bassnet_osc.bundle import DEFAULT_FOR_FILES
from bassnet_osc.shared_options import (
    add_controllers,
    add_model,
    add_place,
    add_provider,
    add_sound,
    file_path,
    port_number,
)
from bassnet_osc.spec import BLOCK_SIZE, QUERY_PORT, USUAL_Z


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options, and which `command` was asked for; exits with a line where they are wrong."""
    return build_parser().parse_args(_attach_z(words))


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = argparse.ArgumentParser(
        prog="bassnet", description="A bass guitar that listens to the mix, live over OSC."
    )
    parser.add_argument("--version", action="version", version=f"bassnet {__version__}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    _add_serve(commands)
    _add_render(commands)
    _add_automate(commands)
    _add_replay(commands)
    _add_demo(commands)
    _add_models(commands)
    _add_devices(commands)
    _add_status(commands)
    _add_doctor(commands)
    _add_bench(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser("serve", help="play live to OSC clients until Ctrl-C")
    add_place(serve, "address to listen on", "UDP port, 0 for any")
    serve.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="IP",
        help="another machine that is heard, one option each; needed when --host is not this machine's own",
    )
    serve.add_argument(
        "--device",
        metavar="IN,OUT",
        help="play to this sound card as well, steered over OSC: indices or parts of names, see `bassnet "
        "devices`, one for both, or `default` (extra: device)",
    )
    serve.add_argument(
        "--block",
        type=int,
        metavar="SAMPLES",
        help=f"samples that --device gives and takes at a time, 16 to 1024 (default: {BLOCK_SIZE})",
    )
    add_sound(serve)
    serve.add_argument(
        "--midi-port",
        metavar="NAME",
        help="play the notes on this MIDI port as well, a new one where there is none (extra: midi)",
    )
    serve.add_argument(
        "--latency-target",
        type=float,
        metavar="MS",
        help="pad the offset of every session to this, so that it stays when models change (default: none)",
    )
    serve.add_argument(
        "--oscquery",
        type=port_number,
        default=QUERY_PORT,
        metavar="PORT",
        help="TCP port of OSCQuery, 0 for any (default: %(default)s, or any where that is taken)",
    )
    serve.add_argument(
        "--announce", action="store_true", help="tell the network of it by zeroconf (extra: zeroconf)"
    )
    serve.add_argument(
        "--log",
        type=file_path,
        metavar="FILE",
        help="write down all that is heard and decided, for `bassnet replay`; 700 MB an hour and session",
    )
    serve.add_argument(
        "--json-log", action="store_true", help="log lines of JSON, for a journal, instead of the live table"
    )
    add_model(serve)
    add_provider(serve, "auto")


def _add_render(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    render = commands.add_parser("render", help="write the bass to a mix file")
    render.add_argument(
        "mix",
        nargs="+",
        type=file_path,
        metavar="MIX",
        help="WAV, FLAC or OGG at 8 to 192 kHz; several are summed",
    )
    render.add_argument(
        "-o",
        "--output",
        required=True,
        type=file_path,
        metavar="BASS",
        help="WAV or FLAC (24 bits) or OGG to write",
    )
    z = render.add_mutually_exclusive_group()
    z.add_argument("--z", metavar="X,Y", help="point in the latent plane (default: the model's first place)")
    z.add_argument(
        "--z-file",
        type=file_path,
        metavar="CSV",
        help="rows of seconds,x,y instead, with straight lines between them",
    )
    render.add_argument("--midi", type=file_path, metavar="FILE", help="write the notes too, as a MIDI file")
    render.add_argument(
        "--bpm", type=float, help="tempo of the MIDI file, 20 to 400 quarters a minute (default: 120)"
    )
    render.add_argument(
        "--quantise",
        metavar="GRID",
        help="move the MIDI file's notes, not the sound's, to the nearest 1/4, 1/8, 1/16, 1/8T or 1/16T "
        "(T: triplets), counted from the start of the mix; needs --bpm",
    )
    render.add_argument(
        "--plot", type=file_path, metavar="FILE", help="draw the bass too, as a PNG of 1600 x 900"
    )
    add_sound(render)
    add_model(render, DEFAULT_FOR_FILES)


def _add_automate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    automate = commands.add_parser(
        "automate", help="play a file's z to a running server: a CSV or a MIDI file"
    )
    automate.add_argument(
        "file",
        type=file_path,
        metavar="FILE",
        help="a CSV with rows of seconds,x,y, straight lines between them; or a MIDI file with controllers "
        f"for x and y, which hold their values: 0 to 127 is -{USUAL_Z:g} to {USUAL_Z:g}, 64 is 0",
    )
    add_place(automate, "where the server listens", "its UDP port")
    automate.add_argument(
        "--to",
        metavar="NAME",
        help="move the client of this name alone, see `bassnet status` (default: everybody)",
    )
    automate.add_argument("--loop", action="store_true", help="begin again at the file's end, until Ctrl-C")
    add_controllers(automate)


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser("replay", help="play a server's log again, to sound files")
    replay.add_argument("file", type=file_path, metavar="FILE", help="a log of `bassnet serve --log`")
    replay.add_argument(
        "-o", "--output", required=True, type=file_path, metavar="DIR", help="folder for a WAV file a session"
    )
    replay.add_argument(
        "--model", metavar="FOLDER", help="the bundle of the log's model, where that is not installed"
    )
    add_provider(replay, "cpu")


def _add_status(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = commands.add_parser("status", help="ask a running server what it is at")
    add_place(status, "where it listens", "its UDP port")
    status.add_argument("--json", action="store_true", help="all of it, for programs")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser("doctor", help="check what a server needs here, and name the mend")
    add_place(doctor, "address to serve on", "UDP port to serve on")
    add_model(doctor)
    add_provider(doctor, "auto")


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser("bench", help="measure a server here: round trips, CPU, how many sessions")
    sizes = {"sessions": usual.SESSIONS, "blocks": usual.BLOCKS, "rates": usual.RATES}
    for (name, numbers), what in zip(sizes.items(), ("sessions", "samples in a block", "Hz"), strict=True):
        bench.add_argument(
            f"--{name}",
            metavar="N,N",
            help=f"{what}, a row for each combination (default: {usual.listed(numbers)})",
        )
    bench.add_argument(
        "--seconds",
        type=float,
        help=f"that count of each row (default: {usual.ROW_S:g}; {usual.FIND_S:g} with --find-sessions)",
    )
    bench.add_argument(
        "--find-sessions",
        action="store_true",
        help="the most sessions with 99.99 %% of their blocks on time, instead of the table "
        f"(default: blocks of {usual.FIND_BLOCK})",
    )
    bench.add_argument("--profile", action="store_true", help="where the time of a hop goes")
    bench.add_argument("--neighbours", action="store_true", help="the front end beside other libraries'")
    bench.add_argument("--json", type=file_path, metavar="FILE", help="write all of it there, for programs")
    add_model(bench)
    add_provider(bench, "auto")


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="hear it: a shipped mix crosses OSC and a bass comes back")
    demo.add_argument(
        "--out",
        type=file_path,
        default=Path("demo-out"),
        metavar="DIR",
        help="folder for the sound, MIDI, picture and report (default: %(default)s)",
    )
    demo.add_argument("--fast", action="store_true", help="as fast as the answers come, not in real time")


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser("models", help="list what is installed")


def _add_devices(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    commands.add_parser("devices", help="list the sound cards that `serve --device` may play to")


def _attach_z(argv: Sequence[str]) -> list[str]:
    """Joins `--z -1,2` to `--z=-1,2`, which argparse would take for an option of its own."""
    words, joined = iter(argv), []
    for word in words:
        joined.append(f"--z={next(words, '')}" if word == "--z" else word)
    return joined
