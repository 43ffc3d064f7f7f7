"""The real server: a socket, an engine's thread, a loop, and a clean end."""

from __future__ import annotations

import asyncio
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import EchoModel, EchoVoice, FakeShelf

from bassnet_osc.client import Client
from bassnet_osc.server import Door, Options, Running, allow_list, bind, run, serve
from bassnet_osc.spec import BassNetError

LATENCY = 100  # samples
PATIENCE = 10.0  # seconds until a test that waits has failed
SLOW_DEADLINE = 5000.0  # ms: a busy machine shall not make a test fail that is about something else


def make_voice(session: Any) -> EchoVoice:
    return EchoVoice(session.hello.sample_rate, session.z, session.hello.taper, LATENCY)


@contextmanager
def serving(model: Any = None, voice: Callable[..., Any] = make_voice, port: int = 0) -> Iterator[Running]:
    """A server in a thread, on a free port."""
    ready: queue.Queue[Any] = queue.Queue()

    def run() -> None:
        try:
            with bind("127.0.0.1", port) as listening:
                asyncio.run(serve(listening, lambda post: FakeShelf(model), voice, Options(), ready.put))
            ready.put(None)
        except Exception as error:  # handed to the test
            ready.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    running = ready.get(timeout=PATIENCE)
    if isinstance(running, Exception):
        thread.join(PATIENCE)
        raise running
    try:
        yield running
    finally:
        running.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive() and ready.get(timeout=PATIENCE) is None


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving() as running:
        yield running


def stream(client: Client, mix: np.ndarray, in_flight: int = 8) -> np.ndarray:
    """Sends the blocks (n, block_size) and returns the answers, each at its seq."""
    answers: dict[int, np.ndarray] = {}
    for k, block in enumerate(mix):
        client.send(block)
        while k - len(answers) >= in_flight:
            seq, samples = client.receive(PATIENCE)
            answers[seq] = samples
    while len(answers) < len(mix):
        seq, samples = client.receive(PATIENCE)
        answers[seq] = samples
    return np.concatenate([answers[seq] for seq in range(len(mix))])


def noise(n_blocks: int, block_size: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (n_blocks, block_size)).astype(np.float32)


@pytest.mark.parametrize("audio_format", ["f", "b", "s16"])
@pytest.mark.parametrize("block_size", [64, 256, 1000])
def test_audio_crosses_the_network_aligned(server: Running, block_size: int, audio_format: str) -> None:
    mix = noise(60, block_size)
    options = {"block_size": block_size, "format": audio_format, "deadline_ms": SLOW_DEADLINE}
    with Client(port=server.port, **options) as client:
        assert (client.latency_samples, client.model) == (LATENCY, "echo")
        bass = stream(client, mix)
        stats = client.stats(PATIENCE)
    tolerance = 1.01 / 32767 if audio_format == "s16" else 0.0
    np.testing.assert_allclose(bass[LATENCY:], mix.ravel()[:-LATENCY], rtol=0, atol=tolerance)
    assert (stats["blocks_in"], stats["lost"], stats["late"]) == (60, 0, 0)


def test_two_clients_play_at_once(server: Running) -> None:
    first, second = noise(50, 256), -noise(50, 64)
    with (
        Client(port=server.port, deadline_ms=SLOW_DEADLINE) as one,
        Client(port=server.port, block_size=64, format="b", deadline_ms=SLOW_DEADLINE) as two,
    ):
        assert one.welcome["session"] != two.welcome["session"]
        for a, b in zip(first, second, strict=True):
            one.send(a)
            two.send(b)
        for client, mix in ((one, first), (two, second)):
            answers = [client.receive(PATIENCE) for _ in mix]
            bass = np.concatenate([samples for _, samples in sorted(answers, key=lambda answer: answer[0])])
            np.testing.assert_array_equal(bass[LATENCY:], mix.ravel()[:-LATENCY])


