"""
What an accepted score does to a grade.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.attempts import HANDED_IN, Work, new_attempt
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.canvas_items import first_on
from aioags.emulator.services.score_checks import Stated
from aioags.emulator.services.score_dialects import NEVER, PG_NUMBER
from aioags.emulator.site.site import Held
from aioags.emulator.site.state import Grade, Item
from aioags.emulator.wire.amounts import tidy
from aioags.emulator.wire.instants import iso

BEGUN = ("Started", "InProgress")
# Canvas takes an earlier grade away on these (read).
UNFINISHED = ("NotReady", "Failed", "Pending")
# Moodle keeps five decimals of a grade (seen).
MOODLE_DECIMALS = 5


def apply(call: ServiceCall, stated: Stated) -> Grade:
    """
    Put a score into the gradebook.

    Raises:
        Refusal: A newer score is there already (AGS 3.4.9), or the grade may not change.
    """
    item = call.item
    known = item.grades.get(stated.user_id)
    grade = known if known is not None else Grade(stated.user_id)
    check_open(call, item, grade)
    check_stamp(call, item, grade, stated)
    if call.profile.racy and not _survives_race(call, grade):
        return grade
    EFFECTS[call.profile.grading_rule](call, item, grade, stated)
    if call.profile.racing_first_scores:
        _open_column(call, item)
    item.grades[stated.user_id] = grade
    if grade.number is None and call.profile.numbered_results:
        grade.number = call.site.state.next_result()
    grade.statement = stated.raw
    grade.history.append(stated.raw)
    grade.activity_progress = stated.activity_progress
    grade.grading_progress = stated.grading_progress
    grade.scoring_user_id = stated.scoring_user_id
    if not call.profile.attempts:
        _set_submission(grade, stated)
    return grade


def check_open(call: ServiceCall, item: Item, grade: Grade) -> None:
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


def check_stamp(call: ServiceCall, item: Item, grade: Grade, stated: Stated) -> None:
    """
    Look whether a score is newer than the one that is stored.

    Raises:
        Refusal: It is not.
    """
    rule, stored, new = call.profile.stamp_rule, grade.stamp, stated.stamp
    if stored is None or rule == "any":
        return
    if rule == "later_second":
        stored, new = float(stored // 1), float(new // 1)
    if new > stored or (new == stored and rule == "not_earlier"):
        return
    texts = {"new": iso(max(new, 0.0)), "stored": iso(stored)}
    facts = {**texts, "sent": stated.raw.get("timestamp"), "item": item.number, "user_id": stated.user_id}
    if new < stored:
        text = f"timestamp {texts['new']} is older than the stored {texts['stored']}."
        raise Refusal(Kind.STALE, text, "AGS 3.4.9", field="timestamp", **facts)
    text = f"timestamp {texts['new']} is that of the stored score; every change needs a later one."
    raise Refusal(Kind.SAME_STAMP, text, "AGS 3.4.9", field="timestamp", **facts)


def _survives_race(call: ServiceCall, grade: Grade) -> bool:
    """
    Decide what becomes of a score while another one for the same person and item is in flight (seen on Moodle).
    """
    if not call.hold(Held(call.item.number, grade.user_id)):
        return True
    fate = call.site.rng.random()
    if fate < 0.4:
        # The other post has moved the stored time meanwhile.
        raise Refusal(Kind.STALE, "Another score came first.", item=call.item.number, user_id=grade.user_id)
    if fate < 0.5:
        raise Refusal(Kind.DATABASE, "The database refused a second row.")
    # Otherwise both are answered 200, and the one that wrote last stays.
    return fate < 0.8


def _open_column(call: ServiceCall, item: Item) -> None:
    """
    Make a line item's column with its first score; scores that were on their way by then each make one more (D2L).
    """
    site = call.site
    if not item.grades:
        site.opened[item.number] = site.arrived
    elif call.number <= site.opened.get(item.number, 0):
        number = site.state.next_item()
        call.course.orphans.append(Item(number, item.course, item.client_id, False, dict(item.fields)))


def _standard(call: ServiceCall, item: Item, grade: Grade, stated: Stated) -> None:
    profile = call.profile
    if profile.unknown_user == "crash" and stated.given is not None and _is_published(call, item, stated):
        _publishable(call, stated)
    handed_in = stated.activity_progress in HANDED_IN and _reaches_gradebook(call, item)
    attempt = None
    if profile.attempts:
        attempt = new_attempt(item, grade, stated.raw, handed_in=handed_in, submitted_at=stated.submitted_at)
    points = None if clears(profile.progress_rule, stated) else _points(call, item, stated)
    if attempt is not None:
        # The time of submission is the attempt's, and a score that opens none leaves it (Canvas, read).
        grade.attempts.append(attempt)
        grade.submitted_at = call.site.now() if attempt.submitted_at is None else attempt.submitted_at
    if stated.late_refusal is not None:
        if attempt is not None:
            # Canvas: the attempt is made before the record is looked at, and stays (derived).
            item.grades[stated.user_id] = grade
        raise stated.late_refusal
    # Nothing refuses from here on: a score that is refused leaves no other trace.
    grade.stamp = stated.stamp
    if profile.comment_rule == "replace" or (profile.comment_rule == "kept" and "comment" in stated.raw):
        grade.comment = stated.comment
    elif profile.comment_rule == "append" and stated.comment is not None:
        grade.comment = stated.comment
        if _reaches_gradebook(call, item):
            grade.comments.append(stated.comment)
    if profile.override_rule == "overwritten" and _keeps_gradebook(grade, stated):
        grade.given, grade.given_maximum = stated.given, stated.maximum
        if grade.override is not None:
            grade.override.posted_over = True
        return
    _set_points(call, grade, item, stated, points)
    if profile.override_rule == "overwritten":
        grade.override = None


def _keeps_gradebook(grade: Grade, stated: Stated) -> bool:
    work = Work.of(stated.raw)
    return work.keeps_score or (work.keeps_any_score and grade.shown is not None)


def _publishable(call: ServiceCall, stated: Stated) -> None:
    if call.person(stated.user_id) is None:
        raise Refusal(Kind.CRASH, f"There is no user {stated.user_id!r}.", "AGS 3.4.5", field="userId")


def _points(call: ServiceCall, item: Item, stated: Stated) -> float:
    points = scaled(item, stated)
    return min(points, item.fields["scoreMaximum"]) if call.profile.cap else points


def _set_points(call: ServiceCall, grade: Grade, item: Item, stated: Stated, points: float | None) -> None:
    """
    Put points into a grade.

    Args:
        points: On the scale of the item. None: the score clears.
    """
    profile = call.profile
    grade.given, grade.given_maximum = stated.given, stated.maximum
    if points is None:
        grade.points = None
        grade.published = grade.published if profile.progress_rule == "unpublished" else None
        return
    grade.points = points
    if (grade.points != 0 or profile.publish_zero) and _is_published(call, item, stated):
        grade.published = grade.points


def clears(rule: str, stated: Stated) -> bool:
    """
    True when a score takes the tool's earlier points away.

    Args:
        rule: As in `Profile.progress_rule`.
    """
    if stated.given is None:
        return True
    if rule == "clear":
        return stated.grading_progress != "FullyGraded"
    return rule == "clear_unfinished" and stated.grading_progress in UNFINISHED


def scaled(item: Item, stated: Stated, decimals: int | None = None) -> float:
    """
    Return a score's points on the item's scale.

    Args:
        decimals: How many of the given points count. None: all.

    Raises:
        Refusal: They are beyond all measure.
    """
    given, maximum = stated.given or 0, stated.maximum
    if decimals is not None:
        given = round(given, decimals)
    # Not through arithmetic where none is needed: the number must come back as it was given.
    if not maximum or maximum == item.maximum:
        return given
    points = float(given) * item.maximum / maximum
    if not math.isfinite(points):
        raise Refusal(Kind.DATABASE, "No gradebook holds such a number.", "AGS 3.4.4", field="scoreGiven")
    return tidy(points)


def _is_published(call: ServiceCall, item: Item, stated: Stated) -> bool:
    final = stated.grading_progress == "FullyGraded" or call.profile.progress_rule != "unpublished"
    return final and _reaches_gradebook(call, item)


def _reaches_gradebook(call: ServiceCall, item: Item) -> bool:
    if call.profile.publish_linked_only and item.link_id not in call.course.links:
        return False
    if not call.profile.first_item_only or item.link_id is None:
        return True
    return item is first_on(call, item.link_id)


def _moodle(call: ServiceCall, item: Item, grade: Grade, stated: Stated) -> None:
    """
    Grade as Moodle 4.5 does, by kind of item (all of it seen).

    A score that clears makes a coupled item forget the stored time unless it has a comment; in all other cases the
    stored time becomes the server's own.
    """
    now = call.site.now()
    if stated.stamp == NEVER and not item.coupled:
        return
    by_clock = stated.stamp == NEVER or (item.coupled and call.profile.coupled_stamps_now)
    stamp = now if by_clock else stated.stamp
    if clears("clear", stated):
        grade.points = grade.published = None
        grade.comment = stated.comment
        grade.stamp = now if stated.comment is not None or not item.coupled else None
        return
    if item.coupled and abs(stated.given or 0) > PG_NUMBER:
        raise Refusal(Kind.DATABASE, "The database takes no such number.", field="scoreGiven")
    given = float(scaled(item, stated, MOODLE_DECIMALS))
    points = round(max(0.0, min(given, item.maximum)), MOODLE_DECIMALS)
    same = grade.points == points and grade.comment == stated.comment
    if item.coupled or not same:
        grade.stamp = stamp
    if not item.coupled:
        grade.override = None
    grade.points = grade.published = tidy(points)
    grade.given, grade.given_maximum, grade.comment = stated.given, stated.maximum, stated.comment


EFFECTS: dict[str, Callable[[ServiceCall, Item, Grade, Stated], None]] = {"standard": _standard, "moodle": _moodle}


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
