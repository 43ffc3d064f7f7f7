"""Front ends exported again: new frames, all else byte for byte, whole or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bassnet_osc.bundle import Bundle
from bassnet_osc.spec import FRONTEND
from export import front_ends, parity


@pytest.fixture
def bundle(probe_folder: Path, tmp_path: Path) -> Path:
    """A bundle whose front end is an older one."""
    folder = tmp_path / "probe"
    shutil.copytree(probe_folder, folder)
    text = (folder / "model.json").read_text(encoding="utf-8")
    old = (folder / FRONTEND).read_bytes() + b"\x1a\x00"  # an empty field of protobuf: the same graph
    (folder / FRONTEND).write_bytes(old)
    now, before = front_ends.sha256(folder / FRONTEND), json.loads(text)["graphs"][FRONTEND]
    (folder / "model.json").write_text(text.replace(before, now), encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_front_end_is_new_and_all_else_as_before(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """model.json differs in one hash, and the bundle loads, which checks it."""
    before = contents(bundle)
    assert front_ends.main([str(bundle)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("frames") and said.endswith("bytes  probe\n") and " ok " in said
    after = contents(bundle)
    old, new = (json.loads(files["model.json"])["graphs"][FRONTEND] for files in (before, after))
    assert old != new and after[FRONTEND] != before[FRONTEND]
    assert after.pop("model.json") == before.pop("model.json").replace(old.encode(), new.encode())
    assert {k: v for k, v in after.items() if k != FRONTEND} == {
        k: v for k, v in before.items() if k != FRONTEND
    }
    assert Bundle.load(str(bundle), provider="cpu").name == "probe"
    assert [path.name for path in bundle.parent.iterdir()] == ["probe"]


def test_frames_that_differ_leave_the_bundle_alone(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(bundle)
    monkeypatch.setattr(parity, "TOLERANCE", 0.0)
    assert front_ends.main([str(bundle)]) == 1
    assert "ABOVE 0" in capsys.readouterr().err
    assert contents(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["probe"]


def test_a_damaged_bundle_is_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line; nothing is written, so no damage is given a new hash."""
    (bundle / FRONTEND).write_bytes(b"damaged")
    before = contents(bundle)
    assert front_ends.main([str(bundle)]) == 2
    said = capsys.readouterr().err
    assert "damaged, install it again" in said and said.count("\n") == 1
    assert contents(bundle) == before
    assert front_ends.main([str(bundle.parent)]) == 2
    assert "model.json must be readable JSON" in capsys.readouterr().err
