"""
Launches that a tool must refuse: the certification guide's known-bad ones (CERT 6.1.1), the nine checks of SEC 5.1.3.

Each is one change to a launch that is good: `test_the_launch_they_all_start_from_is_good` proves that.
"""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from aioags.errors import IdTokenRefusedError, LaunchError, LoginLostError, UnregisteredError
from aioags.launch import ToolSettings
from tests.fakes import HOST, WALL
from tests.launch.paper_lms import (
    DEPLOYMENT,
    DL,
    GONE,
    LTI,
    REDIRECT,
    TOOL,
    PaperLMS,
    elliptic_key,
    launch_claims,
    lms_registration,
    platform_key,
    public,
    segment,
    sign,
    sign_hs256,
)


async def refusal(lms: PaperLMS | None = None, **changes: Any) -> IdTokenRefusedError:
    """
    Return the refusal of a launch; its text must show nothing of the token.
    """
    with pytest.raises(IdTokenRefusedError) as caught:
        await (lms or PaperLMS()).launch(**changes)
    shown = f"{caught.value} {caught.value!r} {''.join(traceback.format_exception(caught.value))}"
    assert "ada@school.example" not in shown
    assert "eyJ" not in shown
    assert caught.value.spec is not None
    return caught.value


async def test_the_launch_they_all_start_from_is_good() -> None:
    assert (await PaperLMS().launch()).user_id == "user-1"


class TestSignature:
    """
    SEC 5.1.3, 1 and 6.
    """

    async def test_no_kid(self) -> None:
        assert (await refusal(header={"kid": GONE})).reason == "kid"

    @pytest.mark.parametrize("kid", ["", "platform-2", "../platform-1", "x" * 2000])
    async def test_wrong_kid(self, kid: str) -> None:
        assert (await refusal(header={"kid": kid})).reason == "kid"

    @pytest.mark.parametrize("kid", [1, None, ["platform-1"], {"a": 1}])
    async def test_a_kid_that_is_no_text(self, kid: Any) -> None:
        lms = PaperLMS()
        login = await lms.login()
        _, payload, signature = sign(launch_claims(login.pending.nonce)).split(".")
        header = segment({"alg": "RS256", "kid": kid})
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(login, f"{header}.{payload}.{signature}")
        assert caught.value.reason == "kid"

    async def test_signed_with_another_key_under_the_platform_s_kid(self) -> None:
        forger = RSAKey.generate_key(2048, {"kid": "platform-1"})
        assert (await refusal(key=forger)).reason == "signature"

    @pytest.mark.parametrize("odd", ["=", "==", "!", "+", "/", "\n", " ", "\x00", "é", "\udc80", ".", ".e30"])
    async def test_a_good_signature_in_another_spelling(self, odd: str) -> None:
        lms = PaperLMS()
        login = await lms.login()
        with pytest.raises(IdTokenRefusedError, match="not a signed JWT") as caught:
            await lms.post(login, sign(launch_claims(login.pending.nonce)) + odd)
        assert caught.value.reason == "id_token"

    @pytest.mark.parametrize("token", ["", ".", "..", "e30", "e30.e30", "..AAAA", ".e30.AAAA"])
    async def test_what_is_no_signed_token_at_all(self, token: str) -> None:
        lms = PaperLMS()
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(await lms.login(), token)
        assert caught.value.reason == "id_token"

    async def test_alg_none(self) -> None:
        lms = PaperLMS()
        login = await lms.login()
        claims = segment(launch_claims(login.pending.nonce))
        for alg in ("none", "None", "NONE", ""):
            header = segment({"alg": alg, "kid": "platform-1"})
            for signature in ("", "AAAA"):
                login = await lms.login()
                with pytest.raises(IdTokenRefusedError) as caught:
                    await lms.post(login, f"{header}.{claims}.{signature}")
                assert caught.value.reason == "alg"

    @pytest.mark.parametrize("encoding", ["pem", "jwk"])
    async def test_hs256_signed_with_the_public_key_as_its_secret(self, encoding: str) -> None:
        public_key = platform_key()
        secret = public_key.as_pem(private=False) if encoding == "pem" else json.dumps(public(public_key)[0]).encode()
        lms = PaperLMS()
        login = await lms.login()
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(login, sign_hs256(launch_claims(login.pending.nonce), secret))
        assert caught.value.reason == "alg"

    async def test_an_algorithm_that_is_not_registered(self) -> None:
        assert (await refusal(header={"alg": "PS256"})).reason == "alg"

    async def test_a_registered_algorithm_with_a_key_of_another_type(self) -> None:
        settings = ToolSettings(
            registrations=[lms_registration()], redirect_uri=REDIRECT, algorithms=["RS256", "ES256"]
        )
        lms = PaperLMS(settings)
        lms.keys.keys = [public(elliptic_key())[0] | {"kid": "platform-1"}]
        assert (await refusal(lms)).reason == "kid"

    async def test_a_key_that_the_platform_publishes_for_encryption(self) -> None:
        lms = PaperLMS()
        lms.keys.keys = [public(platform_key())[0] | {"use": "enc"}]
        assert (await refusal(lms)).reason == "kid"

    async def test_keys_in_the_token_s_own_header_are_not_believed(self) -> None:
        forger = RSAKey.generate_key(2048, {"kid": "forged"})
        header = {"jwk": public(forger)[0], "jku": "https://evil.example/jwks", "kid": "platform-1"}
        assert (await refusal(key=forger, header=header)).reason == "signature"

    async def test_an_extension_that_must_be_understood_is_not_ignored(self) -> None:
        lms = PaperLMS()
        login = await lms.login()
        header = segment({"alg": "RS256", "kid": "platform-1", "crit": ["b64"], "b64": False})
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(login, f"{header}.{segment(b'{}')}.AAAA")
        assert caught.value.reason == "crit"

    async def test_a_changed_payload(self) -> None:
        lms = PaperLMS()
        login = await lms.login()
        header, _, signature = sign(launch_claims(login.pending.nonce)).split(".")
        changed = segment(launch_claims(login.pending.nonce, sub="teacher"))
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(login, f"{header}.{changed}.{signature}")
        assert caught.value.reason == "signature"

    @pytest.mark.parametrize(
        "token",
        [
            "x",
            "a.b",
            "a.b.c.d",
            "..",
            "e30.e30.e30",
            segment(b"[]") + ".e30.e30",
            segment(b"null") + ".e30.e30",
            segment(b"[" * 50_000) + ".e30.e30",
            segment(b"\xff") + ".e30.e30",
            "é.e30.e30",
            "a." * 3,
            "x" * 200_000,
            "e30=.e30.e30",
        ],
        ids=lambda token: token[:12],
    )
    async def test_not_a_jwt_at_all(self, token: str) -> None:
        lms = PaperLMS()
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(await lms.login(), token)
        assert caught.value.reason in {"id_token", "alg"}
        assert token[:12] not in str(caught.value) or len(token) < 3

    @pytest.mark.parametrize("payload", [b"", b"[]", b"1", b"null", b"{", b"\xff\xfe", b'{"a": NaN}', b"[" * 50_000])
    async def test_a_good_signature_over_what_are_no_claims(self, payload: bytes) -> None:
        lms = PaperLMS()
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(await lms.login(), sign(payload))
        assert caught.value.reason == "id_token"

    async def test_not_an_lti_jwt(self) -> None:
        lms = PaperLMS()
        login = await lms.login()
        claims = {"iss": HOST, "aud": "tool-1", "iat": WALL, "exp": WALL + 60, "nonce": login.pending.nonce, "sub": "u"}
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(login, sign(claims))
        assert caught.value.reason == "message_type"


