"""How near the synth comes to FluidR3's basses, played from the descriptors of their own sound.

    python -m training.resynthesis [--out FOLDER]

Each of General MIDI's bass programs plays the phrases; the synth plays them again from their frames, and so
do a sine and a band-limited saw with the same f0 and level. The table shows the distance of spectra and the
errors of level and f0 against the original; the last line tells what the synth costs. --out writes all of it
as WAV files, and a picture for each program.

Flow: bass_phrases, bassnet_osc.synth ◀ resynthesis ◀ timbre_fit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bassnet_osc.audio_files import whole
from bassnet_osc.frames import Array, Block, Frames
from bassnet_osc.spec import BassNetError
from bassnet_osc.synth import BAND_HZ, BAND_SHARE, Synth
from bassnet_osc.timbres import TIMBRES, Timbre
from training.bass_phrases import PROGRAMS, SAMPLE_RATE, SPEC, Original, original
from training.descriptors import level_db

N_FFTS = (512, 1024, 2048, 4096)  # samples; windows overlap by three quarters
FLOOR = 1e-4  # magnitude, a full-scale sine has 1: what lies 80 dB below is not heard
F0_RATE = 16_000  # Hz, and the range and frame of the measured f0
F0_RANGE, F0_FRAME = (35.0, 400.0), 2048
SHOWN_HZ = 1.3 * BAND_HZ  # height of the pictures

HEAD = "program             sound     distance  level dB  f0 cents"


def resynthesis(frames: Frames, timbre: Timbre) -> Block:
    """The synth's audio of frames, as long as their song."""
    end = Frames(frames.end, np.array([np.nan]), frames.level_db[-1:], np.zeros(1))
    return Synth(SAMPLE_RATE, SPEC, timbre).process(Frames.join([frames, end]))


def cost(frames: Frames, timbre: Timbre) -> float:
    """Share of a core that the synth takes while it plays the frames, handed to it as a stream does."""
    synth, hop = Synth(SAMPLE_RATE, SPEC, timbre), SPEC.window.hop
    started = time.process_time()
    for i in range(0, len(frames), hop):
        synth.process(frames[i : i + hop])
    return (time.process_time() - started) * SPEC.cqt.frame_rate / len(frames)


def plain(frames: Frames, saw: bool) -> Block:
    """The baseline: a sine or a saw in the synth's band, its level that of the frames."""
    at = np.arange(round(len(frames) * SAMPLE_RATE / SPEC.cqt.frame_rate)) * SPEC.cqt.frame_rate / SAMPLE_RATE
    frame = np.arange(len(frames))
    voiced = ~np.isnan(frames.f0_hz)
    f0_hz = np.interp(at, frame[voiced], frames.f0_hz[voiced]) if voiced.any() else np.ones(len(at))
    amplitude = np.interp(at, frame, np.where(voiced, 10.0 ** (frames.level_db / 20.0), 0.0))
    phase = 2.0 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    audio, power = np.sin(phase), np.ones(len(at))
    limit_hz = min(BAND_HZ, BAND_SHARE * SAMPLE_RATE)
    for k in range(2, int(limit_hz / f0_hz.min()) + 1 if saw else 0):
        inside = k * f0_hz < limit_hz
        audio += inside * np.sin(k * phase) / k
        power += inside / k**2
    return np.asarray(amplitude * audio / np.sqrt(power), np.float32)


def distance(audio: Block, expected: Block) -> float:
    """Mean over N_FFTS of spectral convergence (relative to `expected`) and log-magnitude L1 (in nepers)."""
    return float(np.mean([sum(distances(audio, expected, n_fft)) for n_fft in N_FFTS]))


def distances(audio: Block, expected: Block, n_fft: int) -> tuple[float, float]:
    """Spectral convergence and log-magnitude L1 at one resolution."""
    n_samples = min(len(audio), len(expected))
    ours, theirs = (_magnitudes(x[:n_samples], n_fft) for x in (audio, expected))
    convergence = np.linalg.norm(ours - theirs) / max(float(np.linalg.norm(theirs)), FLOOR)
    logs = np.abs(np.log(np.maximum(ours, FLOOR)) - np.log(np.maximum(theirs, FLOOR)))
    return float(convergence), float(logs.mean())


