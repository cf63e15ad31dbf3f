"""
Which URLs may carry a secret: https ones, and plain http to this machine.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_PLAIN = re.compile(r"[\x21-\x7e]+")


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
    if not _PLAIN.fullmatch(url):
        return "must be a URL of printable ASCII characters, with anything else percent-encoded"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "must be a URL with a valid host and port"
    if not host:
        return "must be an absolute URL with a host"
    if parts.username is not None:
        return "must not hold a user name or password"
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return None
    return "must be https, or http to loopback"


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
