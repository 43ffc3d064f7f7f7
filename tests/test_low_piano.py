"""Low pianos: the chord's root below, nothing but the piano, songs on disk like all others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from training.charts import compose_chart
from training.low_piano import LOWEST, left_hand, make_song
from training.song_audio import read_audio


def test_the_left_hand_strikes_every_chord_from_its_root_up() -> None:
    """On each beat the pitch classes of the sounding chord, the root lowest, within an octave of E1."""
    chart = compose_chart(np.random.default_rng(3), beats=4, n_bars=16)
    notes = list(left_hand(chart, 4, np.random.default_rng(0)))
    assert {note.beat for note in notes} == set(range(4 * len(chart.bars)))
    for number, bar in enumerate(chart.bars):
        for beat in range(4):
            (*_, chord) = (chord for chord in bar if chord.beat <= beat)
            struck = sorted(note.pitch for note in notes if note.beat == 4 * number + beat)
            assert LOWEST <= struck[0] < LOWEST + 12 and struck[0] % 12 == chord.root
            assert {pitch % 12 for pitch in struck} == set(chord.pitch_classes)
            assert struck[-1] < struck[0] + 12


@pytest.mark.usefixtures("needs_mma", "needs_fluidsynth")
def test_a_low_piano_on_disk(tmp_path: Path) -> None:
    """A mix of one stem, a bass of the same length, its place in the truth."""
    folder = tmp_path / "test" / "0000"
    folder.parent.mkdir()
    make_song({"data_set": "low-piano", "split": "validation", "seed": 0, "index": 0}, folder)
    assert {path.name for path in folder.iterdir()} == {"keys.flac", "bass.flac", "truth.json"}
    (mix,), bass = read_audio(folder, 16_000)
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["data_set"] == "low-piano" and truth["tuning_cents"] == 0.0
    assert len(mix) == len(bass) == round(16_000 * truth["seconds"]) and np.abs(mix).max() > 0.05
