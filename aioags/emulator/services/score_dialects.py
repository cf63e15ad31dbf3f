"""
What a score in a request must be on platforms that do not follow the standard's rules.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from aioags.emulator.refusals import Kind, Refusal
from aioags.emulator.services import openedx_fields
from aioags.emulator.services.call import ServiceCall
from aioags.emulator.services.score_checks import (
    ACTIVITY,
    GRADING,
    Stated,
    bad,
    check_user_id,
)
from aioags.emulator.site.site import Site
from aioags.emulator.wire.amounts import as_number
from aioags.emulator.wire.instants import minutes_east

NEEDED = ("userId", "activityProgress", "gradingProgress", "timestamp")
# A stamp that PHP's strtotime cannot read is false: earlier than everything. Finite, so that it can be rounded.
NEVER = -1e18
# Beyond this PostgreSQL refuses the number (1e300 was seen to fail).
PG_NUMBER = 1e30

# Seconds in 400 years, after which the calendar repeats.
GREGORIAN_CYCLE = 146_097 * 86_400.0

MOODLE_INSTANT = re.compile(
    r"(?P<year>\d{4})(?:-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[T ](?P<hour>[01]\d|2[0-3])(?::?(?P<minute>[0-5]\d)(?::?(?P<second>[0-5]\d)(?P<fraction>[.,]\d+)?)?)?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)?)?)?"
)


def read_moodle(call: ServiceCall, body: dict[str, Any]) -> Stated:
    """
    Read a score as Moodle 4.5 does: four fields must be there, numbers may be texts, words are not looked at.

    Source:
        Moodle 4.5, ``scores.php``; every line of it seen live.
    """
    for name in NEEDED:
        if body.get(name) is None:
            raise bad(name, f"{name} is missing.", "AGS 3.4.1")
    stamp = moodle_instant(body["timestamp"], call.site)
    given, maximum = as_number(body.get("scoreGiven")), as_number(body.get("scoreMaximum"))
    if stamp is None or (body.get("scoreGiven") is not None and (given is None or maximum is None)):
        raise bad("timestamp" if stamp is None else "scoreGiven", "It cannot be read.", "AGS 3.4.4, 3.4.9")
    comment = body.get("comment")
    return Stated(
        user_id=_moodle_user(call, body["userId"]),
        activity_progress=str(body["activityProgress"]),
        grading_progress=str(body["gradingProgress"]),
        stamp=stamp,
        given=given,
        maximum=maximum,
        # PHP: "0" is empty (seen).
        comment=str(comment) if comment not in (None, "", "0") else None,
        raw=body,
    )


def _moodle_user(call: ServiceCall, value: object) -> str:
    user_id = str(value).strip()
    if user_id in call.course.people:
        return user_id
    if isinstance(value, dict | list) or (user_id and not user_id.lstrip("-").isdecimal()):
        # PostgreSQL refuses what is no number (seen).
        raise Refusal(Kind.DATABASE, "userId is no number.", "AGS 3.4.5", field="userId")
    return user_id


def moodle_instant(text: object, site: Site) -> float | None:
    """
    Read a timestamp as Moodle does: its regular expression, then PHP's ``strtotime``.

    Returns:
        Whole seconds since 1970. `NEVER`: the expression takes it and ``strtotime`` does not. None: neither.
    """
    match = MOODLE_INSTANT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    parts = match.groupdict()
    zone = timezone(timedelta(minutes=minutes_east(parts["zone"], site.profile.site_zone)))
    if (parts["fraction"] or "").startswith(","):
        return NEVER
    if parts["month"] is None:
        # A bare year is read as a clock time of today: 2026 is 20:26 (seen).
        today = datetime.fromtimestamp(site.now(), zone).replace(minute=0, second=0, microsecond=0)
        hour, minute = divmod(int(parts["year"]), 100)
        return today.replace(hour=hour, minute=minute).timestamp() if hour < 24 and minute < 60 else None
    # There is no year 0 in Python, and nothing after 9999: reckon in years that are the same and well between.
    years = 400 if int(parts["year"]) < 5000 else -400
    first = datetime(int(parts["year"]) + years, 1, 1, tzinfo=zone)
    months = int(parts["month"]) - 1
    if not 0 <= months < 12:
        return None
    # 30 February is 2 March (seen): days count on from the month's first.
    moment = first.replace(month=months + 1) + timedelta(
        days=int(parts["day"]) - 1,
        hours=int(parts["hour"] or 0),
        minutes=int(parts["minute"] or 0),
        seconds=int(parts["second"] or 0),
    )
    return moment.timestamp() - years / 400 * GREGORIAN_CYCLE


def read_openedx(call: ServiceCall, body: dict[str, Any]) -> Stated:
    """
    Read a score as Open edX does: the field rules of its serializer.

    Raises:
        Refusal: A field is wrong; or the database would not have it, and the answer is a page that says 500.
    """
    values, wrong = openedx_fields.read(body, openedx_fields.SCORE)
    given, maximum = values.get("scoreGiven"), values.get("scoreMaximum")
    if body.get("scoreGiven") is not None and "scoreMaximum" not in wrong:
        if maximum is None:
            wrong["scoreMaximum"] = "scoreMaximum is a required field when providing a scoreGiven value."
        elif maximum <= 0:
            wrong["scoreMaximum"] = "scoreMaximum must be a positive number when scoreGiven is provided."
    if wrong:
        raise openedx_fields.refusal(Kind.BAD_SCORE, wrong)
    activity, grading = values["activityProgress"], values["gradingProgress"]
    if activity not in ACTIVITY or grading not in GRADING or min(given or 0, maximum or 0) < 0:
        raise Refusal(Kind.CRASH, "The database takes no such score.", "AGS 3.4.4, 3.4.7, 3.4.8")
    return Stated(
        user_id=values["userId"],
        activity_progress=activity,
        grading_progress=grading,
        stamp=values["timestamp"].timestamp(),
        given=given,
        maximum=maximum,
        comment=values.get("comment"),
        raw=body,
    )


def read_sakai(call: ServiceCall, body: dict[str, Any]) -> Stated:
    """
    Read a score as Sakai does: no time is looked at, a maximum is guessed, below zero is zero.

    Source:
        Sakai, ``LTI13Servlet.java``.
    """
    check_user_id(body)
    given, maximum = as_number(body.get("scoreGiven")), as_number(body.get("scoreMaximum"))
    if given is not None:
        given = max(0.0, given)
        maximum = maximum or (1.0 if given < 2 else 100.0)
    stamp = body.get("timestamp")
    at = call.site.now() if stamp is None else (moodle_instant(stamp, call.site) or call.site.now())
    return Stated(
        user_id=body["userId"],
        activity_progress=str(body.get("activityProgress", "")),
        grading_progress=str(body.get("gradingProgress", "FullyGraded")),
        stamp=at,
        given=given,
        maximum=maximum,
        comment=body.get("comment") or None,
        raw=body,
    )
