"""
Onto a line item that this client made one score goes first, alone, and then the rest: Brightspace makes a column for
each of several first scores that race.
"""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest

from aioags import AGSError, LineItem, MalformedError, NotSentError, Pace, RetryPolicy, Score
from aioags.emulator import PROFILES, Fault
from aioags.grading.shared import Shared
from aioags.protocol.messages import Request
from tests.rigs.memory import Stand, grades, memory_stand, runtime_for, until
from tests.rigs.virtual_time import VirtualTime

RACING = attrs.evolve(PROFILES["spec"], racing_first_scores=True)
WIDE = {"pace": Pace(floor=16, ceiling=16), "retry": RetryPolicy(attempts=1)}
NEW = LineItem("Essay", 10)
PAGE = b"<html>Please log in</html>"


def wide(profile: Any = RACING, **settings: Any) -> Stand:
    """
    Return a stand with sixteen slots, open from the start.
    """
    return memory_stand(profile, **{"users": 30, "client": WIDE, **settings})


def orphans(stand: Stand) -> int:
    """
    Return how many columns were made in vain.
    """
    return len(stand.platform.course.orphans)


def most(stand: Stand, item: LineItem) -> int:
    """
    Return how many scores of a line item were in flight at once.
    """
    assert stand.transport is not None
    return stand.transport.most[f"{item.id}/scores"]


async def test_d11_a_batch_of_thirty_onto_a_new_item_makes_one_column_and_then_fans_out() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    report = await stand.gradebook.post_scores(grades(stand.platform.users()), line_item=item)
    assert (report.recorded, orphans(stand)) == (30, 0)
    assert most(stand, item) == 16


async def test_d11_without_it_they_race() -> None:
    stand = wide()
    url = stand.platform.site.item_url(stand.platform.add_line_item("Essay", 10))
    report = await stand.gradebook.post_scores(grades(stand.platform.users()), line_item=url)
    assert report.recorded == 30
    assert orphans(stand) == 15


async def test_K9_d11_brightspace_itself() -> None:
    stand = memory_stand("brightspace", users=30, client=WIDE, key=None)
    registration = attrs.evolve(stand.registration, key=stand.platform.registration_args()["key"])
    book = stand.client.gradebook(registration, stand.endpoint)
    item = await book.find_or_create_line_item(label="Essay", score_maximum=10, resource_id="r")
    assert (await book.post_scores(grades(stand.platform.users()), line_item=item)).recorded == 30
    assert orphans(stand) == 0


async def test_d11_a_second_batch_fans_out_at_once() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()
    await stand.gradebook.post_scores(grades(users[:1]), line_item=item)
    before = stand.platform.counts["post_score"]
    async with stand.gradebook.post_scores(grades(users[1:17]), line_item=item) as deliveries:
        await until(lambda: stand.platform.in_flight == 16)
        async for delivery in deliveries:
            assert delivery.recorded
    assert stand.platform.counts["post_score"] - before == 16


@pytest.mark.parametrize("second", ["batch", "post_score", "other gradebook"])
async def test_d11_one_goes_first_whoever_else_posts_in_this_client(second: str) -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()
    book = stand.second_gradebook() if second == "other gradebook" else stand.gradebook

    async def one_by_one() -> None:
        scores = grades(users[15:])
        if second == "post_score":
            await asyncio.gather(*(book.post_score(score, line_item=item) for score in scores))
        else:
            assert (await book.post_scores(scores, line_item=item)).ok

    async def at_once() -> None:
        assert (await stand.gradebook.post_scores(grades(users[:15]), line_item=item)).ok

    await asyncio.gather(at_once(), one_by_one())
    assert (len(stand.platform.results(item.id)), orphans(stand)) == (30, 0)


async def test_d11_other_items_do_not_wait() -> None:
    released = asyncio.Event()

    async def hold(request: Request) -> None:
        if request.url == f"{held[0]}/scores":
            await released.wait()

    held = [""]
    stand = wide(before=hold)
    item = await stand.gradebook.create_line_item(NEW)
    held[0] = str(item.id)
    users = stand.platform.users()
    pairs = [(item, score) for score in grades(users[:10])] + [(None, score) for score in grades(users[10:20])]
    async with stand.gradebook.post_scores(pairs) as deliveries:
        await until(lambda: len(stand.platform.results(stand.item)) == 10 and stand.platform.in_flight == 1)
        released.set()
        assert len([one async for one in deliveries if one.recorded]) == 20
    assert orphans(stand) == 0


async def test_d11_a_first_score_that_is_refused_lets_the_rest_go() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    scores = grades(["nobody", *stand.platform.users()])
    report = await stand.gradebook.post_scores(scores, line_item=item)
    assert (report.recorded, len(report.failed)) == (30, 1)
    assert most(stand, item) == 16