class TestParties:
    """
    SEC 5.1.3, 2 to 5.
    """

    @pytest.mark.parametrize("issuer", [GONE, HOST + "/", HOST.upper(), "https://other.example", 1, None])
    async def test_wrong_issuer(self, issuer: Any) -> None:
        assert (await refusal(iss=issuer)).reason == "iss"

    @pytest.mark.parametrize(
        "audience", [GONE, "", "tool-2", "tool-1 ", ["tool-2"], [], {"tool-1": 1}, 1, None, "xtool-1x", [["tool-1"]]]
    )
    async def test_wrong_audience(self, audience: Any) -> None:
        assert (await refusal(aud=audience)).reason == "aud"

    async def test_an_audience_that_is_not_trusted(self) -> None:
        assert (await refusal(aud=["tool-1", "stranger"], azp="tool-1")).reason == "aud"
        assert (await refusal(aud=["tool-1", 7], azp="tool-1")).reason == "aud"

    async def test_several_audiences_need_an_azp_that_is_the_client_id(self) -> None:
        settings = ToolSettings(
            registrations=[lms_registration()], redirect_uri=REDIRECT, trusted_audiences=["https://api.lms.example"]
        )
        audiences = ["tool-1", "https://api.lms.example"]
        assert (await refusal(PaperLMS(settings), aud=audiences)).reason == "azp"
        assert (await PaperLMS(settings).launch(aud=audiences, azp="tool-1")).user_id == "user-1"

    @pytest.mark.parametrize("azp", ["tool-2", "", 1, ["tool-1"]])
    async def test_wrong_azp(self, azp: Any) -> None:
        assert (await refusal(azp=azp)).reason == "azp"

    async def test_an_audience_of_one_in_an_array_and_an_azp_are_fine(self) -> None:
        assert (await PaperLMS().launch(aud=["tool-1"], azp="tool-1")).client_id == "tool-1"


