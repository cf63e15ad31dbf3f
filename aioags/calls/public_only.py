"""
A transport for URLs that strangers choose: it connects to public addresses only.

The check is made where the connection is, on the address that is connected to. A name that was looked up before, and
found good, proves nothing: its owner answers the next question otherwise (DNS rebinding). So nothing is remembered, and
no connection is used twice.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver

from aioags._version import __version__
from aioags.calls.transport import AiohttpTransport, Session, new_session
from aioags.errors import UnreachableError, UntrustedURLError, shown_url
from aioags.model.policy import Timeouts
from aioags.model.secure import http_origins
from aioags.protocol.messages import Request, Response

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str], Awaitable[list[str]]]
"""Looks a host name up, and returns its addresses as text; `OSError` where there are none."""

# A person waits for the page.
_TIMEOUTS = Timeouts(connect=5.0, read=10.0, total=10.0)
# RFC 6052: IPv4 behind a translator, which may stand in front of a private network.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class NotPublicError(OSError):
    """
    A host has no public address.
    """


async def _resolve(host: str) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def is_public(address: Address) -> bool:
    """
    True for an address that anybody on the internet may connect to, also where it is written inside of another one.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


class PublicTransport:
    """
    Sends to public addresses only. A `Transport`.

    Args:
        private_networks: Networks that are allowed besides, such as ``10.1.0.0/16``: the operator's decision.

        resolve: Looks names up. None: the system does.

        timeouts: Bounds of each try.

    Raises:
        ValueError: One of the networks is none.
    """

    def __init__(
        self,
        *,
        private_networks: Iterable[str] = (),
        resolve: Resolve | None = None,
        timeouts: Timeouts = _TIMEOUTS,
    ) -> None:
        if isinstance(private_networks, str):
            raise TypeError("private_networks must be a list of networks, got one str")
        self._guard = _Guard(resolve or _resolve, [ipaddress.ip_network(one) for one in private_networks])
        self._timeouts = timeouts
        self._session: Session | None = None
        self._sender: AiohttpTransport | None = None

    async def send(self, request: Request) -> Response:
        """
        Send one request, once. Redirects are not followed.

        Raises:
            UntrustedURLError: Its host has no public address; nothing was sent.

            AGSError: As `Transport.send`.
        """
        if (sender := self._sender) is None:
            self._session = new_session(resolver=self._guard, use_dns_cache=False, force_close=True)
            # Kept: it tries out the installed aiohttp once.
            sender = AiohttpTransport(self._session, timeouts=self._timeouts, user_agent=f"aioags/{__version__}")
            self._sender = sender
        # An address in the URL is not looked up, and so does not come past the resolver.
        self._check_literal(request.url)
        try:
            return await sender.send(request)
        except UnreachableError as error:
            if isinstance(getattr(error.__cause__, "os_error", None), NotPublicError):
                raise _not_public(request.url) from None
            raise

    async def check(self, url: str) -> bool:
        """
        Look a URL's host up, for one that is to be used later; it may have another address then.

        Returns:
            False where it is not public, and only the operator allows it.

        Raises:
            UntrustedURLError: It has no public address.

            UnreachableError: It has none at all.
        """
        self._check_literal(url)
        try:
            found = await self._guard.resolve(*_place(url))
        except NotPublicError:
            raise _not_public(url) from None
        except OSError as error:
            raise UnreachableError(f"the host of {shown_url(url)} is not known ({type(error).__name__})") from error
        return all(is_public(ipaddress.ip_address(one["host"])) for one in found)

    async def aclose(self) -> None:
        """
        Close what was opened. Can be called twice; the next request opens it again.
        """
        session, self._session, self._sender = self._session, None, None
        if session is not None:
            await session.close()

    def _check_literal(self, url: str) -> None:
        host, port = _place(url)
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            # Not all versions of aiohttp refuse such as 127.1 or 2130706433, and none looks it up.
            if host.replace(".", "").isdigit():
                raise _not_public(url) from None
            return
        if not self._guard.allows(address) and not self._guard.knows(host, port):
            raise _not_public(url)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _not_public(url: str) -> UntrustedURLError:
    return UntrustedURLError(
        f"the host of {shown_url(url)[:200]} has no public address: nothing is sent there unless you allow its network"
        " (private_networks)"
    )


class _Guard(AbstractResolver):
    """
    Hands on the addresses that may be connected to, and no others.
    """

    def __init__(self, resolve: Resolve, networks: list[Network]) -> None:
        self._resolve = resolve
        self._networks = networks

    def allows(self, address: Address) -> bool:
        """
        True for an address that may be connected to.
        """
        return is_public(address) or any(address in network for network in self._networks)

    def knows(self, host: str, port: int) -> bool:
        """
        True for an LMS under development, which the operator named.
        """
        return f"http://{host}:{port}" in http_origins()

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
        """
        Look a host up.

        Raises:
            NotPublicError: It has no address that is allowed.
        """
        # The scope of a link-local address ("%eth0") does not make it public.
        found = [ipaddress.ip_address(one.partition("%")[0]) for one in await self._resolve(host)]
        allowed = found if self.knows(host, port) else [address for address in found if self.allows(address)]
        if not allowed:
            raise NotPublicError(f"{host} has no public address")
        return [_result(host, port, address) for address in allowed]

    async def close(self) -> None:
        """
        Do nothing.
        """


def _result(host: str, port: int, address: Address) -> dict[str, Any]:
    return {
        "hostname": host,
        "host": str(address),
        "port": port,
        "family": socket.AF_INET if address.version == 4 else socket.AF_INET6,
        "proto": 0,
        "flags": socket.AI_NUMERICHOST,
    }
