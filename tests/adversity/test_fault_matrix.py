"""
Every fault times every call, once and for ever: what the client says is held against what the platform has.

No report of success without the effect. No effect reported as surely absent. No duplicate line item. No older score
over a newer one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from aioags import AGSError, Client, GrantRefusedError, LineItem, MalformedError, Runtime, Score
from aioags.protocol.messages import Request
from tests.rigs.faults import FAULTS, Fault, FaultyTransport
from tests.rigs.memory import Stand, new_platform, stand_of
from tests.rigs.virtual_time import VirtualTime

pytestmark = pytest.mark.usefixtures("every_transport")

USERS = 6
NEW = {"label": "Quiz 2", "score_maximum": 10, "resource_id": "quiz-2", "tag": "grade"}


@attrs.frozen
class Call:
    """
    One call of the API, and what it must leave on the platform.

    Attributes:
        name: For the test's id.

        make: Performs it.

        took: How often the platform has its effect, read on the platform's side; 1 is right, 0 is none. A call that
            only reads always has 1, and `make` itself checks what was read.

        hit: Which of its requests the fault befalls.
    """

    name: str
    make: Callable[[Stand], Awaitable[Any]]
    took: Callable[[Stand], int]
    hit: Callable[[Request], bool]

    @property
    def writes(self) -> bool:
        return self.name not in {"token", "list", "get", "results"}


def _method(*methods: str) -> Callable[[Request], bool]:
    return lambda request: request.method in methods and "/token" not in request.url


async def _list(stand: Stand) -> None:
    labels = [item.label async for item in stand.gradebook.line_items()]
    assert labels == [item["label"] for item in stand.platform.line_items()]


async def _read_all(stand: Stand) -> None:
    assert [item async for item in stand.gradebook.line_items()] == []


async def _results(stand: Stand) -> None:
    assert [result async for result in stand.gradebook.results()] == []


async def _post_scores(stand: Stand) -> None:
    """
    Post two scores for each user; each delivery is held against the platform's history.
    """
    users = stand.platform.users()
    scores = [Score.graded(user, points, score_maximum=10) for points in (1, 2) for user in users]
    seen: Counter[int] = Counter()
    async with stand.gradebook.post_scores(scores) as deliveries:
        async for delivery in deliveries:
            seen[id(delivery.score)] += 1
            applied = stand.history(delivery.score.user_id).count(delivery.score.score_given)
            assert applied == 1 or (applied == 0 and delivery.recorded is not True)
            assert applied == 0 or delivery.recorded is not False
    assert seen == Counter(id(score) for score in scores)
    for user in users:
        assert stand.history(user) == sorted(stand.history(user)), "an older score over a newer one"


CALLS = [
    Call("token", lambda s: s.gradebook.get_line_item(), lambda s: 1, lambda r: "/token" in r.url),
    Call("list", _list, lambda s: 1, _method("GET")),
    Call("get", lambda s: s.gradebook.get_line_item(), lambda s: 1, _method("GET")),
    Call(
        "create",
        lambda s: s.gradebook.create_line_item(LineItem(**NEW)),
        lambda s: len(s.platform.line_items()) - 1,
        _method("POST"),
    ),
    Call(
        "update",
        lambda s: s.gradebook.update_line_item(LineItem("Renamed", 10, id=s.item)),
        lambda s: [item["label"] for item in s.platform.line_items()].count("Renamed"),
        _method("PUT"),
    ),
    Call(
        "delete",
        lambda s: s.gradebook.delete_line_item(None, force=True),
        lambda s: 1 - len(s.platform.line_items()),
        _method("DELETE"),
    ),
    Call(
        "find-or-create-find",
        lambda s: s.gradebook.find_or_create_line_item(**NEW),
        lambda s: len(s.platform.line_items()) - 1,
        _method("GET"),
    ),
    Call(
        "find-or-create-create",
        lambda s: s.gradebook.find_or_create_line_item(**NEW),
        lambda s: len(s.platform.line_items()) - 1,
        _method("POST"),
    ),
    Call(
        "post-score",
        lambda s: s.gradebook.post_score(Score.graded("user-0001", 5, score_maximum=10)),
        lambda s: len(s.history("user-0001")),
        _method("POST"),
    ),
    Call(
        "post-score-comment",
        lambda s: s.gradebook.post_score(Score.graded("user-0001", 5, score_maximum=10, comment="well done")),
        lambda s: len(s.history("user-0001")),
        _method("POST"),
    ),
    Call("results", _results, lambda s: 1, _method("GET")),
]


@asynccontextmanager
async def faulty_stand(choose: Callable[[Request], Fault | None], profile: str = "spec") -> AsyncIterator[Stand]:
    time = VirtualTime()
    platform = new_platform(profile, users=USERS, clock=time.wall)
    transport = FaultyTransport(platform, choose=choose)
    runtime = Runtime(clock=time.clock, wall=time.wall, sleep=time.sleep, jitter=lambda: 0.5)
    async with Client(transport=transport, runtime=runtime) as client:
        yield stand_of(platform, client, transport)


def times(fault: Fault, hit: Callable[[Request], bool], most: int) -> Callable[[Request], Fault | None]:
    """
    Let a fault befall the first requests that are hit.
    """
    left = most

    def choose(request: Request) -> Fault | None:
        nonlocal left
        if not hit(request) or left <= 0:
            return None
        left -= 1
        return fault

    return choose


async def outcome_of(call: Call, stand: Stand) -> AGSError | None:
    try:
        await call.make(stand)
    except AGSError as error:
        return error
    return None


# What comes after a fault is decided above the transport: over sockets each befalls once.
TIMES = [("memory", 1), ("memory", 2), ("memory", 1000), ("lane", 1), ("session", 1)]


@pytest.mark.parametrize("every_transport, most", TIMES, indirect=["every_transport"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_what_is_reported_is_what_the_platform_has(fault: Fault, call: Call, most: int) -> None:
    if fault.name == "200-empty-list" and call.name == "list":
        # To a listing this is no fault but an answer: nothing in it tells the platform's word from a lie.
        call = attrs.evolve(call, make=_read_all)
    async with faulty_stand(times(fault, call.hit, most)) as stand:
        error = await outcome_of(call, stand)
        assert isinstance(stand.transport, FaultyTransport)
        assert stand.transport.befallen, "the fault befell nobody: the test shows nothing"
        took = call.took(stand)
        assert took <= 1, "applied twice"
        if error is None:
            assert took == 1, "reported as done, and nothing there"
        elif error.recorded is False and call.writes:
            assert took == 0, f"reported as surely absent: {error}"


@pytest.mark.parametrize("nth", [2, 3])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_batch_with_every_nth_post_hit(fault: Fault, nth: int) -> None:
    posts = 0

    def choose(request: Request) -> Fault | None:
        nonlocal posts
        if not request.url.endswith("/scores"):
            return None
        posts += 1
        return fault if posts % nth == 0 else None

    async with faulty_stand(choose) as stand:
        await _post_scores(stand)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_batch_whose_every_post_is_hit(fault: Fault) -> None:
    async with faulty_stand(times(fault, lambda request: request.url.endswith("/scores"), 10_000)) as stand:
        await _post_scores(stand)


# Nobody knows who said it: it is not repeated.
STRANGE = {"html-page", "garbage-json"}
TRANSIENT = [
    fault
    for fault in FAULTS
    if fault.name not in {"200-empty-list", "redirect-other-origin", "wrong-content-type", *STRANGE}
]


@pytest.mark.parametrize("fault", TRANSIENT, ids=lambda fault: fault.name)
async def test_a_score_without_comment_gets_through_a_passing_fault(fault: Fault) -> None:
    call = next(call for call in CALLS if call.name == "post-score")
    armed = False
    befall = times(fault, call.hit, 1)
    async with faulty_stand(lambda request: befall(request) if armed else None) as stand:
        # A 403 speaks of the token only when the token was used before.
        await stand.gradebook.get_line_item()
        armed = True
        assert await outcome_of(call, stand) is None
        assert stand.history("user-0001") == [5]


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in STRANGE], ids=lambda fault: fault.name)
async def test_a3_a_score_that_somebody_else_answered_is_not_repeated(fault: Fault) -> None:
    call = next(call for call in CALLS if call.name == "post-score")
    async with faulty_stand(times(fault, call.hit, 1)) as stand:
        error = await outcome_of(call, stand)
        assert isinstance(error, MalformedError)
        assert error.recorded is None
        assert stand.history("user-0001") == []


async def test_a_partial_grant_is_refused_before_the_call() -> None:
    async with faulty_stand(lambda _: None) as stand:
        stand.platform.tool.scopes = tuple(scope for scope in stand.platform.tool.scopes if not scope.endswith("score"))
        with pytest.raises(GrantRefusedError) as caught:
            await stand.gradebook.post_score(Score.graded("user-0001", 5, score_maximum=10))
        assert caught.value.recorded is False
        assert stand.history("user-0001") == []
