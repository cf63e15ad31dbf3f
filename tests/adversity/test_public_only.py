"""
What strangers choose is fetched from public addresses only, checked where the connection is made.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from aioags.calls.public_only import PublicTransport, Resolve, is_public
from aioags.errors import UnreachableError, UntrustedURLError
from aioags.protocol.messages import Request
from tests.launch.examples import free_port

INSIDE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.7", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "2001:db8::1",
]  # fmt: skip


class House:
    """
    A server on every address of this machine, that counts who comes.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.Response:
        """
        Count, and answer.
        """
        self.asked.append(request.host)
        return web.json_response({"secret": "of the inside"})


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """
    The server.
    """
    house = House()
    app = web.Application()
    app.router.add_get("/{tail:.*}", house.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    with free_port() as probe:
        house.port = probe.getsockname()[1]
    await web.TCPSite(runner, "0.0.0.0", house.port).start()
    yield house
    await runner.cleanup()


def answers(*turns: list[str]) -> Resolve:
    """
    Return a resolver that answers each time with the next of these, and at the end again with the last.
    """
    left = list(turns)

    async def resolve(host: str) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_what_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_not_followed(address: str) -> None:
    transport = PublicTransport(resolve=answers([address]))
    with pytest.raises(UntrustedURLError, match="no public address"):
        await transport.send(Request("GET", "https://lms.example/"))
    with pytest.raises(UntrustedURLError, match="no public address"):
        await transport.check("https://lms.example/")
    await transport.aclose()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "127.1", "2130706433", "0x7f.1"]
)
async def test_an_address_in_the_url_is_not_followed(house: House, host: str) -> None:
    transport = PublicTransport()
    with pytest.raises((UntrustedURLError, UnreachableError)):
        await transport.send(Request("GET", f"http://{host}:{house.port}/"))
    await transport.aclose()
    assert house.asked == []


async def test_a_resolver_that_changes_its_answer(house: House) -> None:
    # Good when it was first asked: the operator allows 127.0.0.2 and nothing else.
    resolve = answers(["127.0.0.2"], ["127.0.0.2"], ["127.0.0.1"])
    transport = PublicTransport(private_networks=["127.0.0.2/32"], resolve=resolve)
    url = f"http://lms.example:{house.port}/"
    await transport.check(url)
    assert (await transport.send(Request("GET", url))).status == 200
    with pytest.raises(UntrustedURLError, match="no public address"):
        await transport.send(Request("GET", url))
    await transport.aclose()
    assert len(house.asked) == 1


async def test_of_several_addresses_only_what_is_allowed_is_tried(house: House) -> None:
    transport = PublicTransport(private_networks=["127.0.0.2/32"], resolve=answers(["127.0.0.1", "127.0.0.2"]))
    with pytest.raises(UntrustedURLError):
        await transport.send(Request("GET", f"http://127.0.0.1:{house.port}/"))
    assert (await transport.send(Request("GET", f"http://lms.example:{house.port}/"))).ok
    await transport.aclose()


async def test_a_redirect_to_the_inside_is_not_followed(house: House) -> None:
    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.1:{house.port}/")

    app = web.Application()
    app.router.add_get("/", away)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.2", 0)
    await site.start()
    server: Any = site._server
    port = server.sockets[0].getsockname()[1]
    transport = PublicTransport(private_networks=["127.0.0.2/32"])
    assert (await transport.send(Request("GET", f"http://127.0.0.2:{port}/"))).status == 302
    await transport.aclose()
    await runner.cleanup()
    assert house.asked == []


async def test_a_name_that_nobody_knows_is_unreachable() -> None:
    async def nothing(host: str) -> list[str]:
        raise OSError("not known")

    transport = PublicTransport(resolve=nothing)
    for attempt in (transport.send(Request("GET", "https://lms.example/")), transport.check("https://lms.example/")):
        with pytest.raises(UnreachableError):
            await attempt
    await transport.aclose()


def test_networks_are_checked_where_they_are_given() -> None:
    with pytest.raises(ValueError, match="network"):
        PublicTransport(private_networks=["moodle"])
    with pytest.raises(TypeError, match="list"):
        PublicTransport(private_networks="10.0.0.0/8")
