"""
`Client.service`: a platform's other services, with our tokens, pacing, retries and errors.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from aioags import (
    BrokenError,
    Client,
    LostAnswerError,
    MalformedError,
    NotFoundError,
    PlatformService,
    RefusedError,
    RequestEvent,
    Scope,
    UntrustedURLError,
)
from aioags.protocol.messages import Request
from tests.fakes import HOST, PaperPlatform, answer, endpoint, header, registration, sent_json
from tests.rigs.listening import keeping

GROUPS = f"{HOST}/api/groups?course=7&x=%2C"
GROUP_SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
GROUP_TYPE = "application/vnd.ims.lti-gs.v1.contextgroupcontainer+json"
NOTICE_SCOPE = "https://purl.imsglobal.org/spec/lti/scope/noticehandlers"


def groups(platform: PaperPlatform, url: str = GROUPS, **settings: Any) -> PlatformService:
    """
    Return the groups service of a platform on paper.
    """
    return platform.client(**settings).service(registration(), url, scopes=[GROUP_SCOPE])


def asked_scopes(token_request: Request) -> list[str]:
    """
    Return the scopes that a token request asks for.
    """
    return parse_qs((token_request.body or b"").decode())["scope"][0].split()


def lost() -> LostAnswerError:
    """
    Return the error of a request that left and was not answered.
    """
    return LostAnswerError("no whole answer", recorded=None, transient=True)


# --- one request ---------------------------------------------------------------------------------------------------


async def test_a_get_goes_to_the_url_as_given_and_returns_its_json() -> None:
    platform = PaperPlatform([answer(200, {"groups": [{"id": "g1", "name": "Red"}]})])
    service = groups(platform)
    assert await service.request("GET", accept=GROUP_TYPE) == {"groups": [{"id": "g1", "name": "Red"}]}
    (request,) = platform.sent
    assert (request.method, request.url, request.body) == ("GET", GROUPS, None)
    assert header(request, "Accept") == [GROUP_TYPE]
    assert header(request, "Content-Type") == []
    assert header(request, "Authorization") == ["Bearer token-1"]
    assert service.url == GROUPS


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_is_sent_is_json(method: str) -> None:
    platform = PaperPlatform([answer(200, {"handler": "https://tool.example/notice"})])
    body = {"handler": "https://tool.example/ü"}
    assert await groups(platform).request(method, json=body) == {"handler": "https://tool.example/notice"}
    (request,) = platform.sent
    assert request.method == method
    assert sent_json(request) == body
    assert header(request, "Content-Type") == ["application/json"]
    assert header(request, "Accept") == ["application/json"]


@pytest.mark.parametrize("json", [0, False, "", [], {}])
async def test_what_is_empty_is_sent_all_the_same(json: Any) -> None:
    platform = PaperPlatform([answer(204)])
    await groups(platform).request("PUT", json=json)
    assert sent_json(platform.sent[0]) == json


@pytest.mark.parametrize("body", [b"", b" \r\n"])
async def test_an_empty_body_is_none(body: bytes) -> None:
    assert await groups(PaperPlatform([answer(204, body)])).request("DELETE") is None


async def test_another_url_of_the_same_origin_may_be_asked() -> None:
    platform = PaperPlatform([answer(200, {}), answer(200, {})])
    service = groups(platform)
    await service.request("GET", f"{HOST}/api/groups/7")
    await service.request("GET", "https://LMS.example:443/api/groups/8")
    assert [request.url for request in platform.sent] == [
        f"{HOST}/api/groups/7",
        "https://LMS.example:443/api/groups/8",
    ]


# --- tokens --------------------------------------------------------------------------------------------------------


async def test_the_token_is_asked_for_with_exactly_these_scopes() -> None:
    platform = PaperPlatform([answer(200, {})])
    await platform.client().service(registration(), GROUPS, scopes=iter([NOTICE_SCOPE, GROUP_SCOPE])).request("GET")
    (request,) = platform.token_requests
    assert sorted(asked_scopes(request)) == sorted([GROUP_SCOPE, NOTICE_SCOPE])


async def test_the_tokens_are_the_clients() -> None:
    platform = PaperPlatform([answer(200, {}), answer(200, {}), answer(200, [])])
    ags = platform.client()
    for _ in range(2):
        await ags.service(registration(), GROUPS, scopes=[GROUP_SCOPE]).request("GET")
    assert len(platform.token_requests) == 1
    # A gradebook's token does not allow groups, nor the other way round.
    assert [item async for item in ags.gradebook(registration(), endpoint()).line_items()] == []
    assert len(platform.token_requests) == 2
    assert [header(request, "Authorization") for request in platform.sent] == [
        ["Bearer token-1"],
        ["Bearer token-1"],
        ["Bearer token-2"],
    ]


async def test_a_token_that_the_gradebook_got_serves_where_it_suffices() -> None:
    platform = PaperPlatform([answer(200, []), answer(200, {})])
    ags = platform.client()
    assert [item async for item in ags.gradebook(registration(), endpoint()).line_items()] == []
    await ags.service(registration(), GROUPS, scopes=[Scope.RESULT_READONLY]).request("GET")
    assert len(platform.token_requests) == 1


async def test_a_dead_token_is_renewed_once() -> None:
    platform = PaperPlatform([answer(401), answer(200, {"groups": []})])
    assert await groups(platform).request("GET") == {"groups": []}
    assert [header(request, "Authorization") for request in platform.sent] == [["Bearer token-1"], ["Bearer token-2"]]


# --- where the token does not go -----------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/api/groups",
    "http://other.example/api/groups",
    "https://lms.example:8443/api/groups",
    "//evil.example/",
    "/api/groups",
    "https://user@lms.example/",
]


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_origin_is_refused_before_anything_is_sent(method: str, url: str) -> None:
    platform = PaperPlatform()
    service = groups(platform)
    with pytest.raises(UntrustedURLError) as caught:
        await service.request(method, url, json=None)
    assert caught.value.recorded is False
    with pytest.raises(UntrustedURLError):
        await anext(service.pages(url))
    assert platform.sent == platform.token_requests == []


@pytest.mark.parametrize(
    "url",
    ["http://other.example/groups", "ftp://lms.example/", "groups", "https://user:hunter2@lms.example/", "https://[x"],
)
def test_a_service_whose_url_may_carry_no_token_cannot_be_had(url: str) -> None:
    with pytest.raises(UntrustedURLError) as caught:
        groups(PaperPlatform(), url)
    assert "hunter2" not in str(caught.value)


def test_http_to_this_machine_is_for_development() -> None:
    assert groups(PaperPlatform(), "http://127.0.0.1:8080/groups").url == "http://127.0.0.1:8080/groups"


async def test_a_redirect_takes_the_token_nowhere_else() -> None:
    platform = PaperPlatform([answer(307, b"", ("Location", "https://evil.example/"))])
    with pytest.raises(UntrustedURLError):
        await groups(platform).request("GET")
    assert len(platform.sent) == 1


# --- what is repeated ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_is_the_same_twice_is_repeated_after_a_lost_answer(method: str) -> None:
    platform = PaperPlatform([lost(), answer(502), answer(200, {"done": True})])
    assert await groups(platform).request(method) == {"done": True}
    assert len(platform.sent) == 3
    assert len(platform.time.slept) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_post_is_not_repeated_after_a_lost_answer(method: str) -> None:
    platform = PaperPlatform([lost()])
    with pytest.raises(LostAnswerError) as caught:
        await groups(platform).request(method, json={})
    assert caught.value.recorded is None
    assert len(platform.sent) == 1
    platform = PaperPlatform([answer(500)])
    with pytest.raises(BrokenError) as broken:
        await groups(platform).request(method, json={})
    assert broken.value.recorded is None


async def test_a_post_that_was_throttled_is_sent_again() -> None:
    platform = PaperPlatform([answer(429, b"", ("Retry-After", "7")), answer(201, {"id": 1})])
    assert await groups(platform).request("POST", json={}) == {"id": 1}
    assert 7.0 in platform.time.slept


async def test_a_delete_that_finds_nothing_after_a_lost_answer_is_done() -> None:
    platform = PaperPlatform([lost(), answer(404)])
    assert await groups(platform).request("DELETE") is None


async def test_a_conflict_is_a_refusal_and_no_stale_score() -> None:
    # Also after a lost answer: what 409 means, only that service's standard knows.
    platform = PaperPlatform([lost(), answer(409, {"message": "timestamp is older"})])
    with pytest.raises(RefusedError) as caught:
        await groups(platform).request("PUT", json={})
    assert type(caught.value) is RefusedError
    assert caught.value.recorded is None


async def test_errors_are_ours_and_events_tell() -> None:
    events: list[RequestEvent] = []
    platform = PaperPlatform([answer(404, {"message": "no such course"})])
    with pytest.raises(NotFoundError, match="no such course") as caught:
        await groups(platform, on_event=keeping(events)).request("GET")
    assert caught.value.recorded is False
    assert [(event.operation, event.status, event.error) for event in events][-1] == ("service", 404, "NotFoundError")


@pytest.mark.parametrize("body", ["<html>login</html>", "{", "NaN", b"\xff"])
async def test_what_is_no_json_cannot_be_read(body: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        await groups(PaperPlatform([answer(200, body)])).request("POST", json={})
    assert caught.value.recorded is None
    with pytest.raises(MalformedError) as read:
        await groups(PaperPlatform([answer(200, body)])).request("GET")
    assert read.value.recorded is False


# --- pages ---------------------------------------------------------------------------------------------------------


def following(target: str) -> tuple[str, str]:
    """
    Return the header that leads to a further page.
    """
    return ("Link", f'<{target}>; rel="next"')


async def test_pages_follow_the_link_header_and_come_whole() -> None:
    one, two = {"id": "1", "groups": [1]}, {"id": "2", "groups": []}
    platform = PaperPlatform(
        [
            answer(200, one, following(f"{GROUPS}&from=1")),
            answer(200, two, following("/api/groups?p=3")),
            answer(200, [3]),
        ]
    )
    assert [page async for page in groups(platform).pages(accept=GROUP_TYPE)] == [one, two, [3]]
    assert [request.url for request in platform.sent] == [GROUPS, f"{GROUPS}&from=1", f"{HOST}/api/groups?p=3"]
    assert {tuple(header(request, "Accept")) for request in platform.sent} == {(GROUP_TYPE,)}


async def test_a_page_is_fetched_when_it_is_needed() -> None:
    platform = PaperPlatform([answer(200, {}, following(f"{HOST}/2"))])
    pages = groups(platform).pages(f"{HOST}/1")
    assert platform.sent == []
    assert await anext(pages) == {}
    await pages.aclose()
    assert [request.url for request in platform.sent] == [f"{HOST}/1"]


async def test_a_page_that_fails_for_a_moment_is_asked_for_again() -> None:
    platform = PaperPlatform([answer(200, 1, following(f"{HOST}/2")), lost(), answer(503), answer(200, 2)])
    assert [page async for page in groups(platform).pages()] == [1, 2]


async def test_a_page_of_another_origin_is_an_error_and_no_end() -> None:
    platform = PaperPlatform([answer(200, {}, following("https://evil.example/2"))])
    pages = groups(platform).pages()
    assert await anext(pages) == {}
    with pytest.raises(UntrustedURLError):
        await anext(pages)
    assert len(platform.sent) == 1


@pytest.mark.parametrize("back", [GROUPS, f"{HOST}/2"])
async def test_a_page_that_leads_back_is_an_error(back: str) -> None:
    platform = PaperPlatform([answer(200, {}, following(f"{HOST}/2")), answer(200, {}, following(back))])
    with pytest.raises(MalformedError, match="does not end"):
        _ = [page async for page in groups(platform).pages()]
    assert len(platform.sent) == 2


@pytest.mark.parametrize("body", [b"", "<html>"])
async def test_a_page_that_is_no_json_is_an_error(body: Any) -> None:
    with pytest.raises(MalformedError):
        await anext(groups(PaperPlatform([answer(200, body)])).pages())


# --- wrong arguments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "HEAD", "OPTIONS", "", "GET /"])
async def test_an_unknown_method_is_a_mistake(method: str) -> None:
    platform = PaperPlatform()
    with pytest.raises(ValueError, match="method must be one of GET, POST, PUT, PATCH, DELETE"):
        await groups(platform).request(method)
    assert platform.sent == platform.token_requests == []


@pytest.mark.parametrize("json", [float("nan"), object(), {"a": {1, 2}}])
async def test_what_cannot_be_written_as_json_is_a_mistake(json: Any) -> None:
    platform = PaperPlatform()
    with pytest.raises((ValueError, TypeError)):
        await groups(platform).request("POST", json=json)
    assert platform.sent == platform.token_requests == []


@pytest.mark.parametrize(
    "scopes, mistake",
    [
        ([], ValueError),
        (iter(()), ValueError),
        ([""], ValueError),
        ([" "], ValueError),
        (GROUP_SCOPE, TypeError),
        ([None], TypeError),
        (None, TypeError),
        (7, TypeError),
    ],
)
async def test_scopes_that_cannot_be_asked_for_are_a_mistake(scopes: Any, mistake: type[Exception]) -> None:
    with pytest.raises(mistake):
        PaperPlatform().client().service(registration(), GROUPS, scopes=scopes)


@pytest.mark.parametrize("url, mistake", [(None, TypeError), (b"https://lms.example/", TypeError), ("", ValueError)])
async def test_a_url_that_is_none_is_a_mistake(url: Any, mistake: type[Exception]) -> None:
    # A launch without the claim: {}.get("context_groups_url").
    with pytest.raises(mistake, match=r"^url must"):
        PaperPlatform().client().service(registration(), url, scopes=[GROUP_SCOPE])


async def test_a_service_needs_a_registration() -> None:
    with pytest.raises(TypeError, match="registration must be a Registration"):
        PaperPlatform().client().service(endpoint(), GROUPS, scopes=[GROUP_SCOPE])  # type: ignore[arg-type]


# --- closed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked_before", [True, False])
async def test_a_closed_client_sends_nothing(asked_before: bool) -> None:
    platform = PaperPlatform([answer(200, {})])
    ags: Client = platform.client()
    service = ags.service(registration(), GROUPS, scopes=[GROUP_SCOPE])
    if asked_before:
        await service.request("GET")
    sent = len(platform.sent)
    await ags.aclose()
    with pytest.raises(RuntimeError, match="the Client is closed"):
        await service.request("GET")
    with pytest.raises(RuntimeError, match="the Client is closed"):
        await anext(service.pages())
    with pytest.raises(RuntimeError, match="the Client is closed"):
        ags.service(registration(), GROUPS, scopes=[GROUP_SCOPE])
    assert len(platform.sent) == sent