class TestTimes:
    """
    SEC 5.1.3, 7 and 8: exp and iat, with a minute of leeway.
    """

    @pytest.mark.parametrize("exp", [GONE, WALL - 61, 0, -1, "4102444800", True, None, 10**400, 1e308, [WALL]])
    async def test_bad_exp(self, exp: Any) -> None:
        assert (await refusal(exp=exp)).reason == "exp"

    @pytest.mark.parametrize("iat", [GONE, WALL + 61, WALL - 661, 0, "1767258000", True, None, 10**400])
    async def test_bad_iat(self, iat: Any) -> None:
        assert (await refusal(iat=iat)).reason == "iat"

    @pytest.mark.parametrize("nbf", [WALL + 61, "x", None])
    async def test_bad_nbf(self, nbf: Any) -> None:
        assert (await refusal(nbf=nbf)).reason == "nbf"

    async def test_clocks_may_differ_by_the_leeway(self) -> None:
        for changes in ({"exp": WALL - 59}, {"iat": WALL + 59}, {"nbf": WALL + 59}, {"iat": WALL - 659}):
            assert await PaperLMS().launch(**changes)

    async def test_without_leeway_a_second_decides(self) -> None:
        settings = ToolSettings(registrations=[lms_registration()], redirect_uri=REDIRECT, leeway=0)
        assert (await refusal(PaperLMS(settings), exp=WALL)).reason == "exp"
        assert await PaperLMS(settings).launch(exp=WALL + 1)


class TestReplay:
    """
    SEC 5.1.3, 9: a nonce is of one login, and a login is answered once.
    """

    @pytest.mark.parametrize("nonce", [GONE, "", "another", 1, None])
    async def test_wrong_nonce(self, nonce: Any) -> None:
        assert (await refusal(nonce=nonce)).reason == "nonce"

    async def test_replayed_nonce_with_a_login_of_one_s_own(self) -> None:
        lms = PaperLMS()
        login = await lms.login()
        token = sign(launch_claims(login.pending.nonce))
        await lms.post(login, token)
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(await lms.login(), token)
        assert caught.value.reason == "nonce"

    async def test_the_whole_form_replayed(self) -> None:
        lms = PaperLMS()
        login = await lms.login()
        token = sign(launch_claims(login.pending.nonce))
        await lms.post(login, token)
        with pytest.raises(LoginLostError, match="used before") as caught:
            await lms.post(login, token)
        assert caught.value.reason == "state"

    async def test_a_login_does_not_wait_longer_than_ten_minutes(self) -> None:
        lms = PaperLMS()
        for waited, taken in ((599.0, True), (600.0, False)):
            login = await lms.login()
            lms.time.now += waited
            now = lms.time.runtime().wall()
            token = sign(launch_claims(login.pending.nonce, iat=now, exp=now + 60))
            if taken:
                assert await lms.post(login, token)
                continue
            with pytest.raises(LoginLostError, match="too long ago"):
                await lms.post(login, token)

    @pytest.mark.parametrize("state", [GONE, "", "x", "x" * 43, "x" * 5000, "å" * 43, "a b" * 20, "login x"])
    async def test_a_state_that_never_was(self, state: Any) -> None:
        lms = PaperLMS()
        login = await lms.login()
        form = {"id_token": sign(launch_claims(login.pending.nonce)), "state": state}
        with pytest.raises(LaunchError) as caught:
            await lms.tool.launch({name: value for name, value in form.items() if value is not GONE}, lms.cookies)
        assert caught.value.reason == "state"


