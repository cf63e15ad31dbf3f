"""
The platforms' keys: one request for many launches, new keys found, and nobody made to fetch without end (SEC 6.3, 6.4).
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from aioags.errors import IdTokenRefusedError, LaunchError, UnreachableError
from aioags.launch import Tool, ToolSettings
from aioags.launch.key_sets import AGAIN_SECONDS, KEPT_SECONDS, KeySets, request_key_set
from aioags.launch.public_keys import PublicKeys, UnusableKeyError
from aioags.protocol.dialect import Operation
from aioags.protocol.messages import Request, Response
from tests.fakes import PaperTime
from tests.launch.paper_lms import JWKS, REDIRECT, PaperKeys, PaperLMS, lms_registration, platform_key, public


async def test_a_key_set_is_fetched_once_for_many_launches_and_without_a_credential() -> None:
    lms = PaperLMS()
    for _ in range(5):
        await lms.launch()
    (request,) = lms.keys.asked
    assert (request.method, request.url) == ("GET", JWKS)
    assert dict(request.headers) == {"Accept": "application/json"}


async def test_it_is_fetched_again_after_an_hour() -> None:
    lms = PaperLMS()
    await lms.launch()
    lms.time.now += KEPT_SECONDS - 1
    await lms.launch(iat=lms.time.runtime().wall(), exp=lms.time.runtime().wall() + 60)
    assert len(lms.keys.asked) == 1
    lms.time.now += 1
    await lms.launch(iat=lms.time.runtime().wall(), exp=lms.time.runtime().wall() + 60)
    assert len(lms.keys.asked) == 2


async def test_rotation_a_new_key_is_found_at_once() -> None:
    lms = PaperLMS()
    await lms.launch()
    lms.time.now += AGAIN_SECONDS
    lms.keys.keys = public(platform_key(), platform_key("platform-2"))
    assert await lms.launch(key=platform_key("platform-2"))
    assert await lms.launch(key=platform_key())
    assert len(lms.keys.asked) == 2


async def test_unknown_key_ids_fetch_at_most_once_a_minute() -> None:
    lms = PaperLMS()
    await lms.launch()
    for n in range(10):
        with pytest.raises(IdTokenRefusedError):
            await lms.launch(header={"kid": f"invented-{n}"})
    assert len(lms.keys.asked) == 1
    lms.time.now += AGAIN_SECONDS
    for n in range(10):
        with pytest.raises(IdTokenRefusedError):
            await lms.launch(header={"kid": f"invented-{n}"})
    assert len(lms.keys.asked) == 2


async def test_a_fetch_that_fails_counts_towards_the_minute_and_leaves_the_old_keys() -> None:
    lms = PaperLMS()
    await lms.launch()
    lms.time.now += AGAIN_SECONDS
    good, lms.keys.keys = lms.keys.keys, Response(404)
    with pytest.raises(LaunchError) as caught:
        await lms.launch(header={"kid": "invented"})
    assert caught.value.reason == "jwks"
    lms.keys.keys = good
    assert await lms.launch()
    assert len(lms.keys.asked) == 2


async def test_the_minute_is_of_each_key_set_not_of_all() -> None:
    registrations = [
        lms_registration(),
        lms_registration(client_id="tool-2", jwks_url=f"{JWKS}/other"),
    ]
    lms = PaperLMS(ToolSettings(registrations=registrations, redirect_uri=REDIRECT))
    await lms.launch()
    login = await lms.login(client_id="tool-2")
    with pytest.raises(IdTokenRefusedError, match="not for client id"):
        await lms.post(login, (await signed_for_another_tool()))
    assert [request.url for request in lms.keys.asked] == [JWKS, f"{JWKS}/other"]


async def signed_for_another_tool() -> str:
    """
    Return an id_token for tool-1.
    """
    from tests.launch.paper_lms import launch_claims, sign

    return sign(launch_claims("n"))


class Slow:
    """
    A fetch that waits until it is told.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.go = asyncio.Event()
        self.answer: PublicKeys | Exception = PublicKeys(tuple(public(platform_key())))

    async def __call__(self, operation: Operation[PublicKeys]) -> PublicKeys:
        self.calls += 1
        await self.go.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def started(*tasks: asyncio.Task[Any]) -> None:
    """
    Let tasks run until they wait.
    """
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_single_flight_however_many_wait() -> None:
    slow = Slow()
    sets = KeySets(slow, clock=lambda: 0.0)
    waiting = [asyncio.create_task(sets.key(JWKS, "platform-1", "RS256")) for _ in range(50)]
    await started(*waiting)
    slow.go.set()
    assert {key.kid for key in await asyncio.gather(*waiting)} == {"platform-1"}
    assert slow.calls == 1


