"""liblo's own programs and its Python library, pyliblo3, at a real server: control, a session, audio."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fault_rig import PATIENT_MS, RATE, Stream, joined, mix_blocks, offline
from liblo_session import LibloSession
from server_process import MODEL, ServerProcess, free_port, wait_for

from bassnet_osc import wire
from bassnet_osc.audio_files import Audio
from bassnet_osc.audio_wire import S16_SCALE, decode_audio, encode_audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.playthrough import lag_samples
from bassnet_osc.spec import HOST
from bassnet_osc.status import ask

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the server's log is read as Linux has it")

SECONDS = 4.0  # of the mix
SOON_S = 5.0  # for a control to arrive on a busy machine; 1 ms on an idle one
OTHER_MODEL = "a2-live"

OscSend = Callable[..., None]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(MODEL)


@pytest.fixture
def oscsend(server: ServerProcess) -> Iterator[OscSend]:
    """Sends one message, from a socket of its own: address, types, values as words."""
    if shutil.which("oscsend") is None or shutil.which("oscdump") is None:
        pytest.skip("needs oscsend and oscdump (Debian package liblo-tools)")

    def send(*words: object) -> None:
        command = ["oscsend", HOST, str(server.port), *map(str, words)]
        subprocess.run(command, check=True, timeout=SOON_S)

    yield send


def z_of(server: ServerProcess, name: str) -> list[float]:
    """Where the client's z is going, as `bassnet status --json` says."""
    [session] = [one for one in ask(HOST, server.port)["sessions"] if one["client"] == name]
    return list(session["z"])


def is_at(server: ServerProcess, name: str, *place: float) -> bool:
    """Whether the client's z gets there soon."""
    return bool(wait_for(lambda: z_of(server, name) == pytest.approx(place), SOON_S))


