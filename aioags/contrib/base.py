"""
What the web frameworks have in common: what is open while the application runs, and how a refusal is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

import attrs

from aioags.calls.choosing import open_transport
from aioags.calls.log import INFO, log
from aioags.calls.transport import Transport
from aioags.client import Client
from aioags.errors import AGSError, IdTokenRefusedError, LaunchError, UnregisteredError
from aioags.gradebook import Gradebook
from aioags.launch import Cookie, Launch, Registrar, Tool, ToolSettings
from aioags.launch.registering.page import refused_page, registered_page
from aioags.model.registration import Registration

HandlerT = TypeVar("HandlerT")

JWKS_HEADERS = {"Cache-Control": "public, max-age=3600"}
"""Of the ``jwks`` route. A rotation waits for longer than that (SEC 6.4)."""

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Of redirects and refusals: they are about one person, once, and plain text stays plain."""

LONGEST_FORM = 512 * 1024
"""Most bytes of a login's or launch's form."""

_MOST_FIELDS = 100


@attrs.frozen
class Arrival:
    """
    A launch, and what its handler needs.

    Attributes:
        gradebook: None: the launch offers no grades.

        spent: Cookie that the answer takes back. None: there is none.
    """

    launch: Launch
    gradebook: Gradebook | None
    spent: Cookie | None


@attrs.frozen
class BrowserAnswer:
    """
    What the browser is told, whatever the framework.

    Attributes:
        location: Where it goes on. None: it is shown the text.

        cookie: Is set with it. None: there is none.
    """

    text: str
    status: int = 200
    content_type: str = "text/html"
    location: str | None = None
    cookie: Cookie | None = None

    @property
    def headers(self) -> dict[str, str]:
        """
        The headers, but for the type and the cookie.
        """
        return NO_STORE if self.location is None else {"Location": self.location, **NO_STORE}


@attrs.frozen
class Opened:
    """
    What is open while the application runs.
    """

    client: Client
    tool: Tool

    async def aclose(self) -> None:
        """
        Close both; the transport goes with the client.
        """
        await self.tool.aclose()
        await self.client.aclose()


def default_client(transport: Transport) -> Client:
    """
    Make the client.
    """
    return Client(transport=transport)


