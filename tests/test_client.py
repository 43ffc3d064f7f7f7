"""The client: what it says when, what it makes of what it hears, and its errors."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fakes import EchoVoice, FakeEngine, FakeLoop, FakeShelf

from bassnet_osc import client as client_module
from bassnet_osc import line, wire
from bassnet_osc.addresses import ADDRESSES
from bassnet_osc.client import Client
from bassnet_osc.spec import BassNetError
from bassnet_osc.switchboard import Switchboard
from bassnet_osc.watch import Watch

BLOCK = np.zeros(256, np.float32)
SOURCE = ("127.0.0.1", 5000)


class Wire:
    """In place of the client's socket: a server without a network, whose clock is also the client's."""

    def __init__(self) -> None:
        self.loop, self.engine = FakeLoop(), FakeEngine()
        self.received: list[bytes] = []  # by the server
        self.inbox: list[bytes] = []  # for the client
        self.is_deaf = False
        self.restart()

    def restart(self) -> None:
        """The server is gone, and there is another one."""
        self.board = Switchboard(
            ADDRESSES,
            FakeShelf(),
            lambda session: EchoVoice(session.hello.sample_rate, session.z, session.hello.taper),
            self.engine,
            lambda data, to: self.inbox.append(data),
            self.loop,
        )
        self.board.become("ready")
        Watch(self.board, self.loop)

    def send(self, datagram: bytes) -> None:
        self.received.append(datagram)
        if not self.is_deaf:
            self.board.receive(datagram, SOURCE)

    def recv(self, n_bytes: int) -> bytes:
        if not self.inbox:
            self.loop.advance(self.timeout)
            if not self.inbox:
                raise TimeoutError
        return self.inbox.pop(0)

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def close(self) -> None:
        pass

    def said(self, address: str) -> list[wire.Message]:
        return [m for data in self.received for m in wire.decode(data) if m.address == address]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    made = Wire()
    monkeypatch.setattr(line, "opened", lambda host, port: made)
    monkeypatch.setattr(client_module.time, "monotonic", made.loop.time)  # of both modules: one `time`
    yield made


def test_hello_is_padded_and_the_path_is_proven(world: Wire) -> None:
    with Client(deadline_ms=20.0, name="me") as client:
        assert len(world.received[0]) == 256
        [hello] = wire.decode(world.received[0])
        assert hello.args[:7] == ("me", 0, 48_000, 256, "f", "deadline_ms", 20.0)
        assert world.board.sessions[SOURCE].is_proven
        assert client.welcome["z_range"] == 6.0 and client.welcome["deadline_ms"] == 20.0
        assert client.latency_samples == 100 and client.model == "echo"
    assert world.board.sessions == {}  # bye


@pytest.mark.parametrize("name", ["n" * k for k in range(1, 9)])
def test_hello_has_256_bytes_whatever_the_name(world: Wire, name: str) -> None:
    with Client(name=name):
        assert len(world.received[0]) == 256


def test_hello_is_said_again_until_the_server_is_ready(world: Wire) -> None:
    world.board.become("loading", "the model warms up")
    world.loop.call_at(world.loop.time() + 2.0, world.board.become, "ready")
    with Client() as client:
        assert client.model == "echo"
    assert len([data for data in world.received if data.startswith(b"/bassnet/hello")]) == 2.0 / 0.25 + 1


def test_nobody_there_is_an_error_with_the_mend(world: Wire) -> None:
    world.is_deaf = True
    with pytest.raises(BassNetError, match=r"no server at .*:7770 answered in 5 s: start `bassnet serve"):
        Client().connect()


def test_a_server_that_stays_loading_is_told_apart(world: Wire) -> None:
    world.board.become("loading", "the model warms up")
    with pytest.raises(BassNetError, match=r"is loading \(the model warms up\) for 5 s"):
        Client().connect()


def test_a_refused_hello_is_an_error_with_the_rule(world: Wire) -> None:
    with pytest.raises(BassNetError, match="refused hello: sample_rate must be 8000 to 192000 Hz; got 7"):
        Client(sample_rate=7).connect()


def test_the_heartbeat_keeps_a_waiting_client(world: Wire) -> None:
    with Client() as client:
        assert client.receive(10.0) is None
        assert world.board.sessions[SOURCE].number == 1
        hellos = [data for data in world.received if data.startswith(b"/bassnet/hello")]
        assert len(hellos) == 11
        assert client.status == ("ready", "")


def test_sending_keeps_a_client_too(world: Wire) -> None:
    with Client() as client:
        for _ in range(1000):
            client.send(BLOCK)
            world.loop.advance(256 / 48_000)
        hellos = [data for data in world.received if data.startswith(b"/bassnet/hello")]
        assert len(hellos) == 6  # 5.3 s


def test_a_restarted_server_is_found_again(world: Wire) -> None:
    with Client() as client:
        for _ in range(3):
            client.send(BLOCK)
        world.restart()
        answered = []
        for _ in range(4):
            seq = client.send(BLOCK)
            while (answer := client.receive(0.0)) is not None:
                answered.append(answer[0])
        assert answered == [0, 1, 2, 4, 5, 6]
        assert seq == 6 and world.board.sessions[SOURCE].is_proven


def test_after_close_it_can_connect_anew(world: Wire) -> None:
    client = Client()
    client.connect()
    client.send(BLOCK)
    client.ping()  # the answer arrives meanwhile, and is left lying
    client.close()
    world.inbox.clear()  # with its socket
    world.restart()  # a session of the new server has another token
    client.connect()
    assert client.welcome["token"] == world.board.sessions[SOURCE].token
    assert world.board.sessions[SOURCE].is_proven
    assert client.receive(0.0) is None  # nothing is left of the first session
    assert client.send(BLOCK) == 0
    assert client.receive(0.0)[0] == 0
    client.close()


@pytest.mark.parametrize(("options", "deadline"), [({}, 20.0), ({"deadline_ms": None}, 1000 * 256 / 48_000)])
def test_the_deadline_is_what_a_ring_absorbs_or_left_to_the_server(
    world: Wire, options: dict[str, Any], deadline: float
) -> None:
    with Client(**options) as client:
        assert client.welcome["deadline_ms"] == pytest.approx(deadline, rel=1e-6)  # float32


def test_seq_counts_modulo_2_to_the_24(world: Wire) -> None:
    with Client() as client:
        client._next_seq = 2**24 - 1
        assert [client.send(BLOCK) for _ in range(2)] == [2**24 - 1, 0]
        assert [client.receive()[0] for _ in range(2)] == [2**24 - 1, 0]


def test_z_and_reset_arrive(world: Wire) -> None:
    with Client() as client:
        client.z(1, -2)
        assert world.board.sessions[SOURCE].z.target == (1.0, -2.0)
        client.send(BLOCK)
        assert world.board.sessions[SOURCE].take is not None
        client.reset()
        assert world.board.sessions[SOURCE].take is None


def test_ping_keeps_the_answers_that_come_between(world: Wire) -> None:
    with Client() as client:
        client.send(BLOCK)
        assert client.ping() == 0.0  # no time passes on this wire
        assert client.receive(0.0)[0] == 0
        world.is_deaf = True
        assert client.ping(0.5) is None


def test_stats_are_the_servers(world: Wire) -> None:
    with Client() as client:
        client.send(BLOCK)
        assert client.stats() == {
            "blocks_in": 1,
            "lost": 0,
            "late": 0,
            "concealed": 0,
            "p50_ms": 1.0,
            "p95_ms": 2.0,
            "p99_ms": 3.0,
            "load": 0.5,
        }
        world.is_deaf = True
        assert client.stats(0.5) is None


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        (np.zeros(255, np.float32), r"shape \(256,\); got \(255,\)"),
        (np.zeros((2, 256), np.float32), r"got \(2, 256\): send one channel"),
        (np.full(256, np.nan, np.float32), "samples must be finite"),
    ],
)
def test_a_bad_block_is_refused_before_it_leaves(world: Wire, block: Any, rule: str) -> None:
    with Client() as client:
        n_sent = len(world.received)
        with pytest.raises(BassNetError, match=rule):
            client.send(block)
        assert len(world.received) == n_sent


def test_what_the_server_refuses_is_raised(world: Wire) -> None:
    with Client() as client:
        client.z(float("nan"), 0.0)
        with pytest.raises(BassNetError, match=r"refused z: argument 1 of .* must be a finite number"):
            client.receive(0.0)


def test_an_unconnected_client_says_so() -> None:
    for use in (lambda c: c.send(BLOCK), lambda c: c.z(0, 0), lambda c: c.receive()):
        with pytest.raises(BassNetError, match="not connected: use it in a `with`"):
            use(Client())


def test_a_host_that_is_none_is_refused() -> None:
    for host, port in (("x" * 64, 7770), ("127.0.0.1", 70_000)):
        with pytest.raises(BassNetError, match="mend host and port"):
            Client(host, port).connect()


def test_a_real_port_without_a_server_is_an_error_too() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(BassNetError, match="no server at"):
        Client(port=port).connect(timeout=0.6)


def test_what_was_chosen_is_said_again_to_a_server_that_was_restarted(world: Wire) -> None:
    with Client() as client:
        client.z(1.0, -2.0)
        client.param("octave", -1)
        client.vary(3, 2.0, 2.0)
        world.restart()
        client.send(BLOCK)
        while client.receive(0.0) is not None:
            pass
        client.send(BLOCK)
        session = world.board.sessions[SOURCE]
        assert session.z.target == (1.0, -2.0) and session.sound.octave == -1
        assert session.variations[3].target == (2.0, 2.0)


def test_variations_come_beside_the_plain_bass(world: Wire) -> None:
    with Client() as client:
        client.vary(2, 0.0, 0.0)
        for seq in range(5):
            client.send(np.full(256, seq + 1.0, np.float32))
        plain = [client.receive(0.0) for _ in range(5)]
        client.receive(0.0)
        for (seq, samples), (n, varied) in zip(plain, client.variations[2], strict=True):
            assert seq == n
            np.testing.assert_array_equal(varied, 3 * samples)  # the fake's second variation


def test_models_and_planned_z_arrive(world: Wire) -> None:
    with Client() as client:
        client.send(BLOCK)
        client.plan_z(0, 0, 3.0, 3.0)
        client.switch("other")
        session = world.board.sessions[SOURCE]
        assert session.model.name == "other" and session.z(0) == (3.0, 3.0)


def test_what_was_refused_is_not_chosen(world: Wire) -> None:
    """After it the choice before it is said again to a server that was restarted, not the refused one."""
    with Client() as client:
        client.switch("other")
        with pytest.raises(BassNetError, match="model must be one of"):
            client.switch("nonsense")
            client.receive(0.0)
        world.restart()
        client.send(BLOCK)
        while client.receive(0.0) is not None:
            pass
        client.send(BLOCK)
        assert world.board.sessions[SOURCE].model.name == client.model == "other"


def test_a_variation_can_be_ended_and_a_latency_asked_for(world: Wire) -> None:
    with Client(latency_target_ms=75.0) as client:
        client.vary(1, 0.0, 0.0)
        client.unvary(1)
        session = world.board.sessions[SOURCE]
        assert not session.variations and session.hello.latency_target_ms == 75.0
