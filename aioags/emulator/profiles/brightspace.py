"""
D2L Brightspace, which is closed: modelled on documents and reports.
"""

from __future__ import annotations

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.profile import REPORTED, STATUSES, Profile
from aioags.emulator.profiles.sharing import LaunchStyle
from aioags.emulator.refusals import Kind

BRIGHTSPACE = Profile(
    name="brightspace",
    basis=REPORTED,
    addresses=Addresses(
        token="/core/connect/token",
        container="/d2l/api/lti/ags/2.0/deployment/{tool}/orgunit/{course}/lineitems",
        course_form="660{n}",
        item_form="3b1f6c52-7d0e-4f0a-9c55-{n:012}",
        tool_form="0a9ddf0c-33a8-4a3f-8d4e-{n:012}",
        memberships="/d2l/api/lti/nrps/2.0/deployment/{tool}/orgunit/{course}/memberships",
        jwks="/d2l/.well-known/jwks",
        authorization="/d2l/lti/authenticate",
    ),
    user_ids="{uuid}_{n}",
    client_ids="5e2a7c1d-6a4b-4c7f-9b0e-{n:012}",
    launch=LaunchStyle(
        context_ids="660{n}",
        nbf=True,
        tool_platform={"guid": "{host}", "name": "D2L", "product_family_code": "desire2learn", "version": "20.26"},
    ),
    audience="https://api.brightspace.com/auth/token",
    audience_array="crash",
    key_mode="key_set",
    grant_error_style="brightspace",
    token_form="jwt",
    statuses=STATUSES | {Kind.USER_UNKNOWN: 404, Kind.USER_NOT_IN_CONTEXT: 403},
    words={
        Kind.USER_UNKNOWN: "User in requested score does not exist",
        Kind.USER_NOT_IN_CONTEXT: "User in requested score is not enrolled in the org unit",
        Kind.USER_NOT_GRADABLE: "User in requested score is not gradable",
    },
    error_style="brightspace",
    challenge=False,
    page_size=200,
    bad_limit="ignored",
    strict_strings=False,
    strict_keys=False,
    delete_coupled="sever",
    unset_dates="omit",
    score_rules="plain",
    cap=True,
    racing_first_scores=True,
    throttle="credits",
    throttle_capacity=50_000,
    throttle_cost=10,
)
