"""
Results, from the platform's gradebook to the tool (AGS 3.3), and the join with a roster.
"""

from __future__ import annotations

import attrs
import pytest

from aioags import LineItem, NotFoundError, NotOfferedError, Scope, Score, join_results
from aioags.emulator import PROFILES
from tests.rigs.memory import Stand, grades, memory_stand

USERS = [f"user-{number:04}" for number in range(1, 8)]


async def test_3_3_results_are_sparse_and_come_page_after_page(stand: Stand) -> None:
    await stand.gradebook.post_scores(grades(USERS[:5]))
    results = [result async for result in stand.gradebook.results()]
    assert [result.user_id for result in results] == USERS[:5]
    assert {(result.result_score, result.result_maximum, result.fraction) for result in results} == {(80, 100, 0.8)}
    assert {result.score_of for result in results} == {stand.item}
    assert stand.platform.counts["results"] == 3


async def test_a_limit_bounds_a_page_and_not_the_whole(stand: Stand) -> None:
    await stand.gradebook.post_scores(grades(USERS[:5]))
    results = [result async for result in stand.gradebook.results(limit=1)]
    assert [result.user_id for result in results] == USERS[:5]
    assert stand.platform.counts["results"] == 5


async def test_3_3_5_one_users_result(stand: Stand) -> None:
    await stand.gradebook.post_scores(grades(USERS[:3]))
    result = await stand.gradebook.get_result(USERS[1])
    assert result is not None
    assert (result.user_id, result.fraction) == (USERS[1], 0.8)
    assert [one.user_id async for one in stand.gradebook.results(user_id=USERS[2])] == [USERS[2]]


async def test_no_result_is_none(stand: Stand) -> None:
    assert await stand.gradebook.get_result(USERS[0]) is None
    assert await stand.gradebook.get_result("nobody") is None
    assert [result async for result in stand.gradebook.results()] == []


@pytest.mark.parametrize("filter_rule", ["ignored", "drops_comment"])
async def test_a_platform_that_ignores_the_user_filter(filter_rule: str) -> None:
    """
    Open edX and Sakai answer with everybody.
    """
    stand = memory_stand(attrs.evolve(PROFILES["spec"], user_filter=filter_rule, page_size=2))
    await stand.gradebook.post_scores(grades(USERS[:5]))
    result = await stand.gradebook.get_result(USERS[4])
    assert result is not None
    assert result.user_id == USERS[4]
    assert await stand.gradebook.get_result("nobody") is None


async def test_moodles_404_page_for_a_limit_is_asked_again_without() -> None:
    stand = memory_stand("moodle")
    users = stand.platform.users()
    await stand.gradebook.post_scores(grades(users))
    assert {result.user_id async for result in stand.gradebook.results(limit=2)} == set(users)
    assert stand.platform.counts["results"] == 2


@pytest.mark.parametrize("call", ["get_line_item", "get_result"])
async def test_a_404_without_a_limit_is_what_it_says(call: str) -> None:
    stand = memory_stand("moodle")
    await stand.gradebook.delete_line_item(None, force=True)
    with pytest.raises(NotFoundError):
        await (stand.gradebook.get_line_item() if call == "get_line_item" else stand.gradebook.get_result("1"))


async def test_results_of_a_named_item(stand: Stand) -> None:
    made = await stand.gradebook.create_line_item(LineItem("Quiz", 10))
    await stand.gradebook.post_score(Score.graded(USERS[0], 7, score_maximum=10), line_item=made)
    assert [result.result_score async for result in stand.gradebook.results(line_item=made)] == [7]
    assert [result async for result in stand.gradebook.results()] == []
    one = await stand.gradebook.get_result(USERS[0], line_item=made.id)
    assert one is not None
    assert one.result_maximum == 10


async def test_a_teachers_override_is_what_the_result_says(stand: Stand) -> None:
    await stand.gradebook.post_score(Score.graded(USERS[0], 7, score_maximum=10, comment="tool"))
    stand.platform.override(None, USERS[0], 95, comment="teacher")
    result = await stand.gradebook.get_result(USERS[0])
    assert result is not None
    assert (result.result_score, result.comment) == (95, "teacher")


async def test_no_result_scope_no_request(stand: Stand) -> None:
    gradebook = stand.second_gradebook(scope=frozenset({Scope.SCORE}))
    with pytest.raises(NotOfferedError, match="scope"):
        await gradebook.get_result(USERS[0])
    assert stand.platform.counts.total() == 0


@pytest.mark.parametrize("user", ["", " ", None, 7])
async def test_a_user_is_text(stand: Stand, user: object) -> None:
    with pytest.raises((TypeError, ValueError), match="user_id"):
        await stand.gradebook.get_result(user)  # type: ignore[arg-type]
    assert stand.platform.counts.total() == 0


# -- With a roster -----------------------------------------------------------------------------------------------------


async def test_the_join_leaves_nobody_out(stand: Stand) -> None:
    await stand.gradebook.post_scores(grades(USERS[:4]))
    roster = [{"id": user, "name": user.upper()} for user in [*USERS[2:5], "only on the list"]]
    rows = [row async for row in join_results(roster, stand.gradebook.results(), key=lambda person: person["id"])]
    assert [(row.user_id, row.person is not None, row.result is not None) for row in rows] == [
        (USERS[0], False, True),
        (USERS[1], False, True),
        (USERS[2], True, True),
        (USERS[3], True, True),
        (USERS[4], True, False),
        ("only on the list", True, False),
    ]


async def test_the_join_reads_results_as_they_are_needed(stand: Stand) -> None:
    await stand.gradebook.post_scores(grades(USERS[:5]))
    async for row in join_results(USERS, stand.gradebook.results()):
        assert row.user_id == USERS[0]
        break
    assert stand.platform.counts["results"] == 1


async def test_a_roster_with_somebody_twice_is_refused_before_anything_is_read(stand: Stand) -> None:
    with pytest.raises(ValueError, match="twice"):
        [row async for row in join_results(["a", "b", "a"], stand.gradebook.results())]
    assert stand.platform.counts.total() == 0
