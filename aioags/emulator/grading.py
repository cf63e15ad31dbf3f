"""
What an accepted score does to a grade.
"""

from __future__ import annotations

from aioags.emulator.clock import iso
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.score_checks import Stated
from aioags.emulator.site import Call
from aioags.emulator.state import Grade, Item

BEGUN = ("Started", "InProgress")
HANDED_IN = ("Submitted", "Completed")
# Doubles hold every whole number up to here.
WHOLE = 2**53


def apply(call: Call, stated: Stated) -> Grade:
    """
    Put a score into the gradebook.

    Raises:
        Refusal: A newer score is there already (AGS 3.4.9), or a teacher locked the grade.
    """
    item = call.item
    grade = item.grade(stated.user_id)
    check_locks(call, item, grade)
    check_stamp(call, item, grade, stated)
    grade.statement = stated.raw
    grade.history.append(stated.raw)
    grade.stamp = stated.stamp
    grade.activity_progress = stated.activity_progress
    grade.grading_progress = stated.grading_progress
    grade.scoring_user_id = stated.scoring_user_id
    grade.comment = stated.comment
    _set_points(grade, item, stated)
    _set_submission(grade, stated)
    return grade


def check_locks(call: Call, item: Item, grade: Grade) -> None:
    """
    Look whether grades may change at all.

    Raises:
        Refusal: The course is over or not published, or a teacher locked the item or the grade.
    """
    if call.course.concluded:
        raise Refusal(Kind.CONCLUDED, "The course is over; its grades are closed.")
    if not call.course.published:
        raise Refusal(Kind.UNPUBLISHED, "The course is not published yet.")
    if item.locked or grade.locked:
        raise Refusal(Kind.LOCKED, "A teacher locked this grade.")


def check_stamp(call: Call, item: Item, grade: Grade, stated: Stated) -> None:
    """
    Look whether a score is newer than the one that is stored.

    Raises:
        Refusal: It is not.
    """
    rule, stored, new = call.profile.stamp_rule, grade.stamp, stated.stamp
    if stored is None or rule == "any":
        return
    if rule == "later_second":
        stored, new = float(int(stored)), float(int(new))
    facts = {"new": iso(new), "stored": iso(stored), "item": item.number, "user_id": stated.user_id}
    if new < stored:
        text = f"timestamp {iso(new)} is older than the stored {iso(stored)}."
        raise Refusal(Kind.STALE, text, "AGS 3.4.9", field="timestamp", **facts)
    if new == stored and rule != "not_earlier":
        text = f"timestamp {iso(new)} is that of the stored score; every change needs a later one."
        raise Refusal(Kind.SAME_STAMP, text, "AGS 3.4.9", field="timestamp", **facts)


def _set_points(grade: Grade, item: Item, stated: Stated) -> None:
    grade.given, grade.given_maximum = stated.given, stated.maximum
    if stated.given is None or stated.maximum is None:
        grade.points = None
    elif stated.maximum == item.maximum:
        # Not through arithmetic: the number must come back as it was given.
        grade.points = stated.given
    else:
        grade.points = tidy(stated.given * item.maximum / stated.maximum)


def tidy(points: float) -> float:
    """
    Write a whole number without a fraction, as people do.
    """
    return int(points) if points.is_integer() and abs(points) < WHOLE else points


def _set_submission(grade: Grade, stated: Stated) -> None:
    """
    Keep the two times of AGS 3.4.10: what is not sent stays, and what was never sent is the first such score's stamp.
    """
    activity = stated.activity_progress
    if activity == "Initialized":
        grade.started_at = None
    if activity not in HANDED_IN:
        grade.submitted_at = None
    if stated.started_at is not None:
        grade.started_at = stated.started_at
    elif grade.started_at is None and activity in BEGUN:
        grade.started_at = stated.stamp
    if activity in HANDED_IN:
        if stated.submitted_at is not None:
            grade.submitted_at = stated.submitted_at
        elif grade.submitted_at is None:
            grade.submitted_at = stated.stamp
