"""OSCQuery beside a server: opened with it, closed with it, announced where that is wanted.

Flow: server -> query_door -> oscquery, announce, query_nodes.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial

from bassnet_osc.announce import announce, host_name
from bassnet_osc.oscquery import QueryServer, serve_query
from bassnet_osc.query_nodes import nodes
from bassnet_osc.spec import QUERY_PORT, BassNetError
from bassnet_osc.switchboard import Switchboard

NAME = "BassNet"  # as it is announced

log = logging.getLogger("bassnet_osc")


@contextlib.asynccontextmanager
async def open_queries(
    board: Switchboard, host: str, osc_port: int, port: int, peers: frozenset[str], is_announced: bool
) -> AsyncIterator[int]:
    """Answers on `port`, or on any where that is the usual one and another server has it already; gives it.

    `peers` are the other machines that may ask.
    """
    names = frozenset({host_name()} if is_announced else ())

    async def open_at(port: int) -> QueryServer:
        return await serve_query(partial(nodes, board), host, port, osc_port, NAME, names, peers)

    try:
        query = await open_at(port)
    except BassNetError:
        if port != QUERY_PORT:
            raise
        query = await open_at(0)
    log.info("OSCQuery on http://%s:%d", host, query.port)
    try:
        async with contextlib.AsyncExitStack() as stack:
            if is_announced:
                await stack.enter_async_context(announce(NAME, host, query.port, osc_port, on_loopback=True))
            yield query.port
    finally:
        await query.close()
