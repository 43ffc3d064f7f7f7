"""Live notes on a MIDI port: those of the MIDI file, begun at their attacks, and none that hangs."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from bassnet_osc.bundle import Bundle
from bassnet_osc.cli import main
from bassnet_osc.frames import Frames
from bassnet_osc.hello import Hello
from bassnet_osc.latent import LiveZ
from bassnet_osc.midi_port import CHANNELS, MidiPort
from bassnet_osc.notes import notes_from_frames, pitch_to_hz
from bassnet_osc.presets import live
from bassnet_osc.session import Session
from bassnet_osc.sound import DEFAULT_SOUND
from bassnet_osc.spec import BassNetError
from bassnet_osc.voices import voice_maker

SPEC, N = live(), np.nan


@pytest.fixture(scope="module")
def probe(probe_folder: Path) -> Bundle:
    return Bundle(probe_folder, provider="cpu")


class Wire:
    """In place of a mido output."""

    def __init__(self) -> None:
        self.sent: list[mido.Message] = []
        self.is_closed = False

    def send(self, message: mido.Message) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.is_closed = True

    @property
    def notes(self) -> list[tuple[str, int, int]]:
        """Kind, channel and pitch of the notes' beginnings and ends."""
        return [(m.type, m.channel, m.note) for m in self.sent if m.type != "pitchwheel"]


def frames(pitches: list[float], onsets: tuple[int, ...] = (), level_db: float = -12.0) -> Frames:
    onset = np.zeros(len(pitches))
    onset[list(onsets)] = 1.0
    f0_hz = pitch_to_hz(np.array(pitches, dtype=np.float64))
    return Frames(0, f0_hz, np.full(len(pitches), level_db), onset)


def played(line: Frames, octave: int = 0, group: int = 1000) -> Wire:
    wire = Wire()
    player = MidiPort(wire, SPEC).player()
    for i in range(0, len(line), group):
        player.accept(line[i : i + group], octave)
    player.rest()
    return wire


def test_a_note_begins_with_its_attack_and_ends_with_its_voice() -> None:
    wire = Wire()
    player = MidiPort(wire, SPEC).player()
    line = frames([N] * 5 + [40.25] * 30 + [N] * 5, onsets=(5,))
    player.accept(line[:5])
    assert wire.sent == []
    player.accept(line[5:6])
    bend, on = wire.sent
    assert (bend.type, bend.pitch, on.type, on.note) == ("pitchwheel", 1024, "note_on", 40)  # 0.25 of 2
    assert on.velocity == 102  # -12 dB of -60: four fifths of 127
    player.accept(line[6:35])
    assert len(wire.sent) == 2
    player.accept(line[35:])
    assert wire.notes == [("note_on", 0, 40), ("note_off", 0, 40)]


def test_the_notes_are_those_of_the_midi_file() -> None:
    """On a line of attacks, rests and slides whose pitches are right from the start."""
    line = frames([40] * 30 + [45] * 30 + [N] * 10 + [33] * 40 + [35] * 30, onsets=(0, 15, 30, 70))
    expected = [note.pitch for note in notes_from_frames(line, SPEC)]
    wire = played(line)
    assert [pitch for kind, _, pitch in wire.notes if kind == "note_on"] == expected == [40, 40, 45, 33, 35]
    for one, other in pairwise(wire.notes):  # one voice: nothing sounds together
        assert (one[0], other[0]) in {("note_on", "note_off"), ("note_off", "note_on")}


@pytest.mark.parametrize("group", [1, 7, 64])
def test_grouping_does_not_matter(group: int, rng: np.random.Generator) -> None:
    pitches = np.repeat(rng.uniform(30, 50, 20), 15)
    pitches[rng.random(len(pitches)) < 0.05] = N
    onset = tuple(np.flatnonzero(rng.random(len(pitches)) < 0.05))
    line = frames(pitches.tolist(), onset)
    assert played(line, group=group).sent == played(line).sent


