"""
Open edX, as the source of its LTI consumer block has it.
"""

from __future__ import annotations

from aioags.emulator.addresses import Addresses
from aioags.emulator.profile import STATUSES, Profile
from aioags.emulator.refusals import Kind

OPENEDX = Profile(
    name="openedx",
    basis="Open edX xblock-lti-consumer 11.4.0, read in its source",
    addresses=Addresses(
        token="/api/lti_consumer/v1/token/{tool}",
        container="/api/lti_consumer/v1/lti/{course}/lti-ags",
        item="/api/lti_consumer/v1/lti/{course}/lti-ags/{item}",
        scores="/api/lti_consumer/v1/lti/{course}/lti-ags/{item}/scores",
        results="/api/lti_consumer/v1/lti/{course}/lti-ags/{item}/results",
        result="/api/lti_consumer/v1/lti/{course}/lti-ags/{item}/results/{user}",
        tool_form="8c9a4c1e-55b5-4f0e-9a0d-{n:012}",
        jwks="/api/lti_consumer/v1/public_keysets/jwks",
        authorization="/api/lti_consumer/v1/launch/",
    ),
    user_ids="{uuid}",
    audience_check="ignored",
    required_claims=("exp",),
    issuer_is_client=False,
    jti_once=False,
    leeway=0.0,
    algorithms=("RS256", "RS512"),
    empty_grant=True,
    token_type="bearer",
    token_no_store=False,
    grant_error_style="openedx",
    statuses=STATUSES
    | {
        Kind.NO_TOKEN: 403,
        Kind.BAD_TOKEN: 403,
        Kind.EXPIRED_TOKEN: 403,
        Kind.STALE: 400,
        Kind.SAME_STAMP: 400,
        Kind.UNKNOWN_LINK: 400,
        Kind.FOREIGN_LINK: 400,
        Kind.LINK_ELSEWHERE: 400,
    },
    words={
        Kind.NO_TOKEN: "Missing LTI 1.3 authentication token.",
        Kind.BAD_TOKEN: "Invalid token signature.",
        Kind.EXPIRED_TOKEN: "Invalid token signature.",
        Kind.MISSING_SCOPE: "You do not have permission to perform this action.",
        Kind.DELETE_FORBIDDEN: "You do not have permission to perform this action.",
        Kind.UNKNOWN_LINE_ITEM: "Not found.",
        Kind.STALE: "Score timestamp can only be updated to a later point in time",
        Kind.SAME_STAMP: "Score already exists for the provided timestamp",
    },
    error_style="openedx",
    challenge=False,
    accept_checked=frozenset({"list_line_items", "create_line_item", "get_line_item", "update_line_item"}),
    container_type_for_any=True,
    paging="none",
    results_paging="truncate",
    page_size=None,
    bad_limit="crash",
    maximum_rule="integer",
    label_rule="present",
    strict_strings=False,
    strict_keys=False,
    needs_binding=True,
    delete_policy="forbid",
    unset="null",
    score_rules="openedx",
    unknown_user="crash",
    score_success="201_echo",
    progress_rule="unpublished",
    publish_zero=False,
    cap=True,
    results_scaled=False,
    user_filter="ignored",
    one_result="array",
    newest_first=True,
    shows_scorer=False,
)
