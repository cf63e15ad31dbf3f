"""
Many scores while something goes wrong: the source, the consumer, the tokens, the platform, or the tool itself.

What must hold after each: one delivery for every score that was taken, no task left, every turn and every place in
flight given back.
"""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections.abc import AsyncIterator, Iterator

import pytest

from aioags import (
    AuthorizationError,
    Delivery,
    ForbiddenError,
    GrantRefusedError,
    LostAnswerError,
    NotSentError,
    Pace,
    RetryPolicy,
    Score,
    UnreachableError,
)
from aioags.protocol.breaker import LONGEST_WAIT
from aioags.protocol.messages import Request
from tests.rigs.memory import Stand, grades, memory_stand, runtime_for, until
from tests.rigs.virtual_time import VirtualTime

USERS = 100
SLOTS = 8
# Scores that may be taken from the source before somebody reads a delivery: four for each slot.
BOUND = 4 * SLOTS


def wide_stand(**client: object) -> Stand:
    """
    Return a stand in memory with all slots open from the start.
    """
    return memory_stand(users=USERS, client={"pace": Pace(floor=SLOTS, ceiling=SLOTS), **client})


def graded(number: int, points: float = 8) -> Score:
    """
    Return a grade out of ten for the nth user.
    """
    return Score.graded(f"user-{number:04}", points, score_maximum=10)


def endless(taken: list[Score] | None = None) -> Iterator[Score]:
    """
    Yield scores for ever, each user in turn, and note which were taken.
    """
    for number in itertools.count():
        score = graded(1 + number % USERS, number)
        if taken is not None:
            taken.append(score)
        yield score


async def assert_at_rest(stand: Stand) -> None:
    """
    Check that nothing is left behind: no task, no request, no turn, no place in flight.
    """
    await asyncio.sleep(0)
    assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert stand.transport is not None
    assert stand.transport.in_flight == 0
    stand.transport.most.clear()
    report = await stand.gradebook.post_scores([graded(number, 10_000_000) for number in range(1, USERS + 1)])
    assert report.ok
    assert stand.transport.most[""] == SLOTS


class Broken(Exception):
    """
    What a source or a consumer of these tests raises.
    """


# -- The source --------------------------------------------------------------------------------------------------------


def failing(count: int) -> Iterator[Score]:
    """
    Yield some scores, then fail.
    """
    yield from itertools.islice(endless(), count)
    raise Broken("the database went away")


async def failing_later(count: int) -> AsyncIterator[Score]:
    """
    As `failing`, asynchronously.
    """
    for score in itertools.islice(endless(), count):
        yield score
        await asyncio.sleep(0)
    raise Broken("the database went away")


@pytest.mark.parametrize("source", [failing, failing_later])
@pytest.mark.parametrize("count", [0, 1, 5, 40, 200])
async def test_a_source_that_raises_midway_comes_out_bare(source, count: int) -> None:  # type: ignore[no-untyped-def]
    stand = wide_stand()
    with pytest.raises(Broken, match="went away") as caught:
        await stand.gradebook.post_scores(source(count))
    assert caught.value.__notes__ == [f"before that: {count} of {count} scores recorded"]
    assert caught.value.__cause__ is None
    # The traceback leads to the source's own line.
    assert "the database went away" in "".join(traceback.format_tb(caught.value.__traceback__))
    await assert_at_rest(stand)


@pytest.mark.parametrize("source", [failing, failing_later])
async def test_what_was_taken_before_is_delivered_before_the_exception(source) -> None:  # type: ignore[no-untyped-def]
    stand = wide_stand()
    seen: list[Delivery] = []
    with pytest.raises(Broken):
        async with stand.gradebook.post_scores(source(40)) as deliveries:
            async for delivery in deliveries:
                seen.append(delivery)
    assert [delivery.recorded for delivery in seen] == [True] * 40
    assert deliveries.report.total == 40
    await assert_at_rest(stand)


async def test_a_failure_of_the_source_is_not_lost_when_the_block_is_left_before_it_is_seen() -> None:
    stand = wide_stand()
    with pytest.raises(Broken):
        async with stand.gradebook.post_scores(failing(3)) as deliveries:
            await until(lambda: deliveries.report.total == 3)


@pytest.mark.parametrize("odd", [None, 7, "user-0001", {"userId": "u"}, (graded(1),), (1, 2, 3), (7, graded(1))])
async def test_an_odd_thing_in_the_source_is_a_type_error_that_names_it(odd: object) -> None:
    stand = wide_stand()
    with pytest.raises(TypeError) as caught:
        await stand.gradebook.post_scores([graded(1), graded(2), odd, graded(3)])  # type: ignore[list-item]
    odd_name = type(odd[0] if isinstance(odd, tuple) and len(odd) == 2 else odd).__name__
    assert odd_name in str(caught.value)
    assert caught.value.__notes__ == ["before that: 2 of 2 scores recorded"]
    assert len(stand.platform.results()) == 2
    await assert_at_rest(stand)


