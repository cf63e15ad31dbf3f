"""
Grade later: what is stored at the launch suffices hours afterwards, in another process, without the launch (AGS 3.1).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aioags import Client, Endpoint, Score
from aioags.errors import IdTokenRefusedError, LoginLostError, UnregisteredError
from aioags.launch import Launch, Tool, ToolSettings
from tests.launch.emulated_course import TOOL, Course

SIX_HOURS = 6 * 3600


def stored(launch: Launch) -> str:
    """
    Write down what a job will need, and nothing else.
    """
    assert launch.endpoint is not None
    return json.dumps(
        {
            "issuer": launch.issuer,
            "client_id": launch.client_id,
            "deployment_id": launch.deployment_id,
            "endpoint": launch.endpoint.to_claim(),
            "user_id": launch.user_id,
        }
    )


async def test_hours_later_a_job_posts_without_the_launch() -> None:
    course = Course()
    text = stored(await course.launch("user-0001"))
    course.clock.advance(SIX_HOURS)
    job = json.loads(text)
    handed_in = datetime.fromtimestamp(course.clock.now - SIX_HOURS, UTC)
    async with Client(transport=course.transport, runtime=course.runtime) as ags:
        tool = Tool(course.settings, course.transport, runtime=course.runtime)
        registration = await tool.registration(
            issuer=job["issuer"], client_id=job["client_id"], deployment_id=job["deployment_id"]
        )
        gradebook = ags.gradebook(registration, Endpoint.from_claim(job["endpoint"]))
        await gradebook.post_score(Score.graded(job["user_id"], 83, score_maximum=100, timestamp=handed_in))
    result = course.platform.result(None, "user-0001")
    assert result is not None
    assert result["resultScore"] == 83


async def test_what_is_stored_holds_no_name_no_key_and_no_token() -> None:
    text = stored(await Course().launch("user-0001"))
    for private in ("Björn", "Bj\\u00f6rn", "PRIVATE", "eyJ"):
        assert private not in text


async def test_a_registration_that_was_removed_meanwhile_is_said_to_be() -> None:
    course = Course()
    job = json.loads(stored(await course.launch("user-0001")))
    later = Tool(ToolSettings(registrations=[], redirect_uri=f"{TOOL}/lti/launch"), course.transport)
    with pytest.raises(UnregisteredError):
        await later.registration(issuer=job["issuer"], client_id=job["client_id"])


async def test_an_id_token_is_of_minutes_not_of_hours() -> None:
    course = Course()
    lives: list[int] = []

    def wait(header: dict[str, Any], claims: dict[str, Any]) -> None:
        lives.append(claims["exp"] - claims["iat"])
        course.clock.advance(SIX_HOURS)

    course.platform.launches.tamper = wait
    with pytest.raises(LoginLostError, match="too long ago"):
        await course.launch("user-0001")
    assert lives[0] <= 600


async def test_a_clock_of_the_platform_that_is_wrong_is_named() -> None:
    course = Course()
    course.platform.site.skew = 3600
    with pytest.raises(IdTokenRefusedError, match="compare the clocks") as caught:
        await course.launch("user-0001")
    assert caught.value.reason == "iat"
