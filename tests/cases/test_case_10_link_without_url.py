"""
Case 10: a link that is placed without a URL of its own opens the tool on most platforms, and nothing on Blackboard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import aioags
from aioags.emulator import PROFILES
from aioags.emulator.wire.messages import Answer
from aioags.launch import LinkItem, deep_linking_response
from tests.launch.emulated_course import TOOL, Course

PACKAGE = Path(aioags.__file__).parent


async def placed(profile: str, **fields: Any) -> tuple[Course, Answer]:
    """
    Place one link, and open it.
    """
    course = Course(profile=profile)
    launch = await course.launch(deep_linking=True)
    response = deep_linking_response(launch, [LinkItem(**fields)], now=course.clock())
    assert course.hand_back(response).status == 200
    link = list(course.platform.course.links.values())[-1]
    return course, course.ask(course.platform.launches.url(next(iter(course.platform.course.people)), link))


@pytest.mark.parametrize("profile", PROFILES)
async def test_case_10_without_a_url_a_link_is_dead_on_blackboard_alone(profile: str) -> None:
    _, opened = await placed(profile, title="Q")
    assert opened.status == (404 if profile == "blackboard" else 302)
    assert (b"placed without a URL" in opened.body) == (profile == "blackboard")


@pytest.mark.parametrize("profile", PROFILES)
async def test_case_10_with_one_it_opens_everywhere(profile: str) -> None:
    course, opened = await placed(profile, title="Q", url=f"{TOOL}/quiz/1")
    assert opened.status == 302
    link = list(course.platform.course.links.values())[-1]
    assert (await course.launch(link=link)).target_link_uri == f"{TOOL}/quiz/1"


async def test_case_10_the_course_s_own_link_opens_on_blackboard() -> None:
    course = Course(profile="blackboard")
    assert (await course.launch()).resource_link is not None


def test_case_10_is_told_where_links_are_made() -> None:
    guide = PACKAGE.parent / "docs" / "guides" / "deep-linking.md"
    for text in (LinkItem.__doc__ or "", guide.read_text()):
        assert "Blackboard" in text