def test_a_pitch_that_was_wrong_at_first_is_mended() -> None:
    """After the frames that a settled pitch takes; a wavering one does not flutter between two notes, and the
    same key is bent, not struck.
    """
    line = frames([52] * 4 + [40] * 30, onsets=(0,))
    assert [pitch for kind, _, pitch in played(line).notes if kind == "note_on"] == [52, 40]
    for wavering in ([40.45, 40.55] * 30, [36.0, 43.0, 36.0, 43.0] + [36.0] * 30):
        assert len(played(frames(wavering, onsets=(0,))).notes) == 2
    bent = played(frames([37.6] + [38.3] * 30, onsets=(0,)))
    assert len(bent.notes) == 2
    assert [m.pitch for m in bent.sent if m.type == "pitchwheel"] == [-1638, 1229]  # -0.4 and 0.3 of 2


def test_a_port_that_fails_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The sound goes on, one line tells of it, and nothing is sent any more."""

    class Broken(Wire):
        def send(self, message: mido.Message) -> None:
            super().send(message)
            raise OSError("unplugged")

    wire = Broken()
    with MidiPort(wire, SPEC) as port:
        port.player().accept(frames([40] * 30 + [45] * 30, onsets=(0, 30)))
    assert len(wire.sent) == 1 and wire.is_closed
    assert [record.getMessage() for record in caplog.records] == [
        "the MIDI port failed and is silent from here on: unplugged"
    ]


def test_the_octave_is_the_sounds_and_what_midi_lacks_is_not_sent() -> None:
    line = frames([40] * 30, onsets=(0,))
    assert played(line, -1).notes == [("note_on", 0, 28), ("note_off", 0, 28)]
    assert played(line, -4).sent == []


def test_each_voice_has_its_channel_and_gives_it_back(caplog: pytest.LogCaptureFixture) -> None:
    """Who gets none is told of once, not with each note."""
    wire, line = Wire(), frames([40] * 5, onsets=(0,))
    with MidiPort(wire, SPEC) as port:
        first, second, *others = [port.player() for _ in range(len(CHANNELS) + 1)]
        for player in (first, second, *others):
            player.accept(line)
        assert [m.channel for m in wire.sent if m.type == "note_on"] == CHANNELS
        assert [record.getMessage() for record in caplog.records] == [
            "all 15 MIDI channels are taken: a session plays no notes"
        ]
        first.rest()
        others[-1].accept(frames([N] * 5))  # had none, and plays nothing now
        fresh = port.player()
        fresh.accept(line)
        assert wire.notes[-2:] == [("note_off", 0, 40), ("note_on", 0, 40)]
    ends = [channel for kind, channel, _ in wire.notes[-len(CHANNELS) :] if kind == "note_off"]
    assert sorted(ends) == CHANNELS and wire.is_closed
    assert 9 not in CHANNELS  # General MIDI's drums


def test_a_session_plays_and_its_end_ends_the_note(probe: Bundle, rng: np.random.Generator) -> None:
    wire = Wire()
    make_voice = voice_maker(DEFAULT_SOUND, MidiPort(wire, probe.spec), None, None)
    hello = Hello("max", 0, 48_000, 512, "f")
    session = Session(1, 1, ("127.0.0.1", 1), hello, probe, LiveZ(probe.spec), make_voice)
    voice = session.voice
    for _ in range(50):
        voice.process((0.1 * rng.standard_normal(512)).astype(np.float32))
    assert wire.notes[-1][0] == "note_on"
    voice.rest()
    assert wire.notes[-1][0] == "note_off"


def test_an_existing_port_is_taken_and_else_a_new_one_made(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(mido, "get_output_names", lambda: ["loopMIDI Port 1", "Other"])
    monkeypatch.setattr(mido, "open_output", lambda name, **words: opened.append((name, words)) or Wire())
    MidiPort.open("loopMIDI Port", SPEC)
    MidiPort.open("BassNet", SPEC)
    assert opened == [("loopMIDI Port 1", {}), ("BassNet", {"virtual": True})]


def test_without_midi_there_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> list[str]:
        raise OSError("no\nsequencer")

    monkeypatch.setattr(mido, "get_output_names", fails)
    assert main(["serve", "--port", "0", "--midi-port", "BassNet"]) == 2
    said = capsys.readouterr().err
    assert "--midi-port must be a port that can be had; got 'BassNet' (no sequencer)" in said
    assert said.count("\n") == 1
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(BassNetError, match=r"--midi-port needs python-rtmidi; .*bassnet-osc\[midi\]"):
        MidiPort.open("BassNet", SPEC)
