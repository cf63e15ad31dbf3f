"""
What a platform tells a tool about people and places: the switches of memberships and of launches.

How much of it a tool gets is the site's decision, its privacy setting; which fields that means is the platform's.
Format strings know ``{host}``, ``{base}``, ``{digest}`` (40 hex digits made of the base), ``{course}``, ``{tool}``,
``{link}`` and ``{memberships}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import attrs

# What a site lets a tool know of people.
Privacy = Literal["public", "name_only", "email_only", "anonymous"]
PRIVACY: tuple[Privacy, ...] = get_args(Privacy)


def check_privacy(value: object) -> Privacy:
    """
    Return a privacy setting as one.

    Raises:
        ValueError: It is none.
    """
    for known in PRIVACY:
        if value == known:
            return known
    raise ValueError(f"privacy is {value!r}; it must be one of {', '.join(PRIVACY)}")


@attrs.frozen(kw_only=True)
class Disclosure:
    """
    Which fields about a person are told, by privacy setting; the user id always is.

    The names are those of ``FACTS`` in ``site/claims.py``. A dot is a step into a claim: ``lis.person_sourcedid``.

    Attributes:
        always: Told whatever the setting is.

        name, email: Told where the setting lets the one or the other through.

        public: Told where it lets everything through.

        values: What stands in a field where it is not what ``FACTS`` has: a format string over ``digest`` (40 hex
            digits made of the user id), ``number`` (`Person.local_id`) and ``label``, the course's.
    """

    always: tuple[str, ...] = ()
    name: tuple[str, ...] = ("name", "given_name", "family_name")
    email: tuple[str, ...] = ("email",)
    public: tuple[str, ...] = ()
    values: Mapping[str, str] = attrs.field(factory=dict)

    def fields(self, privacy: str) -> tuple[str, ...]:
        """
        Return the fields that a privacy setting lets through, in the order that they are written in.
        """
        name = self.name if privacy in ("public", "name_only") else ()
        email = self.email if privacy in ("public", "email_only") else ()
        return self.always + name + email + (self.public if privacy == "public" else ())


@attrs.frozen(kw_only=True)
class Window:
    """
    Pages of members that come only to who sends ``limit``, with one plain link: the next.

    Attributes:
        begin: The query parameter that says where a page begins.

        counts_pages: It is a page's number, from 1. Otherwise it is how many people come before.

        query: Of the next page's URL: a format string over ``limit``, ``next``, and ``rlid``, which is empty or begins
            with ``&``. What it does not hold is lost on the next page: Moodle's role (seen).
    """

    begin: str
    counts_pages: bool = False
    query: str


@attrs.frozen(kw_only=True)
class MembersStyle:
    """
    The switches of the membership service (NRPS 2.0).
    """

    disclosure: Disclosure = Disclosure()
    context_fields: tuple[str, ...] = ("id", "label", "title")
    # Roles are words such as Learner: Moodle (seen). Otherwise URIs.
    short_roles: bool = False
    # "uri": the full URI only: Canvas (read). "ignored": Open edX, Sakai (read). "moodle": an unknown role shows
    # everybody (seen).
    role_filter: Literal["any", "uri", "ignored", "moodle"] = "any"
    # rlid is not looked at: Open edX, Sakai (read).
    link_ignored: bool = False
    # rlid must name a link of the tool's own, or the context; a blank one is refused: Canvas (read).
    own_links_only: bool = False
    # With rlid, message is one object, which has the locale and the parameters too: Canvas (read). Otherwise a list.
    one_message: bool = False
    # Only who is enrolled now: Moodle, Canvas, Sakai, Open edX (read).
    hides_inactive: bool = False
    # The body's id is the URL as asked, query and all: Open edX (read).
    id_as_asked: bool = False
    # Sakai: application/json (read). None: the standard's.
    content_type: str | None = None
    # None: pages are as those of line items.
    window: Window | None = None
    # Members on a numbered page, at most and when nothing is asked: Canvas 50 (read). None: as line items.
    page_size: int | None = None


@attrs.frozen(kw_only=True)
class LaunchStyle:
    """
    The switches of a launch's id_token.
    """

    disclosure: Disclosure = Disclosure()
    # Seconds from iat to exp. SEC 5.1.2: minutes. Moodle a minute, Canvas an hour (read).
    lifetime: int = 300
    # The form of context and deployment ids. Moodle: decimal (seen).
    context_ids: str = "course-{n}"
    deployment_ids: str = "deployment-{n}"
    # What the context's type is. Moodle: short (read).
    context_types: tuple[str, ...] = ("http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering",)
    # Roles beside the course's, by role; of system and institution.
    more_roles: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    # azp beside aud: Canvas, Open edX (read).
    azp: bool = False
    # nbf: Brightspace (reported).
    nbf: bool = False
    # Moodle: 1.0 and 2.0 (seen).
    members_versions: tuple[str, ...] = ("2.0",)
    # Format strings; an empty claim is left out, unless it is one of these: Canvas's custom (read).
    sent_empty: frozenset[str] = frozenset()
    tool_platform: Mapping[str, str] = {"guid": "{host}", "name": "An emulated platform"}
    presentation: Mapping[str, str | int] = {"document_target": "iframe", "return_url": "{base}/launch", "locale": "en"}
    custom: Mapping[str, str] = attrs.field(factory=dict)
    lis: Mapping[str, str] = attrs.field(factory=dict)
    ext: Mapping[str, str] = attrs.field(factory=dict)
    # Whole claims by their full names.
    claims: Mapping[str, str] = attrs.field(factory=dict)
    # The claim of LTI 1.1's grades, where the link has a column: Moodle (seen).
    basic_outcome: bool = False
    # DL10: a placed link without a URL of its own opens nothing: Blackboard (reported). Otherwise it opens the tool.
    link_needs_url: bool = False
    # BR1: lti_storage_target of a login in a frame: the frame that keeps what a tool puts there. Canvas
    # post_message_forwarding (read), Blackboard lti_storage_frame (documented), Sakai _parent (read). Brightspace and
    # Schoology have a storage (documented); their name for it is not known. None: Moodle and Open edX (read).
    storage_frame: str | None = "_parent"
    # What the browser shows of a redirect_uri that nobody registered, and the type of it. Canvas: JSON (reported).
    # Moodle: its own page (read).
    unknown_redirect: str = "client_id or redirect_uri is not registered; they are compared byte for byte."
    unknown_redirect_type: str | None = None
