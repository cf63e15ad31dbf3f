"""
Scores as values (AGS 3.4): what can be said, what is refused before anything is sent.
"""

from __future__ import annotations

import copy
import json
import math
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import attrs
import pytest

from aioags import CANVAS_SUBMISSION, ActivityProgress, GradingProgress, Score, Submission
from aioags.model.score import SCORE_FIELDS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
URL = "https://tool.example/lti/extra"
HALF_A_PAIR = "\ud83d"


def graded(given: Any = 8, maximum: Any = 10, **more: Any) -> Score:
    """
    Return a grade; what it is made of may be wrong on purpose.
    """
    return Score.graded("u1", given, score_maximum=maximum, **more)


def test_graded_is_complete_and_final() -> None:
    score = graded(83, 100)
    assert (score.user_id, score.score_given, score.score_maximum) == ("u1", 83, 100)
    assert score.activity_progress is ActivityProgress.COMPLETED
    assert score.grading_progress is GradingProgress.FULLY_GRADED


def test_progress_carries_no_value() -> None:
    score = Score.progress("u1", "Started")
    assert score.score_given is None
    assert score.score_maximum is None
    assert score.activity_progress is ActivityProgress.STARTED
    assert score.grading_progress is GradingProgress.NOT_READY


def test_4_5_cleared_is_the_standards_recipe() -> None:
    score = Score.cleared("u1")
    assert (score.score_given, score.score_maximum, score.comment, score.submission) == (None, None, None, None)
    assert (score.activity_progress, score.grading_progress) == ("Initialized", "NotReady")


@pytest.mark.parametrize("zero", [0, 0.0, Decimal(0), Decimal("0.00")])
def test_pitfall_5_zero_is_a_score(zero: Any) -> None:
    score = graded(zero)
    assert score.score_given == 0
    assert score.score_given is zero


@pytest.mark.parametrize("given", [83, 83.5, Decimal("87.25"), 10**18, 0.1, 1e-9])
def test_numbers_stay_as_given(given: Any) -> None:
    score = graded(given, 10**19)
    assert score.score_given is given
    assert type(score.score_given) is type(given)


def test_3_4_4_extra_credit_is_allowed() -> None:
    assert graded(12, 10).score_given == 12


