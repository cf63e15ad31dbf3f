"""
URLs as text: what the platform wrote is changed by insertion only, never parsed and put together again.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from aioags.model.secure import url_fault

_PATH_END = re.compile(r"[?#]")


def service_url(line_item: str, service: str) -> str:
    """
    Return the URL of a line item's service: the suffix goes on the path, before the query (AGS 3.3.1, 3.4.1).

    Args:
        line_item: The line item's URL. Every other byte of it is kept; its fragment, never sent, is dropped.

        service: ``scores`` or ``results``.
    """
    path, rest = _split(line_item)
    return f"{path.rstrip('/')}/{service}{rest}"


def with_query(url: str, parameters: Mapping[str, str | int | None]) -> str:
    """
    Return the URL with parameters added behind its own query; those that are None are left out.
    """
    added = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters.items() if value is not None)
    path, rest = _split(url)
    if not added:
        return path + rest
    # Not every trailing ? opens the query: "?q=what?" ends with a value.
    joiner = "?" if not rest else "" if rest == "?" or rest[-1] == "&" else "&"
    return f"{path}{rest}{joiner}{added}"


def _split(url: str) -> tuple[str, str]:
    without_fragment = url.partition("#")[0]
    match = _PATH_END.search(without_fragment)
    end = match.start() if match else len(without_fragment)
    return without_fragment[:end], without_fragment[end:]


_PORTS = {"https": 443, "http": 80}
# How nearly all are written; taking apart any other takes fifteen calls, for each score where there are more platforms
# than the cache holds.
_PLAIN = re.compile(r"(https?)://([a-z0-9.-]*[a-z0-9])(?::([1-9][0-9]{0,3}))?(?=[/?#]|\Z)")


# Every score asks again for the same few URLs.
@lru_cache(maxsize=1024)
def origin(url: str) -> str:
    """
    Return scheme, host and port in one canonical text: what must be equal for two URLs to be the same origin.

    Raises:
        ValueError: It has no valid host or port.
    """
    if plain := _PLAIN.match(url):
        scheme, host, number = plain.groups()
        return f"{scheme}://{host}:{number or _PORTS[scheme]}"
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme)
    if not parts.hostname:
        raise ValueError("no host")
    return f"{parts.scheme}://{parts.hostname}:{port}"


_HTTP = re.compile(r"http://(\[[0-9a-f:.]+\]|[^/?#:@]+)(:[0-9]+)?(?=[/?#]|\Z)", re.IGNORECASE)


def raised(url: str, origins: Container[str]) -> str:
    """
    Return a URL of http as one of https, where its host is among these origins by https; any other URL as it is, also
    one that may be asked by http.

    Args:
        origins: As `origin` writes them. With the port that the URL has, or else with that of https: the program
            behind a proxy may write its own.
    """
    found = _HTTP.match(url)
    if found is None or url_fault(url) is None:
        return url
    host, port = found.groups(default="")
    for start in (f"https://{host}{port}", f"https://{host}"):
        secure = start + url[found.end() :]
        if url_fault(secure) is None and origin(secure) in origins:
            return secure
    return url


def same_item(one: str, other: str) -> bool:
    """
    True when two URLs name the same line item: the same path, and no parameter that both have differs.

    The host does not count: an LMS may go by two names. Nor does a parameter that only one has: Moodle takes the URL of
    a coupled line item with and without its query for the same.
    """
    if one == other:
        return True
    try:
        (path, query), (other_path, other_query) = _path_and_query(one), _path_and_query(other)
    except ValueError:
        return False
    return path == other_path and all(query[name] == other_query[name] for name in query.keys() & other_query.keys())


def path_of(url: str) -> str:
    """
    Return the path of a URL by meaning. Empty: it has none.
    """
    try:
        return _path_and_query(url)[0]
    except ValueError:
        return ""


# Every score asks again for the same few URLs.
@lru_cache(maxsize=1024)
def own_spelling(line_item: str | None, coupled: str | None) -> str | None:
    """
    Return the URL of a line item as the endpoint spells it, where it is surely the endpoint's own: what is known of an
    item, such as whose turn it is, is known by its URL.

    Args:
        line_item: None: the endpoint's own.

        coupled: The endpoint's own. None: it has none.
    """
    if line_item is None or coupled is None or line_item == coupled:
        return line_item or coupled
    try:
        line_item = raised(line_item, (origin(coupled),))
        (path, query), (own_path, own_query) = _path_and_query(line_item), _path_and_query(coupled)
        # At another host it may be another platform's item 7; with a parameter of its own it may be another item.
        same = path == own_path and query.items() <= own_query.items() and origin(line_item) == origin(coupled)
    except ValueError:
        same = False
    return coupled if same else line_item


def _path_and_query(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    return unquote(parts.path).rstrip("/"), dict(parse_qsl(parts.query, keep_blank_values=True))
