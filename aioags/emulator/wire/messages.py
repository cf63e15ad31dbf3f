"""
What the platform reads and what it answers, as values. No sockets here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from aioags.emulator.refusals import Kind, Refusal
from aioags.protocol.messages import Request

Header = tuple[str, str]


@attrs.frozen(kw_only=True)
class Manner:
    """
    How an answer is to be carried to the tool: instructions for the adapter, which alone owns sockets and time.

    Attributes:
        wait: Seconds before the first byte.

        lost: "drop": nothing is sent and the connection closed. "reset": nothing is sent and the connection reset
            (RST). None: the answer is sent.

        cut: Bytes of the body after which the connection is closed, although the head promised all. An answer without a
            body breaks off in the middle of its head. None: whole.

        drip: Seconds between two bytes of head and body; 0: at once.

        close: The connection is closed after the answer.

        http_version: The number in the status line: ``"1.1"`` or ``"1.0"``.
    """

    wait: float = 0.0
    lost: str | None = None
    cut: int | None = None
    drip: float = 0.0
    close: bool = False
    http_version: str = "1.1"


PLAIN = Manner()


@attrs.frozen
class Answer:
    """
    One answer of the platform, exact to the byte.

    Attributes:
        status: The three digits.

        headers: Name and value pairs in the order sent. Values are sent as UTF-8. ``Content-Length`` and ``Connection``
            are the adapter's, and ``Date`` is the platform's own.

        body: The whole body, empty when there is none.

        reason: The reason phrase, sent as UTF-8. None: the usual one of the status.

        manner: How it is to be carried.
    """

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    reason: str | None = None
    manner: Manner = PLAIN

    @property
    def phrase(self) -> str:
        """
        The reason phrase that stands in the status line.
        """
        if self.reason is not None:
            return self.reason
        return PHRASES.get(self.status, "")

    def header(self, name: str) -> str | None:
        """
        Return the first value of a header, its name compared without case; None when it is absent.
        """
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def json(self) -> Any:
        """
        Return the body as parsed JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.body)

    def with_headers(self, *headers: Header) -> Answer:
        """
        Return this answer with more headers after its own.
        """
        return attrs.evolve(self, headers=self.headers + headers)

    def carried(self, **changes: Any) -> Answer:
        """
        Return this answer with a changed manner.
        """
        return attrs.evolve(self, manner=attrs.evolve(self.manner, **changes))


PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    422: "Unprocessable Entity",
    413: "Payload Too Large",
}


# Of arrays in arrays that are kept where a value has more than can be written.
LEVELS = 50
# Arrays and objects in each other that a tool may send. The oldest Python's json takes 1,000 less the stack of who
# calls it, others many thousands: so many every one of them takes.
DEEPEST = 905


def dump(value: Any, *, ascii_only: bool = False) -> bytes:
    """
    Write compact JSON as UTF-8, whatever a tool has sent.

    Args:
        value: What lies too deep in it to be written becomes null.

        ascii_only: Characters beyond ASCII are escaped; half of a surrogate pair always is.
    """
    try:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return dump(value, ascii_only=True)
    except RecursionError:
        # It could just be read: the writer's stack is deeper than the reader's was.
        return dump(_flatter(value, LEVELS), ascii_only=ascii_only)


def _flatter(value: Any, levels: int) -> Any:
    if isinstance(value, dict):
        return {name: _flatter(one, levels - 1) for name, one in value.items()} if levels else None
    if isinstance(value, list | tuple):
        return [_flatter(one, levels - 1) for one in value] if levels else None
    return value


def json_answer(
    status: int,
    value: Any,
    content_type: str = "application/json",
    headers: Iterable[Header] = (),
    *,
    escaped: bool = False,
) -> Answer:
    """
    Build an answer that carries JSON.

    Args:
        escaped: As PHP writes it: slashes behind backslashes, nothing but ASCII.
    """
    body = dump(value, ascii_only=escaped)
    if escaped:
        body = body.replace(b"/", b"\\/")
    return Answer(status, (("Content-Type", content_type), *headers), body)


class Asked:
    """
    One request as the platform reads it.

    Attributes:
        method: Upper case.

        url: As asked; absolute, or a path when an adapter knows no more.

        path: The path as asked, still percent-encoded.

        query: Decoded name and value pairs, in order; blank values kept.

        raw_query: The text after the first ``?``.

        headers: Values by lower-case name; the last one counts when a name is repeated.

        body: The whole body, empty when there is none.
    """

    __slots__ = ("body", "headers", "method", "path", "query", "raw_query", "url")

    def __init__(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.method = request.method
        self.url = request.url
        self.path = parts.path
        self.raw_query = parts.query
        self.query = parse_qsl(parts.query, keep_blank_values=True) if parts.query else []
        self.headers = {name.lower(): value for name, value in request.headers}
        self.body = request.body or b""

    def header(self, name: str) -> str | None:
        """
        Return a header's value; None when it is absent.

        Args:
            name: Lower case.
        """
        return self.headers.get(name)

    @property
    def target(self) -> str:
        """
        Path and query as they stood in the request line.
        """
        return f"{self.path}?{self.raw_query}" if self.raw_query else self.path

    def parameter(self, name: str) -> str | None:
        """
        Return the first value of a query parameter; None when it is absent.
        """
        return next((value for key, value in self.query if key == name), None)

    @property
    def content_type(self) -> str:
        """
        The media type of the body, lower case, without parameters; empty when none is named.
        """
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """
        Parse the body.

        Raises:
            Refusal: It is no JSON, nested too deep, or holds NaN or Infinity.
        """
        try:
            value = json.loads(self.body, parse_constant=_refuse_constant)
            _check_depth(value)
            return value
        except (ValueError, RecursionError) as error:
            raise Refusal(Kind.BAD_JSON, f"The body is not JSON: {error}.", "AGS 3.1.2", error=str(error)) from error


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise ValueError(f"more than {DEEPEST} arrays and objects lie in each other")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