async def test_a_waiter_that_is_cancelled_cancels_nobody() -> None:
    slow = Slow()
    sets = KeySets(slow, clock=lambda: 0.0)
    first, second = (asyncio.create_task(sets.key(JWKS, "platform-1", "RS256")) for _ in range(2))
    await started(first, second)
    first.cancel()
    slow.go.set()
    assert (await second).kid == "platform-1"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert slow.calls == 1


async def test_each_waiter_gets_an_error_of_its_own_and_failures_are_not_cached() -> None:
    slow = Slow()
    slow.answer = UnreachableError("no route", transient=True)
    sets = KeySets(slow, clock=lambda: 0.0)
    waiting = [asyncio.create_task(sets.key(JWKS, "platform-1", "RS256")) for _ in range(3)]
    await started(*waiting)
    slow.go.set()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert len({id(error) for error in errors}) == 3
    assert all(isinstance(error, LaunchError) and error.reason == "jwks" and error.transient for error in errors)
    slow.answer = PublicKeys(tuple(public(platform_key())))
    assert (await sets.key(JWKS, "platform-1", "RS256")).kid == "platform-1"


async def test_an_error_that_nobody_waits_for_any_more_is_not_reported_as_lost() -> None:
    slow = Slow()
    slow.answer = UnreachableError("no route")
    sets = KeySets(slow, clock=lambda: 0.0)
    waiting = asyncio.create_task(sets.key(JWKS, "platform-1", "RS256"))
    await started(waiting)
    waiting.cancel()
    slow.go.set()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(0)
    await sets.aclose()


async def test_closing_ends_what_waits_with_a_sentence() -> None:
    slow = Slow()
    sets = KeySets(slow, clock=lambda: 0.0)
    waiting = asyncio.create_task(sets.key(JWKS, "platform-1", "RS256"))
    await started(waiting)
    await sets.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await waiting


async def test_one_who_joins_a_fetch_for_an_unknown_key_is_not_turned_away() -> None:
    slow = Slow()
    slow.answer = PublicKeys(())
    slow.go.set()
    now = [0.0]
    sets = KeySets(slow, clock=lambda: now[0])
    with pytest.raises(IdTokenRefusedError):
        await sets.key(JWKS, "platform-1", "RS256")
    now[0] = AGAIN_SECONDS
    slow.go.clear()
    slow.answer = PublicKeys(tuple(public(platform_key())))
    waiting = [asyncio.create_task(sets.key(JWKS, "platform-1", "RS256")) for _ in range(3)]
    await started(*waiting)
    slow.go.set()
    assert [key.kid for key in await asyncio.gather(*waiting)] == ["platform-1"] * 3
    assert slow.calls == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": 5}',
        b"\xff",
        b"[" * 100_000,
        b'{"keys": []' + b" " * 300_000 + b"}",
        b'{"keys":[' + b"{}," * 9999 + b"{}]}",
    ],
    ids=lambda body: str(body[:12]),
)
async def test_what_is_no_key_set_is_an_error_of_the_keys_not_of_the_launch(body: bytes) -> None:
    lms = PaperLMS()
    lms.keys.keys = Response(200, "OK", (), body)
    with pytest.raises(LaunchError) as caught:
        await lms.launch()
    assert caught.value.reason == "jwks"


