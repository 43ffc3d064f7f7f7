"""How a bass is played: its gain, timbre, octave, tuning and gate. What is heard and decided stays the same.

Flow: params -> sound; arguments -> cli -> sound ◀ voice, render, server.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bassnet_osc.frames import Frames
from bassnet_osc.params import (
    HIGHEST_GAIN_DB,
    HIGHEST_OCTAVE,
    HIGHEST_TUNING_HZ,
    LOWEST_GAIN_DB,
    LOWEST_GATE_DB,
    LOWEST_TUNING_HZ,
    PARAMS,
)
from bassnet_osc.spec import A4_HZ, BassNetError, DescriptorSpec
from bassnet_osc.timbres import DEFAULT_TIMBRE, timbre


@dataclass(frozen=True)
class Sound:
    """What a player chooses; raises BassNetError for what cannot be chosen."""

    timbre: str = DEFAULT_TIMBRE  # a name of timbres.TIMBRES
    octave: int = 0  # octaves up, or down if negative
    tuning_hz: float = A4_HZ  # the pitch at which an A of 440 Hz is played
    gate_db: float | None = None  # notes that stay below this level are not played; None: the model's own
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        timbre(self.timbre)  # refuses what is none
        if abs(self.octave) > HIGHEST_OCTAVE:
            raise BassNetError(
                f"octave must lie in -{HIGHEST_OCTAVE} .. {HIGHEST_OCTAVE}; got {self.octave}: choose e.g. -1"
            )
        if not LOWEST_TUNING_HZ <= self.tuning_hz <= HIGHEST_TUNING_HZ:
            raise BassNetError(
                f"tuning must lie in {LOWEST_TUNING_HZ:g} .. {HIGHEST_TUNING_HZ:g} Hz; got "
                f"{self.tuning_hz:g}: choose e.g. 442"
            )
        if not LOWEST_GAIN_DB <= self.gain_db <= HIGHEST_GAIN_DB:
            raise BassNetError(
                f"gain must lie in {LOWEST_GAIN_DB:g} .. {HIGHEST_GAIN_DB:g} dB; got {self.gain_db:g}: "
                "choose e.g. -6"
            )
        if self.gate_db is not None and not LOWEST_GATE_DB <= self.gate_db <= 0.0:
            raise BassNetError(
                f"gate must lie in {LOWEST_GATE_DB:g} .. 0 dB; got {self.gate_db:g}: choose e.g. -36"
            )

    def played(self, frames: Frames) -> Frames:
        """The frames as the synth gets them: in this octave and tuning."""
        factor = 2.0**self.octave * self.tuning_hz / A4_HZ
        return Frames(frames.first, frames.f0_hz * factor, frames.level_db, frames.onset)

    @property
    def gain(self) -> float:
        """Factor of the samples."""
        return float(10.0 ** (self.gain_db / 20.0))

    def gate(self, spec: DescriptorSpec) -> DescriptorSpec:
        """The model's spec with this gate, which closes as far below gate_db as the model's own does."""
        if self.gate_db is None or self.gate_db <= spec.gate_off_db:
            return spec
        closes_db = max(self.gate_db - (spec.gate_on_db - spec.gate_off_db), spec.gate_off_db)
        return replace(spec, gate_on_db=self.gate_db, gate_off_db=closes_db)


DEFAULT_SOUND = Sound()


def changed(sound: Sound, name: str, value: str | float) -> Sound:
    """The sound with a parameter of PARAMS changed; numbers are clamped to its range.

    Raises BassNetError for a timbre that is none.
    """
    param = PARAMS[name]
    if not isinstance(value, str):
        value = min(max(value, param.lowest), param.highest)
    return replace(sound, **{param.field: value})  # type: ignore[arg-type]
