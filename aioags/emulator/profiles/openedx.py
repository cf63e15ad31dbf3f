"""
Open edX, as its LTI consumer block was seen to be when run beside the emulator (``tests/interop``).
"""

from __future__ import annotations

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.profile import STATUSES, Profile
from aioags.emulator.profiles.sharing import Disclosure, LaunchStyle, MembersStyle, Window
from aioags.emulator.refusals import Kind

NO_PERMISSION = "You do not have permission to perform this action."
# What it says of a person's place in system and institution: nothing.
NO_MORE = (
    "http://purl.imsglobal.org/vocab/lis/v2/system/person#None",
    "http://purl.imsglobal.org/vocab/lis/v2/institution/person#None",
)
ITEMS = frozenset({"list_line_items", "create_line_item", "get_line_item", "update_line_item"})

OPENEDX = Profile(
    name="openedx",
    basis="Open edX xblock-lti-consumer 11.4.4, run beside it",
    addresses=Addresses(
        token="/api/lti_consumer/v1/token/{tool}",
        container="/api/lti_consumer/v1/lti/{course}/lti-ags",
        results_again="/api/lti_consumer/v1/lti/{course}/lti-ags/{item}/results/",
        memberships="/api/lti_consumer/v1/lti/{course}/memberships",
        tool_form="8c9a4c1e-55b5-4f0e-9a0d-{n:012}",
        jwks="/api/lti_consumer/v1/public_keysets/jwks",
        authorization="/api/lti_consumer/v1/launch/",
    ),
    user_ids="{uuid}",
    link_ids="block-v1:edX+AGS+2026+type@lti_consumer+block@{n:032x}",
    members=MembersStyle(
        # Both or none.
        disclosure=Disclosure(name=(), email=(), public=("name", "email")),
        context_fields=("id",),
        role_filter="ignored",
        link_ignored=True,
        hides_inactive=True,
        id_as_asked=True,
        window=Window(begin="page", counts_pages=True, query="limit={limit}&page={next}"),
    ),
    launch=LaunchStyle(
        disclosure=Disclosure(name=("name", "preferred_username")),
        azp=True,
        storage_frame=None,
        more_roles={"Learner": NO_MORE, "Instructor": NO_MORE},
        tool_platform={"guid": "3e0c5f43-2f12-5b0e-8a3b-6f1d1f6e9f10", "name": "Your Platform Name Here"},
        presentation={"document_target": "iframe", "return_url": "{base}/courses/{course}"},
    ),
    launched_item="first",
    audience_check="ignored",
    required_claims=(),
    issuer_is_client=False,
    token_url_names_tool=True,
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
        Kind.WRONG_METHOD: 403,
        Kind.UNKNOWN_CONTEXT: 403,
    },
    words={
        Kind.NO_TOKEN: "Missing LTI 1.3 authentication token.",
        Kind.BAD_TOKEN: "Invalid token signature.",
        Kind.EXPIRED_TOKEN: "Invalid token signature.",
        Kind.MISSING_SCOPE: NO_PERMISSION,
        Kind.WRONG_METHOD: NO_PERMISSION,
        Kind.DELETE_FORBIDDEN: NO_PERMISSION,
        Kind.UNKNOWN_CONTEXT: "LTI configuration not found.",
        Kind.UNKNOWN_LINE_ITEM: "No LtiAgsLineItem matches the given query.",
        Kind.FOREIGN_LINE_ITEM: "No LtiAgsLineItem matches the given query.",
        Kind.NOT_ACCEPTABLE: "Could not satisfy the request Accept header.",
        Kind.UNSUPPORTED_TYPE: 'Unsupported media type "{sent}" in request.',
        Kind.BAD_JSON: "JSON parse error - {error}",
        Kind.STALE: "Score timestamp can only be updated to a later point in time",
        Kind.SAME_STAMP: "Score already exists for the provided timestamp",
    },
    error_style="openedx",
    challenge=False,
    accept_policy="either",
    accept_checked=ITEMS,
    accept_first=True,
    content_type_checked=ITEMS,
    paging="none",
    results_paging="truncate",
    page_size=None,
    bad_limit="crash",
    put_semantics="merge",
    item_rules="openedx",
    link_rule="any",
    delete_policy="forbid",
    unset="blank",
    unset_link="null",
    score_rules="openedx",
    unknown_user="crash",
    score_success="201_record",
    progress_rule="unpublished",
    publish_linked_only=True,
    comment_rule="kept",
    cap=True,
    results_scaled=False,
    null_comment=True,
    user_filter="ignored",
    one_result="array",
    newest_first=True,
    shows_scorer=False,
)
