"""
A score that is refused leaves no trace: on every profile the platform's memory is the same before and after it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from aioags.emulator import PROFILES, Grade, Item
from tests.emulator.raw_tool import SCORE_TYPE, RawTool, score, spliced, stamp, tool

CANVAS_SUBMISSION = "https://canvas.instructure.com/lti/submission"

# Each has its own comment, points, progress and submission: whatever of it stayed would be seen.
TRACES: dict[str, Any] = {
    "comment": "refused",
    "scoringUserId": "refused",
    "submission": {"startedAt": stamp(50), "submittedAt": stamp(60)},
    "https://tool.example/refused": True,
}
Change = Callable[[dict[str, Any]], dict[str, Any]]


def is_kept(field: attrs.Attribute[Any], value: Any) -> bool:
    """
    True for what can be compared; keys cannot.
    """
    return field.name != "key_set"


def memory(one: RawTool) -> dict[str, Any]:
    """
    Copy everything that the platform remembers.
    """
    return attrs.asdict(one.platform.site.state, filter=is_kept)


def graded(profile: str, **options: Any) -> tuple[RawTool, str]:
    """
    Make a tool whose first user has a grade; return it with the line item's URL.
    """
    one = tool(profile, **options)
    if not one.platform.line_items():
        one.create()
    item = str(one.platform.line_items()[0]["id"])
    assert one.post(score(one.users[0], comment="stands"), item).status < 300
    return one, item


def refused(one: RawTool, body: dict[str, Any], item: str) -> bool:
    """
    Post a score; return whether it was refused, after a look at what it left behind.
    """
    before = memory(one)
    one.post(body, item)
    exchange = one.platform.requests[-1]
    if exchange.refusal is None:
        return False
    assert not exchange.applied
    assert memory(one) == before
    return True


WRONG: dict[str, dict[str, Any]] = {
    "beyond all measure": {"scoreGiven": 1e308, "scoreMaximum": 1e-5},
    "beyond all numbers": {"scoreGiven": 10**400},
    "no number": {"scoreGiven": "many"},
    "below zero": {"scoreGiven": -1},
    "no maximum": {"scoreMaximum": None},
    "maximum zero": {"scoreMaximum": 0},
    "stale": {"timestamp": stamp(-3600)},
    "no time": {"timestamp": "yesterday"},
    "nobody": {"userId": "nobody"},
    "no user": {"userId": None},
    "no progress": {"gradingProgress": "Perhaps"},
    "no activity": {"activityProgress": 5},
    "comment": {"comment": {"no": "text"}},
    "submission": {"submission": "no object"},
    "future": {CANVAS_SUBMISSION: {"submitted_at": stamp(86_400)}},
}
# What each profile refuses of these, so that the comparison above is known to have been made.
REFUSED_AT_LEAST = {
    **{profile: {"beyond all measure"} for profile in PROFILES},
    "moodle": {"beyond all measure", "stale", "no time", "nobody"},
    "openedx": {"beyond all measure", "stale", "below zero", "no maximum", "nobody"},
    "sakai": {"beyond all measure", "no user", "nobody"},
}


# What Canvas refuses once the attempt is made, which stays: test_CV12 has it.
LATE = {"canvas": {"beyond all numbers", "no number", "no progress"}}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_refused_score_leaves_no_trace(profile: str) -> None:
    one, item = graded(profile)
    sent = score(one.users[0], 3, timestamp=stamp(100), **TRACES)
    early = WRONG.keys() - LATE.get(profile, set())
    found = {name for name in early if refused(one, sent | WRONG[name], item)}
    assert found >= REFUSED_AT_LEAST[profile]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_refused_first_score_leaves_no_trace(profile: str) -> None:
    one, item = graded(profile)
    sent = score(one.users[1], 3, timestamp=stamp(100), **TRACES)
    early = WRONG.keys() - LATE.get(profile, set())
    found = {name for name in early if refused(one, sent | WRONG[name], item)}
    assert found >= REFUSED_AT_LEAST[profile] - {"stale"}


def _conclude(one: RawTool, item: Item, grade: Grade) -> None:
    one.platform.course.concluded = True


def _unpublish(one: RawTool, item: Item, grade: Grade) -> None:
    one.platform.course.published = False


def _lock_item(one: RawTool, item: Item, grade: Grade) -> None:
    item.locked = True


def _lock_grade(one: RawTool, item: Item, grade: Grade) -> None:
    grade.locked = True


def _leave(one: RawTool, item: Item, grade: Grade) -> None:
    del one.platform.course.people[grade.user_id]


@pytest.mark.parametrize("close", [_conclude, _unpublish, _lock_item, _lock_grade])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_score_for_a_closed_grade_leaves_no_trace(
    profile: str, close: Callable[[RawTool, Item, Grade], None]
) -> None:
    one, url = graded(profile)
    close(one, one.platform.item(), one.platform.grade(None, one.users[0]))
    assert refused(one, score(one.users[0], 3, timestamp=stamp(100), **TRACES), url)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_score_for_somebody_who_left_leaves_no_trace(profile: str) -> None:
    one, url = graded(profile)
    user = one.users[0]
    _leave(one, one.platform.item(), one.platform.grade(None, user))
    assert refused(one, score(user, 3, timestamp=stamp(100), **TRACES), url)


def test_S12_an_attempt_too_many_leaves_no_trace() -> None:
    one, url = graded("canvas")
    one.platform.item().allowed_attempts = 1
    assert refused(one, score(one.users[0], 3, timestamp=stamp(100), **TRACES), url)


def test_a_refused_score_counts_no_attempt() -> None:
    one, url = graded("canvas")
    wrong = score(one.users[0], timestamp=stamp(100), **TRACES) | WRONG["beyond all measure"]
    assert refused(one, wrong, url)
    assert len(one.platform.grade(None, one.users[0]).attempts) == 1


def test_after_a_refused_score_the_same_stamp_is_still_new() -> None:
    one, url = graded("spec")
    user = one.users[0]
    assert refused(one, score(user, timestamp=stamp(100)) | WRONG["beyond all measure"], url)
    assert one.post(score(user, 9, timestamp=stamp(50)), url).status == 204


@pytest.mark.parametrize("profile", ["moodle", "moodle-apache"])
def test_a_score_that_lost_a_race_leaves_no_trace(profile: str) -> None:
    lost = 0
    for seed in range(20):
        one, url = graded(profile, seed=seed)
        bodies = [score(one.users[0], given, timestamp=stamp(100 + given), **TRACES) for given in (3, 4)]
        requests = [one.request("POST", spliced(url, "/scores"), body, content_type=SCORE_TYPE) for body in bodies]
        first, second = [one.platform.arrive(request) for request in requests]
        first.apply()
        before = memory(one)
        second.apply()
        if second.exchange.refusal is not None:
            lost += 1
            assert memory(one) == before
    assert lost
