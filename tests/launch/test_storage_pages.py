"""
The two pages that speak to a platform's storage, in Chromium, beside platforms of every kind. No server: each page of
this little web is in a table.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, async_playwright

from aioags.launch.browser_storage import SECRET_FIELD, StorageEntry, get_page, put_page

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.asyncio(loop_scope="module")]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# The platform's page is of another origin than its authorization URL: hosted Canvas.
COURSE, TOOL, LOGIN = "https://school.example/", "https://tool.example/page", "https://sso.example/authorize?a=1"
FORWARDER, STRANGER = "https://sso.example/frame", "https://stranger.example/frame"
ENTRY = StorageEntry(LOGIN, "keeper", "aioags-1")
FORM = {"state": "s&<", "id_token": "a.b.c"}

# A platform: it answers what ANSWERS has by subject, and notes what it hears. An answer that is a function makes one.
PLATFORM = """<script>
window.heard = [];
addEventListener("message", ({data, origin, source}) => {
  heard.push(data);
  const say = ANSWERS[data.subject];
  if (say) source.postMessage({subject: data.subject + ".response", message_id: data.message_id, ...say(data)}, "*");
});
</script>"""
KEEPS = """{
  "lti.put_data": ({key, value}) => ({key, value}),
  "lti.get_data": ({key}) => ({key, value: "kept " + key})
}"""


# Without slots: Playwright notes something at the owner of a handler.
@attrs.define(slots=False)
class Web:
    """
    Pages by URL, and what was posted or opened in the end.
    """

    pages: dict[str, str]
    arrived: asyncio.Future[dict[str, str]] = attrs.field(factory=lambda: asyncio.get_running_loop().create_future())

    async def answer(self, route: Route) -> None:
        """
        Answer one request.
        """
        request = route.request
        if request.method == "POST" or request.url == LOGIN:
            fields = dict(parse_qsl(request.post_data or "", keep_blank_values=True))
            self.arrived.set_result(fields or {"url": request.url})
            await route.fulfill(body="arrived")
        else:
            await route.fulfill(body=self.pages.get(request.url, ""), content_type="text/html; charset=utf-8")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """
    One browser.
    """
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """
    One page with nothing before it.
    """
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


def course(answers: str, *, storage: str | None = None, keeper: str = "{}") -> dict[str, str]:
    """
    Build a course that shows the tool, which answers as told; with a frame for the storage, if there is to be one.
    """
    frame = "" if storage is None else f'<iframe name="keeper" src="{storage}"></iframe>'
    # The tool comes last, once all else is there.
    opened = f'<script>onload = () => tool.src = "{TOOL}"</script><iframe id="tool"></iframe>'
    own = PLATFORM.replace("ANSWERS", answers)
    return {COURSE: own + frame + opened, storage or "": PLATFORM.replace("ANSWERS", keeper)}


async def shown(page: Page, pages: dict[str, str], tool: str, at: str = COURSE) -> dict[str, str]:
    """
    Show a page of the tool in a course, and return where it leads.
    """
    web = Web({**pages, TOOL: tool})
    await page.route("**/*", web.answer)
    await page.goto(at)
    return await asyncio.wait_for(web.arrived, 30)


async def heard(page: Page) -> list[dict[str, Any]]:
    """
    Return what the platform's frames were told, capabilities left out.
    """
    # Not the tool's, which is on its way to another page.
    frames = [frame for frame in (page.main_frame, page.frame("keeper")) if frame is not None]
    told = [one for frame in frames for one in await frame.evaluate("window.heard ?? []")]
    return [one for one in told if one["subject"] != "lti.capabilities"]


PLATFORMS = {
    "a frame of its own": course("{}", storage=FORWARDER, keeper=KEEPS),
    "older names, told by capabilities": course(
        """{"lti.capabilities": () => ({supported_messages: [{subject: "lti.capabilities"},
            {subject: "org.imsglobal.lti.put_data", frame: "keeper"},
            {subject: "org.imsglobal.lti.get_data", frame: "keeper"}]})}""",
        storage=FORWARDER,
        keeper=KEEPS.replace("lti.", "org.imsglobal.lti."),
    ),
    "an error first": course(
        """{"lti.capabilities": () => ({supported_messages: [{subject: "org.imsglobal.lti.get_data"}]})}""",
        storage=FORWARDER,
        keeper="""{"lti.get_data": () => ({error: {code: "unsupported_subject"}}),
            "org.imsglobal.lti.get_data": ({key}) => ({key, value: "kept " + key})}""",
    ),
}


@pytest.mark.parametrize("kind", PLATFORMS)
async def test_what_the_platform_kept_is_posted_with_the_form(page: Page, kind: str) -> None:
    assert await shown(page, PLATFORMS[kind], get_page(ENTRY, FORM)) == FORM | {SECRET_FIELD: "kept aioags-1"}


async def test_what_was_taken_is_put_away(page: Page) -> None:
    await shown(page, PLATFORMS["a frame of its own"], get_page(ENTRY, FORM))
    keeper = page.frame("keeper")
    assert keeper is not None
    # The last one is still on its way when the form is.
    await keeper.wait_for_function("heard.length === 2")
    told = [(one["subject"], one["key"], one.get("value")) for one in await heard(page)]
    assert told == [("lti.get_data", "aioags-1", None), ("lti.put_data", "aioags-1", None)]


async def test_the_secret_is_put_before_the_browser_goes_on(page: Page) -> None:
    await shown(page, PLATFORMS["a frame of its own"], put_page(ENTRY, "the secret", LOGIN))
    told = [(one["subject"], one["key"], one["value"]) for one in await heard(page)]
    assert told == [("lti.put_data", "aioags-1", "the secret")]


async def test_the_page_around_serves_where_it_is_the_platform_and_has_no_such_frame(page: Page) -> None:
    around = attrs.evolve(ENTRY, platform=COURSE)
    posted = await shown(page, course(KEEPS), get_page(around, FORM))
    assert posted[SECRET_FIELD] == "kept aioags-1"


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param(course("{}"), id="says nothing"),
        pytest.param(course(KEEPS), id="is of another origin"),
        # It was told the message's number with the question for capabilities.
        pytest.param(
            course('{"lti.capabilities": () => ({subject: "lti.get_data.response", value: "forged"})}'), id="forges"
        ),
        pytest.param(course("{}", storage=STRANGER, keeper=KEEPS), id="has a stranger's frame"),
        pytest.param(
            course("{}", storage=FORWARDER, keeper='{"lti.get_data": ({key}) => ({key, value: "x", message_id: "1"})}'),
            id="answers something else",
        ),
        pytest.param(course("{}", storage=FORWARDER, keeper='{"lti.get_data": ({key}) => ({key})}'), id="kept nothing"),
        pytest.param(course('{"lti.capabilities": () => ({supported_messages: [null, {}, 1]})}'), id="talks nonsense"),
    ],
)
async def test_a_platform_that_does_not_answer_costs_no_launch_and_is_not_believed(
    page: Page, pages: dict[str, str]
) -> None:
    assert await shown(page, pages, get_page(ENTRY, FORM)) == FORM | {SECRET_FIELD: ""}


@pytest.mark.parametrize("pages", [course("{}"), course(KEEPS), course("{}", storage=STRANGER, keeper=KEEPS)])
async def test_a_secret_is_told_to_nobody_else_and_the_browser_goes_on(page: Page, pages: dict[str, str]) -> None:
    assert await shown(page, pages, put_page(ENTRY, "the secret", LOGIN)) == {"url": LOGIN}
    assert await heard(page) == []


@pytest.mark.parametrize(
    "tool, leads_to",
    [(put_page(ENTRY, "s", LOGIN), {"url": LOGIN}), (get_page(ENTRY, FORM), FORM | {SECRET_FIELD: ""})],
)
async def test_where_a_policy_forbids_the_script_the_person_goes_on(
    page: Page, tool: str, leads_to: dict[str, str]
) -> None:
    policy = """<head><meta http-equiv="Content-Security-Policy" content="script-src 'none'">"""
    web = Web({TOOL: tool.replace("<head>", policy)})
    await page.route("**/*", web.answer)
    await page.goto(TOOL)
    await page.get_by_text("Go on").click()
    assert await asyncio.wait_for(web.arrived, 30) == leads_to


@pytest.mark.parametrize("tool", [put_page(ENTRY, "s", LOGIN), get_page(ENTRY, FORM)])
async def test_in_a_window_of_its_own_nobody_is_asked(page: Page, tool: str) -> None:
    await page.add_init_script("window.setTimeout = () => { throw new Error('waits') }")
    assert await shown(page, {}, tool, at=TOOL)
