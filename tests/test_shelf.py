"""Models are loaded once, beside the sound, and what fails is told to all who wait."""

from __future__ import annotations

import queue
import threading
from pathlib import Path
from typing import Any

import pytest

from bassnet_osc import shelf as module
from bassnet_osc.bundle import Bundle, installed
from bassnet_osc.shelf import Shelf

PATIENCE = 20.0  # seconds


class Posts:
    """What a loop would run in its thread, run when told to."""

    def __init__(self) -> None:
        self._calls: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def __call__(self, function: Any, *args: Any) -> None:
        self._calls.put((function, *args))

    def run(self) -> None:
        function, *args = self._calls.get(timeout=PATIENCE)
        function(*args)


@pytest.fixture
def shelf(probe_folder: Path) -> tuple[Shelf, Posts]:
    posts = Posts()
    return Shelf(Bundle(probe_folder, "cpu"), "cpu", posts), posts


def test_the_first_model_is_there_and_all_installed_ones_have_names(shelf: tuple[Shelf, Posts]) -> None:
    had: list[Any] = []
    shelf[0].fetch("probe", had.append)
    assert had == [shelf[0].default]
    assert shelf[0].names == sorted(["probe", *installed()])


def test_a_model_is_loaded_once_in_another_thread_and_warm(
    shelf: tuple[Shelf, Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, warmed = [], []
    load, warm_up = Bundle.load, Bundle.warm_up
    monkeypatch.setattr(Bundle, "load", lambda *args: loads.append(threading.current_thread()) or load(*args))
    monkeypatch.setattr(Bundle, "warm_up", lambda self: warmed.append(self) or warm_up(self))
    had: list[Any] = []
    for _ in range(3):
        shelf[0].fetch("a1-live", had.append)
    assert not had
    shelf[1].run()
    shelf[0].fetch("a1-live", had.append)
    assert len(had) == 4 and len(set(map(id, had))) == 1 and had[0].name == "a1-live"
    assert len(loads) == 1 and loads[0] is not threading.current_thread() and warmed == had[:1]


def test_a_failure_goes_to_all_who_wait_and_the_next_one_tries_again(
    shelf: tuple[Shelf, Posts], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Bundle:
        raise OSError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(module.Bundle, "load", fails)
        had: list[Any] = []
        shelf[0].fetch("a1-live", had.append)
        shelf[0].fetch("a1-live", had.append)
        shelf[1].run()
    assert [str(one) for one in had] == ["gone", "gone"]
    shelf[0].fetch("a1-live", had.append)
    shelf[1].run()
    assert had[2].name == "a1-live"
