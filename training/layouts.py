"""Where the stems of a recorded song lie on disk: one's own folders, MUSDB18-HQ, Slakh2100, MoisesDB.

| layout | a song's folder | its bass |
|---|---|---|
| files | one audio file per stem: bass.wav, drums.wav ... (also MUSDB18-HQ) | "bass" in its name |
| folders | a folder per stem with one audio file or more (MoisesDB) | "bass" in the folder's name |
| slakh | metadata.yaml, and the stems as stems/S00.flac ... (Slakh2100) | the instrument class Bass |

Files of the whole mix (mix, mixture, master) are not stems.

Flow: bassnet_osc.spec ◀ layouts ◀ stems.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import soundfile
import yaml

from bassnet_osc.spec import BassNetError

AUDIO = {f".{name.lower()}" for name in soundfile.available_formats()} | {".aif", ".mp3"}
AUDIO -= {".raw"}  # without a header nobody knows its rate
MIX = re.compile(r"(^|[^a-z])(mix|mixture|mixdown|master|all_src)([^a-z]|$)|^main$", re.IGNORECASE)
BASS = re.compile(r"bass", re.IGNORECASE)
NOT_BASS = re.compile(r"bass[ _-]?drum|bassoon|contrabassoon|double[ _-]?bass[ _-]?drum", re.IGNORECASE)
SLAKH_METADATA, SLAKH_STEMS = "metadata.yaml", "stems"


@dataclass(frozen=True)
class Stems:
    """A song's files: `bass`, and every other stem by its name; the files of a stem sound together."""

    folder: Path
    bass: tuple[Path, ...]
    others: dict[str, tuple[Path, ...]]


def find_songs(root: Path) -> list[Stems]:
    """All songs at or below a folder, in order; raises BassNetError where there is none.

    A song without a bass or without anything else is among them: whoever reads it says so.
    """
    if not root.is_dir():
        raise BassNetError(f"--songs must be a folder of songs; got {str(root)!r}: name one that is there")
    songs: list[Stems] = []
    _search(root, songs, set())
    if not songs:
        raise BassNetError(
            f"--songs must hold a folder per song with bass.wav and other stems, or be laid out as "
            f"MUSDB18-HQ, Slakh2100 or MoisesDB; {root} holds none: see training/layouts.py"
        )
    return songs


def _search(folder: Path, songs: list[Stems], seen: set[Path]) -> None:
    """A folder whose files hold no bass is a song where nothing below is one: a stray file hides no songs."""
    if folder.resolve() in seen:
        return  # a link in a circle, or to a song that is known by another name
    seen.add(folder.resolve())
    files = _files(folder)
    found = _slakh(folder) or _folders(folder) or (files if files and files.bass else None)
    if found:
        songs.append(found)
        return
    before = len(songs)
    for below in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        _search(below, songs, seen)
    if files and len(songs) == before:
        songs.append(files)


def _audio_files(folder: Path) -> list[Path]:
    """The stems; where all are mixes, these."""
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in AUDIO and not p.name.startswith("."))
    return without_mixes(files) or files


def without_mixes(files: Sequence[Path]) -> list[Path]:
    """The files that are stems: "Summer Mix bass.wav" is one, beside "Summer Mix drums.wav"."""
    letters = zip(*(path.stem for path in files), strict=False)
    common = "".join(each[0] for each in takewhile(lambda each: len(set(each)) == 1, letters))
    # What the names share, but for a word that goes on; a single name is no title.
    title = len(re.split(r"[^\W\d_]+$", common)[0]) if len(files) > 1 else 0
    return [path for path in files if not MIX.search(path.stem[title:])]


def _is_bass(name: str) -> bool:
    return bool(BASS.search(name)) and not NOT_BASS.search(name)


def _of(folder: Path, stems: dict[str, tuple[Path, ...]]) -> Stems:
    bass = tuple(path for name, paths in stems.items() if _is_bass(name) for path in paths)
    return Stems(folder, bass, {name: paths for name, paths in stems.items() if not _is_bass(name)})


def _files(folder: Path) -> Stems | None:
    stems: dict[str, tuple[Path, ...]] = {}
    for path in _audio_files(folder):
        stems[path.stem] = (*stems.get(path.stem, ()), path)
    return _of(folder, stems) if stems else None


def _folders(folder: Path) -> Stems | None:
    """Folders of stems are told from folders of songs by the bass: songs have it one level below."""
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    if not any(_is_bass(path.name) and _audio_files(path) for path in below):
        return None
    return _of(folder, {path.name: tuple(files) for path in below if (files := _audio_files(path))})


def _slakh(folder: Path) -> Stems | None:
    metadata = folder / SLAKH_METADATA
    if not metadata.is_file() or not (folder / SLAKH_STEMS).is_dir():
        return None
    try:
        classes = {
            name: str(stem["inst_class"])
            for name, stem in yaml.safe_load(metadata.read_text())["stems"].items()
        }
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise BassNetError(
            f"{metadata} must name each stem's inst_class, as Slakh2100 does; {error}"
        ) from error
    files = {path.stem: path for path in _audio_files(folder / SLAKH_STEMS)}
    bass = tuple(path for name, path in files.items() if classes.get(name) == "Bass")
    others: dict[str, tuple[Path, ...]] = {
        name: (path,) for name, path in files.items() if classes.get(name) != "Bass"
    }
    return Stems(folder, bass, others)
