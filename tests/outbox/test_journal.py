"""
The journal: what was sent for somebody, what the platform said, and why.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from aioags import ActivityProgress, GradingProgress
from aioags.model.last_sent import digest_of
from aioags.outbox import Attempt, Erased, Journal, MemoryStore, Selection, SQLiteStore, State, StoreError
from aioags.outbox.conformance.given import ITEM, NOW, entry, outcome, take
from aioags.outbox.conformance.given import SCHOOL as ITS_SCHOOL
from aioags.outbox.conformance.noting import attempt_with, send
from aioags.outbox.model import SECOND
from aioags.outbox.sqlite.schema import APPLICATION_ID, MIGRATIONS, migrate
from tests.outbox.kit import SCHOOL, Desk, new_desk
from tests.outbox.test_erasing import bytes_of

DAY = 86_400.0
COMMENT = "Well argued, badly spelt"
JOURNAL_OF_SCHOOL = Selection(ITS_SCHOOL)


async def story(desk: Desk, **whose: str) -> list[Attempt]:
    """
    What the outbox tells.
    """
    return [attempt async for attempt in desk.outbox.history(SCHOOL, **whose)]


async def test_a_grade_is_told_as_it_was_sent() -> None:
    desk = new_desk()
    score = desk.grade(7.25, comment=COMMENT)
    await desk.put(score)
    await desk.time.sleep(5)
    await desk.drain()
    (attempt,) = await story(desk, user_id=desk.user)
    assert attempt.key == (SCHOOL, desk.item, desk.user)
    assert (attempt.score_given, attempt.score_maximum) == (7.25, 10)
    assert attempt.activity_progress is ActivityProgress.COMPLETED
    assert attempt.grading_progress is GradingProgress.FULLY_GRADED
    assert (attempt.timestamp, attempt.at) == (score.timestamp, desk.now())
    assert (attempt.recorded, attempt.final, attempt.requests, attempt.reason) == (True, True, 1, None)


async def test_a_grade_that_had_a_hard_way_is_a_story() -> None:
    """
    Newest last, and every answer with its status.
    """
    desk = new_desk(outbox={"patience": 0})
    await desk.put(desk.grade(5))
    for fault in ("429", "time-out", "revoked-token-403"):
        desk.fail(fault)
        await desk.drain()
        await desk.time.sleep(DAY / 2)
    desk.heal()
    await desk.drain()
    told = await story(desk, user_id=desk.user)
    assert [(attempt.recorded, attempt.final) for attempt in told] == [
        *((False, False), (None, False), (False, False), (True, True))
    ]
    assert [attempt.status for attempt in told] == [429, None, 403, None]
    reasons = [(attempt.reason or "").partition(":")[0] for attempt in told]
    assert reasons == ["ThrottledError", "LostAnswerError", "ForbiddenError", ""]
    (held,) = desk.platform.history(desk.item, desk.user)
    assert datetime.fromisoformat(held["timestamp"]) == told[-1].timestamp
    assert [attempt.at for attempt in told] == sorted(attempt.at for attempt in told)


async def test_everything_that_a_hook_is_told_is_in_it() -> None:
    """
    Recorded, deferred, unknown, and given up: one line each, which says the same.
    """
    desk = new_desk()
    ada, bob, eve = desk.platform.users()
    await desk.put(desk.grade(5, ada), desk.grade(5, "nobody-here"))
    await desk.drain()
    await desk.client.gradebook(desk.registration, desk.endpoint).post_score(desk.grade(9, bob))
    await desk.put(desk.grade(3, bob, at=-60))
    await desk.drain()
    await desk.put(desk.grade(5, eve))
    desk.fail("time-out")
    await desk.drain()
    told = await story(desk)
    said = {"recorded": (True, True), "deferred": (False, False), "refused": (False, True), "unknown": (None, False)}
    assert [(one.user_id, (one.recorded, one.final)) for one in told] == [
        (user_id, said[what]) for what, user_id, _ in desk.told
    ]
    assert {what for what, *_ in desk.told} == set(said)


async def test_what_was_put_off_unsent_is_not_in_it() -> None:
    """
    Or an outage of a night would fill it.
    """

    def away(*_: Any) -> Any:
        raise LookupError

    desk = new_desk(registry=away)
    await desk.put(*(desk.grade(5, user) for user in desk.platform.users()))
    await desk.drain()
    assert await story(desk) == []


async def test_what_was_sent_of_a_score_that_was_replaced_meanwhile_is_in_it() -> None:
    desk = new_desk()
    desk.put_during_the_first_post(9)
    await desk.put(desk.grade(1))
    await desk.drain()
    assert [attempt.score_given for attempt in await story(desk)] == [1, 9]


async def test_of_a_comment_it_keeps_a_digest_and_nothing_in_a_text() -> None:
    desk = new_desk()
    await desk.put(desk.grade(5, comment=COMMENT), desk.grade(5, desk.platform.users()[1]))
    await desk.drain()
    told = await story(desk)
    assert [attempt.comment for attempt in told] == [None, None]
    assert {attempt.comment_digest for attempt in told} == {digest_of(COMMENT), None}
    assert COMMENT not in repr(desk.table.journal)
    assert desk.user not in repr(told)


async def test_comments_are_kept_when_that_is_wanted() -> None:
    desk = new_desk(outbox={"journal": Journal(comments=True)})
    await desk.put(desk.grade(5, comment=COMMENT))
    await desk.drain()
    (attempt,) = await story(desk)
    assert (attempt.comment, attempt.comment_digest) == (COMMENT, digest_of(COMMENT))
    assert COMMENT not in repr(attempt)


async def test_it_can_be_switched_off() -> None:
    desk = new_desk(outbox={"journal": None})
    await desk.put(desk.grade(5))
    assert await desk.drain() == (1, 0, 0)
    assert desk.table.journal == {}
    assert await story(desk) == []


@pytest.mark.parametrize("journal", [Journal(keep=10 * DAY), None], ids=["of its own age", "switched off since"])
async def test_it_is_pruned_by_its_age_and_not_by_that_of_the_scores(journal: Journal | None) -> None:
    desk = new_desk()
    await desk.put(desk.grade(5))
    await desk.drain()
    await desk.time.sleep(9 * DAY)
    outbox = new_desk(outbox={"journal": journal}, store=MemoryStore(desk.table), start=desk.time.wall()).outbox
    assert await outbox.prune(older_than=DAY) == 1
    assert len(desk.table.journal) == 1
    days = 2 if journal else 392
    outbox = new_desk(outbox={"journal": journal}, store=outbox.store, start=desk.time.wall() + days * DAY).outbox
    await outbox.prune()
    assert desk.table.journal == {}


async def test_it_is_told_page_by_page() -> None:
    desk = new_desk(users=1_200)
    users = desk.platform.users()
    await desk.put(*(desk.grade(5, user) for user in users))
    await desk.drain()
    assert sorted(attempt.user_id for attempt in await story(desk)) == sorted(users)


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ({"keep": 0}, ValueError, "keep must be more than 0 seconds"),
        ({"keep": "a year"}, TypeError, "keep must be seconds"),
        ({"comments": "yes"}, TypeError, "comments"),
    ],
)
def test_wrong_settings_are_said(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Journal(**arguments)


def test_a_journal_is_a_journal() -> None:
    with pytest.raises(TypeError, match="journal must be a Journal or None, got bool"):
        new_desk(outbox={"journal": True})


# IN A FILE


async def test_a_file_of_the_version_before_keeps_its_scores_and_gets_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "grades.db"
    given = entry()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, MIGRATIONS[:2])
        place = (given.registration_id, given.line_item, given.endpoint)
        connection.execute("INSERT INTO line_item (registration, line_item, endpoint) VALUES (?, ?, ?)", place)
        connection.execute(
            "INSERT INTO score (item, user_id, ts, payload, state, since) VALUES (1, ?, ?, ?, 'due', ?)",
            (given.user_id, given.ts, given.payload, NOW),
        )
    store = SQLiteStore(path)
    (row,) = await take(store)
    assert row.score == given.score
    attempt = attempt_with(row)
    await store.settle([outcome(row, attempt=attempt)], now=NOW)
    assert [one for _, one in await store.attempts(JOURNAL_OF_SCHOOL)] == [attempt]
    await store.aclose()


def test_an_older_package_refuses_the_newer_file(tmp_path: Path) -> None:
    """
    As it is known: the version is in the file, and the older one knows two.
    """
    with closing(sqlite3.connect(tmp_path / "grades.db", isolation_level=None)) as connection:
        migrate(connection)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        with pytest.raises(StoreError, match="has version 3 and this aioags knows up to 2: update aioags"):
            migrate(connection, MIGRATIONS[:2])


async def test_what_is_not_settled_is_not_written(tmp_path: Path) -> None:
    """
    One transaction: the journal tells of nothing that the rows do not know.
    """
    store = SQLiteStore(tmp_path / "grades.db")
    await store.put([entry()], now=NOW)
    (row,) = await take(store)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("CREATE TRIGGER no BEFORE UPDATE ON score BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(StoreError, match="no"):
        await store.settle([outcome(row, attempt=attempt_with(row))], now=NOW)
    assert await store.attempts(JOURNAL_OF_SCHOOL) == []
    await store.aclose()


async def test_no_byte_of_what_was_erased_is_left(tmp_path: Path) -> None:
    """
    A person's attempts, comments and reasons, in the file and beside it.
    """
    store = SQLiteStore(tmp_path / "grades.db")
    users = [f"person-{number:04}-{number * 7919 % 10007}" for number in range(300)]
    await store.put([entry(user) for user in users], now=NOW)
    for turn in range(3):
        rows = await take(store, limit=300)
        outcomes = []
        for row in rows:
            said = {"comment": f"comment on {row.user_id}", "reason": f"{row.user_id} was refused"}
            attempt = attrs.evolve(attempt_with(row, at=NOW + turn, recorded=False), **said)
            outcomes.append(outcome(row, State.DUE, attempt=attempt))
        await store.settle(outcomes, now=NOW)
    held = bytes_of(store.path)
    assert all(user.encode() in held for user in users)
    for user in users[::10]:
        erased = await store.erase(ITS_SCHOOL, user_id=user)
    assert erased == Erased(1, attempts=3)
    held = bytes_of(store.path)
    assert [user for user in users[::10] if user.encode() in held] == []
    assert users[1].encode() in held
    await store.aclose()


@pytest.mark.parametrize(
    "change",
    [
        "facts = replace(facts, 'Completed', 'Sleeping')",
        "facts = facts || ' more'",
        "facts = X'31'",
        "at = 'yesterday'",
        "at = 9223372036854775807",
        "stamp = X'ff'",
        "facts = 'many' || substr(facts, 2)",
        "facts = CAST(X'ff' AS TEXT)",
        "user_id = CAST(X'ff' AS TEXT)",
        "comment = CAST(X'ff' AS TEXT)",
    ],
)
async def test_a_damaged_row_of_it_costs_no_other_and_no_score(tmp_path: Path, change: str) -> None:
    store = SQLiteStore(tmp_path / "grades.db")
    await send(store, entry("ada"), entry("bob"))
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(f"UPDATE attempt SET {change} WHERE user_id = 'ada'")
    for _ in range(2):
        assert [one.user_id for _, one in await store.attempts(JOURNAL_OF_SCHOOL)] == ["bob"]
        assert [one.user_id for _, one in await store.attempts(JOURNAL_OF_SCHOOL, limit=1)] == ["bob"]
        assert [one.user_id for one in await store.last_sent(ITS_SCHOOL, ITEM, limit=1)] == ["bob"]
    assert (await store.stats(now=NOW)).sent == 2
    assert await store.prune_attempts(before=NOW + 1) >= 1
    await store.aclose()


@pytest.mark.parametrize("ahead", [1, 6000])
async def test_a_large_journal_is_pruned_in_portions(ahead: int, tmp_path: Path) -> None:
    """
    Whatever a clock that was ahead has written before.
    """
    store = SQLiteStore(tmp_path / "grades.db")
    await send(store, entry("ada"))
    with closing(sqlite3.connect(store.path)) as connection, connection:
        for user, first, count in (("bob", int(NOW * SECOND), ahead), ("cem", 1, 12_000)):
            connection.execute(
                "INSERT INTO attempt (item, user_id, at, stamp, facts)"
                " WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < :count)"
                " SELECT 1, :user, :first + n, n, '5 10 Completed FullyGraded 0 1 None None' FROM n",
                {"user": user, "first": first, "count": count},
            )
    assert await store.prune_attempts(before=NOW) == 12_000
    assert len(await store.attempts(JOURNAL_OF_SCHOOL, limit=99_999)) == 1 + ahead
    await store.aclose()
