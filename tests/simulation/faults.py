"""
What can happen to one request on its way, and how a platform can be away: the whole list that worlds draw from.
"""

from __future__ import annotations

import attrs

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
    """

    takes: bool | None = None
    of: tuple[str, ...] = ()
    status: int = 0
    body: bytes = b""
    hint: bool = False
    silent: bool = False


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
