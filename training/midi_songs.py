"""A MIDI file -> its mix and its bass as audio, and the notes of the bass.

The bass is what General MIDI's programs 32 to 39 play, as one voice: the lowest of the notes that begin
together, each until the next. The rest is the mix. FluidSynth renders both with FluidR3_GM.

Flow: mma_tracks (BASS_PROGRAMS), render_midi ◀ midi_songs ◀ listening_songs.
"""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import soxr

from bassnet_osc.spec import BassNetError
from training.descriptors import NoteTruth
from training.mma_tracks import BASS_PROGRAMS
from training.render_midi import CC_ALL_SOUND_OFF, DRUM_CHANNEL, Audio, render

SUFFIXES = {".mid", ".midi"}
OVERSAMPLING = 2  # FluidSynth aliases what its soundfont has above half the rate: render higher, then filter
FLUIDSYNTH_GAIN = 0.4
PEAK = 0.9  # of mix and bass together
TAIL_S = 1.0  # seconds of decay after the last event
LONGEST_S = 1200.0  # of a file: a wrong tempo can make hours of it
TOGETHER_S = 0.03  # notes of the bass that begin as close as that are one
LAST_CHANNEL = 15  # of the message at a file's end


def read_midi_song(path: Path, sample_rate: int) -> tuple[Audio, Audio, list[NoteTruth]]:
    """Mix, bass and the notes of the bass; raises BassNetError where the file has not both."""
    midi = _read(path)
    mix, bass = split(midi)
    notes = one_voice(bass)
    if not notes or not _plays(mix):
        lacking = "bass (programs 33 to 40 of General MIDI)" if not notes else "instrument beside its bass"
        raise BassNetError(f"{path} must have a bass and something else; it has no {lacking}: leave it out")
    seconds = midi.length + TAIL_S
    heard = [_rendered(part, seconds, sample_rate) for part in (mix, bass)]
    gain = PEAK / max(PEAK, float(np.abs(heard[0] + heard[1]).max()))
    return gain * heard[0], gain * heard[1], notes


def _read(path: Path) -> mido.MidiFile:
    try:
        midi = mido.MidiFile(path)
        seconds = midi.length
    except Exception as error:  # mido has no base of its own: a bad file ends in any of a dozen
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BassNetError(f"{path} must be a MIDI file; {reason}: replace it or take it away") from error
    if not 0 < seconds <= LONGEST_S:
        raise BassNetError(
            f"{path} must last up to {LONGEST_S:g} s; got {seconds:g} s: correct its tempo or leave it out"
        )
    return midi


def split(midi: mido.MidiFile) -> tuple[mido.MidiFile, mido.MidiFile]:
    """The file without its bass, and its bass alone, equally long; tempo, pedals and bends are in both."""
    mix, bass = (mido.MidiFile(type=1, ticks_per_beat=midi.ticks_per_beat) for _ in range(2))
    programs: dict[int, int] = {}  # of each channel; MIDI files may spread one over several tracks
    for tick_messages in _tracks(midi):
        parts = [mido.MidiTrack(), mido.MidiTrack()]
        last = [0, 0]
        for tick, message in tick_messages:
            if message.type == "program_change":
                programs[message.channel] = message.program
            for i in _parts_of(message, programs):
                parts[i].append(message.copy(time=tick - last[i]))
                last[i] = tick
        mix.tracks.append(parts[0])
        bass.tracks.append(parts[1])
    last_tick = max((track[-1][0] for track in _tracks(midi) if track), default=0)
    for part in (mix, bass):  # FluidSynth stops two seconds after the last event
        end = mido.Message("control_change", control=CC_ALL_SOUND_OFF, channel=LAST_CHANNEL, time=last_tick)
        part.tracks.append(mido.MidiTrack([end]))
    return mix, bass


def _tracks(midi: mido.MidiFile) -> list[list[tuple[int, mido.Message]]]:
    """Each track's messages with their ticks."""
    found = []
    for track in midi.tracks:
        ticks = np.cumsum([message.time for message in track], dtype=np.int64)
        found.append([(int(tick), message) for tick, message in zip(ticks, track, strict=True)])
    return found


def _parts_of(message: mido.Message, programs: dict[int, int]) -> tuple[int, ...]:
    """0 for the mix, 1 for the bass; a note's end goes where its channel's notes may be."""
    if message.type == "end_of_track":
        return ()
    if message.type != "note_on" or not message.velocity:
        return 0, 1
    is_bass = message.channel != DRUM_CHANNEL and programs.get(message.channel, 0) in BASS_PROGRAMS
    return (1,) if is_bass else (0,)


def _plays(midi: mido.MidiFile) -> bool:
    return any(m.type == "note_on" and m.velocity for track in midi.tracks for m in track)


def one_voice(midi: mido.MidiFile) -> list[NoteTruth]:
    """All notes of a file as one voice, in seconds."""
    now, sounding, notes = 0.0, dict[tuple[int, int], tuple[float, int]](), list[NoteTruth]()
    for message in midi:
        now += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        key = message.channel, message.note
        if key in sounding:
            onset, velocity = sounding.pop(key)
            if now > onset:
                notes.append(NoteTruth(onset=onset, offset=now, pitch=message.note, velocity=velocity))
        if message.type == "note_on" and message.velocity:
            sounding[key] = now, message.velocity
    line: list[NoteTruth] = []
    for note in sorted(notes, key=lambda note: (note["onset"], note["pitch"])):
        if line and note["onset"] - line[-1]["onset"] < TOGETHER_S:
            if note["pitch"] < line[-1]["pitch"]:
                line[-1] = note
            continue
        if line:
            line[-1]["offset"] = min(line[-1]["offset"], note["onset"])
        line.append(note)
    return line


def _rendered(midi: mido.MidiFile, seconds: float, sample_rate: int) -> Audio:
    audio = render(midi, OVERSAMPLING * sample_rate, FLUIDSYNTH_GAIN, seconds)
    return np.asarray(soxr.resample(audio, OVERSAMPLING * sample_rate, sample_rate), dtype=np.float32)
