"""The latency ledger in words: how late the bass is and why, of a server, a sound card and each model.

Flow: Stream, Device -> ledger -> cli: the lines with which `serve` begins, and the rows of `models`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bassnet_osc.bundle import Bundle, installed
from bassnet_osc.device import SOURCE
from bassnet_osc.spec import USUAL_RATE
from bassnet_osc.stream import Stream

if TYPE_CHECKING:
    from bassnet_osc.switchboard import Switchboard

RATES = (44_100, USUAL_RATE, 96_000)  # Hz: those for which `bassnet models` tells the offset


def of_bundle(bundle: Bundle) -> str:
    """The constant offset between mix and bass, part by part, for a client at USUAL_RATE."""
    stream = Stream(bundle, USUAL_RATE, lambda frame: (0.0, 0.0))
    total_ms = 1e3 * stream.latency_samples / USUAL_RATE
    return (
        f"model {bundle.name} on {bundle.provider}\n{bundle.runs_on.line}\n"
        f"latency at {USUAL_RATE} Hz, transport and computing apart:\n"
        + _rows([*stream.latency_parts.items(), ("together", total_ms)], USUAL_RATE)
    )


def of_card(board: Switchboard) -> str:
    """Where there is a sound card: the offset between what it hears and what it is given to play."""
    device = board.device
    if device is None:
        return ""
    latency = board.sessions[SOURCE].voice.latency_samples
    rate, card = device.sample_rate, device.of_card
    parts = {"offset": latency, "ring": device.ring_samples, "together": latency + device.ring_samples}
    return (
        f"\nsound card {card['input']} -> {card['output']}, blocks of {device.block_size}, at {rate} Hz:\n"
        f"{_rows([(part, 1e3 * n / rate) for part, n in parts.items()], rate)}\n"
        f"  beside its own, as it says: {card['input_ms']:.2f} ms in, {card['output_ms']:.2f} ms out"
    )


def installed_models() -> list[tuple[str, ...]]:
    """What `bassnet models` lists: a row of heads, then one for each model."""
    latencies = [f"latency at {rate / 1000:g} kHz" for rate in RATES]
    rows = [("name", "preset", *latencies, "places of z", "trained on", "licence")]
    for name in installed():
        bundle = Bundle.load(name, provider="cpu")
        card, preset = bundle.card, "live" if bundle.spec.cqt.alignment == "causal" else "studio"
        samples = [Stream(bundle, rate, lambda frame: (0.0, 0.0)).latency_samples for rate in RATES]
        told = [f"{1e3 * n / rate:.1f} ms ({n})" for n, rate in zip(samples, RATES, strict=True)]
        places = "; ".join(f"{place} {x:.2f},{y:.2f}" for place, (x, y) in bundle.z_places.items())
        rows.append((name, preset, *told, places, str(card["trained_on"]), str(card["licence"])))
    return rows


def _rows(parts: Iterable[tuple[str, float]], rate: int) -> str:
    """Parts of a latency in ms, below one another."""
    return "\n".join(f"  {part:<10}{ms:8.2f} ms {ms * rate / 1e3:8.0f} samples" for part, ms in parts)