async def test_d11_a_first_score_that_is_refused_lets_the_next_go_alone() -> None:
    """
    It opened no column: the next ones would race as if they were first.
    """
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    scores = grades(["nobody", "no one", *stand.platform.users()])
    report = await stand.gradebook.post_scores(scores, line_item=item)
    assert (report.recorded, len(report.failed), orphans(stand)) == (30, 2, 0)


async def test_d11_an_item_that_refuses_everybody_is_not_asked_one_by_one() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    report = await stand.gradebook.post_scores(grades([f"nobody-{n}" for n in range(40)]), line_item=item)
    assert len(report.failed) == 40
    assert most(stand, item) == 16


@pytest.mark.parametrize("applied", [True, False])
async def test_d11_a_first_score_whose_answer_is_lost_lets_the_rest_go(applied: bool) -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    stand.platform.faults.add(Fault.drop(operation="post_score", applied=applied, times=1))
    report = await stand.gradebook.post_scores(grades(stand.platform.users()), line_item=item)
    assert (report.recorded, report.unknown) == (29, 1)
    assert (most(stand, item), orphans(stand)) == (16, 0)


@pytest.mark.parametrize(
    "times, fault",
    [
        (1, Fault.drop(operation="post_score", times=1)),
        (7, Fault.answer(200, PAGE, operation="post_score", times=7)),
        (1, Fault.answer(502, operation="post_score", times=1)),
    ],
    ids=["lost", "pages", "502"],
)
async def test_d11_until_one_is_recorded_the_next_goes_alone(times: int, fault: Fault) -> None:
    """
    Nobody knows whether it opened a column: the next ones might race as if they were first.
    """
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    stand.platform.faults.add(fault)
    report = await stand.gradebook.post_scores(grades(stand.platform.users()), line_item=item)
    assert (report.recorded, orphans(stand)) == (30 - times, 0)
    assert most(stand, item) == 16


async def test_d11_refused_after_a_lost_try_it_lets_the_next_go_alone() -> None:
    stand = wide(client=WIDE | {"retry": RetryPolicy(), "runtime": runtime_for(VirtualTime())})
    item = await stand.gradebook.create_line_item(NEW)
    stand.platform.faults.add(Fault.answer(502, operation="post_score", times=1))
    report = await stand.gradebook.post_scores(grades(["nobody", *stand.platform.users()]), line_item=item)
    assert (report.recorded, report.unknown, orphans(stand)) == (30, 1, 0)


async def test_d11_a_platform_that_is_away_is_not_waited_for_one_by_one() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    stand.platform.faults.add(Fault.answer(502, operation="post_score"))
    report = await stand.gradebook.post_scores(grades(stand.platform.users()[:3]), line_item=item)
    assert report.recorded == 0
    assert str(item.id) not in stand.client._shared.new


async def test_d11_a_first_score_that_was_not_sent_lets_the_next_go_alone() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()
    made_before = Score.graded(users[0], 1, score_maximum=10)
    turns, key = stand.client._shared.turns, (str(item.id), users[0])
    turns.note(key, turns.last(key).sent(Score.graded(users[0], 2, score_maximum=10), 0))
    report = await stand.gradebook.post_scores([made_before, *grades(users[1:])], line_item=item)
    assert (report.recorded, orphans(stand)) == (29, 0)
    assert [delivery.attempts for delivery in report.failed] == [0]


async def test_d11_leaving_early_sends_nothing_of_those_behind() -> None:
    released = asyncio.Event()

    async def hold(request: Request) -> None:
        if request.url.endswith("/scores"):
            await released.wait()

    stand = wide(before=hold)
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()
    batch = stand.gradebook.post_scores(grades(users), line_item=item)
    async with batch:
        await until(lambda: stand.platform.counts["post_score"] == 1)
        other = asyncio.create_task(stand.gradebook.post_score(grades(users[:2])[1], line_item=item))
        await asyncio.sleep(0)
        released.set()
    assert (batch.report.recorded, batch.report.total) == (1, 30)
    assert {type(one.error) for one in batch.report.failed} == {NotSentError}
    assert (await other).recorded
    assert stand.platform.counts["post_score"] == 2


async def test_d11_leaving_before_the_first_is_sent_lets_another_go_first() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()
    async with stand.gradebook.post_scores(grades(users[:5]), line_item=item):
        pass
    report = await stand.gradebook.post_scores(grades(users), line_item=item)
    assert (report.ok, orphans(stand)) == (True, 0)


@pytest.mark.parametrize("kind", ["batch", "post_score"])
async def test_d11_cancelled_it_lets_the_next_go_alone(kind: str) -> None:
    held = asyncio.Event()

    async def hold(request: Request) -> None:
        if request.url.endswith("/scores") and not held.is_set():
            held.set()
            await asyncio.Event().wait()

    stand = wide(before=hold)
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()
    if kind == "batch":
        first: asyncio.Task[Any] = asyncio.create_task(_awaited(stand.gradebook, grades(users[:5]), item))
    else:
        first = asyncio.create_task(stand.gradebook.post_score(grades(users[:1])[0], line_item=item))
    await held.wait()
    rest = asyncio.create_task(_awaited(stand.gradebook, grades(users[5:]), item))
    await asyncio.sleep(0)
    first.cancel()
    assert (await rest).ok
    assert orphans(stand) == 0
    with pytest.raises(asyncio.CancelledError):
        await first


