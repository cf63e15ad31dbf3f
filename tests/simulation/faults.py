"""
What can happen to one request on its way, and how a platform can be away: the whole list that worlds draw from.
"""

from __future__ import annotations

import random
from email.utils import formatdate

import attrs

from aioags import Response

_PAGE = b"<!DOCTYPE html><html><title>Bad Gateway</title></html>"
_LOGIN = b"Please log in to continue."


@attrs.frozen
class Kind:
    """
    One kind of fault.

    Attributes:
        takes: The platform does what was asked: always, never, or at even odds when it is None.

        of: Operations that it can happen to; empty: all.

        status, body: What comes instead of the answer; status 0: nothing, -1: the answer itself.

        hint: The answer says how long to wait.

        silent: That nothing comes is found out only after the client's patience.

        location: Where it says that the answer is. Empty: nothing of the kind.
    """

    takes: bool | None = None
    of: tuple[str, ...] = ()
    status: int = 0
    body: bytes = b""
    hint: bool = False
    silent: bool = False
    location: str = ""


_WRITES = ("post_score", "create_line_item")
_READS = ("get_line_item", "results", "list_line_items", "update_line_item")

KINDS: dict[str, Kind] = {
    "refused": Kind(takes=False),
    "reset": Kind(),
    "silence": Kind(silent=True),
    "500": Kind(status=500, body=b"Internal Server Error"),
    "502": Kind(status=502, body=_PAGE),
    "429": Kind(takes=False, status=429, hint=True),
    "503": Kind(takes=False, status=503, body=_PAGE, hint=True),
    "late": Kind(takes=True, status=-1),
    "twice": Kind(takes=True, status=-1),
    "denied in a 200": Kind(takes=False, of=("post_score",), status=200, body=b'{"status":400,"error":"Bad Request"}'),
    "page": Kind(of=(*_WRITES, *_READS), status=200, body=_LOGIN),
    "nothing": Kind(takes=True, of=("create_line_item",), status=201),
    "empty object": Kind(takes=True, of=("create_line_item", "update_line_item"), status=201, body=b"{}"),
    "orphan": Kind(takes=True, of=("create_line_item",), status=502, body=_PAGE),
    "of another": Kind(takes=True, of=("get_line_item", "results", "update_line_item"), status=-1),
}
"""All that can happen to one request."""

OUTAGES: dict[str, Kind] = {
    "500": KINDS["500"],
    "502": KINDS["502"],
    "504": Kind(status=504, body=_PAGE),
    "refused": KINDS["refused"],
    "silence": KINDS["silence"],
}
"""All the ways for a platform to be away."""

_NOT_FOUND = b"<html><title>404 Not Found</title><center>default backend - 404</center></html>"
_FORBIDDEN = b"<html><title>Request Rejected</title>Your support ID is: 1234567890</html>"

VEILS: dict[str, Kind] = {
    "200": Kind(takes=False, status=200, body=_LOGIN),
    "302": Kind(takes=False, status=302, body=_LOGIN, location="https://login.example/?back=1"),
    "400": Kind(takes=False, status=400, body=b"<html><title>400 Bad Request</title></html>"),
    "401": Kind(takes=False, status=401, body=_LOGIN),
    "403": Kind(takes=False, status=403, body=_FORBIDDEN),
    "404": Kind(takes=False, status=404, body=_NOT_FOUND),
    "503": Kind(takes=False, status=503, body=_PAGE),
    "scores 403": Kind(takes=False, of=("post_score",), status=403, body=_FORBIDDEN),
    "scores 404": Kind(takes=False, of=("post_score",), status=404, body=_NOT_FOUND),
    "tokens 401": Kind(takes=False, of=("token",), status=401, body=b'{"error":"invalid_client"}'),
}
"""What a proxy says to everybody while the platform behind it is not asked."""


def instead(kind: Kind, dice: random.Random, now: float, url: str) -> tuple[Response, int]:
    """
    Return what comes instead of an answer, and how many seconds it asks to wait. 0: it does not.
    """
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/html"),)
    seconds = 0
    if kind.body.startswith(b"{"):
        headers = (("Content-Type", "application/json"),)
    if kind.hint:
        seconds = dice.choice((1, 1, 3, 3, 20, 20, 90, 90, 400, 7200, 20_000))
        as_date = dice.random() < 0.3
        told = formatdate(int(now) + seconds, usegmt=True) if as_date else str(seconds)
        headers += (("Retry-After", told),)
    headers += (("Date", formatdate(now, usegmt=True)),)
    if kind.location:
        headers += (("Location", kind.location),)
    return Response(kind.status, "", headers, kind.body, url), seconds
