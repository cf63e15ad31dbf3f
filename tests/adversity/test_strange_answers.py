"""
Answers that are not the answer, on paper: a yes that is none, a no that looks like an outage, a word about another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from aioags import (
    AGSError,
    BrokenError,
    LineItem,
    LostAnswerError,
    MalformedError,
    NotOfferedError,
    RefusedError,
    RetryPolicy,
    Scope,
    Score,
    StaleScoreError,
)
from aioags.protocol.messages import Request, Response
from tests.fakes import (
    CONTAINER,
    HOST,
    ITEM,
    WALL,
    PaperPlatform,
    answer,
    endpoint,
    item_record,
    registration,
    sent_json,
)
from tests.rigs.memory import grades, memory_stand, runtime_for
from tests.rigs.virtual_time import VirtualTime

pytestmark = pytest.mark.usefixtures("every_transport")

NEW = LineItem("Quiz 1", 10, resource_id="quiz-1", tag="grade")
LOST = LostAnswerError("no answer", recorded=None, transient=True)
STALE = answer(409, "[]", reason="Refusing score with an earlier timestamp for item 7 and user u1")
TEXTS = {"a text": "Please log in", "a page": "<html>Sign in</html>", "half a JSON": '{"resultUrl": "htt'}


@pytest.fixture
def platform() -> Iterator[PaperPlatform]:
    """
    A platform on paper; at the end of a test it must have been asked everything it was ready to answer.
    """
    paper = PaperPlatform()
    yield paper
    assert paper.script == []


def graded(points: float = 5, **more: Any) -> Score:
    """
    Return a grade out of ten.
    """
    return Score.graded("u1", points, score_maximum=10, **more)


def shown(points: float | None, maximum: float = 10, user: str = "u1", **more: Any) -> dict[str, Any]:
    """
    Return a result.
    """
    return {"userId": user, "resultScore": points, "resultMaximum": maximum, **more}


def results(*records: dict[str, Any], after: str | None = None) -> Response:
    """
    Return a page of results.
    """
    link = [("Link", f'<{after}>; rel="next"')] if after else []
    return answer(200, list(records), *link)


def methods(platform: PaperPlatform) -> list[str]:
    """
    Return what was asked, in order.
    """
    return [request.method for request in platform.sent]


async def failed(platform: PaperPlatform, score: Score, **options: Any) -> AGSError:
    """
    Post a score that comes to nothing, and return why.
    """
    with pytest.raises(AGSError) as caught:
        await platform.gradebook().post_score(score, **options)
    return caught.value


# -- A1: about something else ------------------------------------------------------------------------------------------


async def test_a1_a_line_item_about_another_id_is_asked_for_again(platform: PaperPlatform) -> None:
    other = item_record(id=f"{HOST}/2/lineitems/8/lineitem?type_id=1", label="Quiz 2")
    platform.script = [answer(200, other), answer(200, item_record())]
    assert (await platform.gradebook().get_line_item()).label == "Quiz 1"


async def test_a1_a_line_item_that_is_always_another_is_an_error(platform: PaperPlatform) -> None:
    other = item_record(id=f"{HOST}/2/lineitems/8/lineitem?type_id=1", label="Quiz 2")
    platform.script = [answer(200, other)] * RetryPolicy().attempts
    with pytest.raises(MalformedError, match="another line item") as caught:
        await platform.gradebook().get_line_item()
    assert (caught.value.recorded, caught.value.transient) == (False, True)


async def test_a1_an_update_answered_about_another_item_is_sent_again(platform: PaperPlatform) -> None:
    other = item_record(id=f"{HOST}/2/lineitems/8/lineitem?type_id=1", label="Quiz 2")
    platform.script = [answer(200, other), answer(200, item_record())]
    updated = await platform.gradebook().update_line_item(attrs.evolve(NEW, id=ITEM))
    assert updated.id == ITEM
    assert methods(platform) == ["PUT", "PUT"]


async def test_a1_a_result_of_another_user_is_asked_for_again(platform: PaperPlatform) -> None:
    platform.script = [results(shown(9, user="u2")), results(shown(5))]
    read = await platform.gradebook().get_result("u1")
    assert read is not None and read.result_score == 5


async def test_a1_a_result_that_is_always_another_users_is_nobodys(platform: PaperPlatform) -> None:
    # A platform that ignores the filter, where one person has a result.
    platform.script = [results(shown(9, user="u2"))] * 2
    assert await platform.gradebook().get_result("u1") is None


async def test_a1_where_everybody_is_shown_nobody_is_asked_for_twice(platform: PaperPlatform) -> None:
    platform.script = [results(shown(9, user="u2"), shown(9, user="u3"))]
    assert await platform.gradebook().get_result("u1") is None


async def test_a1_a_look_that_shows_another_user_is_repeated(platform: PaperPlatform) -> None:
    platform.script = [LOST, STALE, results(shown(9, user="u2")), results(shown(5))]
    assert (await platform.gradebook().post_score(graded())).recorded


# -- A2: stale after a lost answer -------------------------------------------------------------------------------------

RECORDED: dict[str, tuple[Score, dict[str, Any]]] = {
    "ours": (graded(), shown(5)),
    "ours, rescaled": (graded(), shown(50, 100)),
    "ours, rounded to five decimals": (Score.graded("u1", 1, score_maximum=3), shown(33.33333, 100)),
    "ours, with its comment": (graded(comment="well done"), shown(5, comment="well done")),
    "ours among comments": (graded(comment="well done"), shown(5, comment="before\nwell done")),
    "our stamp, capped": (graded(12), shown(10, timestamp="2026-01-01T09:00:00+00:00")),
    "our stamp, capped and rounded to five decimals": (
        Score.graded("u1", 2, score_maximum=3),
        shown(66.66667, 100, timestamp="2026-01-01T09:00:00Z"),
    ),
    # 2 of 3 of a maximum of 7: Moodle rounds before it rescales, and after.
    "our stamp, rounded twice": (
        Score.graded("u1", 2 / 3, score_maximum=7),
        shown(9.52386, 100, timestamp="2026-01-01T09:00:00Z"),
    ),
    "our stamp, out of a tenth": (
        Score.graded("u1", 1 / 30, score_maximum=0.1),
        shown(33.33, 100, timestamp="2026-01-01T09:00:00Z"),
    ),
    "our stamp in another zone": (graded(12), shown(10, timestamp="2026-01-01T10:00:00+01:00")),
    "our stamp, no comment shown": (graded(comment="well done"), shown(5, timestamp="2026-01-01T09:00:00+00:00")),
}
DIFFERENT: dict[str, tuple[Score, dict[str, Any]]] = {
    "another value": (graded(), shown(9)),
    "another value with another stamp": (graded(), shown(9, timestamp="2026-01-01T09:00:01+00:00")),
    "another value with our stamp": (graded(), shown(9, timestamp="2026-01-01T09:00:00+00:00")),
    "another whole number": (graded(5.4), shown(6.5)),
    "another of as many digits": (graded(5.4), shown(5.5)),
    "ours would not be rounded": (graded(5), shown(5.4)),
    "in whole points, with another stamp": (graded(5.4), shown(5, timestamp="2026-01-01T09:00:01+00:00")),
    "capped, with another stamp": (graded(12), shown(10, timestamp="2026-01-01T09:00:05+00:00")),
    "beyond the maximum, and not ours": (graded(12), shown(11)),
}
# A platform that rounds or caps makes it of ours; and another process may have sent just that, within our second.
UNDECIDED: dict[str, tuple[Score, list[dict[str, Any]]]] = {
    "in whole points, with our stamp": (graded(5.4), [shown(5, timestamp="2026-01-01T09:00:00+00:00")]),
    "rounded up to whole points": (graded(5.5), [shown(6)]),
    "as a float": (graded(5.5), [shown(6.0)]),
    "cut off to whole points": (graded(5.9), [shown(5)]),
    "with one digit, and our stamp": (graded(0.34), [shown(0.3, timestamp="2026-01-01T09:00:00+00:00")]),
    "with two digits": (graded(8.3456), [shown(8.35)]),
    "on a maximum of 50": (graded(3.333), [shown(17, maximum=50)]),
    "capped, without any stamp": (graded(12), [shown(10)]),
    "our second, more than five decimals off": (
        graded(comment="well done"),
        [shown(5.00005, timestamp="2026-01-01T09:00:00+00:00")],
    ),
    "capped, and a stamp that is none": (graded(12), [shown(10, timestamp="soon")]),
    "nothing": (graded(), []),
    "no value": (graded(), [shown(None)]),
    "other users'": (graded(), [shown(9, user="u2"), shown(9, user="u3")]),
    "our value with another comment": (graded(), [shown(5, comment="by somebody else")]),
    "our value without our comment": (graded(comment="well done"), [shown(5)]),
    "not fully graded, another value": (graded(grading_progress="Pending"), [shown(9)]),
}


def stamped(score: Score) -> Score:
    """
    Return a score with the stamp that the results of these tests speak of.
    """
    return attrs.evolve(score, timestamp=datetime.fromtimestamp(WALL + 0.25, UTC))


@pytest.mark.parametrize("score, result", RECORDED.values(), ids=RECORDED.keys())
@pytest.mark.parametrize("first", [LOST, answer(502), answer(408)], ids=["lost", "502", "408"])
async def test_a2_what_stands_there_is_ours(
    platform: PaperPlatform, first: Any, score: Score, result: dict[str, Any]
) -> None:
    if score.comment:
        # Not repeated after a lost answer, so it is looked for with `confirm`.
        platform.script = [first, results(result)]
        delivery = await platform.gradebook().post_score(stamped(score), confirm=True)
    else:
        platform.script = [first, STALE, results(result)]
        delivery = await platform.gradebook().post_score(stamped(score))
    assert delivery.recorded is True


async def test_a2_a_503_with_a_hint_may_be_a_proxys_about_what_it_passed_on(platform: PaperPlatform) -> None:
    busy = answer(503, b"", ("Retry-After", "1"))
    platform.script = [busy, STALE, results(shown(5))]
    assert (await platform.gradebook().post_score(graded())).recorded is True
    platform.script = [busy, STALE, results(shown(9))]
    error = await failed(platform, graded())
    assert (type(error), error.recorded) == (StaleScoreError, None)


async def test_a2_a_429_is_no_doubt(platform: PaperPlatform) -> None:
    platform.script = [answer(429, b"", ("Retry-After", "1")), STALE]
    error = await failed(platform, graded())
    assert (type(error), error.recorded) == (StaleScoreError, False)


@pytest.mark.parametrize("score, result", DIFFERENT.values(), ids=DIFFERENT.keys())
async def test_a2_something_newer_stands_there(platform: PaperPlatform, score: Score, result: dict[str, Any]) -> None:
    platform.script = [LOST, STALE, results(result)]
    error = await failed(platform, stamped(score))
    assert type(error) is StaleScoreError
    assert error.recorded is None
    assert not error.transient


@pytest.mark.parametrize("score, found", UNDECIDED.values(), ids=UNDECIDED.keys())
async def test_a2_nobody_knows_what_stands_there(
    platform: PaperPlatform, score: Score, found: list[dict[str, Any]]
) -> None:
    if score.comment:
        platform.script = [LOST, results(*found)]
        error = await failed(platform, stamped(score), confirm=True)
    else:
        platform.script = [LOST, STALE, results(*found)]
        error = await failed(platform, stamped(score))
    assert type(error) is LostAnswerError
    assert error.recorded is None


async def test_a2_without_a_value_there_is_nothing_to_look_at(platform: PaperPlatform) -> None:
    platform.script = [LOST, STALE]
    error = await failed(platform, Score.progress("u1", "Started"))
    assert type(error) is LostAnswerError
    assert error.recorded is None
    assert isinstance(error.__cause__, StaleScoreError)


async def test_a2_without_the_scope_nothing_can_be_looked_at(platform: PaperPlatform) -> None:
    platform.script = [LOST, STALE]
    offered = set(Scope) - {Scope.RESULT_READONLY}
    with pytest.raises(LostAnswerError) as caught:
        await platform.gradebook(scope=offered).post_score(graded())
    assert caught.value.recorded is None
    assert isinstance(caught.value.__cause__, NotOfferedError)


@pytest.mark.parametrize("said", [answer(404), answer(403), answer(200, "<html>")], ids=["404", "403", "page"])
async def test_a2_a_look_that_fails_settles_nothing(platform: PaperPlatform, said: Response) -> None:
    platform.script = [LOST, STALE, said] + ([said] if said.status == 403 else [])
    error = await failed(platform, graded())
    assert type(error) is LostAnswerError
    assert error.recorded is None


async def test_a2_where_the_user_filter_is_ignored_every_page_is_read(platform: PaperPlatform) -> None:
    page = f"{HOST}/2/lineitems/7/lineitem/results?page=2"

    def listing(request: Request) -> Response:
        if request.url == page:
            return results(shown(5))
        return results(shown(9, user="u0"), shown(5, user="u2"), after=page)

    platform.script = [LOST, STALE, *[listing] * 10]
    client = platform.client(runtime=runtime_for(VirtualTime()))
    assert (await client.gradebook(registration(), endpoint()).post_score(graded())).recorded is True
    assert platform.sent[-1].url == page
    assert methods(platform).count("POST") == 2
    platform.script.clear()


async def test_a2_stale_at_the_first_attempt_is_an_error_and_nothing_is_looked_at(platform: PaperPlatform) -> None:
    platform.script = [STALE]
    error = await failed(platform, graded())
    assert (type(error), error.recorded) == (StaleScoreError, False)


async def test_a2_looks_lie_within_the_total_time(platform: PaperPlatform) -> None:
    """
    The results cannot be read either: the call ends in time all the same.
    """
    policy = RetryPolicy(attempts=100, total_time=20.0)

    def late(_: Request) -> Response:
        platform.time.now += 2.0
        return answer(500)

    platform.script = [LOST, STALE, *[late] * 100]
    with pytest.raises(LostAnswerError) as caught:
        await platform.client(retry=policy).gradebook(registration(), endpoint()).post_score(graded())
    assert caught.value.recorded is None
    # The last try begins within the time.
    assert platform.time.now <= 20.0 + 2.0
    platform.script.clear()


async def test_a2_a_batch_counts_what_nobody_knows(platform: PaperPlatform) -> None:
    platform.script = [LOST, STALE, results()]
    report = await platform.gradebook().post_scores([graded()])
    assert (report.recorded, report.unknown) == (0, 1)


# -- A3: a yes that is none --------------------------------------------------------------------------------------------

DENIED: list[Any] = [
    {"status": 400, "reason": "no such user"},
    {"status": "400"},
    {"status": 422, "error": "x"},
    {"error": "no"},
    {"errors": [{"message": "no"}]},
]


@pytest.mark.parametrize("body", DENIED, ids=json.dumps)
async def test_a3_a_score_that_is_denied_in_the_body_is_refused(platform: PaperPlatform, body: Any) -> None:
    platform.script = [answer(200, body)]
    error = await failed(platform, graded())
    assert isinstance(error, RefusedError)
    assert (error.recorded, error.transient) == (False, False)


async def test_a3_a_failure_in_the_body_is_a_failure(platform: PaperPlatform) -> None:
    platform.script = [answer(200, {"status": 500}), answer(204)]
    delivery = await platform.gradebook().post_score(graded())
    assert (delivery.recorded, delivery.attempts) == (True, 2)


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS.keys())
async def test_a3_what_is_no_json_is_looked_at(platform: PaperPlatform, body: str) -> None:
    platform.script = [answer(200, body), results(shown(5))]
    assert (await platform.gradebook().post_score(graded())).recorded is True


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS.keys())
@pytest.mark.parametrize("found", [[], [shown(9)]], ids=["nothing", "another value"])
async def test_a3_what_is_no_json_is_unknown_otherwise_and_not_repeated(
    platform: PaperPlatform, body: str, found: list[dict[str, Any]]
) -> None:
    platform.script = [answer(200, body), results(*found)]
    error = await failed(platform, graded())
    assert type(error) is MalformedError
    assert (error.recorded, error.transient) == (None, False)
    assert methods(platform) == ["POST", "GET"]


async def test_a3_what_is_no_json_for_a_score_without_a_value_is_unknown(platform: PaperPlatform) -> None:
    platform.script = [answer(200, "Please log in")]
    error = await failed(platform, Score.progress("u1", "Started"))
    assert (type(error), error.recorded) == (MalformedError, None)


# -- A3: a yes that is one ---------------------------------------------------------------------------------------------


@attrs.define
class Maker(PaperPlatform):
    """
    A platform that makes a column for each POST, says what it likes, and lists what it has as late as it likes.

    Attributes:
        says: What it answers to a POST.

        lag: How many listings do not show what was made.

        columns: What it has.
    """

    says: Callable[[dict[str, Any]], Response] = lambda _: answer(201)
    lag: float = 0
    columns: list[dict[str, Any]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.script = [self._act] * 50

    def _act(self, request: Request) -> Response:
        if request.method == "POST":
            self.columns.append(sent_json(request) | {"id": f"{HOST}/2/lineitems/{len(self.columns) + 1}/lineitem"})
            return self.says(self.columns[-1])
        self.lag -= 1
        return answer(200, self.columns if self.lag < 0 else [])


MADE: dict[str, Callable[[dict[str, Any]], Response]] = {
    "empty": lambda _: answer(201),
    "an empty object": lambda _: answer(201, {}),
    "no id": lambda item: answer(201, {key: value for key, value in item.items() if key != "id"}),
    "a page": lambda _: answer(201, "<html>Created</html>"),
    "a text": lambda _: answer(201, "Created"),
    "half a JSON": lambda _: answer(201, '{"id":'),
    "another item's": lambda item: answer(201, item | {"resourceId": "quiz-0"}),
}


@pytest.mark.parametrize("says", MADE.values(), ids=MADE.keys())
async def test_a3_a_201_is_created_once_and_looked_for(says: Callable[[dict[str, Any]], Response]) -> None:
    platform = Maker(says=says)
    created = await platform.gradebook().create_line_item(NEW)
    assert created.id == f"{HOST}/2/lineitems/1/lineitem"
    assert methods(platform) == ["POST", "GET"]


@pytest.mark.parametrize("says", MADE.values(), ids=MADE.keys())
async def test_a3_a_201_where_the_list_lags_is_created_once(says: Callable[[dict[str, Any]], Response]) -> None:
    platform = Maker(says=says, lag=10)
    with pytest.raises(MalformedError) as caught:
        await platform.gradebook().create_line_item(NEW)
    assert caught.value.recorded is True
    assert methods(platform) == ["POST", "GET"]
    assert len(platform.columns) == 1


async def test_a3_a_201_without_a_maximum_is_read_with_ours() -> None:
    platform = Maker(says=lambda item: answer(201, {"id": item["id"], "label": item["label"]}), lag=10)
    created = await platform.gradebook().create_line_item(NEW)
    assert created == attrs.evolve(NEW, id=f"{HOST}/2/lineitems/1/lineitem")
    assert methods(platform) == ["POST"]


@pytest.mark.parametrize("record", [item_record(id=None), item_record()], ids=["no id", "as it was"])
async def test_a3_a_put_that_is_answered_200_is_done(platform: PaperPlatform, record: dict[str, Any]) -> None:
    platform.script = [answer(200, record)]
    updated = await platform.gradebook().update_line_item(attrs.evolve(NEW, id=ITEM))
    assert updated == attrs.evolve(NEW, id=ITEM)
    assert methods(platform) == ["PUT"]


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS.keys())
async def test_a3_a_put_that_is_answered_by_a_page_is_looked_at(platform: PaperPlatform, body: str) -> None:
    platform.script = [answer(200, body), answer(200, item_record())]
    updated = await platform.gradebook().update_line_item(attrs.evolve(NEW, id=ITEM))
    assert updated == attrs.evolve(NEW, id=ITEM)
    assert methods(platform) == ["PUT", "GET"]


@pytest.mark.parametrize("said", [answer(200, item_record(label="Quiz 0")), answer(200, "Please log in"), answer(404)])
async def test_a3_a_put_of_which_nobody_knows_is_not_repeated(platform: PaperPlatform, said: Response) -> None:
    platform.script = [answer(200, "Please log in"), *[said] * (5 if said.body == b"Please log in" else 1)]
    with pytest.raises(MalformedError) as caught:
        await platform.gradebook().update_line_item(attrs.evolve(NEW, id=ITEM))
    assert caught.value.recorded is None
    assert methods(platform).count("PUT") == 1
    platform.script.clear()


@pytest.mark.parametrize("body", ["OK", "", "{}", "true"])
async def test_a3_a_deletion_may_be_answered_with_a_word(platform: PaperPlatform, body: str) -> None:
    platform.script = [answer(200, body)]
    await platform.gradebook(lineitem=None).delete_line_item(ITEM)
    assert methods(platform) == ["DELETE"]


# -- A4: a refusal that looks like an outage ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502])
async def test_a4_a_create_that_fails_the_same_way_where_the_listing_works_is_not_tried_a_third_time(
    status: int,
) -> None:
    """
    Moodle answers 502 for a tag that is too long for its database, and leaves a column that nobody can delete.
    """
    platform = Maker(says=lambda _: answer(status), lag=100)
    with pytest.raises(BrokenError) as caught:
        await platform.gradebook().create_line_item(NEW)
    assert (caught.value.recorded, caught.value.status) == (None, status)
    assert methods(platform) == ["POST", "GET", "POST", "GET"]


async def test_a4_a_create_that_failed_once_is_made_again(platform: PaperPlatform) -> None:
    platform.script = [answer(502), answer(200, []), answer(201, item_record())]
    assert (await platform.gradebook().create_line_item(NEW)).id == ITEM


@pytest.mark.parametrize("field, most", [("label", 255), ("tag", 255), ("resource_id", 512)])
async def test_a4_lengths_are_checked_before_anything_is_sent(platform: PaperPlatform, field: str, most: int) -> None:
    fields: dict[str, Any] = {"label": "Quiz", "score_maximum": 10, "tag": "grade"}
    LineItem(**fields | {field: "ü" * most})
    with pytest.raises(ValueError, match=f"{field} must have at most {most} characters, got {most + 1}"):
        LineItem(**fields | {field: "ü" * (most + 1)})
    with pytest.raises(ValueError, match=field):
        await platform.gradebook().find_or_create_line_item(**fields | {field: "ü" * (most + 1)})
    assert platform.token_requests == []


async def test_a4_longer_ones_are_read_all_the_same(platform: PaperPlatform) -> None:
    long = item_record(label="x" * 300, tag="y" * 300, resourceId="z" * 600)
    platform.script = [answer(200, [long])]
    (item,) = [item async for item in platform.gradebook().line_items()]
    assert (len(item.label), len(item.tag or ""), len(item.resource_id or "")) == (300, 300, 600)


async def test_a4_a_locked_column_costs_two_tries_each_and_is_a_refusal() -> None:
    time = VirtualTime()
    stand = memory_stand("moodle", users=20, clock=time.wall, client={"runtime": runtime_for(time)})
    for user in stand.platform.users():
        stand.platform.lock(None, user)
    report = await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert (report.recorded, report.unknown, report.total) == (0, 0, 20)
    assert {type(delivery.error) for delivery in report.failed} == {RefusedError}
    assert all(delivery.error is not None and delivery.error.transient for delivery in report.failed)
    assert stand.platform.counts["post_score"] <= 40
    assert report.waited == 0


async def test_a4_a_lock_that_lifts_at_once_is_recorded_at_the_second_try(platform: PaperPlatform) -> None:
    platform.script = [answer(500, "[]"), answer(200)]
    delivery = await platform.gradebook().post_score(graded())
    assert (delivery.recorded, delivery.attempts) == (True, 2)


async def test_a4_a_lock_after_a_lost_answer_is_unknown(platform: PaperPlatform) -> None:
    platform.script = [LOST, answer(500, "[]")]
    error = await failed(platform, graded())
    assert (type(error), error.recorded) == (RefusedError, None)


async def test_a4_a_comment_on_a_locked_column_is_refused_not_unknown(platform: PaperPlatform) -> None:
    platform.script = [answer(500, "[]"), answer(500, "[]")]
    error = await failed(platform, graded(comment="well done"))
    assert (type(error), error.recorded) == (RefusedError, False)
    assert [request.url.partition("?")[0] for request in platform.sent] == [f"{ITEM.partition('?')[0]}/scores"] * 2
    assert CONTAINER not in {request.url for request in platform.sent}
