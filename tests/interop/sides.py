"""
The same requests to a platform and to its imitation, and what both answer, freed of what must differ.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import aiohttp
import attrs
from joserfc import jwt
from joserfc.jwk import Key

FORM_TYPE = "application/x-www-form-urlencoded"
SCOPES = " ".join(
    "https://purl.imsglobal.org/spec/lti-ags/scope/" + name for name in ("lineitem", "result.readonly", "score")
)
# The side's own token, of all scopes.
OWN = "Bearer <token>"


@attrs.frozen
class Step:
    """
    One request.

    Attributes:
        name: For people, and for the list of differences.

        url: With ``{items}``, ``{token}``, ``{link}`` and ``{item[0]}``, the first line item made, filled in.

        body: JSON, in which ``<link>`` stands for the resource link's id. bytes are sent as they are.

        accept, content_type, authorization: Headers; None: not sent.

        assertion, header: For a token request: what to change in the assertion's claims and header. Numbers are seconds
            from now, None takes a member out, a ``key`` in the header signs.

        form: For a token request: what to change in the form; None takes a member out.

        makes: The answer is a line item that later steps ask for.
    """

    name: str
    method: str
    url: str
    body: Any = None
    accept: str | None = None
    content_type: str | None = None
    authorization: str | None = OWN
    assertion: dict[str, Any] = attrs.field(factory=dict)
    header: dict[str, Any] = attrs.field(factory=dict)
    form: dict[str, str | None] = attrs.field(factory=dict)
    makes: bool = False


@attrs.frozen
class Seen:
    """
    What was answered: status, media type without parameters, and the JSON, or None where it was none.
    """

    status: int
    media_type: str
    body: Any


@attrs.define
class Side:
    """
    One of the two platforms, with one tool, one link and no line item yet.

    Attributes:
        items: URLs of the line items made so far.

        token: The access token of the first answer that had one.
    """

    session: aiohttp.ClientSession
    token_url: str
    client_id: str
    key: Key
    lineitems: str
    link_id: str
    items: list[str] = attrs.field(factory=list)
    token: str = ""

    async def walk(self, steps: Iterable[Step]) -> dict[str, Seen]:
        """
        Ask one thing after the other.
        """
        return {step.name: await self.ask(step) for step in steps}

    async def ask(self, step: Step) -> Seen:
        """
        Send one request as it is, and read what comes.
        """
        link = quote(self.link_id, safe="")
        url = step.url.format(items=self.lineitems, token=self.token_url, item=self.items, link=link)
        body, headers = self._body(step), self._headers(step)
        silent = ("Accept", "Content-Type")
        async with self.session.request(
            step.method, url, data=body, headers=headers, skip_auto_headers=silent
        ) as answer:
            text = await answer.text()
        media_type = answer.headers.get("Content-Type", "").partition(";")[0]
        shown = json.loads(text) if media_type.endswith("json") and text else None
        if step.makes and isinstance(shown, dict):
            self.items.append(shown["id"])
        if isinstance(shown, dict) and "access_token" in shown:
            self.token = self.token or shown["access_token"]
            shown["access_token"] = "<token>"
        return Seen(answer.status, media_type, self._freed(shown))

    def _headers(self, step: Step) -> dict[str, str]:
        authorization = step.authorization and step.authorization.replace("<token>", self.token)
        headers = {"Authorization": authorization, "Accept": step.accept, "Content-Type": step.content_type}
        return {name: value for name, value in headers.items() if value is not None}

    def _body(self, step: Step) -> bytes | None:
        if step.url == "{token}":
            return self._form(step)
        if step.body is None or isinstance(step.body, bytes):
            return step.body
        return json.dumps(step.body).replace("<link>", self.link_id).encode()

    def _form(self, step: Step) -> bytes:
        form: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(step),
            "scope": SCOPES,
        } | step.form
        return urlencode({name: value for name, value in form.items() if value is not None}).encode()

    def _assertion(self, step: Step) -> str:
        claims: dict[str, Any] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.token_url,
            "iat": -5,
            "exp": 60,
            "jti": uuid4().hex,
        } | step.assertion
        now = int(time.time())
        moved = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
        header = {"alg": "RS256", "key": self.key} | step.header
        key = header.pop("key")
        said = {name: value for name, value in moved.items() if value is not None}
        return jwt.encode(header, said, key, algorithms=[header["alg"]])

    def _freed(self, shown: Any) -> Any:
        parts = urlsplit(self.lineitems)
        text = json.dumps(shown).replace(self.link_id, "<link>")
        for index, url in enumerate(self.items):
            text = re.sub(re.escape(url) + r"(?!\d)", f"<item {index}>", text)
        return json.loads(text.replace(f"{parts.scheme}://{parts.netloc}", "<origin>"))
