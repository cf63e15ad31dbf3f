"""
The platform's side of a launch (SEC 5.1, CORE 4): somebody clicks a link, the tool is told to log in, the platform
signs who they are. And of deep linking: the tool's answer becomes links with line items.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs
from joserfc import jwt
from joserfc.jwk import RSAKey

from aioags.emulator import deep_links, launches
from aioags.emulator.classroom import Classroom
from aioags.emulator.hosts import HostError, check_host
from aioags.emulator.keys import RSA_BITS, KeyPair
from aioags.emulator.launch_page import error_page, frame_page, overview, posting_page
from aioags.emulator.messages import Answer, Asked, json_answer
from aioags.emulator.state import Course, Link, Tool

ROOT = "/launch"
DEEP_LINKING_CLAIM = "https://purl.imsglobal.org/spec/lti-dl/claim/deep_linking_settings"
RESOURCE_LINK = "LtiResourceLinkRequest"
DEEP_LINKING = "LtiDeepLinkingRequest"
# SEC 5.1.1.2, each with the one value that it may have.
REQUIRED = {"scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none"}
KEPT_CLICKS = 1000

Tamper = Callable[[dict[str, Any], dict[str, Any]], None]


@attrs.frozen
class Connection:
    """
    Where a tool takes launches.

    Attributes:
        login_url: Its login initiation URL.

        redirect_uris: Where id_tokens may be posted, byte for byte.

        target_link_uri: What a link shows that has no URL of its own.
    """

    login_url: str
    redirect_uris: tuple[str, ...]
    target_link_uri: str


@attrs.frozen
class Click:
    """
    One launch between the click and the id_token.

    Attributes:
        link: None: a deep linking launch.
    """

    user_id: str
    course: Course
    tool: Tool
    link: Link | None


class AuthorizationError(Exception):
    """
    An authentication request cannot be granted.

    Attributes:
        code: Of OIDC 3.1.2.6.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@attrs.define(eq=False)
