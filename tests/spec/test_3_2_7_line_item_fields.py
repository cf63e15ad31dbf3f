"""
AGS 3.2.7 to 3.2.14: the fields of a line item, as a tool must send them and as platforms send them back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from aioags import Gradebook, LineItem
from tests.fakes import ITEM, PaperPlatform, answer, item_record, sent_json

NAIVE = datetime(2026, 1, 1, 12)  # noqa: DTZ001


async def created(platform: PaperPlatform, item: LineItem) -> dict[str, Any]:
    """
    Create an item and return the JSON that was sent for it.
    """
    platform.script = [answer(201, item_record())]
    await platform.gradebook().create_line_item(item)
    body: dict[str, Any] = sent_json(platform.sent[-1])
    return body


async def read(gradebook: Gradebook, platform: PaperPlatform, **fields: Any) -> LineItem:
    """
    Read an item that the platform writes with these fields.
    """
    platform.script = [answer(200, {"id": ITEM, "label": "Quiz 1", "scoreMaximum": 10} | fields)]
    return await gradebook.get_line_item()


@pytest.mark.parametrize("label", ["", " ", "\t\n"])
def test_3_2_7_a_label_must_not_be_blank(label: str) -> None:
    with pytest.raises(ValueError, match="label must not be blank"):
        LineItem(label, 10)


async def test_3_2_7_a_label_is_sent_as_it_is(platform: PaperPlatform) -> None:
    assert (await created(platform, LineItem('  Größe "2"\n', 10)))["label"] == '  Größe "2"\n'


@pytest.mark.parametrize("maximum", [0, -1, float("nan"), float("inf")])
def test_3_2_8_a_maximum_must_be_a_number_above_zero(maximum: float) -> None:
    with pytest.raises(ValueError, match="score_maximum must be"):
        LineItem("Quiz 1", maximum)


@pytest.mark.parametrize("maximum", [None, "10", True])
def test_3_2_8_a_maximum_must_be_a_number(maximum: Any) -> None:
    with pytest.raises(TypeError, match="score_maximum must be"):
        LineItem("Quiz 1", maximum)


async def test_3_2_8_a_maximum_is_sent_as_a_number(platform: PaperPlatform) -> None:
    assert (await created(platform, LineItem("Quiz 1", 60.5)))["scoreMaximum"] == 60.5
    assert b'"scoreMaximum":60}' in (
        ((await created(platform, LineItem("Quiz 1", 60.0))) and platform.sent[-1].body) or b""
    )


async def test_3_2_9_a_link_is_sent_only_when_it_is_given(platform: PaperPlatform) -> None:
    assert "resourceLinkId" not in await created(platform, LineItem("Quiz 1", 10))
    assert (await created(platform, LineItem("Quiz 1", 10, resource_link_id="l")))["resourceLinkId"] == "l"


@pytest.mark.parametrize(
    "name, attribute", [("resourceId", "resource_id"), ("tag", "tag"), ("resourceLinkId", "resource_link_id")]
)
async def test_3_2_10_3_2_11_absent_blank_and_null_are_none(platform: PaperPlatform, name: str, attribute: str) -> None:
    gradebook = platform.gradebook()
    for fields in ({}, {name: ""}, {name: None}, {name: " "}):
        assert getattr(await read(gradebook, platform, **fields), attribute) is None
    assert getattr(await read(gradebook, platform, **{name: "x"}), attribute) == "x"


@pytest.mark.parametrize("name", ["resource_id", "tag"])
def test_3_2_10_a_value_that_is_set_is_not_blank(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must not be blank"):
        LineItem("Quiz 1", 10, **{name: ""})


@pytest.mark.parametrize("name, attribute", [("startDateTime", "start_date_time"), ("endDateTime", "end_date_time")])
async def test_3_2_12_3_2_13_dates_carry_a_zone(platform: PaperPlatform, name: str, attribute: str) -> None:
    with pytest.raises(ValueError, match=f"{attribute} must carry a time zone"):
        LineItem("Quiz 1", 10, **{attribute: NAIVE})
    noon = NAIVE.replace(tzinfo=timezone(timedelta(hours=-5)))
    assert (await created(platform, LineItem("Quiz 1", 10, **{attribute: noon})))[name] == "2026-01-01T17:00:00.000Z"
    gradebook = platform.gradebook()
    assert getattr(await read(gradebook, platform, **{name: "2026-01-01T12:00:00-05:00"}), attribute) == noon
    for nothing in ({}, {name: ""}, {name: None}):
        assert getattr(await read(gradebook, platform, **nothing), attribute) is None
    # A platform that forgets the zone is read as UTC.
    assert getattr(await read(gradebook, platform, **{name: "2026-01-01T12:00:00"}), attribute) == NAIVE.replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize("released", [True, False, None])
async def test_3_2_14_grades_released_is_the_tools_wish(platform: PaperPlatform, released: bool | None) -> None:
    body = await created(platform, LineItem("Quiz 1", 10, grades_released=released))
    assert body.get("gradesReleased") is released
    assert ("gradesReleased" in body) is (released is not None)