@pytest.mark.parametrize("status", [302, 401, 404, 500])
async def test_a_status_that_is_no_success(status: int) -> None:
    lms = PaperLMS()
    lms.keys.keys = Response(status)
    with pytest.raises(LaunchError) as caught:
        await lms.launch()
    assert caught.value.reason == "jwks"
    assert caught.value.transient is (status == 500)


async def test_a_redirect_to_another_origin_is_not_followed() -> None:
    lms = PaperLMS()
    lms.keys.keys = Response(302, "Found", (("Location", "https://evil.example/jwks"),))
    with pytest.raises(LaunchError):
        await lms.launch()
    assert {request.url for request in lms.keys.asked} == {JWKS}


async def test_keys_that_cannot_be_used_do_not_hide_those_that_can() -> None:
    lms = PaperLMS()
    good = public(platform_key())[0]
    odd: list[Any] = [
        "text",
        None,
        {},
        {"kid": "platform-1"},
        {"kid": "platform-1", "kty": "RSA"},
        {"kid": "platform-1", "kty": "RSA", "n": "!!", "e": "AQAB"},
        {"kid": "platform-1", "kty": "RSA", "n": "u" * 171, "e": "AQAB"},
        {"kid": "platform-1", "kty": "oct", "k": "AAAA"},
        {"kid": "platform-1", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        good | {"alg": "RS512"},
        good | {"use": "enc"},
        good | {"use": ["sig"]},
    ]
    lms.keys.keys = [*odd, good | {"x5c": ["text"], "key_ops": "odd"}]
    assert await lms.launch()


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("bits, taken", [(1024, False), (1536, False), (2048, True)])
async def test_a_launch_signed_with_a_short_rsa_key_is_refused_though_the_platform_publishes_it(
    bits: int, taken: bool
) -> None:
    """
    RFC 7518 3.3: 2,048 bits or more. A key of 1,024 is within reach of whoever wants to sign launches.
    """
    lms = PaperLMS()
    key = RSAKey.generate_key(bits, {"kid": "short"})
    lms.keys.keys = public(key)
    if taken:
        assert await lms.launch(key=key)
        return
    with pytest.raises(IdTokenRefusedError, match="but that key has"):
        await lms.launch(key=key)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize("bits, taken", [(1024, False), (2048, True)])
async def test_zeros_in_front_of_a_modulus_make_no_longer_key(bits: int, taken: bool) -> None:
    lms = PaperLMS()
    key = RSAKey.generate_key(bits, {"kid": "padded"})
    (entry,) = public(key)
    modulus = urlsafe_b64decode(entry["n"] + "=" * (-len(entry["n"]) % 4))
    padded = urlsafe_b64encode(bytes(256) + modulus).decode().rstrip("=")
    lms.keys.keys = [entry | {"n": padded}]
    if taken:
        assert await lms.launch(key=key)
        return
    with pytest.raises(IdTokenRefusedError, match="must have 2048"):
        await lms.launch(key=key)


async def test_a_key_set_comes_over_a_real_transport_protocol() -> None:
    operation = request_key_set(JWKS)
    assert operation.scopes == ()
    answer = Response(200, "", (), json.dumps({"keys": public(platform_key())}).encode())
    assert operation.read(answer).find("platform-1", "RS256") is not None
    assert operation.read(answer).find("platform-2", "RS256") is None
    with pytest.raises(UnusableKeyError, match=r"type \(kty\) 'RSA', and ES256 needs EC"):
        operation.read(answer).find("platform-1", "ES256")


async def test_a_tool_is_closed_without_closing_its_transport() -> None:
    class Counting(PaperKeys):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    keys = Counting()
    settings = ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT)
    async with Tool(settings, keys, runtime=PaperTime().runtime()):
        pass
    assert keys.closed == 0
    assert isinstance(request_key_set(JWKS).request, Request)
