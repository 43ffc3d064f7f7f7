"""The demo: a real server process, a real client, a shipped mix, and what came of it.

Flow: demo/mix.ogg -> client <-OSC-> `bassnet serve` -> sound files, MIDI, picture, report.json.
"""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np

from bassnet_osc.audio_files import Audio, BassFile, Mix, whole_folder
from bassnet_osc.bundle import DEFAULT, Bundle
from bassnet_osc.client import DEADLINE_MS, Client
from bassnet_osc.cores import n_threads_for
from bassnet_osc.frames import Frames
from bassnet_osc.latent import LiveZ
from bassnet_osc.notes import notes_from_frames, write_midi
from bassnet_osc.playthrough import Playthrough, Points, in_blocks, lag_samples, play, z_path
from bassnet_osc.render import aligned
from bassnet_osc.spec import HOST, BassNetError
from bassnet_osc.voice import Voice

MIX = Path(__file__).parent / "demo" / "mix.ogg"
BLOCK_SIZE = 256  # samples
FAST_DEADLINE_MS = 1_000.0  # for an answer, where nobody listens
START_S = 30.0  # the server is given up when it is not ready by then
STOP_S = 5.0  # ... and killed when it has not ended by then
PEAK = 0.99  # of together.wav at most
PERCENTILES = ("p50", "p95", "p99")


@dataclass(frozen=True)
class Offline:
    """The same bass without server, network and clock."""

    bass: Audio
    frames: Frames
    took_s: float