async def test_an_item_without_an_id_in_the_source_is_a_value_error() -> None:
    from aioags import LineItem

    stand = wide_stand()
    with pytest.raises(ValueError, match="no id"):
        await stand.gradebook.post_scores([(LineItem("Quiz", 10), graded(1))])
    await assert_at_rest(stand)


async def test_a_source_that_is_cancelled_inside_is_heard_of() -> None:
    stand = wide_stand()

    async def source() -> AsyncIterator[Score]:
        yield graded(1)
        inner = asyncio.get_running_loop().create_future()
        inner.cancel()
        await inner

    posting = asyncio.ensure_future(stand.gradebook.post_scores(source()))
    await asyncio.wait({posting})
    assert posting.cancelled()
    await assert_at_rest(stand)


async def test_a_source_may_use_the_gradebook_itself() -> None:
    stand = wide_stand()

    async def source() -> AsyncIterator[Score]:
        for number in range(1, 50):
            await stand.gradebook.post_score(graded(number, 1))
            result = await stand.gradebook.get_result(f"user-{number:04}")
            assert result is not None
            yield graded(number, 2)

    report = await stand.gradebook.post_scores(source())
    assert (report.recorded, report.total) == (49, 49)
    assert all(stand.history(f"user-{number:04}") == [1, 2] for number in range(1, 50))
    await assert_at_rest(stand)


async def test_a_source_that_waits_holds_nobody_up() -> None:
    """
    What it gave already is sent and delivered while it waits for more.
    """
    stand = wide_stand()
    more = asyncio.Event()

    async def source() -> AsyncIterator[Score]:
        yield graded(1)
        await more.wait()
        yield graded(2)

    async with stand.gradebook.post_scores(source()) as deliveries:
        first = await anext(deliveries)
        assert first.score.user_id == "user-0001"
        more.set()
        assert [delivery.score.user_id async for delivery in deliveries] == ["user-0002"]
    await assert_at_rest(stand)


# -- The consumer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 7, 40])
async def test_a_consumer_that_raises_leaves_nothing_behind(after: int) -> None:
    stand = wide_stand()
    taken: list[Score] = []
    with pytest.raises(Broken) as caught:
        async with stand.gradebook.post_scores(endless(taken)) as deliveries:
            async for _ in deliveries:
                after -= 1
                if not after:
                    raise Broken
    assert caught.value.__context__ is None
    assert deliveries.report.total == len(taken)
    unsent = sum(isinstance(delivery.error, NotSentError) for delivery in deliveries.report.failed)
    assert deliveries.report.recorded == stand.platform.counts["post_score"] == len(taken) - unsent
    await assert_at_rest(stand)


async def test_a_slow_consumer_does_not_drain_the_source() -> None:
    stand = wide_stand()
    taken: list[Score] = []
    async with stand.gradebook.post_scores(endless(taken)) as deliveries:
        for read in range(20):
            await until_still(stand, taken)
            assert len(taken) == BOUND + read
            # All of it was sent meanwhile: nothing waits for the consumer but the source.
            assert stand.platform.counts["post_score"] == BOUND + read
            await anext(deliveries)
    await assert_at_rest(stand)


async def until_still(stand: Stand, taken: list[Score]) -> None:
    """
    Let the event loop turn until nothing moves any more.
    """
    calm, seen = 0, (-1, -1)
    while calm < 20:
        await asyncio.sleep(0)
        now = (len(taken), stand.platform.counts.total())
        calm, seen = (calm + 1, seen) if now == seen else (0, now)


async def test_a_consumer_that_never_reads_bounds_what_is_taken() -> None:
    stand = wide_stand()
    taken: list[Score] = []
    async with stand.gradebook.post_scores(endless(taken)) as deliveries:
        await until_still(stand, taken)
    assert len(taken) == BOUND == deliveries.report.recorded
    await assert_at_rest(stand)


async def test_a_consumer_may_post_for_a_user_who_is_parked_here() -> None:
    """
    The consumer's score joins the line behind those that were taken: nobody waits for the consumer, so no deadlock.
    """
    stand = wide_stand()
    scores = [graded(1, points) for points in range(BOUND)]
    async with stand.gradebook.post_scores(scores) as deliveries:
        first = await anext(deliveries)
        assert first.score is scores[0]
        await stand.gradebook.post_score(graded(1, 1000))
        rest = [delivery async for delivery in deliveries]
    assert len(rest) == BOUND - 1
    assert stand.history("user-0001") == [*range(BOUND), 1000]
    await assert_at_rest(stand)


