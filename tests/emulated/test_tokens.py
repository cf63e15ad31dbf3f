"""
Access tokens under fire (SEC 4.1; peers.md 19 to 26): how many are asked for, when, and with which scopes.
"""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import attrs
import pytest

from aioags import (
    AGSError,
    AuthorizationError,
    Endpoint,
    ForbiddenError,
    GrantRefusedError,
    LineItem,
    NotOfferedError,
    Pace,
    Registration,
    Scope,
    Score,
)
from aioags.emulator import PROFILES
from aioags.protocol.messages import Request
from tests.rigs.memory import Stand, grades, memory_stand, runtime_for, stand_of, until
from tests.rigs.virtual_time import VirtualTime

USERS = 30


def graded(number: int = 1, points: float = 8) -> Score:
    """
    Return a grade out of ten for the nth user.
    """
    return Score.graded(f"user-{number:04}", points, score_maximum=10)


def timed_stand(time: VirtualTime, profile: str = "spec", **client: object) -> Stand:
    """
    Return a stand whose platform and client live in the same virtual time.
    """
    return memory_stand(profile, users=USERS, clock=time.wall, client={"runtime": runtime_for(time), **client})


def asked(stand: Stand) -> list[set[str]]:
    """
    Return the scopes of each token request.
    """
    bodies = [exchange.request.body for exchange in stand.platform.requests if exchange.operation == "token"]
    return [set(parse_qs((body or b"").decode())["scope"][0].split()) for body in bodies]


# -- Single flight -----------------------------------------------------------------------------------------------------


async def test_1000_callers_at_once_cost_one_token_request() -> None:
    stand = memory_stand(users=1_000, client={"pace": Pace(floor=1_000, ceiling=1_000)})
    users = stand.platform.users()
    books = [stand.second_gradebook() for _ in range(10)]
    score = [Score.graded(user, 8, score_maximum=10) for user in users]
    await asyncio.gather(*(books[number % 10].post_score(one) for number, one in enumerate(score)))
    assert stand.platform.tokens.requests == 1
    assert len(stand.platform.results()) == 1_000
    assert stand.transport is not None
    # All of them were under way while the token was.
    assert stand.transport.most[""] >= 500


async def test_a_cancelled_waiter_cancels_nobody() -> None:
    held = asyncio.Event()

    async def hold_token(request: Request) -> None:
        if "token" in request.url:
            await held.wait()

    stand = memory_stand(before=hold_token, users=USERS)
    calls = [asyncio.create_task(stand.gradebook.post_score(graded(number))) for number in range(1, 5)]
    await until(lambda: stand.platform.counts["token"] > 0)
    # The first is the one that asked for it.
    calls[0].cancel()
    await asyncio.sleep(0)
    held.set()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert [delivery.recorded for delivery in done[1:]] == [True, True, True]  # type: ignore[union-attr]
    assert stand.platform.tokens.requests == 1


async def test_a_flight_whose_waiters_are_all_gone_still_fills_the_cache() -> None:
    held = asyncio.Event()

    async def hold_token(request: Request) -> None:
        if "token" in request.url:
            await held.wait()

    stand = memory_stand(before=hold_token)
    call = asyncio.create_task(stand.gradebook.post_score(graded()))
    await until(lambda: stand.platform.counts["token"] > 0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    held.set()
    await stand.gradebook.post_score(graded())
    assert stand.platform.tokens.requests == 1


async def test_closing_the_client_ends_those_who_wait_for_a_token() -> None:
    async def never(request: Request) -> None:
        await asyncio.get_running_loop().create_future()

    stand = memory_stand(before=never, users=USERS)
    calls = [asyncio.create_task(stand.gradebook.post_score(graded(number))) for number in range(1, 10)]
    await until(lambda: stand.platform.counts["token"] > 0)
    await stand.client.aclose()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in done} == {RuntimeError}
    with pytest.raises(RuntimeError, match="closed"):
        stand.second_gradebook()
    with pytest.raises(RuntimeError, match="closed"):
        await stand.gradebook.post_score(graded())


async def test_each_waiter_gets_an_error_of_its_own_and_no_error_is_kept() -> None:
    stand = memory_stand(users=USERS)
    stand.platform.tool.scopes = ()
    calls = [stand.gradebook.post_score(graded(number)) for number in range(1, 11)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, GrantRefusedError) for error in errors)
    assert len({id(error) for error in errors}) == 10
    stand.platform.tool.scopes = tuple(Scope)
    assert (await stand.gradebook.post_score(graded())).recorded is True


