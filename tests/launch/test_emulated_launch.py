"""
The emulator's side of a launch: what it refuses to a tool that does it wrong (SEC 5.1.1, OIDC 3.1.2, DL 4.5).
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from aioags import Registration
from aioags.emulator import Platform
from aioags.emulator.doors import control
from aioags.emulator.wire.messages import Answer
from aioags.protocol.messages import Request
from tests.launch.paper_lms import DL, GONE, LTI, NRPS, without_gone
from tests.launch.surfer import Page

TOOL = "https://tool.example"
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


@pytest.fixture
def platform() -> Platform:
    """
    A platform that launches a tool.
    """
    platform = Platform.create(users=2)
    platform.course.enroll("teacher-1", 'Tea <b>"Cher"</b>', "Instructor")
    platform.launches.connect(
        login_url=f"{TOOL}/login?tenant=1", redirect_uri=f"{TOOL}/launch", target_link_uri=f"{TOOL}/quiz"
    )
    return platform


def get(platform: Platform, url: str) -> Answer:
    """
    Open a page of the platform.
    """
    return platform.answer(Request("GET", url))


def started(platform: Platform, user: str = "user-0001", **options: Any) -> dict[str, str]:
    """
    Click a launch, and return what the tool is told.
    """
    location = get(platform, platform.launches.url(user, **options)).header("Location") or ""
    assert location.startswith(f"{TOOL}/login?tenant=1&")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def request(login: dict[str, str], **changes: Any) -> dict[str, Any]:
    """
    Build an authentication request as the standard says it, changed as told.
    """
    right = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": login["client_id"],
        "redirect_uri": f"{TOOL}/launch",
        "login_hint": login["login_hint"],
        "lti_message_hint": login["lti_message_hint"],
        "state": "s<1>",
        "nonce": "n1",
    }
    return without_gone(right | changes)


def posted(platform: Platform, parameters: dict[str, Any], *, method: str = "GET") -> Page:
    """
    Send an authentication request, and return the page that comes back.
    """
    url, body = f"{platform.base_url}/lti/authorize", urlencode(parameters)
    asked = Request("GET", f"{url}?{body}") if method == "GET" else Request("POST", url, FORM, body.encode())
    answer = platform.answer(asked)
    return Page(url, answer.status, list(answer.headers), answer.body.decode())


def opened(platform: Platform, page: Page) -> dict[str, Any]:
    """
    Return the claims of the id_token in a page, its signature checked with the published keys.
    """
    keys = KeySet.import_key_set(get(platform, f"{platform.base_url}/lti/jwks").json())
    return jwt.decode(page.forms[0].fields["id_token"], keys, algorithms=["RS256"]).claims


def test_4_1_the_login_names_everything_that_the_tool_may_need(platform: Platform) -> None:
    login = started(platform)
    assert set(login) == {
        "tenant",
        "iss",
        "login_hint",
        "target_link_uri",
        "lti_message_hint",
        "lti_deployment_id",
        "client_id",
    }
    assert login["target_link_uri"] == f"{TOOL}/quiz"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_5_1_1_3_the_id_token_is_posted_to_the_tool_with_the_state(platform: Platform, method: str) -> None:
    page = posted(platform, request(started(platform)), method=method)
    assert (page.forms[0].action, page.forms[0].method) == (f"{TOOL}/launch", "post")
    assert page.forms[0].fields["state"] == "s<1>"
    claims = opened(platform, page)
    assert (claims["nonce"], claims["sub"]) == ("n1", "user-0001")
    assert claims[LTI + "target_link_uri"] == f"{TOOL}/quiz"
    assert claims[NRPS]["context_memberships_url"].startswith(platform.base_url)


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"scope": "openid email"}, "invalid_request"),
        ({"response_type": "code"}, "invalid_request"),
        ({"response_mode": GONE}, "invalid_request"),
        ({"prompt": "login"}, "invalid_request"),
        ({"nonce": GONE}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"lti_message_hint": GONE}, "invalid_request"),
        ({"lti_message_hint": "changed"}, "invalid_request"),
        ({"login_hint": "user-0002"}, "login_required"),
        ({"login_hint": GONE}, "login_required"),
    ],
)
def test_3_1_2_6_a_wrong_request_is_told_to_the_tool_with_its_state(
    platform: Platform, changes: dict[str, Any], code: str
) -> None:
    fields = posted(platform, request(started(platform), **changes)).forms[0].fields
    assert (fields["error"], fields["state"]) == (code, "s<1>")
    assert "id_token" not in fields


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": f"{TOOL}/launch/"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": GONE},
        {"client_id": "unknown"},
        {"client_id": GONE},
    ],
)
def test_3_1_2_1_nothing_is_posted_to_an_address_that_nobody_registered(
    platform: Platform, changes: dict[str, Any]
) -> None:
    page = posted(platform, request(started(platform), **changes))
    assert page.status == 400
    assert page.forms == []


def test_a_click_of_another_tool_is_not_given_away(platform: Platform) -> None:
    other = platform.add_tool("other-tool")
    platform.launches.connect(login_url=f"{TOOL}/login", redirect_uri=f"{TOOL}/launch", tool=other)
    fields = posted(platform, request(started(platform), client_id="other-tool")).forms[0].fields
    assert fields["error"] == "unauthorized_client"


def test_pages_escape_what_people_are_called(platform: Platform) -> None:
    page = get(platform, platform.launches.page_url).body.decode()
    assert "<b>" not in page
    assert "Tea &lt;b&gt;" in page


@pytest.mark.parametrize("query", ["user=nobody", "", "user=user-0001&link=99"])
def test_what_cannot_be_launched_is_said(platform: Platform, query: str) -> None:
    assert get(platform, f"{platform.launches.page_url}/start?{query}").status == 404


def test_a_tool_that_takes_no_launches_is_said() -> None:
    platform = Platform.create()
    answer = get(platform, platform.launches.url("user-0001"))
    assert answer.status == 409
    assert b"connect" in answer.body


def test_pages_for_people_are_no_requests_of_the_tool_and_those_of_the_tool_are(platform: Platform) -> None:
    get(platform, platform.launches.page_url)
    page = posted(platform, request(started(platform)))
    opened(platform, page)
    assert dict(platform.counts) == {"authorization": 1, "key_set": 1}


def test_a_reset_forgets_the_links_that_were_placed(platform: Platform) -> None:
    assert answered(platform).status == 200
    assert platform.launches.placed
    platform.reset()
    assert not platform.launches.placed
    assert started(platform)


def answered(platform: Platform, key: Any = None, **changes: Any) -> Answer:
    """
    Post a tool's answer to a deep linking launch, changed as told.
    """
    claims = opened(platform, posted(platform, request(started(platform, "teacher-1", deep_linking=True))))
    settings = claims[DL + "deep_linking_settings"]
    now = int(time.time())
    right = {
        "iss": claims["aud"],
        "aud": claims["iss"],
        "iat": now,
        "exp": now + 60,
        "nonce": "n",
        LTI + "message_type": "LtiDeepLinkingResponse",
        LTI + "version": "1.3.0",
        LTI + "deployment_id": claims[LTI + "deployment_id"],
        DL + "data": settings["data"],
        DL + "content_items": [{"type": "ltiResourceLink", "title": "New", "lineItem": {"scoreMaximum": 5}}],
    }
    key = key or platform.key.key
    token = jwt.encode({"alg": "RS256", "kid": key.kid}, without_gone(right | changes), key)
    body = urlencode({"JWT": token}).encode()
    return platform.answer(Request("POST", settings["deep_link_return_url"], FORM, body))


def test_4_5_links_are_placed_with_their_columns(platform: Platform) -> None:
    assert b"1 links were added" in answered(platform).body
    assert [item["label"] for item in platform.line_items()] == ["Quiz one", "New"]


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"iss": "unknown"}, "iss"),
        ({"aud": "https://other.example"}, "aud"),
        ({"exp": 1}, "exp"),
        ({"iat": 4_000_000_000}, "iat"),
        ({"nonce": GONE}, "nonce"),
        ({LTI + "version": "1.1"}, "version"),
        ({LTI + "message_type": "LtiResourceLinkRequest"}, "message_type"),
        ({LTI + "deployment_id": "other"}, "deployment_id"),
        ({DL + "data": GONE}, "data"),
        ({DL + "content_items": {}}, "content_items"),
        ({DL + "content_items": [{"type": "html"}]}, "ltiResourceLink"),
        ({DL + "content_items": [{"type": "ltiResourceLink", "lineItem": {"label": "x"}}]}, "scoreMaximum"),
        ({DL + "content_items": [{"type": "ltiResourceLink", "lineItem": {"scoreMaximum": 1, "id": "x"}}]}, "id"),
    ],
)
def test_5_2_a_wrong_answer_places_nothing_and_says_why(
    platform: Platform, changes: dict[str, Any], reason: str
) -> None:
    answer = answered(platform, **changes)
    assert answer.status == 400
    assert reason in answer.body.decode()
    assert len(platform.line_items()) == 1


def test_5_2_an_answer_that_another_key_signed(platform: Platform) -> None:
    forger = RSAKey.generate_key(2048, {"kid": platform.key.kid})
    assert b"signature" in answered(platform, forger).body


def test_a_tool_in_any_language_says_over_http_where_it_takes_launches() -> None:
    platform = Platform.create()
    body = json.dumps({"login_url": f"{TOOL}/login?tenant=1", "redirect_uri": f"{TOOL}/launch"}).encode()
    url, json_type = f"{platform.base_url}/control/launch", (("Content-Type", "application/json"),)
    answer = control.answer(platform, Request("POST", url, json_type, body))
    assert answer is not None and answer.json() == {"page_url": platform.launches.page_url}
    assert started(platform)["target_link_uri"] == f"{TOOL}/launch"
    refused = control.answer(platform, Request("POST", url, json_type, b'{"login_url": 5}'))
    assert refused is not None and refused.status == 400


def test_what_the_platform_tells_a_tool_is_a_registration_that_takes_launches() -> None:
    platform = Platform.create("moodle")
    registration = Registration(**platform.registration_args())
    assert registration.authorization_url == f"{platform.base_url}/mod/lti/auth.php"
    assert registration.jwks_url == f"{platform.base_url}/mod/lti/certs.php"
