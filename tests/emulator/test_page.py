"""
The gradebook page without a browser: what it says, whom it answers, what it changes, what it tells while one looks.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import socket
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import aiohttp
import attrs
import pytest

from aioags.emulator import PROFILES, Answer, Fault, ManualClock, Person, Platform, Server, serve
from aioags.emulator.web.fault_switches import READY, switch
from aioags.emulator.web.live import MOST_CELLS, MOST_LISTENERS, ROOM
from aioags.emulator.web.page import FILES, GradebookPage
from aioags.emulator.wire.messages import Asked
from aioags.protocol.messages import Request
from tests.emulator.command import command
from tests.emulator.raw_tool import START, RawTool, score, stamp, tool

HOST = "127.0.0.1:8080"
ORIGIN = f"http://{HOST}"
FORM = "application/x-www-form-urlencoded"
EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'


@attrs.define
class Window:
    """
    The page of one platform, looked at without a browser.
    """

    one: RawTool
    page: GradebookPage

    def ask(self, path: str = "", method: str = "GET", body: str = "", **headers: str) -> Answer:
        sent = {"Host": HOST} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method, f"{ORIGIN}/gradebook{path}", tuple(sent.items()), body.encode())
        answer = self.page.answer(Asked(request))
        assert answer is not None
        return answer

    def post(self, path: str, *, origin: str = ORIGIN, **form: object) -> Answer:
        return self.ask(path, "POST", urlencode(form), Origin=origin, Content_Type=FORM)

    def text(self, path: str = "") -> str:
        answer = self.ask(path)
        assert answer.status == 200
        return answer.body.decode()

    def cell(self, user: str, item: int = 1) -> str:
        found = re.search(rf'<td data-cell="{item}:{re.escape(html.escape(user))}".*?</td>', self.text(), re.DOTALL)
        assert found is not None
        return found[0]


async def look(profile: str = "spec", **options: Any) -> Window:
    """
    Open the page of a platform at a standing clock. The page wants an event loop.
    """
    one = tool(profile, **options)
    return Window(one, GradebookPage(one.platform))


def words(markup: str) -> str:
    """
    Return the text of HTML, blanks squeezed.
    """
    pieces: list[str] = []
    parser = HTMLParser()
    parser.handle_data = pieces.append  # type: ignore[method-assign]
    parser.feed(markup)
    return " ".join(" ".join(pieces).split())


# -- What it says ------------------------------------------------------------------------------------------------------


async def test_a_cell_has_points_progress_comment_time_and_what_was_sent() -> None:
    window = await look()
    user = window.one.users[0]
    window.one.post(score(user, 17, 20, comment="Well done", gradingProgress="PendingManual"))
    cell = window.cell(user)
    assert words(cell).split(" 20")[0].startswith("PendingManual 85 /100 Completed")
    assert "sent 17/20" in words(cell)
    assert "Well done" in words(cell)
    assert 'datetime="2026-01-01T09:00:00.000Z"' in cell
    assert "waiting" in cell


async def test_a_table_has_headers_for_rows_and_columns() -> None:
    window = await look()
    window.one.create(label="Essay", scoreMaximum=7.5)
    text = window.text()
    assert text.count('scope="col"') == 3
    assert text.count('scope="row"') == len(window.one.users)
    assert "<caption" in text
    assert "of 7.5 points" in text


@pytest.mark.parametrize(
    "profile, body, says",
    [
        # What is stored and not published is not in the gradebook for people (S9).
        ("openedx", {"gradingProgress": "Pending"}, "Not published"),
        # A score that is not FullyGraded clears (S9).
        ("moodle", {"gradingProgress": "Pending"}, "Pending – /100"),
    ],
)
async def test_a_cell_shows_what_the_gradebook_has_not_only_what_was_sent(
    profile: str, body: dict[str, Any], says: str
) -> None:
    window = await look(profile)
    user = window.one.users[0]
    window.one.post(score(user, **body))
    assert says in words(window.cell(user))


async def test_every_profile_has_a_page() -> None:
    for profile in PROFILES:
        window = await look(profile)
        url = window.one.create(resourceId="essay").json()["id"]
        window.one.post(score(window.one.users[0]), url=url)
        assert html.escape(PROFILES[profile].basis) in window.text()


async def test_whatever_comes_from_outside_is_text() -> None:
    window = await look(people=[Person(EVIL, EVIL), Person("u", "\ud800")])
    one = window.one
    one.post(score(EVIL, comment=EVIL))
    one.post(score("nobody", comment=EVIL) | {EVIL: EVIL})
    one.create(label=EVIL, tag=EVIL)
    one.platform.override(1, "u", 3, comment=EVIL + "\ud800")
    one.platform.faults.add(Fault.answer(500, path=EVIL, reason=EVIL))
    one.ask("GET", one.item_url + "/" + EVIL)
    pages = ["", "/grade?" + urlencode({"item": 1, "user": EVIL}), "/grade?item=1&user=u", "/item?item=2"]
    pages += [f"/request?number={exchange.number}" for exchange in one.platform.requests]
    pages += ["?" + urlencode({"q": EVIL}), "/grade?item=1&user=" + EVIL]
    for path in pages:
        text = window.ask(path).body.decode()
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
    assert html.escape(EVIL) in window.text()


async def test_nothing_inline_could_run() -> None:
    window = await look()
    policy = window.ask().header("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    text = window.text()
    assert not re.search(r"\son\w+=|<style|style=|javascript:", text)
    assert re.findall(r'(?:src|href)="(?:https?:)?//', text) == []


async def test_a_teachers_grade_and_a_lock_are_marked() -> None:
    window = await look()
    user = window.one.users[0]
    window.one.post(score(user))
    window.one.platform.override(None, user, 3)
    window.one.platform.lock(None, user)
    assert "By hand Locked" in words(window.cell(user))
    assert "3 /100" in words(window.cell(user))
    window.one.platform.lock(None)
    assert "Locked" in words(window.text().split("<tbody>")[0])


@pytest.mark.parametrize("size", [0, 1, 501])
async def test_a_page_holds_500_people_and_leads_to_the_rest(size: int) -> None:
    window = await look(users=size)
    text = window.text()
    assert text.count('scope="row"') == min(size, 500)
    assert ("Next people (501–501 of 501)" in text) == (size == 501)
    assert ("Nobody is in this course" in text) == (size == 0)
    if size == 501:
        rest = window.text("?people=500")
        assert rest.count('scope="row"') == 1
        assert "Previous people" in rest


async def test_a_page_holds_20_columns_and_leads_to_the_rest() -> None:
    window = await look()
    for n in range(22):
        window.one.create(label=f"Item {n}")
    assert "Next columns (21–23 of 23)" in window.text()
    assert window.text("?items=20").count('scope="col"') == 4


async def test_people_are_found_by_name_and_by_id() -> None:
    window = await look(people=[Person("a1", "Ada"), Person("b2", "Björn")])
    assert window.text("?q=BJÖ").count('scope="row"') == 1
    assert window.text("?q=a1").count('scope="row"') == 1
    assert "Nobody is called “nobody”." in window.text("?q=nobody")


async def test_several_courses_are_led_to() -> None:
    window = await look()
    window.one.platform.add_course("Course two", people=[Person("z", "Zoe")])
    assert 'href="/gradebook?course=2"' in window.text()
    assert "Zoe" in window.text("?course=2")
    assert "Zoe" not in window.text()
    assert window.ask("?course=99&people=x&items=-1").status == 200


async def test_people_can_be_launched_where_the_tool_takes_launches() -> None:
    window = await look()
    assert "Launch" not in window.text()
    window.one.platform.launches.connect(login_url="https://tool.example/login", redirect_uri="https://tool.example/")
    (link,) = window.one.platform.course.links.values()
    url = window.one.platform.launches.url(window.one.users[0], link)
    assert f'href="{html.escape(url)}"' in window.text()
    assert 'aria-label="Launch as ' in window.text()


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_person_has_what_the_platform_tells_tools(profile: str) -> None:
    window = await look(profile, people=[Person("1", "Ada Abe"), Person("2", "Björn")])
    window.one.platform.course.people["2"].active = False
    window.one.create(resourceId="essay")
    window.one.platform.override(window.one.platform.line_items()[-1], "1", 7)
    shown = words(window.text("/person?course=1&user=1"))
    assert "User id 1 Role Learner Enrolled yes" in shown
    assert "Essay 7 of 10" in shown
    assert '"user_id": "1"' in shown
    assert "Enrolled no longer" in words(window.text("/person?course=1&user=2"))


async def test_a_person_who_cannot_be_launched_says_why() -> None:
    window = await look()
    url = f"/person?course=1&user={window.one.users[0]}"
    assert "--login-url" in words(window.text(url))
    window.one.platform.launches.connect(login_url="https://tool.example/login", redirect_uri="https://tool.example/")
    text = window.text(url)
    assert 'aria-label="Launch as ' in text and "--login-url" not in text


async def test_a_refused_score_stands_in_its_cell_until_one_is_taken() -> None:
    window = await look("moodle")
    first, second = window.one.users[:2]
    window.one.post(score(first))
    window.one.post(score(first))
    said = f"409 Refusing score with an earlier timestamp for item 1 and user {first}"
    assert said in words(window.cell(first))
    assert "Refused since 409" in words(window.text(f"/grade?item=1&user={first}"))
    assert "refusal" not in window.cell(second)
    window.one.post(score(first, timestamp=stamp(1)))
    assert "refusal" not in window.cell(first)


async def test_a_refused_score_is_known_from_before_the_page_was_open_and_forgotten_with_the_platform() -> None:
    one = tool()
    one.platform.lock(None, one.users[0])
    one.post(score(one.users[0]))
    window = Window(one, GradebookPage(one.platform))
    assert "Locked 403" in words(window.cell(one.users[0]))
    one.platform.reset()
    assert "refusal" not in window.cell(one.users[0])


async def test_a_result_that_is_not_what_the_gradebook_shows_stands_beside_it() -> None:
    window = await look(attrs.evolve(PROFILES["spec"], results_style="stamped", results_scaled=False, cap=True))
    first, second, third = window.one.users[:3]
    window.one.post(score(first, 8, 10))
    assert "result" not in words(window.cell(first))
    window.one.post(score(second, 12, 10))
    assert "100 /100" in words(window.cell(second))
    assert "sent 12/10, result 12/10" in words(window.cell(second))
    assert "The tool reads result 12/10" in words(window.text(f"/grade?item=1&user={second}"))
    window.one.platform.override(None, third, 7)
    assert "no result" in words(window.cell(third))


async def test_the_first_screen_says_what_can_be_switched() -> None:
    window = await look()
    assert f"{len(READY)} to switch on" in words(window.text())
    assert "Click a grade to set it by hand or lock it" in words(window.text())


# -- Requests ----------------------------------------------------------------------------------------------------------


async def test_a_request_says_who_and_why_in_the_platforms_own_words() -> None:
    window = await look("moodle")
    user = window.one.users[0]
    name = window.one.platform.course.people[user].name
    window.one.post(score(user))
    window.one.post(score(user))
    newest, older = re.findall(r'<li data-number="\d+" class="\w+">.*?</li>', window.text(), re.DOTALL)[:2]
    assert f"409 post score {name}" in words(newest)
    assert f"Refusing score with an earlier timestamp for item 1 and user {user}" in words(newest)
    assert "every change needs a later one" in words(newest)
    assert 'class="refused"' in newest and 'class="ok"' in older


async def test_S2_a_refusal_with_status_200_is_shown_as_one() -> None:
    window = await look("moodle")
    body = json.dumps(score("4711")).replace("}", ',"comment":"a"\n}').encode()
    assert window.one.post(body).status == 200
    assert 'class="refused"' in window.text()


async def test_a_refused_token_says_why() -> None:
    window = await look("canvas")
    assert window.one.grant(aud="https://elsewhere.example").status == 400
    assert "400 token" in words(window.text())
    assert "the 'aud' is invalid" in words(window.text())


async def test_a_lost_answer_says_that_the_work_was_done() -> None:
    window = await look()
    user = window.one.users[0]
    assert window.one.token
    window.one.platform.faults.add(Fault.drop(operation="post_score", applied=True))
    window.one.post(score(user))
    assert "no answer post score" in words(window.text())
    assert "Fault: drop – yet it was done" in words(window.text())
    assert "80 /100" in words(window.cell(user))


async def test_refused_requests_are_not_washed_away() -> None:
    window = await look()
    window.one.post(score("nobody"))
    for second in range(200):
        window.one.post(score(window.one.users[0], timestamp=stamp(second)))
    text = window.text()
    assert text.count("<li data-number") <= 4 * 50
    assert "nobody" in words(text)


async def test_a_request_can_be_read_without_its_token() -> None:
    window = await look()
    window.one.post(score("nobody", comment="ü"))
    number = window.one.platform.requests[-1].number
    text = window.text(f"/request?number={number}")
    assert window.one.token not in text
    assert "422 Unprocessable" in words(text)
    assert "&quot;userId&quot;: &quot;nobody&quot;" in text
    token = window.text(f"/request?number={number - 1}")
    assert "client_assertion" in token


# -- Panels and what a teacher does ------------------------------------------------------------------------------------


async def test_a_grade_by_hand_is_set_and_released() -> None:
    window = await look()
    user = window.one.users[0]
    window.one.post(score(user))
    answer = window.post("/override", item=1, user=user, points="7,5", comment=" by hand ")
    assert (answer.status, answer.header("Location")) == (303, f"/gradebook/grade?item=1&user={user}")
    result = window.one.platform.result(None, user)
    assert result is not None and (result["resultScore"], result["comment"]) == (7.5, "by hand")
    panel = window.text(f"/grade?item=1&user={user}")
    assert "teacher, by hand" in words(panel)
    assert "80 of 100" not in words(panel) and "8 of 10" in words(panel)
    assert window.post("/release", item=1, user=user).status == 303
    assert window.one.platform.grade(None, user).shown == 80


async def test_an_empty_field_takes_the_grade_away() -> None:
    window = await look()
    user = window.one.users[0]
    window.one.post(score(user))
    window.post("/override", item=1, user=user, points=" ", comment="")
    assert window.one.platform.result(None, user) is None
    assert "no grade" in words(window.text(f"/grade?item=1&user={user}"))


@pytest.mark.parametrize("points", ["seven", "nan", "1e999", "7 of 10", "--1"])
async def test_what_is_no_number_is_said_beside_the_field(points: str) -> None:
    window = await look()
    user = window.one.users[0]
    answer = window.post("/override", item=1, user=user, points=points)
    assert answer.status == 422
    assert f"“{points}” is no number" in html.unescape(answer.body.decode())
    assert 'aria-invalid="true"' in answer.body.decode()
    assert window.one.platform.grade(None, user).override is None


async def test_a_grade_and_a_column_are_locked_and_unlocked() -> None:
    window = await look()
    user, other = window.one.users[:2]
    window.post("/lock", item=1, user=user, locked=1)
    assert [window.one.post(score(one)).status for one in (user, other)] == [403, 204]
    window.post("/lock", item=1, user=user, locked="")
    assert window.one.post(score(user)).status == 204
    window.post("/lock", item=1, locked=1)
    assert window.one.post(score(user, timestamp=stamp(1))).status == 403
    assert "Unlock this column" in window.text("/item?item=1")
    window.post("/lock", item=1, locked="")
    assert window.one.post(score(user, timestamp=stamp(1))).status == 204


@pytest.mark.parametrize("name", READY)
async def test_a_ready_made_fault_is_switched_on_and_off(name: str) -> None:
    window = await look()
    assert window.text().count('aria-checked="false"') == len(READY)
    assert window.post("/fault", fault=name, on=1).status == 303
    assert [active.fault for active in window.one.platform.faults] == [READY[name][2]]
    window.post("/fault", fault=name, on=1)
    assert window.text().count('aria-checked="true"') == 1
    assert "1 on" in words(window.text())
    window.post("/fault", fault=name, on="")
    assert list(window.one.platform.faults) == []


async def test_other_faults_are_listed_and_removed() -> None:
    window = await look()
    number = window.one.platform.faults.add(Fault.answer(418, operation="token", times=3))
    assert "effect status, operation token, times 3, status 418" in words(window.text())
    assert window.post("/fault", number=number, on="").status == 303
    assert window.post("/fault", number=number, on="").status == 404
    assert list(window.one.platform.faults) == []


async def test_a_script_gets_no_page_after_a_change() -> None:
    window = await look()
    form = urlencode({"fault": "slow", "on": "1"})
    answer = window.ask("/fault", "POST", form, Origin=ORIGIN, Accept="application/json")
    assert (answer.status, answer.body) == (204, b"")


async def test_a_line_items_panel_sums_it_up() -> None:
    window = await look()
    for user, points in zip(window.one.users, (1, 2), strict=False):
        window.one.post(score(user, points))
    text = words(window.text("/item?item=1"))
    assert "Graded 2 of 5" in text
    assert "Mean 15" in text
    assert "resource link 1" in text


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/files/nothing",
        "/files/../page.py",
        "/grade?item=9&user=user-0001",
        "/grade?item=1&user=nobody",
        "/grade",
        "/item?item=x",
        "/person?course=1&user=nobody",
        "/person?course=9&user=user-0001",
        "/person",
        "/request?number=99",
        "/request",
    ],
)
async def test_what_is_not_there_is_a_404_page(path: str) -> None:
    window = await look()
    answer = window.ask(path)
    assert answer.status == 404
    assert b"Not possible" in answer.body


async def test_a_line_item_that_was_deleted_meanwhile_is_a_404_page() -> None:
    window = await look()
    window.one.delete(window.one.item_url)
    assert window.post("/override", item=1, user=window.one.users[0], points=1).status == 404


# -- Whom it answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost:1", "emulator.localhost", "[::1]:80", "192.0.2.7", "lms.example"]
)
async def test_addresses_and_the_base_urls_name_are_answered(host: str) -> None:
    window = await look()
    assert window.ask(Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[", "localhost.evil"]
)
async def test_dns_rebinding_another_name_gets_nothing(host: str) -> None:
    window = await look()
    answer = window.ask(Host=host)
    assert answer.status == 421
    assert window.one.users[0].encode() not in answer.body
    assert not window.page.is_stream(Asked(Request("GET", f"{ORIGIN}/gradebook/events", (("Host", host),))))


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", "http://127.0.0.1:9999", "https://evil.example:8080", ORIGIN + ".evil"],
)
async def test_csrf_a_form_of_another_page_changes_nothing(origin: str) -> None:
    window = await look()
    answer = window.post("/override", origin=origin, item=1, user=window.one.users[0], points=1)
    assert answer.status == 403
    assert window.one.platform.grade(None, window.one.users[0]).override is None


async def test_nothing_else_is_possible() -> None:
    window = await look()
    assert window.ask("", "PUT").status == 405
    assert window.post("/nothing").status == 404
    assert window.post("", item=1).status == 404
    assert window.ask("/fault", "POST", "x" * 200_000, Origin=ORIGIN).status == 413
    assert window.page.answer(Asked(Request("GET", f"{ORIGIN}/gradebooks"))) is None


# -- Over a socket: without --page nothing is there, and what happens is told ------------------------------------------


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serve(Platform.create(clock=ManualClock(START)), page=True) as running:
        assert running.page is not None
        # Told at the next turn of the loop: tests wait for messages, not for time.
        running.page.live.delay = 0
        yield running


async def test_without_page_there_is_none() -> None:
    async with serve(Platform.create()) as plain, aiohttp.ClientSession(plain.url) as session:
        assert plain.page_url is None
        async with session.get("/gradebook") as answer:
            assert answer.status == 404
        assert plain.platform.counts["unknown"] == 1


async def test_the_page_is_served_and_not_recorded(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(str(server.page_url)) as answer:
            assert answer.status == 200
            named = set(re.findall(r'"(/gradebook/files/[^"]+)"', await answer.text()))
        assert {name.rpartition("/")[2] for name in named} == set(FILES)
        for path in named:
            async with session.get(f"{server.url}{path}") as answer:
                assert answer.status == 200
                assert await answer.read()
        async with session.get(str(server.page_url), headers={"Host": "evil.example"}) as answer:
            assert answer.status == 421
    assert len(server.platform.requests) == 0


@attrs.define
class Events:
    """
    An open connection for server-sent events.
    """

    answer: aiohttp.ClientResponse

    async def next(self) -> tuple[str, str]:
        """
        Return the next event: its name, ``message`` unless it has one, and its data.
        """
        name, data = "message", ""
        while line := (await self.answer.content.readline()).decode().rstrip("\n"):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
        return name, data

    async def message(self) -> Any:
        """
        Return the next message, parsed.
        """
        name, data = await self.next()
        assert name == "message"
        return json.loads(data)


@pytest.fixture
async def events(server: Server) -> AsyncIterator[Events]:
    async with aiohttp.ClientSession(read_bufsize=2**22) as session, session.get(f"{server.page_url}/events") as answer:
        assert answer.content_type == "text/event-stream"
        stream = Events(answer)
        assert await stream.next() == ("hello", server.page.live.version if server.page else "")
        yield stream


async def test_a_score_is_told_with_its_cell_and_its_request(server: Server, events: Events) -> None:
    one = RawTool(server.platform)
    one.post(score(one.users[0], comment=EVIL))
    message = await events.message()
    assert list(message["cells"]) == [f"1:{one.users[0]}"]
    assert "80" in words(message["cells"][f"1:{one.users[0]}"])
    assert "<script" not in json.dumps(message)
    assert ["token" in entry or "post score" in entry for entry in message["requests"]] == [True, True]
    assert message["total"] == 2
    assert message["again"] is False


async def test_a_score_that_is_refused_is_told_as_well(server: Server, events: Events) -> None:
    one = RawTool(server.platform)
    one.post(score("nobody"))
    message = await events.message()
    assert message["cells"] == {}
    assert "nobody" in message["requests"][-1]


async def test_changes_by_control_and_by_python_are_told(server: Server, events: Events) -> None:
    user = server.platform.users()[0]
    async with (
        aiohttp.ClientSession(server.url) as session,
        session.post("/control/override", json={"user_id": user, "points": 3}) as answer,
    ):
        assert answer.status == 200
    assert "3" in words((await events.message())["cells"][f"1:{user}"])
    server.platform.override(None, user, 4)
    assert "4" in words((await events.message())["cells"][f"1:{user}"])
    async with (
        aiohttp.ClientSession(server.url) as session,
        session.post("/control/faults", json={"effect": "drop"}) as answer,
    ):
        assert answer.status == 200
    message = await events.message()
    assert "effect drop" in words(message["faults"])
    assert message["again"] is False


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.create(),
        lambda one: one.put(one.item_url, label="Renamed", scoreMaximum=1),
        lambda one: one.delete(one.item_url),
        lambda one: one.platform.lock(None),
        lambda one: one.platform.reset(),
    ],
)
async def test_what_changes_the_table_itself_lets_it_be_fetched_again(
    server: Server, events: Events, change: Any
) -> None:
    change(RawTool(server.platform))
    assert (await events.message())["again"] is True


async def test_many_changes_are_one_bounded_message(server: Server, events: Events) -> None:
    one = RawTool(server.platform)
    for second in range(1000):
        one.post(score(one.users[second % 5], timestamp=stamp(second)))
    message = await events.message()
    assert len(message["cells"]) == 5
    assert len(message["requests"]) == 50
    assert message["total"] == 1001
    for n in range(MOST_CELLS + 1):
        server.platform.override(None, f"made-up-{n}", n)
    message = await events.message()
    assert (message["cells"], message["again"]) == ({}, True)


async def test_the_version_moves_while_nobody_looks(server: Server) -> None:
    assert server.page is not None
    before = server.page.live.version
    server.platform.override(None, server.platform.users()[0], 1)
    assert server.page.live.version != before
    async with aiohttp.ClientSession() as session, session.get(str(server.page_url)) as answer:
        assert f'data-version="{server.page.live.version}"' in await answer.text()


async def test_a_listener_that_does_not_read_is_cut_off(server: Server) -> None:
    assert server.page is not None
    live = server.page.live
    slow = socket.socket()
    slow.setblocking(False)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(slow, ("127.0.0.1", server.port))
    request = f"GET /gradebook/events HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    await loop.sock_sendall(slow, request.encode())
    assert await loop.sock_recv(slow, 4096)
    (listener,) = live.listeners
    assert listener.waiting.maxsize == ROOM
    told = 0
    while live.listeners and told < 10_000:
        # Far more than the system's buffers hold.
        for n in range(MOST_CELLS):
            server.platform.override(None, f"made-up-{n}", told, comment="x" * 200)
        live.tell()
        told += 1
        await asyncio.sleep(0)
    assert 1 < told < 10_000
    assert live.listeners == []
    for _ in range(1000):
        await asyncio.sleep(0)
        if listener.gone():
            break
    # Nobody waits for it to read on.
    assert listener.gone()
    slow.close()


async def test_windows_are_bounded_and_closed_ones_make_room(server: Server) -> None:
    assert server.page is not None
    url = f"{server.page_url}/events"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        answers = [await session.get(url) for _ in range(MOST_LISTENERS)]
        async with session.get(url) as refused:
            assert refused.status == 503
        for answer in answers:
            answer.close()
        for _ in range(10_000):
            await asyncio.sleep(0)
            if all(listener.gone() for listener in server.page.live.listeners):
                break
        async with session.get(url) as welcome:
            assert welcome.status == 200


async def test_an_idle_connection_is_kept_alive(server: Server) -> None:
    assert server.page is not None
    server.page.live.keep_alive = 0
    async with aiohttp.ClientSession() as session, session.get(f"{server.page_url}/events") as answer:
        while (await answer.content.readline()) != b": still here\n":
            pass


async def test_the_end_of_the_server_ends_the_connections() -> None:
    async with aiohttp.ClientSession() as session:
        async with serve(Platform.create(), page=True) as server:
            answer = await session.get(f"{server.page_url}/events")
            assert await answer.content.readline()
        with pytest.raises(aiohttp.ClientError):
            await answer.content.read()
        answer.close()
    assert server.page is not None
    assert server.page.live.listeners == []


async def test_a_switch_by_hand_in_python_is_told(server: Server, events: Events) -> None:
    switch(server.platform, "lost", on=True)
    server.platform.touch()
    assert "1 on" in words((await events.message())["faults"])


async def test_the_command_prints_where_the_page_is() -> None:
    async with command("--page", "--profile", "moodle") as (_, shown), aiohttp.ClientSession() as session:
        assert shown["page_url"].startswith(shown["issuer"])
        async with session.get(shown["page_url"]) as answer:
            assert answer.status == 200
            assert "Moodle 4.5.6" in await answer.text()


async def test_without_page_the_command_prints_no_address() -> None:
    async with command() as (_, shown):
        assert "page_url" not in shown
