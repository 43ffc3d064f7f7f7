"""A source that has proven nothing gets no more bytes from a real server than it sends."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from raw_socket import bound, drained
from rig import hello, packed
from server_process import ServerProcess

from bassnet_osc import wire
from bassnet_osc.audio_wire import encode_audio
from bassnet_osc.client import Client
from bassnet_osc.spec import HOST

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc as Linux has them")


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


def strange_datagrams(rng: random.Random, victim_port: int) -> dict[str, list[bytes]]:
    """By kind: what a source without a session may send."""
    block = np.zeros(16, np.float32)
    audio = encode_audio("/bassnet/audio/in", 0, block, "f")
    ping, odd = wire.encode("/bassnet/ping", 1), wire.encode("/x")
    sizes = [*range(40, 420, 12), 1000, 4000, 9000]
    return {
        "hello": [hello(n_bytes=n) for n in sizes],
        "hello for another port": [hello(reply_port=victim_port, n_bytes=n) for n in sizes],
        "refused hello": [
            hello(client=name, sample_rate=rate, n_bytes=n)
            for n in (40, 64, 256, 512)
            for name, rate in (("a b", 48_000), ("x" * 90, 48_000), ("max", 1))
        ],
        "audio": [audio, encode_audio("/bassnet/audio/in", 0, np.zeros(1024, np.float32), "b")],
        "control": [
            ping,
            wire.encode("/bassnet/ping", 2**31 - 1),
            wire.encode("/bassnet/subscribe", "frames", 1),
            wire.encode("/bassnet/models"),
            wire.encode("/bassnet/reset"),
            wire.encode("/bassnet/bye"),
            wire.encode("/bassnet/z", "x", "y"),
            wire.encode("/bassnet/param/timbre", "x" * 200),
            wire.encode("/bassnet/to/nobody/z", 0.0, 0.0),
        ],
        "unknown address": [odd, wire.encode("/" + "x" * 500), wire.encode("/bassnet/nothing", 1, "a")],
        "garbage": [b"", b"\0\0\0\0", *(rng.randbytes(4 * rng.randrange(1, 300)) for _ in range(40))],
        "bundles": [
            packed(*[message] * n)
            for message in (ping, odd, audio, hello(), hello(n_bytes=88))
            for n in (2, 30)
        ],
    }


def test_strangers_get_no_more_bytes_than_they_send(server: ServerProcess) -> None:
    """Of every kind, for each datagram and in sum, at its source and at the port that it names.

    Each comes from a source of its own: errors are rationed, and so the worst case is the first. After each
    the pong to a client of ours says that the server has done with it. Measured: 1 at most, 0.28 in sum.
    """
    worst: dict[str, float] = {}
    n_sent = n_got = 0
    with Client(port=server.port) as client, bound() as victim:
        for kind, datagrams in strange_datagrams(random.Random(0), victim.getsockname()[1]).items():
            for datagram in datagrams:
                with bound() as source:
                    source.sendto(datagram, (HOST, server.port))
                    assert client.ping() is not None
                    got = drained(source) + drained(victim)
                    worst[kind] = max(worst.get(kind, 0.0), got / max(1, len(datagram)))
                    source.sendto(wire.encode("/bassnet/bye"), (HOST, server.port))
                    n_sent, n_got = n_sent + len(datagram), n_got + got
    print({kind: round(share, 3) for kind, share in worst.items()}, round(n_got / n_sent, 3))  # noqa: T201
    assert max(worst.values()) <= 1.0
    assert worst["hello"] > 0.5  # it is answered
    assert n_got <= n_sent


def test_an_unproven_session_gets_no_more_than_it_sends(server: ServerProcess) -> None:
    """Everything but the proof, from a source that said hello, for 2.5 s: never in sum."""
    rng, worst, n_sent, n_got = random.Random(1), 0.0, 0, 0
    with Client(port=server.port) as client, bound() as source, bound() as victim:
        others = strange_datagrams(rng, victim.getsockname()[1])
        kinds = [others[kind] for kind in ("control", "unknown address", "garbage", "hello", "refused hello")]
        datagrams = [hello(), *(rng.choice(rng.choice(kinds)) for _ in range(200))]
        datagrams = [d for d in datagrams if d != wire.encode("/bassnet/bye")]
        until = time.monotonic() + 2.5
        for n, datagram in enumerate(datagrams):
            source.sendto(datagram, (HOST, server.port))
            assert client.ping() is not None
            got = drained(source) + drained(victim)
            n_sent, n_got = n_sent + len(datagram), n_got + got
            worst = max(worst, n_got / n_sent)
            time.sleep(max(0.0, (until - time.monotonic()) / (len(datagrams) - n)))
        source.sendto(wire.encode("/bassnet/bye"), (HOST, server.port))
    print(f"worst {worst:.3f}, in sum {n_got / n_sent:.3f}")  # noqa: T201
    assert worst <= 1.0


def test_a_datagram_of_odd_size_gets_no_more_bytes(server: ServerProcess) -> None:
    """Sizes that no OSC message has. Measured: 1.000 at worst."""
    worst = 0.0
    with Client(port=server.port) as client:
        for size in range(30, 140):
            with bound() as source:
                source.sendto(b"x" * size, (HOST, server.port))
                assert client.ping() is not None
                worst = max(worst, drained(source) / size)
    print(f"worst {worst:.3f}")  # noqa: T201
    assert 0.5 < worst <= 1.0


@pytest.mark.parametrize("question", [("/bassnet/subscribe", "stats", 0), ("/bassnet/models",)])
def test_who_receives_nothing_proves_nothing(server: ServerProcess, question: tuple[str, str | int]) -> None:
    """One forged datagram: a hello, a block, and questions. Measured: 220 bytes for 7988, 184 for 4948."""
    asks = [wire.encode(*question)] * 190
    block = encode_audio("/bassnet/audio/in", 0, np.zeros(16, np.float32), "f")
    datagram = packed(hello(block_size=16), block, *asks)
    with Client(port=server.port) as client, bound() as source:
        source.sendto(datagram, (HOST, server.port))
        assert client.ping() is not None
        got = drained(source)
        source.sendto(wire.encode("/bassnet/bye"), (HOST, server.port))
    print(f"{got} bytes for {len(datagram)}")  # noqa: T201
    assert 0 < got <= len(datagram)
