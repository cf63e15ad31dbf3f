"""
Many scores: one delivery for each, in order for each user, whatever the source and the consumer do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import attrs
import pytest

from aioags import (
    ActivityProgress,
    Delivery,
    LineItem,
    NotOfferedError,
    NotSentError,
    Pace,
    Report,
    Scope,
    Score,
    StaleScoreError,
    SupersededError,
    UserNotGradableError,
)
from aioags.emulator import PROFILES
from aioags.protocol.messages import Request
from tests.rigs.memory import Stand, grades, memory_stand, runtime_for, until
from tests.rigs.virtual_time import VirtualTime

USERS = 100
SLOTS = 8
ALL_SLOTS = {"pace": Pace(floor=SLOTS, ceiling=SLOTS)}


def wide_stand(**settings: object) -> Stand:
    """
    Return a stand in memory with all slots open from the start.
    """
    return memory_stand(**{"users": USERS, "client": ALL_SLOTS, **settings})  # type: ignore[arg-type]


def user(number: int) -> str:
    """
    Return the nth user's id.
    """
    return f"user-{number:04}"


def graded(number: int, points: float = 8) -> Score:
    """
    Return a grade out of ten for the nth user.
    """
    return Score.graded(user(number), points, score_maximum=10)


async def streamed(scores: list[Score]) -> AsyncIterator[Score]:
    """
    Yield scores one loop turn apart.
    """
    for score in scores:
        await asyncio.sleep(0)
        yield score


# -- Both forms --------------------------------------------------------------------------------------------------------


async def test_awaited_it_is_a_report(stand: Stand) -> None:
    report = await stand.gradebook.post_scores([graded(1), graded(2), graded(999)])
    assert isinstance(report, Report)
    assert (report.total, report.recorded, report.unknown, report.ok) == (3, 2, 0, False)
    (failed,) = report.failed
    assert (failed.score.user_id, failed.attempts) == ("user-0999", 1)
    assert isinstance(failed.error, UserNotGradableError)
    assert str(report) == "2 of 3 scores recorded; 1 not recorded; 1 UserNotGradableError"


async def test_entered_it_streams_one_delivery_for_each_score(stand: Stand) -> None:
    scores = [graded(number) for number in range(1, 8)] + [graded(999)]
    async with stand.gradebook.post_scores(streamed(scores)) as deliveries:
        seen = [delivery async for delivery in deliveries]
    assert sorted(map(id, scores)) == sorted(id(delivery.score) for delivery in seen)
    assert [delivery.score.user_id for delivery in seen if delivery.error] == ["user-0999"]
    assert (deliveries.report.total, deliveries.report.recorded) == (8, 7)


def generated(scores: list[Score]) -> Iterator[Score]:
    """
    Yield scores from a plain generator.
    """
    yield from scores


@pytest.mark.parametrize("kind", [list, tuple, iter, generated, streamed])
async def test_any_iterable_is_a_source(kind) -> None:  # type: ignore[no-untyped-def]
    stand = wide_stand()
    report = await stand.gradebook.post_scores(kind([graded(number) for number in range(1, 51)]))
    assert (report.total, report.recorded) == (50, 50)
    assert len(stand.platform.results()) == 50


async def test_nothing_to_post_is_nothing_sent(stand: Stand) -> None:
    report = await stand.gradebook.post_scores([])
    assert (report.total, report.ok, str(report)) == (0, True, "0 of 0 scores recorded")
    assert stand.platform.counts.total() == 0


async def test_pairs_name_their_item(stand: Stand) -> None:
    made = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    pairs = [(made, graded(1, 1)), (made.id, graded(2, 2)), (None, graded(1, 3)), (made, graded(1, 4))]
    report = await stand.gradebook.post_scores(pairs)
    assert report.ok
    assert stand.history(user(1), made.id) == [1, 4]
    assert stand.history(user(2), made.id) == [2]
    assert stand.history(user(1), stand.item) == [3]


async def test_a_default_item_serves_scores_without_one(stand: Stand) -> None:
    made = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    report = await stand.gradebook.post_scores([graded(1), (stand.item, graded(2))], line_item=made)  # type: ignore[list-item]
    assert report.ok
    assert (stand.history(user(1), made.id), stand.history(user(2), stand.item)) == ([8], [8])


async def test_without_any_item_the_score_is_delivered_with_that_error(stand: Stand) -> None:
    gradebook = stand.second_gradebook(lineitem=None)
    report = await gradebook.post_scores([graded(1), graded(2)])
    assert [type(delivery.error) for delivery in report.failed] == [NotOfferedError] * 2
    assert [delivery.line_item for delivery in report.failed] == [None, None]
    assert stand.platform.counts.total() == 0


async def test_without_the_scope_every_score_is_delivered_with_that_error(stand: Stand) -> None:
    gradebook = stand.second_gradebook(scope=frozenset({Scope.RESULT_READONLY}))
    report = await gradebook.post_scores([graded(1), graded(2)])
    assert [type(delivery.error) for delivery in report.failed] == [NotOfferedError] * 2
    assert stand.platform.counts.total() == 0


@pytest.mark.parametrize("scores", [None, 7, "user-0001", b"x", graded(1)])
async def test_a_source_that_is_none_is_a_type_error_at_once(stand: Stand, scores: object) -> None:
    with pytest.raises(TypeError, match="iterable"):
        stand.gradebook.post_scores(scores)  # type: ignore[arg-type]


# -- Order and slots ---------------------------------------------------------------------------------------------------


async def test_one_users_scores_arrive_in_the_given_order() -> None:
    stand = wide_stand()
    scores = [graded(1 + number % 5, number) for number in range(100)]
    report = await stand.gradebook.post_scores(scores)
    assert report.ok
    for number in range(1, 6):
        assert stand.history(user(number)) == [points for points in range(100) if 1 + points % 5 == number]


async def test_the_order_holds_across_calls_of_one_client() -> None:
    """
    Two batches and single calls interleave; each user's scores arrive as they were given to the client.
    """
    stand = wide_stand()
    given: list[float] = []

    def numbered(begin: int) -> Iterator[Score]:
        for points in range(begin, begin + 20):
            given.append(points)
            yield graded(1, points)

    batch = asyncio.create_task(collect(stand, numbered(0)))
    other = asyncio.create_task(collect(stand, numbered(100), second=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    given.append(500)
    single = asyncio.create_task(stand.gradebook.post_score(graded(1, 500)))
    await asyncio.gather(batch, other, single)
    assert stand.history(user(1)) == given
    assert stand.transport is not None
    assert max(count for url, count in stand.transport.most.items() if url.endswith("/scores")) == 1


async def collect(stand: Stand, scores: Iterator[Score], *, second: bool = False) -> Report:
    """
    Post a batch, on a gradebook of its own if asked.
    """
    return await (stand.second_gradebook() if second else stand.gradebook).post_scores(scores)


async def test_different_users_keep_every_slot_busy() -> None:
    """
    A busy user takes one slot and no more: hashing users onto workers kept 30 of 64 busy.
    """
    stand = wide_stand()
    seen: list[int] = []

    async def look(request: Request) -> None:
        assert stand.transport is not None
        seen.append(stand.transport.in_flight)
        await asyncio.sleep(0)

    assert stand.transport is not None
    stand.transport.before = look
    busy = [graded(1, points) for points in range(10)]
    report = await stand.gradebook.post_scores([*busy, *(graded(number) for number in range(2, USERS))])
    assert report.ok
    # The first slots fill one by one, behind the token; the busy user's last scores drain alone.
    assert seen.count(SLOTS) >= len(seen) - 3 * SLOTS
    assert max(seen) == SLOTS


async def test_tasks_alive_stay_within_the_slots() -> None:
    stand = wide_stand()
    most = 0

    async def count(request: Request) -> None:
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        await asyncio.sleep(0)

    assert stand.transport is not None
    stand.transport.before = count
    before = len(asyncio.all_tasks())
    await stand.gradebook.post_scores(graded(1 + number % USERS, number) for number in range(500))
    # The puller, and the token's.
    assert most <= before + SLOTS + 2
    assert len(asyncio.all_tasks()) == before


async def test_a_score_that_comes_when_the_last_worker_has_just_finished_is_sent() -> None:
    """
    The source yields its next score in the very turn of the loop in which the only worker ends.
    """
    stand = memory_stand(client={"pace": Pace(ceiling=1)})
    answered = asyncio.Event()

    async def answer(request: Request) -> None:
        if request.url.endswith("/scores"):
            answered.set()

    async def one_after_the_other() -> AsyncIterator[Score]:
        yield graded(1)
        await answered.wait()
        yield graded(2)

    assert stand.transport is not None
    stand.transport.after = answer
    posting = asyncio.create_task(collect(stand, one_after_the_other()))  # type: ignore[arg-type]
    await until(posting.done)
    assert (await posting).recorded == 2


# -- Coalescing --------------------------------------------------------------------------------------------------------


async def test_coalesce_sends_only_the_newest_that_waits() -> None:
    stand = wide_stand()
    scores = [graded(1, points) for points in range(10)]
    async with stand.gradebook.post_scores(scores, coalesce=True) as deliveries:
        seen = [delivery async for delivery in deliveries]
    assert len(seen) == 10
    sent = [delivery.score.score_given for delivery in seen if delivery.error is None]
    assert stand.history(user(1)) == sorted(sent)  # type: ignore[type-var]
    assert sent[-1] == 9
    assert len(sent) <= 2
    skipped = [delivery for delivery in seen if delivery.error is not None]
    assert all(isinstance(delivery.error, SupersededError) and delivery.attempts == 0 for delivery in skipped)


async def test_coalesce_goes_by_the_stamps() -> None:
    """
    AGS 3.4.9: the platform keeps the later stamp, so the later one is sent, whatever the order of the source.
    """
    stand = wide_stand()
    older, newer = graded(1, 1), graded(1, 2)
    report = await stand.gradebook.post_scores([newer, older], coalesce=True)
    assert stand.history(user(1)) == [2]
    assert [(delivery.score, type(delivery.error)) for delivery in report.failed] == [(older, SupersededError)]


async def test_coalesce_leaves_other_users_and_items_alone() -> None:
    stand = wide_stand()
    made = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    pairs = [(None, graded(1, 1)), (None, graded(2, 2)), (made, graded(1, 3))]
    report = await stand.gradebook.post_scores(pairs, coalesce=True)
    assert (report.recorded, report.failed) == (3, [])


async def test_without_coalesce_every_score_is_sent() -> None:
    stand = wide_stand()
    report = await stand.gradebook.post_scores([graded(1, points) for points in range(10)])
    assert report.recorded == 10
    assert stand.history(user(1)) == list(range(10))


# -- Stamps ------------------------------------------------------------------------------------------------------------

WHOLE_SECONDS = attrs.evolve(PROFILES["spec"], stamp_rule="later_second")


async def test_scores_of_one_second_all_arrive_where_whole_seconds_count() -> None:
    stand = wide_stand(profile=WHOLE_SECONDS)
    report = await stand.gradebook.post_scores([graded(1, points) for points in range(5)])
    assert report.ok
    assert stand.history(user(1)) == [0, 1, 2, 3, 4]


async def test_stale_scores_stop_nobody() -> None:
    stand = wide_stand()
    newer = graded(1, 9)
    older = attrs.evolve(graded(1, 1), timestamp=newer.timestamp.replace(year=2001))
    report = await stand.gradebook.post_scores([newer, older, graded(2)])
    assert (report.total, report.recorded) == (3, 2)
    assert [type(delivery.error) for delivery in report.failed] == [StaleScoreError]


@pytest.mark.parametrize("coupled", [True, False])
async def test_moodle_takes_a_grade_right_after_a_report_of_progress(coupled: bool) -> None:
    """
    On a tool's own item Moodle stores its own clock for a score without a value, and refuses what is not later.
    """
    stand = wide_stand(profile="moodle")
    item = None
    if not coupled:
        item = await stand.gradebook.find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="q")
    person = stand.platform.users()[0]
    scores = [
        Score.progress(person, ActivityProgress.STARTED),
        Score.graded(person, 8, score_maximum=10),
        Score.progress(person, ActivityProgress.SUBMITTED),
        Score.graded(person, 9, score_maximum=10),
    ]
    report = await stand.gradebook.post_scores(scores, line_item=item)
    assert [str(delivery.error) for delivery in report.failed] == []
    result = await stand.gradebook.get_result(person, line_item=item)
    assert result is not None
    assert result.fraction == 0.9


async def test_a_backlog_with_a_report_of_progress_loses_no_grade() -> None:
    """
    Posted long after they were made: Moodle stores its own clock for the first, and the second is older than that.
    """
    time = VirtualTime()
    stand = memory_stand("moodle", clock=time.wall, client={"runtime": runtime_for(time)})
    item = await stand.gradebook.find_or_create_line_item(label="Quiz", score_maximum=10, resource_id="q")
    person = stand.platform.users()[0]
    scores = [Score.progress(person, ActivityProgress.STARTED), Score.graded(person, 8, score_maximum=10)]
    assert all(score.timestamp.timestamp() < time.wall() for score in scores)
    report = await stand.gradebook.post_scores(scores, line_item=item)
    assert [str(delivery.error) for delivery in report.failed] == []
    assert stand.history(person, item.id) == [None, 8]


# -- Leaving early -----------------------------------------------------------------------------------------------------


async def test_leaving_early_finishes_what_is_in_flight_and_starts_no_more() -> None:
    stand = wide_stand()
    async with stand.gradebook.post_scores(grades(stand.platform.users())) as deliveries:
        async for delivery in deliveries:
            assert delivery.recorded is True
            break
        sent = stand.platform.counts["post_score"]
    assert stand.transport is not None
    assert stand.transport.in_flight == 0
    # Those that had a slot; a worker that had just been given a score may have been about to send it.
    assert stand.platform.counts["post_score"] <= sent + SLOTS
    report = deliveries.report
    unsent = [delivery for delivery in report.failed if isinstance(delivery.error, NotSentError)]
    assert report.recorded == len(stand.platform.results())
    assert report.recorded + len(unsent) == report.total <= USERS
    assert {delivery.recorded for delivery in unsent} == {False}
    assert [delivery.attempts for delivery in unsent] == [0] * len(unsent)


async def test_after_leaving_early_the_rest_can_be_looked_at_and_ends() -> None:
    stand = wide_stand()
    async with stand.gradebook.post_scores(grades(stand.platform.users())) as deliveries:
        async for _ in deliveries:
            break
    reader = asyncio.create_task(all_of(deliveries))
    await until(reader.done)
    assert len(await reader) + 1 == deliveries.report.total


async def all_of(deliveries: AsyncIterator[Delivery]) -> list[Delivery]:
    """
    Read a stream to its end.
    """
    return [delivery async for delivery in deliveries]


async def test_leaving_at_once_sends_nothing() -> None:
    stand = wide_stand()
    async with stand.gradebook.post_scores(grades(stand.platform.users())) as deliveries:
        pass
    assert stand.platform.counts.total() == 0
    assert deliveries.report.recorded == 0
    assert await all_of(deliveries) == []


@pytest.mark.parametrize("read", [0, 1, 20])
async def test_leaving_early_closes_the_source(read: int) -> None:
    """
    Also when it waits at its yield, because nobody reads: then it is not cancelled, and must be closed.
    """
    stand = wide_stand()
    given, closed = 0, False

    async def source() -> AsyncIterator[Score]:
        nonlocal closed, given
        try:
            while True:
                given += 1
                yield graded(1 + given % USERS, given)
        finally:
            await asyncio.sleep(0)
            closed = True

    async with stand.gradebook.post_scores(source()) as deliveries:
        for _ in range(read):
            await anext(deliveries)
        await until(lambda: given == 4 * SLOTS + read)
    assert closed


async def test_after_leaving_early_the_same_users_can_be_posted() -> None:
    """
    Parked scores gave their turns back.
    """
    stand = wide_stand()
    async with stand.gradebook.post_scores([graded(1, points) for points in range(20)]) as deliveries:
        async for _ in deliveries:
            break
    done = stand.history(user(1))
    await stand.gradebook.post_score(graded(1, 99))
    assert stand.history(user(1)) == [*done, 99]


# -- Used as it is not meant -------------------------------------------------------------------------------------------


async def test_a_batch_is_used_once(stand: Stand) -> None:
    posting = stand.gradebook.post_scores([graded(1)])
    await posting
    with pytest.raises(RuntimeError, match="already"):
        await posting
    with pytest.raises(RuntimeError, match="already"):
        async with posting:
            pass
    assert stand.history(user(1)) == [8]


async def test_deliveries_are_read_inside_the_block(stand: Stand) -> None:
    posting = stand.gradebook.post_scores([graded(1)])
    with pytest.raises(RuntimeError, match="async with"):
        await anext(posting)
    await posting


async def test_a_batch_that_is_neither_awaited_nor_entered_says_so(stand: Stand) -> None:
    """
    A forgotten ``await`` must not lose grades in silence.
    """
    with pytest.warns(RuntimeWarning, match="post_scores"):
        stand.gradebook.post_scores([graded(1)])  # type: ignore[unused-awaitable]
    assert stand.platform.counts.total() == 0
