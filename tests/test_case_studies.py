"""The three fragments are what section 6.5 describes, and a bundle plays to them."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from bassnet_osc.bundle import Bundle
from bassnet_osc.spec import BassNetError
from training import case_studies
from training.case_studies import KICK, SNARE, Case, odd_drums, polyphonic_bass, rubato_piano, two_places
from training.render_midi import DRUM_CHANNEL, Note, Part


def test_the_piano_is_free_in_time_and_the_others_are_not() -> None:
    """Its beats differ by more than a half, and it has no grid."""
    piano = rubato_piano()
    low = sorted({note.beat for note in piano.parts[0].notes if note.pitch < 50})
    assert not piano.metric and np.diff(low).max() > 1.5 * np.diff(low).min()
    for case in (polyphonic_bass(), odd_drums()):
        beats = np.array([note.beat for part in case.parts for note in part.notes])
        np.testing.assert_allclose(beats * 4 % 1, 0)
        assert case.metric and beats.max() < case.n_beats


def test_the_bass_has_two_voices() -> None:
    notes = polyphonic_bass().parts[0].notes
    together = {note.beat for note in notes if any(o.beat == note.beat and o != note for o in notes)}
    assert len(together) > 10


def test_the_drums_have_no_backbeat() -> None:
    """One snare in eight measures, and kicks in other distances than whole beats."""
    (drums,) = (part for part in odd_drums().parts if part.channel == DRUM_CHANNEL)
    kicks = [note.beat for note in drums.notes if note.pitch == KICK]
    assert sum(note.pitch == SNARE for note in drums.notes) == 1
    assert {round(d, 2) for d in np.diff(kicks)} == {1.25, 1.5}


class Named(Bundle):
    """A bundle of places alone."""

    def __init__(self, places: dict[str, tuple[float, float]]) -> None:
        self.z_places, self.name = places, "named"


def test_the_two_places_are_home_and_the_farthest_one() -> None:
    found = two_places(Named({"home": (1, 1), "near": (1, 2), "far": (-2, 0)}))
    assert found == {"home": (1, 1), "far": (-2, 0)}
    with pytest.raises(BassNetError, match="two named places; named has less"):
        two_places(Named({"home": (0, 0)}))


@pytest.mark.usefixtures("needs_fluidsynth")
def test_a_bundle_plays_to_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture, and for each place of z notes on the sixteenths and a sound as long as the fragment."""
    short = Case(
        "two bars", (Part("guitar", 0, 30, [Note(0.0, 3.0, 45, 100), Note(0, 3, 52, 100)]),), 120.0, 4.0
    )
    for name in ("rubato_piano", "polyphonic_bass", "odd_drums"):
        monkeypatch.setattr(case_studies, name, lambda: short)
    assert case_studies.main(["--model", "a1-live", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "figure-9.png").read_bytes().startswith(b"\x89PNG")
    written = sorted(tmp_path.glob("*.mid"))
    assert len(written) == 2 and len(list(tmp_path.glob("*.flac"))) == 2
    step = mido.MidiFile(written[0]).ticks_per_beat // 4
    for path in written:
        now = 0
        for message in mido.merge_tracks(mido.MidiFile(path).tracks):
            now += message.time
            assert message.type != "note_on" or now % step == 0
    audio, rate = soundfile.read(next(tmp_path.glob("*.flac")))
    assert len(audio) == round(short.seconds * rate)
