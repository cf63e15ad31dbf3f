"""
The platform as its own people see it: set courses up, look into the gradebook, be the teacher.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from aioags.emulator.profiles.profile import Profile
from aioags.emulator.profiles.sharing import Privacy
from aioags.emulator.services import line_items, results
from aioags.emulator.site import claims
from aioags.emulator.site.keys import KeyPair
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import Course, Grade, Item, Link, Override, Person, RegisteredTool
from aioags.emulator.site.tool_keys import register_keys
from aioags.emulator.traffic.changes import EVERYTHING, Change

# How a line item may be named: its URL, its number, the JSON object the platform shows, or None: the oldest there is.
ItemRef = str | int | dict[str, Any] | Item | None


@attrs.define
class Classroom:
    """
    Everything about a platform that is no HTTP.

    Attributes:
        site: What the services share: profile, state, clock, base URL.

        key: The private key of the registered tools.
    """

    site: Site
    key: KeyPair = attrs.field(repr=False)

    @property
    def profile(self) -> Profile:
        """
        The platform's switches.
        """
        return self.site.profile

    @property
    def base_url(self) -> str:
        """
        The origin of every URL, without a trailing slash.
        """
        return self.site.base_url

    @property
    def course(self) -> Course:
        """
        The first course.
        """
        return next(iter(self.site.state.courses.values()))

    @property
    def tool(self) -> RegisteredTool:
        """
        The first tool.
        """
        return next(iter(self.site.state.tools.values()))

    def add_tool(
        self,
        client_id: str,
        *,
        key: KeyPair | None = None,
        scopes: tuple[str, ...] | None = None,
        privacy: Privacy = "public",
    ) -> RegisteredTool:
        """
        Register a tool.

        Args:
            key: Its key pair; None: the platform's generated one.

            scopes: What it may have at most. None: as the profile has it, `tool_scopes`.

            privacy: What it is told of people.

        Raises:
            ValueError: There is no such privacy.
        """
        number = len(self.site.state.tools) + 1
        deployment_id = self.profile.launch.deployment_ids.format(n=number)
        keys, allowed = (key or self.key).public_set, self.profile.tool_scopes if scopes is None else scopes
        tool = RegisteredTool(number, client_id, deployment_id, keys, allowed, privacy)
        self.site.state.tools[client_id] = tool
        return tool

    def register_keys(
        self,
        *,
        jwks_url: str | None = None,
        public_keys: str | Mapping[str, Any] | None = None,
        tool: RegisteredTool | None = None,
    ) -> None:
        """
        Register keys that a tool made itself. `registration_args` has no ``key`` from then on.

        Args:
            jwks_url: Where the tool publishes them, http or https. Fetched by `serve` and `InMemoryTransport` when they
                are first needed, and again for a ``kid`` that is new.

            public_keys: Instead of the URL: PEM text, a JWK or a key set. The ``kid`` of one key alone does not matter.

            tool: None: the first.

        Raises:
            ValueError: Not exactly one of the two, or it cannot be used: a private key, for one.
        """
        register_keys(tool or self.tool, jwks_url=jwks_url, public_keys=public_keys)

    def add_course(
        self, title: str, *, people: Iterable[Person] = (), tools: Iterable[RegisteredTool] | None = None
    ) -> Course:
        """
        Open a course.

        Args:
            tools: The tools available in it; None: all that are registered now.
        """
        state = self.site.state
        course = Course(len(state.courses) + 1, title)
        course.client_ids = {tool.client_id for tool in (state.tools.values() if tools is None else tools)}
        course.people = {person.user_id: person for person in people}
        state.courses[course.number] = course
        return course

    def add_link(
        self,
        title: str,
        *,
        tool: RegisteredTool | None = None,
        course: Course | None = None,
        score_maximum: float = 100,
    ) -> Link:
        """
        Place a tool in a course.

        Args:
            score_maximum: Of the line item that the link has, where it has one.
        """
        tool, course = tool or self.tool, course or self.course
        link_id = self.profile.link_ids.format(n=self.site.state.next_link())
        link = Link(link_id, title, tool.client_id, score_maximum)
        course.links[link.id] = link
        course.client_ids.add(tool.client_id)
        return link

    def add_line_item(
        self,
        label: str,
        score_maximum: float,
        *,
        link: Link | None = None,
        course: Course | None = None,
        tool: RegisteredTool | None = None,
        resource_id: str | None = None,
        tag: str | None = None,
    ) -> Item:
        """
        Put a line item into the gradebook: a coupled one when it hangs on a link, else one as a tool would make it.
        """
        course, tool = course or self.course, tool or self.tool
        fields = {"label": label, "scoreMaximum": score_maximum, "resourceId": resource_id, "tag": tag}
        if link is not None:
            fields["resourceLinkId"] = link.id
        client_id = tool.client_id if link is None else link.client_id
        item = Item(self.site.state.next_item(), course.number, client_id, link is not None, fields)
        course.items[item.number] = item
        return item

    def registration_args(self, tool: RegisteredTool | None = None) -> dict[str, Any]:
        """
        Return what ``aioags.Registration`` is called with: issuer, client id, token URL, key, audience, deployment id.

        There is no ``key`` where the tool owns its keys.
        """
        chosen = tool or self.tool
        agreed = claims.registration(self.site, chosen, self.key.pem)
        return {name: value for name, value in agreed.items() if name != "key" or not chosen.owns_keys}

    def endpoint_claim(self, link: Link | None = None, *, course: Course | None = None) -> dict[str, Any]:
        """
        Return the AGS claim of a launch, as ``Endpoint.from_claim`` takes it.

        Args:
            link: The launched link; None: the course's first.
        """
        course = course or self.course
        link = link or next(iter(course.links.values()), None)
        tool = self.tool if link is None else self.site.state.tools[link.client_id]
        return claims.endpoint_claim(self.site, course, tool, link.id if link else None)

    def launch_claims(self, user: str, link: Link | None = None, *, course: Course | None = None) -> dict[str, Any]:
        """
        Return all claims of a launch by one person of the course.

        Raises:
            LookupError: The person is not in the course, or the course has no link.
        """
        course = course or self.course
        if user not in course.people:
            raise LookupError(f"nobody in {course.title!r} has the user id {user!r}")
        link = link or next(iter(course.links.values()), None)
        if link is None:
            raise LookupError(f"{course.title!r} has no resource link to launch")
        tool = self.site.state.tools[link.client_id]
        return claims.launch_claims(self.site, course, tool, link, course.people[user])

    def users(self, course: Course | None = None) -> list[str]:
        """
        Return the user ids of a course's people, in order.
        """
        return list((course or self.course).people)

    def item(self, ref: ItemRef = None) -> Item:
        """
        Find a line item.

        Args:
            ref: Its URL (the query may be missing), its number, the JSON object shown for it; None: the oldest.

        Raises:
            LookupError: There is no such line item.
        """
        if isinstance(ref, Item):
            return ref
        number = self._number(ref)
        for course in self.site.state.courses.values():
            for item in course.items.values():
                if number is None or item.number == number:
                    return item
        raise LookupError(f"there is no line item {ref!r}")

    def _number(self, ref: str | int | dict[str, Any] | None) -> int | None:
        if ref is None or isinstance(ref, int):
            return ref
        url = ref["id"] if isinstance(ref, dict) else ref
        place = self.profile.addresses.find(urlsplit(url).path)
        number = self.profile.addresses.number("item", place.item) if place is not None and place.item else None
        if number is None:
            raise LookupError(f"{url!r} is no line item's URL here")
        return number

    def line_items(self, course: Course | None = None) -> list[dict[str, Any]]:
        """
        Return the line items of all courses, or of one, as the platform shows them, oldest first.
        """
        courses = [course] if course is not None else list(self.site.state.courses.values())
        return [line_items.render(self.site, item) for one in courses for item in one.items.values()]

    def grade(self, item: ItemRef, user: str) -> Grade:
        """
        Return everything that is known of one person in one item; an empty record when that is nothing.
        """
        return self.item(item).grades.get(user) or Grade(user)

    def result(self, item: ItemRef, user: str) -> dict[str, Any] | None:
        """
        Return what the result service would say of one person now; None: nothing.
        """
        found = self.item(item)
        grade = found.grades.get(user)
        if grade is None or not results.is_shown(self.site, found, grade):
            return None
        return results.render(self.site, found, grade)

    def results(self, item: ItemRef = None) -> list[dict[str, Any]]:
        """
        Return the results of one item: everybody's who has one, sorted by user id.
        """
        shown = (self.result(item, user) for user in sorted(self.item(item).grades))
        return [one for one in shown if one is not None]

    def published(self, item: ItemRef, user: str) -> float | None:
        """
        Return what stands in the gradebook for people; on some platforms not every result gets there. None: nothing.
        """
        grade = self.grade(item, user)
        return grade.override.points if grade.override is not None else grade.published

    def score(self, item: ItemRef, user: str) -> dict[str, Any] | None:
        """
        Return the last score that was applied, as it came; None: never any.
        """
        return self.grade(item, user).statement

    def history(self, item: ItemRef, user: str) -> list[dict[str, Any]]:
        """
        Return every score that was applied, as it came, in the order of application.
        """
        return list(self.grade(item, user).history)

    def override(
        self, item: ItemRef, user: str, points: float | None, *, comment: str | None = None, teacher: str = "teacher"
    ) -> Grade:
        """
        Set a grade by hand.

        Args:
            points: On the scale of the item. None: there is no grade.
        """
        grade = self.item(item).grade(user)
        grade.override = Override(points, comment, teacher, self.site.now())
        if self.profile.override_rule == "moodle":
            # An edit by hand moves the time that scores are compared with (seen).
            grade.stamp = self.site.now()
        self.touch(Change(self.item(item).number, user))
        return grade

    def release_override(self, item: ItemRef, user: str) -> None:
        """
        Let the tool's grade stand again.
        """
        self.item(item).grade(user).override = None
        self.touch(Change(self.item(item).number, user))

    def save_activity(self, link: Link) -> Item:
        """
        Save a link's settings, as a teacher does on Moodle: its own line item gets label and maximum back.

        Returns:
            The coupled line item; a new one, with a new id and no grades, where a tool deleted it.
        """
        course = next(one for one in self.site.state.courses.values() if one.links.get(link.id) is link)
        found = next((item for item in course.items.values() if item.coupled and item.link_id == link.id), None)
        if found is None:
            return self.add_line_item(link.title, link.score_maximum, link=link, course=course)
        found.fields["label"] = link.title
        self.change_maximum(found, link.score_maximum)
        return found

    def change_maximum(self, item: ItemRef, score_maximum: float) -> None:
        """
        Let an item's points be out of another maximum: every grade keeps its share. Moodle stamps each with its own
        time, so that scores on their way may then be too old.
        """
        found = self.item(item)
        before, found.fields["scoreMaximum"] = found.maximum, score_maximum
        line_items.rescale(self.site, found, before)
        self.touch(Change(found.number))

    def lock(self, item: ItemRef, user: str | None = None, *, locked: bool = True) -> None:
        """
        Forbid, or allow again, changes to one person's grade or to a whole line item.
        """
        if user is None:
            self.item(item).locked = locked
            self.touch()
        else:
            self.item(item).grade(user).locked = locked
            self.touch(Change(self.item(item).number, user))

    def touch(self, change: Change = EVERYTHING) -> None:
        """
        Say that something changed, or may have. A platform tells its watchers.
        """
