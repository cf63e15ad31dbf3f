"""
The strict platform's line item service: AGS 3.2.
"""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES, Answer, Platform
from tests.emulator.raw_tool import CONTAINER_TYPE, LINE_ITEM_TYPE, RawTool, score, tool


def next_url(answer: Answer) -> str | None:
    """
    Return the target of the answer's next relation.
    """
    found = re.fullmatch(r'<([^>]*)>; rel="next"', answer.header("Link") or "")
    return found[1] if found else None


def every_page(one: RawTool, first: Answer) -> list[list[str]]:
    """
    Follow next to the end; the labels of each page.
    """
    pages, answer = [[item["label"] for item in first.json()]], first
    while (url := next_url(answer)) is not None:
        answer = one.list(url)
        assert answer.status == 200
        pages.append([item["label"] for item in answer.json()])
    return pages


def small_pages(size: int = 2) -> RawTool:
    one = tool(attrs.evolve(PROFILES["spec"], page_size=size), coupled_line_item=False)
    for n in range(5):
        assert one.create(label=f"Item {n}", tag="odd" if n % 2 else "even", resourceId=f"r{n}").status == 201
    return one


def test_3_2_4_nothing_is_an_empty_array() -> None:
    answer = tool(coupled_line_item=False).list()
    assert (answer.status, answer.body) == (200, b"[]")
    assert answer.header("Content-Type") == CONTAINER_TYPE
    assert answer.header("Link") is None


def test_3_2_5_create_returns_the_item_with_its_id() -> None:
    one = tool(coupled_line_item=False)
    fields: dict[str, Any] = {
        "label": "Essay “one”",
        "scoreMaximum": 12.5,
        "resourceId": "essay-1",
        "tag": "grade",
        "startDateTime": "2026-01-01T10:00:00+02:00",
        "endDateTime": "2026-02-01T10:00:00Z",
        "gradesReleased": False,
        "submissionReview": {"reviewableStatus": ["Submitted"]},
        "https://example.org/extension": {"any": [1, None]},
    }
    answer = one.create(**fields)
    assert answer.status == 201
    assert answer.header("Content-Type") == LINE_ITEM_TYPE
    created = answer.json()
    assert created == {"id": created["id"], **fields}
    assert one.get(created["id"]).json() == created
    assert one.list().json() == [created]
    assert one.platform.line_items() == [created]


def test_3_2_12_unset_dates_are_null_and_unset_texts_absent() -> None:
    created = tool().create().json()
    assert (created["startDateTime"], created["endDateTime"]) == (None, None)
    assert not {"resourceId", "tag", "resourceLinkId"} & set(created)


def test_3_2_9_a_line_item_may_hang_on_a_link_of_the_tool() -> None:
    one = tool(coupled_line_item=False)
    assert one.create(resourceLinkId="1").json()["resourceLinkId"] == "1"


def test_3_2_9_an_unknown_foreign_or_elsewhere_link_is_404() -> None:
    one = tool()
    platform = one.platform
    other_tool = platform.add_tool("other")
    foreign = platform.add_link("Theirs", tool=other_tool)
    elsewhere = platform.add_link("Elsewhere", course=platform.add_course("Two"))
    for link in ("nothing", foreign.id, elsewhere.id):
        answer = one.create(resourceLinkId=link)
        assert (answer.status, answer.json()["spec"]) == (404, "AGS 3.2.9")


