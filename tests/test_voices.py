"""A session's voice has the latency that was asked for: by its hello, or else by the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from bassnet_osc.bundle import Bundle
from bassnet_osc.cli import main
from bassnet_osc.hello import Hello
from bassnet_osc.latent import LiveZ
from bassnet_osc.session import Session
from bassnet_osc.sound import DEFAULT_SOUND
from bassnet_osc.spec import BassNetError
from bassnet_osc.voices import target_samples, voice_maker

OWN = 2418  # samples at 48 kHz that the live models need


@pytest.fixture(scope="module")
def probe(probe_folder: Path) -> Bundle:
    return Bundle(probe_folder, "cpu")


def latency(probe: Bundle, of_server: float | None, of_hello: float | None, rate: int = 48_000) -> int:
    hello = Hello("max", 0, rate, 256, "f", latency_target_ms=of_hello)
    make_voice = voice_maker(DEFAULT_SOUND, None, of_server, None)
    session = Session(1, 1, ("127.0.0.1", 1), hello, probe, LiveZ(probe.spec), make_voice)
    parts = session.voice.latency_parts
    assert sum(parts.values()) == pytest.approx(1e3 * session.voice.latency_samples / rate, abs=0.05)
    return session.voice.latency_samples


@pytest.mark.parametrize(
    ("of_server", "of_hello", "samples"),
    [(None, None, OWN), (60.0, None, 2880), (None, 75.0, 3600), (60.0, 75.0, 3600), (60.0, 51.0, 2448)],
)
def test_the_hellos_target_goes_before_the_servers(
    probe: Bundle, of_server: float | None, of_hello: float | None, samples: int
) -> None:
    assert latency(probe, of_server, of_hello) == samples


@pytest.mark.parametrize("rate", [8000, 44_100, 96_000])
def test_a_target_is_the_same_time_at_every_rate(probe: Bundle, rate: int) -> None:
    assert latency(probe, 60.0, None, rate) == target_samples(60.0, rate) == round(0.06 * rate)


def test_what_no_model_keeps_is_refused(
    probe: Bundle, probe_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BassNetError, match=r"latency target must be at least .* 50.4 ms; got 50.0 ms"):
        latency(probe, None, 50.0)
    for bad in (0.0, -1.0, 2501.0):
        with pytest.raises(BassNetError, match="latency_target_ms must be above 0 and at most 2500"):
            Hello("max", 0, 48_000, 256, "f", latency_target_ms=bad)
    for target in ("1", "0"):
        assert main(["serve", "--port", "0", "--model", str(probe_folder), "--latency-target", target]) == 2
        assert "latency" in capsys.readouterr().err