def _magnitudes(audio: Block, n_fft: int) -> Block:
    spectrum = np.abs(librosa.stft(audio, n_fft=n_fft, hop_length=n_fft // 4))
    return np.asarray(spectrum * np.float32(4.0 / n_fft))


def level_error_db(audio: Block, frames: Frames) -> float:
    """Mean absolute difference of the level from the frames', where they are voiced."""
    low = soxr.resample(audio, SAMPLE_RATE, SPEC.cqt.sample_rate)
    found = np.maximum(level_db(low, SPEC.cqt, SPEC.descriptor), SPEC.descriptor.level_floor_db)
    n, voiced = min(len(found), len(frames)), ~np.isnan(frames.f0_hz)
    return float(np.abs(found[:n] - frames.level_db[:n])[voiced[:n]].mean())


def f0_error_cents(audio: Block, expected: Block, frames: Frames) -> float:
    """Median absolute difference of f0 as YIN finds it in both, where the frames are voiced.

    YIN reads a low sine some cents off (7 at 55 Hz), which the table shows in the sine's rows.
    """
    ours, theirs = (_yin(x) for x in (audio, expected))
    n, voiced = min(len(ours), len(theirs), len(frames)), ~np.isnan(frames.f0_hz)
    return float(np.median(np.abs(1200 * np.log2(ours[:n] / theirs[:n]))[voiced[:n]]))


def _yin(audio: Block) -> Array:
    low = soxr.resample(audio, SAMPLE_RATE, F0_RATE)
    hop_length = round(F0_RATE / SPEC.cqt.frame_rate)
    fmin, fmax = F0_RANGE
    return librosa.yin(low, fmin=fmin, fmax=fmax, sr=F0_RATE, frame_length=F0_FRAME, hop_length=hop_length)


def sounds_of(program: int, found: Original) -> dict[str, Block]:
    """The original, and what plays it again, by name."""
    return {
        "original": found.audio,
        PROGRAMS[program][1]: resynthesis(found.frames, TIMBRES[PROGRAMS[program][1]]),
        "sine": plain(found.frames, saw=False),
        "saw": plain(found.frames, saw=True),
    }


def rows(program: int, sounds: dict[str, Block], frames: Frames) -> list[str]:
    """A program's lines of the table."""
    expected = sounds["original"]
    lines = []
    for name, audio in list(sounds.items())[1:]:
        errors = (
            distance(audio, expected),
            level_error_db(audio, frames),
            f0_error_cents(audio, expected, frames),
        )
        head = f"{program:3d}  {PROGRAMS[program][0]:14s} {name:9s}"
        lines.append(head + "{:9.3f} {:9.2f} {:9.1f}".format(*errors))
    return lines


def write(folder: Path, program: int, sounds: dict[str, Block]) -> None:
    """A WAV file for each sound and a picture of their spectrograms, each whole or not at all."""
    figure = Figure(figsize=(12, 3 * len(sounds)), layout="constrained")
    FigureCanvasAgg(figure)
    n_fft = N_FFTS[-1]
    for axes, (name, audio) in zip(figure.subplots(len(sounds), 1), sounds.items(), strict=True):
        with whole(folder / f"{program}-{name}.wav") as part:
            soundfile.write(part, audio, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        shown = _magnitudes(audio, n_fft)[: round(SHOWN_HZ / SAMPLE_RATE * n_fft)]
        top_hz = len(shown) * SAMPLE_RATE / n_fft
        axes.imshow(
            20 * np.log10(np.maximum(shown, FLOOR)),
            origin="lower",
            aspect="auto",
            extent=(0, len(audio) / SAMPLE_RATE, 0, top_hz),
        )
        axes.set(title=f"{program} {PROGRAMS[program][0]}: {name}", xlabel="seconds", ylabel="Hz")
    with whole(folder / f"{program}.png") as part:
        figure.savefig(part, format="png", dpi=70)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.resynthesis", description="The synth's basses.")
    parser.add_argument("--out", type=Path, help="folder for WAV files and pictures")
    out = parser.parse_args(arguments).out
    try:
        if out:
            out.mkdir(parents=True, exist_ok=True)
        print(HEAD, flush=True)
        costs = []
        for program in PROGRAMS:
            found = original(program)
            sounds = sounds_of(program, found)
            print("\n".join(rows(program, sounds, found.frames)), flush=True)
            costs.append(cost(found.frames, TIMBRES[PROGRAMS[program][1]]))
            if out:
                write(out, program, sounds)
        print(f"the synth costs {np.mean(costs):.2%} of a core at {SAMPLE_RATE} Hz, {max(costs):.2%} at most")
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"--out must be a folder that can be written; {error}: mend it and start again\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
