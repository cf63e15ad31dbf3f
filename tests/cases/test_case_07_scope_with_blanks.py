"""
Case 7: a scope of the AGS claim with blanks around it, typed into a platform's settings.
"""

from __future__ import annotations

from typing import Any

import pytest

from aioags import Client, Endpoint, Scope, Score
from aioags.model.endpoint import AGS_CLAIM
from tests.launch.emulated_course import Course

SPACED = [f" {Scope.SCORE} ", f"{Scope.LINE_ITEM}\n", "  "]


def test_case_7_blanks_are_no_part_of_a_scope_or_url() -> None:
    claim = {"scope": SPACED, "lineitems": " https://lms.example/items ", "lineitem": "\t"}
    endpoint = Endpoint("https://lms.example/items", None, [Scope.SCORE, Scope.LINE_ITEM])
    assert Endpoint.from_claim(claim) == Endpoint.from_launch({AGS_CLAIM: claim}) == endpoint


@pytest.mark.parametrize("profile", ["spec", "moodle", "canvas"])
async def test_case_7_the_score_of_such_a_launch_is_recorded(profile: str) -> None:
    def spoil(header: dict[str, Any], claims: dict[str, Any]) -> None:
        claims[AGS_CLAIM]["scope"] = [f" {scope} " for scope in claims[AGS_CLAIM]["scope"]]

    course = Course(profile=profile)
    course.platform.launches.tamper = spoil
    launch = await course.launch()
    assert launch.endpoint is not None
    async with Client(transport=course.transport, runtime=course.runtime) as ags:
        gradebook = ags.gradebook(launch.registration, launch.endpoint)
        await gradebook.post_score(Score.graded(launch.user_id, 8, score_maximum=10))
    assert course.platform.result(None, launch.user_id) is not None
