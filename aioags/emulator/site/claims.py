"""
What a launch tells the tool: its registration, the AGS claim, and the claims around it.
"""

from __future__ import annotations

from typing import Any

from aioags.emulator.profiles.profile import MEMBERSHIPS_SCOPE, SCOPES
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import Course, Link, Person, RegisteredTool
from aioags.emulator.wire.names import AGS_CLAIM, LTI, NRPS_CLAIM, RESOURCE_LINK, ROLES, VERSION

# SEC 5.1.2: an id_token lives for minutes.
LIFETIME = 300


def issuer(site: Site) -> str:
    """
    Return the platform's issuer.
    """
    return site.issuer or site.base_url


def registration(site: Site, tool: RegisteredTool, key_pem: str) -> dict[str, Any]:
    """
    Build what platform and tool agreed, named as the arguments of ``aioags.Registration``.
    """
    return {
        "issuer": issuer(site),
        "client_id": tool.client_id,
        "token_url": site.token_url(tool.client_id),
        "key": key_pem,
        "audience": site.profile.audience,
        "deployment_id": tool.deployment_id,
        "authorization_url": site.base_url + site.profile.addresses.authorization,
        "jwks_url": site.base_url + site.profile.addresses.jwks,
    }


def endpoint_claim(site: Site, course: Course, tool: RegisteredTool, link_id: str | None) -> dict[str, Any]:
    """
    Build the value of the AGS claim.

    Args:
        link_id: The launched link; its line item is named when it has exactly one (AGS 3.1). None: no link's.
    """
    offered = [scope for scope in SCOPES if scope in tool.scopes]
    claim: dict[str, Any] = {"scope": offered, "lineitems": site.container_url(course, tool.client_id)}
    on_link = [item for item in course.items.values() if link_id is not None and item.link_id == link_id]
    if len(on_link) == 1:
        claim["lineitem"] = site.item_url(on_link[0])
    return claim


def memberships_claim(site: Site, course: Course, tool: RegisteredTool) -> dict[str, Any]:
    """
    Build the NRPS claim (NRPS 3.6.1.1); nothing when the tool may not read the members.
    """
    if MEMBERSHIPS_SCOPE not in tool.scopes:
        return {}
    url = site.memberships_url(course, tool.client_id)
    return {NRPS_CLAIM: {"context_memberships_url": url, "service_versions": ["2.0"]}}


def launch_claims(site: Site, course: Course, tool: RegisteredTool, link: Link, person: Person) -> dict[str, Any]:
    """
    Build the claims of a resource link launch, as the id_token would carry them.
    """
    now = int(site.now())
    return {
        "iss": issuer(site),
        "aud": tool.client_id,
        "sub": person.user_id,
        "name": person.name,
        "iat": now,
        "exp": now + LIFETIME,
        "nonce": f"{site.rng.getrandbits(128):032x}",
        f"{LTI}message_type": RESOURCE_LINK,
        f"{LTI}version": VERSION,
        f"{LTI}deployment_id": tool.deployment_id,
        f"{LTI}target_link_uri": "https://tool.example/launch",
        f"{LTI}resource_link": {"id": link.id, "title": link.title},
        f"{LTI}context": {"id": course.id, "title": course.title},
        f"{LTI}roles": [ROLES.get(person.role, person.role)],
        AGS_CLAIM: endpoint_claim(site, course, tool, link.id),
    } | memberships_claim(site, course, tool)