NOT_FINITE = [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")]


@pytest.mark.parametrize("number", NOT_FINITE, ids=repr)
def test_pitfall_10_a_number_is_finite(number: Any) -> None:
    with pytest.raises(ValueError, match="score_given must be finite"):
        graded(number)
    with pytest.raises(ValueError, match="score_maximum must be finite"):
        graded(1, number)


@pytest.mark.parametrize("number", [True, False, "8", b"8", None, [8], 8j], ids=repr)
def test_pitfall_10_a_number_is_a_number_and_no_bool(number: Any) -> None:
    with pytest.raises(TypeError, match="score_given must be"):
        graded(number)


@pytest.mark.parametrize("number", [True, "10", [10]], ids=repr)
def test_pitfall_10_a_maximum_is_a_number_and_no_bool(number: Any) -> None:
    with pytest.raises(TypeError, match="score_maximum must be"):
        graded(8, number)


@pytest.mark.parametrize(
    "number", [10**400, 10**5000, Decimal("1e400")], ids=["int", "int too long to print", "Decimal"]
)
def test_a_number_beyond_every_float_is_refused_by_name(number: Any) -> None:
    with pytest.raises(ValueError, match="score_maximum must be finite"):
        graded(1, number)


@pytest.mark.parametrize("number", [-1, -0.01, Decimal("-0.5")])
def test_3_4_4_a_score_is_not_negative(number: Any) -> None:
    with pytest.raises(ValueError, match=r"score_given must be at least 0, got .*\(AGS 3\.4\.4\)"):
        graded(number)


@pytest.mark.parametrize("number", [0, 0.0, -1, Decimal("-10")])
def test_3_4_4_the_maximum_is_above_zero(number: Any) -> None:
    with pytest.raises(ValueError, match="score_maximum must be more than 0"):
        graded(1, number)


def test_3_4_4_value_and_maximum_go_together() -> None:
    with pytest.raises(ValueError, match="score_maximum must accompany score_given=0"):
        Score("u1", "Completed", "FullyGraded", score_given=0)
    with pytest.raises(ValueError, match="score_maximum without score_given"):
        Score("u1", "Completed", "FullyGraded", score_maximum=10)
    with pytest.raises(TypeError, match="score_maximum"):
        Score.graded("u1", 8)  # type: ignore[call-arg]


@pytest.mark.parametrize("given, maximum", [(7, 10), (7.5, 10), (0, 0.5), (2**53, 2**53 + 1), (True, 1)])
def test_graded_gives_what_the_constructor_does(given: Any, maximum: Any) -> None:
    def constructed(timestamp: datetime | None) -> Score:
        return Score(
            "user-1", "Completed", "FullyGraded", score_given=given, score_maximum=maximum, timestamp=timestamp
        )

    if given is True:
        with pytest.raises(TypeError):
            Score.graded("user-1", given, score_maximum=maximum)
        return
    score = Score.graded("user-1", given, score_maximum=maximum)
    assert score == constructed(score.timestamp)
    assert type(score) is Score
    fields = [field.name for field in attrs.fields(Score)]
    assert [type(getattr(score, name)) for name in fields] == [
        type(getattr(constructed(None), name)) for name in fields
    ]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        score.user_id = "user-2"  # type: ignore[misc]


def test_pitfall_16_graded_without_a_value_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Score\.cleared"):
        graded(None)


@pytest.mark.parametrize(
    "make", [Score, Score.graded, Score.progress, Score.cleared], ids=lambda make: make.__qualname__
)
@pytest.mark.parametrize("misspelt", ["score_gven", "scoreGiven", "coment", "time_stamp"])
def test_a_misspelt_keyword_never_clears_a_grade(make: Any, misspelt: str) -> None:
    with pytest.raises(TypeError, match=misspelt):
        make("u1", **{misspelt: 5})


def test_past_the_first_arguments_everything_is_named() -> None:
    with pytest.raises(TypeError):
        Score.graded("u1", 8, 10)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Score("u1", "Completed", "FullyGraded", None)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Submission(NOON)  # type: ignore[misc]


def test_each_way_to_make_a_score_hands_everything_on() -> None:
    said: dict[str, Any] = {"timestamp": NOON, "extensions": {URL: 1}}
    more: dict[str, Any] = {"comment": "x", "scoring_user_id": "t1", "submission": Submission(started_at=NOON)}
    for score in (graded(**said, **more), Score.progress("u1", "Started", **said, **more)):
        assert {name: getattr(score, name) for name in said | more} == said | more
    cleared = Score.cleared("u1", **said)
    assert {name: getattr(cleared, name) for name in said} == said
    started = Score.progress("u1", "Started", grading_progress="Pending")
    assert (started.activity_progress, started.grading_progress) == ("Started", "Pending")
    partial = graded(activity_progress="Submitted", grading_progress="PendingManual")
    assert (partial.activity_progress, partial.grading_progress) == ("Submitted", "PendingManual")


@pytest.mark.parametrize("user_id", ["", "  ", "\n"])
def test_3_4_5_the_user_is_named(user_id: str) -> None:
    with pytest.raises(ValueError, match="user_id must not be blank"):
        Score.cleared(user_id)


@pytest.mark.parametrize("user_id", [None, 7, b"u1"])
def test_3_4_5_the_user_is_a_string(user_id: Any) -> None:
    with pytest.raises(TypeError, match="user_id must be a str"):
        Score.cleared(user_id)


@pytest.mark.parametrize("value", ["completed", "COMPLETED", "Done", "", None, 1])
def test_3_4_7_activity_progress_is_one_of_five(value: Any) -> None:
    with pytest.raises(ValueError, match=r"activity_progress must be one of Initialized, .*Completed; got .*3\.4\.7"):
        Score.progress("u1", value)


@pytest.mark.parametrize("value", ["fullyGraded", "Graded", "", None])
def test_3_4_8_grading_progress_is_one_of_five(value: Any) -> None:
    with pytest.raises(ValueError, match=r"grading_progress must be one of FullyGraded, .*NotReady; got .*3\.4\.8"):
        graded(grading_progress=value)


def test_3_4_7_and_3_4_8_the_vocabularies() -> None:
    assert list(ActivityProgress) == ["Initialized", "Started", "InProgress", "Submitted", "Completed"]
    assert list(GradingProgress) == ["FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"]


def test_pitfall_13_a_naive_instant_is_refused() -> None:
    naive = datetime(2026, 1, 1, 12)  # noqa: DTZ001
    with pytest.raises(ValueError, match="timestamp must carry a time zone"):
        graded(timestamp=naive)
    with pytest.raises(ValueError, match="started_at must carry a time zone"):
        Submission(started_at=naive)
    with pytest.raises(ValueError, match="submitted_at must carry a time zone"):
        Submission(submitted_at=naive)


@pytest.mark.parametrize("value", ["2026-01-01T12:00:00Z", 1_767_258_000, date(2026, 1, 1)])
def test_an_instant_is_a_datetime(value: Any) -> None:
    with pytest.raises(TypeError, match="timestamp must be a datetime"):
        graded(timestamp=value)
    with pytest.raises(TypeError, match="submitted_at must be a datetime"):
        Submission(submitted_at=value)


def test_an_instant_that_utc_does_not_have_is_refused() -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    late = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2)))
    with pytest.raises(ValueError, match="timestamp"):
        graded(timestamp=early)
    with pytest.raises(ValueError, match="submitted_at"):
        Submission(submitted_at=late)


