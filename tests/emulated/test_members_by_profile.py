"""
The client reads members and launches of every profile, however much each tells.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import Client, Registration
from aioags.emulator import PROFILES, Platform
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.emulator.profiles.sharing import PRIVACY
from aioags.launch import ToolSettings, read_launch

LEARNERS = 7


def course(profile: str, **options: Any) -> Platform:
    """
    Make a course of seven learners, a teacher among them in the middle of the order, and one who left.
    """
    platform = Platform.create(profile, users=LEARNERS, **options)
    platform.course.enroll("35", "Tea Cher", "Instructor")
    platform.course.enroll("9999", "Left").active = False
    return platform


def launch_of(platform: Platform, user: str) -> Any:
    own = Registration(**platform.registration_args())
    settings = ToolSettings(registrations=[own], redirect_uri="https://tool.example/launch")
    return read_launch(platform.launch_claims(user), own, settings)


async def listed(platform: Platform, **wanted: Any) -> list[str]:
    """
    Return the user ids of those who are active, as often as they come.
    """
    launch = launch_of(platform, "35")
    async with Client(transport=InMemoryTransport(platform)) as ags:
        return [member.user_id async for member in ags.memberships(launch, **wanted) if member.status == "Active"]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("limit", [None, 1, 2, 3, 100])
async def test_everybody_is_listed_once_on_pages_of_any_size(profile: str, limit: int | None) -> None:
    platform = course(profile)
    found = await listed(platform, limit=limit)
    assert sorted(found) == sorted(set(platform.users()) - {"9999"})


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("limit", [None, 1, 3])
async def test_M7_the_learners_of_a_class_are_counted_once_each(profile: str, limit: int | None) -> None:
    """
    Moodle's next page forgets the role, and counts everybody: the client picks again, and counts each once.
    """
    platform = course(profile)
    found = await listed(platform, role="Learner", limit=limit)
    assert len(found) == len(set(found))
    assert set(found) == set(platform.users()) - {"35", "9999"}


@pytest.mark.parametrize("profile", PROFILES)
async def test_E2_a_teacher_is_found_among_them(profile: str) -> None:
    assert await listed(course(profile), role="Instructor") == ["35"]


@pytest.mark.parametrize("profile", PROFILES)
async def test_E2_a_role_that_nobody_has_is_nobody_s(profile: str) -> None:
    assert await listed(course(profile), role="Mentor") == []


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("privacy", PRIVACY)
async def test_E3_a_launch_and_a_member_say_what_the_setting_lets_through(profile: str, privacy: Any) -> None:
    platform = course(profile, privacy=privacy)
    launch = launch_of(platform, "35")
    assert launch.name == ("Tea Cher" if privacy in ("public", "name_only") else None)
    assert launch.email == ("35@school.example" if privacy in ("public", "email_only") else None)
    assert launch.user_id == "35"
    assert launch.context is not None and launch.context.label == "C1"
    assert launch.unreadable == ()
    assert sorted(await listed(platform)) == sorted(set(platform.users()) - {"9999"})
