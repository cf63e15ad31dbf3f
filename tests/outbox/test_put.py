"""
What may be put, and what is said about it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioags import Client, Endpoint, LineItem, NotOfferedError, Scope, Score, Submission, UntrustedURLError
from aioags.outbox import Backoff, Entry, MemoryStore, Outbox
from aioags.outbox.model import from_micros, to_micros
from aioags.outbox.payload import dump_payload, load_score
from tests.outbox.kit import SCHOOL, new_desk

ITEM = "https://lms.example/items/1"
ENDPOINT = Endpoint("https://lms.example/items", ITEM, [Scope.SCORE])
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def grade(user: str = "ada", **more: Any) -> Score:
    return Score.graded(user, 5, score_maximum=10, **more)


async def test_put_says_whether_the_score_is_now_the_latest() -> None:
    desk = new_desk()
    assert await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(1)) is True
    assert await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(2)) is False
    assert await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(3, at=1)) is True
    assert desk.row().score.score_given == 3


async def test_a_line_item_may_be_given_as_such_as_its_id_or_not_at_all() -> None:
    desk = new_desk()
    for given_item in (LineItem("Quiz", 10, id="https://lms.example/2"), "https://lms.example/3", None):
        await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(), line_item=given_item)
    items = {key[1] for key in desk.table.rows}
    assert items == {"https://lms.example/2", "https://lms.example/3", desk.item}


async def test_the_endpoints_own_line_item_has_one_row_however_it_is_spelled() -> None:
    desk = new_desk()
    own = f"{desk.item}?type_id=1"
    endpoint = attrs.evolve(desk.endpoint, lineitem=own)
    for spelling in (None, own, desk.item, f"{desk.item}/", desk.item.replace("https", "HTTPS", 1)):
        await desk.outbox.put(SCHOOL, endpoint, desk.grade(), line_item=spelling)
    await desk.outbox.put(SCHOOL, endpoint, desk.grade(), line_item=f"{desk.item}?type_id=2")
    assert {key[1] for key in desk.table.rows} == {own, f"{desk.item}?type_id=2"}


async def test_put_many_takes_scores_and_pairs_from_any_source() -> None:
    desk = new_desk(users=2500)
    users = desk.platform.users()
    other = "https://lms.example/2"

    async def source() -> AsyncIterator[Any]:
        for place, user in enumerate(users):
            await asyncio.sleep(0)
            yield desk.grade(1, user) if place % 2 else (other, desk.grade(1, user))

    assert await desk.outbox.put_many(SCHOOL, desk.endpoint, source()) == 2500
    assert await desk.outbox.put_many(SCHOOL, desk.endpoint, [desk.grade(1, users[0])], line_item=other) == 0
    assert await desk.outbox.put_many(SCHOOL, desk.endpoint, []) == 0
    assert sum(key[1] == other for key in desk.table.rows) == 1250


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((SCHOOL, ENDPOINT, "a score"), TypeError, "takes Scores"),
        ((SCHOOL, None, grade()), TypeError, "this launch offers no grades"),
        ((SCHOOL, "school", grade()), TypeError, "endpoint must be an Endpoint or a JSON object, got str"),
        ((" ", ENDPOINT, grade()), ValueError, "registration_id must not be blank"),
        (("a\0b", ENDPOINT, grade()), ValueError, "registration_id must not hold a NUL"),
        ((SCHOOL, ENDPOINT, grade("a\0b")), ValueError, "user_id must not hold a NUL"),
        ((SCHOOL, Endpoint(None, ITEM, [Scope.RESULT_READONLY]), grade()), NotOfferedError, "score scope"),
        ((SCHOOL, Endpoint("https://lms.example/items", None, [Scope.SCORE]), grade()), NotOfferedError, "line_item="),
        ((SCHOOL, Endpoint(None, "ftp://lms.example/1", [Scope.SCORE]), grade()), UntrustedURLError, "line item"),
        ((SCHOOL, ENDPOINT, grade("é" * 1300)), ValueError, "must not exceed 2500 bytes together, these have 2633"),
        ((SCHOOL, ENDPOINT, grade(timestamp=datetime(9999, 1, 1, tzinfo=UTC))), ValueError, "before the year 9999"),
        ((SCHOOL, {"key": object()}, grade()), TypeError, "not JSON serializable"),
        ((SCHOOL, {"key": 1}, grade()), NotOfferedError, "line_item="),
    ],
)
async def test_what_could_never_be_posted_is_refused_at_once(
    arguments: tuple[Any, Any, Any], error: type[Exception], message: str
) -> None:
    desk = new_desk()
    with pytest.raises(error, match=message):
        await desk.outbox.put(*arguments)
    assert desk.table.rows == {}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"store": "grades.db"}, "store must be a store such as SQLiteStore(path), got str"),
    ({"client": None}, "client must be a Client, got NoneType"),
    ({"registrations": None}, "registrations must be a mapping of your names to Registrations, or a function"),
    ({"registrations": {"school": ENDPOINT}}, "registrations must be a mapping of your names to Registrations, or"),
    ({"limiter": 50}, "limiter must be a Limiter or None, got int"),
    ({"backoff": 5}, "backoff must be a Backoff, got int"),
    ({"on_recorded": "told"}, "a hook must be a function or None, got str"),
    ({"line_items_at_once": 0}, "line_items_at_once must be a whole number of at least 1, got 0"),
    ({"patience": "x"}, "patience must be a number of seconds, 0 or more, got 'x'"),
    ({"grace": -1}, "grace must be a number of seconds, 0 or more, got -1"),
    ({"poll": 0}, "poll must be more than 0 seconds"),
]


@pytest.mark.parametrize("name", ["first_wait", "longest_wait", "give_up_after"])
@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan"), "5", True])
def test_a_wrong_wait_is_said_too(name: str, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"{name} must be"):
        Backoff(**{name: wrong})


@pytest.mark.parametrize("change, message", WRONG)
def test_wrong_arguments_are_said_when_the_outbox_is_made(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"store": MemoryStore(), "client": Client(), "registrations": {}} | change
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        Outbox(**arguments)


async def test_one_score_is_not_many() -> None:
    desk = new_desk()
    with pytest.raises(TypeError, match="for one there is put"):
        await desk.outbox.put_many(SCHOOL, desk.endpoint, desk.grade())  # type: ignore[arg-type]


async def test_a_line_item_of_another_origin_never_gets_a_score() -> None:
    desk = new_desk()
    for endpoint in (desk.endpoint, desk.endpoint.to_claim()):
        await desk.outbox.put(SCHOOL, endpoint, desk.grade(), line_item="https://elsewhere.example/1")
    done = await desk.outbox.drain(SCHOOL, "https://elsewhere.example/1")
    assert (done.recorded, done.refused, done.postponed) == (0, 0, 1)
    assert "also_origins" in str(desk.table.rows[SCHOOL, "https://elsewhere.example/1", desk.user])


async def test_the_claim_is_as_good_as_the_endpoint() -> None:
    desk = new_desk()
    await desk.outbox.put(SCHOOL, desk.endpoint.to_claim(), desk.grade())
    assert await desk.drain() == (1, 0, 0)


async def test_the_newest_endpoint_is_used() -> None:
    desk = new_desk()
    old = Endpoint(None, desk.item, [Scope.SCORE, "https://purl.imsglobal.org/other"])
    await desk.outbox.put(SCHOOL, old, desk.grade())
    await desk.outbox.put(SCHOOL, desk.endpoint, desk.grade(at=-1))
    assert Endpoint.from_claim(json.loads(desk.table.endpoints[SCHOOL, desk.item])) == desk.endpoint


def test_an_entry_shows_neither_whose_it_is_nor_what_lets_it_in() -> None:
    entry = Entry.of(SCHOOL, {"service_key": "hush-hush", "line_item": ITEM}, grade("ada-lovelace", comment="Fine"))
    assert entry.key == (SCHOOL, ITEM, "ada-lovelace")
    for secret in ("hush", "ada", "Fine", "scoreGiven"):
        assert secret not in repr(entry)


instants = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5.5))]),
)
points = st.one_of(
    st.integers(0, 10**20),
    st.floats(0, 1e15, allow_nan=False),
    st.decimals(0, 10**12, allow_nan=False, allow_infinity=False),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(instant=instants)
def test_an_instant_survives_as_microseconds(instant: datetime) -> None:
    assert from_micros(to_micros(instant)) == instant


@given(
    user=st.text(min_size=1).filter(lambda text: text.strip() != ""),
    score_given=points,
    maximum=points.filter(lambda value: value > 0),
    comment=st.none() | st.text(),
    extra=json_values,
    started=st.none() | instants,
)
def test_a_score_survives_its_payload(
    user: str, score_given: Any, maximum: Any, comment: str | None, extra: Any, started: datetime | None
) -> None:
    score = Score.graded(
        user,
        score_given,
        score_maximum=maximum,
        timestamp=NOON,
        comment=comment,
        scoring_user_id="t",
        submission=None if started is None else Submission(started_at=started),
        extensions={"https://tool.example/extra": extra},
    )
    again = load_score(dump_payload(score), NOON)
    assert dump_payload(again) == dump_payload(score), "what goes over the wire is the same to the byte"
    assert (again.user_id, again.comment, again.extensions) == (score.user_id, score.comment, score.extensions)


def test_a_report_without_a_value_survives_its_payload() -> None:
    score = Score.cleared("ada", timestamp=NOON)
    assert load_score(dump_payload(score), NOON) == score
