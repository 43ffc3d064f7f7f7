"""Another program at the same JACK server: plays a mix into BassNet's ports and records what comes out there.

    python card_player.py MIX.npy RECORDED.npy BLOCK

Flow: test_sound_card -> card_player (in a process of its own) -> sounddevice, jack_connect. Both files hold
mono float32; sample i of the recording was taken in together with sample i of the mix.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import numpy as np
import sounddevice as sd

SETTLE_S = 0.3  # for the ports to be there, and for the wires that are pulled to be gone


def ports() -> set[str]:
    """All that there are."""
    return set(subprocess.run(["jack_lsp"], capture_output=True, text=True, check=True).stdout.split())


def main(mix_file: str, recorded_file: str, block: str) -> None:
    """Plays and records once."""
    mix = np.load(mix_file)
    recorded = np.zeros_like(mix)
    at = -1  # not yet

    def callback(taken: Any, given: Any, n: int, time: object, status: object) -> None:
        nonlocal at
        given[:] = 0.0
        if 0 <= at < len(mix):
            n = min(n, len(mix) - at)
            given[:n] = mix[at : at + n, None]
            recorded[at : at + n] = taken[:n, 0]
            at += n

    others = ports()
    with sd.Stream(device="system", channels=2, dtype="float32", blocksize=int(block), callback=callback):
        time.sleep(SETTLE_S)
        mine = {port.split(":")[0] for port in ports() - others}.pop()
        theirs = {port.split(":")[0] for port in others if port.startswith("PortAudio")}.pop()
        for side in (0, 1):
            subprocess.run(["jack_connect", f"{mine}:out_{side}", f"{theirs}:in_{side}"], check=True)
            subprocess.run(["jack_connect", f"{theirs}:out_{side}", f"{mine}:in_{side}"], check=True)
            subprocess.run(["jack_disconnect", f"system:capture_{side + 1}", f"{mine}:in_{side}"], check=True)
        time.sleep(SETTLE_S)
        at = 0
        until = time.monotonic() + 2.0 * len(mix) / 48_000 + 5.0
        while at < len(mix) and time.monotonic() < until:
            time.sleep(0.05)
    np.save(recorded_file, recorded)


if __name__ == "__main__":
    main(*sys.argv[1:])
