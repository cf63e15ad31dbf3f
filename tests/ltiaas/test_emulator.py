"""
The LTIAAS emulator, asked by hand: it answers as the vendor's documents have it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from joserfc import jwt

from aioags import Client, LineItem, Score
from aioags.emulator import Answer, Fault, ManualClock, Platform
from aioags.emulator.ltiaas import Gateway, Launch, serve
from aioags.emulator.ltiaas.cli import parse
from aioags.protocol.messages import Request

USER = "user-0001"
DL = "https://purl.imsglobal.org/spec/lti-dl/claim/"
SCORE = {
    "userId": USER,
    "activityProgress": "Completed",
    "gradingProgress": "FullyGraded",
    "scoreGiven": 8,
    "scoreMaximum": 10,
}


class Tool:
    """
    A tool on LTIAAS, written by hand.
    """

    def __init__(self, profile: str = "spec", **gateway: Any) -> None:
        self.clock = ManualClock()
        self.platform = Platform.create(profile, clock=self.clock)
        self.gateway = Gateway.create(self.platform, **gateway)
        self.launch = self.gateway.launch(self.platform.users()[0])

    @property
    def item(self) -> str:
        return str(self.platform.endpoint_claim()["lineitem"])

    def ask(self, method: str, path: str, body: Any = None, *, auth: str | None = None) -> Answer:
        header = auth or f"LTIK-AUTH-V2 {self.gateway.api_key}:{self.launch.ltik}"
        headers = [("Authorization", header), ("Content-Type", "application/json")]
        data = None if body is None else json.dumps(body).encode()
        return self.gateway.answer(Request(method, self.gateway.base_url + path, tuple(headers), data))

    def by_service_key(self, method: str, path: str, body: Any = None, *, launch: Launch | None = None) -> Answer:
        key = (launch or self.launch).service_key
        return self.ask(method, path, body, auth=f"SERVICE-AUTH-V1 {self.gateway.api_key}:{key}")

    def of(self, launch: Launch, method: str, path: str, body: Any = None) -> Answer:
        return self.ask(method, path, body, auth=f"LTIK-AUTH-V2 {self.gateway.api_key}:{launch.ltik}")

    def item_path(self, rest: str = "") -> str:
        return f"/api/lineitems/{quote(self.item, safe='')}{rest}"


@pytest.fixture
def tool() -> Tool:
    return Tool()


def test_a_wrong_key_is_refused_in_the_documented_shape(tool: Tool) -> None:
    answer = tool.ask("GET", "/api/lineitems", auth=f"LTIK-AUTH-V2 wrong:{tool.launch.ltik}")
    assert answer.status == 401
    assert answer.json()["status"] == 401
    assert answer.json()["error"] == "Unauthorized"
    assert answer.json()["details"]["message"] == "INVALID_LTIK_AUTH_AUTHORIZATION_HEADER"


@pytest.mark.parametrize("scheme", ["Bearer", "LTIK-AUTH-V1", "", "ltik-auth-v2"])
def test_other_schemes_are_none(tool: Tool, scheme: str) -> None:
    auth = f"{scheme} {tool.gateway.api_key}:{tool.launch.ltik}"
    assert tool.ask("GET", "/api/lineitems", auth=auth).status == 401


def test_the_two_kinds_of_key_are_not_to_be_mixed_up(tool: Tool) -> None:
    api_key = tool.gateway.api_key
    for auth in (f"SERVICE-AUTH-V1 {api_key}:{tool.launch.ltik}", f"LTIK-AUTH-V2 {api_key}:{tool.launch.service_key}"):
        assert tool.ask("GET", "/api/lineitems", auth=auth).status == 401


def test_an_ltik_lives_24_hours_and_a_service_key_for_ever(tool: Tool) -> None:
    tool.clock.advance(24 * 3600 - 1)
    assert tool.ask("GET", "/api/lineitems").status == 200
    tool.clock.advance(1)
    assert tool.ask("GET", "/api/lineitems").status == 401
    tool.clock.advance(365 * 24 * 3600)
    assert tool.by_service_key("GET", "/api/lineitems").status == 200


@pytest.mark.parametrize("path", ["/api/idtoken", "/api/deeplinking", "/api/deeplinking/form"])
def test_some_calls_take_an_ltik_only(tool: Tool, path: str) -> None:
    method = "GET" if path == "/api/idtoken" else "POST"
    assert tool.by_service_key(method, path, {"contentItems": []}).status == 401


def test_the_idtoken_has_the_documented_parts(tool: Tool) -> None:
    idtoken = tool.ask("GET", "/api/idtoken").json()
    assert idtoken["ltiVersion"] == "1.3.0"
    assert (idtoken["user"]["id"], idtoken["launch"]["type"]) == (USER, "LtiResourceLinkRequest")
    assert {"id", "url", "clientId", "deploymentId"} <= set(idtoken["platform"])
    assert {"context", "resourceLink", "custom"} <= set(idtoken["launch"])
    services = idtoken["services"]
    assert services["assignmentAndGrades"]["available"] is True
    assert services["assignmentAndGrades"]["lineItemId"] == tool.item
    assert services["serviceKey"] == tool.launch.service_key


@pytest.mark.parametrize("path", ["/api/idtoken?raw=true", "/api/idtoken?raw=True", "//api/idtoken?raw=true"])
def test_the_raw_idtoken_is_the_lmss_own(tool: Tool, path: str) -> None:
    claims = tool.ask("GET", path).json()
    assert (claims["sub"], claims["iss"]) == (USER, "https://lms.example")


def test_a_base_url_with_a_slash_at_its_end_is_forgiven(tool: Tool) -> None:
    assert tool.ask("GET", "//api/lineitems").json() == tool.ask("GET", "/api/lineitems").json()
    assert tool.ask("GET", "/" + tool.item_path()).json()["id"] == tool.item
    assert tool.ask("GET", "//elsewhere").status == 404


def test_a_launch_of_lti_1_1_has_no_services(tool: Tool) -> None:
    launch = tool.gateway.launch(USER, lti_version="1.2.0")
    idtoken = tool.of(launch, "GET", "/api/idtoken").json()
    assert idtoken["services"]["assignmentAndGrades"] == {"available": False}
    assert "serviceKey" not in idtoken["services"]
    answer = tool.of(launch, "GET", "/api/lineitems")
    assert (answer.status, answer.json()["details"]["message"]) == (403, "SERVICE_NOT_AVAILABLE_FOR_CONTEXT")


def test_line_items_come_in_an_object_and_pages_as_urls_of_the_lms(tool: Tool) -> None:
    for number in range(3):
        tool.platform.add_line_item(f"Quiz {number}", 10, resource_id="r")
    first = tool.ask("GET", "/api/lineitems?resourceId=r&limit=2").json()
    assert [item["label"] for item in first["lineItems"]] == ["Quiz 0", "Quiz 1"]
    assert first["next"].startswith("https://lms.example/")
    last = tool.ask("GET", f"/api/lineitems?url={quote(first['next'], safe='')}&resourceId=ignored").json()
    assert [item["label"] for item in last["lineItems"]] == ["Quiz 2"]
    assert "next" not in last


def test_a_page_url_that_is_encoded_twice_or_of_another_host_is_refused(tool: Tool) -> None:
    url = f"{tool.platform.endpoint_claim()['lineitems']}?cursor=x"
    twice = quote(quote(url, safe=""), safe="")
    elsewhere = quote("https://elsewhere.example/lineitems", safe="")
    for text in (twice, elsewhere):
        answer = tool.ask("GET", f"/api/lineitems?url={text}")
        assert (answer.status, list(answer.json()["details"])) == (400, ["errors"])


def test_a_line_item_is_one_encoded_segment(tool: Tool) -> None:
    assert tool.ask("GET", tool.item_path()).json()["id"] == tool.item
    assert tool.ask("GET", f"/api/lineitems/{tool.item}").status == 404
    assert tool.ask("GET", f"/api/lineitems/{quote(quote(tool.item, safe=''), safe='')}").status == 400


def test_the_life_of_a_line_item_has_the_documented_statuses(tool: Tool) -> None:
    made = tool.ask("POST", "/api/lineitems", {"label": "Quiz", "scoreMaximum": 10})
    assert made.status == 201
    path = f"/api/lineitems/{quote(made.json()['id'], safe='')}"
    changed = tool.ask("PUT", path, {"label": "Quiz 2", "scoreMaximum": 20})
    assert (changed.status, changed.json()["label"]) == (201, "Quiz 2")
    deleted = tool.ask("DELETE", path)
    assert (deleted.status, deleted.body) == (204, b"")
    assert tool.ask("GET", path).status == 404


@pytest.mark.parametrize("body", [{"label": "Quiz"}, {"scoreMaximum": 10}, {}, [], {"label": None, "scoreMaximum": 10}])
def test_a_line_item_needs_label_and_maximum(tool: Tool, body: Any) -> None:
    answer = tool.ask("POST", "/api/lineitems", body)
    assert (answer.status, answer.json()["error"]) == (400, "Bad Request")


def test_a_score_is_accepted_without_a_body_and_stamped_by_ltiaas(tool: Tool) -> None:
    answer = tool.by_service_key("POST", tool.item_path("/scores"), SCORE | {"timestamp": "1999-01-01T00:00:00.0Z"})
    assert (answer.status, answer.body) == (204, b"")
    recorded = tool.platform.score(None, USER)
    assert recorded is not None
    assert recorded["timestamp"] == "2026-01-01T09:00:00.000Z"


def test_or_with_the_tools_own_stamp_since_nobody_knows() -> None:
    tool = Tool(stamps="tool")
    tool.ask("POST", tool.item_path("/scores"), SCORE | {"timestamp": "1999-01-01T00:00:00.0Z"})
    recorded = tool.platform.score(None, USER)
    assert recorded is not None
    assert recorded["timestamp"] == "1999-01-01T00:00:00.0Z"


@pytest.mark.parametrize(
    "change",
    [{"userId": None}, {"activityProgress": "Initiated"}, {"gradingProgress": "Done"}, {"scoreMaximum": None}],
)
def test_a_score_that_breaks_the_reference_is_refused_with_a_list(tool: Tool, change: dict[str, Any]) -> None:
    answer = tool.ask("POST", tool.item_path("/scores"), SCORE | change)
    assert answer.status == 400
    assert len(answer.json()["details"]["errors"]) == 1
    assert tool.platform.score(None, USER) is None


def test_results_are_called_scores(tool: Tool) -> None:
    tool.ask("POST", tool.item_path("/scores"), SCORE)
    answer = tool.ask("GET", tool.item_path(f"/scores?userId={USER}"))
    assert [(one["userId"], one["resultScore"]) for one in answer.json()["scores"]] == [(USER, 80)]
    assert tool.ask("GET", tool.item_path("/scores?userId=nobody")).json() == {"scores": []}


def test_members_have_keys_in_camel_case_and_pages(tool: Tool) -> None:
    first = tool.by_service_key("GET", "/api/memberships?role=Learner&limit=2").json()
    assert [member["userId"] for member in first["members"]] == ["user-0001", "user-0002"]
    assert {"id", "context", "next"} <= set(first)
    second = tool.by_service_key("GET", f"/api/memberships?url={quote(first['next'], safe='')}").json()
    assert [member["userId"] for member in second["members"]] == ["user-0003", "user-0004"]


def test_what_the_lms_refuses_is_passed_on_with_its_status_and_both_bodies(tool: Tool) -> None:
    answer = tool.ask("POST", tool.item_path("/scores"), SCORE | {"userId": "nobody"})
    details = answer.json()["details"]
    assert answer.status == 422
    assert details["bodySent"]["userId"] == "nobody"
    assert details["bodyReceived"]["field"] == "userId"
    assert (details["externalError"], details["externalUrl"]) == (True, tool.item + "/scores")


def test_an_lms_that_does_not_answer_is_a_502(tool: Tool) -> None:
    tool.ask("GET", "/api/lineitems")
    tool.platform.faults.add(Fault.drop(operation="post_score"))
    answer = tool.ask("POST", tool.item_path("/scores"), SCORE)
    assert (answer.status, answer.json()["details"]["externalError"]) == (502, True)


def test_a_token_that_went_bad_is_renewed_by_ltiaas_itself(tool: Tool) -> None:
    assert tool.ask("GET", "/api/lineitems").status == 200
    tool.platform.tokens.revoke()
    assert tool.ask("GET", "/api/lineitems").status == 200
    assert tool.platform.counts["token"] == 2


def test_one_token_serves_until_it_expires(tool: Tool) -> None:
    for _ in range(3):
        tool.ask("GET", "/api/lineitems")
    assert tool.platform.counts["token"] == 1
    tool.clock.advance(3600)
    tool.ask("GET", "/api/lineitems")
    assert tool.platform.counts["token"] == 2


def test_a_platform_that_is_switched_off_is_said_to_be(tool: Tool) -> None:
    tool.gateway.active = False
    answer = tool.ask("GET", "/api/lineitems")
    assert answer.json()["details"]["message"] == "UNREGISTERED_OR_INACTIVE_PLATFORM"


def test_an_unknown_path_is_not_found(tool: Tool) -> None:
    assert tool.ask("GET", "/api/nothing").status == 404
    assert tool.ask("PATCH", "/api/lineitems").status == 404


def test_deep_linking_is_for_launches_that_ask_for_it(tool: Tool) -> None:
    answer = tool.ask("POST", "/api/deeplinking", {"contentItems": []})
    assert (answer.status, answer.json()["details"]["message"]) == (403, "SERVICE_NOT_AVAILABLE_FOR_CONTEXT")


def test_a_deep_linking_message_is_signed_with_the_key_that_the_platform_trusts(tool: Tool) -> None:
    launch = tool.gateway.launch(USER, deep_linking=True)
    items = [{"type": "ltiResourceLink", "title": "Quiz two", "lineItem": {"scoreMaximum": 5}}]
    parts = tool.of(launch, "POST", "/api/deeplinking", {"contentItems": items, "options": {"message": "Done"}}).json()
    assert tool.platform.tool.key_set is not None
    claims = jwt.decode(parts["message"], tool.platform.tool.key_set).claims
    assert (claims[f"{DL}content_items"], claims[f"{DL}msg"]) == (items, "Done")
    form = tool.of(launch, "POST", "/api/deeplinking/form", {"contentItems": items}).json()["form"]
    assert f'action="{parts["target"]}"' in form


def test_the_platform_takes_the_deep_linking_message(tool: Tool) -> None:
    launch = tool.gateway.launch(USER, deep_linking=True)
    items = [{"type": "ltiResourceLink", "title": "Quiz two", "lineItem": {"scoreMaximum": 5}}]
    parts = tool.of(launch, "POST", "/api/deeplinking", {"contentItems": items}).json()
    posted = tool.platform.answer_aside(
        Request("POST", parts["target"], (), urlencode({"JWT": parts["message"]}).encode())
    )
    assert posted is not None
    assert posted.status == 200
    assert "Quiz two" in [item["label"] for item in tool.platform.line_items()]


def test_only_members_of_the_course_launch(tool: Tool) -> None:
    with pytest.raises(LookupError, match="nobody"):
        tool.gateway.launch("nobody")


def test_its_repr_tells_no_key(tool: Tool) -> None:
    shown = f"{tool.gateway!r} {tool.launch!r}"
    keys = (tool.gateway.api_key, tool.launch.ltik, tool.launch.service_key)
    assert [key for key in keys if key in shown] == []


@pytest.mark.usefixtures("both_transports")
async def test_the_whole_way_over_sockets() -> None:
    tool = Tool("moodle")
    async with serve(tool.gateway) as server, Client() as ags:
        account = ags.ltiaas(server.url, tool.gateway.api_key)
        idtoken = await account.idtoken(ltik=tool.launch.ltik)
        gradebook = account.gradebook(ltik=tool.launch.ltik, idtoken=idtoken)
        quiz = await gradebook.create_line_item(LineItem("Quiz & Co?", 20, resource_id="a/b=c"))
        scores = [Score.graded(user, 5, score_maximum=20) for user in tool.platform.users()]
        report = await gradebook.post_scores(scores, line_item=quiz)
        assert report.ok
        assert [item.id async for item in gradebook.line_items(resource_id="a/b=c")] == [quiz.id]
        assert {result.fraction async for result in gradebook.results(line_item=quiz)} == {0.25}
        assert len([member async for member in account.memberships(service_key=tool.launch.service_key)]) == 5
    assert quiz.id is not None
    assert "?type_id=" in quiz.id


@pytest.mark.usefixtures("both_transports")
async def test_a_slow_lms_makes_a_slow_answer() -> None:
    tool = Tool()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    tool.platform.faults.add(Fault.latency(2.5, operation="list_line_items", applied=True))
    async with serve(tool.gateway, sleep=sleep) as server, Client() as ags:
        gradebook = ags.ltiaas(server.url, tool.gateway.api_key).gradebook(ltik=tool.launch.ltik)
        assert len([item async for item in gradebook.line_items()]) == 1
    assert waits == [2.5]


async def test_the_command_prints_what_a_tool_needs_and_serves() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aioags.emulator.ltiaas", "--profile", "canvas", "--users", "2"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines: list[bytes] = []
    while not lines or lines[-1] != b"}\n":
        lines.append(await process.stdout.readline())
    told = json.loads(b"".join(lines))
    header = {"Authorization": f"LTIK-AUTH-V2 {told['api_key']}:{told['ltik']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{told['base_url']}/api/idtoken", headers=header) as answer,
    ):
        assert (await answer.json())["user"]["id"] == told["user"]
    process.terminate()
    assert await process.wait() == 0


@pytest.mark.parametrize(
    "arguments", [["--port", "70000"], ["--port", "x"], ["--users", "0"], ["--profile", "nothing"]]
)
def test_a_wrong_option_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments)
    assert caught.value.code == 2
    assert repr(arguments[1]) in capsys.readouterr().err
