"""
What a refused request looks like, platform by platform.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from html import escape
from random import Random
from typing import Any

import attrs

from aioags.emulator.profiles.profile import SCORE_TYPE, Profile
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.wire.messages import PHRASES, Answer, Asked, Header, Manner, json_answer
from aioags.emulator.wire.negotiation import shown_type

STALE_KINDS = (Kind.STALE, Kind.SAME_STAMP)
TOKEN_KINDS = (Kind.NO_TOKEN, Kind.BAD_TOKEN, Kind.MALFORMED_TOKEN, Kind.FOREIGN_TOKEN, Kind.EXPIRED_TOKEN)
HTML = "text/html; charset=utf-8"
# Moodle's page for a fatal error was 26 482 bytes long.
MOODLE_PAGE = 26_482

Style = Callable[[Profile, Random, Asked, Refusal, int], Answer]


def answer(profile: Profile, rng: Random, asked: Asked, refusal: Refusal) -> Answer:
    """
    Build the answer to a request that is refused, in the profile's shape.

    Args:
        rng: Of what some of them number their errors with.
    """
    status = profile.statuses[refusal.kind]
    if refusal.kind in profile.empty_bodies:
        return Answer(status)
    if refusal.kind == Kind.THROTTLED and profile.throttle_text is not None:
        text = profile.throttle_text.format(status=status)
        built = Answer(status, (("Content-Type", "text/plain; charset=utf-8"),), text.encode())
    elif refusal.kind in (Kind.FATAL, Kind.CRASH) and profile.error_style != "canvas":
        built = html_page(status, worded(profile, refusal)).with_headers(*profile.page_headers)
    else:
        built = STYLES[profile.error_style](profile, rng, asked, refusal, status)
    more = (*refusal.facts.get("headers", ()), *(_challenge(refusal) if profile.challenge else ()))
    return built.with_headers(*more) if more else built


def worded(profile: Profile, refusal: Refusal) -> str:
    """
    Return the platform's own words where the profile has some, else the emulator's explanation.
    """
    words = profile.words.get(refusal.kind)
    if words is None:
        return refusal.reason
    return words.format_map({"field": refusal.field, "reason": refusal.reason, **refusal.facts})


def html_page(status: int, text: str, size: int = MOODLE_PAGE) -> Answer:
    """
    Build a page for people, as long as a real one.
    """
    head = f'<!DOCTYPE html>\n<html lang="en"><head><title>Error</title></head>\n<body><p>{text}</p>\n'
    tail = "</body></html>\n"
    filler = "<!-- the page around the message -->\n"
    body = (head + filler * (size // len(filler) + 1))[: size - len(tail)] + tail
    return Answer(status, (("Content-Type", HTML),), body.encode())


def elsewhere(url: str) -> Answer:
    """
    Build the answer of Moodle that sends a request to the name which the site goes by.
    """
    link = f'<a href="{escape(url)}">Continue</a>'
    headers = (("Location", url), ("X-Redirect-By", "Moodle"))
    return Answer(303, (("Content-Type", HTML), *headers), html_page(303, link, 400).body)


# Of those that nginx compresses (its gzip module's own list).
COMPRESSED = frozenset({200, 403, 404})


def gzipped(answer: Answer, asked: Asked) -> Answer:
    """
    Compress a page as nginx does by default: ``text/html`` for who takes gzip, longer than 20 bytes.
    """
    wanted = "gzip" in (asked.header("accept-encoding") or "")
    is_page = (answer.header("content-type") or "").startswith("text/html")
    if not wanted or not is_page or answer.status not in COMPRESSED or len(answer.body) < 20:
        return answer
    body = gzip.compress(answer.body, 1, mtime=0)
    return attrs.evolve(answer, body=body).with_headers(("Content-Encoding", "gzip"))


def _challenge(refusal: Refusal) -> tuple[Header, ...]:
    realm = 'Bearer realm="lti-ags"'
    if refusal.kind == Kind.NO_TOKEN:
        return (("WWW-Authenticate", realm),)
    if refusal.kind in TOKEN_KINDS:
        text = f'{realm}, error="invalid_token", error_description="{refusal.reason}"'
        return (("WWW-Authenticate", text),)
    if refusal.kind == Kind.MISSING_SCOPE:
        text = f'{realm}, error="insufficient_scope", scope="{refusal.facts.get("scope", "")}"'
        return (("WWW-Authenticate", text),)
    return ()


def _spec(profile: Profile, rng: Random, asked: Asked, refusal: Refusal, status: int) -> Answer:
    body: dict[str, Any] = {"error": refusal.kind.value, "reason": refusal.reason}
    if refusal.spec is not None:
        body["spec"] = refusal.spec
    if refusal.field is not None:
        body["field"] = refusal.field
    headers = (("Allow", refusal.facts["allow"]),) if "allow" in refusal.facts else ()
    return json_answer(status, body, headers=headers)


def _moodle(profile: Profile, rng: Random, asked: Asked, refusal: Refusal, status: int) -> Answer:
    kind = refusal.kind
    if kind == Kind.DATABASE:
        return _moodle_database(profile, asked, status)
    if kind == Kind.MAINTENANCE:
        page = html_page(status, "This site is undergoing maintenance and is currently not available")
        return Answer(status, page.headers, page.body, "Moodle under maintenance")
    if kind in MOODLE_SCORE_KINDS or (kind == Kind.BAD_JSON and asked.path.endswith("/scores")):
        return _moodle_score(profile, asked, refusal, status)
    nameless = asked.method == "PUT" or refusal.facts.get("present")
    reason = PHRASES[400] if kind in MOODLE_ITEM_KINDS and nameless else worded(profile, refusal)
    request: dict[str, Any] = {"method": asked.method, "url": asked.target}
    if asked.header("accept"):
        request["accept"] = asked.header("accept")
    request["contentType"] = (asked.header("content-type") or "").partition(";")[0]
    text = json.dumps({"status": status, "reason": reason, "request": request}, indent=4)
    return Answer(status, (("Content-Type", "application/json; charset=utf-8"),), text.encode(), _cut(profile, reason))


# Told by the status alone where a line item is changed, or what is wrong in it is there.
MOODLE_ITEM_KINDS = (Kind.BAD_LINE_ITEM, Kind.BAD_JSON)

# What goes wrong inside of Moodle's score resource is told in the reason phrase alone.
MOODLE_SCORE_KINDS = frozenset(
    {
        Kind.BAD_SCORE,
        Kind.BAD_TIMESTAMP,
        Kind.USER_UNKNOWN,
        Kind.USER_NOT_IN_CONTEXT,
        Kind.USER_NOT_GRADABLE,
        Kind.STALE,
        Kind.SAME_STAMP,
        Kind.LOCKED,
    }
)


def _moodle_score(profile: Profile, asked: Asked, refusal: Refusal, status: int) -> Answer:
    headers = (("Content-Type", SCORE_TYPE + profile.response_charset),)
    if refusal.kind == Kind.LOCKED:
        return Answer(status, headers, b"[]")
    if refusal.kind in STALE_KINDS:
        return Answer(status, headers, b"[]", worded(profile, refusal))
    text = asked.body.decode("utf-8", "replace").rstrip()
    if "\n" in text or "\r" in text:
        # PHP refuses a status line with a line break in it, and 200 stays.
        return Answer(200, headers, b"[]", manner=Manner(http_version="1.1"))
    return Answer(status, headers, b"[]", _cut(profile, f"Incorrect score received{text}"))


def _moodle_database(profile: Profile, asked: Asked, status: int) -> Answer:
    if status == 502:
        # nginx's own, as short as it is.
        return Answer(502, (("Content-Type", "text/html"),), html_page(502, "502 Bad Gateway", 150).body)
    return Answer(status, body=b"[]" if asked.path.endswith("/scores") else b"")


def _cut(profile: Profile, reason: str) -> str:
    return reason.encode()[: profile.longest_reason].decode("utf-8", "ignore")


# Refused by Canvas's controllers at large, not by those of LTI.
CANVAS_LISTED = frozenset(
    {
        Kind.UNKNOWN_LINE_ITEM,
        Kind.UNKNOWN_CONTEXT,
        Kind.UNKNOWN_LINK,
        Kind.UNKNOWN_RESULT,
        Kind.MISSING_FIELD,
        Kind.NO_SUCH_PAGE,
    }
)


def _canvas(profile: Profile, rng: Random, asked: Asked, refusal: Refusal, status: int) -> Answer:
    message = worded(profile, refusal)
    if refusal.kind in CANVAS_LISTED:
        return json_answer(status, {"errors": [{"message": message}]})
    if refusal.kind == Kind.INVALID_RECORD:
        code = refusal.facts.get("error_code")
        return json_answer(status, {"errors": [{"field": refusal.field, "message": code, "error_code": code}]})
    if status == 500:
        error = {"message": "An error occurred.", "error_code": "internal_server_error"}
        return json_answer(status, {"errors": [error], "error_report_id": rng.getrandbits(31)})
    if refusal.kind == Kind.BAD_SUBMISSION_TYPE:
        return json_answer(status, {"error": message})
    if refusal.kind == Kind.NO_SUCH_PATH:
        # Outside of its LTI routes Canvas asks for a user's session (reported).
        return json_answer(401, {"status": "unauthenticated", "errors": [{"message": "user authorization required"}]})
    name = PHRASES.get(status, "error").lower().replace(" ", "_")
    return json_answer(status, {"errors": {"type": name, "message": message}}, "application/json; charset=utf-8")


def _blackboard(profile: Profile, rng: Random, asked: Asked, refusal: Refusal, status: int) -> Answer:
    extra = f"{rng.getrandbits(128):032x}"
    return json_answer(status, {"status": status, "message": worded(profile, refusal), "extraInfo": extra})


def _brightspace(profile: Profile, rng: Random, asked: Asked, refusal: Refusal, status: int) -> Answer:
    body = {
        "type": "about:blank",
        "title": PHRASES.get(status, ""),
        "status": status,
        "detail": worded(profile, refusal),
    }
    return json_answer(status, body, "application/problem+json")


def _openedx(profile: Profile, rng: Random, asked: Asked, refusal: Refusal, status: int) -> Answer:
    if refusal.kind == Kind.NO_SUCH_PATH:
        return html_page(status, "Not Found", 180)
    words = worded(profile, refusal)
    fields: dict[str, str] = refusal.facts.get("fields", {})
    if refusal.kind in STALE_KINDS:
        fields = {"timestamp": words}
    body: dict[str, object] = {name: [text] for name, text in fields.items()}
    body = body or {"detail": words}
    return json_answer(status, body, _openedx_type(profile, asked))


def _openedx_type(profile: Profile, asked: Asked) -> str:
    """
    Name the media type of a refusal: the one that the answer would have had (seen).
    """
    place = profile.addresses.find(asked.path)
    name = {"scores": "post_score", "results": "results", "result": "results"}.get(place.name if place else "")
    return profile.response_types[name or shown_type(asked, "get_line_item", profile)]


def _error_only(profile: Profile, rng: Random, asked: Asked, refusal: Refusal, status: int) -> Answer:
    return json_answer(status, {"error": worded(profile, refusal)})


STYLES: dict[str, Style] = {
    "spec": _spec,
    "moodle": _moodle,
    "canvas": _canvas,
    "blackboard": _blackboard,
    "brightspace": _brightspace,
    "openedx": _openedx,
    "sakai": _error_only,
    "schoology": _error_only,
}
