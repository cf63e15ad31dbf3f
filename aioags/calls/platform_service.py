"""
`PlatformService`: a service of the platform that this package has no words for, with our tokens, pacing and retries.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from aioags.calls.service import Service
from aioags.errors import shown_url
from aioags.model.mistakes import lists
from aioags.protocol.other_services import METHODS, OtherService
from aioags.wire import media_types


class PlatformService:
    """
    One other service of a platform, such as course groups or notices. Made by `Client.service`.

    Its requests share access tokens, pacing, retries and errors with everything else a `Client` does. The token goes to
    the origin of the service's URL, to those that the registration adds, and nowhere else. Every method may raise any
    `AGSError`.

    Attributes:
        url: The service's URL, as it was given.
    """

    def __init__(self, service: Service[OtherService], url: str) -> None:
        self._service = service
        self.url = url

    def __repr__(self) -> str:
        return f"<PlatformService {shown_url(self.url)!r}>"

    async def request(
        self, method: str, url: str | None = None, *, accept: str = media_types.JSON, json: Any = None
    ) -> Any:
        """
        Send one request and return what it was answered.

        GET, PUT and DELETE are repeated when an answer is lost; POST and PATCH are not, and raise `LostAnswerError`.

        Args:
            method: ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.

            url: Of the same origin as the service's. None: the service's own.

            accept: Media type of the answer that is wanted.

            json: What to send as JSON. None: nothing.

        Returns:
            The answer's JSON, decoded. None: its body was empty.

        Raises:
            ValueError, TypeError: An unknown method, or what is no JSON.

            UntrustedURLError: The URL is of another origin. Nothing was sent.
        """
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
        operation = self._service.dialect.request(method, url or self.url, accept=accept, json=json)
        return await self._service.perform(operation)

    @lists
    async def pages(self, url: str | None = None, *, accept: str = media_types.JSON) -> AsyncGenerator[Any, None]:
        """
        Read a listing, page after page, by the ``Link`` header (``rel="next"``); each is fetched when it is needed.

        Args:
            url: Of the first page. None: the service's own.

            accept: Media type of a page.

        Yields:
            The JSON of each page, decoded and whole: where its records are, only the service's standard knows.

        Raises:
            MalformedError: A page is no JSON, or leads back to one already read.

            UntrustedURLError: A page is of another origin.
        """
        page = partial(self._service.dialect.page, accept=accept)
        async for body in self._service.pages(page(url or self.url), page):
            yield body
