"""The sound card's door with PortAudio: which devices it takes, and a stream through JACK's dummy card."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from server_process import ServerProcess, wait_for

from bassnet_osc import wire
from bassnet_osc.cli import main
from bassnet_osc.line import Line
from bassnet_osc.sound_card import SoundCard, listing
from bassnet_osc.spec import BassNetError
from bassnet_osc.status import ask

RATE, BLOCK = 48_000, 1024
HERE = Path(__file__).parent
PASS_ON = """
import sys, time, sounddevice
def callback(taken, given, *_):
    given[:] = taken
block = int(sys.argv[1])
with sounddevice.Stream(device="system", channels=2, dtype="float32", blocksize=block, callback=callback):
    print("ready", flush=True)
    time.sleep(60)
"""


class PortAudioError(Exception):
    """As sounddevice's."""


def device(index: int, name: str, n_in: int, n_out: int, rate: float = 48_000.0) -> dict[str, Any]:
    latencies = {f"default_low_{side}_latency": 0.01 for side in ("input", "output")}
    channels = {"max_input_channels": n_in, "max_output_channels": n_out}
    return {"index": index, "name": name, "hostapi": 0, "default_samplerate": rate, **latencies, **channels}


DEVICES = [
    device(0, "Card: Analog (hw:0,0)", 18, 20),
    device(1, "Microphone", 1, 0),
    device(2, "Loudspeaker", 0, 2, 44_100.0),
    device(3, "Slow", 2, 2, 4000.0),
]


class FakePortAudio(SimpleNamespace):
    """In place of sounddevice, with these devices."""

    PortAudioError = PortAudioError
    default = SimpleNamespace(device=(1, 2))

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self, key: int | str | None = None, kind: str | None = None) -> Any:
        if kind is None:
            return DEVICES
        if key is None:
            key = self.default.device[kind == "output"]
        found = [d for d in DEVICES if key == d["index"] or (isinstance(key, str) and key in d["name"])]
        if not found or not found[0][f"max_{kind}_channels"]:
            raise ValueError(f"No {kind} device\nmatching {key!r}")
        return found[0]

    def check_input_settings(self, **settings: Any) -> None:
        if settings["device"] == 1 and settings["samplerate"] != 48_000:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    def check_output_settings(self, **settings: Any) -> None:
        pass


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio())  # type: ignore[arg-type]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    "words, devices, channels, rate",
    [
        ("0", (0, 0), (2, 2), 48_000),
        ("1,0", (1, 0), (1, 2), 48_000),
        ("Micro, Analog", (1, 0), (1, 2), 48_000),
        ("Card: Analog,Loud", (0, 2), (2, 2), 44_100),
        ("Card: Analog (hw:0,0)", (0, 0), (2, 2), 48_000),
        ("default,0", (1, 0), (1, 2), 48_000),
    ],
)
def test_devices_by_index_and_name(
    words: str, devices: tuple[int, int], channels: tuple[int, int], rate: int
) -> None:
    """Two channels at most, and the rate of the output."""
    card = SoundCard.find(words, 256)
    assert (card.devices, card.channels, card.sample_rate) == (devices, channels, rate)
    assert card.block_size == 256


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    "words, block, said",
    [
        (
            "0,1,2",
            256,
            "must be IN,OUT or one device for both; got '0,1,2': of a name with a comma, give a part",
        ),
        ("0,", 256, "must be IN,OUT or one device for both; got '0,'"),
        (
            "9",
            256,
            r"must name an input that is there; got '9' \(No input device matching 9\): see `bassnet dev",
        ),
        ("0,1", 256, "must name an output that is there; got '1'"),
        (
            "1,2",
            256,
            r"must be two devices of one host API.*'Microphone' and 'Loudspeaker' at 44100 Hz \(Invalid",
        ),
        ("3", 256, "rate must be 8000 to 192000 Hz; got 4000: set another one in the system"),
        ("0", 8, "--block must be 16 to 1024 samples; got 8: take one between"),
        ("0", 2048, "--block must be 16 to 1024 samples; got 2048: take one between"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(words: str, block: int, said: str) -> None:
    with pytest.raises(BassNetError, match=said) as refusal:
        SoundCard.find(words, block)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("fake")
def test_the_list_marks_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == 0
    heading, card, microphone, loudspeaker, _ = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        "index",
        "name",
        "host",
        "API",
        "in",
        "out",
        "rate",
        "latency",
        "in/out",
        "default",
    ]
    assert card.split() == [
        "0",
        "Card:",
        "Analog",
        "(hw:0,0)",
        "ALSA",
        "18",
        "20",
        "48000",
        "Hz",
        "10.0",
        "/",
        "10.0",
        "ms",
    ]
    assert microphone.endswith("48000 Hz  10.0 / 10.0 ms  in") and loudspeaker.endswith("ms  out")


@pytest.mark.parametrize("words", [["devices"], ["serve", "--port", "0", "--device", "0"]])
def test_without_the_package_there_is_one_clear_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "sound cards need sounddevice and PortAudio; " in said and said.count("\n") == 1
    assert "pip install 'bassnet-osc[device]', and on Debian apt-get install libportaudio2" in said


@pytest.mark.usefixtures("needs_portaudio")
def test_the_list_of_this_machine_can_be_had() -> None:
    assert listing()[0][0] == "index"


@pytest.mark.usefixtures("needs_portaudio")
def test_an_index_beyond_all_numbers_is_none_that_is_there() -> None:
    with pytest.raises(BassNetError, match="must name an input that is there; got '9999"):
        SoundCard.find("9" * 20, 256)


# --- a real stream -----------------------------------------------------------------------------------


@pytest.fixture
def jack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, needs_portaudio: None
) -> Generator[subprocess.Popen[bytes]]:
    """A JACK server without a sound card, for this test alone."""
    if shutil.which("jackd") is None or shutil.which("jack_connect") is None:
        pytest.skip("needs JACK (Debian package jackd2)")
    name = f"bassnet-{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    monkeypatch.setenv("JACK_NO_AUDIO_RESERVATION", "1")
    place = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    dummy = ["-d", "dummy", "-r", str(RATE), "-p", str(BLOCK), "-C", "2", "-P", "2"]
    with (tmp_path / "jackd").open("wb") as said:
        server = subprocess.Popen(["jackd", "-S", "-r", *dummy], env=place, stdout=said, stderr=said)
    wait = ["jack_wait", "-w", "-t", "10"]
    try:
        assert subprocess.run(wait, capture_output=True).returncode == 0, (tmp_path / "jackd").read_text()
        yield server
    finally:
        server.terminate()
        server.wait(10.0)
        for left in Path("/dev/shm").glob(f"jack*{name}_*"):  # by a client that has lost its server
            left.unlink()


