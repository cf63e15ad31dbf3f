"""
What a score in a request must be: the standard's own rules, and whom a score may be for.
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.item_checks import check_keys
from aioags.emulator.wire.amounts import is_number
from aioags.emulator.wire.instants import parse_instant

ACTIVITY = ("Initialized", "Started", "InProgress", "Submitted", "Completed")
GRADING = ("FullyGraded", "Pending", "PendingManual", "Failed", "NotReady")
SCORE_FIELDS = frozenset(
    {
        "userId",
        "activityProgress",
        "gradingProgress",
        "timestamp",
        "scoreGiven",
        "scoreMaximum",
        "scoringUserId",
        "comment",
        "submission",
    }
)


@attrs.frozen(kw_only=True)
class Stated:
    """
    A score that passed the checks.

    Attributes:
        stamp: Seconds since 1970.

        given, maximum: Both None: the score says nothing about points, so the platform clears them (AGS 3.4.4).

        comment: None: absent, null or blank; it clears the tool's earlier one (AGS 3.4.11).

        started_at, submitted_at: Seconds since 1970; None: not sent.

        raw: The JSON object as it came.

        late_refusal: Why its record is refused once the attempt that it opens is made (Canvas). None: it is not.
    """

    user_id: str
    activity_progress: str
    grading_progress: str
    stamp: float
    given: float | None
    maximum: float | None
    comment: str | None
    raw: dict[str, Any]
    scoring_user_id: str | None = None
    started_at: float | None = None
    submitted_at: float | None = None
    late_refusal: Refusal | None = None


def check_user(call: ServiceCall, user_id: str) -> None:
    """
    Look whether a person can be graded in the course.

    Raises:
        Refusal: No.
    """
    person, profile = call.person(user_id), call.profile
    facts = {"user_id": user_id}
    if person is None:
        known = any(user_id in course.people for course in call.site.state.courses.values())
        kind = Kind.USER_NOT_IN_CONTEXT if known else Kind.USER_UNKNOWN
        text = f"userId {user_id!r} is not enrolled in this course."
        raise Refusal(kind, text, "AGS 3.4.5", field="userId", **facts)
    if not person.active and not profile.suspended_gradable:
        text = f"userId {user_id!r} is no longer enrolled in this course."
        raise Refusal(Kind.USER_NOT_IN_CONTEXT, text, "AGS 3.4.5", field="userId", **facts)
    if profile.gradable_roles is not None and person.role not in profile.gradable_roles:
        text = f"userId {user_id!r} is a {person.role}, and only a Learner can be graded."
        raise Refusal(Kind.USER_NOT_GRADABLE, text, "AGS 3.4.5", field="userId", **facts)


def bad(field: str, reason: str, spec: str) -> Refusal:
    """
    Build the refusal of one field of a score.
    """
    return Refusal(Kind.BAD_SCORE, reason, spec, field=field)


def read_spec(call: ServiceCall, body: dict[str, Any]) -> Stated:
    """
    Read a score by the standard's own rules, all of them.
    """
    check_keys(body, SCORE_FIELDS, call, Kind.BAD_SCORE)
    return _read(body, fraction=True)


def read_plain(call: ServiceCall, body: dict[str, Any]) -> Stated:
    """
    Read a score by the rules that a platform needs to make sense of it: any keys, stamps without fractions.
    """
    return _read(body, fraction=False)


def _read(body: dict[str, Any], *, fraction: bool) -> Stated:
    check_user_id(body)
    check_progress(body)
    stamp = read_instant(body, "timestamp", "AGS 3.4.9", fraction=fraction)
    given, maximum = _points(body)
    _check_texts(body)
    started, submitted = read_submission(body, fraction=fraction)
    return Stated(
        user_id=body["userId"],
        activity_progress=body["activityProgress"],
        grading_progress=body["gradingProgress"],
        stamp=stamp,
        given=given,
        maximum=maximum,
        comment=body.get("comment") or None,
        raw=body,
        scoring_user_id=body.get("scoringUserId"),
        started_at=started,
        submitted_at=submitted,
    )


def check_user_id(body: dict[str, Any]) -> None:
    """
    Look at ``userId``.

    Raises:
        Refusal: It is no text.
    """
    user_id = body.get("userId")
    if not isinstance(user_id, str) or not user_id.strip():
        raise bad("userId", f"userId is {user_id!r}; it must be the sub of a launch.", "AGS 3.4.5")


def check_progress(body: dict[str, Any]) -> None:
    """
    Look at the two progress values.

    Raises:
        Refusal: One is none of the standard's.
    """
    for name, values, spec in (
        ("activityProgress", ACTIVITY, "AGS 3.4.7"),
        ("gradingProgress", GRADING, "AGS 3.4.8"),
    ):
        if body.get(name) not in values:
            raise bad(name, f"{name} is {body.get(name)!r}; it must be one of {', '.join(values)}.", spec)


def read_instant(body: dict[str, Any], name: str, spec: str, *, fraction: bool) -> float:
    """
    Read a date and time that must be there.

    Args:
        fraction: Whether it must have one.

    Raises:
        Refusal: It is not as it must be.
    """
    value = body.get(name)
    read = parse_instant(value)
    problem = "must be ISO 8601 date and time" if read is None else ""
    if read is not None and fraction and not read.has_fraction:
        problem = "needs fractions of a second"
    elif read is not None and not read.has_zone:
        problem = "needs a zone, such as Z"
    if read is None or problem:
        text = f"{name} is {value!r}; it {problem}."
        raise Refusal(Kind.BAD_TIMESTAMP, text, spec, field=name, value=value)
    return read.at


def _points(body: dict[str, Any]) -> tuple[float | None, float | None]:
    given, maximum = body.get("scoreGiven"), body.get("scoreMaximum")
    if maximum is not None and not (is_number(maximum) and maximum > 0):
        raise bad("scoreMaximum", f"scoreMaximum is {maximum!r}; it must be a number above 0.", "AGS 3.4.4")
    if given is None:
        return None, None
    if not is_number(given):
        raise bad("scoreGiven", f"scoreGiven is {given!r}; it must be a number.", "AGS 3.4.4")
    if given < 0:
        raise bad("scoreGiven", f"scoreGiven is {given!r}; it must not be negative.", "AGS 3.4.4")
    if maximum is None:
        raise bad("scoreMaximum", "scoreGiven needs scoreMaximum beside it.", "AGS 3.4.4")
    return given, maximum


def _check_texts(body: dict[str, Any]) -> None:
    comment = body.get("comment")
    if comment is not None and not isinstance(comment, str):
        raise bad("comment", "comment must be a string.", "AGS 3.4.11")
    if "scoringUserId" in body:
        scorer = body["scoringUserId"]
        if not isinstance(scorer, str) or not scorer:
            raise bad("scoringUserId", f"scoringUserId is {scorer!r}; leave it out instead.", "AGS 3.4.6")


def read_submission(body: dict[str, Any], *, fraction: bool) -> tuple[float | None, float | None]:
    """
    Read the two times of a submission; None: not sent.

    Raises:
        Refusal: One is no time, or they are the wrong way round.
    """
    submission = body.get("submission")
    if submission is None:
        return None, None
    if not isinstance(submission, dict):
        raise bad("submission", "submission must be an object.", "AGS 3.4.10")
    times: list[float | None] = []
    for name, spec in (("startedAt", "AGS 3.4.10.1"), ("submittedAt", "AGS 3.4.10.2")):
        sent = submission.get(name) is not None
        times.append(read_instant(submission, name, spec, fraction=fraction) if sent else None)
    started, submitted = times
    if started is not None and submitted is not None and submitted < started:
        raise bad("submission", "submittedAt is before startedAt.", "AGS 3.4.10.2")
    return started, submitted
