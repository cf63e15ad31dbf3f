"""
A platform that is slow, shut, down or away: its scores wait, untouched, and nobody else's do.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aioags import Client, Endpoint, Gradebook, Registration, RetryPolicy, Scope
from aioags.outbox import Backoff, MemoryStore, Selection, SQLiteStore, State
from aioags.protocol.messages import Request, Response
from tests.outbox.kit import FAULT, SCHOOL, new_desk
from tests.rigs.faults import Fault
from tests.rigs.memory import tool_key

HOUR = 3600.0


def throttled(seconds: int) -> Fault:
    """
    An answer that asks for a silence.
    """

    def act(request: Request, *_: object) -> Response:
        return Response(429, "", (("Retry-After", str(seconds)),), b"", request.url)

    return Fault("429", act)


def unauthorized(request: Request) -> Fault | None:
    """
    Let nobody in.
    """
    answer = Response(401, "", (), b"", request.url)
    return Fault("401", lambda *_: answer) if "/scores" in request.url else None


async def test_a_short_silence_is_awaited_within_the_drain() -> None:
    desk = new_desk(users=50)
    left = [throttled(20)]
    desk.transport.choose = lambda request: left.pop() if left and "/scores" in request.url else None
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    recorded, refused, postponed = await desk.drain()
    assert (recorded, refused) == (50, 0)
    assert postponed > 0
    assert 20 in desk.time.slept
    assert {row.attempts for row in desk.table.rows.values()} == {1}, "a throttled attempt does not count"


async def test_a_long_silence_ends_the_drain_and_leaves_the_rows_as_they_were() -> None:
    desk = new_desk(users=50)
    desk.transport.choose = lambda request: throttled(7200) if "/scores" in request.url else None
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    assert (await desk.drain())[0] == 0
    assert {(row.attempts, row.state, row.not_before) for row in desk.table.rows.values()} == {(0, State.DUE, 0.0)}
    (platform,) = (await desk.outbox.stats()).platforms
    assert platform.block is not None
    assert platform.block.until == desk.time.wall() + 7200
    assert platform.block.reason.startswith("ThrottledError: ")
    desk.heal()
    requests = desk.platform.counts["post_score"]
    desk.time.now += 7100
    assert await desk.drain() == (0, 0, 0)
    assert desk.platform.counts["post_score"] == requests
    desk.time.now += 100
    assert await desk.drain() == (50, 0, 0)


async def test_whoever_tries_again_from_elsewhere_lifts_a_block() -> None:
    desk = new_desk(users=20, outbox={"patience": 0})
    desk.transport.choose = unauthorized
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await desk.drain()
    desk.heal()
    assert await desk.drain() == (0, 0, 0)
    await MemoryStore(desk.table).retry(Selection(), now=desk.time.wall())
    assert await desk.drain() == (20, 0, 0)
    desk.transport.choose = unauthorized
    await desk.put(desk.grade(6, at=60))
    await desk.drain()
    assert (await desk.outbox.stats()).platforms[0].block is not None, "and it can be blocked again at once"


async def test_a_weekend_of_maintenance_costs_few_requests_and_no_score() -> None:
    desk = new_desk(users=400, outbox={"backoff": Backoff(first_wait=5, longest_wait=900), "patience": 0})
    desk.fail("500")
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    end = desk.time.now + 60 * HOUR
    tried = 0
    while desk.time.now < end:
        tried += (await desk.drain())[2]
        times = [item.at for item in await desk.outbox.store.due(now=desk.time.wall())]
        desk.time.now = max(desk.time.now + 1, min(times) - desk.time.start)
    assert tried < 600, "what was in flight when it began, and then one score in 11 minutes"
    desk.heal()
    desk.time.now += HOUR
    recorded = 0
    for _ in range(20):
        recorded += (await desk.drain())[0]
        desk.time.now += 900
    assert recorded == 400


async def test_a_locked_column_of_moodles_holds_up_no_other_column(caplog: pytest.LogCaptureFixture) -> None:
    desk = new_desk("moodle", users=30, outbox={"patience": 0})
    site, users = desk.platform.site, desk.platform.users()
    locked, free = (desk.platform.add_line_item(name, 100) for name in ("Locked", "Free"))
    for user in users:
        desk.platform.lock(locked, user)
    column, other = site.item_url(locked), site.item_url(free)
    await desk.outbox.put_many(SCHOOL, desk.endpoint, [desk.grade(5, user) for user in users], line_item=column)
    await desk.outbox.drain(SCHOOL, column)
    for turn in range(40):
        desk.time.now += 60
        await desk.outbox.drain(SCHOOL, column)
        await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(turn % 10), line_item=other)
        assert (await desk.outbox.drain(SCHOOL, other)).recorded == 1, f"turn {turn}"
    assert desk.platform.counts["post_score"] < 40 + 60, "nor is it asked for each of its scores"
    waiting = [row async for row in desk.outbox.deferred(line_item=column)]
    assert len(waiting) == 30
    assert all(str(row.last_error).startswith("RefusedError: ") for row in waiting)
    for user in users:
        desk.platform.lock(locked, user, locked=False)
    assert await desk.outbox.retry(line_item=column) == 30
    assert (await desk.outbox.drain(SCHOOL, column)).recorded == 30


async def test_one_proper_answer_ends_the_suspicion() -> None:
    desk = new_desk(users=40)
    turns = itertools.cycle([FAULT["500"], None])
    desk.transport.choose = lambda request: next(turns) if "/scores" in request.url else None
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    recorded, _, postponed = await desk.drain()
    assert (recorded, postponed) == (20, 20)
    assert (await desk.outbox.stats()).platforms[0].block is None


@pytest.mark.parametrize(
    "status, body", [(400, b'{"error": "invalid_client"}'), (401, b""), (404, b"<html>"), (200, b"{}")]
)
async def test_a_platform_that_gives_no_token_kills_no_score(status: int, body: bytes) -> None:
    desk = new_desk(outbox={"patience": 0})

    def no_token(request: Request) -> Fault | None:
        answer = Response(status, "", (), body, request.url)
        return Fault("no token", lambda *_: answer) if "token" in request.url else None

    desk.transport.choose = no_token
    await desk.put(desk.grade())
    assert await desk.drain() == (0, 0, 1)
    row = desk.row()
    assert (row.state, row.attempts, row.unsure) == (State.DUE, 0, False)
    (platform,) = (await desk.outbox.stats()).platforms
    assert platform.block is not None
    first = platform.block.until - desk.time.wall()
    desk.time.now += first
    await desk.drain()
    (platform,) = (await desk.outbox.stats()).platforms
    assert platform.block is not None
    assert platform.block.until - desk.time.wall() == pytest.approx(2 * first), "left alone for longer each time"
    desk.heal()
    desk.time.now += HOUR
    assert await desk.drain() == (1, 0, 0)


async def test_a_platform_that_refuses_every_token_is_not_asked_for_each_score() -> None:
    desk = new_desk(users=300, outbox={"patience": 0})
    desk.transport.choose = unauthorized
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await desk.drain()
    assert desk.transport.befallen < 140, "what was in flight at once, and one renewal"
    assert (await desk.outbox.stats()).dead == 0
    desk.heal()
    desk.time.now += HOUR
    recorded, _, _ = await desk.drain()
    assert recorded == 300


async def test_a_page_of_maintenance_or_login_is_no_word_about_the_score() -> None:
    desk = new_desk()

    def elsewhere(request: Request) -> Fault | None:
        answer = Response(302, "", (("Location", "https://lms.example/maintenance.html"),), b"", request.url)
        return Fault("302", lambda *_: answer) if "/scores" in request.url else None

    desk.transport.choose = elsewhere
    await desk.put(desk.grade())
    assert await desk.drain() == (0, 0, 1)
    desk.heal()
    desk.time.now += 60
    assert await desk.drain() == (1, 0, 0)


@pytest.mark.parametrize("words", ["half \\ud800 a pair", "nothing \\u0000 at all", "\\u001b[2J"])
@pytest.mark.parametrize("status", [400, 500, 429])
async def test_no_words_of_a_platform_are_too_strange_to_be_kept(status: int, words: str, tmp_path: Path) -> None:
    desk = new_desk(store=SQLiteStore(tmp_path / "grades.db"), outbox={"patience": 0})
    body = f'{{"message": "{words}"}}'.encode()

    def strange(request: Request) -> Fault | None:
        answer = Response(status, "", (), body, request.url)
        return Fault("strange words", lambda *_: answer) if "/scores" in request.url else None

    desk.transport.choose = strange
    await desk.put(desk.grade())
    await desk.drain()
    stats = await desk.outbox.stats()
    assert (stats.dead, stats.deferred, stats.due) == ((0, 1, 0) if status == 400 else (0, 0, 1))
    await desk.outbox.aclose()


async def test_the_client_may_do_the_waiting_itself() -> None:
    desk = new_desk(retry=RetryPolicy())
    left = [throttled(60)]
    desk.transport.choose = lambda request: left.pop() if left and "/scores" in request.url else None
    await desk.put(desk.grade())
    assert await desk.drain() == (1, 0, 0)


async def test_a_registration_that_cannot_be_found_holds_its_scores_back(caplog: pytest.LogCaptureFixture) -> None:
    known: dict[str, Registration] = {}
    desk = new_desk(
        registry=lambda client, name, endpoint: client.gradebook(known[name], Endpoint.from_claim(endpoint))
    )
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    assert await desk.drain() == (0, 0, 3)
    assert (desk.row().state, desk.row().unsure) == (State.DUE, False)
    assert desk.row().last_error == "AGSError: the gradebook cannot be opened: KeyError"
    assert "the gradebook of school cannot be opened" in caplog.text
    assert await desk.drain() == (0, 0, 0), "not before its time"
    known[SCHOOL] = desk.registration
    desk.time.now += 10
    assert await desk.drain() == (3, 0, 0)


async def test_one_line_item_that_cannot_be_opened_holds_up_no_other() -> None:
    def registry(client: Client, name: str, endpoint: Mapping[str, Any]) -> Gradebook:
        if "lost" in endpoint["lineitem"]:
            raise LookupError
        return client.gradebook(desk.registration, Endpoint.from_claim(endpoint))

    desk = new_desk(registry=registry, outbox={"patience": 0})
    lost = "https://lms.example/lost"
    await desk.outbox.put(SCHOOL, Endpoint(None, lost, [Scope.SCORE]), desk.grade())
    for turn in range(30):
        assert (await desk.outbox.drain(SCHOOL, lost)).recorded == 0
        await desk.put(desk.grade(turn % 10, at=turn))
        assert await desk.drain() == (1, 0, 0), f"turn {turn}"
        desk.time.now += 900


@pytest.mark.parametrize("cause", [LookupError, None], ids=["it raises", "it returns nothing"])
async def test_a_registration_without_gradebooks_is_not_asked_for_each_line_item(cause: type[Exception] | None) -> None:
    asked: list[str] = []

    def registry(client: Client, name: str, endpoint: Mapping[str, Any]) -> Any:
        asked.append(endpoint["lineitem"])
        if cause is not None:
            raise cause

    desk = new_desk(registry=registry, outbox={"patience": 0})
    items = [f"https://lms.example/{number}" for number in range(500)]
    for item in items:
        await desk.outbox.put(SCHOOL, Endpoint(None, item, [Scope.SCORE]), desk.grade())
    for item in items:
        await desk.outbox.drain(SCHOOL, item)
    (platform,) = (await desk.outbox.stats()).platforms
    assert platform.block is not None
    assert platform.block.reason.startswith("AGSError: the gradebook cannot be opened: ")
    assert (platform.due, platform.delayed, platform.dead) == (500, 8, 0)


async def test_a_registration_that_never_comes_back_is_told_in_the_end() -> None:
    desk = new_desk(outbox={"backoff": Backoff(give_up_after=48 * HOUR)})
    await desk.outbox.put("gone", desk.endpoint, desk.grade())
    for _ in range(3):
        await desk.outbox.drain("gone", desk.item)
        desk.time.now += 24 * HOUR
    (row,) = [row async for row in desk.outbox.dead()]
    assert row.last_error == "gave up after 2 days: AGSError: the gradebook cannot be opened: LookupError"
    assert desk.told == [("refused", desk.user, 0)]


async def test_an_unknown_name_in_a_mapping_is_such_a_case() -> None:
    desk = new_desk()
    await desk.outbox.put("nowhere", desk.endpoint, desk.grade())
    assert (await desk.outbox.drain("nowhere", desk.item)).postponed == 1
    (platform,) = (await desk.outbox.stats()).platforms
    assert (platform.due, platform.dead) == (1, 0)


async def test_a_registry_may_be_asynchronous_and_gets_what_was_put() -> None:
    seen: list[tuple[str, Mapping[str, Any]]] = []

    async def registry(client: Client, name: str, endpoint: Mapping[str, Any]) -> Gradebook:
        seen.append((name, endpoint))
        return client.gradebook(Registration(**arguments), Endpoint.from_claim(endpoint["claim"]))

    desk = new_desk(registry=registry)
    arguments = desk.platform.registration_args() | {"key": tool_key()}
    given = {"claim": desk.endpoint.to_claim(), "more": [1, None]}
    await desk.outbox.put(SCHOOL, given, desk.grade(), line_item=desk.item)
    assert await desk.drain() == (1, 0, 0)
    assert seen[0] == (SCHOOL, json.loads(json.dumps(given)))


async def test_a_hook_may_be_asynchronous_and_a_broken_one_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []

    async def recorded(registration_id: str, delivery: Any) -> None:
        seen.append((registration_id, delivery))
        raise RuntimeError("hook is broken")

    desk = new_desk(users=3, outbox={"on_recorded": recorded})
    given = [desk.grade(5, user) for user in desk.platform.users()]
    await desk.put(*given)
    assert await desk.drain() == (3, 0, 0)
    assert {name for name, _ in seen} == {SCHOOL}
    delivered = sorted((delivery.score for _, delivery in seen), key=lambda score: score.user_id)
    assert delivered == given
    assert caplog.text.count("a hook failed") == 3


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas"])
async def test_no_log_line_and_no_error_of_a_row_tells_whose_grade_it_is(
    profile: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk = new_desk(profile)
    await desk.put(desk.grade(7.125, "stranger-77", comment="Brilliant"), desk.grade(7.125, comment="Brilliant too"))
    await desk.drain()
    desk.fail("500")
    await desk.put(desk.grade(7.125, at=1, comment="Brilliant as ever"))
    await desk.drain()
    stats, failed = await desk.outbox.stats(), [row async for row in desk.outbox.dead()]
    texts = [
        caplog.text,
        *(str(row.last_error) for row in desk.table.rows.values()),
        repr((desk.outbox, stats, failed)),
    ]
    for secret in ("stranger-77", f"'{desk.user}'", "7.125", "Brilliant", "Bearer", "eyJ"):
        assert [text for text in texts if secret in text] == []


async def test_a_401_about_one_person_keeps_nobody_else_waiting() -> None:
    desk = new_desk(users=30, retry=RetryPolicy())
    users = desk.platform.users()
    # Whichever is taken first.
    mine = users[0].encode(), users[15].encode()

    def choose(request: Request) -> Fault | None:
        return unauthorized(request) if any(user in (request.body or b"") for user in mine) else None

    desk.transport.choose = choose
    await desk.put(*(desk.grade(5, user) for user in users))
    for _ in range(5):
        await desk.drain()
        desk.time.now += 60
    assert [user for user in users if not desk.applied(user)] == [users[0], users[15]]
    asked = desk.transport.befallen
    assert asked < 20
    desk.heal()
    desk.time.now += 2 * HOUR
    await desk.drain()
    assert all(desk.applied(user) == [5] for user in users)


@pytest.mark.parametrize("barred", range(3))
async def test_a_401_about_one_person_keeps_no_other_line_item_waiting(barred: int) -> None:
    """
    When a silence ends, it is not the one that was refused before that finds out again, by name or by place.
    """
    desk = new_desk(users=3, outbox={"patience": 0})
    users = desk.platform.users()
    items = [desk.platform.site.item_url(desk.platform.add_line_item(f"Column {number}", 10)) for number in range(3)]
    mine = users[barred].encode()
    desk.transport.choose = lambda request: unauthorized(request) if mine in (request.body or b"") else None
    for item, user in zip(items, users, strict=True):
        await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(5, user), line_item=item)
    # The job of the barred one is the first to run, once; then there are a sweep's.
    await desk.outbox.drain(SCHOOL, items[barred])
    for _ in range(4):
        desk.time.now += 900
        for due in await desk.outbox.store.due(now=desk.time.wall()):
            if due.at <= desk.time.wall():
                await desk.outbox.drain(SCHOOL, due.line_item)
    taken = [len(desk.platform.history(item, user)) for item, user in zip(items, users, strict=True)]
    assert taken == [int(number != barred) for number in range(3)]
