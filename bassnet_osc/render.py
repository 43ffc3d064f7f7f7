"""The offline door: mix files in, a bass file out, by the very stream that plays live.

Flow: audio_files.Mix -> voice.Voice -> bass file, picture, notes (-> quantise) -> MIDI file. The windows of a
second or two are decoded on several threads, while the bass before them is played and written.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bassnet_osc.audio_files import Audio, BassFile, Mix, check_output, check_sound_output, whole
from bassnet_osc.bundle import DEFAULT_FOR_FILES, Bundle
from bassnet_osc.cores import n_threads_for
from bassnet_osc.frames import Frames
from bassnet_osc.hearing import Hearable, Heard, Outputs, decoded_apart
from bassnet_osc.latent import Z, read_z_csv
from bassnet_osc.notes import BPM, beat_us, notes_from_frames, shift_octaves, write_midi
from bassnet_osc.quantise import quantise, step_ticks
from bassnet_osc.sound import DEFAULT_SOUND, Sound
from bassnet_osc.spec import BassNetError
from bassnet_osc.voice import Voice

PIECE_S = 0.5  # of the mix, heard at a time: some batches for each thread
AHEAD = 3  # pieces that are being decoded while one is played: so many keep the threads busy, few the memory


@dataclass(frozen=True)
class Rendered:
    """What a rendering was like; the bass for `seconds` of mix took `took_s` seconds."""

    sample_rate: int
    seconds: float
    took_s: float
    latency_samples: int
    resampled: dict[Path, int]  # files that had another sample rate, and which
    peak: float  # of the bass, full scale 1: what is above it has been clipped
    n_notes: int  # as heard
    merged: int  # notes that are not in the MIDI file, because a louder one took their line of the grid


def aligned(voice: Voice, blocks: Iterable[Audio], threads: int = 1) -> Iterator[Audio]:
    """The bass without its latency: as long as the mix, time t of the one belongs to time t of the other.

    The mix is read AHEAD blocks ahead of the bass, and `threads` decode it. The z of its windows is asked for
    when a block has been read, before the next is.
    """
    early = voice.latency_samples
    with closing(_heard(voice, chain(blocks, [np.zeros(early, np.float32)]), threads)) as hearings:
        for heard in hearings:
            voice.accept(heard)
            bass = voice.play(len(heard.block))[0][0]
            dropped = min(early, len(bass))
            early -= dropped
            yield bass[dropped:]


def _heard(voice: Voice, blocks: Iterable[Audio], threads: int) -> Generator[Heard, None, None]:
    """Hears blocks in order, decoding AHEAD of them meanwhile."""
    waiting: deque[tuple[Hearable, list[Future[list[Outputs]]]]] = deque()

    def oldest() -> Heard:
        hearable, batches = waiting.popleft()
        return voice.finish(hearable, chain.from_iterable(batch.result() for batch in batches))

    pool = ThreadPoolExecutor(threads)
    try:
        for block in blocks:
            hearable, due = voice.prepare(block)
            waiting.append((hearable, [pool.submit(decoded_apart, batch) for batch in due]))
            if len(waiting) > AHEAD:
                yield oldest()
        while waiting:
            yield oldest()
    finally:
        pool.shutdown(cancel_futures=True)  # whoever stops early need not wait for all of them


def in_pieces(blocks: Iterable[Audio], size: int) -> Iterator[Audio]:
    """The same signal, no block longer than `size`."""
    for block in blocks:
        yield from (block[i : i + size] for i in range(0, len(block), size))


def render(
    mixes: list[Path],
    bass: Path,
    z: str | None = None,
    z_file: Path | None = None,
    midi: Path | None = None,
    picture: Path | None = None,
    model: str = DEFAULT_FOR_FILES,
    bpm: float | None = None,
    grid: str | None = None,
    sound: Sound = DEFAULT_SOUND,
) -> Rendered:
    """Renders the sum of `mixes` to `bass`; the outputs appear all at the end or not at all.

    The octave and the gate of `sound` are those of the bass, its notes and the picture. The MIDI file alone
    has the tempo `bpm` and its notes on the `grid`, one of quantise.STEPS_PER_BEAT.

    Raises BassNetError on any bad input, before the model is loaded wherever the headers tell.
    """
    outputs = [path for path in (bass, midi, picture) if path is not None]
    _check_files([*mixes, z_file] if z_file is not None else mixes, outputs, bass, picture)
    _check_notes(midi, bpm, grid)
    mix = Mix(mixes)
    bundle = Bundle.load(model)
    curve = z_curve(z, z_file, bundle)
    with ExitStack() as stack:
        parts = {path: stack.enter_context(whole(path)) for path in outputs}
        started = time.perf_counter()
        voice, frames, peak = _write_bass(mix, bundle, curve, sound, parts[bass], bass)
        took_s = time.perf_counter() - started
        notes = shift_octaves(notes_from_frames(frames, bundle.spec), sound.octave)
        written = notes if grid is None or bpm is None else quantise(notes, bundle.spec, bpm, grid)
        if midi is not None:
            write_midi(parts[midi], written, bundle.spec.cqt.frame_rate, BPM if bpm is None else bpm)
        if picture is not None:
            from bassnet_osc.plot import plot_bass

            z_points = np.array([curve(i) for i in range(len(frames))])
            plot_bass(parts[picture], mix, notes, frames, z_points, bundle.spec)
    return Rendered(
        mix.sample_rate,
        mix.n_samples / mix.sample_rate,
        took_s,
        voice.latency_samples,
        mix.resampled,
        peak,
        len(notes),
        len(notes) - len(written),
    )


def _check_files(inputs: list[Path], outputs: list[Path], bass: Path, picture: Path | None) -> None:
    for i, path in enumerate(outputs):
        check_output(path, inputs + outputs[:i])
    check_sound_output(bass)
    if picture is not None and picture.suffix.lower() != ".png":
        raise BassNetError(f"{picture}: the picture is a PNG: let its name end in .png")


def _check_notes(midi: Path | None, bpm: float | None, grid: str | None) -> None:
    if bpm is not None:
        beat_us(bpm)  # refuses what is no tempo
    if grid is not None:
        step_ticks(grid)  # refuses what is no grid
        if bpm is None:
            raise BassNetError(f"a grid must have a tempo; got {grid} alone: add --bpm and the mix's BPM")
    if bpm is not None and midi is None:
        raise BassNetError("a tempo must have a MIDI file to go into; got none: add --midi FILE")


def z_curve(z: str | None, z_file: Path | None, bundle: Bundle) -> Z:
    """The z of the command line: a CSV file "seconds,x,y", a fixed point "X,Y", or else the bundle's home."""
    if z_file is not None:
        return read_z_csv(z_file, bundle.spec)
    point = bundle.z_home if z is None else parse_z(z, bundle.spec.model.z_limit)
    return lambda frame: point


