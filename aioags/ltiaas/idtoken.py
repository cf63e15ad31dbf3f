"""
The idtoken: what LTIAAS tells of one launch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from aioags.ltiaas.reference import ServiceReference
from aioags.wire.scalars import NotReadableError

_LTI_1_3 = "1.3"


@attrs.frozen(kw_only=True)
class Idtoken:
    """
    One launch, as ``GET /api/idtoken`` tells it. What the LMS left out is None, or empty.

    Attributes:
        lti_version: Such as ``1.3.0``. None: not said.

        user_id: Who launched: the `Score.user_id` to grade. Unique within one platform. None: an anonymous launch.

        roles: Role URIs, or their short names.

        name, email: As the LMS lets them be known.

        platform_id: LTIAAS's id of the LMS.

        issuer: The LMS's issuer URL (``platform.url``).

        client_id, deployment_id: LTIAAS's own registration with the LMS.

        message_type: Such as ``LtiResourceLinkRequest``.

        context_id, context_title: The course.

        resource_link_id, resource_link_title: The launched link.

        custom: Custom parameters, as the LMS sent them.

        line_item: URL of the one line item coupled to the link. None: there is none, or several.

        scope: AGS scopes that the LMS offers. Empty: not said, or none.

        offers_grades: The launch has AGS. It may still be for scores only: then listing is refused.

        offers_memberships: The roster can be read.

        offers_deep_linking: This launch asks for content to be picked.

        service_key: For calls outside of the launch. Given when grades *or* memberships are offered.

        raw: The whole document.
    """

    lti_version: str | None = None
    user_id: str | None = None
    roles: tuple[str, ...] = ()
    name: str | None = attrs.field(default=None, repr=False)
    email: str | None = attrs.field(default=None, repr=False)
    platform_id: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    deployment_id: str | None = None
    message_type: str | None = None
    context_id: str | None = None
    context_title: str | None = None
    resource_link_id: str | None = None
    resource_link_title: str | None = None
    custom: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)
    line_item: str | None = None
    scope: frozenset[str] = frozenset()
    offers_grades: bool = False
    offers_memberships: bool = False
    offers_deep_linking: bool = False
    service_key: str | None = attrs.field(default=None, repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)

    @property
    def is_lti_1_1(self) -> bool:
        """
        True for a launch of LTI 1.1 or 1.2, which knows no AGS.
        """
        return _is_lti_1_1(self.lti_version)

    @property
    def reference(self) -> ServiceReference | None:
        """
        What to store for later jobs. None: the launch brought no service key.
        """
        if self.service_key is None:
            return None
        return ServiceReference(
            service_key=self.service_key,
            platform_id=self.platform_id,
            context_id=self.context_id,
            resource_link_id=self.resource_link_id,
            line_item=self.line_item,
            scope=self.scope,
            offers_grades=self.offers_grades,
        )


def load_idtoken(value: object) -> Idtoken:
    """
    Read an idtoken: what is missing, or is not what it should be, counts as not said.

    Raises:
        NotReadableError: It is not an object.
    """
    if not isinstance(value, dict):
        raise NotReadableError("the idtoken is not an object")
    user, platform, launch, services = (_part(value, name) for name in ("user", "platform", "launch", "services"))
    context, link = _part(launch, "context"), _part(launch, "resourceLink")
    grades = _part(services, "assignmentAndGrades")
    version = _text(value, "ltiVersion")
    return Idtoken(
        lti_version=version,
        user_id=_text(user, "id"),
        roles=_texts(user, "roles"),
        name=_text(user, "name"),
        email=_text(user, "email"),
        platform_id=_text(platform, "id"),
        issuer=_text(platform, "url"),
        client_id=_text(platform, "clientId"),
        deployment_id=_text(platform, "deploymentId"),
        message_type=_text(launch, "type"),
        context_id=_text(context, "id"),
        context_title=_text(context, "title"),
        resource_link_id=_text(link, "id"),
        resource_link_title=_text(link, "title"),
        custom=_part(launch, "custom"),
        line_item=_text(grades, "lineItemId"),
        scope=frozenset(_texts(grades, "scopes")),
        offers_grades=grades.get("available") is True and not _is_lti_1_1(version),
        offers_memberships=_part(services, "namesAndRoles").get("available") is True,
        offers_deep_linking=_part(services, "deepLinking").get("available") is True,
        service_key=_text(services, "serviceKey"),
        raw=value,
    )


def _is_lti_1_1(version: str | None) -> bool:
    return version is not None and not version.startswith(_LTI_1_3)


def _part(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = fields.get(name)
    return part if isinstance(part, dict) else {}


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
