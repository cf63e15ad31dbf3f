"""
The gradebook page in a real browser: Chromium without a window, the emulator and a real client beside it.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import attrs
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from aioags import AGSError, BrokenError, Client, Endpoint, Gradebook, LineItem, Registration, RetryPolicy, Score
from aioags.emulator import Person, Platform, serve

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.asyncio(loop_scope="module")]

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PHONE = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}
EVIL = '<img src=x onerror="document.title=`broken`"><script>document.title=`broken`</script>'
# Patience of `expect`, milliseconds: for a slow machine, not a time that is tested.
expect.set_options(timeout=20_000)
# One try: what goes wrong is an error at once.
IMPATIENT = RetryPolicy(attempts=1, total_time=1)

# Text whose colour is too near to that of its ground (WCAG 2.2, 1.4.3: 4.5, or 3 for large text).
FAINT = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((v) => linear(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(rgb(style.color)), light(ground(element))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${element.className} ${element.textContent}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
# Things to click or fill in that no screen reader could name.
NAMELESS = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), textarea, summary")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.ariaLabel || e.textContent.trim() || [...(e.labels ?? [])].some((l) => l.textContent.trim())))
  .map((e) => e.outerHTML)"""
PLACES = """() => [...document.querySelectorAll("#grades th, #grades td")]
  .map((e) => JSON.stringify(e.getBoundingClientRect()))"""
