"""
LTIAAS as the LMS sees it: a tool with a key of its own, that speaks AGS. Written apart from the package's client.
"""

from __future__ import annotations

import html
import itertools
import json
import re
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import attrs
from joserfc import jwt

from aioags.emulator.ltiaas.refusals import relayed, unanswered
from aioags.emulator.platform import Platform
from aioags.emulator.services.tokens import ASSERTION_TYPE, FORM, GRANT_TYPE
from aioags.emulator.site.state import Course, Link, RegisteredTool
from aioags.emulator.wire.messages import Answer
from aioags.protocol.messages import Request

# A relation in any quotes, also Moodle's U+201C.
_LINK = re.compile(r"<([^>]*)>\s*;\s*rel=[\"\u201c]?([a-z]+)")
_RELATIONS = ("next", "prev", "first", "last")

Parameters = dict[str, str | None]


@attrs.define
class LMS:
    """
    One tool's way to one platform: it signs, keeps its access token, and asks.
    """

    platform: Platform
    tool: RegisteredTool
    wait: float = 0.0
    _token: str | None = attrs.field(default=None, repr=False)
    _until: float = 0.0
    _numbers: itertools.count[int] = attrs.field(factory=itertools.count, repr=False)

    def claim(self, course: Course, link: Link | None) -> dict[str, Any]:
        """
        Return the AGS claim of a launch.
        """
        return self.platform.endpoint_claim(link, course=course)

    def list(self, url: str, accept: str, parameters: Parameters) -> tuple[Any, dict[str, str]]:
        """
        Get one page: its records, and the URLs of its neighbours.
        """
        asked = {name: value for name, value in parameters.items() if value is not None}
        if asked:
            url += ("&" if "?" in url else "?") + urlencode(asked, quote_via=quote)
        answer = self.ask("GET", url, accept)
        return json.loads(answer.body), neighbours(answer, url)

    def ask(self, method: str, url: str, accept: str, body: bytes | None = None) -> Answer:
        """
        Ask an AGS service; a token that went bad is renewed once.

        Raises:
            GatewayRefusal: The LMS refused, or did not answer.
        """
        answer = self._ask(method, url, accept, body)
        if answer.status in (401, 403) and self._token is not None:
            self._token = None
            answer = self._ask(method, url, accept, body)
        if not 200 <= answer.status < 300:
            raise relayed(answer, url, body)
        return answer

    def _ask(self, method: str, url: str, accept: str, body: bytes | None) -> Answer:
        headers = [("Authorization", f"Bearer {self._access_token()}"), ("Accept", accept)]
        if body is not None:
            headers.append(("Content-Type", accept))
        return self._send(Request(method, url, tuple(headers), body))

    def _send(self, request: Request) -> Answer:
        answer = self.platform.answer(request)
        self.wait += answer.manner.wait
        if answer.manner.lost is not None or answer.manner.cut is not None:
            raise unanswered(request.url, request.body)
        return answer

    def _access_token(self) -> str:
        now = self.platform.site.clock()
        if self._token is None or now >= self._until:
            answer = self._send(self._token_request(now))
            if answer.status != 200:
                raise relayed(answer, answer.header("Location") or "the token endpoint", None)
            grant = json.loads(answer.body)
            self._token = str(grant["access_token"])
            self._until = now + int(grant.get("expires_in", 60)) - 10
        return self._token

    def _token_request(self, now: float) -> Request:
        registration = self.platform.registration_args(self.tool)
        client_id, url = registration["client_id"], registration["token_url"]
        times = {"iat": int(now), "exp": int(now) + 60}
        claims = {"iss": client_id, "sub": client_id, "aud": registration["audience"] or url, **times}
        form = {
            "grant_type": GRANT_TYPE,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.sign(claims | {"jti": f"ltiaas-{next(self._numbers)}"}),
            "scope": " ".join(self.tool.scopes),
        }
        return Request("POST", url, (("Content-Type", FORM),), urlencode(form).encode())

    def sign(self, claims: dict[str, Any]) -> str:
        """
        Sign with the one key that the tool on LTIAAS never sees.
        """
        pair = self.platform.key
        algorithm = "ES256" if pair.key.key_type == "EC" else "RS256"
        return jwt.encode({"alg": algorithm, "kid": pair.kid}, claims, pair.key)


def neighbours(answer: Answer, url: str) -> dict[str, str]:
    """
    Read the Link headers: next, prev, first and last, as absolute URLs.
    """
    found: dict[str, str] = {}
    for name, value in answer.headers:
        if name.lower() == "link":
            found |= {rel: urljoin(url, html.unescape(target)) for target, rel in _LINK.findall(value)}
    return {rel: found[rel] for rel in _RELATIONS if rel in found}


def service(item_url: str, name: str) -> str:
    """
    Return the URL of a line item's service: the name goes on the path (AGS 3.3.1, 3.4.1).
    """
    head, mark, query = item_url.partition("?")
    return f"{head}/{name}{mark}{query}"
