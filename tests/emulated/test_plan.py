"""
Plans: what is sent of what is wanted, what teachers did is shown and kept, and overwritten only when told.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from aioags import (
    CANVAS_SUBMISSION,
    CanvasSubmission,
    ChangeKind,
    LastSent,
    MalformedError,
    NotOfferedError,
    Plan,
    Result,
    Score,
)
from aioags.emulator import Fault
from aioags.grading.plan import Column, make_plan
from aioags.model.member import Member
from aioags.protocol.messages import Request
from tests.rigs.memory import Stand, memory_stand, runtime_for
from tests.rigs.virtual_time import VirtualTime


@attrs.define
class Course:
    """
    A stand whose clock stands still unless moved, and the scores that arrived.
    """

    stand: Stand
    time: VirtualTime
    posted: list[dict[str, Any]] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)

    async def see(self, request: Request) -> None:
        path = request.url.partition("?")[0]
        if request.method == "POST" and path.endswith("/scores"):
            self.posted.append(json.loads(request.body or b""))
        elif request.method == "GET":
            self.asked.append(path)

    @property
    def users(self) -> list[str]:
        return self.stand.platform.users()

    def score(self, points: float = 8, user: int = 0, maximum: float = 10, **more: Any) -> Score:
        return Score.graded(self.users[user], points, score_maximum=maximum, **more)

    def published(self, user: int = 0) -> float | None:
        return self.stand.platform.published(None, self.users[user])

    def teacher(self, points: float, user: int = 0) -> None:
        self.stand.platform.override(None, self.users[user], points)

    async def plan(self, scores: Any, **more: Any) -> Plan:
        return await self.stand.gradebook.plan(scores, **more)


def course(profile: str = "spec") -> Course:
    time = VirtualTime()
    stand = memory_stand(profile, users=4, clock=time.wall, client={"runtime": runtime_for(time)})
    assert stand.transport is not None
    made = Course(stand, time)
    stand.transport.before = made.see
    return made


class Journal:
    """
    Something that remembers, as an outbox does.
    """

    def __init__(self, *records: LastSent) -> None:
        self.records = records
        self.asked: list[str] = []

    async def last_sent(self, line_item: str) -> AsyncIterator[LastSent]:
        self.asked.append(line_item)
        for record in self.records:
            yield record


def kinds(plan: Plan) -> dict[str, str]:
    listed = (*plan.new, *plan.changed, *plan.unchanged, *plan.overridden, *(plan.not_in_course or ()))
    return {change.user_id: change.kind.value for change in listed}


# -- Canvas: a grade that a teacher alone gave shows nowhere -----------------------------------------------------------


async def test_at_canvas_a_teachers_grade_that_shows_nowhere_is_kept() -> None:
    canvas = course("canvas")
    canvas.teacher(50)
    plan = await canvas.plan([canvas.score(8), canvas.score(8, user=1)])
    assert str(plan).startswith("2 new (where no teacher's grade stands unseen), 0 changed")
    assert {change.why for change in plan.new} == {"no grade shows; one that a teacher alone gave stays"}
    assert (await plan.apply()).ok
    assert [score[CANVAS_SUBMISSION] for score in canvas.posted] == [{"prioritize_non_tool_grade": True}] * 2
    assert canvas.published() == 50
    assert canvas.published(1) == 80


async def test_at_canvas_what_was_kept_is_overridden_in_the_next_plan_and_not_sent_again() -> None:
    canvas = course("canvas")
    canvas.teacher(50)
    first = canvas.score(8)
    await (await canvas.plan([first])).apply()
    for history in (None, {first.user_id: first}):
        plan = await canvas.plan([canvas.score(8)], last_sent=history)
        assert [change.kind for change in plan.overridden] == [ChangeKind.OVERRIDDEN]
        assert (await plan.apply()).total == 0
    assert canvas.published() == 50
    plan = await canvas.plan([canvas.score(8)], last_sent={first.user_id: first})
    assert (await plan.apply(overwrite=True)).ok
    assert canvas.published() == 80
    assert (await canvas.plan([canvas.score(8)])).unchanged


async def test_at_canvas_overwrite_takes_the_teachers_grade() -> None:
    canvas = course("canvas")
    canvas.teacher(50)
    assert (await (await canvas.plan([canvas.score(8)])).apply(overwrite=True)).ok
    assert CANVAS_SUBMISSION not in canvas.posted[0]
    assert canvas.published() == 80


async def test_at_canvas_what_changed_goes_without_the_flag_which_would_keep_our_earlier_score() -> None:
    canvas = course("canvas")
    first = canvas.score(8)
    await (await canvas.plan([first])).apply()
    plan = await canvas.plan([canvas.score(9)], last_sent={first.user_id: first})
    assert len(plan.changed) == 1
    assert (await plan.apply()).ok
    assert CANVAS_SUBMISSION not in canvas.posted[-1]
    assert canvas.published() == 90


async def test_at_canvas_what_the_score_says_of_the_submission_stays() -> None:
    canvas = course("canvas")
    said = canvas.score(canvas=CanvasSubmission(new_submission=False))
    own = canvas.score(user=1, canvas=CanvasSubmission(prioritize_non_tool_grade=False))
    assert (await (await canvas.plan([said, own])).apply()).ok
    sent = {score["userId"]: score[CANVAS_SUBMISSION] for score in canvas.posted}
    assert sent == {
        said.user_id: {"new_submission": False, "prioritize_non_tool_grade": True},
        own.user_id: {"prioritize_non_tool_grade": False},
    }


@pytest.mark.parametrize("profile", ["spec", "moodle", "brightspace"])
async def test_elsewhere_nobody_is_sent_the_flag(profile: str) -> None:
    other = course(profile)
    plan = await other.plan([other.score()])
    assert (await plan.apply()).ok
    assert CANVAS_SUBMISSION not in other.posted[0]


# -- Moodle: a teacher's grade in the coupled item stays whatever is sent ----------------------------------------------


async def test_at_moodle_a_kept_grade_is_told_and_not_sent_again() -> None:
    moodle = course("moodle")
    first = Score.graded(moodle.users[0], 8, score_maximum=10)
    await moodle.stand.gradebook.post_score(first)
    moodle.time.now += 10
    moodle.teacher(50)
    plan = await moodle.plan([moodle.score(9)], last_sent={first.user_id: first})
    assert [change.kept for change in plan.overridden] == [False]
    assert (await plan.apply()).total == 0
    assert moodle.published() == 50

    second = _stamped(moodle, 9)
    plan = await moodle.plan([second], last_sent={first.user_id: first})
    assert (await plan.apply(overwrite=True)).ok
    assert moodle.published() == 50
    sent = len(moodle.posted)

    plan = await moodle.plan([_stamped(moodle, 9)], last_sent={first.user_id: second})
    assert [change.kept for change in plan.overridden] == [True]
    assert plan.overridden[0].why.startswith("the platform keeps it: we sent 9 of 10 on ")
    assert str(plan) == "0 new, 0 changed, 0 unchanged, 1 overridden (1 kept by the platform)"
    assert (await plan.apply(overwrite=True)).total == 0
    assert len(moodle.posted) == sent


async def test_at_moodle_a_grade_in_an_item_of_the_tools_is_overwritten_when_told() -> None:
    moodle = course("moodle")
    item = await moodle.stand.gradebook.find_or_create_line_item(label="Quiz", score_maximum=100, resource_id="quiz")
    first = _stamped(moodle, 8)
    await moodle.stand.gradebook.post_score(first, line_item=item)
    moodle.time.now += 10
    moodle.stand.platform.override(item.id, first.user_id, 50)
    moodle.time.now += 10
    plan = await moodle.plan([_stamped(moodle, 9)], line_item=item, last_sent={first.user_id: first})
    assert kinds(plan) == {first.user_id: "overridden"}
    assert (await plan.apply()).total == 0
    assert moodle.stand.platform.published(item.id, first.user_id) == 50
    plan = await moodle.plan([_stamped(moodle, 9)], line_item=item, last_sent={first.user_id: first})
    assert (await plan.apply(overwrite=True)).ok
    assert moodle.stand.platform.published(item.id, first.user_id) == 90


def _stamped(course: Course, points: float) -> Score:
    course.time.now += 10
    return course.score(points, timestamp=datetime.fromtimestamp(course.time.wall(), UTC))


# -- A plan ages -------------------------------------------------------------------------------------------------------


async def test_a_fresh_plan_reads_once_and_an_old_one_again() -> None:
    here = course()
    plan = await here.plan([here.score()])
    here.time.now += 60
    reads = len(here.asked)
    await plan.apply()
    assert len(here.asked) == reads
    plan = await here.plan([here.score()])
    here.time.now += 60.1
    reads = len(here.asked)
    await plan.apply()
    assert len(here.asked) == reads + 1


async def test_what_changed_since_is_overridden() -> None:
    here = course()
    first = here.score(7, user=1)
    await here.stand.gradebook.post_scores([first, here.score(8, user=2)])
    scores = [here.score(8), here.score(8, user=1), here.score(8, user=2), here.score(8, user=3)]
    plan = await here.plan(scores, last_sent={first.user_id: first})
    assert str(plan) == "2 new, 1 changed, 1 unchanged, 0 overridden"
    here.time.now += 61
    for user in (0, 1, 2):
        here.teacher(50, user=user)
    report = await plan.apply()
    assert (report.total, report.recorded) == (1, 1)
    assert [here.published(user) for user in range(4)] == [50, 50, 50, 80]
    assert str(plan) == "1 new, 0 changed, 0 unchanged, 3 overridden"
    assert {change.why for change in plan.overridden} == {"changed on the platform since the plan was made"}
    assert [change.before.result_score for change in plan.overridden if change.before] == [50] * 3


async def test_a_grade_that_somebody_took_away_since_stays_away() -> None:
    here = course()
    first = here.score(7)
    await here.stand.gradebook.post_score(first)
    plan = await here.plan([here.score(8)], last_sent={first.user_id: first})
    assert len(plan.changed) == 1
    here.time.now += 61
    here.stand.platform.override(None, first.user_id, None)
    assert (await plan.apply()).total == 0
    assert [change.before for change in plan.overridden] == [None]


async def test_somebody_new_on_the_platform_is_listed_when_it_is_read_again() -> None:
    here = course()
    plan = await here.plan([here.score()])
    assert plan.only_on_platform == ()
    here.time.now += 61
    here.teacher(50, user=1)
    await plan.apply()
    assert [change.user_id for change in plan.only_on_platform] == [here.users[1]]


# -- Applying ----------------------------------------------------------------------------------------------------------


async def test_apply_streams_and_its_report_is_that_of_post_scores() -> None:
    here = course()
    plan = await here.plan([here.score(user=user) for user in range(3)] + [Score.graded("nobody", 1, score_maximum=2)])
    async with plan.apply() as deliveries:
        seen = {delivery.score.user_id: delivery.recorded async for delivery in deliveries}
    assert seen == {**dict.fromkeys(here.users[:3], True), "nobody": False}
    assert str(deliveries.report).startswith("3 of 4 scores recorded; 1 not recorded")


async def test_a_plan_is_applied_once() -> None:
    here = course()
    plan = await here.plan([here.score()])
    await plan.apply()
    with pytest.raises(RuntimeError, match="applied before: make another"):
        await plan.apply()


async def test_what_would_be_posted_can_be_had_for_an_outbox() -> None:
    canvas = course("canvas")
    plan = await canvas.plan([canvas.score(), canvas.score(user=1)])
    scores = [score async for score in plan.to_send()]
    assert [score.user_id for score in scores] == canvas.users[:2]
    assert [score.extensions for score in scores] == [{CANVAS_SUBMISSION: {"prioritize_non_tool_grade": True}}] * 2
    with pytest.raises(RuntimeError, match="applied before"):
        await plan.apply()
    assert canvas.posted == []


def listed(results: Callable[[], Iterable[Result]]) -> Column:
    """
    Return a line item whose listing says just this, and that nothing may be posted to.
    """

    async def lists() -> AsyncGenerator[Result, None]:
        for result in results():
            yield result

    async def sends(scores: AsyncIterable[Score]) -> None:
        raise AssertionError("nothing is sent")

    return Column("https://lms.example.edu/1", lists, sends, lambda: 0.0)  # type: ignore[arg-type]


async def test_of_somebody_who_is_listed_twice_the_first_counts() -> None:
    said = [Result(user_id=user, result_score=points) for user in ("ana", "ben") for points in (0.5, 0.25)]
    wanted = [Score.graded("ana", 1, score_maximum=2)]
    plan = await make_plan(listed(lambda: said), wanted, last_sent=None, members=None)
    assert [change.user_id for change in plan.unchanged] == ["ana"]
    assert [str(change.before) for change in plan.only_on_platform] == ["0.5 of 1"]


async def test_a_plan_keeps_little_of_each_user() -> None:
    count = 4_000

    def results() -> Iterator[Result]:
        for number in range(count):
            yield Result(user_id=f"user-{number:06}", id="https://lms.example.edu/1", result_score=number % 97 / 4)

    wanted = [Score.graded(f"user-{number:06}", number % 97 / 4, score_maximum=1) for number in range(count)]
    column = listed(results)
    tracemalloc.start()
    try:
        plan = await make_plan(column, wanted, last_sent=None, members=None)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(plan.unchanged) == count
    # A place in a table, and a line; the scores are the caller's.
    assert kept / count < 180


async def test_a_plan_that_is_not_awaited_says_so() -> None:
    here = course()
    plan = await here.plan([here.score()])
    with pytest.warns(RuntimeWarning, match="never awaited"):
        plan.apply()
    assert here.posted == []
    assert (await plan.apply()).ok


async def test_results_that_cannot_be_read_again_send_nothing() -> None:
    here = course()
    plan = await here.plan([here.score()])
    here.time.now += 61
    here.stand.platform.faults.add(Fault(effect="status", operation="results", status=400))
    with pytest.raises(Exception, match="400"):
        await plan.apply()
    assert here.posted == []


# -- What goes in ------------------------------------------------------------------------------------------------------


async def test_of_several_scores_of_one_user_the_newest_counts() -> None:
    here = course()
    older, newer = here.score(5), here.score(9)
    for scores in ([older, newer], [newer, older]):
        plan = await here.plan(scores)
        assert [change.after for change in plan.new] == [newer]
        assert plan.superseded == 1
        assert str(plan) == "1 new, 0 changed, 0 unchanged, 0 overridden, 1 scores superseded by newer ones"
    same = [here.score(points, timestamp=older.timestamp) for points in (5, 9)]
    assert (await here.plan(same)).new[0].after is same[1]


async def test_sources_may_be_asynchronous() -> None:
    here = course()

    async def scores() -> AsyncIterator[Score]:
        yield here.score()

    async def people() -> AsyncIterator[str]:
        yield here.users[1]

    plan = await here.plan(scores(), members=people())
    assert kinds(plan) == {here.users[0]: "not_in_course"}


async def test_the_lists_are_in_the_order_of_the_scores() -> None:
    here = course()
    order = [2, 0, 3, 1]
    plan = await here.plan([here.score(user=user) for user in order])
    assert [change.user_id for change in plan.new] == [here.users[user] for user in order]


async def test_an_outbox_of_any_kind_says_what_was_last_sent() -> None:
    here = course()
    first = here.score(7)
    await here.stand.gradebook.post_score(first)
    journal = Journal(LastSent.of(first), LastSent.of(here.score(7, user=1)), LastSent.of(Score.cleared("other")))
    plan = await here.plan([here.score(8), here.score(8, user=1)], last_sent=journal)
    assert kinds(plan) == {here.users[0]: "changed", here.users[1]: "overridden"}
    assert journal.asked == [here.stand.item]


async def test_members_come_from_the_roster_and_the_inactive_get_nothing() -> None:
    here = course()
    people = [Member(here.users[0]), Member(here.users[1], status="Inactive"), Member(here.users[2], status="Deleted")]
    plan = await here.plan([here.score(user=user) for user in range(4)], members=people)
    assert list(kinds(plan).values()) == ["new", *["not_in_course"] * 3]
    assert (await plan.apply()).total == 1
    assert (await here.plan([here.score()])).not_in_course is None


async def test_who_is_not_in_the_course_is_shown_with_what_stands_there() -> None:
    here = course()
    await here.stand.gradebook.post_score(here.score(7))
    plan = await here.plan([here.score(8)], members=[])
    assert [(str(change.before), change.why) for change in plan.not_in_course or ()] == [
        ("70 of 100", "not an active member of the course")
    ]
    here.time.now += 61
    here.teacher(50)
    assert (await plan.apply(overwrite=True)).total == 0
    assert [str(change.before) for change in plan.not_in_course or ()] == ["50 of 100"]


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ({"scores": Score.graded("ana", 1, score_maximum=2)}, "scores must be an iterable"),
        ({"scores": "ana"}, "scores must be an iterable"),
        ({"scores": [("item", Score.graded("ana", 1, score_maximum=2))]}, "a plan is for one line item"),
        ({"members": "ana"}, "members must be an iterable"),
        ({"members": [7]}, "cannot tell the user id of a int"),
        ({"last_sent": ["ana"]}, "last_sent must be a mapping"),
        ({"last_sent": {"ana": 7}}, "last_sent must hold Scores, got int"),
        ({"last_sent": {"ana": Score.graded("ben", 1, score_maximum=2)}}, "each Score under its own user_id"),
    ],
)
async def test_what_is_no_plan_is_refused_before_anything_is_asked(arguments: dict[str, Any], complaint: str) -> None:
    here = course()
    said = {"scores": [Score.graded("ana", 1, score_maximum=2)], **arguments}
    with pytest.raises((TypeError, ValueError), match=complaint):
        await here.stand.gradebook.plan(**said)
    assert here.stand.platform.counts.total() == 0


async def test_a_failing_source_fails_the_plan_bare() -> None:
    here = course()

    def scores() -> Iterator[Score]:
        yield here.score()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await here.plan(scores())
    assert here.stand.platform.counts.total() == 0


async def test_what_is_not_offered_is_said() -> None:
    here = course()
    with pytest.raises(NotOfferedError):
        await here.stand.second_gradebook(lineitem=None).plan([here.score()])
    with pytest.raises(NotOfferedError, match="scope"):
        await here.stand.second_gradebook(scope=frozenset({"score"})).plan([here.score()])


async def test_a_result_that_cannot_be_read_may_be_anybodys() -> None:
    here = course()
    record = json.dumps([{"resultScore": 80}]).encode()
    here.stand.platform.faults.add(Fault(effect="status", operation="results", status=200, body=record))
    with pytest.raises(MalformedError, match="userId"):
        await here.plan([here.score()])


async def test_nobody_is_shown_by_repr() -> None:
    here = course()
    plan = await here.plan([here.score(comment="secret")])
    assert repr(plan) == "<Plan: 1 new, 0 changed, 0 unchanged, 0 overridden>"
