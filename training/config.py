"""The knobs of a training run, the recipes and the learning rate; the model itself has its Spec.

fast    32 maps, one cycle of AdamW, means with weights: minutes to an hour on two CPU cores
groove  the same for music of all kinds, longer, and in all keys
paper   section 5.3: 128 maps, Adam at 1e-4, sums without weights, until 1000 mini-epochs bring nothing
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bassnet_osc.presets import PAPER_MAPS
from bassnet_osc.spec import Spec
from training.objective import Weights

# A resumed run may have others: its steps are the same, but for how the machine rounds.
FREE = {"minutes", "out", "device", "devices", "nodes", "command"}
MINI_EPOCH = 1000  # instances between two validations (section 5.3)
NO_END = 10**9  # steps or validations: more than any run takes
GROOVE_STEPS = 12_000
# Players are not exactly together: with single frames at weight 4 nothing of the onsets was learned for long.
ONSET_TAIL, GROOVE_ONSET_WEIGHT = 2, 8.0  # frames that an onset fades out over; its term's weight
GROOVE_SEMITONES = 5  # that music is moved by, up or down: every key, and no bass far from where it belongs


@dataclass(frozen=True)
class TrainConfig:
    """All that a run depends on beside its Spec."""

    data: str  # folder with train/ and validation/
    out: str  # folder of the run
    recipe: str = "fast"
    command: str = ""  # that started it
    steps: int = 1000  # length of the run and of one cycle of the learning rate
    minutes: float = math.inf  # stops earlier than that, wherever the schedule is
    batch_pairs: int = 10  # pairs of neighbours in a step: 20 instances, as in section 5.3
    learning_rate: float = 4e-3  # peak of the cycle, or constant
    cycle: bool = True  # one cycle of the learning rate over all steps
    weight_decay: float = 1e-4  # AdamW; at 0 it is Adam
    max_gradient_norm: float = 5.0  # a larger gradient is scaled down to it
    autocast: bool = True  # convolutions in bfloat16
    cross_warmup: float = 0.5  # share of the steps until all pairs are swapped: z is in use sooner
    cross_cooldown: float = 0.2  # share of them, the last, until none is: f0 needs not hedge any more
    kl_warmup: float = 1.0  # share of the steps until the KL terms have their weight: sooner, z collapsed
    gain_db: tuple[float, float] = (-24.0, 6.0)  # random gain of the mix: its level must not matter
    transpose_bins: int = 0  # a pair is moved by up to so many bins, up or down: songs in other keys
    onset_tail: int = 0  # frames over which an onset of the targets fades out
    silent: float = 0.02  # share of pairs without any sound: silence in, silence out
    validate_every: int = 100  # steps
    patience: int = NO_END  # validations without improvement until it ends; a cycle goes to its own end
    cross: bool = True  # False is the ablation of section 6.3
    seed: int = 0
    device: str = "cpu"
    devices: int = 1  # processes on this machine, each with a GPU or with its share of the CPU's cores
    nodes: int = 1  # machines
    weights: Weights = field(default_factory=Weights)

    def differences(self, stored: dict[str, Any]) -> list[str]:
        """The fields, but for FREE, that differ from a checkpoint's, as 'seed: 1 != 0'."""
        mine, theirs = _by_field(asdict(self)), _by_field(stored)
        return [
            f"{name}: {mine.get(name)!r} != {theirs.get(name)!r}"
            for name in sorted((mine.keys() | theirs.keys()) - FREE)
            if mine.get(name) != theirs.get(name)
        ]


def _by_field(config: dict[str, Any]) -> dict[str, Any]:
    """The weights as fields of their own."""
    weights = {f"weights.{name}": value for name, value in config["weights"].items()}
    return {name: value for name, value in config.items() if name != "weights"} | weights


def fast(config: TrainConfig, spec: Spec) -> tuple[TrainConfig, Spec]:
    """Few steps at a high learning rate; a normalised mix needs neither random gains nor silence."""
    if spec.cqt.reference == "peak":
        config = replace(config, gain_db=(0.0, 0.0), silent=0.0)
    return config, spec


def groove(config: TrainConfig, spec: Spec) -> tuple[TrainConfig, Spec]:
    """Songs have few keys each, and a bassist knows all twelve."""
    config, spec = fast(config, spec)
    bins = GROOVE_SEMITONES * spec.cqt.bins_per_octave // 12
    weights = replace(config.weights, onset=GROOVE_ONSET_WEIGHT)
    config = replace(config, steps=GROOVE_STEPS, transpose_bins=bins, onset_tail=ONSET_TAIL, weights=weights)
    return config, replace(spec, model=replace(spec.model, heads="wide"))


def paper(config: TrainConfig, spec: Spec) -> tuple[TrainConfig, Spec]:
    """Section 5.3. Its terms have no weights, which presupposes sums over a window: here they are weights.

    The f0 term alone is a mean over the voiced steps times the number of all steps.
    """
    spec = replace(spec, model=replace(spec.model, n_maps=PAPER_MAPS))
    n_steps = float(spec.window.n_channels * spec.window.n_steps)
    sums = Weights(n_steps * spec.cqt.n_bins, n_steps, n_steps, n_steps, kl=1.0, cross_kl=1.0)
    return replace(
        config,
        steps=NO_END,
        learning_rate=1e-4,
        cycle=False,
        weight_decay=0.0,
        max_gradient_norm=math.inf,
        autocast=False,
        cross_warmup=0.0,
        cross_cooldown=0.0,
        kl_warmup=0.0,
        gain_db=(0.0, 0.0),
        transpose_bins=0,
        silent=0.0,
        validate_every=MINI_EPOCH // (2 * config.batch_pairs),
        patience=1000,
        weights=sums,
    ), spec


RECIPES: dict[str, Callable[[TrainConfig, Spec], tuple[TrainConfig, Spec]]] = {
    "fast": fast,
    "groove": groove,
    "paper": paper,
}


def learning_rate(step: int, config: TrainConfig) -> float:
    """One cycle: linear rise over the first tenth, then half a cosine down to zero; or a constant."""
    if not config.cycle:
        return config.learning_rate
    rise = config.steps / 10
    if step < rise:
        return config.learning_rate * (step + 1) / rise
    progress = min(1.0, (step - rise) / (config.steps - rise))
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))


def kl_scale(step: int, config: TrainConfig) -> float:
    """Share of their weight that the KL terms have at a step."""
    return _ramp(step, config.kl_warmup * config.steps)


def swapped_share(step: int, config: TrainConfig) -> float:
    """Probability that a pair is rebuilt with each other's z at a step, not with its own."""
    end = _ramp(config.steps - step, config.cross_cooldown * config.steps)
    return min(_ramp(step, config.cross_warmup * config.steps), end)


def _ramp(step: int, length: float) -> float:
    return 1.0 if length <= step else step / length
