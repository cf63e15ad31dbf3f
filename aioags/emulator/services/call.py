"""
What a service is given: the request, and all that was found out about it.
"""

from __future__ import annotations

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.site.site import Held, Site
from aioags.emulator.site.state import Course, Item, Person
from aioags.emulator.wire.messages import Asked


@attrs.define
class ServiceCall:
    """
    One authorized request to a service, its course and line item found.

    Attributes:
        operation: Such as ``post_score``.

        client_id: The tool that the access token was given to.

        scopes: What the token allows.

        course, item: What the path points at.

        user: The user id in the path, if it has one.

        held: What this request keeps busy until it leaves.

        number: Counts requests in order of arrival.
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
    number: int = 0

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

        Args:
            user_id: The LTI user id; on some platforms also their own number of the person.
        """
        found = self.course.people.get(user_id)
        if found is None and self.profile.numeric_user_ids and user_id.isdecimal():
            return next((one for one in self.course.people.values() if str(one.local_id) == user_id), None)
        return found
