"""
What a launch tells the tool: its registration, the AGS claim, and the claims around it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from aioags.emulator.profiles.profile import MEMBERSHIPS_SCOPE, SCOPES
from aioags.emulator.profiles.sharing import Disclosure
from aioags.emulator.site.site import Site
from aioags.emulator.site.state import Course, Link, Person, RegisteredTool
from aioags.emulator.wire.names import AGS_CLAIM, BASIC_OUTCOME_CLAIM, LTI, NRPS_CLAIM, RESOURCE_LINK, ROLES, VERSION


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
        link_id: The launched link; its line item is named when it has exactly one (AGS 3.1), on some platforms the
            first. None: no link's.
    """
    offered = [scope for scope in SCOPES if scope in tool.scopes]
    claim: dict[str, Any] = {"scope": offered, "lineitems": site.container_url(course, tool.client_id)}
    on_link = [item for item in course.items.values() if link_id is not None and item.link_id == link_id]
    if len(on_link) == 1 or (on_link and site.profile.launched_item == "first"):
        claim["lineitem"] = site.item_url(on_link[0])
    return claim


def memberships_claim(site: Site, course: Course, tool: RegisteredTool) -> dict[str, Any]:
    """
    Build the NRPS claim (NRPS 3.6.1.1); nothing when the tool may not read the members.
    """
    if MEMBERSHIPS_SCOPE not in tool.scopes:
        return {}
    url = site.memberships_url(course, tool.client_id)
    return {
        NRPS_CLAIM: {"context_memberships_url": url, "service_versions": list(site.profile.launch.members_versions)}
    }


def context(site: Site, course: Course) -> dict[str, Any]:
    """
    Build the context claim (CORE 5.4.1).
    """
    style = site.profile.launch
    course_id = style.context_ids.format(n=course.number)
    return {"id": course_id, "label": course.label, "title": course.title, "type": list(style.context_types)}


def launch_claims(site: Site, course: Course, tool: RegisteredTool, link: Link, person: Person) -> dict[str, Any]:
    """
    Build the claims of a resource link launch, as the id_token would carry them.
    """
    style, now = site.profile.launch, int(site.now())
    claims = {
        "iss": issuer(site),
        "aud": tool.client_id,
        "sub": person.user_id,
        "iat": now,
        "exp": now + style.lifetime,
        "nonce": f"{site.rng.getrandbits(128):032x}",
        f"{LTI}message_type": RESOURCE_LINK,
        f"{LTI}version": VERSION,
        f"{LTI}deployment_id": tool.deployment_id,
        f"{LTI}target_link_uri": tool.url,
        f"{LTI}resource_link": {"id": link.id, "title": link.title},
        f"{LTI}context": context(site, course),
        f"{LTI}roles": [*roles_of(person), *style.more_roles.get(person.role, ())],
        AGS_CLAIM: endpoint_claim(site, course, tool, link.id),
    } | memberships_claim(site, course, tool)
    claims |= ({"azp": tool.client_id} if style.azp else {}) | ({"nbf": now} if style.nbf else {})
    outcome = basic_outcome(site, course, link.id, person)
    if outcome is not None:
        claims[BASIC_OUTCOME_CLAIM] = outcome
    return claims | _surroundings(site, course, tool, link, person)


def _surroundings(site: Site, course: Course, tool: RegisteredTool, link: Link, person: Person) -> dict[str, Any]:
    """
    Build the claims that only describe: the person as far as privacy goes, the platform, the window, the parameters.
    """
    style = site.profile.launch
    facts = {
        "base": site.base_url,
        "host": site.base_url.partition("://")[2],
        "digest": _digest(site.base_url),
        "course": str(course.number),
        "tool": str(tool.number),
        "link": link.id,
        "memberships": site.memberships_url(course, tool.client_id),
    }
    groups: dict[str, Mapping[str, str | int]] = {
        "tool_platform": style.tool_platform,
        "launch_presentation": style.presentation,
        "custom": style.custom,
        "lis": style.lis,
        "ext": style.ext,
    }
    filled = {name: {key: _filled(value, facts) for key, value in group.items()} for name, group in groups.items()}
    claims: dict[str, Any] = {name: text.format_map(facts) for name, text in style.claims.items()}
    for name, value in told(person, course, style.disclosure, tool.privacy).items():
        group, _, field = name.partition(".")
        if group in filled:
            filled[group][field] = value
        else:
            claims[name] = value
    return claims | {f"{LTI}{name}": group for name, group in filled.items() if group or name in style.sent_empty}


def _filled(value: str | int, facts: Mapping[str, str]) -> str | int:
    return value.format_map(facts) if isinstance(value, str) else value


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def roles_of(person: Person) -> list[str]:
    """
    Return a person's roles in the course, as URIs.

    Spec:
        CORE A.2.3.1: a sub-role comes with its role.
    """
    own = ROLES.get(person.role, person.role)
    return [ROLES["Instructor"], own] if person.role == "TeachingAssistant" else [own]


def told(person: Person, course: Course, disclosure: Disclosure, privacy: str) -> dict[str, str]:
    """
    Return what a privacy setting lets through of a person, under the names of a claim or a member; what is not known
    is left out.
    """
    facts = {"digest": _digest(person.user_id), "number": person.local_id, "label": course.label}
    known = {name: read(person) for name, read in FACTS.items()}
    known |= {name: text.format_map(facts) for name, text in disclosure.values.items()}
    return {name: value for name in disclosure.fields(privacy) if (value := known[name]) is not None}


FACTS: Mapping[str, Callable[[Person], str | None]] = {
    "name": lambda person: person.name or None,
    "given_name": lambda person: person.given_name,
    "family_name": lambda person: person.family_name,
    "email": lambda person: person.email,
    "picture": lambda person: f"https://school.example/pictures/{quote(person.user_id, safe='')}.png",
    # The school's own number: blank, as it often is.
    "lis_person_sourcedid": lambda person: "",
    "lis.person_sourcedid": lambda person: "",
    "ext_user_username": lambda person: person.username,
    "ext.user_username": lambda person: person.username,
    "preferred_username": lambda person: person.username,
    "lti11_legacy_user_id": lambda person: person.user_id,
}


def basic_outcome(site: Site, course: Course, link_id: str, person: Person) -> dict[str, str] | None:
    """
    Build the claim of LTI 1.1's grades; None: the platform has none, or the link no column of its own.
    """
    coupled = any(item.coupled and item.link_id == link_id for item in course.items.values())
    if not site.profile.launch.basic_outcome or not coupled:
        return None
    data = {"instanceid": link_id, "userid": person.user_id, "typeid": "1", "launchid": 1}
    digest = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    return {
        "lis_result_sourcedid": json.dumps({"data": data, "hash": digest}, separators=(",", ":")),
        "lis_outcome_service_url": f"{site.base_url}/mod/lti/service.php",
    }
