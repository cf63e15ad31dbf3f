"""
Facts about platforms that a test can switch on: clocks, orphans, locks, columns that race, lists that lag.
"""

from __future__ import annotations

from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path

import attrs
import pytest

from aioags.emulator import PROFILES, Database, Fault, InMemoryTransport, ManualClock, Platform
from aioags.emulator.doors import control
from aioags.protocol.messages import Request
from tests.emulator.raw_tool import SCORE_TYPE, START, RawTool, score, spliced, stamp, tool


def stored(one: RawTool, url: str | None = None) -> float:
    """
    Return the second that a platform which began at START keeps of its first user.
    """
    kept = one.platform.grade(url, one.users[0]).stamp
    assert kept is not None
    return kept - START


# -- Whose clock a stamp is of ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile, kept", [("moodle", -5), ("moodle-apache", -5), ("moodle-4.1", 0)])
def test_S21_before_4_5_6_a_coupled_item_keeps_the_servers_second(profile: str, kept: float) -> None:
    one = tool(profile)
    assert one.post(score(one.users[0], 4, timestamp=stamp(-5))).status == 200
    assert stored(one) == kept
    newer = one.post(score(one.users[0], 8, timestamp=stamp(-3)))
    assert newer.status == (200 if kept < 0 else 409)


@pytest.mark.parametrize("profile", ["moodle", "moodle-4.1"])
def test_S21_an_item_that_a_tool_made_keeps_the_scores_own(profile: str) -> None:
    one = tool(profile)
    url = one.create().json()["id"]
    assert one.post(score(one.users[0], 4, timestamp=stamp(-5)), url).status == 200
    assert stored(one, url) == -5


def test_S21_a_result_shows_the_servers_second() -> None:
    one = tool("moodle-4.1")
    one.post(score(one.users[0], timestamp=stamp(-100)))
    (shown,) = one.results(user_id=one.users[0]).json()
    assert shown["timestamp"] == "2026-01-01T04:00:00-05:00"


def test_E15_a_teachers_touch_restamps() -> None:
    one = tool("moodle")
    url = one.create().json()["id"]
    one.post(score(one.users[0], timestamp=stamp(-60)), url)
    one.platform.override(url, one.users[0], 3)
    assert stored(one, url) == 0
    assert one.post(score(one.users[0], timestamp=stamp(-1)), url).status == 409


@pytest.mark.parametrize("profile, kept", [("moodle", 0), ("spec", -60)])
@pytest.mark.parametrize("who", ["tool", "teacher"])
def test_E15_a_changed_maximum_restamps_on_moodle(profile: str, kept: float, who: str) -> None:
    one = tool(profile)
    made = one.create(scoreMaximum=10).json()
    one.post(score(one.users[0], 8, 10, timestamp=stamp(-60)), made["id"])
    if who == "tool":
        assert one.put(made["id"], label="Essay", scoreMaximum=20).status == 200
    else:
        one.platform.change_maximum(made["id"], 20)
    assert one.platform.grade(made["id"], one.users[0]).points == 16
    assert stored(one, made["id"]) == kept


def test_a_saved_activity_rescales_what_a_tool_had_changed() -> None:
    one = tool("moodle")
    link = next(iter(one.platform.course.links.values()))
    one.post(score(one.users[0], 5, 10))
    one.platform.change_maximum(one.item_url, 10)
    assert one.platform.grade(None, one.users[0]).points == 5
    one.platform.save_activity(link)
    assert one.platform.grade(None, one.users[0]).points == 50


@pytest.mark.parametrize("skew", [-90.0, 0.0, 3600.0])
def test_every_answer_carries_the_platforms_own_date(skew: float) -> None:
    one = tool("spec")
    token = one.token
    assert token
    one.platform.site.skew = skew
    refused = one.ask("GET", one.items_url + "/nowhere")
    for answer in (one.ask_token(), one.list(), refused):
        date = answer.header("Date")
        assert date is not None
        assert parsedate_to_datetime(date).timestamp() == START + skew


def test_control_sets_the_lag_and_shows_it() -> None:
    one = tool("spec")
    body = b'{"list_lag": 2.5}'
    headers = (("Content-Type", "application/json"),)
    answer = control.answer(one.platform, Request("POST", f"{one.platform.base_url}/control/settings", headers, body))
    assert answer is not None
    assert answer.json()["list_lag"] == one.platform.course.list_lag == 2.5


def test_lag_and_time_of_making_outlive_a_restart(tmp_path: Path) -> None:
    one = tool("spec")
    one.platform.course.list_lag = 3600
    with closing(Database.open(tmp_path / "state.sqlite3")) as database:
        database.keep(one.platform)
        made = one.create(resourceId="r").json()
    again = RawTool(Platform.create("spec", clock=ManualClock(START + 10)))
    with closing(Database.open(tmp_path / "state.sqlite3")) as database:
        database.keep(again.platform)
        assert again.platform.course.list_lag == 3600
        assert (again.list(resource_id="r").json(), again.get(made["id"]).status) == ([], 200)


async def test_the_date_comes_through_the_transport() -> None:
    platform = Platform.create("spec", clock=ManualClock(START))
    platform.site.skew = 7
    one = RawTool(platform)
    answer = await InMemoryTransport(platform).send(one.request("GET", one.items_url))
    assert answer.header("Date") == "Thu, 01 Jan 2026 09:00:07 GMT"


