"""
By which names the platform may be asked for what no token guards: its pages and the back door.

A page elsewhere can let its own name resolve to this machine (DNS rebinding); to the browser the platform is then a
part of that page, which may read every answer. What the browser was told to go to is in the Host header.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from aioags.emulator.site.site import Site
from aioags.emulator.wire.messages import Asked


class HostError(Exception):
    """
    A request names a host that anybody's DNS could point here; the text says what to do.
    """


def check_host(site: Site, asked: Asked) -> None:
    """
    Look whether a request was meant for the platform.

    Raises:
        HostError: It was not, as far as its Host header tells.
    """
    host = asked.header("host")
    # Browsers never leave it out; what never was on a socket has none.
    if host is not None and not is_own_host(site, host):
        raise HostError(
            f"The emulator does not answer to {host!r} here: use the address that was printed, "
            "or start it with --base-url (in Python serve(base_url=...)) if it is to have this name."
        )


def asked_origin(site: Site, asked: Asked) -> str:
    """
    Return the origin that a request was sent to, by its Host header; where it has none, by its URL.
    """
    scheme, _, own = site.base_url.partition("://")
    try:
        name = (asked.header("host") or urlsplit(asked.url).netloc).lower()
    except ValueError:
        return site.base_url
    return site.base_url if name in ("", own.lower()) else f"{scheme}://{name}"


def is_own_host(site: Site, host: str) -> bool:
    """
    True for an address, a name of loopback, and the names that the platform was given.

    Args:
        host: Value of a Host header.
    """
    try:
        name = urlsplit(f"//{host}").hostname
        given = urlsplit(site.base_url).hostname
    except ValueError:
        return False
    if name is None:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in (given, site.host):
        return True
    try:
        # An address is what the browser connected to; a name is what somebody's DNS said.
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