def parse_z(text: str, limit: float) -> tuple[float, float]:
    """'X,Y' to two finite numbers within `limit`; raises BassNetError otherwise."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise BassNetError(f"z must be two numbers X,Y; got {text!r}: write e.g. --z 0.5,-1") from None
    if not (math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) <= limit):
        raise BassNetError(f"z must lie in -{limit:g}..{limit:g} on both axes; got {text!r}: choose e.g. 0,0")
    return x, y


def _write_bass(
    mix: Mix, bundle: Bundle, z: Z, sound: Sound, part: Path, path: Path
) -> tuple[Voice, Frames, float]:
    """Streams the mix through a voice into `part`; gives back the voice, the frames it heard and the peak."""
    heard = [Frames.empty(0)]
    voice = Voice(bundle, mix.sample_rate, z, on_frames=heard.append, sound=sound)
    progress = tqdm(
        desc=path.name,
        total=mix.n_samples / mix.sample_rate,
        bar_format="{desc} {percentage:3.0f}% |{bar}| {n:.0f} of {total:.0f} s, {remaining} left",
        disable=None,
    )
    threads = n_threads_for(bundle.provider)
    peak = 0.0
    with progress, BassFile(part, path, mix.sample_rate) as file:
        pieces = in_pieces(mix.blocks(), math.ceil(PIECE_S * mix.sample_rate))
        for block in aligned(voice, pieces, threads):
            file.write(block)
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
            progress.update(len(block) / mix.sample_rate)
    n_frames = math.ceil(mix.n_samples * bundle.spec.cqt.frame_rate / mix.sample_rate)
    return voice, Frames.join(heard)[:n_frames], peak
