"""
What is told and logged: each kind of event where it belongs, at its level, and nobody's secrets in any of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import pytest

from aioags import (
    AGSError,
    BatchEvent,
    BreakerEvent,
    Client,
    DeliveryEvent,
    Event,
    KeySetEvent,
    LaunchEvent,
    NoticeEvent,
    OutboxEvent,
    RepeatEvent,
    RequestEvent,
    Runtime,
    Score,
    ThrottleEvent,
    TokenEvent,
    WindowEvent,
)
from aioags.emulator import Fault
from aioags.errors import LaunchError
from aioags.launch import Tool
from aioags.outbox import MemoryStore, Outbox
from benchmarks._calls.counting import Calls
from tests.launch.emulated_course import Course
from tests.outbox.kit import ONE_TRY, SCHOOL
from tests.rigs.memory import Stand, grades, memory_stand, new_platform, runtime_for
from tests.rigs.virtual_time import VirtualTime

E = TypeVar("E", bound=Event)
KINDS = {
    *(RequestEvent, RepeatEvent, ThrottleEvent, WindowEvent, BreakerEvent, TokenEvent, DeliveryEvent, BatchEvent),
    *(NoticeEvent, LaunchEvent, KeySetEvent, OutboxEvent),
}


class Heard(list[Event]):
    """
    A listener, and what it heard.
    """

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """
        Return the events of one kind.
        """
        return [event for event in self if type(event) is kind]


def stand_with(heard: Callable[[Event], None] | None, *, users: int = 20, **client: Any) -> Stand:
    """
    Return a stand in virtual time, where an answer takes 50 ms.
    """
    time = VirtualTime()

    async def travel(_: object) -> None:
        await time.sleep(0.05)

    client |= {"runtime": runtime_for(time), "on_event": heard}
    return memory_stand(users=users, before=travel, clock=time.wall, client=client)


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """
    Return the lines of one level.
    """
    return [record.getMessage() for record in caplog.records if record.levelno == level]


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Heard:
    """
    Hear everything, and log everything.
    """
    caplog.set_level(logging.DEBUG, "aioags")
    return Heard()


async def test_a_batch_that_goes_well(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    stand = stand_with(heard)
    assert (await stand.gradebook.post_scores(grades(stand.platform.users()))).ok
    begun, over = heard.of(BatchEvent)
    assert (heard[0], heard[-1]) == (begun, over)
    assert (begun.is_over, begun.total, over.is_over, over.total, over.recorded) == (False, 0, True, 20, 20)
    assert begun.batch == over.batch
    assert over.seconds > begun.seconds == 0.0
    (token,) = heard.of(TokenEvent)
    assert (token.name, token.attempts, token.error) == (stand.registration.client_id, 1, None)
    assert token.expires_in
    posts = [event for event in heard.of(RequestEvent) if event.operation == "post_score"]
    assert [(event.attempt, event.error, event.wait, event.away) for event in posts] == [(1, None, None, False)] * 20
    assert {(event.origin, event.name) for event in posts} == {(token.origin, token.name)}
    delivered = heard.of(DeliveryEvent)
    assert [(event.recorded, event.attempts, event.error) for event in delivered] == [(True, 1, None)] * 20
    assert {event.line_item for event in delivered} == {stand.endpoint.lineitem}
    assert [(event.before, event.window) for event in heard.of(WindowEvent)] == [(4, 8), (8, 16)]
    assert not {type(event) for event in heard} & {RepeatEvent, ThrottleEvent, BreakerEvent, NoticeEvent}
    assert lines(caplog, logging.INFO) == ["post_scores: 20 of 20 scores recorded in 0.2 s"]
    assert lines(caplog, logging.WARNING) == []


async def test_the_log_says_without_a_listener_what_it_says_with_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aioags")
    said = []
    for listener in (None, Heard()):
        caplog.clear()
        stand = stand_with(listener)
        assert (await stand.gradebook.post_scores(grades(stand.platform.users()))).ok
        said.append([record.msg for record in caplog.records])
    assert said[0] == said[1]


async def test_one_score_alone_is_no_batch(heard: Heard) -> None:
    stand = stand_with(heard)
    await stand.gradebook.post_score(grades(stand.platform.users())[0])
    with pytest.raises(AGSError):
        await stand.gradebook.post_score(grades(["stranger"])[0])
    assert [(event.recorded, event.error) for event in heard.of(DeliveryEvent)] == [
        (True, None),
        (False, "UserNotGradableError"),
    ]
    assert heard.of(BatchEvent) == []


async def test_every_score_of_a_batch_is_told_once_however_it_ends(heard: Heard) -> None:
    stand = stand_with(heard, users=4)
    first, second, third, fourth = stand.platform.users()
    graded = [*grades([first, second]), *grades(["stranger"])]
    older = Score.graded(third, 1, score_maximum=10)
    newest = [Score.graded(third, points, score_maximum=10) for points in (2, 3)]
    source = [*((None, one) for one in [*graded, *newest, older]), ("https://elsewhere.example/1", grades([fourth])[0])]
    report = await stand.gradebook.post_scores(source, coalesce=True)
    told = [event.recorded for event in heard.of(DeliveryEvent)]
    assert len(told) == report.total == 7
    assert told.count(True) == report.recorded
    assert {event.error for event in heard.of(DeliveryEvent)} >= {"UntrustedURLError", "UserNotGradableError", None}
    assert len({event.error for event in heard.of(DeliveryEvent)} & {"SupersededError", "StaleScoreError"}) > 0


async def test_a_throttle_is_no_warning(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    stand = stand_with(heard, users=3)
    stand.platform.faults.add(Fault.throttle(7.0, operation="post_score", times=1))
    await stand.gradebook.post_score(grades(stand.platform.users())[0])
    (throttle,), (repeat,) = heard.of(ThrottleEvent), heard.of(RepeatEvent)
    assert (throttle.operation, throttle.status) == ("post_score", 429)
    assert throttle.hold == pytest.approx(7.0, abs=0.1)
    assert (repeat.attempt, repeat.error) == (2, "ThrottledError")
    assert repeat.wait >= 7.0
    assert [event.window for event in heard.of(WindowEvent)] == [throttle.window]
    assert lines(caplog, logging.WARNING) == []
    assert any("attempt 2 in" in line for line in lines(caplog, logging.DEBUG))


async def test_a_renewed_token_is_a_repeat_without_an_error(heard: Heard) -> None:
    stand = stand_with(heard, users=3)
    first, second, _ = stand.platform.users()
    await stand.gradebook.post_score(grades([first])[0])
    stand.platform.faults.add(Fault.answer(401, operation="post_score", times=1))
    await stand.gradebook.post_score(grades([second])[0])
    assert [(event.attempt, event.wait, event.error) for event in heard.of(RepeatEvent)] == [(2, 0.0, None)]
    assert len(heard.of(TokenEvent)) == 2


async def test_a_token_that_is_refused(heard: Heard) -> None:
    stand = stand_with(heard, users=3)
    stand.platform.faults.add(Fault.answer(400, b'{"error": "invalid_client"}', operation="token"))
    with pytest.raises(AGSError):
        await stand.gradebook.post_score(grades(stand.platform.users())[0])
    (token,) = heard.of(TokenEvent)
    assert (token.expires_in, token.error) == (None, "GrantRefusedError")
    (delivery,) = heard.of(DeliveryEvent)
    assert (delivery.attempts, delivery.recorded) == (0, False)


@pytest.mark.parametrize("listens", [True, False])
async def test_the_breaker_is_the_only_warning_and_is_said_once(
    listens: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aioags")
    heard = Heard()
    stand = stand_with(heard if listens else None, users=40)
    stand.platform.faults.add(Fault.answer(502, operation="post_score", times=20))
    assert (await stand.gradebook.post_scores(grades(stand.platform.users()))).ok
    (warned,) = lines(caplog, logging.WARNING)
    assert warned.startswith(f"{stand.registration.client_id} at https://lms.example:443 is away (BrokenError)")
    back, batch = lines(caplog, logging.INFO)
    assert " is back after " in back
    assert batch.startswith("post_scores: 40 of 40")
    if listens:
        opened, closed = heard.of(BreakerEvent)
        assert (opened.is_open, opened.error, opened.seconds) == (True, "BrokenError", 0.0)
        assert (closed.is_open, closed.error) == (False, None)
        assert closed.seconds > 0.0


async def test_requests_are_logged_also_where_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aioags")
    stand = stand_with(None, users=1)
    await stand.gradebook.post_score(grades(stand.platform.users())[0])
    (record,) = [one for one in caplog.records if "/scores" in one.getMessage()]
    facts: dict[str, Any] = record.aioags  # type: ignore[attr-defined]
    assert (facts["event"], facts["operation"], facts["method"]) == ("RequestEvent", "post_score", "POST")
    assert record.getMessage().startswith(f"POST {facts['url']}: {facts['status']}, ")
    assert "%(url)s" in record.msg, "the same text each time, for collectors to group by"


@pytest.mark.parametrize("listens", [False, True])
async def test_without_a_listener_no_event_is_made(listens: bool) -> None:
    stand, calls = stand_with(Heard() if listens else None), Calls()
    with calls.on():
        assert (await stand.gradebook.post_scores(grades(stand.platform.users()))).ok
    made = {code.co_filename for code in calls.counted if "aioags.model.event" in code.co_filename}
    assert bool(made) is listens, made


async def test_what_a_listener_sets_at_the_beginning_holds_for_the_requests_and_nobody_else() -> None:
    current: ContextVar[str] = ContextVar("current", default="nothing")
    seen: list[tuple[str, str]] = []

    def listen(event: Event) -> None:
        if isinstance(event, BatchEvent) and not event.is_over:
            current.set("the batch")
        seen.append((type(event).__name__, current.get()))

    stand = stand_with(listen, users=3)
    async with stand.gradebook.post_scores(grades(stand.platform.users())) as deliveries:
        async for _ in deliveries:
            assert current.get() == "nothing"
    assert {where for _, where in seen} == {"the batch"}
    assert current.get() == "nothing"
    assert [name for name, _ in seen][-1] == "BatchEvent"


async def test_a_worker_that_another_batch_woke_belongs_to_its_own() -> None:
    current: ContextVar[int] = ContextVar("current", default=0)
    seen: set[tuple[str | None, int]] = set()
    number = 0

    def listen(event: Event) -> None:
        nonlocal number
        if isinstance(event, BatchEvent) and not event.is_over:
            number += 1
            current.set(number)
        if isinstance(event, DeliveryEvent):
            seen.add((event.error, current.get()))

    stand = memory_stand(users=1, client={"runtime": runtime_for(VirtualTime()), "on_event": listen})
    (user,) = stand.platform.users()
    stand.platform.faults.add(Fault.answer(404, operation="post_score", times=1))
    first, second = (stand.gradebook.post_scores([Score.graded(user, n, score_maximum=10)]) for n in (1, 2))
    await asyncio.gather(asyncio.ensure_future(_collected(first)), asyncio.ensure_future(_collected(second)))
    assert len(seen) == 2
    assert {batch for _, batch in seen} == {1, 2}


async def _collected(posting: Any) -> Any:
    return await posting


async def test_a_batch_that_is_cancelled_ends_too(heard: Heard) -> None:
    def listen(event: Event) -> None:
        heard(event)
        if type(event) is DeliveryEvent and event.recorded:
            task.cancel()

    stand = stand_with(listen)
    task = asyncio.ensure_future(_collected(stand.gradebook.post_scores(grades(stand.platform.users()))))
    with pytest.raises(asyncio.CancelledError):
        await task
    over = heard.of(BatchEvent)[-1]
    assert over.is_over
    assert 0 < over.recorded < over.total == len(heard.of(DeliveryEvent))


async def test_what_becomes_of_scores_in_an_outbox(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    stand = stand_with(heard, users=3, retry=ONE_TRY)
    outbox = Outbox(MemoryStore(), stand.client, {SCHOOL: stand.registration}, runtime=Runtime(sleep=asyncio.sleep))
    users = [*stand.platform.users(), "stranger"]
    graded = grades(users)
    assert await outbox.put_many(SCHOOL, stand.endpoint, graded) == 4
    assert not await outbox.put(SCHOOL, stand.endpoint, graded[0])
    await outbox.drain(SCHOOL, str(stand.endpoint.lineitem))
    told = [(event.what, event.count, event.error) for event in heard.of(OutboxEvent)]
    assert told[:2] == [("put", 4, None), ("dropped", 1, None)]
    assert sorted(told[2:]) == [
        ("deferred", 1, "UserNotGradableError"),
        *[("recorded", 1, None)] * 3,
    ]
    assert {event.registration_id for event in heard.of(OutboxEvent)} == {SCHOOL}
    assert {event.line_item for event in heard.of(OutboxEvent)} == {stand.endpoint.lineitem}
    warned = lines(caplog, logging.WARNING)
    assert [line for line in warned if "were not stored" in line] == warned[:1]
    assert [line for line in warned if "is deferred: UserNotGradableError" in line] == warned[1:]
    await outbox.aclose()


async def test_a_platform_that_is_left_alone_and_a_column_that_refuses(heard: Heard) -> None:
    stand = stand_with(heard, users=9, retry=ONE_TRY)
    outbox = Outbox(MemoryStore(), stand.client, {SCHOOL: stand.registration}, runtime=Runtime(sleep=asyncio.sleep))
    await outbox.put_many(SCHOOL, stand.endpoint, grades(stand.platform.users()))
    stand.platform.faults.add(Fault.throttle(3000.0, operation="post_score", times=1))
    await outbox.drain(SCHOOL, str(stand.endpoint.lineitem))
    alone = [event for event in heard.of(OutboxEvent) if event.what == "left alone"]
    assert [(event.line_item, event.level) for event in alone] == [(None, logging.WARNING)]
    assert alone[0].seconds == pytest.approx(3000, rel=0.01)
    stand.platform.faults.clear()
    stand.platform.faults.add(Fault.answer(422, b"{}", operation="post_score"))
    other = memory_stand(users=9, client={"on_event": heard, "retry": ONE_TRY})
    other.platform.faults.add(Fault.answer(422, b"{}", operation="post_score"))
    closed = Outbox(MemoryStore(), other.client, {SCHOOL: other.registration})
    await closed.put_many(SCHOOL, other.endpoint, grades(other.platform.users()))
    await closed.drain(SCHOOL, str(other.endpoint.lineitem))
    assert "refuses everything" in [event.what for event in heard.of(OutboxEvent)]
    await outbox.aclose()
    await closed.aclose()


async def test_launches_and_keys(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    course = Course()
    client = Client(transport=course.transport, on_event=heard)
    course.tool = Tool(course.settings, course.transport, runtime=course.runtime, on_event=client.told.listener)
    await course.launch()
    with pytest.raises(LaunchError):
        await course.tool.login({"iss": "https://nobody.example", "login_hint": "h", "target_link_uri": "https://x"})
    with pytest.raises(LaunchError):
        await course.tool.launch({"state": "s", "id_token": "eyJ.eyJ.x"}, {})
    told = [(event.step, event.issuer, event.error) for event in heard.of(LaunchEvent)]
    issuer = course.registration.issuer
    assert told[:2] == [("login", issuer, None), ("launch", issuer, None)]
    assert [(step, name, error is None) for step, name, error in told[2:]] == [
        ("login", None, False),
        ("launch", None, False),
    ]
    (keys,) = heard.of(KeySetEvent)
    assert keys.keys is not None and keys.keys >= 1
    assert lines(caplog, logging.WARNING) == []
    assert len([line for line in lines(caplog, logging.INFO) if " was refused: " in line]) == 2


async def test_an_event_is_its_line() -> None:
    heard = Heard()
    stand = stand_with(heard, users=12)
    stand.platform.faults.add(Fault.answer(502, operation="post_score", times=11))
    await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert len({type(event) for event in heard}) >= 7
    for event in heard:
        assert "%(" not in str(event)
        assert str(event)


async def test_nobody_can_be_told_from_what_is_told(heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    platform = new_platform(users=3)
    stand = stand_with(heard, users=3, retry=ONE_TRY)
    users = platform.users()
    outbox = Outbox(MemoryStore(), stand.client, {SCHOOL: stand.registration}, runtime=Runtime(sleep=asyncio.sleep))
    await outbox.put_many(SCHOOL, stand.endpoint, grades([*users, "stranger-7"], 7.125))
    await outbox.drain(SCHOOL, str(stand.endpoint.lineitem))
    await stand.gradebook.get_result(users[0])
    assert [one async for one in stand.gradebook.results(user_id="stranger-7")] == []
    told = repr(heard) + caplog.text + repr([record.__dict__ for record in caplog.records])
    assert {type(event) for event in heard} >= {RequestEvent, OutboxEvent, DeliveryEvent, BatchEvent, TokenEvent}
    for secret in [*users, "stranger-7", "7.125", "Bearer", "eyJ"]:
        assert secret not in told
    await outbox.aclose()


def test_each_kind_is_met_in_this_file() -> None:
    assert set(Event.__subclasses__()) == KINDS
