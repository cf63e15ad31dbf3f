"""
Launches as they come, from emulated platforms: reviews, nobody in particular, and what is said beside the course.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aioags import Client, LineItem
from aioags.emulator import PROFILES
from aioags.errors import IdTokenRefusedError
from aioags.launch import (
    DEEP_LINKING,
    RESOURCE_LINK,
    SUBMISSION_REVIEW,
    ForUser,
    Launch,
    LaunchPresentation,
    Tool,
    ToolPlatform,
)
from tests.fakes import HOST
from tests.launch.emulated_course import TOOL, Course
from tests.launch.paper_lms import DL, LTI, PaperLMS


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_teacher_reviews_a_submission_from_the_gradebook(profile: str) -> None:
    course = Course(profile=profile)
    item = next(iter(course.platform.course.items.values()))
    item.fields["submissionReview"] = {"url": f"{TOOL}/review/7", "custom": {"attempt": "2"}}
    teacher, learner = "teacher-1", next(iter(course.platform.course.people))
    course.platform.course.enroll(teacher, "Tea Cher", "Instructor")
    launch = await course.launch(teacher, review_of=learner)
    assert (launch.message_type, launch.user_id) == (SUBMISSION_REVIEW, teacher)
    assert launch.for_user is not None
    assert launch.for_user.user_id == learner
    assert launch.target_link_uri == f"{TOOL}/review/7"
    assert launch.custom["attempt"] == "2"
    assert launch.endpoint is not None
    assert launch.endpoint.lineitem == course.platform.site.item_url(item)
    # Where the column says nothing of it, the link's own page is shown.
    del item.fields["submissionReview"]
    assert (await course.launch(teacher, review_of=learner)).target_link_uri == f"{TOOL}/lti/launch"
    assert (await course.launch(teacher)).message_type == RESOURCE_LINK


async def test_of_whom_a_review_is_shown_as_far_as_the_platform_says() -> None:
    said = {"user_id": "user-9", "name": "Bo Li", "email": "", "roles": ["Learner", None], "given_name": 7}
    launch = await PaperLMS().launch(message_type=SUBMISSION_REVIEW, **{LTI + "for_user": said})
    assert launch.for_user == ForUser("user-9", name="Bo Li", given_name="7", roles=("Learner",))
    assert launch.unreadable == (f"{LTI}for_user.roles",)
    assert "Bo Li" not in repr(launch)
    for wrong in ({}, {"name": "Bo"}, {"user_id": "x" * 256}, "user-9"):
        with pytest.raises(IdTokenRefusedError):
            await PaperLMS().launch(message_type=SUBMISSION_REVIEW, **{LTI + "for_user": wrong})


@pytest.mark.parametrize("profile", PROFILES)
async def test_nobody_in_particular_launches_where_the_tool_lets_them(profile: str) -> None:
    course = Course(profile=profile)
    with pytest.raises(IdTokenRefusedError, match=r"anonymous=True"):
        await course.launch_anonymously()
    settings = attrs.evolve(course.settings, anonymous=True)
    course.tool = Tool(settings, course.transport, runtime=course.runtime)
    launch = await course.launch_anonymously()
    assert (launch.user_id, launch.endpoint, launch.name, launch.email) == (None, None, None, None)
    assert launch.resource_link is not None
    assert (await course.launch()).user_id is not None


@pytest.mark.parametrize("profile, several", [("canvas", True), ("openedx", True), ("moodle", False), ("spec", False)])
async def test_a_line_item_may_be_the_first_of_several(profile: str, several: bool) -> None:
    course = Course(profile=profile)
    link = next(iter(course.platform.course.links.values()))
    course.platform.add_line_item("Second", 10, link=link)
    launch = await course.launch()
    assert launch.endpoint is not None
    assert (launch.endpoint.lineitem is not None) == several
    assert launch.resource_link is not None
    async with Client(transport=course.transport) as client:
        gradebook = client.gradebook(launch.registration, launch.endpoint)
        items: list[LineItem] = [item async for item in gradebook.line_items(resource_link_id=launch.resource_link.id)]
    assert len(items) == 2
    if several:
        assert items[0].id == launch.endpoint.lineitem


async def test_what_a_teacher_typed_as_the_links_url_is_shown() -> None:
    course = Course()
    link = next(iter(course.platform.course.links))
    course.platform.launches.placed[link] = {"url": f"{TOOL}/kurs/Übung 1 "}
    assert (await course.launch()).target_link_uri == f"{TOOL}/kurs/%C3%9Cbung%201"


@pytest.mark.parametrize("profile", PROFILES)
async def test_what_platforms_say_of_themselves_is_typed(profile: str) -> None:
    course = Course(profile=profile)
    launch = await course.launch()
    claimed: dict[str, Any] = dict(launch.claims.get(LTI + "tool_platform", {}))
    told = launch.tool_platform
    assert (told is None) == (not claimed)
    if told is not None:
        assert {name: value for name, value in attrs.asdict(told).items() if value is not None} == claimed
    assert launch.unreadable == ()
    assert launch.name == launch.claims.get("name")
    assert launch.picture == launch.claims.get("picture")


async def test_what_is_beside_the_course_is_typed_and_stays_out_of_repr() -> None:
    launch: Launch = await PaperLMS().launch(
        **{
            "given_name": "Ada", "family_name": "Abe", "middle_name": "B", "preferred_username": "ada.abe",
            "email": "ada@school.example", "picture": "https://lms.example/ada.png", "locale": "de-AT",
            f"{LTI}lis": {"person_sourcedid": "p-77", "course_offering_sourcedid": ""},
            f"{LTI}tool_platform": {"guid": "g-1", "product_family_code": "moodle", "version": 4.5, "name": None},
            f"{LTI}launch_presentation": {"document_target": "iframe", "width": 800, "height": "600", "locale": "de"},
            f"{LTI}role_scope_mentor": ["user-2", "user-3"],
            f"{LTI}lti11_legacy_user_id": "old-1",
        }
    )  # fmt: skip
    assert (launch.given_name, launch.middle_name, launch.preferred_username) == ("Ada", "B", "ada.abe")
    assert (launch.email, launch.picture, launch.locale) == (
        "ada@school.example", "https://lms.example/ada.png", "de-AT",
    )  # fmt: skip
    assert launch.lis is not None
    assert (launch.lis.person_sourcedid, launch.lis.course_offering_sourcedid) == ("p-77", None)
    assert launch.tool_platform == ToolPlatform(guid="g-1", product_family_code="moodle")
    assert launch.unreadable == (f"{LTI}tool_platform.version",)
    assert launch.launch_presentation == LaunchPresentation("iframe", 800, 600, locale="de")
    assert (launch.role_scope_mentor, launch.lti11_legacy_user_id) == (("user-2", "user-3"), "old-1")
    shown = repr(launch)
    assert not [secret for secret in ("Ada", "ada.abe", "school.example", "p-77", "user-2", "old-1") if secret in shown]


@pytest.mark.parametrize("said, read", [("True", True), ("false", False), ("", None), ("maybe", None), (1, None)])
async def test_what_is_neither_true_nor_false_is_named(said: Any, read: bool | None) -> None:
    settings = {"deep_link_return_url": f"{HOST}/return", "accept_types": ["link"], "accept_multiple": said}
    launch = await PaperLMS().launch(message_type=DEEP_LINKING, **{f"{DL}deep_linking_settings": settings})
    assert launch.deep_linking is not None
    assert launch.deep_linking.accept_multiple is read
    assert (launch.unreadable == ()) == (read is not None or said == "")


@pytest.mark.parametrize("width", [True, -1, 1.5, "wide", [], "9" * 5000, 10**400])
async def test_a_width_that_is_none_costs_no_launch(width: Any) -> None:
    launch = await PaperLMS().launch(**{f"{LTI}launch_presentation": {"width": width, "document_target": "window"}})
    assert launch.launch_presentation == LaunchPresentation("window")
    assert launch.unreadable == (f"{LTI}launch_presentation.width",)