async def test_a_fault_that_waits_before_the_work_waits_in_memory_too() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert platform.counts["list_line_items"] == 1
        assert platform.requests[-1].answer is None

    platform = Platform.create("spec", clock=ManualClock(START))
    one = RawTool(platform)
    asked = one.request("GET", one.items_url)
    platform.faults.add(Fault.latency(3.0, operation="list_line_items"))
    await InMemoryTransport(platform, sleep=sleep).send(asked)
    assert slept == [3.0]


# -- What cannot be deleted, or not yet be graded ----------------------------------------------------------------------


@pytest.mark.parametrize("profile, status", [("moodle", 502), ("moodle-4.1", 502), ("moodle-apache", 500)])
@pytest.mark.parametrize("field, length", [("tag", 300), ("resourceId", 600)])
def test_L14_M5_an_orphan_is_neither_seen_nor_deleted(profile: str, status: int, field: str, length: int) -> None:
    one = tool(profile)
    assert [one.create(**{field: "x" * length}).status for _ in range(2)] == [status] * 2
    orphans = one.platform.course.orphans
    assert len(orphans) == 2
    assert len(one.list().json()) == 1
    for orphan in orphans:
        url = one.platform.site.item_url(orphan)
        assert (one.get(url).status, one.delete(url).status) == (404, 404)
    assert len(one.platform.course.orphans) == 2


@pytest.mark.parametrize("what", ["column", "grade"])
def test_S23_M6_a_lock_is_500_with_an_empty_list_until_it_lifts(what: str) -> None:
    one = tool("moodle")
    user = None if what == "column" else one.users[0]
    one.platform.lock(None, user)
    answer = one.post(score(one.users[0]))
    assert (answer.status, answer.body) == (500, b"[]")
    assert one.post(score(one.users[1])).status == (500 if what == "column" else 200)
    one.platform.lock(None, user, locked=False)
    assert one.post(score(one.users[0])).status == 200


def test_S17_K2_unpublished_is_422_until_it_is_published() -> None:
    one = tool("canvas")
    one.platform.course.published = False
    assert one.post(score(one.users[0])).status == 422
    assert one.list().status == 200
    one.platform.course.published = True
    assert one.post(score(one.users[0])).status == 200


@pytest.mark.parametrize("profile, listing", [("canvas", 422), ("spec", 200)])
def test_S17_K2_a_course_that_is_over_refuses_lists_as_well(profile: str, listing: int) -> None:
    one = tool(profile)
    one.platform.course.concluded = True
    assert one.post(score(one.users[0])).status in (403, 422)
    assert (one.list().status, one.results().status) == (listing, listing)


@pytest.mark.parametrize("profile, status", [("spec", 422), ("moodle", 400), ("canvas", 422), ("brightspace", 404)])
def test_who_enrols_later_is_refused_until_then(profile: str, status: int) -> None:
    one = tool(profile)
    url = one.create().json()["id"]
    newcomer = "4711"
    assert one.post(score(newcomer), url).status == status
    one.platform.course.enroll(newcomer, "New Comer")
    assert one.post(score(newcomer), url).status < 300
    assert one.platform.result(url, newcomer) is not None


# -- Columns that race, lists that lag ---------------------------------------------------------------------------------


def together(one: RawTool, url: str, count: int) -> None:
    """
    Post so many scores that are all on their way before the first is applied.
    """
    target = spliced(url, "/scores")
    requests = [one.request("POST", target, score(user), content_type=SCORE_TYPE) for user in one.users[:count]]
    visits = [one.platform.arrive(request) for request in requests]
    for visit in visits:
        assert visit.apply().status == 204
        visit.leave()


@pytest.mark.parametrize("profile, orphans", [("brightspace", 3), ("spec", 0)])
def test_S22_K9_each_first_score_that_races_makes_a_column(profile: str, orphans: int) -> None:
    one = tool(profile)
    url = one.create().json()["id"]
    together(one, url, 4)
    assert len(one.platform.course.orphans) == orphans
    assert len(one.platform.results(url)) == 4
    assert [item["id"] for item in one.list().json()].count(url) == 1


def test_S22_K9_after_the_first_score_nothing_races() -> None:
    one = tool("brightspace")
    url = one.create().json()["id"]
    assert one.post(score(one.users[0], timestamp=stamp(-9)), url).status == 204
    together(one, url, 5)
    assert one.platform.course.orphans == []


def test_S22_K9_a_refused_first_score_opens_nothing() -> None:
    one = tool("brightspace")
    url = one.create().json()["id"]
    assert one.post(score("nobody"), url).status == 404
    together(one, url, 2)
    assert len(one.platform.course.orphans) == 1


def test_L15_a_listing_lags_and_the_item_does_not() -> None:
    clock = ManualClock(START)
    one = tool("spec", clock=clock)
    one.platform.course.list_lag = 5
    made = one.create(resourceId="r").json()
    assert (len(one.list().json()), one.list(resource_id="r").json()) == (1, [])
    assert one.get(made["id"]).status == 200
    clock.advance(4.9)
    assert one.list(resource_id="r").json() == []
    clock.advance(0.2)
    assert [item["id"] for item in one.list(resource_id="r").json()] == [made["id"]]


def test_reset_forgets_what_raced() -> None:
    one = tool("brightspace")
    together(one, one.create().json()["id"], 2)
    one.platform.course.list_lag = 5
    one.platform.reset()
    assert (one.platform.course.orphans, one.platform.course.list_lag) == ([], 0)
    assert (one.platform.site.arrived, one.platform.site.opened) == (0, {})


def test_the_switches_are_fields_of_any_profile() -> None:
    mixed = attrs.evolve(PROFILES["spec"], racing_first_scores=True)
    one = tool(mixed)
    url = one.create().json()["id"]
    together(one, url, 3)
    assert len(one.platform.course.orphans) == 2