# The page itself, fetched again.
FETCHES = """() => performance.getEntriesByType("resource")
  .filter((e) => e.name === location.href && e.responseEnd).map((e) => e.toJSON())"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def browser() -> AsyncIterator[Browser]:
    """
    One browser, its profile new and empty.
    """
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield started
        await started.close()


@attrs.define
class Desk:
    """
    A platform with its page open, and a client that posts to it.

    Attributes:
        problems: What the browser's console complained about, and requests to other hosts.
    """

    platform: Platform
    url: str
    page: Page
    gradebook: Gradebook
    problems: list[str]

    @property
    def users(self) -> list[str]:
        return self.platform.users()

    def cell(self, user: str, item: int = 1) -> Locator:
        return self.page.locator(f'td[data-cell="{item}:{user}"]')

    def request(self, text: str) -> Locator:
        return self.page.locator("#requests li").filter(has_text=text)

    async def post(self, user: str, points: float, **more: Any) -> None:
        await self.gradebook.post_score(Score.graded(user, points, score_maximum=10, **more))

    async def is_live(self) -> None:
        await expect(self.page.get_by_text("Live", exact=True)).to_be_visible()

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)


Sit = Callable[..., Awaitable[Desk]]


@pytest_asyncio.fixture(loop_scope="module")
async def sit(browser: Browser) -> AsyncIterator[Sit]:
    """
    A function that starts a platform and opens its page; what the browser complains about fails the test.
    """
    desks: list[Desk] = []
    async with AsyncExitStack() as stack:

        async def start(profile: str = "spec", *, users: int = 5, people: Any = None, **look: Any) -> Desk:
            platform = Platform.create(profile, users=users, people=people)
            server = await stack.enter_async_context(serve(platform, page=True))
            client = await stack.enter_async_context(Client(retry=IMPATIENT))
            context = await browser.new_context(**look)
            stack.push_async_callback(context.close)
            page, problems = await context.new_page(), list[str]()
            page.on("console", lambda one: problems.append(one.text) if one.type in ("error", "warning") else None)
            page.on("pageerror", lambda one: problems.append(str(one)))
            page.on("request", lambda one: problems.append(one.url) if not one.url.startswith(server.url) else None)
            registration = Registration(**platform.registration_args())
            gradebook = client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))
            desk = Desk(platform, str(server.page_url), page, gradebook, problems)
            desks.append(desk)
            await page.goto(desk.url)
            return desk

        yield start
    assert [problem for desk in desks for problem in desk.problems] == []


async def test_grades_appear_while_a_client_posts(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    for user, points in zip(desk.users, (7, 8.5, 10), strict=False):
        await desk.post(user, points, comment=f"{points} it is")
    first, second = desk.users[:2]
    await expect(desk.cell(first)).to_contain_text("70/100")
    await expect(desk.cell(first)).to_contain_text("sent 7/10")
    await expect(desk.cell(first)).to_contain_text("FullyGraded")
    await expect(desk.cell(first)).to_contain_text("Completed")
    await expect(desk.cell(second)).to_contain_text("8.5 it is")
    entries = desk.page.locator("#requests li")
    await expect(entries).to_have_count(4)
    await expect(entries.first).to_contain_text(desk.platform.course.people[desk.users[2]].name)
    await expect(entries.last).to_contain_text("token")
    await desk.post(first, 9)
    await expect(desk.cell(first)).to_contain_text("90/100")
    await expect(desk.page.locator("[data-total]")).to_have_text("5")


async def test_a_column_that_a_tool_makes_appears_and_goes(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    made = await desk.gradebook.create_line_item(LineItem("Essay", 10))
    await expect(desk.page.get_by_role("columnheader", name="Essay")).to_be_visible()
    await desk.gradebook.post_score(Score.graded(desk.users[0], 6, score_maximum=10), line_item=made)
    await expect(desk.cell(desk.users[0], 2)).to_contain_text("6/10")
    await desk.gradebook.delete_line_item(made)
    await expect(desk.page.get_by_role("columnheader", name="Essay")).to_have_count(0)


async def test_a_teacher_overrides_with_the_keyboard_alone(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    first, second = desk.users[:2]
    await desk.post(second, 5)
    await desk.press("Tab")
    await expect(desk.page.get_by_role("link", name="Skip to the grades")).to_be_focused()
    await desk.cell(first).get_by_role("link").focus()
    # A grid is one stop of the Tab key, and arrows move in it.
    await desk.press("ArrowDown")
    await expect(desk.cell(second).get_by_role("link")).to_be_focused()
    await desk.press("Enter")
    await expect(desk.page.get_by_label("Points")).to_be_focused()
    await desk.page.keyboard.type("77.5")
    await desk.press("Tab")
    await desk.page.keyboard.type("By hand")
    await desk.press("Tab", "Enter")
    await expect(desk.page.get_by_role("dialog")).to_be_hidden()
    await expect(desk.cell(second)).to_contain_text("77.5/100")
    await expect(desk.cell(second)).to_contain_text("By hand")
    await expect(desk.cell(second).get_by_role("link")).to_be_focused()
    result = await desk.gradebook.get_result(second)
    assert result is not None and (result.result_score, result.comment) == (77.5, "By hand")
    await desk.press("Enter")
    await expect(desk.page.get_by_label("Points")).to_be_focused()
    await desk.press("Tab", "Tab", "Tab", "Enter")
    await expect(desk.cell(second)).to_contain_text("50/100")
    assert desk.platform.grade(None, second).override is None


async def test_what_is_no_number_is_said_in_the_dialog(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    await desk.cell(desk.users[0]).click()
    await desk.page.get_by_label("Points").fill("seven")
    await desk.press("Enter")
    await expect(desk.page.get_by_role("alert")).to_contain_text("“seven” is no number")
    await expect(desk.page.get_by_label("Points")).to_be_focused()
    assert desk.problems == [
        "Failed to load resource: the server responded with a status of 422 (Unprocessable Entity)"
    ]
    desk.problems.clear()
    await desk.press("Escape")
    await expect(desk.page.get_by_role("dialog")).to_be_hidden()
    await expect(desk.cell(desk.users[0]).get_by_role("link")).to_be_focused()


async def test_arrow_keys_reach_every_edge_of_the_table(sit: Sit) -> None:
    desk = await sit(users=30)
    await desk.gradebook.create_line_item(LineItem("Essay", 10))
    await expect(desk.page.get_by_role("columnheader", name="Essay")).to_be_visible()
    at = desk.page.locator("#grades [tabindex='0']")
    await expect(at).to_have_count(1)
    await at.focus()
    for key, cell in (
        ("End", f"2:{desk.users[0]}"),
        ("PageDown", f"2:{desk.users[10]}"),
        ("ArrowLeft", f"1:{desk.users[10]}"),
        ("ArrowUp", f"1:{desk.users[9]}"),
        ("Home", f"1:{desk.users[9]}"),
    ):
        await desk.press(key)
        await expect(desk.page.locator(f'td[data-cell="{cell}"] a')).to_be_focused()
        await expect(at).to_have_count(1)
    await desk.press("PageUp", "ArrowUp")
    await expect(desk.page.get_by_role("columnheader", name="Quiz one").get_by_role("link")).to_be_focused()


async def test_a_cell_that_changes_under_the_focus_keeps_it(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    await desk.cell(desk.users[0]).get_by_role("link").focus()
    await desk.post(desk.users[0], 5)
    await expect(desk.cell(desk.users[0])).to_contain_text("50/100")
    await expect(desk.cell(desk.users[0]).get_by_role("link")).to_be_focused()
    await desk.gradebook.create_line_item(LineItem("Essay", 10))
    await expect(desk.page.get_by_role("columnheader", name="Essay")).to_be_visible()
    await expect(desk.cell(desk.users[0]).get_by_role("link")).to_be_focused()


async def test_a_fault_that_is_switched_on_fails_the_clients_post_and_is_shown(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    await desk.post(desk.users[0], 5)
    await desk.page.get_by_role("heading", name="Faults").click()
    switch = desk.page.get_by_role("switch", name="Maintenance")
    await expect(switch).to_have_attribute("aria-checked", "false")
    await switch.press("Enter")
    await expect(switch).to_have_attribute("aria-checked", "true")
    await expect(switch).to_be_focused()
    with pytest.raises(BrokenError, match="503"):
        await desk.post(desk.users[0], 9)
    await expect(desk.request("503")).to_contain_text("Fault: maintenance")
    await expect(desk.page.get_by_text("happened 1×")).to_be_visible()
    await expect(desk.cell(desk.users[0])).to_contain_text("50/100")
    await switch.click()
    await expect(switch).to_have_attribute("aria-checked", "false")
    await desk.post(desk.users[0], 9)
    await expect(desk.cell(desk.users[0])).to_contain_text("90/100")


async def test_a_refusal_is_shown_with_the_platforms_words_and_can_be_read(sit: Sit) -> None:
    desk = await sit("moodle")
    await desk.is_live()
    with pytest.raises(AGSError):
        await desk.post("4711", 5)
    entry = desk.request("4711")
    await expect(entry).to_contain_text("Incorrect score received")
    await expect(entry).to_contain_text("userId '4711' is not enrolled in this course.")
    await desk.post(desk.users[0], 5)
    graded = desk.request(desk.platform.course.people[desk.users[0]].name)
    await expect(graded).to_be_visible()
    await desk.page.get_by_label("Only failed").check()
    await expect(graded).to_be_hidden()
    await expect(entry).to_be_visible()
    await entry.click()
    await expect(desk.page.get_by_role("dialog")).to_contain_text('"userId": "4711"')
    await desk.page.get_by_role("button", name="Close").click()
    await expect(entry.get_by_role("link")).to_be_focused()


async def test_a_column_is_locked(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    await desk.page.get_by_role("link", name="Quiz one").click()
    await desk.page.get_by_role("button", name="Lock this column").click()
    await expect(desk.page.get_by_role("columnheader", name="Quiz one")).to_contain_text("Locked")
    with pytest.raises(AGSError):
        await desk.post(desk.users[0], 5)


async def test_a_comment_that_is_html_stays_text(sit: Sit) -> None:
    desk = await sit(people=[Person("u1", EVIL), Person('"><b>u2', "Ada")])
    await desk.is_live()
    await desk.post("u1", 5, comment=EVIL)
    await desk.post('"><b>u2', 5)
    await expect(desk.cell("u1")).to_contain_text("<img src=x")
    await desk.cell("u1").click()
    await expect(desk.page.get_by_role("dialog")).to_contain_text("<script>")
    await desk.page.reload()
    await expect(desk.cell("u1")).to_contain_text("<img src=x")
    await expect(desk.page).to_have_title("Course one – gradebook")
    assert await desk.page.locator("#grades img, #grades script, #grades b b, #requests img").count() == 0


async def test_people_are_found_while_typing(sit: Sit) -> None:
    desk = await sit(people=[Person("u1", "Ada"), Person("u2", "Björn")])
    await desk.is_live()
    await desk.page.get_by_label("Find a person").fill("bJÖ")
    await expect(desk.cell("u2")).to_be_visible()
    await expect(desk.cell("u1")).to_be_hidden()
    await desk.page.get_by_label("Find a person").fill("")
    await expect(desk.cell("u1")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_light_and_dark_are_readable(sit: Sit, scheme: str) -> None:
    desk = await sit("moodle", color_scheme=scheme, reduced_motion="reduce")
    await desk.is_live()
    await desk.post(desk.users[0], 5, comment="Well done")
    with pytest.raises(AGSError):
        await desk.post("4711", 5)
    desk.platform.override(None, desk.users[1], 3, comment="by hand")
    desk.platform.lock(None, desk.users[1])
    await desk.page.get_by_role("heading", name="Faults").click()
    await desk.page.get_by_role("switch", name="Slow drip").click()
    await expect(desk.page.get_by_text("happened 0×")).to_be_visible()
    assert await desk.page.evaluate(FAINT) == []
    assert await desk.page.evaluate(NAMELESS) == []
    await desk.cell(desk.users[1]).click()
    await desk.page.get_by_label("Points").fill("x")
    await desk.press("Enter")
    await expect(desk.page.get_by_role("alert")).to_be_visible()
    desk.problems.clear()
    assert await desk.page.evaluate(FAINT) == []
    assert await desk.page.evaluate(NAMELESS) == []
    ground = await desk.page.evaluate("getComputedStyle(document.body).backgroundColor")
    levels = [int(level) for level in ground.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (max(levels) < 60) == (scheme == "dark")


async def test_the_focus_can_be_seen(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    for _ in range(12):
        await desk.press("Tab")
        width = await desk.page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        assert width >= 2, await desk.page.evaluate("document.activeElement.outerHTML")


async def test_on_a_phone_only_the_table_scrolls_sideways(sit: Sit) -> None:
    desk = await sit("moodle", **PHONE)
    await desk.is_live()
    for label in ("Midterm with a long and winding name", "Essay", "Project"):
        await desk.gradebook.create_line_item(LineItem(label, 10))
    await desk.post(desk.users[0], 5, comment="Well done, and " * 20)
    with pytest.raises(AGSError):
        await desk.post("4711", 5)
    await expect(desk.request("4711")).to_be_visible()
    await desk.page.get_by_role("heading", name="Faults").click()
    assert await desk.page.evaluate(OVERFLOW) == 0
    box = desk.page.get_by_role("region", name="Table of grades")
    assert await box.evaluate("e => e.scrollWidth > e.clientWidth")
    name = desk.page.get_by_role("rowheader").first
    before = await name.bounding_box()
    await box.evaluate("e => e.scrollLeft = 300")
    assert await name.bounding_box() == before
    await desk.cell(desk.users[0]).click()
    await expect(desk.page.get_by_role("dialog")).to_be_visible()
    assert await desk.page.evaluate(OVERFLOW) == 0
    assert await desk.page.get_by_role("dialog").evaluate("e => e.scrollWidth - e.clientWidth") == 0


async def test_a_name_opens_what_tools_are_told_and_leads_to_a_launch(sit: Sit) -> None:
    desk = await sit(people=[Person("u1", "Ada Abe"), Person("u2", "Björn")])
    desk.platform.launches.connect(login_url=f"{desk.url}?at=the-tool", redirect_uri="https://tool.example/launch")
    await desk.page.reload()
    await desk.is_live()
    await desk.cell("u2").get_by_role("link").focus()
    await desk.press("ArrowLeft", "Enter")
    dialog = desk.page.get_by_role("dialog")
    await expect(dialog).to_contain_text('"user_id": "u2"')
    await expect(dialog.get_by_role("link", name="Launch as Björn")).to_be_visible()
    await desk.press("Escape")
    await expect(desk.page.get_by_role("link", name="Björn", exact=True)).to_be_focused()
    async with desk.page.context.expect_page() as opened:
        await desk.page.get_by_role("link", name="Launch as Ada Abe").click()
    await expect(await opened.value).to_have_url(re.compile("at=the-tool.*login_hint=u1"))


async def test_rows_and_columns_stay_where_they_are_when_grades_come(sit: Sit) -> None:
    desk = await sit("moodle")
    await desk.is_live()
    user = desk.users[0]
    before = await desk.page.evaluate(PLACES)
    await desk.post(user, 8.125, comment="Well done, and " * 20)
    desk.platform.override(None, user, 33.333, comment="by hand")
    desk.platform.lock(None, user)
    with pytest.raises(AGSError):
        await desk.post(user, 9)
    await expect(desk.cell(user)).to_contain_text("By hand")
    await expect(desk.cell(user).locator(".refusal")).to_be_visible()
    assert await desk.page.evaluate(PLACES) == before


async def test_the_first_screen_says_what_can_be_switched_and_leads_there(sit: Sit) -> None:
    desk = await sit(**PHONE)
    await desk.is_live()
    await expect(desk.page.get_by_text("to set it by hand or lock it")).to_be_in_viewport()
    await desk.page.get_by_role("link", name="Faults").click()
    await expect(desk.page.get_by_role("switch", name="Maintenance")).to_be_visible()
    await expect(desk.page.get_by_role("heading", name="Faults")).to_be_in_viewport()


async def test_a_table_that_changes_all_the_time_is_fetched_for_a_part_of_the_time(sit: Sit) -> None:
    desk = await sit(users=100)
    await desk.is_live()
    fetches: list[dict[str, float]] = []
    maximum = 1
    while len(fetches) < 4:
        maximum += 1
        desk.platform.change_maximum(None, maximum)
        await desk.post(desk.users[0], 1)
        fetches = await desk.page.evaluate(FETCHES)
    for one, following in itertools.pairwise(fetches):
        assert following["startTime"] - one["responseEnd"] >= 3 * one["duration"]
    await expect(desk.page.get_by_text(f"of {maximum} points")).to_be_visible()


async def test_without_a_script_everything_can_be_read_and_done(sit: Sit) -> None:
    desk = await sit(java_script_enabled=False)
    user = desk.users[0]
    await desk.post(user, 5)
    await desk.page.goto(desk.url)
    await expect(desk.cell(user)).to_contain_text("50/100")
    await expect(desk.page.get_by_text("Reload to see what is new")).to_be_visible()
    await desk.cell(user).get_by_role("link").click()
    await desk.page.get_by_label("Points").fill("7")
    await desk.page.get_by_role("button", name="Save").click()
    await expect(desk.page.get_by_text("teacher, by hand")).to_be_visible()
    assert desk.platform.grade(None, user).shown == 7
    await desk.page.get_by_role("link", name="Back to the gradebook").click()
    await desk.page.get_by_role("heading", name="Faults").click()
    await desk.page.get_by_role("switch", name="Maintenance").click()
    await expect(desk.page.get_by_role("switch", name="Maintenance")).to_have_attribute("aria-checked", "true")


async def test_a_page_of_500_people_and_10_columns_is_usable(sit: Sit) -> None:
    desk = await sit(users=500)
    for n in range(9):
        item = desk.platform.add_line_item(f"Item {n}", 10)
        for place, user in enumerate(desk.users):
            desk.platform.override(item, user, place % 11, comment="by hand")
    await desk.page.goto(desk.url)
    await desk.is_live()
    await expect(desk.page.get_by_role("rowheader")).to_have_count(500)
    last = desk.users[-1]
    await desk.post(last, 9)
    await expect(desk.cell(last)).to_contain_text("90/100")
    await desk.page.get_by_label("Find a person").fill(last)
    await expect(desk.cell(last, 10)).to_be_visible()
    await expect(desk.cell(desk.users[0])).to_be_hidden()
    await desk.cell(last, 10).click()
    await expect(desk.page.get_by_label("Points")).to_be_focused()
    scores = (Score.graded(user, 3, score_maximum=10) for user in desk.users)
    assert (await desk.gradebook.post_scores(scores)).ok
    await desk.press("Escape")
    await desk.page.get_by_label("Find a person").fill("")
    await expect(desk.cell(desk.users[0])).to_contain_text("30/100")
    await expect(desk.cell(desk.users[250])).to_contain_text("30/100")
    await expect(desk.page.locator("#requests li.ok")).to_have_count(50)


async def test_what_happened_while_the_connection_was_lost_is_shown_afterwards(sit: Sit) -> None:
    desk = await sit()
    platform = Platform.create()
    async with serve(platform, page=True) as server:
        await desk.page.goto(str(server.page_url))
        await desk.is_live()
    await expect(desk.page.get_by_text("Connection lost, trying again…")).to_be_visible()
    platform.override(None, platform.users()[0], 42)
    async with serve(platform, port=server.port, page=True):
        await desk.is_live()
        await expect(desk.cell(platform.users()[0])).to_contain_text("42/100")
        await desk.page.goto("about:blank")
    # The browser says that the server was away, and this server is not the desk's own.
    desk.problems.clear()


async def test_two_windows_show_the_same(sit: Sit) -> None:
    desk = await sit()
    await desk.is_live()
    other = await desk.page.context.new_page()
    await other.goto(desk.url)
    await expect(other.get_by_text("Live", exact=True)).to_be_visible()
    await asyncio.gather(*(desk.post(user, 4) for user in desk.users))
    for page in (desk.page, other):
        await expect(page.get_by_text("40/100")).to_have_count(len(desk.users))
    await other.close()
    await desk.post(desk.users[0], 6)
    await expect(desk.cell(desk.users[0])).to_contain_text("60/100")
