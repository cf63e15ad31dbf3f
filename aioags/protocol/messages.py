"""
The two HTTP messages as values: what leaves, and what came back.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from aioags.model.value import value

WORD_BYTES = 64 * 1024
"""Most that a yes may take, or an access token."""

RECORD_BYTES = 1024 * 1024
"""Most that one record may take, such as a line item."""

PAGE_BYTES = 16 * 1024 * 1024
"""Most that a page of records may take. A page of results is far below."""


@value
class Request:
    """
    One HTTP request, complete but for the credential.

    Attributes:
        method: Upper case.

        url: Exactly the bytes to send, already encoded; nobody normalises it after this point.

        headers: Name and value pairs, in order. The ``Authorization`` header is added by a credential, so they are kept
            out of `repr`.

        body: None: no body and no ``Content-Type``.

        most_bytes: Largest body, decompressed, of an answer that is a success: by what is expected. Larger than that it
            is somebody else's, or means harm.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    most_bytes: int = attrs.field(default=PAGE_BYTES, repr=False)


@value
class Response:
    """
    One HTTP response, read to its end.

    Attributes:
        status: The three digits.

        reason: The reason phrase. Empty over HTTP/2. Moodle puts a whole request into it, so it is kept out of `repr`.

        headers: Name and value pairs as received, repeated names kept, in order.

        body: Decompressed, bounded by the transport: a success by the request's `most_bytes`, what is none is cut.

        url: The address that answered.

        late: Seconds that it was there before we came to read it, as far as the transport can tell: our own lag, and no
            latency of the platform.
    """

    status: int
    reason: str = attrs.field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    url: str = ""
    late: float = attrs.field(default=0.0, repr=False, eq=False)

    @property
    def by_name(self) -> Callable[[str], str | None]:
        """
        What `header` does, for several names.
        """
        return self.header

    def header(self, name: str) -> str | None:
        """
        Return the first value of a header, its name compared without case; None when it is absent.
        """
        wanted, length = name.lower(), len(name)
        for key, said in self.headers:
            if len(key) == length and key.lower() == wanted:
                return said
        return None

    def header_values(self, name: str) -> list[str]:
        """
        Return every value of a header that may stand on several lines, in order.
        """
        wanted = name.lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    @property
    def ok(self) -> bool:
        """
        True for any 2xx.
        """
        return 200 <= self.status < 300
