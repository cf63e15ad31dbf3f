"""
Take the pictures of the gradebook page: ``python docs/images/gradebook.py``. Needs chromium and playwright.

A course of 24 people at an emulated Moodle: a client posts to four line items, one score comes too late and one is for
nobody, a teacher changes a grade by hand, and a fault is on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from aioags import AGSError, Client, Endpoint, Gradebook, GradingProgress, LineItem, Registration, Score
from aioags.emulator import Person, Platform, serve
from aioags.emulator.web.fault_switches import switch

HERE = Path(__file__).parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
# Name: width, height, scheme, and the cell whose panel is open.
PICTURES = {
    "gradebook-light": (1440, 900, "light", None),
    "gradebook-dark": (1440, 900, "dark", None),
    "gradebook-panel": (1100, 860, "light", "2:5"),
    "gradebook-phone": (390, 844, "light", None),
}
COMMENTS = ["Well argued", "Question 3: show your steps", "Handed in a day late", "Excellent, and a good bibliography"]
NAMES = (
    "Ada Abe;Björn Costa;Chiara Dunn;Dmitri Eriksen;Elif Fischer;Farid García;Grace Haddad;Hanna Ito;Ivo Jansen;"
    "Jules Kowalski;Kofi Abara;Lin Brown;Mei Castillo;Noor Dahl;Omar Evans;Priya Fontaine;Quentin Gray;Rosa Hassan;"
    "Sven Ivanov;Tariq Jensen;Uma Kaya;Vera Lopez;Wei Moreau"
)


def people() -> list[Person]:
    """
    Make up the course.
    """
    learners = [Person(str(n), name) for n, name in enumerate(NAMES.split(";"), 1)]
    return [*learners, Person("90", "Dr. Yara Nkosi", "Instructor")]


async def post_grades(gradebook: Gradebook, users: list[str]) -> None:
    """
    Post scores to four line items, and one score that is older than the one that is there.
    """
    chance = random.Random(4)
    columns = [(None, 100)]
    for label, maximum in (("Midterm", 100), ("Lab report", 20), ("Essay", 10)):
        columns.append((await gradebook.create_line_item(LineItem(label, maximum, tag="term")), maximum))
    for item, maximum in columns:
        for user in users[: 23 if maximum != 10 else 9]:
            score = Score.graded(
                user,
                round(maximum * chance.betavariate(6, 2), chance.choice((0, 0, 1))),
                score_maximum=maximum,
                comment=chance.choice(COMMENTS) if chance.random() < 0.3 else None,
            )
            await gradebook.post_score(score, line_item=item)
    await gradebook.post_score(Score.graded(users[6], 2.5, score_maximum=5, comment="Half of the exercises"))
    waiting = Score.graded(users[3], 8, score_maximum=10, grading_progress=GradingProgress.PENDING_MANUAL)
    await gradebook.post_score(waiting, line_item=columns[-1][0])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    refused = (
        Score.graded("4711", 5, score_maximum=10),
        Score.graded(users[2], 1, score_maximum=10, timestamp=yesterday),
    )
    for score in refused:
        with contextlib.suppress(AGSError):
            await gradebook.post_score(score)


async def take(browser: Browser, url: str, name: str) -> None:
    """
    Take one picture.
    """
    width, height, scheme, cell = PICTURES[name]
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page: Page = await context.new_page()
    await page.goto(url)
    await page.get_by_text("Live", exact=True).wait_for()
    if cell is not None:
        await page.locator(f'td[data-cell="{cell}"] a').click()
        await page.locator("dialog .panel").wait_for()
    await page.screenshot(path=HERE / f"{name}.png")
    await context.close()


async def main() -> None:
    """
    Set the course up, and take all pictures.
    """
    platform = Platform.create("moodle", people=people())
    platform.launches.connect(login_url="https://tool.example/login", redirect_uri="https://tool.example/launch")
    async with serve(platform, page=True, port=8080) as server, Client() as client, async_playwright() as playwright:
        registration = Registration(**platform.registration_args())
        gradebook = client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))
        await post_grades(gradebook, platform.users())
        platform.override(2, "5", 88.5, comment="Regraded after a talk")
        platform.override(4, "11", 7)
        platform.lock(3, "6")
        switch(platform, "lost", on=True)
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name in PICTURES:
            await take(browser, str(server.page_url), name)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
