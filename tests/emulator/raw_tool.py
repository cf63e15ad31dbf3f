"""
A tool written by hand: it knows the standard and nothing of the package's client.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt

from aioags.emulator import Answer, ManualClock, Platform, Profile
from aioags.protocol.messages import Request

SCOPE = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEM, READONLY, RESULT, SCORE = (
    SCOPE + name for name in ("lineitem", "lineitem.readonly", "result.readonly", "score")
)
ALL = (LINE_ITEM, READONLY, RESULT, SCORE)

CONTAINER_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
RESULT_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
START = 1_767_258_000.0  # 2026-01-01T09:00:00Z

_numbers = itertools.count(1)


def stamp(seconds: float = 0.0) -> str:
    """
    Write START plus some seconds as a score's timestamp.
    """
    return datetime.fromtimestamp(START + seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def score(user: str, given: float | None = 8, maximum: float | None = 10, **more: Any) -> dict[str, Any]:
    """
    Write a score that every platform takes; None leaves a field out.
    """
    body = {
        "userId": user,
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "timestamp": stamp(),
        "scoreGiven": given,
        "scoreMaximum": maximum,
    } | more
    return {name: value for name, value in body.items() if value is not None}


def dump_json(body: object) -> bytes | None:
    """
    Write JSON as UTF-8; None stays None.
    """
    return None if body is None else json.dumps(body, ensure_ascii=False).encode()


def spliced(url: str, tail: str) -> str:
    """
    Put a tail on a URL's path, before the query.
    """
    head, mark, query = url.partition("?")
    return head + tail + mark + query


class RawTool:
    """
    One tool at one platform, with a token of all scopes unless told otherwise.
    """

    def __init__(self, platform: Platform, scopes: tuple[str, ...] = ALL) -> None:
        self.platform = platform
        self.scopes = scopes
        self._token: str | None = None

    @property
    def users(self) -> list[str]:
        return self.platform.users()

    @property
    def item_url(self) -> str:
        return str(self.platform.endpoint_claim()["lineitem"])

    @property
    def items_url(self) -> str:
        return str(self.platform.endpoint_claim()["lineitems"])

    # -- Token -----------------------------------------------------------------------------------------------------

    def claims(self, **changes: Any) -> dict[str, Any]:
        args = self.platform.registration_args()
        now = int(self.platform.site.now())
        claims = {
            "iss": args["client_id"],
            "sub": args["client_id"],
            "aud": args["audience"] or args["token_url"],
            "iat": now,
            "exp": now + 300,
            "jti": f"jti-{next(_numbers)}",
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims: dict[str, Any], *, key: Any = None, **header: Any) -> str:
        pair = self.platform.key
        head = {"alg": "RS256", "kid": pair.kid} | header
        head = {name: value for name, value in head.items() if value is not None}
        algorithms = [str(head["alg"])]
        return jwt.encode(head, claims, key or pair.key, algorithms=algorithms)

    def form(self, assertion: str | None = None, **changes: Any) -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.sign(self.claims()),
            "scope": " ".join(self.scopes),
        } | changes
        return {name: value for name, value in form.items() if value is not None}

    def ask_token(
        self, form: dict[str, str] | None = None, headers: tuple[tuple[str, str], ...] = FORM, *, url: str | None = None
    ) -> Answer:
        url = url or self.platform.registration_args()["token_url"]
        body = urlencode(form if form is not None else self.form()).encode()
        return self.platform.answer(Request("POST", url, headers, body))

    def grant(self, **claims: Any) -> Answer:
        return self.ask_token(self.form(self.sign(self.claims(**claims))))

    @property
    def token(self) -> str:
        if self._token is None:
            answer = self.ask_token()
            assert answer.status == 200, answer
            self._token = answer.json()["access_token"]
        return self._token

    # -- Services --------------------------------------------------------------------------------------------------

    def request(
        self, method: str, url: str, body: Any = None, content_type: str = "", accept: str = "", **headers: str
    ) -> Request:
        sent = {"Authorization": f"Bearer {self.token}"} | headers
        if content_type:
            sent["Content-Type"] = content_type
        if accept:
            sent["Accept"] = accept
        data = body if isinstance(body, bytes) else dump_json(body)
        return Request(method, url, tuple(sent.items()), data)

    def ask(self, method: str, url: str, body: Any = None, **options: Any) -> Answer:
        return self.platform.answer(self.request(method, url, body, **options))

    def list(self, url: str | None = None, **parameters: Any) -> Answer:
        url = url or self.items_url
        if parameters:
            url += ("&" if "?" in url else "?") + urlencode(parameters)
        return self.ask("GET", url, accept=CONTAINER_TYPE)

    def create(self, **fields: Any) -> Answer:
        body = {"label": "Essay", "scoreMaximum": 10} | fields
        return self.ask("POST", self.items_url, body, content_type=LINE_ITEM_TYPE, accept=LINE_ITEM_TYPE)

    def get(self, url: str) -> Answer:
        return self.ask("GET", url, accept=LINE_ITEM_TYPE)

    def put(self, url: str, **fields: Any) -> Answer:
        return self.ask("PUT", url, fields, content_type=LINE_ITEM_TYPE, accept=LINE_ITEM_TYPE)

    def delete(self, url: str) -> Answer:
        return self.ask("DELETE", url)

    def post(self, body: Any, url: str | None = None) -> Answer:
        return self.ask("POST", spliced(url or self.item_url, "/scores"), body, content_type=SCORE_TYPE)

    def results(self, url: str | None = None, **parameters: Any) -> Answer:
        url = spliced(url or self.item_url, "/results")
        if parameters:
            url += ("&" if "?" in url else "?") + urlencode(parameters)
        return self.ask("GET", url, accept=RESULT_TYPE)


def tool(profile: str | Profile = "spec", **options: Any) -> RawTool:
    """
    Make a platform at a standing clock, and a tool for it.
    """
    scopes = options.pop("scopes", ALL)
    return RawTool(Platform.create(profile, clock=options.pop("clock", ManualClock(START)), **options), scopes)
