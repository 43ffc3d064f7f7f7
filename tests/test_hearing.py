"""What the default model makes of what a stage sends: loud, soft, silence, drums, one chord, a voice, noise.

A groove song of a style that was not trained on, with a seed of its own, is heard through the stream.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from bassnet_osc.bundle import DEFAULT, Bundle
from bassnet_osc.frames import Frames
from bassnet_osc.notes import hz_to_pitch, notes_from_frames
from bassnet_osc.stream import Stream
from training.grooves import make_song
from training.render_midi import DRUM_CHANNEL, Note, Part, midi_file, render

RATE, SECONDS = 48_000, 16
SEED, SONG = 2026, 0
PIANO, VOICE = 0, 53  # General MIDI, counted from zero
GAIN = 0.5  # FluidSynth's
BASS_PITCHES = (24, 67)  # MIDI: what a bass guitar can be asked for
NOISE_RMS = 0.1

Audio = npt.NDArray[np.float32]
pytestmark = pytest.mark.usefixtures("needs_fluidsynth", "needs_mma")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(DEFAULT, provider="cpu", threads=2)


@pytest.fixture(scope="module")
def stems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Audio]:
    """The first seconds of a groove song's stems at 48 kHz, and `band`, all but the bass."""
    folder = tmp_path_factory.mktemp("groove") / "test" / "0000"
    folder.parent.mkdir()
    make_song({"data_set": "groove", "split": "test", "seed": SEED, "index": SONG}, folder)
    assert json.loads((folder / "truth.json").read_text())["seconds"] > SECONDS
    found = {}
    for path in sorted(folder.glob("*.flac")):
        audio, rate = soundfile.read(path, dtype="float32")
        found[path.stem] = soxr.resample(audio[: SECONDS * rate], rate, RATE)
    found["band"] = sum((audio for name, audio in found.items() if name != "bass"), np.zeros(1, np.float32))
    return found


def hear(bundle: Bundle, audio: Audio, rate: int = RATE, z: tuple[float, float] | None = None) -> Frames:
    """All frames of a mix at the place where z starts, or at another one."""
    place = bundle.z_home if z is None else z
    stream = Stream(bundle, rate, lambda frame: place)
    return Frames.join([stream.process(audio), stream.flush()])


def dbfs(audio: Audio, level: float) -> Audio:
    """The audio with this root mean square in dBFS, never clipped."""
    gain = 10 ** (level / 20) / float(np.sqrt(np.mean(audio**2)))
    return np.clip(audio * gain, -1, 1).astype(np.float32)


def agreement(a: Frames, b: Frames) -> float:
    """Share of the frames where both sound that are within half a semitone, any octave."""
    n = min(len(a), len(b))
    distance = (hz_to_pitch(a.f0_hz[:n]) - hz_to_pitch(b.f0_hz[:n]) + 6) % 12 - 6
    both = ~np.isnan(distance)
    return float((np.abs(distance[both]) < 0.5).mean())


def sounding(frames: Frames) -> float:
    return float((~np.isnan(frames.f0_hz)).mean())


def played(notes: list[Note], program: int, beats: float) -> Audio:
    """A part alone at 60 BPM."""
    channel = DRUM_CHANNEL if program < 0 else 0
    midi = midi_file([Part("part", channel, max(0, program), notes)], 1_000_000, beats)
    return render(midi, RATE, GAIN, beats)


def test_a_band_has_a_bass(bundle: Bundle, stems: dict[str, Audio]) -> None:
    """It sounds most of the time, where a bass does, and moves."""
    frames = hear(bundle, stems["band"])
    notes = notes_from_frames(frames, bundle.spec)
    assert sounding(frames) > 0.5 and len(notes) > SECONDS / 2
    assert all(BASS_PITCHES[0] <= note.pitch <= BASS_PITCHES[1] for note in notes)
    assert len({note.pitch % 12 for note in notes}) >= 3


@pytest.mark.parametrize(("level", "least"), [(-12.0, 0.7), (-30.0, 0.7), (-40.0, 0.5)])
def test_level_does_not_matter(bundle: Bundle, stems: dict[str, Audio], level: float, least: float) -> None:
    """From -40 dBFS to the brim: mostly the notes of -20 dBFS, nearly as often. Measured at -12: 0.80."""
    usual = hear(bundle, dbfs(stems["band"], -20.0))
    other = hear(bundle, dbfs(stems["band"], level))
    assert agreement(usual, other) > least
    assert sounding(other) > 0.6 * sounding(usual)


