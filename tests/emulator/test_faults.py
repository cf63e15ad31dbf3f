"""
Faults on demand: each does what it says, to the requests it names, as often as it says, and the gradebook tells the
truth about what was done.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from aioags.emulator import Fault, ManualClock, Platform, serve
from tests.emulator.raw_tool import LINE_ITEM, SCORE, SCORE_TYPE, START, RawTool, score, spliced, stamp, tool


def test_a_lost_answer_leaves_the_grade_where_applied_says_so() -> None:
    one = tool()
    first, second = one.users[:2]
    one.platform.faults.add(Fault.drop(operation="post_score", times=1))
    one.platform.faults.add(Fault.reset(operation="post_score", applied=True, skip=1, times=1))
    before, after = one.post(score(first)), one.post(score(second))
    assert (before.manner.lost, after.manner.lost) == ("drop", "reset")
    assert one.platform.history(None, first) == []
    assert len(one.platform.history(None, second)) == 1
    assert [exchange.applied for exchange in one.platform.requests] == [True, False, True]
    assert [exchange.faults for exchange in one.platform.requests] == [(), ("drop",), ("reset",)]
    assert one.post(score(second)).status == 409


def test_another_answer_comes_instead_or_after_the_work() -> None:
    one = tool()
    user = one.users[0]
    headers = (("Retry-After", "7"), ("X-Any", "ü"))
    one.platform.faults.add(Fault.answer(503, b"<html>", headers=headers, reason="Gone fishing", times=1))
    one.platform.faults.add(Fault.answer(500, applied=True, operation="post_score"))
    instead = one.ask_token()
    assert (instead.status, instead.phrase, instead.body, instead.header("X-Any")) == (
        503,
        "Gone fishing",
        b"<html>",
        "ü",
    )
    answer = one.post(score(user))
    assert answer.status == 500
    assert one.platform.score(None, user) is not None


@pytest.mark.parametrize(
    "match, hit",
    [
        ({"operation": "list_line_items"}, "list"),
        ({"method": "PUT"}, "put"),
        ({"path": "/scores"}, "post"),
        ({"operation": "token"}, "token"),
    ],
)
def test_a_fault_happens_to_the_requests_it_names(match: dict[str, Any], hit: str) -> None:
    one = tool()
    assert one.token
    one.platform.faults.add(Fault.answer(599, **match))
    answers = {
        "list": one.list(),
        "put": one.put(one.item_url, label="x", scoreMaximum=100),
        "post": one.post(score(one.users[0])),
        "token": one.ask_token(),
    }
    assert [name for name, answer in answers.items() if answer.status == 599] == [hit]


def test_skip_times_remove_and_clear() -> None:
    one = tool()
    assert one.token
    number = one.platform.faults.add(Fault.answer(599, skip=1, times=2))
    assert [one.list().status for _ in range(5)] == [200, 599, 599, 200, 200]
    (active,) = one.platform.faults
    assert (active.matched, active.happened) == (5, 2)
    assert one.platform.faults.remove(number)
    assert not one.platform.faults.remove(number)
    one.platform.faults.add(Fault.answer(599))
    one.platform.faults.clear()
    assert one.list().status == 200


def test_probability_follows_the_seed() -> None:
    def run(seed: int) -> list[int]:
        one = tool(seed=seed)
        assert one.token
        one.platform.faults.add(Fault.answer(599, probability=0.3))
        return [one.list().status for _ in range(200)]

    assert run(1) == run(1) != run(2)
    assert 30 < run(1).count(599) < 90


def test_apply_then_lose_with_probability_keeps_count_of_the_truth() -> None:
    one = tool(users=200)
    one.platform.faults.add(Fault.drop(operation="post_score", applied=True, probability=0.5))
    lost = {user for user in one.users if one.post(score(user)).manner.lost}
    assert 50 < len(lost) < 150
    assert len(one.platform.results()) == 200


def test_latency_adds_up_jitters_and_has_a_cliff() -> None:
    one = tool()
    assert one.token
    one.platform.faults.add(Fault.latency(1.0))
    one.platform.faults.add(Fault.latency(0.5, jitter=0.5))
    one.platform.faults.add(Fault.latency(10.0, over=2))
    one.platform.faults.add(Fault.latency(3.0, applied=True))
    visits = [one.platform.arrive(one.request("GET", one.items_url)) for _ in range(3)]
    waits = [visit.plan.wait for visit in visits]
    assert all(1.5 <= wait < 2.0 for wait in waits[:2])
    assert 11.5 <= waits[2] < 12.0
    assert len(set(waits)) == 3
    assert visits[0].apply().manner.wait == 3.0
    for visit in visits:
        visit.leave()
    assert one.platform.in_flight == 0


def test_an_expired_token_stays_expired_and_a_new_one_serves() -> None:
    one = tool()
    assert one.token
    one.platform.faults.add(Fault(effect="expire", times=1))
    first = one.list()
    assert (first.status, first.json()["error"]) == (401, "expired_token")
    assert one.list().status == 401
    one._token = None
    assert one.list().status == 200


@pytest.mark.parametrize(
    "profile, status, hint",
    [
        ("spec", 429, ("Retry-After", "3")),
        ("blackboard", 429, ("Retry-After", "3")),
        ("brightspace", 429, ("X-Rate-Limit-Reset", "3")),
        ("canvas", 429, ("X-Rate-Limit-Remaining", "0.0")),
    ],
)
def test_throttling_has_the_platforms_own_shape(profile: str, status: int, hint: tuple[str, str]) -> None:
    one = tool(profile)
    assert one.token
    one.platform.faults.add(Fault.throttle(3, times=1))
    answer = one.list()
    assert answer.status == status
    assert hint in answer.headers
    assert (answer.header("Retry-After") is None) == (hint[0] != "Retry-After")


def test_maintenance_has_the_platforms_own_shape() -> None:
    one = tool("moodle")
    one.platform.faults.add(Fault(effect="maintenance", seconds=300, times=1))
    answer = one.ask_token()
    assert (answer.status, answer.phrase, answer.header("Retry-After")) == (503, "Moodle under maintenance", "300")
    assert one.ask_token().status == 200


def test_pages_can_be_cut_and_lose_their_link() -> None:
    one = tool("canvas")
    whole = one.list()
    one.platform.faults.add(Fault(effect="truncate", size=5, times=1))
    one.platform.faults.add(Fault(effect="unlink", skip=1))
    assert one.list().body == whole.body[:5]
    assert one.list().header("Link") is None


def test_the_first_record_of_a_listing_can_be_odd() -> None:
    one = tool()
    one.post(score(one.users[0]))
    whole = one.results().json()
    one.platform.faults.add(Fault.odd({"resultScore": "A+", "userId": None}, operation="results"))
    odd = one.results().json()
    assert odd == [whole[0] | {"resultScore": "A+", "userId": None}, *whole[1:]]


def test_settings_are_no_faults() -> None:
    clock = ManualClock(START)
    one = tool(clock=clock)
    one.platform.tokens.lifetime = 3.0
    one.platform.tool.scopes = (SCORE,)
    granted = one.ask_token().json()
    assert (granted["expires_in"], granted["scope"]) == (3, SCORE)
    one.platform.site.skew = -120.0
    ahead = one.claims(iat=START, exp=START + 60)
    assert one.ask_token(one.form(one.sign(ahead))).status == 400
    assert LINE_ITEM not in one.platform.endpoint_claim()["scope"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"effect": "smoke"},
        {"effect": "odd"},
        {"effect": "odd", "body": b"[]"},
        {"effect": "drop", "probability": 2},
        {"effect": "drop", "skip": -1},
    ],
)
def test_a_fault_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Fault(**wrong)


def test_reset_makes_the_platform_as_new() -> None:
    one = tool()
    one.create()
    one.post(score(one.users[0]))
    one.platform.faults.add(Fault.drop())
    one.platform.maintenance = True
    one.platform.course.enroll("late")
    one.platform.reset()
    one._token = None
    assert one.post(score(one.users[0])).status == 204
    assert len(one.platform.line_items()) == 1
    assert "late" not in one.users
    assert one.platform.counts["post_score"] == 1


# Over the socket


async def over_the_socket(fault: Fault, waited: list[float] | None = None) -> tuple[RawTool, object]:
    """
    Post one score through a fault; return the tool and what the HTTP client made of it.
    """
    platform = Platform.create(clock=ManualClock(START))
    waits = waited if waited is not None else []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with serve(platform, sleep=sleep) as server, aiohttp.ClientSession() as session:
        one = RawTool(platform)
        headers = {"Authorization": f"Bearer {one.token}", "Content-Type": SCORE_TYPE}
        assert server.url in one.item_url
        platform.faults.add(fault)
        body = one.request("POST", "", score(one.users[0])).body
        try:
            async with session.post(spliced(one.item_url, "/scores"), data=body, headers=headers) as answer:
                await answer.read()
                return one, answer.status
        except aiohttp.ClientError as error:
            return one, error


@pytest.mark.parametrize("make", [Fault.drop, Fault.reset])
@pytest.mark.parametrize("applied", [False, True])
async def test_lost_answers_over_the_socket(make: Any, applied: bool) -> None:
    one, outcome = await over_the_socket(make(applied=applied))
    assert isinstance(outcome, aiohttp.ClientConnectionError)
    assert len(one.platform.history(None, one.users[0])) == applied


async def test_half_an_answer_of_a_score_breaks_off_in_its_head() -> None:
    one, outcome = await over_the_socket(Fault.half())
    assert isinstance(outcome, aiohttp.ClientError)
    assert one.platform.score(None, one.users[0]) is not None


async def test_waits_happen_on_their_side_of_the_work() -> None:
    waits: list[float] = []
    _, outcome = await over_the_socket(Fault.latency(2.0), waits)
    await over_the_socket(Fault.latency(5.0, applied=True), waits)
    assert (outcome, waits) == (204, [2.0, 5.0])


async def test_a_dripped_answer_arrives() -> None:
    waits: list[float] = []
    _, outcome = await over_the_socket(Fault(effect="drip", seconds=1.0), waits)
    assert outcome == 204
    assert set(waits) == {1.0}
    assert len(waits) > 50


async def test_a_late_request_is_applied_even_when_nobody_waits_any_more() -> None:
    platform = Platform.create(clock=ManualClock(START))
    started, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        started.set()
        await go_on.wait()

    async with serve(platform, sleep=sleep) as server:
        one = RawTool(platform)
        user = one.users[0]
        request = one.request("POST", spliced(one.item_url, "/scores"), score(user, timestamp=stamp(1)), SCORE_TYPE)
        platform.faults.add(Fault.latency(60))
        applied = asyncio.Event()
        platform.subscribe(lambda exchange: applied.set())
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        lines = [f"POST {request.url.removeprefix(server.url)} HTTP/1.1", "Host: x"]
        lines += [f"{name}: {value}" for name, value in request.headers]
        lines += [f"Content-Length: {len(request.body or b'')}", "", ""]
        writer.write("\r\n".join(lines).encode() + (request.body or b""))
        await started.wait()
        writer.close()
        await writer.wait_closed()
        assert platform.history(None, user) == []
        go_on.set()
        await applied.wait()
        assert len(platform.history(None, user)) == 1


async def test_the_block_ends_although_requests_still_wait() -> None:
    platform = Platform.create(clock=ManualClock(START))
    started = asyncio.Event()

    async def sleep(seconds: float) -> None:
        started.set()
        await asyncio.Event().wait()

    async with serve(platform, sleep=sleep) as server:
        platform.faults.add(Fault.latency(60))
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await started.wait()
        assert platform.in_flight == 1
    writer.close()
    assert platform.in_flight == 0
