"""
The one network, as each HTTP library sees it: a connector for aiohttp, an adapter for requests, a transport for aioags.

Each library is the real one down to its connection: only the socket is not there.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

import aiohttp
import requests
import requests.adapters
from aiohttp.client_proto import ResponseHandler
from sqlalchemy.util.concurrency import await_only
from urllib3 import HTTPHeaderDict, HTTPResponse

from aioags import LostAnswerError
from aioags.emulator.wire.messages import Answer
from aioags.protocol.messages import Request, Response

from .world import PATIENCE, BrokenConnectionError, Storm


class Line:
    """
    The transport of an aioags `Client`.
    """

    def __init__(self, storm: Storm) -> None:
        self._storm = storm

    async def send(self, request: Request) -> Response:
        """
        Send one request.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._storm.carry(request)
        except (BrokenConnectionError, TimeoutError) as error:
            raise LostAnswerError("the connection broke", recorded=None, transient=True) from error
        return Response(answer.status, answer.phrase, answer.headers, answer.body, request.url)

    async def aclose(self) -> None:
        """
        Do nothing.
        """


class _Pipe(asyncio.Transport):
    """
    One connection of aiohttp: what is written is read as HTTP/1.1, and answered as that.
    """

    def __init__(self, storm: Storm, protocol: ResponseHandler) -> None:
        super().__init__()
        self._storm, self._protocol = storm, protocol
        self._buffer = bytearray()
        self._closed = False

    def write(self, data: Any) -> None:
        """
        Take a request, in pieces.
        """
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        fields = {name.lower(): value for name, value in headers}
        size = end + 4 + int(fields.get("content-length", 0))
        if len(self._buffer) < size:
            return
        body = bytes(self._buffer[end + 4 : size])
        del self._buffer[:size]
        method, target, _ = first.split(" ")
        self._work = asyncio.ensure_future(
            self._answer(Request(method, f"https://{fields['host']}{target}", headers, body))
        )

    def writelines(self, list_of_data: Any) -> None:
        """
        Take several pieces.
        """
        self.write(b"".join(list_of_data))

    async def _answer(self, request: Request) -> None:
        try:
            answer = await self._storm.carry(request)
        except BrokenConnectionError:
            self._lose(ConnectionResetError("the connection broke"))
            return
        if not self._closed:
            self._protocol.data_received(as_bytes(answer))

    def _lose(self, error: Exception | None) -> None:
        if not self._closed:
            self._closed = True
            self._protocol.connection_lost(error)

    def close(self) -> None:
        """
        Close it, at the loop's next turn.
        """
        asyncio.get_running_loop().call_soon(self._lose, None)

    abort = close

    def is_closing(self) -> bool:
        """
        True when it is closed.
        """
        return self._closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """
        There is no socket to tell of.
        """
        return default

    def pause_reading(self) -> None:
        """
        Do nothing: an answer is there at once.
        """

    resume_reading = pause_reading


def as_bytes(answer: Answer) -> bytes:
    """
    Write an answer as HTTP/1.1.
    """
    lines = [f"HTTP/1.1 {answer.status} {answer.phrase}".rstrip()]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body


class Connector(aiohttp.BaseConnector):
    """
    What an aiohttp session connects with.
    """

    def __init__(self, storm: Storm) -> None:
        super().__init__()
        self._storm = storm

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:  # noqa: ASYNC109
        protocol = ResponseHandler(asyncio.get_running_loop())
        protocol.connection_made(_Pipe(self._storm, protocol))
        return protocol


class Adapter(requests.adapters.HTTPAdapter):
    """
    What a requests session sends with; it must run in a greenlet (`sqlalchemy.util.concurrency.greenlet_spawn`).
    """

    def __init__(self, storm: Storm) -> None:
        super().__init__()
        self._storm = storm

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """
        Send one request; others go on meanwhile.
        """
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers = tuple((name, str(value)) for name, value in request.headers.items())
        asked = Request(request.method or "GET", request.url or "", headers, body)
        try:
            answer = await_only(self._storm.carry(asked))
        except BrokenConnectionError as error:
            raise requests.ConnectionError(str(error)) from error
        names = HTTPHeaderDict(answer.headers)
        came = HTTPResponse(BytesIO(answer.body), names, answer.status, reason=answer.phrase, preload_content=False)
        return self.build_response(request, came)
