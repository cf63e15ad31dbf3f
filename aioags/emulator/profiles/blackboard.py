"""
Blackboard Learn, which is closed: modelled on documents and reports.
"""

from __future__ import annotations

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.profile import LINE_ITEM_FIELDS, REPORTED, STATUSES, Profile
from aioags.emulator.profiles.sharing import LaunchStyle
from aioags.emulator.refusals import Kind

BLACKBOARD = Profile(
    name="blackboard",
    basis=REPORTED,
    addresses=Addresses(
        token="/api/v1/gateway/oauth2/jwttoken",
        container="/learn/api/v1/lti/courses/{course}/lineItems",
        course_form="_{n}_1",
        item_form="_{n}_1",
        jwks="/api/v1/management/applications/jwks.json",
        authorization="/api/v1/gateway/oidcauth",
    ),
    user_ids="{hex}",
    launch=LaunchStyle(
        tool_platform={
            "guid": "{host}",
            "name": "Blackboard, Inc.",
            "product_family_code": "BlackboardLearn",
            "version": "4000",
            "url": "{base}/",
        },
        link_needs_url=True,
        storage_frame="lti_storage_frame",
    ),
    issuer_is_client=False,
    jti_once=False,
    token_type="bearer",
    grant_error_style="blackboard",
    token_form="jwt",
    shared_token=True,
    token_calls=60,
    statuses=STATUSES | {Kind.USER_UNKNOWN: 400, Kind.USER_NOT_IN_CONTEXT: 400, Kind.USER_NOT_GRADABLE: 400},
    words={
        Kind.USER_UNKNOWN: "User could not be found: {user_id}",
        Kind.USER_NOT_IN_CONTEXT: "User could not be found: {user_id}",
        Kind.BAD_TIMESTAMP: "JSON parse error: Invalid date string: {value}",
    },
    error_style="blackboard",
    challenge=False,
    accept_policy="any",
    content_type_policy="any",
    bad_limit="ignored",
    stored_fields=LINE_ITEM_FIELDS - {"startDateTime", "submissionReview"},
    stores_extensions=False,
    id_refused_in=frozenset({"PUT"}),
    maximum_rule="integer",
    strict_strings=False,
    strict_keys=False,
    link_rule="ignored",
    default_fields={"gradesReleased": True},
    unset_dates="omit",
    score_rules="plain",
    stamp_rule="any",
    override_rule="kept",
    user_filter="drops_comment",
    throttle="quota",
    throttle_capacity=10_000,
)
