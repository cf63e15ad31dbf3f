"""
The token cache (pitfalls 19-26, T7, T8, T12, T13): one request however many wait, no token longer than it lives.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import attrs
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from aioags import AGSError, GrantRefusedError, Registration, Scope, UnreachableError
from aioags.calls.tokens import OAuthCredential, Token, TokenCache
from aioags.protocol.dialect import Operation
from aioags.protocol.grants import Grant, grant_refusal
from tests.fakes import WALL, answer, private_key, registration

ALL = frozenset(scope.value for scope in Scope)
SCORE = (Scope.SCORE.value,)
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "another"})
OTHER_KEY_OF_THE_SAME_ID = ECKey.generate_key("P-256", {"kid": private_key().kid})
SAME_KEY_OF_ANOTHER_ID = dict(private_key().as_dict(private=True)) | {"kid": "another"}
RESULT = (Scope.RESULT_READONLY.value,)
READ_ITEMS = (Scope.LINE_ITEM_READONLY.value, Scope.LINE_ITEM.value)


@attrs.define
class Office:
    """
    Where tokens come from: counts what it was asked for, and answers when it may.

    Attributes:
        life: ``expires_in`` of each token, seconds.

        grants: Scopes for those that were asked for, or an error.

        asked: Scopes of each request.

        open: Cleared, nobody is answered.
    """

    now: float = 1000.0
    life: float = 3600.0
    grants: Callable[[frozenset[str]], frozenset[str] | AGSError] = lambda asked: asked
    asked: list[frozenset[str]] = attrs.field(factory=list)
    open: asyncio.Event = attrs.field(factory=asyncio.Event)
    jtis: list[str] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.open.set()

    async def fetch(self, operation: Operation[Grant], one: Registration) -> Grant:
        """
        Answer a token request.
        """
        assert operation.fresh is not None
        form = parse_qs((operation.fresh().body or b"").decode())
        scopes = frozenset(form["scope"][0].split())
        self.asked.append(scopes)
        number = len(self.asked)
        await asyncio.sleep(0)
        await self.open.wait()
        granted = self.grants(scopes)
        if isinstance(granted, AGSError):
            raise granted.copied()
        return Grant(f"token-{number}-of-{one.client_id}", granted, self.life)

    def cache(self) -> TokenCache:
        """
        Return a cache that asks here.
        """

        def new_jti() -> str:
            self.jtis.append(f"jti-{len(self.jtis)}")
            return self.jtis[-1]

        return TokenCache(self.fetch, clock=lambda: self.now, wall=lambda: WALL, new_jti=new_jti)


def strict(allowed: frozenset[str]) -> Callable[[frozenset[str]], frozenset[str] | AGSError]:
    """
    Grant all or nothing, as Canvas and Sakai do.
    """
    refused = grant_refusal(answer(400, {"error": "invalid_scope"}))
    return lambda asked: asked if asked <= allowed else refused


async def text(cache: TokenCache, needed: tuple[str, ...] = SCORE, offered: frozenset[str] = ALL, **fields: Any) -> str:
    """
    Return the text of a token that serves.
    """
    token, _ = await cache.token(registration(**fields), offered, needed)
    return token.grant.access_token


# --- one request ---------------------------------------------------------------------------------------------------


async def test_pitfall_26_a_thousand_callers_make_one_request() -> None:
    office = Office()
    cache = office.cache()
    tokens = await asyncio.gather(*(text(cache) for _ in range(1000)))
    assert set(tokens) == {"token-1-of-tool-1"}
    assert len(office.asked) == 1
    assert await text(cache) == "token-1-of-tool-1"
    assert len(office.asked) == 1


async def test_one_token_for_all_that_the_endpoint_offers() -> None:
    office = Office()
    cache = office.cache()
    for needed in (SCORE, RESULT, READ_ITEMS):
        await text(cache, needed)
    assert office.asked == [ALL]


async def test_a_caller_is_told_whether_its_token_was_used_before() -> None:
    cache = Office().cache()
    first, cached = await cache.token(registration(), ALL, SCORE)
    assert not cached
    second, cached = await cache.token(registration(), ALL, SCORE)
    assert cached
    assert second is first


async def test_a_wider_token_serves_a_narrower_endpoint() -> None:
    office = Office()
    cache = office.cache()
    await text(cache)
    assert await text(cache, offered=frozenset(SCORE)) == "token-1-of-tool-1"
    office.now += 3599
    assert await text(cache, offered=frozenset(SCORE)) == "token-2-of-tool-1"
    assert office.asked[1] == frozenset(SCORE)


async def test_only_offered_scopes_are_asked_for() -> None:
    # SchoolBox has no lineitem scope, and asking for it is fatal.
    office = Office(grants=strict(frozenset(SCORE + RESULT)))
    await text(office.cache(), offered=frozenset(SCORE + RESULT))
    assert office.asked == [frozenset(SCORE + RESULT)]


# --- whose token ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"client_id": "tool-2"},
        {"token_url": "https://other.example/token"},
        {"audience": "https://api.lms.example"},
        {"deployment_id": "7"},
        {"key": OTHER_KEY},
        {"key": OTHER_KEY_OF_THE_SAME_ID},
        {"key": SAME_KEY_OF_ANOTHER_ID},
    ],
)
async def test_pitfall_19_two_schools_never_share_a_token(other: dict[str, Any]) -> None:
    office = Office()
    cache = office.cache()
    await asyncio.gather(text(cache), text(cache, **other))
    assert len(office.asked) == 2
    # Also one that comes later, for scopes that the other's token would cover.
    assert await text(cache, offered=frozenset(SCORE), client_id="tool-3") == "token-3-of-tool-3"
    ours, _ = await cache.token(registration(), ALL, SCORE)
    theirs, _ = await cache.token(registration(**other), ALL, SCORE)
    assert ours is not theirs
    cache.discard(theirs)
    assert (await cache.token(registration(), ALL, SCORE))[0] is ours


async def test_two_registrations_of_one_client_share_a_token() -> None:
    office = Office()
    cache = office.cache()
    assert await text(cache) == await text(cache, authorization_url="https://lms.example/auth")
    assert len(office.asked) == 1


# --- how long ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "life, still_good, too_late",
    [(3600.0, 3539.0, 3540.0), (600.0, 539.0, 540.0), (100.0, 89.0, 90.0), (3.0, 2.6, 2.7)],
)
async def test_t12_a_token_is_renewed_ahead_of_its_end(life: float, still_good: float, too_late: float) -> None:
    office = Office(life=life)
    cache = office.cache()
    await text(cache)
    office.now += still_good
    assert await text(cache) == "token-1-of-tool-1"
    office.now += too_late - still_good
    assert await text(cache) == "token-2-of-tool-1"


async def test_a_token_without_any_life_left_is_used_once() -> None:
    office = Office(life=0.0)
    cache = office.cache()
    assert [await text(cache) for _ in range(2)] == ["token-1-of-tool-1", "token-2-of-tool-1"]


async def test_pitfall_23_every_request_has_an_id_of_its_own() -> None:
    office = Office(life=0.0)
    cache = office.cache()
    for _ in range(3):
        await text(cache)
    assert office.jtis == ["jti-0", "jti-1", "jti-2"]


# --- dropped -------------------------------------------------------------------------------------------------------


async def test_a_thousand_callers_with_the_same_dead_token_make_one_request() -> None:
    office = Office()
    cache = office.cache()
    dead, _ = await cache.token(registration(), ALL, SCORE)

    async def renew() -> str:
        cache.discard(dead)
        return await text(cache)

    assert set(await asyncio.gather(*(renew() for _ in range(1000)))) == {"token-2-of-tool-1"}
    assert len(office.asked) == 2
    # One that comes late drops nothing: the cached one is not the one that failed.
    assert await renew() == "token-2-of-tool-1"
    assert len(office.asked) == 2


async def test_a_token_that_is_not_to_blame_is_left_alone_for_a_while() -> None:
    office = Office()
    cache = office.cache()
    token, _ = await cache.token(registration(), ALL, SCORE)
    assert cache.is_suspect(token, 401)
    cache.acquit(token, 403)
    assert not cache.is_suspect(token, 403)
    assert cache.is_suspect(token, 401)
    office.now += 61
    assert cache.is_suspect(token, 403)


# --- partial and refused grants ------------------------------------------------------------------------------------


async def test_t7_what_was_not_granted_is_an_error_before_the_call() -> None:
    office = Office(grants=lambda asked: asked - set(SCORE))
    cache = office.cache()
    for _ in range(3):
        with pytest.raises(GrantRefusedError) as caught:
            await text(cache)
        assert caught.value.code == "insufficient_scope"
        assert "not score" in str(caught.value)
        assert not caught.value.transient
    assert await text(cache, RESULT) == "token-1-of-tool-1"
    assert len(office.asked) == 1


async def test_t7_an_empty_grant_names_nothing() -> None:
    with pytest.raises(GrantRefusedError, match="granted no scope, not score"):
        await text(Office(grants=lambda _: frozenset()).cache())


async def test_one_of_two_scopes_suffices() -> None:
    office = Office(grants=lambda asked: asked - {Scope.LINE_ITEM})
    assert await text(office.cache(), READ_ITEMS) == "token-1-of-tool-1"


async def test_t8_all_or_nothing_is_asked_again_for_what_the_call_needs() -> None:
    office = Office(grants=strict(frozenset(SCORE + RESULT)))
    cache = office.cache()
    assert await text(cache) == "token-2-of-tool-1"
    assert office.asked == [ALL, frozenset(SCORE)]
    # From then on the platform is known for it, also after a renewal.
    await text(cache, RESULT)
    office.now += 3590
    await text(cache)
    assert office.asked[2:] == [frozenset(RESULT), frozenset(SCORE)]
    with pytest.raises(GrantRefusedError) as caught:
        await text(cache, READ_ITEMS)
    assert caught.value.code == "invalid_scope"
    # An administrator may mend it.
    office.now += 20
    office.grants = lambda asked: asked
    await text(cache, RESULT)
    assert office.asked[-1] == ALL


async def test_t8_many_callers_of_a_strict_platform_make_two_requests() -> None:
    office = Office(grants=strict(frozenset(SCORE)))
    cache = office.cache()
    assert set(await asyncio.gather(*(text(cache) for _ in range(100)))) == {"token-2-of-tool-1"}
    assert len(office.asked) == 2


async def test_t8_nothing_narrower_is_tried_when_there_is_nothing_narrower() -> None:
    office = Office(grants=strict(frozenset()))
    with pytest.raises(GrantRefusedError):
        await text(office.cache(), offered=frozenset(SCORE))
    assert office.asked == [frozenset(SCORE)]


async def test_another_refusal_is_not_asked_again() -> None:
    office = Office(grants=lambda _: grant_refusal(answer(401, {"error": "invalid_client"})))
    with pytest.raises(GrantRefusedError):
        await text(office.cache())
    assert len(office.asked) == 1


async def test_an_error_is_not_kept_and_everybody_gets_one_of_their_own() -> None:
    office = Office(grants=lambda _: UnreachableError("no connection", transient=True))
    cache = office.cache()
    errors = await asyncio.gather(*(text(cache) for _ in range(50)), return_exceptions=True)
    assert len(office.asked) == 1
    assert {type(error) for error in errors} == {UnreachableError}
    assert len({id(error) for error in errors}) == 50
    assert {str(error) for error in errors} == {"no connection"}
    office.grants = lambda asked: asked
    assert await text(cache) == "token-2-of-tool-1"


async def test_b6_a_refusal_is_the_answer_to_all_who_asked_before_it_came() -> None:
    refused = grant_refusal(answer(400, {"error": "invalid_client"}))
    office = Office(grants=lambda _: refused)
    cache = office.cache()
    began = office.now
    for moment in (1000.0, 1001.0, 1590.0):
        office.now = moment
        with pytest.raises(GrantRefusedError):
            await cache.token(registration(), ALL, SCORE, since=began)
    assert len(office.asked) == 1
    # Who came after it asks for itself.
    with pytest.raises(GrantRefusedError):
        await cache.token(registration(), ALL, SCORE, since=1500.0)
    assert len(office.asked) == 2


async def test_b6_a_refusal_says_nothing_of_another_tool_or_other_scopes() -> None:
    refused = grant_refusal(answer(400, {"error": "invalid_client"}))
    office = Office(grants=lambda _: refused)
    cache = office.cache()
    for fields, offered in (({}, ALL), ({"client_id": "tool-2"}, ALL), ({}, frozenset(SCORE))):
        with pytest.raises(GrantRefusedError):
            await cache.token(registration(**fields), offered, SCORE, since=office.now)
    assert len(office.asked) == 3


async def test_b6_a_token_that_is_there_beats_an_old_refusal() -> None:
    office = Office()
    cache = office.cache()
    refused = grant_refusal(answer(400, {"error": "invalid_client"}))
    office.grants = lambda _: refused
    with pytest.raises(GrantRefusedError):
        await cache.token(registration(), ALL, SCORE, since=1000.0)
    office.grants = lambda asked: asked
    await cache.token(registration(), ALL, SCORE, since=1001.0)
    token, cached = await cache.token(registration(), ALL, SCORE, since=1000.0)
    assert cached
    assert token.grant.access_token == "token-2-of-tool-1"


async def test_b6_what_passes_by_itself_is_no_refusal() -> None:
    office = Office(grants=lambda _: UnreachableError("no connection", transient=True))
    cache = office.cache()
    for _ in range(2):
        with pytest.raises(UnreachableError):
            await cache.token(registration(), ALL, SCORE, since=office.now)
    assert len(office.asked) == 2


async def test_a_bug_in_the_fetching_is_not_swallowed() -> None:
    async def broken(_: Any, __: Any) -> Grant:
        raise ZeroDivisionError

    cache = TokenCache(broken, clock=lambda: 0.0, wall=lambda: WALL)
    with pytest.raises(ZeroDivisionError):
        await text(cache)


@attrs.define
class Strict:
    """
    A platform that takes an assertion within a minute of its own time, and says what time it is.

    Attributes:
        ahead: Seconds that its clock is ahead of ours.

        dated: When each assertion was signed, by its own word: seconds ahead of the platform's clock.

        tells_time: Its answers have a ``Date``.

        code: Error code of its refusals.
    """

    ahead: float
    dated: list[float] = attrs.field(factory=list)
    tells_time: bool = True
    code: str = "invalid_client"

    async def fetch(self, operation: Operation[Grant], _: Registration) -> Grant:
        """
        Grant what is dated well.
        """
        assert operation.fresh is not None and operation.refusal is not None
        form = parse_qs((operation.fresh().body or b"").decode())
        issued = jws.extract_compact(form["client_assertion"][0].encode()).payload
        self.dated.append(json.loads(issued)["iat"] + 5 - WALL - self.ahead)
        if abs(self.dated[-1]) < 60:
            return Grant("token", ALL, 3600.0)
        date = [("Date", formatdate(WALL + self.ahead, usegmt=True))] if self.tells_time else []
        raise operation.refusal(operation, answer(400, {"error": self.code}, *date), WALL)

    async def ask(self, *readings: float) -> str:
        """
        Ask for a token where our clock is off by these seconds at its next readings.
        """
        off = list(readings)
        cache = TokenCache(self.fetch, clock=lambda: 1000.0, wall=lambda: WALL + (off.pop(0) if off else 0.0))
        return await text(cache)


@pytest.mark.parametrize("ahead", [90.0, -90.0, 365 * 86_400.0])
async def test_where_the_clocks_differ_the_platforms_counts(ahead: float, caplog: pytest.LogCaptureFixture) -> None:
    strict = Strict(ahead)
    with caplog.at_level("WARNING", logger="aioags"):
        assert await strict.ask() == "token"
    assert [round(off) for off in strict.dated] == [-ahead, 0]
    assert f"{-ahead:.0f} s ahead of that of https://lms.example:443" in caplog.text


@pytest.mark.parametrize("glitch", [365 * 86_400.0, -365 * 86_400.0])
@pytest.mark.parametrize("readings", [1, 5])
async def test_a_clock_that_is_wrong_for_a_moment_costs_no_token(glitch: float, readings: int) -> None:
    strict = Strict(0.0)
    assert await strict.ask(*[glitch] * readings) == "token"
    assert [round(off) for off in strict.dated] == [glitch, 0]


@pytest.mark.parametrize(
    "strict",
    [Strict(90.0, tells_time=False), Strict(90.0, code="invalid_scope")],
    ids=["no time told", "refused for its scope"],
)
async def test_a_refusal_that_the_clock_does_not_explain_is_not_asked_again(strict: Strict) -> None:
    with pytest.raises(GrantRefusedError):
        await text(TokenCache(strict.fetch, clock=lambda: 1000.0, wall=lambda: WALL), offered=frozenset(SCORE))
    assert len(strict.dated) == 1


async def test_a_refusal_says_how_far_our_clock_was_ahead() -> None:
    strict = Strict(-90.0, code="invalid_scope")
    with pytest.raises(GrantRefusedError) as caught:
        await text(TokenCache(strict.fetch, clock=lambda: 1000.0, wall=lambda: WALL), offered=frozenset(SCORE))
    assert caught.value.clock_ahead == pytest.approx(90.0, abs=1.0)


async def test_clocks_that_agree_are_no_reason_to_ask_again() -> None:
    office = Office(grants=lambda _: GrantRefusedError("no", code="invalid_client", clock_ahead=1.4))
    with pytest.raises(GrantRefusedError):
        await text(office.cache())
    assert len(office.asked) == 1


# --- cancellation --------------------------------------------------------------------------------------------------


async def settle() -> None:
    """
    Let every task run as far as it can.
    """
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_cancelled_waiter_cancels_nobody() -> None:
    office = Office()
    office.open.clear()
    cache = office.cache()
    waiters = [asyncio.create_task(text(cache)) for _ in range(5)]
    await settle()
    waiters[0].cancel()
    waiters[3].cancel()
    await settle()
    office.open.set()
    said = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(one) for one in said] == [asyncio.CancelledError, str, str, asyncio.CancelledError, str]
    assert len(office.asked) == 1


async def test_a_token_for_which_nobody_waits_any_more_is_kept() -> None:
    office = Office()
    office.open.clear()
    cache = office.cache()
    waiter = asyncio.create_task(text(cache))
    await settle()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    office.open.set()
    await settle()
    assert await text(cache) == "token-1-of-tool-1"
    assert len(office.asked) == 1


async def test_an_error_for_which_nobody_waits_any_more_is_quiet() -> None:
    office = Office(grants=lambda _: UnreachableError("no connection"))
    office.open.clear()
    cache = office.cache()
    waiter = asyncio.create_task(text(cache))
    await settle()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    office.open.set()
    await settle()
    assert complaints == []


async def test_closing_ends_the_waiting_and_leaves_no_task() -> None:
    office = Office()
    office.open.clear()
    cache = office.cache()
    waiters = [asyncio.create_task(text(cache)) for _ in range(3)]
    await settle()
    await cache.aclose()
    said = await asyncio.gather(*waiters, return_exceptions=True)
    assert {type(one) for one in said} == {RuntimeError}
    assert "closed" in str(said[0])
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await cache.aclose()


async def test_closing_waits_for_the_request_that_nobody_else_waits_for() -> None:
    office = Office()
    office.open.clear()
    cache = office.cache()
    waiter = asyncio.create_task(text(cache))
    await settle()
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- the credential ------------------------------------------------------------------------------------------------


async def test_the_header_says_bearer_and_is_never_shown() -> None:
    office = Office()
    cache = office.cache()
    credential = OAuthCredential(cache, registration(), ALL)
    assert credential.name == "tool-1"
    first = await credential.authorize(SCORE)
    # Moodle wants exactly this spelling.
    assert first.header == "Bearer token-1-of-tool-1"
    assert "token-1" not in repr(first)
    assert "token-1" not in repr(first.token)
    assert (first.cached, credential.suspects(first, 401)) == (False, True)
    assert (await credential.authorize(SCORE)).cached


async def test_a_renewal_that_did_not_help_is_not_made_for_every_score() -> None:
    office = Office()
    credential = OAuthCredential(office.cache(), registration(), ALL)
    first = await credential.authorize(SCORE)
    credential.discard(first)
    second = await credential.authorize(SCORE)
    assert second.header == "Bearer token-2-of-tool-1"
    credential.acquit(second, 403)
    third = await credential.authorize(SCORE)
    assert third.header == second.header
    # A 403 is no longer the token's fault; a 401 still may be.
    assert (third.cached, credential.suspects(third, 403), credential.suspects(third, 401)) == (True, False, True)
    credential.acquit(third, 401)
    assert not credential.suspects(third, 401)


def test_which_token_serves() -> None:
    token = Token(Grant("secret-token", frozenset(SCORE), 3600.0), ALL, 10.0)
    assert token.serves(SCORE)
    assert token.serves(RESULT + SCORE)
    assert not token.serves(RESULT)
    assert "secret-token" not in repr(token)