async def test_two_tools_at_one_platform_never_share_a_token() -> None:
    """
    peers.md 19: two Canvas schools share an issuer and a token URL.
    """
    stand = memory_stand()
    second = stand.platform.add_tool("tool-2")
    link = stand.platform.add_link("Quiz two", tool=second)
    stand.platform.add_line_item("Quiz two", 10, link=link)
    # As alike as they can be: no deployment tells them apart either.
    registration = attrs.evolve(stand.registration, client_id="tool-2", deployment_id=None)
    one = stand.client.gradebook(attrs.evolve(stand.registration, deployment_id=None), stand.endpoint)
    other = stand.client.gradebook(registration, Endpoint.from_claim(stand.platform.endpoint_claim(link)))
    await asyncio.gather(one.post_score(graded()), other.post_score(graded()))
    names = {stand.registration.client_id, "tool-2"}
    assert {grant.client_id for grant in stand.platform.tokens.grants.values()} == names
    assert other.coupled is not None
    assert stand.history("user-0001", other.coupled) == [8]


# -- Renewal -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("life, renewed_after", [(3600.0, 3540.0), (100.0, 90.0), (3.0, 2.7)])
async def test_a_token_is_renewed_ahead_of_its_end(life: float, renewed_after: float) -> None:
    """
    60 seconds or a tenth of its life ahead, whichever is less.
    """
    time = VirtualTime()
    stand = timed_stand(time)
    stand.platform.tokens.lifetime = life
    await stand.gradebook.post_score(graded())
    time.now += renewed_after - 0.01
    await stand.gradebook.post_score(graded())
    assert stand.platform.tokens.requests == 1
    time.now += 0.02
    await stand.gradebook.post_score(graded())
    assert stand.platform.tokens.requests == 2
    assert all(exchange.refusal is None for exchange in stand.platform.requests)


async def test_three_second_tokens_expire_in_the_middle_of_a_batch() -> None:
    time = VirtualTime()

    async def take_a_second(request: Request) -> None:
        if request.url.endswith("/scores"):
            await time.sleep(1.0)

    stand = timed_stand(time, pace=Pace(floor=2, ceiling=2))
    assert stand.transport is not None
    stand.transport.before = take_a_second
    stand.platform.tokens.lifetime = 3.0
    report = await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert (report.recorded, report.total) == (USERS, USERS)
    assert time.now >= USERS / 2
    # One for each 2.7 s, and none twice: a token that dies on its way is renewed once for all.
    assert stand.platform.tokens.requests <= time.now / 2 + 2


async def test_a_token_that_lives_for_a_moment_serves_the_call_it_was_fetched_for() -> None:
    time = VirtualTime()
    stand = timed_stand(time)
    stand.platform.tokens.lifetime = 0.0001
    for _ in range(3):
        await stand.gradebook.post_score(graded())
        time.now += 10
    assert stand.platform.tokens.requests == 3


async def test_a_revoked_token_is_renewed_once_for_all_who_held_it() -> None:
    stand = memory_stand(users=USERS, client={"pace": Pace(floor=10)})
    await stand.gradebook.post_score(graded())
    stand.platform.tokens.revoke()
    calls = [stand.gradebook.post_score(graded(number)) for number in range(1, 11)]
    deliveries = await asyncio.gather(*calls)
    assert all(delivery.recorded for delivery in deliveries)
    assert stand.platform.tokens.requests == 2
    refused = [exchange for exchange in stand.platform.requests if exchange.refusal is not None]
    assert len(refused) == 10


async def test_who_fails_late_with_the_old_token_does_not_drop_the_new_one() -> None:
    """
    It is dropped only if it is still the one that failed: else each straggler would cost a token.
    """
    held = asyncio.Event()

    async def hold_stragglers(request: Request) -> None:
        if b"user-0001" not in (request.body or b"") and not request.url.endswith("/token"):
            await held.wait()

    stand = memory_stand(users=USERS, before=hold_stragglers, client={"pace": Pace(floor=10)})
    await stand.gradebook.post_score(graded())
    late = [asyncio.create_task(stand.gradebook.post_score(graded(number))) for number in range(2, 7)]
    await until(lambda: stand.platform.counts["post_score"] == 6)
    stand.platform.tokens.revoke()
    await stand.gradebook.post_score(graded())
    assert stand.platform.tokens.requests == 2
    held.set()
    assert all(delivery.recorded for delivery in await asyncio.gather(*late))
    assert stand.platform.tokens.requests == 2


async def test_a_token_revoked_midway_of_a_batch_loses_nothing() -> None:
    stand = memory_stand(users=USERS)
    users = stand.platform.users()
    async with stand.gradebook.post_scores(grades(users)) as deliveries:
        done = 0
        async for delivery in deliveries:
            assert delivery.recorded is True
            done += 1
            if done == 10:
                stand.platform.tokens.revoke()
    assert done == USERS
    assert len(stand.platform.results()) == USERS
    assert stand.platform.tokens.requests == 2


