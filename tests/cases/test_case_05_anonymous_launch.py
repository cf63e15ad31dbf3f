"""
Case 5: a launch without ``sub`` (CORE 5.3.6.1).
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from aioags import Scope
from aioags.errors import IdTokenRefusedError
from aioags.launch import DEEP_LINKING, SUBMISSION_REVIEW, Tool, ToolSettings, deep_linking_response
from tests.fakes import HOST, WALL
from tests.launch.emulated_course import Course
from tests.launch.paper_lms import AGS, DL, GONE, LTI, REDIRECT, PaperLMS, lms_registration

CLAIM = {"scope": [Scope.SCORE.value], "lineitem": f"{HOST}/items/1"}


def anonymous(course: Course) -> Course:
    """
    Let a course's tool take anonymous launches.
    """
    course.settings = attrs.evolve(course.settings, anonymous=True)
    course.tool = Tool(course.settings, course.transport, runtime=course.runtime)
    return course


@pytest.mark.parametrize("sub", [GONE, None, ""])
async def test_it_is_refused_unless_the_tool_says_so(sub: Any) -> None:
    with pytest.raises(IdTokenRefusedError, match="anonymous=True") as caught:
        await PaperLMS().launch(sub=sub, **{AGS: CLAIM})
    assert caught.value.reason == "sub"


async def test_it_is_taken_by_opt_in_and_offers_no_grades() -> None:
    course = anonymous(Course())
    course.platform.launches.tamper = lambda header, claims: claims.pop("sub")
    launch = await course.launch()
    assert (launch.user_id, launch.endpoint) == (None, None)
    assert launch.resource_link is not None
    assert launch.unreadable == ()


@pytest.mark.parametrize(
    "kind",
    [
        {"message_type": DEEP_LINKING, f"{DL}deep_linking_settings": {
            "deep_link_return_url": f"{HOST}/return", "accept_types": ["link"]}},
        {"message_type": SUBMISSION_REVIEW, f"{LTI}for_user": {"user_id": "user-9"}},
    ],
    ids=["deep linking", "submission review"],
)  # fmt: skip
async def test_so_is_one_of_another_kind(kind: dict[str, Any]) -> None:
    settings = ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT, anonymous=True)
    launch = await PaperLMS(settings).launch(sub=GONE, **{AGS: CLAIM}, **kind)
    assert (launch.user_id, launch.endpoint, launch.unreadable) == (None, None, ())
    if launch.for_user is None:
        assert deep_linking_response(launch, [], now=WALL).url == f"{HOST}/return"
    else:
        assert launch.for_user.user_id == "user-9"


async def test_who_has_a_name_keeps_it_and_their_grades() -> None:
    launch = await anonymous(Course()).launch()
    assert launch.user_id == "user-0001"
    assert launch.endpoint is not None


@pytest.mark.parametrize("sub", [["a"], "x" * 256])
async def test_a_sub_that_cannot_be_read_is_not_anonymous(sub: Any) -> None:
    course = anonymous(Course())
    course.platform.launches.tamper = lambda header, claims: claims.update(sub=sub)
    with pytest.raises(IdTokenRefusedError, match="sub"):
        await course.launch()