@pytest.mark.parametrize(
    "fields, spec",
    [
        ({"label": None}, "AGS 3.2.7"),
        ({"label": "  "}, "AGS 3.2.7"),
        ({"label": 5}, "AGS 3.2.7"),
        ({"scoreMaximum": None}, "AGS 3.2.8"),
        ({"scoreMaximum": 0}, "AGS 3.2.8"),
        ({"scoreMaximum": -1}, "AGS 3.2.8"),
        ({"scoreMaximum": "10"}, "AGS 3.2.8"),
        ({"scoreMaximum": True}, "AGS 3.2.8"),
        ({"resourceId": " "}, "AGS 3.2.10"),
        ({"resourceId": 7}, "AGS 3.2.10"),
        ({"tag": ""}, "AGS 3.2.11"),
        ({"startDateTime": "2026-01-01T10:00:00"}, "AGS 3.2.12"),
        ({"endDateTime": "tomorrow"}, "AGS 3.2.13"),
        ({"endDateTime": "2026-02-30T10:00:00Z"}, "AGS 3.2.13"),
        ({"gradesReleased": "yes"}, "AGS 3.2.14"),
        ({"submissionReview": "yes"}, "AGS 4.6"),
        ({"points": 5}, "AGS 3.1.2"),
        ({"score_maximum": 5}, "AGS 3.1.2"),
    ],
)
def test_a_bad_field_is_refused_with_its_section(fields: dict[str, Any], spec: str) -> None:
    one = tool(coupled_line_item=False)
    answer = one.create(**fields)
    assert (answer.status, answer.json()["spec"], answer.json()["field"]) == (400, spec, next(iter(fields)))
    assert one.platform.line_items() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"nothing", b'{"label": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_400(body: bytes) -> None:
    one = tool()
    assert one.ask("POST", one.items_url, body, content_type=LINE_ITEM_TYPE).status == 400


def test_3_2_4_filters_choose_and_combine() -> None:
    one = small_pages(100)
    link = one.create(label="Bound", resourceLinkId="1", resourceId="r1").json()
    labels = lambda **filters: [item["label"] for item in one.list(**filters).json()]  # noqa: E731
    assert labels(tag="odd") == ["Item 1", "Item 3"]
    assert labels(resource_id="r1") == ["Item 1", "Bound"]
    assert labels(resource_id="r1", resource_link_id="1") == [link["label"]]
    assert labels(resource_id="r2", resource_link_id="1") == []
    assert labels(tag="odd", resource_id="r3") == ["Item 3"]


def test_3_2_4_pages_follow_one_another_and_the_last_has_no_next() -> None:
    one = small_pages()
    assert every_page(one, one.list()) == [["Item 0", "Item 1"], ["Item 2", "Item 3"], ["Item 4"]]


def test_3_2_4_next_keeps_filters_and_limit_by_itself() -> None:
    one = small_pages(100)
    first = one.list(tag="even", limit=1)
    assert every_page(one, first) == [["Item 0"], ["Item 2"], ["Item 4"]]


def test_3_2_4_a_full_last_page_has_no_next() -> None:
    assert next_url(small_pages(5).list()) is None


def test_3_2_4_an_item_deleted_between_pages_hides_no_other() -> None:
    one = small_pages()
    first = one.list()
    assert one.delete(first.json()[0]["id"]).status == 204
    assert every_page(one, first)[1:] == [["Item 2", "Item 3"], ["Item 4"]]


def test_3_2_4_limit_is_an_upper_bound() -> None:
    one = small_pages(100)
    assert len(one.list(limit=3).json()) == 3
    capped = attrs.evolve(PROFILES["spec"], longest_page=1)
    one.platform.site.profile = capped
    assert len(one.list(limit=3).json()) == 1


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "²"])
def test_3_2_4_a_limit_that_is_no_count_is_400(limit: str) -> None:
    assert tool().list(limit=limit).status == 400


def test_a_made_up_cursor_is_400() -> None:
    assert tool().list(cursor="eyJhIjoxfQ").status == 400
    assert tool().list(cursor="%").status == 400


def test_3_2_6_put_replaces_and_returns_the_item_as_applied() -> None:
    one = tool()
    made = one.create(tag="old", resourceId="r", gradesReleased=True).json()
    answer = one.put(made["id"], id=made["id"], label="New", scoreMaximum=20, tag="new")
    assert answer.status == 200
    kept = {name: made[name] for name in ("id", "startDateTime", "endDateTime")}
    assert answer.json() == kept | {"label": "New", "scoreMaximum": 20, "tag": "new"}
    assert one.get(made["id"]).json() == answer.json()


def test_3_2_6_id_and_link_never_change() -> None:
    one = tool()
    url = one.item_url
    assert one.put(url, id=url + "0", label="New", scoreMaximum=1).json()["spec"] == "AGS 3.2.6"
    assert one.put(url, resourceLinkId="9", label="New", scoreMaximum=1).json()["spec"] == "AGS 3.2.6"
    assert one.put(url, label="New", scoreMaximum=1).json()["resourceLinkId"] == "1"


