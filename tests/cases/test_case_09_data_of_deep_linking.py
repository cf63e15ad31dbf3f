"""
Case 9: ``data`` of a deep linking launch is handed back as it came, whatever JSON it is (DL 4.4.1).
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags.launch import LinkItem, deep_linking_response
from tests.fakes import WALL
from tests.launch.emulated_course import Course
from tests.launch.paper_lms import DL
from tests.launch.test_deep_linking import launched, opened

DATA = [{"a": 1}, "", " ", 0, False, [1, None], "text", 1.5, {}]


@pytest.mark.parametrize("data", DATA, ids=repr)
async def test_case_9_data_is_handed_back_as_it_came(data: Any) -> None:
    launch = await launched(data=data)
    assert opened(deep_linking_response(launch, [], now=WALL))[DL + "data"] == data
    assert launch.unreadable == ()


async def test_case_9_none_is_made_up() -> None:
    assert DL + "data" not in opened(deep_linking_response(await launched(data=None), [], now=WALL))


@pytest.mark.parametrize("data", DATA, ids=repr)
async def test_case_9_an_emulated_platform_takes_the_answer(data: Any) -> None:
    course = Course()
    course.platform.launches.deep_linking_data = data
    launch = await course.launch(deep_linking=True)
    response = deep_linking_response(launch, [LinkItem(title="Quiz")], now=course.clock())
    assert course.hand_back(response).status == 200


async def test_case_9_an_emulated_platform_refuses_data_that_is_another() -> None:
    course = Course()
    course.platform.launches.deep_linking_data = True
    launch = await course.launch(deep_linking=True)
    course.platform.launches.deep_linking_data = 1
    answer = course.hand_back(deep_linking_response(launch, [], now=course.clock()))
    assert answer.status == 400
    assert b"data must come back as it was given" in answer.body
