"""
Case 4: a test LMS is set up again, with the same key id and another key: fetched once more after a bad signature, at
most once a minute.
"""

from __future__ import annotations

import asyncio

import pytest
from joserfc.jwk import RSAKey

from aioags.emulator.site.keys import KeyPair
from aioags.errors import IdTokenRefusedError, LaunchError
from aioags.launch.key_sets import AGAIN_SECONDS, KEPT_SECONDS
from aioags.protocol.messages import Response
from tests.launch.emulated_course import Course
from tests.launch.paper_lms import PaperLMS, launch_claims, platform_key, public, sign


def namesake() -> RSAKey:
    """
    Return another key with the id of the platform's.
    """
    return RSAKey.generate_key(2048, {"kid": platform_key().kid})


async def launch(lms: PaperLMS, key: RSAKey) -> str:
    """
    Launch now, signed with a key, and return who it was.
    """
    now = lms.time.runtime().wall()
    return (await lms.launch(key=key, iat=now, exp=now + 60)).user_id


async def test_case_4_the_new_key_is_fetched_after_one_bad_signature() -> None:
    lms, new = PaperLMS(), namesake()
    await launch(lms, platform_key())
    lms.time.now += AGAIN_SECONDS
    lms.keys.keys = public(new)
    assert await launch(lms, new) == "user-1"
    assert await launch(lms, new) == "user-1"
    assert len(lms.keys.asked) == 2
    with pytest.raises(IdTokenRefusedError, match="signature"):
        await launch(lms, platform_key())


async def test_case_4_a_flood_of_bad_signatures_fetches_once_a_minute_and_costs_no_good_launch() -> None:
    lms, forged = PaperLMS(), namesake()
    await launch(lms, platform_key())
    for minute in range(1, 4):
        lms.time.now += AGAIN_SECONDS
        for _ in range(20):
            with pytest.raises(IdTokenRefusedError) as caught:
                await launch(lms, forged)
            assert caught.value.reason == "signature"
        await launch(lms, platform_key())
        assert len(lms.keys.asked) == 1 + minute


async def test_case_4_within_the_minute_it_is_refused_and_taken_after_it() -> None:
    lms, new = PaperLMS(), namesake()
    await launch(lms, platform_key())
    lms.keys.keys = public(new)
    lms.time.now += AGAIN_SECONDS - 1
    with pytest.raises(IdTokenRefusedError, match="signature"):
        await launch(lms, new)
    lms.time.now += 1
    assert await launch(lms, new) == "user-1"
    assert AGAIN_SECONDS < KEPT_SECONDS


async def test_case_4_many_at_once_share_one_fetch() -> None:
    lms, new = PaperLMS(), namesake()
    await launch(lms, platform_key())
    lms.time.now += AGAIN_SECONDS
    lms.keys.keys = public(new)
    assert await asyncio.gather(*(launch(lms, new) for _ in range(20))) == ["user-1"] * 20
    assert len(lms.keys.asked) == 2


async def test_case_4_keys_that_cannot_be_had_then_are_a_failure_of_the_moment_and_the_old_ones_stay() -> None:
    lms, new = PaperLMS(), namesake()
    await launch(lms, platform_key())
    lms.time.now += AGAIN_SECONDS
    lms.keys.keys = Response(503)
    with pytest.raises(LaunchError) as caught:
        await launch(lms, new)
    assert (caught.value.reason, caught.value.transient) == ("jwks", True)
    assert await launch(lms, platform_key()) == "user-1"


async def test_case_4_only_a_bad_signature_fetches() -> None:
    lms = PaperLMS()
    await launch(lms, platform_key())
    lms.time.now += AGAIN_SECONDS
    login = await lms.login()
    with pytest.raises(IdTokenRefusedError, match="nonce"):
        await lms.post(login, sign(launch_claims("another", iat=lms.time.runtime().wall())))
    assert len(lms.keys.asked) == 1


async def test_case_4_a_login_whose_first_signature_was_bad_can_still_be_launched() -> None:
    lms = PaperLMS()
    login = await lms.login()
    claims = launch_claims(login.pending.nonce)
    with pytest.raises(IdTokenRefusedError):
        await lms.post(login, sign(claims, namesake()))
    assert await lms.post(login, sign(claims))


async def test_case_4_an_emulated_platform_that_is_set_up_again() -> None:
    course = Course()
    first = course.platform.launches.key
    assert await course.launch()
    again = RSAKey.generate_key(2048, {"kid": first.kid})
    course.platform.launches.own_key = KeyPair.of(again)
    with pytest.raises(IdTokenRefusedError, match="signature"):
        await course.launch()
    course.clock.advance(AGAIN_SECONDS)
    assert await course.launch()