async def test_a_platform_that_refuses_every_token_is_asked_twice_and_no_more() -> None:
    stand = memory_stand()

    async def revoke(request: Request) -> None:
        stand.platform.tokens.revoke()

    assert stand.transport is not None
    stand.transport.before = revoke
    with pytest.raises(ForbiddenError) as caught:
        await stand.gradebook.post_score(graded())
    assert (caught.value.status, caught.value.recorded) == (401, False)
    assert stand.platform.counts["post_score"] == 2
    assert stand.platform.tokens.requests == 2


# -- Scopes ------------------------------------------------------------------------------------------------------------


async def test_only_offered_scopes_are_asked_for(stand: Stand) -> None:
    offered = frozenset({Scope.SCORE, Scope.RESULT_READONLY})
    foreign = "https://canvas.instructure.com/lti/public_jwk/scope/update"
    gradebook = stand.second_gradebook(scope=offered | {foreign})
    await gradebook.post_score(graded())
    assert asked(stand) == [set(offered)]


async def test_one_token_with_all_offered_scopes_serves_every_call(stand: Stand) -> None:
    await stand.gradebook.post_score(graded())
    assert await stand.gradebook.get_result("user-0001") is not None
    item = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    await stand.gradebook.delete_line_item(item)
    assert asked(stand) == [set(Scope)]


async def test_t7_a_partial_grant_serves_what_it_covers(stand: Stand) -> None:
    """
    The platform grants less than was asked: what is missing is said before the call, without sending it.
    """
    stand.platform.tool.scopes = (Scope.SCORE,)
    assert (await stand.gradebook.post_score(graded())).recorded is True
    with pytest.raises(AuthorizationError, match=r"result\.readonly") as caught:
        await stand.gradebook.get_result("user-0001")
    assert (caught.value.recorded, caught.value.transient) == (False, False)
    assert stand.platform.counts["results"] == 0
    assert stand.platform.tokens.requests == 1


async def test_t8_all_or_nothing_falls_back_once_to_what_the_call_needs() -> None:
    """
    Canvas and Sakai refuse the whole request for one scope that the tool may not have.
    """
    stand = memory_stand(attrs.evolve(PROFILES["spec"], scope_policy="strict"), users=USERS)
    stand.platform.tool.scopes = (Scope.SCORE, Scope.RESULT_READONLY)
    # The launch promised more than the tool may have.
    stand.gradebook = stand.second_gradebook(scope=frozenset(Scope))
    report = await stand.gradebook.post_scores(grades(stand.platform.users()))
    assert report.ok
    assert await stand.gradebook.get_result("user-0001") is not None
    assert asked(stand) == [set(Scope), {Scope.SCORE}, {Scope.RESULT_READONLY}]


async def test_t8_what_was_learnt_holds_for_an_hour() -> None:
    time = VirtualTime()
    stand = timed_stand(time, attrs.evolve(PROFILES["spec"], scope_policy="strict"))  # type: ignore[arg-type]
    stand.platform.tool.scopes = (Scope.SCORE,)
    gradebook = stand.second_gradebook(scope=frozenset(Scope))
    stand.platform.tokens.lifetime = 600.0
    for _ in range(6):
        await gradebook.post_score(graded())
        time.now += 600.0
    assert [len(scopes) for scopes in asked(stand)] == [4, 1, 1, 1, 1, 1, 1]
    stand.platform.tool.scopes = tuple(Scope)
    time.now += 3600.0
    await gradebook.post_score(graded())
    assert len(asked(stand)[-1]) == 4


async def test_an_empty_grant_is_said_before_the_call() -> None:
    """
    Open edX answers 200 with an empty scope.
    """
    stand = memory_stand(attrs.evolve(PROFILES["spec"], empty_grant=True))
    stand.platform.tool.scopes = ()
    gradebook = stand.second_gradebook(scope=frozenset(Scope))
    with pytest.raises(AuthorizationError, match="no scope"):
        await gradebook.post_score(graded())
    assert stand.platform.counts["post_score"] == 0


async def test_an_endpoint_without_scopes_of_the_standard_asks_for_no_token(stand: Stand) -> None:
    gradebook = stand.second_gradebook(scope=frozenset({"https://other.example/scope"}))
    for call in (gradebook.post_score(graded()), gradebook.get_line_item(), gradebook.get_result("u")):
        with pytest.raises(NotOfferedError):
            await call
    assert stand.platform.counts.total() == 0


async def test_two_endpoints_with_other_scopes_each_get_what_they_may_have(stand: Stand) -> None:
    writer = stand.second_gradebook(scope=frozenset({Scope.SCORE}))
    reader = stand.second_gradebook(scope=frozenset({Scope.RESULT_READONLY}))
    await writer.post_score(graded())
    assert await reader.get_result("user-0001") is not None
    assert asked(stand) == [{Scope.SCORE}, {Scope.RESULT_READONLY}]


