"""
What makes one platform different from another: a frozen set of switches.

The defaults are the standard's: `Profile(name=…, basis=…)` is the strict platform. Each comment says who does
otherwise, and how that is known: *seen* on a live system, *read* in the platform's source, *documented* by its vendor,
*reported* by its users. The letters are the rows of the quirk table in ``docs/emulator.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from aioags.emulator.profiles.addresses import Addresses
from aioags.emulator.profiles.grading_switches import GradingSwitches
from aioags.emulator.profiles.sharing import LaunchStyle, MembersStyle
from aioags.emulator.refusals import Kind

PREFIX = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEM = PREFIX + "lineitem"
LINE_ITEM_READONLY = PREFIX + "lineitem.readonly"
RESULT_READONLY = PREFIX + "result.readonly"
SCORE = PREFIX + "score"
# How much the profiles of closed platforms are worth.
REPORTED = "modelled on documents and reports"

SCOPES = (LINE_ITEM, LINE_ITEM_READONLY, RESULT_READONLY, SCORE)
MEMBERSHIPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
ALL_SCOPES = (*SCOPES, MEMBERSHIPS_SCOPE)

CONTAINER_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
LINE_ITEM_TYPE = "application/vnd.ims.lis.v2.lineitem+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
RESULTS_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
MEMBERSHIPS_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"

STATUSES: dict[Kind, int] = {kind: kind.status for kind in Kind}

RESPONSE_TYPES: dict[str, str] = {
    "list_line_items": CONTAINER_TYPE,
    "create_line_item": LINE_ITEM_TYPE,
    "get_line_item": LINE_ITEM_TYPE,
    "update_line_item": LINE_ITEM_TYPE,
    "post_score": SCORE_TYPE,
    "results": RESULTS_TYPE,
}

READS = frozenset({"list_line_items", "get_line_item", "results", "memberships"})

LINE_ITEM_FIELDS = frozenset(
    {
        "label",
        "scoreMaximum",
        "resourceLinkId",
        "resourceId",
        "tag",
        "startDateTime",
        "endDateTime",
        "gradesReleased",
        "submissionReview",
    }
)


@attrs.frozen(kw_only=True)
class Profile(GradingSwitches):
    """
    The switches of one platform. Durations are seconds; sizes are counts.

    Change one with ``attrs.evolve(PROFILES["spec"], page_size=2)``.
    """

    # The name on the command line.
    name: str
    # How much the profile is worth as evidence, in one line for people.
    basis: str
    # U1: Moodle's URLs carry a query, Sakai's three colons and percent-escapes, Blackboard's ids underscores.
    addresses: Addresses = Addresses()
    # What a generated roster's user ids look like; n counts from 1, uuid and hex are made of it.
    user_ids: str = "user-{n:04}"
    # What a resource link's id looks like. Open edX: a usage key, full of reserved characters (seen).
    link_ids: str = "{n}"
    # What a generated client id looks like. Canvas: decimal digits.
    client_ids: str = "tool-{n}"
    # What it tells of people and places.
    members: MembersStyle = attrs.field(factory=MembersStyle)
    launch: LaunchStyle = attrs.field(factory=LaunchStyle)

    # What a new tool may have. An administrator ticks some only.
    tool_scopes: tuple[str, ...] = ALL_SCOPES

    # TOKEN ENDPOINT
    # T1: Moodle sends text/html (seen).
    token_content_type: str = "application/json;charset=UTF-8"
    # Moodle sends no Cache-Control (seen).
    token_no_store: bool = True
    # T2: None: the token URL. D2L wants https://api.brightspace.com/auth/token (documented).
    audience: str | None = None
    # T4: "exact" compares bytes. "ignored": Moodle, Open edX (seen), old Sakai (read).
    audience_check: Literal["exact", "ignored"] = "exact"
    # T3: D2L answers an array with 500 (reported).
    audience_array: Literal["accept", "crash"] = "accept"
    # T5: Moodle and Open edX need none of them (seen).
    required_claims: tuple[str, ...] = ("iss", "sub", "aud", "iat", "exp", "jti")
    # T5: iss must be the client id, as CORE 6.2 says. Moodle, Blackboard, Canvas and Open edX take any (seen,
    # documented, read).
    issuer_is_client: bool = True
    # T5: whose key is looked at, the token URL says, and not the assertion's sub (Open edX, read).
    token_url_names_tool: bool = False
    # T5: the same jti twice is refused until it expires. Canvas, Moodle, Open edX take it (read, seen).
    jti_once: bool = True
    # T6: how far iat and exp may be off. Moodle 0 (seen), Canvas 30, Sakai 60 (read).
    leeway: float = 30.0
    # T6: where exp may be off by something else: Canvas 0 (read).
    exp_leeway: float | None = None
    # T6: Canvas refuses an iat older than 5 minutes (read). None: any age.
    oldest_iat: float | None = None
    # T6: Sakai refuses exp - iat above 660 (read). None: any.
    longest_life: float | None = None
    # T15: "together": the signature comes first, what is missing is told at once, and all other faults of the claims
    # are: Canvas (read).
    claim_faults: Literal["first", "together"] = "first"
    # T16: a token serves only the host that gave it, and those of `everywhere_hosts` serve all: Canvas (read).
    token_of_one_host: bool = False
    everywhere_hosts: frozenset[str] = frozenset()
    # T17: the access token may stand in the query: Canvas (read).
    token_in_query: bool = False
    # Moodle takes only RS256 for a pasted key, and what the key says for a key set (seen).
    algorithms: tuple[str, ...] = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
    # "key_set": the assertion must carry a kid that the key set holds: Canvas, D2L (read, reported). "pasted": one
    # key, whose kid does not matter; of several the one that kid names.
    key_mode: Literal["pasted", "key_set"] = "pasted"
    # T7, T8: "strict": one scope that cannot be granted refuses all: Canvas, Sakai (read), SchoolBox (reported).
    scope_policy: Literal["intersect", "strict"] = "intersect"
    # T18: the scope is looked at after the assertion, and may be called scopes: Canvas (read).
    late_scope_check: bool = False
    # T7: Open edX grants an empty scope with 200 (seen).
    empty_grant: bool = False
    # T10: lower case: Blackboard (documented), Open edX (seen).
    token_type: str = "Bearer"
    # T10: Moodle takes exactly "Bearer ", and the form's media type in lower case only (seen).
    exact_case: bool = False
    # T11: the shape of a refused grant.
    grant_error_style: Literal["rfc6749", "moodle", "canvas", "brightspace", "openedx", "sakai", "blackboard"] = (
        "rfc6749"
    )
    # Seconds an access token lives.
    token_lifetime: int = 3600
    # Canvas and Blackboard give JWTs (read, documented), Moodle 32 hex digits (seen).
    token_form: Literal["opaque", "hex", "jwt"] = "opaque"
    # T12: Blackboard hands out the same token again, expires_in counting down (documented).
    shared_token: bool = False
    # T13: token calls per 60 s after which 429 with Retry-After comes: Blackboard (reported; the number is not
    # known).
    token_calls: int | None = None

    # ACCESS AND REFUSALS
    # A1, A2: status by kind.
    statuses: Mapping[Kind, int] = STATUSES
    # S4: a platform's own wording by kind, a format string over the refusal's facts. Missing: the emulator's
    # explanation.
    words: Mapping[Kind, str] = attrs.field(factory=dict)
    # Kinds answered with no body at all: Canvas's 401 on deleting a coupled item (read).
    empty_bodies: frozenset[Kind] = frozenset()
    # S4: the shape of an error body.
    error_style: Literal["spec", "moodle", "canvas", "blackboard", "brightspace", "openedx", "sakai", "schoology"] = (
        "spec"
    )
    # WWW-Authenticate on 401 and 403, as RFC 6750 has it. Moodle sends none (seen).
    challenge: bool = True

    # A request whose Host is not the base URL's is sent there with 303: Moodle (seen).
    host_redirects: bool = False
    # Pages are compressed for who takes gzip: nginx (seen).
    gzips_pages: bool = False
    # Headers of the page for a fatal error (seen; their values read).
    page_headers: tuple[tuple[str, str], ...] = ()
    # Moodle refuses the token when this parameter of its own URLs names another tool (seen).
    tool_parameter: str | None = None
    # A5: what other tools of the course may use of a line item, by the last part of its path: Canvas scores, results
    # (read).
    open_to_other_tools: frozenset[str] = frozenset()
    # S24: a person may be named by the platform's own number: Canvas (read).
    numeric_user_ids: bool = False
    # Ids must be decimal numbers, else the database refuses: Moodle on PostgreSQL (seen).
    decimal_ids: bool = False

    # CONTENT NEGOTIATION
    # U3, U4: "list": any list that covers the type. "exact": the type or */* alone: Schoology (reported). "either":
    # U5: an item or a container, whichever is asked for, and a container for */*: Open edX (seen). "moodle":
    # whole-header comparison (seen). "any":
    # Canvas, Blackboard, Sakai (read, documented).
    accept_policy: Literal["list", "exact", "either", "moodle", "any"] = "list"
    # K4: operations whose Accept is looked at. The standard names one for what is read only (AGS 3.2.3, 3.3.3); Open
    # edX looks at all about items (seen).
    accept_checked: frozenset[str] = READS
    # Accept is looked at before the token: Open edX (seen).
    accept_first: bool = False
    # "exact": the type of the standard, parameters allowed. "any": Canvas, Blackboard, Sakai (read, reported).
    content_type_policy: Literal["exact", "moodle", "any"] = "exact"
    # Operations whose Content-Type is looked at; Open edX: items only (seen). None: all.
    content_type_checked: frozenset[str] | None = None
    # U5: Sakai sends application/json for results (read).
    response_types: Mapping[str, str] = RESPONSE_TYPES
    # Moodle appends it (seen).
    response_charset: str = ""
    # N5: Moodle under Apache mod_php (seen).
    http_version: Literal["1.1", "1.0"] = "1.1"
    # S3: bytes of the longest reason phrase: PHP-FPM cuts the status line at 1024 (seen). None: uncut.
    longest_reason: int | None = None

    # PAGING
    # P4, P6: "cursor": opaque. "offset": Moodle's from (seen). "page": Canvas (read). "truncate": limit cuts and
    # nothing says so: Open edX results (seen), ILIAS (read). "none": limit ignored: Sakai (read).
    paging: Literal["cursor", "offset", "page", "truncate", "none"] = "cursor"
    # Where results are paged otherwise than line items. None: alike.
    results_paging: Literal["cursor", "offset", "page", "truncate", "none"] | None = None
    # P5: records on a page when no limit was sent. Canvas 10 (read), D2L 200 (reported). None: all on one page:
    # Moodle (seen).
    page_size: int | None = 100
    # A limit that is no count above 0: Open edX crashes, but for 0 (seen), Moodle takes it for none (seen).
    bad_limit: Literal["refuse", "ignored", "crash"] = "refuse"
    # The most that a limit can ask for. None: any.
    longest_page: int | None = None
    # P5: the most holds for per_page alone, and limit may be anything: Canvas (read).
    limit_unbounded: bool = False
    # P11: numbered links keep what else was asked: Canvas (read).
    link_keeps_query: bool = False
    # P11: bytes of the longest Link; beyond that it loses first, current, prev, last and next, in this order: Canvas
    # 6 KB (read). None: any.
    longest_link: int | None = None
    # P8: relations sent beside next. Canvas: current, next, prev, first, last (read).
    link_rels: tuple[str, ...] = ("next",)
    # P8: Canvas puts no blank after the comma (read).
    link_joiner: str = ", "
    # P8: one Link header for each relation.
    link_split: bool = False
    # P1: Moodle quotes with U+201C and U+201D (seen).
    link_quotes: Literal["straight", "curly", "none"] = "straight"
    # P2: Moodle writes &amp; between parameters (seen).
    link_escape: bool = False
    # P9: Moodle's results links lose user_id (seen).
    link_drops_filters: bool = False
    # P10: the target is a path (RFC 8288 allows it).
    link_relative: bool = False
    # P10: the target is another origin: no platform known; a trap for a client that would send its token there.
    link_offsite: str | None = None
    # P7: Moodle's results with limit and type_id: 404 with an HTML page (seen).
    results_limit: Literal["page", "html-404"] = "page"

    # LINE ITEMS
    # U6: names of the filter by link. Sakai: lti_link_id (read).
    link_filters: tuple[str, ...] = ("resource_link_id",)
    # Filters by tag and resource_id that are looked at.
    item_filters: tuple[str, ...] = ("resource_id", "tag")
    # What an empty tag or resource_id asks for. "unset": items without one: Moodle (seen). "blank": those that have an
    # empty one, and an empty link is no filter: Canvas (read).
    empty_filter: Literal["ignored", "unset", "blank"] = "ignored"
    # L1: Sakai 200 (read).
    create_status: int = 201
    # L2: the request comes back with an id, whatever was stored: Moodle (seen), Sakai (read).
    create_echo: bool = False
    # L2: what is kept. Moodle: no dates, no gradesReleased (seen).
    stored_fields: frozenset[str] = LINE_ITEM_FIELDS
    # Whether keys that are URLs are kept. Moodle: no (seen).
    stores_extensions: bool = True
    # L3: "merge": what is left out stays: Canvas (read), Open edX (seen). "moodle": see moodle's line items.
    put_semantics: Literal["replace", "merge", "moodle"] = "replace"
    # L4: Schoology refuses id on POST (reported), Blackboard on PUT (documented).
    id_refused_in: frozenset[str] = frozenset()
    # "openedx": the field rules of its serializer, all faults told at once (seen). "canvas": what a database column of
    # its type makes of it (read). The next switches, up to the maximum, do not count then.
    item_rules: Literal["standard", "openedx", "canvas"] = "standard"
    # L16: numbers of items and results are written with a point: Canvas (read).
    floats: bool = False
    # L17: a submission type beside a new item says what it hangs on, is shown for ever, and must not come back: Canvas
    # (read).
    submission_types: bool = False
    # L18: include[]=launch_url adds the address that a launch opens: Canvas (read).
    includes_launch_url: bool = False
    # L19: which line item a launch names. "first": the oldest of the link: Open edX (reported), Canvas (read).
    launched_item: Literal["only", "first"] = "only"
    # "non_blank" is the standard's rule. "present": Moodle (seen).
    label_rule: Literal["non_blank", "present"] = "non_blank"
    # Moodle: 255, beyond that the database refuses (seen). None: any.
    longest_label: int | None = None
    longest_tag: int | None = None
    longest_resource_id: int | None = None
    # L5: "integer": Blackboard (documented). "numeric": strings and any sign: Moodle (seen).
    # "optional": Sakai, 100 (read).
    maximum_rule: Literal["positive", "integer", "numeric", "optional"] = "positive"
    # Moodle: 100000 and beyond is refused by the database (seen).
    maximum_below: float | None = None
    # L6: resourceId and tag must be strings; the 1EdTech validator refuses numbers (reported).
    strict_strings: bool = True
    # AGS 3.1.2: keys that the standard does not name must be URLs. No platform was seen to mind.
    strict_keys: bool = True
    # Dates of items must carry a zone (AGS 3.2.12).
    strict_dates: bool = True
    # L10: "ignored": Blackboard cannot set it by POST (documented). "any": Open edX takes every usage key, and another
    # one later (seen).
    link_rule: Literal["check", "ignored", "any"] = "check"
    # L7: Sakai overwrites the item of that label (read).
    dedupe_by_label: bool = False
    # L8: Sakai 200 (read).
    delete_status: int = 204
    # Moodle says OK where 204 is No Content (seen).
    delete_reason: str | None = None
    # The type of no body, where the request names none: Moodle (seen). None: there is no such header.
    delete_type: str | None = None
    # L8: Open edX refuses always (seen), ILIAS answers 200 and keeps it (reported).
    delete_policy: Literal["delete", "forbid", "keep"] = "delete"
    # A3: "refuse": Canvas, 401 with an empty body (read). "delete": Moodle, grades and all (seen). "sever": no tool
    # sees it again, the teacher does, grades and all: D2L (reported).
    delete_coupled: Literal["delete", "refuse", "sever"] = "delete"
    # L11: how unset resourceId and tag are written: Moodle and Open edX "" (seen), Canvas nothing (read).
    unset: Literal["omit", "blank", "null"] = "omit"
    # L11: how an unset resourceLinkId is written: Open edX null (seen).
    unset_link: Literal["omit", "null"] = "omit"
    # What stands in a new item when the tool says nothing: Blackboard releases grades (documented).
    default_fields: Mapping[str, object] = attrs.field(factory=dict)
    # Members of its own that stand in every item it shows. A recorded platform may have some.
    item_extras: Mapping[str, object] = attrs.field(factory=dict)
    # Sakai takes these out of tag and resourceId (read).
    stripped_characters: str = ""
    # AGS 3.2.12: unset dates are sent blank or null where dates are supported.
    unset_dates: Literal["omit", "null"] = "null"
    # L11: Moodle repeats the link as ltiLinkId (seen).
    link_alias: str | None = None
    # Where scoreMaximum of a stored item is cut: Moodle 5 decimals (seen).
    decimals: int | None = None
    # S17: a course that is over refuses whatever is asked of it, lists and results too: Canvas (read).
    concluded_closes_all: bool = False
    # L12: a changed maximum leaves the grades as they are: Canvas (not read: nothing says that it does).
    rescales: bool = True
    # L12: a changed maximum rescales the grades; Moodle also stamps each with the current time (seen).
    rescale_stamps_now: bool = False

    # Moodle escapes slashes and non-ASCII in a GET (seen).
    escaped_json: bool = False
