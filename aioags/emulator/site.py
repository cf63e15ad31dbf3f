"""
What every service of one platform shares: its profile, its memory, its time and its address.
"""

from __future__ import annotations

import random
from collections import Counter

import attrs

from aioags.emulator.clock import Clock
from aioags.emulator.messages import Asked
from aioags.emulator.profile import Profile
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.state import Course, Item, Person, State

# Number of a line item, user id.
Held = tuple[int, str]


@attrs.define
class Site:
    """
    One platform's surroundings.

    Attributes:
        base_url: Origin without a trailing slash; every URL the platform gives begins with it.

        skew: Seconds the platform's clock is ahead of the true one.

        busy: How many requests in flight are about one line item and user.

        issuer: The platform's issuer; None: its base URL.

        host: The name or address it listens on, lower case. None: on none.
    """

    profile: Profile
    state: State
    clock: Clock
    rng: random.Random
    base_url: str
    issuer: str | None = None
    host: str | None = None
    skew: float = 0.0
    busy: Counter[Held] = attrs.field(factory=Counter, repr=False)

    def release(self, held: list[Held]) -> None:
        """
        Let go of what a request kept busy.
        """
        self.busy.subtract(held)
        for key in held:
            if self.busy[key] <= 0:
                del self.busy[key]

    def now(self) -> float:
        """
        Return the platform's own time, seconds since 1970.
        """
        return self.clock() + self.skew

    def token_url(self, client_id: str) -> str:
        """
        Return the token endpoint of one tool.
        """
        addresses = self.profile.addresses
        return self.base_url + addresses.spell(addresses.token, tool=self.state.tool_numbered(client_id))

    def container_url(self, course: Course, client_id: str) -> str:
        """
        Return the URL of a course's line items, as one tool is told it.
        """
        addresses = self.profile.addresses
        tool = self.state.tool_numbered(client_id)
        return addresses.url(self.base_url, addresses.container, course=course.number, tool=tool)

    def memberships_url(self, course: Course, client_id: str) -> str:
        """
        Return the URL of a course's memberships, as one tool is told it.
        """
        addresses = self.profile.addresses
        tool = self.state.tool_numbered(client_id)
        return self.base_url + addresses.spell(addresses.memberships, course=course.number, tool=tool)

    def item_url(self, item: Item) -> str:
        """
        Return the ``id`` of a line item.
        """
        addresses = self.profile.addresses
        tool = self.state.tool_numbered(item.client_id)
        return addresses.url(self.base_url, addresses.item, course=item.course, item=item.number, tool=tool)

    def results_url(self, item: Item) -> str:
        """
        Return the URL of a line item's results.
        """
        addresses = self.profile.addresses
        tool = self.state.tool_numbered(item.client_id)
        return addresses.url(self.base_url, addresses.results, course=item.course, item=item.number, tool=tool)

    def result_url(self, item: Item, user_id: str) -> str:
        """
        Return the ``id`` of one person's result.
        """
        tool = self.state.tool_numbered(item.client_id)
        return self.profile.addresses.result_url(
            self.base_url, course=item.course, item=item.number, tool=tool, user=user_id
        )


@attrs.define
class Call:
    """
    One authorized request to a service, its course and line item found.

    Attributes:
        operation: Such as ``post_score``.

        client_id: The tool that the access token was given to.

        scopes: What the token allows.

        course, item: What the path points at.

        user: The user id in the path, if it has one.

        held: What this request keeps busy until it leaves.
    """

    site: Site
    asked: Asked
    operation: str
    client_id: str
    scopes: frozenset[str]
    course: Course
    found: Item | None = None
    user: str | None = None
    held: list[Held] = attrs.field(factory=list)

    @property
    def profile(self) -> Profile:
        """
        The platform's switches.
        """
        return self.site.profile

    @property
    def item(self) -> Item:
        """
        The line item of the path.

        Raises:
            Refusal: The path has none.
        """
        if self.found is None:
            raise Refusal(Kind.UNKNOWN_LINE_ITEM, "This path names no line item.", "AGS 3.2.3")
        return self.found

    def hold(self, key: Held) -> bool:
        """
        Keep a line item and user busy until this request leaves; True when another request does so already.
        """
        busy = self.site.busy[key] > 0
        self.site.busy[key] += 1
        self.held.append(key)
        return busy

    def person(self, user_id: str) -> Person | None:
        """
        Return a member of the course; None: no such user in it.
        """
        return self.course.people.get(user_id)
