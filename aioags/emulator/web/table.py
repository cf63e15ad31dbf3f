"""
The table of the gradebook page: line items as columns, people as rows, grades as cells.
"""

from __future__ import annotations

import math
from typing import Any

from aioags.emulator.platform import Platform
from aioags.emulator.site.state import Course, Grade, Item, Person
from aioags.emulator.traffic.exchanges import Exchange
from aioags.emulator.web.document import moment
from aioags.emulator.web.refused import LastRefused
from aioags.emulator.web.requests import panel_url, status_text, why
from aioags.emulator.wire.html import NOTHING, Html, fill, join, number

# The whole comment is in the panel; thousands of cells must stay light.
LONGEST_COMMENT = 90
# Classes of the five words of AGS 3.4.8. Others, which some platforms take, have none.
GRADING_CLASSES = {
    "FullyGraded": "done",
    "Pending": "waiting",
    "PendingManual": "waiting",
    "Failed": "failed",
    "NotReady": "idle",
}

# Of the whole: what rounding may make of it.
TOLERANCE = 1e-5

# Three lines, whatever there is to say: rows must not jump when grades come.
CELL = """<td data-cell="{key}" class="{kind}"><a href="{url}"><span class="line">{progress}{points}</span>\
<span class="line">{detail}{sent}</span><span class="line last">{marks}{words}</span></a></td>"""
EMPTY_CELL = """<td data-cell="{key}" class="empty"><a href="{url}" aria-label="no grade">–</a></td>"""
ROW = """<tr data-user="{user_id}"><th scope="row"><a class="name" href="{url}">{name}</a>\
<span class="line"><span class="id">{user_id}</span>{marks}{launch}</span></th>{cells}</tr>
"""
COLUMN = """<th scope="col"><a href="{url}"><span class="label">{label}</span>\
<span class="out-of">of {maximum} points</span>{marks}</a></th>"""
TABLE = """<table id="grades" data-version="{version}">
<caption class="hidden">Grades of {course}: people in rows, line items in columns. Each cell opens its grade.</caption>
<thead><tr><th scope="col" class="corner">{people}</th>{columns}</tr></thead>
<tbody>
{rows}</tbody>
</table>
"""


def mark(text: str, kind: str = "") -> Html:
    """
    Build a small label.
    """
    return fill('<span class="mark {kind}">{text}</span>', text=text, kind=kind)


def cell_key(item: int, user_id: str) -> str:
    """
    Return the name that a cell has in the page.
    """
    return f"{item}:{user_id}"


def cell(platform: Platform, item: Item, user_id: str, refused: Exchange | None = None) -> Html:
    """
    Build one cell.

    Args:
        refused: The person's score that was refused since the last one that was taken.
    """
    grade = item.grades.get(user_id) or Grade(user_id)
    place = {"key": cell_key(item.number, user_id), "url": panel_url("grade", item=item.number, user=user_id)}
    known = grade.statement is not None or grade.override is not None
    if not (known or grade.locked or refused):
        return fill(EMPTY_CELL, **place)
    return fill(
        CELL,
        kind="by-hand" if grade.override is not None else "graded" if grade.shown is not None else "cleared",
        points=_points(grade.shown, item.maximum),
        progress=_progress(grade) if grade.statement is not None else NOTHING,
        sent=_sent(platform, grade, item) if known else NOTHING,
        detail=_detail(platform, grade) if known else NOTHING,
        words=_refused(platform, refused) if refused is not None else _comment(grade.shown_comment),
        marks=_marks(grade),
        **place,
    )


def _points(points: float | None, maximum: float) -> Html:
    text = '<span class="points"><b>{points}</b><span class="of">/{maximum}</span></span>'
    return fill(text, points=number(points), maximum=number(maximum))


def _progress(grade: Grade) -> Html:
    kind = GRADING_CLASSES.get(grade.grading_progress, "")
    return fill('<span class="progress {kind}">{text}</span>', kind=kind, text=grade.grading_progress)


def _sent(platform: Platform, grade: Grade, item: Item) -> Html:
    given, maximum = sent_points(grade)
    words = []
    if given is not None and (given, maximum) != (grade.shown, item.maximum):
        words.append(f"sent {number(given)}" + (f"/{number(maximum)}" if maximum != item.maximum else ""))
    if (read := other_result(platform, grade, item)) is not None:
        words.append(read)
    return fill('<span class="sent">{words}</span>', words=", ".join(words)) if words else NOTHING


