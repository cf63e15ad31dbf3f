"""
What an answer's body may cost: it is counted, decompressed and bounded as it arrives. Knows no transport.

A success may hold as much as its request says (`Request.most_bytes`), and more is an error: half of a page is no page.
Of a refusal the beginning is enough, since its status says the rest: it is cut, and a damaged one is no other refusal.

Decompression ends where the stream ends. Several gzip members are one stream (RFC 1952 2.2); what else comes behind is
counted and not kept. Each member is charged as if it held something, and so is each byte on the wire: neither empty
members nor blocks that hold nothing can go on for ever.
"""

from __future__ import annotations

import zlib
from typing import Any

from aioags.errors import MalformedError
from aioags.protocol.messages import Request

REFUSAL_BYTES = 16 * 1024
"""Of what is no 2xx, no more is read. Words and marks of a refusal stand at its beginning."""

# What a gzip member costs at the least, in bytes of the bound: setting up takes microseconds. bgzip's hold 64 KiB.
_MEMBER = 1024
_GZIP = b"\x1f\x8b"
_SLICE = 16 * 1024
# Bytes on the wire beyond the bound: what packing adds to what cannot be packed.
_PACKING = 16 * 1024


class Body:
    """
    The body of one answer, while it arrives.

    Args:
        request: What was asked, with its bound.

        status: Of the answer.

        encoding: ``Content-Encoding`` of the answer; empty when there is none. One that was not asked for is not
            undone.
    """

    def __init__(self, request: Request, status: int, encoding: str) -> None:
        self._request = request
        self._status = status
        self._wanted = 200 <= status < 300
        self._most = request.most_bytes if self._wanted else REFUSAL_BYTES
        self._encoding = encoding.strip().lower()
        self._packed = self._encoding in {"gzip", "x-gzip", "deflate"}
        self._held = bytearray()
        # Bytes that came, and what further members are charged.
        self._wire = self._charged = 0
        self._inflater: Any = None
        # Members that came to their end; then whether it is that of the whole; a byte that may begin another.
        self._members = 0
        self._ended = False
        self._rest = b""

    def feed(self, chunk: bytes) -> bool:
        """
        Take what arrived. False: no more of it is read, and the connection is of no further use.

        Raises:
            MalformedError: A success is larger than its bound, or cannot be decompressed. Here too the rest is not
                read.
        """
        self._wire += len(chunk)
        try:
            if not self._packed:
                self._held += chunk
            else:
                # In slices: behind each member the rest is copied.
                for begin in range(0, len(chunk), _SLICE):
                    self._inflate(self._rest + chunk[begin : begin + _SLICE])
        except zlib.error:
            return self._spoilt("it cannot be decompressed")
        if self._room <= 0 or self._wire > self._most + _PACKING:
            return self._spoilt(f"it is larger than {self._most} bytes")
        return True

    def finish(self) -> bytes:
        """
        Return the body.

        Raises:
            MalformedError: What was compressed in a success ends too early.
        """
        if self._inflater is not None:
            self._spoilt("what was compressed ends too early")
        return bytes(self._held) if len(self._held) <= self._most else bytes(self._held[: self._most])

    @property
    def _room(self) -> int:
        # One more than the bound: so that it is seen when there is more.
        return self._most + 1 - len(self._held) - self._charged

    def _spoilt(self, why: str) -> bool:
        if not self._wanted:
            return False
        raise MalformedError(
            f"the answer cannot be read: {why}",
            recorded=False if self._request.method == "GET" else None,
            status=self._status,
            method=self._request.method,
            url=self._request.url,
        )

    def _inflate(self, data: bytes) -> None:
        self._rest = b""
        # The room last: a further member is charged when it is opened, and no room at all would mean no bound to zlib.
        while data and not self._ended and (self._inflater is not None or self._opens(data)) and self._room > 0:
            inflater = self._inflater
            if inflater is None:
                return
            # What goes beyond the room stays packed.
            self._held += inflater.decompress(data, self._room)
            if not inflater.eof:
                return
            data = inflater.unused_data
            self._inflater = None
            self._members += 1

    def _opens(self, data: bytes) -> bool:
        """
        Begin the stream, or its next member; False where none begins, or nobody can tell yet.
        """
        if self._members:
            if self._encoding == "deflate" or not _GZIP.startswith(data[:2]):
                # Padding, or nobody knows what.
                self._ended = True
                return False
            if len(data) < len(_GZIP):
                self._rest = data
                return False
            self._charged += _MEMBER
        self._inflater = zlib.decompressobj(self._window_bits(data[0]))
        return True

    def _window_bits(self, first: int) -> int:
        if self._encoding != "deflate":
            return 16 + zlib.MAX_WBITS
        # With a zlib header as RFC 9110 8.4.1.2 has it, or without, as IIS sends it.
        return zlib.MAX_WBITS if first & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS
