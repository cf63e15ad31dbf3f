"""
The one border to HTTP: a `Transport` sends a request and returns the whole answer, or says what is known of its loss.

Foreign exceptions end here. The question that each of them must answer is whether the request may have reached the
platform: `UnreachableError` says surely not, `LostAnswerError` says nobody knows. In doubt it is lost.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Protocol

import aiohttp
from yarl import URL

from aioags.calls.arrival import seconds_unseen
from aioags.calls.bodies import Body
from aioags.calls.conversation import LONGEST_LINE, CleanConnector
from aioags.calls.session_check import check_aiohttp
from aioags.errors import AGSError, LostAnswerError, UnreachableError, printable, shown_url
from aioags.model.mistakes import ClosedAtEnd
from aioags.model.policy import Timeouts
from aioags.protocol.messages import Request, Response

Session = aiohttp.ClientSession
"""What `Client` takes as ``session=``: aiohttp's own."""

# Below the 5 s after which Apache and Node close an idle connection: a POST on one just closed is a lost answer.
KEEPALIVE = 4.0

# OpenSSL's X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY and …_TO_VERIFY_LEAF_SIGNATURE.
_INCOMPLETE = (20, 21)

# What aiohttp raises. `HttpProcessingError` comes from its parser, where no session makes another of it.
FOREIGN = (
    aiohttp.ClientError, aiohttp.http.HttpProcessingError, aiohttp.EofStream, OSError, TimeoutError, ValueError,
    asyncio.IncompleteReadError,
)  # fmt: skip


class Transport(Protocol):
    """
    What sends requests. Give your own to `Client` to test without a network.
    """

    async def send(self, request: Request) -> Response:
        """
        Send one request, once, and read the answer to its end. Redirects are not followed.

        Raises:
            UnreachableError: The request surely did not reach the platform.

            LostAnswerError: It may have; no whole answer came.

            MalformedError: A success is larger than `Request.most_bytes`, or cannot be decompressed. Of an answer that
                is no success the beginning is enough.
        """
        ...

    async def aclose(self) -> None:
        """
        Close what the transport itself has opened. Can be called twice.
        """
        ...


class AiohttpTransport(ClosedAtEnd):
    """
    Sends through an aiohttp session.

    Args:
        session: Stays the caller's, who closes it. None: one is opened at the first request, and closed by `aclose`. In
            a session of the caller's aiohttp itself repeats a GET, PUT or DELETE whose connection broke, and takes a
            connection from its pool on which an answer nobody asked for may wait: from a server that sends one too
            many, a score can then be told as recorded that was not. A connector of `CleanConnector` mends the second.

        timeouts: Bounds for each try.

        user_agent: Value of the ``User-Agent`` header.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None, *, timeouts: Timeouts, user_agent: str) -> None:
        self._given = session
        # What is ours of it is checked before it is used.
        self._session = None if isinstance(getattr(session, "connector", None), CleanConnector) else session
        self._closed = False
        self._agent = user_agent
        connect = min(timeouts.connect, timeouts.total)
        self._timeout = aiohttp.ClientTimeout(
            total=timeouts.total, connect=connect, sock_connect=connect, sock_read=timeouts.read
        )

    async def send(self, request: Request) -> Response:
        """
        Send one request, once, and read the answer to its end.
        """
        if self._closed:
            raise RuntimeError("the Client is closed")
        try:
            async with (self._session or self._open()).request(
                request.method,
                # The platform's own bytes: yarl would turn %2C into a comma.
                URL(request.url, encoded=True),
                headers={"User-Agent": self._agent, "Accept-Encoding": "gzip, deflate", **dict(request.headers)},
                data=request.body,
                timeout=self._timeout,
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=False,
                max_line_size=LONGEST_LINE,
                max_field_size=LONGEST_LINE,
            ) as answer:
                return await _read(request, answer)
        except FOREIGN as error:
            # aiohttp's own complaints quote what the server sent, and a server may send back what it was sent.
            raise mapped(request, error) from (error if isinstance(error, (OSError, TimeoutError)) else None)

    def check_loop(self) -> None:
        """
        Check that a session of the caller's is of the running event loop.

        Raises:
            RuntimeError: It is not.
        """
        running = asyncio.get_running_loop()
        if self._given is not None and getattr(self._given, "_loop", running) is not running:
            raise RuntimeError("the session belongs to another event loop: make it in the one that uses the Client")

    def _open(self) -> aiohttp.ClientSession:
        check_aiohttp()
        # limit=0: the pacing of each platform bounds its connections; a common limit would let one starve the others.
        self._session = self._given or new_session(limit=0, keepalive_timeout=KEEPALIVE)
        return self._session

    async def aclose(self) -> None:
        """
        Close the session, if it was opened here.
        """
        self._closed = True
        if self._given is None and self._session is not None:
            await self._session.close()


def new_session(**settings: Any) -> aiohttp.ClientSession:
    """
    Return a session that sends each request once; the settings are those of its connector.
    """
    session = aiohttp.ClientSession(connector=CleanConnector(**settings), cookie_jar=aiohttp.DummyCookieJar())
    # aiohttp would send GET, PUT and DELETE twice by itself: the second DELETE finds nothing, and 404 is a failure.
    session._retry_connection = False
    return session


async def _read(request: Request, answer: aiohttp.ClientResponse) -> Response:
    body: Body | None = None
    # By the end of the body aiohttp has given the connection back.
    protocol: Any = getattr(answer, "_protocol", None)
    try:
        async for chunk in answer.content.iter_any():
            body = body or Body(request, answer.status, answer.headers.get("Content-Encoding", ""))
            if not body.feed(chunk):
                # The rest is not read; closing the connection is the only way to be rid of it.
                answer.close()
                break
    except RuntimeError as error:
        # So aiohttp says that the session was closed before anybody waited for the rest.
        raise aiohttp.ClientConnectionError("closed") from error
    headers = tuple((name, as_text(value)) for name, value in answer.headers.items())
    held = b"" if body is None else body.finish()
    late = seconds_unseen(getattr(protocol, "transport", None))
    return Response(answer.status, as_text(answer.reason or ""), headers, held, request.url, late)


def as_text(value: str) -> str:
    """
    Return what can be printed of a header's value or a reason phrase.
    """
    # aiohttp hands bytes that are no UTF-8 over as lone surrogates, and those can be neither printed nor logged.
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def mapped(request: Request, error: Exception) -> AGSError:
    """
    Say in our words what became of a request.
    """
    where = f"{request.method} {shown_url(request.url)}"
    what = f"{type(error).__name__}"
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)):
        return unreachable(request, error)
    if isinstance(error, ValueError):
        # aiohttp checks its arguments before it connects.
        return UnreachableError(f"{where} cannot be sent ({what})")
    if isinstance(error, TimeoutError):
        return LostAnswerError(f"no whole answer in time to {where} ({what})", recorded=None, transient=True)
    return LostAnswerError(f"the connection broke during {where} ({what})", recorded=None, transient=True)


def unreachable(request: Request, error: Exception) -> UnreachableError:
    """
    Say that there was no connection to write a request on.
    """
    where = f"{request.method} {shown_url(request.url)}"
    if (refused := _certificate_error(error)) is not None:
        # Nothing that waiting mends.
        return UnreachableError(f"no connection for {where}: {_certificate_words(refused)}", transient=False)
    return UnreachableError(f"no connection for {where} ({type(error).__name__}): it was not sent", transient=True)


def _certificate_error(error: Exception) -> ssl.SSLCertVerificationError | None:
    # aiohttp's own is a subclass, made without OpenSSL's words; the real one is inside.
    inside = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return inside if isinstance(inside, ssl.SSLCertVerificationError) else None


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    # Python sets both only where OpenSSL said them.
    said = printable(str(getattr(error, "verify_message", None) or "no reason given"))
    words = f"the certificate of its host is not to be trusted ({said})"
    if getattr(error, "verify_code", None) in _INCOMPLETE:
        words += (
            ". The server may leave out the intermediate certificate between its own and the authority's (a browser"
            " finds it by itself), or this machine lacks the authority's"
        )
    return words
