"""
From what a platform answered to the switches of a profile, as far as the answers say.

Each function looks at one thing, and yields the name of a switch with its value; what is behind a dot is a member of
it. What the answers do not show is left to the base profile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aioags.emulator.profiles.profile import ALL_SCOPES, MEMBERSHIPS_TYPE, Profile
from aioags.emulator.recording.redaction import Redactor
from aioags.emulator.refusals import Kind
from aioags.protocol.messages import Response

Switch = tuple[str, Any]
Answers = Mapping[str, Response]
"""What was asked, in the words of `aioags.cli.record`; what was answered."""

REFUSALS = {
    "list without token": Kind.NO_TOKEN,
    "list with a bad token": Kind.BAD_TOKEN,
    "list as plain JSON": Kind.NOT_ACCEPTABLE,
    "an item that is not there": Kind.UNKNOWN_LINE_ITEM,
    "score again, older": Kind.STALE,
    "score for nobody": Kind.USER_UNKNOWN,
    "delete": Kind.DELETE_FORBIDDEN,
}
"""What was asked: the kind of refusal, if it is refused."""

_IN_ITEMS = {"id", "label", "scoreMaximum", "resourceLinkId", "resourceId", "tag", "startDateTime", "endDateTime"}
_IN_ITEMS |= {"gradesReleased", "submissionReview"}
_IN_RESULTS = {"id", "userId", "resultScore", "resultMaximum", "comment", "scoreOf", "scoringUserId", "timestamp"}
# What stands there for other reasons.
_CANVAS = "https://canvas.instructure.com/"
_FORMS = (
    (re.compile(r"\d+"), "{n}"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "{uuid}"),
    (re.compile(r"[0-9a-f]{32,}"), "{hex}"),
)


def value_of(response: Response | None) -> Any:
    """
    Return an answer's JSON; None where it has none.
    """
    try:
        return json.loads(response.body) if response is not None else None
    except (ValueError, RecursionError):
        return None


def records_of(response: Response | None) -> list[dict[str, Any]]:
    """
    Return the records of a listing; none where it is no success.
    """
    value = value_of(response) if response is not None and response.ok else None
    value = value.get("members") if isinstance(value, dict) else value
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def differing(base: Profile, answers: Answers, redactor: Redactor) -> dict[str, Any]:
    """
    Return the switches in which a platform differs from a profile, in a form that JSON can write.
    """
    found: dict[str, Any] = {}
    for observe in (_token, _types, _paging, _links, _item, _results, _members, _limits, _writing):
        for path, value in observe(base, answers):
            _put(found, base, path, value)
    for observe_words in (_refusals, _extras):
        for path, value in observe_words(base, answers, redactor):
            _put(found, base, path, value)
    return found


def _put(found: dict[str, Any], base: Any, path: str, value: Any) -> None:
    name, _, member = path.partition(".")
    held = getattr(base, name)
    if not member:
        found |= {name: value} if held != value else {}
    elif (held.get(member) if isinstance(held, Mapping) else getattr(held, member)) != value:
        found.setdefault(name, {})[member] = value


def _token(base: Profile, answers: Answers) -> Iterator[Switch]:
    answer, body = answers.get("token"), value_of(answers.get("token"))
    if answer is None or not answer.ok or not isinstance(body, dict):
        return
    yield "token_content_type", answer.header("Content-Type")
    yield "token_no_store", "no-store" in (answer.header("Cache-Control") or "")
    yield "token_type", body.get("token_type")
    if isinstance(body.get("expires_in"), int) and not base.shared_token:
        yield "token_lifetime", body["expires_in"]
    token = str(body.get("access_token"))
    plain = "hex" if re.fullmatch(r"[0-9a-f]{32}", token) else "opaque"
    yield "token_form", "jwt" if re.fullmatch(r"ey[\w-]+(\.[\w-]*){2}", token) else plain
    granted = str(body.get("scope", "")).split()
    if granted:
        yield "tool_scopes", tuple(scope for scope in ALL_SCOPES if scope in granted)


def _types(base: Profile, answers: Answers) -> Iterator[Switch]:
    asked = {"list": "list_line_items", "item": "get_line_item", "results": "results", "create": "create_line_item"}
    for what, operation in asked.items():
        kind, _, more = ((answers[what].header("Content-Type") or "") if what in answers else "").partition(";")
        if kind and answers[what].ok:
            yield f"response_types.{operation}", kind
            if what == "list":
                yield "response_charset", f";{more}" if more else ""
    answer = answers.get("members")
    told = answer.header("Content-Type") if answer is not None and answer.ok else None
    if told is not None and told != (base.members.content_type or MEMBERSHIPS_TYPE + base.response_charset):
        yield "members.content_type", told
    plain = answers.get("list as plain JSON")
    if plain is not None and (plain.ok or base.accept_policy == "any"):
        yield "accept_policy", "any" if plain.ok else "list"
    if "list" in answers and answers["list"].ok:
        yield "escaped_json", b"\\/" in answers["list"].body


def _paging(base: Profile, answers: Answers) -> Iterator[Switch]:
    whole, one = answers.get("list"), answers.get("list, limit 1")
    style = _style(whole, one)
    if style is not None:
        yield "paging", style
    if whole is not None and _next(whole):
        yield "page_size", len(records_of(whole))
    elif base.page_size is not None and len(records_of(whole)) > base.page_size:
        yield "page_size", None
    results, one = answers.get("results"), answers.get("results, limit 1")
    if records_of(results) and one is not None:
        missing = one.status == 404 and base.results_limit == "html-404"
        yield "results_limit", "html-404" if missing else "page"
        style_of_results = _style(results, one)
        if style_of_results not in (None, style or base.paging):
            yield "results_paging", style_of_results


def _style(whole: Response | None, one: Response | None) -> str | None:
    if whole is None or one is None or not one.ok or (len(records_of(whole)) < 2 and not _next(whole)):
        return None
    following = _next(one)
    if not following:
        return "truncate" if len(records_of(one)) == 1 else "none"
    if re.search(r"[?&;]page=\d", following):
        return "page"
    return "offset" if re.search(r"[?&;](from|offset)=\d", following) else "cursor"


_RELATION = re.compile(r"<([^>]*)>\s*;\s*rel=([\"“]?)([\w-]+)")


def _next(response: Response) -> str:
    links = ", ".join(response.header_values("Link"))
    return next((url for url, _, rel in _RELATION.findall(links) if rel == "next"), "")


def _links(base: Profile, answers: Answers) -> Iterator[Switch]:
    values = answers["list, limit 1"].header_values("Link") if "list, limit 1" in answers else []
    found = _RELATION.findall(", ".join(values))
    if not found:
        return
    rels = tuple(rel for _, _, rel in found)
    # A first page has none before it, and none after it where it is the only one.
    if not {*rels} <= {*base.link_rels} or not {*base.link_rels} - {*rels} <= {"prev", "next"}:
        yield "link_rels", rels
    yield "link_quotes", {'"': "straight", "“": "curly", "": "none"}[found[0][1]]
    yield "link_relative", not found[0][0].startswith("http")
    if "&" in found[0][0]:
        yield "link_escape", "&amp;" in found[0][0]
    if len(found) > 1:
        yield "link_split", len(values) > 1
        joined = re.search(r"(,\s*)<", values[0])
        if joined is not None:
            yield "link_joiner", joined[1]


def _item(base: Profile, answers: Answers) -> Iterator[Switch]:
    items = records_of(answers.get("list"))
    if not items:
        return
    yield from _number_form(answers["list"])
    item = items[0]
    for name, keys in (("unset", ("resourceId", "tag")), ("unset_dates", ("startDateTime", "endDateTime"))):
        forms = {_unset(item, key) for key in keys} - {None}
        if len(forms) == 1:
            yield name, forms.pop()
    link = item.get("resourceLinkId")
    if "resourceLinkId" in item and not link:
        yield "unset_link", "null" if link is None else "omit"
    elif link:
        aliases = [key for key, value in item.items() if value == link and key not in _IN_ITEMS]
        yield "link_alias", aliases[0] if aliases else None


def _unset(item: Mapping[str, Any], key: str) -> str | None:
    if key not in item:
        return "omit"
    return {None: "null", "": "blank"}.get(item[key])


def _number_form(answer: Response) -> Iterator[Switch]:
    found = re.search(rb'"scoreMaximum"\s*:\s*\d+(\.0\b|(?![\d.]))', answer.body)
    if found is not None:
        yield "floats", found[1] != b""


def _results(base: Profile, answers: Answers) -> Iterator[Switch]:
    records = [one for one in records_of(answers.get("results")) if one.get("resultScore") is not None]
    if not records:
        return
    stamps = [str(one["timestamp"]) for one in records if "timestamp" in one]
    yield "result_timestamp", bool(stamps)
    zone = re.search(r"([+-])(\d\d):?(\d\d)$", stamps[0]) if stamps else None
    if zone is not None:
        yield "site_zone", int(f"{zone[1]}{int(zone[2]) * 60 + int(zone[3])}")
    elif stamps:
        yield "site_zone", 0
    if any("scoringUserId" in one for one in records):
        yield "shows_scorer", True
    without = [one for one in records if one.get("comment") is None]
    if without:
        yield "null_comment", "comment" in without[0]
    yield from _filter(base, records, answers.get("results of one"))


def _filter(base: Profile, records: list[dict[str, Any]], answer: Response | None) -> Iterator[Switch]:
    if answer is None or not answer.ok or len({one.get("userId") for one in records}) < 2:
        return
    chosen = records_of(answer)
    if len({one.get("userId") for one in chosen}) > 1:
        yield "user_filter", "ignored"
    elif records[0].get("comment") and chosen:
        kept = bool(chosen[0].get("comment"))
        if not kept or base.user_filter in ("ignored", "drops_comment"):
            yield "user_filter", "query" if kept else "drops_comment"
    elif base.user_filter == "ignored":
        yield "user_filter", "query"


def _extras(base: Profile, answers: Answers, redactor: Redactor) -> Iterator[Switch]:
    asked = (("list", "item_extras", _IN_ITEMS), ("results", "result_extras", _IN_RESULTS | {*base.result_members}))
    for name, switch, standard in asked:
        for key, value in (records_of(answers.get(name)) or [{}])[0].items():
            # An alias of a link holds what the link does.
            if key not in standard and not key.startswith(_CANVAS) and not key.endswith("LinkId"):
                yield f"{switch}.{key}", redactor.value(value)


def _members(base: Profile, answers: Answers) -> Iterator[Switch]:
    members = records_of(answers.get("members"))
    roles = [str(role) for one in members for role in one.get("roles") or ()]
    if roles:
        yield "members.short_roles", all(":" not in role for role in roles)
    users = [str(one.get("user_id")) for one in members]
    users += [str(one.get("userId")) for one in records_of(answers.get("results"))]
    form = next((form for pattern, form in _FORMS if users and all(map(pattern.fullmatch, users))), None)
    if form is not None:
        yield "user_ids", form


def _limits(base: Profile, answers: Answers) -> Iterator[Switch]:
    answer = answers.get("list")
    if answer is None or not answer.ok:
        return
    capacity = answer.header("X-Rate-Limit-Limit")
    if answer.header("X-Rate-Limit-Reset") is not None:
        yield "throttle", "credits"
    elif capacity is not None:
        yield "throttle", "quota"
        if capacity.isdecimal():
            yield "throttle_capacity", float(capacity)
    else:
        yield "throttle", "none" if answer.header("X-Rate-Limit-Remaining") is None else "leaky_bucket"


def _writing(base: Profile, answers: Answers) -> Iterator[Switch]:
    if "create" in answers and answers["create"].ok:
        yield "create_status", answers["create"].status
        made = value_of(answers["create"])
        for name, value in made.items() if isinstance(made, dict) else ():
            if isinstance(value, bool):
                yield f"default_fields.{name}", value
    score = answers.get("score")
    if score is not None and score.ok:
        body = value_of(score)
        told = "200_result_url" if isinstance(body, dict) and "resultUrl" in body else "200_empty"
        yield "score_success", {204: "204", 201: "201_record"}.get(score.status, told)
        same, older = answers.get("score again"), answers.get("score again, older")
        if same is not None and older is not None:
            strict = base.stamp_rule if base.stamp_rule in ("later", "later_second") else "later"
            yield "stamp_rule", "any" if older.ok else "not_earlier" if same.ok else strict
    if "delete" in answers:
        done = answers["delete"]
        yield "delete_policy", "delete" if done.ok else "forbid"
        if done.ok:
            yield "delete_status", done.status


_STYLES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"status", "reason", "request"}), "moodle"),
    (frozenset({"status", "message", "extraInfo"}), "blackboard"),
    (frozenset({"title", "status", "detail"}), "brightspace"),
    (frozenset({"error", "reason"}), "spec"),
    (frozenset({"errors"}), "canvas"),
    (frozenset({"detail"}), "openedx"),
    (frozenset({"error"}), "sakai"),
)
"""Members of a refusal, and whose form that is. The first that fits."""

_ONLY_ERROR = ("sakai", "schoology")


def _refusals(base: Profile, answers: Answers, redactor: Redactor) -> Iterator[Switch]:
    for asked, kind in REFUSALS.items():
        answer = answers.get(asked)
        if answer is None or answer.ok or answer.status == 429:
            continue
        yield f"statuses.{kind}", answer.status
        body = value_of(answer)
        style = next((name for keys, name in _STYLES if isinstance(body, dict) and keys <= body.keys()), None)
        if style == "sakai" and base.error_style in _ONLY_ERROR:
            style = base.error_style
        if style is not None:
            yield "error_style", style
        if kind == Kind.NO_TOKEN:
            yield "challenge", answer.header("WWW-Authenticate") is not None
        words = _WORDS.get(style or base.error_style, _first)(body, answer) if style != "spec" else ""
        if words and not _is_said(base, kind, words):
            yield f"words.{kind}", redactor.words(words).replace("{", "{{").replace("}", "}}")


def _is_said(base: Profile, kind: Kind, words: str) -> bool:
    """
    True when the profile says this already, whatever stands in its braces.
    """
    known = base.words.get(kind)
    if known is None:
        # Of a platform whose words are known, those that are not hold what was asked: Moodle repeats the score.
        return bool(base.words)
    parts = re.split(r"\{\w+\}", known.replace("{{", "{").replace("}}", "}"))
    return re.fullmatch(".*".join(map(re.escape, parts)), words, re.DOTALL) is not None


def _first(body: Any, _: Response) -> str:
    """
    Return the first text in a body.
    """
    if isinstance(body, dict):
        found = body.get("message") or body.get("detail") or body.get("error") or next(iter(body.values()), "")
        return _first(found, _)
    if isinstance(body, list):
        return _first(body[0], _) if body else ""
    return body if isinstance(body, str) else ""


def _moodle(body: Any, answer: Response) -> str:
    return str(body.get("reason", "")) if isinstance(body, dict) else answer.reason


_WORDS: Mapping[str, Callable[[Any, Response], str]] = {"moodle": _moodle}
"""Where a style has its words; else they are its first text."""