@pytest.mark.parametrize(
    "words, place",
    [
        (("ff", 1, -0.5), (1.0, -0.5)),
        (("ii", 2, -1), (2.0, -1.0)),
        (("dd", 0.25, 0.75), (0.25, 0.75)),
        (("hh", -2, 1), (-2.0, 1.0)),
        (("if", -1, 0.5), (-1.0, 0.5)),
        (("TF",), (1.0, 0.0)),
        (("ff", 9, -9), (6.0, -6.0)),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_z_of_any_type_of_number(
    server: ServerProcess, oscsend: OscSend, words: tuple[object, ...], place: tuple[float, float]
) -> None:
    """Numbers tagged f, i, d, h, T and F alike move everybody's z, clamped to its range."""
    with Client(port=server.port, name="any"):
        oscsend("/bassnet/z", *words)
        assert is_at(server, "any", *place)


@pytest.mark.parametrize(
    "words",
    [
        ("ss", 1, 2),
        ("SS", 1, 2),
        ("cc", "a", "b"),
        ("NN",),
        ("m", "00112233"),
        ("f", 1),
        ("fff", 1, 1, 1),
        ("ff", "nan", 1),
        ("ff", 1, "inf"),
    ],
    ids=lambda words: "-".join(map(str, words)),
)
def test_what_is_no_place_moves_nothing(
    server: ServerProcess, oscsend: OscSend, words: tuple[object, ...]
) -> None:
    """Texts, other types, too few, too many, NaN and infinity are refused, and counted."""
    with Client(port=server.port, name="still") as client:
        client.z(1.0, 1.0)
        assert is_at(server, "still", 1.0, 1.0)
        refused = ask(HOST, server.port)["refused"]
        oscsend("/bassnet/z", *words)
        assert wait_for(lambda: ask(HOST, server.port)["refused"] == refused + 1, SOON_S)
        assert z_of(server, "still") == [1.0, 1.0]


def test_one_axis_and_one_client(server: ServerProcess, oscsend: OscSend) -> None:
    """z/x and z/y move an axis of all; to/NAME is heard by that client alone."""
    with Client(port=server.port, name="left"), Client(port=server.port, name="right"):
        oscsend("/bassnet/z", "ff", 0, 0)
        oscsend("/bassnet/z/x", "f", 0.5)
        oscsend("/bassnet/z/y", "i", -2)
        assert is_at(server, "left", 0.5, -2.0) and is_at(server, "right", 0.5, -2.0)
        oscsend("/bassnet/to/right/z", "ff", 1, 1)
        assert is_at(server, "right", 1.0, 1.0) and z_of(server, "left") == [0.5, -2.0]


def test_another_model_and_back(server: ServerProcess, oscsend: OscSend) -> None:
    """The client is told by the server who plays."""
    with Client(port=server.port, name="model") as client:
        for address, name in (("/bassnet/model", OTHER_MODEL), ("/bassnet/to/model/model", MODEL)):
            oscsend(address, "s", name)

            def is_playing(name: str = name) -> bool:
                client.receive(0.05)
                return client.model == name

            assert wait_for(is_playing, SOON_S)


def test_a_param_is_heard(server: ServerProcess, oscsend: OscSend, bundle: Bundle) -> None:
    """20 dB less, and a timbre that is none changes nothing."""
    blocks = mix_blocks(1024, 1.0)
    with Client(port=server.port, name="param", block_size=1024, deadline_ms=PATIENT_MS) as client:
        oscsend("/bassnet/to/param/param/gain", "i", -20)
        oscsend("/bassnet/to/param/param/timbre", "s", "kazoo")
        client.ping()
        stream = Stream(client, blocks).play()
    heard = joined(stream.answers, len(blocks), 1024)
    np.testing.assert_allclose(heard, 0.1 * offline(bundle, blocks), rtol=0, atol=1e-6)  # measured: 7e-9


def test_hello_by_oscsend_is_answered_to_oscdump(
    server: ServerProcess, oscsend: OscSend, tmp_path: Path
) -> None:
    """A sender that cannot receive names another program's port: welcome, then the state each second."""
    port, dumped = free_port(), tmp_path / "dumped"
    with dumped.open("wb") as out:
        dump = subprocess.Popen(["oscdump", "-L", str(port)], stdout=out)
    try:
        assert wait_for(lambda: f":{port:04X} " in Path("/proc/net/udp").read_text(), SOON_S)
        hello = ("liblo", port, RATE, 256, "f", "pad", "." * 400)
        oscsend("/bassnet/hello", "siiisss", *hello)
        assert wait_for(lambda: dumped.read_text().count("\n") >= 2, SOON_S), dumped.read_text()
    finally:
        dump.kill()
        dump.wait()
    (_, *welcome), (_, *status) = (line.split() for line in dumped.read_text().splitlines()[:2])
    assert welcome[0] == "/bassnet/welcome" and welcome[1].startswith("iiisss")
    [session] = [one for one in ask(HOST, server.port)["sessions"] if one["client"] == "liblo"]
    assert welcome[2] == str(session["session"]) and welcome[4] == str(session["latency_samples"])
    assert welcome[5] == f'"{MODEL}"' and status == ["/bassnet/status", "ss", '"ready"', '""']


def by_pyliblo(server: ServerProcess, blocks: list[Audio], audio_format: str) -> Audio:
    """The mix, streamed in real time by that library alone."""
    pytest.importorskip("pyliblo3", reason="needs pyliblo3 (pip install pyliblo3)")
    with LibloSession(server.port, RATE, len(blocks[0]), audio_format, PATIENT_MS) as session:
        answers = session.play(blocks)
        assert session.latency_samples == ask(HOST, server.port)["sessions"][-1]["latency_samples"]
    assert session.refusals == [] and sorted(answers) == list(range(len(blocks)))
    return joined(answers, len(blocks), len(blocks[0]))


@pytest.mark.parametrize("audio_format", ["f", "b"])
def test_a_session_by_pyliblo_is_sample_true(
    server: ServerProcess, bundle: Bundle, audio_format: str
) -> None:
    """Float lists and blobs, there and back: the offline bass itself."""
    blocks = mix_blocks(256, SECONDS)
    heard, expected = by_pyliblo(server, blocks, audio_format), offline(bundle, blocks)
    assert np.abs(expected).max() > 0.1 and lag_samples(heard, expected) == 0
    np.testing.assert_array_equal(heard, expected)


def test_a_session_by_pyliblo_in_16_bits(server: ServerProcess, bundle: Bundle) -> None:
    """What 16 bits leave of the mix is heard, and the bass comes back rounded to them."""
    exact = mix_blocks(256, SECONDS)
    blocks = [decode_audio(encode_audio("/a", 0, block, "s16"), "s16")[1] for block in exact]
    heard, expected = by_pyliblo(server, exact, "s16"), offline(bundle, blocks)
    assert lag_samples(heard, expected) == 0
    np.testing.assert_array_equal(heard, (np.rint(expected * S16_SCALE) / S16_SCALE).astype(np.float32))


def test_pyliblo_and_the_client_hear_the_same(server: ServerProcess) -> None:
    """Beside each other at one server."""
    blocks = mix_blocks(512, 3.0)
    with Client(port=server.port, block_size=512, deadline_ms=PATIENT_MS) as client:
        ours = joined(Stream(client, blocks).play().answers, len(blocks), 512)
    np.testing.assert_array_equal(by_pyliblo(server, blocks, "f"), ours)


def test_the_library_writes_the_same_bytes(rng: np.random.Generator) -> None:
    """liblo's datagram of a block is ours."""
    liblo = pytest.importorskip("pyliblo3", reason="needs pyliblo3 (pip install pyliblo3)")
    samples = rng.standard_normal(64).astype(np.float32)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind((HOST, 0))
        here.settimeout(SOON_S)
        there = liblo.Address(HOST, here.getsockname()[1])
        liblo.send(there, "/bassnet/audio/in", ("i", 7), *(("f", float(sample)) for sample in samples))
        assert here.recv(wire.MAX_DATAGRAM) == encode_audio("/bassnet/audio/in", 7, samples, "f")
        liblo.send(there, "/bassnet/audio/in", ("i", 7), ("b", samples.astype(">f4").tobytes()))
        assert here.recv(wire.MAX_DATAGRAM) == encode_audio("/bassnet/audio/in", 7, samples, "b")
