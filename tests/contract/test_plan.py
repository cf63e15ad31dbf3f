"""
What `Gradebook.plan` promises, with either back end in front of every platform.
"""

from __future__ import annotations

import re

from aioags import Plan, Score
from tests.contract.bench import Bench


def wanted(bench: Bench, points: float = 8, *, comment: str | None = "Well done.") -> list[Score]:
    return [Score.graded(user, points, score_maximum=10, comment=comment) for user in bench.users]


def counts(plan: Plan) -> tuple[int, int, int, int]:
    return len(plan.new), len(plan.changed), len(plan.unchanged), len(plan.overridden)


async def test_all_is_new_and_then_nothing_changes(bench: Bench) -> None:
    everybody = len(bench.users)
    plan = await bench.gradebook.plan(wanted(bench), line_item=bench.item)
    assert counts(plan) == (everybody, 0, 0, 0), str(plan)
    assert bench.scores_sent() == 0
    report = await plan.apply()
    assert (report.total, report.recorded) == (everybody, everybody), report.failed
    again = await bench.gradebook.plan(wanted(bench), line_item=bench.item)
    assert counts(again) == (0, 0, everybody, 0), [str(change) for change in again.overridden]
    assert (await again.apply()).total == 0
    assert bench.scores_sent() == everybody


async def test_only_what_changed_is_sent(bench: Bench) -> None:
    first = wanted(bench)
    await bench.gradebook.post_scores(first, line_item=bench.item)
    next_day = [Score.graded(bench.users[0], 9, score_maximum=10, comment="Well done."), *wanted(bench)[1:]]
    history = {score.user_id: score for score in first}
    plan = await bench.gradebook.plan(next_day, line_item=bench.item, last_sent=history)
    assert counts(plan) == (0, 1, len(bench.users) - 1, 0), str(plan)
    assert re.fullmatch(r"we sent 8 of 10 on \S+ \S+", plan.changed[0].why)
    assert (await plan.apply()).recorded == 1
    result = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert result is not None
    assert result.fraction == 0.9


async def test_without_a_history_a_value_that_differs_stays_until_it_is_said(bench: Bench) -> None:
    await bench.gradebook.post_scores(wanted(bench), line_item=bench.item)
    plan = await bench.gradebook.plan(wanted(bench, 9), line_item=bench.item)
    assert counts(plan) == (0, 0, 0, len(bench.users))
    assert {change.why for change in plan.overridden} == {"replaces a value we have no record of"}
    assert (await plan.apply()).total == 0
    plan = await bench.gradebook.plan(wanted(bench, 9), line_item=bench.item)
    assert (await plan.apply(overwrite=True)).recorded == len(bench.users)
    result = await bench.gradebook.get_result(bench.users[0], line_item=bench.item)
    assert result is not None
    assert result.fraction == 0.9


async def test_zero_is_a_grade_and_no_score_is_none(bench: Bench) -> None:
    user, other = bench.users[:2]
    nothing = await bench.gradebook.plan([Score.cleared(user)], line_item=bench.item)
    assert counts(nothing) == (0, 0, 1, 0)
    await bench.gradebook.post_score(Score.graded(user, 0, score_maximum=10), line_item=bench.item)
    zeros = [Score.graded(person, 0, score_maximum=10) for person in (user, other)]
    plan = await bench.gradebook.plan(zeros, line_item=bench.item)
    assert counts(plan) == (1, 0, 1, 0)
    plan = await bench.gradebook.plan([Score.cleared(user)], line_item=bench.item)
    assert counts(plan) == (0, 0, 0, 1)


async def test_thirds_and_extra_credit_are_not_sent_twice(bench: Bench) -> None:
    users = bench.users[:3]

    def scores() -> list[Score]:
        odd = [(1, 3), (1 / 3, 1), (12, 10)]
        return [Score.graded(user, given, score_maximum=out) for user, (given, out) in zip(users, odd, strict=True)]

    assert (await (await bench.gradebook.plan(scores(), line_item=bench.item)).apply()).ok
    again = await bench.gradebook.plan(scores(), line_item=bench.item)
    assert counts(again) == (0, 0, 3, 0), [str(change) for change in again.overridden]


async def test_who_is_on_the_platform_only_and_who_is_not_in_the_course(bench: Bench) -> None:
    await bench.gradebook.post_scores(wanted(bench), line_item=bench.item)
    some = [*wanted(bench)[:1], Score.graded("999999", 8, score_maximum=10)]
    plan = await bench.gradebook.plan(some, line_item=bench.item, members=bench.users)
    assert counts(plan) == (0, 0, 1, 0)
    assert sorted(change.user_id for change in plan.only_on_platform) == sorted(bench.users[1:])
    assert [change.user_id for change in plan.not_in_course or ()] == ["999999"]
    assert (await plan.apply(overwrite=True)).total == 0


async def test_a_teachers_grade_stays_until_it_is_said(bench: Bench) -> None:
    user = bench.users[0]
    first = Score.graded(user, 8, score_maximum=10)
    await bench.gradebook.post_score(first, line_item=bench.item)
    bench.time.now += 5
    number = bench.item
    bench.platform.override(number, user, 50)
    before = bench.platform.published(number, user)
    bench.time.now += 5
    score = Score.graded(user, 9, score_maximum=10)
    plan = await bench.gradebook.plan([score], line_item=bench.item, last_sent={user: first})
    assert counts(plan) == (0, 0, 0, 1)
    assert plan.overridden[0].why.startswith("somebody changed it: we sent 8 of 10 on ")
    assert (await plan.apply()).total == 0
    assert bench.platform.published(number, user) == before == 50