def test_3_2_6_another_maximum_rescales_the_grades() -> None:
    one = tool()
    user = one.users[0]
    assert one.post(score(user, 8, 10)).status == 204
    assert one.put(one.item_url, label="Quiz", scoreMaximum=50).status == 200
    result = one.results().json()[0]
    assert (result["resultScore"], result["resultMaximum"]) == (40, 50)


def test_delete_takes_the_item_away() -> None:
    one = tool()
    url = one.item_url
    answer = one.delete(url)
    assert (answer.status, answer.body) == (204, b"")
    assert one.get(url).status == 404
    assert one.delete(url).status == 404
    assert "lineitem" not in one.platform.endpoint_claim()


def test_1_other_tools_items_are_not_there() -> None:
    one = tool()
    other = one.platform.add_tool("other")
    foreign = one.platform.add_line_item("Theirs", 10, tool=other)
    url = one.platform.site.item_url(foreign)
    assert [item["label"] for item in one.list().json()] == ["Quiz one"]
    assert one.get(url).status == 404
    assert one.post(score(one.users[0]), url).status == 404


def test_3_1_an_unknown_course_is_404_and_one_without_the_tool_403() -> None:
    one = tool()
    one.platform.add_course("Closed to the tool", tools=())
    assert one.list(one.items_url.replace("/1/", "/9/")).status == 404
    assert one.list(one.items_url.replace("/1/", "/2/")).status == 403


def test_media_types_are_those_of_the_standard() -> None:
    one = tool()
    for accept in (CONTAINER_TYPE, "*/*", f"application/json;q=0.5, {CONTAINER_TYPE}", "", "application/*"):
        assert one.ask("GET", one.items_url, accept=accept).status == 200, accept
    assert one.ask("GET", one.items_url, accept="application/json").status == 406
    assert one.ask("GET", one.items_url, accept=LINE_ITEM_TYPE).status == 406
    body = {"label": "x", "scoreMaximum": 1}
    assert one.ask("POST", one.items_url, body, content_type="application/json").status == 415
    assert one.ask("POST", one.items_url, body).status == 415
    assert one.ask("POST", one.items_url, body, content_type=LINE_ITEM_TYPE + "; charset=utf-8").status == 201


def test_the_answer_to_a_post_or_put_is_taken_in_any_type() -> None:
    one = tool()
    body = {"label": "x", "scoreMaximum": 1}
    for accept in ("application/json", "application/json, text/plain, */*", "text/html"):
        made = one.ask("POST", one.items_url, body, content_type=LINE_ITEM_TYPE, accept=accept)
        assert (made.status, made.header("Content-Type")) == (201, LINE_ITEM_TYPE)
        put = one.ask("PUT", made.json()["id"], body, content_type=LINE_ITEM_TYPE, accept=accept)
        assert (put.status, put.header("Content-Type")) == (200, LINE_ITEM_TYPE)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_405_and_names_the_right_ones(method: str) -> None:
    one = tool()
    answer = one.ask(method, one.items_url)
    assert (answer.status, answer.header("Allow")) == (405, "GET, POST")


@pytest.mark.parametrize(
    "tail, says", [("/", "slash"), ("?type_id=1/scores", "before the query"), ("/nothing", "as they are")]
)
def test_a_wrong_path_is_404_with_a_hint(tail: str, says: str) -> None:
    one = tool()
    url = one.item_url + tail
    answer = one.ask("GET", url if "scores" not in tail else one.item_url + "/x" + tail)
    assert answer.status == 404
    assert says in answer.json()["reason"]


def test_3_1_two_items_on_one_link_leave_lineitem_out() -> None:
    one = tool()
    assert one.create(resourceLinkId="1").status == 201
    assert set(one.platform.endpoint_claim()) == {"scope", "lineitems"}


def test_a_platform_without_a_coupled_item_claims_none() -> None:
    assert "lineitem" not in Platform.create(coupled_line_item=False).endpoint_claim()
