"""
Launching an application in this process, as the fixture ``ags_launch`` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from aioags import Registration
from aioags.emulator import AppLauncher, Platform, serve_in_thread
from aioags.emulator.browser.cookies import CookieJar
from aioags.emulator.browser.html_reader import forms
from aioags.launch import ToolSettings
from tests.launch.examples import load

LMS, TOOL = "https://lms.example", "https://tool.example"


@pytest.fixture
async def launch() -> AsyncIterator[AppLauncher]:
    async with AppLauncher(Platform.create()) as launcher:
        yield launcher


@asynccontextmanager
async def stand(name: str, **options: Any) -> AsyncIterator[tuple[AppLauncher, Any]]:
    """
    Serve a platform; yield its launcher, and an example application that is registered there.
    """
    platform = Platform.create()
    platform.course.enroll("teacher-1", "Tea Cher", "Instructor")
    with serve_in_thread(platform):
        registration = Registration(**platform.registration_args())
        settings = ToolSettings(
            registrations=[registration], redirect_uri=f"{TOOL}/lti/launch", keys=[registration], **options
        )
        app = load(name).create_app(settings)
        if name == "django_tool":
            from django.conf import settings as project

            project.ALLOWED_HOSTS = ["tool.example"]
        async with AppLauncher(platform) as launcher:
            yield launcher, app


@pytest.mark.parametrize("name", ["fastapi_tool", "aiohttp_tool", "django_tool"])
async def test_from_the_click_to_the_grade(name: str) -> None:
    async with stand(name) as (launch, app):
        page = await launch(app, user="user-0002")
        assert (page.status, page.url, page.deep_link) == (200, f"{TOOL}/lti/launch", None)
        assert "6 times 7" in page.text
        assert page.headers["content-type"].startswith("text/html")
        done = await page.submit(answer="42")
        assert (done.status, done.url) == (200, f"{TOOL}/answers")
        result = launch.platform.result(None, "user-0002")
        assert result is not None and result["resultScore"] == 100
        # The login's cookie went with the launch.
        assert page.cookies == {}


async def test_a_review_and_nobody_in_particular() -> None:
    async with stand("fastapi_tool", anonymous=True) as (launch, app):
        claims: list[dict[str, Any]] = []
        launch.platform.launches.tamper = lambda header, said: claims.append(dict(said))
        await launch(app, review_of="user-0002")
        assert claims[-1]["sub"] == "teacher-1"
        assert claims[-1]["https://purl.imsglobal.org/spec/lti/claim/for_user"]["user_id"] == "user-0002"
        page = await launch(app, anonymous=True)
        assert (page.status, "sub" in claims[-1]) == (200, False)
        with pytest.raises(LookupError, match="user-9999"):
            await launch(app, review_of="user-9999")


async def test_deep_linking_and_what_it_placed() -> None:
    async with stand("fastapi_tool") as (launch, app):
        page = await launch(app, deep_linking=True)
        assert (page.status, page.url) == (200, f"{launch.platform.base_url}/launch/links")
        assert page.deep_link is not None
        assert [item["title"] for item in page.deep_link.content_items] == ["Quiz 1", "Quiz 2"]
        assert [link.title for link in page.deep_link.links] == ["Quiz 1", "Quiz 2"]
        assert page.deep_link.claims["iss"] == launch.platform.tool.client_id
        quiz = await launch(app, link=page.deep_link.links[1])
        assert "Faust" in quiz.text


async def test_an_answer_that_the_platform_refuses_places_nothing() -> None:
    async with stand("fastapi_tool") as (launch, app):
        launch.platform.tool.key_set = None
        page = await launch(app, deep_linking=True)
        assert page.status == 400 and "keys cannot be fetched" in page.text
        assert page.deep_link is not None and page.deep_link.links == []
        assert len(page.deep_link.content_items) == 2


async def test_a_browser_that_keeps_no_cookies_is_told_so() -> None:
    async with stand("fastapi_tool") as (launch, app):
        page = await launch(app, cookies=False)
        assert page.status == 400 and "kept no cookie" in page.text


async def test_a_launch_that_the_tool_must_refuse() -> None:
    async with stand("fastapi_tool") as (launch, app):
        launch.platform.launches.tamper = lambda header, claims: claims.update(aud="somebody else")
        page = await launch(app)
        assert page.status in (400, 401, 403)
        assert page.url == f"{TOOL}/lti/launch"


def paper_tool(*routes: Route) -> Starlette:
    """
    A tool that takes any launch; further routes are its own.
    """

    async def login(request: Request) -> Response:
        told = request.query_params
        query = (
            "scope=openid&response_type=id_token&response_mode=form_post&prompt=none&nonce=n&state=s"
            f"&client_id={told['client_id']}&login_hint={told['login_hint']}"
            f"&lti_message_hint={told['lti_message_hint']}&redirect_uri={TOOL}/lti/launch"
        )
        answer = RedirectResponse(f"{told['iss']}/lti/authorize?{query}", 302)
        for name, rest in (("none", "SameSite=None; Secure"), ("lax", "SameSite=Lax"), ("plain", "Path=/")):
            answer.headers.append("Set-Cookie", f"{name}=1; Path=/; {rest}")
        return answer

    async def shown(request: Request) -> Response:
        there = ",".join(sorted(request.cookies))
        return HTMLResponse(f'<p>{there}</p><form action="/next"><input name="q" value="a b"></form>')

    async def following(request: Request) -> Response:
        return HTMLResponse(",".join(sorted(request.cookies)) + " " + request.query_params["q"])

    own = [Route("/lti/login", login), Route("/next", following)]
    return Starlette(routes=[*routes, *own, Route("/lti/launch", shown, methods=["POST"])])


async def test_which_cookies_live_in_a_frame_and_in_a_window(
    launch: AppLauncher,
) -> None:
    framed = await launch(paper_tool())
    assert "<p>none</p>" in framed.text
    assert (await framed.submit()).text == "none a b"
    assert framed.cookies == {"none": "1"}
    alone = await launch(paper_tool(), frame=False)
    # Its own site's, but the launch is a POST from another.
    assert "<p>none</p>" in alone.text
    assert (await alone.submit(q="c")).text == "lax,none,plain c"
    assert alone.cookies == {"none": "1", "lax": "1", "plain": "1"}
    assert (await alone.open("/next?q=d")).text == "lax,none,plain d"


async def test_a_redirect_to_another_site_is_shown_and_not_followed(launch: AppLauncher) -> None:
    async def shown(request: Request) -> Response:
        return RedirectResponse("https://accounts.example/login", 303)

    page = await launch(paper_tool(Route("/lti/launch", shown, methods=["POST"])))
    assert (page.status, page.headers["location"]) == (303, "https://accounts.example/login")


async def test_a_tool_that_sends_the_browser_round_and_round_is_an_error(launch: AppLauncher) -> None:
    async def shown(request: Request) -> Response:
        return RedirectResponse("/again", 303)

    async def again(request: Request) -> Response:
        return RedirectResponse("/again", 303)

    routes = (Route("/lti/launch", shown, methods=["POST"]), Route("/again", again))
    with pytest.raises(RuntimeError, match="/again still leads elsewhere"):
        await launch(paper_tool(*routes))


async def test_a_fault_of_the_tool_reaches_the_test(launch: AppLauncher) -> None:
    async def shown(request: Request) -> Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await launch(paper_tool(Route("/lti/launch", shown, methods=["POST"])))


async def test_an_application_that_does_not_start_is_an_error(launch: AppLauncher) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"):
        await launch(app)


async def test_an_application_without_a_lifespan_is_launched(launch: AppLauncher) -> None:
    tool = paper_tool()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError("only http here")
        await tool(scope, receive, send)

    assert (await launch(app)).status == 200


async def test_what_is_no_application_is_refused_in_words(launch: AppLauncher) -> None:
    with pytest.raises(TypeError, match="got str"):
        await launch("https://tool.example")
    with pytest.raises(TypeError, match="WsgiToAsgi"):
        await launch(lambda environ, start_response: [])


async def test_who_launches(launch: AppLauncher) -> None:
    with pytest.raises(LookupError, match="nobody"):
        await launch(paper_tool(), user="stranger")
    with pytest.raises(LookupError, match="Instructor"):
        await launch(paper_tool(), deep_linking=True)


async def test_where_the_tool_takes_launches_can_be_said_once_or_each_time(launch: AppLauncher) -> None:
    launch.platform.launches.connect(login_url=f"{TOOL}/elsewhere", redirect_uri=f"{TOOL}/lti/launch")
    assert (await launch(paper_tool())).url.startswith(f"{TOOL}/elsewhere?iss=")
    assert (await launch(paper_tool(), login_url=f"{TOOL}/lti/login")).status == 200


@pytest.mark.parametrize(
    "header, sent",
    [
        ("a=1", {"a": "1"}),
        ("a=1; Path=/lti", {"a": "1"}),
        ("a=1; Path=/other", {}),
        ("a=1; Secure; SameSite=Strict", {"a": "1"}),
        ("a=; Max-Age=0", {}),
        ("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", {}),
    ],
)
def test_a_cookie_comes_back_where_it_belongs(header: str, sent: dict[str, str]) -> None:
    jar = CookieJar(None)
    jar.keep(f"{TOOL}/lti/login", "a=0; Path=/other")
    jar.keep(f"{TOOL}/lti/login", header)
    assert jar.sent(f"{TOOL}/lti/launch", "POST", "tool.example") == sent
    assert jar.sent("https://elsewhere.example/lti/launch", "GET", None) == {}
    assert "Strict" in header or "Secure" not in header or jar.sent("http://tool.example/lti/x", "GET", None) == {}


def test_a_form_is_sent_as_a_browser_would_fill_it() -> None:
    (form,) = forms(
        '<input name="outside"><form method="post" action="/a?b=1&amp;c=2"><input name="x" value="1">'
        '<input type="checkbox" name="off" value="1"><input type="radio" name="on" value="2" checked>'
        '<input type="checkbox" name="bare" checked><input type="submit" name="go" value="Go">'
        '<textarea name="t">so &lt; much</textarea><select name=s><option value=a><option value=b selected></select>'
        '<select name="first"><option value="1"><option value="2"></select></form><input name="after">'
    )
    assert (form.method, form.action) == ("POST", "/a?b=1&c=2")
    assert form.fields == {"x": "1", "on": "2", "bare": "on", "t": "so < much", "s": "b", "first": "1"}


async def test_an_application_is_started_once_and_shut_down_in_the_end() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        seen.append("up")
        yield {"answer": 42}
        seen.append("down")

    async def state(request: Request) -> Response:
        return HTMLResponse(str(request.state.answer))

    app = Starlette(routes=[Route("/lti/launch", state, methods=["POST"]), *paper_tool().routes], lifespan=lifespan)
    async with AppLauncher(Platform.create()) as launch:
        assert [(await launch(app)).text for _ in range(2)] == ["42", "42"]
        assert seen == ["up"]
    assert seen == ["up", "down"]
