"""
The tests of that tool, against an LMS on the desk. No network, no mock, no fixture of its own but the application's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from quiz_app import create_app

from aioags import Client, Endpoint, Registration
from aioags.emulator import Fault, Platform, Server


@pytest.fixture
async def browser(
    ags_client: Client, ags_registration: Registration, ags_endpoint: Endpoint
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(ags_registration, ags_endpoint, ags_client)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://tool.example") as browser:
        yield browser


async def test_a_finished_quiz_is_graded(
    browser: httpx.AsyncClient, ags_platform: Platform, ags_roster: list[str]
) -> None:
    answer = await browser.post(f"/finish/{ags_roster[0]}?points=7.5")
    assert answer.json() == {"grade": "recorded"}
    # The gradebook's own view: the line item is out of 100.
    (result,) = ags_platform.results()
    assert (result["userId"], result["resultScore"]) == (ags_roster[0], 75)


async def test_a_lost_answer_is_no_second_grade(
    browser: httpx.AsyncClient, ags_platform: Platform, ags_roster: list[str]
) -> None:
    ags_platform.faults.add(Fault.drop(operation="post_score", applied=True, times=1))
    assert (await browser.post(f"/finish/{ags_roster[0]}?points=5")).status_code == 200
    assert len(ags_platform.history(None, ags_roster[0])) == 1


async def test_a_stranger_is_refused(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/finish/somebody-else?points=5")
    assert (answer.status_code, answer.json()) == (422, {"detail": "UserNotGradableError"})


class TestOnMoodle:
    """
    The same tool on another platform: override one fixture.
    """

    @pytest.fixture
    def ags_profile(self) -> str:
        return "moodle"

    async def test_two_grades_in_one_second_both_count(
        self, browser: httpx.AsyncClient, ags_platform: Platform, ags_roster: list[str]
    ) -> None:
        for points in (4, 9):
            await browser.post(f"/finish/{ags_roster[0]}?points={points}")
        assert [score["scoreGiven"] for score in ags_platform.history(None, ags_roster[0])] == [4, 9]


async def test_over_real_sockets(
    ags_server: Server, ags_registration: Registration, ags_endpoint: Endpoint, ags_roster: list[str]
) -> None:
    app = create_app(ags_registration, ags_endpoint)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://tool.example") as browser,
    ):
        assert (await browser.post(f"/finish/{ags_roster[0]}?points=5")).status_code == 200
    assert [exchange.operation for exchange in ags_server.platform.requests] == ["token", "post_score"]
