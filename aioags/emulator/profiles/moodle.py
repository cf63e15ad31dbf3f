"""
Moodle, seen live: the version, the web servers and the bytes are those of one real site.
"""

from __future__ import annotations

import attrs

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.profile import LINE_ITEM_FIELDS, STATUSES, Profile
from aioags.emulator.profiles.sharing import Disclosure, LaunchStyle, MembersStyle, Window
from aioags.emulator.refusals import Kind

MOODLE_ADDRESSES = Addresses(
    token="/mod/lti/token.php",
    container="/mod/lti/services.php/{course}/lineitems",
    item="/mod/lti/services.php/{course}/lineitems/{item}/lineitem",
    scores="/mod/lti/services.php/{course}/lineitems/{item}/lineitem/scores",
    results="/mod/lti/services.php/{course}/lineitems/{item}/lineitem/results",
    result=None,
    query="type_id={tool}",
    result_query="type_id={tool}&user_id={user}",
    memberships="/mod/lti/services.php/CourseSection/{course}/bindings/{tool}/memberships",
    jwks="/mod/lti/certs.php",
    authorization="/mod/lti/auth.php",
    wrong_token="/login/token.php",
)

# Which fields there are was seen; what stands in those of the site was read.
MOODLE_MEMBERS = MembersStyle(
    disclosure=Disclosure(
        always=("lis_person_sourcedid",), name=("name", "given_name", "family_name", "ext_user_username")
    ),
    short_roles=True,
    role_filter="moodle",
    hides_inactive=True,
    window=Window(begin="from", query="limit={limit}&from={next}{rlid}"),
)
MOODLE_LAUNCH = LaunchStyle(
    disclosure=Disclosure(
        always=("lis.person_sourcedid",), name=("name", "given_name", "family_name", "ext.user_username")
    ),
    lifetime=60,
    context_ids="{n}",
    deployment_ids="{n}",
    context_types=("CourseSection",),
    members_versions=("1.0", "2.0"),
    tool_platform={
        "guid": "{host}",
        "name": "moodle",
        "description": "An emulated Moodle",
        "product_family_code": "moodle",
        "version": "2024100706",
    },
    presentation={
        "locale": "en",
        "document_target": "iframe",
        "return_url": "{base}/mod/lti/return.php?course={course}&launch_container=3&instanceid={link}",
    },
    custom={"context_memberships_url": "{memberships}"},
    lis={"course_section_sourcedid": ""},
    ext={"lms": "moodle-2"},
    basic_outcome=True,
    unknown_redirect="Invalid request",
    storage_frame=None,
)

NOT_CACHED = (
    ("Cache-Control", "no-store, no-cache, must-revalidate"),
    ("Cache-Control", "post-check=0, pre-check=0, no-transform"),
    ("Pragma", "no-cache"),
    ("Expires", "Mon, 20 Aug 1969 09:23:00 GMT"),
    ("Accept-Ranges", "none"),
)

