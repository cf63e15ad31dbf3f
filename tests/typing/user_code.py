"""
The package as a user writes it, for the type checkers alone: nothing here runs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_type

import attrs

import aioags
from aioags import (
    ActivityProgress,
    AGSError,
    Client,
    Delivery,
    Endpoint,
    Event,
    GradingProgress,
    LastSent,
    LineItem,
    Member,
    OutboxEvent,
    Pace,
    Plan,
    PlannedChange,
    PlatformError,
    PlatformService,
    Registration,
    Report,
    RequestEvent,
    Result,
    RetryPolicy,
    Score,
    ShownGrade,
    Submission,
    Traffic,
    join_results,
)
from aioags.contrib.opentelemetry import opentelemetry_listener


def registered(key: str) -> Registration:
    plain = Registration("https://lms.example.edu", "tool-1", "https://lms.example.edu/token", key)
    assert_type(plain.audience, str | None)
    return Registration(
        issuer="https://lms.example.edu",
        client_id="tool-1",
        token_url="https://lms.example.edu/token",
        key={"kty": "RSA"},
        audience="https://lms.example.edu",
        deployment_id="1",
    )


def listened(event: Event) -> None:
    match event:
        case RequestEvent(status=status):
            assert_type(status, int | None)
        case OutboxEvent(what="dead", registration_id=school):
            assert_type(school, str)
        case _:
            assert_type(str(event), str)


def observed() -> tuple[Client, Client]:
    return Client(on_event=listened), Client(on_event=opentelemetry_listener())


def stored(claims: dict[str, Any]) -> str:
    endpoint = Endpoint.from_launch(claims)
    assert_type(endpoint, Endpoint | None)
    return json.dumps(endpoint.to_claim()) if endpoint else ""


def scores(user: str) -> Iterator[Score]:
    yield Score.graded(user, 83, score_maximum=100)
    yield Score.graded(user, Decimal("0.5"), score_maximum=1.5, comment="Half.", timestamp=datetime.now(UTC))
    yield Score.progress(user, ActivityProgress.STARTED)
    yield Score.progress(user, ActivityProgress.SUBMITTED, grading_progress=GradingProgress.PENDING_MANUAL)
    yield Score.cleared(user)
    yield Score(
        user,
        ActivityProgress.COMPLETED,
        GradingProgress.FULLY_GRADED,
        score_given=1,
        score_maximum=1,
        submission=Submission(submitted_at=datetime.now(UTC)),
        extensions={"https://example.edu/attempt": 2},
    )


async def arriving(user: str) -> AsyncIterator[Score]:
    for score in scores(user):
        yield score


async def pairs(user: str, item: LineItem) -> AsyncIterator[tuple[LineItem, Score]]:
    for score in scores(user):
        yield item, score


async def graded(registration: Registration, endpoint: Endpoint, user: str) -> None:
    async with Client() as ags:
        assert_type(ags, Client)
        gradebook = ags.gradebook(registration, endpoint)
        await gradebook.post_score(Score.graded(user, 83, score_maximum=100))

        quiz = await gradebook.find_or_create_line_item(
            label="Quiz 1", score_maximum=100, resource_id="quiz-1", tag="grade"
        )
        assert_type(quiz, LineItem)
        async for item in gradebook.line_items(tag="quiz"):
            assert_type(item, LineItem)
            assert_type(item.id, str | None)
        assert_type(await gradebook.get_line_item(), LineItem)
        assert_type(await gradebook.get_line_item(quiz.id), LineItem)
        assert_type(await gradebook.create_line_item(LineItem("Quiz 2", 20)), LineItem)
        assert_type(await gradebook.update_line_item(attrs.evolve(quiz, label="Again")), LineItem)
        await gradebook.delete_line_item(quiz, force=True)
        await gradebook.post_score(Score.cleared(user), line_item=quiz)


async def graded_in_bulk(gradebook: aioags.Gradebook, user: str, quiz: LineItem) -> None:
    report = await gradebook.post_scores(scores(user), line_item=quiz)
    assert_type(report, Report)
    assert_type(report.failed, list[Delivery])
    assert_type(report.ok, bool)

    assert_type(await gradebook.post_scores([Score.cleared(user)]), Report)
    assert_type(await gradebook.post_scores(pairs(user, quiz)), Report)
    async with gradebook.post_scores(arriving(user), line_item=quiz.id) as deliveries:
        async for delivery in deliveries:
            assert_type(delivery, Delivery)
            assert_type(delivery.score, Score)
            assert_type(delivery.error, AGSError | None)
            if isinstance(delivery.error, PlatformError):
                assert_type(delivery.error.status, int)


async def read(gradebook: aioags.Gradebook, user: str, quiz: LineItem) -> None:
    results: list[Result] = []
    async for result in gradebook.results(line_item=quiz):
        assert_type(result, Result)
        assert_type(result.fraction, float | None)
        results.append(result)
    assert_type(await gradebook.get_result(user, line_item=quiz), Result | None)
    join_results([{"id": user}], results, key=lambda person: person["id"])


class Ledger:
    async def last_sent(self, line_item: str) -> AsyncIterator[LastSent]:
        yield LastSent.of(Score.cleared(line_item))


async def planned(gradebook: aioags.Gradebook, user: str, quiz: LineItem) -> None:
    plan = await gradebook.plan(scores(user), line_item=quiz)
    assert_type(plan, Plan)
    assert_type(plan.new, tuple[PlannedChange, ...])
    assert_type(plan.not_in_course, tuple[PlannedChange, ...] | None)
    assert_type(plan.overridden[0].before, ShownGrade | None)
    assert_type(plan.overridden[0].after, Score | None)
    assert_type(await plan.apply(overwrite=True), Report)
    async with plan.apply() as deliveries:
        async for delivery in deliveries:
            assert_type(delivery, Delivery)
    await gradebook.plan(arriving(user), last_sent={user: Score.cleared(user)}, members=[user])
    await gradebook.plan([], last_sent=Ledger(), members=[Member(user)])


async def told_apart(gradebook: aioags.Gradebook, score: Score) -> float | None:
    try:
        await gradebook.post_score(score)
    except AGSError as error:
        assert_type(error.recorded, bool | None)
        assert_type(error.transient, bool)
        return error.retry_after
    return None


def configured() -> Client:
    return Client(retry=RetryPolicy(attempts=3, total_time=20.0), pace=Pace(floor=1, ceiling=8))


async def other_services(ags: Client, registration: Registration, claim: dict[str, Any]) -> None:
    service = ags.service(registration, claim["context_groups_url"], scopes=claim["scope"])
    assert_type(service, PlatformService)
    assert_type(await service.request("GET", accept="application/json"), Any)
    await service.request("PUT", service.url, json={"handler": None})
    async for page in service.pages(accept="application/json"):
        assert_type(page, Any)
    assert_type(ags.stats(), list[Traffic])
    assert_type(ags.stats()[0].closed_until, datetime | None)
