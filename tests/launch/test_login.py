"""
The login request and what the tool answers (CORE 4.1, SEC 5.1.1).
"""

from __future__ import annotations

import base64

import attrs
import pytest

from aioags.errors import LaunchError, LoginLostError, UnregisteredError
from aioags.launch import MemoryLoginStore, ToolSettings
from aioags.launch.login import parameter
from tests.fakes import HOST
from tests.launch.paper_lms import (
    AUTHORIZE,
    GONE,
    REDIRECT,
    TOOL,
    PaperLMS,
    launch_claims,
    lms_registration,
    query,
    sign,
)


async def test_5_1_1_2_the_browser_is_sent_to_the_platform_with_everything_that_is_required() -> None:
    login = await PaperLMS().login(lti_message_hint="a&b=ü", lti_deployment_id="deployment-1")
    assert login.url.startswith(AUTHORIZE + "&")
    assert query(login.url) == {
        "site": "1",
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": "tool-1",
        "redirect_uri": REDIRECT,
        "login_hint": "hint 1",
        "lti_message_hint": "a&b=ü",
        "state": login.state,
        "nonce": login.pending.nonce,
    }


async def test_4_1_a_message_hint_that_was_not_given_is_not_made_up() -> None:
    assert "lti_message_hint" not in query((await PaperLMS().login()).url)


async def test_states_nonces_and_cookies_are_each_login_s_own_and_long() -> None:
    lms = PaperLMS()
    one, other = await lms.login(), await lms.login()
    secrets = [one.state, other.state, one.pending.nonce, other.pending.nonce, one.cookie.value, other.cookie.value]
    assert len(set(secrets)) == 6
    assert all(len(secret) >= 43 for secret in secrets)


async def test_7_3_1_the_cookie_is_secure_http_only_cross_site_and_partitioned_and_plain() -> None:
    cookie = (await PaperLMS().login()).cookie
    plain, partitioned = (header.split("; ") for header in cookie.headers)
    assert plain[0] == partitioned[0] == f"{cookie.name}={cookie.value}"
    assert cookie.name.startswith("__Host-")
    assert plain[1:] == ["Path=/", "Max-Age=600", "Secure", "HttpOnly", "SameSite=None"]
    assert partitioned[1:] == [*plain[1:], "Partitioned"]
    assert cookie.value not in repr(cookie)


async def test_on_loopback_without_https_the_cookie_has_no_host_prefix_which_browsers_would_refuse() -> None:
    settings = ToolSettings(
        registrations=[lms_registration()], redirect_uri="http://127.0.0.1:8000/launch", target_origins=[TOOL]
    )
    cookie = (await PaperLMS(settings).login()).cookie
    assert cookie.name.startswith("aioags-")


@pytest.mark.parametrize("missing", ["iss", "login_hint", "target_link_uri"])
async def test_5_1_1_1_a_login_without_a_required_parameter_is_refused_by_name(missing: str) -> None:
    for value in (GONE, "", "  ", b"file"):
        with pytest.raises(LaunchError, match=missing) as caught:
            await PaperLMS().login(**{missing: value})
        assert caught.value.reason == missing


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/quiz",
        "https://tool.example.evil.example/",
        "https://tool.example@evil.example/",
        "http://tool.example/quiz/1",
        "https://tool.example:8443/quiz/1",
        "//evil.example/",
        "/quiz/1",
        "javascript:alert(1)",
        "https://tool.example\\@evil.example/",
        "https://",
    ],
)
async def test_a_target_link_uri_of_another_origin_is_refused_so_nobody_can_redirect_there(url: str) -> None:
    with pytest.raises(LaunchError) as caught:
        await PaperLMS().login(target_link_uri=url)
    assert caught.value.reason == "target_link_uri"
    assert "evil" not in str(caught.value)


async def test_further_origins_of_the_tool_can_be_named() -> None:
    settings = ToolSettings(
        registrations=[lms_registration()], redirect_uri=REDIRECT, target_origins=["https://embed.tool.example/any"]
    )
    assert await PaperLMS(settings).login(target_link_uri="https://embed.tool.example/quiz/1")


async def test_the_browser_is_never_sent_to_a_url_of_the_request() -> None:
    login = await PaperLMS().login(redirect_uri="https://evil.example", authorization_url="https://evil.example")
    assert "evil" not in login.url


@pytest.mark.parametrize("url", ["http://lms.example/x", "ftp://lms.example/x", "https:///x", "javascript:alert(1)"])
@pytest.mark.parametrize("name", ["authorization_url", "jwks_url"])
def test_authorization_and_key_set_urls_are_https_or_loopback(name: str, url: str) -> None:
    with pytest.raises(ValueError, match=name):
        lms_registration(**{name: url})
    assert lms_registration(**{name: "http://127.0.0.1:8000/x"})


