"""
What became of a score and of a batch: the report says it in one line, and its memory is bounded.
"""

from __future__ import annotations

import pickle

from aioags import Delivery, ForbiddenError, LostAnswerError, Report, Score, StaleScoreError
from aioags.model.delivery import FAILURES_KEPT

SCORE = Score.cleared("u1")
RECORDED = Delivery(SCORE, "https://lms.example/li/7", 1, None, SCORE.timestamp)
STALE = Delivery(SCORE, "https://lms.example/li/7", 1, StaleScoreError("stale", status=409), SCORE.timestamp)
LOST = Delivery(SCORE, "https://lms.example/li/7", 5, LostAnswerError("gone", recorded=None), SCORE.timestamp)


def test_a_delivery_says_whether_the_platform_has_it() -> None:
    assert (RECORDED.recorded, STALE.recorded, LOST.recorded) == (True, False, None)
    assert Delivery(SCORE, None).attempts == 0


def test_a_report_counts_every_score_once() -> None:
    report = Report()
    for delivery in (RECORDED, STALE, RECORDED, LOST, STALE):
        report.add(delivery)
    assert (report.total, report.recorded, report.unknown, report.omitted) == (5, 2, 1, 0)
    assert report.failed == [STALE, LOST, STALE]
    assert not report.ok
    assert str(report) == "2 of 5 scores recorded; 2 not recorded; 1 unknown; 1 LostAnswerError, 2 StaleScoreError"


def test_a_report_of_nothing_and_of_success() -> None:
    report = Report()
    assert report.ok
    assert str(report) == "0 of 0 scores recorded"
    report.add(RECORDED)
    assert report.ok
    assert str(report) == "1 of 1 scores recorded"


def test_a_report_is_bounded_in_memory() -> None:
    report = Report()
    for _ in range(FAILURES_KEPT + 3):
        report.add(STALE)
    assert (report.total, len(report.failed), report.omitted) == (FAILURES_KEPT + 3, FAILURES_KEPT, 3)
    assert f"{FAILURES_KEPT + 3} not recorded" in str(report)
    assert f"{FAILURES_KEPT + 3} scores" in str(report)


def test_a_delivery_can_be_sent_to_another_process() -> None:
    twin = pickle.loads(pickle.dumps(Delivery(SCORE, None, 0, ForbiddenError("no", status=401))))
    assert twin.score == SCORE
    assert isinstance(twin.error, ForbiddenError)
    assert twin.error.status == 401


def test_a_report_in_a_log_names_no_user() -> None:
    report = Report()
    report.add(STALE)
    assert "u1" not in repr(report) + str(report)