def other_result(platform: Platform, grade: Grade, item: Item) -> str | None:
    """
    Say what the tool reads where that is another part of the whole than the gradebook shows; None: it is the same.
    """
    result = platform.result(item.number, grade.user_id) or {}
    points, maximum = result.get("resultScore"), result.get("resultMaximum") or item.maximum
    if points is None:
        return "no result" if grade.shown is not None else None
    if grade.shown is not None and math.isclose(points / maximum, grade.shown / item.maximum, abs_tol=TOLERANCE):
        return None
    return f"result {number(points)}" + (f"/{number(maximum)}" if maximum != item.maximum else "")


def _refused(platform: Platform, exchange: Exchange) -> Html:
    (words, *_) = why(platform, exchange) or [""]
    text = f"{status_text(exchange)} {words}"
    return fill('<span class="refusal" title="{text}">{text}</span>', text=text)


def sent_points(grade: Grade) -> tuple[Any, Any]:
    """
    Return the tool's last ``scoreGiven`` and ``scoreMaximum``, as they came; None where there is none.
    """
    statement = grade.statement or {}
    return statement.get("scoreGiven"), statement.get("scoreMaximum")


def _detail(platform: Platform, grade: Grade) -> Html:
    activity = grade.activity_progress if grade.statement is not None else ""
    at = grade.override.at if grade.override is not None else grade.stamp
    shown = moment(at, platform.site.now(), "%H:%M")
    return fill('<span class="detail">{activity} {time}</span>', activity=activity, time=shown)


def _comment(text: str | None) -> Html:
    if not text:
        return NOTHING
    short = text if len(text) <= LONGEST_COMMENT else text[:LONGEST_COMMENT] + "…"
    return fill('<span class="comment">{text}</span>', text=short)


LOCKED = mark("Locked", "lock")


def _marks(grade: Grade) -> Html:
    marks = [mark("By hand", "hand")] if grade.override is not None else []
    if grade.override is None and grade.points != grade.published:
        known = "Not published" if grade.published is None else f"Published: {number(grade.published)}"
        marks.append(mark(known, "lock"))
    if grade.locked:
        marks.append(LOCKED)
    return fill('<span class="marks">{marks}</span>', marks=join(marks)) if marks else NOTHING


def _column(item: Item) -> Html:
    return fill(
        COLUMN,
        url=panel_url("item", item=item.number),
        label=item.fields["label"],
        maximum=number(item.maximum),
        marks=LOCKED if item.locked else NOTHING,
    )


def _row(platform: Platform, course: Course, person: Person, items: list[Item], refused: LastRefused) -> Html:
    marks = [mark(person.role)] if person.role != "Learner" else []
    if not person.active:
        marks.append(mark("No longer enrolled"))
    return fill(
        ROW,
        user_id=person.user_id,
        url=panel_url("person", course=course.number, user=person.user_id),
        name=person.name or person.user_id,
        marks=join(marks),
        launch=launch(platform, course, person),
        cells=join(cell(platform, item, person.user_id, refused.get(item.number, person.user_id)) for item in items),
    )


def launch(platform: Platform, course: Course, person: Person) -> Html:
    """
    Build what launches the tool as one person; nothing where it takes no launches.
    """
    link = next(iter(course.links.values()), None)
    # Launches begin in the first course, and only tools that said where take them.
    if course is not platform.course or link is None or link.client_id not in platform.launches.connections:
        return NOTHING
    text = '<a class="launch" href="{url}" target="_blank" aria-label="Launch as {name}">Launch</a>'
    return fill(text, url=platform.launches.url(person.user_id, link), name=person.name or person.user_id)


def table(
    platform: Platform, course: Course, people: list[Person], items: list[Item], version: str, refused: LastRefused
) -> Html:
    """
    Build the table.

    Args:
        version: Of the platform's memory, as it is shown here.

        refused: Scores that were refused.
    """
    return fill(
        TABLE,
        version=version,
        course=course.title,
        people="1 person" if len(people) == 1 else f"{len(people)} people",
        columns=join(_column(item) for item in items),
        rows=join(_row(platform, course, person, items, refused) for person in people),
    )
