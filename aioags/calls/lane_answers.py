"""
What the lane makes of an answer that aiohttp's parser has read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aioags.calls.bodies import Body
from aioags.calls.transport import as_text
from aioags.protocol.messages import Request, Response

# Of a body that came at once: below every bound.
_SHORT = 16 * 1024


class _Answer(Response):
    """
    An answer whose headers are made pairs of when somebody asks for all of them: most are asked for one or two.
    """

    __slots__ = ("_found", "_pairs")
    _found: Any
    _pairs: Any

    @classmethod
    def of(cls, message: Any, body: bytes, url: str, late: float) -> _Answer:
        """
        Return what a message of aiohttp's says.
        """
        new: Any = cls.__new__(cls)
        new.status, new.reason, new.body, new.url, new.late = message.code, message.reason or "", body, url, late
        new._found, new._pairs = message.headers, None
        return new  # type: ignore[no-any-return]

    # A field of its base; what copies an answer sets it.
    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        if self._pairs is None:
            self._pairs = tuple(self._found.items())
        pairs: tuple[tuple[str, str], ...] = self._pairs
        return pairs

    @headers.setter
    def headers(self, pairs: tuple[tuple[str, str], ...]) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._found, self._pairs = None, pairs

    @property
    def by_name(self) -> Callable[[str], str | None]:
        return self.header if self._found is None else self._found.get


def response(request: Request, message: Any, body: bytes, late: float, *, is_ascii: bool) -> Response:
    """
    Return what a message of aiohttp's says.

    Args:
        late: Seconds that it was there before we came to read it.

        is_ascii: Nothing in it needs to be read as text of another kind.
    """
    if is_ascii:
        return _Answer.of(message, body, request.url, late)
    pairs = tuple((name, as_text(value)) for name, value in message.headers.items())
    return Response(message.code, as_text(message.reason or ""), pairs, body, request.url, late)


async def read_body(request: Request, message: Any, stream: Any) -> bytes:
    """
    Read a body, within the bounds of its request.

    Raises:
        AGSError: It is beyond them, or cannot be read.
    """
    encoding = message.headers.get("Content-Encoding", "")
    part: bytes = await stream.readany()
    if stream.at_eof() and not encoding and len(part) <= _SHORT:
        return part
    body = Body(request, message.code, encoding)
    while part and body.feed(part):
        part = await stream.readany()
    return body.finish()