def test_3_4_10_2_nobody_hands_in_before_the_start() -> None:
    Submission(started_at=NOON, submitted_at=NOON)
    Submission(submitted_at=NOON)
    with pytest.raises(ValueError, match=r"submitted_at must not be before started_at.*3\.4\.10\.2"):
        Submission(started_at=NOON, submitted_at=NOON.replace(hour=11))


def test_a_submission_is_a_submission() -> None:
    with pytest.raises(TypeError, match="submission must be a Submission"):
        graded(submission={"startedAt": "2026-01-01T12:00:00Z"})


@pytest.mark.parametrize("field", ["comment", "scoring_user_id"])
@pytest.mark.parametrize("value", [5, b"x", ["x"]])
def test_a_text_is_a_string(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{field} must be"):
        graded(**{field: value})


@pytest.mark.parametrize("value", ["", "  "])
def test_3_4_6_a_scoring_user_is_not_empty(value: str) -> None:
    with pytest.raises(ValueError, match="scoring_user_id must not be blank"):
        graded(scoring_user_id=value)


def test_3_4_11_an_empty_comment_may_be_sent() -> None:
    assert graded(comment="").comment == ""


def test_half_of_a_surrogate_pair_is_refused_everywhere() -> None:
    with pytest.raises(ValueError, match="user_id must be encodable"):
        Score.cleared("u" + HALF_A_PAIR)
    with pytest.raises(ValueError, match="comment must be encodable"):
        graded(comment=HALF_A_PAIR)
    with pytest.raises(ValueError, match="scoring_user_id must be encodable"):
        graded(scoring_user_id=HALF_A_PAIR)
    for extensions in (
        {URL: HALF_A_PAIR},
        {URL: [{"a": HALF_A_PAIR}]},
        {URL + HALF_A_PAIR: 1},
        {URL: {HALF_A_PAIR: 1}},
    ):
        with pytest.raises(ValueError, match="extensions"):
            graded(extensions=extensions)


@pytest.mark.parametrize("key", ["extra", "", "canvas.instructure.com/x", "urn:x", "file:///x", "HTTP-ish"])
def test_3_1_2_an_extension_is_named_by_a_url(key: str) -> None:
    with pytest.raises(ValueError, match=r"extensions must have fully qualified URLs as keys.*3\.1\.2"):
        graded(extensions={key: 1})


@pytest.mark.parametrize("key", sorted(SCORE_FIELDS))
def test_pitfall_12_an_extension_never_shadows_a_field(key: str) -> None:
    with pytest.raises(ValueError, match=f"extensions must not hold '{key}'"):
        graded(extensions={key: 1})


def test_pitfall_12_the_wire_names_are_the_standards() -> None:
    assert {
        "userId", "activityProgress", "gradingProgress", "timestamp", "scoreGiven", "scoreMaximum", "scoringUserId",
        "comment", "submission",
    } == SCORE_FIELDS  # fmt: skip


@pytest.mark.parametrize(
    "value", [{1, 2}, math.nan, b"x", Decimal(1), NOON, object()], ids=lambda value: type(value).__name__
)
def test_an_extension_holds_json(value: Any) -> None:
    with pytest.raises(ValueError, match="extensions must hold JSON values only"):
        graded(extensions={URL: value})


def test_an_extension_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="extensions must hold JSON values only"):
        graded(extensions={URL: endless})


