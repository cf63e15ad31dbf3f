"""
What strangers choose is fetched from public addresses only, checked where the connection is made.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web

from aioags import Client, Registration, RetryPolicy, Timeouts
from aioags.calls.choosing import DefaultTransport
from aioags.calls.public_only import PublicTransport, Resolve, is_public
from aioags.errors import IdTokenRefusedError, LaunchError, UnreachableError, UntrustedURLError
from aioags.launch import Tool, ToolSettings
from aioags.protocol.messages import Request
from tests.launch.paper_lms import REDIRECT, PaperLMS, lms_registration, platform_key, public
from tests.rigs.ports import held_port

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
    with held_port() as house.port:
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
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "127.1", "127.000.000.001", "2130706433", "0", "0x7f.1"],
)
async def test_an_address_in_the_url_is_not_followed(house: House, host: str) -> None:
    transport = PublicTransport()
    for ask in (transport.send(Request("GET", f"http://{host}:{house.port}/")), transport.check(f"http://{host}/")):
        # By us: not every aiohttp refuses addresses that are written oddly.
        with pytest.raises(UntrustedURLError):
            await ask
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


class SlyLMS:
    """
    An LMS of somebody else's choosing, on every address of this machine: keys, tokens, and a service.
    """

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        self.url = f"http://localhost:{port}"

    async def answer(self, request: web.Request) -> web.Response:
        """
        Count, and answer.
        """
        self.asked.append(request.path)
        if request.path == "/jwks":
            return web.json_response({"keys": public(platform_key())})
        return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})

    def registration(self) -> Registration:
        """
        What was agreed with it.
        """
        return lms_registration(
            token_url=f"{self.url}/token", jwks_url=f"{self.url}/jwks", public_only=True, deployment_id=None
        )


@pytest.fixture
async def sly() -> AsyncIterator[SlyLMS]:
    """
    The LMS, running.
    """
    with held_port() as port:
        lms = SlyLMS(port)
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", lms.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", port).start()
    yield lms
    await runner.cleanup()


def guarded(*turns: list[str], named: str | None = None) -> DefaultTransport:
    """
    Return what a client opens by itself; to it 127.0.0.2 is public, and names have these addresses in turn.

    Args:
        named: What it sends with but for what strangers chose: that is fetched by a session of its own in any case.
    """
    public_only = PublicTransport(private_networks=["127.0.0.2/32"], resolve=answers(*turns))
    return DefaultTransport(timeouts=Timeouts(), user_agent="test", named=named, public=public_only)


async def test_tokens_of_a_registration_from_outside_are_fetched_from_public_addresses_only(
    sly: SlyLMS, both_transports: str
) -> None:
    transport = guarded(["127.0.0.2"], ["127.0.0.1"], named=both_transports)
    async with Client(transport=transport, retry=RetryPolicy(attempts=3)) as client:
        await client.service(sly.registration(), f"{sly.url}/groups", scopes=["one"]).request("GET")
        assert sly.asked == ["/token", "/groups"]
        # By now its owner says that the same name is inside.
        with pytest.raises(UntrustedURLError, match="no public address"):
            await client.service(sly.registration(), f"{sly.url}/groups", scopes=["two"]).request("GET")
        assert sly.asked == ["/token", "/groups"]
        own = attrs.evolve(sly.registration(), public_only=False, client_id="own")
        await client.service(own, f"{sly.url}/groups", scopes=["one"]).request("GET")
        assert sly.asked[2:] == ["/token", "/groups"]


@pytest.mark.parametrize("turns", [(["127.0.0.2"],), (["127.0.0.1"],), (["127.0.0.2"], ["127.0.0.1"])])
async def test_and_so_are_its_keys(sly: SlyLMS, turns: tuple[list[str], ...]) -> None:
    transport = guarded(*turns)
    settings = ToolSettings(registrations=[sly.registration()], redirect_uri=REDIRECT)
    lms = PaperLMS(settings)
    async with Tool(settings, transport, runtime=lms.time.runtime()) as lms.tool:
        if turns[0] == ["127.0.0.2"]:
            assert (await lms.launch()).user_id == "user-1"
            # An unknown key makes the tool ask again.
            with pytest.raises((LaunchError, IdTokenRefusedError)) as caught:
                lms.time.now += 120
                await lms.launch(header={"kid": "another"})
            assert caught.value.reason == ("kid" if len(turns) == 1 else "jwks")
        else:
            with pytest.raises(LaunchError, match="no public address") as caught:
                await lms.launch()
            assert not caught.value.transient
    assert len(sly.asked) == {(1, "127.0.0.2"): 2, (1, "127.0.0.1"): 0, (2, "127.0.0.2"): 1}[len(turns), turns[0][0]]
    await transport.aclose()


async def test_a_client_opens_the_guard_by_itself(sly: SlyLMS) -> None:
    for choice in ("lane", "session", None):
        async with Client(transport=choice) as client:  # type: ignore[arg-type]
            with pytest.raises(UntrustedURLError, match="no public address"):
                await client.service(sly.registration(), f"{sly.url}/groups", scopes=["one"]).request("GET")
    assert sly.asked == []


@pytest.mark.usefixtures("both_transports")
async def test_an_lms_under_development_is_the_exception(sly: SlyLMS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOAGS_HTTP_ORIGINS", sly.url)
    async with Client() as client:
        await client.service(sly.registration(), f"{sly.url}/groups", scopes=["one"]).request("GET")
    assert sly.asked == ["/token", "/groups"]
