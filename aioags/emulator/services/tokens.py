"""
Access tokens: the endpoint that gives them, and the check at the door of every service.
"""

from __future__ import annotations

import base64
import math
from urllib.parse import parse_qs

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.refusals import GrantRefusal, Kind, Refusal
from aioags.emulator.services.assertions import AssertionDesk
from aioags.emulator.site.hosts import asked_origin
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import RegisteredTool
from aioags.emulator.traffic.throttle import Quota
from aioags.emulator.wire import grant_errors
from aioags.emulator.wire.messages import Answer, Asked, Header, json_answer

FORM = "application/x-www-form-urlencoded"
GRANT_TYPE = "client_credentials"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NO_STORE: tuple[Header, ...] = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


@attrs.frozen
class IssuedToken:
    """
    What one access token stands for. ``expires_at`` is in seconds since 1970; `origin` is where it was given.
    """

    client_id: str
    scopes: frozenset[str]
    expires_at: float
    origin: str = ""


@attrs.define
class TokenDesk:
    """
    Gives access tokens and knows which are good.

    Attributes:
        lifetime: Seconds a new token lives; None: as the profile says.

        grants: Every token given and not yet forgotten.

        requests: How many token requests came.

        issued: How many were answered with a token, shared ones included.
    """

    site: Site
    lifetime: float | None = None
    grants: dict[str, IssuedToken] = attrs.field(factory=dict, repr=False)
    requests: int = 0
    issued: int = 0
    assertions: AssertionDesk = attrs.field(init=False, repr=False)
    quota: Quota | None = attrs.field(init=False, repr=False)
    _shared: dict[tuple[str, str], str] = attrs.field(factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        self.assertions = AssertionDesk(self.site)
        calls = self.site.profile.token_calls
        self.quota = Quota(calls, 60.0) if calls is not None else None

    def answer(self, asked: Asked) -> Answer:
        """
        Answer a token request.
        """
        self.requests += 1
        named = self.site.tool_at(asked.path)
        if named is None and self.site.profile.token_url_names_tool:
            return Answer(404, (), b"")
        try:
            if self.quota is not None:
                self.quota.enter(self.site.now())
            return self._grant(asked, named)
        except GrantRefusal as refusal:
            return grant_errors.answer(self.site.profile, refusal, self.site.now())

    def revoke(self, token: str | None = None) -> int:
        """
        Forget one access token, or all, before they expire.

        Returns:
            How many there were.
        """
        gone = list(self.grants) if token is None else [token] if token in self.grants else []
        for name in gone:
            del self.grants[name]
        self._shared.clear()
        return len(gone)

    def check(self, asked: Asked) -> IssuedToken:
        """
        Return what the request's access token stands for.

        Raises:
            Refusal: There is none, or it is not good.
        """
        token = self._bearer(asked)
        grant = self.grants.get(token)
        if grant is None and self.site.profile.token_form == "jwt" and token.count(".") != 2:
            raise Refusal(Kind.MALFORMED_TOKEN, "This is no access token of this platform: they are JWTs.", "SEC 4.1")
        if grant is None:
            raise Refusal(Kind.BAD_TOKEN, "This access token was never given, or was revoked.", "SEC 4.1")
        if grant.expires_at <= self.site.now():
            raise Refusal(Kind.EXPIRED_TOKEN, "This access token has expired; ask for a new one.", "SEC 7.1.1")
        self._check_origin(asked, grant)
        return grant

    def _check_origin(self, asked: Asked, grant: IssuedToken) -> None:
        profile = self.site.profile
        if not profile.token_of_one_host or grant.origin.partition("://")[2] in profile.everywhere_hosts:
            return
        here = asked_origin(self.site, asked)
        if here != grant.origin:
            text = f"This access token was given at {grant.origin}; it serves nothing at {here}."
            raise Refusal(Kind.FOREIGN_TOKEN, text)

    def client_of(self, asked: Asked) -> str | None:
        """
        Return the client id behind a request's access token, good or expired; None: no known token.
        """
        grant = self.grants.get(self.bearer_of(asked))
        return grant.client_id if grant is not None else None

    def bearer_of(self, asked: Asked) -> str:
        """
        Return a request's access token; empty when it has none.
        """
        header = asked.header("authorization")
        if header is None and self.site.profile.token_in_query:
            return asked.parameter("access_token") or ""
        return (header or "").partition(" ")[2].strip()

    def _bearer(self, asked: Asked) -> str:
        header = asked.header("authorization")
        if header is None and self.bearer_of(asked):
            return self.bearer_of(asked)
        if header is None:
            raise Refusal(Kind.NO_TOKEN, "There is no Authorization header; send Authorization: Bearer.", "CORE 6.2")
        scheme, _, token = header.partition(" ")
        exact = self.site.profile.exact_case
        if not (scheme == "Bearer" or (not exact and scheme.lower() == "bearer")):
            raise Refusal(Kind.NO_TOKEN, f"The Authorization scheme is {scheme!r}, not Bearer.", "SEC 4.1")
        return token.strip()

    def _grant(self, asked: Asked, named: RegisteredTool | None) -> Answer:
        form = read_form(asked, self.site.profile)
        if form["grant_type"] != GRANT_TYPE:
            text = f"grant_type must be {GRANT_TYPE}."
            raise GrantRefusal("unsupported_grant_type", "grant_type", text, "SEC 4.1")
        if form["client_assertion_type"] != ASSERTION_TYPE:
            text = f"client_assertion_type must be {ASSERTION_TYPE}."
            raise GrantRefusal("invalid_request", "assertion_type", text, "SEC 4.1")
        origin = asked_origin(self.site, asked)
        tool = self.assertions.verify(form["client_assertion"], origin, named)
        granted = self._scopes(form["scope"].split(" "), tool)
        return self._answer(tool, granted, origin)

    def _scopes(self, asked: list[str], tool: RegisteredTool) -> list[str]:
        granted = [scope for scope in asked if scope in tool.scopes]
        refused = [scope for scope in asked if scope and scope not in tool.scopes]
        if refused and self.site.profile.scope_policy == "strict":
            text = f"These scopes are not allowed, so none is granted: {' '.join(refused)}."
            raise GrantRefusal("invalid_scope", "scope_denied", text, "SEC 4.1", refused=refused)
        if not granted and not self.site.profile.empty_grant:
            text = f"None of the scopes can be granted; this tool may have: {' '.join(tool.scopes)}."
            raise GrantRefusal("invalid_scope", "scope_denied", text, "SEC 4.1")
        return granted

    def _answer(self, tool: RegisteredTool, granted: list[str], origin: str) -> Answer:
        profile = self.site.profile
        token, grant = self._token(tool, granted, origin)
        self.issued += 1
        left = grant.expires_at - self.site.now()
        body = {
            "access_token": token,
            "token_type": profile.token_type,
            "expires_in": math.ceil(left) if left >= 1 else left,
            "scope": " ".join(granted),
        }
        headers = NO_STORE if profile.token_no_store else ()
        if profile.grant_error_style == "moodle":
            return Answer(200, (("Content-Type", profile.token_content_type), *headers), grant_errors.moodle_json(body))
        return json_answer(200, body, profile.token_content_type, headers)

    def _token(self, tool: RegisteredTool, granted: list[str], origin: str) -> tuple[str, IssuedToken]:
        now = self.site.now()
        key = (tool.client_id, " ".join(sorted(granted)))
        known = self._shared.get(key, "")
        if self.site.profile.shared_token and known in self.grants and self.grants[known].expires_at > now:
            return known, self.grants[known]
        if len(self.grants) > 10_000:
            self.grants = {name: grant for name, grant in self.grants.items() if grant.expires_at > now}
        lifetime = self.lifetime if self.lifetime is not None else self.site.profile.token_lifetime
        grant = IssuedToken(tool.client_id, frozenset(granted), now + lifetime, origin)
        token = self._new_text()
        self.grants[token] = grant
        self._shared[key] = token
        return token, grant

    def _new_text(self) -> str:
        rng = self.site.rng
        if self.site.profile.token_form == "hex":
            return f"{rng.getrandbits(128):032x}"
        parts = [base64.urlsafe_b64encode(rng.randbytes(size)).decode().rstrip("=") for size in (32, 64, 32)]
        if self.site.profile.token_form == "jwt":
            return f"eyJ{parts[0]}.eyJ{parts[1]}.{parts[2]}"
        return parts[0]


def read_form(asked: Asked, profile: Profile) -> dict[str, str]:
    """
    Read the parameters of a token request; all four are there, and not empty where the profile looks at once.

    Raises:
        GrantRefusal: They are not.
    """
    if asked.method != "POST":
        raise GrantRefusal("invalid_request", "method", f"{asked.method} is not POST.", "SEC 4.1")
    if asked.content_type != FORM or (profile.exact_case and not (asked.header("content-type") or "").startswith(FORM)):
        raise GrantRefusal("invalid_request", "content_type", f"Content-Type must be {FORM}.", "SEC 4.1")
    form = {name: values[0] for name, values in parse_qs(asked.body.decode("utf-8", "replace")).items()}
    if "client_assertion" not in form and (asked.header("authorization") or "").lower().startswith("basic"):
        text = "LTI services take no client secret: send a signed client_assertion."
        raise GrantRefusal("invalid_request", "basic", text, "CORE 6.2")
    if profile.late_scope_check:
        form["scope"] = form.get("scope") or form.get("scopes", "")
    for name in ("grant_type", "client_assertion_type", "client_assertion", "scope"):
        if not form.get(name) and not (name == "scope" and profile.late_scope_check):
            raise GrantRefusal("invalid_request", f"missing_{name}", f"The parameter {name} is missing.", "SEC 4.1")
    return form
