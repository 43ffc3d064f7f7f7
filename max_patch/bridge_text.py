"""The script of the patch as one text: the protocol's numbers, then the files of `bridge/` in order.

Flow: bassnet_osc.spec, bassnet_osc.params, controls, bridge/*.js -> bridge_text -> device, its tests.
"""

from __future__ import annotations

import json
from pathlib import Path

from bassnet_osc.params import PARAMS
from bassnet_osc.spec import HELLO_BYTES, HOST, PORT, SEQ_MODULO, USUAL_RATE
from max_patch.controls import DEVICE_MODELS, LATENCY_TARGET_MS, RING_MS, SPARE_MODELS

FILES = ("ring.js", "blocks.js", "state.js", "session.js", "choices.js", "bridge.js", "bassnet.js")
RING_FRAMES = 1 << 17  # samples of each ring: 2.7 s at 48 kHz, and SEQ_MODULO blocks are a multiple of it
BLOCK_SIZE, WIDE_BLOCK_SIZE = 240, 480  # samples; the wide one above 48 kHz


def bridge_text(client: str) -> str:
    """The whole script; `client` begins the name under which it says hello."""
    folder = Path(__file__).parent / "bridge"
    parts = [(folder / name).read_text() for name in FILES]
    return f"const SPEC = {json.dumps(numbers(client))};\n\n" + "\n".join(parts)


def numbers(client: str) -> dict[str, object]:
    """What the script shares with the server and the patch."""
    return {
        "client": client,
        "host": HOST,
        "port": PORT,
        "helloBytes": HELLO_BYTES,
        "seqModulo": SEQ_MODULO,
        "usualRate": USUAL_RATE,
        "blockSize": BLOCK_SIZE,
        "wideBlockSize": WIDE_BLOCK_SIZE,
        "ringFrames": RING_FRAMES,
        "ringMs": RING_MS,
        "latencyTargetMs": LATENCY_TARGET_MS,
        "params": list(PARAMS),
        "models": list(DEVICE_MODELS),
        "spareModels": list(SPARE_MODELS),
    }
