"""
Line items as values and on the wire (AGS 3.2): strict in what is sent, lenient in what is read.
"""

from __future__ import annotations

import json
import math
import pickle
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import LineItem
from aioags.model.line_item import LINE_ITEM_FIELDS
from aioags.wire.codec import dump_line_item, load_line_item, load_list
from aioags.wire.scalars import NotReadableError, load_json
from aioags.wire.steps import finished

ITEM = "https://lms.example/2/lineitems/7/lineitem?type_id=1"
URL = "https://tool.example/lti/extra"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1, 12)  # noqa: DTZ001
HALF_A_PAIR = "\ud83d"


def record(**changes: Any) -> dict[str, Any]:
    """
    Return a line item as a platform writes it.
    """
    return {"id": ITEM, "label": "Quiz 1", "scoreMaximum": 10} | changes


def sent(item: LineItem) -> dict[str, Any]:
    """
    Read what would be sent.
    """
    value: dict[str, Any] = json.loads(dump_line_item(item), parse_float=Decimal)
    return value


@pytest.mark.parametrize("label", ["", " ", "\n\t"])
def test_3_2_7_a_label_is_not_blank(label: str) -> None:
    with pytest.raises(ValueError, match="label must not be blank"):
        LineItem(label, 10)


@pytest.mark.parametrize("maximum", [0, -1, 0.0, Decimal(0)])
def test_3_2_8_a_maximum_is_above_zero(maximum: Any) -> None:
    with pytest.raises(ValueError, match=r"score_maximum must be more than 0.*3\.2\.8"):
        LineItem("Quiz", maximum)


@pytest.mark.parametrize("maximum", [math.nan, math.inf, Decimal("NaN")])
def test_3_2_8_a_maximum_is_finite(maximum: Any) -> None:
    with pytest.raises(ValueError, match="score_maximum must be finite"):
        LineItem("Quiz", maximum)


