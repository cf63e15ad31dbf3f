"""
Where the cookie does not come back: the platform's storage keeps a second secret, and the server compares it.
"""

from __future__ import annotations

import base64
from typing import Any

import attrs
import pytest

from aioags.errors import LaunchError, LoginLostError
from aioags.launch import Launch, Login
from aioags.launch.browser_storage import LONGEST_TARGET, SECRET_FIELD
from tests.launch.paper_lms import AUTHORIZE, PaperLMS, launch_claims, sign
from tests.launch.surfer import Page, data_of


@attrs.define
class Framed:
    """
    A login in a frame of a platform with a storage, in a browser that keeps no cookie.
    """

    lms: PaperLMS
    login: Login
    form: dict[str, str]

    @classmethod
    async def begun(cls, lms: PaperLMS | None = None, target: str = "post_message_forwarding") -> Framed:
        """
        Begin it, up to what the platform posts.
        """
        lms = lms or PaperLMS()
        login = await lms.login(lti_storage_target=target)
        lms.cookies.clear()
        token = sign(launch_claims(login.pending.nonce))
        return cls(lms, login, {"state": login.state, "id_token": token})

    @property
    def secret(self) -> str:
        """
        What the page of the login puts.
        """
        return data_of(self.login.page or "")["secret"]

    async def page(self) -> str | None:
        """
        Ask for the page that is to answer the launch.
        """
        return await self.lms.tool.storage_page(self.form, self.lms.cookies)

    async def launch(self, **more: str) -> Launch:
        """
        Post the launch, as that page does.
        """
        return await self.lms.tool.launch(self.form | more, self.lms.cookies)


async def test_the_page_of_the_login_puts_a_secret_and_goes_on() -> None:
    framed = await Framed.begun()
    said = data_of(framed.login.page or "")
    assert said["url"] == framed.login.url
    assert said["target"] == "post_message_forwarding"
    assert said["platform"] == AUTHORIZE
    assert said["key"] == f"aioags-{framed.login.state[:16]}"
    assert len(said["secret"]) >= 43


async def test_a_platform_without_storage_gets_a_redirect() -> None:
    assert (await PaperLMS().login()).page is None


@pytest.mark.parametrize("target", ["", " ", "x" * (LONGEST_TARGET + 1)])
async def test_what_is_no_frame_s_name_is_none(target: str) -> None:
    assert (await PaperLMS().login(lti_storage_target=target)).page is None


async def test_what_the_storage_gives_back_does_as_well_as_the_cookie() -> None:
    framed = await Framed.begun()
    page = await framed.page()
    assert page is not None
    said, (form,) = data_of(page), Page("", 200, [], page).forms
    assert (said["key"], said["target"]) == (f"aioags-{framed.login.state[:16]}", "post_message_forwarding")
    assert (said["platform"], said["field"]) == (AUTHORIZE, SECRET_FIELD)
    assert form.fields == framed.form | {SECRET_FIELD: ""}
    assert framed.secret not in page
    assert (await framed.launch(**{SECRET_FIELD: framed.secret})).user_id == "user-1"


async def test_the_storage_is_not_asked_where_the_cookie_came() -> None:
    framed = await Framed.begun()
    framed.lms.cookies[framed.login.cookie.name] = framed.login.cookie.value
    assert await framed.page() is None
    assert (await framed.launch()).user_id == "user-1"


async def test_it_serves_once() -> None:
    framed = await Framed.begun()
    await framed.launch(**{SECRET_FIELD: framed.secret})
    with pytest.raises(LoginLostError, match="used before"):
        await framed.launch(**{SECRET_FIELD: framed.secret})


@pytest.mark.parametrize("stored", ["", "x" * 43, "\ud800", "x" * 100_000])
async def test_7_3_1_a_login_that_somebody_else_began_is_refused(stored: str) -> None:
    # The attacker's whole form, in the browser of somebody whose storage holds nothing under its key.
    framed = await Framed.begun()
    with pytest.raises(LoginLostError) as caught:
        await framed.launch(**{SECRET_FIELD: stored})
    assert caught.value.reason == "cookie"
    assert await framed.launch(**{SECRET_FIELD: framed.secret}), "the refusal spoils nobody's login"


async def test_7_3_1_the_secret_of_another_login_does_not_do_nor_the_cookie_s() -> None:
    lms = PaperLMS()
    one, other = await Framed.begun(lms), await Framed.begun(lms)
    for secret in (other.secret, one.login.cookie.value, one.login.pending.stored or ""):
        with pytest.raises(LoginLostError, match="another browser"):
            await one.launch(**{SECRET_FIELD: secret})


async def test_the_storage_s_secret_is_no_cookie() -> None:
    framed = await Framed.begun()
    framed.lms.cookies[framed.login.cookie.name] = framed.secret
    assert await framed.page() is None
    with pytest.raises(LoginLostError, match="another browser"):
        await framed.launch()


async def test_a_login_without_a_second_secret_takes_none() -> None:
    lms = PaperLMS()
    login = await lms.login()
    form: dict[str, Any] = {"state": login.state, "id_token": sign(launch_claims(login.pending.nonce))}
    assert await lms.tool.storage_page(form, {}) is None
    for stored in ("", "x" * 43):
        with pytest.raises(LoginLostError):
            await lms.tool.launch(form | {SECRET_FIELD: stored}, {})


async def test_no_page_for_a_state_that_this_tool_did_not_make_and_none_for_another_platform_s_error() -> None:
    framed = await Framed.begun()
    sealed = framed.login.state
    framed.form["state"] = ("A" if sealed[0] != "A" else "B") + sealed[1:]
    with pytest.raises(LoginLostError):
        await framed.page()
    framed.form = {"error": "login_required", "state": sealed}
    with pytest.raises(LaunchError, match="login_required"):
        await framed.page()


async def test_refusals_say_what_to_do() -> None:
    framed = await Framed.begun()
    with pytest.raises(LoginLostError, match=r"storage did not answer.*new window.*cookies") as silent:
        await framed.launch(**{SECRET_FIELD: ""})
    lms = PaperLMS()
    login = await lms.login()
    with pytest.raises(LoginLostError, match=r"offers no storage.*new window.*cookies"):
        await lms.tool.launch({"state": login.state, "id_token": "a.b.c"}, {})
    assert framed.secret not in str(silent.value)


async def test_the_secret_is_in_no_url_no_state_and_no_repr() -> None:
    framed = await Framed.begun()
    sealed = base64.urlsafe_b64decode(framed.login.state + "=" * (-len(framed.login.state) % 4))
    assert framed.secret.encode() not in sealed
    assert framed.secret not in framed.login.url
    assert framed.secret not in repr(framed.login)


async def test_a_target_that_is_html_stays_text() -> None:
    odd = '"><script>alert(1)</script>'
    framed = await Framed.begun(target=odd)
    for page in (framed.login.page or "", await framed.page() or ""):
        assert data_of(page)["target"] == odd
        assert "alert(1)</script>" not in page
