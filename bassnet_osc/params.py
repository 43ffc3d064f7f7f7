"""The parameters of the sound that a client may turn: names, kinds, ranges. The standard library alone.

Flow: spec -> params -> sound, timbres, addresses, query_nodes, command-line options, max_patch.controls.
"""

from __future__ import annotations

from dataclasses import dataclass

from bassnet_osc.spec import DescriptorSpec

HIGHEST_OCTAVE = 4  # up or down: further there is no bass
LOWEST_TUNING_HZ, HIGHEST_TUNING_HZ = 400.0, 480.0  # more than a semitone to either side of A4_HZ
LOWEST_GAIN_DB, HIGHEST_GAIN_DB = -60.0, 12.0
LOWEST_GATE_DB = DescriptorSpec.gate_off_db  # below it models are silent already

TIMBRE_NAMES = ("finger", "pick", "slap", "fretless", "upright", "sub")  # the first is the usual one


@dataclass(frozen=True)
class Param:
    """A field of Sound as an option and as an OSC address: its type, its range where it is a number."""

    field: str
    kind: str  # of its OSC argument: s, i or f
    what: str
    lowest: float = 0.0
    highest: float = 0.0
    unset: str = "0"  # what its default means, where that is nothing

    @property
    def range(self) -> str:
        """For people."""
        return "" if self.kind == "s" else f", {self.lowest:g} to {self.highest:g}"


PARAMS = {
    "gain": Param("gain_db", "f", "dB of gain", LOWEST_GAIN_DB, HIGHEST_GAIN_DB),
    "timbre": Param("timbre", "s", f"name of a sound: {', '.join(TIMBRE_NAMES)}"),
    "octave": Param("octave", "i", "octaves up; sound and notes", -HIGHEST_OCTAVE, HIGHEST_OCTAVE),
    "tuning": Param("tuning_hz", "f", "Hz of the A; sound alone", LOWEST_TUNING_HZ, HIGHEST_TUNING_HZ),
    "gate": Param(
        "gate_db", "f", "dB that a note must reach to be played", LOWEST_GATE_DB, 0.0, "the model's own"
    ),
}