def run_demo(out: Path, fast: bool = False, model: str = DEFAULT, mix_file: Path = MIX) -> str:
    """Writes the demo's files into the folder `out`, all at the end; returns what happened in words."""
    if out.exists() and not out.is_dir():
        raise BassNetError(f"{out} is a file: name a folder for the demo's files")
    mix = Mix([mix_file])
    audio = np.concatenate(list(mix.blocks()))
    bundle = Bundle.load(model)
    deadline_ms = FAST_DEADLINE_MS if fast else DEADLINE_MS
    with whole_folder(out) as folder:
        with _server(model, mix.sample_rate, deadline_ms) as client:
            latency_samples = client.latency_samples
            blocks = in_blocks(audio, BLOCK_SIZE, latency_samples)
            z = z_path(list(bundle.z_places.values()) or [(0.0, 0.0)], len(blocks))
            played = play(client, blocks, z, fast)
            stats = client.stats()
        if stats is None:
            raise BassNetError("the server did not tell its statistics: run the demo again")
        bass = played.bass(latency_samples, len(audio))
        offline = _offline(bundle, mix.sample_rate, blocks, z, len(audio))
        report = _report(mix, bundle, latency_samples, played, stats) | {
            "deadline_ms": deadline_ms,
            "alignment_error_samples": lag_samples(bass, offline.bass),
            "realtime_factor": round(mix.n_samples / mix.sample_rate / offline.took_s, 2),
        }
        _write(folder, mix, audio, bass, bundle, offline.frames, z)
        (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return _in_words(out, report, len(audio))


@contextmanager
def _server(model: str, sample_rate: int, deadline_ms: float) -> Iterator[Client]:
    """A client of a server process of its own, on a free port of this machine."""
    port = _free_port()
    command = [sys.executable, "-m", "bassnet_osc", "serve", "--port", str(port), "--model", model]
    with TemporaryFile("w+") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            client = Client(HOST, port, sample_rate, BLOCK_SIZE, name="demo", deadline_ms=deadline_ms)
            _connect(client, process, log)
            with closing(client):
                yield client
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _connect(client: Client, process: subprocess.Popen[bytes], log: IO[str]) -> None:
    """Waits until the server is ready; raises BassNetError with its last words where it ends before."""
    until = time.monotonic() + START_S
    while True:
        try:
            return client.connect(timeout=1.0)
        except BassNetError:
            if process.poll() is not None:
                log.seek(0)
                words = log.read().strip().splitlines() or ["it said nothing"]
                raise BassNetError(f"the demo's server did not start: {words[-1]}") from None
            if time.monotonic() > until:
                raise


def _offline(bundle: Bundle, sample_rate: int, blocks: list[Audio], z: Points, n_samples: int) -> Offline:
    """Plays the blocks to a voice, z moving before the same blocks as over OSC."""
    live_z = LiveZ(bundle.spec, *bundle.z_home)
    runs = [Frames.empty(0)]
    voice = Voice(bundle, sample_rate, live_z, on_frames=runs.append)

    def steered() -> Iterator[Audio]:
        for (x, y), block in zip(z, blocks, strict=True):
            live_z.set(x, y)
            yield block

    started = time.perf_counter()
    bass = np.concatenate(list(aligned(voice, steered(), n_threads_for(bundle.provider))))[:n_samples]
    took_s = time.perf_counter() - started
    n_frames = math.ceil(n_samples * bundle.spec.cqt.frame_rate / sample_rate)
    return Offline(bass, Frames.join(runs)[:n_frames], took_s)


def _report(
    mix: Mix, bundle: Bundle, latency_samples: int, played: Playthrough, stats: dict[str, float]
) -> dict[str, Any]:
    """What report.json says; alignment and speed come from the offline rendering."""
    round_trip = np.percentile(played.round_trip_ms or [0.0], [int(p[1:]) for p in PERCENTILES])
    return {
        "model": bundle.name,
        "sample_rate": mix.sample_rate,
        "block_size": BLOCK_SIZE,
        "latency_samples": latency_samples,
        "blocks_sent": len(played.sent_s),
        "blocks_answered": len(played.answers),
        "late": int(stats["late"]),
        "lost": int(stats["lost"]),
        "inference_ms": {p: round(stats[f"{p}_ms"], 3) for p in PERCENTILES},
        "round_trip_ms": {p: round(float(ms), 3) for p, ms in zip(PERCENTILES, round_trip, strict=True)},
    }


def _write(
    folder: Path, mix: Mix, audio: Audio, bass: Audio, bundle: Bundle, frames: Frames, z: Points
) -> None:
    """All files but the report."""
    from bassnet_osc.plot import plot_bass

    together = audio + bass
    together *= min(1.0, PEAK / max(PEAK, float(np.abs(together).max())))
    for name, samples in [("mix.wav", audio), ("bass.wav", bass), ("together.wav", together)]:
        with BassFile(folder / name, folder / name, mix.sample_rate) as file:
            file.write(samples)
    notes = notes_from_frames(frames, bundle.spec)
    write_midi(folder / "bass.mid", notes, bundle.spec.cqt.frame_rate)
    samples_per_frame = mix.sample_rate / bundle.spec.cqt.frame_rate
    block_of_frame = (np.arange(len(frames)) * samples_per_frame / BLOCK_SIZE).astype(int)
    plot_bass(folder / "bass.png", mix, notes, frames, z[block_of_frame], bundle.spec)


def _in_words(out: Path, report: dict[str, Any], n_samples: int) -> str:
    rate, latency = report["sample_rate"], report["latency_samples"]
    trip, inference = report["round_trip_ms"], report["inference_ms"]
    return "\n".join(
        [
            f"{n_samples / rate:.1f} s of mix crossed OSC in {report['blocks_sent']} blocks of {BLOCK_SIZE} "
            f"at {rate} Hz; {report['model']} played along.",
            f"The bass is {latency} samples ({1e3 * latency / rate:.1f} ms) behind the mix, "
            f"{report['alignment_error_samples']} samples beside an offline rendering.",
            f"{report['late']} late blocks, {report['lost']} lost; round trip {trip['p50']:.1f} ms "
            f"(p99 {trip['p99']:.1f}), inference {inference['p50']:.1f} ms (p99 {inference['p99']:.1f}).",
            f"Listen to {out / 'together.wav'}; the bass alone is bass.wav, its notes bass.mid, the picture "
            "bass.png, all numbers report.json.",
        ]
    )
