"""
A plan: what is wanted against what stands there, and only the difference is sent.

Theory of operation. What is wanted is read whole, then what was last sent, then the results, a page at a time; each
result meets its user's score at once, and only what the plan shows of it is kept. So memory holds one line for each
user, and no results. Whatever a person may have done between two readings ends as *overridden*, never as ours: what was
sent is read before what stands there.

A plan ages. Applied after more than a minute, it reads the results again and compares each with what it showed before:
what differs, and is not what is wanted, somebody did meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, cast

import attrs

from aioags.grading.join import user_id_of
from aioags.grading.posting import ScorePosting
from aioags.grading.sources import as_async, check_source
from aioags.model.canvas import is_canvas
from aioags.model.change import ChangeKind, PlannedChange
from aioags.model.last_sent import LastSent, RemembersScores
from aioags.model.member import Member
from aioags.model.result import Result
from aioags.model.score import Score
from aioags.protocol.canvas import over_no_grade
from aioags.protocol.comparing import NOT_A_MEMBER, NOT_WANTED, compare, compare_again, grade_of

FRESH = 60.0
"""Seconds after which a plan reads the results again before it is applied."""

Scores = Iterable[Score] | AsyncIterable[Score]
"""What is wanted: scores of any number of users."""

LastSentSource = RemembersScores | Mapping[str, Score]
"""Who knows what was last sent; or the scores themselves, by user id."""

Roster = Iterable[Member] | AsyncIterable[Member] | Iterable[str] | AsyncIterable[str]
"""Who is in the course: members, or their user ids."""

_SENT = (ChangeKind.NEW, ChangeKind.CHANGED)
_Sent = dict[str, tuple[LastSent, ...]]

_AT_ONCE = 2_000
_OUTSIDE: dict[str, Any] = {"kind": ChangeKind.NOT_IN_COURSE, "why": NOT_A_MEMBER, "kept": False}


@attrs.frozen
class Column:
    """
    The line item of a plan: how it is read and posted to.

    Attributes:
        line_item: Its URL.

        results: Reads them; of a user who is listed twice the first counts.

        post: Posts scores to it.

        clock: Seconds that never step.
    """

    line_item: str
    results: Callable[[], AsyncGenerator[Result, None]]
    post: Callable[[AsyncIterable[Score]], ScorePosting]
    clock: Callable[[], float]


@attrs.frozen(eq=False)
class Reading:
    """
    What a reading of the results came to.

    Attributes:
        at: When it began, by the column's clock.

        changes: By user for whom a score is wanted, in the order of the scores.

        others: Who has a grade besides.
    """

    at: float
    changes: dict[str, PlannedChange] = attrs.field(factory=dict)
    others: dict[str, PlannedChange] = attrs.field(factory=dict)

    def note_other(self, result: Result) -> None:
        """
        Note a result of somebody for whom no score is wanted, if it holds a grade.
        """
        grade = grade_of(result)
        if grade is not None and grade.has_value and result.user_id not in self.others:
            change = PlannedChange(result.user_id, ChangeKind.ONLY_ON_PLATFORM, grade, None, NOT_WANTED)
            self.others[result.user_id] = change


class Compared:
    """
    The lists of a `Plan`, and what it sends: the base of whatever applies one.

    Attributes:
        line_item, superseded: As of `Plan`.
    """

    def __init__(self, column: Column, reading: Reading, *, superseded: int, knows_members: bool) -> None:
        self.line_item = column.line_item
        self.superseded = superseded
        self._column = column
        self._reading = reading
        self._knows_members = knows_members
        self._applied = False

    @property
    def new(self) -> tuple[PlannedChange, ...]:
        """
        No grade stands there.
        """
        return self._of(ChangeKind.NEW)

    @property
    def changed(self) -> tuple[PlannedChange, ...]:
        """
        What stands there is ours, as far as is known, and another is wanted.
        """
        return self._of(ChangeKind.CHANGED)

    @property
    def unchanged(self) -> tuple[PlannedChange, ...]:
        """
        What is wanted stands there; also a share that differs by no more than five decimals of points tell, and a whole
        maximum where the platform caps.
        """
        return self._of(ChangeKind.UNCHANGED)

    @property
    def overridden(self) -> tuple[PlannedChange, ...]:
        """
        Something stands there that we are not known to have sent. Without ``last_sent=`` every value that differs.
        """
        return self._of(ChangeKind.OVERRIDDEN)

    @property
    def only_on_platform(self) -> tuple[PlannedChange, ...]:
        """
        Users with a grade for whom no score is wanted.
        """
        return tuple(self._reading.others.values())

    @property
    def not_in_course(self) -> tuple[PlannedChange, ...] | None:
        """
        Scores of users who are no active members. None: it was not said who is one.
        """
        return self._of(ChangeKind.NOT_IN_COURSE) if self._knows_members else None

    def _of(self, kind: ChangeKind) -> tuple[PlannedChange, ...]:
        return tuple(change for change in self._reading.changes.values() if change.kind is kind)

    def __str__(self) -> str:
        counts = dict.fromkeys(ChangeKind, 0)
        for change in self._reading.changes.values():
            counts[change.kind] += 1
        kept = sum(change.kept for change in self._reading.changes.values())
        parts = [f"{counts[kind]} {kind}" for kind in (*_SENT, ChangeKind.UNCHANGED)]
        if is_canvas(self.line_item) and counts[ChangeKind.NEW]:
            parts[0] += " (where no teacher's grade stands unseen)"
        parts.append(f"{counts[ChangeKind.OVERRIDDEN]} overridden{f' ({kept} kept by the platform)' if kept else ''}")
        if self._knows_members:
            parts.append(f"{counts[ChangeKind.NOT_IN_COURSE]} not in the course")
        if self._reading.others:
            parts.append(f"{len(self._reading.others)} only on the platform")
        if self.superseded:
            parts.append(f"{self.superseded} scores superseded by newer ones")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    async def to_send(self, *, overwrite: bool = False) -> AsyncGenerator[Score, None]:
        """
        Yield the scores that `apply` posts, for who sends them otherwise, such as through an outbox. The plan then
        counts as applied.

        Args:
            overwrite: As for `apply`.

        Raises:
            RuntimeError: It was applied before.
        """
        if self._applied:
            raise RuntimeError("this plan was applied before: make another, it knows what has become of this one")
        self._applied = True
        if self._column.clock() - self._reading.at > FRESH:
            self._reading = await _read_again(self._column, self._reading.changes)
        cautious = is_canvas(self.line_item) and not overwrite
        kinds = (*_SENT, ChangeKind.OVERRIDDEN) if overwrite else _SENT
        for change in self._reading.changes.values():
            if change.kind in kinds and not change.kept and change.after is not None:
                yield over_no_grade(change.after) if cautious and change.kind is ChangeKind.NEW else change.after


class Plan(Compared):
    """
    What would be sent, and why the rest would not: made by `Gradebook.plan`. Nothing was sent yet.

    ``str(plan)`` is one line. Each list is in the order of the scores; a user is in one of them.

    Attributes:
        line_item: URL of the line item.

        superseded: How many scores gave way to a newer one of the same user.
    """

    def apply(self, *, overwrite: bool = False) -> ScorePosting:
        """
        Post what is new and what is changed: await it for a `Report`, or stream the deliveries, as of
        `Gradebook.post_scores`. Once only: for what failed make another plan.

        After more than 60 s the results are read again first. What was changed on the platform since is `overridden`
        then, and the lists say so.

        A grade that a teacher alone gave shows in no result at Canvas, so what is *new* is sent there in a way that
        keeps such a one (`CanvasSubmission.prioritize_non_tool_grade`). It counts as recorded all the same, and nothing
        tells the two apart at once; in the next plan such a one is `overridden`, unless the score was out of the line
        item's own maximum: then Canvas shows the tool its own number.

        Args:
            overwrite: Post what is `overridden` as well, also what was changed since; but not what the platform was
                seen to keep anyway (`PlannedChange.kept`).

        Raises:
            RuntimeError: It was applied before.
        """
        return self._column.post(self.to_send(overwrite=overwrite))


async def make_plan(
    column: Column, scores: Scores, *, last_sent: LastSentSource | None, members: Roster | None
) -> Plan:
    """
    Read what is wanted, what was last sent, and what stands there.

    Raises:
        TypeError: One of them is of another kind; nothing was asked of the platform.
    """
    check_source("scores", scores)
    if members is not None:
        check_source("members", members)
    if not (last_sent is None or isinstance(last_sent, Mapping) or callable(getattr(last_sent, "last_sent", None))):
        raise TypeError(
            f"last_sent must be a mapping of user ids to Scores, or something with a method last_sent, "
            f"got {type(last_sent).__name__}"
        )
    wanted, total = await _newest_of_each(scores)
    superseded = total - len(wanted)
    sent = await _sent_to(column.line_item, last_sent, wanted)
    known = None if members is None else await _user_ids(members)
    reading = await _read(column, wanted, sent, known)
    return Plan(column, reading, superseded=superseded, knows_members=members is not None)


async def _read(column: Column, wanted: dict[str, Score], sent: _Sent, members: set[str] | None) -> Reading:
    """
    Compare for the first time.

    Args:
        wanted, sent: By user. Each score gives way to its change, and what was sent for it is forgotten: with two
            tables, or all that was sent, a plan would need half as much again.
    """
    entries = cast(dict[str, Score | PlannedChange], wanted)
    reading = Reading(column.clock(), cast(dict[str, PlannedChange], wanted))
    hides = is_canvas(column.line_item)

    def enter(user_id: str, score: Score, result: Result | None) -> None:
        change = compare(score, result, sent.pop(user_id, ()), hides=hides)
        outside = members is not None and user_id not in members
        entries[user_id] = attrs.evolve(change, **_OUTSIDE) if outside else change

    async with aclosing(column.results()) as results:
        async for result in results:
            score = entries.get(result.user_id)
            if isinstance(score, Score):
                enter(score.user_id, score, result)
            elif score is None:
                reading.note_other(result)
    for number, (user_id, score) in enumerate(entries.items()):
        if isinstance(score, Score):
            enter(user_id, score, None)
        if number % _AT_ONCE == 0:
            # Others have their turn: so many comparisons take a while.
            await asyncio.sleep(0)
    return reading


async def _read_again(column: Column, changes: dict[str, PlannedChange]) -> Reading:
    """
    Compare with what was shown before.

    Args:
        changes: Each gives way to what has become of it.
    """
    reading = Reading(column.clock(), changes)
    missing = set(changes)
    async with aclosing(column.results()) as results:
        async for result in results:
            change = changes.get(result.user_id)
            if change is None:
                reading.note_other(result)
            elif change.user_id in missing:
                missing.discard(change.user_id)
                changes[change.user_id] = compare_again(change, result)
    for user_id in missing:
        changes[user_id] = compare_again(changes[user_id], None)
    return reading


async def _newest_of_each(scores: Scores) -> tuple[dict[str, Score], int]:
    """
    Return each user's newest score, by stamp and then by order: the platform keeps the later (AGS 3.4.9).
    """
    wanted: dict[str, Score] = {}
    total = 0
    async with aclosing(as_async(scores)) as stream:
        async for score in stream:
            if not isinstance(score, Score):
                raise TypeError(f"scores must hold Scores, got {type(score).__name__}: a plan is for one line item")
            total += 1
            older = wanted.get(score.user_id)
            if older is None or older.timestamp <= score.timestamp:
                wanted[score.user_id] = score
    return wanted, total


async def _sent_to(line_item: str, last_sent: LastSentSource | None, wanted: Mapping[str, Score]) -> _Sent:
    """
    Return what was last sent for those for whom something is wanted.
    """
    if last_sent is None:
        return {}
    if isinstance(last_sent, Mapping):
        return {user: (_remembered(user, last_sent[user]),) for user in wanted if user in last_sent}
    sent: _Sent = {}
    async with aclosing(as_async(last_sent.last_sent(line_item))) as records:
        async for record in records:
            if (score := wanted.get(record.user_id)) is not None:
                # With the score's own text for the user: one less for each.
                own = attrs.evolve(record, user_id=score.user_id)
                sent[score.user_id] = (*sent.get(score.user_id, ()), own)
    return sent


def _remembered(user_id: str, score: object) -> LastSent:
    if not isinstance(score, Score):
        raise TypeError(f"last_sent must hold Scores, got {type(score).__name__}")
    if score.user_id != user_id:
        raise ValueError("last_sent must hold each Score under its own user_id")
    return LastSent.of(score)


async def _user_ids(members: Roster) -> set[str]:
    found: set[str] = set()
    async with aclosing(as_async(members)) as people:
        async for person in people:
            user_id = user_id_of(person)
            if getattr(person, "is_active", True):
                found.add(user_id)
    return found
