"""
What the platform remembers: courses, people, tools, line items, grades. Plain records; the services change them.
"""

from __future__ import annotations

import zlib
from typing import Any

import attrs
from joserfc.jwk import KeySet

from aioags.emulator.profiles.profile import ALL_SCOPES
from aioags.emulator.profiles.sharing import Privacy, check_privacy


@attrs.define
class Person:
    """
    One member of a course.

    Attributes:
        user_id: LTI user id: ``sub`` of a launch, ``userId`` of a score.

        name: For people to read.

        role: ``Learner`` or ``Instructor``; ``TeachingAssistant``, ``Mentor``, ``ContentDeveloper`` and ``TestUser``, a
            teacher who plays a student, are known too. Only learners are gradable, and on Canvas the test user.

        active: False: enrolled once, and no longer.
    """

    user_id: str
    name: str = ""
    role: str = "Learner"
    active: bool = True

    @property
    def gradable(self) -> bool:
        """
        True for a learner.
        """
        return self.role == "Learner"

    @property
    def local_id(self) -> int:
        """
        The platform's own number of the person, the same at each start; some platforms take it for a user id.
        """
        return zlib.crc32(self.user_id.encode("utf-8", "surrogatepass"))

    @property
    def given_name(self) -> str | None:
        """
        All of the name but its last word; None: there is no name.
        """
        head, _, tail = self.name.rpartition(" ")
        return head or tail or None

    @property
    def family_name(self) -> str | None:
        """
        The last word of the name; empty where it has one word. None: there is no name.
        """
        head, _, tail = self.name.rpartition(" ")
        return (tail if head else "") if self.name else None

    @property
    def email(self) -> str:
        """
        An address that nobody reads.
        """
        return f"{self.user_id}@school.example"

    @property
    def username(self) -> str:
        """
        What the person logs in with.
        """
        return f"user{self.user_id}"


@attrs.define
class RegisteredTool:
    """
    One registered tool.

    Attributes:
        number: The running number that some URL styles show.

        client_id: OAuth 2 client id.

        deployment_id: The one deployment of the tool.

        key_set: The tool's public keys. None: they cannot be fetched just now.

        scopes: What the site lets the tool have. Shrink it to see partial grants.

        privacy: What the site tells it of people, in launches and memberships.

        url: What its launches open. A line item that says what it hangs on must name this host.
        owns_keys: The tool made its keys: the platform knows their public halves only.

        jwks_url: Where the tool publishes them; `key_set` is then what was fetched last. None: nowhere.

        key_trouble: Why they could not be fetched when it was last tried. None: they could, or it was not tried.
    """

    number: int
    client_id: str
    deployment_id: str
    key_set: KeySet | None = attrs.field(repr=False)
    scopes: tuple[str, ...] = ALL_SCOPES
    privacy: Privacy = attrs.field(default="public", converter=check_privacy)
    url: str = "https://tool.example/launch"
    owns_keys: bool = False
    jwks_url: str | None = None
    key_trouble: str | None = None


@attrs.define
class Link:
    """
    One resource link: a placement of a tool in a course.

    Attributes:
        score_maximum: Of the line item that came with it.

        from_item: It was made with a line item of the tool, and goes with it.
    """

    id: str
    title: str
    client_id: str
    score_maximum: float = 100
    from_item: bool = False


@attrs.define
class Override:
    """
    What a teacher set by hand; it stands before the tool's grade in results.

    Attributes:
        points: On the scale of the item. None: the teacher took the grade away.

        posted_over: The tool has posted since, and let it stand.
    """

    points: float | None
    comment: str | None = None
    user_id: str = "teacher"
    at: float = 0.0
    posted_over: bool = False


@attrs.define
class SubmissionAttempt:
    """
    One submission, on platforms that count them.
    """

    submitted_at: float | None
    kind: str = "external_tool"
    data: str | None = None