@pytest.mark.parametrize("depth", [100, 5_000, 200_000])
def test_an_extension_is_no_deeper_than_can_be_read_again(depth: int) -> None:
    deep: Any = {}
    for turn in range(depth - 1):
        deep = [deep] if turn % 2 else (deep,)
    with pytest.raises(ValueError, match="extensions must not be nested deeper than 100 levels"):
        graded(extensions={URL: deep})
    assert graded(extensions={URL: [[]] * 200, f"{URL}/deep": json.loads("[" * 99 + "]" * 99)})


@pytest.mark.parametrize("value", [[("a", 1)], "abc", 7, []])
def test_extensions_are_a_mapping(value: Any) -> None:
    with pytest.raises(TypeError, match="extensions must be a mapping"):
        Score("u1", "Completed", "FullyGraded", extensions=value)
    with pytest.raises(TypeError, match="extensions must have str keys"):
        graded(extensions={1: 2})


def test_the_callers_own_dict_is_not_kept() -> None:
    given: dict[str, Any] = {URL: 1}
    score = graded(extensions=given)
    given["userId"] = "somebody else"
    assert score.extensions == {URL: 1}


@pytest.mark.parametrize(
    "score, appends",
    [
        (graded(), False),
        (graded(comment=""), False),
        (graded(comment="Well done"), True),
        (graded(extensions={CANVAS_SUBMISSION: {"new_submission": True}}), True),
        (graded(extensions={CANVAS_SUBMISSION: {"new_submission": False}}), False),
        (graded(extensions={CANVAS_SUBMISSION: {"submission_type": "none"}}), False),
        (graded(extensions={CANVAS_SUBMISSION: "odd"}), False),
    ],
)
def test_s13_what_canvas_would_append_twice(score: Score, appends: bool) -> None:
    assert score.appends is appends


def test_evolve_checks_again_and_keeps_the_stamp() -> None:
    score = graded(8, timestamp=NOON, comment="Well done")
    better = attrs.evolve(score, score_given=9)
    assert (better.score_given, better.timestamp, better.comment) == (9, NOON, "Well done")
    with pytest.raises(ValueError, match="score_given must be at least 0"):
        attrs.evolve(score, score_given=-1)


def test_a_score_is_a_value() -> None:
    one, same = graded(timestamp=NOON, extensions={URL: [1]}), graded(timestamp=NOON, extensions={URL: [1]})
    assert one == same
    assert hash(one) == hash(same)
    assert one != graded(9, timestamp=NOON)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.score_given = 10  # type: ignore[misc]


@pytest.mark.parametrize("twin", [lambda score: pickle.loads(pickle.dumps(score)), copy.copy, copy.deepcopy])
def test_a_score_can_be_stored(twin: Any) -> None:
    score = graded(
        Decimal("8.25"), comment="Well done", submission=Submission(started_at=NOON), extensions={URL: {"a": [1]}}
    )
    again = twin(score)
    assert again == score
    assert again.timestamp == score.timestamp
    assert again.is_auto_stamped


def test_secrets_a_comment_is_not_shown() -> None:
    shown = repr(graded(comment="needs help with fractions", scoring_user_id="teacher-9", extensions={URL: "private"}))
    assert "fractions" not in shown
    assert "teacher-9" not in shown
    assert "private" not in shown
    assert "score_given=8" in shown
