"""Tells the network by zeroconf (mDNS) where OSCQuery and OSC are, so that programs list them by name.

Flow: server -> announce. The library `zeroconf` (extra `zeroconf`) is imported when something is announced.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import platform
import re
from collections.abc import AsyncIterator

from bassnet_osc.spec import BassNetError

QUERY, OSC = "_oscjson._tcp.local.", "_osc._udp.local."


def host_name() -> str:
    """The name that the announcement gives this machine: one that OSCQuery should allow as a Host."""
    label = re.sub(r"[^a-z0-9]+", "-", platform.node().split(".")[0].lower()).strip("-")
    return f"{label[:50] or 'host'}-bassnet.local"  # a label has 63 bytes at most


@contextlib.asynccontextmanager
async def announce(
    name: str, host: str, http_port: int, osc_port: int, on_loopback: bool = False
) -> AsyncIterator[bool]:
    """Announces both within the context, and yields whether it did: of loopback it tells nobody unasked.

    `host` is the IP address that the servers listen on. Entering takes a second, in which zeroconf asks
    whether the name is free; it takes `name-2` where not. Raises BassNetError where that fails.
    """
    address = ipaddress.ip_address(host)
    if address.is_loopback and not on_loopback:
        yield False
        return
    try:
        import ifaddr  # zeroconf's own way to the addresses of this machine
        from zeroconf import Error, InterfaceChoice, ServiceInfo
        from zeroconf.asyncio import AsyncZeroconf
    except ImportError as error:
        raise BassNetError(
            f"announcing needs the library zeroconf; {error}: pip install 'bassnet-osc[zeroconf]'"
        ) from error

    found = [str(one.ip) for adapter in ifaddr.get_adapters() for one in adapter.ips if one.is_IPv4]
    outside = [one for one in found if not ipaddress.ip_address(one).is_loopback]
    addresses = outside if address.is_unspecified else [host]
    services = [
        ServiceInfo(kind, f"{name}.{kind}", port, parsed_addresses=addresses, server=f"{host_name()}.")
        for kind, port in ((QUERY, http_port), (OSC, osc_port))
    ]
    async with contextlib.AsyncExitStack() as ends:
        try:
            zeroconf = AsyncZeroconf(InterfaceChoice.All if address.is_unspecified else [host])
            ends.push_async_callback(zeroconf.async_close)
            ends.push_async_callback(zeroconf.async_unregister_all_services)
            asked = [zeroconf.async_register_service(one, allow_name_change=True) for one in services]
            await asyncio.gather(*await asyncio.gather(*asked))
        except (Error, OSError) as error:
            raise BassNetError(
                f"{name!r} must be announced on {host}; {error or type(error).__name__}: serve without "
                "announcing"
            ) from error
        yield True
