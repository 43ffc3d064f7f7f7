"""The command line: bassnet serve | render | demo | models.

Flow: arguments -> server, render, demo_run, bundle. Those are imported after parsing, so help comes at once.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bassnet_osc import __version__
from bassnet_osc.bundle import DEFAULT, PROVIDERS
from bassnet_osc.spec import HOST, PORT, BassNetError

if TYPE_CHECKING:
    from bassnet_osc.bundle import Bundle

LEDGER_RATE = 48_000  # Hz: the sample rate for which latencies are told
EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 2 bad input, 130 interrupted."""
    arguments = build_parser().parse_args(_attach_z(sys.argv[1:] if argv is None else argv))
    try:
        arguments.command(arguments)
        return 0
    except (BassNetError, OSError) as error:
        print("bassnet: " + "\\n".join(str(error).splitlines()), file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("bassnet: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = argparse.ArgumentParser(
        prog="bassnet", description="A bass guitar that listens to the mix, live over OSC."
    )
    parser.add_argument("--version", action="version", version=f"bassnet {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_render(commands)
    _add_demo(commands)
    _add_models(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser("serve", help="play live to OSC clients until Ctrl-C")
    serve.add_argument(
        "--host", default=HOST, help="address to listen on (default: %(default)s, this machine alone)"
    )
    serve.add_argument(
        "--port", type=_port, default=PORT, help="UDP port, 0 to 65535, 0 for any (default: %(default)s)"
    )
    serve.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="IP",
        help="another machine that is heard, one option each; needed when --host is not this machine's own",
    )
    _add_model(serve)
    serve.add_argument(
        "--provider",
        choices=("auto", *PROVIDERS),
        default="auto",
        help="where the model runs (default: %(default)s, the fastest that is installed)",
    )
    serve.set_defaults(command=_serve)


def _add_render(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    render = commands.add_parser("render", help="write the bass to a mix file")
    render.add_argument(
        "mix",
        nargs="+",
        type=_path,
        metavar="MIX",
        help="WAV, FLAC or OGG at 8 to 192 kHz; several are summed",
    )
    render.add_argument(
        "-o",
        "--output",
        required=True,
        type=_path,
        metavar="BASS",
        help="WAV or FLAC (24 bits) or OGG to write",
    )
    z = render.add_mutually_exclusive_group()
    z.add_argument("--z", metavar="X,Y", help="point in the latent plane (default: the model's first place)")
    z.add_argument(
        "--z-file",
        type=_path,
        metavar="CSV",
        help="rows of seconds,x,y instead, with straight lines between them",
    )
    render.add_argument("--midi", type=_path, metavar="FILE", help="write the notes too, as a MIDI file")
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
        "--octave", type=int, default=0, metavar="N", help="octaves up, or down if negative: sound and notes"
    )
    render.add_argument(
        "--plot", type=_path, metavar="FILE", help="draw the bass too, as a PNG of 1600 x 900"
    )
    _add_model(render)
    render.set_defaults(command=_render)


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="hear it: a shipped mix crosses OSC and a bass comes back")
    demo.add_argument(
        "--out",
        type=_path,
        default=Path("demo-out"),
        metavar="DIR",
        help="folder for the sound, MIDI, picture and report (default: %(default)s)",
    )
    demo.add_argument("--fast", action="store_true", help="as fast as the answers come, not in real time")
    demo.set_defaults(command=_demo)


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    models = commands.add_parser("models", help="list what is installed")
    models.set_defaults(command=_models)


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        default=DEFAULT,
        metavar="NAME",
        help="which installed model, see `bassnet models` (default: %(default)s)",
    )


def _path(text: str) -> Path:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"a file name must be UTF-8, got {text!r}: rename it") from None
    return Path(text)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"a port is a whole number from 0 to 65535, got {text!r}")
    return int(text)


def _attach_z(argv: Sequence[str]) -> list[str]:
    """Joins `--z -1,2` to `--z=-1,2`, which argparse would take for an option of its own."""
    words, joined = iter(argv), []
    for word in words:
        joined.append(f"--z={next(words, '')}" if word == "--z" else word)
    return joined


