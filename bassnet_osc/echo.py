"""What UDP really does on this machine: who holds a port, how long a datagram may be, what is buffered.

Flow: doctor -> echo -> server.bind, a hello, two sockets that send to each other.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable

import numpy as np

from bassnet_osc import answers, wire
from bassnet_osc.audio_wire import AUDIO_OUT, MAX_BLOCK, encode_audio
from bassnet_osc.hello import MIN_BLOCK
from bassnet_osc.report import REPORT
from bassnet_osc.request import ERROR
from bassnet_osc.server import bind
from bassnet_osc.spec import HOST

REPORT_BYTES = 2048  # asked for: enough for all but the sessions
ANSWER_S = 1.0  # that a server may take to answer
ECHO_S, ECHO_TRIES = 0.1, 2  # for an echo on this machine, where a loss is a full buffer or a wrong size


def reached(host: str) -> str:
    """The address by which this machine reaches what listens on `host`."""
    return HOST if host == "0.0.0.0" else host


def who_answers(host: str, port: int) -> str | None:
    """Model and version of a server there, or its refusal; None where nothing answers, or no server.

    It is asked for a report, not told hello: that would cost those who play there a session and a voice.
    """
    question = wire.encode(REPORT, "." * REPORT_BYTES)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(ANSWER_S)
        try:
            asking.connect((reached(host), port))
            asking.send(question)
            reply = wire.decode(asking.recv(wire.MAX_DATAGRAM))[0]
            if reply.address == REPORT:
                told = json.loads(str(reply.args[0]))
                return f"{told['model']} {told['version']}"
        except (OSError, OverflowError, LookupError, TypeError, ValueError):
            return None
    return " ".join(map(str, reply.args)) if reply.address in (answers.STATUS, ERROR) else None


def largest_datagram(host: str) -> int:
    """The most bytes, up to the protocol's, that pass there and back on that host's interface."""
    return _largest(lambda n_bytes: any(_echoes(host, n_bytes) for _ in range(ECHO_TRIES)), wire.MAX_DATAGRAM)


def largest_block(format: str, n_bytes: int) -> int:
    """The most samples whose answer fits into a datagram of so many bytes; 0 below the smallest block."""
    silence = np.zeros(MAX_BLOCK, np.float32)

    def fits(n_samples: int) -> bool:
        return len(encode_audio(AUDIO_OUT, 0, silence[:n_samples], format)) <= n_bytes

    n_samples = _largest(fits, MAX_BLOCK)
    return n_samples if n_samples >= MIN_BLOCK else 0


def granted_buffer() -> int:
    """Bytes of the receive buffer that the system grants a server."""
    with bind(HOST, 0) as bound:
        granted = bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    # Linux tells twice what it grants: the other half is for its own book-keeping.
    return granted // 2 if sys.platform.startswith("linux") else granted


def _echoes(host: str, n_bytes: int) -> bool:
    """Whether so many bytes come back; with new sockets, in which no late echo of others is waiting."""
    sent = n_bytes * b"."
    with bind(reached(host), 0) as near, bind(reached(host), 0) as far:
        near.settimeout(ECHO_S)
        far.settimeout(ECHO_S)
        try:
            near.sendto(sent, far.getsockname())
            far.sendto(far.recv(n_bytes + 1), near.getsockname())
            return near.recv(n_bytes + 1) == sent
        except OSError:  # too long for this system, or it never came
            return False


def _largest(passes: Callable[[int], bool], most: int) -> int:
    """The largest number from 0 to `most` that passes, where all below it pass too: by halving."""
    if passes(most):
        return most
    low, high = 0, most  # low passes, high does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low