class LaunchDesk:
    """
    Launches tools from one platform.

    Attributes:
        connections: Where tools take launches, by client id.

        placed: URL and custom parameters of links that a tool's deep linking answer placed, by link id.

        tamper: Called with header and claims of each id_token before it is signed, to see what a tool does with a bad
            one. None: they stay good.
    """

    classroom: Classroom
    connections: dict[str, Connection] = attrs.field(factory=dict)
    placed: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    tamper: Tamper | None = None
    _clicks: dict[str, Click] = attrs.field(factory=dict, repr=False)

    @property
    def key(self) -> KeyPair:
        """
        The platform's own key pair.
        """
        return _platform_key()

    @property
    def page_url(self) -> str:
        """
        The page with the gradebook and its "launch as …" links.
        """
        return self.classroom.base_url + ROOT

    def connect(
        self, *, login_url: str, redirect_uri: str, target_link_uri: str | None = None, tool: Tool | None = None
    ) -> None:
        """
        Say where a tool takes launches.

        Args:
            target_link_uri: None: the redirect URI.

            tool: None: the first.
        """
        chosen = tool or self.classroom.tool
        self.connections[chosen.client_id] = Connection(login_url, (redirect_uri,), target_link_uri or redirect_uri)

    def url(self, user: str, link: Link | None = None, *, deep_linking: bool = False, frame: bool = False) -> str:
        """
        Return what a browser opens to launch as one person.

        Args:
            link: None: the first of the course, or with `deep_linking` none.

            frame: The tool is shown in a frame of the platform's page, as most platforms do.
        """
        query = {"user": user}
        if deep_linking:
            query["deep_linking"] = "1"
        elif link is not None:
            query["link"] = link.id
        return f"{self.page_url}/{'frame' if frame else 'start'}?{urlencode(query)}"

    # -- Pages for people, which are no requests of the tool ----------------------------------------------------------

    def answer_page(self, asked: Asked) -> Answer | None:
        """
        Answer a request for one of the pages; None: it is for something else.
        """
        pages: dict[str, Callable[[Asked], Answer]] = {
            ROOT: lambda _: overview(self.classroom, self.url),
            f"{ROOT}/start": self._start,
            f"{ROOT}/frame": lambda asked: frame_page(f"{ROOT}/start?{asked.raw_query}"),
            f"{ROOT}/links": self._place,
        }
        page = pages.get(asked.path)
        if page is None:
            return None
        try:
            check_host(self.classroom.site, asked)
        except HostError as error:
            return error_page(403, str(error))
        return page(asked)

    def _start(self, asked: Asked) -> Answer:
        course = self.classroom.course
        user_id = asked.parameter("user")
        if user_id is None or user_id not in course.people:
            return error_page(404, "Nobody in the course has this user id.")
        link = None
        if asked.parameter("deep_linking") is None:
            link = course.links.get(asked.parameter("link") or next(iter(course.links), ""))
            if link is None:
                return error_page(404, "There is no such link in the course.")
        tool = self.classroom.tool if link is None else self.classroom.site.state.tools[link.client_id]
        connection = self.connections.get(tool.client_id)
        if connection is None:
            return error_page(409, "This tool takes no launches: say where with platform.launches.connect().")
        return self._initiate(connection, Click(user_id, course, tool, link))

    def _initiate(self, connection: Connection, click: Click) -> Answer:
        hint = f"{self.classroom.site.rng.getrandbits(128):032x}"
        self._clicks[hint] = click
        while len(self._clicks) > KEPT_CLICKS:
            del self._clicks[next(iter(self._clicks))]
        # CORE 4.1.
        query = {
            "iss": launches.issuer(self.classroom.site),
            "login_hint": click.user_id,
            "target_link_uri": self._target(connection, click),
            "lti_message_hint": hint,
            "lti_deployment_id": click.tool.deployment_id,
            "client_id": click.tool.client_id,
        }
        joiner = "&" if "?" in connection.login_url else "?"
        return Answer(302, (("Location", f"{connection.login_url}{joiner}{urlencode(query)}"),))

    def _target(self, connection: Connection, click: Click) -> str:
        placed = self.placed.get(click.link.id, {}) if click.link is not None else {}
        return str(placed.get("url") or connection.target_link_uri)

    # -- Requests of the tool -----------------------------------------------------------------------------------------

    def key_set(self) -> Answer:
        """
        Answer with the platform's public keys (SEC 6.3).
        """
        return json_answer(200, self.key.public_set.as_dict())

    def authorize(self, asked: Asked) -> Answer:
        """
        Answer an authentication request (SEC 5.1.1.2): a page that posts the id_token, or an error, to the tool.
        """
        parameters = dict(asked.query)
        if asked.method == "POST":
            parameters = dict(parse_qsl(asked.body.decode("utf-8", "replace"), keep_blank_values=True))
        connection = self.connections.get(parameters.get("client_id", ""))
        redirect_uri = parameters.get("redirect_uri", "")
        if connection is None or redirect_uri not in connection.redirect_uris:
            # Never to an address that nobody registered (OIDC 3.1.2.1).
            return error_page(400, "client_id or redirect_uri is not registered; they are compared byte for byte.")
        state = {"state": parameters["state"]} if "state" in parameters else {}
        try:
            return posting_page(redirect_uri, {"id_token": self._id_token(connection, parameters), **state})
        except AuthorizationError as error:
            fields = {"error": error.code, "error_description": str(error), **state}
            return posting_page(redirect_uri, fields)

    def _id_token(self, connection: Connection, parameters: dict[str, str]) -> str:
        for name, wanted in REQUIRED.items():
            if parameters.get(name) != wanted:
                raise AuthorizationError("invalid_request", f"{name} must be {wanted}.")
        if not parameters.get("nonce"):
            raise AuthorizationError("invalid_request", "nonce is missing.")
        click = self._clicks.get(parameters.get("lti_message_hint", ""))
        if click is None:
            raise AuthorizationError("invalid_request", "lti_message_hint must come back as it was given.")
        if click.tool.client_id != parameters["client_id"]:
            raise AuthorizationError("unauthorized_client", "This launch is of another tool.")
        if click.user_id != parameters.get("login_hint"):
            raise AuthorizationError("login_required", "Somebody else than login_hint says is logged in.")
        claims = self._claims(click) | {"nonce": parameters["nonce"]}
        claims[launches.LTI + "target_link_uri"] = self._target(connection, click)
        return self._sign(claims)

    def _claims(self, click: Click) -> dict[str, Any]:
        site, person = self.classroom.site, click.course.people[click.user_id]
        if click.link is not None:
            claims = launches.claims(site, click.course, click.tool, click.link, person)
            custom = self.placed.get(click.link.id, {}).get("custom")
            return claims | ({launches.LTI + "custom": custom} if custom else {})
        claims = launches.claims(site, click.course, click.tool, Link("", "", ""), person)
        del claims[launches.LTI + "resource_link"]
        claims[launches.LTI + "message_type"] = DEEP_LINKING
        claims[DEEP_LINKING_CLAIM] = {
            "deep_link_return_url": f"{self.page_url}/links",
            "accept_types": ["ltiResourceLink"],
            "accept_presentation_document_targets": ["iframe", "window"],
            "accept_multiple": True,
            "accept_lineitem": True,
            "data": str(click.course.number),
        }
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key.kid}
        if self.tamper is not None:
            self.tamper(header, claims)
        return jwt.encode(header, claims, self.key.key, algorithms=["RS256"])

    def _place(self, asked: Asked) -> Answer:
        return deep_links.place(self, asked)


@functools.cache
def _platform_key() -> KeyPair:
    return KeyPair.of(RSAKey.generate_key(RSA_BITS, private=True))
