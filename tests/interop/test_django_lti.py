"""
django-lti, a tool library with a database, as a program of its own against the emulator: its key is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from aioags.emulator import PROFILES
from tests.interop.foreign import Desk, desk_at, needs_all_good
from tests.interop.processes import running as running_host

STAMP = "2026-01-01T10:00:00.000+00:00"


@pytest.fixture(scope="module")
def tool() -> Iterator[str]:
    """
    The tool, in one process for all tests.
    """
    with running_host("tests.interop.django_lti_host") as url:
        yield url


@pytest.fixture
def desk(tool: str) -> Iterator[Desk]:
    with desk_at(tool, "spec") as desk:
        yield desk


def ask(desk: Desk, page: str, **query: object) -> Any:
    """
    Ask the tool to do something at the platform. What fails comes back with ``error``.
    """
    desk.rest()
    answer = desk.browser.get(f"{desk.tool}/{page}", params={name: str(value) for name, value in query.items()})
    assert answer.ok, answer.text
    return answer.json()


@pytest.mark.parametrize("name", PROFILES)
def test_it_gets_through_its_day_on_every_profile(tool: str, name: str) -> None:
    with desk_at(tool, name) as desk:
        user = desk.users[1]
        assert desk.launch(user).json()["user"] == user
        made = ask(desk, "create", label="Essay", maximum=20, tag="essay", resource="essay-1")
        assert made.get("label") == "Essay", made
        assert ask(desk, "create", label="Essay", maximum=20, tag="essay", resource="essay-1") == made
        listed = ask(desk, "items")
        assert [item["id"] for item in listed] == [item["id"] for item in desk.platform.line_items()]
        assert ask(desk, "score", item=made["id"], points=8, maximum=10, stamp=STAMP) is None
        # Sakai has a result of everybody.
        (result,) = [one for one in ask(desk, "results", item=made["id"]) if one["userId"] == user]
        assert result["resultScore"] / result["resultMaximum"] == 0.8
        assert [member["user"] for member in ask(desk, "members")] == sorted(desk.users)
        needs_all_good(desk)


def test_a_launch_becomes_records_of_person_course_and_link(desk: Desk) -> None:
    shown = desk.launch(desk.users[2]).json()
    assert shown["name"] == desk.platform.course.people[desk.users[2]].name
    assert (shown["context"], shown["resource"], shown["learner"]) == ("Course one", "Quiz one", True)
    assert shown["endpoint"] == desk.platform.endpoint_claim()


def test_members_say_who_learns_and_who_is_gone(desk: Desk) -> None:
    desk.platform.course.enroll("a-teacher", "Yara", "Instructor")
    desk.platform.course.people[desk.users[0]].active = False
    desk.launch()
    by_id = {member["user"]: (member["learner"], member["active"]) for member in ask(desk, "members")}
    assert by_id["a-teacher"] == (False, True)
    assert by_id[desk.users[0]] == (True, False)
    assert by_id[desk.users[1]] == (True, True)


def test_a_link_that_it_places_is_launched_with_its_column(desk: Desk) -> None:
    assert "1 links were added" in desk.submit(desk.launch(deep_linking=True)).text
    link = list(desk.platform.course.links.values())[-1]
    column = desk.platform.line_items()[-1]
    assert (column["label"], column["scoreMaximum"], column["tag"]) == ("Placed", 20, "placed")
    shown = desk.launch(link=link).json()
    assert (shown["resource"], shown["chapter"]) == ("Placed", "3")
    assert shown["endpoint"]["lineitem"] == column["id"]


def test_a_refusal_comes_out_with_its_status_and_words(desk: Desk) -> None:
    desk.launch()
    said = ask(desk, "score", points=1, maximum=10, stamp=STAMP, user="nobody")
    assert said["status"] == 422
    assert "nobody" in said["body"]


def test_a_key_that_it_takes_out_of_use_is_refused(desk: Desk) -> None:
    desk.launch()
    desk.platform.tool.key_set = desk.platform.key.public_set
    assert ask(desk, "items")["status"] == 400
