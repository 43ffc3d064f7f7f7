"""max_patch/bassnet.scd in the real SuperCollider: scsynth at JACK's dummy card, sclang without a screen."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fault_rig import RATE, mix_blocks, offline, steps_db
from server_process import MODEL, ServerProcess, free_port, wait_for

from bassnet_osc import wire
from bassnet_osc.bundle import Bundle
from bassnet_osc.latent import LiveZ
from bassnet_osc.playthrough import lag_samples
from bassnet_osc.spec import HOST
from bassnet_osc.status import ask
from bassnet_osc.voice import Voice

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="JACK's dummy card")

SCRIPT = Path(__file__).parents[1] / "max_patch" / "bassnet.scd"
PAGE = SCRIPT.with_name("supercollider.md")
BLOCK = 256  # samples, the script's and the card's
SECONDS = 5.0  # of the mix
RING_MS = 1000  # so that no answer is late on a busy machine
PROGRAM_S = 60.0  # for SuperCollider to start, play and end: 9 s on an idle machine
SOON_S = 20.0  # for a live one to get there; 3 s on an idle machine
LATENCY = 2418  # samples, of a1-live at 48 kHz
SAY = "/test/say"  # what a test says to sclang is run there


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The surroundings of a SuperCollider: a dummy card of its own, no screen, a home that is empty."""
    for program, package in (
        ("sclang", "supercollider-language"),
        ("scsynth", "supercollider-server"),
        ("jackd", "jackd2"),
    ):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} (Debian package {package})")
    home, name = tmp_path_factory.mktemp("home"), f"bassnet-sc-{os.getpid()}"
    env = {
        **os.environ,
        **{"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "QT_QPA_PLATFORM": "offscreen"},
        "QTWEBENGINE_DISABLE_SANDBOX": "1",  # sclang's help browser does not start as root otherwise
        **{"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"},
    }
    dummy = ["-d", "dummy", "-r", str(RATE), "-p", str(BLOCK)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    jack = subprocess.Popen(["jackd", "-r", *dummy], env=env, **quiet)  # type: ignore[call-overload]
    try:
        subprocess.run(["jack_wait", "-w", "-t", "10"], env=env, check=True, **quiet)  # type: ignore[call-overload]
        yield env
    finally:
        jack.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            jack.wait(10.0)
        jack.kill()
        jack.wait()
        for left in Path("/dev/shm").glob(f"jack*{name}_*"):  # by a client that has lost its server
            left.unlink()


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


class SuperCollider:
    """sclang with that file, and all that it starts, from `with` on; what they print is kept."""

    def __init__(self, place: dict[str, str], file: Path, *words: str) -> None:
        self._env, self.port = place, free_port()
        self._command = ["sclang", "-u", str(self.port), str(file), *words]
        self._printed = Path(place["HOME"]) / f"printed-{self.port}"

    def __enter__(self) -> SuperCollider:
        with self._printed.open("wb") as out:
            self.process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):  # scsynth and the help browser are in its group
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def printed(self) -> str:
        """All of it, until now."""
        return self._printed.read_text(errors="replace")

    def say(self, code: str) -> None:
        """Runs that line there."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(wire.encode(SAY, code), (HOST, self.port))


def rendered(
    place: dict[str, str], server: ServerProcess, mix: np.ndarray, folder: Path, *words: str
) -> tuple[np.ndarray, str]:
    """From a file to a file; and what was printed."""
    files = folder / "mix.wav", folder / "bass.wav"
    soundfile.write(files[0], mix, RATE, subtype="FLOAT")
    options = [f"mix={files[0]}", f"out={files[1]}", f"port={server.port}", f"scsynth={free_port()}"]
    with SuperCollider(place, SCRIPT, *options, f"ring={RING_MS}", *words) as supercollider:
        with contextlib.suppress(subprocess.TimeoutExpired):
            supercollider.process.wait(PROGRAM_S)
        printed = supercollider.printed()
        assert supercollider.process.poll() == 0, printed[-1000:]
    bass, rate = soundfile.read(files[1], dtype="float32")
    assert rate == RATE and "answers, 0 late" in printed
    return bass, printed


def test_a_file_through_scsynth_is_sample_true(
    place: dict[str, str], server: ServerProcess, tmp_path: Path
) -> None:
    """What scsynth played, less its ring, is the offline bass: no sample moved, none changed."""
    blocks, bundle = mix_blocks(BLOCK, SECONDS), Bundle.load(MODEL)
    heard, printed = rendered(place, server, np.concatenate(blocks), tmp_path)
    expected = offline(bundle, blocks)
    assert np.abs(expected).max() > 0.1 and lag_samples(heard, expected) == 0
    np.testing.assert_array_equal(heard, expected)
    ring = RING_MS * RATE // 1000
    assert f"lies {LATENCY + ring} samples after the mix, of which {ring} are the ring" in printed


def test_two_channels_z_and_a_part_of_a_block(
    place: dict[str, str], server: ServerProcess, tmp_path: Path
) -> None:
    """Channels are averaged, z holds from the beginning, and the last block is filled with silence."""
    blocks, bundle = mix_blocks(BLOCK, 2.0), Bundle.load(MODEL)
    mix, z = np.concatenate(blocks)[:-100], (0.5, -1.0)
    blocks[-1][-100:] = 0.0
    stereo = np.stack([2.0 * mix, np.zeros_like(mix)], axis=1)
    heard, _ = rendered(place, server, stereo, tmp_path, f"z={z[0]},{z[1]}")
    live = LiveZ(bundle.spec, *bundle.z_home)
    live.set(*z)
    voice = Voice(bundle, RATE, live)
    expected = np.concatenate([voice.process(block) for block in blocks])[: len(mix)]
    np.testing.assert_array_equal(heard, expected)
    assert steps_db(heard) < -40.0


def test_the_mix_lies_under_the_bass(place: dict[str, str], server: ServerProcess, tmp_path: Path) -> None:
    """`dry` is delayed by the offset: together they are as the server heard them."""
    mix = np.concatenate(mix_blocks(BLOCK, 1.0))
    heard, _ = rendered(place, server, mix, tmp_path, "dry=1", "bass=0")
    np.testing.assert_array_equal(heard[LATENCY:], mix[:-LATENCY])
    assert not heard[:LATENCY].any()


def live(folder: Path) -> Path:
    """The script, and an ear for what a test says."""
    file = folder / "live.scd"
    file.write_text(f'OSCFunc({{ |m| m[1].asString.interpret }}, "{SAY}"); "{SCRIPT}".load;')
    return file


def is_soon(look: Callable[[], object]) -> bool:
    """Whether it is true within SOON_S."""
    return bool(wait_for(look, SOON_S))


def test_live_with_a_window(place: dict[str, str], server: ServerProcess, tmp_path: Path) -> None:
    """As in the IDE: the card is heard, and the page's lines move z, params and model, and end it."""
    [lines] = re.findall(r"```supercollider\n(.*?)```", PAGE.read_text(), re.DOTALL)
    first, *others, last = lines.splitlines()

    def session() -> dict[str, Any]:
        sessions = [one for one in ask(HOST, server.port)["sessions"] if one["client"] == "sc-live"]
        return sessions[0] if sessions else {"blocks_in": 0}

    words = ["name=sc-live", f"port={server.port}", "ring=500"]
    with SuperCollider(place, live(tmp_path), *words) as supercollider:
        assert is_soon(lambda: session()["blocks_in"] > 100), supercollider.printed()[-1000:]
        supercollider.say(first)
        assert is_soon(lambda: session()["z"] == [0.5, -1.0])
        for line in others[:-1]:
            supercollider.say(line)
        assert is_soon(lambda: session()["z"][0] not in (0.5, session()["z"][0]))  # it keeps moving
        supercollider.say(others[-1])
        supercollider.say('~param.("timbre", "kazoo"); ~model.("a2-live")')
        assert is_soon(lambda: session()["model"] == "a2-live")
        assert is_soon(lambda: "refused param/timbre: timbre must be" in supercollider.printed())
        assert supercollider.printed().count("refused") == 1
        supercollider.say(last)
        assert is_soon(lambda: session() == {"blocks_in": 0})
        assert is_soon(lambda: "answers, 0 late" in supercollider.printed())


def test_a_server_that_comes_later(place: dict[str, str], tmp_path: Path) -> None:
    """The script waits; a server that was restarted is told z again and goes on; Cmd-period says bye."""
    port = free_port()

    def sessions() -> list[dict[str, Any]]:
        return list(ask(HOST, port)["sessions"])

    def z() -> object:
        return [one["z"] for one in sessions() if one["blocks_in"] > 50]

    with SuperCollider(place, live(tmp_path), f"port={port}", "z=1,-1", "ring=500") as supercollider:
        assert is_soon(lambda: f"offline: no server at 127.0.0.1:{port}" in supercollider.printed())
        for n in range(2):
            with ServerProcess(port=port):
                assert is_soon(lambda: z() == [[1.0, -1.0]]), supercollider.printed()[-1000:]
                if n == 1:
                    supercollider.say("CmdPeriod.run")
                    assert is_soon(lambda: sessions() == [])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ring=2501"], "ring must be in ms, more than 0 and at most 2500; got 2501: try ring=60"),
        (["ring=0"], "ring must be in ms, more than 0 and at most 2500; got 0: try ring=60"),
        (["ring=long"], "ring must be in ms, more than 0 and at most 2500; got long: try ring=60"),
        (["mix=m.wav", "out=b.wav"], "mix must be a file; got m.wav: check its name"),
        (["mix=m.wav"], "mix= and out= must come together; got only mix=m.wav: add out=bass.wav"),
        (["out=b.wav"], "mix= and out= must come together; got only out=b.wav: add mix=mix.wav"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_played_is_refused_before_scsynth_starts(
    place: dict[str, str], words: list[str], told: str
) -> None:
    with SuperCollider(place, SCRIPT, *words) as supercollider:
        supercollider.process.wait(PROGRAM_S)
        assert supercollider.process.returncode == 1
    lines = supercollider.printed().splitlines()
    assert [line for line in lines if line.startswith("BassNet")] == [f"BassNet: {told}"]
    assert not any("ERROR" in line or "Booting" in line for line in lines)


def test_the_token_is_said_at_each_welcome_and_the_choices_twice(
    place: dict[str, str], tmp_path: Path
) -> None:
    """A ping may be lost, and a choice before it; of what others choose later nothing is taken back."""
    heard: list[wire.Message] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as fake:
        fake.bind((HOST, 0))
        fake.settimeout(PROGRAM_S)
        words = ["z=1,-1", f"port={fake.getsockname()[1]}", "ring=500"]
        with SuperCollider(place, live(tmp_path), *words):
            for token in (5, 5, 5, 5, 6, 6, 6):
                source = heard_until(fake, "/bassnet/hello", heard)
                fake.sendto(wire.encode("/bassnet/welcome", 1, token, LATENCY, MODEL, "", ""), source)
            heard_until(fake, "/bassnet/hello", heard)
    assert [m.args for m in heard if m.address == "/bassnet/ping"] == [(t,) for t in (5, 5, 5, 5, 6, 6, 6)]
    said = [m.address for m in heard if m.address in ("/bassnet/ping", "/bassnet/z")]
    first, again = ["/bassnet/ping", "/bassnet/z"] * 2, ["/bassnet/ping"]
    assert said == first + 2 * again + first + again
    assert {m.args for m in heard if m.address == "/bassnet/z"} == {(1.0, -1.0)}


def heard_until(fake: socket.socket, address: str, heard: list[wire.Message]) -> tuple[str, int]:
    """Keeps what comes, without the blocks, until such a message; its source."""
    while True:
        datagram, source = fake.recvfrom(wire.MAX_DATAGRAM)
        if wire.address_of(datagram) != "/bassnet/audio/in":
            heard.append(wire.decode_message(datagram))
            if heard[-1].address == address:
                return source
