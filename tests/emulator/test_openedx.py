"""
Open edX, one test for each row of the quirk table that it shows; ``tests/interop`` compares it with the original.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES
from aioags.emulator.services import openedx_fields
from tests.emulator.raw_tool import CONTAINER_TYPE, LINE_ITEM_TYPE, SCORE_TYPE, START, score, spliced, stamp, tool


def test_T7_open_edx_grants_an_empty_scope() -> None:
    one = tool("openedx")
    answer = one.ask_token(one.form(scope="https://example.org/other"))
    assert (answer.status, answer.json()["scope"], answer.json()["token_type"]) == (200, "", "bearer")


@pytest.mark.parametrize(
    "claims, code",
    [
        ({"exp": START - 1}, "unidentified_error"),
        ({"iat": START + 1}, "unidentified_error"),
        ({"exp": "tomorrow"}, "invalid_grant"),
    ],
)
def test_T11_open_edx_token_errors_are_400(claims: dict[str, Any], code: str) -> None:
    answer = tool("openedx").grant(**claims)
    assert (answer.status, answer.json()) == (400, {"error": code})


def test_T5_open_edx_knows_the_tool_by_the_token_url_alone() -> None:
    one = tool("openedx")
    assert one.grant(sub="other", iss="other").status == 200
    other = one.platform.add_tool("other-client")
    form, own = one.form(), one.platform.site.token_url(one.platform.tool.client_id)
    theirs = one.platform.site.token_url(other.client_id)
    assert one.ask_token(form, url=own).json()["scope"]
    token = one.ask_token(form, url=theirs).json()["access_token"]
    assert one.platform.tokens.grants[token].client_id == other.client_id
    gone = one.ask_token(form, url=own.rpartition("-")[0] + "-000000000077")
    assert (gone.status, gone.body) == (404, b"")


def test_U4_open_edx_negotiates_items_only() -> None:
    one = tool("openedx")
    assert one.ask("GET", one.items_url, accept="application/json").status == 406
    assert one.ask("POST", one.items_url, {}, content_type="application/json").status == 415
    assert one.ask("GET", spliced(one.item_url, "/results"), accept="application/json").status == 200
    body = score(one.users[0])
    assert one.ask("POST", spliced(one.item_url, "/scores"), body, content_type="application/json").status == 201


def test_U5_open_edx_labels_one_item_as_a_container() -> None:
    one = tool("openedx")
    assert one.ask("GET", one.item_url, accept="*/*").header("Content-Type") == CONTAINER_TYPE
    assert one.get(one.item_url).header("Content-Type") == LINE_ITEM_TYPE


def test_P6_open_edx_cuts_results_without_saying_so() -> None:
    one = tool("openedx")
    for n, user in enumerate(one.users):
        one.post(score(user, timestamp=stamp(n)))
    cut = one.results(limit=2)
    assert [record["userId"] for record in cut.json()] == one.users[:-3:-1]
    assert cut.header("Link") is None
    assert one.results(limit="x").status == 500
    assert one.results(limit=0).json() == []
    assert len(one.list(limit="x").json()) == 1


def test_L8_open_edx_deletes_nothing() -> None:
    one = tool("openedx")
    assert one.delete(one.item_url).status == 403
    assert one.get(one.item_url).status == 200


def test_L8_open_edx_refuses_a_delete_before_it_looks_for_the_item() -> None:
    one = tool("openedx")
    assert one.delete(one.items_url + "/99").status == 403


def test_L5_open_edx_wants_whole_maxima_of_any_sign() -> None:
    one = tool("openedx")
    assert one.create(scoreMaximum=60.5, resourceId="r").json() == {"scoreMaximum": ["A valid integer is required."]}
    made = [one.create(scoreMaximum=maximum, resourceId="r").json()["scoreMaximum"] for maximum in (60.0, "60", -1, 0)]
    assert made == [60, 60, -1, 0]


def test_S4_open_edx_tells_all_faults_of_an_item_at_once() -> None:
    one = tool("openedx")
    answer = one.create(label=" ", scoreMaximum=None, tag="x" * 51, resourceLinkId="nowhere", startDateTime="soon")
    assert answer.status == 400
    assert answer.header("Content-Type") == LINE_ITEM_TYPE
    assert {name: words for name, (words,) in answer.json().items()} == {
        "label": "This field may not be blank.",
        "scoreMaximum": "This field may not be null.",
        "tag": "Ensure this field has no more than 50 characters.",
        "resourceLinkId": "Invalid usage key: 'nowhere'",
        "startDateTime": openedx_fields.NO_INSTANT,
    }


@pytest.mark.parametrize("body, words", [([], "list"), ("text", "str"), (None, "")])
def test_open_edx_wants_an_object(body: object, words: str) -> None:
    one = tool("openedx")
    answer = one.ask("POST", one.items_url, body, content_type=LINE_ITEM_TYPE)
    expected = f"Invalid data. Expected a dictionary, but got {words}." if words else openedx_fields.REQUIRED
    assert (answer.status, next(iter(answer.json().values()))) == (400, [expected])


def test_open_edx_wants_an_item_bound_but_asks_not_to_what() -> None:
    one = tool("openedx")
    answer = one.create()
    assert (answer.status, list(answer.json())) == (400, ["non_field_errors"])
    made = one.create(resourceLinkId="block-v1:a+b+c+type@problem+block@d")
    assert made.status == 201
    assert (made.json()["resourceId"], made.json()["tag"], made.json()["startDateTime"]) == ("", "", None)
    assert one.create(resourceId="r").json()["resourceLinkId"] is None


def test_open_edx_publishes_only_items_of_its_links() -> None:
    one = tool("openedx")
    user = one.users[0]
    elsewhere = one.create(resourceLinkId="block-v1:a+b+c+type@problem+block@d").json()["id"]
    assert one.post(score(user), elsewhere).status == 201
    assert one.results(elsewhere).json()[0]["resultScore"] == 8
    assert one.platform.published(elsewhere, user) is None
    assert one.post(score("a stranger"), elsewhere).status == 201


def test_L3_open_edx_merges_and_lets_the_link_change() -> None:
    one = tool("openedx")
    url = one.create(resourceId="r", tag="t", startDateTime="2026-01-01T01:00:00+01:00").json()["id"]
    link_id = "block-v1:a+b+c+type@problem+block@d"
    changed = one.put(url, label="New", scoreMaximum=5, resourceLinkId=link_id).json()
    assert changed == {
        "id": url,
        "label": "New",
        "scoreMaximum": 5,
        "resourceId": "r",
        "tag": "t",
        "resourceLinkId": link_id,
        "startDateTime": "2026-01-01T00:00:00Z",
        "endDateTime": None,
    }
    assert one.put(url, label="New", scoreMaximum=5).status == 400


@pytest.mark.parametrize("change", [{"activityProgress": "Odd"}, {"gradingProgress": "Odd"}, {"scoreGiven": -1}])
def test_S15_what_open_edx_s_database_refuses_is_a_crash(change: dict[str, Any]) -> None:
    one = tool("openedx")
    assert one.post(score(one.users[0]) | change).status == 500
    assert one.post([score(one.users[0])]).status == 500
    assert one.platform.history(None, one.users[0]) == []


def test_S15_open_edx_reads_numbers_from_texts_and_stamps_without_a_zone() -> None:
    one = tool("openedx")
    user = one.users[0]
    answer = one.post(score(user, "8", timestamp="2026-01-01T09:00:00"))
    assert (answer.json()["scoreGiven"], answer.json()["timestamp"]) == (8.0, "2026-01-01T09:00:00Z")
    wrong = one.post(score(user, "lots", timestamp="now", userId=""))
    assert set(wrong.json()) == {"scoreGiven", "timestamp", "userId"}
    assert wrong.header("Content-Type") == SCORE_TYPE


def test_U4_open_edx_looks_at_accept_before_the_token() -> None:
    one = tool("openedx")
    assert one.ask("GET", one.items_url, accept="text/html", Authorization="Bearer x").status == 406
    assert one.ask("DELETE", one.items_url).status == 403
    assert one.ask("GET", one.items_url + "/").header("Content-Type") == "text/html; charset=utf-8"


def test_U5_open_edx_gives_an_item_or_a_container_as_asked() -> None:
    one = tool("openedx")
    assert one.ask("GET", one.items_url, accept=LINE_ITEM_TYPE).header("Content-Type") == LINE_ITEM_TYPE
    assert one.ask("GET", one.item_url, accept=CONTAINER_TYPE).header("Content-Type") == CONTAINER_TYPE


def test_open_edx_s_links_are_usage_keys() -> None:
    one = tool("openedx")
    item = one.get(one.item_url).json()
    assert item["resourceLinkId"].startswith("block-v1:")
    assert one.list(resource_link_id=item["resourceLinkId"]).json() == [item]


def test_S6_open_edx_says_stale_with_400() -> None:
    one = tool("openedx")
    user = one.users[0]
    body = score(user, timestamp=stamp(1))
    assert one.post(body).status == 201
    older, equal = one.post(score(user)), one.post(body)
    assert (older.status, older.json()) == (
        400,
        {"timestamp": ["Score timestamp can only be updated to a later point in time"]},
    )
    assert (equal.status, equal.json()) == (400, {"timestamp": ["Score already exists for the provided timestamp"]})


def test_S9_S14_open_edx_publishes_final_scores_and_caps() -> None:
    one = tool("openedx")
    first, second, third = one.users[:3]
    one.post(score(first, 0, 10))
    one.post(score(second, 12, 10))
    one.post(score(third, 5, 10, gradingProgress="Pending"))
    assert [one.platform.published(None, user) for user in (first, second, third)] == [0, 100, None]
    assert {record["userId"]: record["resultScore"] for record in one.results().json()} == {
        first: 0,
        second: 12,
        third: 5,
    }


def test_S11_open_edx_published_no_zero_once() -> None:
    one = tool(attrs.evolve(PROFILES["openedx"], publish_zero=False))
    one.post(score(one.users[0], 0, 10))
    assert one.platform.published(None, one.users[0]) is None


def test_S9_a_score_that_clears_leaves_open_edx_s_gradebook_as_it_is() -> None:
    one = tool("openedx")
    user = one.users[0]
    one.post(score(user, 5, 10))
    one.post(score(user, None, None, timestamp=stamp(1), gradingProgress="NotReady"))
    assert one.results().json() == []
    assert one.platform.published(None, user) == 50


def test_S13_open_edx_keeps_a_comment_that_is_not_sent() -> None:
    one = tool("openedx")
    user = one.users[0]
    shown = []
    for n, change in enumerate(({"comment": "Well done"}, {}, {"comment": ""})):
        one.post(score(user, timestamp=stamp(n)) | change)
        shown.append(one.results().json()[0]["comment"])
    assert shown == ["Well done", "Well done", ""]


@pytest.mark.parametrize("maximum", [None, 0])
def test_S15_open_edx_needs_a_maximum(maximum: float | None) -> None:
    one = tool("openedx")
    answer = one.post(score(one.users[0], 5, maximum))
    assert (answer.status, list(answer.json())) == (400, ["scoreMaximum"])


def test_S16_an_unknown_user_crashes_open_edx() -> None:
    one = tool("openedx")
    assert one.post(score("nobody")).status == 500
    assert one.platform.history(None, "nobody") == []


def test_S18_open_edx_answers_201_with_what_it_stored() -> None:
    one = tool("openedx")
    body = score(one.users[0]) | {"https://example.org/x": 1}
    answer = one.post(body)
    assert answer.status == 201
    assert answer.json() == {
        "timestamp": "2026-01-01T09:00:00Z",
        "scoreGiven": 8.0,
        "scoreMaximum": 10.0,
        "comment": None,
        "activityProgress": "Completed",
        "gradingProgress": "FullyGraded",
        "userId": one.users[0],
    }


def test_R2_R4_open_edx_ignores_the_filter_and_gives_the_tools_own_numbers() -> None:
    one = tool("openedx")
    for user in one.users[:2]:
        one.post(score(user, 3, 4))
    filtered = one.results(user_id=one.users[0]).json()
    assert len(filtered) == 2
    assert {(record["resultScore"], record["resultMaximum"]) for record in filtered} == {(3, 4)}
    by_path = one.ask("GET", spliced(one.item_url, f"/results/{one.users[0]}"))
    assert [record["userId"] for record in by_path.json()] == [one.users[0]]
