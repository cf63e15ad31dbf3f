"""
Line items of the canvas profile: how they are written, what a new one hangs on, what a PUT does.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.emulator import Platform
from tests.emulator.canvas_tool import LAUNCH_URL, SUBMISSION_TYPE, in_gradebook, message, post
from tests.emulator.raw_tool import RawTool, score, tool

TOOL_URL = "https://tool.example/quiz/1"
LINKED = {SUBMISSION_TYPE: {"type": "external_tool", "external_tool_url": TOOL_URL}}


def test_CV27_a_launch_names_the_first_item_of_several() -> None:
    one = tool("canvas")
    first = one.item_url
    assert one.create(resourceLinkId="1").status == 201
    assert one.platform.endpoint_claim()["lineitem"] == first
    spec = tool("spec")
    spec.create(resourceLinkId="1")
    assert "lineitem" not in spec.platform.endpoint_claim()


def test_CV28_an_item_is_written_with_floats_whole_seconds_and_no_more_than_canvas_keeps() -> None:
    one = tool("canvas")
    made = one.create(
        scoreMaximum=50,
        startDateTime="2026-01-01T09:00:00.500+02:00",
        endDateTime="2026-02-01 09:00",
        gradesReleased=False,
        submissionReview={"url": "https://tool.example/review"},
        **{"https://tool.example/own": 1},
    )
    assert b'"scoreMaximum":50.0' in made.body
    assert made.json() == {
        "id": made.json()["id"],
        "label": "Essay",
        "scoreMaximum": 50.0,
        "startDateTime": "2026-01-01T07:00:00Z",
        "endDateTime": "2026-02-01T09:00:00Z",
    }
    assert one.get(made.json()["id"]).body == made.body
    assert "endDateTime" not in one.put(made.json()["id"], endDateTime="some day").json()


@pytest.mark.parametrize("field, column", [("label", "label"), ("scoreMaximum", "score_maximum")])
@pytest.mark.parametrize("value", ["absent", None, ""])
def test_CV29_without_label_or_maximum_it_is_422(field: str, column: str, value: str | None) -> None:
    one = tool("canvas")
    body: dict[str, Any] = {"label": "Essay", "scoreMaximum": 10} | {field: value}
    if value == "absent":
        del body[field]
    answers = [one.ask("POST", one.items_url, body)]
    if value != "absent":
        answers.append(one.put(one.item_url, **{field: value}))
    for answer in answers:
        (error,) = answer.json()["errors"]
        assert (answer.status, error["field"]) == (422, column)
    assert len(one.list().json()) == 1


@pytest.mark.parametrize("sent, kept", [(0, 0.0), ("10", 10.0), (" 2.5 ", 2.5)])
def test_CV30_a_maximum_may_be_zero_and_a_text(sent: Any, kept: float) -> None:
    made = tool("canvas").create(scoreMaximum=sent)
    assert (made.status, made.json()["scoreMaximum"]) == (201, kept)


def test_CV31_an_item_of_the_tools_own_url_comes_with_a_link() -> None:
    one = tool("canvas")
    made = one.create(**LINKED).json()
    assert made[SUBMISSION_TYPE] == LINKED[SUBMISSION_TYPE]
    link = one.platform.course.links[made["resourceLinkId"]]
    assert (link.title, link.client_id) == ("Essay", one.platform.tool.client_id)
    assert one.platform.endpoint_claim(link)["lineitem"] == made["id"]
    extra = one.create(resourceLinkId=link.id).json()["id"]
    assert one.delete(made["id"]).status == 204
    assert link.id not in one.platform.course.links, "the assignment goes, and all that hangs on it"
    assert one.get(extra).status == 404
    assert one.get(one.item_url).status == 200


@pytest.mark.parametrize(
    "said",
    [
        {"type": "external_tool"},
        {"type": "external_tool", "external_tool_url": "https://elsewhere.example/"},
        {"type": "external_tool", "external_tool_url": "https://[broken"},
        {"type": "none"},
        {"type": "on_paper"},
    ],
)
def test_CV31_of_no_tool_it_is_an_item_without_a_link(said: dict[str, str]) -> None:
    one = tool("canvas")
    made = one.create(**{SUBMISSION_TYPE: said}).json()
    assert made[SUBMISSION_TYPE] == said
    assert "resourceLinkId" not in made
    assert len(one.platform.course.links) == 1


def test_CV31_with_a_link_of_its_own_the_type_means_nothing() -> None:
    one = tool("canvas")
    made = one.create(resourceLinkId="1", **LINKED).json()
    assert made["resourceLinkId"] == "1"
    assert SUBMISSION_TYPE not in made


def test_CV31_the_link_goes_with_the_extra_item_only_when_it_was_made_for_it() -> None:
    one = tool("canvas")
    extra = one.create(resourceLinkId="1").json()["id"]
    assert one.delete(extra).status == 204
    assert "1" in one.platform.course.links
    assert one.get(one.item_url).status == 200


def test_CV32_the_launch_url_is_shown_when_it_is_asked_for() -> None:
    one = tool("canvas")
    free = one.create().json()["id"]
    url = one.platform.tool.url
    shown = {item["id"]: item.get(LAUNCH_URL) for item in one.list(**{"include[]": "launch_url"}).json()}
    assert shown == {one.item_url: url, free: None}
    assert one.get(f"{one.item_url}?include%5B%5D=launch_url").json()[LAUNCH_URL] == url
    assert LAUNCH_URL not in one.get(one.item_url).json()
    assert LAUNCH_URL not in one.get(f"{one.item_url}?include%5B%5D=other").json()


def test_CV32_the_launch_url_is_where_the_tool_takes_launches_also_after_a_reset() -> None:
    one = tool("canvas")
    one.platform.launches.connect(login_url="https://a.example/login", redirect_uri="https://a.example/launch")
    one.platform.reset()
    one = RawTool(one.platform)
    assert one.get(f"{one.item_url}?include[]=launch_url").json()[LAUNCH_URL] == "https://a.example/launch"


def test_CV33_an_empty_tag_is_a_tag() -> None:
    one = tool("canvas")
    blank = one.create(tag="", resourceId="").json()["id"]
    assert [item["id"] for item in one.list(tag="").json()] == [blank]
    assert [item["id"] for item in one.list(resource_id="").json()] == [blank]
    assert len(one.list(resource_link_id="").json()) == 2


def many(count: int, **fields: Any) -> RawTool:
    """
    Make a tool with so many items of its own.
    """
    one = RawTool(Platform.create("canvas", coupled_line_item=False))
    for n in range(count):
        one.create(label=f"Item {n}", **fields)
    return one


def test_CV34_limit_has_no_bound_and_per_page_has() -> None:
    one = many(110)
    assert len(one.list(limit=150).json()) == 110
    assert len(one.list(per_page=150).json()) == 100
    assert len(one.list(limit="many").json()) == 10


@pytest.mark.parametrize("page", ["0", "two", "-1", ""])
def test_CV34_there_is_no_page_but_from_1(page: str) -> None:
    one = many(1)
    answer = one.list(page=page)
    assert (answer.status, answer.json()) == (404, {"errors": [{"message": "The specified resource does not exist."}]})
    assert one.list(page=7).json() == []


def test_CV35_links_keep_whatever_was_asked_sorted_and_without_the_token() -> None:
    one = many(25, tag="t")
    link = one.list(zzz="1", tag="t", access_token="x", **{"include[]": "launch_url"}).header("Link") or ""
    query = "include%5B%5D=launch_url&tag=t&zzz=1&page={}&per_page=10"
    assert link == ",".join(
        f'<{one.items_url}?{query.format(n)}>; rel="{rel}"'
        for rel, n in (("current", 1), ("next", 2), ("first", 1), ("last", 3))
    )
    assert "?limit=7&page=2&per_page=7>" in (one.list(limit=7).header("Link") or "")


@pytest.mark.parametrize(
    "length, rels",
    [
        (1_400, "current next first last"),
        (1_600, "current next last"),
        (2_500, "next last"),
        (5_000, "next"),
        (7_000, ""),
    ],
)
def test_CV35_a_link_that_is_too_long_loses_the_least_needed_first(length: int, rels: str) -> None:
    link = many(25).list(q="x" * length).header("Link") or ""
    assert [part.partition('rel="')[2].rstrip('"') for part in link.split(",") if part] == rels.split()


@pytest.mark.parametrize("said", [{"type": "none"}, LINKED[SUBMISSION_TYPE]])
def test_CV36_an_item_written_back_with_its_type_breaks(said: dict[str, str]) -> None:
    one = tool("canvas")
    made = one.create(**{SUBMISSION_TYPE: said}).json()
    answer = one.put(made["id"], **(made | {"label": "New"}))
    assert answer.status == 500
    (error,) = answer.json()["errors"]
    assert error == {"message": "An error occurred.", "error_code": "internal_server_error"}
    assert one.get(made["id"]).json() == made
    del made[SUBMISSION_TYPE]
    again = one.put(made["id"], **(made | {"label": "New"}))
    assert (again.status, again.json()["label"], SUBMISSION_TYPE in again.json()) == (200, "New", True)


def test_CV37_null_clears_a_tag_and_what_is_left_out_stays() -> None:
    one = tool("canvas")
    made = one.create(tag="t", resourceId="r").json()
    assert one.put(made["id"], tag=None).json() == {name: made[name] for name in made if name != "tag"}


def test_CV38_another_maximum_leaves_the_grades_as_they_are() -> None:
    one = tool("canvas")
    post(one, 0, 8, 10)
    assert one.put(one.item_url, scoreMaximum=200).json()["scoreMaximum"] == 200
    assert in_gradebook(one) == 80
    one.platform.change_maximum(None, 50)
    assert in_gradebook(one) == 80
    assert one.results().json()[0]["resultScore"] == 8


def test_L10_the_link_of_an_item_never_changes() -> None:
    one = tool("canvas")
    free = one.create().json()["id"]
    answer = one.put(free, resourceLinkId="1")
    assert (answer.status, message(answer)) == (412, "The specified LTI link ID is not associated with the line item.")
    assert one.put(free, resourceLinkId=None).status == 200
    assert one.post(score(one.users[0]), free).status == 200