class LTIBase(Generic[HandlerT]):
    """
    The part of `LTI` that knows no framework.

    Args:
        settings: The tool's side of launches.

        client: Makes the `Client` at start-up, around the shared transport. Give your own to change its pace or retry.

        transport: Makes the transport at start-up.

        registrar: Answers platforms that register the tool, at ``/register``; closed at shutdown, and used again at the
            next start-up. None: there is no such route.
    """

    def __init__(
        self,
        settings: ToolSettings,
        *,
        client: Callable[[Transport], Client] = default_client,
        transport: Callable[[], Transport] = open_transport,
        registrar: Registrar | None = None,
    ) -> None:
        if registrar is not None and registrar.settings is not settings:
            raise ValueError("the registrar was made with other settings: give both the same")
        self.settings = settings
        self.registrar = registrar
        self._make_client = client
        self._make_transport = transport
        self._opened: Opened | None = None
        self._handler: HandlerT | None = None

    def on_launch(self, handler: HandlerT) -> HandlerT:
        """
        Mark the handler of launches: ``async def handler(request, launch, gradebook)``; what it returns is the answer.

        It gets every kind of launch; ``launch.message_type`` says which.
        """
        self._handler = handler
        return handler

    @property
    def handler(self) -> HandlerT:
        """
        The handler of launches.
        """
        if self._handler is None:
            raise RuntimeError("no handler takes launches: mark one with @lti.on_launch")
        return self._handler

    def client(self) -> Client:
        """
        Return the application's one `Client`, open from start-up to shutdown.

        Raises:
            RuntimeError: The application was not started with this.
        """
        return self._running().client

    def _running(self) -> Opened:
        if self._opened is None:
            raise RuntimeError("nothing is open: hand this LTI to the application, which opens it at start-up")
        return self._opened

    def _open(self) -> Opened:
        transport = self._make_transport()
        client = self._make_client(transport)
        return Opened(client, Tool(self.settings, transport, on_event=client.told.listener))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Client]:
        """
        Be open while the block runs: at start-up, in a job's process, in a test.
        """
        opened = self._opened = self._open()
        try:
            yield opened.client
        finally:
            self._opened = None
            await opened.aclose()
            if self.registrar is not None:
                await self.registrar.aclose()

    async def begin(self, params: Awaitable[Mapping[str, Any]], registration: Registration | None) -> BrowserAnswer:
        """
        Answer a login request. See `Tool.login`.
        """
        try:
            given = await params
            login = await self._running().tool.login(given, registration=registration)
        except LaunchError as error:
            return _refusal(error)
        if login.page is None:
            return BrowserAnswer("", 302, location=login.url, cookie=login.cookie)
        return BrowserAnswer(login.page, cookie=login.cookie)

    async def take(self, form: Awaitable[Mapping[str, Any]], cookies: Mapping[str, str]) -> Arrival | BrowserAnswer:
        """
        Take a launch. An answer: it was refused, or the answer brings the launch again.
        """
        try:
            fields = await form
            running = self._running()
            page = await running.tool.storage_page(fields, cookies)
            if page is not None:
                return BrowserAnswer(page)
            launch = await running.tool.launch(fields, cookies)
        except LaunchError as error:
            return _refusal(error)
        endpoint = launch.endpoint
        gradebook = None if endpoint is None else running.client.gradebook(launch.registration, endpoint)
        return Arrival(launch, gradebook, running.tool.spent_cookie(fields))

    async def enroll(self, params: Mapping[str, Any]) -> BrowserAnswer:
        """
        Register the tool with the platform that opened the registration URL; what became of it is logged.

        Args:
            params: Of the query.
        """
        if self.registrar is None:
            raise RuntimeError("this LTI has no registrar")
        try:
            registered = await self.registrar.register(params)
        except AGSError as error:
            log(INFO, "a registration was refused: %(error)s", error=str(error))
            return BrowserAnswer(refused_page(error), 503 if error.transient else 400)
        state = "counts" if registered.is_active else "waits for approval"
        log(INFO, "a platform registered the tool (row %(row)s): it %(state)s", row=registered.row.id, state=state)
        return BrowserAnswer(registered_page(registered), 200)

    async def registration(
        self,
        *,
        issuer: str,
        client_id: str | None = None,
        deployment_id: str | None = None,
        token_url: str | None = None,
    ) -> Registration:
        """
        Find the registration of an earlier launch again; see `Tool.registration`.
        """
        return await self._running().tool.registration(
            issuer=issuer, client_id=client_id, deployment_id=deployment_id, token_url=token_url
        )

    def jwks_document(self) -> dict[str, list[dict[str, Any]]]:
        """
        Return the tool's public keys.
        """
        return self._running().tool.jwks()


def _status(error: LaunchError) -> int:
    """
    Return the HTTP status of a refusal: 401 for an id_token that is not believed (SEC 5.1.3, 3).
    """
    if error.transient:
        return 503
    if isinstance(error, IdTokenRefusedError):
        return 401
    return 403 if isinstance(error, UnregisteredError) else 400


def _refusal(error: LaunchError) -> BrowserAnswer:
    text = f"This launch was not accepted: {error}\nGo back to your course and open the link again.\n"
    return BrowserAnswer(text, _status(error), "text/plain")


async def read_form(chunks: AsyncIterable[bytes]) -> dict[str, str]:
    """
    Read a form's fields; of a field that is there twice, the first.

    Args:
        chunks: The body. The frameworks' own readers have no bound, or need another package (python-multipart).

    Raises:
        LaunchError: It is too long, or has too many fields.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > LONGEST_FORM:
            raise LaunchError(f"the form is longer than {LONGEST_FORM} bytes", reason="form")
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise LaunchError(f"the form has more than {_MOST_FIELDS} fields", reason="form") from None
    return dict(reversed(fields))
