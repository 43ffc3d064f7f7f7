"""Results give way to newer ones, and to nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from training import folders
from training.folders import replace_folder


def test_a_failed_rename_brings_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the new one comes, the old one exists under another name."""
    new, target, rename = tmp_path / "new", tmp_path / "target", os.rename
    for folder in (new, target):
        folder.mkdir()
        (folder / "name").write_text(folder.name)

    def failing(source: Path, destination: Path) -> None:
        if source == new:
            assert (tmp_path / ".target-old" / "name").read_text() == "target"
            raise OSError(5, "Input/output error")
        rename(source, destination)

    monkeypatch.setattr(folders.os, "rename", failing)
    with pytest.raises(OSError, match="Input/output"):
        replace_folder(new, target)
    assert (target / "name").read_text() == "target"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "target"]