async def test_t13_a_throttled_token_endpoint_is_waited_for() -> None:
    time = VirtualTime()
    stand = timed_stand(time, attrs.evolve(PROFILES["spec"], token_calls=1))  # type: ignore[arg-type]
    await stand.gradebook.post_score(graded())
    stand.platform.tokens.revoke()
    assert (await stand.gradebook.post_score(graded())).recorded is True
    assert stand.platform.tokens.issued == 2
    assert 55 <= time.now <= 65


async def test_no_two_assertions_are_the_same(stand: Stand) -> None:
    """
    peers.md 23: `spec` serves a jti once, so a second token is only had with a new one.
    """
    for number in range(3):
        await stand.gradebook.post_score(graded(points=number))
        stand.platform.tokens.revoke()
    assert stand.platform.tokens.issued == 3


async def test_a_key_that_the_platform_does_not_know(stand: Stand) -> None:
    from joserfc.jwk import ECKey

    args = stand.platform.registration_args() | {"key": ECKey.generate_key("P-256", private=True)}
    gradebook = stand.client.gradebook(Registration(**args), stand.endpoint)
    with pytest.raises(GrantRefusedError) as caught:
        await gradebook.post_score(graded())
    assert (caught.value.recorded, caught.value.transient) == (False, False)
    assert isinstance(caught.value, AGSError)
    assert stand.platform.counts["post_score"] == 0


async def test_the_stand_itself_uses_the_registration_as_the_platform_gives_it() -> None:
    stand = memory_stand()
    again = stand_of(stand.platform, stand.client, stand.transport)
    assert again.registration == stand.registration


# -- Refused -----------------------------------------------------------------------------------------------------------


def unknown_to(stand: Stand) -> Stand:
    """
    Return the stand of a tool whose key the platform does not know.
    """
    from joserfc.jwk import ECKey

    args = stand.platform.registration_args() | {"key": ECKey.generate_key("P-256", private=True)}
    registration = Registration(**args)
    gradebook = stand.client.gradebook(registration, stand.endpoint)
    return attrs.evolve(stand, registration=registration, gradebook=gradebook)


def slow_tokens(stand: Stand, time: VirtualTime) -> None:
    """
    Let each token request take a tenth of a second.
    """

    async def before(request: Request) -> None:
        await time.sleep(0.1)

    assert stand.transport is not None
    stand.transport.before = before


@pytest.mark.parametrize("places", [1, 8, 64])
async def test_b6_a_refused_token_is_asked_for_once_for_a_whole_batch(places: int) -> None:
    time = VirtualTime()
    stand = unknown_to(timed_stand(time, pace=Pace(places, 64)))
    slow_tokens(stand, time)
    users = [f"user-{number:04}" for number in range(64)]
    report = await stand.gradebook.post_scores(grades(users))
    assert (report.recorded, report.unknown, report.total) == (0, 0, 64)
    assert {type(delivery.error) for delivery in report.failed} == {GrantRefusedError}
    assert stand.platform.counts["token"] == 1
    # A later call asks again: an administrator may have mended it.
    await time.sleep(1.0)
    with pytest.raises(GrantRefusedError):
        await stand.gradebook.post_score(graded())
    assert stand.platform.counts["token"] == 2


async def test_b6_each_has_an_error_of_its_own() -> None:
    time = VirtualTime()
    stand = unknown_to(timed_stand(time, pace=Pace(8, 64)))
    slow_tokens(stand, time)
    report = await stand.gradebook.post_scores(grades([f"user-{number:04}" for number in range(64)]))
    assert len({id(delivery.error) for delivery in report.failed}) == 64


async def test_b6_single_calls_at_the_gate_ask_once_too() -> None:
    time = VirtualTime()
    stand = unknown_to(timed_stand(time, pace=Pace(4, 4)))
    slow_tokens(stand, time)
    calls = (stand.gradebook.post_score(graded(number)) for number in range(1, 31))
    outcome = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in outcome} == {GrantRefusedError}
    assert stand.platform.counts["token"] == 1


async def test_b6_all_or_nothing_that_is_refused_altogether_is_asked_twice() -> None:
    time = VirtualTime()
    stand = timed_stand(time, attrs.evolve(PROFILES["spec"], scope_policy="strict"), pace=Pace(8, 64))  # type: ignore[arg-type]
    stand.platform.tool.scopes = ()
    stand.gradebook = stand.second_gradebook(scope=frozenset(Scope))
    slow_tokens(stand, time)
    report = await stand.gradebook.post_scores(grades([f"user-{number:04}" for number in range(64)]))
    assert {type(delivery.error) for delivery in report.failed} == {GrantRefusedError}
    assert asked(stand) == [set(Scope), {Scope.SCORE}]
