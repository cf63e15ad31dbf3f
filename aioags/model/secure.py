"""
Which URLs may carry a secret: https ones, plain http to this machine, and to an LMS under development that the operator
names.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

_PLAIN = re.compile(r"[\x21-\x7e]+")
# How nearly all are written; to take apart any other takes a dozen calls, and each course has URLs of its own.
_USUAL = re.compile(r"https://[a-z0-9.-]*[a-z0-9](?::[1-9][0-9]{0,3})?(?:[/?#][\x21-\x7e]*)?")

HTTP_VARIABLE = "AIOAGS_HTTP_ORIGINS"
"""Environment variable that names the origins of LMSs under development which speak http."""

# Here nothing is read of the environment: `aioags.calls.development` does, and says so here.
_looked_up: list[Callable[[], frozenset[str]]] = []


def use_http_origins(origins: Callable[[], frozenset[str]]) -> None:
    """
    Say where to look up which origins may be asked by http; it is asked anew each time.

    Args:
        origins: As ``http://moodle:8080``, the port always written. May raise `ValueError`.
    """
    _looked_up[:] = [origins]


def http_origins() -> frozenset[str]:
    """
    Return the origins that the operator lets be asked by http.

    Raises:
        ValueError: What names them is wrong.
    """
    return _looked_up[0]() if _looked_up else frozenset()


def is_loopback(host: str) -> bool:
    """
    True for ``localhost``, its sub-domains and the loopback addresses.
    """
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_fault(url: object) -> str | None:
    """
    Return why a URL must not carry a secret, as the end of a sentence; None when it may.
    """
    if not isinstance(url, str):
        return f"must be a str, got {type(url).__name__}"
    if _USUAL.fullmatch(url):
        return None
    fault, plain = _judged(url)
    return None if plain is not None and plain in http_origins() else fault


# Every call asks again for the same few URLs.
@lru_cache(maxsize=1024)
def _judged(url: str) -> tuple[str | None, str | None]:
    """
    Return the fault, and the origin for which there would be none if the operator named it.
    """
    if not _PLAIN.fullmatch(url):
        return "must be a URL of printable ASCII characters, with anything else percent-encoded", None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "must be a URL with a valid host and port", None
    if not host:
        return "must be an absolute URL with a host", None
    if parts.username is not None:
        return "must not hold a user name or password", None
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return None, None
    fault = f"must be https, or http to loopback (for an LMS under development, name its origin in {HTTP_VARIABLE})"
    return fault, f"http://{host}:{port or 80}" if parts.scheme == "http" else None


def check_secure_url(name: str, url: object) -> None:
    """
    Raise `ValueError` (or `TypeError` for another type) when a URL must not carry a secret.
    """
    fault = url_fault(url)
    if fault is None:
        return
    if not isinstance(url, str):
        raise TypeError(f"{name} {fault}")
    raise ValueError(f"{name} {fault}, got {url!r}")