MOODLE = Profile(
    name="moodle",
    basis="Moodle 4.5.6, seen live under nginx and PHP-FPM",
    addresses=MOODLE_ADDRESSES,
    user_ids="{n}",
    members=MOODLE_MEMBERS,
    launch=MOODLE_LAUNCH,
    token_content_type="text/html; charset=utf-8",
    token_no_store=False,
    audience_check="ignored",
    required_claims=(),
    issuer_is_client=False,
    jti_once=False,
    leeway=0.0,
    key_mode="key_set",
    exact_case=True,
    grant_error_style="moodle",
    token_form="hex",
    statuses=STATUSES
    | {
        Kind.MISSING_SCOPE: 401,
        Kind.NO_SUCH_PATH: 400,
        Kind.NOT_ACCEPTABLE: 400,
        Kind.UNSUPPORTED_TYPE: 400,
        Kind.UNKNOWN_LINK: 403,
        Kind.FOREIGN_LINK: 403,
        Kind.LINK_ELSEWHERE: 403,
        Kind.FOREIGN_LINE_ITEM: 403,
        Kind.USER_UNKNOWN: 400,
        Kind.USER_NOT_IN_CONTEXT: 400,
        Kind.USER_NOT_GRADABLE: 400,
        Kind.LOCKED: 500,
        Kind.DATABASE: 502,
        Kind.FATAL: 404,
    },
    words={
        Kind.NO_TOKEN: "Unauthorized",
        Kind.BAD_TOKEN: "Unauthorized",
        Kind.EXPIRED_TOKEN: "Unauthorized",
        Kind.MISSING_SCOPE: "Unauthorized",
        Kind.WRONG_METHOD: "Method Not Allowed",
        Kind.BAD_JSON: "No label or Score Maximum",
        Kind.BAD_LINE_ITEM: "No label or Score Maximum",
        Kind.UNKNOWN_CONTEXT: "Not Found: Course {course} doesn't exist",
        Kind.TOOL_NOT_IN_CONTEXT: "Not allowed in context",
        Kind.UNKNOWN_LINE_ITEM: "Not Found: Grade item {item} doesn't exist",
        Kind.FOREIGN_LINE_ITEM: "Invalid LTI id supplied.",
        Kind.BAD_RLID: "Not Found: LTI link {rlid} doesn't exist",
        Kind.UNKNOWN_LINK: "Forbidden",
        Kind.FOREIGN_LINK: "Forbidden",
        Kind.LINK_ELSEWHERE: "Forbidden",
        Kind.STALE: "Refusing score with an earlier timestamp for item {item} and user {user_id}",
        Kind.SAME_STAMP: "Refusing score with an earlier timestamp for item {item} and user {user_id}",
    },
    error_style="moodle",
    challenge=False,
    host_redirects=True,
    gzips_pages=True,
    page_headers=NOT_CACHED,
    tool_parameter="type_id",
    decimal_ids=True,
    accept_policy="moodle",
    content_type_policy="moodle",
    response_charset="; charset=utf-8",
    # 1024 bytes of status line, less "HTTP/1.1 400 ".
    longest_reason=1011,
    paging="offset",
    page_size=None,
    bad_limit="ignored",
    link_rels=("first", "prev", "canonical", "next", "last"),
    link_quotes="curly",
    link_escape=True,
    link_drops_filters=True,
    results_limit="html-404",
    link_filters=("resource_link_id", "lti_link_id"),
    empty_filter="unset",
    create_echo=True,
    stored_fields=LINE_ITEM_FIELDS - {"startDateTime", "endDateTime", "gradesReleased"},
    stores_extensions=False,
    put_semantics="moodle",
    label_rule="present",
    longest_label=255,
    longest_tag=255,
    longest_resource_id=512,
    maximum_rule="numeric",
    maximum_below=100_000,
    strict_strings=False,
    strict_keys=False,
    strict_dates=False,
    delete_reason="OK",
    delete_type="text/html; charset=utf-8",
    unset="blank",
    unset_dates="omit",
    link_alias="ltiLinkId",
    decimals=5,
    rescale_stamps_now=True,
    escaped_json=True,
    score_rules="moodle",
    suspended_gradable=True,
    score_success="200_empty",
    stamp_rule="later_second",
    progress_rule="clear",
    grading_rule="moodle",
    cap=True,
    override_rule="moodle",
    racy=True,
    results_style="stamped",
    bare_when_empty=True,
    user_filter="decimal",
    shows_scorer=False,
    result_timestamp=True,
    # New York in winter, where the live one stood.
    site_zone=-300,
)

MOODLE_4_1 = attrs.evolve(
    MOODLE,
    name="moodle-4.1",
    basis="Moodle 4.5.6 as seen live, but with the stamps that its source had before 4.5.6",
    coupled_stamps_now=True,
)

MOODLE_APACHE = attrs.evolve(
    MOODLE,
    name="moodle-apache",
    basis="Moodle 4.5.6, seen live under Apache mod_php: HTTP/1.0, reason phrases of any length, 500 for the database",
    statuses={**MOODLE.statuses, Kind.DATABASE: 500},
    http_version="1.0",
    gzips_pages=False,
    longest_reason=None,
)