def _end_on_signals() -> None:
    """Makes SIGTERM and SIGHUP end a command as Ctrl-C does: nothing half-written, no server left alone."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def interrupt(*_: object) -> None:
        for number in numbers:  # a closing terminal may send both, and the clearing up has to be finished
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` has it ignored
            signal.signal(number, interrupt)


def _serve(arguments: argparse.Namespace) -> None:
    import logging

    from bassnet_osc.bundle import Bundle
    from bassnet_osc.server import Running, run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    bundle = Bundle.load(arguments.model, arguments.provider)

    def announce(running: Running) -> None:
        print(f"{_ledger(bundle)}\nlistening on {running.host}:{running.port}, Ctrl-C ends it", flush=True)

    run(bundle, arguments.host, arguments.port, announce, arguments.allow)


def _ledger(bundle: Bundle) -> str:
    """The constant offset between mix and bass, part by part, for a client at LEDGER_RATE."""
    from bassnet_osc.stream import Stream

    stream = Stream(bundle, LEDGER_RATE, lambda frame: (0.0, 0.0))
    total_ms = 1e3 * stream.latency_samples / LEDGER_RATE
    rows = [*stream.latency_parts.items(), ("together", total_ms)]
    return "\n".join(
        [
            f"model {bundle.name} on {bundle.provider}",
            f"latency at {LEDGER_RATE} Hz, transport and computing apart:",
        ]
        + [f"  {part:<10}{ms:8.2f} ms {ms * LEDGER_RATE / 1e3:8.0f} samples" for part, ms in rows]
    )


def _render(arguments: argparse.Namespace) -> None:
    from bassnet_osc.render import render

    _end_on_signals()
    done = render(
        arguments.mix,
        arguments.output,
        z=arguments.z,
        z_file=arguments.z_file,
        midi=arguments.midi,
        picture=arguments.plot,
        model=arguments.model,
        bpm=arguments.bpm,
        grid=arguments.quantise,
        octave=arguments.octave,
    )
    for path, rate in done.resampled.items():
        print(f"{path}: {rate} Hz, resampled to {done.sample_rate} Hz")
    print(
        f"{arguments.output}: {done.seconds:.1f} s at {done.sample_rate} Hz, "
        f"{done.seconds / done.took_s:.1f} times real time, latency of {done.latency_samples} samples removed"
    )
    if arguments.quantise is not None:
        print(
            f"{arguments.midi}: {done.n_notes - done.merged} notes on the {arguments.quantise} grid at "
            f"{arguments.bpm:g} BPM, {done.merged} more merged into a louder one on the same line"
        )
    if done.peak > 1.0:
        above_db = 20.0 * math.log10(done.peak)
        print(f"{arguments.output}: clipped, the peaks were {above_db:.1f} dB above full scale")


def _models(_: argparse.Namespace) -> None:
    from bassnet_osc.bundle import Bundle, installed
    from bassnet_osc.stream import Stream

    rates = (44_100, LEDGER_RATE, 96_000)
    latencies = [f"latency at {rate / 1000:g} kHz" for rate in rates]
    rows = [("name", "preset", *latencies, "places of z", "trained on", "licence")]
    for name in installed():
        bundle = Bundle.load(name, provider="cpu")
        card, preset = bundle.card, "live" if bundle.spec.cqt.alignment == "causal" else "studio"
        samples = [Stream(bundle, rate, lambda frame: (0.0, 0.0)).latency_samples for rate in rates]
        told = [f"{1e3 * n / rate:.1f} ms ({n})" for n, rate in zip(samples, rates, strict=True)]
        places = "; ".join(f"{place} {x:.2f},{y:.2f}" for place, (x, y) in bundle.z_places.items())
        rows.append((name, preset, *told, places, str(card["trained_on"]), str(card["licence"])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _demo(arguments: argparse.Namespace) -> None:
    from bassnet_osc.demo_run import run_demo

    _end_on_signals()
    print(run_demo(arguments.out, fast=arguments.fast))
