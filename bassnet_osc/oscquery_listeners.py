"""Who listens over OSCQuery's WebSocket: LISTEN and IGNORE come in, each value that changes goes out.

Flow: oscquery -> Listeners.serve -> LISTEN, IGNORE -> what is heard -> a look each POLL -> OSC frames.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from bassnet_osc import wire
from bassnet_osc.oscquery_namespace import Node
from bassnet_osc.spec import BassNetError

MAX_PATHS = 256  # that one WebSocket listens to
MAX_REFUSED = 100  # frames that one WebSocket may send in vain
MAX_BACKLOG = 1 << 16  # bytes unsent, with which a listener waits until it has read
POLL = 0.05  # seconds between two looks at the values, while somebody listens

Nodes = Callable[[], dict[str, Node]]

log = logging.getLogger("bassnet_osc.oscquery")  # oscquery's own, which limits the lines of both


class Listeners:
    """All WebSockets of one server. `refuse` counts what was not taken, says so, and returns False."""

    def __init__(self, nodes: Nodes, refuse: Callable[[str], bool], osc_port: int) -> None:
        self._nodes, self._refuse, self._osc_port = nodes, refuse, osc_port
        self._heard: dict[ServerConnection, dict[str, Any]] = {}  # by listener and path: what was told last
        self._poll: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Looks at the values no more."""
        if self._poll:
            self._poll.cancel()

    async def serve(self, listener: ServerConnection) -> None:
        """Heeds what one says until its line is closed, by it or for what it says."""
        self._heard[listener], n_vain = {}, 0
        try:
            async for frame in listener:
                n_vain += not self._take(listener, frame)
                if n_vain > MAX_REFUSED:
                    await listener.close(CloseCode.POLICY_VIOLATION, f"{n_vain} frames in vain")
                    break
        except BassNetError as error:
            self._refuse(str(error))
            await listener.close(CloseCode.INVALID_DATA, str(error))
        except ConnectionClosed as end:  # a lost line ends the listening as a goodbye does
            log.debug("a listener's line was lost: %s", end)
        finally:
            del self._heard[listener]

    def _take(self, listener: ServerConnection, frame: str | bytes) -> bool:
        """Does what a frame says, if it can; raises BassNetError, fit for a close frame, for no command."""
        if isinstance(frame, bytes):
            return self._refuse(f"OSC over the WebSocket: send it over UDP to port {self._osc_port}")
        try:
            command = json.loads(frame)
            name, path = command["COMMAND"], command["DATA"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise BassNetError('a command is {"COMMAND": "LISTEN", "DATA": "/path"}: send such') from None
        heard = self._heard[listener]
        if name == "LISTEN" and isinstance(path, str) and (path in heard or len(heard) < MAX_PATHS):
            heard[path] = None  # differs from every value: told with the next look
            if self._poll is None or self._poll.done():
                self._poll = asyncio.create_task(self._watch())
        elif name == "IGNORE" and isinstance(path, str):
            heard.pop(path, None)
        else:
            return self._refuse(
                f"{wire.short(name)} {wire.short(path)}, with {len(heard)} of {MAX_PATHS} paths"
            )
        return True

    async def _watch(self) -> None:
        while any(self._heard.values()):
            nodes, packed = self._nodes(), dict[str, bytes]()
            for listener in self._heard:
                self._tell(listener, nodes, packed)
            await asyncio.sleep(POLL)

    def _tell(self, listener: ServerConnection, nodes: dict[str, Node], packed: dict[str, bytes]) -> None:
        """Sends what has changed; one that reads too slowly gets the newest once it has caught up."""
        heard = self._heard[listener]
        for path, last in heard.items():
            node = nodes.get(path)
            if node is None or node.readable is None or node.readable == last:
                continue
            if listener.transport.get_write_buffer_size() > MAX_BACKLOG:
                return
            if path not in packed:
                packed[path] = _pack(path, node)
            if packed[path]:
                broadcast([listener], packed[path])
            heard[path] = node.readable


def _pack(path: str, node: Node) -> bytes:
    try:
        return wire.encode(path, *node.arguments())
    except BassNetError as error:  # a name that OSC cannot write: nobody is told of it
        log.warning("%s", error)
        return b""