async def _awaited(book: Any, scores: list[Score], item: LineItem) -> Any:
    return await book.post_scores(scores, line_item=item)


async def test_d11_one_user_keeps_the_order_behind_a_first_score() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()[:3]
    scores = [Score.graded(user, points, score_maximum=10) for points in range(5) for user in users]
    assert (await stand.gradebook.post_scores(scores, line_item=item)).ok
    for user in users:
        assert stand.history(user, item.id) == [0, 1, 2, 3, 4]


async def test_d11_coalescing_behind_a_first_score_sends_the_newest() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    users = stand.platform.users()[:3]
    scores = [Score.graded(user, points, score_maximum=10) for points in range(5) for user in users]
    report = await stand.gradebook.post_scores(scores, line_item=item, coalesce=True)
    assert report.total == 15
    assert [stand.history(user, item.id)[-1] for user in users] == [4, 4, 4]
    assert orphans(stand) == 0


async def test_d11_what_was_found_is_not_new() -> None:
    stand = wide()
    stand.platform.add_line_item("Essay", 10, resource_id="r")
    item = await stand.gradebook.find_or_create_line_item(label="Essay", score_maximum=10, resource_id="r")
    await stand.gradebook.post_scores(grades(stand.platform.users()), line_item=item)
    assert orphans(stand) == 15


@pytest.mark.parametrize("how", ["find_or_create", "adopting", "create", "cancelled"])
async def test_d11_what_this_client_made_and_was_not_told_is_new_when_it_is_found(how: str) -> None:
    stand = wide()
    wanted: dict[str, Any] = {"label": "Essay", "score_maximum": 10, "resource_id": "r"}
    faults, book = stand.platform.faults, stand.gradebook
    if how != "adopting":
        faults.add(Fault.answer(200, PAGE, operation="create_line_item", applied=True, times=1))
    # Of `find_or_create_line_item` the first listing comes before it makes anything.
    faults.add(
        Fault.answer(200, PAGE, operation="list_line_items", skip=how in ("find_or_create", "adopting"), times=1)
    )
    if how == "create":
        with pytest.raises(MalformedError):
            await book.create_line_item(LineItem(**wanted))
    elif how == "cancelled":
        faults.clear()
        stand.platform.subscribe(lambda one: task.cancel() if one.operation == "create_line_item" else None)
        task = asyncio.create_task(book.find_or_create_line_item(**wanted))
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        with pytest.raises(MalformedError):
            await book.find_or_create_line_item(**wanted)
    item = await book.find_or_create_line_item(**wanted)
    assert stand.platform.counts["create_line_item"] == 1
    assert (await book.post_scores(grades(stand.platform.users()), line_item=item)).ok
    assert orphans(stand) == 0


async def test_d11_an_error_of_the_transport_lets_the_next_go() -> None:
    stand = wide()
    item = await stand.gradebook.create_line_item(NEW)
    stand.platform.faults.add(Fault.drop(operation="post_score", times=1))
    with pytest.raises(AGSError):
        await stand.gradebook.post_score(grades(stand.platform.users()[:1])[0], line_item=item)
    assert (await stand.gradebook.post_scores(grades(stand.platform.users()[1:]), line_item=item)).ok


# -- Who goes first ----------------------------------------------------------------------------------------------------


def test_d11_of_many_new_items_the_oldest_is_forgotten_and_who_waits_goes_on() -> None:
    shared, started = Shared(), list[str]()
    shared.made("first")
    assert shared.enter("first", "a", lambda: None)
    assert not shared.enter("first", "b", lambda: started.append("b"))
    for number in range(4096):
        shared.made(f"item {number}")
    assert started == ["b"]
    assert shared.enter("first", "c", lambda: None)


def test_d11_only_who_is_first_opens() -> None:
    shared, started = Shared(), list[str]()
    shared.made("item")
    assert shared.enter("item", "a", lambda: None)
    assert shared.enter("item", "a", lambda: None)
    assert not shared.enter("item", "b", lambda: started.append("b"))
    shared.leave("item", "b", ended=True)
    shared.leave("another", "a", ended=True)
    assert started == []
    shared.leave("item", "a", ended=False)
    assert started == ["b"]
    assert shared.enter("item", "b", lambda: None)
    assert not shared.enter("item", "c", lambda: started.append("c"))
    shared.leave("item", "b", ended=True)
    assert started == ["b", "c"]
    assert shared.enter("item", "d", lambda: None)
    shared.made(None)


def test_d11_what_is_in_doubt_has_a_bound() -> None:
    shared = Shared()
    assert [shared.doubt(number) for number in (1, 1, 2)] == [False, True, False]
    for number in range(5000):
        shared.doubt(number)
    assert len(shared.in_doubt) <= 4096
