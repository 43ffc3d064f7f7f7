"""The commands as a person types them: what they print, and how they end."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bassnet_osc import bundle, doctor, render, runtimes, server
from bassnet_osc.cli import main
from bassnet_osc.sound import DEFAULT_SOUND, Sound


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    """A second of A at 48 kHz."""
    soundfile.write(tmp_path / "mix.wav", 0.5 * np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000), 48_000)
    return tmp_path / "mix.wav"


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    """The one line with which a command ends in exit code 2."""
    assert main([str(word) for word in words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("bassnet: ") and printed.err.count("\n") == 1
    return printed.err


def test_render_writes_and_says_so(mix: Path, probe_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bass, midi, picture = (mix.with_name(name) for name in ("bass.flac", "bass.mid", "bass.png"))
    outputs = ["-o", bass, "--midi", midi, "--plot", picture]
    words = ["render", mix, *outputs, "--z", "-1,2", "--model", probe_folder]
    assert main([str(word) for word in words]) == 0
    assert sorted(mix.parent.iterdir()) == sorted([mix, bass, midi, picture])
    assert soundfile.info(bass).frames == 48_000
    assert f"{bass}: 1.0 s at 48000 Hz" in capsys.readouterr().out


def test_render_tells_what_it_resampled(
    mix: Path, probe_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = mix.with_name("other.wav")
    soundfile.write(other, np.zeros(10), 44_100)
    words = ["render", mix, other, "-o", mix.with_name("bass.wav"), "--model", probe_folder]
    assert main([str(word) for word in words]) == 0
    assert f"{other}: 44100 Hz, resampled to 48000 Hz" in capsys.readouterr().out


def test_render_tells_of_clipping(
    mix: Path, probe_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["render", str(mix), "-o", str(mix.with_name("bass.wav")), "--model", str(probe_folder)]
    for peak, line in [(1.0, None), (2.0, "clipped, the peaks were 6.0 dB above full scale")]:
        played = np.full(48_000, peak, np.float32)
        monkeypatch.setattr(render, "aligned", lambda *_, played=played: iter([played]))
        assert main(words) == 0
        told = capsys.readouterr().out.splitlines()
        assert len(told) == (1 if line is None else 2)
        assert line is None or told[-1].endswith(f"bass.wav: {line}")


def test_render_tells_what_the_grid_took(
    mix: Path, probe_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    midi = mix.with_name("bass.mid")
    music = ["--bpm", "97", "--quantise", "1/16", "--octave", "-1"]
    words = ["render", mix, "-o", mix.with_name("bass.wav"), "--midi", midi, *music, "--model", probe_folder]
    assert main([str(word) for word in words]) == 0
    told = capsys.readouterr().out.splitlines()[1]
    assert re.fullmatch(
        rf"{re.escape(str(midi))}: \d+ notes on the 1/16 grid at 97 BPM, \d+ more merged .*", told
    )


@pytest.mark.parametrize(
    "words", [["render", "NAME", "-o", "b.wav"], ["render", "a.wav", "-o", "NAME"], ["demo", "--out", "NAME"]]
)
def test_a_name_that_is_no_text_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([word.replace("NAME", "caf\udce9.wav") for word in words])
    assert ended.value.code == 2
    assert r"a file name must be UTF-8, got 'caf\udce9.wav'" in capsys.readouterr().err


def test_bad_input_is_one_line_and_exit_2(
    mix: Path, probe_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bass = mix.with_name("bass.wav")
    letter = mix.with_name("letter.wav")
    letter.write_text("Dear reader")
    curve = mix.with_name("z.csv")
    curve.write_text("seconds,x,y\n0,1\n")
    for rule, words in {
        "no such file": ["missing.wav", "-o", bass],
        r"two\nlines.wav: no such file": ["two\nlines.wav", "-o", bass],
        "cannot be read as sound": [letter, "-o", bass],
        "is an input": [mix, "-o", mix],
        "does not exist": [mix, "-o", mix.parent / "nowhere" / "bass.wav"],
        "extension chooses its format": [mix, "-o", mix.with_name("bass.mp3")],
        "installed name": [mix, "-o", bass, "--model", "no-such-model"],
        "two numbers X,Y; got 'loud'": [mix, "-o", bass, "--model", probe_folder, "--z", "loud"],
        "z must lie in": [mix, "-o", bass, "--model", probe_folder, "--z", "-1e3,0"],
        "got 1/8 alone: add --bpm": [mix, "-o", bass, "--midi", "b.mid", "--quantise", "1/8"],
        "got '1/7'": [mix, "-o", bass, "--midi", "b.mid", "--bpm", "99", "--quantise", "1/7"],
        "bpm must lie in 20 .. 400": [mix, "-o", bass, "--midi", "b.mid", "--bpm", "1000"],
        "add --midi FILE": [mix, "-o", bass, "--bpm", "99"],
        "octave must lie in": [mix, "-o", bass, "--octave", "-99"],
        "timbre must be one of finger": [mix, "-o", bass, "--timbre", "tuba"],
        "tuning must lie in 400 .. 480 Hz; got 100": [mix, "-o", bass, "--tuning", "100"],
        "gate must lie in": [mix, "-o", bass, "--gate", "-99"],
        "must be three numbers": [mix, "-o", bass, "--model", probe_folder, "--z-file", curve],
    }.items():
        assert rule in refused(capsys, "render", *words)
    assert sorted(mix.parent.iterdir()) == sorted([mix, letter, curve])


def test_a_damaged_model_is_named(
    mix: Path, probe_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = shutil.copytree(probe_folder, tmp_path / "damaged")
    (damaged / "decoder.onnx").write_bytes((damaged / "decoder.onnx").read_bytes()[:-1] + b"?")
    error = refused(capsys, "render", mix, "-o", mix.with_name("bass.wav"), "--model", damaged)
    assert "decoder.onnx" in error and "sha256" in error


def test_an_interruption_ends_with_130(
    mix: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(render, "render", interrupted)
    assert main(["render", str(mix), "-o", "bass.wav"]) == 130
    assert capsys.readouterr().err == "bassnet: interrupted\n"


def test_both_doors_take_the_whole_sound(mix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[Sound] = []

    def told(*words: object, sound: Sound = DEFAULT_SOUND, **_: object) -> None:
        options = next((word for word in words if isinstance(word, server.Options)), None)
        played.append(options.sound if options else sound)
        raise KeyboardInterrupt

    monkeypatch.setattr(render, "render", told)
    monkeypatch.setattr(server, "run", told)
    monkeypatch.setattr(bundle.Bundle, "load", lambda *_: None)
    words = ["--timbre", "slap", "--octave", "-1", "--tuning", "442", "--gate", "-30", "--gain", "-6"]
    for door in (["render", str(mix), "-o", "bass.wav"], ["serve"]):
        for options in (words, []):
            assert main([*door, *options]) == 130
    assert played == [Sound("slap", -1, 442.0, -30.0, -6.0), Sound()] * 2
    assert main(["serve", "--timbre", "tuba"]) == 2


@pytest.mark.parametrize("words", [[], ["sing"], ["render", "mix.wav"], ["serve", "--port", "70000"]])
def test_wrong_words_end_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: bassnet" in capsys.readouterr().err


def test_models_lists_what_is_installed(
    probe_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bundle, "MODELS", probe_folder.parent)
    assert main(["models"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "name" and "latency at 48 kHz" in head
    for cell in ("probe", "live", "50.4 ms", "MIT"):
        assert cell in row


def test_serve_prints_its_ledger_and_ends_cleanly_on_ctrl_c(probe_folder: Path) -> None:
    options = ["--port", "0", "--model", str(probe_folder), "--provider", "cpu"]
    command = [sys.executable, "-m", "bassnet_osc", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        printed = []
        for line in server.stdout:
            printed.append(line)
            if "listening on 127.0.0.1:" in line:
                break
        server.send_signal(signal.SIGINT)
        rest, error = server.communicate(timeout=30)
    ledger = "".join(printed)
    assert server.returncode == 0
    assert rest == "" and "Traceback" not in error
    assert "model probe on CPUExecutionProvider\nprovider cpu: as asked for\n" in ledger
    for part in ("resampler", "window", "frame", "together"):
        assert part in ledger
    assert "2418 samples" in ledger


def test_a_port_in_use_is_told(probe_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        assert port in refused(capsys, "serve", "--port", port, "--model", probe_folder)


def killed(command: list[str], is_busy: Callable[[], bool], number: signal.Signals) -> tuple[int, str]:
    """Exit code and stderr of a command that gets a signal once it is busy."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while not is_busy() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        _, error = process.communicate(timeout=30)
    return process.returncode, error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_killed_rendering_leaves_nothing(tmp_path: Path, probe_folder: Path, name: str) -> None:
    mix = tmp_path / "mix.wav"
    soundfile.write(mix, np.zeros(600 * 8_000), 8_000)  # minutes of work
    command = ["render", str(mix), "-o", str(tmp_path / "bass.wav"), "--model", str(probe_folder)]
    code, error = killed(
        [sys.executable, "-m", "bassnet_osc", *command],
        lambda: any(tmp_path.glob(".bass.wav.*")),
        signal.Signals[name],
    )
    assert (code, error) == (130, "bassnet: interrupted\n")
    assert list(tmp_path.iterdir()) == [mix]


