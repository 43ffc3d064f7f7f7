"""Threads for the cores that there are, one for a device, and a core left to the socket's loop."""

from __future__ import annotations

import os

import pytest

from bassnet_osc.cores import n_cores, n_live_threads_for, n_threads_for

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("cores", "offline", "live"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 4, 4), (64, 4, 4)]
)
def test_threads_by_cores(monkeypatch: pytest.MonkeyPatch, cores: int, offline: int, live: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    assert (n_cores(), n_threads_for(CPU), n_live_threads_for(CPU)) == (cores, offline, live)
    assert n_threads_for(CUDA) == n_live_threads_for(CUDA) == 1


def test_where_there_is_no_affinity_the_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert n_cores() == 3
