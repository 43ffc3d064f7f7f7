"""Datagrams as other people's software writes them, and samples to put in."""

from __future__ import annotations

import numpy as np
from pythonosc.osc_message_builder import OscMessageBuilder


def built(address: str, *atoms: tuple[str, object]) -> bytes:
    """A message by python-osc's own builder, from (type tag, value) pairs."""
    builder = OscMessageBuilder(address)
    for tag, value in atoms:
        builder.add_arg(value, tag)
    return builder.build().dgram


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(n).uniform(-1, 1, n).astype(np.float32)