async def test_two_consumers_may_share_one_stream() -> None:
    stand = wide_stand()

    async def read() -> list[Delivery]:
        return [delivery async for delivery in deliveries]

    async with stand.gradebook.post_scores(grades(stand.platform.users())) as deliveries:
        one, other = await asyncio.gather(read(), read())
    assert len({id(delivery) for delivery in one + other}) == len(one) + len(other) == USERS
    await assert_at_rest(stand)


async def test_batches_of_one_client_run_side_by_side() -> None:
    stand = wide_stand()
    reports = await asyncio.gather(
        *(stand.gradebook.post_scores([graded(number, batch) for number in range(1, 21)]) for batch in range(10))
    )
    assert all(report.ok for report in reports)
    assert all(sorted(stand.history(f"user-{number:04}")) == list(range(10)) for number in range(1, 21))  # type: ignore[type-var]
    await assert_at_rest(stand)


# -- Authorization -----------------------------------------------------------------------------------------------------


async def test_a_permanent_authorization_failure_midway_spares_the_rest() -> None:
    """
    The tool is disabled at the platform: what was sent counts, the rest is delivered with that error, unsent.
    """
    stand = wide_stand()
    async with stand.gradebook.post_scores(grades(stand.platform.users())) as deliveries:
        seen: list[Delivery] = []
        async for delivery in deliveries:
            seen.append(delivery)
            if len(seen) == 20:
                stand.platform.tokens.revoke()
                stand.platform.tool.scopes = ()
    assert len(seen) == USERS
    refused = [delivery for delivery in seen if delivery.error is not None]
    assert all(isinstance(delivery.error, AuthorizationError) for delivery in refused)
    assert {delivery.recorded for delivery in refused} == {False}
    assert len({id(delivery.error) for delivery in refused}) == len(refused)
    assert len(refused) == USERS - len(stand.platform.results())
    # Those in flight at that moment, and no more, asked again.
    assert stand.platform.counts["post_score"] <= 20 + 2 * SLOTS
    assert stand.platform.tokens.requests <= 2 + SLOTS
    stand.platform.tool.scopes = tuple(stand.endpoint.scope)
    await assert_at_rest(stand)


async def test_no_token_at_all_sends_nothing() -> None:
    stand = wide_stand()
    stand.platform.tool.scopes = ()
    report = await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert (report.total, report.recorded, report.unknown) == (USERS, 0, 0)
    assert {type(delivery.error) for delivery in report.failed} == {GrantRefusedError}
    assert stand.platform.counts["post_score"] == 0


async def test_one_locked_grade_spares_nobody_else() -> None:
    """
    A 403 is for one user, not for all.
    """
    stand = wide_stand()
    for number in (1, 5, 50):
        stand.platform.lock(None, f"user-{number:04}")
    report = await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert report.recorded == USERS - 3
    assert [type(delivery.error) for delivery in report.failed] == [ForbiddenError] * 3
    assert stand.platform.tokens.requests <= 2


# -- The platform ------------------------------------------------------------------------------------------------------


def away(stand: Stand, time: VirtualTime, begin: float, end: float, error: type[Exception]) -> None:
    """
    Let the platform be away for a while; a score takes a tenth of a second otherwise.
    """

    async def before(request: Request) -> None:
        await time.sleep(0.1)
        if begin <= time.now < end:
            recorded = False if error is UnreachableError else None
            raise error("away", recorded=recorded, transient=True)

    assert stand.transport is not None
    stand.transport.before = before


@pytest.mark.parametrize("error", [UnreachableError, LostAnswerError])
async def test_a_platform_that_goes_away_and_comes_back_loses_nothing(error: type[Exception]) -> None:
    time = VirtualTime()
    retry = RetryPolicy(attempts=50, first_wait=0.5, longest_wait=5.0, total_time=120.0)
    stand = memory_stand(
        users=USERS, clock=time.wall, client={"runtime": runtime_for(time), "retry": retry, "pace": Pace(ceiling=SLOTS)}
    )
    away(stand, time, 0.35, 40.0, error)
    report = await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert (report.recorded, report.total) == (USERS, USERS)
    assert report.waited > 0
    assert f"{report.waited} waited while the platform was away ({error.__name__})" in str(report)
    assert time.now > 40
    assert all(len(stand.history(user)) == 1 for user in stand.platform.users())


async def test_a_platform_that_stays_away_ends_every_score_in_bounded_time() -> None:
    time = VirtualTime()
    retry = RetryPolicy(attempts=3, first_wait=0.5, total_time=60.0)
    stand = memory_stand(
        users=10, clock=time.wall, client={"runtime": runtime_for(time), "retry": retry, "pace": Pace(ceiling=2)}
    )
    away(stand, time, 0.15, 1e9, UnreachableError)
    report = await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert (report.total, report.recorded, report.unknown) == (10, 0, 0)
    assert {type(delivery.error) for delivery in report.failed} == {UnreachableError}
    # The first wait for their total time; each two of those who come later for one probe.
    assert time.now < retry.total_time + 5 * LONGEST_WAIT


