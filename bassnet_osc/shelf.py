"""The models that a server has at hand: one from the start, the other installed ones when they are asked for.

Flow: server -> shelf -> bundle. Each is loaded and warmed up once, in a thread that does not keep the sound
waiting, and then kept: there are a handful.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from bassnet_osc.bundle import Bundle, installed

if TYPE_CHECKING:
    from bassnet_osc.engine import Post

Done = Callable[["Bundle | Exception"], None]


class Shelf:
    """Bundles by name."""

    def __init__(self, default: Bundle, provider: str, post: Post) -> None:
        """`post` runs a function in the thread that calls `fetch`: loop.call_soon_threadsafe."""
        self.default = default
        self.names = sorted({default.name, *installed()})
        self._provider = provider
        self._post = post
        self._loaded = {default.name: default}
        self._waiting: dict[str, list[Done]] = {}  # for models that are being loaded

    def fetch(self, name: str, done: Done) -> None:
        """Calls `done` with the model, at once where it has been loaded, or with what loading it raised."""
        if name in self._loaded:
            done(self._loaded[name])
            return
        is_loading = name in self._waiting
        self._waiting.setdefault(name, []).append(done)
        if not is_loading:
            threading.Thread(target=self._load, args=(name,), name=f"load {name}", daemon=True).start()

    def _load(self, name: str) -> None:
        result: Bundle | Exception
        try:
            result = Bundle.load(name, self._provider)
            result.warm_up()
        except Exception as error:  # for those who wait
            result = error
        self._post(self._arrived, name, result)

    def _arrived(self, name: str, result: Bundle | Exception) -> None:
        if isinstance(result, Bundle):
            self._loaded[name] = result
        for done in self._waiting.pop(name):
            done(result)
