"""The announcement: what the network is told, and that loopback keeps to itself."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import Any

import pytest

from bassnet_osc.announce import OSC, QUERY, announce, host_name
from bassnet_osc.spec import BassNetError


class Network:
    """A zeroconf library that remembers, or one that fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
        import zeroconf

        self.told: list[str] = []
        self.services: list[zeroconf.ServiceInfo] = []
        self.interfaces: Any = None
        network = self

        class AsyncZeroconf:
            def __init__(self, interfaces: Any) -> None:
                network.interfaces = interfaces

            async def async_register_service(self, service: Any, allow_name_change: bool) -> Any:
                assert allow_name_change
                if failure:
                    raise failure
                network.services.append(service)
                return asyncio.sleep(0)

            async def async_unregister_all_services(self) -> None:
                network.told.append("goodbye")

            async def async_close(self) -> None:
                network.told.append("closed")

        module = ModuleType("zeroconf.asyncio")
        module.__dict__["AsyncZeroconf"] = AsyncZeroconf
        monkeypatch.setitem(sys.modules, "zeroconf.asyncio", module)


async def enter(host: str, **options: Any) -> bool:
    async with announce("BassNet", host, 7771, 7770, **options) as did:
        return did


def test_both_services_are_told_with_the_addresses_and_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    assert asyncio.run(enter("192.0.2.7"))
    told = {service.type: service for service in network.services}
    assert {kind: service.port for kind, service in told.items()} == {QUERY: 7771, OSC: 7770}
    for service in network.services:
        assert service.name == f"BassNet.{service.type}"
        assert service.parsed_addresses() == ["192.0.2.7"]
        assert service.server == f"{host_name()}."
    assert network.interfaces == ["192.0.2.7"]
    assert network.told == ["goodbye", "closed"]


def test_a_server_everywhere_is_announced_by_its_addresses_but_loopbacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network(monkeypatch)
    assert asyncio.run(enter("0.0.0.0"))
    addresses = network.services[0].parsed_addresses()
    assert not [address for address in addresses if address.startswith(("127.", "0."))]


def test_loopback_is_announced_only_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch)
    assert not asyncio.run(enter("127.0.0.1"))
    assert not network.services
    assert asyncio.run(enter("127.0.0.1", on_loopback=True))
    assert len(network.services) == 2


def test_without_the_library_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with pytest.raises(BassNetError, match=r"pip install 'bassnet-osc\[zeroconf\]'"):
        asyncio.run(enter("192.0.2.7"))
    assert not asyncio.run(enter("127.0.0.1"))  # nothing to announce, nothing needed


def test_a_network_that_refuses_is_one_line_and_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from zeroconf import NonUniqueNameException

    for failure in (OSError("no such device"), NonUniqueNameException()):
        network = Network(monkeypatch, failure)
        with pytest.raises(BassNetError, match=r"must be announced on 192\.0\.2\.7; .*without announcing"):
            asyncio.run(enter("192.0.2.7"))
        assert network.told == ["goodbye", "closed"]


def test_the_name_of_the_host_is_a_name() -> None:
    label, suffix = host_name().split(".", 1)
    assert suffix == "local"
    assert 0 < len(label) < 64
    assert label.replace("-", "").isalnum()


def test_another_program_on_this_machine_finds_it() -> None:
    """Through the true library, on the loopback interface alone."""
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    async def ask() -> list[tuple[int | None, list[str]]]:
        async with announce("BassNet test", "127.0.0.1", 7771, 7770, on_loopback=True):
            asker = AsyncZeroconf(["127.0.0.1"])
            try:
                found = [AsyncServiceInfo(kind, f"BassNet test.{kind}") for kind in (QUERY, OSC)]
                await asyncio.gather(*(one.async_request(asker.zeroconf, 3000) for one in found))
                return [(one.port, one.parsed_addresses()) for one in found]
            finally:
                await asker.async_close()

    assert asyncio.run(ask()) == [(7771, ["127.0.0.1"]), (7770, ["127.0.0.1"])]
