"""
The same requests to a platform and to its imitation, and what both answer, freed of what must differ.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import aiohttp
import attrs
from joserfc import jwt
from joserfc.jwk import Key

CONTAINER_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
FORM_TYPE = "application/x-www-form-urlencoded"
SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
SCOPES = " ".join(SCOPE + name for name in ("lineitem", "result.readonly", "score"))

GOOD = "good"


@attrs.frozen
class Step:
    """
    One request.

    Attributes:
        name: For people, and for the list of differences.

        url: With ``{items}``, ``{token}``, ``{origin}`` and ``{item[0]}``, the first item made, filled in.

        body: JSON; ``<link>`` stands for the resource link's id. A str is sent as it is.

        accept, content_type: None: no such header.

        token: What follows ``Bearer``; `GOOD`: a token of all scopes. None: no Authorization header.

        claims, form: For a token request: what to change in the assertion and in the form. None takes a member out.

        makes: The answer is a line item, by whose URL later steps ask.
    """

    name: str
    method: str
    url: str
    body: Any = None
    accept: str | None = None
    content_type: str | None = None
    token: str | None = GOOD
    claims: dict[str, Any] = attrs.field(factory=dict)
    form: dict[str, str | None] = attrs.field(factory=dict)
    header: dict[str, Any] = attrs.field(factory=dict)
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
    One of the two platforms, with one tool, one link and no line item.

    Attributes:
        items: URLs of the line items made so far.
    """

    session: aiohttp.ClientSession
    token_url: str
    client_id: str
    key: Key
    lineitems: str
    link_id: str
    items: list[str] = attrs.field(factory=list)
    token: str = ""

    async def walk(self, steps: list[Step]) -> dict[str, Seen]:
        """
        Ask one thing after the other.
        """
        seen: dict[str, Seen] = {}
        for step in steps:
            assert step.name not in seen
            seen[step.name] = await self.ask(step)
        return seen

    async def ask(self, step: Step) -> Seen:
        """
        Send one request as it is, and read what comes.
        """
        url = step.url.format(items=self.lineitems, token=self.token_url, item=self.items)
        async with self.session.request(
            step.method, url, data=self._body(step), headers=self._headers(step), skip_auto_headers=("Accept", "Content-Type")
        ) as response:
            text = await response.text()
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        body = self._read(text, media_type)
        if step.makes and isinstance(body, dict):
            self.items.append(body["id"])
        if step.name == "token":
            self.token = body["access_token"]
        return Seen(response.status, media_type, self._freed(body))

    def _headers(self, step: Step) -> dict[str, str]:
        token = self.token if step.token == GOOD else step.token
        if token is not None:
            token = token if token[:1] == ":" else f"Bearer {token}"
        headers = {"Authorization": token and token.lstrip(":"), "Accept": step.accept, "Content-Type": step.content_type}
        return {name: value for name, value in headers.items() if value is not None}

    def _body(self, step: Step) -> bytes | None:
        if step.url == "{token}" and step.method == "POST":
            return self._form(step).encode()
        if step.body is None or isinstance(step.body, bytes):
            return step.body
        return json.dumps(step.body).replace("<link>", self.link_id).encode()

    def _form(self, step: Step) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.token_url,
            "iat": now - 5,
            "exp": now + 60,
            "jti": uuid4().hex,
        }
        for name, value in step.claims.items():
            claims[name] = now + value if isinstance(value, int) else value
        header = {"alg": "RS256"} | step.header
        key = header.pop("key", self.key)
        assertion = jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, key, algorithms=[header["alg"]])
        form: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "scope": SCOPES,
        } | step.form
        return urlencode({name: value for name, value in form.items() if value is not None})

    def _read(self, text: str, media_type: str) -> Any:
        return json.loads(text) if media_type.endswith("json") and text else None

    def _freed(self, body: Any) -> Any:
        text = json.dumps(body).replace(self.link_id, "<link>")
        for index, url in enumerate(self.items):
            text = re.sub(re.escape(url) + r"(?!\d)", f"<item {index}>", text)
        parts = urlsplit(self.lineitems)
        text = text.replace(f"{parts.scheme}://{parts.netloc}", "<origin>")
        freed = json.loads(text)
        if isinstance(freed, dict) and "access_token" in freed:
            freed["access_token"] = "<token>"
        return freed
