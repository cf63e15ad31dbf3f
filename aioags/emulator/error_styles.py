"""
What a refused request looks like, platform by platform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aioags.emulator.messages import Answer, Asked, Header, json_answer
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.site import Site

TOKEN_KINDS = (Kind.NO_TOKEN, Kind.BAD_TOKEN, Kind.EXPIRED_TOKEN)


def answer(site: Site, asked: Asked, refusal: Refusal) -> Answer:
    """
    Build the answer to a request that is refused, in the profile's shape.
    """
    profile = site.profile
    status = profile.statuses[refusal.kind]
    if refusal.kind in profile.empty_bodies:
        return Answer(status)
    built = STYLES[profile.error_style](site, asked, refusal, status)
    headers = _challenge(refusal) if profile.challenge else ()
    return built.with_headers(*headers)


def worded(site: Site, refusal: Refusal) -> str:
    """
    Return the platform's own words where the profile has some, else the emulator's explanation.
    """
    words = site.profile.words.get(refusal.kind)
    return refusal.reason if words is None else words.format_map({"field": refusal.field, **refusal.facts})


def _challenge(refusal: Refusal) -> tuple[Header, ...]:
    if refusal.kind == Kind.NO_TOKEN:
        return (("WWW-Authenticate", 'Bearer realm="lti-ags"'),)
    if refusal.kind in TOKEN_KINDS:
        return (
            (
                "WWW-Authenticate",
                f'Bearer realm="lti-ags", error="invalid_token", error_description="{refusal.reason}"',
            ),
        )
    if refusal.kind == Kind.MISSING_SCOPE:
        scope = refusal.facts.get("scope", "")
        return (("WWW-Authenticate", f'Bearer realm="lti-ags", error="insufficient_scope", scope="{scope}"'),)
    return ()


def _spec(site: Site, asked: Asked, refusal: Refusal, status: int) -> Answer:
    body: dict[str, Any] = {"error": refusal.kind.value, "reason": refusal.reason}
    if refusal.spec is not None:
        body["spec"] = refusal.spec
    if refusal.field is not None:
        body["field"] = refusal.field
    headers = (("Allow", refusal.facts["allow"]),) if "allow" in refusal.facts else ()
    return json_answer(status, body, headers=headers)


STYLES: dict[str, Callable[[Site, Asked, Refusal, int], Answer]] = {"spec": _spec}
