"""
The site as it is built: what a browser shows of it, what its search finds, where its links lead.

It is built once, as ``make docs`` does, and opened in Chromium at the width of a desk and of a phone.
"""

from __future__ import annotations

import functools
import http.server
import importlib
import inspect
import re
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from tests.test_docs_search import TERMS
from tests.test_structure import PUBLIC

pytestmark = pytest.mark.needs("chromium")
in_one_loop = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
WIDTHS = (1280, 390)
# Sphinx's own pages, and the decisions, which nobody but contributors reads on a phone.
LEFT_OUT = re.compile(r"^(genindex|search|py-modindex|adr/|_)")

CUT_OFF = """() => {
    // What can be moved sideways: a block of code, a table, a drawing.
    const bar = (one) => getComputedStyle(one).overflowX == 'auto';
    const moves = (one) => one.tagName != 'ARTICLE' && (bar(one) || moves(one.parentElement));
    // Headings reach half a line beyond the text.
    const edge = document.querySelector('article').getBoundingClientRect().right + 9;
    const said = [];
    if (document.documentElement.scrollWidth > innerWidth) said.push('the page is wider than the window');
    for (const one of document.querySelectorAll('article *')) {
        const box = one.getBoundingClientRect();
        const over = box.width && box.right > edge;
        if (over && !moves(one.parentElement)) said.push(one.outerHTML.slice(0, 80));
    }
    for (const one of document.images) if (!one.naturalWidth) said.push(one.src);
    return said;
}"""
FOUND = """(term) => {
    const results = Search._performSearch(...Search._parseQuery(term));
    return results.sort((a, b) => b[4] - a[4]).map((one) => one[0]);
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """
    Serves files, and writes nothing about it.
    """

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Build the site; a warning is an error, so a link within it that leads nowhere is one.
    """
    folder = tmp_path_factory.mktemp("site")
    options = ["-q", "-W", "--keep-going", "-E", "-b", "html", "-d", str(folder / "trees")]
    command = [sys.executable, "-m", "sphinx", *options, "docs", str(folder / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser_page(address: str) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield await started.new_page()
        await started.close()


def pages(site: Path) -> list[str]:
    """
    List the pages, by their paths.
    """
    return sorted(page.relative_to(site).as_posix() for page in site.rglob("*.html"))


@in_one_loop
async def test_nothing_is_cut_off_on_a_desk_or_a_phone(site: Path, address: str, browser_page: Page) -> None:
    faults = []
    for name in pages(site):
        if not LEFT_OUT.match(name):
            await browser_page.goto(address + name)
            for width in WIDTHS:
                await browser_page.set_viewport_size({"width": width, "height": 900})
                faults += [f"{name} at {width}: {said}" for said in await browser_page.evaluate(CUT_OFF)]
    assert faults == []


@in_one_loop
async def test_what_is_cut_off_is_found(address: str, browser_page: Page) -> None:
    await browser_page.goto(address + "index.html")
    wide = '<p style="width: 200em">x</p><img src=no>'
    await browser_page.evaluate("wide => document.querySelector('article').insertAdjacentHTML('beforeend', wide)", wide)
    paragraph, image = await browser_page.evaluate(CUT_OFF)
    assert paragraph.startswith("<p style") and image.endswith("/no")


@in_one_loop
async def test_the_search_finds_what_people_paste(address: str, browser_page: Page) -> None:
    await browser_page.goto(address + "search.html")
    await browser_page.wait_for_function("Search.hasIndex()")
    found = {term: await browser_page.evaluate(FOUND, term) for term in [*TERMS, "teapot"]}
    assert found.pop("teapot") == []
    # Among the first lines that it shows.
    assert {term: lines[:3] for term, lines in found.items() if "troubleshooting" not in lines[:10]} == {}


@in_one_loop
async def test_code_can_be_copied_and_output_is_left_alone(address: str, browser_page: Page) -> None:
    await browser_page.goto(address + "guides/plan.html")
    count = "blocks => blocks.map(one => one.querySelectorAll('.copybtn').length)"
    assert set(await browser_page.eval_on_selector_all("div.highlight-python", count)) == {1}
    assert set(await browser_page.eval_on_selector_all("div.highlight-output", count)) == {0}


def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    texts = {name: (site / name).read_text(encoding="utf-8") for name in pages(site)}
    places = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    broken = []
    for name, text in texts.items():
        for link in set(re.findall(r'<a [^>]*\bhref="([^"]+)"', text)):
            target, _, place = urljoin(name, link).partition("#")
            if "://" in link or link.startswith("mailto:") or (place and place in places.get(target, ())):
                continue
            if place or not (site / unquote(target)).exists():
                broken.append(f"{name}: {link}")
    assert broken == []


def test_every_member_of_the_emulator_stands_in_the_reference(site: Path) -> None:
    # Four lines, and then one for each name (sphobjinv).
    listed = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    known = {line.split(" ")[0] for line in listed.splitlines()}
    missing = []
    for module in [one for one in PUBLIC if "emulator" in one or "conformance" in one]:
        exported = importlib.import_module(module)
        for name in exported.__all__:
            thing = getattr(exported, name)
            for member in members(thing) if inspect.isclass(thing) else []:
                if not any(f".{thing.__name__}.{member}" in one for one in known):
                    missing.append(f"{module}.{thing.__name__}.{member}")
    assert missing == []


# How the emulator asks a fault whether it is meant.
INTERNAL = {"matches", "replaces"}


def members(thing: type) -> list[str]:
    """
    List the methods and properties of a class that have no underscore.
    """
    kinds = (staticmethod, classmethod, property)
    found = {name: inspect.getattr_static(thing, name) for name in dir(thing) if not name.startswith("_")}
    return [
        name
        for name, one in found.items()
        if (inspect.isfunction(one) or isinstance(one, kinds)) and name not in INTERNAL
    ]
