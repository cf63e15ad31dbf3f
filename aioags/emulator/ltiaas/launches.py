"""
What LTIAAS tells of a launch: the idtoken.
"""

from __future__ import annotations

import hashlib
from typing import Any

import attrs

from aioags.emulator.platform import Platform
from aioags.emulator.site.state import Course, Link, Person
from aioags.emulator.wire.names import AGS_CLAIM, DEEP_LINKING, DEEP_LINKING_CLAIM, LTI, NRPS_CLAIM, VERSION


@attrs.define
class GatewayLaunch:
    """
    One launch through LTIAAS.

    Attributes:
        at: Seconds since 1970.

        deep_linking: It asks for content to be picked.

        lti_version: ``1.3.0``, or another for a launch of LTI 1.1.

        ltik: Good for 24 hours.

        service_key: Does not expire. The idtoken tells it when grades or memberships are offered.
    """

    course: Course
    link: Link | None
    user_id: str
    at: float
    deep_linking: bool = False
    lti_version: str = "1.3.0"
    ltik: str = attrs.field(default="", repr=False)
    service_key: str = attrs.field(default="", repr=False)

    @property
    def offers_services(self) -> bool:
        """
        True for a launch of LTI 1.3.
        """
        return self.lti_version == VERSION

    @property
    def person(self) -> Person:
        """
        Who launched.
        """
        return self.course.people[self.user_id]


def raw_claims(platform: Platform, launch: GatewayLaunch) -> dict[str, Any]:
    """
    Return the LMS's own claims, with the LTI version beside them (the vendor's SDK expects it there).
    """
    claims = platform.launch_claims(launch.user_id, launch.link, course=launch.course)
    if launch.deep_linking:
        claims[f"{LTI}message_type"] = DEEP_LINKING
        del claims[f"{LTI}resource_link"]
        claims[DEEP_LINKING_CLAIM] = {
            "deep_link_return_url": f"{platform.launches.page_url}/links",
            "accept_types": ["ltiResourceLink"],
            "data": str(launch.course.number),
        }
    if not launch.offers_services:
        claims = {name: value for name, value in claims.items() if name not in (AGS_CLAIM, NRPS_CLAIM)}
    return {"ltiVersion": launch.lti_version, **claims}


def idtoken(platform: Platform, launch: GatewayLaunch) -> dict[str, Any]:
    """
    Build the document of ``GET /api/idtoken``.
    """
    claims = raw_claims(platform, launch)
    link = claims.get(f"{LTI}resource_link")
    told: dict[str, Any] = {
        "type": claims[f"{LTI}message_type"],
        "target": claims[f"{LTI}target_link_uri"],
        "context": {**claims[f"{LTI}context"], "type": ["CourseSection"]},
        "custom": {},
    }
    if link is not None:
        told["resourceLink"] = link
    person = launch.person
    return {
        "ltiVersion": launch.lti_version,
        "user": {"id": person.user_id, "name": person.name, "roles": claims[f"{LTI}roles"]},
        "platform": {
            "id": platform_id(claims["iss"], claims["aud"]),
            "url": claims["iss"],
            "clientId": claims["aud"],
            "deploymentId": claims[f"{LTI}deployment_id"],
            "name": platform.profile.name,
        },
        "launch": told,
        "services": _services(launch, claims),
    }


def platform_id(issuer: str, client_id: str) -> str:
    """
    Return LTIAAS's id of a registration: 32 hex digits, as in the vendor's example.
    """
    return hashlib.sha256(f"{issuer} {client_id}".encode()).hexdigest()[:32]


def _services(launch: GatewayLaunch, claims: dict[str, Any]) -> dict[str, Any]:
    claim = claims.get(AGS_CLAIM)
    grades: dict[str, Any] = {"available": bool(claim and claim["scope"])}
    if claim is not None and grades["available"]:
        grades["scopes"] = claim["scope"]
        if claim.get("lineitem"):
            grades["lineItemId"] = claim["lineitem"]
    services: dict[str, Any] = {
        "outcomes": {"available": not launch.offers_services},
        "deepLinking": {"available": launch.deep_linking},
        "assignmentAndGrades": grades,
        "namesAndRoles": {"available": NRPS_CLAIM in claims},
    }
    # Documented: given when either is available.
    if grades["available"] or services["namesAndRoles"]["available"]:
        services["serviceKey"] = launch.service_key
    return services
