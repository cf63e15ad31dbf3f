"""
A member of a course: who may have a result, whether or not there is one (NRPS 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

_COURSE_ROLE = "http://purl.imsglobal.org/vocab/lis/v2/membership"


def role_uri(role: str) -> str:
    """
    Return a role of a course as its URI; a URI is returned as it is.

    Args:
        role: ``Learner``, ``Instructor``, ``Mentor`` or another core role of CORE A.2.3, or any role's URI.
    """
    return role if ":" in role else f"{_COURSE_ROLE}#{role}"


def has_role(roles: Iterable[str], role: str) -> bool:
    """
    True when somebody with these roles has a role in the course.

    A sub-role counts as its principal role (CORE A.2.3.1): a teaching assistant is an instructor. Roles in the
    institution or the system never count: a teacher elsewhere may be a learner here.

    Args:
        roles: As the platform gave them, URIs or short names.

        role: As for `role_uri`.
    """
    wanted = role_uri(role)
    return any(wanted in (uri := role_uri(given), _principal(uri)) for given in roles)


def _principal(uri: str) -> str:
    # …/membership/Instructor#TeachingAssistant is a kind of …/membership#Instructor.
    head, _, _ = uri.partition("#")
    prefix, _, principal = head.rpartition("/")
    return f"{_COURSE_ROLE}#{principal}" if prefix == _COURSE_ROLE else uri


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

        extensions: Fields of no standard name.
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
