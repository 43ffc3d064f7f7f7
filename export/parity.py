"""torch against ONNX Runtime: the largest difference of each named output on tones, noise and silence."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bassnet_osc.bundle import Bundle
from bassnet_osc.frames import Block
from bassnet_osc.spec import DECODER, DECODER_Z, ENCODER, FRONTEND, GRAPHS, BassNetError, Spec

TOLERANCE = 1e-4  # of every output


class ParityError(BassNetError):
    """A graph does not put out what its torch module does."""


def signals(spec: Spec) -> dict[str, Block]:
    """Test signals of one window's length: silence, noise, a low tone, a chord."""
    cqt = spec.cqt
    n = cqt.left + cqt.right + (spec.window.window_frames - 1) * cqt.hop_length
    t = np.arange(n) / cqt.sample_rate
    chord = sum(np.sin(2 * np.pi * f * t) for f in (130.8, 164.8, 196.0))
    noise = np.random.default_rng(0).standard_normal(n)
    tone = np.sin(2 * np.pi * 41.2 * t)
    made = {"silence": 0 * t, "noise": 0.1 * noise, "tone": tone, "chord": 0.2 * chord}
    return {name: np.asarray(x, dtype=np.float32) for name, x in made.items()}


@torch.no_grad()
def frontend_parity(frontend: nn.Module, bundle: Bundle) -> dict[str, float]:
    """Largest absolute difference of the frames over all signals."""
    errors: dict[str, float] = {}
    for audio in signals(bundle.spec).values():
        _compare(errors, FRONTEND, (frontend(torch.from_numpy(audio)[None])[0],), (bundle.frontend(audio),))
    return errors


@torch.no_grad()
def parity(frontend: nn.Module, decoder: nn.Module, encoder: nn.Module, bundle: Bundle) -> dict[str, float]:
    """Largest absolute difference of each output over all signals and some z."""
    errors = frontend_parity(frontend, bundle)
    model, used, rng = bundle.spec.model, bundle.spec.window.used, np.random.default_rng(0)
    z = rng.uniform(-model.z_limit, model.z_limit, (4, model.latent_dim)).astype(np.float32)
    for audio in signals(bundle.spec).values():
        windows = frontend(torch.from_numpy(audio)[None]).repeat(len(z), 1, 1)
        given, bass = windows.numpy(), windows.flip(1)
        expected = decoder(windows, torch.from_numpy(z))
        _compare(errors, DECODER, expected, bundle.decode(given, z))
        played = tuple(output[:, used.start : used.stop] for output in expected)
        _compare(errors, DECODER_Z, played, bundle.decode_factors(bundle.factors(given, used), z, used))
        _compare(errors, ENCODER, encoder(windows, bass), bundle.encode(given, bass.numpy()))
    return errors


def _compare(
    errors: dict[str, float], graph: str, expected: tuple[Tensor, ...], got: tuple[Block, ...]
) -> None:
    """Raises each output's error to its largest difference."""
    for name, a, b in zip(GRAPHS[graph][1], expected, got, strict=True):
        error = np.abs(a.numpy() - b).max()
        errors[name] = float(np.maximum(errors.get(name, 0.0), error))  # unlike max, keeps a NaN


def report(errors: dict[str, float]) -> str:
    """One line per output."""
    above = f"ABOVE {TOLERANCE:g}"
    return "\n".join(
        f"{name:8s} max |torch - onnx| = {error:.1e}  {'ok' if error <= TOLERANCE else above}"
        for name, error in errors.items()
    )


def check(errors: dict[str, float]) -> None:
    """Raises ParityError if an output differs by more than TOLERANCE, or is no number."""
    if not all(error <= TOLERANCE for error in errors.values()):  # so that NaN is refused too
        raise ParityError(f"torch and ONNX must agree within {TOLERANCE:g}; got\n{report(errors)}")