@attrs.define
class Grade:
    """
    What the platform knows about one person in one item.

    Attributes:
        statement: The last score of the tool that was applied, as it came. None: never any.

        history: Every score that was applied, as it came, oldest application first.

        stamp: The time that the next score is compared with, in seconds since 1970. None: nothing to compare with.

        points: The tool's grade on the item's scale. None: none, or cleared.

        published: What of them reached the gradebook; on most platforms the same.

        given, given_maximum: The tool's last numbers as it gave them.

        comment: The tool's comment.

        comments: Every comment, where the platform appends them.

        started_at, submitted_at: Seconds since 1970 (AGS 3.4.10).

        override: What a teacher set by hand.

        locked: A teacher forbade changes.

        number: Of the result, where results have numbers: counted on the whole platform. None: it has none (yet).
    """

    user_id: str
    statement: dict[str, Any] | None = None
    history: list[dict[str, Any]] = attrs.field(factory=list, repr=False)
    stamp: float | None = None
    points: float | None = None
    published: float | None = None
    given: float | None = None
    given_maximum: float | None = None
    comment: str | None = None
    comments: list[str] = attrs.field(factory=list)
    scoring_user_id: str | None = None
    activity_progress: str = "Initialized"
    grading_progress: str = "NotReady"
    started_at: float | None = None
    submitted_at: float | None = None
    attempts: list[SubmissionAttempt] = attrs.field(factory=list)
    override: Override | None = None
    locked: bool = False
    number: int | None = None

    @property
    def shown(self) -> float | None:
        """
        What the gradebook shows, on the item's scale.
        """
        return self.override.points if self.override is not None else self.points

    @property
    def shown_comment(self) -> str | None:
        """
        The comment that the gradebook shows.
        """
        if self.override is not None and self.override.comment is not None:
            return self.override.comment
        return self.comment


@attrs.define
class Item:
    """
    One line item.

    Attributes:
        number: Unique on the platform; its URL is made of it.

        course: The number of its course.

        client_id: The tool it belongs to. Other tools never see it.

        coupled: It came with a resource link, not from a tool's POST.

        fields: The standard's fields as they were stored, without ``id``; unset ones are absent or None.

        locked: A teacher forbade changes to all its grades.

        allowed_attempts: How many submissions a person may make, where attempts count. None: any.

        made_at: When it was made, on the platform's clock, in seconds since 1970.
    """

    number: int
    course: int
    client_id: str
    coupled: bool
    fields: dict[str, Any]
    grades: dict[str, Grade] = attrs.field(factory=dict, repr=False)
    locked: bool = False
    allowed_attempts: int | None = None
    made_at: float = 0.0

    @property
    def maximum(self) -> float:
        """
        The item's ``scoreMaximum``.
        """
        return float(self.fields["scoreMaximum"])

    @property
    def link_id(self) -> str | None:
        """
        The resource link it hangs on; None: on none.
        """
        return self.fields.get("resourceLinkId")

    def grade(self, user_id: str) -> Grade:
        """
        Return one person's grade, made on first use.
        """
        found = self.grades.get(user_id)
        if found is None:
            found = self.grades[user_id] = Grade(user_id)
        return found


@attrs.define
class Course:
    """
    One course: its people, its links, its line items in order of creation.

    Attributes:
        client_ids: Tools that are available in it.

        concluded: It is over; grades are refused.

        published: False: grades are refused until it is.

        orphans: Columns that a request made and no service shows or deletes: a creation that failed half way (Moodle),
            first scores that raced, and what was deleted although it had come with a link (Brightspace).

        list_lag: Seconds until a new line item is in listings; by its own URL it is there at once. The platform reads
            lists from a copy of its database that is behind.
    """

    number: int
    title: str
    people: dict[str, Person] = attrs.field(factory=dict, repr=False)
    links: dict[str, Link] = attrs.field(factory=dict, repr=False)
    items: dict[int, Item] = attrs.field(factory=dict, repr=False)
    client_ids: set[str] = attrs.field(factory=set)
    concluded: bool = False
    published: bool = True
    orphans: list[Item] = attrs.field(factory=list, repr=False)
    list_lag: float = 0.0

    @property
    def label(self) -> str:
        """
        The short name.
        """
        return f"C{self.number}"

    def enroll(self, user_id: str, name: str = "", role: str = "Learner") -> Person:
        """
        Add a person, or change one.
        """
        person = self.people[user_id] = Person(user_id, name, role)
        return person


@attrs.define
class PlatformState:
    """
    Everything that must survive for the platform to go on where it was; tokens and faults do not count.
    """

    courses: dict[int, Course] = attrs.field(factory=dict)
    tools: dict[str, RegisteredTool] = attrs.field(factory=dict)
    last_item: int = 0
    last_link: int = 0
    last_result: int = 0

    def next_item(self) -> int:
        """
        Return a number that no line item ever had.
        """
        self.last_item += 1
        return self.last_item

    def next_link(self) -> int:
        """
        Return a number that no resource link ever had.
        """
        self.last_link += 1
        return self.last_link

    def next_result(self) -> int:
        """
        Return a number that no result ever had.
        """
        self.last_result += 1
        return self.last_result

    def tool_numbered(self, client_id: str) -> int:
        """
        Return a tool's running number.
        """
        return self.tools[client_id].number
