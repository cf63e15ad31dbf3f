"""
Sakai, as its source has it.
"""

from __future__ import annotations

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.profile import RESPONSE_TYPES, STATUSES, Profile
from aioags.emulator.profiles.sharing import Disclosure, LaunchStyle, MembersStyle, Window
from aioags.emulator.refusals import Kind

SAKAI = Profile(
    name="sakai",
    basis="Sakai, read in its source",
    addresses=Addresses(
        token="/imsblis/lti13/token/{tool}",
        container="/imsblis/lti13/lineitems/{course}",
        # A signed placement: three colons, and an escape that must stay as it is.
        course_form="5f0d:::content%3A{n}",
        memberships="/imsblis/lti13/namesandroles/{course}",
        jwks="/imsblis/lti13/keyset",
        authorization="/imsoidc/lti13/oidc_auth",
    ),
    user_ids="{uuid}",
    members=MembersStyle(
        disclosure=Disclosure(always=("lti11_legacy_user_id",)),
        context_fields=("id", "title"),
        role_filter="ignored",
        link_ignored=True,
        hides_inactive=True,
        content_type="application/json",
        window=Window(begin="start", query="start={next}&limit={limit}"),
    ),
    launch=LaunchStyle(
        disclosure=Disclosure(always=("lti11_legacy_user_id",)),
        tool_platform={"guid": "{host}", "name": "sakai", "product_family_code": "sakai", "version": "25"},
    ),
    leeway=60.0,
    # 600 and the skew once more.
    longest_life=660.0,
    scope_policy="strict",
    grant_error_style="sakai",
    statuses=STATUSES
    | {
        Kind.NO_TOKEN: 403,
        Kind.BAD_TOKEN: 403,
        Kind.EXPIRED_TOKEN: 403,
        Kind.MISSING_SCOPE: 400,
        Kind.UNKNOWN_CONTEXT: 400,
        Kind.TOOL_NOT_IN_CONTEXT: 400,
        Kind.USER_UNKNOWN: 400,
        Kind.USER_NOT_IN_CONTEXT: 400,
        Kind.UNKNOWN_LINK: 400,
        Kind.FOREIGN_LINK: 400,
        Kind.LINK_ELSEWHERE: 400,
    },
    words={
        Kind.NO_TOKEN: "invalid_authorization",
        Kind.BAD_TOKEN: "signature_error",
        Kind.EXPIRED_TOKEN: "signature_error",
        Kind.MISSING_SCOPE: "Scope not allowed for this service",
        Kind.USER_UNKNOWN: "User does not belong to site",
        Kind.USER_NOT_IN_CONTEXT: "User does not belong to site",
    },
    error_style="sakai",
    challenge=False,
    accept_policy="any",
    content_type_policy="any",
    response_types=RESPONSE_TYPES | {"results": "application/json"},
    paging="none",
    page_size=None,
    link_filters=("lti_link_id",),
    create_status=200,
    create_echo=True,
    stores_extensions=False,
    maximum_rule="optional",
    strict_strings=False,
    strict_keys=False,
    strict_dates=False,
    dedupe_by_label=True,
    delete_status=200,
    stripped_characters="|",
    unset_dates="omit",
    score_rules="sakai",
    gradable_roles=None,
    score_success="200_empty",
    stamp_rule="any",
    results_style="roster",
    user_filter="ignored",
)
