"""
What an outbox knows of the gradebook: what it sent last, what drifted since, and what is to be put.
"""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from aioags import Client, NotOfferedError, Scope, Score
from aioags.outbox import MemoryStore, Outbox, SQLiteStore
from aioags.outbox.memory import Table
from aioags.outbox.sqlite.journal import LAST_SENT
from aioags.outbox.sqlite.schema import migrate
from aioags.outbox.sqlite.sql import LISTED_OF_ITEM
from tests.outbox.kit import SCHOOL, Desk, new_desk

DAY = 86_400.0


@pytest.fixture
async def desk() -> Desk:
    """
    An outbox that has sent 5, 6 and 7 points to three people.
    """
    made = new_desk()
    await made.put(*(made.grade(points, user) for points, user in zip((5, 6, 7), made.platform.users(), strict=True)))
    await made.drain()
    await made.time.sleep(60)
    return made


def wanted(desk: Desk, *points: float, comment: str | None = None) -> list[Score]:
    """
    What is to stand there, by the order of the people.
    """
    users = desk.platform.users()
    return [desk.grade(given, user, comment=comment) for given, user in zip(points, users, strict=False)]


async def drift(desk: Desk) -> list[tuple[str, float | None, float | None]]:
    """
    Who, what was sent, what stands there.
    """
    return [
        (one.user_id, one.sent.score_given, None if one.shown is None else one.shown.result_score)
        async for one in desk.outbox.drift(SCHOOL, line_item=desk.item)
    ]


async def test_only_what_changed_is_put_and_a_teachers_grade_stays(desk: Desk) -> None:
    ada, bob, eve = desk.platform.users()
    desk.platform.override(desk.item, eve, 3)
    plan = await desk.outbox.plan(SCHOOL, desk.endpoint, wanted(desk, 5, 6.5, 8))
    assert str(plan) == "0 new, 1 changed, 1 unchanged, 1 overridden"
    assert repr(plan) == f"<OutboxPlan: {plan}>"
    assert plan.line_item == desk.item
    assert [[change.user_id for change in each] for each in (plan.new, plan.changed, plan.unchanged)] == [
        [], [bob], [ada]
    ]  # fmt: skip
    assert [change.user_id for change in plan.overridden] == [eve]
    assert (plan.only_on_platform, plan.not_in_course) == ((), None)
    assert desk.applied(bob) == [6], "nothing was sent"
    assert await plan.apply() == 1
    assert desk.applied(bob) == [6], "but put"
    assert await desk.drain() == (1, 0, 0)
    assert (desk.applied(ada), desk.applied(bob)) == ([5], [6, 6.5])
    with pytest.raises(RuntimeError, match="was applied before"):
        await plan.apply()


async def test_a_second_plan_of_the_same_puts_nothing(desk: Desk) -> None:
    for expected in (3, 0):
        plan = await desk.outbox.plan(SCHOOL, desk.endpoint, wanted(desk, 6, 7, 8))
        assert await plan.apply() == expected
        await desk.drain()
        await desk.time.sleep(DAY)


async def test_what_is_overridden_is_put_when_told(desk: Desk) -> None:
    ada, *_ = desk.platform.users()
    desk.platform.override(desk.item, ada, 3)
    plan = await desk.outbox.plan(SCHOOL, desk.endpoint, wanted(desk, 8), members=[ada])
    assert plan.not_in_course == ()
    assert await plan.apply(overwrite=True) == 1
    await desk.drain()
    assert desk.applied(ada) == [5, 8]


async def test_a_plan_of_another_line_item_and_without_the_scope() -> None:
    desk = new_desk()
    url = desk.item.removesuffix("1") + str(desk.platform.add_line_item("Essay", 20).number)
    plan = await desk.outbox.plan(SCHOOL, desk.endpoint.to_claim(), wanted(desk, 5), line_item=url)
    assert await plan.apply() == 1
    assert {key[1] for key in desk.table.rows} == {url}
    poor = desk.endpoint.to_claim() | {"scope": [str(Scope.SCORE)]}
    with pytest.raises(NotOfferedError):
        await desk.outbox.plan(SCHOOL, poor, wanted(desk, 5))


async def test_drift_tells_who_was_graded_otherwise_and_whose_grade_is_gone(desk: Desk) -> None:
    _, bob, eve = desk.platform.users()
    assert await drift(desk) == []
    desk.platform.override(desk.item, bob, 3)
    assert await drift(desk) == [(bob, 6, 3)]
    (told,) = [one async for one in desk.outbox.drift(SCHOOL, line_item=desk.item)]
    assert str(told).startswith(f"{bob}: 6 of 10 sent on 2030-03-17 17:46+00:00; now 3 of ")
    assert bob not in repr(told)
    await desk.client.gradebook(desk.registration, desk.endpoint).post_score(Score.cleared(eve))
    assert sorted(await drift(desk)) == sorted([(bob, 6, 3), (eve, 7, None)])


async def test_an_attempt_that_may_stand_there_is_no_drift() -> None:
    """
    Its answer was lost, and it is there.
    """
    desk = new_desk(outbox={"patience": 0})
    await desk.put(desk.grade(5))
    await desk.drain()
    await desk.put(desk.grade(8, at=60))
    desk.fail("time-out-after-effect")
    await desk.drain()
    assert [row.recorded async for row in desk.outbox.last_sent(desk.item)] == [True, None]
    desk.heal()
    assert await drift(desk) == []
    desk.platform.override(desk.item, desk.user, 2)
    assert await drift(desk) == [(desk.user, 5, 2)]