class TestRegistrations:
    """
    Which registration a login means: several schools may share an issuer (Canvas, Schoology).
    """

    async def test_the_client_id_chooses_among_those_of_one_issuer(self) -> None:
        known = [lms_registration(client_id=name) for name in ("school-a", "school-b")]
        lms = PaperLMS(ToolSettings(registrations=known, redirect_uri=REDIRECT))
        assert (await lms.login(client_id="school-b")).pending.client_id == "school-b"

    async def test_without_a_client_id_exactly_one_must_fit(self) -> None:
        assert (await PaperLMS().login(client_id=GONE)).pending.client_id == "tool-1"
        known = [lms_registration(client_id=name) for name in ("school-a", "school-b")]
        lms = PaperLMS(ToolSettings(registrations=known, redirect_uri=REDIRECT))
        with pytest.raises(UnregisteredError, match="several registrations") as caught:
            await lms.login(client_id=GONE)
        assert caught.value.reason == "client_id"

    async def test_without_a_client_id_the_deployment_may_tell(self) -> None:
        known = [lms_registration(client_id=f"school-{name}", deployment_id=name) for name in "ab"]
        lms = PaperLMS(ToolSettings(registrations=known, redirect_uri=REDIRECT))
        login = await lms.login(client_id=GONE, lti_deployment_id="b")
        assert login.pending.client_id == "school-b"

    @pytest.mark.parametrize(
        "changes, reason",
        [
            ({"iss": "https://other.example"}, "client_id"),
            ({"iss": "https://other.example", "client_id": GONE}, "iss"),
            ({"iss": HOST + "/"}, "client_id"),
            ({"client_id": "tool-2"}, "client_id"),
            ({"lti_deployment_id": "deployment-2"}, "lti_deployment_id"),
        ],
    )
    async def test_a_platform_that_is_not_registered_is_refused(self, changes: dict[str, object], reason: str) -> None:
        with pytest.raises(UnregisteredError) as caught:
            await PaperLMS().login(**changes)
        assert caught.value.reason == reason

    async def test_a_registration_for_grades_only_takes_no_launches(self) -> None:
        settings = ToolSettings(registrations=[lms_registration(authorization_url=None)], redirect_uri=REDIRECT)
        with pytest.raises(UnregisteredError, match="authorization_url"):
            await PaperLMS(settings).login()

    async def test_a_lookup_that_returns_too_much_is_filtered_again(self) -> None:
        class Everything:
            async def find(self, issuer: str, client_id: str | None) -> list[object]:
                return [lms_registration(issuer="https://other.example"), lms_registration()]

        lms = PaperLMS(ToolSettings(registrations=Everything(), redirect_uri=REDIRECT))  # type: ignore[arg-type]
        assert (await lms.login()).pending.issuer == HOST

    async def test_a_job_finds_the_registration_of_an_earlier_launch(self) -> None:
        known = [lms_registration(deployment_id=None), lms_registration(deployment_id="special")]
        tool = PaperLMS(ToolSettings(registrations=known, redirect_uri=REDIRECT)).tool
        assert await tool.registration(issuer=HOST, client_id="tool-1", deployment_id="special") is known[1]
        assert await tool.registration(issuer=HOST, client_id="tool-1", deployment_id="any other") is known[0]
        assert await tool.registration(issuer=HOST) is known[0]
        with pytest.raises(UnregisteredError):
            await tool.registration(issuer="https://other.example")

    def test_what_is_no_registration_is_refused_at_start_up(self) -> None:
        with pytest.raises(TypeError, match="registrations must be Registrations"):
            ToolSettings(registrations=["https://lms.example"], redirect_uri=REDIRECT)  # type: ignore[list-item]


async def test_a_parameter_too_long_or_not_encodable_is_refused_not_stored() -> None:
    for value in ("x" * 10_000, "\ud800"):
        with pytest.raises(LaunchError):
            parameter({"login_hint": value}, "login_hint")


def test_settings_that_cannot_work_are_refused_at_start_up() -> None:
    good = ToolSettings(registrations=[], redirect_uri=REDIRECT)
    for name, value in [
        ("redirect_uri", "http://tool.example/launch"),
        ("leeway", -1.0),
        ("algorithms", ["HS256"]),
        ("algorithms", ["none"]),
        ("algorithms", []),
        ("target_origins", ["http://tool.example"]),
        ("keys", ["no key"]),
    ]:
        with pytest.raises(ValueError):
            attrs.evolve(good, **{name: value})
    with pytest.raises(TypeError):
        attrs.evolve(good, algorithms="RS256")


def test_settings_show_no_key(private_pem: str) -> None:
    settings = ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT, keys=[private_pem])
    assert "PRIVATE" not in repr(settings)
    assert isinstance(settings.store, MemoryLoginStore)


class TestBrowser:
    """
    A launch must come from the browser that began the login (SEC 5.1.1.4, 7.3.1).
    """

    async def test_state_of_another_browser(self) -> None:
        attacker, victim = PaperLMS(), PaperLMS()
        victim.tool = attacker.tool
        login = await attacker.login()
        with pytest.raises(LoginLostError, match="kept no cookie") as caught:
            await victim.tool.launch({"state": login.state, "id_token": "a.b.c"}, victim.cookies)
        assert caught.value.reason == "cookie"

    async def test_the_cookie_of_another_login_does_not_do(self) -> None:
        lms = PaperLMS()
        one, other = await lms.login(), await lms.login()
        cookies = {one.cookie.name: other.cookie.value}
        with pytest.raises(LoginLostError, match="another browser"):
            await lms.tool.launch({"state": one.state, "id_token": "a.b.c"}, cookies)

    async def test_a_browser_that_fails_the_check_spoils_nobody_s_login(self) -> None:
        lms = PaperLMS()
        login = await lms.login()
        with pytest.raises(LoginLostError):
            await lms.tool.launch({"state": login.state, "id_token": "a.b.c"}, {})
        assert await lms.post(login, sign(launch_claims(login.pending.nonce)))

    async def test_neither_state_nor_url_holds_the_cookie_itself(self) -> None:
        login = await PaperLMS().login()
        assert login.cookie.value not in login.url
        sealed = base64.urlsafe_b64decode(login.state + "=" * (-len(login.state) % 4))
        assert login.cookie.value.encode() not in sealed
