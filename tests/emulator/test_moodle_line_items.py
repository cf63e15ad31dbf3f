"""
The moodle profile's line items, line by line as a live Moodle 4.5.6 answered.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.emulator import Answer
from tests.emulator.raw_tool import CONTAINER_TYPE, LINE_ITEM_TYPE, SCORE_TYPE, RawTool, score, spliced, stamp, tool


def many(count: int = 23) -> RawTool:
    one = tool("moodle", coupled_line_item=False)
    for n in range(count):
        assert one.create(label=f"Item {n}", tag="a&b c" if n % 2 else "x").status == 201
    return one


def labels(answer: Answer) -> list[str]:
    return [item["label"] for item in answer.json()]


def targets(answer: Answer) -> dict[str, str]:
    """
    Map each relation, quotes included, to its target as written.
    """
    found = {}
    for part in (answer.header("Link") or "").split(", "):
        target, _, rel = part.partition(">; rel=")
        found[rel] = target.removeprefix("<")
    return found


@pytest.mark.parametrize(
    "accept, status, words",
    [
        (CONTAINER_TYPE, 200, ""),
        (CONTAINER_TYPE + " ", 200, ""),
        ("", 200, ""),
        ("*/*", 400, "No context or unsupported content type"),
        (CONTAINER_TYPE + ", */*", 400, "No context or unsupported content type"),
        (CONTAINER_TYPE + ", */*;q=0.1", 400, "No context or unsupported content type"),
        (LINE_ITEM_TYPE, 400, "No context or unsupported content type"),
        (CONTAINER_TYPE + ";q=0.9", 400, "No handler found for /1/lineitems {} "),
        (CONTAINER_TYPE + ", application/json", 400, "No handler found for /1/lineitems {} "),
        ("application/json", 400, "No handler found for /1/lineitems {} "),
        (CONTAINER_TYPE.upper(), 400, "No handler found for /1/lineitems {} "),
    ],
)
def test_U3_accept_is_compared_as_a_whole(accept: str, status: int, words: str) -> None:
    one = tool("moodle")
    answer = one.ask("GET", one.items_url, accept=accept)
    assert answer.status == status
    assert status == 200 or (answer.phrase, answer.json()["reason"]) == (words.format(accept), words.format(accept))


@pytest.mark.parametrize("accept, status", [(LINE_ITEM_TYPE, 200), ("*/*", 200), ("a/b, */*", 200), ("a/b", 400)])
def test_U3_one_item_is_less_strict(accept: str, status: int) -> None:
    one = tool("moodle")
    assert one.ask("GET", one.item_url, accept=accept).status == status


@pytest.mark.parametrize(
    "method, status", [("HEAD", 400), ("OPTIONS", 405), ("DELETE", 405), ("PUT", 405), ("PATCH", 405)]
)
def test_wrong_methods(method: str, status: int) -> None:
    one = tool("moodle")
    assert one.ask(method, one.items_url, {}, content_type=LINE_ITEM_TYPE).status == status


@pytest.mark.parametrize(
    "content_type, status",
    [
        (LINE_ITEM_TYPE, 201),
        (LINE_ITEM_TYPE + "; charset=utf-8", 201),
        (LINE_ITEM_TYPE + ";charset=utf-8", 201),
        (LINE_ITEM_TYPE + " ; charset=utf-8", 400),
        (LINE_ITEM_TYPE.upper(), 400),
        ("application/json", 400),
        ("", 400),
        (CONTAINER_TYPE, 400),
    ],
)
def test_U4_content_type_of_a_post(content_type: str, status: int) -> None:
    one = tool("moodle")
    body = {"label": "S1", "scoreMaximum": 50}
    assert one.ask("POST", one.items_url, body, content_type=content_type).status == status


def test_paths_that_are_none() -> None:
    one = tool("moodle")
    assert one.list(one.items_url.replace("lineitems", "lineitems/")).phrase.startswith("No handler found")
    assert one.list(one.items_url.replace("/1/", "/abc/")).status == 502
    unknown = one.list(one.items_url.replace("/1/", "/999/"))
    assert (unknown.status, unknown.phrase) == (404, "Not Found: Course 999 doesn't exist")
    item = one.get(one.item_url.replace("lineitems/1", "lineitems/48"))
    assert (item.status, item.phrase) == (404, "Not Found: Grade item 48 doesn't exist")


def test_L11_a_coupled_item_as_sent() -> None:
    one = tool("moodle")
    assert one.get(one.item_url).body.decode() == (
        r'{"id":"https:\/\/lms.example\/mod\/lti\/services.php\/1\/lineitems\/1\/lineitem?type_id=1",'
        r'"label":"Quiz one","scoreMaximum":100,"resourceId":"","tag":"","resourceLinkId":"1","ltiLinkId":"1"}'
    )


def test_L11_without_a_link_both_are_absent_and_text_is_escaped() -> None:
    one = tool("moodle")
    made = one.create(label="Übung").json()
    shown = one.get(made["id"])
    assert rb'"label":"\u00dcbung"' in shown.body
    assert not {"resourceLinkId", "ltiLinkId"} & set(shown.json())


def test_P1_P2_the_links_bytes() -> None:
    one = many()
    answer = one.list(limit=2)
    base = "<https://lms.example/mod/lti/services.php/1/lineitems?type_id=1&amp;limit=2&amp;from="
    assert (answer.header("Link") or "").encode() == (
        f"{base}0>; rel=“first”, {base}0>; rel=“canonical”, {base}2>; rel=“next”, {base}22>; rel=“last”"
    ).encode()


def test_P3_followed_as_written_everything_comes_again_without_a_link() -> None:
    one = many()
    again = one.list(targets(one.list(limit=2))["“next”"])
    assert len(again.json()) == 23
    assert again.header("Link") is None


def test_P4_unescaped_every_page_comes_once() -> None:
    one = many()
    seen, pages, answer = list[str](), 1, one.list(limit=4)
    while (url := targets(answer).get("“next”")) is not None:
        seen += labels(answer)
        pages += 1
        answer = one.list(url.replace("&amp;", "&"))
    assert len({*seen, *labels(answer)}) == 23
    assert pages == 6


@pytest.mark.parametrize("query", ["from=5", "limit=0", "limit=-1", "limit=abc", "page=2", "limit=0&from=3"])
def test_P4_without_a_real_limit_everything_comes(query: str) -> None:
    one = many()
    answer = one.list(f"{one.items_url}&{query}")
    assert (len(answer.json()), answer.header("Link")) == (23, None)


def test_P4_the_ends_of_the_listing() -> None:
    one = many()
    everything = one.list(limit=1000)
    assert (len(everything.json()), list(targets(everything))) == (23, ["“first”", "“canonical”", "“last”"])
    beyond = one.list(f"{one.items_url}&limit=2&from=999")
    assert (beyond.json(), list(targets(beyond))) == ([], ["“first”", "“canonical”", "“last”"])
    assert labels(one.list(f"{one.items_url}&limit=2&from=-1")) == ["Item 22"]


def test_filters_combine_come_first_in_links_and_may_be_empty() -> None:
    one = many(4)
    answer = one.list(tag="a&b c", limit=1)
    assert "?tag=a%26b%20c&amp;type_id=1&amp;limit=1&amp;from=0>" in (answer.header("Link") or "")
    bound = one.create(label="Bound", resourceLinkId="1", resourceId="R").json()
    for name in ("resource_link_id", "lti_link_id"):
        assert [item["id"] for item in one.list(**{name: "1"}).json()] == [bound["id"]]
    assert labels(one.list(tag="")) == ["Bound"]
    assert len(one.list(resource_id="").json()) == 4
    assert one.list(resource_id="r").json() == []


def test_L2_create_echoes_what_it_does_not_keep() -> None:
    one = tool("moodle")
    body = {"startDateTime": "2026-01-01T10:00:00Z", "unknown": None, "submissionReview": {"url": "u"}, "id": "mine"}
    answer = one.create(**body)
    url = answer.json()["id"]
    assert answer.status == 201
    assert answer.json() == {"label": "Essay", "scoreMaximum": 10} | body | {"id": url}
    assert set(one.get(url).json()) == {"id", "label", "scoreMaximum", "resourceId", "tag"}


@pytest.mark.parametrize("change", [{"resourceLinkId": "1"}, {"resourceLinkId": 1}, {"ltiLinkId": "1"}])
def test_create_with_a_link(change: dict[str, Any]) -> None:
    one = tool("moodle")
    assert one.get(one.create(**change).json()["id"]).json()["resourceLinkId"] == "1"


@pytest.mark.parametrize(
    "change, status",
    [
        ({"resourceLinkId": "99"}, 403),
        ({"resourceLinkId": "abc"}, 502),
        ({"label": None}, 400),
        ({"scoreMaximum": None}, 400),
        ({"scoreMaximum": "ten"}, 400),
        ({"label": ""}, 201),
        ({"label": 5}, 201),
        ({"label": "x" * 255}, 201),
        ({"label": "x" * 256}, 502),
        ({"scoreMaximum": "10"}, 201),
        ({"scoreMaximum": 0}, 201),
        ({"scoreMaximum": -5}, 201),
        ({"scoreMaximum": 12.5}, 201),
        ({"scoreMaximum": 99999.99999}, 201),
        ({"scoreMaximum": 100000}, 502),
    ],
)
def test_create_probes(change: dict[str, Any], status: int) -> None:
    one = tool("moodle", coupled_line_item=False)
    answer = one.create(**change)
    assert answer.status == status
    assert len(one.platform.line_items()) == (status == 201)
    if status == 400:
        assert answer.phrase == ("Bad Request" if "ten" in change.values() else "No label or Score Maximum")


@pytest.mark.parametrize("body", [b"", b"[1]", b"nothing"])
def test_create_with_no_object(body: bytes) -> None:
    one = tool("moodle")
    answer = one.ask("POST", one.items_url, body, content_type=LINE_ITEM_TYPE)
    assert (answer.status, answer.phrase) == (400, "No label or Score Maximum")


@pytest.mark.parametrize("change", [{"tag": "x" * 300}, {"resourceId": "x" * 600}])
def test_a_create_that_fails_on_a_text_leaves_an_orphan(change: dict[str, Any]) -> None:
    one = tool("moodle", coupled_line_item=False)
    assert one.create(**change).status == 502
    assert one.list().json() == []
    (orphan,) = one.platform.course.orphans
    assert one.get(one.platform.site.item_url(orphan)).status == 404


def test_the_maximum_is_kept_to_five_decimals() -> None:
    one = tool("moodle")
    answer = one.create(scoreMaximum=0.1234567)
    assert answer.json()["scoreMaximum"] == 0.1234567
    assert one.get(answer.json()["id"]).json()["scoreMaximum"] == 0.12346


def test_the_same_item_is_made_as_often_as_asked() -> None:
    one = tool("moodle", coupled_line_item=False)
    for _ in range(3):
        assert one.create(resourceId="r", tag="t").status == 201
    assert len(one.list().json()) == 3


def test_L3_put_replaces_and_loses_the_link_by_its_own_rule() -> None:
    one = tool("moodle")
    url = one.create(resourceId="r", tag="t", resourceLinkId="1").json()["id"]
    link = lambda: one.get(url).json().get("resourceLinkId")  # noqa: E731
    whole = one.get(url).json()
    assert one.put(url, **whole).status == 200
    assert link() == "1"
    assert one.put(url, label="New", scoreMaximum=10, resourceId="r", tag="t").status == 200
    assert link() == "1"
    assert one.put(url, label="New", scoreMaximum=10, resourceId="r").status == 200
    assert (one.get(url).json()["tag"], link()) == ("", None)


def test_L3_a_fresh_coupled_item_loses_its_link_at_the_first_put() -> None:
    one = tool("moodle")
    url = one.item_url
    assert one.put(url, label="Quiz one", scoreMaximum=100).status == 200
    assert "resourceLinkId" not in one.get(url).json()


def test_put_keeps_url_and_custom_of_submission_review() -> None:
    one = tool("moodle")
    url = one.create().json()["id"]
    base = {"label": "x", "scoreMaximum": 10}
    review = lambda: one.get(url).json().get("submissionReview")  # noqa: E731
    one.put(url, **base, submissionReview={"url": "u", "custom": {"a": "b"}, "label": "gone"})
    assert review() == {"url": "u", "custom": {"a": "b"}}
    one.put(url, **base, submissionReview={})
    assert review() == {}
    one.put(url, **base)
    assert review() is None


@pytest.mark.parametrize(
    "change, status", [({"resourceLinkId": "abc"}, 400), ({"resourceLinkId": "9"}, 403), ({"label": None}, 400)]
)
def test_put_refusals(change: dict[str, Any], status: int) -> None:
    one = tool("moodle")
    assert one.put(one.item_url, **({"label": "x", "scoreMaximum": 1} | change)).status == status


def test_put_with_too_long_a_label_or_tag() -> None:
    one = tool("moodle")
    url = one.create(tag="t").json()["id"]
    assert one.put(url, label="x" * 300, scoreMaximum=10, tag="t").status == 502
    assert one.get(url).json()["label"] == "Essay"
    assert one.put(url, label="New", scoreMaximum=10, tag="x" * 300).status == 502
    assert (one.get(url).json()["label"], one.get(url).json()["tag"]) == ("New", "t")


def test_L12_another_maximum_rescales_and_stamps_every_grade_with_now() -> None:
    one = tool("moodle")
    user = one.users[0]
    url = one.create().json()["id"]
    assert one.post(score(user, 5, 10, timestamp=stamp(-60)), url).status == 200
    assert one.put(url, label="x", scoreMaximum=20).status == 200
    record = one.results(url).json()[0]
    assert (record["resultScore"], record["resultMaximum"]) == (10, 20)
    assert record["timestamp"] == "2026-01-01T04:00:00-05:00"
    assert one.post(score(user, 6, 10, timestamp=stamp(-30)), url).status == 409


def test_L8_delete_says_ok_and_takes_a_coupled_item_with_its_grades() -> None:
    one = tool("moodle")
    url, user = one.item_url, one.users[0]
    one.post(score(user))
    answer = one.ask("DELETE", url, content_type="text/plain")
    assert (answer.status, answer.phrase, answer.body) == (204, "OK", b"")
    assert one.delete(url).status == 404
    assert "lineitem" not in one.platform.endpoint_claim()
    back = one.platform.save_activity(one.platform.course.links["1"])
    assert one.platform.site.item_url(back) != url
    assert one.results(one.platform.site.item_url(back)).json() == []


def test_a_saved_activity_takes_its_label_and_maximum_back() -> None:
    one = tool("moodle")
    assert one.put(one.item_url, label="Mine", scoreMaximum=5, tag="kept", resourceLinkId="1").status == 200
    one.platform.save_activity(one.platform.course.links["1"])
    item = one.get(one.item_url).json()
    assert (item["label"], item["scoreMaximum"], item["tag"]) == ("Quiz one", 100, "kept")


def test_L9_two_items_on_a_link_leave_the_claim_without_one() -> None:
    one = tool("moodle")
    one.create(resourceLinkId="1")
    assert set(one.platform.endpoint_claim()) == {"scope", "lineitems"}


def test_another_tools_item_is_403() -> None:
    one = tool("moodle")
    theirs = one.platform.add_line_item("Theirs", 10, tool=one.platform.add_tool("other"))
    url = one.platform.site.item_url(theirs).replace("type_id=2", "type_id=1")
    answer = one.results(url)
    assert (answer.status, answer.phrase) == (403, "Invalid LTI id supplied.")


def test_U1_scores_behind_the_query_find_no_handler() -> None:
    one = tool("moodle")
    answer = one.ask("POST", one.item_url + "/scores", {}, content_type=SCORE_TYPE)
    assert (answer.status, answer.phrase) == (400, f"No handler found for /1/lineitems/1/lineitem  {SCORE_TYPE}")
    assert one.ask("POST", one.item_url + "/scores", {}, content_type=LINE_ITEM_TYPE).status == 405
    assert one.ask("GET", spliced(one.item_url, "/scores")).status == 405