async def test_drift_of_a_line_item_that_nothing_was_put_for(desk: Desk) -> None:
    with pytest.raises(ValueError, match="for which something was put"):
        _ = [one async for one in desk.outbox.drift(SCHOOL, line_item="https://lms.example/nowhere")]


async def test_a_gradebooks_plan_takes_an_outbox_of_one_registration(desk: Desk) -> None:
    gradebook = desk.client.gradebook(desk.registration, desk.endpoint)
    plan = await gradebook.plan(wanted(desk, 6, 6, 7), last_sent=desk.outbox)
    assert str(plan) == "0 new, 1 changed, 2 unchanged, 0 overridden"


async def test_of_several_registrations_one_is_to_be_named() -> None:
    """
    User ids are small numbers at some platforms: nothing is taken for another's.
    """
    async with Client() as client:
        registration = new_desk().registration
        outbox = Outbox(MemoryStore(Table()), client, {"a": registration, "b": registration})
        with pytest.raises(ValueError, match="knows more than one registration"):
            outbox.last_sent("https://lms.example/items/1")
        assert [one async for one in outbox.last_sent("https://lms.example/items/1", registration_id="a")] == []


@pytest.mark.parametrize("journal", [True, False], ids=["journal lost", "journal off"])
async def test_rows_tell_what_the_journal_does_not(journal: bool) -> None:
    """
    A file that is older than the journal, or one without it.
    """
    desk = new_desk(outbox={} if journal else {"journal": None})
    await desk.put(*wanted(desk, 5, 6, comment="Fine"))
    await desk.drain()
    desk.table.journal.clear()
    sent = [one async for one in desk.outbox.last_sent(desk.item)]
    assert sorted(one.score_given or 0 for one in sent) == [5, 6]
    assert await drift(desk) == []
    plan = await desk.outbox.plan(SCHOOL, desk.endpoint, wanted(desk, 7, 6, comment="Fine"))
    assert str(plan) == "0 new, 1 changed, 1 unchanged, 0 overridden"


async def test_a_comment_is_known_by_its_digest(desk: Desk) -> None:
    await desk.put(*(desk.grade(5, user, comment="Fine", at=1) for user in desk.platform.users()))
    await desk.drain()
    assert "Fine" not in repr(desk.table.journal)
    assert json.dumps("Fine") not in str(list(desk.table.journal.values()))
    assert await drift(desk) == []
    plan = await desk.outbox.plan(SCHOOL, desk.endpoint, wanted(desk, 5, 5, 5, comment="Fine"))
    assert len(plan.unchanged) == 3


async def test_a_large_column_is_read_in_pages(tmp_path: Path) -> None:
    """
    By the journal where it tells of a user, by the row where it does not.
    """
    store = SQLiteStore(tmp_path / "grades.db")
    desk = new_desk(users=1_100, store=store)
    users = desk.platform.users()
    await desk.put(*(desk.grade(5, user) for user in users))
    await desk.drain()
    await store.prune_attempts(before=desk.time.wall() + 1)
    await desk.put(*(desk.grade(6, user, at=1) for user in users[:1_050]))
    await desk.drain()
    sent = [one async for one in desk.outbox.last_sent(desk.item)]
    assert sorted(one.user_id for one in sent) == sorted(users)
    assert [one.score_given for one in sent].count(6) == 1_050
    await desk.outbox.aclose()


@pytest.mark.parametrize("statement", [LAST_SENT, LISTED_OF_ITEM], ids=["journal", "rows"])
def test_a_page_of_a_column_costs_what_is_on_it(statement: str) -> None:
    """
    It is found where the last one ended; what is behind it is neither read nor sorted.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        names = ("registration", "line_item", "after", "limit", "user_id", "state", "last_user")
        steps = connection.execute(f"EXPLAIN QUERY PLAN {statement}", dict.fromkeys(names)).fetchall()
    told = [step[3] for step in steps]
    assert any(step.startswith("SEARCH") and "(item=? AND user_id>?)" in step for step in told)
    assert "USE TEMP B-TREE FOR DISTINCT" not in told
    assert not any(step.startswith("SCAN") for step in told)


MANY = 6_000


async def test_what_was_sent_to_a_column_of_any_size_is_not_held_at_once(tmp_path: Path) -> None:
    """
    Of half the people the journal tells, of all the rows; neither is held, and nor is what has drifted.
    """
    store = SQLiteStore(tmp_path / "grades.db")
    desk = new_desk(users=1, store=store)
    await desk.put(*(desk.grade(5, f"user-{number:05}") for number in range(MANY)))
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE score SET state = 'sent', sent_ts = ts, wire_ts = ts")
        connection.execute(
            "INSERT INTO attempt (item, user_id, at, stamp, recorded, facts)"
            " SELECT item, user_id, ts, ts, 1, '5 10 Completed FullyGraded 1 1 None None' FROM score"
            f" WHERE user_id < 'user-{MANY // 2:05}'"
        )
    sources = (desk.outbox.last_sent(desk.item), desk.outbox.drift(SCHOOL, line_item=desk.item))
    for source in sources:
        tracemalloc.start()
        try:
            told = [await anext(source) for _ in range(10)] and 10
            async for _ in source:
                told += 1
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert told == MANY
        # A thousand rows are listed at once, twice. To hold something of everybody took 7 MB and more.
        assert peak < 5_000_000
    await desk.outbox.aclose()
