"""The offline door with a model of numpy whose bass is loud where the mix is: what comes out is aligned."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import soundfile
from fakes import WholeWindows

from bassnet_osc import cores
from bassnet_osc import render as render_module
from bassnet_osc.bundle import Bundle
from bassnet_osc.presets import live
from bassnet_osc.render import AHEAD, aligned, in_pieces, parse_z, render
from bassnet_osc.sound import Sound
from bassnet_osc.spec import BassNetError, Spec
from bassnet_osc.voice import Voice

SAMPLE_RATE = 48_000
LIMIT = live().model.z_limit


class Echo(WholeWindows):
    """A model as loud as the mix, plucked where that rises: 55 Hz, or 110 Hz where z's x is positive."""

    z_home = (0.0, 0.0)

    spec: Spec = live()
    name = "echo"
    provider = "CPUExecutionProvider"

    def frontend(self, audio: np.ndarray) -> np.ndarray:
        """Each frame holds the level of its last hop in all its bins."""
        cqt = self.spec.cqt
        n_frames = 1 + (len(audio) - cqt.left - cqt.right) // cqt.hop_length
        heard = audio[cqt.left - cqt.hop_length :][: n_frames * cqt.hop_length].reshape(n_frames, -1)
        level_db = 10 * np.log10(2 * (heard**2).mean(axis=1) + 1e-12)
        level = np.clip(1 - level_db / self.spec.descriptor.level_floor_db, 0, 1)
        return np.repeat(level[:, None], cqt.n_bins, axis=1).astype(np.float32)

    def decode(self, mix: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        level = mix[:, :, 0]
        f0 = np.zeros_like(mix)
        f0[np.arange(len(mix)), :, np.where(z[:, 0] > 0, 72, 36)] = 1
        onset = np.diff(level, prepend=0, axis=1) > 0.3
        return f0, level, onset.astype(np.float32)


@pytest.fixture(autouse=True)
def echo(monkeypatch: pytest.MonkeyPatch) -> Echo:
    """Every model name gives the Echo."""
    monkeypatch.setattr(render_module.Bundle, "load", lambda *_, **__: Echo())
    return Echo()


def bursts(seconds: float, *starts: float) -> np.ndarray:
    """Silence with half a second of tone from each start on."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    gate = sum((t >= start) & (t < start + 0.5) for start in starts)
    return (0.5 * gate * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


def loud(path: Path) -> np.ndarray:
    """Which tenths of a second of a file sound."""
    audio, rate = soundfile.read(path)
    n = rate // 10
    return np.abs(audio[: len(audio) // n * n]).reshape(-1, n).max(axis=1) > 0.05


def notes_in(midi: Path) -> list[tuple[float, int]]:
    """Start in seconds and pitch of each note."""
    now, notes = 0.0, []
    for message in mido.MidiFile(midi):
        now += message.time
        if message.type == "note_on":
            notes.append((now, message.note))
    return notes


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    """Three seconds that sound from 1.0 to 1.5 s and from 2.0 to 2.5 s."""
    path = tmp_path / "mix.wav"
    soundfile.write(path, bursts(3.0, 1.0, 2.0), SAMPLE_RATE)
    return path


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_the_bass_lies_where_the_mix_does(mix: Path, suffix: str) -> None:
    bass = mix.with_name("bass" + suffix)
    done = render([mix], bass)
    audio, rate = soundfile.read(bass)
    assert (len(audio), rate) == (3 * SAMPLE_RATE, SAMPLE_RATE)
    expected = np.zeros(30, bool)
    expected[10:15] = expected[20:25] = True
    edges = [9, 15, 19, 25]  # the model hears hops of 10 ms and the tone dies away
    np.testing.assert_array_equal(np.delete(loud(bass), edges), np.delete(expected, edges))
    assert done.latency_samples > 0


def test_the_bass_starts_with_the_mix_within_two_frames(mix: Path) -> None:
    bass = mix.with_name("bass.wav")
    render([mix], bass)
    audio, _ = soundfile.read(bass)
    first = int((np.abs(audio) > 0.02).argmax())
    assert first / SAMPLE_RATE == pytest.approx(1.0, abs=0.02)  # measured 1.011


def test_block_size_does_not_matter(echo: Any, rng: np.random.Generator) -> None:
    audio = (bursts(1.0, 0.3) + 0.01 * rng.standard_normal(SAMPLE_RATE)).astype(np.float32)

    def played(size: int) -> np.ndarray:
        voice = Voice(echo, SAMPLE_RATE, lambda frame: (0.0, 0.0))
        return np.concatenate(list(aligned(voice, (audio[i : i + size] for i in range(0, len(audio), size)))))

    whole = played(len(audio))
    assert len(whole) == len(audio)
    for size in (161, 256, 4096):
        np.testing.assert_array_equal(played(size), whole)


def test_threads_and_pieces_do_not_matter(probe_folder: Path, rng: np.random.Generator) -> None:
    bundle = Bundle(probe_folder, "cpu")
    audio = (0.1 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)

    def played(threads: int, size: int) -> np.ndarray:
        voice = Voice(bundle, SAMPLE_RATE, lambda frame: (frame / 100, -1.0))
        return np.concatenate(list(aligned(voice, in_pieces([audio, audio], size), threads)))

    plain = Voice(bundle, SAMPLE_RATE, lambda frame: (frame / 100, -1.0))
    late = np.zeros(plain.latency_samples, np.float32)
    whole = plain.process(np.concatenate([audio, audio, late]))[len(late) :]
    assert np.abs(whole).max() > 0.01
    for threads, size in ((1, 100_000), (2, 500), (3, 24_000)):
        np.testing.assert_array_equal(played(threads, size), whole)


def test_the_size_of_pieces_does_not_matter_to_the_file(mix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    for piece_s in (0.01, 0.5, 100.0):
        monkeypatch.setattr(render_module, "PIECE_S", piece_s)
        render([mix], mix.with_name("bass.wav"), midi=mix.with_name("bass.mid"))
        files.append([mix.with_name(name).read_bytes() for name in ("bass.wav", "bass.mid")])
    assert files[0] == files[1] == files[2]


def test_the_mix_is_read_only_a_few_pieces_ahead(echo: Any) -> None:
    read: list[np.ndarray] = []

    def blocks() -> Iterator[np.ndarray]:
        for _ in range(100):
            read.append(np.zeros(1000, np.float32))
            yield read[-1]

    voice = Voice(echo, SAMPLE_RATE, lambda frame: (0.0, 0.0))
    ahead = [len(read) - k for k, _ in enumerate(aligned(voice, blocks(), 2), start=1)]
    assert max(ahead) == AHEAD


@pytest.mark.parametrize("fault", [ValueError("no such kernel"), KeyboardInterrupt()])
def test_a_fault_while_decoding_leaves_nothing(
    mix: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def decode(*_: object) -> None:
        raise fault

    monkeypatch.setattr(Echo, "decode", decode)
    n_threads = threading.active_count()
    with pytest.raises(type(fault)):
        render([mix], mix.with_name("bass.wav"))
    assert list(mix.parent.iterdir()) == [mix]
    assert threading.active_count() == n_threads


def test_several_mixes_play_together(mix: Path) -> None:
    other = mix.with_name("other.wav")
    soundfile.write(other, np.pad(bursts(4.0, 3.0), (0, 480)), SAMPLE_RATE)
    bass = mix.with_name("bass.wav")
    done = render([mix, other], bass)
    assert soundfile.info(bass).frames == 4 * SAMPLE_RATE + 480
    assert loud(bass)[[5, 12, 22, 32]].tolist() == [False, True, True, True]
    assert done.resampled == {}


def test_the_first_files_rate_counts(mix: Path) -> None:
    other = mix.with_name("other.wav")
    soundfile.write(other, np.zeros(100), 44_100)
    bass = mix.with_name("bass.wav")
    done = render([other, mix], bass)
    assert soundfile.info(bass).samplerate == 44_100
    assert soundfile.info(bass).frames == 3 * 44_100
    assert done.resampled == {mix: SAMPLE_RATE}


def test_z_chooses_the_bass(mix: Path) -> None:
    bass, midi = mix.with_name("bass.wav"), mix.with_name("bass.mid")
    for z, pitch in [("-1,0", 33), ("1,0", 45)]:
        render([mix], bass, z=z, midi=midi)
        assert [note for _, note in notes_in(midi)] == [pitch, pitch]


def test_z_from_a_file_moves(mix: Path) -> None:
    curve, midi = mix.with_name("z.csv"), mix.with_name("bass.mid")
    curve.write_text("seconds,x,y\n0,-1,0\n1.6,-1,0\n1.8,1,0\n")
    render([mix], mix.with_name("bass.wav"), z_file=curve, midi=midi)
    assert [note for _, note in notes_in(midi)] == [33, 45]


def test_midi_notes_lie_where_the_mix_does(mix: Path) -> None:
    midi = mix.with_name("bass.mid")
    render([mix], mix.with_name("bass.wav"), midi=midi)
    starts = [start for start, _ in notes_in(midi)]
    np.testing.assert_allclose(starts, [1.0, 2.0], atol=0.02)  # measured 0.01: the hop that the model hears


def test_the_midi_file_alone_is_quantised(mix: Path) -> None:
    """At 90 BPM the notes from 1.0 and 2.0 s on go to the sixteenths at 1.0 and 2.0 s, 6 and 12 of them."""
    played, quantised = mix.with_name("played.wav"), mix.with_name("quantised.wav")
    midi = mix.with_name("bass.mid")
    assert render([mix], played).merged == 0
    done = render([mix], quantised, midi=midi, bpm=90.0, grid="1/16")
    assert (done.n_notes, done.merged) == (2, 0)
    assert played.read_bytes() == quantised.read_bytes()
    # A MIDI tempo is whole microseconds a beat: off by 1e-6 at most.
    assert [start for start, _ in notes_in(midi)] == pytest.approx([1.0, 2.0], rel=1e-6)


def test_a_note_that_is_merged_is_told(mix: Path) -> None:
    """Quarters of 1.5 s: both notes go to the one at 1.5 s."""
    midi = mix.with_name("bass.mid")
    done = render([mix], mix.with_name("bass.wav"), midi=midi, bpm=40.0, grid="1/4")
    assert [start for start, _ in notes_in(midi)] == [1.5]
    assert (done.n_notes, done.merged) == (2, 1)


def test_the_tempo_moves_no_note(mix: Path) -> None:
    midi = mix.with_name("bass.mid")
    starts = []
    for bpm in (None, 20.0, 171.0):
        render([mix], mix.with_name("bass.wav"), midi=midi, bpm=bpm)
        starts.append([start for start, _ in notes_in(midi)])
    np.testing.assert_allclose(starts, [starts[0]] * 3, atol=2e-3)  # a tick at 20 BPM is 3 ms


def test_an_octave_moves_sound_and_notes(mix: Path) -> None:
    """55 Hz an octave up is the Echo's other place, bit for bit; and down again."""
    files = {}
    for z, octave in [("-1,0", 0), ("-1,0", 1), ("1,0", 0), ("1,0", -1)]:
        outputs = [mix.with_name(name) for name in ("bass.wav", "bass.mid", "bass.png")]
        render([mix], outputs[0], z=z, midi=outputs[1], sound=Sound(octave=octave))
        files[z, octave] = [path.read_bytes() for path in outputs[:2]]
    assert files["-1,0", 1] == files["1,0", 0]
    assert files["1,0", -1] == files["-1,0", 0]
    assert files["1,0", 0] != files["-1,0", 0]


def test_timbre_and_tuning_move_the_sound_alone(mix: Path) -> None:
    files = {}
    for sound in (Sound(), Sound("sub"), Sound(tuning_hz=415.0)):
        outputs = [mix.with_name(name) for name in ("bass.wav", "bass.mid")]
        render([mix], outputs[0], midi=outputs[1], sound=sound)
        files[sound] = [path.read_bytes() for path in outputs]
    (plain, notes), *others = files.values()
    assert all(audio != plain and midi == notes for audio, midi in others)


def test_a_gate_ends_sound_and_notes(mix: Path) -> None:
    soundfile.write(mix, bursts(3.0, 1.0) + 0.05 * bursts(3.0, 2.0), SAMPLE_RATE)  # the second 26 dB fainter
    bass, midi = mix.with_name("bass.wav"), mix.with_name("bass.mid")
    for gate_db, n_notes in ((None, 2), (-24.0, 1)):
        render([mix], bass, midi=midi, sound=Sound(gate_db=gate_db))
        assert len(notes_in(midi)) == n_notes
        assert soundfile.read(bass)[0][2 * SAMPLE_RATE :].any() == (n_notes == 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": "1/8"}, "must have a tempo; got 1/8 alone: add --bpm"),
        ({"grid": "1/8", "bpm": 500.0}, r"bpm must lie in 20 \.\. 400 .*; got 500"),
        ({"grid": "1/5", "bpm": 100.0}, "grid must be one of .*; got '1/5'"),
        ({"bpm": 100.0, "midi": None}, "must have a MIDI file .*: add --midi FILE"),
    ],
)
def test_what_no_music_has_is_refused(mix: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BassNetError, match=message) as caught:
        render([mix], mix.with_name("bass.wav"), **{"midi": mix.with_name("bass.mid")} | arguments)
    assert "\n" not in str(caught.value)
    assert list(mix.parent.iterdir()) == [mix]


