"""Who may ask OSCQuery, and how much of that reaches the log. Pure: headers are plain strings.

Flow: oscquery -> oscquery_guard. Against DNS rebinding: a stranger's page can call this machine by a name
that leads here, but its browser then says that name.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterable, Sequence

from bassnet_osc.wire import short

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
EVERYWHERE = frozenset({"", "0.0.0.0", "[::]"})  # a server may listen there, but nobody is called so
LOG_EVERY = 1.0  # seconds between two lines in the log


def own_names(addresses: Iterable[str]) -> frozenset[str]:
    """The names of this machine as a Host header writes them: loopback's and those given."""
    bracketed = {f"[{one}]" if ":" in one and "[" not in one else one for one in addresses}
    return LOOPBACK | {one.lower().rstrip(".") for one in bracketed} - EVERYWHERE


def is_heard(address: str, peers: frozenset[str]) -> bool:
    """Whether it is this machine or one of the others that were allowed."""
    return address in peers or ipaddress.ip_address(address).is_loopback


def is_welcome(hosts: Sequence[str], origins: Sequence[str], own: frozenset[str]) -> bool:
    """Whether the one Host is ours, and the Origin, where there is one, a page of such a host."""
    is_single = len(hosts) == 1 and len(origins) <= 1
    return is_single and _is(hosts[0], own) and all(_is_page(origin, own) for origin in origins)


def _is(host: str, own: frozenset[str]) -> bool:
    name = re.fullmatch(r"(.+?)\.?(?::\d{1,5})?", host.lower())
    return name is not None and name[1] in own


def _is_page(origin: str, own: frozenset[str]) -> bool:
    scheme, _, host = origin.partition("://")
    return scheme in ("http", "https") and _is(host, own)


class Limited(logging.Filter):
    """Lets warnings through alone, of one line each, at most one a second, and no traceback.

    `websockets` tells of every connection, and some of its versions print the trace of every probe.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last = -LOG_EVERY

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is printed, after it has been cut down."""
        if record.levelno < logging.WARNING or abs(record.created - self._last) < LOG_EVERY:
            return False
        self._last = record.created
        if record.exc_info and record.exc_info[1]:
            record.msg, record.args = f"{record.getMessage()}: {short(record.exc_info[1])}", ()
        record.exc_info = record.exc_text = None
        return True
