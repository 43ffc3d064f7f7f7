"""A structured log is one JSON object a line, whatever strangers send."""

from __future__ import annotations

import io
import json
import logging
from datetime import datetime

import pytest
from rig import HERE, Rig

from bassnet_osc.log_lines import JsonLines


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> io.StringIO:
    """What a handler with the formatter has written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("bassnet_osc")
    logger.addHandler(handler)
    with caplog.at_level(logging.INFO, "bassnet_osc"):
        yield written
    logger.removeHandler(handler)


def test_sessions_come_and_go_with_their_fields(lines: io.StringIO) -> None:
    rig = Rig()
    rig.open(client="max")
    rig.loop.advance(3.5)
    opened, dropped = [json.loads(line) for line in lines.getvalue().splitlines()]
    who = {"session": 1, "client": "max", "source": f"{HERE[0]}:{HERE[1]}", "sample_rate": 48_000}
    assert opened.items() >= {"event": "opened", "level": "info", **who}.items()
    assert dropped.items() >= {"event": "dropped", "level": "info", **who}.items()
    assert datetime.fromisoformat(opened["time"]).tzinfo is not None
    assert "max" in opened["message"] and "silent" in dropped["message"]


def test_a_second_of_refusals_is_one_line(lines: io.StringIO) -> None:
    rig = Rig()
    for k in range(1000):
        rig.say(f"/x/{k}\u2028")
        rig.board.receive(b"/a\n{}\x1b[2J", HERE)
    rig.loop.advance(1.0)
    [line] = lines.getvalue().split("\n")[:-1]
    told = json.loads(line)
    assert (told["event"], told["refused"], told["level"]) == ("refused", 2000, "warning")
