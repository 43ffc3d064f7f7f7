"""Notes to a MIDI file, and a MIDI file to audio with FluidSynth and the soundfont FluidR3_GM.

Flow: bassnet_osc.spec ◀ render_midi ◀ artificial, demo_mix.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import soundfile

from bassnet_osc.spec import BassNetError

TICKS_PER_BEAT = 480
DRUM_CHANNEL = 9  # counted from zero, fixed by General MIDI
CC_VOLUME, CC_PAN = 7, 10
CC_ALL_SOUND_OFF = 120
SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # where Debian's fluid-soundfont-gm puts it
SOUNDFONT_VARIABLE = "BASSNET_SOUNDFONT"  # environment: another place of the same soundfont
TIMEOUT_S = 120.0  # a minute of music takes about a second
SHORT_S = 0.1  # seconds that may be missing at the end: FluidSynth goes on two seconds beyond the last event
BLOCK = (
    64  # samples that FluidSynth computes at once: every event is heard one block late, and up to one more
)
WRITE_ERROR = "write error"  # FluidSynth's words where a disk is full
MEND = "free some space where temporary files go (TMPDIR)"

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Note:
    """One note; `beat` and `length` in quarter notes, pitch and velocity in MIDI units."""

    beat: float
    length: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """The notes of one MIDI channel; `gain` is an amplitude in [0, 1], `pan` in [-1, 1]."""

    name: str
    channel: int
    program: int
    notes: Sequence[Note]
    gain: float = 1.0
    pan: float = 0.0


def midi_file(parts: Sequence[Part], tempo_us: int, n_beats: float) -> mido.MidiFile:
    """MIDI file of format 1 in 4/4: a conductor track, then one track per part.

    `tempo_us` is microseconds per quarter note, `n_beats` where the file ends at the earliest.
    """
    midi = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    conductor = mido.MidiTrack()
    conductor.append(mido.MetaMessage("set_tempo", tempo=tempo_us))
    conductor.append(mido.MetaMessage("time_signature", numerator=4, denominator=4))
    conductor.append(_end(n_beats, TICKS_PER_BEAT))
    midi.tracks.append(conductor)
    midi.tracks.extend(_track(part) for part in parts)
    return midi


def lasting(midi: mido.MidiFile, n_beats: float) -> mido.MidiFile:
    """A file of somebody else's, ending at `n_beats` at the earliest."""
    longer = mido.MidiFile(type=1, ticks_per_beat=midi.ticks_per_beat)
    longer.tracks.extend([*midi.tracks, mido.MidiTrack([_end(n_beats, midi.ticks_per_beat)])])
    return longer


def _end(n_beats: float, ticks_per_beat: int) -> mido.Message:
    """FluidSynth stops at the last event, and an end-of-track is none to it."""
    at = round(n_beats * ticks_per_beat)
    return mido.Message("control_change", control=CC_ALL_SOUND_OFF, channel=15, time=at)


def _ticks(beats: float) -> int:
    return round(beats * TICKS_PER_BEAT)


def _track(part: Part) -> mido.MidiTrack:
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("track_name", name=part.name))
    track.append(mido.Message("program_change", channel=part.channel, program=part.program))
    # General MIDI: the amplitude goes with the square of the controller.
    volume = round(127 * part.gain**0.5)
    track.append(mido.Message("control_change", channel=part.channel, control=CC_VOLUME, value=volume))
    pan = round(64 + 63 * part.pan)
    track.append(mido.Message("control_change", channel=part.channel, control=CC_PAN, value=pan))
    events = []
    for note in part.notes:
        events.append((_ticks(note.beat), 1, note.pitch, note.velocity))
        events.append((_ticks(note.beat + note.length), 0, note.pitch, 0))  # sorts before a note-on
    now = 0
    for tick, is_on, pitch, velocity in sorted(events):
        kind = "note_on" if is_on else "note_off"
        message = mido.Message(kind, channel=part.channel, note=pitch, velocity=velocity, time=tick - now)
        track.append(message)
        now = tick
    return track


def soundfont(path: Path | None = None) -> Path:
    """FluidR3_GM from `path`, the environment variable BASSNET_SOUNDFONT or Debian's place.

    Raises BassNetError where there is none.
    """
    found = path or Path(os.environ.get(SOUNDFONT_VARIABLE, SOUNDFONT))
    if not found.is_file():
        raise BassNetError(
            f"rendering needs the soundfont FluidR3_GM; got {str(found)!r}, which is no file: install "
            f"fluid-soundfont-gm or set {SOUNDFONT_VARIABLE}"
        )
    return found


def fluidsynth() -> str:
    """Path of the program; raises BassNetError where it is missing."""
    program = shutil.which("fluidsynth")
    if program is None:
        raise BassNetError(
            "rendering needs the program fluidsynth; it is not on the PATH: install fluidsynth"
        )
    return program


def render(midi: mido.MidiFile, sample_rate: int, gain: float, seconds: float, reverb: bool = False) -> Audio:
    """Audio (n_samples,) of a MIDI file: mono (mean of left and right), exactly `seconds` long.

    `gain` is FluidSynth's master gain; samples may exceed [-1, 1]. `reverb` adds its reverb.
    Raises BassNetError where FluidSynth or the soundfont is missing, or where FluidSynth fails or ends early.
    """
    program, font = fluidsynth(), soundfont()
    room = "1" if reverb else "0"
    with tempfile.TemporaryDirectory(prefix="bassnet-") as folder:
        score, sound = Path(folder, "song.mid"), Path(folder, "song.wav")
        midi.save(score)
        options = f"-ni -q -R {room} -C 0 -g {gain} -r {sample_rate} -T wav -O float -F".split()
        stereo = _sound_of([program, *options, str(sound), str(font), str(score)], sound)
    mono = stereo.mean(axis=1, dtype=np.float32)
    got_s = len(mono) / sample_rate
    if got_s < seconds - SHORT_S:
        raise BassNetError(f"FluidSynth must render all {seconds:.2f} s of a song; got {got_s:.2f} s: {MEND}")
    n_samples = round(seconds * sample_rate)
    heard = mono[BLOCK : BLOCK + n_samples]
    return np.pad(heard, (0, n_samples - len(heard)))


def _sound_of(command: list[str], sound: Path) -> Audio:
    """Runs FluidSynth: the samples (n_samples, 2) of the file `sound` that it writes."""
    try:
        # A session of its own: Ctrl-C reaches Python alone, which then ends in order.
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, start_new_session=True)
    except subprocess.TimeoutExpired:
        raise BassNetError(
            f"FluidSynth must render a song within {TIMEOUT_S:g} s; it did not: start again with less to do "
            "beside it"
        ) from None
    complaint = " ".join(done.stderr.decode(errors="replace").split())
    if WRITE_ERROR in complaint:  # its exit status is 0 then
        raise BassNetError(f"FluidSynth must be able to write a song; it said {complaint!r}: {MEND}")
    if done.returncode or not sound.is_file():
        raise BassNetError(f"FluidSynth must render every song; it said {complaint!r}: check {command[-2]}")
    try:
        stereo, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        reason = str(error).rstrip(".")
        raise BassNetError(f"FluidSynth must write an audio file; {reason}: {MEND}") from error
    return np.asarray(stereo)
