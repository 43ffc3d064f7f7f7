"""OSCQuery (the Vidvox proposal): HTTP says what addresses there are, a WebSocket when values change.

Flow: server -> serve_query -> oscquery_guard -> oscquery_namespace (HTTP), oscquery_listeners (WebSocket) ->
ossia score, Chataigne, Max. Control itself goes over UDP: nothing that arrives here changes anything. Both
doors are one port of the library `websockets`.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State

from bassnet_osc import wire
from bassnet_osc.oscquery_guard import Limited, is_heard, is_welcome, own_names
from bassnet_osc.oscquery_listeners import Listeners, Nodes
from bassnet_osc.oscquery_namespace import host_info, reply
from bassnet_osc.spec import BassNetError

MAX_LISTENERS = 16  # WebSockets at once
MAX_SOCKETS = 128  # those and HTTP's: a mirror may ask for every value at once
MAX_MESSAGE = 1024  # bytes of a command
DOOR_BUFFER = 4096  # bytes: what one flood may bring in before the audio has its turn again
PING = 10.0  # seconds between two pings to a WebSocket, and for the answer
OPEN_TIMEOUT, CLOSE_TIMEOUT = 3.0, 2.0  # seconds that a request may take to come, and an answer to go

log = logging.getLogger("bassnet_osc.oscquery")
log.addFilter(Limited())


class Connection(ServerConnection):
    """A connection, counted from its first byte on. Each server counts in a subclass of its own."""

    all: set[Connection]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuses at once where there are too many: a request may never come."""
        super().connection_made(transport)
        self.all.add(self)
        if len(self.all) > MAX_SOCKETS:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Makes room."""
        self.all.discard(self)
        super().connection_lost(exc)


class QueryServer:
    """Made by serve_query; answers until `close`."""

    def __init__(
        self, nodes: Nodes, name: str, osc_port: int, own: frozenset[str], peers: frozenset[str]
    ) -> None:
        self.port = 0
        self.n_refused = 0  # requests, commands and frames that were not taken
        self._nodes, self._name, self._osc_port, self._own = nodes, name, osc_port, own
        self._peers = peers
        self._connections: set[Connection] = set()
        self._listeners = Listeners(nodes, self._refuse, osc_port)
        self._server: Server

    async def open(self, host: str, port: int) -> None:
        """Listens; raises OSError, UnicodeError or OverflowError where that cannot be had."""
        self._server = await serve(
            self._listeners.serve,
            host,
            port,
            process_request=self._answer,
            create_connection=type("Counted", (Connection,), {"all": self._connections}),
            compression=None,  # messages are short, and what is packed may be large once unpacked
            max_size=MAX_MESSAGE,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=PING,
            ping_timeout=PING,
            server_header=None,
            logger=log,
        )
        for door in self._server.sockets:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DOOR_BUFFER)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Ends the conversations and frees the port."""
        self._listeners.stop()
        for connection in list(self._connections):
            if connection.state is State.CONNECTING:  # a silent one would be waited for
                connection.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a GET, or None for a WebSocket that may open."""
        hosts, origins = request.headers.get_all("Host"), request.headers.get_all("Origin")
        if not is_heard(connection.remote_address[0], self._peers):
            self._refuse(f"{connection.remote_address[0]} is not allowed")
            return _response(HTTPStatus.FORBIDDEN)
        # A name can be rebound, an address cannot: the one by which it was reached is a server's own.
        own = self._own | own_names({connection.local_address[0]})
        if not is_welcome(hosts, origins, own):
            self._refuse(f"Host {wire.short(hosts)}, Origin {wire.short(origins)}")
            return _response(HTTPStatus.FORBIDDEN)
        if any("websocket" in value.lower() for value in request.headers.get_all("Upgrade")):
            return self._room()
        if getattr(request, "method", "GET") != "GET":  # older versions of the library take no other
            return _response(HTTPStatus.METHOD_NOT_ALLOWED)
        if request.path.partition("?")[2] == "HOST_INFO":
            # where the asker has reached us: the right address even of a server that listens everywhere
            ip = connection.local_address[0]
            found = host_info(self._name, ip, self._osc_port, self.port)
            return _response(HTTPStatus.OK, found, *origins)
        return _response(*reply(self._nodes(), request.path), *origins)

    def _room(self) -> Response | None:
        n_open = sum(one.state in (State.OPEN, State.CLOSING) for one in self._connections)
        if n_open < MAX_LISTENERS:
            return None
        self._refuse(f"one more listener than {MAX_LISTENERS}")
        return _response(HTTPStatus.SERVICE_UNAVAILABLE)

    def _refuse(self, what: str) -> bool:
        self.n_refused += 1
        log.warning("OSCQuery refused %d times so far; the last: %s", self.n_refused, what)
        return False


async def serve_query(
    nodes: Nodes,
    host: str,
    port: int,
    osc_port: int,
    name: str,
    allowed: frozenset[str] = frozenset(),
    peers: frozenset[str] = frozenset(),
) -> QueryServer:
    """Serves what `nodes` returns at each request, in the running loop; port 0 is any free one.

    `allowed` has this machine's further addresses and names: a Host that is neither those nor loopback's
    is refused. `peers` are the other machines that may ask. Raises BassNetError where the port cannot be had.
    """
    server = QueryServer(nodes, name, osc_port, own_names({host, *allowed}), peers)
    try:
        await server.open(host, port)
    except (OSError, UnicodeError, OverflowError) as error:  # taken; no name of a host; no port
        is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "it is in use" if is_taken else str(error)
        raise BassNetError(
            f"OSCQuery needs a free port of this machine; got {port} of {host} ({why}): choose another"
        ) from None
    return server


def _response(status: HTTPStatus, found: Any = None, origin: str | None = None) -> Response:
    body = json.dumps(found).encode() if status is HTTPStatus.OK else b""
    headers = Headers({"Connection": "close", "Cache-Control": "no-store"})
    if status is not HTTPStatus.NO_CONTENT:
        headers["Content-Length"] = str(len(body))
    if body:
        headers["Content-Type"] = "application/json"
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET"
    if origin:  # checked before: a page of this machine, whatever its port, may read
        headers["Access-Control-Allow-Origin"], headers["Vary"] = origin, "Origin"
    return Response(status.value, status.phrase, headers, body)
