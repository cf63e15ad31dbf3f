"""
LMSs under development that speak http, such as ``http://moodle:8080`` of a docker compose: one knob, and a loud one.
"""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

from aioags.calls.log import WARNING, log
from aioags.model.secure import HTTP_VARIABLE, http_origins, is_loopback, use_http_origins

# Not ipaddress.is_private, which holds more: link-local addresses, where clouds keep their secrets, among them.
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# RFC 6762 and 2606, and what Docker calls the machine that it runs on: nobody can register a name among these.
_SUFFIXES = (".local", ".test")
_NAMES = ("host.docker.internal",)


def from_environment() -> frozenset[str]:
    """
    Return the origins that ``AIOAGS_HTTP_ORIGINS`` names, separated by commas, each with its port.

    Raises:
        ValueError: One is no origin of http, or not one that only a network of one's own knows.
    """
    return _origins(os.environ.get(HTTP_VARIABLE, ""))


@lru_cache(maxsize=16)
def _origins(text: str) -> frozenset[str]:
    return frozenset(_origin(one.strip()) for one in text.split(",") if one.strip())


def _origin(text: str) -> str:
    host, port = "", None
    with suppress(ValueError):
        parts = urlsplit(text)
        if parts.username is None and text.lower() == f"http://{parts.netloc.lower()}":
            host, port = parts.hostname or "", parts.port
    if not host:
        # Not quoted: it may hold a password.
        raise ValueError(f"{HTTP_VARIABLE} must hold origins such as http://moodle:8080, without a path, and commas")
    if not _is_ones_own(host):
        raise ValueError(
            f"{HTTP_VARIABLE} is for LMSs under development: names without a dot, {', '.join((*_SUFFIXES, *_NAMES))}"
            f" and private addresses; {text!r} is none of these, and must be asked by https"
        )
    return f"http://{host}:{port or 80}"


def _is_ones_own(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_SUFFIXES) or host in _NAMES or is_loopback(host)
    return is_loopback(host) or any(address in network for network in _PRIVATE)


def warn_of_http() -> None:
    """
    Say in the log which origins are asked by http, if any are.

    Raises:
        ValueError: As `from_environment`.
    """
    if named := sorted(http_origins()):
        log(
            WARNING,
            "%(variable)s: access tokens and grades go to %(origins)s without encryption. For development only, never"
            " in production",
            variable=HTTP_VARIABLE,
            origins=", ".join(named),
        )


use_http_origins(from_environment)
