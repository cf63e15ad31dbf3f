"""
AGS as operations: what each call sends, what it needs, how its answer is read, what may be done after a lost one.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aioags import (
    CANVAS_SUBMISSION,
    Endpoint,
    LineItem,
    NotOfferedError,
    Result,
    Scope,
    Score,
    UntrustedURLError,
)
from aioags.protocol.acknowledgment import RejectionError
from aioags.protocol.dialect import Operation, Repeat
from aioags.protocol.operations import DirectDialect
from aioags.wire.scalars import NotReadableError
from tests.fakes import CONTAINER, HOST, ITEM, RESULTS, SCORES, answer, endpoint, header, item_record, sent_json

LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
CONTAINER_TYPE = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULT_TYPE = "application/vnd.ims.lis.v2.resultcontainer+json"
SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"
READ_ITEMS = (Scope.LINE_ITEM_READONLY, Scope.LINE_ITEM)

SCORE = Score.graded("u1", 8, score_maximum=10)
NEW = LineItem("Quiz 1", 10, resource_id="quiz-1")
KNOWN = LineItem("Quiz 1", 10, id=ITEM)


def calls(one: Endpoint) -> dict[str, Any]:
    """
    Return each call of the standard, not yet made.
    """
    dialect = DirectDialect(one)
    return {
        "list": dialect.line_items,
        "page": lambda: dialect.line_items_page(f"{HOST}/2/lineitems?page=2"),
        "get": lambda: dialect.get_line_item(ITEM),
        "create": lambda: dialect.create_line_item(NEW),
        "update": lambda: dialect.update_line_item(KNOWN),
        "delete": lambda: dialect.delete_line_item(ITEM),
        "score": lambda: dialect.post_score(ITEM, SCORE, SCORE.timestamp),
        "results": lambda: dialect.results(ITEM),
        "results page": lambda: dialect.results_page(ITEM, f"{RESULTS}&page=2"),
    }


def made(name: str) -> Operation[Any]:
    """
    Make one of the calls with an endpoint that offers everything.
    """
    operation: Operation[Any] = calls(endpoint())[name]()
    return operation


# Method, URL, Accept, Content-Type, scopes of which one suffices, what may be done after a lost answer.
TABLE: dict[str, tuple[str, str, str, str | None, tuple[Scope, ...], Repeat]] = {
    "list": ("GET", CONTAINER, CONTAINER_TYPE, None, READ_ITEMS, Repeat.FREELY),
    "page": ("GET", f"{HOST}/2/lineitems?page=2", CONTAINER_TYPE, None, READ_ITEMS, Repeat.FREELY),
    "get": ("GET", ITEM, LINE_ITEM, None, READ_ITEMS, Repeat.FREELY),
    "create": ("POST", CONTAINER, LINE_ITEM, LINE_ITEM, (Scope.LINE_ITEM,), Repeat.LOOK_FIRST),
    "update": ("PUT", ITEM, LINE_ITEM, LINE_ITEM, (Scope.LINE_ITEM,), Repeat.FREELY),
    "delete": ("DELETE", ITEM, LINE_ITEM, None, (Scope.LINE_ITEM,), Repeat.FREELY),
    "score": ("POST", SCORES, SCORE_TYPE, SCORE_TYPE, (Scope.SCORE,), Repeat.STAMPED),
    "results": ("GET", RESULTS, RESULT_TYPE, None, (Scope.RESULT_READONLY,), Repeat.FREELY),
    "results page": ("GET", f"{RESULTS}&page=2", RESULT_TYPE, None, (Scope.RESULT_READONLY,), Repeat.FREELY),
}


@pytest.mark.parametrize("name", TABLE)
def test_a3_the_table_of_calls(name: str) -> None:
    operation = made(name)
    method, url, accept, content_type, scopes, repeat = TABLE[name]
    assert (operation.request.method, operation.request.url) == (method, url)
    assert header(operation.request, "Accept") == [accept]
    assert header(operation.request, "Content-Type") == ([] if content_type is None else [content_type])
    assert (operation.request.body is None) is (content_type is None)
    assert header(operation.request, "Authorization") == []
    assert operation.scopes == scopes
    assert operation.repeat is repeat
    assert operation.writes is (method != "GET")
    assert operation.trust.origins == {"https://lms.example:443"}


@pytest.mark.parametrize("name", TABLE)
def test_u3_one_exact_type_no_list_and_no_quality(name: str) -> None:
    for value in (*header(made(name).request, "Accept"), *header(made(name).request, "Content-Type")):
        assert not set(value) & set(",;* ")


@pytest.mark.parametrize("name", TABLE)
def test_3_1_a_call_whose_scope_is_not_offered_is_not_made(name: str) -> None:
    needed = set(TABLE[name][4])
    with pytest.raises(NotOfferedError, match="needs the scope") as caught:
        calls(endpoint(scope=set(Scope) - needed))[name]()
    assert (caught.value.recorded, caught.value.transient) == (False, False)
    for scope in needed:
        assert scope.rpartition("/")[2] in str(caught.value)
        assert calls(endpoint(scope={scope}))[name]().scopes == TABLE[name][4]


@pytest.mark.parametrize("name", ["list", "create"])
def test_3_1_without_a_container_nothing_is_listed_or_created(name: str) -> None:
    with pytest.raises(NotOfferedError, match="no line item container"):
        calls(endpoint(lineitems=None))[name]()


@pytest.mark.parametrize("name", sorted(set(TABLE) - {"list", "create"}))
def test_3_1_the_coupled_item_alone_suffices_for_the_rest(name: str) -> None:
    assert calls(endpoint(lineitems=None))[name]().trust.origins == {"https://lms.example:443"}


@pytest.mark.parametrize("name", TABLE)
def test_pitfall_4_a_url_that_must_not_carry_a_token_is_refused_before_the_call(name: str) -> None:
    for bad in ("http://lms.example/2", "not a url", "https://tool:pw@lms.example/2", "https://lms.example/ü"):
        with pytest.raises(UntrustedURLError):
            calls(endpoint(lineitems=bad, lineitem=bad))[name]()


@pytest.mark.parametrize("url", ["https://evil.example/li/7", "http://other.example/li/7", "/li/7", "7", " " + ITEM])
def test_pitfall_4_a_line_item_of_another_origin_is_refused(url: str) -> None:
    dialect = DirectDialect(endpoint())
    for call in (
        lambda: dialect.get_line_item(url),
        lambda: dialect.update_line_item(attrs.evolve(KNOWN, id=url)),
        lambda: dialect.delete_line_item(url),
        lambda: dialect.post_score(url, SCORE, SCORE.timestamp),
        lambda: dialect.results(url),
        lambda: dialect.line_items_page(url),
        lambda: dialect.results_page(ITEM, url),
    ):
        with pytest.raises(UntrustedURLError):
            call()


def test_pitfall_4_both_origins_that_the_endpoint_names_are_trusted() -> None:
    dialect = DirectDialect(endpoint(lineitem="http://127.0.0.1:8000/li/7"))
    assert dialect.get_line_item(ITEM).trust.origins == {"https://lms.example:443", "http://127.0.0.1:8000"}
    assert dialect.get_line_item("http://127.0.0.1:8000/li/8").request.url == "http://127.0.0.1:8000/li/8"


def test_a4_the_filters_are_in_snake_case_behind_the_containers_query() -> None:
    request = DirectDialect(endpoint()).line_items(resource_link_id="a&b", resource_id="r 1", tag="é", limit=5).request
    assert request.url == f"{CONTAINER}&resource_link_id=a%26b&resource_id=r%201&tag=%C3%A9&limit=5"
    assert (
        DirectDialect(endpoint()).results(ITEM, user_id="u/1", limit=2).request.url
        == f"{RESULTS}&user_id=u%2F1&limit=2"
    )


def test_a4_no_limit_is_sent_unless_it_is_asked_for() -> None:
    # P6, P7: Open edX and ILIAS truncate at it, Moodle fails.
    assert "limit" not in made("list").request.url + made("results").request.url


def test_l4_a_body_never_holds_an_id() -> None:
    for name in ("create", "update"):
        assert sent_json(made(name).request).keys() & {"id", "ltiLinkId"} == set()


@pytest.mark.parametrize(
    "score, repeat",
    [
        (SCORE, Repeat.STAMPED),
        (attrs.evolve(SCORE, comment="Well done"), Repeat.NEVER),
        (attrs.evolve(SCORE, comment=""), Repeat.STAMPED),
        (attrs.evolve(SCORE, extensions={CANVAS_SUBMISSION: {"new_submission": True}}), Repeat.NEVER),
        (attrs.evolve(SCORE, extensions={CANVAS_SUBMISSION: {"new_submission": False}}), Repeat.STAMPED),
    ],
)
def test_s13_what_canvas_would_append_is_never_repeated_blindly(score: Score, repeat: Repeat) -> None:
    assert DirectDialect(endpoint()).post_score(ITEM, score, score.timestamp).repeat is repeat


def test_what_a_score_says_of_people_is_private() -> None:
    score = attrs.evolve(SCORE, comment="Well done", scoring_user_id="t1")
    operation = DirectDialect(endpoint()).post_score(ITEM, score, score.timestamp)
    assert set(operation.private) == {"u1", "t1", "Well done"}
    assert DirectDialect(endpoint()).results(ITEM, user_id="u1").private == ("u1",)
    assert "Well done" not in repr(operation)


# --- reading -------------------------------------------------------------------------------------------------------


def read(name: str, status: int, body: Any, *headers: tuple[str, str]) -> Any:
    """
    Read an answer; its content type is wrong on purpose.
    """
    response = answer(status, body, ("Content-Type", "text/html"), *headers, url=f"{HOST}/2/lineitems?type_id=1")
    return made(name).read(response)


@pytest.mark.parametrize("name", ["list", "page"])
def test_u5_a_page_is_read_whatever_its_type(name: str) -> None:
    page = read(name, 200, [item_record(), item_record(id=f"{ITEM}&x=8")], ("Link", "<?page=2>; rel=next"))
    assert [item.id for item in page.records] == [ITEM, f"{ITEM}&x=8"]
    assert page.next == f"{HOST}/2/lineitems?page=2"


def test_3_2_4_an_empty_page_may_have_a_next() -> None:
    page = read("list", 200, [], ("Link", '<?page=2>; rel="prev"'), ("link", '<?page=3>; rel="next"'))
    assert page.records == []
    assert page.next == f"{HOST}/2/lineitems?page=3"
    assert read("list", 200, []).next is None


def test_r3_a_bare_object_is_one_result_but_never_a_list_of_items() -> None:
    assert read("results", 200, {"userId": "3"}).records == [Result(user_id="3")]
    with pytest.raises(NotReadableError, match="not an array"):
        read("list", 200, item_record())


@pytest.mark.parametrize("status", [200, 201, 202])
def test_l1_a_created_item_whatever_the_2xx(status: int) -> None:
    assert read("create", status, item_record()) == LineItem("Quiz 1", 10, id=ITEM, resource_id="quiz-1", tag="grade")


@pytest.mark.parametrize("location", [ITEM, "/2/lineitems/7/lineitem?type_id=1"])
def test_a_created_item_of_which_only_the_place_is_told(location: str) -> None:
    assert read("create", 201, b"", ("Location", location)) == attrs.evolve(NEW, id=ITEM)


@pytest.mark.parametrize("body", [b"", b"{}", "<html>", item_record(id=None)])
def test_a_created_item_that_is_not_told_is_an_error(body: Any) -> None:
    with pytest.raises(NotReadableError):
        read("create", 201, body)


@pytest.mark.parametrize(
    "status, body, label", [(200, item_record(label="Applied"), "Applied"), (204, b"", None), (200, b" ", None)]
)
def test_3_2_6_an_update_is_answered_with_the_item_as_applied(status: int, body: Any, label: str | None) -> None:
    applied = read("update", status, body)
    assert (applied and applied.label) == label


@pytest.mark.parametrize("status, body", [(204, b""), (200, b""), (202, b""), (200, {"deleted": True}), (200, "OK")])
def test_l8_any_2xx_is_a_deletion(status: int, body: Any) -> None:
    assert read("delete", status, body) is None


def test_a_deletion_answered_by_a_page_is_no_deletion() -> None:
    with pytest.raises(NotReadableError):
        read("delete", 200, "<html>log in</html>")


def test_s1_and_s2_a_posted_score() -> None:
    assert read("score", 204, b"") is None
    assert read("score", 200, {"resultUrl": "https://x"}) == {"resultUrl": "https://x"}
    with pytest.raises(RejectionError):
        read("score", 200, "[]")
