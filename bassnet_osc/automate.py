"""Plays the z of a file to a running server, where no DAW moves it.

    bassnet automate FILE [--host HOST] [--port PORT] [--to NAME] [--loop] [--cc X,Y]

Flow: cli -> z_curve -> automate -> line -> server. On this machine each point leaves ahead of its time, in an
OSC bundle that tells when: the server applies it then, however late this process was woken.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from collections.abc import Callable
from contextlib import closing
from itertools import chain, pairwise
from typing import Any, Protocol

from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from tqdm import tqdm

from bassnet_osc import wire
from bassnet_osc.hello import CLIENT_NAME, NOT_IN_A_NAME
from bassnet_osc.line import Line, opened
from bassnet_osc.report_text import Report, plain
from bassnet_osc.request import ERROR
from bassnet_osc.spec import BassNetError
from bassnet_osc.status import ask
from bassnet_osc.z_curve import Curve, Z

LEAD_S = 0.1  # ahead of its time: more than a busy machine lets a process wait; some five points under way
LOOK_EVERY = 0.25  # seconds, at most, between two looks at the clock, for the progress

log = logging.getLogger("bassnet_osc")


class Way(Protocol):
    """What is used of a line.Line."""

    def send(self, datagram: bytes) -> None:
        """Sends it."""

    def receive(self, until: float) -> bytes | None:
        """What comes first until that time, or None."""


class Player:
    """Tells a server z by the clock, and people what it refuses."""

    def __init__(
        self,
        way: Way,
        to: str | None = None,
        is_tagged: bool = True,
        now: Callable[[], float] = time.monotonic,
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        """`to` is the one client that is moved (None: everybody); `is_tagged`: in bundles, LEAD_S ahead."""
        self.n_points = 0  # that were told
        self._refusal = ""  # what the server refused last
        self._is_odd_said = False  # that what came could not be read
        self._way = way
        self._z = "/bassnet/z" if to is None else f"/bassnet/to/{to}/z"
        self._is_tagged, self._lead = is_tagged, LEAD_S if is_tagged else 0.0
        self._now, self._wall_time = now, wall_time

    def play(self, curve: Curve, is_looped: bool = False) -> None:
        """Tells what changes when it changes, and returns at the curve's end."""
        told: Z = (None, None)
        points = chain(curve.points(is_looped), [(math.inf, told)])
        with _progress(curve) as bar:
            begin = self._now() + self._lead  # not sooner: the progress takes a moment to be there

            def wait(until: float) -> None:
                while (now := self._now()) < until:
                    self._hear(min(until, now + LOOK_EVERY))
                    played = max(0.0, self._now() - begin)
                    bar.update((played % curve.seconds if is_looped else min(played, curve.seconds)) - bar.n)

            for (at, z), (next_at, _) in pairwise(points):
                wait(begin + at - self._lead)
                # Where this process was held up, the newest of what is past is enough: nobody is flooded.
                is_past = begin + next_at <= self._now()
                if z != told and not is_past:
                    self._tell(begin + at, z)
                    told = z
            wait(begin + curve.seconds)

    def _tell(self, at: float, z: Z) -> None:
        x, y = z
        address = self._z + ("/y" if x is None else "/x" if y is None else "")
        message = wire.encode(address, *(float(value) for value in z if value is not None))
        if self._is_tagged:  # by the wall clock of this very moment: it may be set while a file plays
            message = bundled(message, self._wall_time() + (at - self._now()))
        self._way.send(message)
        self.n_points += 1

    def _hear(self, until: float) -> None:
        datagram = self._way.receive(until)
        try:
            messages = wire.decode(datagram) if datagram else []
        except BassNetError as error:  # z goes on: it does not depend on what comes back
            if not self._is_odd_said:
                log.warning("an answer is left out: %s", plain(error))
            self._is_odd_said = True
            return
        for message in messages:
            refusal = ": ".join(map(plain, message.args)) if message.address == ERROR else ""
            if refusal and refusal != self._refusal:  # it may come each second, and whoever left may return
                log.warning("the server refused %s", refusal)
                self._refusal = refusal


def _progress(curve: Curve) -> Any:
    return tqdm(
        desc=curve.name,
        total=curve.seconds,
        bar_format="{desc} |{bar}| {n:.0f} of {total:.0f} s",
        disable=None,
    )


def automate(curve: Curve, host: str, port: int, to: str | None = None, is_looped: bool = False) -> str:
    """Plays the curve to the server there; what was done, in words.

    Raises BassNetError, before anything is sent, where no server answers and where nobody is named `to`.
    """
    if to is not None and (not CLIENT_NAME.fullmatch(to) or NOT_IN_A_NAME.intersection(to)):
        raise BassNetError(
            f"--to must be a client's name, without spaces and #*,/?[]{{}}; got {wire.short(to)}: "
            "see `bassnet status`"
        )
    report = ask(host, port)
    names, n_sessions = _sessions(report)
    if to is not None and to not in names and n_sessions == len(names):
        here = "the clients are " + ", ".join(names) if names else "there is no client"
        raise BassNetError(f"no client is named {wire.short(to)}; {here}: see `bassnet status`")
    if curve.remark:
        log.warning(curve.remark)
    with closing(Line(host, port)) as line:
        player = Player(line, to, is_this_machine(host, port))
        player.play(curve, is_looped)
    whom = to or f"everybody ({_counted(n_sessions, 'session')} at the beginning)"
    return f"{curve.name}: {_counted(player.n_points, 'point')} over {curve.seconds:.1f} s, told to {whom}"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _sessions(report: Report) -> tuple[list[str], int]:
    """The clients' names as far as they are in the report, and how many sessions there are."""
    try:
        names = [plain(session["client"]) for session in report["sessions"]]
        return names, len(names) + int(report.get("more_sessions", 0))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BassNetError(
            f"the report must be as this version's; got {wire.short(error)}: take the same version"
        ) from None


def bundled(message: bytes, unix_time: float) -> bytes:
    """An OSC bundle of one message, to be applied at that time."""
    bundle = OscBundleBuilder(unix_time)  # type: ignore[arg-type]  # it says int, means seconds and takes both
    bundle.add_content(OscMessage(message))
    return bundle.build().dgram


def is_this_machine(host: str, port: int) -> bool:
    """Whether a server there has this machine's clock.

    Another one's may be seconds off, and a time tag would then be as wrong, without anybody being told: there
    plain messages go, at their time. They are late by what the network and this process's sleep cost, ms.
    """
    with closing(opened(host, port)) as way:
        own, there = way.getsockname()[0], way.getpeername()[0]
    return own == there or ipaddress.ip_address(there).is_loopback
