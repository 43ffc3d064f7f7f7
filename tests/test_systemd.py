"""The systemd unit: what it promises, and that systemd understands it."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

import bassnet_osc
from bassnet_osc.arguments import parse

UNIT = Path(bassnet_osc.__file__).parent / "systemd" / "bassnet.service"


@pytest.fixture
def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(UNIT.read_text(encoding="utf-8"))
    return parsed


def test_it_serves_with_options_that_exist(unit: configparser.ConfigParser) -> None:
    words = unit["Service"]["ExecStart"].split()
    assert words[:2] == ["/usr/bin/env", "bassnet"]
    assert parse(words[2:]).command == "serve"


def test_it_comes_back_from_a_crash_and_not_from_a_wrong_option(unit: configparser.ConfigParser) -> None:
    from bassnet_osc.cli import EXIT_BAD_INPUT

    service = unit["Service"]
    assert service["Restart"] == "on-failure" and service["KillSignal"] == "SIGTERM"
    assert service["RestartPreventExitStatus"] == str(EXIT_BAD_INPUT)
    assert int(service["TimeoutStopSec"]) > 5  # engine.STOP_TIMEOUT
    assert int(unit["Unit"]["StartLimitBurst"]) and int(unit["Unit"]["StartLimitIntervalSec"])


def test_it_may_do_little(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    on = ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "RestrictRealtime", "DynamicUser")
    assert {key: service[key] for key in on} == dict.fromkeys(on, "yes")
    assert service["ProtectSystem"] == "strict" and service["CapabilityBoundingSet"] == ""
    assert service["IPAddressDeny"] == "any" and service["IPAddressAllow"] == "localhost"
    assert service["MemoryMax"] == "1G" and int(service["TasksMax"]) <= 64


def test_no_hint_needs_rights(unit: configparser.ConfigParser) -> None:
    assert not {"Nice", "CPUSchedulingPolicy", "IOSchedulingClass", "LimitRTPRIO"} & set(unit["Service"])
    assert 100 < int(unit["Service"]["CPUWeight"]) <= 10_000


def test_systemd_understands_it() -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("needs systemd-analyze (Debian package systemd)")
    run = subprocess.run([analyze, "verify", str(UNIT)], capture_output=True, text=True, check=False)
    said = run.stdout + run.stderr
    if "Failed to initialize manager" in said or "Failed to lookup" in said:
        pytest.xfail(f"systemd-analyze cannot work here: {said.strip()}")
    assert run.returncode == 0 and "bassnet.service" not in said
