"""The command line: bassnet serve | render | demo | models.

Flow: arguments -> cli -> server, render, demo_run, bundle, imported after parsing, so help comes at once.
"""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bassnet_osc.arguments import parse
from bassnet_osc.sound import PARAMS, Sound
from bassnet_osc.spec import BassNetError

if TYPE_CHECKING:
    from bassnet_osc.bundle import Bundle

LEDGER_RATE = 48_000  # Hz: the sample rate for which latencies are told
EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 2 bad input, 130 interrupted."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    run = {"serve": _serve, "render": _render, "demo": _demo, "models": _models}[arguments.command]
    try:
        run(arguments)
        return 0
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
    from bassnet_osc.server import Running, run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    sound = _sound(arguments)
    bundle = Bundle.load(arguments.model, arguments.provider)

    def announce(running: Running) -> None:
        print(f"{_ledger(bundle)}\nlistening on {running.host}:{running.port}, Ctrl-C ends it", flush=True)

    run(bundle, arguments.host, arguments.port, announce, arguments.allow, sound, arguments.midi_port)


def _sound(arguments: argparse.Namespace) -> Sound:
    return Sound(**{param.field: getattr(arguments, name) for name, param in PARAMS.items()})


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
