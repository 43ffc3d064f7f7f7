"""A server's state: asked for until it comes, never answered with more bytes, told in plain words."""

from __future__ import annotations

import json
import socket
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from reports import report, session

from bassnet_osc import wire
from bassnet_osc.report import REPORT, fitted
from bassnet_osc.spec import BassNetError
from bassnet_osc.status import QUESTION_BYTES, ask, in_words

Answer = Callable[[bytes], bytes | None]


@contextmanager
def answering(answer: Answer) -> Iterator[int]:
    """A server on 127.0.0.1 that says `answer(question)`, or nothing for None; gives its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]

        def serve() -> None:
            while (heard := listening.recvfrom(wire.MAX_DATAGRAM))[0] != b"end":
                if said := answer(heard[0]):
                    listening.sendto(said, heard[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"end", ("127.0.0.1", port))
            thread.join()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_the_server(told: dict[str, object]) -> Answer:
    """The answer as the server gives it: the report that fits into the question."""

    def answer(question: bytes) -> bytes:
        assert len(question) == QUESTION_BYTES
        (message,) = wire.decode(question)
        (padding,) = message.args
        return wire.encode(REPORT, fitted(told, len(padding)))

    return answer


# --- asking ------------------------------------------------------------------------------------------


def test_a_report_arrives_as_it_was_made() -> None:
    with answering(as_the_server(report(3))) as port:
        assert ask("127.0.0.1", port) == report(3)


def test_64_sessions_fill_the_question_and_never_more() -> None:
    sizes = []

    def answer(question: bytes) -> bytes:
        said = as_the_server(report(64))(question)
        sizes.append((len(said), len(question)))
        return said

    with answering(answer) as port:
        got = ask("127.0.0.1", port)
    assert got["sessions"] == report(64)["sessions"][: len(got["sessions"])]
    assert len(got["sessions"]) + got["more_sessions"] == 64
    said, asked = sizes[0]
    # no session of about 340 bytes would have fitted beside them
    assert asked - 340 < said <= asked


def test_it_asks_again_and_heeds_nothing_else() -> None:
    n_asked, told = [], as_the_server(report(0))

    def answer(question: bytes) -> bytes | None:
        n_asked.append(time.monotonic())
        others = {1: None, 2: wire.encode("/bassnet/status", "ready", "")}
        return others[len(n_asked)] if len(n_asked) in others else told(question)

    with answering(answer) as port:
        assert ask("127.0.0.1", port) == report(0)
    assert n_asked[2] - n_asked[0] >= 0.45  # two waits of 0.25 s


@pytest.mark.parametrize("is_there", [True, False])
def test_silence_ends_with_a_line_that_says_what_to_do(is_there: bool) -> None:
    begin = time.monotonic()
    with (
        answering(lambda question: None) as port,
        pytest.raises(BassNetError, match=r"answered in 0\.6 s: start `bassnet serve --port \d+`") as refused,
    ):
        ask("127.0.0.1", port if is_there else free_port(), timeout=0.6)
    assert 0.55 < time.monotonic() - begin < 1.5
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "said",
    [
        wire.encode("/bassnet/error", "address", "no address '/bassnet/report'\x1b[2J"),
        wire.encode(REPORT, "{"),
        wire.encode(REPORT, "[1]"),
        wire.encode(REPORT, "[" * 5000),
        wire.encode(REPORT, 3),
        wire.encode(REPORT),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_other_answers_are_told_at_once_in_one_line(said: bytes) -> None:
    with (
        answering(lambda question: said) as port,
        pytest.raises(BassNetError, match="gives no report") as told,
    ):
        ask("127.0.0.1", port)
    assert str(told.value).isprintable()


@pytest.mark.parametrize(("host", "port"), [("no such host", 7770), ("127.0.0.1", 70_000)])
def test_where_no_way_leads_is_refused(host: str, port: int) -> None:
    with pytest.raises(BassNetError, match=r"^no way to .*mend host and port$"):
        ask(host, port, timeout=0.3)


# --- what fits ---------------------------------------------------------------------------------------


def test_whatever_the_room_as_many_sessions_as_fit() -> None:
    whole = report(5)
    least = len(fitted(whole | {"sessions": []}, 10_000)) + len(',"more_sessions":5')
    most = len(json.dumps(whole, separators=(",", ":")))
    numbers = []
    for room in range(least, most + 10):
        text = fitted(whole, room)
        assert len(text.encode()) <= room
        got = json.loads(text)
        n = len(got["sessions"])
        assert got == whole | {"sessions": whole["sessions"][:n]} | (
            {"more_sessions": 5 - n} if n < 5 else {}
        )
        numbers.append(n)
    assert numbers == sorted(numbers) and set(numbers) == set(range(6))
    assert numbers[-10:] == [5] * 10 and numbers[-11] == 4  # whole from the very byte on that it needs
    with pytest.raises(BassNetError, match="pad the question"):
        fitted(whole, least - 1)


def test_names_of_other_alphabets_are_counted_in_bytes() -> None:
    text = fitted(report(1, model="größe♫"), 8000)
    assert text.isascii() and json.loads(text)["model"] == "größe♫"


# --- in words ----------------------------------------------------------------------------------------


def test_all_figures_stand_in_the_words() -> None:
    text = in_words(report(2, state="overloaded", reason="inference takes 95% of the time", saving=2))
    lines = text.splitlines()
    assert lines[:5] == [
        "BassNet 0.1.0, groove-live on CPUExecutionProvider, up 1:02:03",
        "overloaded: inference takes 95% of the time",
        "inference p50 / p95 / p99 3.1 / 4.0 / 5.2 ms, load 13%, queue 8, refused 17",
        "saving: windows are left out and concealed",
        "parts of an offset: resampler + window + frame",
    ]
    first, second = lines[8].split(), lines[9].split()
    assert first == ["1", "max", "48000/240", "f", "50.4", "1.5", "1000", "3"]
    assert second == ["groove-live", "0.10", "-2.00", "0.4+40+10", "14", "997", "12"]


def test_columns_stand_below_their_headings() -> None:
    told = report(
        0, sessions=[session(1), session(12, client="a-longer-name", blocks_in=7_200_000, lost=123)]
    )
    lines = in_words(told).splitlines()[5:]
    for heading in ("queue ms", "blocks", "lost"):
        end = lines[0].index(heading) + len(heading)
        assert all(line[:end][-1] != " " and line[end : end + 1] in ("", " ") for line in lines[0::2]), (
            heading
        )
    begin = lines[0].index("client")
    assert [line[begin - 1 : begin + 3] for line in lines[::2]] == [" cli", " max", " a-l"]
    assert max(map(len, lines)) <= 100


def test_hostile_names_reach_the_terminal_as_letters() -> None:
    evil = "\x1b]0;x\x07\r\n[red]\u202e‮"
    told = report(0, sessions=[session(1, client=evil, model=evil, format=evil)], model=evil, reason=evil)
    printable = set(string.printable) - set("\t\r\x0b\x0c")
    assert set(in_words(told)) <= printable
    assert in_words(told).count("\\x1b]0;x\\x07\\r\\n[red]\\u202e") >= 3
    assert len(in_words(told).splitlines()) == len(in_words(report(1, reason="x")).splitlines())


@pytest.mark.parametrize(
    ("n", "more", "line"), [(1, 1, "and 1 more session"), (3, 61, "and 61 more sessions")]
)
def test_sessions_that_did_not_fit_are_counted(n: int, more: int, line: str) -> None:
    text = in_words(report(n, more_sessions=more))
    assert text.splitlines()[-1] == line
    assert [f"\n{k}  max" in text for k in range(1, n + 1)] == [True] * n


def test_without_sessions_it_says_how_to_open_one() -> None:
    assert in_words(report(0)).endswith("\n\nno sessions: a client opens one with /bassnet/hello")
    assert in_words(report(0, more_sessions=64)).endswith("refused 17\n\nand 64 more sessions")


@pytest.mark.parametrize(
    "damage", [{"load": "much"}, {"saving": 7}, {"sessions": [{}]}, {"sessions": 3}, {"inference_ms": []}]
)
def test_another_versions_report_is_refused_in_one_line(damage: dict[str, object]) -> None:
    with pytest.raises(BassNetError, match="take --json, or the same version") as refused:
        in_words(report(1) | damage)
    assert str(refused.value).isprintable()
