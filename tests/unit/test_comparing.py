"""
What a plan makes of one user: what is wanted, against what stands there and what was last sent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import ChangeKind, LastSent, Result, Score, ShownGrade
from aioags.protocol.comparing import compare, compare_again, is_ours

CANVAS = "https://canvas.example.edu/api/lti/courses/1/line_items/2"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)

NEW, CHANGED, UNCHANGED = ChangeKind.NEW, ChangeKind.CHANGED, ChangeKind.UNCHANGED
OVERRIDDEN = ChangeKind.OVERRIDDEN


def wanted(points: Any = 80, maximum: Any = 100, **more: Any) -> Score:
    return Score.graded("ana", points, score_maximum=maximum, **more)


def shown(points: Any = 80, maximum: Any = 100, **more: Any) -> Result:
    return Result(user_id="ana", result_score=points, result_maximum=maximum, **more)


def sent(points: Any = 80, maximum: Any = 100, **more: Any) -> LastSent:
    recorded = more.pop("recorded", True)
    return attrs.evolve(LastSent.of(wanted(points, maximum, timestamp=NOON, **more)), recorded=recorded)


NO_SCORE = Result(user_id="ana")
CLEARED = LastSent.of(Score.cleared("ana", timestamp=NOON))


# -- The share ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "score, result",
    [
        (wanted(80), shown(80)),
        (wanted(80), shown(80.0)),
        (wanted(3, 4), shown(75, 100)),
        (wanted(Decimal("87.25")), shown(87.25)),
        (wanted(1, 3), shown(33.33333)),
        (wanted(1 / 3, 1), shown(33.333)),
        (wanted(2 / 3, 7), shown(9.52386)),
        (wanted(0), shown(0)),
        (wanted(0.1 + 0.2, 1), shown(0.3, 1)),
    ],
)
def test_the_same_share_of_the_maximum_is_the_same_grade(score: Score, result: Result) -> None:
    assert compare(score, result).kind is UNCHANGED


@pytest.mark.parametrize(
    "score, result",
    [
        (wanted(80), shown(80.0001)),
        (wanted(80), shown(80, 101)),
        (wanted(1, 3), shown(33.3)),
        (wanted(0), shown(0.001)),
        (wanted(80), shown(0)),
        (wanted(0), shown(100)),
    ],
)
def test_another_share_is_somebodys(score: Score, result: Result) -> None:
    change = compare(score, result)
    assert change.kind is OVERRIDDEN
    assert change.why == "replaces a value we have no record of"
    assert (change.before, change.after) == (ShownGrade(result.result_score, result.result_maximum), score)


def test_the_tolerance_is_half_of_the_fifth_decimal_on_either_scale() -> None:
    # 5e-6/100 + 5e-6/10 of the maximum, in points out of 100.
    edge = Decimal("0.000055")
    assert compare(wanted(50 + edge), shown(5, 10)).kind is UNCHANGED
    assert compare(wanted(50 + edge + Decimal("1e-9")), shown(5, 10)).kind is OVERRIDDEN
    assert compare(wanted(50 - edge), shown(5, 10)).kind is UNCHANGED
    assert compare(wanted(50 - edge - Decimal("1e-9")), shown(5, 10)).kind is OVERRIDDEN


points = st.one_of(
    st.integers(0, 1000), st.floats(0, 1000, allow_nan=False), st.decimals(0, 1000, places=3, allow_nan=False)
)
maxima = st.one_of(st.integers(1, 1000), st.decimals("0.5", 1000, places=2))


@given(points, maxima, maxima)
def test_what_a_platform_of_five_decimals_makes_of_a_score_is_unchanged(
    given_points: Any, maximum: Any, out_of: Any
) -> None:
    score = wanted(given_points, maximum)
    taken = round(Decimal(str(given_points)), 5)
    stored = round(taken * Decimal(str(out_of)) / Decimal(str(maximum)), 5)
    assert compare(score, shown(stored, out_of)).kind is UNCHANGED
    capped = min(stored, Decimal(str(out_of)))
    assert compare(score, shown(capped, out_of)).kind is UNCHANGED


@given(points, maxima, points, maxima, st.booleans())
def test_nothing_is_ever_posted_over_what_we_have_no_record_of(
    given_points: Any, maximum: Any, stands: Any, out_of: Any, canvas: bool
) -> None:
    result = shown(stands, out_of, score_of=CANVAS if canvas else None)
    assert compare(wanted(given_points, maximum), result).kind in (UNCHANGED, OVERRIDDEN)


# -- Zero and no score -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [None, NO_SCORE, attrs.evolve(NO_SCORE, result_maximum=100)])
@pytest.mark.parametrize("points", [0, 80])
def test_where_no_grade_stands_a_score_is_new_a_zero_too(result: Result | None, points: int) -> None:
    change = compare(wanted(points), result)
    assert (change.kind, change.before) == (NEW, None)


def test_a_grade_that_is_to_go_is_overridden_and_a_zero_is_one() -> None:
    for stands in (80, 0):
        assert compare(Score.cleared("ana"), shown(stands)).kind is OVERRIDDEN
        assert compare(Score.cleared("ana"), shown(stands), [sent(stands)]).kind is CHANGED


@pytest.mark.parametrize("result", [None, NO_SCORE])
def test_no_score_is_wanted_and_none_stands_there(result: Result | None) -> None:
    assert compare(Score.cleared("ana"), result).kind is UNCHANGED
    assert compare(Score.cleared("ana"), result, [CLEARED]).kind is UNCHANGED


def test_after_we_took_a_grade_back_another_is_new() -> None:
    assert compare(wanted(), None, [CLEARED]).kind is NEW


@pytest.mark.parametrize("odd", [{"resultScore": "A+"}, {"resultScore": [1]}])
def test_a_grade_that_is_no_number_is_somebodys(odd: dict[str, Any]) -> None:
    change = compare(wanted(), attrs.evolve(NO_SCORE, extensions=odd))
    assert change.kind is OVERRIDDEN
    assert str(change.before) == "a grade that is no number"
    assert compare(Score.cleared("ana"), attrs.evolve(NO_SCORE, extensions=odd)).kind is OVERRIDDEN


def test_what_is_out_of_nothing_cannot_be_compared() -> None:
    assert compare(wanted(), shown(0, 0)).kind is OVERRIDDEN


# -- Capped ------------------------------------------------------------------------------------------------------------


def test_extra_credit_that_the_platform_caps_is_unchanged() -> None:
    change = compare(wanted(110), shown(100))
    assert (change.kind, change.why) == (UNCHANGED, "the platform shows no more than its maximum")
    assert compare(wanted(110), shown(100), [sent(110)]).kind is UNCHANGED


def test_extra_credit_is_sent_where_the_maximum_is_what_we_sent_before() -> None:
    assert compare(wanted(110), shown(100), [sent(100)]).kind is CHANGED


def test_canvas_does_not_cap() -> None:
    assert compare(wanted(110), shown(100, score_of=CANVAS)).kind is OVERRIDDEN


def test_less_than_the_maximum_is_not_capped() -> None:
    assert compare(wanted(100), shown(90)).kind is OVERRIDDEN


# -- Comments ----------------------------------------------------------------------------------------------------------


def test_the_same_comment_is_the_same_whatever_its_line_ends() -> None:
    assert compare(wanted(comment="Good.\nGo on."), shown(comment="Good.\r\nGo on.\n")).kind is UNCHANGED


def test_a_comment_that_is_not_there_is_added_and_the_grade_was_right() -> None:
    change = compare(wanted(comment="Good."), shown())
    assert (change.kind, change.why) == (CHANGED, "the comment is not there")


def test_a_platform_that_shows_no_comments_is_sent_none_twice() -> None:
    assert compare(wanted(comment="Good."), shown(), [sent(comment="Good.")]).kind is UNCHANGED
    assert compare(wanted(comment="Better."), shown(), [sent(comment="Good.")]).kind is CHANGED


@pytest.mark.parametrize("comment", [None, "Mine."])
def test_somebodys_comment_stays(comment: str | None) -> None:
    change = compare(wanted(comment=comment), shown(comment="The teacher's."))
    assert (change.kind, change.why) == (OVERRIDDEN, "replaces a comment we have no record of")
    only = attrs.evolve(NO_SCORE, comment="The teacher's.")
    assert compare(wanted(comment=comment), only).kind is OVERRIDDEN


@pytest.mark.parametrize("comment", [None, "Mine."])
def test_our_own_comment_is_replaced(comment: str | None) -> None:
    assert compare(wanted(comment=comment), shown(comment="Ours."), [sent(comment="Ours.")]).kind is CHANGED


@pytest.mark.parametrize("stands", ["Old.", "Old.\nMine.", None])
def test_canvas_keeps_comments_and_none_there_is_missed(stands: str | None) -> None:
    result = shown(comment=stands, score_of=CANVAS)
    assert compare(wanted(), result).kind is UNCHANGED
    assert compare(wanted(70), result, [sent(80)]).kind is CHANGED


# -- What was last sent ------------------------------------------------------------------------------------------------


def test_what_we_sent_is_ours_to_change() -> None:
    change = compare(wanted(90), shown(80), [sent(80)])
    assert (change.kind, change.why) == (CHANGED, "we sent 80 of 100 on 2026-11-27 12:00+00:00")


def test_what_we_sent_on_another_scale_is_ours() -> None:
    assert compare(wanted(90), shown(3.2, 4), [sent(8, 10)]).kind is CHANGED


def test_what_we_did_not_send_is_somebodys() -> None:
    change = compare(wanted(90), shown(50), [sent(80)])
    assert change.kind is OVERRIDDEN
    assert change.why == "somebody changed it: we sent 80 of 100 on 2026-11-27 12:00+00:00"


def test_a_grade_that_we_sent_and_somebody_took_away_stays_away() -> None:
    change = compare(wanted(80), None, [sent(80)])
    assert change.kind is OVERRIDDEN
    assert change.why.startswith("it is gone: we sent 80 of 100")


def test_one_of_which_nobody_knows_may_not_have_arrived() -> None:
    lost = [sent(80, recorded=None)]
    assert compare(wanted(80), None, lost).kind is NEW
    assert compare(wanted(80), shown(80), lost).kind is UNCHANGED
    # The one before it stands there.
    assert compare(wanted(80), shown(70), [sent(70), *lost]).kind is CHANGED
    assert compare(wanted(80), shown(50), [sent(70), *lost]).kind is OVERRIDDEN


def test_a_wanted_value_that_stands_there_needs_no_history() -> None:
    assert compare(wanted(50), shown(50), [sent(80)]).kind is UNCHANGED


def test_other_progress_than_was_sent_is_a_change() -> None:
    before = [sent(80, grading_progress="PendingManual")]
    assert compare(wanted(80), shown(80), before).kind is CHANGED
    assert compare(wanted(80, grading_progress="PendingManual"), shown(80), before).kind is UNCHANGED
    unknown = [attrs.evolve(before[0], grading_progress=None, activity_progress=None)]
    assert compare(wanted(80), shown(80), unknown).kind is UNCHANGED


def test_what_is_not_final_need_not_be_shown() -> None:
    before = [sent(80, grading_progress="PendingManual")]
    assert compare(wanted(80, grading_progress="PendingManual"), None, before).kind is UNCHANGED
    assert compare(wanted(80), None, before).kind is NEW


@given(points, maxima, points, maxima)
def test_somebodys_value_is_never_taken_for_ours(given_points: Any, maximum: Any, stands: Any, out_of: Any) -> None:
    record = sent(given_points, maximum)
    result = shown(stands, out_of)
    if not is_ours(result, record):
        assert compare(wanted(80), result, [record]).kind in (UNCHANGED, OVERRIDDEN)


# -- Kept by the platform ----------------------------------------------------------------------------------------------


def at(moment: datetime) -> dict[str, Any]:
    return {"timestamp": moment.isoformat()}


def test_what_stood_there_when_our_score_came_and_still_does_is_kept_by_the_platform() -> None:
    for moment in (NOON, NOON - timedelta(hours=1)):
        change = compare(wanted(80), shown(50, extensions=at(moment)), [sent(80)])
        assert (change.kind, change.kept) == (OVERRIDDEN, True)
        assert change.why.startswith("the platform keeps it: we sent 80 of 100")


@pytest.mark.parametrize(
    "points, result, record",
    [
        # A person was there after our score.
        (80, shown(50, extensions=at(NOON + timedelta(seconds=1))), sent(80)),
        # It says no time.
        (80, shown(50), sent(80)),
        (80, shown(50, extensions={"timestamp": "soon"}), sent(80)),
        # Another was sent than is wanted now.
        (90, shown(50, extensions=at(NOON)), sent(80)),
        # Nobody knows whether it arrived.
        (80, shown(50, extensions=at(NOON)), sent(80, recorded=None)),
    ],
)
def test_what_may_be_replaced_is_not_kept(points: int, result: Result, record: LastSent) -> None:
    change = compare(wanted(points), result, [record])
    assert (change.kind, change.kept) == (OVERRIDDEN, False)


# -- Again -------------------------------------------------------------------------------------------------------------


def test_what_shows_the_same_stays_what_it_was() -> None:
    for change, result in [
        (compare(wanted(90), shown(80), [sent(80)]), shown(80)),
        (compare(wanted(), None), None),
        (compare(wanted(), None), NO_SCORE),
    ]:
        assert compare_again(change, result) is change


def test_what_changed_since_is_overridden_unless_it_is_what_is_wanted() -> None:
    ours = compare(wanted(90), shown(80), [sent(80)])
    for result in (shown(50), None, shown(80, comment="Well.")):
        again = compare_again(ours, result)
        assert (again.kind, again.why) == (OVERRIDDEN, "changed on the platform since the plan was made")
    assert compare_again(ours, shown(90)).kind is UNCHANGED
    assert compare_again(compare(wanted(), None), shown(50)).kind is OVERRIDDEN


# -- Shown -------------------------------------------------------------------------------------------------------------


def test_a_change_is_one_line_and_its_repr_shows_nobody() -> None:
    change = compare(wanted(90, comment="secret-after"), shown(80, comment="secret-before"), [sent(70)])
    assert str(change).startswith("ana: 80 of 100 → 90 of 100 (somebody changed it: we sent 70 of 100 on ")
    assert "\n" not in str(change)
    assert "secret" not in str(change)
    for secret in ("ana", "secret", "70", "80", "90"):
        assert secret not in repr(change)
    assert "70" not in repr(sent(70))
    assert str(compare(Score.cleared("ana"), shown())).startswith("ana: 80 of 100 → no grade (")
    assert str(compare(wanted(), None)) == "ana: nothing → 80 of 100 (no grade stands there)"
