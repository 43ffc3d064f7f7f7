"""The command line: bassnet serve | render | automate | replay | demo | models | devices | status ...

Flow: arguments -> cli -> server, ledger, render, demo_run ..., imported after parsing, so help comes at once.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bassnet_osc.arguments import parse
from bassnet_osc.params import PARAMS
from bassnet_osc.sound import Sound
from bassnet_osc.spec import BassNetError

if TYPE_CHECKING:
    import logging

    from bassnet_osc.live_table import LiveTable
    from bassnet_osc.server import Options, Running

EXIT_SICK, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 something is wrong, 2 bad input, 130 interrupted."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    run = COMMANDS[arguments.command]
    try:
        return run(arguments) or 0
    except (BassNetError, OSError) as error:
        print("bassnet: " + "\\n".join(str(error).splitlines()), file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("bassnet: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


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
    from bassnet_osc.ledger import of_bundle, of_card
    from bassnet_osc.report import report
    from bassnet_osc.runtimes import shadow_warning
    from bassnet_osc.server import run

    is_live = sys.stdout.isatty() and not arguments.json_log
    table = _live_table(lambda: report(running[0].board)) if is_live else None
    _start_log(table.handler if table else logging.StreamHandler(), arguments.json_log)
    if warning := shadow_warning():
        logging.getLogger("bassnet_osc").warning(warning)
    bundle = Bundle.load(arguments.model, arguments.provider)
    running: list[Running] = []

    def announce(ready: Running) -> None:
        print(of_bundle(bundle) + of_card(ready.board))
        print(f"listening on {ready.host}:{ready.port}, Ctrl-C ends it", flush=True)
        running.append(ready)

    def draw() -> None:
        if table and running:
            table.update()

    with table or contextlib.nullcontext():
        run(bundle, arguments.provider, _options(arguments), announce, draw)


def _options(arguments: argparse.Namespace) -> Options:
    from bassnet_osc.server import Options

    return Options(
        host=arguments.host,
        port=arguments.port,
        allow=arguments.allow,
        sound=_sound(arguments),
        midi_port=arguments.midi_port,
        latency_target_ms=arguments.latency_target,
        query_port=arguments.oscquery,
        announce=arguments.announce,
        log=arguments.log,
        device=arguments.device,
        block_size=arguments.block,
    )


def _start_log(handler: logging.Handler, is_json: bool) -> None:
    import logging

    from bassnet_osc.log_lines import JsonLines

    if is_json:
        handler.setFormatter(JsonLines())
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=[handler]
    )


def _live_table(tell: Callable[[], dict[str, Any]]) -> LiveTable:
    from bassnet_osc.live_table import LiveTable

    return LiveTable(tell)


def _sound(arguments: argparse.Namespace) -> Sound:
    return Sound(**{param.field: getattr(arguments, name) for name, param in PARAMS.items()})


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
        sound=_sound(arguments),
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


def _automate(arguments: argparse.Namespace) -> None:
    from bassnet_osc.automate import automate
    from bassnet_osc.z_curve import read_curve

    _end_on_signals()
    curve = read_curve(arguments.file, arguments.cc)
    print(automate(curve, arguments.host, arguments.port, arguments.to, arguments.loop))


def _models(_: argparse.Namespace) -> None:
    from bassnet_osc.ledger import installed_models

    _print_columns(installed_models())


def _print_columns(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _devices(_: argparse.Namespace) -> None:
    from bassnet_osc.sound_card import listing

    heading, *devices = listing()
    if not devices:
        raise BassNetError(
            "there must be a sound device; PortAudio finds none: plug one in and start your sound server"
        )
    _print_columns([heading, *devices])


def _replay(arguments: argparse.Namespace) -> None:
    from bassnet_osc.replay import replay

    _end_on_signals()
    print(replay(arguments.file, arguments.output, arguments.provider, arguments.model))


def _status(arguments: argparse.Namespace) -> None:
    import json

    from bassnet_osc.status import ask, in_words

    report = ask(arguments.host, arguments.port)
    print(json.dumps(report, indent=2) if arguments.json else in_words(report))


def _doctor(arguments: argparse.Namespace) -> int:
    import logging

    from bassnet_osc.doctor import examine, in_words

    logging.getLogger("bassnet_osc").addHandler(logging.NullHandler())  # its lines tell all of that
    checks = examine(arguments.model, arguments.host, arguments.port, arguments.provider)
    print(in_words(checks))
    return EXIT_SICK * any(not check.ok for check in checks)


def _demo(arguments: argparse.Namespace) -> None:
    from bassnet_osc.demo_run import run_demo

    _end_on_signals()
    print(run_demo(arguments.out, fast=arguments.fast))


def _bench(arguments: argparse.Namespace) -> None:
    from bassnet_osc.bench.command import bench

    _end_on_signals()
    bench(arguments)


COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "serve": _serve,
    "render": _render,
    "automate": _automate,
    "replay": _replay,
    "demo": _demo,
    "models": _models,
    "devices": _devices,
    "status": _status,
    "doctor": _doctor,
    "bench": _bench,
}
