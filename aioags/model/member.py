"""
A member of a course: who may have a result, whether or not there is one (NRPS 2.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import attrs

_COURSE_ROLE = "http://purl.imsglobal.org/vocab/lis/v2/membership"
# CORE A.2.3: core and other context roles, as the standard spells them.
_CORE = {
    name.lower(): name
    for name in (
        "Administrator", "ContentDeveloper", "Instructor", "Learner", "Mentor", "Manager", "Member", "Officer",
    )
}  # fmt: skip
# …/membership#Learner, …/membership/Instructor#TeachingAssistant, and LTI 1's urn:lti:role:ims/lis/Learner and
# urn:lti:role:ims/lis/Instructor/TeachingAssistant; a name without a colon is short for the first.
_OF_A_COURSE = re.compile(
    r"(?:https?://purl\.imsglobal\.org/vocab/lis/v2/membership[/#]|urn:lti:role:ims/lis/|(?=[^:]*$))(?P<names>.*)"
)


def role_uri(role: str) -> str:
    """
    Return a role of a course as its URI; a URI is returned as it is.

    Args:
        role: ``Learner``, ``Instructor``, ``Mentor`` or another core role of CORE A.2.3, in any case, or any role's
            URI.
    """
    return role if ":" in role else f"{_COURSE_ROLE}#{_CORE.get(role.strip().lower(), role)}"


def has_role(roles: Iterable[str], role: str) -> bool:
    """
    True when somebody with these roles has a role in the course.

    Roles are compared by meaning. A short name, its URI and its name of LTI 1 (``urn:lti:role:ims/lis/Learner``) are
    the same, in any case. A sub-role counts as its principal role (CORE A.2.3.1): a teaching assistant is an
    instructor. Roles in the institution or the system never count: a teacher elsewhere may be a learner here.

    Args:
        roles: As the platform gave them, URIs or short names.

        role: As for `role_uri`.
    """
    principal, sub = _meaning(role)
    return any(
        given == principal and sub in ("", given_sub) for given, given_sub in (_meaning(given) for given in roles)
    )


# A course has few roles, however many people.
@lru_cache(maxsize=256)
def _meaning(role: str) -> tuple[str, str]:
    """
    Return principal role and sub-role of the course; the second is empty when there is none. Any other URI is a
    principal role of its own.
    """
    text = role.strip().lower()
    match = _OF_A_COURSE.fullmatch(text)
    if match is None:
        return text, ""
    names = [name for name in re.split(r"[/#]", match["names"]) if name]
    if names and names[0] == "teachingassistant":
        # A principal role in LTI 1, a kind of instructor since.
        names = ["instructor", "teachingassistant"]
    return names[0] if names else text, names[1] if len(names) > 1 else ""


def _roles(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@attrs.frozen
class Member:
    """
    One member of a course. Names and address are there only if the platform lets this tool see them.

    Attributes:
        user_id: LTI user id: ``sub`` of a launch, ``userId`` of a score and of a result.

        roles: As the platform gave them: URIs or short names; `has_role` knows both.

        status: ``Active``, ``Inactive`` or ``Deleted``, as the platform wrote it.

        name, given_name, family_name, middle_name, email, picture: None: not shown to this tool. Kept out of `repr`.

        lis_person_sourcedid: The person's id in the student information system. None: not shown.

        message: What a launch of this person from the asked-for link would say, one mapping for each message. Empty
            unless a link was asked for.

        extensions: Fields of no standard name; and those that cannot be read, such as ``"picture": ["x"]``, as they
            came.
    """

    user_id: str
    roles: tuple[str, ...] = attrs.field(default=(), converter=_roles)
    status: str = "Active"
    name: str | None = attrs.field(default=None, repr=False, kw_only=True)
    given_name: str | None = attrs.field(default=None, repr=False, kw_only=True)
    family_name: str | None = attrs.field(default=None, repr=False, kw_only=True)
    middle_name: str | None = attrs.field(default=None, repr=False, kw_only=True)
    email: str | None = attrs.field(default=None, repr=False, kw_only=True)
    picture: str | None = attrs.field(default=None, repr=False, kw_only=True)
    lis_person_sourcedid: str | None = attrs.field(default=None, repr=False, kw_only=True)
    message: tuple[Mapping[str, Any], ...] = attrs.field(default=(), repr=False, kw_only=True)
    extensions: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)

    def has_role(self, role: str) -> bool:
        """
        True when this member has a role in the course, such as ``Learner``.
        """
        return has_role(self.roles, role)

    @property
    def is_active(self) -> bool:
        """
        True unless the platform says that the member is so no more.
        """
        return self.status.rpartition("#")[2].lower() == "active"
