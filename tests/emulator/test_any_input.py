"""
Whatever a tool sends, every platform answers: it never breaks, and never stores what cannot be shown.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioags.emulator import PROFILES
from aioags.emulator.platform import NOBODY
from aioags.protocol.messages import Request
from tests.emulator.raw_tool import (
    FORM,
    LINE_ITEM_TYPE,
    SCORE_TYPE,
    RawTool,
    dump_json,
    score,
    spliced,
    stamp,
    tool,
)

TOOLS: dict[str, RawTool] = {}

numbers = st.one_of(st.integers(), st.floats(), st.just(10**400), st.just(-(10**400)))
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20), st.just("2026-01-01T10:00:00.5Z"))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
FIELDS = (
    "id",
    "label",
    "scoreMaximum",
    "resourceLinkId",
    "ltiLinkId",
    "resourceId",
    "tag",
    "startDateTime",
    "endDateTime",
    "gradesReleased",
    "submissionReview",
    "https://canvas.instructure.com/lti/submission_type",
    "userId",
    "activityProgress",
    "gradingProgress",
    "timestamp",
    "scoreGiven",
    "scoringUserId",
    "comment",
    "submission",
    "https://canvas.instructure.com/lti/submission",
)
objects = st.dictionaries(st.sampled_from(FIELDS), values, max_size=4)


def of(profile: str) -> RawTool:
    """
    Return this module's tool of a profile; throttles are not what is tested here.
    """
    if profile not in TOOLS:
        one = tool(profile)
        one.platform.limiters |= {one.platform.tool.client_id: None, NOBODY: None}
        TOOLS[profile] = one
    return TOOLS[profile]


def can_be_shown(one: RawTool) -> None:
    for item in one.platform.site.state.courses[1].items.values():
        shown = one.platform.results(item)
        assert json.loads(json.dumps([shown], allow_nan=False)) == [shown]
    assert json.dumps(one.platform.line_items(), allow_nan=False)


@pytest.mark.parametrize("profile", PROFILES)
@given(change=objects, method=st.sampled_from(["POST", "PUT"]))
@settings(max_examples=60)
def test_any_line_item(profile: str, change: dict[str, Any], method: str) -> None:
    one = of(profile)
    item = one.platform.add_line_item("Item", 10)
    url = one.items_url if method == "POST" else one.platform.site.item_url(item)
    one.platform.item(item).grade("someone").points = 5
    body = {"label": "x", "scoreMaximum": 10, "resourceId": "r"} | change
    assert one.ask(method, url, dump_json(body), content_type=LINE_ITEM_TYPE).status >= 200
    can_be_shown(one)
    one.platform.course.items.clear()


@pytest.mark.parametrize("profile", PROFILES)
@given(change=objects, at=st.integers(0, 1000))
@settings(max_examples=60)
def test_any_score(profile: str, change: dict[str, Any], at: int) -> None:
    one = of(profile)
    item = one.platform.add_line_item("Item", 10)
    url = one.platform.site.item_url(item)
    body = score(one.users[0], timestamp=stamp(at)) | change
    assert one.post(dump_json(body), url).status >= 200
    assert one.post(score(one.users[0], timestamp=stamp(at + 5)), url).status >= 200
    assert one.results(url).status == 200
    can_be_shown(one)
    one.platform.course.items.clear()


ENDS_OF_TIME = (
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00.5+14:00",
    "0001-01-01",
    "9999-12-31T23:59:59.9-14:00",
    "9999-12-99T23:59:59Z",
    "99991231",
)


@pytest.mark.parametrize("at", ENDS_OF_TIME)
@pytest.mark.parametrize("profile", PROFILES)
def test_any_time_even_where_calendars_end(profile: str, at: str) -> None:
    one = of(profile)
    url = one.platform.site.item_url(one.platform.add_line_item("Item", 10))
    body = score(one.users[0], timestamp=at, submission={"startedAt": at, "submittedAt": at})
    assert [one.post(body, url).status >= 200 for _ in range(2)] == [True, True]
    assert one.results(url).status == 200
    one.platform.course.items.clear()


@pytest.mark.parametrize("maximum", ["nan", "inf", 10, 10**400])
@pytest.mark.parametrize("given", ["nan", "-inf", "1e999", 10**400])
@pytest.mark.parametrize("profile", PROFILES)
def test_any_number_even_what_is_none(profile: str, given: Any, maximum: Any) -> None:
    one = of(profile)
    url = one.platform.site.item_url(one.platform.add_line_item("Item", 10))
    assert one.post(score(one.users[0], given, maximum), url).status >= 200
    can_be_shown(one)
    one.platform.course.items.clear()


@pytest.mark.parametrize("profile", PROFILES)
@given(body=st.binary(max_size=60), tail=st.text(max_size=20), method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]))
@settings(max_examples=60)
def test_any_bytes(profile: str, body: bytes, tail: str, method: str) -> None:
    one = of(profile)
    for url in (one.items_url, spliced(one.items_url, "/" + tail), f"{one.items_url}?limit={tail}&cursor={tail}"):
        for content_type in (LINE_ITEM_TYPE, SCORE_TYPE):
            assert one.ask(method, url, body, content_type=content_type).status >= 200


@pytest.mark.parametrize("profile", PROFILES)
@given(claims=st.dictionaries(st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti"]), values, max_size=3))
@settings(max_examples=30)
def test_any_assertion(profile: str, claims: dict[str, Any]) -> None:
    one = of(profile)
    one.platform.tokens.quota = None
    payload = {name: value for name, value in claims.items() if value == value}
    assert one.ask_token(one.form(one.sign(one.claims(**payload)))).status in (200, 400, 401, 500)


@pytest.mark.parametrize("profile", PROFILES)
@given(body=st.binary(max_size=200))
@settings(max_examples=30)
def test_any_token_request(profile: str, body: bytes) -> None:
    one = of(profile)
    one.platform.tokens.quota = None
    url = one.platform.registration_args()["token_url"]
    assert one.platform.answer(Request("POST", url, FORM, body)).status in (400, 401)