async def test_a_lost_answer_is_unknown_and_said_so() -> None:
    stand = wide_stand(retry=RetryPolicy(attempts=1))

    async def lose(request: Request) -> None:
        if request.url.endswith("/scores"):
            raise LostAnswerError("lost", recorded=None, transient=True)

    assert stand.transport is not None
    stand.transport.after = lose
    report = await stand.gradebook.post_scores(grades(stand.platform.users()[:10]))
    assert (report.total, report.recorded, report.unknown) == (10, 0, 10)
    assert "10 unknown" in str(report)
    assert len(stand.platform.results()) == 10


async def test_confirm_reads_the_result_to_settle_what_is_unknown() -> None:
    stand = wide_stand(retry=RetryPolicy(attempts=1))
    applied = 0

    async def lose(request: Request) -> None:
        if request.url.endswith("/scores"):
            raise LostAnswerError("lost", recorded=None, transient=True)

    async def lose_half(request: Request) -> None:
        nonlocal applied
        if request.url.endswith("/scores"):
            applied += 1
            if applied % 2:
                raise LostAnswerError("lost before it had an effect", recorded=None, transient=True)

    assert stand.transport is not None
    stand.transport.before, stand.transport.after = lose_half, lose
    report = await stand.gradebook.post_scores(grades(stand.platform.users()[:10]), confirm=True)
    assert (report.recorded, report.unknown) == (5, 5)
    there = {result["userId"] for result in stand.platform.results()}
    assert {delivery.score.user_id for delivery in report.failed}.isdisjoint(there)


async def test_a_lost_answer_is_asked_again_with_the_same_bytes() -> None:
    time = VirtualTime()
    stand = memory_stand(users=3, clock=time.wall, client={"runtime": runtime_for(time)})
    left = 2

    async def lose_twice(request: Request) -> None:
        nonlocal left
        if request.url.endswith("/scores") and left:
            left -= 1
            raise LostAnswerError("lost", recorded=None, transient=True)

    assert stand.transport is not None
    stand.transport.after = lose_twice
    delivery = await stand.gradebook.post_score(graded(1))
    assert (delivery.recorded, delivery.attempts) == (True, 3)
    bodies = [exchange.request.body for exchange in stand.platform.requests if exchange.operation == "post_score"]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert stand.history("user-0001") == [8]


# -- The tool itself ---------------------------------------------------------------------------------------------------


async def test_a_bug_in_a_transport_ends_the_batch_at_once_and_bare() -> None:
    """
    It is no error of the platform: an endless source must not be drained for it.
    """
    stand = wide_stand()
    taken: list[Score] = []

    async def fail(request: Request) -> None:
        if len(stand.platform.results()) >= 20:
            raise Broken

    assert stand.transport is not None
    stand.transport.before = fail
    with pytest.raises(Broken) as caught:
        await stand.gradebook.post_scores(endless(taken))
    assert len(taken) <= 20 + SLOTS + BOUND
    assert caught.value.__notes__[0].startswith("before that: 20 of ")
    stand.transport.before = stand.transport.after
    await assert_at_rest(stand)


@pytest.mark.usefixtures("both_transports")
async def test_a_client_closed_midway_ends_the_batch() -> None:
    from aioags import Client
    from tests.rigs.raw_server import http, raw_server

    async with raw_server(http(204)) as server:
        client = Client(retry=RetryPolicy(attempts=1))
        gradebook = server.gradebook(client)
        seen = 0
        with pytest.raises(RuntimeError, match="closed"):
            async with gradebook.post_scores(endless()) as deliveries:
                async for _ in deliveries:
                    seen += 1
                    if seen == 10:
                        await client.aclose()
        assert deliveries.report.recorded >= 10


async def test_a_listener_that_raises_costs_no_grade(caplog: pytest.LogCaptureFixture) -> None:
    def listen(event: object) -> None:
        raise Broken

    stand = wide_stand(on_event=listen)
    report = await stand.gradebook.post_scores(grades(stand.platform.users()[:5]))
    assert report.ok
    assert "on_event failed" in caplog.text


async def test_what_is_kept_of_a_hopeless_batch_is_bounded() -> None:
    """
    Every failure is counted; only so many are kept.
    """
    from aioags.model.delivery import FAILURES_KEPT

    stand = wide_stand()
    stand.platform.tool.scopes = ()
    extra = 5
    report = await stand.gradebook.post_scores(itertools.islice(endless(), FAILURES_KEPT + extra))
    assert (report.total, len(report.failed), report.omitted) == (FAILURES_KEPT + extra, FAILURES_KEPT, extra)