class TestClaims:
    """
    CORE 5.3: the claims of LTI, missing one by one, and not what they must be.
    """

    @pytest.mark.parametrize(
        "name", ["message_type", "version", "deployment_id", "target_link_uri", "resource_link", "roles", "sub"]
    )
    @pytest.mark.parametrize("value", [GONE, None], ids=["missing", "null"])
    async def test_missing_claims_one_by_one(self, name: str, value: Any) -> None:
        assert (await refusal(**{name: value})).reason == name

    @pytest.mark.parametrize("version", ["1.1", "1.3", "1.3.1", "LTI-1p0", "2.0", 1.3])
    async def test_wrong_version(self, version: Any) -> None:
        assert (await refusal(version=version)).reason == "version"

    @pytest.mark.parametrize("message_type", ["basic-lti-launch-request", "LtiDeepLinkingResponse", "LtiX", {}])
    async def test_a_message_type_that_is_no_launch(self, message_type: Any) -> None:
        assert (await refusal(message_type=message_type)).reason == "message_type"

    @pytest.mark.parametrize("link", [{"title": "no id"}, {"id": ""}, {"id": None}, [], {}, "link-1", 5])
    async def test_a_resource_link_without_id(self, link: Any) -> None:
        assert (await refusal(resource_link=link)).reason == "resource_link"

    @pytest.mark.parametrize("name", ["sub", "deployment_id"])
    async def test_ids_longer_than_255_characters(self, name: str) -> None:
        assert (await refusal(**{name: "x" * 256})).reason == name

    @pytest.mark.parametrize("roles", ["Learner", {"Learner": 1}, 3])
    async def test_roles_that_are_no_array(self, roles: Any) -> None:
        assert (await refusal(roles=roles)).reason == "roles"

    @pytest.mark.parametrize(
        "url", ["https://evil.example/", "http://tool.example/", "//evil.example", "/quiz", "javascript:alert(1)"]
    )
    async def test_a_signed_target_link_uri_of_another_origin(self, url: str) -> None:
        error = await refusal(target_link_uri=url)
        assert error.reason == "target_link_uri"
        assert "evil" not in str(error)

    @pytest.mark.parametrize("url", [GONE, "http://elsewhere.example/return", "javascript:alert(1)", "/return"])
    async def test_a_deep_linking_launch_that_returns_to_no_safe_url(self, url: Any) -> None:
        settings = {"deep_link_return_url": url, "accept_types": ["ltiResourceLink"]}
        settings = {name: value for name, value in settings.items() if value is not GONE}
        changes = {DL + "deep_linking_settings": settings, "message_type": "LtiDeepLinkingRequest"}
        assert (await refusal(**changes)).reason == "deep_link_return_url"

    async def test_a_deep_linking_launch_without_settings(self) -> None:
        assert (await refusal(message_type="LtiDeepLinkingRequest")).reason == "deep_linking_settings"

    async def test_a_review_without_a_learner(self) -> None:
        assert (await refusal(message_type="LtiSubmissionReviewRequest")).reason == "for_user"


class TestDeployment:
    """
    CORE 3.1.3: a deployment that nobody registered; CORE 4.1.2: not the one of the login.
    """

    async def test_unknown_deployment(self) -> None:
        with pytest.raises(UnregisteredError, match="not registered") as caught:
            await PaperLMS().launch(deployment_id="deployment-2")
        assert caught.value.reason == "deployment_id"
        assert "deployment-2" not in str(caught.value)

    async def test_a_deployment_other_than_the_login_named(self) -> None:
        settings = ToolSettings(registrations=[lms_registration(deployment_id=None)], redirect_uri=REDIRECT)
        lms = PaperLMS(settings)
        login = await lms.login(lti_deployment_id="deployment-2")
        with pytest.raises(IdTokenRefusedError) as caught:
            await lms.post(login, sign(launch_claims(login.pending.nonce)))
        assert caught.value.reason == "deployment_id"

    async def test_several_deployments_of_one_client_id_each_find_their_own_registration(self) -> None:
        known = [lms_registration(deployment_id=None), lms_registration(), lms_registration(deployment_id="d2")]
        settings = ToolSettings(registrations=known, redirect_uri=REDIRECT)
        assert (await PaperLMS(settings).launch()).registration is known[1]
        assert (await PaperLMS(settings).launch(deployment_id="d2")).registration is known[2]
        assert (await PaperLMS(settings).launch(deployment_id="d3")).registration is known[0]


async def test_the_platform_s_own_error_is_told_and_not_a_launch() -> None:
    lms = PaperLMS()
    login = await lms.login()
    form = {"state": login.state, "error": "login_required", "error_description": "No\nsession " + "x" * 500}
    with pytest.raises(LaunchError, match="login_required: No session") as caught:
        await lms.tool.launch(form, lms.cookies)
    assert caught.value.reason == "error"
    assert len(str(caught.value)) < 400


async def test_a_launch_without_an_id_token() -> None:
    lms = PaperLMS()
    login = await lms.login()
    for token in ("", None, b"x", 5):
        with pytest.raises(IdTokenRefusedError, match="no id_token"):
            await lms.tool.launch({"state": login.state, "id_token": token}, lms.cookies)


async def test_a_registration_that_is_gone_meanwhile() -> None:
    lms = PaperLMS()
    login = await lms.login()
    later = PaperLMS(ToolSettings(registrations=[], redirect_uri=REDIRECT, store=lms.settings.store))
    with pytest.raises(UnregisteredError, match="jwks_url"):
        await later.tool.launch({"state": login.state, "id_token": sign(launch_claims("n"))}, lms.cookies)


async def test_nothing_of_a_refused_launch_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await refusal(nonce="another")
    assert "eyJ" not in caplog.text
    assert "ada@" not in caplog.text


def test_the_names_of_claims_are_the_standard_s() -> None:
    assert LTI + "deployment_id" in launch_claims("n")
    assert launch_claims("n")[LTI + "deployment_id"] == DEPLOYMENT
    assert launch_claims("n")[LTI + "target_link_uri"].startswith(TOOL)
