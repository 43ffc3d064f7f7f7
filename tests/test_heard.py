"""How late a bundle is heard: numbers by hand, and a bundle that only claims to predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from listen_songs import write_stems

from bassnet_osc.bundle import Bundle
from bassnet_osc.presets import anticipating
from training.attacks import as_heard
from training.heard import COLUMNS, MATCH_S, cells, hear, heard_pair, main, row
from training.musical_fit import Line

SOUNDING_S = 0.6  # of each second of the songs below


def line(pitch: list[float], onsets: list[float]) -> Line:
    return Line(np.array(pitch), np.array(onsets), 100.0)


def test_what_is_heard_is_late_by_the_offset() -> None:
    heard = as_heard(line([40.0, 41.0, 42.0, 43.0], [0.0, 0.019, 0.03]), 0.0204)
    np.testing.assert_array_equal(heard.pitch, [np.nan, np.nan, 40.0, 41.0])
    assert heard.onsets == pytest.approx([0.0204, 0.0394])  # the third would sound after the end


def test_both_begin_where_the_first_frame_is_heard() -> None:
    played = line([40.0, 41.0, 42.0, 43.0], [0.0])
    heard, truth = heard_pair(played, played, 0.02)
    assert heard.pitch.tolist() == [40.0, 41.0] and truth.pitch.tolist() == [42.0, 43.0]
    assert heard.onsets == pytest.approx([0.0]) and len(truth.onsets) == 0
    assert heard_pair(played, played, 0.0)[0].pitch.tolist() == played.pitch.tolist()


def test_the_numbers_of_a_row_by_hand() -> None:
    """Attacks 10, 20, 30 and 110 ms late at their places, heard 50 ms later; one is missing."""
    onsets = [0.5, 1.0, 1.5, 2.0, 2.5]
    truth = line([40.0] * 100 + [43.0] * 200, onsets)
    played = line([40.0] * 100 + [43.0] * 200, [0.51, 1.02, 1.53, 2.11])
    found = row("fake", 0.05, [(played, truth)])
    assert found.deviations == pytest.approx([0.06, 0.07, 0.08])  # 160 ms is too far
    assert found.matched == pytest.approx(3 / 5)
    assert found.onset_f1 == (0.0, pytest.approx(2 * 3 / (4 + 5)))
    assert found.pitch == (pytest.approx(290 / 295), 1.0)  # wrong for 5 frames after the change
    told = ["fake", "50.0", "62", "65", "70", "75", "78", "0.600", "0.000", "0.667", "0.983", "1.000"]
    assert cells(found) == told and len(told) == len(COLUMNS)


def test_late_attacks_are_not_hidden() -> None:
    """All that live bundles can be late is within the window of the match; a silent bundle has no numbers."""
    truth = line([40.0] * 300, [0.5, 1.0, 2.0])
    late = row("late", 0.1, [(line([40.0] * 300, [0.54, 1.04, 2.04]), truth)])
    assert late.deviations == pytest.approx([0.14] * 3) and MATCH_S > 0.14
    silent = row("silent", 0.1, [(line([np.nan] * 300, []), truth)])
    assert cells(silent)[2:8] == ["–"] * 5 + ["0.000"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song of chords with rests between, so that the probe, which plays while it hears, has attacks."""
    folder = tmp_path_factory.mktemp("data")
    write_stems(folder / "test" / "0000")
    for file in (folder / "test" / "0000").glob("*.flac"):
        audio, rate = soundfile.read(file)
        audio[np.arange(len(audio)) % rate >= SOUNDING_S * rate] = 0.0
        soundfile.write(file, audio, rate)
    return folder


class Claiming:
    """The probe under the spec of a model that predicts."""

    name = "claiming"

    def __init__(self, probe: Bundle) -> None:
        self.spec, self._probe = anticipating(probe.spec), probe

    def __getattr__(self, name: str) -> Any:
        return getattr(self._probe, name)


def test_who_claims_to_predict_and_does_not_is_heard_at_the_same_moments(
    data: Path, probe_folder: Path
) -> None:
    """Its offset is nearly 0, and what it says of a moment comes just so much too late."""
    probe = Bundle.load(str(probe_folder), provider="cpu")
    paths = [data / "test" / "0000"]
    told, claiming = hear(probe, paths), hear(Claiming(probe), paths)  # type: ignore[arg-type]
    assert told.offset_s == pytest.approx(0.0504, abs=1e-4)
    assert claiming.offset_s == pytest.approx(0.0004, abs=1e-4)
    assert len(told.deviations) >= 5 and told.deviations.min() > 0.05
    last = claiming.deviations[-len(told.deviations) :]
    assert last == pytest.approx(told.deviations, abs=1e-9)  # at the beginning one more is in its part
    assert told.onset_f1[0] < 0.2 and told.onset_f1[1] > 0.8
    assert claiming.onset_f1[0] < 0.2


def test_the_command(
    data: Path, probe_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each bundle on the same songs, printed and written."""
    out = tmp_path / "HEARD.md"
    arguments = [str(probe_folder), str(probe_folder), "--data", str(data), "--songs", "1", "--out", str(out)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert out.read_text(encoding="utf-8") == text and list(tmp_path.iterdir()) == [out]
    rows = [row for row in text.splitlines() if row.startswith("| probe")]
    assert len(rows) == 2 and rows[0] == rows[1] and "nan" not in text
    assert "python -m training.heard" in text and "the same song of" in text


def test_what_is_wrong_is_one_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "HEARD.md"
    assert main(["no-such-model", "--data", str(data), "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not out.exists()
    with pytest.raises(SystemExit):
        main(["a1-live", "--data", str(data), "--songs", "0"])


def test_a_stop_leaves_no_file(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.heard.compare", stop)
    assert main(["a1-live", "--data", str(data), "--out", str(tmp_path / "HEARD.md")]) == 130
    assert list(tmp_path.iterdir()) == [] and "nothing was written" in capsys.readouterr().err