def z_of(port: int) -> list[float]:
    """Of the only session."""
    [session] = ask("127.0.0.1", port)["sessions"]
    return list(session["z"])


def recorded(mix: Any, folder: Path) -> Any:
    """What another program records while it plays this into the ports of whoever is there."""
    files = folder / "mix.npy", folder / "recorded.npy"
    np.save(files[0], mix)
    subprocess.run([sys.executable, HERE / "card_player.py", *files, str(BLOCK)], check=True, timeout=60.0)
    return np.load(files[1])


def own_offset(folder: Path) -> int:
    """Samples that card and wires take, where a program in BassNet's place gives what it is given."""
    with subprocess.Popen([sys.executable, "-c", PASS_ON, str(BLOCK)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        [offset] = set(attacks(recorded(clicks(1), folder), 1))
        process.terminate()
    return offset


def clicks(seconds: int) -> Any:
    """A short burst each second, from half a second on, at a frame's position each."""
    mix = np.zeros(seconds * RATE, np.float32)
    for second in range(seconds):
        mix[second * RATE + RATE // 2 :][: RATE // 50] = 0.5
    return mix


def attacks(bass: Any, seconds: int) -> list[int]:
    """Where the bass begins within each second, counted from the click in it; without those that miss."""
    loud = np.abs(bass) > 0.1 * np.abs(bass).max()
    found = [np.flatnonzero(loud[s * RATE + RATE // 2 :][: RATE // 2]) for s in range(seconds)]
    return [int(places[0]) for places in found if len(places)]


def test_a_stream_through_a_sound_card(
    jack: subprocess.Popen[bytes], probe_folder: Path, tmp_path: Path
) -> None:
    """Clicks go in by one wire and come back by another one, at the offset that is stated and the card's own;
    z moves over OSC meanwhile; the counts are in the report; a lost card ends the server with a word.
    """
    seconds = 6
    wires = own_offset(tmp_path)
    options = ["--device", "system,system", "--block", str(BLOCK), "--oscquery", "0"]
    with ServerProcess(str(probe_folder), *options) as server:
        bass = recorded(clicks(seconds), tmp_path)
        with contextlib.closing(Line("127.0.0.1", server.port)) as line:
            line.send(wire.encode("/bassnet/z", 0.5, -0.25))
            assert wait_for(lambda: z_of(server.port) == [0.5, -0.25], 5.0)
        told = ask("127.0.0.1", server.port)
        ledger = server.log()
        jack.terminate()
        assert wait_for(lambda: not server.is_alive, 15.0) and server.process.returncode == 2
    assert "bassnet: the sound card must ask for sound; it has not for 2 s: see" in server.log()

    [session] = told["sessions"]
    assert (session["client"], session["sample_rate"], session["block_size"]) == ("device", RATE, BLOCK)
    card = told["device"]
    assert card["callbacks"] > seconds * RATE / BLOCK and card["skipped"] == 0
    assert json.dumps(card) and {"input_overflows", "output_underflows", "missed"} <= set(card)
    stated = session["latency_samples"] + card["ring_samples"]
    assert f"{stated} samples" in ledger and "sound card system -> system, blocks of 1024" in ledger

    found = attacks(bass, seconds)
    assert len(found) >= seconds - 2  # a busy machine may have the card lose something
    beside = np.median(found) - wires - stated
    assert -0.010 * RATE <= beside <= 0.003 * RATE, (found, wires)  # the grain of a frame; 1.5 ms measured
