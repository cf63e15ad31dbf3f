"""
A browser without a screen: follows redirects, keeps cookies, submits forms, also those that submit themselves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import aiohttp
import attrs
from yarl import URL

REQUIRED = {"secure", "httponly", "samesite=none", "path=/"}


class _Reader(HTMLParser):
    """
    Finds forms and links in a page.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.data: dict[str, str] = {}
        self._href: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """
        Note a form, its fields, or a link.
        """
        said = {name: value or "" for name, value in attrs}
        if tag == "body":
            self.data = {name.removeprefix("data-"): value for name, value in said.items()}
        elif tag == "form":
            self.forms.append(Form(said.get("action", ""), said.get("method", "get")))
        elif tag == "input" and "name" in said:
            self.forms[-1].fields[said["name"]] = said.get("value", "")
        elif tag == "a":
            self._href = said.get("href")

    def handle_data(self, data: str) -> None:
        """
        Note a link's text.
        """
        if self._href is not None:
            self.links[data] = self._href
            self._href = None


def data_of(page: str) -> dict[str, str]:
    """
    Return what a page says to its own script, by name.
    """
    return _Reader(page).data


@attrs.define
class Form:
    """
    One form of a page.
    """

    action: str
    method: str
    fields: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Page:
    """
    What the browser shows.
    """

    url: str
    status: int
    headers: list[tuple[str, str]]
    text: str

    @property
    def forms(self) -> list[Form]:
        """
        The forms of the page.
        """
        return _Reader(self.text).forms

    @property
    def links(self) -> dict[str, str]:
        """
        The links of the page, by their text.
        """
        return _Reader(self.text).links

    @property
    def submits_itself(self) -> bool:
        """
        True when a script posts the form.
        """
        return "document.forms[0].submit()" in self.text


@attrs.define
class Surfer:
    """
    One browser.

    Attributes:
        cookies: By host; the port does not count (RFC 6265 8.5). Secure ones are kept for loopback, as browsers do.

        keeps_cookies: False: as a browser that blocks them.

        visited: Every URL that was asked for, in order.
    """

    session: aiohttp.ClientSession
    cookies: dict[str, dict[str, str]] = attrs.field(factory=dict)
    keeps_cookies: bool = True
    visited: list[str] = attrs.field(factory=list)

    async def open(self, url: str) -> Page:
        """
        Go to a URL, and on to where it leads.
        """
        return await self._settle(await self._ask("GET", url, None))

    async def submit(self, page: Page, **fields: str) -> Page:
        """
        Fill in the first form of a page, and submit it.
        """
        form = page.forms[0]
        return await self._settle(await self._ask("POST", urljoin(page.url, form.action), form.fields | fields))

    async def click(self, page: Page, text: str) -> Page:
        """
        Follow a link.
        """
        return await self.open(urljoin(page.url, page.links[text]))

    async def _settle(self, page: Page) -> Page:
        for _ in range(10):
            location = dict(page.headers).get("Location")
            if page.status in {302, 303}:
                assert location is not None
                page = await self._ask("GET", urljoin(page.url, location), None)
            elif page.submits_itself:
                form = page.forms[0]
                page = await self._ask("POST", urljoin(page.url, form.action), form.fields)
            else:
                return page
        raise AssertionError(f"{page.url} leads nowhere")

    async def _ask(self, method: str, url: str, fields: dict[str, str] | None) -> Page:
        self.visited.append(url)
        host = urlsplit(url).hostname or ""
        jar = self.cookies.setdefault(host, {})
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        async with self.session.request(
            method, URL(url, encoded=True), data=fields, headers=headers, allow_redirects=False
        ) as answer:
            pairs = [(name.title(), value) for name, value in answer.headers.items()]
            page = Page(url, answer.status, pairs, await answer.text())
        for value in (value for name, value in pairs if name == "Set-Cookie" and self.keeps_cookies):
            self._keep(jar, value)
        return page

    def _keep(self, jar: dict[str, str], header: str) -> None:
        pair, *attributes = [part.strip() for part in header.split(";")]
        said = {attribute.lower() for attribute in attributes}
        assert said >= REQUIRED, header
        name, _, value = pair.partition("=")
        if "max-age=0" in said:
            jar.pop(name, None)
        else:
            jar[name] = value


@asynccontextmanager
async def surfer(*, keeps_cookies: bool = True) -> AsyncIterator[Surfer]:
    """
    Open a browser.
    """
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Surfer(session, keeps_cookies=keeps_cookies)
