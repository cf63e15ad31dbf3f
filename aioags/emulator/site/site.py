"""
What every service of one platform shares: its profile, its memory, its time and its address.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.site.clock import Clock
from aioags.emulator.site.state import Course, Grade, Item, PlatformState, RegisteredTool


class Held(NamedTuple):
    """
    One person in one line item.
    """

    item: int
    user: str


@attrs.define
class Site:
    """
    One platform's surroundings.

    Attributes:
        base_url: Origin without a trailing slash; every URL the platform gives begins with it.

        skew: Seconds the platform's clock is ahead of the true one.

        busy: How many requests in flight are about one line item and user.

        arrived: Number of the latest request that arrived.

        opened: The value of `arrived` when the first score of a line item was applied, by the item's number.

        issuer: The platform's issuer; None: its base URL.

        host: The name or address it listens on, lower case. None: on none.
    """

    profile: Profile
    state: PlatformState
    clock: Clock
    rng: random.Random
    base_url: str
    issuer: str | None = None
    host: str | None = None
    skew: float = 0.0
    busy: Counter[Held] = attrs.field(factory=Counter, repr=False)
    arrived: int = 0
    opened: dict[int, int] = attrs.field(factory=dict, repr=False)

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

    def tool_at(self, path: str) -> RegisteredTool | None:
        """
        Return the tool whose token endpoint this is; None: there is none, or it is everybody's.
        """
        if not self.profile.token_url_names_tool:
            return None
        tools = self.state.tools.values()
        return next((tool for tool in tools if self.token_url(tool.client_id) == self.base_url + path), None)

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

    def result_url(self, item: Item, grade: Grade) -> str:
        """
        Return the ``id`` of one person's result.
        """
        user_id = grade.user_id if grade.number is None else str(grade.number)
        tool = self.state.tool_numbered(item.client_id)
        return self.profile.addresses.result_url(
            self.base_url, course=item.course, item=item.number, tool=tool, user=user_id
        )