def test_a_hearing_beyond_the_deadline_is_concealed_and_shifts_nothing() -> None:
    held = threading.Event()

    class Slow(EchoVoice):
        def hear(self, block: Any) -> Any:
            if block[0] == 3.0:
                held.wait(PATIENCE)
            return super().hear(block)

    blocks = np.repeat(np.arange(1, 21, dtype=np.float32)[:, None], 256, axis=1)
    voice = lambda session: Slow(session.hello.sample_rate, session.z, latency_samples=LATENCY)  # noqa: E731
    with serving(voice=voice) as running, Client(port=running.port, deadline_ms=100.0) as client:
        answers = []
        for k, block in enumerate(blocks):
            client.send(block)
            answers.append(client.receive(PATIENCE))
            if k == 2:
                held.set()  # after its answer went out without it
        stats = client.stats(PATIENCE)
    assert [seq for seq, _ in answers] == list(range(20))
    bass = np.concatenate([samples for _, samples in answers])
    expected = np.pad(blocks.ravel(), (LATENCY, 0))[: bass.size]
    wrong = np.flatnonzero(bass != expected)
    assert wrong.size and (bass[wrong] == -1).all() and wrong[0] == 2 * 256 + LATENCY
    assert wrong[-1] < 3 * 256  # the block itself and nothing else
    assert (stats["late"], stats["lost"]) == (1, 0)


def test_the_ports_owner_is_named_with_the_mend(server: Running) -> None:
    with pytest.raises(BassNetError, match=rf"port {server.port} of .* is in use.*choose another --port"):
        bind("127.0.0.1", server.port)
    with pytest.raises(BassNetError, match="--host must be an address of this machine; got xxx"):
        bind("x" * 64, 0)
    with pytest.raises(BassNetError, match="--host must be"):
        bind("192.0.2.1", 0)


def test_a_server_without_its_port_leaves_no_log_and_moves_none(server: Running, tmp_path: Path) -> None:
    log = tmp_path / "set.oscs"
    for before in (None, b"/log/file of another day"):
        if before:
            log.write_bytes(before)
        with pytest.raises(BassNetError, match="in use"):
            run(EchoModel(), "cpu", Options(port=server.port, log=log), print)
        assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(port=0, block_size=128), "--block is the sound card's; got 128"),
        (Options(port=0, block_size=0), "--block is the sound card's; got 0"),
        (Options(port=0, device=""), "--device must be IN,OUT"),
    ],
)
@pytest.mark.usefixtures("needs_portaudio")
def test_options_of_a_sound_card_are_not_passed_over(options: Options, said: str) -> None:
    with pytest.raises(BassNetError, match=said):
        run(EchoModel(), "cpu", options, print)


def test_the_receive_buffer_holds_a_hundred_blocks() -> None:
    with bind("127.0.0.1", 0) as bound:
        assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > 100 * 2580


def test_beyond_this_machine_only_named_clients_are_heard() -> None:
    with pytest.raises(BassNetError, match="--allow"):
        bind("0.0.0.0", 0, needs_list=True)
    bind("127.0.0.1", 0, needs_list=True).close()
    with pytest.raises(BassNetError, match="IPv4"):
        allow_list(["example"])


def test_a_stranger_gets_no_answer_at_all() -> None:
    heard: list[bytes] = []
    door = Door(allow_list(["192.0.2.7"]))
    door.board = SimpleNamespace(receive=lambda data, source: heard.append(data))  # type: ignore[assignment]
    for data, host in ((b"a", "192.0.2.8"), (b"b", "192.0.2.7"), (b"c", "127.0.0.1")):
        door.datagram_received(data, (host, 5000))
    assert heard == [b"b", b"c"]


def test_a_failing_warm_up_ends_the_server() -> None:
    class Broken(EchoModel):
        def warm_up(self) -> None:
            raise BassNetError("the model is damaged: export it again")

    with pytest.raises(BassNetError, match="the model is damaged"), serving(Broken()):
        pass


def test_ready_is_said_after_the_warm_up() -> None:
    order: list[str] = []

    class Warm(EchoModel):
        def warm_up(self) -> None:
            order.append("warm")

    with serving(Warm()):
        assert order == ["warm"]


def test_a_stopped_server_says_so_and_frees_its_port() -> None:
    with serving() as running, Client(port=running.port) as client:
        client.ping(PATIENCE)
        running.stop()
        while client.status[0] != "stopping":
            assert client.receive(0.05) is None
    with serving(port=running.port):
        pass


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from fakes import EchoModel
from bassnet_osc.server import Options, run
run(EchoModel(), "cpu", Options(port=0), lambda running: print(running.port, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_process_cleanly(number: int) -> None:
    script = SCRIPT.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert int(process.stdout.readline()) > 0
        process.send_signal(number)
        out, errors = process.communicate(timeout=PATIENCE)
    assert (out, errors, process.returncode) == ("ended\n", "", 0)
