"""
Canvas's own fields: what is checked before anything is sent, and what is sent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from aioags import (
    CANVAS_SUBMISSION,
    CANVAS_SUBMISSION_TYPE,
    CanvasAssignment,
    CanvasFile,
    CanvasSubmission,
    CanvasSubmissionType,
    Delivery,
    Score,
    Submission,
)
from aioags.model.canvas import is_canvas
from aioags.model.stamp import Timekeeper
from aioags.protocol.canvas import dated, keeps_grades

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILE = CanvasFile(url="https://tool.example/f/7")
OTHER = "https://tool.example/extension"


def graded(**more: Any) -> Score:
    stamp = more.pop("_stamp", None)
    score = Score.graded("u", 3, score_maximum=4, **more)
    return score if stamp is None else attrs.evolve(score, _stamp=stamp)


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"submission_type": "essay"}, "submission_type must be one of none, basic_lti_launch"),
        ({"submission_data": "<p>"}, "submission_data needs a submission_type"),
        ({"submission_type": "external_tool", "submission_data": "<p>"}, "submission_data needs a submission_type"),
        ({"submission_type": "none", "submission_data": "<p>"}, "submission_data needs a submission_type"),
        ({"submission_type": "online_url"}, "submission_data of online_url must be a str"),
        ({"submission_type": "online_url", "submission_data": "my essay"}, "must be an http or https URL"),
        ({"submission_type": "basic_lti_launch", "submission_data": "/launch"}, "must be an http or https URL"),
        ({"submission_type": "online_text_entry", "submission_data": " "}, "must not be blank"),
        ({"submission_type": "online_upload"}, "online_upload needs content_items"),
        ({"submission_type": "online_url", "submission_data": "https://x.example", "content_items": [FILE]}, "make it"),
        ({"content_items": [{"type": "file", "url": "https://x.example"}]}, "content_items must be CanvasFiles"),
        ({"new_submission": False, "content_items": [FILE]}, "hands nothing in"),
        ({"new_submission": True, "submission_type": "none"}, "none is no new_submission"),
        ({"new_submission": "false"}, "new_submission must be a bool or None, got str"),
        ({"preserve_score": 1}, "preserve_score must be a bool or None, got int"),
        ({"submitted_at": datetime(2026, 3, 1)}, "submitted_at must carry a time zone"),  # noqa: DTZ001
    ],
)
def test_what_canvas_would_drop_or_refuse_is_an_error_at_once(fields: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        CanvasSubmission(**fields)


@pytest.mark.parametrize("fields", [{"url": "f/7"}, {"url": "https://x.example", "title": ""}, {"url": None}])
def test_a_file_has_an_address(fields: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        CanvasFile(**fields)


def test_what_is_said_is_sent_and_nothing_else() -> None:
    assert CanvasSubmission().to_extension() == {CANVAS_SUBMISSION: {}}
    whole = CanvasSubmission(
        new_submission=True,
        preserve_score=False,
        prioritize_non_tool_grade=True,
        submitted_at=NOON.astimezone(timezone(timedelta(hours=2))),
        content_items=[attrs.evolve(FILE, title="a.pdf", media_type="application/pdf"), FILE],
    )
    assert whole.to_extension() == {
        CANVAS_SUBMISSION: {
            "new_submission": True,
            "preserve_score": False,
            "prioritize_non_tool_grade": True,
            "submitted_at": "2026-03-01T12:00:00+00:00",
            "content_items": [
                {"type": "file", "url": FILE.url, "title": "a.pdf", "media_type": "application/pdf"},
                {"type": "file", "url": FILE.url},
            ],
        }
    }


def test_the_typed_and_the_raw_extension_are_not_both_given() -> None:
    canvas = CanvasSubmission(preserve_score=True)
    score = graded(canvas=canvas, extensions={OTHER: 1})
    assert score.extensions == {OTHER: 1, CANVAS_SUBMISSION: {"preserve_score": True}}
    assert attrs.evolve(score, score_given=4).extensions == score.extensions
    with pytest.raises(ValueError, match="either canvas= or the extension"):
        graded(canvas=canvas, extensions={CANVAS_SUBMISSION: {}})


def test_a_time_of_submission_is_given_once() -> None:
    with pytest.raises(ValueError, match="submitted_at once"):
        graded(canvas=CanvasSubmission(submitted_at=NOON), submission=Submission(submitted_at=NOON))


@pytest.mark.parametrize("canvas", [{"new_submission": False}, True, "none"])
def test_anything_else_is_no_canvas(canvas: Any) -> None:
    with pytest.raises(TypeError, match="canvas must be a CanvasSubmission"):
        graded(canvas=canvas)


def test_work_without_handing_it_in_is_an_error() -> None:
    text = CanvasSubmission(submission_type="online_text_entry", submission_data="<p>My essay</p>")
    with pytest.raises(ValueError, match="Submitted or Completed only, got InProgress"):
        Score.progress("u", "InProgress", canvas=text)
    assert CANVAS_SUBMISSION in Score.progress("u", "Submitted", canvas=text).extensions


def test_nothing_of_the_work_is_shown() -> None:
    text = CanvasSubmission(submission_type="online_text_entry", submission_data="<p>My essay</p>")
    files = CanvasSubmission(content_items=[CanvasFile(url="https://tool.example/f/secret", title="essay of Ann")])
    shown = repr((text, files, graded(canvas=text)))
    assert "essay" not in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"type": "online_upload"}, "type must be one of none, external_tool"),
        ({"type": "external_tool"}, "external_tool_url must be a str"),
        ({"type": "external_tool", "external_tool_url": "/launch"}, "http or https URL"),
        ({"type": "none", "external_tool_url": "https://tool.example"}, "goes with the type external_tool"),
    ],
)
def test_an_assignment_is_checked(fields: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        CanvasAssignment(**fields)


def test_an_assignment_as_it_is_sent() -> None:
    assert CanvasAssignment(type="none").to_extension() == {CANVAS_SUBMISSION_TYPE: {"type": "none"}}
    launched = CanvasAssignment(type="external_tool", external_tool_url="https://tool.example/launch")
    assert launched.to_extension() == {
        CANVAS_SUBMISSION_TYPE: {"type": "external_tool", "external_tool_url": "https://tool.example/launch"}
    }


# -- The time of submission --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url, canvas",
    [
        ("https://school.example/api/lti/courses/1/line_items/2", True),
        ("https://moodle.example/mod/lti/services.php/2/lineitems/3/lineitem", False),
        (None, False),
    ],
)
def test_canvas_is_known_by_its_path(url: str | None, canvas: bool) -> None:
    assert is_canvas(url) is canvas


def test_the_time_is_that_of_the_clock_or_the_callers_own() -> None:
    made = Timekeeper(clock=lambda: 1_900_000_000.0)
    made.next()
    stamp = made.next()
    lifted = graded(timestamp=stamp.instant, _stamp=stamp)
    assert dated(lifted).submission == Submission(submitted_at=stamp.made_at)
    assert stamp.made_at < stamp.instant == dated(lifted).timestamp
    own = graded(timestamp=NOON)
    assert dated(own, NOON.timestamp() + 1).submission == Submission(submitted_at=NOON)
    before = NOON - timedelta(hours=1)
    assert dated(own, before.timestamp()).submission == Submission(submitted_at=before)
    assert dated(own).timestamp == NOON


def test_work_does_not_end_before_it_began() -> None:
    later = NOON + timedelta(minutes=1)
    score = graded(timestamp=NOON, submission=Submission(started_at=later))
    assert dated(score).submission == Submission(started_at=later, submitted_at=later)


@pytest.mark.parametrize("odd", ["text", None, [], {"new_submission": "no"}, {"submission_type": 7}])
def test_an_odd_raw_extension_is_no_reason_to_fail(odd: Any) -> None:
    score = graded(extensions={CANVAS_SUBMISSION: odd})
    assert dated(score).submission is not None
    assert not keeps_grades(score)


@pytest.mark.parametrize("said", [{"submission_type": CanvasSubmissionType.NONE}, {"new_submission": False}])
def test_what_opens_no_attempt_needs_no_time(said: dict[str, Any]) -> None:
    score = graded(canvas=CanvasSubmission(**said))
    assert dated(score) is score


# -- The answer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer, result_url, progress",
    [
        (None, None, ()),
        ({}, None, ()),
        ({"resultUrl": 7, CANVAS_SUBMISSION: "odd"}, None, ()),
        ({"resultUrl": "https://x.example/r", CANVAS_SUBMISSION: {"content_items": None}}, "https://x.example/r", ()),
        (
            {CANVAS_SUBMISSION: {"content_items": [7, {}, {"progress": "https://x.example/p"}]}},
            None,
            ("https://x.example/p",),
        ),
    ],
)
def test_what_a_delivery_tells_of_the_answer(answer: Any, result_url: str | None, progress: tuple[str, ...]) -> None:
    delivery = Delivery(graded(), "https://x.example/i", answer=answer)
    assert (delivery.result_url, delivery.progress_urls) == (result_url, progress)
    assert "x.example/r" not in repr(delivery)
