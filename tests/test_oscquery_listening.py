"""Who listens over OSCQuery's WebSocket is told each change, and nobody else has work by it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from oscquery_rig import BOTH, Nodes, example, heard, is_silent, listening, say, serving, until

from bassnet_osc import oscquery_listeners, wire
from bassnet_osc.oscquery import QueryServer
from bassnet_osc.oscquery_namespace import Node


@pytest.fixture
def nodes() -> Nodes:
    """A copy of a test's own, which may change while it is served."""
    return example()


@pytest.fixture
def server(nodes: Nodes) -> Iterator[QueryServer]:
    with serving(nodes) as running:
        yield running


def test_a_listener_gets_the_value_at_once_and_then_each_change(server: QueryServer, nodes: Nodes) -> None:
    with listening(server) as listener:
        say(listener, "LISTEN", "/bassnet/z")
        assert heard(listener) == wire.Message("/bassnet/z", (0.5, -1.0))
        assert is_silent(listener)  # nothing has changed
        nodes["/bassnet/z"] = Node("ff", "", 3, (0.25, 2), BOTH)
        begun = time.monotonic()
        assert heard(listener) == wire.Message("/bassnet/z", (0.25, 2.0))
        assert time.monotonic() - begun < 1.0  # 0.05 s, and what a busy machine adds
        assert [type(value) for value in nodes["/bassnet/z"].arguments()] == [float, float]


def test_ignore_ends_it_and_another_path_goes_on(server: QueryServer, nodes: Nodes) -> None:
    with listening(server) as listener:
        for path in ("/bassnet/param/octave", "/bassnet/param/timbre"):
            say(listener, "LISTEN", path)
        assert [heard(listener).args for _ in range(2)] == [(1,), ("pick",)]
        say(listener, "IGNORE", "/bassnet/param/octave")
        say(listener, "LISTEN", "/bassnet/param/timbre")  # its answer shows that IGNORE was read
        assert heard(listener).args == ("pick",)
        nodes["/bassnet/param/octave"] = Node("i", "", 3, (3,), ())
        nodes["/bassnet/param/timbre"] = Node("s", "", 3, ("slap",), ())
        assert heard(listener) == wire.Message("/bassnet/param/timbre", ("slap",))
        assert is_silent(listener)


def test_listeners_hear_what_they_asked_for_and_a_late_node_too(server: QueryServer, nodes: Nodes) -> None:
    with listening(server) as first, listening(server) as second:
        say(first, "LISTEN", "/bassnet/to/later/z")
        say(second, "LISTEN", "/bassnet/z/x")  # takes values and has none to tell
        assert is_silent(first)
        nodes["/bassnet/to/later/z"] = Node("ff", "", 3, (1.0, 1.0), BOTH)
        assert heard(first) == wire.Message("/bassnet/to/later/z", (1.0, 1.0))
        assert is_silent(second)


def test_nobody_is_looked_after_while_nobody_listens(nodes: Nodes) -> None:
    n_asked = 0

    def count() -> Nodes:
        nonlocal n_asked
        n_asked += 1
        return nodes

    with serving(count) as server:
        for path in ("/bassnet/z", "/bassnet/param/octave"):  # and it begins again for the second
            with listening(server) as listener:
                say(listener, "LISTEN", path)
                heard(listener)
                before = n_asked
                assert until(lambda: n_asked > before + 2)  # noqa: B023
            assert until(lambda: not server._listeners._heard)
            time.sleep(2 * oscquery_listeners.POLL)
            before = n_asked
            time.sleep(4 * oscquery_listeners.POLL)
            assert n_asked == before


def test_a_slow_reader_keeps_little_memory_and_gets_the_newest(
    server: QueryServer, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oscquery_listeners, "POLL", 0.001)
    large = 200_000  # bytes of a value: the kernel's own buffers are full soon
    with listening(server, max_size=None, max_queue=1) as listener:
        say(listener, "LISTEN", "/large")
        n, n_full, most = 0, 0, 0
        while n_full < 50:
            n += 1
            assert n < 5000
            nodes["/large"] = Node("s", "", 1, (f"{n:04d}" + "x" * large,), ())
            time.sleep(0.003)
            unsent = max((one.transport.get_write_buffer_size() for one in server._connections), default=0)
            n_full += unsent > oscquery_listeners.MAX_BACKLOG
            most = max(most, unsent)
        assert most < oscquery_listeners.MAX_BACKLOG + 2 * large
        told = [listener.recv(2)[12:16]]  # after address and type tag
        while told[-1] != f"{n:04d}".encode():
            told.append(listener.recv(2)[12:16])
        assert len(told) < n - 25  # the others were skipped
        assert told == sorted(told)
