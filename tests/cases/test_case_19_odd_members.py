"""
One odd member costs nobody the roster.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from aioags import MalformedError, Member, Unreadable
from aioags.memberships import Memberships
from tests.fakes import HOST, PaperPlatform, answer, registration
from tests.ltiaas import paper

COURSE = Memberships(registration(), f"{HOST}/members?course=2")
LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"


def listed(*members: Any, **wanted: Any) -> AsyncGenerator[Member, None]:
    """
    List these, on paper.
    """
    return PaperPlatform([answer(200, {"members": list(members)})]).client().memberships(COURSE, **wanted)


@pytest.mark.parametrize("odd", [{"picture": ["x"]}, {"name": []}, {"roles": [None]}, {"status": 5.5}], ids=str)
async def test_a_field_that_cannot_be_read_costs_no_member(odd: dict[str, Any]) -> None:
    ada, bo = [member async for member in listed({"user_id": "ada"} | odd, {"user_id": "bo", "roles": [LEARNER]})]
    assert ada == Member("ada", extensions=odd)
    assert bo.has_role("Learner")


async def test_a_member_without_an_id_costs_no_other_where_the_caller_says_so() -> None:
    seen: list[Unreadable] = []
    records = ({"name": "Ada Lovelace"}, {"user_id": "bo"}, None)
    assert [member.user_id async for member in listed(*records, on_unreadable=seen.append)] == ["bo"]
    assert [unreadable.raw for unreadable in seen] == [records[0], None]
    assert "Lovelace" not in repr(seen) + str(seen[0].error) + seen[0].error.body
    with pytest.raises(MalformedError, match="record 0: the member has no user id"):
        _ = [member async for member in listed(*records)]


async def test_behind_the_gateway_it_is_the_same() -> None:
    seen: list[Unreadable] = []
    odd = {"userId": "ada", "picture": ["x"], "roles": "Learner"}
    _, account = paper.on_paper(paper.page("members", odd, {"name": "Bo"}, {"user_id": "cy", "userId": []}))
    members = [m async for m in account.memberships(ltik=paper.LTIK, on_unreadable=seen.append)]
    assert members == [
        Member("ada", ("Learner",), extensions={"picture": ["x"]}),
        Member("cy", extensions={"userId": []}),
    ]
    assert [unreadable.raw for unreadable in seen] == [{"name": "Bo"}]


def test_who_is_told_must_be_a_plain_function() -> None:
    with pytest.raises(TypeError, match="on_unreadable must be a plain function or None"):
        listed(on_unreadable=5)
