"""
The tests of the FastAPI example: real launches, from the click in the course to the grade.
"""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi_tool import create_app

from aioags import Registration
from aioags.emulator import AppLauncher, Platform
from aioags.launch import ToolSettings


@pytest.fixture
def app(ags_launch: AppLauncher, ags_registration: Registration) -> FastAPI:
    """
    The application as in production, but for its settings.
    """
    return create_app(
        ToolSettings(
            registrations=[ags_registration],
            redirect_uri="https://tool.example/lti/launch",
            keys=[ags_registration],
        )
    )


async def test_a_learner_does_the_quiz(
    app: FastAPI, ags_launch: AppLauncher, ags_platform: Platform, ags_roster: list[str]
) -> None:
    quiz = await ags_launch(app, user=ags_roster[0])
    assert quiz.status == 200
    assert "6 times 7" in quiz.text
    done = await quiz.submit(answer="42")
    assert "Right" in done.text
    assert done.url == "https://tool.example/answers"
    (result,) = ags_platform.results()
    assert (result["userId"], result["resultScore"]) == (ags_roster[0], 100)


async def test_a_teacher_sees_who_has_what(app: FastAPI, ags_launch: AppLauncher, ags_teacher: str) -> None:
    page = await ags_launch(app, user=ags_teacher)
    assert page.text.count("<tr>") == 30


async def test_a_teacher_adds_a_quiz_and_a_learner_opens_it(app: FastAPI, ags_launch: AppLauncher) -> None:
    added = await ags_launch(app, deep_linking=True)  # by the teacher
    assert added.deep_link is not None
    assert [item["title"] for item in added.deep_link.content_items] == ["Quiz 1", "Quiz 2"]
    quiz = await ags_launch(app, link=added.deep_link.links[1])
    assert "Who wrote" in quiz.text


async def test_a_browser_without_cookies(app: FastAPI, ags_launch: AppLauncher) -> None:
    page = await ags_launch(app, cookies=False)
    assert (page.status, page.headers["cache-control"]) == (400, "no-store")
    assert "kept no cookie" in page.text


async def test_a_launch_for_somebody_else_is_refused(
    app: FastAPI, ags_launch: AppLauncher, ags_platform: Platform
) -> None:
    ags_platform.launches.tamper = lambda header, claims: claims.update(aud="another-tool")
    assert (await ags_launch(app)).status == 401


@pytest.mark.parametrize("ags_profile", ["moodle", "canvas"])
async def test_on_other_platforms(app: FastAPI, ags_launch: AppLauncher) -> None:
    assert (await ags_launch(app)).status == 200
