"""
Where a token may go: the origins that an endpoint names, and those that the operator adds in its registration.

An LMS behind a proxy that ends TLS for it may take itself for an http one, and write such URLs: of the line item
container in a launch, of the next page, of a line item. Where the same host is trusted by https, https is what is
asked. Nothing ever goes to a host by http that is not trusted by http.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import attrs

from aioags.errors import UntrustedURLError, shown_url
from aioags.model.registration import Registration
from aioags.model.secure import url_fault
from aioags.protocol.urls import origin, raised

OnRaised = Callable[[str], None]
"""Is told each URL of http that was taken for one of https."""


@attrs.frozen
class Trust:
    """
    The origins that one credential may go to.

    Attributes:
        origins: As `origin` writes them.

        on_raised: Is told each URL that was taken for one of https. None: nobody is.
    """

    origins: frozenset[str] = frozenset()
    on_raised: OnRaised | None = attrs.field(default=None, eq=False, repr=False)

    @classmethod
    def at(cls, *urls: str | None, registration: Registration | None = None, on_raised: OnRaised | None = None) -> Self:
        """
        Trust the origins of these URLs, and those that a registration adds.

        Args:
            urls: One of http counts only where its host is known by https: to another one, or to the registration.
                None: there is none.

            registration: Its `also_origins` are trusted. Its own URLs are not: at some LMSs they are everybody's.
        """
        also = () if registration is None else registration.also_origins
        named = [url for url in urls if url is not None]
        trusted = {origin(url) for url in (*named, *also) if url_fault(url) is None}
        if registration is not None and any(url_fault(url) is not None for url in named):
            own = (registration.token_url, registration.authorization_url, registration.jwks_url)
            known = trusted.union(origin(url) for url in own if url is not None)
            trusted.update(origin(secure) for url in named if (secure := raised(url, known)) != url)
        return cls(frozenset(trusted), on_raised)

    def by_https(self, url: str) -> str:
        """
        Return the URL as one of https, where it is of http and its host is trusted by https; any other as it is.
        """
        secure = raised(url, self.origins)
        if secure != url and self.on_raised is not None:
            self.on_raised(url)
        return secure

    def check(self, url: str, what: str) -> str:
        """
        Return the URL to ask: this one, or the same by https.

        Args:
            what: What the URL is, for the message.

        Raises:
            UntrustedURLError: Another origin, not https (http is for loopback), or not a URL at all.
        """
        url = self.by_https(url)
        fault = url_fault(url)
        if fault is None and origin(url) in self.origins:
            return url
        known = ", ".join(sorted(self.origins)) or "it names none"
        fault = fault or (
            f"must be of an origin that the endpoint names ({known}); where it is the same platform's, add it to the"
            " registration (also_origins=)"
        )
        raise UntrustedURLError(f"{what} {fault}; not sent to {shown_url(url)[:200]!r}", spec="CORE 6.1")
