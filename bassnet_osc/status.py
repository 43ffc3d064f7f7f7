"""What `bassnet status` asks a running server over UDP, and both ends of the question.

    bassnet status [--host HOST] [--port PORT] [--json]

Flow: cli -> ask -> /bassnet/report -> server, which answers with `fitted` -> in_words, for people. No answer
is longer than its question, so that nobody can have others flooded: the question is padded to be as long as
the answer may get.
"""

from __future__ import annotations

import contextlib
import json
import time

from bassnet_osc import report_text, wire
from bassnet_osc.line import Line
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
    with contextlib.closing(Line(host, port)) as line:
        while (now := time.monotonic()) < until:
            line.send(question)
            answer = _heard(line, where, min(until, now + ASK_AGAIN))
            if answer is not None:
                return answer
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


def _heard(line: Line, where: str, until: float) -> Report | None:
    """The report that comes until then, or None."""
    while time.monotonic() < until:
        datagram = line.receive(until)
        if datagram is None:
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
