"""
The launch desk: where tools take launches, the links they placed, and the clicks that are on their way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import attrs
from joserfc.jwk import RSAKey

from aioags.emulator.classroom import Classroom
from aioags.emulator.site.keys import RSA_BITS, KeyPair
from aioags.emulator.site.state import Course, Item, Link, RegisteredTool

ROOT = "/launch"
# What a login of nobody in particular hints at.
NOBODY = "nobody"
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
        user_id: None: an anonymous launch.

        link: None: a deep linking launch.

        review_of: Whose submission is reviewed. None: nobody's.
    """

    user_id: str | None
    course: Course
    tool: RegisteredTool
    link: Link | None
    review_of: str | None = None

    @property
    def hint(self) -> str:
        """
        What stands for the person in a login.
        """
        return NOBODY if self.user_id is None else self.user_id

    @property
    def reviewed(self) -> Item | None:
        """
        The column that is reviewed: the link's first. None: this is no review, or the link has none.
        """
        if self.review_of is None or self.link is None:
            return None
        return next((item for item in self.course.items.values() if item.link_id == self.link.id), None)


@attrs.define(eq=False)
class LaunchDesk:
    """
    Launches tools from one platform.

    Attributes:
        connections: Where tools take launches, by client id.

        placed: URL and custom parameters of links that a tool's deep linking answer placed, by link id.

        own_key: A key pair of this platform alone. None: the one that all platforms of this process share.

        tamper: Called with header and claims of each id_token before it is signed, to see what a tool does with a bad
            one. None: they stay good.

        deep_linking_data: ``data`` of a deep linking launch, which the tool must hand back as it came: any JSON. None:
            the course's number, as text.

        offered_url: Registration URL of a tool that the page of launches offers to register. None: somebody types it.

        registration_tokens: Until when each token of dynamic registration serves, seconds since 1970. None: it was
            used.
    """

    classroom: Classroom
    connections: dict[str, Connection] = attrs.field(factory=dict)
    placed: dict[str, dict[str, Any]] = attrs.field(factory=dict)
    own_key: KeyPair | None = attrs.field(default=None, repr=False)
    tamper: Tamper | None = None
    deep_linking_data: Any = None
    offered_url: str | None = None
    registration_tokens: dict[str, float | None] = attrs.field(factory=dict, repr=False)
    _clicks: dict[str, Click] = attrs.field(factory=dict, repr=False)

    @property
    def key(self) -> KeyPair:
        """
        The platform's own key pair.
        """
        return self.own_key or _platform_key()

    @property
    def data(self) -> Any:
        """
        What a tool's answer to deep linking must hand back.
        """
        return str(self.classroom.course.number) if self.deep_linking_data is None else self.deep_linking_data

    @property
    def page_url(self) -> str:
        """
        The page with the gradebook and its "launch as …" links.
        """
        return self.classroom.base_url + ROOT

    def connect(
        self,
        *,
        login_url: str,
        redirect_uri: str,
        target_link_uri: str | None = None,
        tool: RegisteredTool | None = None,
    ) -> None:
        """
        Say where a tool takes launches.

        Args:
            target_link_uri: None: the redirect URI.

            tool: None: the first.
        """
        chosen = tool or self.classroom.tool
        chosen.url = target_link_uri or redirect_uri
        self.connections[chosen.client_id] = Connection(login_url, (redirect_uri,), target_link_uri or redirect_uri)
        self.reconnect()

    def reconnect(self) -> None:
        """
        Tell the tools, which may be new ones, what their launches open.
        """
        tools = self.classroom.site.state.tools
        for client_id, connection in self.connections.items():
            if client_id in tools:
                tools[client_id].url = connection.target_link_uri

    def url(
        self,
        user: str | None,
        link: Link | None = None,
        *,
        deep_linking: bool = False,
        frame: bool = False,
        review_of: str | None = None,
    ) -> str:
        """
        Return what a browser opens to launch as one person.

        Args:
            user: None: nobody in particular, as from a public course; the id_token has no ``sub``.

            link: None: the first of the course, or with `deep_linking` none.

            frame: The tool is shown in a frame of the platform's page, as most platforms do.

            review_of: User id of whose submission is looked at, from the gradebook. None: the link is opened.
        """
        query = {"anonymous": "1"} if user is None else {"user": user}
        if review_of is not None:
            query["review_of"] = review_of
        if deep_linking:
            query["deep_linking"] = "1"
        elif link is not None:
            query["link"] = link.id
        return f"{self.page_url}/{'frame' if frame else 'start'}?{urlencode(query)}"

    @property
    def register_url(self) -> str:
        """
        The page where a tool's registration URL is given, for dynamic registration.
        """
        return f"{self.page_url}/register"

    def target(self, connection: Connection, click: Click) -> str:
        """
        Return what a launch is to show: the URL of the column's submission review, the link's own, or the tool's.
        """
        review = (click.reviewed.fields.get("submissionReview") or {}) if click.reviewed is not None else {}
        if review.get("url"):
            return str(review["url"])
        placed = self.placed.get(click.link.id, {}) if click.link is not None else {}
        return str(placed.get("url") or connection.target_link_uri)

    def is_dead(self, link: Link) -> bool:
        """
        True for a link that a tool placed without a URL, where the platform does not open the tool instead.
        """
        needs_url = self.classroom.profile.launch.link_needs_url
        return needs_url and link.id in self.placed and not self.placed[link.id].get("url")

    def remember(self, click: Click) -> str:
        """
        Remember a click until the tool asks for its id_token, and return the hint that it must bring back.
        """
        hint = f"{self.classroom.site.rng.getrandbits(128):032x}"
        self._clicks[hint] = click
        while len(self._clicks) > KEPT_CLICKS:
            del self._clicks[next(iter(self._clicks))]
        return hint

    def click(self, hint: str) -> Click | None:
        """
        Find a click by its hint; None: there was none, or too many since.
        """
        return self._clicks.get(hint)


@functools.cache
def _platform_key() -> KeyPair:
    return KeyPair.of(RSAKey.generate_key(RSA_BITS, private=True))