def test_the_sample_rate_does_not_matter(bundle: Bundle, stems: dict[str, Audio]) -> None:
    other = soxr.resample(stems["band"], RATE, 44_100)
    assert agreement(hear(bundle, stems["band"]), hear(bundle, other, 44_100)) > 0.95


def test_silence_in_silence_out(bundle: Bundle) -> None:
    for z in [*bundle.z_places.values(), (3.0, -3.0), (-6.0, 6.0)]:
        assert sounding(hear(bundle, np.zeros(2 * RATE, np.float32), z=z)) == 0.0


def test_a_mix_with_its_own_bass_in_it(bundle: Bundle, stems: dict[str, Audio]) -> None:
    """The band's bass does not throw it off: it plays on, within the bass's range."""
    frames = hear(bundle, stems["band"] + stems["bass"])
    assert sounding(frames) > 0.5
    assert agreement(frames, hear(bundle, stems["band"])) > 0.4


def test_one_chord_for_a_minute(bundle: Bundle) -> None:
    """Struck every two seconds: chord tones from beginning to end, no drift into silence or elsewhere."""
    chord = [Note(float(beat), 1.9, pitch, 90) for beat in range(0, 60, 2) for pitch in (57, 60, 64)]
    frames = hear(bundle, played(chord, PIANO, 60.0))
    pitch = np.rint(hz_to_pitch(frames.f0_hz)) % 12
    for part in np.array_split(pitch, 3):
        known = part[~np.isnan(part)]
        assert len(known) > 0.4 * len(part)
        assert np.isin(known, [9, 0, 4]).mean() > 0.7


def test_a_cappella(bundle: Bundle) -> None:
    """A melody alone has no chords to fit; what sounds fits its scale more often than chance (7 of 12)."""
    melody = [60, 62, 64, 67, 65, 64, 62, 60, 67, 69, 67, 65, 64, 62, 60, 60]
    voice = played([Note(float(i), 0.9, pitch, 90) for i, pitch in enumerate(melody)], VOICE, 16.0)
    frames = hear(bundle, voice)
    pitch = np.rint(hz_to_pitch(frames.f0_hz)) % 12
    known = pitch[~np.isnan(pitch)]
    assert np.isfinite(frames.level_db).all()
    assert not len(known) or np.isin(known, [0, 2, 4, 5, 7, 9, 11]).mean() > 0.7


def test_drums_and_noise_are_finite(bundle: Bundle) -> None:
    """There is no right note: whatever sounds is a bass's, no louder than full scale."""
    beat = [Note(float(i) / 2, 0.2, 36 if i % 2 == 0 else 38, 100) for i in range(16)]
    noise = NOISE_RMS * np.random.default_rng(0).standard_normal(8 * RATE).astype(np.float32)
    for audio in (played(beat, -1, 8.0), noise):
        frames = hear(bundle, audio)
        notes = notes_from_frames(frames, bundle.spec)
        assert np.isfinite(frames.level_db).all() and frames.level_db.max() <= 0.0
        assert all(BASS_PITCHES[0] <= note.pitch <= BASS_PITCHES[1] for note in notes)


def test_the_edge_of_z_still_plays(bundle: Bundle, stems: dict[str, Audio]) -> None:
    """Musicians like the edge (section 7): within [-6, 6] every answer is a bass's, and some corner plays."""
    parts = []
    for z in ((6.0, 6.0), (-6.0, 6.0), (6.0, -6.0), (-6.0, -6.0)):
        frames = hear(bundle, stems["band"][: 4 * RATE], z=z)
        assert np.isfinite(frames.level_db).all() and np.isfinite(frames.onset).all()
        assert frames.level_db.max() <= 0.0
        notes = notes_from_frames(frames, bundle.spec)
        assert all(BASS_PITCHES[0] <= note.pitch <= BASS_PITCHES[1] for note in notes)
        parts.append(sounding(frames))
    assert max(parts) > 0.3 and len({round(part, 2) for part in parts}) > 1
