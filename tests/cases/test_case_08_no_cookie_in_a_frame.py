"""
Case 8: Safari, in a frame, where no cookie of any kind comes back. The guard stays: the cookie where it comes, else the
platform's storage, else a refusal that says what to do. (In real browsers: ``tests/launch/test_in_a_frame.py``.)
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.emulator import PROFILES
from aioags.errors import LoginLostError
from aioags.launch import ToolSettings
from aioags.launch.browser_storage import SECRET_FIELD
from tests.launch.emulated_course import Course
from tests.launch.paper_lms import REDIRECT, lms_registration
from tests.launch.surfer import Page, data_of

WITHOUT_STORAGE = {name for name in PROFILES if name.startswith("moodle") or name == "openedx"}


class Frame:
    """
    A launch in a frame of one platform, in a browser that keeps no cookie.
    """

    def __init__(self, profile: str) -> None:
        self.course = Course(profile=PROFILES[profile])

    async def form(self) -> dict[str, Any]:
        """
        Go as far as the platform's form.
        """
        user = next(iter(self.course.platform.course.people))
        self.login = await self.course.begin(f"{self.course.platform.launches.url(user)}&framed=1")
        return Page(self.login.url, 200, [], self.course.ask(self.login.url).body.decode()).forms[0].fields


@pytest.mark.parametrize("profile", sorted(set(PROFILES) - WITHOUT_STORAGE))
async def test_case_8_the_platform_s_storage_where_it_offers_one(profile: str) -> None:
    frame = Frame(profile)
    form = await frame.form()
    kept = data_of(frame.login.page or "")["secret"]
    page = await frame.course.tool.storage_page(form, {})
    assert page is not None
    again = Page("", 200, [], page).forms[0].fields
    with pytest.raises(LoginLostError, match="another browser"):
        await frame.course.tool.launch(again | {SECRET_FIELD: "what an attacker makes up"}, {})
    assert await frame.course.tool.launch(again | {SECRET_FIELD: kept}, {})


@pytest.mark.parametrize("profile", sorted(WITHOUT_STORAGE))
async def test_case_8_a_refusal_that_says_what_to_do_where_it_offers_none(profile: str) -> None:
    frame = Frame(profile)
    form = await frame.form()
    assert frame.login.page is None
    assert await frame.course.tool.storage_page(form, {}) is None
    with pytest.raises(LoginLostError, match="Open the link in a new window"):
        await frame.course.tool.launch(form, {})


@pytest.mark.parametrize("profile", sorted(PROFILES))
async def test_case_8_the_cookie_where_it_comes_back(profile: str) -> None:
    frame = Frame(profile)
    form = await frame.form()
    cookies = {frame.login.cookie.name: frame.login.cookie.value}
    assert await frame.course.tool.storage_page(form, cookies) is None
    assert await frame.course.tool.launch(form, cookies)


def test_case_8_nothing_takes_the_guard_from_everybody() -> None:
    settings: Any = {"cookieless": True}
    with pytest.raises(TypeError, match="cookieless"):
        ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT, **settings)
