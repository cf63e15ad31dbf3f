"""
Schoology, which is closed: modelled on documents and reports.
"""

from __future__ import annotations

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.profile import REPORTED, Profile
from aioags.emulator.refusals import Kind

SCHOOLOGY = Profile(
    name="schoology",
    basis=REPORTED,
    addresses=Addresses(
        token="/lti-service/access-token",
        container="/lti-service/tool/{tool}/services/ags/v2/section/{course}/lineitems",
        jwks="/lti-service/.well-known/jwks",
        authorization="/lti-service/authorize-redirect",
    ),
    user_ids="{hex}",
    grant_error_style="blackboard",
    words={
        Kind.ID_IN_BODY: 'Invalid parameter "body.id": "id" is not allowed',
        Kind.NOT_ACCEPTABLE: "Invalid Accept Header",
    },
    error_style="schoology",
    challenge=False,
    accept_policy="exact",
    bad_limit="ignored",
    id_refused_in=frozenset({"POST", "PUT"}),
    unset_dates="omit",
    score_rules="plain",
)
