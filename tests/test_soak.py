"""A short soak: 20 s of stream as fast as the answers come, the same samples as offline."""

from __future__ import annotations

import math
import sys

import pytest
from server_process import ServerProcess
from soak import Soak, soak

SECONDS = 20.0  # of audio

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads memory from Linux's /proc")


@pytest.fixture(scope="module")
def soaked() -> Soak:
    with ServerProcess() as server:
        return soak(server, SECONDS, math.inf)


def test_a_soak_keeps_every_promise(soaked: Soak) -> None:
    """All blocks answered in order with the offline samples, over seq's wrap; memory measured: +0.6 MB."""
    assert not soaked.broken(), soaked.table()
    assert soaked.seconds == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize(
    "fault", [{"n_answered": 1}, {"n_astray": 1}, {"n_different": 1}, {"lags": (0, 1)}, {"late": 1.0}]
)
def test_a_fault_is_told(soaked: Soak, fault: dict[str, object]) -> None:
    faulty = Soak(**(vars(soaked) | fault))
    assert len(faulty.broken()) == 1
