"""
What a score in a request must be on Canvas: each check in Canvas's own order.
"""

from __future__ import annotations

from typing import Any

import attrs

from aioags.emulator.profiles.canvas import CANVAS_SUBMISSION
from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services.attempts import UPLOAD, Work
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.grading import check_open, check_stamp
from aioags.emulator.services.score_checks import ACTIVITY, GRADING, Stated, check_user
from aioags.emulator.site.state import Grade
from aioags.emulator.wire.amounts import as_number
from aioags.emulator.wire.instants import loose_instant

REQUIRED = ("activityProgress", "gradingProgress", "timestamp")
# Only with these is anything else than the progress looked at.
COUNTING = ("FullyGraded", "PendingManual")
# Canvas takes a time of submission up to a minute in its future (read).
FUTURE = 60.0


def read_canvas(call: ServiceCall, body: dict[str, Any]) -> Stated:
    """
    Read a score as Canvas does: the person first, then what is missing, the time, the points, the work.

    Raises:
        Refusal: One of them is wrong.

    Source:
        Canvas, ``app/controllers/lti/ims/scores_controller.rb``.
    """
    user_id = _user(call, body.get("userId"))
    for name in REQUIRED:
        if not body.get(name) and body.get(name) != 0:
            raise Refusal(Kind.MISSING_FIELD, f"{name} is missing.", "AGS 3.4.1", field=name)
    grade = call.item.grades.get(user_id) or Grade(user_id)
    check_open(call, call.item, grade)
    stated = Stated(
        user_id=user_id,
        activity_progress=str(body["activityProgress"]),
        grading_progress=str(body["gradingProgress"]),
        stamp=_stamp(call, body["timestamp"]),
        given=as_number(body.get("scoreGiven")),
        maximum=as_number(body.get("scoreMaximum")),
        comment=_comment(body.get("comment")),
        raw=body,
        late_refusal=_record_refusal(body),
    )
    check_stamp(call, call.item, grade, stated)
    _check_points(call, body)
    submitted = _submitted_at(call, body)
    work = Work.of(body)
    said = body.get(CANVAS_SUBMISSION)
    if isinstance(said, dict) and said.get("submission_type") == UPLOAD and not work.files:
        text = "Content items must be provided with submission type 'online_upload'"
        raise Refusal(Kind.UNPROCESSABLE_SCORE, text, field="submission")
    return attrs.evolve(stated, submitted_at=submitted)


def _user(call: ServiceCall, value: object) -> str:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    person = call.person(text)
    user_id = text if person is None else person.user_id
    check_user(call, user_id)
    return user_id


def _comment(value: object) -> str | None:
    return str(value) if isinstance(value, str | int | float) and value not in ("", False) else None


def _record_refusal(body: dict[str, Any]) -> Refusal | None:
    """
    Return what the database's own checks say; they come last, when the attempt is made.
    """
    given = body.get("scoreGiven")
    faults = {
        "activity_progress": body["activityProgress"] not in ACTIVITY,
        "grading_progress": body["gradingProgress"] not in GRADING,
        "result_score": given is not None and as_number(given) is None,
    }
    wrong = next((name for name, is_wrong in faults.items() if is_wrong), None)
    if wrong is None:
        return None
    word = "not_a_number" if wrong == "result_score" else "inclusion"
    return Refusal(Kind.INVALID_RECORD, f"{wrong} is nothing that a result may have.", field=wrong, error_code=word)


def _stamp(call: ServiceCall, value: object) -> float:
    at = loose_instant(value, call.profile.site_zone)
    if at is None:
        text = f"timestamp is {value!r}; it must be ISO 8601 date and time."
        raise Refusal(Kind.BAD_TIMESTAMP, text, "AGS 3.4.9", field="timestamp", what="timestamp", value=value)
    return at


def _check_points(call: ServiceCall, body: dict[str, Any]) -> None:
    def refuse(text: str) -> Refusal:
        return Refusal(Kind.UNPROCESSABLE_SCORE, text, "AGS 3.4.4", field="scoreGiven")

    given = body.get("scoreGiven")
    if given is None or body["gradingProgress"] not in COUNTING:
        return
    if "scoreMaximum" not in body:
        raise refuse("ScoreMaximum not supplied when ScoreGiven present.")
    # As Ruby's to_f: null and texts are zero.
    maximum = as_number(body["scoreMaximum"]) or 0.0
    if maximum < 0:
        raise refuse("ScoreMaximum must be greater than or equal to 0")
    if maximum == 0 and call.item.maximum != 0:
        raise refuse("ScoreMaximum cannot be zero if line item's maximum is not zero")
    number = as_number(given)
    if number is not None and number < 0:
        raise refuse("ScoreGiven must be greater than or equal to 0")


def _submitted_at(call: ServiceCall, body: dict[str, Any]) -> float | None:
    """
    Return the time of submission; the standard's place for it comes before Canvas's own.
    """
    standard, own = body.get("submission"), body.get(CANVAS_SUBMISSION)
    value = standard.get("submittedAt") if isinstance(standard, dict) else None
    if value in (None, "") and isinstance(own, dict):
        value = own.get("submitted_at")
    if value in (None, ""):
        return None
    at = loose_instant(value, call.profile.site_zone)
    facts: dict[str, Any] = {"what": "submitted_at timestamp", "value": value}
    if at is None:
        text = f"The time of submission is {value!r}; it must be ISO 8601 date and time."
        raise Refusal(Kind.BAD_TIMESTAMP, text, "AGS 3.4.10.2", field="submittedAt", **facts)
    if at > call.site.now() + FUTURE:
        text = f"Provided submitted_at timestamp of {value} in the future"
        raise Refusal(Kind.BAD_SCORE, text, "AGS 3.4.10.2", field="submittedAt")
    return at