@pytest.mark.parametrize(
    "fields, error, field",
    [
        ({"label": 5}, TypeError, "label"),
        ({"label": None}, TypeError, "label"),
        ({"label": HALF_A_PAIR}, ValueError, "label"),
        ({"score_maximum": None}, TypeError, "score_maximum"),
        ({"score_maximum": True}, TypeError, "score_maximum"),
        ({"score_maximum": "10"}, TypeError, "score_maximum"),
        ({"resource_id": 5}, TypeError, "resource_id"),
        ({"resource_id": ""}, ValueError, "resource_id"),
        ({"tag": " "}, ValueError, "tag"),
        ({"tag": HALF_A_PAIR}, ValueError, "tag"),
        ({"resource_link_id": 5}, TypeError, "resource_link_id"),
        ({"start_date_time": NAIVE}, ValueError, "start_date_time"),
        ({"end_date_time": NAIVE}, ValueError, "end_date_time"),
        ({"end_date_time": "2026-01-01"}, TypeError, "end_date_time"),
        ({"grades_released": "yes"}, TypeError, "grades_released"),
        ({"grades_released": 1}, TypeError, "grades_released"),
        ({"submission_review": [1]}, TypeError, "submission_review"),
        ({"submission_review": {"custom": math.nan}}, ValueError, "submission_review"),
        ({"submission_review": {"custom": {1, 2}}}, ValueError, "submission_review"),
        ({"submission_review": {"label": HALF_A_PAIR}}, ValueError, "submission_review"),
        ({"extensions": [1]}, TypeError, "extensions"),
        ({"extensions": {"plain": 1}}, ValueError, "extensions"),
        ({"extensions": {"tag": 1}}, ValueError, "extensions"),
        ({"extensions": {URL: math.inf}}, ValueError, "extensions"),
        ({"extensions": {URL: HALF_A_PAIR}}, ValueError, "extensions"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_sent(
    fields: dict[str, Any], error: type[Exception], field: str
) -> None:
    with pytest.raises(error, match=field):
        LineItem(**({"label": "Quiz", "score_maximum": 10} | fields))


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="score_max"):
        LineItem("Quiz", score_max=10)  # type: ignore[call-arg]


def test_past_the_first_two_everything_is_named() -> None:
    with pytest.raises(TypeError):
        LineItem("Quiz", 10, ITEM)  # type: ignore[misc]


def test_the_bytes_of_a_new_item() -> None:
    assert dump_line_item(LineItem("Quiz 1", 60.0)) == b'{"label":"Quiz 1","scoreMaximum":60}'


def test_the_bytes_of_everything() -> None:
    item = LineItem(
        "Größe",
        Decimal("60.50"),
        resource_link_id="link-1",
        resource_id="quiz-1",
        tag="grade",
        start_date_time=NOON,
        end_date_time=NOON.replace(hour=13),
        grades_released=False,
        submission_review={"reviewableStatus": ["Submitted"], "custom": {"a": "1"}},
        extensions={URL: {"a": None}},
    )
    assert dump_line_item(item).decode() == (
        '{"label":"Größe","scoreMaximum":60.50,"resourceLinkId":"link-1","resourceId":"quiz-1","tag":"grade",'
        '"startDateTime":"2026-01-01T12:00:00.000Z","endDateTime":"2026-01-01T13:00:00.000Z","gradesReleased":false,'
        '"submissionReview":{"reviewableStatus":["Submitted"],"custom":{"a":"1"}},'
        '"https://tool.example/lti/extra":{"a":null}}'
    )


def test_l4_no_id_and_no_second_link_id_is_ever_sent() -> None:
    # Schoology and Blackboard refuse an id; Moodle's ltiLinkId would be a second opinion on the link.
    item = load_line_item(record(resourceLinkId="1", ltiLinkId="1"))
    assert item.extensions == {"ltiLinkId": "1"}
    assert sent(item) == {"label": "Quiz 1", "scoreMaximum": 10, "resourceLinkId": "1"}


def test_l5_a_whole_maximum_that_was_read_as_a_float_goes_back_as_an_integer() -> None:
    assert dump_line_item(load_line_item(record(scoreMaximum=60.0))) == b'{"label":"Quiz 1","scoreMaximum":60}'


def test_l6_ids_are_strings_whatever_the_platform_wrote() -> None:
    item = load_line_item(record(id=7, resourceId=5, resourceLinkId=3, tag=1))
    assert (item.id, item.resource_id, item.resource_link_id, item.tag) == ("7", "5", "3", "1")
    assert sent(item)["resourceId"] == "5"


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_3_2_10_absent_blank_and_null_are_the_same(nothing: Any) -> None:
    names = ("resourceLinkId", "resourceId", "tag", "startDateTime", "endDateTime")
    item = load_line_item(record(**dict.fromkeys(names, nothing), submissionReview=None, gradesReleased=None))
    assert item == load_line_item(record())
    assert sent(item) == {"label": "Quiz 1", "scoreMaximum": 10}


@pytest.mark.parametrize("review", [[], None])
def test_an_empty_php_array_is_no_submission_review(review: Any) -> None:
    assert load_line_item(record(submissionReview=review)).submission_review is None


def test_everything_is_read() -> None:
    item = load_line_item(
        record(
            scoreMaximum="60.5",
            resourceLinkId="link-1",
            resourceId="quiz-1",
            tag="grade",
            startDateTime="2026-01-01T12:00:00Z",
            endDateTime="2026-01-01T08:00:00-05:00",
            gradesReleased=False,
            submissionReview={"url": "https://tool.example", "new": 1},
        )
    )
    assert item == LineItem(
        "Quiz 1",
        60.5,
        id=ITEM,
        resource_link_id="link-1",
        resource_id="quiz-1",
        tag="grade",
        start_date_time=NOON,
        end_date_time=NOON.replace(hour=13),
        grades_released=False,
        submission_review={"url": "https://tool.example", "new": 1},
    )


@pytest.mark.parametrize(
    "written, hour",
    [
        ("2026-01-01T12:00:00Z", 12),
        ("2026-01-01T12:00:00.5Z", 12),
        ("2026-01-01T12:00:00.123456789Z", 12),
        ("2026-01-01T12:00:00+00", 12),
        ("2026-01-01T12:00:00+0000", 12),
        ("2026-01-01T12:00:00-05:00", 17),
        ("2026-01-01 12:00:00Z", 12),
        ("20260101T120000Z", 12),
        (" 2026-01-01T12:00:00Z ", 12),
        ("2026-01-01T12:00", 12),
    ],
)
def test_3_2_12_every_spelling_of_a_date_is_read(written: str, hour: int) -> None:
    opens = load_line_item(record(startDateTime=written)).start_date_time
    assert opens is not None
    assert opens.astimezone(UTC).hour == hour


@pytest.mark.parametrize("maximum", [0, -5, 0.0])
def test_what_a_platform_broke_can_be_read_but_not_sent(maximum: Any) -> None:
    item = load_line_item(record(scoreMaximum=maximum, label=None))
    assert (item.label, item.score_maximum) == ("", maximum)
    with pytest.raises(ValueError, match="label must not be blank"):
        item.check_sendable()
    with pytest.raises(ValueError, match="score_maximum must be more than 0"):
        attrs.evolve(item, label="Mended").check_sendable()


UNREADABLE: list[tuple[Any, str]] = [
    ([], "not an object"),
    ("x", "not an object"),
    (None, "not an object"),
    ({"label": "Quiz", "scoreMaximum": 10}, "no id"),
    (record(id=""), "no id"),
    (record(id={}), "id is not a string"),
    (record(scoreMaximum=None), f"{ITEM}.*no scoreMaximum"),
    (record(scoreMaximum=""), f"{ITEM}.*no scoreMaximum"),
    (record(scoreMaximum="ten"), f"{ITEM}.*scoreMaximum is not a number"),
    (record(scoreMaximum=True), f"{ITEM}.*scoreMaximum is not a number"),
    (record(scoreMaximum=[10]), f"{ITEM}.*scoreMaximum is not a number"),
    (record(scoreMaximum=10**400), f"{ITEM}.*scoreMaximum is too large"),
]


@pytest.mark.parametrize("odd, why", UNREADABLE, ids=[why for _, why in UNREADABLE])
def test_one_odd_record_is_an_error_that_names_it(odd: Any, why: str) -> None:
    why = why.replace("?", r"\?")
    with pytest.raises(NotReadableError, match=why):
        load_line_item(odd)
    found = finished(load_list(json.dumps([record(), odd]).encode(), load_line_item))
    assert found.records == [load_line_item(record())]
    [(raw, error)] = found.odd
    assert raw == odd
    assert re.search(f"record 1: .*{why}", str(error))


ODD: list[tuple[str, Any]] = [
    ("label", ["x"]),
    ("resourceLinkId", {}),
    ("resourceId", True),
    ("tag", []),
    ("startDateTime", "tomorrow"),
    ("startDateTime", "0000-00-00 00:00:00"),
    ("endDateTime", 0),
    ("endDateTime", 1700000000),
    ("endDateTime", 20260101),
    ("endDateTime", 5.5),
    # It has no UTC to be written in.
    ("endDateTime", "9999-12-31T23:59:59-05:00"),
    ("gradesReleased", "true"),
    ("submissionReview", "x"),
]


@pytest.mark.parametrize("name, odd", ODD)
def test_an_optional_field_that_cannot_be_read_goes_back_as_it_came(name: str, odd: Any) -> None:
    item = load_line_item(record(**{name: odd}))
    assert item.id == ITEM
    assert item.extensions == {name: odd}
    assert json.loads(dump_line_item(item))[name] == odd
    assert pickle.loads(pickle.dumps(item)).extensions == {name: odd}


def test_once_it_has_a_value_it_is_as_it_was_never_odd() -> None:
    item = load_line_item(record(label=[], tag=[], endDateTime=0, kept=1))
    mended = attrs.evolve(item, label="Quiz 2", tag="quiz", end_date_time=NOON)
    assert mended.extensions == {"kept": 1}
    assert sent(mended) == {
        "label": "Quiz 2", "scoreMaximum": 10, "tag": "quiz", "endDateTime": "2026-01-01T12:00:00.000Z", "kept": 1
    }  # fmt: skip


def test_a_new_item_has_no_odd_fields() -> None:
    with pytest.raises(ValueError, match="extensions must not hold 'tag'"):
        LineItem("Quiz", 10, extensions={"tag": []})
    with pytest.raises(ValueError, match="extensions must not hold 'scoreMaximum'"):
        attrs.evolve(load_line_item(record()), extensions={"scoreMaximum": "ten"})


@pytest.mark.parametrize("maximum", [None, "", "ten", [10], 10**400])
def test_who_needs_no_maximum_takes_one(maximum: Any) -> None:
    item = load_line_item(record(scoreMaximum=maximum, tag="quiz", extra=float("inf"), kept=1), maximum=20)
    assert (item.id, item.score_maximum, item.tag, item.extensions) == (ITEM, 20, "quiz", {"kept": 1})
    assert load_line_item(record(scoreMaximum=5, tag=[]), maximum=20).score_maximum == 5


@pytest.mark.parametrize(
    "given, absolute",
    [
        ("/items/9", "https://lms.example/items/9"),
        ("9", "https://lms.example/2/9"),
        ("?item=9", "https://lms.example/2/lineitems?item=9"),
        ("https://lms.example/a/../9", "https://lms.example/a/../9"),
        # A number is no URL.
        (9, "9"),
    ],
)
def test_a_relative_id_is_resolved(given: Any, absolute: str) -> None:
    assert load_line_item(record(id=given), "https://lms.example/2/lineitems?type_id=1").id == absolute


@pytest.mark.parametrize("odd", ['{"a": 1e999}', '"\\ud83d"', '{"\\ud83d": 1}'], ids=["infinity", "half a pair", "key"])
def test_an_extension_that_cannot_be_kept_is_an_error_that_names_the_record(odd: str) -> None:
    body = f'[{{"id": "{ITEM}", "label": "Quiz", "scoreMaximum": 10, "odd": {odd}}}]'
    [(_, error)] = finished(load_list(body.encode(), load_line_item)).odd
    assert re.search(r"record 0: .*lineitems/7.*extensions", str(error))


def test_l3_unknown_keys_survive_get_evolve_put() -> None:
    extra = {"ltiSomething": "x", URL: {"deep": [1, None, {"b": False}]}, "timestamp": "t", "canvas": None}
    item = load_line_item(record(tag="grade", **extra))
    renamed = attrs.evolve(item, label="Quiz 1 (retake)")
    assert renamed.extensions == extra
    assert sent(renamed) == {"label": "Quiz 1 (retake)", "scoreMaximum": 10, "tag": "grade", **extra}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)
unknown = st.text(st.characters(codec="utf-8"), min_size=1).filter(
    lambda key: key not in LINE_ITEM_FIELDS and key != "ltiLinkId"
)


@given(st.dictionaries(unknown, json_values, max_size=4), st.dictionaries(st.text(), json_values, max_size=2))
def test_l3_any_unknown_key_survives(extra: dict[str, Any], review: dict[str, Any]) -> None:
    body = json.dumps(record(submissionReview=review, **extra)).encode()
    try:
        item = load_line_item(load_json(body))
    except NotReadableError:
        # A key that is half of a surrogate pair cannot be written again.
        assert "\\ud" in body.decode()
        return
    assert sent(attrs.evolve(item, label="New")) == {
        "label": "New", "scoreMaximum": 10, "submissionReview": review, **extra
    }  # fmt: skip


def test_an_item_is_a_value() -> None:
    item = load_line_item(record(x=[1]))
    assert item == load_line_item(record(x=[1]))
    assert hash(item) == hash(load_line_item(record(x=[2])))
    assert pickle.loads(pickle.dumps(item)) == item
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        item.label = "x"  # type: ignore[misc]


def test_the_wire_names_are_the_standards() -> None:
    assert {
        "id", "label", "scoreMaximum", "resourceLinkId", "resourceId", "tag", "startDateTime", "endDateTime",
        "gradesReleased", "submissionReview",
    } == LINE_ITEM_FIELDS  # fmt: skip
