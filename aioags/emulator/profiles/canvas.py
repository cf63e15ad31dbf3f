"""
Canvas, as its source and its documents have it.
"""

from __future__ import annotations

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.profile import LINE_ITEM_FIELDS, STATUSES, Profile
from aioags.emulator.profiles.sharing import Disclosure, LaunchStyle, MembersStyle
from aioags.emulator.refusals import Kind

# Beside a score.
CANVAS_SUBMISSION = "https://canvas.instructure.com/lti/submission"

LTI = "https://purl.imsglobal.org/spec/lti/claim/"
NAMES = ("name", "given_name", "family_name")
PERSON = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#"
USER = "http://purl.imsglobal.org/vocab/lis/v2/system/person#User"
TEACHERS = ("Instructor", "TeachingAssistant", "Mentor", "ContentDeveloper", "TestUser")

# app/serializers/lti/ims/names_and_roles_serializer.rb
MEMBERS = MembersStyle(
    disclosure=Disclosure(
        always=("lti11_legacy_user_id",),
        name=(*NAMES, "lis_person_sourcedid"),
        public=("picture",),
        values={"lti11_legacy_user_id": "{digest}", "lis_person_sourcedid": "sis-{number}"},
    ),
    role_filter="uri",
    own_links_only=True,
    one_message=True,
    hides_inactive=True,
    page_size=50,
)

# lib/lti/messages/jwt_message.rb
LAUNCH = LaunchStyle(
    disclosure=Disclosure(
        always=(f"{LTI}lti11_legacy_user_id",),
        name=(*NAMES, "lis.person_sourcedid", "lis.course_offering_sourcedid"),
        public=("picture",),
        values={
            f"{LTI}lti11_legacy_user_id": "{digest}",
            "lis.person_sourcedid": "sis-{number}",
            "lis.course_offering_sourcedid": "{label}",
        },
    ),
    lifetime=3600,
    more_roles={"Learner": (PERSON + "Student", USER), **dict.fromkeys(TEACHERS, (PERSON + "Instructor", USER))},
    azp=True,
    sent_empty=frozenset({"custom"}),
    tool_platform={
        "guid": "{digest}:canvas-lms",
        "name": "School",
        "version": "cloud",
        "product_family_code": "canvas",
    },
    presentation={
        "document_target": "iframe",
        "return_url": "{base}/courses/{course}/external_content/success/external_tool_redirect",
        "locale": "en",
        "height": 800,
        "width": 1000,
    },
    claims={"locale": "en", "https://www.instructure.com/placement": "assignment_selection"},
    unknown_redirect='while(1);{"status":"bad_request","message":"Invalid redirect_uri"}',
    unknown_redirect_type="application/json; charset=utf-8",
    storage_frame="post_message_forwarding",
)