DEMO = """
import sys
from functools import partial
from bassnet_osc import cli, demo_run
demo_run.run_demo = partial(demo_run.run_demo, model=sys.argv[1])
demo_run._free_port = lambda: int(sys.argv[2])
sys.exit(cli.main(["demo", "--out", sys.argv[3]]))
"""


def is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")
def test_a_killed_demo_ends_its_server(tmp_path: Path, probe_folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", DEMO, str(probe_folder), str(port), str(tmp_path / "out")]
    code, error = killed(command, lambda: is_taken(port), signal.SIGTERM)
    assert (code, error) == (130, "bassnet: interrupted\n")
    assert not is_taken(port)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_the_doctor_prints_its_lines_and_its_exit_code(
    ok: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[object, ...]] = []
    checks = [doctor.Check("port", ok, "what was found", "" if ok else "what to do")]
    monkeypatch.setattr(doctor, "examine", lambda *options: asked.append(options) or checks)
    assert main(["doctor", "--port", "7", "--model", "m", "--provider", "cpu"]) == code
    assert asked == [("m", "127.0.0.1", 7, "cpu")]
    assert capsys.readouterr().out == doctor.in_words(checks) + "\n"


def test_serve_tells_of_packages_that_shadow_each_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, probe_folder: Path
) -> None:
    monkeypatch.setattr(runtimes, "shadow_warning", lambda: "two of them: pip uninstall -y both")
    monkeypatch.setattr(server, "run", lambda *_: None)
    assert main(["serve", "--model", str(probe_folder), "--provider", "cpu"]) == 0
    assert "two of them: pip uninstall -y both" in caplog.messages
