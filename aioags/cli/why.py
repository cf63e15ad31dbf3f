"""
``aioags why`` and ``aioags drift``: what was sent, what became of it, and what stands there now.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any

import attrs
import typer

from aioags.cli.command import Run
from aioags.cli.config import OpenCourse
from aioags.cli.failures import CommandError, Status
from aioags.cli.grades import By
from aioags.cli.items import the_item
from aioags.cli.people import People
from aioags.cli.push import OUTBOX
from aioags.cli.shown import counted, shown_duration
from aioags.errors import AGSError
from aioags.model.canvas import is_canvas
from aioags.model.change import in_points
from aioags.outbox import Attempt, Outbox, SQLiteStore, StoredScore
from aioags.protocol.comparing import grade_of

ItemOption = Annotated[
    str | None, typer.Option("--item", metavar="ITEM", help="its label, resource id or URL; else every one")
]


async def why(
    run: Run,
    user: Annotated[str, typer.Argument(metavar="USER", help="user id, or what --by says")],
    *,
    item: ItemOption = None,
    by: By = None,
) -> Status:
    """
    Tell what was sent for somebody, what the platform said, and what stands there now.

    Example:
        aioags why 4102 --item Midterm
    """
    async with run.course() as course, _outbox(run, course) as outbox:
        user_id = user if by in (None, "user_id") else await _user_id(course, user, by or "")
        chosen = None if item is None else (await the_item(course, item)).id
        stories = await _stories(outbox, course, user_id, chosen)
        labels = await _labels(course) if stories else {}
        for line_item, story in stories.items():
            shown = await _shown(course, line_item, user_id)
            label = labels.get(line_item, line_item)
            run.tell(_record(line_item, label, story, shown), *_told(label, story, shown, run.world.now()))
    if not stories:
        run.say(f"nothing was sent for {user!r} from here, as far as {OUTBOX} remembers")
    return Status.OK if stories else Status.FAILED


async def drift(run: Run, *, item: ItemOption = None) -> Status:
    """
    Show which grades are not as they were last sent from here; it ends with 1 when there are any.

    Example:
        aioags drift --item Midterm
    """
    found = 0
    async with run.course() as course, _outbox(run, course) as outbox:
        chosen = None if item is None else (await the_item(course, item)).id
        labels = await _labels(course)
        for line_item in await _line_items(outbox, course.name) if chosen is None else [chosen]:
            label = labels.get(line_item, line_item)
            async with aclosing(outbox.drift(course.name, line_item=line_item)) as drifts:
                async for one in drifts:
                    found += 1
                    run.tell({"line_item": line_item, "label": label, **attrs.asdict(one)}, f"{label}  {one}")
    run.say(f"{counted(found, 'grade')} not as last sent")
    return Status.FAILED if found else Status.OK


@attrs.define
class Story:
    """
    What an outbox knows of one person in one line item.

    Attributes:
        attempts: The oldest first.

        waiting: What is stored and not recorded. None: nothing is.
    """

    attempts: list[Attempt] = attrs.field(factory=list)
    waiting: StoredScore | None = None


@asynccontextmanager
async def _outbox(run: Run, course: OpenCourse) -> AsyncIterator[Outbox]:
    path = run.config_path.parent / OUTBOX
    if not path.exists():
        raise CommandError(f"there is no {path}: nothing was pushed from here yet", Status.FAILED)
    async with aclosing(
        Outbox(SQLiteStore(path, create=False), course.client, {course.name: course.registration})
    ) as outbox:
        yield outbox


async def _user_id(course: OpenCourse, user: str, by: str) -> str:
    with People(by) as people:
        await people.read(course.client.memberships(course.memberships))
        return people.user_id(user)


async def _line_items(outbox: Outbox, name: str) -> list[str]:
    found: dict[str, None] = {}
    async with aclosing(outbox.history(name)) as attempts:
        async for attempt in attempts:
            found[attempt.line_item] = None
    return list(found)


async def _labels(course: OpenCourse) -> dict[str, str]:
    """
    Return the line items' labels by id; none where they cannot be listed: what was sent is told all the same.
    """
    try:
        return {item.id or "": item.label async for item in course.gradebook.line_items()}
    except AGSError:
        return {}


async def _stories(outbox: Outbox, course: OpenCourse, user_id: str, line_item: str | None) -> dict[str, Story]:
    stories: dict[str, Story] = {}
    async with aclosing(outbox.history(course.name, user_id=user_id, line_item=line_item)) as attempts:
        async for attempt in attempts:
            stories.setdefault(attempt.line_item, Story()).attempts.append(attempt)
    for listed in (outbox.dead, outbox.deferred, outbox.delayed):
        rows: AsyncGenerator[StoredScore, None] = listed(
            registration_id=course.name, user_id=user_id, line_item=line_item
        )
        async for row in rows:
            stories.setdefault(row.line_item, Story()).waiting = row
    return stories


async def _shown(course: OpenCourse, line_item: str, user_id: str) -> str:
    try:
        grade = grade_of(await course.gradebook.get_result(user_id, line_item=line_item))
    except AGSError as error:
        return f"cannot be asked: {error}"
    return "nothing" if grade is None else str(grade)


def _told(label: str, story: Story, shown: str, now: float) -> Iterator[str]:
    told = story.attempts[0] if story.attempts else story.waiting
    line_item = "" if told is None else told.line_item
    yield label
    for attempt in story.attempts:
        yield f"  {attempt.at:%Y-%m-%d %H:%M:%S}  {_sent(attempt)}: {_outcome(attempt)}"
    if story.waiting is not None:
        yield f"  {_waiting(story.waiting, now)}"
    # Its result is the number that came last, the tool's or the teacher's.
    perhaps = " to this tool; a grade that a teacher alone gave before stays" if is_canvas(line_item) else ""
    yield f"  the platform shows {shown} now{perhaps}"


def _sent(attempt: Attempt) -> str:
    progress = f"{attempt.activity_progress}, {attempt.grading_progress}"
    comment = ", with a comment" if attempt.comment_digest else ""
    return f"sent {in_points(attempt.score_given, attempt.score_maximum)} ({progress}){comment}"


def _outcome(attempt: Attempt) -> str:
    times = f" after {attempt.requests} requests" if attempt.requests > 1 else ""
    if attempt.recorded:
        return f"recorded{times}"
    what = "nobody knows whether it is recorded" if attempt.recorded is None else "not recorded"
    following = "given up" if attempt.final else "to be tried again"
    return f"{what}{times}, {following}: {attempt.reason}"


def _waiting(row: StoredScore, now: float) -> str:
    following = f", tried again in {shown_duration(row.not_before - now)}" if row.not_before > now else ""
    score = row.score
    return f"{in_points(score.score_given, score.score_maximum)} is {row.state}{following}: {row.last_error}"


def _record(line_item: str, label: str, story: Story, shown: str) -> dict[str, Any]:
    waiting = story.waiting
    return {
        "line_item": line_item,
        "label": label,
        "attempts": [attrs.asdict(attempt) for attempt in story.attempts],
        "waiting": None if waiting is None else {"state": waiting.state, "error": waiting.last_error},
        "shown": shown,
    }
