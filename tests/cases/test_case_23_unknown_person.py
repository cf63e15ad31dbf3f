"""
Case 23: 404 for a score or a result may mean the line item or the person; reading the item tells (facts K6).
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aioags import (
    AGSError,
    BrokenError,
    ForbiddenError,
    LostAnswerError,
    NotFoundError,
    Scope,
    Score,
    UserNotGradableError,
)
from aioags.outbox import MemoryStore, Outbox, State
from aioags.outbox.memory import Table
from aioags.protocol.messages import Request, Response
from tests.fakes import CONTAINER, ITEM, SCORES, PaperPlatform, answer, endpoint, item_record, registration
from tests.ltiaas.paper import gradebook_on_paper
from tests.ltiaas.paper import item_record as lms_item_record

BOTH = "has no such line item, or does not know this user"
SCORE_ONLY = (Scope.SCORE, Scope.RESULT_READONLY)
ILIAS = {"status": 404, "reason": "Benutzer nicht vorhanden"}
THERE, GONE, AWAY = answer(200, item_record()), answer(404), answer(502)
# What the list of the others says beside an item that is gone.
LISTED = answer(200, [])

# What comes for the score or the result: without words, with ILIAS's, and for good.
NOT_FOUND = [answer(404), answer(404, ILIAS), answer(410)]


class School(PaperPlatform):
    """
    A platform that says 404 for whom it does not know.
    """

    def __init__(self, *users: str, item: Response = THERE, others: Response = LISTED) -> None:
        super().__init__()
        self.users, self.item, self.others = users, item, others
        self.first: list[AGSError] = []
        self.asked = asyncio.Event()

    async def send(self, request: Request) -> Response:
        if request.url == SCORES and self.first:
            raise self.first.pop()
        known = any(user in (request.body or b"").decode() for user in self.users)
        score = answer(200) if known else answer(404)
        item = self.others if request.url.startswith(f"{CONTAINER}&") else self.item
        self.script = [score if request.method == "POST" else item]
        if request.method == "GET":
            self.asked.set()
        return await super().send(request)

    def count(self, method: str) -> int:
        """
        How many requests of this method came.
        """
        return sum(request.method == method for request in self.sent)


def score(user: str = "user-1") -> Score:
    return Score.graded(user, 8, score_maximum=10)


async def failed(platform: PaperPlatform, **fields: Any) -> AGSError:
    """
    Return the error of a score.
    """
    with pytest.raises(AGSError) as caught:
        await platform.gradebook(**fields).post_score(score())
    assert caught.value.recorded is False
    return caught.value


@pytest.mark.parametrize("said", NOT_FOUND)
async def test_a_score_where_the_item_is_there_is_about_the_person(said: Response) -> None:
    error = await failed(PaperPlatform([said, THERE]))
    assert type(error) is UserNotGradableError
    assert error.status == said.status
    assert "the line item is there" in str(error)
    assert error.words == ("Benutzer nicht vorhanden" if said.body else "")


@pytest.mark.parametrize("said", NOT_FOUND)
async def test_a_score_where_the_item_is_gone_says_so(said: Response) -> None:
    error = await failed(PaperPlatform([said, GONE, LISTED, GONE]))
    assert isinstance(error, NotFoundError)
    assert error.gone
    assert "the line item is not there any more" in str(error)


@pytest.mark.parametrize(
    "others", [[answer(404, "<html>")], [answer(200, "<html>")], [AWAY], [LISTED, THERE], [LISTED, AWAY]]
)
async def test_a_404_of_everything_says_nothing_of_the_item(others: list[Response]) -> None:
    """
    A proxy says it of all that it does not know, while what is behind it is set up anew.
    """
    error = await failed(PaperPlatform([answer(404, "<html>"), answer(404, "<html>"), *others]))
    assert type(error) is (UserNotGradableError if THERE in others else NotFoundError)
    assert getattr(error, "gone", None) is None


async def test_where_no_list_is_offered_nobody_knows_whether_the_item_is_gone() -> None:
    platform = PaperPlatform([answer(404), GONE])
    with pytest.raises(NotFoundError) as caught:
        await platform.gradebook(lineitems=None).post_score(score())
    assert caught.value.gone is None


@pytest.mark.parametrize("said", NOT_FOUND)
async def test_a_score_whose_item_cannot_be_read_names_both(said: Response) -> None:
    error = await failed(PaperPlatform([said, AWAY]))
    assert isinstance(error, NotFoundError)
    assert error.gone is None
    assert BOTH in str(error)


async def test_without_the_scope_nothing_is_asked_and_both_are_named() -> None:
    platform = PaperPlatform([answer(404)])
    error = await failed(platform, scope=SCORE_ONLY)
    assert isinstance(error, NotFoundError)
    assert (error.gone, len(platform.sent)) == (None, 1)
    assert BOTH in str(error)


async def test_403_names_both_as_well() -> None:
    error = await failed(PaperPlatform([answer(403, "requirement failed: Invalid grade: 2.0")]))
    assert isinstance(error, ForbiddenError)
    assert "or not for this user" in str(error)


async def test_a_batch_asks_once_whoever_is_unknown() -> None:
    school = School("user-7", "user-8")
    report = await school.gradebook().post_scores([score(f"user-{number}") for number in range(300)])
    # user-7, user-8, user-70 to user-89.
    assert report.recorded == 22
    assert {type(delivery.error) for delivery in report.failed} == {UserNotGradableError}
    assert (school.count("POST"), school.count("GET")) == (300, 1)


@pytest.mark.parametrize("item, gone", [(GONE, True), (AWAY, None)], ids=["gone", "unknown"])
async def test_a_batch_asks_once_whatever_the_answer(item: Response, gone: bool | None) -> None:
    school = School(item=item)
    report = await school.gradebook().post_scores([score(f"user-{number}") for number in range(100)])
    assert {getattr(delivery.error, "gone", "?") for delivery in report.failed} == {gone}
    assert (school.count("POST"), school.count("GET")) == (100, 3 if gone else 1)


@pytest.mark.parametrize(
    "item, others, state, asked",
    [
        (THERE, LISTED, State.DEFERRED, 1),
        (AWAY, LISTED, State.DEFERRED, 1),
        (GONE, LISTED, State.DEAD, 3),
        (GONE, GONE, State.DEFERRED, 2),
    ],
    ids=["there", "unknown", "gone", "all are"],
)
async def test_an_outbox_defers_unless_the_item_itself_is_gone(
    item: Response, others: Response, state: State, asked: int
) -> None:
    """
    Who is unknown today may enrol tomorrow.
    """
    school, table = School("user-1", item=item, others=others), Table()
    outbox = Outbox(MemoryStore(table), school.client(), {"school": registration()}, runtime=school.time.runtime())
    await outbox.put_many("school", endpoint(), [score("user-2"), score("user-3")])
    done = await outbox.drain("school", ITEM)
    assert (done.deferred, done.refused) == ((0, 2) if state is State.DEAD else (2, 0))
    assert {row.state for row in table.rows.values()} == {state}
    assert school.count("GET") == asked


async def test_what_one_answer_left_open_is_not_open_of_the_others() -> None:
    """
    Of one score an answer was lost before its line item was gone; the others were never sent.
    """
    school, table = School(item=GONE), Table()
    lost = LostAnswerError("the connection broke", recorded=None, transient=True)
    school.first = [lost]
    outbox = Outbox(MemoryStore(table), school.client(), {"school": registration()}, runtime=school.time.runtime())
    await outbox.put_many("school", endpoint(), [score(f"user-{number}") for number in range(4)])
    done = await outbox.drain("school", ITEM)
    assert (done.unknown, done.refused) == (1, 3)
    assert sorted(row.unsure for row in table.rows.values()) == [False, False, False, True]


@pytest.mark.parametrize("code, kind", [(200, UserNotGradableError), (404, NotFoundError)])
async def test_so_it_is_behind_a_gateway(code: int, kind: type[AGSError]) -> None:
    item = answer(code, lms_item_record())
    _, gradebook = gradebook_on_paper(answer(404, {"status": 404, "error": "Not Found"}), item, LISTED, item)
    with pytest.raises(kind) as caught:
        await gradebook.post_score(score())
    assert type(caught.value) is kind
    _, gradebook = gradebook_on_paper(answer(404), answer(200, lms_item_record()), answer(404))
    assert await gradebook.get_result("user-1") is None


async def test_a_long_batch_looks_again() -> None:
    """
    A line item may be deleted while a batch runs.
    """
    school = School()

    async def source() -> Any:
        yield score("user-1")
        await school.asked.wait()
        school.item = GONE
        school.time.now += 61
        yield score("user-2")

    report = await school.gradebook().post_scores(source())
    assert [type(delivery.error) for delivery in report.failed] == [UserNotGradableError, NotFoundError]


@pytest.mark.parametrize("said", NOT_FOUND)
async def test_a_result_of_an_unknown_person_is_none(said: Response) -> None:
    platform = PaperPlatform([said, THERE, said] * 2)
    gradebook = platform.gradebook()
    assert await gradebook.get_result("user-1") is None
    assert [result async for result in gradebook.results(user_id="user-1")] == []
    assert len(platform.sent) == 6


@pytest.mark.parametrize("last", [AWAY, answer(200, [{"id": f"{ITEM}/1", "userId": "user-1", "resultScore": 8}])])
async def test_a_404_of_somebody_in_between_who_is_gone_when_the_item_is_read_is_no_result(last: Response) -> None:
    """
    Then the item is there, and nothing was said of the person.
    """
    gradebook = PaperPlatform([answer(404, "<html>"), THERE, *[last] * 9]).gradebook()
    if last is AWAY:
        with pytest.raises(BrokenError):
            await gradebook.get_result("user-1")
    else:
        result = await gradebook.get_result("user-1")
        assert result is not None
        assert result.result_score == 8


@pytest.mark.parametrize("item, gone", [(GONE, True), (AWAY, None)], ids=["gone", "unknown"])
async def test_a_result_of_an_item_that_is_not_there_is_an_error(item: Response, gone: bool | None) -> None:
    with pytest.raises(NotFoundError) as caught:
        await PaperPlatform([answer(404), item, LISTED, item]).gradebook().get_result("user-1")
    assert caught.value.gone is gone
    assert (BOTH in str(caught.value)) is (gone is None)
    assert "user-1" not in str(caught.value)


async def test_a_listing_never_ends_early() -> None:
    """
    Without a user 404 is about the item; on a later page it is no end.
    """
    with pytest.raises(NotFoundError):
        [result async for result in PaperPlatform([answer(404)]).gradebook().results()]
    record = {"id": f"{ITEM}/1", "scoreOf": ITEM, "userId": "user-1"}
    for records in ([], [record]):
        first = answer(200, records, ("Link", f'<{ITEM}&page=2>; rel="next"'))
        platform = PaperPlatform([first, answer(404)])
        with pytest.raises(NotFoundError):
            [result async for result in platform.gradebook().results(user_id="user-1")]
