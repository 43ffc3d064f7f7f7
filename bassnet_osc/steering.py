"""What a client steers: z, variations, the model and the sound.

Flow: Client -> Steering -> `_say`, and Choices: what the client says again, by itself, to a restarted server.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from bassnet_osc.client_words import Choices


class Steering(ABC):
    """The part of a client that moves z and changes the sound. Timed z and reset are not said again."""

    _choices: Choices  # the client begins them anew with each session that it opens itself

    @abstractmethod
    def _say(self, address: str, *args: Any) -> None:
        """Sends one message."""

    def z(self, x: float, y: float) -> None:
        """Moves in the latent plane; the server clamps to its z_range."""
        self._choose("/bassnet/z", float(x), float(y))

    def plan_z(self, seq: int, offset: int, x: float, y: float) -> None:
        """z at a sample of the mix: `offset` samples into block `seq`; straight lines between such points."""
        self._say("/bassnet/z/at", seq, offset, float(x), float(y))

    def vary(self, n: int, x: float, y: float) -> None:
        """Moves a further bass, 1 to 8, which begins with this; its answers come into `variations[n]`."""
        self._choose(f"/bassnet/variation/{n}/z", float(x), float(y))

    def unvary(self, n: int) -> None:
        """Ends a further bass."""
        self._say(f"/bassnet/variation/{n}/off")
        self._choices.forget(f"/bassnet/variation/{n}/z")

    def switch(self, model: str) -> None:
        """Plays by another installed model; `latency_samples` may be another one then."""
        self._choose("/bassnet/model", model)

    def param(self, name: str, value: str | float) -> None:
        """Changes the sound: a name of bassnet_osc.params.PARAMS; numbers are clamped to its range."""
        self._choose(f"/bassnet/param/{name}", value)

    def reset(self) -> None:
        """Starts the stream anew, as after connect; seq goes on."""
        self._say("/bassnet/reset")

    def _choose(self, address: str, *args: Any) -> None:
        self._say(address, *args)
        self._choices.add(address, args)