CANVAS = Profile(
    name="canvas",
    basis="Canvas, read in its source and documents",
    addresses=Addresses(
        token="/login/oauth2/token",
        container="/api/lti/courses/{course}/line_items",
        memberships="/api/lti/courses/{course}/names_and_roles",
        jwks="/api/lti/security/jwks",
        authorization="/api/lti/authorize_redirect",
    ),
    user_ids="{uuid}",
    client_ids="1000000000000{n}",
    token_content_type="application/json; charset=utf-8",
    issuer_is_client=False,
    jti_once=False,
    oldest_iat=300.0,
    exp_leeway=0.0,
    claim_faults="together",
    token_of_one_host=True,
    everywhere_hosts=frozenset({"sso.canvaslms.com", "canvas.instructure.com"}),
    token_in_query=True,
    late_scope_check=True,
    key_mode="key_set",
    scope_policy="strict",
    grant_error_style="canvas",
    token_form="jwt",
    statuses=STATUSES
    | {
        Kind.MISSING_SCOPE: 401,
        Kind.NO_SUCH_PATH: 401,
        Kind.TOOL_NOT_IN_CONTEXT: 401,
        Kind.FOREIGN_LINE_ITEM: 412,
        Kind.FOREIGN_LINK: 422,
        Kind.LINK_ELSEWHERE: 412,
        Kind.LINK_MISMATCH: 412,
        Kind.DELETE_COUPLED: 401,
        Kind.UNPROCESSABLE_SCORE: 422,
        Kind.BAD_RLID: 400,
        Kind.STALE: 400,
        Kind.LOCKED: 422,
        Kind.CONCLUDED: 422,
        # Since October 2025; before it was 403 (documented).
        Kind.THROTTLED: 429,
    },
    words={
        Kind.NO_TOKEN: "Missing access token",
        Kind.BAD_TOKEN: "Access token invalid - signature likely incorrect",
        Kind.MALFORMED_TOKEN: "Invalid access token format",
        Kind.FOREIGN_TOKEN: "Invalid access token field/s: the 'aud' is invalid",
        Kind.EXPIRED_TOKEN: "Access token expired",
        Kind.MISSING_SCOPE: "Insufficient permissions",
        Kind.TOOL_NOT_IN_CONTEXT: "Access Token not linked to a Tool associated with this Context",
        Kind.UNKNOWN_CONTEXT: "The specified resource does not exist.",
        Kind.UNKNOWN_LINE_ITEM: "The specified resource does not exist.",
        Kind.UNKNOWN_RESULT: "The specified resource does not exist.",
        Kind.NO_SUCH_PAGE: "The specified resource does not exist.",
        Kind.MISSING_FIELD: "{field} is missing",
        Kind.UNKNOWN_LINK: "The specified resource does not exist.",
        Kind.FOREIGN_LINE_ITEM: "Tool does not have permission to view line_item",
        Kind.FOREIGN_LINK: "Resource link id points to Tool not associated with this Context",
        Kind.LINK_MISMATCH: "The specified LTI link ID is not associated with the line item.",
        Kind.BAD_TIMESTAMP: "Provided {what} of {value} not a valid timestamp",
        Kind.STALE: "Provided timestamp of {sent} before last updated timestamp of {stored}",
        Kind.USER_UNKNOWN: "User not found in course or is not a student",
        Kind.USER_NOT_IN_CONTEXT: "User not found in course or is not a student",
        Kind.USER_NOT_GRADABLE: "User not found in course or is not a student",
        Kind.CONCLUDED: "This course has concluded. AGS requests will no longer be accepted for this course.",
        Kind.UNPUBLISHED: "This assignment is still unpublished",
        Kind.NO_ATTEMPTS_LEFT: "The maximum number of allowed attempts has been reached for this submission",
        Kind.LOCKED: "The grade is in a closed grading period",
    },
    empty_bodies=frozenset({Kind.DELETE_COUPLED, Kind.LINK_ELSEWHERE}),
    error_style="canvas",
    challenge=False,
    accept_policy="any",
    content_type_policy="any",
    paging="page",
    page_size=10,
    longest_page=100,
    bad_limit="ignored",
    link_rels=("current", "next", "prev", "first", "last"),
    link_joiner=",",
    limit_unbounded=True,
    link_keeps_query=True,
    longest_link=6 * 1024,
    put_semantics="merge",
    stored_fields=LINE_ITEM_FIELDS - {"gradesReleased", "submissionReview"},
    item_rules="canvas",
    empty_filter="blank",
    floats=True,
    submission_types=True,
    includes_launch_url=True,
    launched_item="first",
    rescales=False,
    open_to_other_tools=frozenset({"scores", "results"}),
    numeric_user_ids=True,
    delete_coupled="refuse",
    concluded_closes_all=True,
    unset_dates="omit",
    score_rules="canvas",
    score_success="200_result_url",
    stamp_rule="not_earlier",
    progress_rule="clear_unfinished",
    comment_rule="append",
    attempts=True,
    first_item_only=True,
    override_rule="overwritten",
    results_style="posted",
    numbered_results=True,
    result_members=(CANVAS_SUBMISSION,),
    results_scaled=False,
    override_on_tools_scale=True,
    shows_scorer=False,
    gradable_roles=("Learner", "TestUser"),
    members=MEMBERS,
    launch=LAUNCH,
    throttle="leaky_bucket",
    throttle_text="{status} Forbidden (Rate Limit Exceeded)\n",
    throttle_cost=0.1,
    throttle_token_cost=200.0,
)
