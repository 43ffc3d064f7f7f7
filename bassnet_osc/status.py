"""What `bassnet status` asks a running server over UDP, and both ends of the question.

    bassnet status [--host HOST] [--port PORT] [--json]

Flow: cli -> ask -> /bassnet/report -> server, which answers with `fitted` -> in_words, for people. No answer
is longer than its question, so that nobody can have others flooded: the question is padded to be as long as
the answer may get.
"""

from __future__ import annotations

import json
import socket
import time

from bassnet_osc import report_text, wire
from bassnet_osc.report import REPORT
from bassnet_osc.report_text import Report
from bassnet_osc.spec import BassNetError
from bassnet_osc.wire import Message

QUESTION_BYTES = 8192  # about 20 sessions; macOS sends at most 9216
ASK_AGAIN = 0.25  # seconds
TIMEOUT = 2.0  # seconds; a stage machine under load answers within a few milliseconds
TEXT_WIDTH = 100  # characters of a line of in_words; nearly all tables take less than 80


def ask(host: str, port: int, timeout: float = TIMEOUT) -> Report:
    """The report of the server there; raises BassNetError where none comes in `timeout` seconds."""
    question, where = _question(), f"{host}:{port}"
    until = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((host, port))  # from here on only the server's datagrams arrive
            while (now := time.monotonic()) < until:
                _send(asking, question)
                answer = _heard(asking, where, min(until, now + ASK_AGAIN))
                if answer is not None:
                    return answer
        except (OSError, UnicodeError, OverflowError) as error:  # no host; no name of one; no port
            raise BassNetError(f"no way to {where} ({error}): mend --host and --port") from None
    raise BassNetError(
        f"no server at {where} answered in {timeout:g} s: start `bassnet serve --port {port}`, or give "
        "--host and --port of one that runs; from another machine it also has to be started with --allow"
    )


def in_words(report: Report) -> str:
    """The report as lines for people: printable ASCII, no codes of a terminal."""
    try:
        n_lines = 2 * len(report["sessions"]) + 3
        lines = report_text.head(report)
        lines += report_text.table(report, TEXT_WIDTH, n_lines, [report_text.NARROW])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BassNetError(
            f"the report must be as this version's; got {wire.short(error)}: take --json, or the same version"
        ) from None
    return "\n".join(lines).rstrip()


def _question() -> bytes:
    missing = QUESTION_BYTES - len(wire.encode(REPORT, ""))
    return wire.encode(REPORT, "." * (missing + 3))  # the empty text takes 4 bytes as well


def _send(asking: socket.socket, question: bytes) -> None:
    try:
        asking.send(question)
    except ConnectionError:
        asking.send(question)  # that was the echo of an earlier one that found no server


def _heard(asking: socket.socket, where: str, until: float) -> Report | None:
    """The report that comes until then, or None."""
    while (left := until - time.monotonic()) > 0:
        asking.settimeout(left)
        try:
            datagram = asking.recv(wire.MAX_DATAGRAM)
        except (TimeoutError, ConnectionError):  # the latter: nobody listens there, yet
            continue
        try:
            told = [_report_in(message) for message in wire.decode(datagram)]
        except (BassNetError, json.JSONDecodeError, RecursionError) as error:
            raise BassNetError(f"what answers at {where} gives no report ({error}): mend --port") from None
        for report in told:
            if report is not None:
                return report
    return None


def _report_in(message: Message) -> Report | None:
    """The report that a message is; None where it is something else."""
    if message.address == "/bassnet/error":
        raise BassNetError(" ".join(map(report_text.plain, message.args)))
    if message.address != REPORT:
        return None
    report = json.loads(message.args[0]) if message.args and isinstance(message.args[0], str) else None
    if not isinstance(report, dict):
        raise BassNetError(f"a report is a JSON object in one string; got {wire.short(message.args)}")
    return report