def test_all_outputs_appear_and_nothing_else(mix: Path) -> None:
    outputs = [mix.with_name(name) for name in ("bass.wav", "bass.mid", "bass.png")]
    render([mix], outputs[0], midi=outputs[1], picture=outputs[2])
    assert sorted(mix.parent.iterdir()) == sorted([mix, *outputs])


def test_a_fault_in_the_middle_leaves_nothing(mix: Path) -> None:
    audio = bursts(3.0, 1.0)
    audio[100_000] = np.nan
    soundfile.write(mix, audio, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(BassNetError, match="at sample 100000"):
        render([mix], mix.with_name("bass.wav"), midi=mix.with_name("bass.mid"))
    assert list(mix.parent.iterdir()) == [mix]


def test_an_interruption_leaves_nothing(mix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[np.ndarray]:
        yield np.zeros(1_000, np.float32)
        raise KeyboardInterrupt

    monkeypatch.setattr(render_module.Mix, "blocks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render([mix], mix.with_name("bass.wav"))
    assert list(mix.parent.iterdir()) == [mix]


def test_outputs_must_differ_from_inputs_and_one_another(mix: Path) -> None:
    with pytest.raises(BassNetError, match="is an input or another output"):
        render([mix], mix)
    with pytest.raises(BassNetError, match="is an input or another output"):
        render([mix], mix.with_name("bass.wav"), midi=mix.with_name("bass.wav"))
    assert loud(mix).any()


def test_the_picture_is_a_png(mix: Path) -> None:
    with pytest.raises(BassNetError, match=r"end in \.png"):
        render([mix], mix.with_name("bass.wav"), picture=mix.with_name("b.jpg"))
    assert not mix.with_name("bass.wav").exists()


def test_the_file_of_z_is_no_output(mix: Path) -> None:
    curve = mix.with_name("z.csv")
    curve.write_text("0,-1,0\n")
    for outputs in ({"midi": curve}, {"picture": curve}):
        with pytest.raises(BassNetError, match=r"z\.csv is an input"):
            render([mix], mix.with_name("bass.wav"), z_file=curve, **outputs)
    assert curve.read_text() == "0,-1,0\n"


def test_two_threads_play_the_same_as_one(probe_folder: Path, rng: np.random.Generator) -> None:
    audio = (0.1 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
    one, two = (
        Voice(Bundle(probe_folder, "cpu", threads), SAMPLE_RATE, lambda frame: (0.5, -1.0)).process(audio)
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one).max() > 0.01


def test_the_peak_is_told_and_clipped(mix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = [np.array([0.5, -2.0], np.float32), np.array([1.5, 0.0], np.float32)]
    monkeypatch.setattr(render_module, "aligned", lambda *_: iter(played))
    bass = mix.with_name("bass.wav")
    assert render([mix], bass).peak == 2.0
    np.testing.assert_allclose(soundfile.read(bass)[0], [0.5, -1.0, 1.0, 0.0], atol=2e-7)  # 24 bits


def test_z_is_two_numbers() -> None:
    assert parse_z("0.5,-1", LIMIT) == (0.5, -1.0)
    assert parse_z(f" {LIMIT} , {-LIMIT}", LIMIT) == (LIMIT, -LIMIT)


@pytest.mark.parametrize(
    "text", ["", "1", "1,2,3", "a,b", "1;2", "nan,0", "0,inf", f"{LIMIT + 0.1},0", "0,-1e9"]
)
def test_other_z_is_refused(text: str) -> None:
    with pytest.raises(BassNetError, match="z must") as caught:
        parse_z(text, LIMIT)
    assert repr(text) in str(caught.value)


def test_length_does_not_depend_on_the_latency(mix: Path, echo: Any) -> None:
    """A mix shorter than the latency still has a bass of its own length."""
    latency = Voice(echo, SAMPLE_RATE, lambda frame: (0.0, 0.0)).latency_samples
    for n in (1, latency - 1, latency, latency + 1):
        soundfile.write(mix, np.zeros(n), SAMPLE_RATE)
        render(
            [mix], mix.with_name("bass.wav"), midi=mix.with_name("bass.mid"), picture=mix.with_name("b.png")
        )
        assert soundfile.info(mix.with_name("bass.wav")).frames == n


@pytest.mark.parametrize(
    ("provider", "expected"), [("CPUExecutionProvider", 3), ("CUDAExecutionProvider", 1)]
)
def test_a_device_decodes_in_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, expected: int
) -> None:
    """Its bound memory is one window's."""
    asked: list[int] = []
    plain = aligned
    monkeypatch.setattr(cores, "n_cores", lambda: 3)
    monkeypatch.setattr(Echo, "provider", provider)
    monkeypatch.setattr(
        render_module, "aligned", lambda voice, blocks, n: asked.append(n) or plain(voice, blocks, 1)
    )
    mix = tmp_path / "mix.wav"
    soundfile.write(mix, bursts(1.0, 0.2), SAMPLE_RATE)
    render([mix], tmp_path / "bass.wav")
    assert asked == [expected]
