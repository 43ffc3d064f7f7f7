"""Writes the patches and their pictures: python -m max_patch.generate

Flow: device, midi_device, pd_patch -> maxpat, amxd, picture -> generate -> the files beside this one.
"""

from __future__ import annotations

from pathlib import Path

from max_patch import face
from max_patch.amxd import amxd, device_document
from max_patch.device import device
from max_patch.maxpat import patcher, text
from max_patch.midi_device import midi_device
from max_patch.pd_patch import bassnet_pd
from max_patch.picture import face_svg, patch_svg
from max_patch.signals import TOTAL

HERE = Path(__file__).parent
FACE_WINDOW = (
    100,
    100,
    face.WIDTH + 60,
    face.HEIGHT + 100,
)  # of the patch in Max: its face, and the toolbars around it


def files() -> dict[str, bytes]:
    """Every generated file by its name."""
    live, in_max, midi = device("live"), device("max"), midi_device()
    effect = device_document(patcher(live, face.WIDTH), "audio effect", TOTAL)
    notes = device_document(patcher(midi, face.MIDI_WIDTH), "MIDI effect", 0)
    return {
        "BassNet.maxpat": text(patcher(in_max, face.WIDTH, FACE_WINDOW)).encode(),
        "BassNet.amxd": amxd(effect, "audio effect"),
        "BassNet MIDI.amxd": amxd(notes, "MIDI effect"),
        "bassnet.pd": bassnet_pd().encode(),
        "face.svg": face_svg(live).encode(),
        "patch.svg": patch_svg(live).encode(),
    }


def main() -> None:
    """Writes each file whose content has changed."""
    for name, content in files().items():
        path = HERE / name
        is_old = path.exists() and path.read_bytes() == content
        if not is_old:
            path.write_bytes(content)
        print(f"{path.name}: {len(content)} bytes{', unchanged' if is_old else ''}")


if __name__ == "__main__":
    main()
