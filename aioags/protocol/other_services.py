"""
How a platform's other services are asked: those that this package has no words for, such as course groups.
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.model.registration import Registration
from aioags.protocol.dialect import Operation, Page, Repeat
from aioags.protocol.messages import Request, Response
from aioags.protocol.trust import OnRaised, Trust
from aioags.wire import media_types
from aioags.wire.links import next_link
from aioags.wire.scalars import dump_json, load_json

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# RFC 9110 9.2.2: twice is the same as once.
_IDEMPOTENT = frozenset({"GET", "PUT", "DELETE"})


@attrs.frozen
class OtherService:
    """
    One service of a platform, asked with JSON.

    Attributes:
        scopes: What its access token must allow: any one of these.

        trust: Where the token goes: the origin of the service, and those that its registration adds.
    """

    scopes: tuple[str, ...]
    trust: Trust

    @classmethod
    def at(
        cls,
        url: str,
        scopes: tuple[str, ...],
        registration: Registration | None = None,
        *,
        on_raised: OnRaised | None = None,
    ) -> OtherService:
        """
        Return the service at a URL.

        Raises:
            UntrustedURLError: It is not https, or http to loopback.
        """
        trust = Trust.at(url, registration=registration, on_raised=on_raised)
        trust.check(url, "the service's URL")
        return cls(scopes, trust)

    def request(self, method: str, url: str, *, accept: str, json: Any) -> Operation[Any]:
        """
        Ask once; the value is the answer's JSON, None when its body is empty.

        Args:
            json: What to send. None: no body.
        """
        headers = (("Accept", accept),) if json is None else (("Accept", accept), ("Content-Type", media_types.JSON))
        body = None if json is None else dump_json(json).encode()
        repeat = Repeat.FREELY if method in _IDEMPOTENT else Repeat.NEVER
        return self._operation(Request(method, url, headers, body), _read, repeat)

    def page(self, url: str, *, accept: str) -> Operation[Page[Any]]:
        """
        Ask for one page: its only record is its whole JSON.
        """
        return self._operation(Request("GET", url, (("Accept", accept),)), _read_page, Repeat.FREELY)

    def _operation(self, request: Request, read: Any, repeat: Repeat) -> Operation[Any]:
        request = attrs.evolve(request, url=self.trust.check(request.url, "the service's URL"))
        return Operation("service", request, self.scopes, read, repeat, self.trust)


def _read(response: Response) -> Any:
    return load_json(response.body) if response.body.strip() else None


def _read_page(response: Response) -> Page[Any]:
    return Page([load_json(response.body)], next_link(response.header_values("Link"), response.url))
