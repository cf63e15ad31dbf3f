"""
The back door over plain HTTP, as a test in any language would use it.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from aioags.emulator import PROFILES, Answer, ManualClock, Platform, serve
from aioags.emulator.doors import control as back_door
from aioags.emulator.doors.control import ROUTES
from aioags.protocol.messages import Request
from tests.emulator.command import command
from tests.emulator.raw_tool import SCORE, START, RawTool, dump_json, score, stamp, tool

JSON = (("Content-Type", "application/json"),)
OF_PEOPLE = ("/launch", "/launch/start?user=user-0001", "/launch/frame?user=user-0001", "/launch/links")


def ask(platform: Platform, request: Request) -> Answer:
    """
    Ask without a socket what a server would: the back door first, then the platform.
    """
    return back_door.answer(platform, request) or platform.answer(request)


def control(one: RawTool, method: str, path: str = "", body: Any = None) -> Answer:
    """
    Ask the back door, as an HTTP client would.
    """
    url = f"{one.platform.base_url}/control{path}"
    return ask(one.platform, Request(method, url, JSON if body is not None else (), dump_json(body)))


def test_the_summary_is_what_a_tool_needs() -> None:
    one = tool("brightspace")
    shown = control(one, "GET").json()
    assert shown["basis"] == "modelled on documents and reports"
    assert {name: shown[name] for name in one.platform.registration_args()} == one.platform.registration_args()
    assert shown["endpoint"] == one.platform.endpoint_claim()
    assert "/control/faults" in shown["routes"]


def test_the_back_door_is_not_recorded_and_nothing_fails_there() -> None:
    one = tool()
    assert control(one, "POST", "/faults", {"effect": "drop"}).json() == {"number": 1}
    assert control(one, "GET").status == 200
    assert len(one.platform.requests) == 0
    assert one.ask_token().manner.lost == "drop"


def test_people_and_line_items_can_be_added() -> None:
    one = tool()
    person = {"user_id": "late", "name": "Late", "role": "Instructor", "active": True}
    assert control(one, "POST", "/people", person).json() == person
    assert control(one, "GET", "/people").json()[-1] == person
    made = control(one, "POST", "/line_items", {"label": "By hand", "score_maximum": 5, "tag": "t"}).json()["id"]
    bound = {"label": "Bound", "score_maximum": 5, "resource_link_id": "1"}
    assert control(one, "POST", "/line_items", bound).status == 200
    assert one.get(made).json()["tag"] == "t"
    assert control(one, "GET", "/line_items").json() == one.platform.line_items()


def test_grades_show_everything() -> None:
    one = tool()
    first, second = one.users[:2]
    one.post(score(first, comment="c"))
    one.post(score(first, 9, timestamp=stamp(1)))
    one.post(score(second))
    one.create()
    (grade,) = control(one, "GET", f"/grades?line_item=1&user_id={first}").json()
    assert grade["line_item"] == one.item_url
    assert grade["result"] == one.platform.result(None, first)
    assert [entry["scoreGiven"] for entry in grade["history"]] == [8, 9]
    assert grade["score"]["scoreGiven"] == 9
    assert len(control(one, "GET", "/grades").json()) == 2
    assert len(control(one, "GET", f"/grades?line_item={one.item_url}").json()) == 2


def test_the_teacher_overrides_releases_and_locks() -> None:
    one = tool()
    user = one.users[0]
    one.post(score(user))
    shown = control(
        one, "POST", "/override", {"line_item": one.item_url, "user_id": user, "points": 1, "comment": "no"}
    )
    assert shown.json()["result"]["resultScore"] == 1
    assert control(one, "DELETE", f"/override?user_id={user}").json()["result"]["resultScore"] == 80
    assert control(one, "POST", "/lock", {"user_id": user}).json() == {"locked": True}
    assert one.post(score(user, timestamp=stamp(1))).status == 403
    control(one, "POST", "/lock", {"user_id": user, "locked": False})
    assert one.post(score(user, timestamp=stamp(1))).status == 204


def test_requests_are_listed_without_the_token() -> None:
    one = tool()
    one.post(score("nobody"))
    one.list()
    listed = control(one, "GET", "/requests?after=1").json()
    assert [entry["operation"] for entry in listed] == ["post_score", "list_line_items"]
    assert (listed[0]["status"], listed[0]["applied"]) == (422, False)
    assert "nobody" in listed[0]["refused"]
    assert one.token not in control(one, "GET", "/requests?operation=list_line_items").body.decode()


def test_launch_claims_are_given() -> None:
    one = tool()
    claims = control(one, "GET", f"/launch?user_id={one.users[2]}").json()
    assert claims["sub"] == one.users[2]
    assert claims["https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"] == one.platform.endpoint_claim()
    assert control(one, "GET", "/launch?user_id=nobody").status == 400


def test_faults_come_are_counted_and_go() -> None:
    one = tool()
    assert one.token
    fault = {"effect": "status", "status": 503, "headers": {"Retry-After": "2"}, "body": "later", "times": 1}
    number = control(one, "POST", "/faults", fault).json()["number"]
    answer = one.list()
    assert (answer.status, answer.header("Retry-After"), answer.body) == (503, "2", b"later")
    (shown,) = control(one, "GET", "/faults").json()
    assert (shown["number"], shown["happened"], shown["headers"]) == (number, 1, {"Retry-After": "2"})
    assert control(one, "DELETE", f"/faults/{number}").json() == []
    assert control(one, "DELETE", f"/faults/{number}").status == 404
    control(one, "POST", "/faults", {"effect": "drop"})
    assert control(one, "DELETE", "/faults").json() == []


def test_settings_and_revocation() -> None:
    one = tool()
    changed = {"skew": 5, "token_lifetime": 3, "scopes": [SCORE], "privacy": "name_only", "limit": 2, "window": 60.0}
    shown = control(one, "POST", "/settings", changed).json()
    assert shown == control(one, "GET", "/settings").json()
    assert {name: shown[name] for name in changed} == changed
    granted = one.ask_token().json()
    assert (granted["expires_in"], granted["scope"]) == (3, SCORE)
    user = one.users[0]
    answers = [one.post(score(user, timestamp=stamp(n))) for n in range(3)]
    assert [answer.status for answer in answers] == [204, 204, 429]
    assert answers[-1].header("Retry-After") == "60"
    assert control(one, "POST", "/revoke", {}).json() == {"revoked": 2}
    control(one, "POST", "/settings", {"maintenance": True, "concluded": True, "published": False})
    assert one.ask_token().status == 503


def test_reset_over_http() -> None:
    one = tool()
    one.create()
    assert control(one, "POST", "/reset", {}).json()["counts"] == {}
    assert len(one.platform.line_items()) == 1


@pytest.mark.parametrize(
    "method, path, body, status, says",
    [
        ("GET", "/nothing", None, 404, "/control lists what there is"),
        ("GET", "/people/3", None, 404, "there is nothing"),
        ("DELETE", "/people", None, 405, "GET, POST is"),
        ("POST", "/people", {}, 400, "user_id is missing"),
        ("POST", "/people", {"user_id": 5}, 400, "user_id is 5; it must be text"),
        ("POST", "/people", {"user_id": "x", "rôle": "y"}, 400, "nothing here is called rôle"),
        ("POST", "/people", [], 400, "must be a JSON object"),
        ("POST", "/line_items", {"label": "x", "score_maximum": "5"}, 400, "must be a number"),
        ("POST", "/line_items", {"label": "x", "score_maximum": 5, "resource_link_id": "9"}, 400, "no resource link"),
        ("POST", "/override", {"line_item": 99, "user_id": "x"}, 400, "no line item 99"),
        ("POST", "/override", {"line_item": "https://x", "user_id": "x"}, 400, "no line item's URL"),
        ("POST", "/faults", {}, 400, "effect is missing"),
        ("POST", "/faults", {"effect": "smoke"}, 400, "there is no effect 'smoke'"),
        ("POST", "/faults", {"effect": "drop", "times": "two"}, 400, "it must be a whole number"),
        ("POST", "/faults", {"effect": "drop", "probability": 2}, 400, "probability"),
        ("POST", "/settings", {"skew": True}, 400, "it must be a number"),
        ("POST", "/settings", {"skew": 1e11}, 400, "skew must lie between -1e+10 and 1e+10"),
        ("POST", "/settings", {"skew": 10**400}, 400, "skew must lie between"),
        ("POST", "/settings", {"privacy": "secret"}, 400, "privacy is 'secret'; it must be one of public, name_only"),
        ("GET", "/requests?after=x", None, 400, "invalid literal"),
        ("GET", "/grades?item=1", None, 400, "nothing here is called item"),
    ],
)
def test_a_wrong_control_request_is_one_clear_sentence(
    method: str, path: str, body: Any, status: int, says: str
) -> None:
    one = tool()
    answer = control(one, method, path, body)
    assert answer.status == status
    assert says in answer.json()["error"]
    assert len(one.platform.course.people) == 5
    assert len(one.platform.line_items()) == 1


def test_a_web_page_cannot_change_anything_unasked() -> None:
    one = tool()
    url = f"{one.platform.base_url}/control/reset"
    answer = ask(one.platform, Request("POST", url, (("Content-Type", "text/plain"),), b"{}"))
    assert answer.status == 415


# -- Whom it answers ---------------------------------------------------------------------------------------------------


def asked_as(platform: Platform, host: str, path: str = "/control", method: str = "GET") -> Answer:
    """
    Ask as a browser does that was told to go to a host.
    """
    headers = (("Host", host), *(JSON if method == "POST" else ()))
    return ask(platform, Request(method, platform.base_url + path, headers, b"{}" if method == "POST" else None))


@pytest.mark.parametrize(
    "route, method", [(route, method) for route, methods in ROUTES.items() for method in methods], ids=str
)
def test_dns_rebinding_another_name_gets_nothing_and_changes_nothing(route: str, method: str) -> None:
    one = tool()
    before = one.platform.line_items(), one.platform.users(), one.platform.course.people
    answer = asked_as(one.platform, "evil.example:8080", f"/control/{route}".rstrip("/"), method)
    assert answer.status == 403
    assert answer.json().keys() == {"error"}
    assert "--base-url" in answer.json()["error"]
    assert (one.platform.line_items(), one.platform.users(), one.platform.course.people) == before
    # Nobody of this name learns either what there is.
    assert asked_as(one.platform, "evil.example:8080", "/control/nothing").status == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "["])
def test_dns_rebinding_names_that_look_like_ones_own(host: str) -> None:
    assert asked_as(tool().platform, host).status == 403


@pytest.mark.parametrize("path", OF_PEOPLE)
def test_dns_rebinding_the_pages_of_launches_show_nothing(path: str) -> None:
    one = tool()
    answer = asked_as(one.platform, "evil.example", path)
    assert answer.status == 403
    assert one.platform.course.people[one.users[0]].name.encode() not in answer.body


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8080", "localhost:1", "emulator.localhost", "[::1]:80", "192.0.2.7", "lms.example", "LMS.example"],
)
@pytest.mark.parametrize("path", ["/control", "/launch"])
def test_addresses_loopback_and_the_base_urls_name_are_answered(host: str, path: str) -> None:
    assert asked_as(tool().platform, host, path).status == 200


async def test_behind_a_proxy_the_name_it_listens_on_is_answered_too() -> None:
    platform = Platform.create()
    async with serve(platform, host="localhost", base_url="https://lms.school.example"):
        assert platform.site.host == "localhost"
    platform.site.host = "emulator.internal"
    assert asked_as(platform, "emulator.internal:8080").status == 200
    assert asked_as(platform, "lms.school.example").status == 200
    assert asked_as(platform, "other.internal").status == 403


async def test_on_every_address_of_a_machine_a_name_is_answered_once_it_is_said() -> None:
    async with command("--host", "0.0.0.0", "--base-url", "http://lms:8080") as (process, shown):
        assert shown["control_url"] == "http://lms:8080/control"
        assert process.stderr is not None
        listening = re.search(rb"http://0\.0\.0\.0:(\d+)", await process.stderr.readline())
        assert listening is not None
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{int(listening[1])}/control"
            for host, status in (("lms:8080", 200), ("localhost:8080", 200), ("evil.example:8080", 403)):
                async with session.get(url, headers={"Host": host}) as answer:
                    assert answer.status == status


# -- Whatever was stored can be shown ----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("depth", [200, 500, 900])
def test_a_deeply_nested_score_can_be_looked_at(profile: str, depth: int) -> None:
    one = tool(profile)
    if not one.platform.line_items():
        one.create()
    item = one.platform.line_items()[0]["id"]
    text = (dump_json(score(one.users[0])) or b"").decode()
    deep = f'{text[:-1]}, "https://tool.example/deep": {"[" * depth}{"]" * depth}}}'
    assert one.post(deep.encode(), item).status < 300
    (grade,) = control(one, "GET", "/grades").json()
    assert grade["score"]["userId"] == one.users[0]
    assert "https://tool.example/deep" in grade["history"][0]
    assert len(grade["attempts"]) == (1 if PROFILES[profile].attempts else 0)
    assert control(one, "POST", "/override", {"user_id": one.users[0], "points": 1}).json()["override"]["points"] == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_half_of_a_character_in_a_comment_breaks_no_answer(profile: str) -> None:
    one = tool(profile)
    if not one.platform.line_items():
        one.create()
    item, comment = one.platform.line_items()[0]["id"], "half \ud83d"
    body = json.dumps(score(one.users[0], comment=comment)).encode()
    assert one.post(body, item).status < 300
    assert control(one, "GET", "/grades").json()[0]["comment"] == comment
    assert control(one, "GET", "/requests").status == 200
    records = one.results(item).json()
    assert comment in [record.get("comment") for record in (records if isinstance(records, list) else [records])]
    assert asked_as(one.platform, "localhost", "/launch").status == 200


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serve(Platform.create("moodle", clock=ManualClock(START))) as server:
        yield server.url


async def test_over_a_socket(url: str) -> None:
    async with aiohttp.ClientSession(url) as session:
        async with session.post("/control/faults", json={"effect": "latency", "seconds": 0}) as answer:
            assert (answer.status, await answer.json()) == (200, {"number": 1})
        async with session.get("/control/people") as answer:
            assert [person["user_id"] for person in await answer.json()] == ["1", "2", "3", "4", "5"]
